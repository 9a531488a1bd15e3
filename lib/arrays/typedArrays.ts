/** Typed arrays of any realm: which types are read, and who owns their memory. */

import { isFloat32Array, isSharedArrayBuffer } from 'node:util/types'
import { NeurodeError } from '../base/errors.js'
import { describe, expectedFloat, refuse } from '../checks/validate.js'
import type { NumericArray } from '../native/addon.js'

const typedArrays: ReadonlyMap<string, new (length: number) => NumericArray> = new Map(
  [
    Uint8Array,
    Uint8ClampedArray,
    Int8Array,
    Uint16Array,
    Int16Array,
    Uint32Array,
    Int32Array,
    Float32Array,
    Float64Array,
  ].map((type) => [type.name, type]),
)

/** Floats that are not 0 in the beginning: their maker sets all of them. */
export function newFloats(count: number): Float32Array {
  return new Float32Array(Buffer.allocUnsafeSlow(count * Float32Array.BYTES_PER_ELEMENT).buffer)
}

/** The name of a typed array's type, such as `Uint8Array`; it is right for other realms and for subclasses. */
export function typeName(view: ArrayBufferView): string {
  return (view as unknown as { readonly [Symbol.toStringTag]: string })[Symbol.toStringTag]
}

/** Whether a value is a typed array of a type that Neurode reads, of any realm. */
export function isNumericArray(value: unknown): value is NumericArray {
  return ArrayBuffer.isView(value) && typedArrays.has(typeName(value))
}

/** Throws `ERR_DTYPE` for anything but a Float32Array, `ERR_DATA_DETACHED` for one whose memory was transferred away. */
export function checkFloats(value: unknown, argumentName: string): asserts value is Float32Array {
  if (!isFloat32Array(value)) {
    const got = `got ${describe(value)}${hintFor(value)}`
    throw new NeurodeError('ERR_DTYPE', `${argumentName}: expected a Float32Array, ${got}`)
  }
  checkPresent(value, argumentName)
}

/**
 * Throws `ERR_DATA_DETACHED` if an array's memory was transferred away, or shrunk so that the array no longer fits into it, or if the
 * array follows the length of its memory, and no longer has the length that it must have.
 */
export function checkPresent(elements: NumericArray, argumentName: string, length = elements.length): void {
  if (elements.length === length && (length > 0 || !isGone(elements))) return
  const how = elements.length > length ? 'resized' : 'shrunk'
  throw new NeurodeError('ERR_DATA_DETACHED', `${argumentName}: its memory was transferred away or ${how}`)
}

/** Whether an array of length 0 is one whose memory is gone: its methods throw. */
function isGone(elements: NumericArray): boolean {
  try {
    Uint8Array.prototype.indexOf.call(elements, 0)
    return false
  } catch {
    return true
  }
}

/** Copies results to a caller's array, which may have lost its memory while they were computed. */
export function copyResults(results: Float32Array, out: Float32Array, at = 0): void {
  checkPresent(out, 'out', Math.max(out.length, at + results.length))
  out.set(results, at)
}

/** Whether the array lies in a SharedArrayBuffer, which cannot be transferred away. */
export function isShared({ buffer }: NumericArray): boolean {
  return isSharedArrayBuffer(buffer)
}

/** A copy in new memory. `slice` would not do: a Buffer's `slice` shares the memory. */
export function copyOf<T extends NumericArray>(elements: T): T {
  const copy = emptyLike(elements, elements.length)
  copy.set(elements)
  return copy
}

/** A typed array of the same type, filled with zeros. */
export function emptyLike<T extends NumericArray>(elements: T, length: number): T {
  const type = typedArrays.get(typeName(elements)) as new (length: number) => NumericArray
  return new type(length) as T
}

/** Bytes and float32 are returned as they are, other types as a float32 copy. */
export function bytesOrFloats(elements: NumericArray, argumentName: string): Uint8Array | Float32Array {
  switch (typeName(elements)) {
    case 'Uint8Array':
    case 'Float32Array':
      return elements as Uint8Array | Float32Array
    case 'Uint8ClampedArray':
      return new Uint8Array(elements.buffer, elements.byteOffset, elements.length)
    default:
      return toFloats(elements, 1, 0, argumentName)
  }
}

/**
 * `element * scale + offset` in float32, rounded once; a float32 array without scale and offset is returned as it is. Throws
 * `ERR_ARGUMENT` for numbers that float32 cannot hold.
 */
export function toFloats(elements: NumericArray, scale = 1, offset = 0, argumentName = 'data'): Float32Array {
  const type = typeName(elements)
  const isPlain = scale === 1 && offset === 0
  if (isPlain && type === 'Float32Array') return elements as Float32Array
  if (isPlain && type !== 'Float64Array') return new Float32Array(elements)
  const values = new Float32Array(elements.length)
  for (let i = 0; i < values.length; i++) {
    const value = (elements[i] as number) * scale + offset
    values[i] = value
    if (isTooLarge(value)) refuseTooLarge(`${argumentName}[${i}]`, value)
  }
  return values
}

/** Copies elements to `out`, beginning at `at`. Throws `ERR_ARGUMENT` for numbers that float32 cannot hold. */
export function putFloats(out: Uint8Array | Float32Array, at: number, from: NumericArray, argumentName: string): void {
  out.set(typeName(from) === 'Float64Array' ? toFloats(from, 1, 0, argumentName) : from, at)
}

/** The least number that rounds to infinity in float32. */
const leastTooLarge = 2 ** 128 - 2 ** 103

/** Whether a number is finite and would become infinite in float32. */
export function isTooLarge(value: number): boolean {
  return (value >= leastTooLarge || value <= -leastTooLarge) && Number.isFinite(value)
}

export function refuseTooLarge(argument: string, value: number): never {
  return refuse(argument, `${expectedFloat}: scale the data`, value)
}

/** Advice on how to convert 64-bit integers, which are not read; empty for other values. */
export function hintFor(value: unknown): string {
  if (typeof value === 'bigint') return '; convert it: Number(value)'
  if (isNdArray64(value)) return '; convert it: Float64Array.from(data, Number)'
  return isBigIntArray(value) ? '; convert it: Float64Array.from(array, Number)' : ''
}

/** Whether a value has a `data` of 64-bit integers. */
export function isNdArray64(value: unknown): value is { readonly data: unknown } {
  return typeof value === 'object' && value !== null && 'data' in value && isBigIntArray(value.data)
}

function isBigIntArray(value: unknown): boolean {
  return ArrayBuffer.isView(value) && /^Big(?:Int|Uint)64Array$/.test(typeName(value))
}

/** Buffers that Neurode allocated itself and passed to nobody. */
const ownMemory = new WeakSet<ArrayBufferLike>()

/** Marks an array as allocated by Neurode, passed to nobody and never changed, so that it need not be copied. */
export function ours<T extends NumericArray>(elements: T): T {
  ownMemory.add(elements.buffer)
  return elements
}

/** Whether {@link ours} marked the array's memory. */
export function isOurs({ buffer }: NumericArray): boolean {
  return ownMemory.has(buffer)
}
