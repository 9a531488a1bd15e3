/** Arithmetic on constants. */

import { dtypes } from '../../formats/dtypes.js'
import {
  arrayOf,
  broadcastPlaces,
  broadcastShape,
  type Constant,
  constant,
  countOf,
  type ElementType,
  isFloating,
  isInteger,
  stridesOf,
} from './constants.js'
import { problem } from './problem.js'

/** The most numbers that are made of constants and are not in the file. */
const mostNumbers = 2 ** 22

/** The number of elements of a new constant. Throws if it would be a large part of memory. */
export function newCount(shape: readonly number[], given = 0): number {
  const count = countOf(shape)
  return count <= Math.max(mostNumbers, given) ? count : problem(`a constant of shape [${shape}] would be too large`)
}

type Binary = (a: number, b: number) => number

const binaries: Readonly<Record<string, Binary>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Pow: (a, b) => a ** b,
  Min: (a, b) => Math.min(a, b),
  Max: (a, b) => Math.max(a, b),
}

/** A function of two constants, element by element; undefined where `name` is none of those that are folded. */
export function foldBinary(name: string, a: Constant, b: Constant): Constant {
  const compute = binaries[name]
  if (compute === undefined || a.type === 'bool' || a.type === 'string') return problem('it is not read for constants')
  if (a.type !== b.type) return problem(`its operands are of different types, ${a.type} and ${b.type}`)
  const shape = broadcastShape(a.shape, b.shape)
  const count = newCount(shape, Math.max(a.data.length, b.data.length))
  const [x, y] = [broadcastPlaces(a.shape, shape), broadcastPlaces(b.shape, shape)]
  const data = arrayOf(a.type, count)
  const whole = isInteger(a.type)
  for (let i = 0; i < count; i++) {
    const value = compute(
      a.data[x === undefined ? i : (x[i] as number)] as number,
      b.data[y === undefined ? i : (y[i] as number)] as number,
    )
    data[i] = whole ? wholeNumber(value) : value
  }
  return rounded(a.type, shape, data)
}

/** An integer result: the quotient without its rest; what 53 bits do not hold is refused, and so is the size of the batch. */
function wholeNumber(value: number): number {
  const whole = Math.trunc(value)
  return Number.isSafeInteger(whole) ? whole : problem('it computes integers of unknown or too large numbers')
}

/** Integers modulo others: with the sign of the divisor, or with `fmod` of the dividend. */
export function foldModulo(a: Constant, b: Constant, fmod: boolean): Constant {
  if (!isInteger(a.type) || a.type !== b.type) return problem('it is read for integers alone')
  const shape = broadcastShape(a.shape, b.shape)
  const data = arrayOf(a.type, newCount(shape))
  const [x, y] = [broadcastPlaces(a.shape, shape), broadcastPlaces(b.shape, shape)]
  for (let i = 0; i < data.length; i++) {
    const [dividend, divisor] = [a.data[x?.[i] ?? i] as number, b.data[y?.[i] ?? i] as number]
    const rest = dividend % divisor
    data[i] = wholeNumber(!fmod && rest !== 0 && rest < 0 !== divisor < 0 ? rest + divisor : rest)
  }
  return constant(a.type, shape, data)
}

const unaries: Readonly<Record<string, (x: number) => number>> = {
  Neg: (x) => -x,
  Abs: Math.abs,
  Sqrt: Math.sqrt,
  Reciprocal: (x) => 1 / x,
  Exp: Math.exp,
  Log: Math.log,
}

/** A function of a constant, element by element. */
export function foldUnary(name: string, x: Constant): Constant {
  const compute = unaries[name]
  if (compute === undefined || !isFloating(x.type)) return problem('it is not read for constants')
  const data = arrayOf(x.type, x.data.length)
  for (let i = 0; i < data.length; i++) data[i] = compute(x.data[i] as number)
  return rounded(x.type, x.shape, data)
}

/** A constant of another type. */
export function foldCast(x: Constant, type: ElementType): Constant {
  if (x.type === type) return x
  if (x.type === 'string' || type === 'string') return problem('texts are not converted')
  const data = arrayOf(type, x.data.length)
  const convert = type === 'bool' ? (value: number) => Number(value !== 0) : isInteger(type) ? Math.trunc : Number
  for (let i = 0; i < data.length; i++) data[i] = convert(x.data[i] as number)
  if (isInteger(type)) checkRange(type, data, isInteger(x.type))
  return rounded(type, x.shape, data)
}

function checkRange(type: ElementType, data: Float64Array | Float32Array, mayBeUnknown: boolean): void {
  const bits = Number(/\d+/.exec(type)?.[0])
  const [low, high] = type.startsWith('u') ? [0, 2 ** bits] : [-(2 ** (bits - 1)), 2 ** (bits - 1)]
  for (const value of data) {
    if ((value >= low && value <= high) || (mayBeUnknown && Number.isNaN(value))) continue
    problem(`${type} cannot hold ${value}`)
  }
}

/** A constant whose elements are rounded to its type. */
export function rounded(type: ElementType, shape: readonly number[], data: Float32Array | Float64Array): Constant {
  if (type !== 'float16' && type !== 'bfloat16') return constant(type, shape, data)
  const { encode, decode } = dtypes[type]
  return constant(type, shape, decode(new Uint8Array(encode(data, 'constant')), 'constant'))
}

/** A constant with its axes in another order. */
export function foldTranspose(x: Constant, order: readonly number[]): Constant {
  const shape = order.map((axis) => x.shape[axis] as number)
  const strides = stridesOf(x.shape)
  return gathered(
    x,
    shape,
    order.map((axis) => strides[axis] as number),
    0,
  )
}

/** The elements of a constant at `start` and steps along each axis of a new shape. */
export function gathered(x: Constant, shape: readonly number[], steps: readonly number[], start: number): Constant {
  const count = newCount(shape, x.data.length)
  const data = arrayOf(x.type, count)
  const index = shape.map(() => 0)
  for (let i = 0, place = start; i < count; i++) {
    data[i] = x.data[place] as number
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1
      place += steps[axis] as number
      if ((index[axis] as number) < (shape[axis] as number)) break
      place -= (steps[axis] as number) * (shape[axis] as number)
      index[axis] = 0
    }
  }
  return constant(x.type, shape, data)
}

/** A constant repeated along axes of size 1, and along new ones. */
export function foldExpand(x: Constant, target: readonly number[]): Constant {
  const shape = broadcastShape(x.shape, target)
  const count = newCount(shape, x.data.length)
  const places = broadcastPlaces(x.shape, shape)
  if (places === undefined) return constant(x.type, shape, x.data)
  const data = arrayOf(x.type, count)
  for (let i = 0; i < count; i++) data[i] = x.data[places[i] as number] as number
  return constant(x.type, shape, data)
}

/** Constants joined along an axis. */
export function foldConcat(parts: readonly Constant[], axis: number): Constant {
  const [first] = parts as [Constant]
  const rest = (shape: readonly number[]) => shape.with(axis, 0).join()
  const fits = parts.every(
    ({ type, shape }) =>
      type === first.type && shape.length === first.shape.length && rest(shape) === rest(first.shape),
  )
  if (!fits) return problem('constants that are joined do not go together')
  const shape = first.shape.with(
    axis,
    parts.reduce((sum, part) => sum + (part.shape[axis] as number), 0),
  )
  const data = arrayOf(first.type, newCount(shape, Math.max(...parts.map((part) => part.data.length))))
  const inner = countOf(shape.slice(axis + 1))
  const outer = countOf(shape.slice(0, axis))
  let at = 0
  for (let row = 0; row < outer; row++) {
    for (const part of parts) {
      const width = inner * (part.shape[axis] as number)
      for (let i = 0; i < width; i++) data[at++] = part.data[row * width + i] as number
    }
  }
  return constant(first.type, shape, data)
}

/** Elements of a constant by their indices along an axis. */
export function foldTake(x: Constant, axis: number, indices: readonly number[]): Constant {
  const size = x.shape[axis] as number
  const shape = x.shape.with(axis, indices.length)
  const inner = countOf(x.shape.slice(axis + 1))
  const outer = countOf(x.shape.slice(0, axis))
  const data = arrayOf(x.type, newCount(shape, x.data.length))
  let at = 0
  for (let row = 0; row < outer; row++) {
    for (const index of indices) {
      for (let i = 0; i < inner; i++) data[at++] = x.data[(row * size + index) * inner + i] as number
    }
  }
  return constant(x.type, shape, data)
}
