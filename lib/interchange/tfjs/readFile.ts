/** Reads models of TensorFlow.js: layers models, which are a `model.json` with files of weights beside it. */

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { formatShape } from '../../arrays/arrays.js'
import { damaged, readBytes } from '../../files/files.js'
import type { FileArray } from '../../formats/npy.js'
import type { Json, JsonObject } from '../../persistence/description.js'
import type { ModelFile } from '../../persistence/modelFile.js'
import { importedFile } from '../imported.js'
import { kerasModel } from '../keras/config.js'
import { parseObject } from '../keras/json.js'
import { isObject } from '../keras/reading.js'
import { constantWeights } from '../keras/weights.js'
import { objectIn, readManifest, type StoredWeight } from './manifest.js'
import { type NamedVariable, namedVariables } from './names.js'
import { differences, readState } from './optimizerState.js'

/** Reads a `model.json`, or the one in a folder. */
export async function readTfjsModel(given: string): Promise<ModelFile> {
  const isFolder = (await stat(given)).isDirectory()
  const path = isFolder ? join(given, 'model.json') : given
  const root = parseObject(await readBytes(path), path, 'the file')
  checkFormat(root, path)
  const topology = objectIn(root.modelTopology, 'modelTopology', path)
  const isOwn = typeof root.generatedBy === 'string' && root.generatedBy.startsWith('TensorFlow.js')
  const version = topology.keras_version ?? (isOwn ? 'tfjs-layers' : undefined)
  const config = root.trainingConfig ?? undefined
  const training = isOwn ? trainedThere(config) : config
  const keras = kerasModel(topology, path, {
    ...(version === undefined ? {} : { version }),
    ...(training === undefined ? {} : { training }),
  })
  const stored = await readManifest(root.weightsManifest, path)
  const { all, trained } = namedVariables(keras.layers)
  const state = keras.optimizer && readState(stored, keras.optimizer, trained)
  const isLost = typeof state === 'string'
  const notes = [...keras.notes, ...(isOwn && keras.optimizer ? differences(keras.optimizer) : [])]
  return importedFile(path, {
    model: keras.model,
    training: keras.training,
    weights: new Map([...weightsOf(stored, all, path), ...constantWeights(keras.layers)]),
    ...(state === undefined || isLost ? {} : state),
    notes: isLost
      ? [...notes, `the state of the optimizer is not that of this model (${state}); it starts anew`]
      : notes,
  })
}

/** The training configuration of TensorFlow.js, whose Adadelta divides by the average of before the step without saying so. */
function trainedThere(training: Json | undefined): Json | undefined {
  if (!isObject(training) || !isObject(training.optimizer_config)) return training
  const { class_name, config } = training.optimizer_config
  if (class_name !== 'Adadelta' || !isObject(config)) return training
  return { ...training, optimizer_config: { class_name, config: { ...config, previousAverage: true } } }
}

function checkFormat({ format = 'layers-model' }: JsonObject, path: string): void {
  if (format === 'layers-model') return
  const advice =
    format === 'graph-model'
      ? "a graph model of TensorFlow.js holds TensorFlow's operations in place of layers; take the Keras model that it was made from"
      : 'expected the format layers-model'
  throw damaged(path, `${advice}, got ${JSON.stringify(format).slice(0, 60)}`)
}

/** The weights by Neurode's names. Converters put the names of models before those of layers, which tell layers of one name apart. */
function weightsOf(
  stored: ReadonlyMap<string, StoredWeight>,
  wanted: readonly NamedVariable[],
  path: string,
): Map<string, FileArray> {
  const left = new Map([...stored].filter(([, { isOptimizers }]) => !isOptimizers))
  const known = new Set<string>()
  const repeated = new Set(wanted.map(({ name }) => name).filter((name) => known.size === known.add(name).size))
  const found = wanted.map(({ name, shape, weight }): [string, FileArray] => {
    const called = (end: string) =>
      left.has(end) ? [end] : [...left.keys()].filter((each) => each.endsWith(`/${end}`))
    const whole = called(weight)
    const names = whole.length === 1 || repeated.has(name) ? whole : called(name)
    const [only] = names
    const sought = repeated.has(name) ? weight : name
    if (only === undefined) throw damaged(path, `there are no weights '${sought}'; there are ${listed(left.keys())}`)
    if (names.length > 1) throw damaged(path, `the weights '${sought}' could be ${listed(names)}`)
    const { array } = left.get(only) as StoredWeight
    left.delete(only)
    if (formatShape(array.shape) !== formatShape(shape)) {
      throw damaged(path, `weights '${only}': expected shape ${formatShape(shape)}, got ${formatShape(array.shape)}`)
    }
    if (array.dtype !== 'float32') throw damaged(path, `weights '${only}': expected float32, got ${array.dtype}`)
    return [weight, array]
  })
  if (left.size > 0) throw damaged(path, `there are weights of no layer: ${listed(left.keys())}`)
  return new Map(found)
}

function listed(names: Iterable<string>): string {
  const all = [...names]
  const few = all.slice(0, 20).map((name) => `'${name.slice(0, 60)}'`)
  return few.length === 0
    ? 'none'
    : few.join(', ') + (all.length > few.length ? ` and ${all.length - few.length} more` : '')
}
