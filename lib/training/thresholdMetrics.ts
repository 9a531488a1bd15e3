/** Metrics with thresholds: true and false positives and negatives, and areas under their curves. */

import { ratio } from './metricNumbers.js'
import type { Tally } from './tally.js'

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
  /** Only this number of the largest outputs of a row can be positive, among equal ones the first; default: all. */
  readonly topK?: number | undefined
  /** Whether a target between 0 and 1 counts as positive with that weight and as negative with the rest; default false. */
  readonly soft?: boolean | undefined
  /** Whether outputs are clipped to 0 … 1; default false. */
  readonly clips?: boolean | undefined
  /** Number of outputs that have counts of their own; default: one group of counts for all outputs. */
  readonly labels?: number | undefined
}

/** A tally of the weights of positives and negatives between neighbouring thresholds. */
export function thresholdTally(
  { thresholds, labels, ...options }: ThresholdOptions,
  result: (groups: readonly (readonly Counts[])[]) => number,
): Tally {
  const groups = labels ?? 1
  const size = 2 * (thresholds.length + 1)
  return {
    plan: {
      kind: 'thresholds',
      thresholds: Float32Array.from(thresholds),
      ...options,
      ...(labels === undefined ? {} : { byOutput: true }),
    },
    size: groups * size,
    result: (sums) =>
      result(Array.from({ length: groups }, (_, group) => countsOf(sums.subarray(group * size, (group + 1) * size)))),
  }
}

/** The counts at each threshold, which are running sums of the weights between thresholds, from both ends. */
function countsOf(sums: Float64Array): Counts[] {
  const bins = sums.length / 2
  const above = new Float64Array(2 * bins)
  for (let at = 2 * bins - 3; at >= 0; at--) above[at] = (above[at + 2] as number) + (sums[at + 2] as number)
  let fn = 0
  let tn = 0
  return Array.from({ length: bins - 1 }, (_, bin) => {
    fn += sums[2 * bin] as number
    tn += sums[2 * bin + 1] as number
    return { tp: above[2 * bin] as number, fp: above[2 * bin + 1] as number, fn, tn }
  })
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
