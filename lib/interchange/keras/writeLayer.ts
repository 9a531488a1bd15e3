/** Writes the config of one layer: every option that is not at Keras' default. */

import type { ModelCore } from '../../core/core.js'
import { placesOf } from '../../layers/axes.js'
import { Normalization } from '../../layers/inputNormalization.js'
import type { Layer, ParameterSpec, Shape } from '../../layers/layer.js'
import { describeLayers, type Json, type JsonObject } from '../../persistence/description.js'
import { type LayerRow, layerTable } from './layerTable.js'
import { asSerialized, refuseToWrite } from './parts.js'
import { isObject, isSame, toSnake } from './reading.js'
import type { Era, KerasLayer } from './types.js'

/** One writing of a config. */
export interface Writing {
  readonly core: ModelCore
  readonly era: Era
  readonly leftOut: Set<string>
  /** The names of weights and their shapes, by layer. */
  readonly leaves: ReadonlyMap<
    Layer,
    { readonly name: string; readonly inputShape: Shape; readonly parameters: readonly ParameterSpec[] }
  >
}

/** A layer as a config has it. */
export interface WrittenLayer {
  readonly config: JsonObject
  readonly keras: KerasLayer
}

/** Writes a layer. Throws `ERR_ARGUMENT`, which names it, where the reader of the file has no such layer. */
export function writeLayer(layer: Layer, name: string, writing: Writing): WrittenLayer {
  const { era, leaves } = writing
  const at = `layer '${name}'`
  const [described] = describeLayers([layer]) as [JsonObject]
  const isPlace = described.kind === 'Input' || (described.kind === 'Identity' && era === 'tfjs')
  const kind = isPlace ? (era === 'tfjs' ? 'Activation' : 'Identity') : (described.kind as string)
  const row = Object.hasOwn(layerTable, kind) ? layerTable[kind] : undefined
  const reader = era === 'tfjs' ? 'TensorFlow.js' : 'Keras'
  if (row === undefined) return refuseToWrite(at, `${reader} has no layer ${layer.kind}`)
  const all = isPlace ? { activation: { $activation: 'linear', options: {} } } : (described.options as JsonObject)
  const options = withoutLacking(withStatistics(layer, all, writing), at, writing)
  const leaf = leaves.get(layer)
  const rank = (leaf?.inputShape.length ?? 0) + 1
  const lacked = row.lacks?.find((option) => (options[option] ?? null) !== null)
  if (lacked !== undefined) return refuseToWrite(at, `${reader} has no option like ${lacked}`)
  const lacks = era === 'tfjs' ? row.tfjs?.(options, rank) : undefined
  if (lacks !== undefined) return refuseToWrite(at, `${reader} cannot have it, as ${lacks}`)
  const frozen = layer.trainable ? {} : { trainable: false }
  const config: JsonObject = { name, ...frozen, ...writeOptions(row, options, at, era) }
  const { inputShape } = leaf ?? {}
  const own = layer instanceof Normalization && inputShape !== undefined ? nested(config, layer, inputShape) : config
  return {
    config: era === 'tfjs' ? { class_name: row.keras, config: own } : asSerialized('keras.layers', row.keras, own),
    keras: variablesOf(layer, name, row, options, leaf),
  }
}

function writeOptions(row: LayerRow, options: JsonObject, at: string, era: Era): JsonObject {
  const written = Object.entries(row.options).flatMap(
    ([option, { part, default: byDefault, older, differs = false }]): [string, Json][] => {
      const value = options[option] ?? null
      const isDefault = byDefault !== undefined && (isSame(value, byDefault) || !Object.hasOwn(options, option))
      if (isDefault && !(differs && era === 'tfjs')) return []
      const key = era === 'tfjs' && older !== undefined ? older : toSnake(option)
      return [[key, part.write(isDefault ? (byDefault as Json) : value, `${at}: ${option}`, era)]]
    },
  )
  return Object.fromEntries(written)
}

/** What TensorFlow.js lacks and needs only for training is left out, and named. */
function withoutLacking(options: JsonObject, at: string, { era, leftOut }: Writing): JsonObject {
  if (era !== 'tfjs') return options
  const kept = Object.entries(options).filter(([key, value]) => {
    const isLacking =
      (key === 'activityRegularizer' && value !== null) ||
      (isObject(value) && (value.$regularizer === 'orthogonal' || isUntruncated(value)))
    if (isLacking) leftOut.add(`${at}: its ${key}, which TensorFlow.js does not have`)
    return !isLacking
  })
  return Object.fromEntries(kept)
}

function isUntruncated({ $initializer, options }: JsonObject): boolean {
  return $initializer === 'varianceScaling' && (options as JsonObject).distribution === 'untruncatedNormal'
}

/** The statistics in the options of a Normalization hold only until its weights are set: then the file has them as variables. */
function withStatistics(layer: Layer, options: JsonObject, { core, leaves }: Writing): JsonObject {
  if (!(layer instanceof Normalization) || layer.mean === undefined || !leaves.has(layer)) return options
  const given = [layer.mean, layer.variance] as const
  const isSet = core.readWeights(layer).some(({ data }, i) => {
    const value = given[i] as number | readonly number[]
    return data.some((each, k) => each !== Math.fround(typeof value === 'number' ? value : (value[k] as number)))
  })
  if (!isSet) return options
  const { mean: _, variance: __, ...others } = options
  return others
}

/** Gives lists of statistics the form of the axes, so that Keras can repeat them along the others. */
function nested(config: JsonObject, { axis }: Normalization, input: Shape): JsonObject {
  const places = axis === null ? [] : placesOf(axis, input, String(config.name))
  const last = Math.max(-1, ...places)
  const sizes = input.slice(Math.min(...places, input.length)).map((size, i) => {
    return places.includes(i + Math.min(...places, input.length)) ? size : 1
  })
  const form = (value: Json | undefined): Json | undefined => {
    if (!Array.isArray(value) || (places.length === 1 && last === input.length - 1)) return value
    return sizes.reduceRight<Json[]>((flat, size) => chunks(flat, size), [...value])[0]
  }
  const { mean, variance } = config
  return mean === undefined ? config : { ...config, mean: form(mean) as Json, variance: form(variance) as Json }
}

function chunks(values: readonly Json[], size: number): Json[] {
  return Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size))
}

function variablesOf(
  layer: Layer,
  name: string,
  row: LayerRow,
  options: JsonObject,
  leaf: { readonly name: string; readonly parameters: readonly ParameterSpec[] } | undefined,
): KerasLayer {
  const parameters = leaf?.parameters ?? []
  const names = parameters.map((parameter) => parameter.name)
  const variables = (row.variables?.(names, options) ?? names).map((each) => {
    const known = parameters.find((parameter) => parameter.name === each)
    const trainable = known !== undefined && known.trainable !== false && layer.trainable
    return { name: each, shape: known?.shape ?? [], trainable, weight: known && `${leaf?.name}/${each}` }
  })
  return { className: row.keras, name, variables, dtype: 'float32' }
}
