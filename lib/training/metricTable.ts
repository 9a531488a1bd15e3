/** How each metric is computed: by a row of the native op table, or from the sums of a tally. */

import { nameTable } from '../checks/validate.js'
import type { PlanOp } from '../native/plan.js'
import type { MetricState } from './captured.js'
import { type Average, confusionTally, fBetaTally, intersectionOverUnion, sidesTally } from './classMetrics.js'
import { type LossAsMetric, type LossMetricId, lossMetrics } from './losses.js'
import type { TargetKinds } from './lossOptions.js'
import {
  choice,
  count,
  flag,
  needing,
  notWith,
  number,
  type OptionRows,
  type Options,
  optionalInteger,
  optionalIntegers,
  optionalNumber,
  optionalNumbers,
} from './options.js'
import { meanTally, r2Tally } from './rowMetrics.js'
import type { Tally } from './tally.js'
import {
  areaUnder,
  bestWhere,
  type Counts,
  type Curve,
  precisionOf,
  recallOf,
  type Summation,
  specificityOf,
  thresholdTally,
} from './thresholdMetrics.js'

/** A metric for the outputs and the loss of one model. */
export interface ResolvedMetric {
  /** Key in logs and results. */
  readonly key: string
  /** The row of the native op table that computes it; undefined if it is a tally or has states. */
  readonly op?: PlanOp | undefined
  /** The sums that it is computed from. */
  readonly tally?: Tally | undefined
  /** Makes its state for an epoch or an evaluation, if users define it. */
  readonly state?: ((outputs: number) => MetricState) | undefined
  readonly targets: TargetKinds
  /** Whether its targets are values, which class indices are none of, though it accepts their one-hot rows; default false. */
  readonly ofValues?: boolean | undefined
  /** The smallest number of outputs that it accepts. */
  readonly leastOutputs: number
  /** Computes the final value from the mean over rows (0 if no row counts) and the number or total weight of the rows. */
  readonly finish: (mean: number, rows: number) => number
  /** Whether smaller or larger values are better. */
  readonly best: 'min' | 'max'
  /** Whether it has thresholds for outputs from 0 to 1; default false. */
  readonly probabilities?: boolean | undefined
  /** Whether it applies the weights of rows; default false. */
  readonly weighted?: boolean | undefined
  /** Whether it is computed of outputs alone; default false. */
  readonly ofOutputs?: boolean | undefined
  /** Whether users define it, so that it gets targets as they were given; default false. */
  readonly isCustom?: boolean | undefined
}

/** A metric with its options filled in. `Key` is its key in logs and results. */
export interface Metric<Key extends string = string> {
  readonly kind: 'metric'
  /** Key in logs and results. */
  readonly name: Key
  /** Which metric it is, in camelCase: `binaryAccuracy`. */
  readonly id: string
  /** All options except the name, with defaults filled in. */
  readonly options: Options
  /** Fits the metric to a model with this number of outputs. */
  readonly resolve: (outputs: number) => ResolvedMetric
  /** True for a custom metric that was not passed to load(): the model can predict but not train. */
  readonly missing?: boolean | undefined
}

type Recipe = Omit<ResolvedMetric, 'key'>

/** The definition of a metric: its options, and how it is computed for them. */
export interface MetricRow {
  readonly options: OptionRows
  readonly recipe: (options: Options, outputs: number) => Recipe
  readonly aliases: readonly string[]
}

export const identity = (mean: number) => mean
const rowsOnly: TargetKinds = { rows: true, classes: false }
export const rowsOrClasses: TargetKinds = { rows: true, classes: true }

/** Whether a threshold suits probabilities; one of at most 0 or at least 1 shows that the outputs are none. */
const isShare = (threshold: unknown) => typeof threshold === 'number' && threshold > 0 && threshold < 1

const binaryAccuracy = (threshold: number): Recipe => ({
  probabilities: isShare(threshold),
  op: { name: 'binaryAccuracy', params: [threshold] },
  targets: rowsOnly,
  leastOutputs: 1,
  finish: identity,
  best: 'max',
})
const categoricalAccuracy: Recipe = {
  op: { name: 'categoricalAccuracy', params: [] },
  targets: rowsOrClasses,
  leastOutputs: 2,
  finish: identity,
  best: 'max',
}
const exactAccuracy: Recipe = {
  op: { name: 'exactAccuracy', params: [] },
  targets: rowsOnly,
  leastOutputs: 1,
  finish: identity,
  best: 'max',
}
const ofOutputs = (name: 'mean' | 'sum', finish: Recipe['finish']): MetricRow => ({
  options: {},
  recipe: () => ({
    op: { name, params: [] },
    targets: rowsOrClasses,
    ofOutputs: true,
    leastOutputs: 1,
    finish,
    best: 'min',
  }),
  aliases: [],
})
const topK: MetricRow = {
  options: { k: count(5) },
  recipe: ({ k }) => ({ ...categoricalAccuracy, op: { name: 'topKCategoricalAccuracy', params: [Number(k)] } }),
  aliases: [],
}

/**
 * A loss that ignores a class, as a metric. As in Keras, rows of that class count as 0, or not at all in a weighted metric. One that no
 * output stands for is no class of a row.
 */
function ignoring(ignored: number, { fromLogits }: Options, outputs: number): Tally {
  const classId = ignored >= 0 && ignored < outputs ? ignored : undefined
  return meanTally({ kind: 'crossentropy', classId, fromLogits: fromLogits === true })
}

function ofLoss({ options, op, targets, leastOutputs, finish, best, aliases }: LossAsMetric): MetricRow {
  const recipe = ({ ignoreClass, ...given }: Options, outputs: number): Recipe => {
    const ofRows =
      ignoreClass === undefined ? { op: op(given) } : { tally: ignoring(Number(ignoreClass), given, outputs) }
    return { ...ofRows, targets, leastOutputs, finish, best }
  }
  return { options, recipe, aliases }
}

const thresholdOptions = { threshold: optionalNumber(0, 1), topK: optionalInteger(1), classId: optionalInteger(0) }

/** A metric that is computed from the sums of a tally. */
function ofTally(
  options: OptionRows,
  tally: (options: Options, outputs: number) => Tally,
  {
    best = 'max',
    aliases = [],
    probabilities = () => false,
    ofValues = false,
  }: {
    readonly best?: 'min' | 'max' | undefined
    readonly aliases?: readonly string[] | undefined
    readonly probabilities?: ((options: Options) => boolean) | undefined
    readonly ofValues?: boolean | undefined
  } = {},
): MetricRow {
  return {
    options,
    recipe: (given, outputs) => ({
      probabilities: probabilities(given),
      tally: tally(given, outputs),
      targets: rowsOrClasses,
      ofValues,
      leastOutputs: 1,
      finish: identity,
      best,
    }),
    aliases,
  }
}

function ofCounts(value: (counts: Counts) => number, best: 'min' | 'max' = 'max'): MetricRow {
  return ofTally(
    thresholdOptions,
    ({ threshold, topK, classId }) =>
      thresholdTally(
        {
          thresholds: [Number(threshold ?? (topK === undefined ? 0.5 : -1e10))],
          topK: topK as number | undefined,
          classId: classId as number | undefined,
        },
        (groups) => value(groups[0]?.[0] as Counts),
      ),
    { best, probabilities: ({ threshold, topK }) => isShare(threshold ?? (topK === undefined ? 0.5 : undefined)) },
  )
}

const mostThresholds = 100_000
/** The most classes of a confusion matrix, whose memory grows with their square. */
const mostClasses = 4096

/** A metric that is the best `wanted` at any threshold where `held` is at least the option named by `least`. */
function ofConstraint(least: string, wanted: (counts: Counts) => number, held: (counts: Counts) => number): MetricRow {
  return ofTally(
    {
      [least]: number(0.5, 0, 1),
      numThresholds: count(200, 1, mostThresholds),
      classId: optionalInteger(0),
    },
    ({ numThresholds, classId, [least]: value }) => {
      const n = Number(numThresholds)
      const thresholds = n === 1 ? [0.5] : Array.from({ length: n }, (_, i) => i / (n - 1))
      // Keras does not clip outputs for a single threshold.
      const options = { thresholds, classId: classId as number | undefined, clips: n > 1 }
      return thresholdTally(options, bestWhere(wanted, held, Number(value)))
    },
    { probabilities: () => true },
  )
}

const auc = ofTally(
  {
    numThresholds: notWith('thresholds', count(200, 2, mostThresholds)),
    curve: choice('ROC', 'PR', 'PRGAIN'),
    summationMethod: choice('interpolation', 'minoring', 'majoring'),
    thresholds: optionalNumbers(0, 1),
    multiLabel: flag(false),
    labelWeights: needing('multiLabel', optionalNumbers(0)),
    fromLogits: flag(false),
  },
  ({ numThresholds, curve, summationMethod, thresholds, multiLabel, labelWeights, fromLogits }, outputs) => {
    const n = Number(numThresholds)
    const inner =
      (thresholds as readonly number[] | undefined)?.toSorted((a, b) => a - b) ??
      Array.from({ length: n - 2 }, (_, i) => (i + 1) / (n - 1))
    const all = [-1e-7, ...inner, 1 + 1e-7]
    const ends = fromLogits ? all.map((p) => (p <= 0 ? -Infinity : p >= 1 ? Infinity : Math.log(p / (1 - p)))) : all
    const options = { thresholds: ends, soft: true, labels: multiLabel ? outputs : undefined, clips: !fromLogits }
    const weights = multiLabel ? (labelWeights as readonly number[] | undefined) : undefined
    return thresholdTally(options, areaUnder(curve as Curve, summationMethod as Summation, weights))
  },
  { probabilities: ({ fromLogits }) => !fromLogits },
)

const fBeta = (beta: number | undefined): MetricRow =>
  ofTally(
    {
      ...(beta === undefined ? { beta: number(1, 0) } : {}),
      average: notWith('classId', choice('macro', 'micro', 'weighted')),
      threshold: optionalNumber(0, 1),
      classId: optionalInteger(0),
    },
    (given, outputs) =>
      fBetaTally(outputs, {
        beta: beta ?? Number(given.beta),
        average: given.average as Average,
        threshold: given.threshold as number | undefined,
        classId: given.classId as number | undefined,
      }),
    { probabilities: ({ threshold }) => isShare(threshold) },
  )

const r2 = ofTally(
  {
    classAggregation: notWith('classId', choice('uniformAverage', 'varianceWeightedAverage')),
    numRegressors: count(0, 0),
    classId: optionalInteger(0),
  },
  ({ classAggregation, numRegressors, classId }, outputs) =>
    r2Tally(outputs, {
      classAggregation: classAggregation as 'uniformAverage',
      numRegressors: Number(numRegressors),
      classId: classId as number | undefined,
    }),
  { aliases: ['r2'], ofValues: true },
)

const classIds = (given: unknown) => given as readonly number[] | undefined
const iou = ofTally(
  { numClasses: optionalInteger(2, mostClasses), targetClassIds: optionalIntegers(0) },
  (given, outputs) => {
    const classes = Number(given.numClasses ?? Math.max(outputs, 2))
    return confusionTally(classes, intersectionOverUnion(classIds(given.targetClassIds)))
  },
)
const binaryIoU = ofTally(
  { threshold: number(0.5), targetClassIds: optionalIntegers(0, 1) },
  ({ threshold, targetClassIds }) => sidesTally(Number(threshold), intersectionOverUnion(classIds(targetClassIds))),
  { probabilities: ({ threshold }) => isShare(threshold) },
)

const ownRows = {
  precision: ofCounts(precisionOf),
  recall: ofCounts(recallOf),
  truePositives: ofCounts(({ tp }) => tp),
  falsePositives: ofCounts(({ fp }) => fp, 'min'),
  trueNegatives: ofCounts(({ tn }) => tn),
  falseNegatives: ofCounts(({ fn }) => fn, 'min'),
  auc,
  sensitivityAtSpecificity: ofConstraint('specificity', recallOf, specificityOf),
  specificityAtSensitivity: ofConstraint('sensitivity', specificityOf, recallOf),
  precisionAtRecall: ofConstraint('recall', precisionOf, recallOf),
  recallAtPrecision: ofConstraint('precision', recallOf, precisionOf),
  f1Score: fBeta(1),
  fBetaScore: fBeta(undefined),
  r2Score: r2,
  pearsonCorrelation: ofTally({}, () => meanTally({ kind: 'pearson' }), { ofValues: true }),
  concordanceCorrelation: ofTally({}, () => meanTally({ kind: 'concordance' }), { ofValues: true }),
  iou,
  binaryIoU,
  accuracy: {
    options: {},
    recipe: (_, outputs) => (outputs === 1 ? binaryAccuracy(0.5) : categoricalAccuracy),
    aliases: ['acc'],
  },
  binaryAccuracy: {
    options: { threshold: number(0.5) },
    recipe: ({ threshold }) => binaryAccuracy(Number(threshold)),
    aliases: [],
  },
  exactAccuracy: { options: {}, recipe: () => exactAccuracy, aliases: [] },
  mean: ofOutputs('mean', identity),
  sum: ofOutputs('sum', (mean, rows) => mean * rows),
  categoricalAccuracy: { options: {}, recipe: () => categoricalAccuracy, aliases: [] },
  sparseCategoricalAccuracy: { options: {}, recipe: () => categoricalAccuracy, aliases: [] },
  topKCategoricalAccuracy: topK,
  sparseTopKCategoricalAccuracy: topK,
  rootMeanSquaredError: {
    ...ofLoss(lossMetrics.meanSquaredError),
    recipe: () => ({ ...ofLoss(lossMetrics.meanSquaredError).recipe({}, 1), finish: Math.sqrt }),
    aliases: ['rmse'],
  },
} as const satisfies Record<string, MetricRow>

const lossRows = Object.fromEntries(
  Object.entries(lossMetrics).map(([id, loss]): [string, MetricRow] => [id, ofLoss(loss)]),
) as Readonly<Record<LossMetricId, MetricRow>>

export const metricRows: Readonly<Record<MetricId, MetricRow>> = { ...ownRows, ...lossRows }

/** Names of the built-in metrics in camelCase. */
export type MetricId = keyof typeof ownRows | LossMetricId

export const metricIds = Object.keys(metricRows) as MetricId[]
export const metricNames = nameTable(metricIds, (id) => metricRows[id].aliases, 'metrics')
