/** Cliffs of predictions: few rows, other calls for the same thing, and layers that predictors compute in another way. */

import { array, type Layer, layers } from 'neurode'
import { type Cliff, calls, recorded } from './cliff.js'
import { compiled, net, numbers, onnxRuntime } from './models.js'

const narrow = [784, 512, 512, 10]
const wide = [784, 1000, 1000, 1000, 10]

const shown = (sizes: readonly number[], rows: number) => `${rows} x ${sizes.join('-')}`

function ofModel(sizes: readonly number[], rows: number, method: 'predict' | 'predictSync'): Cliff {
  return {
    name: `${method} ${shown(sizes, rows)}`,
    timed: `model.${method}`,
    reference: 'predictor.predictSync',
    goal: 1.2,
    open(threads) {
      const model = compiled(net(sizes), threads)
      const predictor = model.predictor({ threads })
      const data = numbers(rows * (sizes[0] as number))
      const x = array(data, [rows, sizes[0] as number])
      return { timed: calls(() => model[method](x)), reference: calls(() => predictor.predictSync(data)) }
    },
  }
}

function againstOnnxRuntime(sizes: readonly number[], rows: number, goal: number): Cliff {
  return {
    name: `predictor ${shown(sizes, rows)}`,
    timed: 'predictor.predictSync',
    reference: 'onnxruntime-node',
    goal,
    async open(threads) {
      const model = compiled(net(sizes), threads)
      const data = numbers(rows * (sizes[0] as number))
      const run = await onnxRuntime(model, data, [rows, sizes[0] as number], threads)
      if (run === undefined) return undefined
      const predictor = model.predictor({ threads })
      return { timed: calls(() => predictor.predictSync(data)), reference: calls(run) }
    },
  }
}

/** As PyTorch took it, beside a peak of 223 GFLOP/s. */
const embedded: Readonly<Record<number, number>> = { 8: 54e-6, 32: 110e-6, 128: 331e-6, 1024: 4825e-6 }

function embedding(rows: number): Cliff {
  return {
    name: `embedding ${rows} x 100 of 10000 x 64`,
    timed: 'predictor.predictSync',
    reference: 'PyTorch, recorded',
    goal: 1.2,
    open(threads) {
      const body = [
        layers.embedding({ inputDim: 10_000, outputDim: 64, inputShape: [100] }),
        layers.flatten(),
        layers.dense({ units: 16, activation: 'relu' }),
        layers.dense({ units: 1, activation: 'sigmoid' }),
      ]
      const predictor = compiled(body, threads, 'binaryCrossentropy').predictor({ threads })
      const data = Float32Array.from({ length: 100 * rows }, (_, i) => (i * 7919) % 10_000)
      return {
        timed: calls(() => predictor.predictSync(data)),
        reference: recorded(embedded[rows] as number, 223, threads),
      }
    },
  }
}

function againstRelu(name: string, layer: () => Layer, rows: number): Cliff {
  const predictorOf = (between: () => Layer, threads: number) =>
    compiled(
      [
        layers.dense({ units: 128, inputShape: [64] }),
        between(),
        layers.dense({ units: 128 }),
        between(),
        layers.dense({ units: 10 }),
      ],
      threads,
      'meanSquaredError',
    ).predictor({ threads })
  return {
    name: `${name} ${shown([64, 128, 128, 10], rows)}`,
    timed: 'predictor.predictSync',
    reference: 'the same with relu',
    goal: 1.2,
    open(threads) {
      const data = numbers(64 * rows)
      const [timed, reference] = [layer, () => layers.activation('relu')].map((between) => {
        const predictor = predictorOf(between, threads)
        return calls(() => predictor.predictSync(data))
      }) as [ReturnType<typeof calls>, ReturnType<typeof calls>]
      return { timed, reference }
    },
  }
}

export const fewRows: readonly Cliff[] = [
  ofModel(narrow, 1, 'predict'),
  ofModel(wide, 1, 'predict'),
  ofModel(narrow, 2, 'predictSync'),
  ofModel(narrow, 15, 'predictSync'),
  ofModel(wide, 2, 'predictSync'),
  ofModel(narrow, 1000, 'predictSync'),
  ...[1, 8, 32].map((rows) => againstOnnxRuntime(wide, rows, 1)),
  ...[8, 32].map((rows) => againstOnnxRuntime(narrow, rows, 1)),
  againstOnnxRuntime([10_000, 64, 10], 32, 1),
  againstOnnxRuntime([784, 4096, 4096, 10], 32, 1),
  ...[1, 32, 8192].map((rows) => againstOnnxRuntime([128, 128, 10_000], rows, 1.2)),
  againstOnnxRuntime([300, 128, 1000], 32, 1.2),
  ...[8, 32, 128, 1024].map(embedding),
  ...[2, 1024, 8192].map((rows) => againstRelu('prelu', () => layers.prelu(), rows)),
  againstRelu('layerNormalization', () => layers.layerNormalization(), 1024),
]
