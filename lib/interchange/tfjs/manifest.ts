/** Reads the weights of TensorFlow.js: a manifest names groups of weights, whose bytes are those of the group's files, end to end. */

import { dirname, join } from 'node:path'
import { shapedArray } from '../../arrays/shapedArray.js'
import { damaged, readBytes } from '../../files/files.js'
import { createSha256 } from '../../files/sha256.js'
import { type DType, dtypes } from '../../formats/dtypes.js'
import type { FileArray } from '../../formats/npy.js'
import type { Json, JsonObject } from '../../persistence/description.js'
import { isObject } from '../keras/reading.js'

/** A weight of a manifest. */
export interface StoredWeight {
  readonly name: string
  readonly array: FileArray
  /** Whether it is a variable of the optimizer. */
  readonly isOptimizers: boolean
}

/** The types of weights that are read. */
const weightTypes: readonly DType[] = ['float32', 'int32', 'bool', 'uint8']

/** Reads all weights of a manifest, by name. Throws `ERR_FILE_FORMAT` for names that are there twice, and for bytes that do not fit. */
export async function readManifest(manifest: Json | undefined, path: string): Promise<Map<string, StoredWeight>> {
  if (!Array.isArray(manifest) || manifest.length === 0) {
    throw damaged(path, 'weightsManifest: expected a list of groups of weights: without it, the file holds no weights')
  }
  const weights = new Map<string, StoredWeight>()
  for (const [i, given] of manifest.entries()) {
    const at = `weightsManifest[${i}]`
    if (!isObject(given)) throw damaged(path, `${at}: expected an object`)
    const specs = listOf(given.weights, `${at}: weights`, path).map((spec, k) =>
      specOf(spec, `${at}: weights[${k}]`, path),
    )
    const bytes = await bytesOf(listOf(given.paths, `${at}: paths`, path), `${at}: paths`, path)
    const needed = specs.reduce((sum, { length }) => sum + length, 0)
    if (bytes.length !== needed) {
      throw damaged(path, `${at}: its files have ${bytes.length} bytes, and its weights have ${needed}`)
    }
    if (given.sha256 !== undefined && given.sha256 !== sha256Of([bytes])) {
      throw damaged(path, `${at}: its files are of another model, or damaged: save the model again`)
    }
    let from = 0
    for (const spec of specs) {
      if (weights.has(spec.name)) throw damaged(path, `there are two weights '${spec.name}'`)
      weights.set(spec.name, decoded(spec, bytes.subarray(from, from + spec.length), path))
      from += spec.length
    }
  }
  return weights
}

/**
 * The SHA-256 of the bytes of a group. Neurode's own manifests have it, as a crash between the two files of a model leaves the new weights
 * beside the old layers; other readers ignore it.
 */
export function sha256Of(chunks: readonly Uint8Array[]): string {
  const hash = createSha256()
  for (const chunk of chunks) hash.update(chunk)
  return hash.digest('hex')
}

/** What a manifest says of a weight. */
interface Spec {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: DType
  /** The type and range of the stored numbers, if they are not those of the weight. */
  readonly quantization: { readonly dtype: DType; readonly min: number; readonly scale: number } | undefined
  /** Number of bytes. */
  readonly length: number
  readonly isOptimizers: boolean
}

function specOf(given: Json, at: string, path: string): Spec {
  if (!isObject(given)) throw damaged(path, `${at}: expected an object`)
  const { name, shape, dtype, quantization, group } = given
  if (typeof name !== 'string' || name === '') throw damaged(path, `${at}: name: expected a text`)
  const where = `weight '${name.slice(0, 100)}'`
  const sizes = listOf(shape, `${where}: shape`, path)
  const count = sizes.reduce<number>((product, size) => product * (typeof size === 'number' ? size : Number.NaN), 1)
  if (!sizes.every((size) => Number.isSafeInteger(size) && (size as number) >= 0) || !Number.isSafeInteger(count)) {
    throw damaged(path, `${where}: shape: expected sizes, got ${JSON.stringify(shape).slice(0, 100)}`)
  }
  const type = typeOf(dtype, weightTypes, where, path)
  const stored = quantization === undefined ? undefined : quantizationOf(quantization, where, path)
  return {
    name,
    shape: sizes as number[],
    dtype: type,
    quantization: stored,
    length: count * dtypes[stored?.dtype ?? type].bytes,
    isOptimizers: group === 'optimizer',
  }
}

function quantizationOf(given: Json, where: string, path: string): Spec['quantization'] {
  if (!isObject(given)) throw damaged(path, `${where}: quantization: expected an object`)
  const dtype = typeOf(given.dtype, ['uint8', 'uint16', 'float16'], `${where}: quantization`, path)
  if (dtype === 'float16') return { dtype, min: 0, scale: 1 }
  const { min, scale } = given
  if (typeof min === 'number' && typeof scale === 'number') return { dtype, min, scale }
  throw damaged(path, `${where}: quantization: expected the numbers min and scale`)
}

function typeOf(given: Json | undefined, known: readonly DType[], where: string, path: string): DType {
  const found = known.find((type) => type === given)
  if (found !== undefined) return found
  throw damaged(path, `${where}: dtype: expected ${known.join(', ')}, got ${JSON.stringify(given)?.slice(0, 100)}`)
}

function decoded(
  { name, shape, dtype, quantization, isOptimizers }: Spec,
  bytes: Uint8Array<ArrayBuffer>,
  path: string,
) {
  const data = dtypes[quantization?.dtype ?? dtype].decode(bytes, `${path}: weight '${name}'`)
  if (quantization === undefined) return { name, isOptimizers, array: shapedArray(data, shape, { dtype }) }
  const { min, scale } = quantization
  const values = Float32Array.from(data as ArrayLike<number>, (value) => value * scale + min)
  return { name, isOptimizers, array: shapedArray(values, shape, { dtype: 'float32' as const }) }
}

/** The bytes of the files of a group, which lie beside the manifest's file. */
async function bytesOf(paths: readonly Json[], at: string, path: string): Promise<Uint8Array<ArrayBuffer>> {
  const names = paths.map((name) => fileName(name, at, path))
  const parts: Buffer<ArrayBuffer>[] = []
  for (const name of names) parts.push(await readBytes(join(dirname(path), name)))
  return parts.length === 1 ? (parts[0] as Buffer<ArrayBuffer>) : Buffer.concat(parts)
}

function fileName(given: Json, at: string, path: string): string {
  const isName = typeof given === 'string' && !/[/\\\0:]/.test(given) && !['', '.', '..'].includes(given)
  if (isName) return given
  throw damaged(path, `${at}: expected names of files in the same folder, got ${JSON.stringify(given).slice(0, 100)}`)
}

function listOf(given: Json | undefined, at: string, path: string): readonly Json[] {
  if (Array.isArray(given)) return given
  throw damaged(path, `${at}: expected a list, got ${(JSON.stringify(given) ?? 'nothing').slice(0, 100)}`)
}

/** An object of the file's JSON. */
export function objectIn(given: Json | undefined, at: string, path: string): JsonObject {
  if (isObject(given)) return given
  throw damaged(path, `${at}: expected an object, got ${(JSON.stringify(given) ?? 'nothing').slice(0, 100)}`)
}
