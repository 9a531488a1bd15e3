/** Metrics that are computed for each row, such as correlations, and R². */

import { mean, ratio } from './metricNumbers.js'
import type { Tally } from './tally.js'

/** A tally of the moments of each output's targets and errors, and the coefficient of determination of them. */
export function r2Tally(outputs: number, options: R2Options): Tally {
  return { plan: { kind: 'moments' }, size: 2 + 3 * outputs, result: (sums) => r2(sums, outputs, options) }
}

function r2(sums: Float64Array, outputs: number, { classAggregation, numRegressors, classId }: R2Options): number {
  // As in Keras, every output of a row counts as a sample.
  const [samples = 0, weight = 0] = sums
  const ofOutputs = Array.from({ length: outputs }, (_, o) => {
    const [sum = 0, squares = 0, errors = 0] = sums.subarray(2 + 3 * o, 5 + 3 * o)
    const total = squares - ratio(sum * sum, weight)
    const score = 1 - errors / total
    return { total, score: Number.isFinite(score) ? score : 0 }
  })
  const all = ofOutputs.reduce((sum, { total }) => sum + total, 0)
  const score =
    classId !== undefined
      ? (ofOutputs[classId]?.score ?? 0)
      : classAggregation === 'uniformAverage'
        ? mean(ofOutputs.map((output) => output.score))
        : ofOutputs.reduce((sum, { total, score: own }) => sum + ratio(total * own, all), 0)
  const free = samples - numRegressors - 1
  return numRegressors === 0 || free <= 0 ? score : 1 - ((1 - score) * (samples - 1)) / free
}

export interface R2Options {
  readonly classAggregation: 'uniformAverage' | 'varianceWeightedAverage'
  readonly numRegressors: number
  readonly classId?: number | undefined
}

/** A tally of a value of each row and of the weights of rows: their weighted mean. */
export function meanTally(plan: Tally['plan']): Tally {
  return { plan, size: 2, result: ([sum = 0, weight = 0]) => ratio(sum, weight) }
}
