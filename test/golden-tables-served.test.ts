/** The golden tables from their file to the answer of a server: types, a split, a training, its metrics, and a record over HTTP. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { feature, featureSpace, readTable, tabular } from 'neurode'
import { serve } from 'neurode/serve'
import { assertSameAnswers } from './support/answers.js'
import { suiteFolder } from './support/folders.js'
import { goldenFolder } from './support/golden.js'
import { ask } from './support/serving.js'

// biome-ignore lint/suspicious/noExplicitAny: data of golden cases
type Anything = any

const root = join(goldenFolder, 'tables', 'tables')
const folders = existsSync(root)
  ? readdirSync(root).filter((name) => existsSync(join(root, name, 'expected.json')))
  : []

describe('golden tables: served', function () {
  this.slow(20_000)
  const folder = suiteFolder()

  for (const name of folders) {
    const expected: Anything = JSON.parse(readFileSync(join(root, name, 'expected.json'), 'utf8'))
    const { files, target, task, features, metrics, columns } = expected

    it(`${name}: from the file to the answer of a server`, async () => {
      const whole = await readTable(join(root, name, files[0].file))
      for (const { name, accept } of columns) assert.ok(accept.includes(whole.column(name).type), name)
      const used = [...features.numbers, ...features.one_hot]
      const table = whole.select([...used, target])
      const tests = new Set<number>(expected.test)
      const test = table.take(expected.test)
      const train = table.take(Array.from({ length: table.rows }, (_, row) => row).filter((row) => !tests.has(row)))

      const ofType = { number: feature.number, date: feature.date, boolean: feature.boolean, text: feature.category }
      const kindOf = (each: string) =>
        features.one_hot.includes(each) ? feature.category() : ofType[table.column(each).type]()
      const kinds = Object.fromEntries(used.map((each) => [each, kindOf(each)]))
      const net = tabular({ features: featureSpace({ features: kinds }), target, task, seed: 1, device: 'cpu' })
      await net.fit(train, { verbose: 0 })
      const report: Anything = await net.evaluate(test)
      for (const [bound, { single_run: due }] of Object.entries<Anything>(metrics.pass)) {
        const [, metric = '', side] = /^(.+)_at_(least|most)$/.exec(bound) ?? assert.fail(bound)
        const reached = report[metric]
        assert.ok(side === 'least' ? reached >= due : reached <= due, `${metric} is ${reached}, and ${bound} ${due}`)
      }

      const path = join(folder.path, `${name}.neurode`)
      await net.save(path)
      await using server = await serve({ models: { [name]: path }, port: 0, device: 'cpu', threads: 1 })
      const instances = [...test].slice(0, 3).map((record) => JSON.parse(JSON.stringify(record)))
      const answer = await ask(server.url, `/v1/models/${name}:predict`, { body: JSON.stringify({ instances }) })
      assert.equal(answer.status, 200, answer.body.toString())
      assertSameAnswers(answer.json().predictions, await net.predict(instances))
      net.dispose()
    })
  }
})
