/**
 * Model files. A model file is a safetensors file whose metadata begin with the SHA-256 of the file and contain a description as JSON.
 * Its tensors are the weights, by name; `#slot/<slot>/<weight>`, the optimizer's variables; `#trained/<weight>`, the values of weights
 * before they were replaced by their moving averages; and `#callback/<name>/<index>`, the states of callbacks.
 */

import { isFloat32Array } from 'node:util/types'
import { elementCount, formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkInteger, refuse } from '../checks/validate.js'
import type { ModelCore, TrainingState } from '../core/core.js'
import type { TrainingPosition } from '../core/position.js'
import { checkEnding } from '../files/endings.js'
import { damaged, toPath, writeAtomically } from '../files/files.js'
import { createSha256 } from '../files/sha256.js'
import type { FileArray } from '../formats/npy.js'
import { encodeSafetensors } from '../formats/safetensors.js'
import type { CallbackState, CallbackStates } from '../training/context.js'
import {
  describeSettings,
  fromJson,
  headsOf,
  type Json,
  type JsonObject,
  list,
  makeDistribution,
  object,
  toJson,
} from './description.js'
import { describeStructure } from './graphDescription.js'
import { digestAt, type IntactFile, noDigest, parseIntactFile, readIntactFile } from './intactFile.js'
import { plainToJson } from './plainData.js'

const formatName = 'neurode-1'

/** Marks tensors of a model file that are not weights. */
export const stateMark = '#'
export const slotName = (slot: number, weight: string) => `${stateMark}slot/${slot}/${weight}`
const trainedName = (weight: string) => `${stateMark}trained/${weight}`
const callbackName = (name: string, place: number) => `${stateMark}callback/${name}/${place}`

/** Writes a model file, see {@link Sequential.save}. Of several ranks the first does. */
export async function saveModel(core: ModelCore, path: string | URL): Promise<void> {
  const file = toPath(path, 'path')
  checkEnding(file, ['neurode'])
  if (core.isFirst) await writeAtomically(file, encodeModel(core))
}

/** The bytes of a model file, in chunks. */
export function encodeModel(core: ModelCore): Uint8Array[] {
  const state = core.readState()
  const tensors = new Map<string, { data: Float32Array; shape: readonly number[] }>()
  for (const { name, data, shape } of state.weights) tensors.set(name, { data, shape })
  const addState = (arrays: TrainingState['trained'], nameOf: (weight: string) => string) => {
    arrays.forEach((data, i) => {
      if (data === undefined) return
      const { name, shape } = state.weights[i] as TrainingState['weights'][number]
      tensors.set(nameOf(name), { data, shape })
    })
  }
  for (const [slot, arrays] of state.slots.entries()) addState(arrays, (name) => slotName(slot, name))
  addState(state.trained, trainedName)
  for (const [name, { arrays = [] }] of Object.entries(state.callbacks)) {
    arrays.forEach((data, i) => {
      tensors.set(callbackName(name, i), { data, shape: [data.length] })
    })
  }
  const description: Json = { ...describeModel(core), state: describeState(state) }
  const metadata = { sha256: noDigest, format: formatName, description: JSON.stringify(description) }
  const chunks = encodeSafetensors(tensors, { metadata })
  const hash = createSha256()
  for (const chunk of chunks) hash.update(chunk)
  ;(chunks[0] as Uint8Array).set(Buffer.from(hash.digest('hex')), digestAt)
  return chunks
}

function describeModel(core: ModelCore): JsonObject {
  return {
    model: describeStructure(core),
    ...(core.settings === undefined ? {} : { training: describeSettings(core.settings) }),
    ...(core.beside as JsonObject),
  }
}

/** Throws the errors that {@link encodeModel} would throw, without encoding the weights. */
export function checkSavable(core: ModelCore): void {
  describeModel(core)
  describeCallbacks(core.callbackStates())
}

function describeCallbacks(states: CallbackStates): Json[] {
  return Object.entries(states).map(([name, { values, arrays = [] }]) => {
    const argument = `callback '${name}': getState`
    const bad = arrays.findIndex((array) => !isFloat32Array(array))
    if (bad >= 0) refuse(`${argument}: arrays[${bad}]`, 'a Float32Array', arrays[bad])
    return { name, values: plainToJson(values, `${argument}: values`), arrays: arrays.length }
  })
}

function describeState({ seed, step, epochsBegun, position, callbacks, slots }: TrainingState): Json {
  const states = describeCallbacks(callbacks)
  return { seed, step, epochsBegun, slots: slots.length, position: toJson(position, 'position'), callbacks: states }
}

/** The description and the tensors of a model file. */
export interface ModelFile {
  readonly path: string
  readonly description: JsonObject
  readonly tensors: ReadonlyMap<string, FileArray>
}

/** Reads a model file and verifies its checksum. */
export async function readModelFile(source: string | URL): Promise<ModelFile> {
  return describedFile(await readIntactFile(toPath(source, 'path')))
}

/** Like {@link readModelFile}, for the bytes of a file. */
export function parseModelFile(bytes: Buffer<ArrayBuffer>, path: string): ModelFile {
  return describedFile(parseIntactFile(bytes, path))
}

/** Parses the description of a file. Throws `ERR_FILE_FORMAT` for an unknown version. */
export function describedFile({ path, tensors, metadata }: IntactFile): ModelFile {
  if (metadata.get('format') !== formatName) {
    throw damaged(path, `expected the format ${formatName}, got ${metadata.get('format')}: a newer Neurode may read it`)
  }
  return sensible(path, () => {
    const description = object(JSON.parse(metadata.get('description') ?? 'null') as Json, 'description')
    return { path, description, tensors }
  })
}

/** Codes of errors that already name the file, or that the file did not cause. */
const known: ReadonlySet<string> = new Set([
  'ERR_FILE_FORMAT',
  'ERR_CHECKPOINT_MISMATCH',
  'ERR_OUT_OF_MEMORY',
  'ERR_NATIVE_LOAD',
])

function mismatch(path: string, what: string): NeurodeError {
  return new NeurodeError('ERR_CHECKPOINT_MISMATCH', `${path}: ${what}`)
}

/** Runs code that reads a description, and turns its errors into `ERR_FILE_FORMAT`. */
export function sensible<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof NeurodeError && known.has(error.code)) throw error
    throw damaged(path, `the description of the model is invalid: ${(error as Error).message}`, error)
  }
}

/** The training state in a file. Throws if its arrays do not have the shapes of the model's parameters. */
export function stateOf(file: ModelFile, core: ModelCore): TrainingState {
  const { path, description, tensors } = file
  const parameters = core
    .built()
    .layers.flatMap((of) => of.parameters.map(({ name, ...spec }) => ({ ...spec, name: `${of.name}/${name}` })))
  const saved = [...tensors.keys()].filter((name) => !name.startsWith(stateMark))
  if (saved.length !== parameters.length) {
    throw new NeurodeError('ERR_SHAPE', `${path}: expected ${parameters.length} weights, got ${saved.length}`)
  }
  const tensor = (name: string, shape: readonly number[]) => floatsOf(path, tensors.get(name), name, shape)
  const weights = parameters.map(({ name, shape }) => ({ name, shape, data: tensor(name, shape) }))
  return sensible(path, () => {
    const state = object(description.state, 'state')
    // A file of other software says nothing of variables that are still 0.
    const isOpen = state.slots === null
    const slots = isOpen ? core.slotCount : checkInteger(state.slots, 'slots', 0)
    const variable = (name: string, shape: readonly number[]) => {
      return isOpen && !tensors.has(name) ? new Float32Array(elementCount(shape)) : tensor(name, shape)
    }
    if (core.settings !== undefined && slots !== core.slotCount) {
      throw mismatch(path, `the optimizer has ${slots} variables per weight, but this model's has ${core.slotCount}`)
    }
    return {
      weights,
      slots: Array.from({ length: core.settings === undefined ? 0 : slots }, (_, slot) =>
        parameters.map(({ name, shape, trainable = true }) =>
          trainable ? variable(slotName(slot, name), shape) : undefined,
        ),
      ),
      trained: parameters.map(({ name, shape }) => {
        const kept = core.settings !== undefined && tensors.has(trainedName(name))
        return kept ? tensor(trainedName(name), shape) : undefined
      }),
      seed: checkInteger(state.seed, 'seed', 0),
      step: checkInteger(state.step, 'step', 0),
      epochsBegun: checkInteger(state.epochsBegun, 'epochsBegun', 0),
      position: positionOf(state.position),
      callbacks: callbacksOf(list(state.callbacks, 'callbacks'), tensors),
    }
  })
}

function floatsOf(path: string, tensor: FileArray | undefined, name: string, shape: readonly number[]): Float32Array {
  if (tensor === undefined) throw new NeurodeError('ERR_SHAPE', `${path}: there is no tensor '${name}'`)
  if (formatShape(tensor.shape) !== formatShape(shape)) {
    const text = `${path}: tensor '${name}': expected shape ${formatShape(shape)}`
    throw new NeurodeError('ERR_SHAPE', `${text}, got ${formatShape(tensor.shape)}`)
  }
  if (isFloat32Array(tensor.data)) return tensor.data
  throw damaged(path, `tensor '${name}': expected float32, got ${tensor.dtype}`)
}

function positionOf(value: Json | undefined): TrainingPosition {
  const { epoch, order, seed, batches, passed, sums } = fromJson(object(value, 'position'), 'position') as JsonObject
  const numbers = list(sums, 'position.sums')
  return {
    epoch: checkInteger(epoch, 'position.epoch', 0),
    order: checkInteger(order, 'position.order', 0),
    seed: seed === undefined ? undefined : checkInteger(seed, 'position.seed', 0),
    batches: batches === undefined ? undefined : checkInteger(batches, 'position.batches'),
    passed: passed === undefined ? 0 : checkInteger(passed, 'position.passed', 0),
    sums: numbers.map((sum) => (typeof sum === 'number' ? sum : refuse('position.sums', 'numbers', sum))),
  }
}

function callbacksOf(described: readonly Json[], tensors: ReadonlyMap<string, FileArray>): CallbackStates {
  const states = described.map((item): [string, CallbackState] => {
    const { name, values, arrays } = object(item, 'callback')
    if (typeof name !== 'string') return refuse('callback: name', 'a text', name)
    const found = Array.from({ length: checkInteger(arrays, 'callback: arrays', 0) }, (_, i) => {
      const data = tensors.get(callbackName(name, i))?.data
      return isFloat32Array(data) ? data : refuse(`callback '${name}'`, 'its arrays', data)
    })
    const state = { values: fromJson(object(values, 'callback'), 'callback') as CallbackState['values'] }
    return [name, found.length === 0 ? state : { ...state, arrays: found }]
  })
  return Object.fromEntries(states)
}

/** Restores the training state of a file. If it throws, nothing was changed. */
export function restoreFile(core: ModelCore, file: ModelFile): void {
  checkOptimizer(core, file)
  const optimizer = core.settings?.optimizer
  const state = stateOf(file, core)
  const rate = savedRate(file)
  core.writeState(state)
  if (optimizer !== undefined && typeof optimizer.learningRate === 'number' && rate !== undefined) {
    optimizer.learningRate = rate
  }
}

/** Throws `ERR_CHECKPOINT_MISMATCH` for another optimizer, whose variables have another meaning even if there are as many. */
function checkOptimizer({ settings }: ModelCore, { path, description }: ModelFile): void {
  const saved = trainingOf(path, description)?.optimizer
  if (settings === undefined || saved === undefined || saved === settings.optimizer.name) return
  throw mismatch(path, `it was trained with the optimizer ${saved}, but this model has ${settings.optimizer.name}`)
}

/** Throws `ERR_CHECKPOINT_MISMATCH` for a file of a model with other layers, with another loss or with another number of parts. */
export function checkSameTraining(core: ModelCore, { path, description }: ModelFile): void {
  const saved = sensible(path, () => textsOf(object(description.model, 'model')))
  const own = textsOf(describeStructure(core))
  const at = own.layers.findIndex((text, i) => text !== saved.layers[i])
  if (at >= 0 || saved.layers.length !== own.layers.length) {
    const index = at < 0 ? own.layers.length : at
    const [was, is] = [saved, own].map(({ layers }) => layers[index] ?? 'not there')
    throw mismatch(path, `layers[${index}] was ${was}, but is ${is} now`)
  }
  if (saved.connections !== own.connections) {
    throw mismatch(path, 'its layers are connected in another way than those of this model')
  }
  const loss = core.settings?.heads.map(({ loss }) => loss?.name ?? 'none').join(', ')
  const savedLoss = trainingOf(path, description)?.losses
  if (savedLoss !== undefined && loss !== savedLoss) {
    throw mismatch(path, `it was trained with the loss ${savedLoss}, but this model has ${loss}`)
  }
  checkSameParts(core, path, description)
}

/** Sums over other parts have other bits. A file does not say how many parts there were if each process had one. */
function checkSameParts({ settings, ranks }: ModelCore, path: string, { training }: JsonObject): void {
  if (training === undefined || settings === undefined) return
  const saved = sensible(path, () => makeDistribution(training))
  const was = saved === undefined ? 1 : saved.parts
  const is = settings.distribution === undefined ? 1 : (settings.distribution.parts ?? ranks?.cluster.size ?? 1)
  if (was === undefined || was === is) return
  throw mismatch(path, `its batches were cut into ${was} parts, but are cut into ${is} now`)
}

/** The layers of a model and how they are connected, as texts to compare. */
function textsOf(structure: JsonObject): { readonly layers: readonly string[]; readonly connections: string } {
  return { layers: list(structure.layers, 'layers').map(layerText), connections: connectionsText(structure) }
}

/** The description of a layer as text, without its initializers, which have no effect on a trained layer. */
function layerText(described: Json): string {
  const { kind, options } = object(described, 'layer')
  const entries = Object.entries(object(options, 'options')).filter(([name]) => !name.endsWith('Initializer'))
  return `${kind} ${JSON.stringify(Object.fromEntries(entries))}`
}

/** How the layers of a graph are connected, as text. */
function connectionsText({ models }: JsonObject): string {
  if (models === undefined) return ''
  return JSON.stringify(
    list(models, 'models').map((model) => {
      const { layers, calls, output } = object(model, 'model')
      return [layers, calls, output]
    }),
  )
}

function trainingOf(
  path: string,
  { training }: JsonObject,
): { optimizer: Json | undefined; losses: string } | undefined {
  if (training === undefined) return undefined
  return sensible(path, () => {
    const described = object(training, 'training')
    const losses = headsOf(described).map(({ loss }) => (loss === null ? 'none' : object(loss, 'loss').name))
    return { optimizer: object(described.optimizer, 'optimizer').name, losses: losses.join(', ') }
  })
}

/** The learning rate in a file, if it is a number; a callback may have changed it during training. */
function savedRate({ path, description }: ModelFile): number | undefined {
  if (description.training === undefined) return undefined
  return sensible(path, () => {
    const { options } = object(object(description.training, 'training').optimizer, 'optimizer')
    const rate = object(options, 'optimizer').learningRate
    return typeof rate === 'number' ? rate : undefined
  })
}
