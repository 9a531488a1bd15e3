/** Curves of two classes over all thresholds of a score. */

import type { ArrayInput } from '../arrays/arrays.js'
import { withLists } from '../arrays/shapedArray.js'
import { warn } from '../base/warnings.js'
import { refuseMore } from '../checks/arity.js'
import { checkBoolean, checkOptions } from '../checks/validate.js'
import { checkCount, type Label, type LabelInput, readBinary, readSampleWeight, readSeries } from './given.js'

/** Options of {@link rocCurve} and {@link precisionRecallCurve}. */
export interface RankingOptions {
  /** A weight of at least 0 for each row; rows of weight 0 are left out. Default: all weights are 1. */
  readonly sampleWeight?: ArrayInput | undefined
  /** The label of the positive class; all others are negative. Default: 1 of 0 and 1 or of -1 and 1, and `true` of booleans. */
  readonly positive?: Label | undefined
  /**
   * Whether points are left out that do not change the drawn curve. Default: true for {@link rocCurve}, false for
   * {@link precisionRecallCurve}.
   */
  readonly dropIntermediate?: boolean | undefined
}

/** A receiver operating characteristic: a point for each threshold, from the highest down. */
export interface RocCurve {
  /** False positives divided by all negatives. */
  readonly fpr: Float64Array
  /** True positives divided by all positives. */
  readonly tpr: Float64Array
  /** A row counts as positive if its score is at least the threshold; the first is `Infinity`, for which no row is. */
  readonly thresholds: Float64Array
}

/** Precision and recall for each threshold, from the lowest up; the last point is (1, 0) and has no threshold. */
export interface PrecisionRecallCurve {
  /** True positives divided by all rows that count as positive. */
  readonly precision: Float64Array
  /** True positives divided by all positives. */
  readonly recall: Float64Array
  /** A row counts as positive if its score is at least the threshold; one less than there are points. */
  readonly thresholds: Float64Array
}

/** Rows of two classes with scores. */
export interface Ranked {
  readonly positive: Uint8Array
  readonly scores: Float64Array
  readonly weights?: Float64Array | undefined
}

/** Sums of weights of the rows at or above each different score, from the highest score down. */
export interface Sums {
  readonly fps: Float64Array
  readonly tps: Float64Array
  readonly thresholds: Float64Array
}

export function sumsOf({ positive, scores, weights }: Ranked): Sums {
  // Sorting numbers and looking each up is several times as fast as sorting rows by their numbers.
  const rising = differing(weights ? scores.filter((_, row) => (weights[row] as number) > 0) : scores)
  const [fps, tps] = [new Float64Array(rising.length), new Float64Array(rising.length)]
  const last = rising.length - 1
  for (let row = 0; row < scores.length; row++) {
    const weight = weights === undefined ? 1 : (weights[row] as number)
    if (weight === 0) continue
    const sums = positive[row] === 1 ? tps : fps
    const place = last - placeOf(rising, scores[row] as number)
    sums[place] = (sums[place] as number) + weight
  }
  for (let i = 1; i <= last; i++) {
    fps[i] = (fps[i] as number) + (fps[i - 1] as number)
    tps[i] = (tps[i] as number) + (tps[i - 1] as number)
  }
  return { fps, tps, thresholds: rising.toReversed() }
}

/** The different values, from the lowest up. */
function differing(values: Float64Array): Float64Array {
  const sorted = values.toSorted()
  let count = 0
  for (let i = 0; i < sorted.length; i++) {
    if (i > 0 && sorted[i] === sorted[i - 1]) continue
    sorted[count++] = sorted[i] as number
  }
  return sorted.slice(0, count)
}

function placeOf(rising: Float64Array, value: number): number {
  let [low, high] = [0, rising.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((rising[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Keeps the points for which `keep` is true, and the first and the last. */
function thin({ fps, tps, thresholds }: Sums, keep: (i: number) => boolean): Sums {
  const isKept = (_: number, i: number) => i === 0 || i === fps.length - 1 || keep(i)
  return { fps: fps.filter(isKept), tps: tps.filter(isKept), thresholds: thresholds.filter(isKept) }
}

const options = ['sampleWeight', 'positive', 'dropIntermediate']

/** Says that rows of a class are missing. */
export type Note = (text: string) => void

export const noteMissing: Note = (text) => warn('NEURODE_FEW_ROWS', `labels: ${text}`)

function readRanked(labels: unknown, scores: unknown, given: RankingOptions, argument: string): Ranked {
  const positive = readBinary(labels, given.positive, 'labels')
  const values = readSeries(scores, 'scores')
  checkCount(values.length, positive.length, 'scores', 'labels')
  const weights = readSampleWeight(given.sampleWeight, positive.length, `${argument}: sampleWeight`)
  return { positive, scores: values, weights }
}

/**
 * Computes the exact receiver operating characteristic of scores, with the numbers of scikit-learn's `roc_curve`.
 *
 * @param labels - The class of each row: two different labels.
 * @param scores - A number for each row, shape `[n]` or `[n, 1]`: a probability, a logit or any other number that is higher for rows
 * that are more likely positive.
 * @returns Points from (0, 0) to (1, 1). Without negative rows `fpr` is NaN, without positive ones `tpr`, and a warning
 * `NEURODE_FEW_ROWS` says so.
 * @throws NeurodeError `ERR_SHAPE` for lengths that differ or for no rows, `ERR_ARGUMENT` for scores or weights that are not finite,
 * weights below 0, and labels whose positive class is not clear.
 *
 * @example
 * ```ts
 * import { rocAuc, rocCurve } from 'neurode'
 *
 * const labels = [0, 0, 1, 1]
 * const scores = [0.1, 0.4, 0.35, 0.8]
 * const { fpr, tpr, thresholds } = rocCurve(labels, scores)
 * console.log(fpr, tpr, thresholds, rocAuc(labels, scores))
 * ```
 */
export function rocCurve(labels: LabelInput, scores: ArrayInput, given?: RankingOptions, ...more: unknown[]): RocCurve {
  refuseMore(more, 3, 'rocCurve')
  const checked = checkOptions(given, options, 'rocCurve')
  const drop = checkBoolean(checked.dropIntermediate ?? true, 'rocCurve: dropIntermediate')
  return withLists(rocOf(readRanked(labels, scores, checked, 'rocCurve'), drop))
}

/** The curve of {@link rocCurve}, of rows that were read. */
export function rocOf(ranked: Ranked, drop: boolean, note = noteMissing): RocCurve {
  const all = sumsOf(ranked)
  const bends = (sums: Float64Array, i: number) =>
    (sums[i + 1] as number) - (sums[i] as number) !== (sums[i] as number) - (sums[i - 1] as number)
  const { fps, tps, thresholds } = drop ? thin(all, (i) => bends(all.fps, i) || bends(all.tps, i)) : all
  const share = (sums: Float64Array, kind: string) => {
    const total = sums.at(-1) as number
    if (total === 0) note(`no row is ${kind}, so that its rate is NaN`)
    const start = total === 0 ? Number.NaN : 0
    return prepend(
      start,
      sums.map((sum) => (total === 0 ? Number.NaN : sum / total)),
    )
  }
  return { fpr: share(fps, 'negative'), tpr: share(tps, 'positive'), thresholds: prepend(Infinity, thresholds) }
}

function prepend(first: number, rest: Float64Array): Float64Array {
  const all = new Float64Array(rest.length + 1)
  all[0] = first
  all.set(rest, 1)
  return all
}

/**
 * Computes exact precision and recall of scores, with the numbers of scikit-learn's `precision_recall_curve`. Parameters and errors
 * are those of {@link rocCurve}. Without positive rows recall is 1 for every threshold, and a warning `NEURODE_FEW_ROWS` says so.
 *
 * @example
 * ```ts
 * import { averagePrecision, precisionRecallCurve } from 'neurode'
 *
 * const labels = ['ham', 'ham', 'spam', 'spam']
 * const scores = [0.1, 0.4, 0.35, 0.8]
 * const { precision, recall } = precisionRecallCurve(labels, scores, { positive: 'spam' })
 * console.log(precision, recall, averagePrecision(labels, scores, { positive: 'spam' }))
 * ```
 */
export function precisionRecallCurve(
  labels: LabelInput,
  scores: ArrayInput,
  given?: RankingOptions,
  ...more: unknown[]
): PrecisionRecallCurve {
  refuseMore(more, 3, 'precisionRecallCurve')
  const checked = checkOptions(given, options, 'precisionRecallCurve')
  const drop = checkBoolean(checked.dropIntermediate ?? false, 'precisionRecallCurve: dropIntermediate')
  return withLists(precisionRecallOf(readRanked(labels, scores, checked, 'precisionRecallCurve'), drop))
}

/** The curve of {@link precisionRecallCurve}, of rows that were read. */
export function precisionRecallOf(ranked: Ranked, drop: boolean, note = noteMissing): PrecisionRecallCurve {
  const all = sumsOf(ranked)
  const { fps, tps, thresholds } = drop
    ? thin(all, (i) => all.tps[i] !== all.tps[i - 1] || all.tps[i] !== all.tps[i + 1])
    : all
  const total = tps.at(-1) as number
  if (total === 0) note('no row is positive, so that recall is 1 everywhere')
  const precision = new Float64Array(tps.length + 1)
  const recall = new Float64Array(tps.length + 1)
  for (let i = 0; i < tps.length; i++) {
    const at = tps.length - 1 - i
    const [truly, falsely] = [tps[i] as number, fps[i] as number]
    precision[at] = truly / (truly + falsely)
    recall[at] = total === 0 ? 1 : truly / total
  }
  precision[tps.length] = 1
  return { precision, recall, thresholds: thresholds.toReversed() }
}
