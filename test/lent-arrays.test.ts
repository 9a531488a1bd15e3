/** Arrays are seen as they are at a call, whatever becomes of them and of their memory afterwards. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import {
  type ArrayInput,
  array,
  debug,
  type FitOptions,
  layers,
  losses,
  metrics,
  openNpy,
  sequential,
  writeNpy,
} from 'neurode'
import { batcher } from 'neurode/serve'
import type { NumericArray } from '#lib/arrays/arrays.js'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { type Arrays, memories } from './support/memories.js'
import { Random } from './support/random.js'
import { assertRefused } from './support/refusals.js'

const rows = 48
const features = 4
const classes = 3
const random = new Random(3)
const floats = random.normals(rows * features)
const bytes = random.bytes(rows * features)
const doubles = Float64Array.from(floats)
const indices = Float32Array.from(random.classes(rows * features, 5))
const labels = random.classes(rows, classes)
const oneHot = Float32Array.from({ length: rows * classes }, (_, i) =>
  Number(labels[Math.floor(i / classes)] === i % classes),
)
const weights = Float32Array.from({ length: rows }, (_, i) => 0.5 + (i % 3))
const signal = new AbortController().signal
const quiet = { verbose: 0 } as const

/** A call that is given arrays: `arrays` before it, and what it gives as numbers. */
interface Call {
  readonly name: string
  readonly arrays: Arrays
  // biome-ignore lint/suspicious/noExplicitAny: arrays of many types
  readonly call: (device: string, given: any) => Promise<ArrayLike<number>>
}

const dense = (device: string) =>
  sequential({
    layers: [
      layers.dense({ units: 5, activation: 'tanh', inputShape: [features] }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    seed: 1,
  }).compile({ loss: 'categoricalCrossentropy', metrics: ['accuracy'], device, threads: 2 })

const embedding = (device: string) =>
  sequential({
    layers: [
      layers.embedding({ inputDim: 5, outputDim: 3, inputShape: [features] }),
      layers.flatten(),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    seed: 1,
  }).compile({ loss: 'categoricalCrossentropy', metrics: ['accuracy'], device, threads: 2 })

type Model = ReturnType<typeof dense>

/** Labels, or what rows of targets have as a shape. */
function targets(y: Arrays[string]): ArrayInput {
  const data = y as NumericArray
  return data.length === rows * classes ? { data, shape: [rows, classes] } : data
}

/** What a fit made of a model. */
async function trained(model: Model, fit: Promise<{ history: object }>): Promise<number[]> {
  const { history } = await fit
  return [
    ...Object.values(history).flatMap((values) => [...values]),
    ...model.getWeights().flatMap(({ data }) => [...data]),
  ]
}

function fits(name: string, arrays: Arrays, options: (given: Arrays) => FitOptions = () => ({}), make = dense): Call {
  return {
    name: `fit, ${name}`,
    arrays,
    call: async (device, given) => {
      using model = make(device)
      return await trained(
        model,
        model.fit(given.x, targets(given.y), { ...quiet, epochs: 2, batchSize: 20, ...options(given) }),
      )
    },
  }
}

function onModel(
  name: string,
  arrays: Arrays,
  call: (model: Model, given: Arrays) => Promise<ArrayLike<number>>,
  make = dense,
): Call {
  return {
    name,
    arrays,
    call: async (device, given) => {
      using model = make(device)
      return await call(model, given)
    },
  }
}

const x = floats
const y = labels
const calls: readonly Call[] = [
  fits('floats and labels', { x, y }),
  fits('bytes and rows', { x: bytes, y: oneHot }),
  fits('doubles', { x: doubles, y: Float64Array.from(oneHot) }),
  fits('byte targets', { x, y: Uint8Array.from(oneHot) }),
  fits('weights', { x, y, sampleWeight: weights }, ({ sampleWeight }) => ({ sampleWeight, classWeight: 'balanced' })),
  fits('validation data', { x, y, vx: floats.slice(), vy: labels.slice(), vw: weights }, ({ vx, vy, vw }) => ({
    validationData: [vx, vy, vw] as never,
  })),
  fits('a validation split', { x, y, sampleWeight: weights }, ({ sampleWeight }) => ({
    sampleWeight,
    validationSplit: 0.3,
  })),
  fits('indices of an embedding', { x: indices, y }, undefined, embedding),
  onModel('fit, a stream and validation data', { vx: floats.slice(), vy: labels.slice() }, (model, { vx, vy }) => {
    const batches = () => [{ x: array(floats, [rows, features]), y: labels }]
    return trained(model, model.fit(batches, { ...quiet, epochs: 2, validationData: [vx, vy] as never }))
  }),
  onModel('evaluate', { x, y, sampleWeight: weights }, async (model, { x, y, sampleWeight }) =>
    Object.values(await model.evaluate(x as never, y as never, { sampleWeight, batchSize: 7 })),
  ),
  onModel('evaluate, class by class', { x, y }, async (model, { x, y }) => {
    const { loss, perClass } = await model.evaluate(x as never, y as never, { perClass: true })
    return [loss, ...perClass.confusionMatrix.flat()]
  }),
  onModel('trainOnBatch', { x, y, sampleWeight: weights }, async (model, { x, y, sampleWeight }) => {
    const { loss } = await model.trainOnBatch(x as never, y as never, { sampleWeight })
    return [loss, ...model.getWeights().flatMap(({ data }) => [...data])]
  }),
  onModel('testOnBatch', { x, y }, async (model, { x, y }) =>
    Object.values(await model.testOnBatch(x as never, y as never)),
  ),
  onModel('predict', { x }, async (model, { x }) => (await model.predict(x as never)).data),
  onModel('predict, bytes', { x: bytes }, async (model, { x }) => (await model.predict(x as never)).data),
  onModel('predict, doubles', { x: doubles }, async (model, { x }) => (await model.predict(x as never)).data),
  onModel(
    'predict, indices',
    { x: indices },
    async (model, { x }) => (await model.predict(x as never)).data,
    embedding,
  ),
  onModel(
    'predict, in ranges',
    { x },
    async (model, { x }) => (await model.predict(x as never, { signal, batchSize: 5 })).data,
  ),
  onModel('predictOnBatch', { x }, async (model, { x }) => (await model.predictOnBatch(x as never)).data),
  onModel('Predictor.predict', { x }, async (model, { x }) => {
    using predictor = model.predictor()
    return await predictor.predict(x as Float32Array)
  }),
  onModel('Predictor.predict, bytes', { x: bytes }, async (model, { x }) => {
    using predictor = model.predictor()
    return await predictor.predict(x as Uint8Array)
  }),
  onModel('Batcher.predict', { x }, async (model, { x }) => {
    using predictor = model.predictor()
    using queue = batcher(predictor)
    return await queue.predict(x as Float32Array)
  }),
  onModel('checkGradients', { x, y, sampleWeight: weights }, async (model, { x, y, sampleWeight }) => {
    const report = await debug.checkGradients(model, x as never, y as never, { sampleWeight, samples: 1 })
    return [report.loss, ...report.parameters.map(({ largestError }) => largestError)]
  }),
  {
    name: 'adapt',
    arrays: { x },
    call: async (_, { x }) => {
      const layer = layers.normalization({ inputShape: [features] })
      await layer.adapt(x)
      return sequential([layer]).predictSync(floats).data
    },
  },
]

/** Takes arrays away, and has what is free collected before the call ends. */
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

/** In a SharedArrayBuffer. */
function shared<T extends Float32Array | Uint8Array | Float64Array>(values: T): T {
  const Type = values.constructor as new (buffer: SharedArrayBuffer) => T
  const copy = new Type(new SharedArrayBuffer(values.byteLength))
  copy.set(values)
  return copy
}

perDevice('copy: false', (device) => {
  it('gives what copies give, for all that lies in shared memory', async () => {
    const cases: [object, object, (device: string) => Model][] = [
      [shared(floats), labels, dense],
      [shared(bytes), targets(shared(oneHot)), dense],
      [shared(floats), targets(shared(Uint8Array.from(oneHot))), dense],
      [shared(floats), targets(shared(Float64Array.from(oneHot))), dense],
      [
        array(shared(bytes), [rows, features], { scale: 1 / 255 }),
        array(shared(oneHot), [rows, classes], { scale: 0.5 }),
        dense,
      ],
      [shared(indices), labels, embedding],
    ]
    for (const [i, [x, y, make]] of cases.entries()) {
      const run = async (copy: boolean) => {
        using model = make(device)
        const options = { ...quiet, epochs: 2, batchSize: 10, copy, validationSplit: 0.25 }
        const split = await trained(model, model.fit(x as never, y as never, options))
        const { loss } = await model.evaluate(x as never, y as never, { copy })
        const whole = model.fit(x as never, y as never, { ...quiet, copy, validationData: [x, y] as never })
        return [...split, loss, ...(await trained(model, whole))]
      }
      assert.deepEqual(await run(false), await run(true), String(i))
    }
  })

  it('refuses rows that are not read where they are, with the reason', async () => {
    using model = dense(device)
    const stream = () => [{ x: [[1, 2, 3, 4]], y: [1] }]
    const given: [unknown, unknown, RegExp][] = [
      [
        floats,
        labels,
        /^copy: expected true unless x lies in a SharedArrayBuffer: other memory can be taken away.*got false/,
      ],
      [[[1, 2, 3, 4]], [1], /x lies in a SharedArrayBuffer/],
      [
        shared(doubles),
        labels,
        /^copy: expected true unless x is bytes or float32: other elements are converted, got false/,
      ],
      [stream, undefined, /^copy: expected true with batches, got false/],
    ]
    for (const [x, y, message] of given) {
      await assertRefused(() => model.fit(x as never, y as never, { ...quiet, copy: false }), 'ERR_ARGUMENT', message)
      await assertRefused(() => model.evaluate(x as never, y as never, { copy: false }), 'ERR_ARGUMENT', message)
    }
    const act = () => model.evaluate(shared(floats), labels, { copy: false, perClass: true })
    await assertRefused(act, 'ERR_ARGUMENT', /^copy: expected true with perClass/)
    await inFolder(async (folder) => {
      const path = join(folder, 'rows.npy')
      await writeNpy(path, array(floats, [rows, features]))
      const fit = async () => model.fit(await openNpy(path), labels, { ...quiet, copy: false })
      await assertRefused(fit, 'ERR_ARGUMENT', /^copy: expected true with files/)
    })
  })

  it('bears whatever another thread writes where indices and targets are', async () => {
    const [x, y] = [shared(indices), shared(oneHot)]
    const wild = [Number.NaN, -1, 1e9, -1e30, Infinity, 4.5, 2 ** 31]
    const writer = new Worker(
      `const { workerData: { arrays, wild } } = require('node:worker_threads')
       require('node:worker_threads').parentPort.postMessage('writing')
       for (let i = 0; ; i++) for (const array of arrays) array[i % array.length] = wild[i % wild.length]`,
      { eval: true, workerData: { arrays: [x, y], wild } },
    )
    const encoder = (device: string) =>
      sequential({
        layers: [
          layers.categoryEncoding({ numTokens: 5, outputMode: 'count', inputShape: [features] }),
          layers.dense({ units: classes, activation: 'softmax' }),
        ],
        seed: 1,
      }).compile({ loss: 'categoricalCrossentropy', metrics: ['accuracy'], device, threads: 2 })
    try {
      await once(writer, 'message')
      for (const make of [embedding, encoder]) {
        using model = make(device)
        let fits = 0
        for (let i = 0; i < 20; i++) {
          // The check at the call may see what is no index, and says so.
          x.fill(1)
          const options = { ...quiet, epochs: 3, copy: false, callbacks: { onEpochBegin: () => void x.fill(3e9) } }
          const ended = await model.fit(x, targets(y), options).then(
            () => fits++,
            (error) => error.code,
          )
          if (typeof ended === 'string') assert.equal(ended, 'ERR_LABEL_RANGE')
        }
      }
    } finally {
      await writer.terminate()
    }
    using model = embedding(device)
    x.fill(1)
    const onEpochBegin = () => void x.fill(3e9)
    await model.fit(x, labels, { ...quiet, epochs: 3, copy: false, callbacks: { onEpochBegin } })
  })
})

describe('copy: false on the CPU', () => {
  it('reads x and y where they are', async () => {
    const run = async (copy: boolean, change: boolean) => {
      using model = dense('cpu')
      const [x, y] = [shared(floats), shared(oneHot)]
      const onEpochBegin = () => {
        if (change) for (const given of [x, y]) given.fill(0.25)
      }
      return await trained(model, model.fit(x, targets(y), { ...quiet, epochs: 2, copy, callbacks: { onEpochBegin } }))
    }
    assert.notDeepEqual(await run(false, true), await run(false, false))
    assert.deepEqual(await run(true, true), await run(true, false))
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
