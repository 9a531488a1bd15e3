/** The command line on tables: train, predict and evaluate in separate processes, their pages, and messages for mistakes. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { layers, NeurodeError, readTable, sequential } from 'neurode'
import { UsageError } from '#lib/cli/options.js'
import { evaluate } from '#lib/cli/tables/evaluate.js'
import { predict } from '#lib/cli/tables/predict.js'
import { train } from '#lib/cli/train.js'
import { runCommand } from './support/children.js'
import { suiteFolder } from './support/folders.js'

type Event = Readonly<Record<string, unknown>>

const makes = ['Fiat', 'BMW', 'Škoda', 'a "b", c']
const rowsOf = (count: number) =>
  Array.from({ length: count }, (_, i) => {
    const [make, year, km] = [i % 4, 2000 + ((i * 7) % 24), (i * 7919) % 200_000]
    const price = 1000 + 900 * make + 400 * (year - 2000) - km / 100
    return { make: makes[make] as string, year, km: i % 11 === 0 ? null : km, price, isOld: year < 2012 ? 'yes' : 'no' }
  })
const quoted = (text: string) => (/[",;]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
const csvOf = (rows: ReturnType<typeof rowsOf>, between = ',', decimal = '.') => {
  const lines = rows.map(({ make, year, km, price, isOld }, i) =>
    [i, quoted(make), year, km ?? '', price.toFixed(2).replace('.', decimal), isOld].join(between),
  )
  return `${['nr', 'make', 'year', 'km', 'price', 'old'].join(between)}\n${lines.join('\n')}\n`
}

describe('the command line on tables', function () {
  this.slow(20_000)
  const folder = suiteFolder()
  const at = (name: string) => join(folder.path, name)
  const write = (name: string, text: string) => {
    writeFileSync(at(name), text)
    return at(name)
  }

  /** Runs `neurode` with these arguments. */
  function neurode(args: readonly string[], stdin = '') {
    const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))
    return runCommand(
      process.execPath,
      [main, ...args],
      { NEURODE_THREADS: '1', INIT_CWD: folder.path },
      500_000,
      stdin,
    )
  }

  async function run(args: readonly string[], stdin?: string): Promise<string> {
    const { code, stdout, stderr } = await neurode(args, stdin)
    assert.equal(code, 0, stderr)
    return stdout
  }

  async function events(args: readonly string[]): Promise<Event[]> {
    const lines = (await run([...args, '--json'])).trimEnd().split('\n')
    return lines.map((line) => JSON.parse(line) as Event)
  }

  before(() => {
    write('cars.csv', csvOf(rowsOf(400)))
    write('cars-de.csv', csvOf(rowsOf(400), ';', ','))
    write('new.csv', csvOf(rowsOf(460).slice(450)))
  })

  it('trains on numbers, tells what it guessed, and is better than the mean', async () => {
    const all = await events(['train', 'cars.csv', '--target', 'price', '--drop', 'nr', '--save', 'price.neurode'])
    const [columns, first] = all
    assert.deepEqual(
      [columns?.event, columns?.task, columns?.rows, first?.event, first?.epoch],
      ['columns', 'regression', 320, 'epoch', 1],
    )
    assert.deepEqual(
      (columns?.columns as { name: string; type: string }[] | undefined)?.map(({ name, type }) => `${name}: ${type}`),
      ['km: number', 'make: text', 'old: boolean', 'year: number'],
    )
    const done = all.at(-1) as Event & { readonly testR2: number; readonly baseline: Record<string, number> }
    assert.equal(done.event, 'done')
    assert.equal(done.epochs, all.length - 2)
    assert.equal(done.testRows, 80)
    assert.ok(done.testR2 > 0.9, `R² ${done.testR2}`)
    assert.ok(Math.abs(done.baseline.testR2 as number) < 0.2)
    const importance = done.importance as { name: string; mean: number; std: number }[]
    assert.deepEqual(new Set(importance.map(({ name }) => name)), new Set(['km', 'make', 'old', 'year']))
    assert.ok(importance.every(({ mean }, i) => i === 0 || mean <= (importance[i - 1]?.mean as number)))
  })

  it('gives the same results for the same seed, and for a table written in German', async () => {
    const args = ['--target', 'price', '--epochs', '5', '--drop', 'nr,old', '--hidden', '8']
    const [one, two, german, other] = await Promise.all(
      [
        ['cars.csv', '--seed', '4'],
        ['cars.csv', '--seed', '4'],
        ['cars-de.csv', '--seed', '4', '--delimiter', ';', '--decimal', ','],
        ['cars.csv', '--seed', '5'],
      ].map(async (more) => (await events(['train', ...more, ...args])).at(-1)?.testR2),
    )
    assert.equal(one, two)
    assert.equal(one, german)
    assert.notEqual(one, other)
  })

  it('trains on classes, and writes a page with all that came of it', async () => {
    const args = ['train', 'cars.csv', '--target', 'old', '--save', 'old.neurode', '--report', 'old.html']
    const text = await run(args)
    for (const pattern of [
      /^Read 400 rows of 6 columns from cars.csv, with ',' between cells\nPredicting 'old', one of 2 classes \(--regress for numbers\), from 320 rows of:\n/,
      / {2}make +category +/,
      /^ {2}nr +left out +it numbers the rows$/m,
      /Trained 320 rows for \d+ epochs?, \d+\.\d\d s; epoch \d+ is the best/,
      /On 80 other rows:\n +model +always (true|false)\n {2}Accuracy +\d/,
      /Area under the ROC curve +[\d.]+ +–/,
      /Accuracy lost when a column is shuffled:\n {2}year +0\.\d{4} {2}± 0\.\d{4} +█+\n/,
      /Saved in .*old\.neurode/,
    ]) {
      assert.match(text, pattern)
    }
    const page = readFileSync(at('old.html'), 'utf8')
    for (const part of ['Confusion matrix', 'ROC of old: true', 'Calibration', 'Importance of columns', 'Columns']) {
      assert.ok(page.includes(part), part)
    }
    assert.doesNotMatch(page, /(?:src|href)="(?!data:)/)
  })

  it('predicts the rows of a file or of stdin, as CSV and as JSON Lines', async () => {
    await run(['predict', 'price.neurode', 'new.csv', '-o', 'out.csv'])
    const given = await readTable(at('new.csv'))
    const written = await readTable(at('out.csv'))
    assert.deepEqual(
      written.columns.map(({ name }) => name),
      ['nr', 'make', 'year', 'km', 'price', 'old', 'predicted_price'],
    )
    for (const name of ['nr', 'make', 'km', 'old']) {
      assert.deepEqual(
        [...written].map((row) => row[name]),
        [...given].map((row) => row[name]),
        name,
      )
    }
    const { code, stdout, stderr } = await neurode(['predict', 'price.neurode', '-', '--json'], csvOf(rowsOf(3)))
    assert.equal(code, 0)
    assert.equal(stderr, "neurode: the model does not read 'nr'\n")
    const answers = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      answers.map((each) => Object.keys(each)),
      [['price'], ['price'], ['price']],
    )
    const german = await run(
      ['predict', 'old.neurode', '-', '--delimiter', ';', '--decimal', ','],
      csvOf(rowsOf(2), ';', ','),
    )
    assert.match(
      german,
      /^nr;make;year;km;price;old;predicted_old;probability_false;probability_true\n0;Fiat;2000;;1000;yes;true;\d/,
    )
    assert.equal(await run(['predict', 'old.neurode', '-', '--json'], csvOf([])), '')
  })

  it('evaluates a model on a table, and writes a page', async () => {
    const text = await run(['evaluate', 'price.neurode', 'new.csv', '--report', 'price.html'])
    assert.match(text, /^'price' of 10 rows:\n {2}R² +[\d.]+\n/)
    assert.match(readFileSync(at('price.html'), 'utf8'), /Residuals/)
    const json = JSON.parse(await run(['evaluate', 'old.neurode', 'new.csv', '--json']))
    assert.deepEqual(Object.keys(json), ['target', 'task', 'rows', 'accuracy', 'balancedAccuracy', 'f1', 'auc'])
    assert.deepEqual([json.target, json.rows], ['old', 10])
  })

  it('inspects a model of a table: what it predicts, and from which columns', async () => {
    const { kind, table } = JSON.parse(await run(['inspect', at('old.neurode'), '--json']))
    assert.deepEqual(
      [kind, table.target, table.task, table.classes],
      ['functional', 'old', 'classification', [false, true]],
    )
    const types = (table.columns as { name: string; type: string }[]).map(({ name, type }) => `${name}: ${type}`)
    assert.deepEqual(types, ['km: number', 'make: text', 'price: number', 'year: number'])
    const text = await run(['inspect', at('price.neurode')])
    assert.match(text, /^predicts +price \(regression\): a number\ncolumn +km: number, [\d,]+ to [\d,]+, with gaps\n/m)
  })

  it("keeps a user's words from steering a terminal or a page", async () => {
    const evil = '<script>alert(1)</script>\x1b[31m'
    const name = '<b>&"name\x1b[2J'
    const lines = Array.from({ length: 60 }, (_, i) => `${i % 2 ? `"${evil}"` : 'plain'},${(i * 37) % 50},${i % 2}`)
    write('evil.csv', `"${name.replaceAll('"', '""')}",n,"__proto__"\n${lines.join('\n')}\n`)
    const args = [
      'train',
      'evil.csv',
      '--target',
      '__proto__',
      '--epochs',
      '2',
      '--report',
      'evil.html',
      '--save',
      'evil.neurode',
    ]
    const text = await run(args)
    assert.ok(!text.includes('\x1b'))
    const page = readFileSync(at('evil.html'), 'utf8')
    assert.ok(!page.includes('<script>') && !page.includes('\x1b') && !page.includes('<b>'))
    assert.ok(page.includes('&#60;script&#62;'))
    const { stderr, code } = await neurode(['predict', 'evil.neurode', '-'], 'n\n1\n')
    assert.equal(code, 1)
    assert.ok(!stderr.includes('\x1b') && stderr.includes('name'), stderr)
  })

  it('names file, line and column of what cannot be read', async () => {
    write('bad.csv', 'nr,make,year,km,price,old\n1,Fiat,2001,5,3,no\n2,BMW,many,5,3,no\n')
    write('short.csv', 'a,b\n1,2\n3\n')
    const array = sequential([layers.dense({ units: 1, inputShape: [1] })])
    await array.save(at('array.neurode'))
    const cases: readonly (readonly [args: readonly string[], code: number, message: RegExp])[] = [
      [['train', 'none.csv', '--target', 'a'], 1, /none\.csv: there is no such file/],
      [['train', 'short.csv', '--target', 'a'], 1, /short\.csv.*line 3/],
      [['train', 'cars.csv'], 2, /--target: expected the name of the column/],
      [['train', 'cars.csv', '--target', 'prize'], 2, /--target: there is no column 'prize'; did you mean 'price'/],
      [['train', 'cars.csv', '--target', 'price', '--drop', 'nr,makes'], 2, /--drop: there is no column 'makes'/],
      [['train', 'cars.csv', '--target', 'price', '--drop', 'price'], 2, /--drop: expected other columns/],
      [['train', 'cars.csv', '--target', 'price', '--classify', '--regress'], 2, /--classify/],
      [['train', 'cars.csv', '--target', 'price', '--test', '1.5'], 2, /--test: expected a share below 1/],
      [['train', 'cars.csv', '--target', 'price', '--test', '0'], 2, /--test: expected a share below 1 and above 0/],
      [['train', 'cars.csv', '--target', 'price', '--dropout', '1'], 2, /--dropout: expected a share below 1/],
      [
        ['train', 'cars.csv', '--target', 'price', '--learning-rate', '0'],
        2,
        /--learning-rate: expected a number above/,
      ],
      [['train', 'cars.csv', '--target', 'price', '--hidden', '8,x'], 2, /--hidden: expected numbers of units/],
      [['train', 'cars.csv', '--target', 'price', '--decimal', ';'], 2, /--decimal: expected/],
      [['train', 'cars.csv', '--target', 'price', '--dataset', 'mnist'], 2, /--dataset: no such option/],
      [['train', 'mnist', '--target', 'price'], 2, /--target: no such option/],
      [
        ['train', 'cars.csv', '--target', 'price', '--save', 'no/such/m.neurode'],
        2,
        /--save: expected a file in a folder/,
      ],
      [['predict', 'price.neurode', 'bad.csv'], 1, /bad\.csv.*line 3.*year|year.*bad\.csv.*line 3/],
      [['predict', 'price.neurode', 'short.csv'], 1, /there is no column '(km|make|old|year)'/],
      [['predict', 'array.neurode', 'cars.csv'], 2, /array\.neurode: expected a model of a table/],
      [['predict', 'price.neurode'], 2, /expected 'neurode predict <model> <table/],
      [['evaluate', 'price.neurode', 'short.csv'], 1, /there is no column/],
    ]
    const commands: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
      train,
      predict,
      evaluate,
    }
    const before = process.env.INIT_CWD
    process.env.INIT_CWD = folder.path
    try {
      for (const [[name = '', ...args], code, message] of cases) {
        await assert.rejects(
          async () => commands[name]?.(args),
          (error: Error) => {
            assert.match(error.message, message)
            assert.equal(error instanceof UsageError, code === 2, `${args.join(' ')}: ${error.message}`)
            return code === 2 || error instanceof NeurodeError
          },
        )
      }
    } finally {
      if (before === undefined) delete process.env.INIT_CWD
      else process.env.INIT_CWD = before
    }
  })
})
