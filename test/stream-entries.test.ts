/** Every function that takes batches: it names the number of an invalid batch, passes errors of the source on, and closes the source. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { array, type Batch, layers, NeurodeError, sequential } from 'neurode'
import { rejects } from './data/files.js'
import { perDevice } from './support/devices.js'
import { classifier, clouds } from './support/problems.js'
import { bitsOf } from './support/resumable.js'
import { warningsOf } from './support/warnings.js'

const { x, y } = clouds(24, 6, 3)
const rowsOf = (from: number, to: number): Batch => ({
  x: array(x.data.slice(from * 6, to * 6), [to - from, 6]),
  y: y.slice(from, to),
})
const good = [rowsOf(0, 8), rowsOf(8, 16), rowsOf(16, 24)] as const

// biome-ignore lint/suspicious/noExplicitAny: sources that types would refuse
type Loose = any

interface Entry {
  /** The name of the second batch in messages. */
  readonly second: string
  /** Whether the function reads whole batches, with targets and weights, or inputs only. */
  readonly reads: 'batches' | 'inputs'
  run(model: ReturnType<typeof classifier>, source: Loose, options?: { signal?: AbortSignal }): Promise<unknown>
}

const quiet = { verbose: 0, epochs: 2 } as const

/** Functions by the file that reads their batches. */
const entries: Readonly<Record<string, Entry>> = {
  fit: {
    second: 'x: batch 2 of epoch 1: ',
    reads: 'batches',
    run: (model, source, options) => model.fit(source, { ...quiet, ...options }),
  },
  'fit with stepsPerEpoch': {
    second: 'x: batch 2 of epoch 1: ',
    reads: 'batches',
    run: (model, source, options) => model.fit(source, { ...quiet, stepsPerEpoch: 2, ...options }),
  },
  'fit with batches that go on in another epoch': {
    second: 'x: batch 1 of epoch 2: ',
    reads: 'batches',
    run: (model, source, options) => model.fit(source, { ...quiet, stepsPerEpoch: 1, ...options }),
  },
  'fit of a model that learns its shape': {
    second: 'x: batch 2 of epoch 1: ',
    reads: 'batches',
    run: async ({ device }, source, options) => {
      using model = unbuilt(device)
      await model.fit(source, { ...quiet, ...options })
    },
  },
  validationData: {
    second: 'validationData: batch 2 of epoch 1: ',
    reads: 'batches',
    run: (model, source, options) => model.fit(x, y, { ...quiet, validationData: source, ...options }),
  },
  evaluate: {
    second: 'x: batch 2: ',
    reads: 'batches',
    run: (model, source, options) => model.evaluate(source, options),
  },
  predictStream: {
    second: 'source: batch 2: ',
    reads: 'inputs',
    run: async (model, source, options) => {
      for await (const { shape } of model.predictStream(source, options)) assert.deepEqual(shape, [8, 3])
    },
  },
  adapt: {
    second: 'data: batch 2: ',
    reads: 'inputs',
    run: (_model, source) => layers.normalization({ inputShape: [6] }).adapt(source),
  },
}

function unbuilt(device: string) {
  const loss = 'sparseCategoricalCrossentropy'
  return sequential([layers.dense({ units: 3, activation: 'softmax' })]).compile({ loss, device })
}

/** Sources of all kinds that give the same values. */
const kinds: Readonly<Record<string, (values: readonly unknown[]) => Loose>> = {
  'an array': (values) => values,
  'a generator': (values) => values[Symbol.iterator](),
  'a function that gives a generator': (values) =>
    function* () {
      yield* values
    },
  'a function that gives an asynchronous generator': (values) =>
    async function* () {
      for (const value of values) yield await sleep(0, value)
    },
  'a stream': (values) => Readable.from(values),
  'a web stream': (values) =>
    new ReadableStream({
      start(controller) {
        for (const value of values) controller.enqueue(value)
        controller.close()
      },
    }),
}

/** Values that are not batches. */
const noBatches = {
  undefined,
  'a number': 3,
  'a text': 'x',
  'a function': () => good[0],
  'an Error': new Error('not thrown'),
  'a Map': new Map(Object.entries(good[0])),
  'no rows': [],
  'no input': { y: good[0].y },
  'an input of nothing': { x: undefined, y: good[0].y },
  'an input of another shape': { x: [[1, 2]], y: [0] },
  'numbers that float32 does not hold': { x: new Float64Array(48).fill(1e300), y: good[0].y },
  'an input of texts': { x: [['1', '2', '3', '4', '5', '6']], y: [0] },
} as const

const noTargets = {
  'no targets': { x: good[0].x },
  'targets of nothing': { x: good[0].x, y: undefined },
  'targets of too few rows': { x: good[0].x, y: [0, 1] },
  'labels that are no classes': { x: good[0].x, y: new Int32Array(8).fill(99) },
  'weights that are no numbers': { ...good[0], sampleWeight: new Float32Array(8).fill(Number.NaN) },
} as const

/** An endless iterator that counts how often it was called and closed. */
function counted(values: readonly unknown[], onNext: (at: number) => unknown = () => {}) {
  const seen = { closed: 0, asked: 0 }
  const iterator = {
    next: () => {
      const at = seen.asked++
      onNext(at)
      return { done: false, value: values[at % values.length] }
    },
    return: () => {
      seen.closed++
      return { done: true, value: undefined }
    },
  }
  const source: Loose = () => ({ [Symbol.iterator]: () => iterator })
  return { seen, source }
}

describe('functions that take batches', () => {
  it('are all here', () => {
    const dist = fileURLToPath(new URL('.', import.meta.resolve('neurode')))
    const found: Record<string, number> = {}
    for (const file of readdirSync(dist, { recursive: true }) as string[]) {
      if (!file.endsWith('.js')) continue
      const count = readFileSync(join(dist, file), 'utf8').match(
        /new BatchReader\(|(?<!function) streamFeed\(/g,
      )?.length
      if (count !== undefined) found[file.replaceAll('\\', '/')] = count
    }
    // A new function has to be added to `entries`.
    const expected = {
      'feeds/feeds.js': 1,
      'fit/evaluate.js': 1,
      'fit/fitFeeds.js': 2,
      'fit/predict.js': 1,
      'preprocessing/batches.js': 1,
    }
    assert.deepEqual(found, expected)
  })
})

perDevice('functions that take batches', (device) => {
  for (const [title, { second, reads, run }] of Object.entries(entries)) {
    const located = (says: RegExp) => new RegExp(`^${second.replaceAll(/[()]/g, '.')}.*${says.source}`)

    it(`refuse what is no batch, in the middle, by its number: ${title}`, async () => {
      using model = classifier({ device })
      const wrong = { ...noBatches, ...(reads === 'batches' ? noTargets : {}) }
      for (const [what, bad] of Object.entries(wrong)) {
        for (const [kind, make] of Object.entries(kinds)) {
          const refused = run(model, make([good[0], bad, good[1]]))
          await assert.rejects(
            refused,
            (error) => {
              assert.ok(error instanceof NeurodeError, `${kind}, ${what}: ${error}`)
              assert.match(error.message, located(/expected/), `${kind}, ${what}`)
              assert.ok(error.cause instanceof NeurodeError)
              return true
            },
            `${kind}, ${what}`,
          )
        }
      }
    })

    it(`refuse promises that are batches, and hear them: ${title}`, async () => {
      using model = classifier({ device })
      const late = Promise.reject(new Error('nobody hears this'))
      await rejects(run(model, [good[0], late]), 'ERR_ARGUMENT', located(/got a Promise/))
    })

    it(`refuse keys that would not be read, and say what is meant: ${title}`, async () => {
      using model = classifier({ device })
      const names = [
        'sample_weight',
        'sampleWeights',
        'sample_weights',
        'SampleWeight',
        'weights',
        'weight',
        'sampleWieght',
      ]
      for (const name of names) {
        const bad = { ...good[1], [name]: new Float32Array(8).fill(1) }
        const says = new RegExp(
          `no key of a batch is called '${name}'; (?:did you mean|in Neurode it is) 'sampleWeight'`,
        )
        for (const make of Object.values(kinds)) {
          await rejects(run(model, make([good[0], bad])), 'ERR_UNKNOWN_NAME', located(says))
        }
      }
      for (const name of ['classWeight', 'labels', 'id', '__proto__']) {
        const bad = Object.defineProperty({ ...good[1] }, name, { value: 1, enumerable: true })
        await rejects(
          run(model, [good[0], bad]),
          'ERR_UNKNOWN_NAME',
          located(new RegExp(`'${name}'.*known: x, y, sample`)),
        )
      }
      const foreign = [good[0], { xs: good[0].x, ys: good[0].y }]
      await rejects(run(model, foreign), 'ERR_UNKNOWN_NAME', located(/'xs'; did you mean 'x'/))
    })

    it(`refuse iterators that are none: ${title}`, async () => {
      using model = classifier({ device })
      for (const result of [undefined, null, 3]) {
        for (const symbol of [Symbol.iterator, Symbol.asyncIterator]) {
          const source = { [symbol]: () => ({ next: () => result }) }
          await rejects(run(model, source), 'ERR_ARGUMENT', /next\(\): expected an iterator whose results are/)
        }
      }
      for (const iterator of [undefined, 3, {}, { next: 3 }]) {
        const source = { [Symbol.iterator]: iterator && (() => iterator) }
        await rejects(
          run(model, () => source),
          'ERR_ARGUMENT',
          /expected an iterable of batches/,
        )
      }
    })

    it(`pass on what the source throws, as it is: ${title}`, async () => {
      using model = classifier({ device })
      const failures = [new Error('no more disk'), new NeurodeError('ERR_SHAPE', 'mine'), 'a text', Object.freeze({})]
      for (const failure of failures) {
        for (const count of [0, 1]) {
          const sync = function* () {
            yield* good.slice(0, count)
            throw failure
          }
          const later = async function* () {
            yield* good.slice(0, count)
            await sleep(0)
            throw failure
          }
          const stream = () => Readable.from(later())
          const opening = () => {
            throw failure
          }
          for (const source of [sync, sync(), later, later(), stream, opening]) {
            await assert.rejects(run(model, source), (error) => error === failure)
          }
        }
      }
    })

    it(`close what they opened, and what failed first is what is heard: ${title}`, async () => {
      using model = classifier({ device })
      const bad = counted([good[0], undefined])
      await rejects(run(model, bad.source), 'ERR_ARGUMENT')
      assert.equal(bad.seen.closed, 1)
      const both = function* () {
        try {
          yield good[0]
          yield undefined
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: what is tested
          throw new Error('while it closes')
        }
      }
      await rejects(run(model, both), 'ERR_ARGUMENT', located(/got undefined/))
      const alive: string[] = []
      const slowly = async function* () {
        try {
          yield* [good[0], { x: [[1]], y: [0] }]
        } finally {
          await sleep(2)
          alive.push('closed')
        }
      }
      await rejects(run(model, slowly), 'ERR_SHAPE')
      assert.deepEqual(alive, ['closed'])
    })
  }

  it('leave a generator of the caller where it was: no batch is lost between calls', async () => {
    const values = [...good, ...good, ...good]
    for (const kind of ['a generator', 'a stream', 'a web stream']) {
      using model = classifier({ device })
      using expected = classifier({ device })
      const source = (kinds[kind] as (values: readonly unknown[]) => Loose)(values)
      for (const at of [0, 2, 4, 6]) {
        await model.fit(source, { verbose: 0, epochs: 2, stepsPerEpoch: 1 })
        await expected.fit(values.slice(at, at + 2) as Batch[], { verbose: 0 })
        assert.equal(bitsOf(model), bitsOf(expected), `${kind}, from batch ${at}`)
      }
      assert.deepEqual(await model.evaluate(source, { steps: 1 }), await model.evaluate([values[8] as Batch]))
      await rejects(model.evaluate(source), 'ERR_ARGUMENT', /expected batches, got none/)
    }
  })

  it('close what they opened when they end, stop or are aborted', async () => {
    using model = classifier({ device })
    const ended = counted(good)
    await model.fit(ended.source, { ...quiet, stepsPerEpoch: 4 })
    assert.deepEqual(ended.seen, { closed: 1, asked: 8 })
    const evaluated = counted(good)
    await model.evaluate(evaluated.source, { steps: 2 })
    assert.deepEqual(evaluated.seen, { closed: 1, asked: 2 })
    const validated = counted(good)
    await model.fit(x, y, { ...quiet, validationData: validated.source, validationSteps: 2 })
    assert.deepEqual(validated.seen, { closed: 2, asked: 4 })
    const stopped = counted(good)
    const onBatchEnd = (batch: number) => {
      model.stopTraining = batch === 2
    }
    await model.fit(stopped.source, { ...quiet, callbacks: { onBatchEnd } })
    assert.equal(stopped.seen.closed, 1)
    const predicted = counted(good)
    for await (const _ of model.predictStream(predicted.source)) break
    assert.equal(predicted.seen.closed, 1)
    for (const name of ['fit', 'evaluate', 'predictStream']) {
      const controller = new AbortController()
      const aborted = counted(good, (at) => at === 4 && controller.abort())
      const work = (entries[name] as Entry).run(model, aborted.source, { signal: controller.signal })
      await rejects(work, 'ERR_ABORTED')
      assert.equal(aborted.seen.closed, 1, name)
    }
    const silent = new AbortController()
    const never: Loose = () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) })
    setTimeout(() => silent.abort(), 5)
    await rejects(model.fit(never, { ...quiet, signal: silent.signal }), 'ERR_ABORTED')
  })

  it('close the batches of training where something else cannot be opened', async () => {
    const wrong: Readonly<Record<string, Loose>> = {
      validationData: [x.data, new Int32Array(5)],
      classWeight: { 9: 1 },
    }
    for (const [option, value] of Object.entries(wrong)) {
      using model = unbuilt(device)
      const { seen, source } = counted(good)
      await assert.rejects(model.fit(source, { ...quiet, [option]: value }), new RegExp(`^NeurodeError: .*${option}`))
      assert.equal(seen.closed, 1, option)
    }
  })

  it('warn of numbers by the batch that they are in', async () => {
    const bad = { x: array(new Float32Array(48).fill(Number.NaN), [8, 6]), y: good[0].y }
    using model = classifier({ device })
    const work = () => model.fit([...good, bad], { verbose: 0 })
    const texts = (await warningsOf(work)).map(({ message }) => message)
    assert.match(texts.join(), /x has NaN in row 0 of batch 4 of epoch 1: /)
    const targets = good.map(({ x }, i) => ({ x, y: new Float32Array(8).fill(i) }))
    using binary = sequential([layers.dense({ units: 1, activation: 'sigmoid', inputShape: [6] })])
    binary.compile({ loss: 'binaryCrossentropy', device })
    const [warned] = await warningsOf(() => binary.evaluate(targets))
    assert.match(String(warned?.message), /got 2 in row 0 of batch 3/)
  })

  it('keep the steps before a batch that is refused, and say where they are', async () => {
    for (const stepsPerEpoch of [undefined, 3]) {
      using model = classifier({ device })
      using expected = classifier({ device })
      for (const batches of [good, [good[0]]]) await expected.fit(batches, { verbose: 0 })
      const epochs: Loose[] = [good, [good[0], undefined]]
      const source = () => (stepsPerEpoch === undefined ? epochs.shift() : epochs.flat())
      const fit = model.fit(source, { verbose: 0, epochs: 2, stepsPerEpoch })
      await rejects(fit, 'ERR_ARGUMENT', /^x: batch 2 of epoch 2: expected \{ x, y \}, got undefined$/)
      assert.deepEqual([bitsOf(model), model.position], [bitsOf(expected), { epoch: 1, batch: 1, step: 4 }])
    }
  })
})
