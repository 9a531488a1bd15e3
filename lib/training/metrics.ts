/** Metrics, by name and with options. Names, defaults and formulas are those of Keras, also the choice of `accuracy`. */

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

/** Names of metrics, in camelCase or snake_case, and the usual short forms. The name is the key in logs and results. */
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

/** Makes a metric. Its key in logs and results is the option `name`, by default the metric's own name. */
export interface MetricFactory<Id extends string, Options = unknown> {
  <const Key extends string>(options: { readonly name: Key } & Options): Metric<Key>
  (options?: { readonly name?: undefined } & Options): Metric<Id>
}

function factory<Id extends MetricId>(id: Id): MetricFactory<Id> {
  return (options?: NameOption) => make<never>(id, options)
}

/**
 * The options of the loss. `ignoreClass`, if the loss has it, has this meaning for a metric: rows of that class count as 0, or in
 * `weightedMetrics` not at all.
 */
type OptionsOf<Factory> = Factory extends (options?: infer Given) => Loss
  ? Omit<NonNullable<Given>, 'reduction'>
  : never

/** A metric for every loss, with the same options except the reduction. */
type LossMetrics = {
  readonly [Id in keyof typeof losses as Id extends LossMetricId ? Id : never]: Id extends LossMetricId
    ? MetricFactory<Id, OptionsOf<(typeof losses)[Id]>>
    : never
}

/**
 * Metrics with options, for the option `metrics` of {@link Sequential.compile}. All can be given by name as well.
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
  /** `binaryAccuracy` for one output, otherwise `categoricalAccuracy`, which accepts one-hot rows and class indices. */
  readonly accuracy: MetricFactory<'accuracy'>
  /** Fraction of outputs on the right side of `threshold` (default 0.5; above it means 1). For logits, use the threshold 0. */
  readonly binaryAccuracy: MetricFactory<'binaryAccuracy', { readonly threshold?: number | undefined }>
  /** Fraction of outputs that equal their targets: Keras' `Accuracy`, for outputs that are values and not probabilities. */
  readonly exactAccuracy: MetricFactory<'exactAccuracy'>
  /** Mean of the outputs; targets are ignored. For the mean of another value see {@link CustomMetricOptions.rows}. */
  readonly mean: MetricFactory<'mean'>
  /** Sum of the outputs over all rows; targets are ignored. */
  readonly sum: MetricFactory<'sum'>
  /** Fraction of rows whose largest output is that of the class. */
  readonly categoricalAccuracy: MetricFactory<'categoricalAccuracy'>
  /** The same as `categoricalAccuracy`, under Keras' name for class indices. */
  readonly sparseCategoricalAccuracy: MetricFactory<'sparseCategoricalAccuracy'>
  /** Fraction of rows in which fewer than `k` outputs (default 5) are larger than the output of the class. */
  readonly topKCategoricalAccuracy: MetricFactory<'topKCategoricalAccuracy', { readonly k?: number | undefined }>
  /** The same as `topKCategoricalAccuracy`, under Keras' name for class indices. */
  readonly sparseTopKCategoricalAccuracy: MetricFactory<
    'sparseTopKCategoricalAccuracy',
    { readonly k?: number | undefined }
  >
  /** Square root of the mean of `(target - output)²` over all rows. */
  readonly rootMeanSquaredError: MetricFactory<'rootMeanSquaredError'>
  /** True positives divided by all predicted positives, over the whole epoch, not averaged over batches. */
  readonly precision: MetricFactory<'precision', CountOptions>
  /** True positives divided by all actual positives, over the whole epoch, not averaged over batches. */
  readonly recall: MetricFactory<'recall', CountOptions>
  /** Total weight of the true positives. */
  readonly truePositives: MetricFactory<'truePositives', CountOptions>
  /** Total weight of the false positives. */
  readonly falsePositives: MetricFactory<'falsePositives', CountOptions>
  /** Total weight of the true negatives. */
  readonly trueNegatives: MetricFactory<'trueNegatives', CountOptions>
  /** Total weight of the false negatives. */
  readonly falseNegatives: MetricFactory<'falseNegatives', CountOptions>
  /** Area under the ROC, precision-recall or precision-recall-gain curve, approximated at thresholds as in Keras. */
  readonly auc: MetricFactory<'auc', AucOptions>
  /** The best recall at any threshold where the specificity is at least `specificity` (default 0.5). */
  readonly sensitivityAtSpecificity: MetricFactory<
    'sensitivityAtSpecificity',
    ConstraintOptions & { readonly specificity?: number | undefined }
  >
  /** The best specificity at any threshold where the recall is at least `sensitivity` (default 0.5). */
  readonly specificityAtSensitivity: MetricFactory<
    'specificityAtSensitivity',
    ConstraintOptions & { readonly sensitivity?: number | undefined }
  >
  /** The best precision at any threshold where the recall is at least `recall` (default 0.5). */
  readonly precisionAtRecall: MetricFactory<
    'precisionAtRecall',
    ConstraintOptions & { readonly recall?: number | undefined }
  >
  /** The best recall at any threshold where the precision is at least `precision` (default 0.5). */
  readonly recallAtPrecision: MetricFactory<
    'recallAtPrecision',
    ConstraintOptions & { readonly precision?: number | undefined }
  >
  /** Harmonic mean of precision and recall for each class. Without `threshold`, the largest output of a row is positive. */
  readonly f1Score: MetricFactory<'f1Score', FBetaMetricOptions>
  /** Like `f1Score`, with recall `beta` times as important as precision. https://doi.org/10.1007/3-540-36182-0_24 */
  readonly fBetaScore: MetricFactory<'fBetaScore', FBetaMetricOptions & { readonly beta?: number | undefined }>
  /** Coefficient of determination for each output: 1 - squared errors / variance of the targets. */
  readonly r2Score: MetricFactory<'r2Score', R2MetricOptions>
  /** Mean over rows of the correlation of the row's outputs with its targets. */
  readonly pearsonCorrelation: MetricFactory<'pearsonCorrelation'>
  /** Mean over rows of Lin's concordance correlation of the row's outputs with its targets. https://doi.org/10.2307/2532051 */
  readonly concordanceCorrelation: MetricFactory<'concordanceCorrelation'>
  /** Mean over classes of intersection over union of targets and predictions; weights are truncated to integers, as in Keras. */
  readonly iou: MetricFactory<
    'iou',
    { readonly numClasses?: number | undefined; readonly targetClassIds?: readonly number[] | undefined }
  >
  /** Intersection over union of the classes 0 and 1; an output is of class 1 if it is at least `threshold` (default 0.5). */
  readonly binaryIoU: MetricFactory<
    'binaryIoU',
    { readonly threshold?: number | undefined; readonly targetClassIds?: readonly number[] | undefined }
  >
  /** Makes a custom metric, see {@link CustomMetricOptions}. */
  readonly custom: <const Key extends string>(options: CustomMetricOptions<Key>) => Metric<Key>
} & LossMetrics = { ...Object.fromEntries(metricIds.map((id) => [id, factory(id)])), custom: customMetric } as never
answerForeignNames(metrics, 'metrics')

guardArity(metrics, 'metrics')

/** Options of the metrics that count positives and negatives. */
export interface CountOptions {
  /** Outputs above this are positive, 0 to 1; default 0.5, or none with `topK`. For logits, use the threshold 0. */
  readonly threshold?: number | undefined
  /** Only this number of the largest outputs of a row can be positive; default: all. */
  readonly topK?: number | undefined
  /** Index of the only output that counts; default: all outputs count. */
  readonly classId?: number | undefined
}

/** Options of {@link metrics}.auc. */
export interface AucOptions {
  /** Number of thresholds of the curve, 2 to 100,000; default 200. */
  readonly numThresholds?: number | undefined
  /** `ROC` (default), `PR`, or `PRGAIN` (https://papers.nips.cc/paper/5867), which is meaningless without negatives. */
  readonly curve?: Curve | undefined
  /** How the area between two points is computed; default `interpolation`. */
  readonly summationMethod?: Summation | undefined
  /** Thresholds instead of evenly spaced ones, each from 0 to 1. */
  readonly thresholds?: readonly number[] | undefined
  /** Whether to compute a curve for each output and the mean of their areas; default false: one curve for all outputs. */
  readonly multiLabel?: boolean | undefined
  /** Weights of the curves in that mean, at least 0; default: all equal. */
  readonly labelWeights?: readonly number[] | undefined
  /**
   * Whether the outputs are logits, to which a sigmoid is applied first. Default false: outputs are probabilities; others are clipped
   * to 0 … 1 as in Keras, even if the loss takes them as logits.
   */
  readonly fromLogits?: boolean | undefined
}

/** Options of the metrics that are the best value under a constraint. Outputs below 0 and above 1 are clipped, as in Keras. */
export interface ConstraintOptions {
  /** Number of evenly spaced thresholds that are tried, at most 100,000; default 200. */
  readonly numThresholds?: number | undefined
  /** Index of the only output that counts; default: all outputs count. */
  readonly classId?: number | undefined
}

/** Options of {@link metrics}.f1Score and {@link metrics}.fBetaScore. */
export interface FBetaMetricOptions {
  /** `macro` (default): mean over classes; `micro`: one score of all counts; `weighted`: mean weighted by the targets of each class. */
  readonly average?: 'macro' | 'micro' | 'weighted' | undefined
  /** Outputs above this are positive; default: the largest output of a row is positive, or all of them if several are largest. */
  readonly threshold?: number | undefined
  /** Index of a class whose score alone is returned; default: all classes. */
  readonly classId?: number | undefined
}

/** Options of {@link metrics}.r2Score. */
export interface R2MetricOptions {
  /** How the scores of outputs are averaged; default `uniformAverage`. */
  readonly classAggregation?: 'uniformAverage' | 'varianceWeightedAverage' | undefined
  /** Number of independent regressors for the adjusted R²; default 0: no adjustment. */
  readonly numRegressors?: number | undefined
  /** Index of an output whose score alone is returned; default: all outputs. */
  readonly classId?: number | undefined
}

/** An element of the option `metrics`: a name or an object. */
export type MetricLike = MetricName | Metric

/** The key of a metric in logs and results: the name as it was written, or the object's `name`. */
export type MetricKey<M> = M extends Metric<infer Key> ? Key : M extends string ? M : never

/** The metrics of names and objects. Throws `ERR_UNKNOWN_NAME`, with suggestions, and `ERR_ARGUMENT` for two metrics of one name. */
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

/** Reads `metrics` and `weightedMetrics`, whose names must all differ. */
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

/** Makes a metric of an id, options and a key, as a model file describes it. */
export function metricFrom(id: unknown, options: object, key: unknown, argument: string): Metric {
  return make(lookUp(metricNames, id, argument), { ...options, name: checkName(key, argument) })
}
