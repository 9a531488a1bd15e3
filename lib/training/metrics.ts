/** Metrics by name and with options: Keras' names, defaults and formulas; `accuracy` chosen as Keras does. */

import { NeurodeError } from '../base/errors.js'
import type { Spelled } from '../base/names.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkMade, sealed } from '../checks/made.js'
import { checkName, checkOptions, lookUp, refuse } from '../checks/validate.js'
import { type CustomMetricOptions, checkKey, customMetric } from './customMetric.js'
import type { LossMetricId, losses } from './losses.js'
import type { Loss } from './lossOptions.js'
import { type Metric, type MetricId, metricIds, metricNames, metricRows } from './metricTable.js'
import { fillOptions } from './options.js'
import type { Curve, Summation } from './thresholdMetrics.js'

/** The metrics by name: camelCase or snake_case, and the usual short forms. The name is the key in logs and results. */
export type MetricName =
  | Spelled<MetricId>
  | 'r2'
  | 'acc'
  | 'mse'
  | 'MSE'
  | 'mae'
  | 'MAE'
  | 'mape'
  | 'MAPE'
  | 'msle'
  | 'MSLE'
  | 'rmse'
  | 'RMSE'
  | 'bce'
  | 'BCE'
  | 'kld'
  | 'KLD'

/** The option that every metric has. */
interface NameOption {
  readonly name?: string | undefined
}

function make<Key extends string>(id: MetricId, given: NameOption | undefined, key: string = id): Metric<Key> {
  const row = metricRows[id]
  const argument = `metrics.${id}`
  const checked = checkOptions(given, [...Object.keys(row.options), 'name'], argument)
  const name = checked.name === undefined ? key : checkKey(checked.name, argument)
  const options = fillOptions(row.options, checked, argument)
  return sealed({
    kind: 'metric',
    name: name as Key,
    id,
    options,
    resolve: (outputs: number) => ({ key: name, ...row.recipe(options, outputs) }),
  })
}

/** Makes a metric; its key is the name given, else the metric's own. */
export interface MetricFactory<Id extends string, Options = unknown> {
  <const Key extends string>(options: { readonly name: Key } & Options): Metric<Key>
  (options?: { readonly name?: undefined } & Options): Metric<Id>
}

function factory<Id extends MetricId>(id: Id): MetricFactory<Id> {
  return (options?: NameOption) => make<never>(id, options)
}

/**
 * Options of the loss; `ignoreClass`, where there is one, means for a metric: rows of that class count as 0, and in
 * `weightedMetrics` not at all.
 */
type OptionsOf<Factory> = Factory extends (options?: infer Given) => Loss
  ? Omit<NonNullable<Given>, 'reduction'>
  : never

/** A metric for every loss, with the same options but the reduction. */
type LossMetrics = {
  readonly [Id in keyof typeof losses as Id extends LossMetricId ? Id : never]: Id extends LossMetricId
    ? MetricFactory<Id, OptionsOf<(typeof losses)[Id]>>
    : never
}

/**
 * Metrics with options, for the `metrics` of {@link Sequential.compile}. All can be given by name as well.
 *
 * @example
 * ```ts
 * import { layers, metrics, sequential } from 'neurode'
 *
 * const model = sequential([layers.dense({ units: 1, activation: 'sigmoid', inputShape: [8] })])
 * model.compile({ loss: 'binaryCrossentropy', metrics: [metrics.binaryAccuracy({ threshold: 0.3, name: 'hits' })] })
 * ```
 */
export const metrics: {
  /** `binaryAccuracy` for one output, else `categoricalAccuracy`, for one-hot rows as for class indices. */
  readonly accuracy: MetricFactory<'accuracy'>
  /** Share of outputs on the right side of `threshold` (default 0.5; above it means 1). For logits it is 0. */
  readonly binaryAccuracy: MetricFactory<'binaryAccuracy', { readonly threshold?: number | undefined }>
  /** Share of outputs that equal their targets: Keras' `Accuracy`, for outputs that are values and not probabilities. */
  readonly exactAccuracy: MetricFactory<'exactAccuracy'>
  /** Mean of the outputs, whatever their targets. A mean of a value of your own is {@link CustomMetricOptions.rows}. */
  readonly mean: MetricFactory<'mean'>
  /** Sum of the outputs over all rows, whatever their targets. */
  readonly sum: MetricFactory<'sum'>
  /** Share of rows whose largest output is the class. */
  readonly categoricalAccuracy: MetricFactory<'categoricalAccuracy'>
  /** The same, by Keras' name for class indices. */
  readonly sparseCategoricalAccuracy: MetricFactory<'sparseCategoricalAccuracy'>
  /** Share of rows where fewer than `k` outputs (default 5) are larger than that of the class. */
  readonly topKCategoricalAccuracy: MetricFactory<'topKCategoricalAccuracy', { readonly k?: number | undefined }>
  /** The same, by Keras' name for class indices. */
  readonly sparseTopKCategoricalAccuracy: MetricFactory<
    'sparseTopKCategoricalAccuracy',
    { readonly k?: number | undefined }
  >
  /** Square root of the mean of `(target - output)²` over all rows. */
  readonly rootMeanSquaredError: MetricFactory<'rootMeanSquaredError'>
  /** Right positives as a share of all that were said; over the epoch, not averaged over batches. */
  readonly precision: MetricFactory<'precision', CountOptions>
  /** Right positives as a share of all there are. */
  readonly recall: MetricFactory<'recall', CountOptions>
  /** Weight of the right positives. */
  readonly truePositives: MetricFactory<'truePositives', CountOptions>
  /** Weight of the wrong positives. */
  readonly falsePositives: MetricFactory<'falsePositives', CountOptions>
  /** Weight of the right negatives. */
  readonly trueNegatives: MetricFactory<'trueNegatives', CountOptions>
  /** Weight of the wrong negatives. */
  readonly falseNegatives: MetricFactory<'falseNegatives', CountOptions>
  /** Area under the ROC, the precision-recall or the precision-recall-gain curve, by Keras' sums over thresholds. */
  readonly auc: MetricFactory<'auc', AucOptions>
  /** The best recall at any threshold where specificity is at least `specificity` (default 0.5). */
  readonly sensitivityAtSpecificity: MetricFactory<
    'sensitivityAtSpecificity',
    ConstraintOptions & { readonly specificity?: number | undefined }
  >
  /** The best specificity where recall is at least `sensitivity` (default 0.5). */
  readonly specificityAtSensitivity: MetricFactory<
    'specificityAtSensitivity',
    ConstraintOptions & { readonly sensitivity?: number | undefined }
  >
  /** The best precision where recall is at least `recall` (default 0.5). */
  readonly precisionAtRecall: MetricFactory<
    'precisionAtRecall',
    ConstraintOptions & { readonly recall?: number | undefined }
  >
  /** The best recall where precision is at least `precision` (default 0.5). */
  readonly recallAtPrecision: MetricFactory<
    'recallAtPrecision',
    ConstraintOptions & { readonly precision?: number | undefined }
  >
  /** Harmonic mean of precision and recall, class by class. Without `threshold` the largest outputs are positive. */
  readonly f1Score: MetricFactory<'f1Score', FBetaMetricOptions>
  /** The same with recall `beta` times as important as precision. https://doi.org/10.1007/3-540-36182-0_24 */
  readonly fBetaScore: MetricFactory<'fBetaScore', FBetaMetricOptions & { readonly beta?: number | undefined }>
  /** 1 - squared errors / variance of the targets, output by output. */
  readonly r2Score: MetricFactory<'r2Score', R2MetricOptions>
  /** Correlation of the outputs of a row with its targets, a mean over rows. */
  readonly pearsonCorrelation: MetricFactory<'pearsonCorrelation'>
  /** Lin's concordance of the same. https://doi.org/10.2307/2532051 */
  readonly concordanceCorrelation: MetricFactory<'concordanceCorrelation'>
  /** Intersection over union of targets and answers, a mean over classes; weights are cut to integers, as in Keras. */
  readonly iou: MetricFactory<
    'iou',
    { readonly numClasses?: number | undefined; readonly targetClassIds?: readonly number[] | undefined }
  >
  /** The same for outputs that are each 0 or 1, 1 from `threshold` (default 0.5) on. */
  readonly binaryIoU: MetricFactory<
    'binaryIoU',
    { readonly threshold?: number | undefined; readonly targetClassIds?: readonly number[] | undefined }
  >
  /** See {@link CustomMetricOptions}. */
  readonly custom: <const Key extends string>(options: CustomMetricOptions<Key>) => Metric<Key>
} & LossMetrics = { ...Object.fromEntries(metricIds.map((id) => [id, factory(id)])), custom: customMetric } as never
answerForeignNames(metrics, 'metrics')

guardArity(metrics, 'metrics')

/** Options of the metrics that count positives and negatives. */
export interface CountOptions {
  /** Outputs above it are positive, 0 to 1; default 0.5, with `topK` none. For logits it is 0. */
  readonly threshold?: number | undefined
  /** Only the so many largest outputs of a row can be positive. */
  readonly topK?: number | undefined
  /** Only this output counts; default: all. */
  readonly classId?: number | undefined
}

/** Options of {@link metrics}.auc. */
export interface AucOptions {
  /** How many thresholds the curve is made of, 2 to 100,000; default 200. */
  readonly numThresholds?: number | undefined
  /** `ROC` (default), `PR`, or `PRGAIN` (https://papers.nips.cc/paper/5867), which means nothing without negatives. */
  readonly curve?: Curve | undefined
  /** How the area between two points is taken; default `interpolation`. */
  readonly summationMethod?: Summation | undefined
  /** Thresholds in place of evenly spaced ones, each from 0 to 1. */
  readonly thresholds?: readonly number[] | undefined
  /** A curve for each output, and the mean of their areas; default false: one curve for all. */
  readonly multiLabel?: boolean | undefined
  /** Weights of the curves in that mean, at least 0; default: all the same. */
  readonly labelWeights?: readonly number[] | undefined
  /**
   * The outputs are logits, and the curve is that of their sigmoid; default false: outputs are probabilities, and others are
   * clipped to 0 … 1 as in Keras, whatever the loss takes them for.
   */
  readonly fromLogits?: boolean | undefined
}

/** Options of the metrics that are the best under a constraint; outputs below 0 and above 1 are clipped, as in Keras. */
export interface ConstraintOptions {
  /** Thresholds that are tried, evenly spaced, at most 100,000; default 200. */
  readonly numThresholds?: number | undefined
  /** Only this output counts; default: all. */
  readonly classId?: number | undefined
}

/** Options of {@link metrics}.f1Score and {@link metrics}.fBetaScore. */
export interface FBetaMetricOptions {
  /** `macro` (default): the mean over classes; `micro`: all counts together; `weighted`: by the targets of each class. */
  readonly average?: 'macro' | 'micro' | 'weighted' | undefined
  /** Outputs above it are positive; default: the largest of a row, all of them if several are. */
  readonly threshold?: number | undefined
  /** The score of this class alone. */
  readonly classId?: number | undefined
}

/** Options of {@link metrics}.r2Score. */
export interface R2MetricOptions {
  /** How outputs become one number; default `uniformAverage`. */
  readonly classAggregation?: 'uniformAverage' | 'varianceWeightedAverage' | undefined
  /** Independent regressors to adjust for; default 0: no adjustment. */
  readonly numRegressors?: number | undefined
  /** The score of this output alone. */
  readonly classId?: number | undefined
}

/** What `metrics` may list: names and objects. */
export type MetricLike = MetricName | Metric

/** The key of a metric in logs and results: a name as it was written, an object's name. */
export type MetricKey<M> = M extends Metric<infer Key> ? Key : M extends string ? M : never

/** The metrics that names and objects stand for; `ERR_UNKNOWN_NAME` with suggestions, `ERR_ARGUMENT` for two of a name. */
export function toMetrics(values: readonly MetricLike[] | undefined, argument: string): readonly Metric[] {
  if (values === undefined) return []
  if (!Array.isArray(values)) refuse(argument, 'a list of names or objects of metrics.*', values)
  const found = values.map((value: MetricLike, i) => toMetric(value, `${argument}[${i}]`))
  found.forEach(({ name }, i) => {
    if (found.findIndex((other) => other.name === name) === i) return
    throw new NeurodeError(
      'ERR_ARGUMENT',
      `${argument}[${i}]: expected metrics of different names, got '${name}' twice`,
    )
  })
  return found
}

/** `metrics` and `weightedMetrics`, whose names must all differ. */
export function toMetricLists(plain: readonly MetricLike[] | undefined, weighted: readonly MetricLike[] | undefined) {
  const metrics = toMetrics(plain, 'metrics')
  const weightedMetrics = toMetrics(weighted, 'weightedMetrics')
  const twice = weightedMetrics.find(({ name }) => metrics.some((metric) => metric.name === name))
  if (twice !== undefined) {
    const text = `weightedMetrics: expected other names than in metrics, got '${twice.name}'`
    throw new NeurodeError('ERR_ARGUMENT', `${text}; give it one, as in metrics.binaryAccuracy({ name: 'weighted' })`)
  }
  return { metrics, weightedMetrics }
}

function toMetric(value: MetricLike, argument: string): Metric {
  if (typeof value !== 'object' || value === null) return make(lookUp(metricNames, value, argument), undefined, value)
  return checkMade(value, 'metric', argument, 'a name or an object of metrics.*')
}

/** The metric of an id, its options and its key, as a file describes it. */
export function metricFrom(id: unknown, options: object, key: unknown, argument: string): Metric {
  return make(lookUp(metricNames, id, argument), { ...options, name: checkName(key, argument) })
}
