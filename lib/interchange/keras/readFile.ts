/** Reads models of Keras: `.keras` archives, the same files in a folder, and `.h5` files of all versions. */

import { join } from 'node:path'
import { NeurodeError } from '../../base/errors.js'
import { damaged, readBytes, whileOpen } from '../../files/files.js'
import { openZip } from '../../formats/zipFile.js'
import type { Json, JsonObject } from '../../persistence/description.js'
import type { ModelFile } from '../../persistence/modelFile.js'
import { type Hdf5File, readHdf5 } from '../hdf5/hdf5.js'
import { importedFile } from '../imported.js'
import { kerasModel } from './config.js'
import { parseObject } from './json.js'
import { type OptimizerState, readState } from './optimizerState.js'
import {
  hasLegacyWeights,
  isWeightsFile,
  legacyPlaces,
  longTexts,
  type Place,
  storedPlaces,
  trainedVariables,
} from './places.js'
import type { KerasModel } from './types.js'
import { constantWeights, readWeights } from './weights.js'

const configName = 'config.json'
const weightsName = 'model.weights.h5'
const metadataName = 'metadata.json'
/** The most bytes of a config, and the least limit of what an archive's weights may unpack to. */
const mostConfig = 2 ** 24
const leastWeights = 2 ** 25

/** The members of an archive, or files of a folder. */
interface Parts {
  readonly path: string
  /** The bytes of a part; undefined if it is not there. */
  readonly read: (name: string, maxBytes: number) => Promise<Uint8Array | undefined>
  /** The most bytes that the weights may have. */
  readonly maxWeights: number
}

/** Reads a `.keras` archive. */
export async function readKerasArchive(path: string): Promise<ModelFile> {
  return whileArchiveIsOpen(path, readParts)
}

/** Reads the files of a `.keras` archive that lie in a folder. */
export async function readKerasFolder(path: string): Promise<ModelFile> {
  const read = async (name: string, maxBytes: number) => {
    const bytes = await readBytes(join(path, name))
    if (bytes.length > maxBytes) throw damaged(path, `${name} is larger than ${maxBytes} bytes`)
    return bytes
  }
  return readParts({ path, read, maxWeights: Number.POSITIVE_INFINITY })
}

/** The bytes of `model.weights.h5` in a `.keras` archive. */
export async function weightsOfArchive(path: string): Promise<Uint8Array> {
  return whileArchiveIsOpen(path, weightsOf)
}

async function whileArchiveIsOpen<T>(path: string, use: (parts: Parts) => Promise<T>): Promise<T> {
  return whileOpen(path, async (file, size) => {
    const { read } = await openZip(file, size, path)
    return use({ path, read, maxWeights: Math.max(leastWeights, 16 * size) })
  })
}

async function weightsOf({ path, read, maxWeights }: Parts): Promise<Uint8Array> {
  const bytes = await read(weightsName, maxWeights)
  if (bytes === undefined) throw damaged(path, `there is no ${weightsName} in it`)
  return bytes
}

async function readParts(parts: Parts): Promise<ModelFile> {
  const { path, read } = parts
  const config = await read(configName, mostConfig)
  if (config === undefined) throw damaged(path, `there is no ${configName} in it`)
  const version = await versionOf(parts)
  const model = kerasModel(parseObject(config, path, configName), path, version === undefined ? {} : { version })
  return ofOneFile(await weightsOf(parts), path, async (file) => {
    const inner = 'optimizer/inner_optimizer/vars'
    const vars = file.nodes.has(inner) ? inner : 'optimizer/vars'
    const count = file.nodes.has('optimizer') ? (file.group(vars)?.children.length ?? 0) : 0
    const paths = Array.from({ length: count }, (_, i) => `${vars}/${i}`)
    return modelFile(file, model, storedPlaces(file, model.layers), { paths, grouped: false })
  })
}

/** The version of Keras in `metadata.json`, which is not needed. */
async function versionOf({ path, read }: Parts): Promise<Json | undefined> {
  try {
    const metadata = await read(metadataName, mostConfig)
    return metadata === undefined ? undefined : parseObject(metadata, path, metadataName).keras_version
  } catch {
    return undefined
  }
}

/** Reads a `.h5` file, or a `.keras` file of TensorFlow 2.12, which is one as well. */
export async function readLegacyFile(path: string): Promise<ModelFile> {
  return ofOneFile(await readBytes(path), path, async (file) => {
    const config = textOf(file, 'model_config')
    if (config === undefined) throw damaged(path, withoutConfig(file))
    const training = trainingOf(file)
    const version = textOf(file, 'keras_version') ?? file.texts('model_weights', 'keras_version')?.[0]
    const model = kerasModel(parseObject(config, path, 'model_config'), path, {
      ...(version === undefined ? {} : { version }),
      ...(training === undefined ? {} : { training }),
    })
    if (file.group('model_weights') === undefined) throw damaged(path, 'it holds layers, and no weights')
    const names = file.nodes.has('optimizer_weights')
      ? (longTexts(file, 'optimizer_weights', 'weight_names') ?? [])
      : []
    const paths = names.map((name) => `optimizer_weights/${name}`)
    return modelFile(file, model, legacyPlaces(file, 'model_weights', model.layers), {
      paths,
      grouped: names.some(isGrouped),
    })
  })
}

/** Names of optimizer variables in files that have all of a kind before the next kind. */
const isGrouped = (name: string) =>
  /^training\/|\/(?:m|v|vhat|rms|mg|momentum|accumulator|linear|accum_grad|accum_var)(?:_\d+)?:0$/.test(name)

const textOf = (file: Hdf5File, name: string) => file.texts('', name)?.[0]

function trainingOf(file: Hdf5File): JsonObject | undefined {
  const text = textOf(file, 'training_config')
  return text === undefined ? undefined : parseObject(text, file.path, 'training_config')
}

/** Says what an HDF5 file without a config is, and what to do. */
function withoutConfig(file: Hdf5File): string {
  if (!isWeightsFile(file) && !hasLegacyWeights(file, '')) return 'the HDF5 file is none that Keras wrote'
  const advice =
    "make the model and give the file to its loadWeights(), or write the whole model in Keras with model.save('model.keras')"
  return `it holds weights alone, and load() needs the layers as well: ${advice}`
}

/** Like {@link readHdf5}. Where layers and weights do not fit together, the file is to blame, as both come from it. */
async function ofOneFile<T>(bytes: Uint8Array, path: string, use: (file: Hdf5File) => Promise<T>): Promise<T> {
  return readHdf5(bytes, path, use).catch((error: unknown) => {
    if (!(error instanceof NeurodeError) || error.code !== 'ERR_SHAPE') throw error
    throw new NeurodeError('ERR_FILE_FORMAT', error.message, { cause: error })
  })
}

interface StateSource {
  readonly paths: readonly string[]
  readonly grouped: boolean
}

async function modelFile(
  file: Hdf5File,
  keras: KerasModel,
  places: readonly Place[],
  { paths, grouped }: StateSource,
): Promise<ModelFile> {
  const { model, layers, training, optimizer } = keras
  const weights = new Map([...(await readWeights(file, places)), ...constantWeights(layers)])
  const notes = [...keras.notes]
  let state: OptimizerState | undefined
  if (optimizer !== undefined && paths.length > 0) {
    const read = await readState(file, paths, optimizer, trainedVariables(layers), grouped)
    if (typeof read === 'string')
      notes.push(`the state of the optimizer is not that of this model (${read}); it starts anew`)
    else state = read
  }
  return importedFile(file.path, {
    model,
    training: training === undefined ? undefined : withRate(training, state?.rate),
    weights,
    slots: state?.slots ?? [],
    step: state?.step ?? 0,
    notes,
  })
}

/** The training with the learning rate that a callback may have set. */
function withRate(training: JsonObject, rate: number | undefined): JsonObject {
  const optimizer = training.optimizer as JsonObject
  const options = optimizer.options as JsonObject
  const written = options.learningRate
  if (rate === undefined || typeof written !== 'number' || !(rate >= 0) || Math.fround(written) === rate)
    return training
  return { ...training, optimizer: { ...optimizer, options: { ...options, learningRate: rate } } }
}
