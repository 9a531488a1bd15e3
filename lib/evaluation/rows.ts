/** Rows of data that users pass: how many there are, and some of them. */

import {
  type ArrayInput,
  array,
  formatShape,
  isNdArray,
  type NdArray,
  type NumericArray,
  read,
} from '../arrays/arrays.js'
import { checkPresent, emptyLike, isNumericArray } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkInteger, refuse } from '../checks/validate.js'

/** How many rows there are, or data with as many: a list with an item for each row, a typed array, or an array with a shape. */
export type RowCount = number | readonly unknown[] | ArrayInput

/** Splits hold several numbers for each row in memory. */
const mostRows = 2 ** 27

/** The number of rows that a user gives, or gives data of. */
export function readCount(value: unknown, argument: string): number {
  if (typeof value === 'number') return checkInteger(value, argument, 1, mostRows)
  if (Array.isArray(value) || isNumericArray(value))
    return checkInteger(value.length, `${argument}.length`, 1, mostRows)
  if (isNdArray(value)) return checkInteger(read(value, argument).shape[0], `${argument}.shape[0]`, 1, mostRows)
  return refuse(argument, 'a number of rows, or data with rows', value)
}

/** The row numbers from 0 to `rows`, exclusive. */
export function allRows(rows: number): Uint32Array {
  const all = new Uint32Array(rows)
  for (let row = 0; row < rows; row++) all[row] = row
  return all
}

/**
 * Takes rows out of data, in the order of their numbers, as {@link trainTestSplit} and {@link kFold} give them. The data stays as it
 * is.
 *
 * @param data - A list with an item for each row (numbers, texts, objects, lists of numbers), a typed array with a number for each
 * row, or an array with a shape, whose first dimension is rows. Rows of a typed array that are several numbers need a shape:
 * `array(data, [rows, width])`.
 * @param rows - Numbers of rows, from 0.
 * @returns The same kind of data: a list, a typed array of the same type, or an array with the same shape but for the rows.
 * @throws NeurodeError `ERR_ARGUMENT` for a number that is no row, `ERR_DTYPE` for other data.
 *
 * @example
 * ```ts
 * import { takeRows, trainTestSplit } from 'neurode'
 *
 * const x = [[1, 2], [3, 4], [5, 6], [7, 8]]
 * const labels = ['cat', 'dog', 'cat', 'dog']
 * const { train, test } = trainTestSplit(x, { testSize: 0.5, seed: 1, stratify: labels })
 * console.log(takeRows(x, train), takeRows(labels, test))
 * ```
 */
export function takeRows<T extends NumericArray>(data: NdArray<T>, rows: readonly number[] | Uint32Array): NdArray<T>
export function takeRows<T extends NumericArray>(data: T, rows: readonly number[] | Uint32Array): T
export function takeRows<T>(data: readonly T[], rows: readonly number[] | Uint32Array): T[]
export function takeRows(
  data: NumericArray | NdArray | readonly unknown[],
  rows: readonly number[] | Uint32Array,
  ...more: unknown[]
): unknown {
  refuseMore(more, 2, 'takeRows')
  const count = readCount(typeof data === 'number' ? undefined : data, 'data')
  const chosen = readNumbers(rows, count)
  if (Array.isArray(data)) return Array.from(chosen, (row) => data[row] as unknown)
  if (isNumericArray(data)) {
    checkPresent(data, 'data')
    return gather(data, 1, chosen)
  }
  const { shape, scale, offset } = data as NdArray
  const elements = (data as NdArray).data
  const taken = gather(elements, elements.length / count, chosen)
  return array(taken, [chosen.length, ...shape.slice(1)], { scale, offset })
}

function readNumbers(rows: unknown, count: number): Uint32Array {
  if (!Array.isArray(rows) && !isNumericArray(rows)) return refuse('rows', 'numbers of rows', rows)
  const numbers = new Uint32Array(rows.length < 2 ** 32 ? rows.length : refuse('rows', 'fewer than 2^32', rows.length))
  for (let i = 0; i < rows.length; i++) numbers[i] = checkInteger(rows[i], `rows[${i}]`, 0, count - 1)
  return numbers
}

/** Copies blocks of `size` elements, by the numbers of the blocks. */
export function gather<T extends NumericArray>(elements: T, size: number, blocks: Uint32Array): T {
  const taken = emptyLike(elements, blocks.length * size)
  // A loop copies few elements faster than a call.
  const isSmall = size <= 32
  for (let i = 0, to = 0; i < blocks.length; i++, to += size) {
    const from = (blocks[i] as number) * size
    if (isSmall) for (let k = 0; k < size; k++) taken[to + k] = elements[from + k] as number
    else taken.set(elements.subarray(from, from + size), to)
  }
  return taken
}

/** Throws `ERR_SHAPE` for another number of rows. */
export function checkRowCount(actual: number, expected: number, argument: string): void {
  if (actual === expected) return
  const text = `${argument}: expected shape ${formatShape([expected])}, one for each row, got ${formatShape([actual])}`
  throw new NeurodeError('ERR_SHAPE', text)
}
