/** Weights alone, in safetensors and npz files. */

import { NeurodeError } from '../errors.js'
import type { ModelCore } from '../model/core.js'
import { readBytes, toPath, writeAtomically } from './files.js'
import { stateMark } from './modelFile.js'
import type { FileArray } from './npy.js'
import { readNpz, writeNpz } from './npz.js'
import { encodeSafetensors, parseSafetensors } from './safetensors.js'

/** See {@link Sequential.saveWeights}. */
export async function saveWeights(core: ModelCore, target: string | URL): Promise<void> {
  const path = toPath(target, 'path')
  const arrays = new Map(core.readWeights().map(({ name, data, shape }) => [name, { data, shape }]))
  if (path.endsWith('.npz')) await writeNpz(path, arrays)
  else await writeAtomically(path, encodeSafetensors(arrays))
}

/** See {@link Sequential.loadWeights}. */
export async function loadWeights(core: ModelCore, source: string | URL): Promise<void> {
  const path = toPath(source, 'path')
  const expected = core.readWeights().map(({ name }) => name)
  const bytes = await readBytes(path)
  const isZip = bytes.toString('latin1', 0, 2) === 'PK'
  const all = isZip ? await readNpz(bytes) : parseSafetensors(bytes, path).tensors
  const arrays = new Map([...all].filter(([name]) => !name.startsWith(stateMark)))
  core.writeWeights(undefined, inOrder(arrays, expected, path))
}

function inOrder(arrays: ReadonlyMap<string, FileArray>, expected: readonly string[], path: string): FileArray[] {
  const known = expected.filter((name) => arrays.has(name))
  if (arrays.size !== expected.length || (known.length > 0 && known.length < expected.length)) {
    const names = (list: Iterable<string>) => [...list].join(', ') || 'none'
    const text = `${path}: expected weights called ${names(expected)}`
    throw new NeurodeError('ERR_SHAPE', `${text}, got ${names(arrays.keys())}`)
  }
  // Other libraries have other names: then the order counts, and the shapes are checked all the same.
  return known.length > 0 ? expected.map((name) => arrays.get(name) as FileArray) : [...arrays.values()]
}
