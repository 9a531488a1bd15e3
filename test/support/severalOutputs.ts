/** Models of two outputs, and data for them. */

import { array, type Functional, input, layers, model, optimizers, regularizers, type SymbolicTensor } from 'neurode'
import { numbers, rows } from './graphs.js'

/** The outputs of {@link twoHeads}. */
export type Two = { readonly price: SymbolicTensor<readonly [2]>; readonly sold: SymbolicTensor<readonly [1]> }
export type Net<Keys extends string = string> = Functional<readonly [4], readonly [number], Keys, never, Two>

export const x = numbers(4)
export const yes = Float32Array.from({ length: rows }, (_, i) => Number((x.data[4 * i] as number) > 0))
export const y = { price: numbers(2), sold: array(yes, [rows, 1]) }
export const weights = { price: numbers(1).data.map(Math.abs), sold: numbers(1).data.map(Math.abs) }

/** A body with two outputs, one of them for a probability. */
export function twoHeads() {
  const from = input({ shape: [4] })
  const h = layers.dense({ units: 5, activation: 'tanh', kernelRegularizer: regularizers.l2(0.01) }).apply(from)
  const price = layers.dense({ units: 2, name: 'cost' }).apply(h)
  const sold = layers.dense({ units: 1, activation: 'sigmoid' }).apply(h)
  return model({ inputs: from, outputs: { price, sold }, seed: 4 })
}

export const adam = () => optimizers.adam({ learningRate: 0.02 })

/** A model whose two outputs have a loss and metrics each. */
export function compiled(device: string) {
  return twoHeads().compile({
    optimizer: adam(),
    loss: { price: 'mse', sold: 'binaryCrossentropy' },
    lossWeights: { sold: 0.5 },
    metrics: { price: ['mae'], sold: ['accuracy', 'auc'] },
    weightedMetrics: { price: ['mae'] },
    device,
    threads: 1,
  })
}
