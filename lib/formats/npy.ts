/** NumPy's npy format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */

import { isUint8Array } from 'node:util/types'
import {
  type ArrayInput,
  array,
  elementCount,
  formatShape,
  isNdArray,
  type NdArray,
  type NumericArray,
} from '../arrays/arrays.js'
import { shapedArray } from '../arrays/shapedArray.js'
import { toFloats } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkBoolean, checkOptions, lookUp, nameTable, refuse } from '../checks/validate.js'
import { beginning, damaged, readBytes, toPath, writeAtomically } from '../files/files.js'
import { type DType, dtypeOf, dtypes, swapped } from './dtypes.js'

/** An array from a file, with the element type that it has in the file. */
export interface FileArray extends NdArray {
  readonly dtype: DType
}

/** Options of {@link writeNpy}. */
export interface WriteNpyOptions {
  /** Element type in the file; default the type of the array. */
  readonly dtype?: DType | undefined
  /** Whether elements are in column-major order, as in Fortran; default false. */
  readonly fortranOrder?: boolean | undefined
  /** Version of the format, 1 to 3; default 1. */
  readonly version?: 1 | 2 | 3 | undefined
}

/** Element types by NumPy's letter and size in bytes. NumPy has no bfloat16. */
const letters: ReadonlyMap<string, DType> = new Map([
  ['b1', 'bool'],
  ['u1', 'uint8'],
  ['i1', 'int8'],
  ['u2', 'uint16'],
  ['i2', 'int16'],
  ['u4', 'uint32'],
  ['i4', 'int32'],
  ['u8', 'uint64'],
  ['i8', 'int64'],
  ['f2', 'float16'],
  ['f4', 'float32'],
  ['f8', 'float64'],
])
const dtypeNames = nameTable([...letters.values()], () => [])

/** The header of an npy file. */
export interface NpyHeader {
  readonly dtype: DType
  readonly bigEndian: boolean
  readonly fortranOrder: boolean
  readonly shape: readonly number[]
  /** Number of bytes before the elements. */
  readonly length: number
}

/** Number of bytes from which the length of a header can be read. */
export const npyStartBytes = 12
/** The longest header that is read, slightly longer than NumPy's own limit of 10,000 characters. */
const maxHeaderBytes = 10_240

/** Length of the header in bytes, read from the first {@link npyStartBytes} bytes of a file, or fewer if the file is shorter. */
export function npyHeaderLength(start: Uint8Array, name: string): number {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.length)
  if (bytes.toString('latin1', 0, 6) !== '\x93NUMPY') {
    throw damaged(name, `expected an npy file, got ${beginning(bytes)}`)
  }
  const version = bytes[6] ?? 0
  if (version < 1 || version > 3 || bytes[7] !== 0) {
    throw damaged(name, `expected version 1.0, 2.0 or 3.0 of the format, got ${version}.${bytes[7] ?? 0}`)
  }
  const fixed = version === 1 ? 10 : 12
  if (bytes.length < fixed) throw damaged(name, 'the file ends within its header')
  const length = fixed + (version === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8))
  if (length > maxHeaderBytes)
    throw damaged(name, `expected a header of at most ${maxHeaderBytes} bytes, got ${length}`)
  return length
}

const dictionary =
  /^\{(?: ?'(?:descr|fortran_order|shape)': ?(?:'[^'\\]*'|True|False|\( ?(?:\d+L? ?, ?)*(?:\d+L? ?)?\)),?){3} ?\} ?$/
const entry = /'(descr|fortran_order|shape)': ?('[^'\\]*'|True|False|\([^)]*\))/g

/** Parses the first `npyHeaderLength` bytes of a file. */
export function parseNpyHeader(bytes: Uint8Array, name: string): NpyHeader {
  const length = npyHeaderLength(bytes, name)
  if (bytes.length < length) throw damaged(name, 'the file ends within its header')
  const from = bytes[6] === 1 ? 10 : 12
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, length - from)
    .toString('utf8')
    .replace(/\s+/g, ' ')
  const entries = new Map([...text.matchAll(entry)].map(([, key = '', value = '']) => [key, value]))
  if (!dictionary.test(text) || entries.size !== 3) {
    throw damaged(name, 'expected a header with descr (of plain numbers), fortran_order and shape alone')
  }
  const [, order = '', type = ''] = /^'([<>|=]?)([a-z]\d+)'$/.exec(entries.get('descr') as string) ?? []
  const dtype = letters.get(type)
  const fortran = entries.get('fortran_order') as string
  const dimensions = entries.get('shape') as string
  if (dtype === undefined) {
    throw damaged(name, `expected one of the types ${[...letters.keys()].join(', ')}, got ${entries.get('descr')}`)
  }
  if (!/^(?:True|False)$/.test(fortran)) throw damaged(name, `expected fortran_order True or False, got ${fortran}`)
  if (!dimensions.startsWith('(')) throw damaged(name, `expected a shape, got ${dimensions}`)
  const shape = (dimensions.match(/\d+/g) ?? []).map(Number)
  if (shape.length > 32 || !shape.every(Number.isSafeInteger) || !Number.isSafeInteger(elementCount(shape) * 8)) {
    throw damaged(name, `expected sizes that fit into memory, got ${dimensions.slice(0, 100)}`)
  }
  return { dtype, bigEndian: order === '>', fortranOrder: fortran === 'True', shape, length }
}

/** Size in bytes of the elements that a header declares. */
export function npyDataBytes({ shape, dtype }: NpyHeader): number {
  return elementCount(shape) * dtypes[dtype].bytes
}

/** Parses the bytes of a whole npy file; the array may be a view of them. */
export function parseNpy(bytes: Uint8Array<ArrayBuffer>, name: string): FileArray {
  const header = parseNpyHeader(bytes.subarray(0, maxHeaderBytes), name)
  const { dtype, shape, length } = header
  const declared = npyDataBytes(header)
  if (bytes.length - length !== declared) {
    const text = `expected ${declared} bytes of elements for shape ${formatShape(shape)}`
    throw damaged(name, `${text}, got ${bytes.length - length}`)
  }
  const data = decodeElements(bytes.subarray(length), header, name)
  return Object.freeze(shapedArray(data, Object.freeze(shape), { dtype }))
}

/** Converts the bytes of the elements of an npy file to a row-major array. */
export function decodeElements(bytes: Uint8Array<ArrayBuffer>, header: NpyHeader, name: string): NumericArray {
  const { dtype, bigEndian, fortranOrder, shape } = header
  const ordered = bigEndian ? swapped(bytes, dtypes[dtype].bytes) : bytes
  const elements = dtypes[dtype].decode(ordered, name)
  return fortranOrder && shape.length > 1 ? transposed(elements, shape) : elements
}

/** Reorders the elements of a column-major array of this shape to row-major order. */
function transposed(elements: NumericArray, shape: readonly number[]): NumericArray {
  const out = elements.slice()
  const index = shape.map(() => 0)
  const strides = shape.map((_, axis) => elementCount(shape.slice(0, axis)))
  let from = 0
  for (let to = 0; to < out.length; to++) {
    out[to] = elements[from] as number
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis] as number
      const stride = strides[axis] as number
      index[axis] = (index[axis] as number) + 1
      from += stride
      if ((index[axis] as number) < size) break
      index[axis] = 0
      from -= size * stride
    }
  }
  return out
}

/**
 * Reads an npy file of version 1 to 3: booleans, integers and floats of any size, in either byte order, row-major or column-major.
 * The array is row-major. Booleans become bytes 0 and 1, float16 becomes float32, and 64-bit integers become doubles. Pickled
 * objects are never loaded.
 *
 * @param source - Path of the file, or its bytes.
 * @throws NeurodeError `ERR_FILE_NOT_FOUND`; `ERR_FILE_FORMAT` for damaged files, other element types, and integers beyond ±2^53.
 *
 * @example
 * ```ts
 * import { array, encodeNpy, readNpy } from 'neurode'
 *
 * const bytes = encodeNpy(array([[1, 2], [3, 4]]))
 * const { data, shape, dtype } = await readNpy(bytes) // Float32Array [1, 2, 3, 4], [2, 2], 'float32'
 * ```
 */
export function readNpy(source: string | URL | Uint8Array): Promise<FileArray>
export async function readNpy(source: string | URL | Uint8Array, ...more: unknown[]): Promise<FileArray> {
  refuseMore(more, 1, 'readNpy')
  if (isUint8Array(source)) return parseNpy(owned(source), 'data')
  const path = toPath(source, 'source', 'a path or bytes')
  return parseNpy(await readBytes(path), path)
}

/** Copies the caller's bytes, so that later changes to them do not change arrays that view them. */
export function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}

/**
 * Writes an npy file atomically: after a failure the old file is unchanged. A scale or offset of the array is applied in float32.
 *
 * @throws NeurodeError `ERR_DTYPE` for values that an integer type cannot hold; `ERR_FILE_WRITE`.
 */
export function writeNpy(path: string | URL, value: ArrayInput, options?: WriteNpyOptions): Promise<void>
export async function writeNpy(
  path: string | URL,
  value: ArrayInput,
  options?: WriteNpyOptions,
  ...more: unknown[]
): Promise<void> {
  refuseMore(more, 3, 'writeNpy')
  await writeAtomically(toPath(path, 'path'), [encodeNpy(value, options)])
}

/** The bytes of an npy file; see {@link writeNpy}. */
export function encodeNpy(value: ArrayInput, given?: WriteNpyOptions): Uint8Array
export function encodeNpy(value: ArrayInput, given?: WriteNpyOptions, ...more: unknown[]): Uint8Array {
  refuseMore(more, 2, 'encodeNpy')
  const options = checkOptions(given, ['dtype', 'fortranOrder', 'version'], 'writeNpy')
  const { data, shape } = plainArray(value)
  const dtype = options.dtype === undefined ? dtypeOf(data) : lookUp(dtypeNames, options.dtype, 'dtype')
  const fortran = checkBoolean(options.fortranOrder ?? false, 'fortranOrder')
  const version = options.version ?? 1
  if (version !== 1 && version !== 2 && version !== 3) refuse('version', '1, 2 or 3', version)
  const letter = [...letters].find(([, type]) => type === dtype)?.[0]
  const descr = `${dtypes[dtype].bytes === 1 ? '|' : '<'}${letter}`
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${sizes}), }`
  const fixed = version === 1 ? 10 : 12
  const padding = 63 - ((fixed + text.length) % 64)
  const elements = fortran && shape.length > 1 ? transposed(data, shape.toReversed()) : data
  const body = dtypes[dtype].encode(elements, 'array')
  const head = Buffer.alloc(fixed + text.length + padding + 1)
  head.write('\x93NUMPY', 'latin1')
  head[6] = version
  if (version === 1) head.writeUInt16LE(head.length - fixed, 8)
  else head.writeUInt32LE(head.length - fixed, 8)
  head.write(`${text}${' '.repeat(padding)}\n`, fixed, 'latin1')
  return Buffer.concat([head, body])
}

/** The elements of an array with scale and offset applied, and its shape. */
export function plainArray(value: ArrayInput): { readonly data: NumericArray; readonly shape: readonly number[] } {
  if (!isNdArray(value)) return attached(array(value as never))
  const { data, shape, scale = 1, offset = 0 } = array(value.data, value.shape, optionsOf(value))
  const plain = attached({ data, shape })
  return scale === 1 && offset === 0 ? plain : { data: toFloats(data, scale, offset), shape }
}

/** Throws `ERR_DATA_DETACHED` for an array whose memory was transferred away, which has length 0 like an empty one. */
function attached<T extends { readonly data: NumericArray }>(array: T): T {
  try {
    if (array.data.length === 0) new Uint8Array(array.data.buffer)
  } catch (cause) {
    throw new NeurodeError('ERR_DATA_DETACHED', 'array: its memory was transferred away', { cause })
  }
  return array
}

function optionsOf({ scale, offset }: NdArray) {
  return { ...(scale === undefined ? {} : { scale }), ...(offset === undefined ? {} : { offset }) }
}
