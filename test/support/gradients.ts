/** Measures gradients through the public API alone. */

import { type ArrayInput, array, type Layer, layers, losses, optimizers, sequential } from 'neurode'

/** A power of two so large that `weights - rate·gradient` keeps the digits of the gradient. */
export const gradientRate = 1024

/**
 * The identity matrix: as the kernel of Dense without bias it passes inputs through, and as input it makes the kernel the
 * predictions.
 */
export function identity(size: number) {
  const data = new Float32Array(size * size)
  for (let i = 0; i < size; i++) data[i * size + i] = 1
  return array(data, [size, size])
}

export interface Gradients {
  /** Gradients with respect to the input, row by row. */
  readonly inputs: number[]
  /** Gradients with respect to every weight of the layers, summed over rows. */
  readonly weights: number[][]
}

/** Gradients of Σ cotangent·output of the layers with respect to the input, in training mode. */
export async function gradientsOf(
  body: () => Layer[],
  rows: readonly (readonly number[])[],
  cotangents: readonly (readonly number[])[],
  device: string,
): Promise<Float32Array> {
  using model = sequential([layers.input({ shape: [rows[0]?.length ?? 0] }), ...body()])
  model.compile({ loss: 'mse', device })
  const { inputs } = await model.backward(array(rows), array(cotangents), { training: true })
  return inputs.data
}

/**
 * Gradients of Σ cotangent·output for all rows as one batch by a step of SGD, with the given `outputs` of every row. The rows are the kernel of a first Dense
 * layer, whose input is an identity matrix. The targets are so far from the outputs that the squared error has the wanted
 * slopes. `weights` are those after the first kernel, in order; without them, layers keep their own.
 */
export async function batchGradientsOf(
  body: () => Layer[],
  weights: readonly ArrayInput[],
  rows: readonly (readonly number[])[],
  outputs: readonly (readonly number[])[],
  cotangents: readonly (readonly number[])[],
  device: string,
): Promise<Gradients> {
  const width = rows[0]?.length ?? 0
  const size = cotangents[0]?.length ?? 0
  using model = sequential([layers.dense({ units: width, useBias: false, inputShape: [rows.length] }), ...body()])
  model.compile({
    optimizer: optimizers.sgd({ learningRate: gradientRate }),
    loss: losses.meanSquaredError({ reduction: 'sum' }),
    device,
  })
  const own = model.getWeights().slice(1 + weights.length)
  const kernel = array(Float32Array.from(rows.flat()), [rows.length, width])
  model.setWeights([kernel, ...weights, ...own.map(({ data, shape }) => array(data, shape))])
  const before = model.getWeights()
  const targets = outputs.flatMap((row, r) => row.map((v, i) => v - ((cotangents[r]?.[i] ?? 0) * size) / 2))
  await model.trainOnBatch(identity(rows.length), array(Float32Array.from(targets), [rows.length, size]))
  const moved = model
    .getWeights()
    .map(({ data }, k) => Array.from(data, (v, i) => ((before[k]?.data[i] as number) - v) / gradientRate))
  return { inputs: moved[0] ?? [], weights: moved.slice(1) }
}
