/** Saves and loads weights alone, in safetensors and npz files. */

import { checkName, checkRecord, lookUp, nameTable } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { checkEnding, checkNoModel } from '../files/endings.js'
import { parseAs, readBytes, writeAtomically } from '../files/files.js'
import { formats } from '../files/formats.js'
import { parseNpz, writeNpz } from '../formats/npz.js'
import { encodeSafetensors, parseSafetensors, readSafetensors } from '../formats/safetensors.js'
import { stateMark } from './modelFile.js'
import { toTorch } from './torchNames.js'
import { arrangeWeights, isSortedByName, type WeightTensors } from './weightNames.js'

/** Options of `saveWeights`. */
export interface SaveWeightsOptions {
  /**
   * Whose names and layouts the tensors have: Neurode's, `dense/kernel`, whose kernels are (in, out), or those of PyTorch's modules,
   * `dense.weight`, (out, in), which `load_state_dict` takes; default `neurode`. PyTorch's names are written to safetensors files.
   */
  readonly names?: 'neurode' | 'torch' | undefined
}

const writtenNames = nameTable(['neurode', 'torch'] as const, () => [])

/** Options of `loadWeights`. */
export interface LoadWeightsOptions {
  /** The modules of a PyTorch file by the names of layers, such as `{ dense: 'encoder.fc1' }`, for layers that are called otherwise. */
  readonly layers?: Readonly<Record<string, string>> | undefined
}

/** Writes a weights file, see {@link Sequential.saveWeights}. */
export async function saveWeights(core: ModelCore, path: string, given?: SaveWeightsOptions): Promise<void> {
  const isTorch = lookUp(writtenNames, given?.names ?? 'neurode', 'names') === 'torch'
  checkEnding(path, isTorch ? ['safetensors'] : ['safetensors', 'npz', 'weights.h5'])
  await checkNoModel(path)
  if (isTorch) {
    const tensors = toTorch(core.readWeights(), layersOf(core))
    return writeAtomically(path, encodeSafetensors(tensors, { metadata: { format: 'pt' } }))
  }
  const arrays = new Map(core.readWeights().map(({ name, data, shape }) => [name, { data, shape }]))
  if (path.endsWith('.npz')) await writeNpz(path, arrays)
  else await writeAtomically(path, encodeSafetensors(arrays))
}

/** Reads a weights file, see {@link Sequential.loadWeights}. */
export async function loadWeights(core: ModelCore, path: string, given?: LoadWeightsOptions): Promise<void> {
  const { layers = {} } = given ?? {}
  const named = new Map(
    Object.entries(checkRecord(layers, 'layers', 'modules by the names of layers')).map(([layer, module]) => {
      return [layer, checkName(module, `layers: ${layer}`)]
    }),
  )
  const file = path.endsWith('.index.json') ? await readParts(path) : readTensors(await readBytes(path), path)
  core.writeWeights(undefined, arrangeWeights(file, layersOf(core), named))
}

const layersOf = (core: ModelCore) =>
  core.built().layers.map(({ layer, name, parameters }) => ({ name, kind: layer.kind, parameters }))

async function readParts(path: string): Promise<WeightTensors> {
  const { tensors } = await readSafetensors(path)
  return { path, tensors, keepsOrder: false }
}

function readTensors(bytes: Buffer<ArrayBuffer>, path: string): WeightTensors {
  if (bytes.toString('latin1', 0, 2) === 'PK') {
    const tensors = parseNpz(bytes, path)
    const [unreadable] = tensors.unreadable.values()
    if (unreadable !== undefined) throw unreadable
    return { path, tensors, keepsOrder: true }
  }
  const { tensors, metadata } = parseAs(formats.safetensors, bytes, path, () => parseSafetensors(bytes, path))
  const weights = new Map([...tensors].filter(([name]) => !name.startsWith(stateMark)))
  return { path, tensors: weights, same: metadata, keepsOrder: !isSortedByName(weights) }
}
