/** Metrics by name and with options: Keras' names, defaults and formulas; `accuracy` chosen as Keras does. */

import { NeurodeError } from '../errors.js'
import type { Spelled } from '../names.js'
import type { PlanOp } from '../native.js'
import { checkName, checkNumber, checkOptions, lookUp, nameTable, refuse } from '../validate.js'
import { crossentropyParams, type Loss, type TargetKinds } from './losses.js'

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

/** Options that metrics have. */
interface AllOptions {
  /** Key in logs and results; default the metric's name in camelCase. */
  readonly name?: string | undefined
  readonly threshold?: number
  readonly fromLogits?: boolean
  readonly labelSmoothing?: number
}

type Recipe = Omit<ResolvedMetric, 'key'>

const rowsOnly: TargetKinds = { rows: true, classes: false }
const classesOnly: TargetKinds = { rows: false, classes: true }
const rowsOrClasses: TargetKinds = { rows: true, classes: true }
const identity = (mean: number) => mean

function recipe(name: string, params: readonly number[], targets: TargetKinds, leastOutputs = 1): Recipe {
  return { op: { name, params }, targets, leastOutputs, finish: identity, best: 'min' }
}

const binaryAccuracy = (threshold: number): Recipe => ({
  ...recipe('binaryAccuracy', [threshold], rowsOnly),
  best: 'max',
})
const categoricalAccuracy: Recipe = { ...recipe('categoricalAccuracy', [], rowsOrClasses, 2), best: 'max' }

/** What each metric becomes, from its checked options. */
interface MetricRow {
  readonly options: readonly ('threshold' | 'fromLogits' | 'labelSmoothing')[]
  readonly recipe: (options: Readonly<Record<string, number | boolean>>, outputs: number, loss: Loss) => Recipe
  readonly aliases: readonly string[]
}

function crossentropy(
  name: string,
  options: MetricRow['options'],
  targets: TargetKinds,
  leastOutputs: number,
  ...aliases: string[]
): MetricRow {
  return {
    options,
    recipe: (given) =>
      recipe(
        name,
        options.map((key) => Number(given[key])),
        targets,
        leastOutputs,
      ),
    aliases,
  }
}

const table = {
  accuracy: {
    options: [],
    recipe: (_, outputs) => (outputs === 1 ? binaryAccuracy(0.5) : categoricalAccuracy),
    aliases: ['acc'],
  },
  binaryAccuracy: {
    options: ['threshold'],
    recipe: ({ threshold }) => binaryAccuracy(Number(threshold)),
    aliases: [],
  },
  categoricalAccuracy: { options: [], recipe: () => categoricalAccuracy, aliases: [] },
  sparseCategoricalAccuracy: { options: [], recipe: () => categoricalAccuracy, aliases: [] },
  meanSquaredError: { options: [], recipe: () => recipe('meanSquaredError', [], rowsOnly), aliases: ['mse'] },
  meanAbsoluteError: { options: [], recipe: () => recipe('meanAbsoluteError', [], rowsOnly), aliases: ['mae'] },
  rootMeanSquaredError: {
    options: [],
    recipe: () => ({ ...recipe('meanSquaredError', [], rowsOnly), finish: Math.sqrt }),
    aliases: ['rmse'],
  },
  binaryCrossentropy: crossentropy('binaryCrossentropy', ['fromLogits', 'labelSmoothing'], rowsOnly, 1, 'bce'),
  categoricalCrossentropy: crossentropy('categoricalCrossentropy', ['fromLogits', 'labelSmoothing'], rowsOrClasses, 2),
  sparseCategoricalCrossentropy: crossentropy('sparseCategoricalCrossentropy', ['fromLogits'], classesOnly, 2),
} as const satisfies Record<string, MetricRow>

type MetricId = keyof typeof table

/** The metrics by name: camelCase or snake_case, and the usual short forms. The name is the key in logs and results. */
export type MetricName = Spelled<MetricId> | 'acc' | 'mse' | 'MSE' | 'mae' | 'MAE' | 'rmse' | 'RMSE' | 'bce'

const ids = Object.keys(table) as MetricId[]
const names = nameTable(ids, (id) => table[id].aliases)

function make<Key extends string>(id: MetricId, given: AllOptions | undefined, key: string = id): Metric<Key> {
  const row: MetricRow = table[id]
  const argument = `metrics.${id}`
  const checked = checkOptions(given, [...row.options, 'name'], argument)
  const name = checked.name === undefined ? key : checkName(checked.name, `${argument}: name`)
  if (name === 'loss' || name.startsWith('val_')) refuse(`${argument}: name`, "a name but 'loss' or 'val_…'", name)
  const options = crossentropyParams(row.options, checked, argument)
  if (row.options.includes('threshold')) {
    options.threshold = checkNumber(checked.threshold ?? 0.5, `${argument}: threshold`)
  }
  return Object.freeze({
    kind: 'metric',
    name: name as Key,
    id,
    options: Object.freeze(options),
    resolve: (outputs: number, loss: Loss) => ({ key: name, ...row.recipe(options, outputs, loss) }),
  })
}

interface SmoothedOptions {
  readonly fromLogits?: boolean
  readonly labelSmoothing?: number
}

/** Makes a metric; its key is the name given, else the metric's own. */
export interface MetricFactory<Id extends string, Options = unknown> {
  <const Key extends string>(options: { readonly name: Key } & Options): Metric<Key>
  (options?: { readonly name?: undefined } & Options): Metric<Id>
}

function factory<Id extends MetricId>(id: Id): MetricFactory<Id> {
  return (options?: AllOptions) => make<never>(id, options)
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
  /** Mean of `(target - output)²`. */
  readonly meanSquaredError: MetricFactory<'meanSquaredError'>
  /** Mean of `|target - output|`. */
  readonly meanAbsoluteError: MetricFactory<'meanAbsoluteError'>
  /** Square root of the mean of `(target - output)²` over all rows. */
  readonly rootMeanSquaredError: MetricFactory<'rootMeanSquaredError'>
  /** As the loss of the same name. */
  readonly binaryCrossentropy: MetricFactory<'binaryCrossentropy', SmoothedOptions>
  /** As the loss of the same name. */
  readonly categoricalCrossentropy: MetricFactory<'categoricalCrossentropy', SmoothedOptions>
  /** As the loss of the same name. */
  readonly sparseCategoricalCrossentropy: MetricFactory<
    'sparseCategoricalCrossentropy',
    { readonly fromLogits?: boolean }
  >
} = {
  accuracy: factory('accuracy'),
  binaryAccuracy: factory('binaryAccuracy'),
  categoricalAccuracy: factory('categoricalAccuracy'),
  sparseCategoricalAccuracy: factory('sparseCategoricalAccuracy'),
  meanSquaredError: factory('meanSquaredError'),
  meanAbsoluteError: factory('meanAbsoluteError'),
  rootMeanSquaredError: factory('rootMeanSquaredError'),
  binaryCrossentropy: factory('binaryCrossentropy'),
  categoricalCrossentropy: factory('categoricalCrossentropy'),
  sparseCategoricalCrossentropy: factory('sparseCategoricalCrossentropy'),
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

function toMetric(value: MetricLike, argument: string): Metric {
  if (typeof value !== 'object' || value === null) return make(lookUp(names, value, argument), undefined, value)
  return value.kind === 'metric' ? value : refuse(argument, 'a name or an object of metrics.*', value)
}

/** The metric of an id, its options and its key, as a file describes it. */
export function metricFrom(id: unknown, options: object, key: unknown, argument: string): Metric {
  return make(lookUp(names, id, argument), { ...options, name: checkName(key, argument) })
}
