/** Reads Keras' configs of models: those of Keras 2 and 3 and of TensorFlow.js, as JSON, whatever file they come from. */

import type { ModelCore } from '../../core/core.js'
import { damaged } from '../../files/files.js'
import type { Json, JsonObject } from '../../persistence/description.js'
import type { ReadModel, Tables } from './graphBuilder.js'
import { isObject, isTooDeep, Reading } from './reading.js'
import { readModel } from './readModel.js'
import { readTraining } from './readTraining.js'
import type { ConfigOptions, ConfigSource, Era, KerasConfig, KerasModel } from './types.js'
import type { Writing } from './writeLayer.js'
import { writeModel } from './writeModel.js'
import { writeTraining } from './writeTraining.js'

/**
 * Reads what a config says of a model: the root object of a `config.json`, of the attribute `model_config`, or of a `modelTopology`. `where`
 * begins messages: the path of the file. Throws `ERR_FILE_FORMAT` for anything that would not be computed as Keras does, by name.
 */
export function kerasModel(config: JsonObject, where: string, source: ConfigSource = {}): KerasModel {
  const given = [config, source.training ?? null]
  if (given.some(isTooDeep))
    throw damaged(where, 'its objects lie within each other more deeply than those of real models')
  const root = isObject(config.model_config) ? config.model_config : config
  const version = source.version ?? config.keras_version ?? null
  const reading = new Reading(where, eraOf(version, root))
  const tables: Tables = { layers: [], models: [] }
  const read = readModel(root, { depth: 0, frozen: false, tables }, reading)
  const settings = source.training ?? root.compile_config ?? config.training_config ?? null
  const isCompiled = settings !== null && !(isObject(settings) && Object.keys(settings).length === 0)
  const trained = isCompiled ? readTraining(settings, read.outputNames, reading) : undefined
  return {
    model: describe(read, tables),
    training: trained?.training,
    layers: read.layers,
    optimizer: trained?.optimizer,
    notes: [...reading.notes],
  }
}

/** Which Keras wrote a config: its version says it, or the spelling. */
function eraOf(version: Json, root: JsonObject): Era {
  if (typeof version === 'string') {
    if (version.startsWith('tfjs')) return 'tfjs'
    if (/^\d/.test(version)) return /^[012]\./.test(version) ? 'keras2' : 'keras3'
  }
  return JSON.stringify(root).includes('"batch_input_shape"') ? 'keras2' : 'keras3'
}

/** The description of the model that was read last: a chain of layers, or a graph with its nested models. */
function describe({ name, description }: ReadModel, { layers, models }: Tables): JsonObject {
  const { inputShape, calls } = description
  if (calls === undefined) return { name, inputShape: inputShape as Json, layers }
  return { name, layers, models }
}

/**
 * The config of a model: for Keras 3 the smallest that all its versions read. Throws `ERR_ARGUMENT`, which names the layer, where the
 * reader of the file has no such layer or would compute something else.
 */
export function kerasConfigOf(core: ModelCore, { era = 'keras3' }: ConfigOptions = {}): KerasConfig {
  const { layers: leaves, heads, outputForm } = core.built()
  const leftOut = new Set<string>()
  const writing: Writing = { core, era, leftOut, leaves: new Map(leaves.map((leaf) => [leaf.layer, leaf])) }
  const { config, layers } = writeModel(core, core.name, writing, new Map())
  const { settings } = core
  const written = settings && writeTraining(settings, heads, outputForm, era, leftOut)
  return { config, compileConfig: written?.config, layers, optimizer: written?.optimizer, leftOut: [...leftOut] }
}
