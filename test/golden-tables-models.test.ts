/**
 * Tables from their file to an answer: columns have the types that a person reads, and models reach the scores of scikit-learn's.
 * NEURODE_TABLE_SEEDS=10 trains with so many seeds, whose mean must reach its score too.
 */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load, readTable, type Table, type TableRecord, type TabularModel, tabular } from 'neurode'
import { inFolder, rejects } from './data/files.js'
import { goldenFolder } from './support/golden.js'
import { codesOf, warningsOf } from './support/warnings.js'

// biome-ignore lint/suspicious/noExplicitAny: data of golden cases
type Anything = any

const folder = join(goldenFolder, 'tables')
const seeds = Number(process.env.NEURODE_TABLE_SEEDS ?? 1)
const jsonOf = (path: string): Anything => JSON.parse(readFileSync(path, 'utf8'))

/** The names of the folders of tables. */
const there = existsSync(join(folder, 'tables'))
  ? readdirSync(join(folder, 'tables')).filter((name) => existsSync(join(folder, 'tables', name, 'expected.json')))
  : []

const optionsOf = ({ delimiter, decimal, gaps, truth }: Anything) => ({
  delimiter,
  decimal,
  ...(gaps.length > 0 && { gaps: gaps.filter((gap: string) => gap !== '') }),
  ...(truth && { booleans: truth }),
})

const scoreOf = (report: Anything, name: string): number => report[name.replace(/_at_(?:least|most)$/, '')]

/** Whether a score is as good as it has to be. */
const passes = (name: string, score: number, limit: number) =>
  name.endsWith('_at_least') ? score >= limit : score <= limit

describe('golden tables models', () => {
  for (const name of there) {
    const at = join(folder, 'tables', name)
    const expected = jsonOf(join(at, 'expected.json'))
    const { target, task, classes, metrics } = expected
    const read = () => readTable(join(at, expected.files[0].file), optionsOf(expected.files[0]))
    const split = (table: Table): [Table, Table] => {
      const tests = new Set<number>(expected.test)
      const others = Array.from({ length: table.rows }, (_, row) => row).filter((row) => !tests.has(row))
      return [table.take(others), table.take(expected.test)]
    }

    it(`${name}: from a file to an answer`, async () => {
      const table = await read()
      for (const { name: column, accept } of expected.columns)
        assert.ok(accept.includes(table.column(column).type), column)
      const [train, test] = split(table)
      const scores = new Map<string, number[]>()
      for (let seed = 1; seed <= seeds; seed++) {
        const net = tabular({ target, seed, device: 'cpu' })
        await net.fit(train, { verbose: 0 })
        const report = await net.evaluate(test)
        assert.equal(report.task, task)
        for (const [key, { single_run: limit }] of Object.entries<Anything>(metrics.pass)) {
          const score = scoreOf(report, key)
          assert.ok(passes(key, score, limit), `seed ${seed}: ${key}: expected ${limit}, got ${score}`)
          scores.set(key, [...(scores.get(key) ?? []), score])
        }
        await assertServed(net, test)
        net.dispose()
      }
      for (const [key, { mean_of_ten: limit }] of Object.entries<Anything>(seeds < 10 ? {} : metrics.pass)) {
        const all = scores.get(key) ?? []
        const mean = all.reduce((sum, score) => sum + score, 0) / all.length
        assert.ok(passes(key, mean, limit), `mean: ${key}: expected ${limit}, got ${mean}`)
      }
    })

    /** A model that comes back from its file answers a record as it did. */
    async function assertServed(net: TabularModel, test: Table): Promise<void> {
      await inFolder(async (home) => {
        await net.save(join(home, 'table.neurode'))
        const again = await load<TabularModel>(join(home, 'table.neurode'), { device: 'cpu' })
        const record: TableRecord = test.row(0)
        const answer = (await again.predict(record)) as Anything
        const [same] = await net.predict(test)
        assert.deepEqual(answer as unknown, same)
        if (task === 'regression') assert.equal(typeof answer[target], 'number')
        else assert.ok(classes.includes(String(answer.label)), String(answer.label))
        again.dispose()
      })
    }
  }
})

describe('golden tables predictions', () => {
  const manifest = join(folder, 'bad', 'manifest.json')
  if (!existsSync(manifest)) return
  const cases = jsonOf(manifest).cases.filter(({ after }: Anything) => after !== undefined)
  const at = (file: string) => join(folder, 'bad', file)
  let net: TabularModel

  before(async () => {
    net = tabular({ target: 'y', seed: 1, device: 'cpu' })
    await net.fit(await readTable(at('train.csv')), { epochs: 5, verbose: 0 })
  })
  after(() => net.dispose())

  const answersOf = async (file: string) => net.predict(await readTable(at(file)))

  for (const { name, file, must, note } of cases) {
    it(`${name}: ${note}`, async () => {
      if (must === 'reject') {
        const [, word] = /names (\w+)/.exec(note) ?? []
        const [, line] = /line (\d+)/.exec(note) ?? []
        const text = line === undefined ? `'${word}'` : `'${word}'.*${file}, line ${line}`
        return await assert.rejects(answersOf(file), { name: 'NeurodeError', message: new RegExp(text) })
      }
      if (name.includes('extra')) return await rejects(answersOf(file), 'ERR_UNKNOWN_NAME', /'z'/)
      const answers = await answersOf(file)
      if (name.includes('no_rows')) assert.deepEqual(answers, [])
      else assert.ok(answers.every((answer) => 'label' in answer))
      const same = await answersOf('predict_same.csv')
      if (/same|target|reordered/.test(name)) assert.deepEqual(answers, same.slice(0, answers.length))
    })
  }

  it('tell of a target that says nothing, or not everywhere', async () => {
    const train = async (file: string) => {
      const model = tabular({ target: 'y', seed: 1, device: 'cpu' })
      await model.fit(await readTable(at(file)), { epochs: 1, verbose: 0 })
      model.dispose()
    }
    await rejects(train('train_constant_target.csv'), 'ERR_ARGUMENT', /'y'/)
    const warnings = await warningsOf(() => train('train_gap_in_target.csv'))
    assert.match(warnings.map(({ message }) => message).join(), /1 row was left out.*train_gap_in_target\.csv, line 10/)
    assert.deepEqual(await codesOf(() => train('train_target_per_row.csv')), ['NEURODE_FEW_ROWS'])
    await rejects(train('no_rows.csv'), 'ERR_UNKNOWN_NAME', /'y'/)
  })
})
