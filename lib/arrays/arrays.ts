/** Arrays that users pass: which forms are accepted, and how they are converted to what the native code takes. */

import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkNumber, checkOptions, describe } from '../checks/validate.js'
import type { NativeHeadTargets, NativeInput, NativeTargets, NumericArray } from '../native/addon.js'
import { type NdArray, shapedArray } from './shapedArray.js'
import {
  bytesOrFloats,
  checkPresent,
  hintFor,
  isNdArray64,
  isNumericArray,
  isOurs,
  isTooLarge,
  putFloats,
  refuseTooLarge,
} from './typedArrays.js'

export type { NumericArray } from '../native/addon.js'
export type { NdArray, NestedNumbers } from './shapedArray.js'

/** Nested arrays of numbers; the innermost arrays may be typed arrays. `true` and `false` count as 1 and 0. */
export type NestedArray = readonly (number | boolean | NumericArray | NestedArray)[]

/** Everything accepted as `x` or `y`. A typed array or a flat `number[]` is split into rows of the expected shape. */
export type ArrayInput = NdArray | NumericArray | NestedArray

/** Options of {@link array}: its values are `element * scale + offset`. */
export interface ArrayOptions {
  /** Every element is multiplied by this finite number; default 1. */
  readonly scale?: number | undefined
  /** This finite number is added to every scaled element; default 0. */
  readonly offset?: number | undefined
}

const maxRank = 32
const maxElements = 2 ** 32
/**
 * Gives an array its shape. Typed arrays are kept as they are, without a copy; nested arrays become float32.
 *
 * @param data - The elements, row-major.
 * @param shape - Size of each dimension; their product must be the number of elements. Default: the shape of the
 * nested arrays, or `[data.length]` for a typed array.
 * @throws NeurodeError `ERR_SHAPE` when shape and elements disagree or nested rows differ in length, `ERR_DTYPE` for
 * anything that is not numbers, `ERR_ARGUMENT` for a scale, an offset or a nested number that float32 cannot hold,
 * `ERR_DATA_DETACHED` when the memory was transferred to another thread.
 *
 * @example
 * ```ts
 * import { array } from 'neurode'
 *
 * const images = array(new Uint8Array(2 * 784), [2, 784], { scale: 1 / 255 })
 * ```
 */
export function array<T extends NumericArray>(data: T, shape?: readonly number[], options?: ArrayOptions): NdArray<T>
export function array(data: NestedArray, shape?: readonly number[], options?: ArrayOptions): NdArray<Float32Array>
export function array(
  data: NumericArray | NestedArray,
  shape?: readonly number[],
  options?: ArrayOptions,
  ...more: unknown[]
): NdArray {
  refuseMore(more, 3, 'array')
  const { scale, offset } = checkOptions(options, ['scale', 'offset'], 'options')
  const source = typedOrNested(data, 'data')
  const elements = source.elements
  const dimensions = Object.freeze([...checkShape(shape ?? source.shape, 'shape')])
  const count = elementCount(dimensions)
  if (count !== elements.length) {
    const text = `${formatShape(dimensions)} of ${count} elements`
    throw new NeurodeError('ERR_SHAPE', `shape: expected the shape of ${elements.length} elements, got ${text}`)
  }
  const factors = {
    ...(scale === undefined ? {} : { scale: checkNumber(scale, 'scale') }),
    ...(offset === undefined ? {} : { offset: checkNumber(offset, 'offset') }),
  }
  return Object.freeze(shapedArray(elements, dimensions, factors))
}

/** Input rows as the native code takes them, and how many there are; `lent` says that the caller owns the memory. */
export type InputRows = NativeInput & { readonly rows: number; readonly lent: boolean }

/** {@link InputRows} whose elements TypeScript can read one by one. */
export type PlainInput = InputRows & { readonly data: Uint8Array | Float32Array }

/** Targets as the native code takes them, and how many rows there are; `lent` says that the caller owns the memory. */
export type GivenTargets = HeadTargets | (NativeHeadTargets & OfRows)

/** {@link GivenTargets} of one output. */
export type HeadTargets = NativeTargets & OfRows

interface OfRows {
  readonly rows: number
  readonly lent: boolean
  /** By output, the targets that custom losses and metrics get in place of those of native code; undefined where they get those. */
  readonly raw?: readonly (Float32Array | undefined)[] | undefined
}

/** {@link HeadTargets} whose rows are float32 values, with scale and offset already applied. */
export type TargetRows = (
  | { readonly kind: 'classes'; readonly data: Int32Array }
  | { readonly kind: 'rows'; readonly data: Float32Array }
) & { readonly weights?: Float32Array | undefined } & OfRows

/**
 * Reads `value` as rows of shape `rowShape`. Typed arrays are not copied, as the native code reads elements of any type. Throws
 * `ERR_SHAPE`, `ERR_DTYPE` or `ERR_DATA_DETACHED`; the message names `argumentName`.
 */
export function takeInput(value: unknown, rowShape: readonly number[], argumentName: string): InputRows {
  const source = read(value, argumentName)
  const rows = countRows(source, rowShape, argumentName)
  const { elements: data, scale, offset, lent } = source
  return { data, scale, offset, rows, lent }
}

/** Like {@link takeInput}, for TypeScript that reads the elements: bytes and float32 are kept, other types become float32. */
export function toInput(value: unknown, rowShape: readonly number[], argumentName: string): PlainInput {
  const input = takeInput(value, rowShape, argumentName)
  const data = bytesOrFloats(input.data, argumentName)
  return { ...input, data, lent: input.lent && data.buffer === input.data.buffer }
}

/** Rows `from` (inclusive) to `to` (exclusive) of what {@link takeInput} or `toTargets` returned, as views. */
export function sliceRows<T extends InputRows | GivenTargets>(value: T, from: number, to: number): T {
  const slice = <A extends NumericArray>(data: A) => {
    const size = data.length / value.rows
    return data.subarray(from * size, to * size) as A
  }
  const rows = { ...value, data: slice(value.data), rows: to - from }
  if (!('kind' in value)) return rows
  const { weights, raw } = value
  return { ...rows, weights: weights && slice(weights), raw: raw?.map((each) => each && slice(each)) }
}

/** The number of elements of an array of this shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** A shape as messages print it: `[2, 784]`. */
export function formatShape(shape: readonly (number | string)[]): string {
  return `[${shape.join(', ')}]`
}

/** Whether a value has a typed array `data` and an array `shape`. */
export function isNdArray(value: unknown): value is NdArray {
  if (typeof value !== 'object' || value === null) return false
  const { data, shape } = value as Partial<NdArray>
  return isNumericArray(data) && Array.isArray(shape)
}

/** The shape of one row, as far as it can be seen without reading all elements. */
export function rowShapeOf(x: unknown): readonly number[] {
  if (isNdArray(x)) return x.shape.slice(1)
  const shape: number[] = []
  for (let level: unknown = x; Array.isArray(level) || isNumericArray(level); level = level[0]) shape.push(level.length)
  return shape.slice(1)
}

/** An array as the user passed it, taken apart. */
export interface Source {
  readonly elements: NumericArray
  readonly shape: readonly number[]
  readonly scale: number
  readonly offset: number
  /** The array has no shape but its length, so it may be split into rows of any shape. */
  readonly flat: boolean
  /** The caller owns the memory of the elements. */
  readonly lent: boolean
}

/** Reads a typed array, nested arrays or `{ data, shape }`; throws `ERR_DTYPE`, `ERR_SHAPE` or `ERR_DATA_DETACHED`. */
export function read(value: unknown, argumentName: string): Source {
  if (!isNdArray(value)) {
    const { elements, shape } = typedOrNested(value, argumentName)
    return { elements, shape, scale: 1, offset: 0, flat: shape.length === 1, lent: isLent(elements, value) }
  }
  const { data } = value
  checkPresent(data, `${argumentName}.data`)
  const shape = checkShape(value.shape, `${argumentName}.shape`)
  const count = elementCount(shape)
  if (data.length !== count) {
    const text = `${argumentName}.data: expected ${count} elements for shape ${formatShape(shape)}, got ${data.length}`
    throw new NeurodeError('ERR_SHAPE', text)
  }
  const scale = checkNumber(value.scale ?? 1, `${argumentName}.scale`)
  const offset = checkNumber(value.offset ?? 0, `${argumentName}.offset`)
  return { elements: data, shape, scale, offset, flat: false, lent: isLent(data, data) }
}

/** Whether the caller owns the memory: true for typed arrays; nested arrays were converted to a new array. */
function isLent(elements: NumericArray, given: unknown): boolean {
  return elements === given && !isOurs(elements)
}

function typedOrNested(value: unknown, argumentName: string) {
  if (isNumericArray(value)) {
    checkPresent(value, argumentName)
    return { elements: value, shape: [value.length] }
  }
  if (!Array.isArray(value)) {
    const expected = 'a typed array, nested arrays of numbers, or { data, shape }'
    const got = isNdArray64(value) ? `data of ${describe(value.data)}` : describe(value)
    throw new NeurodeError('ERR_DTYPE', `${argumentName}: expected ${expected}, got ${got}${hintFor(value)}`)
  }
  const shape = nestedShape(value, argumentName)
  const elements = new Float32Array(elementCount(shape))
  fill(elements, 0, value, shape, 0, argumentName)
  return { elements, shape }
}

function nestedShape(value: readonly unknown[], argumentName: string): number[] {
  const shape: number[] = []
  let level: unknown = value
  while (Array.isArray(level) || isNumericArray(level)) {
    if (shape.length === maxRank) {
      throw new NeurodeError('ERR_SHAPE', `${argumentName}: expected at most ${maxRank} dimensions, got deeper nesting`)
    }
    shape.push(level.length)
    level = level[0]
  }
  if (elementCount(shape) > maxElements) {
    throw new NeurodeError(
      'ERR_SHAPE',
      `${argumentName}: expected at most 2^32 elements, got shape ${formatShape(shape)}`,
    )
  }
  return shape
}

/** Copies nested numbers to `out`, beginning at `at`, and returns the index after the last. Every level must have its size in `shape`. */
function fill(
  out: Float32Array,
  at: number,
  value: unknown,
  shape: readonly number[],
  depth: number,
  path: string,
): number {
  const size = shape[depth] as number
  const innermost = depth === shape.length - 1
  const typed = innermost && isNumericArray(value)
  if (!typed && !Array.isArray(value)) {
    throw new NeurodeError(
      'ERR_SHAPE',
      `${path}: expected ${size} elements as in the first row, got ${describe(value)}`,
    )
  }
  if (value.length !== size) {
    throw new NeurodeError('ERR_SHAPE', `${path}: expected ${size} elements as in the first row, got ${value.length}`)
  }
  if (typed) {
    checkPresent(value, path)
    putFloats(out, at, value, path)
    return at + size
  }
  if (innermost) {
    for (let i = 0; i < size; i++) {
      const element: unknown = value[i]
      if (typeof element !== 'number' && typeof element !== 'boolean') {
        const code = Array.isArray(element) || isNumericArray(element) ? 'ERR_SHAPE' : 'ERR_DTYPE'
        throw new NeurodeError(code, `${path}[${i}]: expected a number, got ${describe(element)}${hintFor(element)}`)
      }
      const number = Number(element)
      if (isTooLarge(number)) refuseTooLarge(`${path}[${i}]`, number)
      out[at + i] = number
    }
    return at + size
  }
  let end = at
  for (let i = 0; i < size; i++) end = fill(out, end, value[i], shape, depth + 1, `${path}[${i}]`)
  return end
}

/** The number of rows of shape `rowShape` in an array; `also` ends the message with other forms that are accepted. */
export function countRows(source: Source, rowShape: readonly number[], argumentName: string, also = ''): number {
  const { elements, shape, flat } = source
  const rowSize = elementCount(rowShape)
  const isRow = shape.length === rowShape.length + 1 && rowShape.every((size, i) => shape[i + 1] === size)
  if (isRow || (rowSize === 1 && shape.length === 1)) return checkRows(shape[0] as number, argumentName)
  if (flat && elements.length % rowSize === 0) return checkRows(elements.length / rowSize, argumentName)
  const expected = `shape ${formatShape(['n', ...rowShape])}${also}`
  const got = flat ? `${elements.length} elements, not a multiple of ${rowSize}` : `shape ${formatShape(shape)}`
  throw new NeurodeError(
    'ERR_SHAPE',
    `${argumentName}: expected ${expected}, got ${got}${reshapeHint(source, rowShape)}`,
  )
}

function reshapeHint({ shape, flat }: Source, rowShape: readonly number[]): string {
  const rowSize = elementCount(rowShape)
  if (flat || rowSize === 1) return ''
  if (shape.length > 1 && elementCount(shape.slice(1)) === rowSize) {
    const reshaped = `reshape it: array(data, ${formatShape([shape[0] as number, ...rowShape])})`
    if (rowShape.length > 1) return `; ${reshaped}`
    const flatten = `layers.flatten({ inputShape: ${formatShape(shape.slice(1))} })`
    return `; ${reshaped}, or let the model begin with ${flatten}`
  }
  const isOneRow = shape.length === rowShape.length && shape.every((size, i) => size === rowShape[i])
  return isOneRow ? `; a single row has the shape ${formatShape([1, ...shape])}` : ''
}

/** Throws `ERR_SHAPE` unless there is at least one row. */
export function checkRows(rows: number, argumentName: string): number {
  if (rows > 0) return rows
  throw new NeurodeError('ERR_SHAPE', `${argumentName}: expected at least one row, got none`)
}

function checkShape(shape: readonly number[], name: string): readonly number[] {
  const valid = Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0)
  if (valid && Number.isSafeInteger(elementCount(shape))) return shape
  const got = Array.isArray(shape) ? formatShape(shape) : describe(shape)
  throw new NeurodeError('ERR_SHAPE', `${name}: expected sizes, integers of at least 0, got ${got}`)
}
