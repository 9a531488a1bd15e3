/** The values of arrays count at the time of a call, whatever happens to the arrays and their memory afterwards. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { array, layers, losses, metrics, openNpy, sequential, writeNpy } from 'neurode'
import { batcher } from 'neurode/serve'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import {
  type Call,
  calls,
  classes,
  dense,
  features,
  floats,
  labels,
  type Model,
  oneHot,
  quiet,
  rows,
  signal,
  targets,
  trained,
  weights,
  y,
} from './support/lentCalls.js'
import { type Arrays, memories, ResizableBuffer } from './support/memories.js'
import { Random } from './support/random.js'
import { assertRefused } from './support/refusals.js'

/** Takes arrays away during a call and collects garbage before the call ends. */
async function takenDuring(call: Call, device: string, memory: (typeof memories)[number]): Promise<ArrayLike<number>> {
  const made = Object.entries(call.arrays).map(([name, values]) => [name, memory.make(values)] as const)
  const result = call.call(device, Object.fromEntries(made.map(([name, { array }]) => [name, array])))
  for (const [, { take }] of made) take()
  globalThis.gc?.()
  return await result
}

perDevice('arrays', (device) => {
  for (const call of calls) {
    it(`are seen as they were: ${call.name}`, async () => {
      const expected = Array.from(await call.call(device, call.arrays))
      assert.ok(expected.length > 0 && expected.every(Number.isFinite), String(expected))
      for (const memory of memories) {
        assert.deepEqual(Array.from(await takenDuring(call, device, memory)), expected, memory.name)
      }
    })

    it(`that are gone at the call are refused: ${call.name}`, async () => {
      for (const name of Object.keys(call.arrays)) {
        for (const memory of memories.filter(({ empties }) => empties)) {
          const lost = memory.make(call.arrays[name] as Float32Array)
          lost.take()
          const act = () => call.call(device, { ...call.arrays, [name]: lost.array })
          await assertRefused(act, 'ERR_DATA_DETACHED', /its memory was transferred away or shrunk/)
        }
      }
    })

    it(`of 64-bit integers are named: ${call.name}`, async () => {
      for (const name of Object.keys(call.arrays)) {
        const big = BigInt64Array.from(call.arrays[name] as Float32Array, () => 1n)
        const act = () => call.call(device, { ...call.arrays, [name]: big })
        await assertRefused(act, 'ERR_DTYPE', / a BigInt64Array; convert it/)
      }
    })

    it(`of another realm are taken: ${call.name}`, async () => {
      const foreign = (values: Arrays[string]) => {
        const type = (values as Float32Array)[Symbol.toStringTag]
        return runInNewContext(`(values) => ${type}.from(values)`)(Array.from(values as Float32Array))
      }
      const given = Object.fromEntries(Object.entries(call.arrays).map(([name, values]) => [name, foreign(values)]))
      assert.ok(!(given[Object.keys(given)[0] as string] instanceof Float32Array))
      assert.deepEqual(Array.from(await call.call(device, given)), Array.from(await call.call(device, call.arrays)))
    })
  }

  it('of a stream are seen as they were when they were yielded', async () => {
    for (const memory of memories) {
      const run = async (take: boolean) => {
        using model = dense(device)
        async function* batches() {
          for (let first = 0; first < rows; first += 16) {
            const [x, y] = [
              floats.slice(first * features, (first + 16) * features),
              labels.slice(first, first + 16),
            ].map(memory.make)
            yield { x: x?.array, y: y?.array } as never
            if (!take) continue
            x?.take()
            y?.take()
            globalThis.gc?.()
          }
        }
        const outputs: number[] = []
        for await (const { data } of model.predictStream(batches())) outputs.push(...data)
        return [...outputs, ...(await trained(model, model.fit(batches, { ...quiet, epochs: 2 })))]
      }
      assert.deepEqual(await run(true), await run(false), memory.name)
    }
  })

  it('beside rows of a file are seen as they were', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'rows.npy')
      await writeNpy(path, array(floats, [rows, features]))
      using model = dense(device)
      const before = model.getWeights()
      const run = async (given: Arrays, take = () => {}) => {
        model.setWeights(before)
        const fit = model.fit(await openNpy(path), given.y as never, {
          ...quiet,
          epochs: 2,
          seed: 1,
          sampleWeight: given.sampleWeight,
        })
        take()
        return await trained(model, fit)
      }
      const expected = await run({ y, sampleWeight: weights })
      for (const memory of memories) {
        const [own, weight] = [memory.make(labels), memory.make(weights)]
        const result = await run({ y: own.array, sampleWeight: weight.array }, () => {
          own.take()
          weight.take()
          globalThis.gc?.()
        })
        assert.deepEqual(result, expected, memory.name)
      }
    })
  })

  it('that change in onEpochBegin are as they were at the call', async () => {
    const run = async (value?: number) => {
      using model = dense(device)
      const [x, y] = [floats.slice(), oneHot.slice()]
      const onEpochBegin = () => {
        if (value === undefined) return
        x.fill(value)
        y.fill(value)
      }
      return await trained(model, model.fit(x, targets(y), { ...quiet, epochs: 3, callbacks: { onEpochBegin } }))
    }
    assert.deepEqual(await run(0.25), await run())
  })

  it('are as they were at the call when a callback gives the model another seed', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'other.neurode')
      using other = dense(device)
      await other.save(path)
      const run = async (value?: number) => {
        using model = sequential({
          layers: [
            layers.dense({ units: 5, activation: 'tanh', inputShape: [features] }),
            layers.dense({ units: classes, activation: 'softmax' }),
          ],
          seed: 2,
        }).compile({ loss: 'categoricalCrossentropy', metrics: ['accuracy'], device, threads: 2 })
        const [x, y] = [floats.slice(), oneHot.slice()]
        const onTrainBegin = async () => {
          if (value !== undefined) for (const given of [x, y]) given.fill(value)
          await model.restore(path)
        }
        const options = { ...quiet, epochs: 2, callbacks: { onTrainBegin }, validationData: [x, targets(y)] as never }
        return await trained(model as Model, model.fit(x, targets(y), options))
      }
      assert.deepEqual(await run(0.25), await run())
    })
  })

  it('for results are written at the end, and may be the input or gone', async () => {
    using model = dense(device)
    using predictor = model.predictor()
    const expected = model.predictSync(floats).data.slice()
    const ways = {
      predict: (x: Float32Array, out: Float32Array) => model.predict(x, { out }).then(({ data }) => data),
      'predict, in ranges': (x: Float32Array, out: Float32Array) =>
        model.predict(x, { out, signal, batchSize: 5 }).then(({ data }) => data),
      predictOnBatch: (x: Float32Array, out: Float32Array) => model.predictOnBatch(x, { out }).then(({ data }) => data),
      'Predictor.predict': (x: Float32Array, out: Float32Array) => predictor.predict(x, { out }),
    }
    for (const [name, run] of Object.entries(ways)) {
      const reference = name === 'Predictor.predict' ? predictor.predictSync(floats) : expected
      const whole = floats.slice()
      const within = whole.subarray(0, rows * classes)
      assert.equal(await run(whole, within), within)
      assert.deepEqual(within, reference, name)
      for (const memory of memories) {
        const kept = memory.make(new Float32Array(rows * classes))
        assert.deepEqual(Float32Array.from(await run(floats, kept.array as Float32Array)), reference, memory.name)
        const out = memory.make(new Float32Array(rows * classes))
        const result = run(floats, out.array as Float32Array)
        out.take()
        globalThis.gc?.()
        if (memory.empties) await assertRefused(() => result, 'ERR_DATA_DETACHED', /^out: its memory/)
        else assert.deepEqual(Float32Array.from(await result), reference, memory.name)
        if (memory.empties) {
          await assertRefused(() => run(floats, out.array as Float32Array), 'ERR_DATA_DETACHED', /^out: its memory/)
        }
      }
      const memory = new ResizableBuffer(4 * rows * classes, { maxByteLength: 4 * rows * classes })
      const following = run(floats, new Float32Array(memory))
      memory.resize(8)
      await assertRefused(() => following, 'ERR_DATA_DETACHED', /^out: its memory/)
      const foreign = runInNewContext(`new Float32Array(${rows * classes})`)
      assert.equal(await run(floats, foreign), foreign, name)
      assert.deepEqual(Float32Array.from(foreign), reference, name)
      const big = new BigInt64Array(rows * classes) as unknown as Float32Array
      await assertRefused(() => run(floats, big), 'ERR_DTYPE', /^out: expected a Float32Array, got a BigInt64Array/)
    }
  })

  it('that a batcher gives to be written may be kept and taken away', async () => {
    using model = dense(device)
    using predictor = model.predictor()
    using queue = batcher(predictor)
    const row = floats.slice(0, features)
    const answers = Array.from({ length: 8 }, () =>
      queue.run(1, (into) => {
        into.set(row)
        setImmediate(() => structuredClone(into.buffer, { transfer: [into.buffer as ArrayBuffer] }))
      }),
    )
    globalThis.gc?.()
    const [expected] = [predictor.predictSync(row)]
    for (const answer of answers) assert.deepEqual(await answer, expected)
    const gone = (into: Float32Array) => void structuredClone(into.buffer, { transfer: [into.buffer as ArrayBuffer] })
    await assertRefused(() => queue.run(1, gone), 'ERR_DATA_DETACHED', /^write: its array: its memory/)
    assert.deepEqual(await queue.predict(row), expected)
  })
})

describe('large arrays', () => {
  it('are copied whole', async () => {
    const [rows, width] = [3001, 784]
    const x = new Random(5).normals(rows * width)
    const ramp = Float32Array.from({ length: width }, (_, i) => 1 + (i % 7))
    using model = sequential([layers.dense({ units: 1, inputShape: [width] })])
    model.setWeights([ramp, [0]].map((values, i) => array(values as never, i === 0 ? [width, 1] : [1])))
    const expected = model.predictSync(x).data
    const predicted = model.predict(x)
    x.fill(0)
    assert.deepEqual((await predicted).data, expected)
  })
})

describe('losses and metrics of the user', () => {
  it('cannot take away what training goes on with', async () => {
    const take = ({ outputs, targets }: { outputs: Float32Array; targets: Float32Array }) => {
      for (const { buffer } of [outputs, targets]) {
        if (buffer.byteLength > 0) structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })
      }
      globalThis.gc?.()
    }
    const loss = losses.custom({
      name: 'taking',
      compute: (batch) => {
        const gradient = batch.outputs.map((value, i) => value - (batch.targets[i] as number))
        take(batch as never)
        return { loss: 1, gradient }
      },
    })
    const counting = metrics.custom({
      name: 'taking',
      state: () => ({ updateState: (batch) => take(batch as never), result: () => 1 }),
    })
    using model = dense('cpu')
    model.compile({ loss, metrics: [counting], device: 'cpu' })
    await model.fit(floats, targets(oneHot), { ...quiet, epochs: 2 })
    assert.ok(model.getWeights().every(({ data }) => data.every(Number.isFinite)))
  })
})
