/** Scores of predicted numbers. */

import type { ArrayInput } from '../arrays/arrays.js'
import { refuseMore } from '../checks/arity.js'
import { checkOptions } from '../checks/validate.js'
import { checkCount, readSampleWeight, readSeries } from './given.js'
import { meanOver } from './probabilities.js'

/** Options of {@link regressionReport}. */
export interface RegressionOptions {
  /** A weight of at least 0 for each row. Default: all weights are 1. */
  readonly sampleWeight?: ArrayInput | undefined
}

/** The result of {@link regressionReport}. */
export interface RegressionReport {
  /** The share of the variance that is explained: 1 for all right, 0 for always predicting the mean, below 0 for worse. */
  readonly r2: number
  /** The root of the mean squared error, in the unit of the targets. */
  readonly rmse: number
  /** The mean absolute error, in the unit of the targets. */
  readonly mae: number
  /** The median absolute error, in the unit of the targets. */
  readonly medianAbsoluteError: number
  /** The largest absolute error, in the unit of the targets; weights have no effect. */
  readonly maxError: number
  /** Like `r2`, without the part of the error that is the same for all rows. */
  readonly explainedVariance: number
  /** The mean absolute error as a share of the target, 0.1 for 10 %; huge where targets are 0. */
  readonly mape: number
}

/**
 * Computes the usual scores of predicted numbers, with the numbers of scikit-learn's `r2_score`, `root_mean_squared_error` and so on.
 * Where all targets are equal, `r2` and `explainedVariance` are 1 if the predictions are right, else 0; of a single row they are NaN.
 *
 * @param targets - The actual number of each row, shape `[n]` or `[n, 1]`.
 * @param predictions - The predicted number of each row, shape `[n]` or `[n, 1]`.
 * @throws NeurodeError `ERR_SHAPE` for other shapes or lengths that differ, `ERR_ARGUMENT` for numbers that are not finite.
 *
 * @example
 * ```ts
 * import { regressionReport } from 'neurode'
 *
 * const { r2, rmse, mae } = regressionReport([1, 2, 3], [1.5, 2, 2.5])
 * console.log(r2, rmse, mae) // 0.75, 0.408…, 0.333…
 * ```
 */
export function regressionReport(
  targets: ArrayInput,
  predictions: ArrayInput,
  given?: RegressionOptions,
  ...more: unknown[]
): RegressionReport {
  refuseMore(more, 3, 'regressionReport')
  const { sampleWeight } = checkOptions(given, ['sampleWeight'], 'regressionReport')
  const [truth, guesses] = [readSeries(targets, 'targets'), readSeries(predictions, 'predictions')]
  checkCount(guesses.length, truth.length, 'predictions', 'targets')
  const weights = readSampleWeight(sampleWeight, truth.length, 'regressionReport: sampleWeight')
  const errors = truth.map((value, i) => value - (guesses[i] as number))
  const absolute = errors.map(Math.abs)
  const mean = (of: (row: number) => number) => meanOver(truth.length, weights, of)
  const variance = (values: Float64Array) => {
    const centre = mean((row) => values[row] as number)
    return mean((row) => ((values[row] as number) - centre) ** 2)
  }
  const squared = mean((row) => (errors[row] as number) ** 2)
  const share = (part: number) => explained(part, variance(truth), truth.length)
  return {
    r2: share(squared),
    rmse: Math.sqrt(squared),
    mae: mean((row) => absolute[row] as number),
    medianAbsoluteError: weightedMedian(absolute, weights),
    maxError: absolute.reduce((most, each) => Math.max(most, each), 0),
    explainedVariance: share(variance(errors)),
    mape: mean((row) => (absolute[row] as number) / Math.max(Math.abs(truth[row] as number), Number.EPSILON)),
  }
}

function explained(part: number, whole: number, rows: number): number {
  if (rows === 1) return Number.NaN
  if (whole === 0) return Number(part === 0)
  return 1 - part / whole
}

/** The value below and above which half of the weight lies; between two such values, their mean. */
function weightedMedian(values: Float64Array, weights?: Float64Array): number {
  const order = Uint32Array.from(values.keys()).filter((row) => (weights?.[row] ?? 1) > 0)
  order.sort((a, b) => (values[a] as number) - (values[b] as number))
  const half = order.reduce((sum, row) => sum + (weights?.[row] ?? 1), 0) / 2
  let sum = 0
  for (const [i, row] of order.entries()) {
    sum += weights?.[row] ?? 1
    if (sum > half) return values[row] as number
    if (sum === half) return ((values[row] as number) + (values[order[i + 1] ?? row] as number)) / 2
  }
  return values[order.at(-1) as number] as number
}
