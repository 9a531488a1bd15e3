/** Writes compile settings for Keras 3, or for TensorFlow.js. */

import type { CompileSettings } from '../../core/compileModel.js'
import type { HeadSettings } from '../../core/headSetup.js'
import type { ModelHead } from '../../core/shapes.js'
import type { Json, JsonObject } from '../../persistence/description.js'
import { losses } from '../../training/losses.js'
import type { Loss } from '../../training/lossOptions.js'
import { metricFrom } from '../../training/metrics.js'
import type { Metric } from '../../training/metricTable.js'
import { type Optimizer, optimizerFrom } from '../../training/optimizers.js'
import type { Schedule } from '../../training/schedules.js'
import { kerasKey, optimizerClasses, scheduleClasses, tfjsOptimizers } from './optimizerTable.js'
import { asSerialized } from './parts.js'
import { isSame, toSnake } from './reading.js'
import { isMetricName, lossClass, metricClass, tfjsLosses, tfjsMetrics } from './trainingTable.js'
import type { Era, KerasOptimizer } from './types.js'

/** Compile settings as a config has them. */
export interface WrittenTraining {
  readonly config: JsonObject
  readonly optimizer: KerasOptimizer
}

/** What is said where a part of the settings cannot be written; the rest then stays out as well. */
class Lacking extends Error {}

const lacks = (what: string): never => {
  throw new Lacking(what)
}

interface Head {
  readonly settings: HeadSettings
  readonly head: ModelHead
}

/** Writes compile settings; undefined, with words in `leftOut`, where the reader would train in another way. */
export function writeTraining(
  settings: CompileSettings,
  heads: readonly ModelHead[],
  outputForm: string,
  era: Era,
  leftOut: Set<string>,
): WrittenTraining | undefined {
  const pairs = settings.heads.map((own, i): Head => ({ settings: own, head: heads[i] as ModelHead }))
  try {
    const optimizer = writeOptimizer(settings.optimizer, era)
    const form = (values: readonly Json[]): Json => formOf(values, heads, era === 'tfjs' ? 'list' : outputForm)
    const loss = form(pairs.map(({ settings: { loss } }) => (loss === undefined ? null : writeLoss(loss, era))))
    const weights = settings.heads.map(({ lossWeight }) => lossWeight)
    const isWeighted = weights.some((weight) => weight !== 1)
    if (isWeighted && era === 'tfjs') lacks('weights of losses, which TensorFlow.js does not have')
    const metrics = writeMetrics(pairs, 'metrics', era, leftOut)
    const weighted = writeMetrics(pairs, 'weightedMetrics', era, leftOut)
    const config: JsonObject = {
      loss,
      ...(isWeighted ? { loss_weights: heads.length === 1 ? weights : form(weights) } : {}),
      ...(metrics === undefined ? {} : { metrics: heads.length === 1 ? (metrics[0] as Json) : form(metrics) }),
      ...(weighted === undefined
        ? {}
        : { weighted_metrics: heads.length === 1 ? (weighted[0] as Json) : form(weighted) }),
    }
    return {
      config: { [era === 'tfjs' ? 'optimizer_config' : 'optimizer']: optimizer.written, ...config },
      optimizer: optimizer.keras,
    }
  } catch (error) {
    if (!(error instanceof Lacking)) throw error
    leftOut.add(`the compile settings: ${error.message}`)
    return undefined
  }
}

/** Gives the values of outputs the form in which Keras takes them. */
function formOf(values: readonly Json[], heads: readonly ModelHead[], outputForm: string): Json {
  if (heads.length === 1) return values[0] as Json
  if (outputForm !== 'record') return values
  return Object.fromEntries(heads.map(({ name }, i) => [name, values[i] as Json]))
}

interface WrittenOptimizer {
  readonly written: JsonObject
  readonly keras: KerasOptimizer
}

function writeOptimizer(optimizer: Optimizer, era: Era): WrittenOptimizer {
  const { name } = optimizer
  const { learningRate, excludeFromWeightDecay, ...options } = optimizer.options as Readonly<Record<string, Json>>
  const rate = optimizer.learningRate
  if (typeof rate === 'function') lacks('the learning rate is a function')
  if (options.previousAverage === true && era !== 'tfjs') lacks('the rule of Adadelta, which Keras does not have')
  if (excludeFromWeightDecay !== undefined) lacks('weights that are excluded from weight decay')
  const usual = optimizerFrom(name, {}, name).options as Readonly<Record<string, Json>>
  const changed = Object.entries(options).filter(([key, value]) => !isSame(value, usual[key] as Json))
  const written = typeof rate === 'number' ? rate : writeSchedule(rate as Schedule)
  const own = changed.map(([key, value]): [string, Json] => [kerasKey(key), value])
  const config = { learning_rate: written, ...Object.fromEntries(own) }
  const className = optimizerClasses[name] ?? lacks(`the optimizer ${name}, which Keras does not have`)
  const keras = { className, name, config, scheduled: typeof rate === 'object', lossScaled: false }
  if (era === 'tfjs')
    return {
      written: forTfjs(
        name,
        rate as Json,
        options,
        changed.map(([key]) => key),
      ),
      keras,
    }
  return { written: asSerialized('keras.optimizers', className, config), keras }
}

function writeSchedule({ name, options }: Schedule): JsonObject {
  const className = Object.hasOwn(scheduleClasses, name) ? scheduleClasses[name] : undefined
  if (className === undefined) return lacks(`the schedule ${name}, which Keras does not have`)
  const config = Object.entries(options).map(([key, value]): [string, Json] => [toSnake(key), value])
  return asSerialized('keras.optimizers.schedules', className, Object.fromEntries(config))
}

function forTfjs(
  name: string,
  learningRate: Json,
  options: Readonly<Record<string, Json>>,
  changed: readonly string[],
): JsonObject {
  const hasMomentum = name === 'sgd' && options.momentum !== 0
  const row = hasMomentum ? (['Momentum', ['momentum', 'nesterov']] as const) : tfjsOptimizers[name]
  if (typeof learningRate !== 'number') return lacks('a schedule, which TensorFlow.js does not have')
  if (row === undefined) return lacks(`the optimizer ${name}, which TensorFlow.js does not have`)
  const [className, known] = row
  const other = changed.find((key) => !known.includes(key))
  if (other !== undefined) return lacks(`the option ${other} of the optimizer, which TensorFlow.js does not have`)
  const renamed: Readonly<Record<string, string>> = {
    rho: name === 'rmsprop' ? 'decay' : 'rho',
    nesterov: 'useNesterov',
  }
  const config = known.map((key): [string, Json] => [renamed[key] ?? key, options[key] as Json])
  return { class_name: className, config: { learningRate, ...Object.fromEntries(config) } }
}

function writeLoss({ name, options, reduction, custom }: Loss, era: Era): Json {
  if (custom !== undefined) return lacks(`the loss '${name}' is a function`)
  // It differs from the mean squared error in its reduction alone.
  const id = name === 'sumSquaredError' ? 'meanSquaredError' : name
  const usual = losses[id as 'meanSquaredError']().options as Readonly<Record<string, unknown>>
  const changed = Object.entries(options).flatMap(([key, value]): [string, Json][] => {
    return value === undefined || value === usual[key] ? [] : [[toSnake(key), value as Json]]
  })
  const isUsual = changed.length === 0 && reduction === 'mean'
  if (era === 'tfjs') {
    return (
      (isUsual ? tfjsLosses[id] : undefined) ??
      lacks(`the loss ${name} as it is set, which TensorFlow.js does not have`)
    )
  }
  if (isUsual) return toSnake(id)
  const reduced = reduction === 'mean' ? {} : { reduction: toSnake(reduction) }
  return asSerialized('keras.losses', lossClass(id), { ...Object.fromEntries(changed), ...reduced })
}

/** The metrics of all outputs, null where an output has none; undefined if no output has one. */
function writeMetrics(
  pairs: readonly Head[],
  which: 'metrics' | 'weightedMetrics',
  era: Era,
  leftOut: Set<string>,
): readonly Json[] | undefined {
  const written = pairs.map(({ settings, head }): Json => {
    const all = settings[which].flatMap((metric): Json[] => {
      const one = era === 'tfjs' ? writeTfjsMetric(metric, which) : writeMetric(metric, settings, head)
      if (one === undefined)
        leftOut.add(`the metric '${metric.name}', which ${era === 'tfjs' ? 'TensorFlow.js' : 'Keras'} does not have`)
      return one === undefined ? [] : [one]
    })
    return all.length === 0 ? null : all
  })
  return written.every((each) => each === null) ? undefined : written
}

function writeTfjsMetric({ id, name, options }: Metric, which: string): Json | undefined {
  const usual = metricOptions(id)
  const isKnown =
    usual !== undefined && which === 'metrics' && Object.entries(options).every(([key, value]) => value === usual[key])
  return isKnown && (tfjsMetrics[id] ?? []).includes(toSnake(name)) ? toSnake(name) : undefined
}

function metricOptions(id: string): Readonly<Record<string, unknown>> | undefined {
  return id === 'custom' ? undefined : metricFrom(id, {}, 'metric', id).options
}

function writeMetric({ id, name, options }: Metric, settings: HeadSettings, head: ModelHead): Json | undefined {
  const usual = metricOptions(id)
  if (usual === undefined) return undefined
  const changed = Object.entries(options).filter(
    ([key, value]) => value !== undefined && !isSame(value as Json, usual[key] as Json),
  )
  // Keras' score of each class is the default there.
  const always = ['f1Score', 'fBetaScore'].includes(id) ? ['average'] : []
  const isLost = changed.some(
    ([key]) => (key === 'classId' && !hasClassId.has(id)) || (key === 'topK' && !['precision', 'recall'].includes(id)),
  )
  if (isLost) return undefined
  if (changed.length === 0 && always.length === 0 && isMetricName(name, id)) return name
  const className = id === 'accuracy' ? accuracyOf(settings, head) : metricClass(id)
  if (className === undefined) return undefined
  const keys = [...changed.map(([key]) => key), ...always.filter((key) => !changed.some(([other]) => other === key))]
  const config = keys.map((key): [string, Json] => {
    const value = options[key] as Json
    const isWord = key === 'classAggregation'
    const isCount = key === 'threshold' && hasThresholds.has(id)
    return [isCount ? 'thresholds' : toSnake(key), isWord && typeof value === 'string' ? toSnake(value) : value]
  })
  return asSerialized('keras.metrics', className, { name, ...Object.fromEntries(config) })
}

/** Metrics that take a list of thresholds in Keras. */
const hasThresholds: ReadonlySet<string> = new Set(
  'precision recall truePositives falsePositives trueNegatives falseNegatives'.split(' '),
)

/** Metrics that take the index of a class in Keras as well. */
const hasClassId: ReadonlySet<string> = new Set([
  'precision',
  'recall',
  'sensitivityAtSpecificity',
  'specificityAtSensitivity',
  'precisionAtRecall',
  'recallAtPrecision',
])

/** What `accuracy` is for an output. */
function accuracyOf({ loss }: HeadSettings, { outputs }: ModelHead): string {
  if (outputs === 1) return 'BinaryAccuracy'
  return loss?.name === 'sparseCategoricalCrossentropy' ? 'SparseCategoricalAccuracy' : 'CategoricalAccuracy'
}
