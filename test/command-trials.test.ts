/** Searches on the command line: metrics in a file, options of a trial, spaces in JSON, and messages for mistakes. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load, NeurodeError, search } from 'neurode'
import { TrainingEvents } from '#lib/cli/events.js'
import { UsageError } from '#lib/cli/options.js'
import { train } from '#lib/cli/train.js'
import { trials } from '#lib/cli/trials.js'
import { runCommand } from './support/children.js'
import { suiteFolder } from './support/folders.js'
import { collectJson, observe } from './support/katib.js'

type Event = Readonly<Record<string, unknown>>

const indexVariables = ['NEURODE_TRIAL', 'JOB_COMPLETION_INDEX', 'SLURM_ARRAY_TASK_ID', 'AWS_BATCH_JOB_ARRAY_INDEX']

describe('searches on the command line', function () {
  this.slow(20_000)
  const folder = suiteFolder()
  const at = (name: string) => join(folder.path, name)
  const read = (name: string) => readFileSync(at(name), 'utf8')

  /** Runs `neurode` with these arguments. */
  function neurode(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))
    const own = { NEURODE_THREADS: '1', INIT_CWD: folder.path, ...env }
    return runCommand(process.execPath, [main, ...args], own)
  }

  async function run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string> {
    const { code, stdout, stderr } = await neurode(args, env)
    assert.equal(code, 0, stderr)
    return stdout
  }

  async function eventsOf(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Event[]> {
    const lines = (await run([...args, '--json'], env)).trimEnd().split('\n')
    return lines.map((line) => JSON.parse(line) as Event)
  }

  const table = () => ['train', 'table.csv', '--target', 'y', '--seed', '3']
  const mnist = ['train', 'mnist', '--dataset', 'synthetic', '--device', 'cpu']

  before(() => {
    const rows = Array.from({ length: 300 }, (_, i) => `${i % 17},${(i * 7919) % 101},${(i % 17) * 2 + (i % 5)}`)
    writeFileSync(at('table.csv'), `a,b,y\n${rows.join('\n')}\n`)
  })

  describe('--metrics-file', () => {
    it('gives Katib the losses of all epochs', async () => {
      const events = await eventsOf([...table(), '--epochs', '6', '--metrics-file', 'metrics.jsonl'])
      const epochs = events.filter(({ event }) => event === 'epoch')
      const logs = collectJson(read('metrics.jsonl'), ['valLoss', 'loss'])
      assert.equal(logs.length, 2 * epochs.length)
      const losses = epochs.map(({ valLoss }) => valLoss as number)
      assert.deepEqual(
        logs.filter(({ name }) => name === 'valLoss').map(({ value }) => Number(value)),
        losses,
      )
      assert.deepEqual(observe(logs, 'valLoss'), {
        min: Math.min(...losses),
        max: Math.max(...losses),
        latest: losses.at(-1),
      })
      const done = events.at(-1) ?? {}
      assert.equal(observe(collectJson(read('metrics.jsonl'), ['testR2']), 'testR2').latest, done.testR2)
    })

    it('begins anew with every training', async () => {
      const args = [...table(), '--epochs', '1', '--metrics-file', 'again.jsonl']
      await run(args)
      const once = read('again.jsonl').split('\n').length
      await run(args)
      assert.equal(read('again.jsonl').split('\n').length, once)
      assert.equal(collectJson(read('again.jsonl'), ['valLoss']).length, 1)
    })

    it('leaves out what is no number, so that a trial without any has no result', () => {
      const events = new TrainingEvents({ json: false, metricsFile: at('nan.jsonl') })
      events.emit({ event: 'epoch', epoch: 1, loss: Number.NaN, valLoss: Number.POSITIVE_INFINITY, accuracy: 0.5 })
      assert.deepEqual(
        collectJson(read('nan.jsonl'), ['loss', 'valLoss', 'accuracy']).map(({ name }) => name),
        ['accuracy'],
      )
    })
  })

  describe('--option', () => {
    it('sets any option above the command line', async () => {
      const options = [
        '--option',
        'dropout=0.1',
        '--option',
        'learning-rate=0.01',
        '--option',
        'epochs=2',
        '--option',
        'hidden=4,3',
        '--option',
        'drop=b',
        '--epochs',
        '5',
      ]
      const [columns, ...rest] = await eventsOf([...table(), ...options])
      assert.equal(rest.at(-1)?.epochs, 2)
      assert.deepEqual(
        (columns?.columns as { name: string }[] | undefined)?.map(({ name }) => name),
        ['a'],
      )
      const same = ['--epochs', '2', '--hidden', '4,3', '--drop', 'b', '--dropout', '0.1', '--learning-rate', '0.01']
      const direct = await eventsOf([...table(), ...same])
      assert.equal(rest.at(-1)?.weightsSha256, direct.at(-1)?.weightsSha256)
    })

    it('sets options without a value to true or false', async () => {
      const stdout = await run([...table(), '--epochs', '1', '--json', '--option', 'json=false'])
      assert.match(stdout, /^Read 300 rows/)
    })
  })

  describe('--trials', () => {
    const rows = [
      { epochs: 1, hidden: [4] },
      { epochs: 2, hidden: 'none', drop: ['b'] },
      { epochs: 3, 'learning-rate': 0.1 },
    ]
    before(() => {
      writeFileSync(at('trials.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    })

    for (const [i, variable] of indexVariables.entries()) {
      it(`takes the row that ${variable} names`, async () => {
        const index = i % 2
        const others = Object.fromEntries(indexVariables.slice(i + 1).map((name) => [name, '99']))
        const environment = { ...Object.fromEntries(indexVariables.slice(0, i).map((name) => [name, ''])), ...others }
        const done = (
          await eventsOf([...table(), '--trials', 'trials.jsonl', '--epochs', '9'], {
            ...environment,
            [variable]: String(index),
          })
        ).at(-1)
        assert.equal(done?.epochs, index + 1)
        assert.deepEqual(done?.trial, { index, options: rows[index] })
      })
    }

    it('works for MNIST, lets --option set more, and numbers the files', async () => {
      const more = ['--option', 'epochs=1', '--save', 'digits-{trial}.neurode', '--metrics-file', '{trial}.jsonl']
      const done = (await eventsOf([...mnist, '--trials', 'trials.jsonl', ...more], { NEURODE_TRIAL: '2' })).at(-1)
      assert.equal(done?.epochs, 1)
      assert.equal(done?.saved, at('digits-2.neurode'))
      assert.equal(collectJson(read('2.jsonl'), ['testAccuracy']).length, 1)
      const direct = [...mnist, '--learning-rate', '0.1', '--epochs', '1']
      assert.equal((await eventsOf(direct)).at(-1)?.weightsSha256, done?.weightsSha256)
    })
  })

  describe('weightsSha256', () => {
    it('is of all weights, as float32 in little-endian byte order', async () => {
      const saved = (await eventsOf([...mnist, '--epochs', '1', '--save', 'digest.neurode'])).at(-1)
      using model = await load(at('digest.neurode'))
      const hash = createHash('sha256')
      for (const { data } of model.getWeights()) {
        const bytes = Buffer.alloc(4 * data.length)
        for (const [i, value] of data.entries()) bytes.writeFloatLE(value, 4 * i)
        hash.update(bytes)
      }
      assert.equal(saved?.weightsSha256, hash.digest('hex'))
    })
  })

  describe('neurode trials', () => {
    const space = {
      'learning-rate': { logUniform: { low: 1e-4, high: 1e-1 } },
      'batch-size': { integer: { low: 16, high: 128, step: 16 } },
      hidden: { choice: ['64,32', '32'] },
      x: { uniform: { low: 0, high: 1 } },
      n: { normal: {} },
      epochs: 20,
      json: true,
    }

    it('draws what search.sample draws, and each trial by its own index', async () => {
      writeFileSync(at('space.json'), JSON.stringify(space))
      const stdout = await run(['trials', 'space.json', '--count', '7', '--seed', '5'])
      const drawn = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      const same = {
        'learning-rate': search.logUniform({ low: 1e-4, high: 1e-1 }),
        'batch-size': search.integer({ low: 16, high: 128, step: 16 }),
        hidden: search.choice(['64,32', '32']),
        x: search.uniform({ low: 0, high: 1 }),
        n: search.normal(),
        epochs: 20,
        json: true,
      }
      assert.deepEqual(
        drawn,
        Array.from({ length: 7 }, (_, index) => search.sample(same, index, 5)),
      )
      assert.ok((await run(['trials', 'space.json', '--count', '9', '--seed', '5'])).startsWith(stdout))
    })
  })

  it('cuts batches into parts, whose number decides about the bits and the number of threads does not', async () => {
    const digest = async (...args: readonly string[]) =>
      (await eventsOf([...table(), '--epochs', '2', ...args])).at(-1)?.weightsSha256
    const one = await digest('--parts', '4')
    assert.equal(await digest('--parts', '4', '--threads', '3'), one)
    assert.notEqual(await digest(), one)
  })

  it('names file, line and option of a mistake', async () => {
    const bad = [
      '{"epochs": 0}',
      '{"epoch": 3}',
      '{"epochs": 1, "epochs": 2}',
      '[1]',
      '',
      '{"epochs": null}',
      '{"json": 3}',
      '{"trials": "x"}',
      '{"learningRate": 3}',
    ]
    writeFileSync(at('bad.jsonl'), `${bad.join('\n')}\n`)
    writeFileSync(at('empty.jsonl'), '')
    writeFileSync(at('broken.json'), '{')
    writeFileSync(at('list.json'), '[]')
    writeFileSync(at('range.json'), '{"x": {"uniform": {"low": 3, "high": 1}}}')
    writeFileSync(at('unknown.json'), '{"x": {"gaussian": {}}}')
    writeFileSync(at('two.json'), '{"x": {"uniform": {"low": 0, "high": 1}, "choice": [1]}}')
    const ofTrial = (index: string | undefined, file = 'bad.jsonl') => ({
      args: ['mnist', '--dataset', 'synthetic', '--trials', file],
      index,
    })
    const cases: readonly (readonly [{ args: readonly string[]; index?: string | undefined }, number, RegExp])[] = [
      [ofTrial('0'), 2, /bad\.jsonl, line 1: --epochs: expected a positive integer, got '0'/],
      [ofTrial('1'), 2, /bad\.jsonl, line 2: no option is called 'epoch'; did you mean 'epochs'/],
      [ofTrial('2'), 1, /bad\.jsonl, line 3: expected a JSON object .*twice/],
      [ofTrial('3'), 1, /bad\.jsonl, line 4: expected a JSON object/],
      [ofTrial('4'), 1, /bad\.jsonl, line 5: expected a JSON object/],
      [ofTrial('5'), 2, /bad\.jsonl, line 6: --epochs: expected a number, a text or a list of them, got null/],
      [ofTrial('6'), 2, /bad\.jsonl, line 7: --json: expected true or false, got 3/],
      [ofTrial('7'), 2, /bad\.jsonl, line 8: no option is called 'trials'/],
      [ofTrial('8'), 2, /bad\.jsonl, line 9: no option is called 'learningRate'; did you mean 'learning-rate'/],
      [ofTrial('9'), 2, /bad\.jsonl: expected a line for NEURODE_TRIAL=9, where 0 is the first, got 9 lines/],
      [ofTrial('0', 'empty.jsonl'), 2, /empty\.jsonl: expected a line for NEURODE_TRIAL=0.*got 0 lines/],
      [ofTrial('0', 'none.jsonl'), 1, /none\.jsonl: there is no such file/],
      [ofTrial('-1'), 2, /NEURODE_TRIAL: expected the index of a trial, from 0, got '-1'/],
      [ofTrial('one'), 2, /NEURODE_TRIAL: expected the index of a trial, from 0, got 'one'/],
      [ofTrial(undefined), 2, /--trials: expected the index of a trial in one of NEURODE_TRIAL, JOB_COMPLETION_INDEX/],
      [{ args: ['mnist', '--option', 'epochs'] }, 2, /--option: expected name=value, got 'epochs'/],
      [{ args: ['mnist', '--option', 'target=a'] }, 2, /--option: no option is called 'target'/],
      [{ args: ['mnist', '--option', 'epochs=x'] }, 2, /^--epochs: expected a positive integer, got 'x'/],
      [{ args: ['mnist', '--option', 'json=maybe'] }, 2, /--option: --json: expected true or false, got "maybe"/],
      [{ args: ['mnist', '--parts', '3'] }, 2, /--parts: expected a power of two, got '3'/],
      [{ args: ['mnist', '--parts', '2048'] }, 2, /--parts: expected .*1024/],
      [{ args: ['mnist', '--metrics-file', 'no/such/file'] }, 2, /--metrics-file: expected a file in a folder/],
    ]
    const ofSpace: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['broken.json', '--count', '1'], 1, /broken\.json: expected JSON/],
      [['list.json', '--count', '1'], 1, /list\.json: expected a JSON object of hyper-parameters/],
      [['range.json', '--count', '1'], 1, /range\.json: x: search\.uniform: high: expected .* got 1/],
      [
        ['unknown.json', '--count', '1'],
        1,
        /unknown\.json: x: expected .*uniform, logUniform.*got \{"gaussian":\{\}\}/,
      ],
      [['two.json', '--count', '1'], 1, /two\.json: x: expected/],
      [['range.json'], 2, /--count: expected the number of trials/],
      [[], 2, /expected 'neurode trials <space\.json> --count N/],
    ]
    const kept = Object.fromEntries(['INIT_CWD', ...indexVariables].map((name) => [name, process.env[name]]))
    const rejects = (work: () => Promise<number>, code: number, message: RegExp) =>
      assert.rejects(work, (error: Error) => {
        assert.match(error.message, message)
        assert.equal(error instanceof UsageError, code === 2, error.message)
        return code === 2 || error instanceof NeurodeError
      })
    process.env.INIT_CWD = folder.path
    try {
      for (const [{ args, index }, code, message] of cases) {
        for (const name of indexVariables) delete process.env[name]
        if (index !== undefined) process.env.NEURODE_TRIAL = index
        await rejects(() => train(args), code, message)
      }
      for (const [args, code, message] of ofSpace) await rejects(() => trials(args), code, message)
    } finally {
      for (const [name, value] of Object.entries(kept)) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
    }
  })
})
