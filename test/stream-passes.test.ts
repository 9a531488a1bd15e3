/** Epochs of a fixed number of steps share a pass through the data, which starts again at its end. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { array, type Batch, type FitOptions, layers, load, openNpy, optimizers, sequential, writeNpy } from 'neurode'
import { inFolder } from './data/files.js'
import { isEmulated, perDevice } from './support/devices.js'
import { clouds } from './support/problems.js'
import { bitsOf } from './support/resumable.js'
import { codesOf } from './support/warnings.js'

const { x, y } = clouds(40, 6, 3)
const list: readonly Batch[] = Array.from({ length: 5 }, (_, i) => ({
  x: array(x.data.slice(i * 48, (i + 1) * 48), [8, 6]),
  y: y.slice(i * 8, (i + 1) * 8),
}))

function modelOn(device: string) {
  return sequential({
    layers: [
      layers.dense({ units: 8, activation: 'relu', inputShape: [6] }),
      layers.dropout({ rate: 0.3 }),
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
    seed: 4,
  }).compile({
    optimizer: optimizers.sgd({ learningRate: 0.1, momentum: 0.9 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    device,
    threads: 1,
  })
}

/** Sources that can start again; they append the batches that they gave to `seen`. */
const sources: Readonly<Record<string, (seen: number[]) => Iterable<Batch> | (() => AsyncIterable<Batch>)>> = {
  'an array': (seen) =>
    Object.assign([...list], {
      *[Symbol.iterator]() {
        for (const i of list.keys()) {
          seen.push(i)
          yield list[i] as Batch
        }
      },
    }),
  'an object that can be iterated over': (seen) => ({
    *[Symbol.iterator]() {
      for (const [i, batch] of list.entries()) {
        seen.push(i)
        yield batch
      }
    },
  }),
  'a function': (seen) =>
    async function* () {
      for (const [i, batch] of list.entries()) {
        await sleep(0)
        seen.push(i)
        yield batch
      }
    },
}

/** By number of steps: the batches of each epoch. An epoch ends at the end of the pass. */
const epochsOf: Readonly<Record<number, readonly (readonly number[])[]>> = {
  1: [[0], [1], [2], [3], [4], [0], [1]],
  2: [[0, 1], [2, 3], [4], [0, 1], [2, 3], [4], [0, 1]],
  3: [
    [0, 1, 2],
    [3, 4],
    [0, 1, 2],
    [3, 4],
  ],
  5: [
    [0, 1, 2, 3, 4],
    [0, 1, 2, 3, 4],
  ],
  9: [
    [0, 1, 2, 3, 4],
    [0, 1, 2, 3, 4],
  ],
}

const quiet = { verbose: 0 } as const

perDevice('epochs of a number of steps', (device) => {
  /** The expected result of a fit with these batches in these epochs. */
  async function expectedOf(epochs: readonly (readonly number[])[], options: FitOptions = {}) {
    using model = modelOn(device)
    const left = epochs.map((batches) => batches.map((batch) => list[batch] as Batch))
    const { history } = await model.fit(() => left.shift() ?? [], { ...quiet, ...options, epochs: epochs.length })
    return { history, bits: bitsOf(model) }
  }

  for (const [title, make] of Object.entries(sources)) {
    it(`go on where the one before ended, and begin anew with the source: ${title}`, async () => {
      for (const [steps, epochs] of Object.entries(epochsOf)) {
        const seen: number[] = []
        using model = modelOn(device)
        const batches: number[] = []
        const options: FitOptions = {
          ...quiet,
          epochs: epochs.length,
          stepsPerEpoch: Number(steps),
          callbacks: { onEpochEnd: () => batches.push(model.position.step) },
        }
        let result: Awaited<ReturnType<typeof model.fit>> | undefined
        const warned = await codesOf(async () => {
          result = await model.fit(make(seen), options)
        })
        assert.deepEqual(warned, [])
        assert.deepEqual([result?.stopReason, result?.epochs], ['completed', epochs.length])
        const ends = epochs.map((_, i) => epochs.slice(0, i + 1).flat().length)
        assert.deepEqual(batches, ends, `${steps} steps`)
        assert.deepEqual({ history: result?.history, bits: bitsOf(model) }, await expectedOf(epochs), `${steps} steps`)
        // Every batch that is taken from the source is trained on, and none is skipped.
        assert.deepEqual(seen, epochs.flat())
      }
    })
  }

  it('that validate begin with the first batch each time, so that they are compared on the same rows', async () => {
    const seen: number[] = []
    const validationData = (sources['an object that can be iterated over'] as (typeof sources)[string])(seen)
    using model = modelOn(device)
    const { history } = await model.fit(x, y, { ...quiet, epochs: 3, validationData, validationSteps: 2 })
    assert.deepEqual(seen, [0, 1, 0, 1, 0, 1])
    assert.equal(history.val_loss?.[2], (await model.evaluate(list.slice(0, 2))).loss)
  })

  it('share a pass through rows in memory and in files as well, where these keep their order', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'x.npy')
      await writeNpy(path, array(x.data, [40, 6]))
      await using file = await openNpy(path)
      for (const [steps, epochs] of Object.entries(epochsOf)) {
        const { history, bits } = await expectedOf(epochs)
        for (const rows of [x, file]) {
          using model = modelOn(device)
          const options = { batchSize: 8, shuffle: false, epochs: epochs.length, stepsPerEpoch: Number(steps) }
          const result = await model.fit(rows, y, { ...quiet, ...options })
          assert.deepEqual([result.history, bitsOf(model)], [history, bits], `${steps} steps`)
        }
      }
    })
  })

  it('have the bits of a training that never stopped, from any batch on, in this process and from a file', async () => {
    const kinds: Readonly<Record<string, readonly [x: unknown, y: unknown, options: FitOptions]>> = {
      'a function': [() => list, undefined, {}],
      'an array': [list, undefined, {}],
      'rows in order': [x, y, { batchSize: 8, shuffle: false }],
    }
    await inFolder(async (folder) => {
      for (const [title, [given, targets, own]] of Object.entries(kinds)) {
        for (const stepsPerEpoch of isEmulated(device) ? [2] : [2, 3]) {
          const train = (model: ReturnType<typeof modelOn>, options: FitOptions) => {
            const all = { ...quiet, ...own, stepsPerEpoch, epochs: 5, ...options }
            const arguments_ = targets === undefined ? [given, all] : [given, targets, all]
            return (model.fit as (...args: unknown[]) => Promise<unknown>)(...arguments_)
          }
          using straight = modelOn(device)
          await train(straight, {})
          const { step: steps } = straight.position
          for (let at = 1; at < steps; at++) {
            using model = modelOn(device)
            const path = join(folder, 'model.neurode')
            const onBatchEnd = async () => {
              if (model.position.step !== at) return
              await model.save(path)
              model.stopTraining = true
            }
            await train(model, { callbacks: { onBatchEnd } })
            using loaded = await load(path, { device, threads: 1 })
            for (const each of [model, loaded as unknown as typeof model]) {
              await train(each, { resume: true })
              assert.equal(bitsOf(each), bitsOf(straight), `${title}, ${stepsPerEpoch} steps, after step ${at}`)
              assert.deepEqual(each.position, straight.position)
            }
          }
          // The training is resumed between epochs, with more epochs.
          for (let epochs = 1; epochs < 5; epochs++) {
            using model = modelOn(device)
            await train(model, { epochs })
            await train(model, { resume: true })
            assert.equal(bitsOf(model), bitsOf(straight), `${title}, ${stepsPerEpoch} steps, after epoch ${epochs}`)
          }
        }
      }
    })
  })

  it('of a generator go on from where it is, or from the batch where training was in one that is new', async () => {
    const all = [...list, ...list]
    const options = { ...quiet, stepsPerEpoch: 2 }
    using straight = modelOn(device)
    await straight.fit(all.values(), { ...options, epochs: 5 })
    for (const makesNew of [false, true]) {
      using model = modelOn(device)
      const first = all.values()
      await model.fit(first, { ...options, epochs: 2 })
      await model.fit(makesNew ? all.values() : first, { ...options, epochs: 5, resume: true })
      assert.equal(bitsOf(model), bitsOf(straight))
    }
  })

  it('that are trained anew begin with the first batch', async () => {
    using model = modelOn(device)
    using expected = modelOn(device)
    const options = { ...quiet, stepsPerEpoch: 2 }
    for (let fit = 0; fit < 2; fit++) await model.fit(list, options)
    for (let fit = 0; fit < 2; fit++) await expected.fit(list.slice(0, 2), quiet)
    assert.equal(bitsOf(model), bitsOf(expected))
  })
})
