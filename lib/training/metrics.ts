/** Metrics by name and with options: Keras' names, defaults and formulas; `accuracy` chosen as Keras does. */

import { NeurodeError } from '../errors.js'
import type { Spelled } from '../names.js'
import type { PlanOp } from '../native.js'
import { checkInteger, checkName, checkOptions, lookUp, nameTable, refuse } from '../validate.js'
import type { CapturedBatch, MetricState } from './captured.js'
import {
  type Average,
  areaUnder,
  bestWhere,
  ConfusionState,
  type Counts,
  type Curve,
  concordance,
  FBetaState,
  intersectionOverUnion,
  largestOf,
  overThreshold,
  pearson,
  precisionOf,
  R2State,
  RowMeanState,
  recallOf,
  type Summation,
  specificityOf,
  ThresholdState,
} from './countMetrics.js'
import {
  type Loss,
  type LossAsMetric,
  type LossMetricId,
  type losses,
  lossMetrics,
  type TargetKinds,
} from './losses.js'
import {
  choice,
  count,
  fillOptions,
  flag,
  number,
  type OptionRows,
  type Options,
  optionalInteger,
  optionalNumber,
  optionalNumbers,
} from './options.js'

/** What a metric becomes for one model. */
export interface ResolvedMetric {
  /** Key in logs and results. */
  readonly key: string
  /** The row of the native op table it becomes; none where it is computed from the rows of outputs. */
  readonly op?: PlanOp | undefined
  /** Its state for an epoch or an evaluation, where it has no row. */
  readonly state?: ((outputs: number) => MetricState) | undefined
  readonly targets: TargetKinds
  /** Fewest outputs it makes sense with. */
  readonly leastOutputs: number
  /** From the mean over rows to the value shown. */
  readonly finish: (mean: number) => number
  /** Whether smaller or larger values are better. */
  readonly best: 'min' | 'max'
  /** Whether it weighs its rows; default false. */
  readonly weighted?: boolean
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
}

type Recipe = Omit<ResolvedMetric, 'key'>

/** What a metric becomes, from its checked options. */
interface MetricRow {
  readonly options: OptionRows
  readonly recipe: (options: Options, outputs: number) => Recipe
  readonly aliases: readonly string[]
}

const identity = (mean: number) => mean
const rowsOnly: TargetKinds = { rows: true, classes: false }
const rowsOrClasses: TargetKinds = { rows: true, classes: true }

const binaryAccuracy = (threshold: number): Recipe => ({
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
const topK: MetricRow = {
  options: { k: count(5) },
  recipe: ({ k }) => ({ ...categoricalAccuracy, op: { name: 'topKCategoricalAccuracy', params: [Number(k)] } }),
  aliases: [],
}

function ofLoss({ options, op, targets, leastOutputs, finish, best, aliases }: LossAsMetric): MetricRow {
  return { options, recipe: (given) => ({ op: op(given), targets, leastOutputs, finish, best }), aliases }
}

const thresholdOptions = { threshold: optionalNumber(0, 1), topK: optionalInteger(1), classId: optionalInteger(0) }

/** A metric from the rows of outputs. */
function ofState(
  options: OptionRows,
  state: (options: Options, outputs: number) => MetricState,
  best: 'min' | 'max' = 'max',
  aliases: readonly string[] = [],
): MetricRow {
  return {
    options,
    recipe: (given) => ({
      state: (outputs) => state(given, outputs),
      targets: rowsOrClasses,
      leastOutputs: 1,
      finish: identity,
      best,
    }),
    aliases,
  }
}

function ofCounts(value: (counts: Counts) => number, best?: 'min' | 'max'): MetricRow {
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
    best,
  )
}

/** `least` is the option of this name, held by `held`; the best `wanted` counts. */
function ofConstraint(least: string, wanted: (counts: Counts) => number, held: (counts: Counts) => number): MetricRow {
  return ofState(
    { [least]: number(0.5, 0, 1), numThresholds: count(200), classId: optionalInteger(0) },
    ({ numThresholds, classId, [least]: value }) => {
      const n = Number(numThresholds)
      const thresholds = n === 1 ? [0.5] : Array.from({ length: n }, (_, i) => i / (n - 1))
      const options = { thresholds, classId: classId as number | undefined }
      return new ThresholdState(options, bestWhere(wanted, held, Number(value)))
    },
  )
}

const auc = ofState(
  {
    numThresholds: { ...count(200), check: (given, name) => checkInteger(given, name, 2) },
    curve: choice('ROC', 'PR'),
    summationMethod: choice('interpolation', 'minoring', 'majoring'),
    thresholds: optionalNumbers(0, 1),
    multiLabel: flag(false),
    labelWeights: optionalNumbers(0),
    fromLogits: flag(false),
  },
  ({ numThresholds, curve, summationMethod, thresholds, multiLabel, labelWeights, fromLogits }, outputs) => {
    const n = Number(numThresholds)
    const inner =
      (thresholds as readonly number[] | undefined)?.toSorted((a, b) => a - b) ??
      Array.from({ length: n - 2 }, (_, i) => (i + 1) / (n - 1))
    const all = [-1e-7, ...inner, 1 + 1e-7]
    const ends = fromLogits ? all.map((p) => (p <= 0 ? -Infinity : p >= 1 ? Infinity : Math.log(p / (1 - p)))) : all
    const options = { thresholds: ends, soft: true, labels: multiLabel ? outputs : undefined }
    const weights = labelWeights as readonly number[] | undefined
    if (weights !== undefined && (!multiLabel || weights.length !== outputs)) {
      refuse('metrics.auc: labelWeights', `with multiLabel, ${outputs} numbers, one for each output`, weights)
    }
    return new ThresholdState(options, areaUnder(curve as Curve, summationMethod as Summation, weights))
  },
)

const fBeta = (beta: number | undefined): MetricRow =>
  ofState(
    {
      ...(beta === undefined ? { beta: number(1, 0) } : {}),
      average: choice('macro', 'micro', 'weighted'),
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
  )

const r2 = ofState(
  {
    classAggregation: choice('uniformAverage', 'varianceWeightedAverage'),
    numRegressors: { ...number(0), check: (given, name) => checkInteger(given, name, 0) },
    classId: optionalInteger(0),
  },
  ({ classAggregation, numRegressors, classId }, outputs) =>
    new R2State(outputs, {
      classAggregation: classAggregation as 'uniformAverage',
      numRegressors: Number(numRegressors),
      classId: classId as number | undefined,
    }),
  'max',
  ['r2'],
)

const classIds = (given: unknown) => given as readonly number[] | undefined
const iou = ofState({ numClasses: optionalInteger(2), targetClassIds: optionalNumbers(0) }, (given, outputs) => {
  const classes = Number(given.numClasses ?? Math.max(outputs, 2))
  return new ConfusionState(classes, largestOf, intersectionOverUnion(classIds(given.targetClassIds)))
})
const binaryIoU = ofState(
  { threshold: number(0.5), targetClassIds: optionalNumbers(0, 1) },
  ({ threshold, targetClassIds }) =>
    new ConfusionState(2, overThreshold(Number(threshold)), intersectionOverUnion(classIds(targetClassIds))),
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

const table: Readonly<Record<MetricId, MetricRow>> = { ...ownRows, ...lossRows }

type MetricId = keyof typeof ownRows | LossMetricId

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

const ids = Object.keys(table) as MetricId[]
const names = nameTable(ids, (id) => table[id].aliases)

/** The option that every metric has. */
interface NameOption {
  readonly name?: string | undefined
}

function make<Key extends string>(id: MetricId, given: NameOption | undefined, key: string = id): Metric<Key> {
  const row = table[id]
  const argument = `metrics.${id}`
  const checked = checkOptions(given, [...Object.keys(row.options), 'name'], argument)
  const name = checked.name === undefined ? key : checkKey(checked.name, argument)
  const options = fillOptions(row.options, checked, argument)
  return Object.freeze({
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
  /** Share of outputs on the right side of `threshold` (default 0.5; above it means 1). */
  readonly binaryAccuracy: MetricFactory<'binaryAccuracy', { readonly threshold?: number }>
  /** Share of rows whose largest output is the class. */
  readonly categoricalAccuracy: MetricFactory<'categoricalAccuracy'>
  /** The same, by Keras' name for class indices. */
  readonly sparseCategoricalAccuracy: MetricFactory<'sparseCategoricalAccuracy'>
  /** Share of rows where fewer than `k` outputs (default 5) are larger than that of the class. */
  readonly topKCategoricalAccuracy: MetricFactory<'topKCategoricalAccuracy', { readonly k?: number }>
  /** The same, by Keras' name for class indices. */
  readonly sparseTopKCategoricalAccuracy: MetricFactory<'sparseTopKCategoricalAccuracy', { readonly k?: number }>
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
  /** Area under the ROC or the precision-recall curve, by Keras' sums over thresholds. */
  readonly auc: MetricFactory<'auc', AucOptions>
  /** The best recall at any threshold where specificity is at least `specificity` (default 0.5). */
  readonly sensitivityAtSpecificity: MetricFactory<
    'sensitivityAtSpecificity',
    ConstraintOptions & { readonly specificity?: number }
  >
  /** The best specificity where recall is at least `sensitivity` (default 0.5). */
  readonly specificityAtSensitivity: MetricFactory<
    'specificityAtSensitivity',
    ConstraintOptions & { readonly sensitivity?: number }
  >
  /** The best precision where recall is at least `recall` (default 0.5). */
  readonly precisionAtRecall: MetricFactory<'precisionAtRecall', ConstraintOptions & { readonly recall?: number }>
  /** The best recall where precision is at least `precision` (default 0.5). */
  readonly recallAtPrecision: MetricFactory<'recallAtPrecision', ConstraintOptions & { readonly precision?: number }>
  /** Harmonic mean of precision and recall, class by class. Without `threshold` the largest outputs are positive. */
  readonly f1Score: MetricFactory<'f1Score', FBetaMetricOptions>
  /** The same with recall `beta` times as important as precision. https://doi.org/10.1007/3-540-36182-0_24 */
  readonly fBetaScore: MetricFactory<'fBetaScore', FBetaMetricOptions & { readonly beta?: number }>
  /** 1 - squared errors / variance of the targets, output by output. */
  readonly r2Score: MetricFactory<'r2Score', R2MetricOptions>
  /** Correlation of the outputs of a row with its targets, a mean over rows. */
  readonly pearsonCorrelation: MetricFactory<'pearsonCorrelation'>
  /** Lin's concordance of the same. https://doi.org/10.2307/2532051 */
  readonly concordanceCorrelation: MetricFactory<'concordanceCorrelation'>
  /** Intersection over union of targets and answers, a mean over classes; weights are cut to integers, as in Keras. */
  readonly iou: MetricFactory<'iou', { readonly numClasses?: number; readonly targetClassIds?: readonly number[] }>
  /** The same for outputs that are each 0 or 1, 1 from `threshold` (default 0.5) on. */
  readonly binaryIoU: MetricFactory<
    'binaryIoU',
    { readonly threshold?: number; readonly targetClassIds?: readonly number[] }
  >
  /** See {@link CustomMetricOptions}. */
  readonly custom: <const Key extends string>(options: CustomMetricOptions<Key>) => Metric<Key>
} & LossMetrics = { ...Object.fromEntries(ids.map((id) => [id, factory(id)])), custom: customMetric } as never

/** Options of the metrics that count positives and negatives. */
export interface CountOptions {
  /** Outputs above it are positive, 0 to 1; default 0.5, with `topK` none. */
  readonly threshold?: number
  /** Only the so many largest outputs of a row can be positive. */
  readonly topK?: number
  /** Only this output counts; default: all. */
  readonly classId?: number
}

/** Options of {@link metrics}.auc. */
export interface AucOptions {
  /** How many thresholds the curve is made of, at least 2; default 200. */
  readonly numThresholds?: number
  /** Default `ROC`. */
  readonly curve?: Curve
  /** How the area between two points is taken; default `interpolation`. */
  readonly summationMethod?: Summation
  /** Thresholds in place of evenly spaced ones, each from 0 to 1. */
  readonly thresholds?: readonly number[]
  /** A curve for each output, and the mean of their areas; default false: one curve for all. */
  readonly multiLabel?: boolean
  /** Weights of the curves in that mean, at least 0; default: all the same. */
  readonly labelWeights?: readonly number[]
  /** The outputs are logits; default false. */
  readonly fromLogits?: boolean
}

/** Options of the metrics that are the best under a constraint. */
export interface ConstraintOptions {
  /** Thresholds that are tried, evenly spaced; default 200. */
  readonly numThresholds?: number
  /** Only this output counts; default: all. */
  readonly classId?: number
}

/** Options of {@link metrics}.f1Score and {@link metrics}.fBetaScore. */
export interface FBetaMetricOptions {
  /** `macro` (default): the mean over classes; `micro`: all counts together; `weighted`: by the targets of each class. */
  readonly average?: 'macro' | 'micro' | 'weighted'
  /** Outputs above it are positive; default: the largest of a row, all of them if several are. */
  readonly threshold?: number
  /** The score of this class alone. */
  readonly classId?: number
}

/** Options of {@link metrics}.r2Score. */
export interface R2MetricOptions {
  /** How outputs become one number; default `uniformAverage`. */
  readonly classAggregation?: 'uniformAverage' | 'varianceWeightedAverage'
  /** Independent regressors to adjust for; default 0: no adjustment. */
  readonly numRegressors?: number
  /** The score of this output alone. */
  readonly classId?: number
}

/**
 * A metric of your own, computed in TypeScript from the rows of outputs and targets: exact over an epoch, and slower than
 * the metrics of the op table, as every row crosses from native code.
 *
 * @example
 * ```ts
 * import { layers, metrics, sequential } from 'neurode'
 *
 * const largest = metrics.custom({
 *   name: 'largest',
 *   state: () => {
 *     let largest = 0
 *     return {
 *       updateState({ outputs, targets }) {
 *         outputs.forEach((y, i) => {
 *           largest = Math.max(largest, Math.abs(y - (targets[i] ?? 0)))
 *         })
 *       },
 *       result: () => largest,
 *     }
 *   },
 * })
 * const bias = metrics.custom({
 *   name: 'bias',
 *   rows: ({ outputs, targets }) => outputs.map((y, i) => y - (targets[i] ?? 0)),
 * })
 * const model = sequential([layers.dense({ units: 1, inputShape: [2] })])
 * model.compile({ loss: 'mse', metrics: [largest, bias] })
 * ```
 */
export interface CustomMetricOptions<Key extends string = string> {
  /** Key in logs and results. */
  readonly name: Key
  /** Makes the state of an epoch or an evaluation: an object with `updateState` and `result`. Either this or `rows`. */
  readonly state?: (outputs: number) => MetricState
  /** Gives one value for each row of a batch; the metric is their mean. */
  readonly rows?: (batch: CapturedBatch) => ArrayLike<number>
  /** Whether smaller or larger values are better; default `min`. */
  readonly best?: 'min' | 'max'
}

class ValuesState implements MetricState {
  readonly numbers = new Float64Array(2)
  readonly #values: (batch: CapturedBatch) => ArrayLike<number>
  readonly #argument: string

  constructor(values: (batch: CapturedBatch) => ArrayLike<number>, argument: string) {
    this.#values = values
    this.#argument = argument
  }

  updateState(batch: CapturedBatch): void {
    const values = this.#values(batch)
    const rows = batch.shape[0]
    if (values?.length !== rows) refuse(`${this.#argument}: rows`, `a function that gives ${rows} numbers`, values)
    for (let row = 0; row < rows; row++) {
      const weight = batch.weights[row] as number
      this.numbers[0] = (this.numbers[0] as number) + weight * (values[row] as number)
      this.numbers[1] = (this.numbers[1] as number) + weight
    }
  }

  result(): number {
    const [sum = 0, weight = 0] = this.numbers
    return sum / weight
  }
}

function customMetric<const Key extends string>(given: CustomMetricOptions<Key>): Metric<Key> {
  const argument = 'metrics.custom'
  const { name, state, rows, best = 'min' } = checkOptions(given, ['name', 'state', 'rows', 'best'], argument)
  const key = checkKey(name, argument)
  if (typeof (state ?? rows) !== 'function' || (state !== undefined && rows !== undefined)) {
    refuse(argument, 'either state or rows, a function', state ?? rows)
  }
  const make = state ?? (() => new ValuesState(rows as NonNullable<typeof rows>, argument))
  return Object.freeze({
    kind: 'metric',
    name: key as Key,
    id: 'custom',
    options: {},
    resolve: () => ({
      key,
      state: make,
      targets: rowsOrClasses,
      leastOutputs: 1,
      finish: identity,
      best,
    }),
  })
}

function checkKey(value: unknown, argument: string): string {
  const name = checkName(value, `${argument}: name`)
  return name === 'loss' || name.startsWith('val_')
    ? refuse(`${argument}: name`, "a name but 'loss' or 'val_…'", name)
    : name
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
  if (typeof value !== 'object' || value === null) return make(lookUp(names, value, argument), undefined, value)
  return value.kind === 'metric' ? value : refuse(argument, 'a name or an object of metrics.*', value)
}

/** The metric of an id, its options and its key, as a file describes it. */
export function metricFrom(id: unknown, options: object, key: unknown, argument: string): Metric {
  return make(lookUp(names, id, argument), { ...options, name: checkName(key, argument) })
}
