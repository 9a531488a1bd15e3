/** How often predicted probabilities come true. */

import type { ArrayInput } from '../arrays/arrays.js'
import { withLists } from '../arrays/shapedArray.js'
import { refuseMore } from '../checks/arity.js'
import { checkInteger, checkOptions, refuse } from '../checks/validate.js'
import { checkCount, type Label, type LabelInput, readBinary, readSeries } from './given.js'
import { checkOneOf } from './scores.js'

/** Options of {@link calibrationCurve}. */
export interface CalibrationOptions {
  /** How many bins there are; default 5. */
  readonly bins?: number | undefined
  /** `'uniform'`: bins of the same width; `'quantile'`: bins of about as many rows each. Default `'uniform'`. */
  readonly strategy?: 'uniform' | 'quantile' | undefined
  /** The label of the positive class. Default: 1 of 0 and 1 or of -1 and 1, and `true` of booleans. */
  readonly positive?: Label | undefined
}

/** For each bin that has rows, from the lowest probabilities up. */
export interface CalibrationCurve {
  /** The share of positive rows. */
  readonly observed: Float64Array
  /** The mean of the predicted probabilities. */
  readonly predicted: Float64Array
  /** The edges of all bins, one more than there are bins; a value on an edge belongs to the bin below. */
  readonly edges: Float64Array
  /** How many rows each bin has, with the empty ones. */
  readonly counts: Uint32Array
  /** The mean over rows of the distance of `observed` from `predicted` in the row's bin: 0 if probabilities come true. */
  readonly expectedCalibrationError: number
}

/**
 * Compares predicted probabilities with how often they came true, with the numbers of scikit-learn's `calibration_curve`.
 *
 * @param labels - The class of each row: two different labels.
 * @param probabilities - The probability of the positive class for each row, from 0 to 1, shape `[n]` or `[n, 1]`.
 * @throws NeurodeError `ERR_SHAPE` for lengths that differ, `ERR_ARGUMENT` for probabilities outside 0 to 1.
 *
 * @example
 * ```ts
 * import { calibrationCurve } from 'neurode'
 *
 * const { observed, predicted } = calibrationCurve([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9], { bins: 2 })
 * console.log(observed, predicted) // [0, 1] and [0.15, 0.75]
 * ```
 */
export function calibrationCurve(
  labels: LabelInput,
  probabilities: ArrayInput,
  given?: CalibrationOptions,
  ...more: unknown[]
): CalibrationCurve {
  refuseMore(more, 3, 'calibrationCurve')
  const options = checkOptions(given, ['bins', 'strategy', 'positive'], 'calibrationCurve')
  const bins = checkInteger(options.bins ?? 5, 'calibrationCurve: bins', 1, 2 ** 20)
  const strategy = checkOneOf(options.strategy ?? 'uniform', ['uniform', 'quantile'], 'calibrationCurve: strategy')
  const positive = readBinary(labels, options.positive, 'labels')
  const values = readSeries(probabilities, 'probabilities')
  checkCount(values.length, positive.length, 'probabilities', 'labels')
  for (const [i, value] of values.entries()) {
    if (value < 0 || value > 1) refuse(`probabilities[${i}]`, 'a number from 0 to 1', value)
  }
  const edges =
    strategy === 'uniform' ? Float64Array.from({ length: bins + 1 }, (_, i) => i * (1 / bins)) : quantiles(values, bins)
  if (strategy === 'uniform') edges[bins] = 1
  return withLists({ ...curveOf(positive, values, edges), edges })
}

function curveOf(positive: Uint8Array, values: Float64Array, edges: Float64Array) {
  const bins = edges.length - 1
  const counts = new Uint32Array(bins)
  const [truths, sums] = [new Float64Array(bins), new Float64Array(bins)]
  for (const [row, value] of values.entries()) {
    const bin = firstAtLeast(edges, value)
    counts[bin] = (counts[bin] as number) + 1
    truths[bin] = (truths[bin] as number) + (positive[row] as number)
    sums[bin] = (sums[bin] as number) + value
  }
  const kept = Uint32Array.from(counts.keys()).filter((bin) => (counts[bin] as number) > 0)
  const share = (of: Float64Array) => Float64Array.from(kept, (bin) => (of[bin] as number) / (counts[bin] as number))
  const [observed, predicted] = [share(truths), share(sums)]
  const error = kept.reduce((sum, bin, i) => {
    return (
      sum + ((counts[bin] as number) / values.length) * Math.abs((observed[i] as number) - (predicted[i] as number))
    )
  }, 0)
  return { observed, predicted, counts, expectedCalibrationError: error }
}

/** The first bin whose upper edge is at least the value; the last edge has no say. */
function firstAtLeast(edges: Float64Array, value: number): number {
  let [low, high] = [0, edges.length - 2]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((edges[middle + 1] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** The quantiles of values at the edges of `bins` equal shares, interpolated linearly. */
function quantiles(values: Float64Array, bins: number): Float64Array {
  const sorted = values.toSorted()
  return Float64Array.from({ length: bins + 1 }, (_, i) => {
    const share = i === bins ? 1 : (i * (1 / bins) * 100) / 100
    const place = share * (sorted.length - 1)
    const below = Math.floor(place)
    const [a, b] = [sorted[below] as number, sorted[Math.min(below + 1, sorted.length - 1)] as number]
    const part = place - below
    return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part)
  })
}
