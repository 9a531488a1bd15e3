/**
 * Batches from iterables, streams and functions: the training is the same as with arrays, batches are read ahead, and sources
 * are closed.
 */

import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { array, type Batch, layers, type NumericArray, schedules, sequential } from 'neurode'
import { coreOf } from '#lib/core/cores.js'
import { rejects } from './data/files.js'
import { perDevice } from './support/devices.js'
import { classifier, clouds } from './support/problems.js'
import { bitsOf } from './support/resumable.js'
import { codesOf, warningsOf } from './support/warnings.js'

const { x, y } = clouds(90, 6, 3)
const rowsOf = (from: number, to: number): Batch => ({
  x: array(x.data.slice(from * 6, to * 6), [to - from, 6]),
  y: y.slice(from, to),
})
const list = Array.from({ length: 6 }, (_, i) => rowsOf(i * 16, Math.min(90, (i + 1) * 16)))

async function* slowly(batches: readonly Batch[]): AsyncGenerator<Batch> {
  for (const batch of batches) {
    await sleep(1)
    yield batch
  }
}

/** Kinds of memory for a batch of eight rows: arrays that are refilled, and the batch that lends them. */
const lenders = {
  'float32 with a shape': () => {
    const [data, y, weights] = [new Float32Array(48), new Int32Array(8), new Float32Array(8)]
    return { filled: [data, y, weights], batch: { x: array(data, [8, 6]), y, sampleWeight: weights } }
  },
  bytes: () => {
    const [data, y] = [new Uint8Array(48), new Float64Array(8)]
    return { filled: [data, y], batch: { x: array(data, [8, 6], { scale: 1 / 3 }), y } }
  },
  'a view into a Buffer, and one-hot rows': () => {
    const [x, rows] = [Buffer.alloc(50).subarray(1, 49), new Float32Array(24)]
    return { filled: [x, rows], batch: { x, y: array(rows, [8, 3]) } }
  },
  'nested arrays': () => {
    const x = Array.from({ length: 8 }, () => [0, 0, 0, 0, 0, 0])
    const y = [0, 0, 0, 0, 0, 0, 0, 0]
    return { filled: [...x, y], batch: { x, y } }
  },
}

/** Fills an array with 0, 1, 2, 0, 1, 2, …, starting with `from`. */
function count(values: NumericArray | number[], from: number): void {
  for (let i = 0; i < values.length; i++) values[i] = (from + i) % 3
}

perDevice('streams of batches', (device) => {
  for (const [title, lend] of Object.entries(lenders)) {
    it(`count batches as they were when they were yielded: ${title}`, async () => {
      function* batches(refills: boolean): Generator<Batch> {
        let { filled, batch } = lend()
        for (let i = 0; i < 6; i++) {
          if (!refills) ({ filled, batch } = lend())
          for (const values of filled) count(values, i)
          yield batch
        }
        for (const values of filled) values.fill(0)
      }
      async function* later(refills: boolean) {
        yield* batches(refills)
      }
      const seen = async (source: (refills: boolean) => Iterable<Batch> | AsyncIterable<Batch>, refills: boolean) => {
        // This model accepts class indices and rows as targets.
        using model = classifier({ device }).compile({ loss: 'categoricalCrossentropy', device, threads: 1 })
        const batches = () => source(refills)
        const { history } = await model.fit(batches, { epochs: 2, verbose: 0, validationData: batches })
        const outputs: Float32Array[] = []
        for await (const { data } of model.predictStream(batches)) outputs.push(data as Float32Array)
        return { history, evaluated: await model.evaluate(batches), outputs, bits: bitsOf(model) }
      }
      const expected = await seen(batches, false)
      assert.notDeepEqual(expected.outputs[0], expected.outputs[1])
      assert.deepEqual(await seen(batches, true), expected)
      assert.deepEqual(await seen(later, true), expected)
    })
  }

  it('count single batches as they were when they were given', async () => {
    const { filled, batch } = lenders['float32 with a shape']()
    const { x, y, sampleWeight } = batch
    using model = classifier({ device, optimizer: { learningRate: 0 } })
    for (const run of [
      () => model.trainOnBatch(x, y, { sampleWeight }),
      () => model.testOnBatch(x, y, { sampleWeight }),
      () => model.predictOnBatch(x),
    ]) {
      for (const values of filled) count(values, 0)
      const expected = await run()
      const result = run()
      for (const values of filled) values.fill(0)
      assert.deepEqual(await result, expected)
    }
  })

  it('come in their order, each with the rate of its step, when ranges are cancelled on behalf of others', async () => {
    const learningRate = schedules.exponentialDecay({ initialLearningRate: 0.1, decaySteps: 1, decayRate: 0.9 })
    const make = () => classifier({ device, optimizer: { learningRate, momentum: 0.9 } })
    using expected = make()
    await expected.fit(list, { epochs: 3, verbose: 0 })
    for (const at of [1, 2, 3, 4]) {
      using model = make()
      const source = function* () {
        for (const [i, batch] of list.entries()) {
          if (i >= at) coreOf(model as never).cancel()
          yield batch
        }
      }
      await model.fit(source, { epochs: 3, verbose: 0 })
      assert.equal(bitsOf(model), bitsOf(expected), `from batch ${at} on`)
    }
  })

  it('keep what was trained before a batch that cannot be read', async () => {
    using model = classifier({ device })
    using expected = classifier({ device })
    await expected.fit(list.slice(0, 2), { verbose: 0 })
    const bad = { x: [[1, 2]], y: [0] }
    await rejects(
      model.fit([...list.slice(0, 2), bad], { epochs: 2, verbose: 0 }),
      'ERR_SHAPE',
      /x: batch 3 of epoch 1: x: expected shape/,
    )
    assert.deepEqual([bitsOf(model), model.position], [bitsOf(expected), { epoch: 0, batch: 2, step: 2 }])
  })

  it('are validated on after training was stopped', async () => {
    using model = classifier({ device })
    const callbacks = {
      onBatchEnd: () => {
        model.stopTraining = true
      },
    }
    const { history, stopReason } = await model.fit(x, y, { epochs: 2, verbose: 0, validationData: list, callbacks })
    assert.deepEqual([history.val_loss.length, stopReason], [1, 'stopped'])
  })

  it('train as the same rows in memory do', async () => {
    using expected = classifier({ device })
    const straight = await expected.fit(x, y, { batchSize: 16, epochs: 3, shuffle: false, verbose: 0 })
    const sources = {
      'an array': list,
      'a set': new Set(list),
      'a function that gives a generator': function* () {
        yield* list
      },
      'a function that gives an async generator': () => slowly(list),
      'a function that gives a stream': () => Readable.from(list),
      'a generator over all epochs': (function* () {
        yield* [...list, ...list, ...list]
      })(),
      'a stream over all epochs': Readable.from([...list, ...list, ...list]),
    }
    for (const [title, source] of Object.entries(sources)) {
      using model = classifier({ device })
      const steps = title.includes('over all') ? { stepsPerEpoch: 6 } : {}
      const { history, epochs, stopReason } = await model.fit(source, { epochs: 3, verbose: 0, ...steps })
      assert.equal(bitsOf(model), bitsOf(expected), title)
      assert.deepEqual([epochs, stopReason], [3, 'completed'])
      assert.deepEqual(history, straight.history, title)
    }
  })

  it('end training when there are no more', async () => {
    using model = classifier({ device })
    const source = slowly([...list, ...list])
    const { epochs, stopReason } = await model.fit(source, { epochs: 5, stepsPerEpoch: 5, verbose: 0 })
    assert.deepEqual([epochs, stopReason], [3, 'dataEnded'])
    await rejects(model.fit(slowly([]), { verbose: 0 }), 'ERR_ARGUMENT', /x: expected batches, got none/)
    await rejects(model.evaluate(slowly([])), 'ERR_ARGUMENT', /expected batches, got none/)
  })

  it('that ended warn and say what to give, and keep the history', async () => {
    using model = classifier({ device })
    const few = function* () {
      yield* list
    }
    const quiet = { verbose: 0 } as const
    const remedy = /an iterator cannot begin anew; give a function that makes a new one/
    const ended = async (work: () => unknown, when: RegExp) => {
      const warnings = await warningsOf(work)
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['NEURODE_DATA_ENDED'],
      )
      assert.match(String(warnings[0]?.message), when)
      assert.match(String(warnings[0]?.message), remedy)
    }
    let begun = 0
    const onEpochBegin = () => {
      begun++
    }
    await ended(async () => {
      const result = await model.fit(few(), { ...quiet, epochs: 5, callbacks: [{ onEpochBegin }] })
      assert.deepEqual([result.epochs, result.stopReason, begun], [1, 'dataEnded', 1])
      assert.equal(result.history.loss.length, 1)
    }, /^x: the batches ended after epoch 1 of 5: /)
    await ended(async () => {
      const { epochs, stopReason } = await model.fit(slowly(list), { ...quiet, epochs: 2, stepsPerEpoch: 4 })
      assert.deepEqual([epochs, stopReason], [2, 'dataEnded'])
    }, /^x: the batches ended in epoch 2 of 2: /)
    await ended(async () => {
      const validation = { validationData: few(), validationSteps: 4 }
      const { history } = await model.fit(x, y, { ...quiet, epochs: 2, ...validation })
      assert.equal(history.val_loss.length, 2)
    }, /^validationData: the batches ended in epoch 2 of 2: /)

    // No warning: exactly the requested steps, or a source that can start again.
    const silent = await codesOf(async () => {
      await model.fit(few(), quiet)
      await model.fit(slowly([...list, ...list]), { ...quiet, epochs: 2, stepsPerEpoch: 6 })
      await model.fit(few, { ...quiet, epochs: 2, validationData: few })
      await model.fit(list, { ...quiet, epochs: 2, stepsPerEpoch: 99 })
    })
    assert.deepEqual(silent, [])
  })

  it('that ended are told from those that are empty, and the argument is named', async () => {
    using model = classifier({ device })
    const few = function* () {
      yield* list
    }
    const quiet = { verbose: 0 } as const
    const none = (argument: string) =>
      new RegExp(`^${argument}: expected batches, got none: the iterator has ended before.*give a function`)
    const fit = model.fit(few, { ...quiet, epochs: 5, validationData: few() })
    await rejects(fit, 'ERR_ARGUMENT', none('validationData'))
    assert.deepEqual([model.history?.loss.length, model.history?.val_loss?.length], [2, 1])
    const [generator, stream] = [few(), Readable.from(list)]
    for (const source of [generator, stream]) {
      await model.fit(source, quiet)
      await rejects(model.fit(source, quiet), 'ERR_ARGUMENT', none('x'))
      await rejects(model.evaluate(source), 'ERR_ARGUMENT', none('x'))
    }
    using unbuilt = sequential([layers.dense({ units: 3 })]).compile({ loss: 'mse', device })
    await rejects(unbuilt.fit(generator, quiet), 'ERR_ARGUMENT', none('x'))
    await rejects(unbuilt.fit([][Symbol.iterator](), quiet), 'ERR_ARGUMENT', /^x: expected batches, got none$/)
    const aborted = new AbortController()
    const onEpochEnd = (epoch: number) => {
      if (epoch === 1) aborted.abort()
    }
    const stopped = model.fit(x, y, { ...quiet, epochs: 9, signal: aborted.signal, callbacks: [{ onEpochEnd }] })
    await rejects(stopped, 'ERR_ABORTED')
    assert.equal(model.history?.loss.length, 2)
  })

  it('are read while the device works, two batches ahead and no more', async () => {
    using model = classifier({ device })
    let taken = 0
    let most = 0
    let done = 0
    await model.fit(
      function* () {
        for (const batch of list) {
          taken++
          most = Math.max(most, taken - done)
          yield batch
        }
      },
      {
        verbose: 0,
        callbacks: {
          onBatchEnd() {
            done++
          },
        },
      },
    )
    assert.equal(taken, 6)
    assert.ok(most >= 2 && most <= 3, `${most} batches ahead`)
  })

  it('are validated and evaluated on', async () => {
    using model = classifier({ device })
    const { history } = await model.fit(list, { epochs: 2, verbose: 0, validationData: list.slice(0, 3) })
    const limited = await model.evaluate(() => slowly(list), { steps: 3 })
    assert.deepEqual(limited, { loss: history.val_loss[1], accuracy: history.val_accuracy[1] })
    assert.deepEqual(await model.evaluate(list), await model.evaluate(x, y, { batchSize: 16 }))
    const { history: first } = await model.fit(x, y, { verbose: 0, validationData: slowly(list), validationSteps: 2 })
    assert.equal(first.val_loss.length, 1)
  })

  it('predict batch after batch', async () => {
    using model = classifier({ device })
    const expected = await model.predict(x)
    const found: number[] = []
    for await (const { data, shape } of model.predictStream(() => slowly(list))) {
      assert.deepEqual(shape, [data.length / 3, 3])
      found.push(...data)
    }
    assert.deepEqual(found, [...expected.data])
    const inputs = list.map((batch) => batch.x)
    for await (const { data } of model.predictStream(inputs)) {
      assert.deepEqual(data, expected.data.slice(0, 48))
      break
    }
  })

  it('close what they opened, and pass errors on', async () => {
    using model = classifier({ device })
    let closed = 0
    const failing = (after: number) =>
      function* () {
        try {
          for (const [i, batch] of list.entries()) {
            if (i === after) throw new Error('no more disk')
            yield batch
          }
        } finally {
          closed++
        }
      }
    await assert.rejects(model.fit(failing(2), { verbose: 0 }), /no more disk/)
    await assert.rejects(model.evaluate(failing(0)), /no more disk/)
    assert.equal(closed, 2)
    const stop = {
      onBatchEnd() {
        model.stopTraining = true
      },
    }
    const { stopReason } = await model.fit(failing(-1), { epochs: 3, verbose: 0, callbacks: stop })
    assert.deepEqual([stopReason, closed], ['stopped', 3])
    const wrong = [rowsOf(0, 4), { x: [[1, 2]], y: [0] }]
    await rejects(model.fit(wrong, { verbose: 0 }), 'ERR_SHAPE', /x: batch 2 of epoch 1: x: expected shape \[n, 6\]/)
    await rejects(
      model.fit([{ x: [[1]] }] as never, { verbose: 0 }),
      'ERR_ARGUMENT',
      /batch 1 of epoch 1: expected \{ x, y \}/,
    )
    await rejects(model.fit(list, { batchSize: 3 }), 'ERR_ARGUMENT', /batchSize: expected none/)
    await rejects(model.fit(list, { validationSplit: 0.5 }), 'ERR_ARGUMENT', /validationSplit: expected none/)
    await rejects(
      model.fit((() => 3) as never),
      'ERR_ARGUMENT',
      /x: expected an iterable of batches, or a function that gives one, got 3/,
    )
    await model.fit(list, { verbose: 0 })
  })

  it('build a model that does not know its input', async () => {
    using model = sequential([layers.dense({ units: 3, activation: 'softmax' })]).compile({
      loss: 'sparseCategoricalCrossentropy',
      device,
    })
    await model.fit(slowly(list), { verbose: 0 })
    assert.deepEqual(model.inputShape, [6])
  })

  it('abort', async () => {
    using model = classifier({ device })
    const abort = new AbortController()
    const endless = async function* () {
      for (;;) {
        yield* list
        await sleep(1)
      }
    }
    setTimeout(() => abort.abort(), 30)
    await rejects(model.fit(endless, { verbose: 0, signal: abort.signal }), 'ERR_ABORTED')
    const silent = new AbortController()
    const never: AsyncIterable<Batch> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }
    setTimeout(() => silent.abort(), 5)
    await rejects(model.evaluate(never, { signal: silent.signal }), 'ERR_ABORTED')
    await model.fit(list, { verbose: 0 })
  })
})
