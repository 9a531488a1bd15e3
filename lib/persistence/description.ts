/** Converts layers, loss, optimizer and metrics to the JSON of model files, and back. */

import { checkName, checkNumber, describe, refuse } from '../checks/validate.js'
import type { CompileSettings } from '../core/compileModel.js'
import type { HeadSettings } from '../core/headSetup.js'
import { type DataParallel, dataParallel } from '../distribution/dataParallel.js'
import { activationFrom } from '../layers/activations.js'
import { constraintFrom } from '../layers/constraints.js'
import { layerKinds } from '../layers/index.js'
import { initializerFrom } from '../layers/initializers.js'
import type { Layer } from '../layers/layer.js'
import { regularizerFrom } from '../layers/regularizers.js'
import { customId, missingMetric } from '../training/customMetric.js'
import type { CustomParts } from '../training/customParts.js'
import { customLossFrom, lossFrom } from '../training/losses.js'
import type { Loss } from '../training/lossOptions.js'
import { metricFrom } from '../training/metrics.js'
import type { Metric } from '../training/metricTable.js'
import { type LearningRate, type Optimizer, optimizerFrom } from '../training/optimizers.js'
import { scheduleFrom } from '../training/schedules.js'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A JSON object in a model file. */
export type JsonObject = { readonly [key: string]: Json }

/** Marks a learning rate that was a function, which a file cannot hold. */
const functionMark = { $function: 'learningRate' }

/** Converts the value of an option to JSON. Unlike in plain JSON, NaN, infinities and -0 are kept. */
export function toJson(value: unknown, argument: string): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { $number: Object.is(value, -0) ? '-0' : `${value}` }
  }
  if (Array.isArray(value)) return value.map((element, i) => toJson(element, `${argument}[${i}]`))
  if (typeof value !== 'object') return refuse(argument, 'a value that a file can hold', value)
  const { kind, name, options = {}, seed } = value as Described
  if (kind !== undefined && Object.hasOwn(revivers, kind)) {
    return { [`$${kind}`]: name, options: toJson(options, argument), ...(seed === undefined ? {} : { seed }) }
  }
  return objectToJson(value, argument)
}

function objectToJson(value: object, argument: string): JsonObject {
  const entries = Object.entries(value).filter(([, element]) => element !== undefined)
  return Object.fromEntries(entries.map(([key, element]) => [key, toJson(element, `${argument}.${key}`)]))
}

interface Described {
  readonly kind?: string | undefined
  readonly name: string
  readonly options?: object | undefined
  readonly seed?: number | undefined
}

const revivers: Readonly<Record<string, (name: Json, options: object, seed: Json | undefined, at: string) => unknown>> =
  {
    activation: (name, options, _, at) => activationFrom(name, options, at),
    constraint: (name, options, _, at) => constraintFrom(name, options, at),
    regularizer: (name, options, _, at) => regularizerFrom(name, options, at),
    initializer: (name, options, seed, at) => initializerFrom(name, options, seed, at),
    schedule: (name, options, _, at) => scheduleFrom(name, options, at),
  }

/** The inverse of {@link toJson}. Throws for an invalid description. */
export function fromJson(value: Json, argument: string): unknown {
  if (Array.isArray(value)) return value.map((element, i) => fromJson(element, `${argument}[${i}]`))
  if (typeof value !== 'object' || value === null) return value
  const object = value as JsonObject
  if (Object.hasOwn(object, '$number')) return Number(object.$number)
  for (const [kind, revive] of Object.entries(revivers)) {
    if (!Object.hasOwn(object, `$${kind}`)) continue
    const options = fromJson(object.options ?? {}, argument) as object
    return revive(object[`$${kind}`] as Json, options, object.seed, argument)
  }
  return Object.fromEntries(
    Object.entries(object).map(([key, element]) => [key, fromJson(element, `${argument}.${key}`)]),
  )
}

/** Describes the layers of a model. */
export function describeLayers(layers: readonly Layer[]): Json {
  return layers.map((layer) => {
    const { kind, givenName: name, inputShape } = layer
    const frozen = layer.trainable ? {} : { trainable: false }
    if (!Object.hasOwn(layerKinds, kind))
      return refuse(`layer '${layer.name}'`, 'a kind of layer that files know', kind)
    return { kind, options: objectToJson({ name, inputShape, ...frozen, ...layer.config() }, `layer '${layer.name}'`) }
  })
}

/** Makes the layers that {@link describeLayers} described. */
export function makeLayers(described: Json | undefined): Layer[] {
  return list(described, 'layers').map((item, i) => {
    const { kind, options } = object(item, `layers[${i}]`)
    const make = typeof kind === 'string' && Object.hasOwn(layerKinds, kind) ? layerKinds[kind] : undefined
    if (make === undefined) return refuse(`layers[${i}]: kind`, 'a known kind of layer', kind)
    return make(fromJson(object(options, `layers[${i}]`), `layers[${i}]`) as never)
  })
}

/** Describes the compile settings of a model; custom losses and metrics are described by their names. */
export function describeSettings({ optimizer, heads, distribution }: CompileSettings): Json {
  const { learningRate, ...options } = optimizer.options
  const rate = typeof learningRate === 'function' ? functionMark : toJson(learningRate, 'learningRate')
  const [only, ...others] = heads.map(describeHead)
  return {
    optimizer: { name: optimizer.name, options: { ...objectToJson(options, 'optimizer'), learningRate: rate } },
    ...(others.length === 0 ? only : { heads: [only as JsonObject, ...others] }),
    ...(distribution === undefined ? {} : { distribution: describeDistribution(distribution) }),
  }
}

function describeDistribution({ parts, timeoutSeconds, data }: DataParallel): JsonObject {
  return {
    ...(parts === undefined ? {} : { parts }),
    timeoutSeconds,
    ...(data === 'replicated' ? {} : { data }),
  }
}

/** How the batches are divided that {@link describeSettings} described. */
export function makeDistribution(described: Json): DataParallel | undefined {
  const { distribution } = object(described, 'training')
  return distribution === undefined ? undefined : dataParallel(object(distribution, 'distribution'))
}

function describeHead({ loss, lossWeight, metrics, weightedMetrics }: HeadSettings): JsonObject {
  const describeMetric = ({ id, name, options }: Metric) => ({ id, name, options: objectToJson(options, 'metrics') })
  return {
    loss: loss === undefined ? null : describeLoss(loss),
    ...(lossWeight === 1 ? {} : { lossWeight }),
    metrics: metrics.map(describeMetric),
    weightedMetrics: weightedMetrics.map(describeMetric),
  }
}

function describeLoss({ name, options, reduction, custom, targetWidth: targets }: Loss): JsonObject {
  const mark = custom === undefined ? {} : { custom: true, ...(targets === undefined ? {} : { targets }) }
  return { name, options: objectToJson(options, 'loss'), reduction, ...mark }
}

/** Functions that a file cannot hold and that the user passes again: learning rate, custom losses and metrics. */
export interface GivenAgain extends CustomParts {
  readonly learningRate: LearningRate | undefined
}

/** Whether the learning rate that {@link describeSettings} described was a function. */
export function isRateFunction(described: Json): boolean {
  const { optimizer } = object(described, 'training')
  const { options } = object(optimizer, 'optimizer')
  return JSON.stringify(object(options, 'optimizer: options').learningRate) === JSON.stringify(functionMark)
}

/** Makes the optimizer that {@link describeSettings} described. A learning rate that was a function must be passed again. */
export function makeOptimizer(described: Json, given: GivenAgain): Optimizer {
  const { optimizer } = object(described, 'training')
  const { name, options } = object(optimizer, 'optimizer')
  const saved = object(options, 'optimizer: options')
  const {
    learningRate = isRateFunction(described) ? undefined : fromJson(saved.learningRate ?? null, 'learningRate'),
  } = given
  if (learningRate === undefined) {
    refuse('learningRate', 'the function that was the learning rate when the model was saved', undefined)
  }
  const { learningRate: _, ...rest } = saved
  const rebuilt = { ...(fromJson(rest, 'optimizer') as object), learningRate }
  return optimizerFrom(name, rebuilt, 'optimizer')
}

/** Makes the losses and metrics of the outputs that {@link describeSettings} described. */
export function makeHeads(described: Json, given: CustomParts): HeadSettings[] {
  return headsOf(object(described, 'training')).map((head) => makeHead(head, given))
}

/** The settings of each output in the description of a training. */
export function headsOf(training: JsonObject): readonly JsonObject[] {
  const { heads } = training
  return heads === undefined ? [training] : list(heads, 'heads').map((head, i) => object(head, `heads[${i}]`))
}

function makeHead(
  { loss, lossWeight = 1, metrics, weightedMetrics = [] }: JsonObject,
  given: CustomParts,
): HeadSettings {
  return {
    loss: loss === null ? undefined : makeLoss(object(loss, 'loss'), given),
    lossWeight: checkNumber(lossWeight, 'lossWeight'),
    metrics: makeMetrics(metrics, given, 'metrics'),
    weightedMetrics: makeMetrics(weightedMetrics, given, 'weightedMetrics'),
  }
}

function makeLoss({ name, options, reduction, custom, targets }: JsonObject, { losses }: CustomParts): Loss {
  if (custom !== true) return lossFrom(name, fromJson(object(options, 'loss'), 'loss') as object, reduction, 'loss')
  const own = checkName(name, 'loss: name')
  return customLossFrom(own, targets, losses.get(own))
}

/** Throws `ERR_ARGUMENT` if a custom loss that is given again takes targets of another width than {@link describeSettings} described. */
export function checkLosses(described: Json, { losses }: CustomParts): void {
  for (const { loss } of headsOf(object(described, 'training'))) {
    if (loss === null) continue
    const { name, custom, targets } = object(loss, 'loss')
    const own = custom === true ? losses.get(name as string)?.targetWidth : undefined
    if (targets === undefined || own === undefined || own === targets) continue
    refuse(`losses: loss '${name}': targets`, `${targets}, as in the model that was saved`, own)
  }
}

function makeMetrics(described: Json | undefined, { metrics }: CustomParts, argument: string): Metric[] {
  return list(described, argument).map((item, i) => {
    const { id, name, options } = object(item, `${argument}[${i}]`)
    const filled = fromJson(object(options, argument), argument) as { readonly best?: unknown }
    if (id !== customId) return metricFrom(id, filled, name, `${argument}[${i}]`)
    const own = checkName(name, `${argument}[${i}]: name`)
    return metrics.get(own) ?? missingMetric(own, filled.best === 'max' ? 'max' : 'min')
  })
}

export function object(value: Json | undefined, argument: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  return refuse(argument, 'an object', describe(value))
}

export function list(value: Json | undefined, argument: string): readonly Json[] {
  return Array.isArray(value) ? value : refuse(argument, 'a list', value)
}
