/** Element types of files, and their conversion between bytes and typed arrays. */

import { endianness } from 'node:os'
import type { NumericArray } from '../arrays/arrays.js'
import { typeName } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'

/** Element types that files can hold. */
export type DType =
  | 'bool'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'uint64'
  | 'int64'
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64'

interface DTypeRow {
  readonly bytes: number
  /** Converts little-endian bytes to numbers; the result may be a view of the bytes. */
  readonly decode: (bytes: Uint8Array<ArrayBuffer>, argument: string) => NumericArray
  /** Converts numbers to little-endian bytes; the result may be a view of the numbers. */
  readonly encode: (values: NumericArray, argument: string) => Uint8Array
}

type ArrayClass<T extends NumericArray> = {
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBuffer, byteOffset: number, length: number): T
  new (values: ArrayLike<number>): T
}

const isLittle = endianness() === 'LE'

/** A copy with the byte order of each element reversed; `width` is the size of an element in bytes. */
export function swapped(bytes: Uint8Array, width: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes)
  const view = Buffer.from(copy.buffer)
  if (width === 2) view.swap16()
  if (width === 4) view.swap32()
  if (width === 8) view.swap64()
  return copy
}

/** A type whose elements JavaScript has a typed array for. */
function plain<T extends NumericArray>(type: ArrayClass<T>): DTypeRow {
  const width = type.BYTES_PER_ELEMENT
  return {
    bytes: width,
    decode: (bytes) => {
      const ordered = isLittle ? bytes : swapped(bytes, width)
      const aligned = ordered.byteOffset % width === 0 ? ordered : new Uint8Array(ordered)
      return new type(aligned.buffer, aligned.byteOffset, aligned.length / width)
    },
    encode: (values, argument) => {
      const converted = typeName(values) === type.name ? values : new type(values)
      if (width < 4 || !String(type.name).startsWith('Float')) checkSame(values, converted as NumericArray, argument)
      // An array whose memory was transferred away has no elements, and no memory to make a view of.
      if (converted.length === 0) return new Uint8Array()
      const bytes = new Uint8Array(converted.buffer, converted.byteOffset, converted.byteLength)
      return isLittle ? bytes : swapped(bytes, width)
    },
  }
}

function checkSame(values: NumericArray, converted: NumericArray, argument: string): void {
  for (let i = 0; i < values.length; i++) {
    if (values[i] === converted[i]) continue
    throw new NeurodeError('ERR_DTYPE', `${argument}: the type cannot hold ${values[i]}`)
  }
}

/** 64-bit integers, converted to doubles: exact up to 2^53; larger ones are an error. */
function wideIntegers(type: typeof BigInt64Array | typeof BigUint64Array): DTypeRow {
  return {
    bytes: 8,
    decode: (bytes, argument) => {
      const ordered = isLittle ? bytes : swapped(bytes, 8)
      const aligned = ordered.byteOffset % 8 === 0 ? ordered : new Uint8Array(ordered)
      const integers = new type(aligned.buffer, aligned.byteOffset, aligned.length / 8)
      const low = new Uint32Array(integers.buffer, integers.byteOffset, 2 * integers.length)
      const high = type === BigInt64Array ? new Int32Array(low.buffer, low.byteOffset, low.length) : low
      const [lowAt, highAt] = isLittle ? [0, 1] : [1, 0]
      const values = new Float64Array(integers.length)
      for (let i = 0; i < values.length; i++) {
        // Beyond 2^53 the sum is rounded, but never to a number below 2^53, so that the check is exact.
        const value = (high[2 * i + highAt] as number) * 2 ** 32 + (low[2 * i + lowAt] as number)
        if (!Number.isSafeInteger(value)) {
          throw new NeurodeError('ERR_FILE_FORMAT', `${argument}: expected integers up to 2^53, got ${integers[i]}`)
        }
        values[i] = value
      }
      return values
    },
    encode: (values, argument) => {
      const integers = new type(values.length)
      for (let i = 0; i < values.length; i++) {
        const value = values[i] as number
        if (!Number.isSafeInteger(value) || (value < 0 && type === BigUint64Array)) {
          throw new NeurodeError('ERR_DTYPE', `${argument}: the type cannot hold ${value}`)
        }
        integers[i] = BigInt(value)
      }
      const bytes = new Uint8Array(integers.buffer)
      return isLittle ? bytes : swapped(bytes, 8)
    },
  }
}

/** 16-bit floating-point numbers, converted to float32. */
function halves(widen: (half: number) => number, narrow: (value: number) => number): DTypeRow {
  const words = plain(Uint16Array)
  let widened: Float32Array | undefined
  return {
    bytes: 2,
    decode: (bytes, argument) => {
      const halves = words.decode(bytes, argument)
      widened ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => widen(half))
      const values = new Float32Array(halves.length)
      for (let i = 0; i < values.length; i++) values[i] = widened[halves[i] as number] as number
      return values
    },
    encode: (values, argument) => {
      const halves = new Uint16Array(values.length)
      for (let i = 0; i < halves.length; i++) halves[i] = narrow(values[i] as number)
      return words.encode(halves, argument)
    },
  }
}

const floatBits = new Float32Array(1)
const wordBits = new Uint32Array(floatBits.buffer)

function bitsOf(value: number): number {
  floatBits[0] = value
  return wordBits[0] as number
}

function fromBits(bits: number): number {
  wordBits[0] = bits
  return floatBits[0] as number
}

export function float16ToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 31
  const fraction = half & 1023
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** The float16 bits of a number, rounded to the nearest, ties to even. */
export function numberToFloat16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  if (Number.isNaN(value)) return 0x7e00
  if (size >= 65520) return sign | 0x7c00
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.max(size, 2 ** -24))))
  // Math.log2 may have been rounded up to the next whole number.
  const place = size < 2 ** exponent && exponent > -14 ? exponent - 1 : exponent
  const steps = roundToEven(size / 2 ** (place - 10))
  return sign | (place === -14 ? steps : ((place + 14) << 10) + steps)
}

function roundToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

/** The bfloat16 bits of a number, rounded to the nearest, ties to even. */
export function numberToBfloat16(value: number): number {
  const bits = bitsOf(value)
  if (Number.isNaN(value)) return ((bits >>> 16) | 0x40) & 0xffff
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

const bytes = plain(Uint8Array)

function firstNoBoolean(values: NumericArray): number | undefined {
  for (let i = 0; i < values.length; i++) if (values[i] !== 0 && values[i] !== 1) return values[i]
  return undefined
}

/** Every element type that can be read and written. */
export const dtypes: Readonly<Record<DType, DTypeRow>> = {
  bool: {
    bytes: 1,
    decode: (raw, argument) => {
      const wrong = firstNoBoolean(raw)
      if (wrong === undefined) return bytes.decode(raw, argument)
      throw new NeurodeError('ERR_FILE_FORMAT', `${argument}: expected booleans, 0 or 1, got ${wrong}`)
    },
    encode: (values, argument) => {
      const wrong = firstNoBoolean(values)
      if (wrong === undefined) return bytes.encode(values, argument)
      throw new NeurodeError('ERR_DTYPE', `${argument}: expected booleans, 0 or 1, got ${wrong}`)
    },
  },
  uint8: bytes,
  int8: plain(Int8Array),
  uint16: plain(Uint16Array),
  int16: plain(Int16Array),
  uint32: plain(Uint32Array),
  int32: plain(Int32Array),
  uint64: wideIntegers(BigUint64Array),
  int64: wideIntegers(BigInt64Array),
  float16: halves(float16ToNumber, numberToFloat16),
  bfloat16: halves((half) => fromBits(half << 16), numberToBfloat16),
  float32: plain(Float32Array),
  float64: plain(Float64Array),
}

/** The element type of a typed array. */
export function dtypeOf(values: NumericArray): DType {
  const name = (values as unknown as { readonly [Symbol.toStringTag]: string })[Symbol.toStringTag]
  return name === 'Uint8ClampedArray' ? 'uint8' : (name.replace('Array', '').toLowerCase() as DType)
}
