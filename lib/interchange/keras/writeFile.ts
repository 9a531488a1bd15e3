/** Writes models for Keras 3: `.keras` archives and legacy `.h5` files. The same model gives the same bytes. */

import { refuse } from '../../checks/validate.js'
import type { ModelCore, TrainingState } from '../../core/core.js'
import { writeAtomically } from '../../files/files.js'
import { writeZip } from '../../formats/zip.js'
import type { JsonObject } from '../../persistence/description.js'
import { encodeHdf5, type H5Write } from '../hdf5/hdf5.js'
import { lackingState, type SaveResult } from '../saving.js'
import { kerasConfigOf } from './config.js'
import { cutNames, legacyObjects, optimizerObjects, weightObjects } from './storedObjects.js'
import type { KerasConfig } from './types.js'

/** The oldest version that reads the files. */
const version = '3.0.0'

/** Writes a `.keras` archive. */
export async function writeKerasArchive(core: ModelCore, path: string): Promise<SaveResult> {
  const written = kerasConfigOf(core)
  const { config, compileConfig, layers, optimizer } = written
  const state = core.readState()
  const rate = core.settings?.optimizer.learningRate
  const training =
    optimizer === undefined
      ? []
      : optimizerObjects(optimizer, layers, state, typeof rate === 'number' && !optimizer.scheduled ? rate : undefined)
  const weights = await encodeHdf5([...weightObjects(layers, state.weights), ...training])
  const whole = compileConfig === undefined ? config : { ...config, compile_config: compileConfig }
  const members = new Map([
    ['metadata.json', Buffer.from(JSON.stringify({ keras_version: version }))],
    ['config.json', Buffer.from(JSON.stringify(whole))],
    ['model.weights.h5', weights],
  ])
  await writeAtomically(path, writeZip(members, false))
  const lost = core.settings !== undefined && optimizer === undefined ? ['the state of the optimizer'] : []
  return { leftOut: [...written.leftOut, ...lost, ...lackingState(state)] }
}

/** Writes a `.h5` file, in which Keras cannot take up the state of an optimizer. */
export async function writeLegacyFile(core: ModelCore, path: string): Promise<SaveResult> {
  if (/\.weights\.h5$/i.test(path)) {
    refuse('path', "a name that does not end in '.weights.h5', which is for saveWeights()", path)
  }
  const written = kerasConfigOf(core)
  const state = core.readState()
  const lacking = core.settings === undefined ? [] : ['the state of the optimizer, which .h5 files cannot pass on']
  await writeAtomically(path, [await encodeHdf5(legacyFile(written, state))])
  return { leftOut: [...written.leftOut, ...lacking, ...lackingState(state)] }
}

function legacyFile({ config, compileConfig, layers, optimizer }: KerasConfig, state: TrainingState): H5Write[] {
  const keras = { backend: 'tensorflow', keras_version: version }
  const { class_name: className, config: model } = config
  const attributes: Record<string, string> = {
    ...keras,
    model_config: asciiJson({ class_name: className, config: model } as JsonObject),
  }
  if (compileConfig !== undefined && optimizer !== undefined) {
    const { optimizer: own, ...others } = compileConfig
    const { class_name: name, config: options } = own as JsonObject
    attributes.training_config = asciiJson({
      ...others,
      optimizer_config: { class_name: name, config: options },
    } as JsonObject)
  }
  const root = 'model_weights'
  const names = layers.map(({ name }) => name)
  return [
    { path: '', attributes },
    { path: root, attributes: { ...keras, ...cutNames('layer_names', names) } },
    ...legacyObjects(root, layers, state.weights),
  ]
}

/** JSON of ASCII alone, as old readers of attributes expect. */
function asciiJson(value: JsonObject): string {
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
