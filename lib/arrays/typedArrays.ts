/** Typed arrays of any realm: which are read, and whose memory they lie in. */

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

/** `Uint8Array`, of any realm and for subclasses as well. */
export function typeName(view: ArrayBufferView): string {
  return (view as unknown as { readonly [Symbol.toStringTag]: string })[Symbol.toStringTag]
}

/** A typed array Neurode reads, of any realm. */
export function isNumericArray(value: unknown): value is NumericArray {
  return ArrayBuffer.isView(value) && typedArrays.has(typeName(value))
}

/** Refuses all but a Float32Array whose memory is there. */
export function checkFloats(value: unknown, argumentName: string): asserts value is Float32Array {
  if (!isFloat32Array(value)) {
    const got = `got ${describe(value)}${hintFor(value)}`
    throw new NeurodeError('ERR_DTYPE', `${argumentName}: expected a Float32Array, ${got}`)
  }
  checkPresent(value, argumentName)
}

/** Refuses an array whose memory was transferred away, or shrunk so that the array does not fit into it any more. */
export function checkPresent(elements: NumericArray, argumentName: string): void {
  if (elements.length > 0) return
  try {
    // The methods of typed arrays throw for such arrays, which seem to be empty otherwise.
    Uint8Array.prototype.indexOf.call(elements, 0)
  } catch {
    throw new NeurodeError('ERR_DATA_DETACHED', `${argumentName}: its memory was transferred away or shrunk`)
  }
}

/** Copies results to a caller's array, which may have lost its memory while they were computed. */
export function copyResults(results: Float32Array, out: Float32Array, at = 0): void {
  checkPresent(out, 'out')
  out.set(results, at)
}

/** Whether threads share its memory, which stays as long as anybody has it. */
export function isShared({ buffer }: NumericArray): boolean {
  return isSharedArrayBuffer(buffer)
}

/** Not `slice`: a Buffer's shares its memory. */
export function copyOf<T extends NumericArray>(elements: T): T {
  const copy = emptyLike(elements, elements.length)
  copy.set(elements)
  return copy
}

/** A typed array of the same type. */
export function emptyLike<T extends NumericArray>(elements: T, length: number): T {
  const type = typedArrays.get(typeName(elements)) as new (length: number) => NumericArray
  return new type(length) as T
}

/** Bytes and float32 as they are, all else as float32. */
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
 * Float32 of `element * scale + offset`, rounded once; float32 that is neither scaled nor offset stays as it is. `ERR_ARGUMENT`
 * for numbers that float32 does not hold.
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

/** Puts elements into `out` from `at` on; `ERR_ARGUMENT` for numbers that float32 does not hold. */
export function putFloats(out: Uint8Array | Float32Array, at: number, from: NumericArray, argumentName: string): void {
  out.set(typeName(from) === 'Float64Array' ? toFloats(from, 1, 0, argumentName) : from, at)
}

/** What rounds to an infinite float32, from here on. */
const leastTooLarge = 2 ** 128 - 2 ** 103

/** A finite number beyond float32. */
export function isTooLarge(value: number): boolean {
  return (value >= leastTooLarge || value <= -leastTooLarge) && Number.isFinite(value)
}

export function refuseTooLarge(argument: string, value: number): never {
  return refuse(argument, `${expectedFloat}: scale the data`, value)
}

/** How 64-bit integers become what is read. */
export function hintFor(value: unknown): string {
  if (typeof value === 'bigint') return '; convert it: Number(value)'
  if (isNdArray64(value)) return '; convert it: Float64Array.from(data, Number)'
  return isBigIntArray(value) ? '; convert it: Float64Array.from(array, Number)' : ''
}

/** Has `data` of 64-bit integers. */
export function isNdArray64(value: unknown): value is { readonly data: unknown } {
  return typeof value === 'object' && value !== null && 'data' in value && isBigIntArray(value.data)
}

function isBigIntArray(value: unknown): boolean {
  return ArrayBuffer.isView(value) && /^Big(?:Int|Uint)64Array$/.test(typeName(value))
}

/** Memory that was made here and that nobody else has, of arrays that are read again. */
const ownMemory = new WeakSet<ArrayBufferLike>()

/** Says that an array was made here, that nobody else has it, and that it stays as it is: it is never copied. */
export function ours<T extends NumericArray>(elements: T): T {
  ownMemory.add(elements.buffer)
  return elements
}

/** Whether {@link ours} was said of it. */
export function isOurs({ buffer }: NumericArray): boolean {
  return ownMemory.has(buffer)
}
