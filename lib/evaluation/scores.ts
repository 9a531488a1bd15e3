/** Areas under curves, of two classes, of several, and of several labels of a row. */

import type { ArrayInput } from '../arrays/arrays.js'
import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkDouble, checkOptions, refuse, refuseIdle } from '../checks/validate.js'
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
import { indicesOf } from './probabilities.js'
import { type Note, noteMissing, precisionRecallOf, type Ranked, sumsOf } from './ranking.js'

/** How the scores of several classes or labels become one. */
export type ScoreAverage = 'macro' | 'weighted' | 'micro' | 'samples'

/** Options of {@link averagePrecision}. */
export interface ScoreOptions {
  /** A weight of at least 0 for each row. Default: all weights are 1. */
  readonly sampleWeight?: ArrayInput | undefined
  /** Of two classes: the label of the positive one. Default: 1 of 0 and 1 or of -1 and 1, and `true` of booleans. */
  readonly positive?: Label | undefined
  /** Of several classes: the label of each column of the scores. Default: the column's number, or the different labels in order. */
  readonly classes?: readonly Label[] | undefined
  /**
   * Of several classes or labels: `'macro'`, the mean over them; `'weighted'`, the mean weighted by their positive rows; `'micro'`, all
   * of them as one; `'samples'`, the mean over rows, for several labels only. Default `'macro'`.
   */
  readonly average?: ScoreAverage | undefined
}

/** Options of {@link rocAuc}. */
export interface RocAucOptions extends ScoreOptions {
  /** Of two classes: only the area up to this rate of false positives counts, standardised so that chance gives ½. Default 1. */
  readonly maxFpr?: number | undefined
  /**
   * Of several classes: `'ovr'`, each class against the rest; `'ovo'`, each pair of classes, which takes no `sampleWeight`. Default
   * `'ovr'`.
   */
  readonly multiClass?: 'ovr' | 'ovo' | undefined
}

const own = ['sampleWeight', 'positive', 'classes', 'average']

/**
 * Computes the area under the exact ROC curve, with the numbers of scikit-learn's `roc_auc_score`.
 *
 * @param labels - The class of each row; for rows with several labels, 0 or 1 for each label, shape `[n, labels]`.
 * @param scores - A number for each row, shape `[n]` or `[n, 1]`; for several classes or labels, one for each, shape `[n, classes]`.
 * @returns The area; NaN where only one class has rows, and a warning `NEURODE_FEW_ROWS` says so.
 * @throws NeurodeError `ERR_SHAPE`, `ERR_LABEL_RANGE` or `ERR_ARGUMENT`, as {@link rocCurve}.
 *
 * @example
 * ```ts
 * import { rocAuc } from 'neurode'
 *
 * console.log(rocAuc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])) // 0.75
 * ```
 */
export function rocAuc(labels: LabelInput, scores: ArrayInput, given?: RocAucOptions, ...more: unknown[]): number {
  refuseMore(more, 3, 'rocAuc')
  const options = checkOptions(given, [...own, 'maxFpr', 'multiClass'], 'rocAuc')
  const most = checkDouble(options.maxFpr ?? 1, 'rocAuc: maxFpr', 0, 1)
  if (most === 0) refuse('rocAuc: maxFpr', 'a rate above 0', most)
  const multiClass = checkOneOf(options.multiClass ?? 'ovr', ['ovr', 'ovo'], 'rocAuc: multiClass')
  const problem = readProblem(labels, scores, options, 'rocAuc')
  if (problem.kind === 'two') refuseIdle(options, ['multiClass'], 'rocAuc', 'for two classes')
  else refuseIdle(options, ['maxFpr'], 'rocAuc', 'for several classes')
  if (problem.kind === 'labels') refuseIdle(options, ['multiClass'], 'rocAuc', 'for rows with several labels')
  if (multiClass === 'ovo' && problem.kind === 'classes') {
    refuseIdle(options, ['sampleWeight'], 'rocAuc', "with multiClass: 'ovo'")
    return ofPairs(problem, options.average ?? 'macro')
  }
  return averaged(problem, options.average, (ranked, note) => areaOf(ranked, most, note))
}

/**
 * Computes average precision, the sum of precision at each threshold times the step of recall, with the numbers of scikit-learn's
 * `average_precision_score`. Parameters and errors are those of {@link rocAuc}. Without positive rows it is 0, and a warning
 * `NEURODE_FEW_ROWS` says so.
 *
 * @example
 * ```ts
 * import { averagePrecision } from 'neurode'
 *
 * console.log(averagePrecision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])) // 0.8333…
 * ```
 */
export function averagePrecision(
  labels: LabelInput,
  scores: ArrayInput,
  given?: ScoreOptions,
  ...more: unknown[]
): number {
  refuseMore(more, 3, 'averagePrecision')
  const options = checkOptions(given, own, 'averagePrecision')
  return averaged(readProblem(labels, scores, options, 'averagePrecision'), options.average, averagePrecisionOf)
}

/** The average precision of rows of two classes. */
export function averagePrecisionOf(ranked: Ranked, note = noteMissing): number {
  const { precision, recall } = precisionRecallOf(ranked, false, note)
  let sum = 0
  for (let i = 0; i + 1 < recall.length; i++) {
    sum += ((recall[i] as number) - (recall[i + 1] as number)) * (precision[i] as number)
  }
  return sum
}

/** The area under the ROC curve of rows of two classes, up to a rate of false positives. */
export function areaOf(ranked: Ranked, most = 1, note = noteMissing): number {
  const { fps, tps } = sumsOf(ranked)
  const [negatives, positives] = [fps.at(-1) as number, tps.at(-1) as number]
  if (negatives === 0 || positives === 0) {
    const missing = negatives === 0 ? 'negative' : 'positive'
    note(`no row is ${missing}, so that the area is NaN`)
    return Number.NaN
  }
  let [area, x, y] = [0, 0, 0]
  for (let i = 0; i < fps.length && x < most; i++) {
    const [nextX, nextY] = [(fps[i] as number) / negatives, (tps[i] as number) / positives]
    const isLast = nextX > most
    const endX = isLast ? most : nextX
    const endY = isLast ? y + ((nextY - y) * (most - x)) / (nextX - x) : nextY
    area += ((endX - x) * (y + endY)) / 2
    ;[x, y] = [endX, endY]
  }
  if (most === 1) return area
  const least = most ** 2 / 2
  return (1 + (area - least) / (most - least)) / 2
}

/** Rows of two classes, of several, or with several labels each. */
type Problem =
  | ({ readonly kind: 'two' } & Ranked)
  | {
      readonly kind: 'classes' | 'labels'
      readonly scores: Rows
      /** For each row and column, whether the row is of the column's class. */
      readonly truth: Uint8Array
      readonly weights: Float64Array | undefined
    }

type Several = Exclude<Problem, { kind: 'two' }>

function readProblem(labels: unknown, given: unknown, options: ScoreOptions, argument: string): Problem {
  const scores = readRows(given, 'scores')
  const { rows, width } = scores
  const names = `${argument}: sampleWeight`
  if (width === 1) {
    refuseIdle(options, ['classes', 'average'], argument, 'for one score a row')
    const positive = readBinary(labels, options.positive, 'labels')
    checkCount(rows, positive.length, 'scores', 'labels')
    return {
      kind: 'two',
      positive,
      scores: scores.values,
      weights: readSampleWeight(options.sampleWeight, rows, names),
    }
  }
  refuseIdle(options, ['positive'], argument, 'for several scores a row')
  const several = isTable(labels) ? readRows(labels, 'labels') : undefined
  const truth = several ? ofLabels(several, scores) : ofClasses(labels, scores, options.classes, argument)
  if (several) refuseIdle(options, ['classes'], argument, 'for rows with several labels')
  const weights = readSampleWeight(options.sampleWeight, rows, names)
  return { kind: several ? 'labels' : 'classes', scores, truth, weights }
}

/** A curve to draw: rows of two classes, and the class or label that is positive where there are several. */
export interface NamedRanked {
  readonly name: string | undefined
  readonly ranked: Ranked
}

/** The curves of scores: one of two classes, else one for each class or label against the rest. */
export function curvesOf(labels: unknown, scores: unknown, options: ScoreOptions, argument: string): NamedRanked[] {
  const problem = readProblem(labels, scores, options, argument)
  if (problem.kind === 'two') return [{ name: undefined, ranked: problem }]
  const { width } = problem.scores
  const found = problem.kind === 'labels' ? [] : (options.classes ?? classesOf(readLabels(labels, 'labels')))
  const isNamed = options.classes !== undefined || typeof found[0] !== 'number'
  return Array.from({ length: width }, (_, column) => {
    const name = isNamed ? String(found[column] ?? column) : `class ${column}`
    return { name, ranked: columnOf(problem, column) }
  })
}

/** Whether labels are rows of several numbers. */
function isTable(labels: unknown): boolean {
  if (Array.isArray(labels)) return typeof labels[0] === 'object'
  const { shape } = (labels ?? {}) as { readonly shape?: unknown }
  return Array.isArray(shape) && shape.length > 1 && shape[1] !== 1
}

function ofLabels({ values, rows, width }: Rows, scores: Rows): Uint8Array {
  checkCount(scores.rows, rows, 'scores', 'labels')
  if (width !== scores.width) {
    const text = `labels: expected shape ${formatShape([rows, scores.width])}, as the scores, got ${formatShape([rows, width])}`
    throw new NeurodeError('ERR_SHAPE', text)
  }
  return Uint8Array.from(values, (value, i) => {
    return value === 0 || value === 1
      ? value
      : refuse(`labels[${Math.floor(i / width)}][${i % width}]`, '0 or 1', value)
  })
}

function ofClasses(labels: unknown, { rows, width }: Rows, classes: unknown, argument: string): Uint8Array {
  const found = readLabels(labels, 'labels')
  checkCount(rows, found.length, 'scores', 'labels')
  const chosen = classes === undefined ? undefined : readClasses(classes, `${argument}: classes`)
  const indices = indicesOf(found, width, chosen, argument)
  const truth = new Uint8Array(rows * width)
  for (const [row, index] of indices.entries()) truth[row * width + index] = 1
  return truth
}

/** Column `column` of a problem, as rows of two classes. */
function columnOf({ scores, truth, weights }: Several, column: number): Ranked {
  const { values, rows, width } = scores
  const pick = <T extends Uint8Array | Float64Array>(from: T, to: T): T => {
    for (let row = 0; row < rows; row++) to[row] = from[row * width + column] as number
    return to
  }
  return { positive: pick(truth, new Uint8Array(rows)), scores: pick(values, new Float64Array(rows)), weights }
}

/** Passes on the first text alone, since hundreds of rows can lack the same. */
function onceOnly(note: Note): Note {
  let isSaid = false
  return (text) => {
    if (!isSaid) note(text)
    isSaid = true
  }
}

function averaged(
  problem: Problem,
  average: unknown = 'macro',
  scoreOf: (ranked: Ranked, note: Note) => number,
): number {
  const note = onceOnly(noteMissing)
  const score = (ranked: Ranked) => scoreOf(ranked, note)
  if (problem.kind === 'two') return score(problem)
  const { truth, weights } = problem
  const { values, rows, width } = problem.scores
  const names = ['macro', 'weighted', 'micro', ...(problem.kind === 'labels' ? ['samples'] : [])]
  const how = checkOneOf(average, names, 'average')
  if (how === 'micro') {
    const each = weights && Float64Array.from(truth, (_, i) => weights[Math.floor(i / width)] as number)
    return score({ positive: truth, scores: values, weights: each })
  }
  if (how === 'samples') {
    const results = Array.from({ length: rows }, (_, row) => {
      const part = [row * width, (row + 1) * width] as const
      return score({ positive: truth.subarray(...part), scores: values.subarray(...part) })
    })
    return weightedMean(results, weights ?? results.map(() => 1))
  }
  const columns = Array.from({ length: width }, (_, column) => columnOf(problem, column))
  const sizes = columns.map(({ positive }) => {
    return how === 'macro' ? 1 : positive.reduce((sum, each, row) => sum + each * (weights?.[row] ?? 1), 0)
  })
  return weightedMean(columns.map(score), sizes)
}

/** The mean over pairs of classes of the areas with either one as the positive class, of the rows of both. */
function ofPairs(problem: Several, average: unknown): number {
  const how = checkOneOf(average, ['macro', 'weighted'], 'average')
  const note = onceOnly(noteMissing)
  const columns = Array.from({ length: problem.scores.width }, (_, column) => columnOf(problem, column))
  const pairs = columns.flatMap((a, i) => columns.slice(i + 1).map((b) => [a, b] as const))
  const results = pairs.map(([a, b]) => {
    const isOfPair = (_: number, row: number) => a.positive[row] === 1 || b.positive[row] === 1
    const area = ({ positive, scores }: Ranked) =>
      areaOf({ positive: positive.filter(isOfPair), scores: scores.filter(isOfPair) }, 1, note)
    return { area: (area(a) + area(b)) / 2, rows: a.positive.filter(isOfPair).length }
  })
  return weightedMean(
    results.map(({ area }) => area),
    results.map(({ rows }) => (how === 'macro' ? 1 : rows)),
  )
}

function weightedMean(values: readonly number[], weights: ArrayLike<number>): number {
  let [sum, total] = [0, 0]
  for (const [i, value] of values.entries()) {
    sum += value * (weights[i] as number)
    total += weights[i] as number
  }
  return sum / total
}

/** Checks a name that stands for itself. */
export function checkOneOf<T extends string>(value: unknown, names: readonly T[], argument: string): T {
  const found = names.find((name) => name === value)
  return found ?? refuse(argument, names.map((name) => `'${name}'`).join(' or '), value)
}
