/** A custom loss of targets that are wider than the outputs, and models that have it. */

import assert from 'node:assert/strict'
import {
  array,
  type CapturedBatch,
  type Functional,
  input,
  type Loss,
  layers,
  losses,
  metrics,
  model,
  optimizers,
  sequential,
} from 'neurode'
import { numbers } from './graphs.js'

export const x = numbers(4)
export const y = numbers(2)
export const sampleWeight = numbers(1).data.map(Math.abs)

/** Targets with the number of their row behind them. */
export const numbered = (data: Float32Array, first = 0) =>
  array(
    Float32Array.from({ length: (data.length / 2) * 3 }, (_, i) =>
      i % 3 < 2 ? (data[Math.floor(i / 3) * 2 + (i % 3)] as number) : first + Math.floor(i / 3),
    ),
    [data.length / 2, 3],
  )

/** The weighted mean of squares of the first two targets of each row. */
export const squaresOf = ({ outputs, targets, weights, shape: [count] }: CapturedBatch) => {
  const width = targets.length / count
  const error = (i: number) => (outputs[i] as number) - (targets[(i >> 1) * width + (i & 1)] as number)
  const share = (i: number) => (weights[i >> 1] as number) / outputs.length
  return {
    loss: outputs.reduce((sum, _, i) => sum + share(i) * error(i) ** 2, 0),
    gradient: outputs.map((_, i) => 2 * share(i) * error(i)),
  }
}

/** Asks that each row is called by the number in its targets. */
export function assertNamed({ targets, indices, shape: [count] }: CapturedBatch, positions = 1): void {
  if (indices === undefined) return
  assert.equal(indices.length, count)
  for (const [row, index] of indices.entries()) {
    assert.equal(
      targets[3 * row + 2],
      positions === 1 ? index : index * positions + ((targets[3 * row + 2] as number) % positions),
    )
  }
}

export const plain = losses.custom({ name: 'squares', compute: squaresOf })
export const wide = (positions = 1) =>
  losses.custom({
    name: 'squares',
    targets: 3,
    compute: (batch) => {
      assertNamed(batch, positions)
      return squaresOf(batch)
    },
  })
/** Asks for names as well, and gives the first error of each row. */
const firstOf = ({ outputs, targets, indices, shape: [count] }: CapturedBatch) => {
  const width = targets.length / count
  if (width === 3) for (const [row, index] of (indices ?? []).entries()) assert.equal(targets[3 * row + 2], index)
  return Array.from({ length: count }, (_, row) => (outputs[2 * row] as number) - (targets[width * row] as number))
}
/** Custom metrics, which get the rows that the loss gets. */
export const first = metrics.custom({ name: 'first', rows: firstOf })
export const weighted = metrics.custom({ name: 'weighted', rows: firstOf })

export const chain = (loss: Loss, device: string) =>
  sequential({
    layers: [
      layers.dense({ units: 5, activation: 'tanh', inputShape: [4] }),
      layers.batchNormalization(),
      layers.dropout({ rate: 0.25 }),
      layers.dense({ units: 2 }),
    ],
    seed: 2,
  }).compile({
    loss,
    metrics: [first, 'mean'],
    weightedMetrics: [weighted],
    optimizer: optimizers.adam(),
    device,
    threads: 1,
  })

/** Two outputs; the second has a loss of its own. */
export function fork(loss: Loss, device: string): Functional {
  const from = input({ shape: [4] })
  const h = layers.dense({ units: 5, activation: 'tanh' }).apply(from)
  const [price, sold] = [
    layers.dense({ units: 2 }).apply(h),
    layers.dense({ units: 1, activation: 'sigmoid' }).apply(h),
  ]
  return model({ inputs: from, outputs: { price, sold }, seed: 4 }).compile({
    loss: { price: loss, sold: 'binaryCrossentropy' },
    lossWeights: { sold: 0.5 },
    metrics: { price: [first], sold: ['accuracy', 'auc'] },
    optimizer: optimizers.adam(),
    device,
    threads: 1,
  }) as never
}
