/** Measures gradients by single SGD steps, through the public API alone. */

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

/**
 * Gradients of Σ cotangent·output of the layers, one row per step. In front of the layers is an identity whose bias of 0
 * changes by the gradient of the input. Behind them is a Dense layer with the cotangent as kernel; its one output is far above
 * its target, so that the absolute error has the slope 1.
 */
export async function gradientsOf(
  body: () => Layer[],
  weights: readonly ArrayInput[],
  rows: readonly (readonly number[])[],
  cotangents: readonly (readonly number[])[],
  device: string,
): Promise<Gradients> {
  const width = rows[0]?.length ?? 0
  using model = sequential([
    layers.dense({ units: width, inputShape: [width] }),
    ...body(),
    layers.dense({ units: 1, useBias: false }),
  ])
  model.compile({
    optimizer: optimizers.sgd({ learningRate: gradientRate }),
    loss: losses.meanAbsoluteError({ reduction: 'sum' }),
    device,
  })
  const inputs: number[] = []
  const sums = model
    .getWeights()
    .slice(2, -1)
    .map(({ data }) => new Array<number>(data.length).fill(0))
  for (const [i, row] of rows.entries()) {
    const cotangent = cotangents[i] as readonly number[]
    model.setWeights([
      identity(width),
      new Float32Array(width),
      ...weights,
      array(Float32Array.from(cotangent), [cotangent.length, 1]),
    ])
    const before = model.getWeights()
    await model.trainOnBatch(array([row]), array([[-1e30]]))
    const after = model.getWeights()
    for (const value of after[1]?.data ?? []) inputs.push(-value / gradientRate)
    sums.forEach((sum, k) => {
      sum.forEach((_, j) => {
        const moved = (before[k + 2]?.data[j] as number) - (after[k + 2]?.data[j] as number)
        sum[j] = (sum[j] as number) + moved / gradientRate
      })
    })
  }
  return { inputs, weights: sums }
}

/**
 * The same gradients for all rows as one batch, with the given `outputs` of every row. The rows are the kernel of a first Dense
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
