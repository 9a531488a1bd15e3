/** Metrics by name and with options: Keras' names, defaults and formulas; `accuracy` chosen as Keras does. */

import { NeurodeError } from '../errors.js'
import type { Spelled } from '../names.js'
import type { PlanOp } from '../native.js'
import { checkName, checkOptions, lookUp, nameTable, refuse } from '../validate.js'
import {
  type Loss,
  type LossAsMetric,
  type LossMetricId,
  type losses,
  lossMetrics,
  type TargetKinds,
} from './losses.js'
import { count, fillOptions, number, type OptionRows, type Options } from './options.js'

/** What a metric becomes for one model. */
export interface ResolvedMetric {
  /** Key in logs and results. */
  readonly key: string
  /** The row of the native op table it becomes. */
  readonly op: PlanOp
  readonly targets: TargetKinds
  /** Fewest outputs it makes sense with. */
  readonly leastOutputs: number
  /** From the mean over rows to the value shown. */
  readonly finish: (mean: number) => number
  /** Whether smaller or larger values are better. */
  readonly best: 'min' | 'max'
}

/** A metric with its options filled in. `Key` is its key in logs and results. */
export interface Metric<Key extends string = string> {
  readonly kind: 'metric'
  /** Key in logs and results. */
  readonly name: Key
  /** Which metric it is, in camelCase: `binaryAccuracy`. */
  readonly id: string
  /** All options but the name, defaults filled in. */
  readonly options: Readonly<Record<string, number | boolean>>
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

const ownRows = {
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
  const name = checked.name === undefined ? key : checkName(checked.name, `${argument}: name`)
  if (name === 'loss' || name.startsWith('val_')) refuse(`${argument}: name`, "a name but 'loss' or 'val_…'", name)
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
} & LossMetrics = Object.fromEntries(ids.map((id) => [id, factory(id)])) as never

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

function toMetric(value: MetricLike, argument: string): Metric {
  if (typeof value !== 'object' || value === null) return make(lookUp(names, value, argument), undefined, value)
  return value.kind === 'metric' ? value : refuse(argument, 'a name or an object of metrics.*', value)
}

/** The metric of an id, its options and its key, as a file describes it. */
export function metricFrom(id: unknown, options: object, key: unknown, argument: string): Metric {
  return make(lookUp(names, id, argument), { ...options, name: checkName(key, argument) })
}
