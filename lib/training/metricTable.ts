/** What each metric becomes for a model: a row of the native op table, or a state computed from the rows of outputs. */

import { nameTable } from '../checks/validate.js'
import type { PlanOp } from '../native/plan.js'
import type { MetricState } from './captured.js'
import {
  type Average,
  ConfusionState,
  FBetaState,
  intersectionOverUnion,
  largestOf,
  overThreshold,
} from './classMetrics.js'
import { type LossAsMetric, type LossMetricId, lossMetrics } from './losses.js'
import type { Loss, TargetKinds } from './lossOptions.js'
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
import { concordance, crossentropyOf, pearson, R2State, RowMeanState } from './rowMetrics.js'
import {
  areaUnder,
  bestWhere,
  type Counts,
  type Curve,
  precisionOf,
  recallOf,
  type Summation,
  specificityOf,
  ThresholdState,
} from './thresholdMetrics.js'

/** What a metric becomes for one model. */
export interface ResolvedMetric {
  /** Key in logs and results. */
  readonly key: string
  /** The row of the native op table it becomes; none where it is computed from the rows of outputs. */
  readonly op?: PlanOp | undefined
  /** Its state for an epoch or an evaluation, where it has no row. */
  readonly state?: ((outputs: number, weighted: boolean) => MetricState) | undefined
  readonly targets: TargetKinds
  /** Fewest outputs it makes sense with. */
  readonly leastOutputs: number
  /** From the mean over rows (0 where none counts), and their number or weight, to the value shown. */
  readonly finish: (mean: number, rows: number) => number
  /** Whether smaller or larger values are better. */
  readonly best: 'min' | 'max'
  /** Its thresholds are made for outputs from 0 to 1; default false. */
  readonly probabilities?: boolean | undefined
  /** Whether it weighs its rows; default false. */
  readonly weighted?: boolean | undefined
}

/** A metric with its options filled in. `Key` is its key in logs and results. */
export interface Metric<Key extends string = string> {
  readonly kind: 'metric'
  /** Key in logs and results. */
  readonly name: Key
  /** Which metric it is, in camelCase: `binaryAccuracy`. */
  readonly id: string
  /** All options but the name, defaults filled in. */
  readonly options: Options
  /** What it becomes for a model with so many outputs and this loss. */
  readonly resolve: (outputs: number, loss: Loss) => ResolvedMetric
  /** True for a metric of your own in a model that was loaded without it: the model predicts, and does not train. */
  readonly missing?: boolean | undefined
}

type Recipe = Omit<ResolvedMetric, 'key'>

/** What a metric becomes, from its checked options. */
export interface MetricRow {
  readonly options: OptionRows
  readonly recipe: (options: Options, outputs: number) => Recipe
  readonly aliases: readonly string[]
}

export const identity = (mean: number) => mean
const rowsOnly: TargetKinds = { rows: true, classes: false }
export const rowsOrClasses: TargetKinds = { rows: true, classes: true }

/** Thresholds of 0 and less, or 1 and more, say that outputs are no probabilities. */
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
  recipe: () => ({ op: { name, params: [] }, targets: rowsOrClasses, leastOutputs: 1, finish, best: 'min' }),
  aliases: [],
})
const topK: MetricRow = {
  options: { k: count(5) },
  recipe: ({ k }) => ({ ...categoricalAccuracy, op: { name: 'topKCategoricalAccuracy', params: [Number(k)] } }),
  aliases: [],
}

/** As in Keras, rows of the class are 0, and where rows are weighed their weight does not count. */
function ignoring(ignored: number, { fromLogits }: Options): NonNullable<Recipe['state']> {
  const value = crossentropyOf(fromLogits === true)
  const isIgnored = (t: Float32Array) => t[ignored] === 1
  return (_, weighted) =>
    new RowMeanState(
      (y, t) => (isIgnored(t) ? 0 : value(y, t)),
      (t) => !weighted || !isIgnored(t),
    )
}

function ofLoss({ options, op, targets, leastOutputs, finish, best, aliases }: LossAsMetric): MetricRow {
  const recipe = ({ ignoreClass, ...given }: Options): Recipe => {
    const ofRows = ignoreClass === undefined ? { op: op(given) } : { state: ignoring(Number(ignoreClass), given) }
    return { ...ofRows, targets, leastOutputs, finish, best }
  }
  return { options, recipe, aliases }
}

const thresholdOptions = { threshold: optionalNumber(0, 1), topK: optionalInteger(1), classId: optionalInteger(0) }

/** A metric from the rows of outputs. */
function ofState(
  options: OptionRows,
  state: (options: Options, outputs: number) => MetricState,
  {
    best = 'max',
    aliases = [],
    probabilities = () => false,
  }: {
    readonly best?: 'min' | 'max' | undefined
    readonly aliases?: readonly string[] | undefined
    readonly probabilities?: ((options: Options) => boolean) | undefined
  } = {},
): MetricRow {
  return {
    options,
    recipe: (given) => ({
      probabilities: probabilities(given),
      state: (outputs) => state(given, outputs),
      targets: rowsOrClasses,
      leastOutputs: 1,
      finish: identity,
      best,
    }),
    aliases,
  }
}

function ofCounts(value: (counts: Counts) => number, best: 'min' | 'max' = 'max'): MetricRow {
  return ofState(
    thresholdOptions,
    ({ threshold, topK, classId }) =>
      new ThresholdState(
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
/** Their counts are a square. */
const mostClasses = 4096

/** `least` is the option of this name, held by `held`; the best `wanted` counts. */
function ofConstraint(least: string, wanted: (counts: Counts) => number, held: (counts: Counts) => number): MetricRow {
  return ofState(
    {
      [least]: number(0.5, 0, 1),
      numThresholds: count(200, 1, mostThresholds),
      classId: optionalInteger(0),
    },
    ({ numThresholds, classId, [least]: value }) => {
      const n = Number(numThresholds)
      const thresholds = n === 1 ? [0.5] : Array.from({ length: n }, (_, i) => i / (n - 1))
      // As in Keras, which does not clip for a single threshold.
      const options = { thresholds, classId: classId as number | undefined, clips: n > 1 }
      return new ThresholdState(options, bestWhere(wanted, held, Number(value)))
    },
    { probabilities: () => true },
  )
}

const auc = ofState(
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
    return new ThresholdState(options, areaUnder(curve as Curve, summationMethod as Summation, weights))
  },
  { probabilities: ({ fromLogits }) => !fromLogits },
)

const fBeta = (beta: number | undefined): MetricRow =>
  ofState(
    {
      ...(beta === undefined ? { beta: number(1, 0) } : {}),
      average: notWith('classId', choice('macro', 'micro', 'weighted')),
      threshold: optionalNumber(0, 1),
      classId: optionalInteger(0),
    },
    (given, outputs) =>
      new FBetaState(outputs, {
        beta: beta ?? Number(given.beta),
        average: given.average as Average,
        threshold: given.threshold as number | undefined,
        classId: given.classId as number | undefined,
      }),
    { probabilities: ({ threshold }) => isShare(threshold) },
  )

const r2 = ofState(
  {
    classAggregation: notWith('classId', choice('uniformAverage', 'varianceWeightedAverage')),
    numRegressors: count(0, 0),
    classId: optionalInteger(0),
  },
  ({ classAggregation, numRegressors, classId }, outputs) =>
    new R2State(outputs, {
      classAggregation: classAggregation as 'uniformAverage',
      numRegressors: Number(numRegressors),
      classId: classId as number | undefined,
    }),
  { aliases: ['r2'] },
)

const classIds = (given: unknown) => given as readonly number[] | undefined
const iou = ofState(
  { numClasses: optionalInteger(2, mostClasses), targetClassIds: optionalIntegers(0) },
  (given, outputs) => {
    const classes = Number(given.numClasses ?? Math.max(outputs, 2))
    return new ConfusionState(classes, largestOf, intersectionOverUnion(classIds(given.targetClassIds)))
  },
)
const binaryIoU = ofState(
  { threshold: number(0.5), targetClassIds: optionalIntegers(0, 1) },
  ({ threshold, targetClassIds }) =>
    new ConfusionState(2, overThreshold(Number(threshold)), intersectionOverUnion(classIds(targetClassIds))),
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
  pearsonCorrelation: ofState({}, () => new RowMeanState(pearson)),
  concordanceCorrelation: ofState({}, () => new RowMeanState(concordance)),
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

/** The name of a metric, in camelCase. */
export type MetricId = keyof typeof ownRows | LossMetricId

export const metricIds = Object.keys(metricRows) as MetricId[]
export const metricNames = nameTable(metricIds, (id) => metricRows[id].aliases, 'metrics')
