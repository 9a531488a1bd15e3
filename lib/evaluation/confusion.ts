/** Confusion matrices and what follows from them. */

import type { ArrayInput, NdArray } from '../arrays/arrays.js'
import { ShapedArray } from '../arrays/shapedArray.js'
import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkOptions, refuse } from '../checks/validate.js'
import {
  checkCount,
  classesOf,
  type Label,
  type LabelInput,
  largestOf,
  readClasses,
  readLabels,
  readRows,
  readSampleWeight,
} from './given.js'
import { checkOneOf } from './scores.js'

/** Options of {@link confusionMatrix}. */
export interface ConfusionOptions {
  /** A weight of at least 0 for each row. Default: all weights are 1. */
  readonly sampleWeight?: ArrayInput | undefined
  /** The classes of rows and columns, in order; rows with others are left out. Default: all labels that occur, in order. */
  readonly classes?: readonly Label[] | undefined
  /** Counts are divided by the sum of their row (`'true'`), of their column (`'pred'`) or of all (`'all'`). Default: they are not. */
  readonly normalize?: 'true' | 'pred' | 'all' | undefined
}

/** A confusion matrix with its classes. */
export interface ConfusionMatrix {
  /** The label of each row and column. */
  readonly classes: readonly Label[]
  /** Sums of weights by actual class (rows) and predicted class (columns), shape `[classes, classes]`. */
  readonly matrix: NdArray<Float64Array>
}

/** Options of {@link classificationReport}. */
export interface ClassificationOptions {
  /** A weight of at least 0 for each row. Default: all weights are 1. */
  readonly sampleWeight?: ArrayInput | undefined
}

/** Precision, recall and their harmonic mean; 0 where there is nothing to divide by. */
export interface ClassScores {
  /** Of the rows that were predicted to be of the class, the share that is. */
  readonly precision: number
  /** Of the rows of the class, the share that was predicted to be. */
  readonly recall: number
  /** The harmonic mean of precision and recall. */
  readonly f1: number
}

/** The result of {@link classificationReport}. */
export interface ClassificationReport {
  /** For each class in order, its scores and its support: the sum of weights of its rows. `console.table` prints it. */
  readonly classes: readonly (ClassScores & { readonly label: Label; readonly support: number })[]
  /** The means over classes. */
  readonly macro: ClassScores
  /** The means over classes, weighted by support. */
  readonly weighted: ClassScores
  /** The scores of all classes counted as one. */
  readonly micro: ClassScores
  /** The share of rows that were predicted right. */
  readonly accuracy: number
  /** The mean recall of the classes that have rows. */
  readonly balancedAccuracy: number
  /** Agreement beyond chance: 1 for all right, 0 for chance. */
  readonly cohenKappa: number
  /** The correlation of labels and predictions, from -1 to 1. */
  readonly matthews: number
}

/** Sums of weights by two classes of each row; rows without either are left out. */
export function countPairs(
  facts: ArrayLike<number | undefined>,
  guesses: ArrayLike<number | undefined>,
  classes: number,
  weights?: ArrayLike<number>,
): Float64Array {
  const counts = new Float64Array(classes * classes)
  for (let row = 0; row < facts.length; row++) {
    const [fact, guess] = [facts[row], guesses[row]]
    if (fact === undefined || guess === undefined) continue
    const at = fact * classes + guess
    counts[at] = (counts[at] as number) + (weights?.[row] ?? 1)
  }
  return counts
}

/** Reads predicted labels, or makes class indices of what `predict` returns. */
function readPredictions(value: unknown): readonly Label[] {
  if (Array.isArray(value) && typeof value[0] !== 'object' && typeof value[0] !== 'number') {
    return readLabels(value, 'predictions')
  }
  const { values, rows, width } = readRows(value, 'predictions')
  if (width > 1) return Array.from({ length: rows }, (_, i) => largestOf(values.subarray(i * width, (i + 1) * width)))
  const isProbability = values.some((each) => !Number.isInteger(each))
  return Array.from(values, (each) => (isProbability ? Number(each > 0.5) : each))
}

function readPairs(labels: unknown, predictions: unknown, given: unknown, argument: string) {
  const facts = readLabels(labels, 'labels')
  const guesses = readPredictions(predictions)
  checkCount(guesses.length, facts.length, 'predictions', 'labels')
  if (typeof facts[0] !== typeof guesses[0]) {
    refuse('predictions', `labels of the type ${typeof facts[0]}, as those given`, guesses[0])
  }
  return { facts, guesses, weights: readSampleWeight(given, facts.length, `${argument}: sampleWeight`) }
}

function count(facts: readonly Label[], guesses: readonly Label[], classes: readonly Label[], weights?: Float64Array) {
  if (classes.length > 10_000) refuse('labels', 'at most 10,000 classes', classes.length)
  const places = new Map(classes.map((label, i) => [label, i]))
  const of = (labels: readonly Label[]) => labels.map((label) => places.get(label))
  return countPairs(of(facts), of(guesses), classes.length, weights)
}

/**
 * Counts rows by actual and predicted class, with the numbers of scikit-learn's `confusion_matrix`. `plot.confusionMatrix` of
 * `neurode/plot` draws the matrix.
 *
 * @param labels - The actual class of each row.
 * @param predictions - The predicted class of each row; or what `predict` returns: rows of several outputs count as the index of
 * the largest, single outputs that are not whole numbers as 1 above ½, else 0.
 * @throws NeurodeError `ERR_SHAPE` for lengths that differ, `ERR_ARGUMENT` for labels of different types, `ERR_LABEL_RANGE` if no
 * label is among `classes`.
 *
 * @example
 * ```ts
 * import { confusionMatrix } from 'neurode'
 *
 * const { classes, matrix } = confusionMatrix(['cat', 'dog', 'cat'], ['cat', 'dog', 'dog'])
 * console.log(classes, JSON.stringify(matrix)) // ['cat', 'dog'] [[1,1],[0,1]]
 * ```
 */
export function confusionMatrix(
  labels: LabelInput,
  predictions: LabelInput,
  given?: ConfusionOptions,
  ...more: unknown[]
): ConfusionMatrix {
  refuseMore(more, 3, 'confusionMatrix')
  const options = checkOptions(given, ['sampleWeight', 'classes', 'normalize'], 'confusionMatrix')
  const { facts, guesses, weights } = readPairs(labels, predictions, options.sampleWeight, 'confusionMatrix')
  const chosen = options.classes === undefined ? undefined : readClasses(options.classes, 'confusionMatrix: classes')
  if (chosen !== undefined && !facts.some((label) => chosen.includes(label))) {
    throw new NeurodeError('ERR_LABEL_RANGE', 'confusionMatrix: classes: expected a class that has rows, got none')
  }
  const classes = chosen ?? classesOf([...facts, ...guesses])
  const counts = count(facts, guesses, classes, weights)
  const matrix = options.normalize === undefined ? counts : normalized(counts, classes.length, options.normalize)
  return { classes, matrix: new ShapedArray(matrix, [classes.length, classes.length]) }
}

function normalized(counts: Float64Array, classes: number, by: unknown): Float64Array {
  const how = checkOneOf(by, ['true', 'pred', 'all'], 'confusionMatrix: normalize')
  const place = { true: (i: number) => Math.floor(i / classes), pred: (i: number) => i % classes, all: () => 0 }[how]
  const sums = new Float64Array(classes)
  for (const [i, each] of counts.entries()) sums[place(i)] = (sums[place(i)] as number) + each
  return counts.map((each, i) => each / (sums[place(i)] || 1))
}

/**
 * Computes precision, recall, F1 and support of every class, their averages, accuracy and measures of agreement, with the numbers of
 * scikit-learn's `classification_report`. What would be divided by 0 is 0. Parameters and errors are those of
 * {@link confusionMatrix}.
 *
 * @example
 * ```ts
 * import { classificationReport } from 'neurode'
 *
 * const report = classificationReport(['cat', 'dog', 'cat'], ['cat', 'dog', 'dog'])
 * console.table(report.classes)
 * console.log(report.accuracy, report.macro.f1)
 * ```
 */
export function classificationReport(
  labels: LabelInput,
  predictions: LabelInput,
  given?: ClassificationOptions,
  ...more: unknown[]
): ClassificationReport {
  refuseMore(more, 3, 'classificationReport')
  const options = checkOptions(given, ['sampleWeight'], 'classificationReport')
  const { facts, guesses, weights } = readPairs(labels, predictions, options.sampleWeight, 'classificationReport')
  const names = classesOf([...facts, ...guesses])
  return reportOf(count(facts, guesses, names, weights), names)
}

interface Count {
  readonly right: number
  readonly actual: number
  readonly predicted: number
}

function reportOf(counts: Float64Array, names: readonly Label[]): ClassificationReport {
  const size = names.length
  const each = names.map((_, i): Count => {
    const row = counts.subarray(i * size, (i + 1) * size)
    const column = names.map((_, o) => counts[o * size + i] as number)
    return { right: row[i] as number, actual: sum(row), predicted: sum(column) }
  })
  const [right, total] = [sum(each.map((one) => one.right)), sum(counts)]
  const classes = each.map((one, i) => ({ label: names[i] as Label, ...scoresOf(one), support: one.actual }))
  const average = (weightOf: (actual: number) => number): ClassScores => {
    const of = (key: keyof ClassScores) => {
      return ratio(
        sum(classes.map((one) => one[key] * weightOf(one.support))),
        sum(classes.map((one) => weightOf(one.support))),
      )
    }
    return { precision: of('precision'), recall: of('recall'), f1: of('f1') }
  }
  const chance = sum(each.map(({ actual, predicted }) => actual * predicted))
  const spread = (key: 'actual' | 'predicted') => total ** 2 - sum(each.map((one) => one[key] ** 2))
  return {
    classes,
    macro: average(() => 1),
    weighted: average((actual) => actual),
    micro: scoresOf({ right, actual: total, predicted: total }),
    accuracy: right / total,
    balancedAccuracy: average((actual) => Number(actual > 0)).recall,
    cohenKappa: ratio(right * total - chance, total ** 2 - chance),
    matthews: ratio(right * total - chance, Math.sqrt(spread('actual') * spread('predicted'))),
  }
}

function scoresOf({ right, actual, predicted }: Count): ClassScores {
  return { precision: ratio(right, predicted), recall: ratio(right, actual), f1: ratio(2 * right, actual + predicted) }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
