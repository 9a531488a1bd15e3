/** Tensors whose values are known when the model is read. */

import type { NumericArray } from '../../arrays/arrays.js'
import { problem } from './problem.js'

/** Element types as ONNX numbers them in TensorProto.DataType. */
export const elementTypes = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
} as const satisfies Readonly<Record<number, string>>

export type ElementType = (typeof elementTypes)[keyof typeof elementTypes]

export function elementTypeOf(number: number): ElementType | undefined {
  return Object.hasOwn(elementTypes, number) ? elementTypes[number as keyof typeof elementTypes] : undefined
}

export const isFloating = (type: ElementType) => type.includes('float')
export const isInteger = (type: ElementType) => type.includes('int')

/** A constant. In integers, NaN stands for the number of rows of a batch, which is not known. */
export interface Constant {
  readonly constant: true
  readonly id: number
  readonly type: ElementType
  readonly shape: readonly number[]
  readonly data: NumericArray
  /** The name of the initializer that it is. */
  readonly name?: string | undefined
}

let last = 0

export function constant(type: ElementType, shape: readonly number[], data: NumericArray, name?: string): Constant {
  return { constant: true, id: ++last, type, shape, data, name }
}

/** The largest number of dimensions. */
const mostDimensions = 16

/** The number of elements of a shape. Throws for sizes that are no shape or beyond what memory can hold. */
export function countOf(shape: readonly number[]): number {
  if (shape.length > mostDimensions) problem(`expected at most ${mostDimensions} dimensions, got ${shape.length}`)
  const count = shape.reduce((product, size) => {
    if (!Number.isSafeInteger(size) || size < 0) problem(`expected sizes of a shape, got ${size}`)
    return product * size
  }, 1)
  return Number.isSafeInteger(count) ? count : problem('a tensor has too many elements')
}

/** An array for elements of a type: what arithmetic on it gives is rounded as ONNX rounds it. */
export function arrayOf(type: ElementType, length: number): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> {
  return isFloating(type) && type !== 'float64' ? new Float32Array(length) : new Float64Array(length)
}

/** The integers of a constant of at most one dimension, such as a shape or a list of axes; NaN is the size of the batch. */
export function integersOf(value: Constant, what: string): number[] {
  if (!isInteger(value.type) || value.shape.length > 1) problem(`expected integers as ${what}`)
  if (value.data.length > 2 ** 20) problem(`expected fewer than ${value.data.length} integers as ${what}`)
  return Array.from(value.data)
}

/** Like {@link integersOf}, where the size of the batch has no meaning. */
export function knownIntegers(value: Constant, what: string): number[] {
  const integers = integersOf(value, what)
  return integers.every((number) => !Number.isNaN(number)) ? integers : problem(`${what} depends on the number of rows`)
}

/** The number of a constant of one element. */
export function scalarOf(value: Constant, what: string): number {
  return value.data.length === 1
    ? Number(value.data[0])
    : problem(`expected a number as ${what}, got ${value.data.length}`)
}

/** The index of an axis that may be counted from the end. */
export function axisOf(axis: number, rank: number, what = 'axis'): number {
  const place = axis < 0 ? axis + rank : axis
  if (Number.isSafeInteger(axis) && place >= 0 && place < rank) return place
  return problem(`expected an ${what} from ${-rank} to ${rank - 1}, got ${axis}`)
}

/** The shape of what is computed of two shapes element by element, where sizes of 1 are repeated. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1]
    if (x === y || y === 1) return x
    return x === 1 ? y : problem(`shapes [${a}] and [${b}] do not go together`)
  })
}

/** For every element of `target`, the place of the element of `shape` that is repeated there. */
export function broadcastPlaces(shape: readonly number[], target: readonly number[]): Int32Array | undefined {
  const count = countOf(target)
  if (countOf(shape) === count) return undefined
  const places = new Int32Array(count)
  const offset = target.length - shape.length
  const strides = stridesOf(shape)
  const index = target.map(() => 0)
  for (let i = 0, place = 0; i < count; i++) {
    places[i] = place
    for (let axis = target.length - 1; axis >= 0; axis--) {
      const own = axis - offset
      const stride = own >= 0 && shape[own] !== 1 ? (strides[own] as number) : 0
      index[axis] = (index[axis] as number) + 1
      place += stride
      if ((index[axis] as number) < (target[axis] as number)) break
      place -= stride * (target[axis] as number)
      index[axis] = 0
    }
  }
  return places
}

export function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1)
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] as number) * (shape[i + 1] as number)
  return strides
}
