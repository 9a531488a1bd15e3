/** Searches arrays for unwanted values; of large arrays only a sample is examined. */

import type { NumericArray } from '../arrays/arrays.js'

/** Rows of values; each value is `element * scale + offset`. */
export interface Values {
  readonly data: NumericArray
  readonly scale?: number | undefined
  readonly offset?: number | undefined
  /** Number of values in a row. */
  readonly size: number
  /** The columns to look at; default all. */
  readonly begin?: number | undefined
  readonly columns?: number | undefined
}

/** A value that was found, and its row. */
export interface Found {
  readonly row: number
  readonly value: number
}

/** The first value that is NaN or infinite, among about `most` evenly spaced ones. */
export function firstNotFinite(values: Values, most: number): Found | undefined {
  if (values.data.BYTES_PER_ELEMENT === 1) return undefined
  return firstOutside(values, -Number.MAX_VALUE, Number.MAX_VALUE, most, () => true)
}

/** The first value outside a closed range for which `counts` is true, among about `most` evenly spaced ones. */
export function firstOutside(
  { data, scale = 1, offset = 0, size, begin = 0, columns = size }: Values,
  low: number,
  high: number,
  most: number,
  counts: (value: number, row: number, column: number) => boolean,
): Found | undefined {
  const count = (data.length / size) * columns
  const stride = strideOf(count, columns, most)
  for (let i = 0; i < count; i += stride) {
    const row = Math.floor(i / columns)
    const column = i - row * columns
    const value = (data[row * size + begin + column] as number) * scale + offset
    if (!(value >= low && value <= high) && counts(value, row, column)) return { row, value }
  }
  return undefined
}

/** A stride over rows of `size` values that visits all columns equally: it has no common divisor with `size`. */
function strideOf(count: number, size: number, most: number): number {
  let stride = Math.ceil(count / most) || 1
  while (divisor(stride, size) > 1) stride++
  return count <= most ? 1 : stride
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}

/** A float32 rounded to 7 digits, as messages show it. */
export function shown(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(7)) : value
}
