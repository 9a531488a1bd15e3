/** Converts arrays that users pass to the numbers that pictures need. */

import { type ArrayInput, array, formatShape, isNdArray, type NdArray, type NestedArray } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuse } from '../checks/validate.js'

/** Values, with scale and offset applied, and their shape. */
export interface Numbers {
  readonly values: Float64Array
  readonly shape: readonly number[]
}

export function toNumbers(value: ArrayInput, argument: string): Numbers {
  const { data, shape, scale = 1, offset = 0 } = toNdArray(value, argument)
  const values = new Float64Array(data.length)
  for (let i = 0; i < values.length; i++) values[i] = (data[i] as number) * scale + offset
  return { values, shape }
}

function toNdArray(value: ArrayInput, argument: string): NdArray {
  if (isNdArray(value)) return array(value.data, value.shape, pick(value))
  if (ArrayBuffer.isView(value)) return array(value, [value.length])
  if (Array.isArray(value)) return array(value as NestedArray)
  return refuse(argument, 'numbers: an array, a typed array or an object with data and shape', value)
}

function pick({ scale = 1, offset = 0 }: NdArray) {
  return { scale, offset }
}

/** Reads one number for each point. Throws `ERR_SHAPE` for other shapes. */
export function toSeries(value: ArrayInput, argument: string): Float64Array {
  const { values, shape } = toNumbers(value, argument)
  if (shape.filter((size) => size !== 1).length <= 1) return values
  throw new NeurodeError(
    'ERR_SHAPE',
    `${argument}: expected one number for each point, got shape ${formatShape(shape)}`,
  )
}

/** Reads class indices, or takes the index of the largest value of each row; for a single output, 1 if it is above ½, else 0. */
export function toClassIndices(value: ArrayInput, argument: string): Int32Array {
  const { values, shape } = toNumbers(value, argument)
  const [rows = 0, classes = 1] = shape
  if (shape.length > 2) {
    throw new NeurodeError(
      'ERR_SHAPE',
      `${argument}: expected classes of shape [n] or rows of [n, classes], got shape ${formatShape(shape)}`,
    )
  }
  if (shape.length === 2 && classes > 1) {
    return Int32Array.from({ length: rows }, (_, row) => largest(values.subarray(row * classes, (row + 1) * classes)))
  }
  const isProbability = values.some((each) => !Number.isInteger(each))
  return Int32Array.from(values, (each, i) => {
    if (isProbability) return each > 0.5 ? 1 : 0
    if (each >= 0) return each
    throw new NeurodeError('ERR_LABEL_RANGE', `${argument}[${i}]: expected a class index of at least 0, got ${each}`)
  })
}

/** Like {@link toClassIndices}, for targets. Throws `ERR_ARGUMENT` for rows with several largest values, which have several labels. */
export function toTargetClasses(value: ArrayInput, argument: string): Int32Array {
  const found = toClassIndices(value, argument)
  const { values, shape } = toNumbers(value, argument)
  const [, classes = 1] = shape
  for (let row = 0; classes > 1 && row < found.length; row++) {
    const one = values.subarray(row * classes, (row + 1) * classes)
    const best = found[row] as number
    if (!one.includes(one[best] as number, best + 1)) continue
    const text = `${argument}: expected rows with one largest value, got several in row ${row}`
    throw new NeurodeError('ERR_ARGUMENT', `${text}; labels that do not exclude each other have a matrix each`)
  }
  return found
}

function largest(row: Float64Array): number {
  let best = 0
  for (let i = 1; i < row.length; i++) if ((row[i] as number) > (row[best] as number)) best = i
  return best
}

export function checkLength(actual: number, expected: number, argument: string, of: string): void {
  if (actual === expected) return
  throw new NeurodeError('ERR_SHAPE', `${argument}: expected ${expected} values, as many as ${of}, got ${actual}`)
}

/** The smallest and the largest finite value; 0 and 1 if there is none. */
export function extent(values: Iterable<number>): [low: number, high: number] {
  let [low, high] = [Infinity, -Infinity]
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return low <= high ? [low, high] : [0, 1]
}
