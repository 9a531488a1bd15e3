/** Saves and loads weights alone, in safetensors and npz files. */

import type { ModelCore } from '../core/core.js'
import { checkEnding, checkNoModel } from '../files/endings.js'
import { parseAs, readBytes, toPath, writeAtomically } from '../files/files.js'
import { formats } from '../files/formats.js'
import { parseNpz, writeNpz } from '../formats/npz.js'
import { encodeSafetensors, parseSafetensors } from '../formats/safetensors.js'
import { stateMark } from './modelFile.js'
import { arrangeWeights, isSortedByName, type WeightTensors } from './weightNames.js'

/** Writes a weights file, see {@link Sequential.saveWeights}. */
export async function saveWeights(core: ModelCore, target: string | URL): Promise<void> {
  const path = toPath(target, 'path')
  checkEnding(path, ['safetensors', 'npz', 'weights.h5'])
  await checkNoModel(path)
  const arrays = new Map(core.readWeights().map(({ name, data, shape }) => [name, { data, shape }]))
  if (path.endsWith('.npz')) await writeNpz(path, arrays)
  else await writeAtomically(path, encodeSafetensors(arrays))
}

/** Reads a weights file, see {@link Sequential.loadWeights}. */
export async function loadWeights(core: ModelCore, source: string | URL): Promise<void> {
  const path = toPath(source, 'path')
  const layers = core.built().layers.map(({ layer, name, parameters }) => ({ name, kind: layer.kind, parameters }))
  const file = readTensors(await readBytes(path), path)
  core.writeWeights(undefined, arrangeWeights(file, layers))
}

function readTensors(bytes: Buffer<ArrayBuffer>, path: string): WeightTensors {
  if (bytes.toString('latin1', 0, 2) === 'PK') {
    const tensors = parseNpz(bytes, path)
    const [unreadable] = tensors.unreadable.values()
    if (unreadable !== undefined) throw unreadable
    return { path, tensors, keepsOrder: true }
  }
  const { tensors } = parseAs(formats.safetensors, bytes, path, () => parseSafetensors(bytes, path))
  const weights = new Map([...tensors].filter(([name]) => !name.startsWith(stateMark)))
  return { path, tensors: weights, keepsOrder: !isSortedByName(weights) }
}
