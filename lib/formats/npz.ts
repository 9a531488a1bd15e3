/** NumPy's npz format: a zip archive of npy files. */

import { isMap, isUint8Array } from 'node:util/types'
import type { ArrayInput } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkBoolean, checkName, checkOptions, checkRecord } from '../checks/validate.js'
import { damaged, parseAs, readBytes, toPath, writeAtomically } from '../files/files.js'
import { formats } from '../files/formats.js'
import { unpackedLimit } from './archives.js'
import { encodeNpy, type FileArray, parseNpy } from './npy.js'
import { readZip, writeZip } from './zip.js'

/** Options of {@link writeNpz}. */
export interface WriteNpzOptions {
  /** Whether arrays are compressed, as `numpy.savez_compressed` does; default false, as `numpy.savez`. */
  readonly compress?: boolean | undefined
}

/** Options of {@link readNpz}. */
export interface ReadNpzOptions {
  /**
   * The most bytes that all arrays together may unpack to, at least 0; default 256 MiB, or 16 times the size of the file where that is
   * more.
   */
  readonly maxBytes?: number | undefined
}

/** The arrays of an npz file by name, in the order of the file. */
export class NpzArrays extends Map<string, FileArray> {
  /** The arrays that cannot be read (pickled objects, texts, damaged ones), by name, with the reason. */
  readonly unreadable: ReadonlyMap<string, NeurodeError>

  /** @internal */
  constructor(arrays: Iterable<readonly [string, FileArray]>, unreadable: ReadonlyMap<string, NeurodeError>) {
    super(arrays)
    this.unreadable = unreadable
  }

  /** The array of that name; throws the error of an array that is {@link NpzArrays.unreadable}. */
  override get(name: string): FileArray | undefined {
    const error = this.unreadable.get(name)
    if (error !== undefined) throw error
    return super.get(name)
  }
}

/**
 * Reads all arrays of an npz file, by name, in the order of the file; {@link readNpy} says how elements are converted. An array that
 * cannot be read is left out: `get` with its name throws, and `unreadable` says why.
 *
 * @param source - Path of the file, or its bytes.
 * @throws NeurodeError `ERR_FILE_NOT_FOUND`; `ERR_FILE_FORMAT` for an archive that is damaged, that would unpack to more than
 * `maxBytes` (checked before anything is unpacked), or of which no array can be read.
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
export function readNpz(source: string | URL | Uint8Array, given?: ReadNpzOptions): Promise<NpzArrays>
export async function readNpz(
  source: string | URL | Uint8Array,
  given?: ReadNpzOptions,
  ...more: unknown[]
): Promise<NpzArrays> {
  refuseMore(more, 2, 'readNpz')
  const { maxBytes } = checkOptions(given, ['maxBytes'], 'readNpz')
  unpackedLimit(maxBytes, 0)
  if (isUint8Array(source)) return parseNpz(Buffer.from(Uint8Array.from(source).buffer), 'data', maxBytes)
  const path = toPath(source, 'source', 'a path or bytes')
  return parseNpz(await readBytes(path), path, maxBytes)
}

/** Parses the bytes of a whole npz file. */
export function parseNpz(bytes: Buffer<ArrayBuffer>, path: string, maxBytes?: number): NpzArrays {
  return parseAs(formats.npz, bytes, path, () => {
    const arrays = new Map<string, FileArray>()
    const unreadable = new Map<string, NeurodeError>()
    for (const [member, unpack] of readZip(bytes, path, unpackedLimit(maxBytes, bytes.length))) {
      const name = member.replace(/\.npy$/, '')
      if (arrays.has(name) || unreadable.has(name)) {
        throw damaged(path, `two arrays are called ${JSON.stringify(name)}`)
      }
      try {
        arrays.set(name, parseNpy(unpack(), `${path}: ${member}`))
      } catch (error) {
        if (!(error instanceof NeurodeError)) throw error
        unreadable.set(name, error)
      }
    }
    const [first] = unreadable.values()
    if (arrays.size === 0 && first !== undefined) throw first
    return new NpzArrays(arrays, unreadable)
  })
}

/**
 * Writes arrays by name as an npz file, atomically: after a failure the old file is unchanged.
 *
 * @throws NeurodeError `ERR_FILE_WRITE`.
 */
export function writeNpz(
  path: string | URL,
  arrays: Readonly<Record<string, ArrayInput>> | ReadonlyMap<string, ArrayInput>,
  given?: WriteNpzOptions,
): Promise<void>
export async function writeNpz(
  path: string | URL,
  arrays: Readonly<Record<string, ArrayInput>> | ReadonlyMap<string, ArrayInput>,
  given?: WriteNpzOptions,
  ...more: unknown[]
): Promise<void> {
  refuseMore(more, 3, 'writeNpz')
  const { compress } = checkOptions(given, ['compress'], 'writeNpz')
  const expected = 'a plain object or a Map of arrays by name'
  const entries: Iterable<readonly [string, ArrayInput]> = isMap(arrays)
    ? arrays
    : Object.entries(checkRecord(arrays, 'arrays', expected) as Readonly<Record<string, ArrayInput>>)
  const members = [...entries].map(
    ([name, value]) => [`${checkName(name, 'arrays: name')}.npy`, encodeNpy(value)] as const,
  )
  await writeAtomically(toPath(path, 'path'), writeZip(new Map(members), checkBoolean(compress ?? false, 'compress')))
}
