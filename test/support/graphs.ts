/** Graphs and data for the tests of graph models. */

import { type AnyModel, array, type Functional, input, layers, model, optimizers, type Sequential } from 'neurode'
import { Random } from './random.js'

export const quiet = { verbose: 0 } as const

/** The weights of a model as text. */
export const bits = (net: AnyModel) =>
  net.getWeights().map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'))

export const rows = 24
const random = new Random(5)
/** Rows of random numbers. */
export const numbers = (columns: number) => array(random.normals(rows * columns), [rows, columns])

export const compiled = <T extends Functional | Sequential>(net: T, device: string, threads = 1): T => {
  net.compile({ optimizer: optimizers.adam({ learningRate: 0.01 }), loss: 'mse', device, threads })
  return net
}

/** A model of two inputs, of three columns and of two. */
export function twoInputs(device: string) {
  const [a, b] = [input({ shape: [3], name: 'a' }), input({ shape: [2], name: 'b' })]
  const h = layers.add().apply([layers.dense({ units: 4 }).apply(a), layers.dense({ units: 4 }).apply(b)])
  const net = model({ inputs: { a, b }, outputs: layers.dense({ units: 1 }).apply(h), seed: 6 })
  return net.compile({ loss: 'mse', optimizer: 'adam', device, threads: 1 })
}
