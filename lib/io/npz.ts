/** NumPy's npz format: npy files in a zip archive, by name. */

import { isUint8Array } from 'node:util/types'
import type { ArrayInput } from '../data/arrays.js'
import { checkBoolean, checkName, checkOptions, refuse } from '../validate.js'
import { damaged, readBytes, toPath, writeAtomically } from './files.js'
import { encodeNpy, type FileArray, parseNpy } from './npy.js'
import { readZip, writeZip } from './zip.js'

/** Options of {@link writeNpz}. */
export interface WriteNpzOptions {
  /** Default false, as `numpy.savez`; true as `numpy.savez_compressed`. */
  readonly compress?: boolean
}

/**
 * Reads all arrays of an npz file, by name, in the order of the file; see {@link readNpy} for what they become.
 *
 * @param source - Path of the file, or its bytes.
 * @throws NeurodeError `ERR_FILE_NOT_FOUND`; `ERR_FILE_FORMAT` for archives that are damaged, encrypted or hold anything
 * but arrays, checksums included.
 *
 * @example
 * ```ts
 * import { readNpz, writeNpz } from 'neurode'
 *
 * await writeNpz('example.npz', { x: [[1, 2], [3, 4]], y: Int32Array.of(0, 1) })
 * const arrays = await readNpz('example.npz')
 * console.log(arrays.get('x')?.shape) // [2, 2]
 * ```
 */
export async function readNpz(source: string | URL | Uint8Array): Promise<Map<string, FileArray>> {
  const path = isUint8Array(source) ? 'data' : toPath(source, 'source')
  const bytes = isUint8Array(source) ? Buffer.from(Uint8Array.from(source).buffer) : await readBytes(path)
  const arrays = new Map<string, FileArray>()
  for (const [member, content] of readZip(bytes, path)) {
    const name = member.replace(/\.npy$/, '')
    if (arrays.has(name)) throw damaged(path, `two arrays are called ${JSON.stringify(name)}`)
    arrays.set(name, parseNpy(content, `${path}: ${member}`))
  }
  return arrays
}

/**
 * Writes arrays by name as an npz file, whole or not at all.
 *
 * @throws NeurodeError `ERR_FILE_WRITE`; `ERR_ARGUMENT` for more than 4 GB.
 */
export async function writeNpz(
  path: string | URL,
  arrays: Readonly<Record<string, ArrayInput>> | ReadonlyMap<string, ArrayInput>,
  given?: WriteNpzOptions,
): Promise<void> {
  const { compress } = checkOptions(given, ['compress'], 'writeNpz')
  if (typeof arrays !== 'object' || arrays === null) refuse('arrays', 'an object or a Map of arrays by name', arrays)
  const entries = arrays instanceof Map ? [...arrays] : Object.entries(arrays)
  const members = entries.map(([name, value]) => [`${checkName(name, 'arrays: name')}.npy`, encodeNpy(value)] as const)
  await writeAtomically(toPath(path, 'path'), writeZip(new Map(members), checkBoolean(compress ?? false, 'compress')))
}
