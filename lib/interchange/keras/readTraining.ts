/** Reads compile settings: of Keras 3, of older files, and of TensorFlow.js. */

import { NeurodeError } from '../../base/errors.js'
import { checkNumber, readingFile } from '../../checks/validate.js'
import type { HeadSettings } from '../../core/headSetup.js'
import { describeSettings, type Json, type JsonObject } from '../../persistence/description.js'
import { lossFrom } from '../../training/losses.js'
import type { Loss } from '../../training/lossOptions.js'
import { metricFrom } from '../../training/metrics.js'
import type { Metric } from '../../training/metricTable.js'
import { isObject, isSame, type Reading, toCamel } from './reading.js'
import { readOptimizer } from './readOptimizer.js'
import { idleOptions, lossNames, metricsByClass, metricsByName } from './trainingTable.js'
import type { KerasOptimizer } from './types.js'

/** Compile settings of a config. */
export interface ReadTraining {
  readonly training: JsonObject
  readonly optimizer: KerasOptimizer
}

/** Reads compile settings; undefined, with a note, where Neurode cannot have them, as for a function of the user's. */
export function readTraining(value: Json, outputs: readonly string[], reading: Reading): ReadTraining | undefined {
  try {
    return readingFile(() => settingsOf(reading.object(value, 'compile settings'), outputs, reading))
  } catch (error) {
    if (!(error instanceof NeurodeError)) throw error
    const problem = error.message.replace(`${reading.where}: `, '')
    reading.notes.add(`the model is not compiled, as its settings cannot be read: ${problem}`)
    return undefined
  }
}

function settingsOf(config: JsonObject, outputs: readonly string[], reading: Reading): ReadTraining {
  const { loss = null, loss_weights: weights = null, metrics = null, weighted_metrics: weighted = null } = config
  const optimizer = readOptimizer(config.optimizer ?? config.optimizer_config ?? null, reading)
  const losses = lossesOf(loss, outputs, reading)
  const factors = forEach(weights, outputs, 'loss_weights', reading)
  const plain = metricsOf(metrics, outputs, 'metrics', reading)
  const others = metricsOf(weighted, outputs, 'weighted_metrics', reading)
  const heads = outputs.map((_, i): HeadSettings => {
    const factor = factors[i] ?? null
    return {
      loss: losses[i],
      lossWeight: factor === null ? 1 : checkNumber(factor, `loss_weights[${i}]`),
      metrics: plain[i] as Metric[],
      weightedMetrics: others[i] as Metric[],
    }
  })
  if (losses.every((each) => each === undefined)) reading.fail('it has no loss')
  const training = describeSettings({ optimizer: optimizer.made, heads }) as JsonObject
  return { training, optimizer: optimizer.keras }
}

/** Gives each output its value: one for all, or a list in the order of the outputs, or an object by their names. */
function forEach(value: Json, outputs: readonly string[], at: string, reading: Reading): readonly Json[] {
  if (Array.isArray(value)) {
    return value.length === outputs.length
      ? (value as readonly Json[])
      : reading.fail(`${at}: expected ${outputs.length} values, one for each output, got ${value.length}`)
  }
  if (!isObject(value) || value.class_name !== undefined) return outputs.map(() => value)
  const other = Object.keys(value).find((name) => !outputs.includes(name))
  if (other !== undefined) reading.fail(`${at}: there is no output '${other.slice(0, 60)}'`)
  return outputs.map((name) => (Object.hasOwn(value, name) ? (value[name] as Json) : null))
}

function lossesOf(value: Json, outputs: readonly string[], reading: Reading): (Loss | undefined)[] {
  return forEach(value, outputs, 'loss', reading).map((each, i) =>
    each === null ? undefined : lossOf(each, `loss[${i}]`, reading),
  )
}

function lossOf(value: Json, at: string, reading: Reading): Loss {
  const { name, options: given } = partOf(value, at, reading)
  const id = lossNames.get(name)
  if (id === undefined) return reading.fail(`${at}: the loss '${name.slice(0, 60)}' is not known`)
  const { reduction = null, ...options } = given
  const means = [null, 'auto', 'mean', 'sum_over_batch_size']
  const reduced = means.includes(reduction as string | null) ? 'mean' : reduction
  return lossFrom(id, toOptions(options, at, reading), reduced, at)
}

/** A loss or a metric: its name, and its options. */
function partOf(value: Json, at: string, reading: Reading): { name: string; options: JsonObject; isClass: boolean } {
  if (typeof value === 'string') return { name: value, options: {}, isClass: false }
  const { className, config } = reading.serialized(value, at)
  if (className !== 'function') {
    return { name: className, options: reading.object(config ?? {}, `${at}: config`), isClass: true }
  }
  if (typeof config !== 'string') return reading.refuse(`${at}: config`, 'the name of a function', config)
  return { name: config, options: {}, isClass: false }
}

function toOptions(config: JsonObject, at: string, reading: Reading): object {
  const given = Object.entries(config).flatMap(([key, value]): [string, Json][] => {
    const idle = Object.hasOwn(idleOptions, key) ? idleOptions[key] : []
    if (value === null || idle === 'any') return []
    if (idle?.some((each) => isSame(each as Json, value))) return []
    const [only, ...more] = [value].flat() as Json[]
    const isOne = key === 'thresholds' && typeof only === 'number' && more.length === 0
    return [isOne ? ['threshold', only] : [toCamel(key), value]]
  })
  if (given.some(([key]) => key === '__proto__')) return reading.fail(`${at}: an option cannot be read`)
  return Object.fromEntries(given)
}

function metricsOf(value: Json, outputs: readonly string[], at: string, reading: Reading): Metric[][] {
  const isEmpty = value === null || (Array.isArray(value) && value.length === 0)
  if (isEmpty) return outputs.map(() => [])
  const list = Array.isArray(value) ? (value as readonly Json[]) : undefined
  const isPlain = list?.every((each) => each !== null && !Array.isArray(each)) ?? !isByName(value)
  // Before Keras 3, one list was for all outputs.
  const isForAll = isPlain && (outputs.length === 1 || reading.era !== 'keras3')
  const each = isForAll ? outputs.map(() => value) : forEach(value, outputs, at, reading)
  return each.map((own, i) => {
    const items: readonly Json[] = Array.isArray(own) ? own : own === null ? [] : [own]
    return items.map((item, k) => metricOf(item, `${at}[${i}][${k}]`, reading))
  })
}

const isByName = (value: Json) => isObject(value) && value.class_name === undefined

/** Options of metrics that Neurode has under one meaning alone. */
const only: Readonly<Record<string, Readonly<Record<string, readonly Json[]>>>> = {
  f1Score: { average: ['micro', 'macro', 'weighted'] },
  fBetaScore: { average: ['micro', 'macro', 'weighted'] },
  r2Score: { class_aggregation: ['uniform_average', 'variance_weighted_average'] },
}

function metricOf(value: Json, at: string, reading: Reading): Metric {
  const part = partOf(value, at, reading)
  const { fn } = part.options
  // Keras 2 names a function within a class of its own.
  const isWrapped = part.name === 'MeanMetricWrapper' && typeof fn === 'string'
  const { name, options, isClass } = isWrapped ? { name: fn, options: {}, isClass: false } : part
  const id = isClass ? metricsByClass.get(name) : metricsByName.get(name)
  if (id === undefined) return reading.fail(`${at}: the metric '${name.slice(0, 60)}' is not known`)
  for (const [key, allowed] of Object.entries(only[id] ?? {})) {
    const given = options[key] ?? null
    if (!allowed.includes(given))
      reading.fail(`${at}: ${name} with the option '${key}' ${JSON.stringify(given)} gives one value for each class`)
  }
  const key = part.isClass && typeof part.options.name === 'string' ? part.options.name : name
  return metricFrom(id, toOptions(withoutDefaults(options), at, reading), key, at)
}

/** Drops options of metrics that say what Neurode does in any case. */
function withoutDefaults({ num_labels: labels = null, ...options }: JsonObject): JsonObject {
  return labels === null || options.multi_label === true ? options : { ...options, num_labels: labels }
}
