/** Metrics of counts over an epoch: what lies above thresholds, class by class; correlations and variances. */

import type { CapturedBatch, MetricState } from './captured.js'

/** Keras' guard against divisions by 0. */
const epsilon = 1e-7

/** As in Keras, what nothing counts for is 0. */
export const ratio = (a: number, b: number) => (b === 0 ? 0 : a / b)
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Calls `visit` with every row of a batch. */
function eachRow(
  { outputs, targets, weights, shape: [rows, size] }: CapturedBatch,
  visit: (y: Float32Array, t: Float32Array, weight: number) => void,
): void {
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * size, (row + 1) * size]
    visit(outputs.subarray(from, to), targets.subarray(from, to), weights[row] as number)
  }
}

/** True and false positives and negatives at one threshold. */
export interface Counts {
  readonly tp: number
  readonly fp: number
  readonly tn: number
  readonly fn: number
}

export interface ThresholdOptions {
  /** Ascending. */
  readonly thresholds: readonly number[]
  /** Only this output counts. */
  readonly classId?: number | undefined
  /** Only the largest outputs of a row can be positive. */
  readonly topK?: number | undefined
  /** Targets between 0 and 1 are positive to that part. */
  readonly soft?: boolean | undefined
  /** Outputs below 0 count as 0 and those above 1 as 1; default false. */
  readonly clips?: boolean | undefined
  /** Groups of counts: one for each output, instead of one for all. */
  readonly labels?: number | undefined
}

/** Weights of positives and negatives between thresholds: all counts follow from them. */
export class ThresholdState implements MetricState {
  readonly numbers: Float64Array
  readonly #options: ThresholdOptions
  readonly #thresholds: Float32Array
  readonly #result: (groups: readonly (readonly Counts[])[]) => number

  constructor(options: ThresholdOptions, result: (groups: readonly (readonly Counts[])[]) => number) {
    this.#options = options
    this.#thresholds = Float32Array.from(options.thresholds)
    this.#result = result
    this.numbers = new Float64Array((options.labels ?? 1) * 2 * (options.thresholds.length + 1))
  }

  updateState(batch: CapturedBatch): void {
    const { classId, topK, soft = false, labels, clips = false } = this.#options
    const bins = this.#thresholds.length + 1
    eachRow(batch, (y, t, weight) => {
      const chosen = topK === undefined ? undefined : largest(y, topK)
      const [from, to] = classId === undefined ? [0, y.length] : [classId, classId + 1]
      for (let o = from; o < to; o++) {
        const output = clips ? Math.min(Math.max(y[o] as number, 0), 1) : (y[o] as number)
        const value = chosen === undefined || chosen.has(o) ? output : -Infinity
        const truth = t[o] as number
        const positive = soft ? truth : Number(truth !== 0)
        const at = 2 * ((labels === undefined ? 0 : o) * bins + this.#above(value))
        this.numbers[at] = (this.numbers[at] as number) + weight * positive
        this.numbers[at + 1] = (this.numbers[at + 1] as number) + weight * (1 - positive)
      }
    })
  }

  result(): number {
    const groups = this.#options.labels ?? 1
    return this.#result(Array.from({ length: groups }, (_, group) => this.#countsOf(group)))
  }

  /** Counts at each threshold: running sums of what lies between them, from the lowest up and from the highest down. */
  #countsOf(group: number): Counts[] {
    const bins = this.#thresholds.length + 1
    const between = (bin: number, kind: 0 | 1) => this.numbers[2 * (group * bins + bin) + kind] as number
    const above = new Float64Array(2 * bins)
    for (let bin = bins - 2; bin >= 0; bin--) {
      above[2 * bin] = (above[2 * bin + 2] as number) + between(bin + 1, 0)
      above[2 * bin + 1] = (above[2 * bin + 3] as number) + between(bin + 1, 1)
    }
    let fn = 0
    let tn = 0
    return Array.from({ length: bins - 1 }, (_, bin) => {
      fn += between(bin, 0)
      tn += between(bin, 1)
      return { tp: above[2 * bin] as number, fp: above[2 * bin + 1] as number, fn, tn }
    })
  }

  /** How many thresholds the value is above. */
  #above(value: number): number {
    let low = 0
    let high = this.#thresholds.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (value > (this.#thresholds[middle] as number)) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The `k` largest; among equal ones the first. */
function largest(y: Float32Array, k: number): ReadonlySet<number> {
  const order = Array.from(y, (_, i) => i).sort((a, b) => (y[b] as number) - (y[a] as number) || a - b)
  return new Set(order.slice(0, k))
}

export const precisionOf = ({ tp, fp }: Counts) => ratio(tp, tp + fp)
export const recallOf = ({ tp, fn }: Counts) => ratio(tp, tp + fn)
export const specificityOf = ({ tn, fp }: Counts) => ratio(tn, tn + fp)

/** The largest `wanted` where `held` is at least `least`. */
export function bestWhere(
  wanted: (counts: Counts) => number,
  held: (counts: Counts) => number,
  least: number,
): (groups: readonly (readonly Counts[])[]) => number {
  return ([all = []]) => all.filter((counts) => held(counts) >= least).reduce((best, c) => Math.max(best, wanted(c)), 0)
}

export type Curve = 'ROC' | 'PR' | 'PRGAIN'
export type Summation = 'interpolation' | 'minoring' | 'majoring'

/** The area under a curve of counts, thresholds ascending; a weighted mean over groups. */
export function areaUnder(
  curve: Curve,
  method: Summation,
  labelWeights?: readonly number[],
): (groups: readonly (readonly Counts[])[]) => number {
  const area = (counts: readonly Counts[]) =>
    curve === 'PR' && method === 'interpolation' ? interpolatedPr(counts) : trapezoids(counts, curve, method)
  return (groups) => {
    const weights = labelWeights ?? groups.map(() => 1)
    const all = weights.reduce((a, b) => a + b, 0)
    return groups.reduce((sum, group, label) => sum + ratio(area(group) * (weights[label] ?? 0), all), 0)
  }
}

/** Precision and recall on a harmonic scale from that of chance, 0, to 1: https://papers.nips.cc/paper/5867. As Keras bounds them. */
function gains({ tp, fp, tn, fn }: Counts): [number, number] {
  if (tp === 0) return [0, 1]
  const odds = ratio(tp + fn, tn + fp)
  return [Math.max(1 - (odds * fn) / tp, 0), 1 - (odds * fp) / tp]
}

const pointOn: Readonly<Record<Curve, (counts: Counts) => [x: number, y: number]>> = {
  ROC: (counts) => [ratio(counts.fp, counts.fp + counts.tn), recallOf(counts)],
  PR: (counts) => [recallOf(counts), precisionOf(counts)],
  PRGAIN: gains,
}

function trapezoids(all: readonly Counts[], curve: Curve, method: Summation): number {
  let area = 0
  for (let i = 0; i + 1 < all.length; i++) {
    const [x0, y0] = pointOn[curve](all[i] as Counts)
    const [x1, y1] = pointOn[curve](all[i + 1] as Counts)
    const height =
      method === 'interpolation' ? (y0 + y1) / 2 : method === 'minoring' ? Math.min(y0, y1) : Math.max(y0, y1)
    area += (x0 - x1) * height
  }
  return area
}

/** https://www.biostat.wisc.edu/~page/rocpr.pdf: precision between two points follows from counts that change in step. */
function interpolatedPr(all: readonly Counts[]): number {
  let area = 0
  for (let i = 0; i + 1 < all.length; i++) {
    const [a, b] = [all[i] as Counts, all[i + 1] as Counts]
    const [p, q] = [a.tp + a.fp, b.tp + b.fp]
    const rise = a.tp - b.tp
    const slope = ratio(rise, Math.max(p - q, 0))
    const intercept = b.tp - slope * q
    const growth = p > 0 && q > 0 ? p / q : 1
    area += ratio(slope * (rise + intercept * Math.log(growth)), Math.max(b.tp + b.fn, 0))
  }
  return area
}

export type Average = 'none' | 'micro' | 'macro' | 'weighted'

/** F-beta: counts of every class, and how they become one number. */
export class FBetaState implements MetricState {
  readonly numbers: Float64Array
  readonly #outputs: number
  readonly #options: FBetaOptions

  constructor(outputs: number, options: FBetaOptions) {
    this.#outputs = outputs
    this.#options = options
    this.numbers = new Float64Array(3 * outputs)
  }

  updateState(batch: CapturedBatch): void {
    const { threshold } = this.#options
    eachRow(batch, (y, t, weight) => {
      const top = y.reduce((a, b) => Math.max(a, b), -Infinity)
      for (let o = 0; o < y.length; o++) {
        const value = y[o] as number
        const said = Number(threshold === undefined ? value >= top && Math.abs(value) > 1e-9 : value > threshold)
        const truth = Math.trunc(t[o] as number)
        const add = (kind: number, amount: number) => {
          this.numbers[3 * o + kind] = (this.numbers[3 * o + kind] as number) + weight * amount
        }
        add(0, said * truth)
        add(1, said * (1 - truth))
        add(2, (1 - said) * truth)
      }
    })
  }

  result(): number {
    const { beta, average, classId } = this.#options
    const counts = Array.from({ length: this.#outputs }, (_, o) => [...this.numbers.subarray(3 * o, 3 * o + 3)])
    const score = ([tp = 0, fp = 0, fn = 0]: readonly number[]) => {
      const precision = tp / (tp + fp + epsilon)
      const recall = tp / (tp + fn + epsilon)
      return ((1 + beta ** 2) * precision * recall) / (beta ** 2 * precision + recall + epsilon)
    }
    if (classId !== undefined) return score(counts[classId] ?? [])
    if (average === 'micro')
      return score([0, 1, 2].map((kind) => counts.reduce((sum, c) => sum + (c[kind] as number), 0)))
    if (average === 'macro') return mean(counts.map(score))
    const supports = counts.map(([tp = 0, , fn = 0]) => tp + fn)
    const all = supports.reduce((a, b) => a + b, 0) + epsilon
    return counts.reduce((sum, c, o) => sum + (score(c) * (supports[o] as number)) / all, 0)
  }
}

export interface FBetaOptions {
  readonly beta: number
  readonly average: Average
  readonly threshold?: number | undefined
  readonly classId?: number | undefined
}

/** The coefficient of determination, from sums over rows for each output. */
export class R2State implements MetricState {
  readonly numbers: Float64Array
  readonly #outputs: number
  readonly #options: R2Options

  constructor(outputs: number, options: R2Options) {
    this.#outputs = outputs
    this.#options = options
    this.numbers = new Float64Array(2 + 3 * outputs)
  }

  updateState(batch: CapturedBatch): void {
    const sums = this.numbers
    const add = (at: number, value: number) => {
      sums[at] = (sums[at] as number) + value
    }
    eachRow(batch, (y, t, weight) => {
      add(0, y.length)
      add(1, weight)
      for (let o = 0; o < y.length; o++) {
        const truth = t[o] as number
        add(2 + 3 * o, weight * truth)
        add(3 + 3 * o, weight * truth * truth)
        add(4 + 3 * o, weight * (truth - (y[o] as number)) ** 2)
      }
    })
  }

  result(): number {
    // As in Keras, every output of a row is a sample of its own.
    const [samples = 0, weight = 0] = this.numbers
    const { classAggregation, numRegressors, classId } = this.#options
    const outputs = Array.from({ length: this.#outputs }, (_, o) => {
      const [sum = 0, squares = 0, errors = 0] = this.numbers.subarray(2 + 3 * o, 5 + 3 * o)
      const total = squares - ratio(sum * sum, weight)
      const score = 1 - errors / total
      return { total, score: Number.isFinite(score) ? score : 0 }
    })
    const all = outputs.reduce((sum, { total }) => sum + total, 0)
    const score =
      classId !== undefined
        ? (outputs[classId]?.score ?? 0)
        : classAggregation === 'uniformAverage'
          ? mean(outputs.map((output) => output.score))
          : outputs.reduce((sum, { total, score: own }) => sum + ratio(total * own, all), 0)
    const free = samples - numRegressors - 1
    return numRegressors === 0 || free <= 0 ? score : 1 - ((1 - score) * (samples - 1)) / free
  }
}

export interface R2Options {
  readonly classAggregation: 'uniformAverage' | 'varianceWeightedAverage'
  readonly numRegressors: number
  readonly classId?: number | undefined
}

/** The weighted mean of a value of each row. */
export class RowMeanState implements MetricState {
  readonly numbers = new Float64Array(2)
  readonly #value: (y: Float32Array, t: Float32Array) => number
  readonly #counts: (t: Float32Array) => boolean

  /** `counts`: rows whose weight counts. */
  constructor(value: (y: Float32Array, t: Float32Array) => number, counts: (t: Float32Array) => boolean = () => true) {
    this.#value = value
    this.#counts = counts
  }

  updateState(batch: CapturedBatch): void {
    eachRow(batch, (y, t, weight) => {
      this.numbers[0] = (this.numbers[0] as number) + weight * this.#value(y, t)
      this.numbers[1] = (this.numbers[1] as number) + (this.#counts(t) ? weight : 0)
    })
  }

  result(): number {
    const [sum = 0, weight = 0] = this.numbers
    return ratio(sum, weight)
  }
}

/** Means, variances and covariance of the outputs and targets of a row. */
function moments(y: Float32Array, t: Float32Array) {
  const n = y.length
  const [my, mt] = [mean([...y]), mean([...t])]
  let [yy, tt, yt] = [0, 0, 0]
  for (let i = 0; i < n; i++) {
    const [a, b] = [(y[i] as number) - my, (t[i] as number) - mt]
    yy += a * a
    tt += b * b
    yt += a * b
  }
  return { my, mt, yy: yy / n, tt: tt / n, yt: yt / n }
}

/** Pearson's correlation of the outputs of a row with its targets. */
export function pearson(y: Float32Array, t: Float32Array): number {
  const { yy, tt, yt } = moments(y, t)
  return yt / Math.max(Math.sqrt(yy * tt), epsilon)
}

/** `-log` of the share that the target's class has in the outputs, which are logits or probabilities. */
export const crossentropyOf = (fromLogits: boolean) => (y: Float32Array, t: Float32Array) => {
  const logits = fromLogits ? y : y.map((p) => Math.log(Math.min(Math.max(p, epsilon), 1 - epsilon)))
  const top = logits.reduce((a, b) => Math.max(a, b), -Infinity)
  const sum = logits.reduce((all, z) => all + Math.exp(z - top), 0)
  return Math.log(sum) + top - (logits[argmax(t)] as number)
}

/** Lin's concordance. https://doi.org/10.2307/2532051 */
export function concordance(y: Float32Array, t: Float32Array): number {
  const { my, mt, yy, tt, yt } = moments(y, t)
  return (2 * yt) / (yy + tt + (my - mt) ** 2 + epsilon)
}

/** The classes of a row: of its target and its output, one pair or several. */
export type ClassesOf = (y: Float32Array, t: Float32Array) => readonly (readonly [target: number, output: number])[]

/** The first largest. */
const argmax = (row: Float32Array) => row.indexOf(row.reduce((a, b) => Math.max(a, b), -Infinity))

/** The largest output; a single output is a class index itself. */
export const largestOf: ClassesOf = (y, t) =>
  y.length === 1 ? [[Math.trunc(t[0] as number), Math.trunc(y[0] as number)]] : [[argmax(t), argmax(y)]]

/** Every output a question of its own: 1 from the threshold on. */
export const overThreshold =
  (threshold: number): ClassesOf =>
  (y, t) =>
    Array.from(y, (value, o) => [Math.trunc(t[o] as number), Number(value >= threshold)] as const)

/** Weights by the class of the target (rows) and that of the output (columns). */
export class ConfusionState implements MetricState {
  readonly numbers: Float64Array
  readonly #classes: number
  readonly #classesOf: ClassesOf
  readonly #result: (matrix: Float64Array, classes: number) => number

  constructor(classes: number, classesOf: ClassesOf, result: (matrix: Float64Array, classes: number) => number) {
    this.#classes = classes
    this.#classesOf = classesOf
    this.#result = result
    this.numbers = new Float64Array(classes * classes)
  }

  updateState(batch: CapturedBatch): void {
    eachRow(batch, (y, t, weight) => {
      for (const [row, column] of this.#classesOf(y, t)) {
        if (row < 0 || column < 0 || row >= this.#classes || column >= this.#classes) continue
        const at = row * this.#classes + column
        // As in Keras, whose matrix holds integers.
        this.numbers[at] = (this.numbers[at] as number) + Math.trunc(weight)
      }
    })
  }

  result(): number {
    return this.#result(this.numbers, this.#classes)
  }
}

/** Per class, of a confusion matrix: right answers, targets, answers. */
export function classCounts(matrix: Float64Array, classes: number) {
  return Array.from({ length: classes }, (_, c) => {
    let [targets, answers] = [0, 0]
    for (let o = 0; o < classes; o++) {
      targets += matrix[c * classes + o] as number
      answers += matrix[o * classes + c] as number
    }
    return { right: matrix[c * classes + c] as number, targets, answers }
  })
}

/** The mean over some classes (all by default) of what targets and answers share, as a part of their union. */
export function intersectionOverUnion(ids?: readonly number[]): (matrix: Float64Array, classes: number) => number {
  return (matrix, classes) => {
    const all = classCounts(matrix, classes)
    const chosen = (ids ?? all.map((_, c) => c)).map((id) => all[id]).filter((c) => c !== undefined)
    const present = chosen.filter(({ targets, answers }) => targets + answers > 0)
    return present.length === 0
      ? 0
      : present.reduce((sum, { right, targets, answers }) => sum + right / (targets + answers - right + epsilon), 0) /
          present.length
  }
}
