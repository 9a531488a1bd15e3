/** Metrics of several sums, computed in float64 from all rows at once, straight from their definitions. */

import { type CapturedBatch, metrics } from 'neurode'

/** Rows of outputs and targets, and their weights. */
interface Rows {
  readonly outputs: readonly (readonly number[])[]
  readonly targets: readonly (readonly number[])[]
  readonly weights: readonly number[]
}

type Reference = (rows: Rows) => number

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
const mean = (values: readonly number[]) => sum(values) / values.length
const ratio = (a: number, b: number) => (b === 0 ? 0 : a / b)
const epsilon = 1e-7

/** All outputs one by one, each with its target and the weight of its row. */
function* each({ outputs, targets, weights }: Rows) {
  for (const [row, weight] of weights.entries()) {
    for (const [o, y] of (outputs[row] ?? []).entries()) yield { row, o, y, t: targets[row]?.[o] as number, weight }
  }
}

interface Counts {
  readonly tp: number
  readonly fp: number
  readonly tn: number
  readonly fn: number
}

type Chosen = (row: number, o: number) => boolean

/** The weights of positives and negatives of those outputs for which `is` is true, above a threshold and otherwise. */
function countsAt(rows: Rows, threshold: number, is: Chosen = () => true, may: Chosen = () => true): Counts {
  const counts = { tp: 0, fp: 0, tn: 0, fn: 0 }
  for (const { row, o, y, t, weight } of each(rows)) {
    if (!is(row, o)) continue
    const said = y > threshold && may(row, o)
    counts[said ? 'tp' : 'fn'] += weight * t
    counts[said ? 'fp' : 'tn'] += weight * (1 - t)
  }
  return counts
}

/** Whether an output is among the k largest of its row. */
const amongLargest = ({ outputs }: Rows, k: number): Chosen => {
  const chosen = outputs.map((row) => {
    const order = row.map((_, o) => o).sort((a, b) => (row[b] as number) - (row[a] as number) || a - b)
    return new Set(order.slice(0, k))
  })
  return (row, o) => chosen[row]?.has(o) === true
}

const recall = ({ tp, fn }: Counts) => ratio(tp, tp + fn)
const precision = ({ tp, fp }: Counts) => ratio(tp, tp + fp)
const fallout = ({ fp, tn }: Counts) => ratio(fp, fp + tn)

const clipped = (rows: Rows): Rows => ({
  ...rows,
  outputs: rows.outputs.map((row) => row.map((y) => Math.min(Math.max(y, 0), 1))),
})
const evenly = (count: number) =>
  Array.from({ length: count }, (_, i) => (i === 0 ? -epsilon : i === count - 1 ? 1 + epsilon : i / (count - 1)))

/** The area under the ROC curve at ascending thresholds. */
function area(rows: Rows, thresholds: readonly number[], is?: Chosen): number {
  const points = thresholds.map((threshold) => countsAt(rows, Math.fround(threshold), is))
  return sum(
    points.slice(1).map((next, i) => {
      const here = points[i] as Counts
      return ((fallout(here) - fallout(next)) * (recall(here) + recall(next))) / 2
    }),
  )
}

const fBeta = (beta: number, said: (rows: Rows) => Chosen, average: 'macro' | 'micro'): Reference => {
  const score = ({ tp, fp, fn }: Counts) => {
    const [p, r] = [tp / (tp + fp + epsilon), tp / (tp + fn + epsilon)]
    return ((1 + beta ** 2) * p * r) / (beta ** 2 * p + r + epsilon)
  }
  return (rows) => {
    const is = said(rows)
    if (average === 'micro') return score(countsAt(rows, -Infinity, undefined, is))
    const classes = (rows.outputs[0] ?? []).map((_, c) => countsAt(rows, -Infinity, (_row, o) => o === c, is))
    return mean(classes.map(score))
  }
}
const largest =
  ({ outputs }: Rows): Chosen =>
  (row, o) =>
    outputs[row]?.[o] === Math.max(...(outputs[row] ?? []))

/** The mean of intersection over union of classes, from pairs of classes and weights. */
function iou(pairs: readonly (readonly [target: number, output: number, weight: number])[], classes: number): number {
  const weightOf = (is: (target: number, output: number) => boolean) =>
    sum(pairs.map(([target, output, weight]) => (is(target, output) ? Math.trunc(weight) : 0)))
  const scores = Array.from({ length: classes }, (_, c) => {
    const union = weightOf((target, output) => target === c || output === c)
    return union === 0 ? [] : weightOf((target, output) => target === c && output === c) / (union + epsilon)
  }).flat()
  return mean(scores)
}
const argmax = (row: readonly number[] = []) => row.indexOf(Math.max(...row))

const ofRows =
  (value: (y: readonly number[], t: readonly number[]) => number): Reference =>
  ({ outputs, targets, weights }) =>
    sum(weights.map((weight, row) => weight * value(outputs[row] ?? [], targets[row] ?? []))) / sum(weights)

function moments(y: readonly number[], t: readonly number[]) {
  const [my, mt] = [mean(y), mean(t)]
  const covariance = mean(y.map((value, i) => (value - my) * ((t[i] as number) - mt)))
  return { my, mt, covariance, vy: mean(y.map((v) => (v - my) ** 2)), vt: mean(t.map((v) => (v - mt) ** 2)) }
}

/** A metric, and what it has to be for rows whose targets are one-hot. */
interface MetricCase {
  readonly make: (name: string) => ReturnType<typeof metrics.auc>
  readonly reference: Reference
}

const of = (make: (options: { readonly name: string }) => unknown, reference: Reference): MetricCase => ({
  make: (name) => make({ name }) as ReturnType<MetricCase['make']>,
  reference,
})

export const metricCases = (outputs: number): Readonly<Record<string, MetricCase>> => ({
  precision: of(metrics.precision, (rows) => precision(countsAt(rows, 0.5))),
  recall: of(
    ({ name }) => metrics.recall({ name, threshold: 0.3 }),
    (rows) => recall(countsAt(rows, Math.fround(0.3))),
  ),
  recallOfClass: of(
    ({ name }) => metrics.recall({ name, classId: 1, threshold: 0.25 }),
    (rows) => recall(countsAt(rows, 0.25, (_, o) => o === 1)),
  ),
  trueNegatives: of(metrics.trueNegatives, (rows) => countsAt(rows, 0.5).tn),
  falsePositives: of(metrics.falsePositives, (rows) => countsAt(rows, 0.5).fp),
  ...Object.fromEntries(
    [1, 2, Math.ceil(outputs / 2), outputs].map((topK) => [
      `precisionAt${topK}`,
      of(
        ({ name }) => metrics.precision({ name, topK }),
        (rows) => precision(countsAt(rows, -1e10, undefined, amongLargest(rows, topK))),
      ),
    ]),
  ),
  recallOfClassAt2: of(
    ({ name }) => metrics.recall({ name, topK: 2, classId: 0, threshold: 0.25 }),
    (rows) => recall(countsAt(rows, 0.25, (_, o) => o === 0, amongLargest(rows, 2))),
  ),
  auc: of(metrics.auc, (rows) => area(clipped(rows), evenly(200))),
  aucOfThresholds: of(
    ({ name }) => metrics.auc({ name, thresholds: [0.9, 0.25, 0.26, 0.5] }),
    (rows) => area(clipped(rows), [-epsilon, 0.25, 0.26, 0.5, 0.9, 1 + epsilon]),
  ),
  aucOfLabels: of(
    ({ name }) => metrics.auc({ name, multiLabel: true, numThresholds: 20 }),
    (rows) => {
      const areas = (rows.outputs[0] ?? []).map((_, c) => area(clipped(rows), evenly(20), (_row, o) => o === c))
      return mean(areas)
    },
  ),
  aucOfLogits: of(
    ({ name }) => metrics.auc({ name, fromLogits: true, numThresholds: 50 }),
    (rows) =>
      area(
        rows,
        evenly(50).map((p) => (p <= 0 ? -Infinity : p >= 1 ? Infinity : Math.log(p / (1 - p)))),
      ),
  ),
  sensitivity: of(
    ({ name }) => metrics.sensitivityAtSpecificity({ name, specificity: 0.6, numThresholds: 30 }),
    (rows) => {
      const counts = Array.from({ length: 30 }, (_, i) => countsAt(clipped(rows), Math.fround(i / 29)))
      return Math.max(0, ...counts.filter((c) => ratio(c.tn, c.tn + c.fp) >= 0.6).map(recall))
    },
  ),
  f1Score: of(metrics.f1Score, fBeta(1, largest, 'macro')),
  fBetaScore: of(
    ({ name }) => metrics.fBetaScore({ name, beta: 2, average: 'micro', threshold: 0.3 }),
    fBeta(
      2,
      ({ outputs: y }) =>
        (row, o) =>
          (y[row]?.[o] as number) > 0.3,
      'micro',
    ),
  ),
  iou: of(metrics.iou, ({ outputs: y, targets, weights }) =>
    iou(
      weights.map((weight, row) => [argmax(targets[row]), argmax(y[row]), weight]),
      outputs,
    ),
  ),
  binaryIoU: of(
    ({ name }) => metrics.binaryIoU({ name, threshold: 0.7 }),
    (rows) =>
      iou(
        [...each(rows)].map(({ y, t, weight }) => [t, Number(y >= 0.7), weight]),
        2,
      ),
  ),
  r2Score: of(metrics.r2Score, ({ outputs: y, targets, weights }) => {
    const all = sum(weights)
    return mean(
      (y[0] ?? []).map((_, o) => {
        const [truth, said] = [targets, y].map((rows) => rows.map((row) => row[o] as number)) as [number[], number[]]
        const center = sum(truth.map((t, row) => t * (weights[row] as number))) / all
        const spread = sum(truth.map((t, row) => (weights[row] as number) * (t - center) ** 2))
        const errors = sum(truth.map((t, row) => (weights[row] as number) * (t - (said[row] as number)) ** 2))
        // As in Keras, targets that are all the same give 0.
        return spread < 1e-12 ? 0 : 1 - errors / spread
      }),
    )
  }),
  pearsonCorrelation: of(
    metrics.pearsonCorrelation,
    ofRows((y, t) => {
      const { covariance, vy, vt } = moments(y, t)
      return covariance / Math.max(Math.sqrt(vy * vt), epsilon)
    }),
  ),
  concordanceCorrelation: of(
    metrics.concordanceCorrelation,
    ofRows((y, t) => {
      const { my, mt, covariance, vy, vt } = moments(y, t)
      return (2 * covariance) / (vy + vt + (my - mt) ** 2 + epsilon)
    }),
  ),
})

/** The same value by a custom metric, which is given all rows. */
export function customCase(name: string, reference: Reference) {
  return metrics.custom({
    name,
    state: () => {
      const rows: { outputs: number[][]; targets: number[][]; weights: number[] } = {
        outputs: [],
        targets: [],
        weights: [],
      }
      return {
        updateState({ outputs, targets, weights, shape: [count, size] }: CapturedBatch) {
          for (let row = 0; row < count; row++) {
            rows.outputs.push([...outputs.subarray(row * size, (row + 1) * size)])
            rows.targets.push([...targets.subarray(row * size, (row + 1) * size)])
            rows.weights.push(weights[row] as number)
          }
        },
        result: () => reference(rows),
      }
    },
  })
}
