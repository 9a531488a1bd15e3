/** Scores of predicted probabilities. */

import type { ArrayInput } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkInteger, checkOptions, describe, refuse } from '../checks/validate.js'
import {
  checkCount,
  classesOf,
  type Label,
  type LabelInput,
  type Rows,
  readBinary,
  readClasses,
  readLabels,
  readRows,
  readSampleWeight,
} from './given.js'

/** Options of {@link logLoss} and {@link brierScore}. */
export interface ProbabilityOptions {
  /** A weight of at least 0 for each row. Default: all weights are 1. */
  readonly sampleWeight?: ArrayInput | undefined
  /** Of two classes: the label of the positive one. Default: 1 of 0 and 1 or of -1 and 1, and `true` of booleans. */
  readonly positive?: Label | undefined
  /** Of several classes: the label of each column. Default: the column's number, or the different labels in order. */
  readonly classes?: readonly Label[] | undefined
}

/** Options of {@link topKAccuracy}. */
export interface TopKOptions {
  /** How many of the largest scores count; default 2. */
  readonly k?: number | undefined
  /** A weight of at least 0 for each row. Default: all weights are 1. */
  readonly sampleWeight?: ArrayInput | undefined
  /** The label of each column. Default: the column's number, or the different labels in order. */
  readonly classes?: readonly Label[] | undefined
}

/**
 * The column of each row's label: of `classes`, or else the label itself where all are class indices, or else its place among the
 * different labels in order. Throws `ERR_LABEL_RANGE` for a label without a column.
 */
export function indicesOf(
  labels: readonly Label[],
  width: number,
  classes: readonly Label[] | undefined,
  argument: string,
): Int32Array {
  const isIndex = (label: Label) => typeof label === 'number' && label >= 0 && label < width
  if (classes === undefined && labels.every(isIndex)) return Int32Array.from(labels as readonly number[])
  const names = classes ?? classesOf(labels)
  if (names.length !== width) {
    const remedy = classes === undefined ? `; name all ${width} of them in order: { classes: [ … ] }` : ''
    const text = `${argument}: classes: expected ${width}, one for each column, got ${names.length}${remedy}`
    throw new NeurodeError('ERR_LABEL_RANGE', text)
  }
  const places = new Map(names.map((name, i) => [name, i]))
  return Int32Array.from(labels, (label, i) => {
    const place = places.get(label)
    if (place !== undefined) return place
    throw new NeurodeError('ERR_LABEL_RANGE', `labels[${i}]: expected one of the classes, got ${describe(label)}`)
  })
}

interface Given extends Rows {
  readonly indices: Int32Array
  readonly weights: Float64Array | undefined
}

/** Reads labels and a number for each class. A single column is that of the positive class. */
function readGiven(
  labels: unknown,
  given: unknown,
  options: ProbabilityOptions,
  argument: string,
  what: string,
): Given {
  const rows = readRows(given, what)
  const { classes, positive, sampleWeight } = options
  if (rows.width === 1 && classes !== undefined) refuse(`${argument}: classes`, 'none for one column', classes)
  if (rows.width > 1 && positive !== undefined) refuse(`${argument}: positive`, 'none for several columns', positive)
  const found =
    rows.width === 1
      ? Int32Array.from(readBinary(labels, positive, 'labels'))
      : indicesOf(
          readLabels(labels, 'labels'),
          rows.width,
          classes === undefined ? undefined : readClasses(classes, `${argument}: classes`),
          argument,
        )
  checkCount(rows.rows, found.length, what, 'labels')
  return { ...rows, indices: found, weights: readSampleWeight(sampleWeight, rows.rows, `${argument}: sampleWeight`) }
}

function readProbabilities(labels: unknown, given: unknown, options: ProbabilityOptions, argument: string): Given {
  const read = readGiven(labels, given, options, argument, 'probabilities')
  for (const [i, value] of read.values.entries()) {
    if (value < 0 || value > 1) refuse(`probabilities[${Math.floor(i / read.width)}]`, 'numbers from 0 to 1', value)
  }
  return read
}

/** The mean over rows of what each gives, by their weights. */
export function meanOver(rows: number, weights: Float64Array | undefined, of: (row: number) => number): number {
  let [sum, total] = [0, 0]
  for (let row = 0; row < rows; row++) {
    const weight = weights?.[row] ?? 1
    sum += weight * of(row)
    total += weight
  }
  return sum / total
}

const names = ['sampleWeight', 'positive', 'classes']

/**
 * Computes the mean of the negative logarithm of the probability of each row's class, with the numbers of scikit-learn's `log_loss`.
 * Probabilities are clipped at the precision of their type: 2^-52, or 2^-23 for a Float32Array, as `predict` returns.
 *
 * @param labels - The class of each row.
 * @param probabilities - Numbers from 0 to 1: that of the positive class, shape `[n]` or `[n, 1]`, or one for each class, shape
 * `[n, classes]`.
 * @throws NeurodeError `ERR_SHAPE`, `ERR_ARGUMENT`, or `ERR_LABEL_RANGE` for labels without a column.
 *
 * @example
 * ```ts
 * import { logLoss } from 'neurode'
 *
 * console.log(logLoss(['cat', 'dog'], [[0.9, 0.1], [0.2, 0.8]])) // 0.164…
 * ```
 */
export function logLoss(
  labels: LabelInput,
  probabilities: ArrayInput,
  given?: ProbabilityOptions,
  ...more: unknown[]
): number {
  refuseMore(more, 3, 'logLoss')
  const options = checkOptions(given, names, 'logLoss')
  const { values, rows, width, indices, weights, epsilon } = readProbabilities(
    labels,
    probabilities,
    options,
    'logLoss',
  )
  const clip = (value: number) => Math.min(Math.max(value, epsilon), 1 - epsilon)
  return meanOver(rows, weights, (row) => {
    const index = indices[row] as number
    if (width > 1) return -Math.log(clip(values[row * width + index] as number))
    const value = clip(values[row] as number)
    return -Math.log(index === 1 ? value : 1 - value)
  })
}

/**
 * Computes the Brier score, the mean squared difference of probabilities and what happened, with the numbers of scikit-learn's
 * `brier_score_loss`: of two classes from 0 to 1, of several the sum over them, from 0 to 2. Parameters and errors are those of
 * {@link logLoss}.
 *
 * @example
 * ```ts
 * import { brierScore } from 'neurode'
 *
 * console.log(brierScore([0, 1], [0.1, 0.8])) // 0.025
 * ```
 */
export function brierScore(
  labels: LabelInput,
  probabilities: ArrayInput,
  given?: ProbabilityOptions,
  ...more: unknown[]
): number {
  refuseMore(more, 3, 'brierScore')
  const options = checkOptions(given, names, 'brierScore')
  const { values, rows, width, indices, weights } = readProbabilities(labels, probabilities, options, 'brierScore')
  return meanOver(rows, weights, (row) => {
    const index = indices[row] as number
    if (width === 1) return (index - (values[row] as number)) ** 2
    let sum = 0
    for (let o = 0; o < width; o++) sum += (Number(o === index) - (values[row * width + o] as number)) ** 2
    return sum
  })
}

/**
 * Computes how many rows have their class among the `k` largest scores, as a share from 0 to 1, with the numbers of scikit-learn's
 * `top_k_accuracy_score`. Of equal scores the last counts as the largest.
 *
 * @param labels - The class of each row.
 * @param scores - Numbers for each class, shape `[n, classes]`: probabilities or logits.
 * @throws NeurodeError `ERR_SHAPE`, `ERR_ARGUMENT`, or `ERR_LABEL_RANGE` for labels without a column.
 *
 * @example
 * ```ts
 * import { topKAccuracy } from 'neurode'
 *
 * console.log(topKAccuracy([0, 2], [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]], { k: 2 })) // 0.5
 * ```
 */
export function topKAccuracy(labels: LabelInput, scores: ArrayInput, given?: TopKOptions, ...more: unknown[]): number {
  refuseMore(more, 3, 'topKAccuracy')
  const options = checkOptions(given, ['k', 'sampleWeight', 'classes'], 'topKAccuracy')
  const { values, rows, width, indices, weights } = readGiven(labels, scores, options, 'topKAccuracy', 'scores')
  if (width === 1) throw new NeurodeError('ERR_SHAPE', `scores: expected shape [n, classes], got [${rows}, 1]`)
  const k = checkInteger(options.k ?? 2, 'topKAccuracy: k', 1, width)
  return meanOver(rows, weights, (row) => {
    const [index, from] = [indices[row] as number, row * width]
    const own = values[from + index] as number
    let before = 0
    for (let o = 0; o < width; o++) {
      const value = values[from + o] as number
      if (value > own || (value === own && o > index)) before++
    }
    return Number(before < k)
  })
}
