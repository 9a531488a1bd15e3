/** The safetensors format: https://github.com/huggingface/safetensors#format */

import { dirname, join } from 'node:path'
import { isMap, isUint8Array } from 'node:util/types'
import { type ArrayInput, elementCount, formatShape } from '../arrays/arrays.js'
import { shapedArray } from '../arrays/shapedArray.js'
import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkName, checkOptions, checkRecord, describe, lookUp, nameTable, refuse } from '../checks/validate.js'
import { damaged, parseAs, readBytes, toPath, writeAtomically } from '../files/files.js'
import { formats } from '../files/formats.js'
import { type DType, dtypeOf, dtypes } from './dtypes.js'
import { type FileArray, plainArray } from './npy.js'
import { parseStrictJson } from './strictJson.js'

/** Options of {@link writeSafetensors}. */
export interface WriteSafetensorsOptions {
  /** Element type of all tensors in the file; default the type of each array. */
  readonly dtype?: DType | undefined
  /** Texts by name, which the header keeps. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/** The content of a safetensors file. */
export interface Safetensors {
  /** The tensors by name, in the order of their data in the file. */
  readonly tensors: ReadonlyMap<string, FileArray>
  readonly metadata: ReadonlyMap<string, string>
}

const types: ReadonlyMap<string, DType> = new Map([
  ['BOOL', 'bool'],
  ['U8', 'uint8'],
  ['I8', 'int8'],
  ['U16', 'uint16'],
  ['I16', 'int16'],
  ['U32', 'uint32'],
  ['I32', 'int32'],
  ['U64', 'uint64'],
  ['I64', 'int64'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['F32', 'float32'],
  ['F64', 'float64'],
])
const dtypeNames = nameTable([...types.values()], () => [])
const lengthBytes = 8
/** The limit that the format sets. */
const maxHeaderBytes = 100_000_000
const metadataKey = '__metadata__'

/**
 * Reads a safetensors file. Elements are converted as by {@link readNpy}; bfloat16 becomes float32.
 *
 * @param source - Path of the file (or of the `.index.json` of one in several parts), or its bytes.
 * @throws NeurodeError `ERR_FILE_NOT_FOUND`; `ERR_FILE_FORMAT` for any violation of the format: gaps, overlaps, two tensors of one
 * name, bytes that belong to no tensor.
 *
 * @example
 * ```ts
 * import { readSafetensors, writeSafetensors } from 'neurode'
 *
 * await writeSafetensors('example.safetensors', { weight: [[1, 2], [3, 4]] })
 * const { tensors } = await readSafetensors('example.safetensors')
 * console.log(tensors.get('weight')?.shape) // [2, 2]
 * ```
 */
export function readSafetensors(source: string | URL | Uint8Array): Promise<Safetensors>
export async function readSafetensors(source: string | URL | Uint8Array, ...more: unknown[]): Promise<Safetensors> {
  refuseMore(more, 1, 'readSafetensors')
  const path = isUint8Array(source) ? 'data' : toPath(source, 'source', 'a path or bytes')
  if (path.endsWith('.index.json')) return readShards(path)
  const bytes = isUint8Array(source) ? new Uint8Array(source) : await readBytes(path)
  return parseAs(formats.safetensors, bytes, path, () => parseSafetensors(bytes, path))
}

/** Reads the tensors of several files that an index in the same folder lists. */
async function readShards(path: string): Promise<Safetensors> {
  const places = shardsOf((await readBytes(path)).toString('utf8'), path)
  const shards = new Map<string, Safetensors>()
  for (const file of new Set(places.values())) {
    try {
      shards.set(file, await readSafetensors(join(dirname(path), file)))
    } catch (error) {
      throw damaged(path, (error as Error).message, error)
    }
  }
  const tensors = new Map<string, FileArray>()
  for (const [name, file] of places) {
    const tensor = shards.get(file)?.tensors.get(name)
    if (tensor === undefined) throw damaged(path, `tensor ${quoted(name)} is not in ${file}`)
    tensors.set(name, tensor)
  }
  return { tensors, metadata: new Map() }
}

function shardsOf(text: string, path: string): Map<string, string> {
  let index: unknown
  try {
    index = parseStrictJson(text)
  } catch (error) {
    throw damaged(path, `the index is not JSON of its format: ${(error as Error).message}`, error)
  }
  const map = isObject(index) && Object.hasOwn(index, 'weight_map') ? index.weight_map : undefined
  if (!isObject(map)) throw damaged(path, 'expected an index with a weight_map')
  const entries = Object.entries(map).map(([name, file]): [string, string] => {
    // A name with a folder in it could point to any file of the system.
    if (typeof file === 'string' && /^[^/\\:]+\.safetensors$/.test(file)) return [name, file]
    throw damaged(path, `tensor ${quoted(name)}: expected a .safetensors file beside the index, got ${describe(file)}`)
  })
  return new Map(entries)
}

interface Span {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly from: number
  readonly to: number
}

/** Parses the bytes of a whole file; the tensors may be views of them. */
export function parseSafetensors(bytes: Uint8Array<ArrayBuffer>, path: string): Safetensors {
  const header = readHeader(bytes, path)
  const body = bytes.subarray(lengthBytes + header.length)
  const metadata = new Map<string, string>()
  const spans: Span[] = []
  for (const [name, value] of header.entries) {
    if (name === metadataKey) for (const [key, text] of metadataOf(value, path)) metadata.set(key, text)
    else spans.push(spanOf(name, value, path))
  }
  spans.sort((a, b) => a.from - b.from || a.to - b.to)
  let end = 0
  const tensors = new Map<string, FileArray>()
  for (const { name, dtype, shape, from, to } of spans) {
    if (from !== end) throw damaged(path, `tensor ${quoted(name)}: expected its data at ${end}, got ${from}`)
    if (to > body.length) throw damaged(path, `tensor ${quoted(name)}: its data end beyond the file`)
    const data = dtypes[dtype].decode(body.subarray(from, to), `${path}: tensor ${quoted(name)}`)
    tensors.set(name, Object.freeze(shapedArray(data, Object.freeze(shape), { dtype })))
    end = to
  }
  if (end !== body.length) throw damaged(path, `expected ${end} bytes of data, got ${body.length}`)
  return { tensors, metadata }
}

function readHeader(bytes: Uint8Array, path: string) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length < lengthBytes) throw damaged(path, 'expected a safetensors file, got fewer than 8 bytes')
  const length = Number(view.getBigUint64(0, true))
  if (length > Math.min(maxHeaderBytes, bytes.length - lengthBytes)) {
    throw damaged(path, `expected a header that fits into the file, got a length of ${length}`)
  }
  let text: string
  let parsed: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      bytes.subarray(lengthBytes, lengthBytes + length),
    )
    parsed = parseStrictJson(text)
  } catch (error) {
    throw damaged(path, `the header is not JSON of its format: ${(error as Error).message}`, error)
  }
  if (!text.startsWith('{') || !isObject(parsed))
    throw damaged(path, `expected an object as header, got ${describe(parsed)}`)
  return { length, entries: Object.entries(parsed) }
}

function metadataOf(value: unknown, path: string): [string, string][] {
  const entries = isObject(value) ? Object.entries(value) : undefined
  if (entries?.every((item): item is [string, string] => typeof item[1] === 'string')) return entries
  throw damaged(path, 'expected texts by name as metadata')
}

function spanOf(name: string, value: unknown, path: string): Span {
  const fail = (problem: string) => damaged(path, `tensor ${quoted(name)}: ${problem}`)
  if (!isObject(value)) throw fail(`expected an object, got ${describe(value)}`)
  const own = (key: string) => (Object.hasOwn(value, key) ? value[key] : undefined)
  const type = own('dtype')
  const dtype = types.get(String(type))
  if (typeof type !== 'string' || dtype === undefined) {
    throw fail(`expected one of the types ${[...types.keys()].join(', ')}, got ${describe(type)}`)
  }
  const shape = own('shape')
  const offsets = own('data_offsets')
  const areSizes = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((size) => Number.isSafeInteger(size) && size >= 0)
  if (!areSizes(shape) || shape.length > 32) throw fail('expected a shape of integers of at least 0')
  if (!areSizes(offsets) || offsets.length !== 2) throw fail('expected two offsets, integers of at least 0')
  const [from, to] = offsets as [number, number]
  const expected = elementCount(shape) * dtypes[dtype].bytes
  if (!Number.isSafeInteger(expected) || to - from !== expected) {
    throw fail(`expected ${expected} bytes for shape ${formatShape(shape)}, got ${to - from}`)
  }
  return { name, dtype, shape, from, to }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const quoted = (name: string) => JSON.stringify(name.length > 60 ? `${name.slice(0, 57)}...` : name)

/**
 * Writes arrays by name as a safetensors file, atomically: after a failure the old file is unchanged. A scale or offset of an array is
 * applied in float32.
 *
 * @throws NeurodeError `ERR_DTYPE` for values that an integer type cannot hold; `ERR_FILE_WRITE`.
 */
export function writeSafetensors(
  path: string | URL,
  tensors: Readonly<Record<string, ArrayInput>> | ReadonlyMap<string, ArrayInput>,
  options?: WriteSafetensorsOptions,
): Promise<void>
export async function writeSafetensors(
  path: string | URL,
  tensors: Readonly<Record<string, ArrayInput>> | ReadonlyMap<string, ArrayInput>,
  options?: WriteSafetensorsOptions,
  ...more: unknown[]
): Promise<void> {
  refuseMore(more, 3, 'writeSafetensors')
  await writeAtomically(toPath(path, 'path'), encodeSafetensors(tensors, options))
}

/** Checks metadata, whose values the format requires to be strings. */
function checkMetadata(metadata: unknown): object {
  const record = checkRecord(metadata, 'metadata', 'a plain object of texts')
  for (const [name, text] of Object.entries(record)) {
    if (typeof text !== 'string') refuse(`metadata: ${name}`, 'a text', text)
  }
  return record
}

/** The bytes of a safetensors file, in chunks; see {@link writeSafetensors}. */
export function encodeSafetensors(
  tensors: Readonly<Record<string, ArrayInput>> | ReadonlyMap<string, ArrayInput>,
  given?: WriteSafetensorsOptions,
): Uint8Array[] {
  const options = checkOptions(given, ['dtype', 'metadata'], 'writeSafetensors')
  const asked = options.dtype === undefined ? undefined : lookUp(dtypeNames, options.dtype, 'dtype')
  const chunks: Uint8Array[] = []
  const header: [string, unknown][] = []
  if (options.metadata !== undefined) header.push([metadataKey, checkMetadata(options.metadata)])
  let end = 0
  const entries: Iterable<readonly [string, unknown]> = isMap(tensors)
    ? tensors
    : Object.entries(checkRecord(tensors, 'tensors', 'a plain object or a Map of arrays by name'))
  for (const [name, value] of entries) {
    if (checkName(name, 'tensors: name') === metadataKey) {
      throw new NeurodeError('ERR_ARGUMENT', `tensors: a tensor cannot be called ${metadataKey}`)
    }
    const { data, shape } = plainArray(value as ArrayInput)
    const dtype = asked ?? dtypeOf(data)
    const type = [...types].find(([, row]) => row === dtype)?.[0]
    const bytes = dtypes[dtype].encode(data, name)
    header.push([name, { dtype: type, shape, data_offsets: [end, end + bytes.length] }])
    chunks.push(bytes)
    end += bytes.length
  }
  // An object would reorder names that are whole numbers, so the JSON is built here. The header is padded so that the data begin at a
  // multiple of 8 bytes.
  const text = `{${header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
  const bytes = Buffer.from(text)
  const padded = Buffer.alloc(lengthBytes + Math.ceil(bytes.length / 8) * 8, ' ')
  padded.writeBigUInt64LE(BigInt(padded.length - lengthBytes))
  bytes.copy(padded, lengthBytes)
  return [padded, ...chunks]
}
