/** Metrics with thresholds: true and false positives and negatives, and areas under their curves. */

import type { CapturedBatch, MetricState } from './captured.js'
import { eachRow, ratio } from './metricNumbers.js'

/** The weights of true and false positives and negatives at one threshold. */
export interface Counts {
  readonly tp: number
  readonly fp: number
  readonly tn: number
  readonly fn: number
}

export interface ThresholdOptions {
  /** The thresholds, in ascending order. */
  readonly thresholds: readonly number[]
  /** Index of the only output that counts; default: all outputs count. */
  readonly classId?: number | undefined
  /** Only this number of the largest outputs of a row can be positive; default: all. */
  readonly topK?: number | undefined
  /** Whether a target between 0 and 1 counts as positive with that weight and as negative with the rest; default false. */
  readonly soft?: boolean | undefined
  /** Whether outputs are clipped to 0 … 1; default false. */
  readonly clips?: boolean | undefined
  /** Number of outputs that have counts of their own; default: one group of counts for all outputs. */
  readonly labels?: number | undefined
}

/** The state of threshold metrics: the weights of positives and negatives between neighbouring thresholds. */
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

  /** The counts at each threshold, which are running sums of the weights between thresholds, from both ends. */
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

  /** The number of thresholds that a value is above. */
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

/** The indices of the `k` largest values; among equal values the first ones. */
function largest(y: Float32Array, k: number): ReadonlySet<number> {
  const order = Array.from(y, (_, i) => i).sort((a, b) => (y[b] as number) - (y[a] as number) || a - b)
  return new Set(order.slice(0, k))
}

export const precisionOf = ({ tp, fp }: Counts) => ratio(tp, tp + fp)
export const recallOf = ({ tp, fn }: Counts) => ratio(tp, tp + fn)
export const specificityOf = ({ tn, fp }: Counts) => ratio(tn, tn + fp)

/** The largest `wanted` at any threshold where `held` is at least `least`. */
export function bestWhere(
  wanted: (counts: Counts) => number,
  held: (counts: Counts) => number,
  least: number,
): (groups: readonly (readonly Counts[])[]) => number {
  return ([all = []]) => all.filter((counts) => held(counts) >= least).reduce((best, c) => Math.max(best, wanted(c)), 0)
}

export type Curve = 'ROC' | 'PR' | 'PRGAIN'
export type Summation = 'interpolation' | 'minoring' | 'majoring'

/** The area under a curve of counts at ascending thresholds; with several groups, the weighted mean of their areas. */
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

/** Recall gain and precision gain (https://papers.nips.cc/paper/5867): 0 is the value of chance, 1 the best. Bounded as in Keras. */
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

/** The area under the PR curve, with counts interpolated linearly between points: https://www.biostat.wisc.edu/~page/rocpr.pdf */
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
