/** Writes models for TensorFlow.js: a `model.json`, and a file of weights beside it. */

import { basename, dirname, join } from 'node:path'
import type { ModelCore } from '../../core/core.js'
import { writeAtomically } from '../../files/files.js'
import { dtypes } from '../../formats/dtypes.js'
import { kerasConfigOf } from '../keras/config.js'
import { refuseToWrite } from '../keras/parts.js'
import { lackingState, type SaveResult } from '../saving.js'
import { sha256Of } from './manifest.js'
import { namedVariables } from './names.js'
import { differences, type WrittenVariable, writtenState } from './optimizerState.js'

/** The version whose reader was tried. */
const kerasVersion = 'tfjs-layers 4.22.0'

/** Writes the model, with the state of its optimizer where TensorFlow.js has that. The weights are written first. */
export async function writeTfjsModel(core: ModelCore, path: string): Promise<SaveResult> {
  const { config, compileConfig, layers, optimizer, leftOut } = kerasConfigOf(core, { era: 'tfjs' })
  const { all, trained } = namedVariables(layers)
  const twice = all.find(({ name }, i) => all.findIndex((other) => other.name === name) !== i)
  if (twice !== undefined) {
    refuseToWrite(
      `weights '${twice.weight}'`,
      `two layers have weights '${twice.name}', and TensorFlow.js takes weights by name`,
    )
  }
  const state = core.readState()
  const values = new Map(state.weights.map(({ name, data }) => [name, data]))
  const weights = all.map(({ name, shape, weight }): WrittenVariable => {
    return { name, shape, data: values.get(weight) as Float32Array }
  })
  const variables = optimizer === undefined ? undefined : writtenState(state, optimizer, trained)
  const lost = core.settings !== undefined && variables === undefined ? ['the state of the optimizer'] : []
  const weightsFile = basename(path) === 'model.json' ? 'weights.bin' : `${basename(path, '.json')}.weights.bin`
  const bytes = [...weights, ...(variables ?? [])].map(({ data }) => {
    return dtypes[data instanceof Int32Array ? 'int32' : 'float32'].encode(data, 'weights')
  })
  const model = {
    modelTopology: { ...config, keras_version: kerasVersion, backend: 'tensor_flow.js' },
    format: 'layers-model',
    generatedBy: 'Neurode',
    convertedBy: null,
    weightsManifest: [
      {
        paths: [weightsFile],
        sha256: sha256Of(bytes),
        weights: [
          ...weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })),
          ...(variables ?? []).map(({ name, shape, data }) => {
            return { name, shape, dtype: data instanceof Int32Array ? 'int32' : 'float32', group: 'optimizer' }
          }),
        ],
      },
    ],
    ...(compileConfig === undefined ? {} : { trainingConfig: compileConfig }),
  }
  await writeAtomically(join(dirname(path), weightsFile), bytes)
  await writeAtomically(path, [Buffer.from(JSON.stringify(model))])
  const differing = optimizer === undefined ? [] : differences(optimizer)
  return { leftOut: [...leftOut, ...lost, ...differing, ...lackingState(state)] }
}
