/** Every call that takes arrays, with arrays for it, for the tests of lent and of shared arrays. */

import { type ArrayInput, array, debug, type FitOptions, layers, sequential } from 'neurode'
import { batcher } from 'neurode/serve'
import type { NumericArray } from '#lib/arrays/arrays.js'
import type { Arrays } from './memories.js'
import { Random } from './random.js'

export const rows = 48
export const features = 4
export const classes = 3
export const random = new Random(3)
export const floats = random.normals(rows * features)
export const bytes = random.bytes(rows * features)
export const doubles = Float64Array.from(floats)
export const indices = Float32Array.from(random.classes(rows * features, 5))
export const labels = random.classes(rows, classes)
export const oneHot = Float32Array.from({ length: rows * classes }, (_, i) =>
  Number(labels[Math.floor(i / classes)] === i % classes),
)
export const weights = Float32Array.from({ length: rows }, (_, i) => 0.5 + (i % 3))
export const signal = new AbortController().signal
export const quiet = { verbose: 0 } as const

/** A call with arrays: `arrays` are made before it, and its results are returned as numbers. */
export interface Call {
  readonly name: string
  readonly arrays: Arrays
  // biome-ignore lint/suspicious/noExplicitAny: arrays of many types
  readonly call: (device: string, given: any) => Promise<ArrayLike<number>>
}

export const dense = (device: string) =>
  sequential({
    layers: [
      layers.dense({ units: 5, activation: 'tanh', inputShape: [features] }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    seed: 1,
  }).compile({ loss: 'categoricalCrossentropy', metrics: ['accuracy'], device, threads: 2 })

export const embedding = (device: string) =>
  sequential({
    layers: [
      layers.embedding({ inputDim: 5, outputDim: 3, inputShape: [features] }),
      layers.flatten(),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    seed: 1,
  }).compile({ loss: 'categoricalCrossentropy', metrics: ['accuracy'], device, threads: 2 })

export type Model = ReturnType<typeof dense>

/** Targets as labels, or as rows in an array with a shape. */
export function targets(y: Arrays[string]): ArrayInput {
  const data = y as NumericArray
  return data.length === rows * classes ? { data, shape: [rows, classes] } : data
}

/** The weights and the history after a fit. */
export async function trained(model: Model, fit: Promise<{ history: object }>): Promise<number[]> {
  const { history } = await fit
  return [
    ...Object.values(history).flatMap((values) => [...values]),
    ...model.getWeights().flatMap(({ data }) => [...data]),
  ]
}

export function fits(
  name: string,
  arrays: Arrays,
  options: (given: Arrays) => FitOptions = () => ({}),
  make = dense,
): Call {
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

export function onModel(
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

export const x = floats
export const y = labels
export const calls: readonly Call[] = [
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
  onModel('valueAndGradients', { x, y, sampleWeight: weights }, async (model, { x, y, sampleWeight }) => {
    const options = { sampleWeight, inputs: true } as const
    const { loss, gradients, inputs } = await model.valueAndGradients(x as never, y as never, options)
    return [loss, ...inputs.data, ...Object.values(gradients).flatMap(({ data }) => [...data])]
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
