/** Reads labels, scores and weights of rows that users pass, in double precision. */

import { type ArrayInput, checkRows, formatShape, read } from '../arrays/arrays.js'
import { isNumericArray, typeName } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkDouble, refuse } from '../checks/validate.js'

/** The label of a class: a whole number, a text or a boolean. */
export type Label = number | string | boolean

/**
 * A label for each row: a list of whole numbers, of texts or of booleans, or an array of class indices. Rows of several numbers are
 * one-hot: the label is the index of the largest.
 */
export type LabelInput = readonly Label[] | ArrayInput

/** Numbers of rows: `width` for each. */
export interface Rows {
  readonly values: Float64Array
  readonly rows: number
  readonly width: number
  /** The distance of 1 from the next number of the type in which they were given. */
  readonly epsilon: number
}

const epsilon = { float32: 2 ** -23, float64: 2 ** -52 }

/** Reads finite numbers of shape `[n]` or `[n, width]`. Throws `ERR_SHAPE`, `ERR_DTYPE` or `ERR_ARGUMENT`. */
export function readRows(value: unknown, argument: string): Rows {
  const given = Array.isArray(value) ? ofList(value, argument) : ofArray(value, argument)
  checkRows(given.rows, argument)
  const { values, width } = given
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue
    const column = width === 1 ? '' : `[${i % width}]`
    refuse(`${argument}[${Math.floor(i / width)}]${column}`, 'a finite number', values[i])
  }
  return given
}

/** Lists are read here, since elsewhere they become float32, in which different scores can be equal. */
function ofList(list: readonly unknown[], argument: string): Rows {
  const isNested = Array.isArray(list[0]) || isNumericArray(list[0])
  const width = isNested ? (list[0] as ArrayLike<unknown>).length : 1
  const values = new Float64Array(checkSize(list.length * width, argument))
  for (let row = 0; row < list.length; row++) {
    const items = isNested ? list[row] : [list[row]]
    const place = `${argument}[${row}]`
    if (!Array.isArray(items) && !isNumericArray(items)) return refuse(place, `a list of ${width} numbers`, items)
    if (items.length !== width) {
      throw new NeurodeError(
        'ERR_SHAPE',
        `${place}: expected ${width} numbers as in the first row, got ${items.length}`,
      )
    }
    for (let i = 0; i < width; i++) {
      const item: unknown = items[i]
      if (typeof item !== 'number' && typeof item !== 'boolean')
        refuse(isNested ? `${place}[${i}]` : place, 'a number', item)
      values[row * width + i] = Number(item)
    }
  }
  return { values, rows: list.length, width: checkWidth(width, argument), epsilon: epsilon.float64 }
}

function checkSize(count: number, argument: string): number {
  return count < 2 ** 31 ? count : refuse(argument, 'fewer than 2^31 numbers', count)
}

function checkWidth(width: number, argument: string): number {
  if (width > 0) return width
  throw new NeurodeError('ERR_SHAPE', `${argument}: expected at least one number in each row, got none`)
}

function ofArray(value: unknown, argument: string): Rows {
  const { elements, shape, scale, offset } = read(value, argument)
  const [rows = 0, width = 1] = shape
  if (shape.length < 1 || shape.length > 2) {
    throw new NeurodeError('ERR_SHAPE', `${argument}: expected shape [n] or [n, width], got ${formatShape(shape)}`)
  }
  const values = new Float64Array(elements.length)
  for (let i = 0; i < values.length; i++) values[i] = (elements[i] as number) * scale + offset
  const type = typeName(elements) === 'Float32Array' ? 'float32' : 'float64'
  return { values, rows, width: checkWidth(width, argument), epsilon: epsilon[type] }
}

/** Reads one finite number for each row. */
export function readSeries(value: unknown, argument: string): Float64Array {
  const { values, rows, width } = readRows(value, argument)
  if (width === 1) return values
  const got = formatShape([rows, width])
  throw new NeurodeError('ERR_SHAPE', `${argument}: expected one number for each row, shape [n], got shape ${got}`)
}

/** Throws `ERR_SHAPE` unless there are as many rows as in another array. */
export function checkCount(actual: number, expected: number, argument: string, of: string): void {
  if (actual === expected) return
  throw new NeurodeError('ERR_SHAPE', `${argument}: expected ${expected} rows, as many as ${of}, got ${actual}`)
}

/** Reads weights of rows, which are at least 0 and not all 0; undefined where none are given. */
export function readSampleWeight(value: unknown, rows: number, argument: string): Float64Array | undefined {
  if (value === undefined) return undefined
  const weights = readSeries(value, argument)
  checkCount(weights.length, rows, argument, 'labels')
  for (const [i, weight] of weights.entries()) checkDouble(weight, `${argument}[${i}]`, 0)
  return weights.some((weight) => weight > 0) ? weights : refuse(argument, 'a weight above 0', 0)
}

/** Reads a label for each row. Labels are of one type; numbers are whole. */
export function readLabels(value: unknown, argument: string): readonly Label[] {
  if (Array.isArray(value) && typeof value[0] !== 'object') {
    checkRows(value.length, argument)
    return Array.from({ length: value.length }, (_, i) => checkLabel(value[i], `${argument}[${i}]`, typeof value[0]))
  }
  const { values, rows, width } = readRows(value, argument)
  if (width === 1) return Array.from(values, (each, i) => checkLabel(each, `${argument}[${i}]`))
  return Array.from({ length: rows }, (_, row) =>
    onlyLargest(values.subarray(row * width, (row + 1) * width), argument, row),
  )
}

/** Checks one label; `type` is that of the others. */
export function checkLabel(value: unknown, argument: string, type = typeof value): Label {
  const isLabel = typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value)
  if (!isLabel) return refuse(argument, 'a label: a whole number, a text or a boolean', value)
  return typeof value === type ? (value as Label) : refuse(argument, `a ${type} like the first label`, value)
}

function onlyLargest(row: Float64Array, argument: string, at: number): number {
  const best = largestOf(row)
  if (!row.includes(row[best] as number, best + 1)) return best
  const text = `${argument}: expected rows with one largest value, got several in row ${at}`
  throw new NeurodeError('ERR_ARGUMENT', `${text}; labels that do not exclude each other are compared one by one`)
}

/** The index of the first largest value. */
export function largestOf(row: Float64Array): number {
  let best = 0
  for (let i = 1; i < row.length; i++) if ((row[i] as number) > (row[best] as number)) best = i
  return best
}

/** The different labels in order: numbers by value, texts by code points, false before true. */
export function classesOf(labels: Iterable<Label>): readonly Label[] {
  const compare = (a: Label, b: Label) =>
    typeof a === 'string' ? Buffer.compare(Buffer.from(a), Buffer.from(b as string)) : Number(a) - Number(b)
  return [...new Set(labels)].sort(compare)
}

/** Reads a list of different labels of classes. */
export function readClasses(value: unknown, argument: string): readonly Label[] {
  const classes = readLabels(value, argument)
  if (new Set(classes).size === classes.length) return classes
  return refuse(argument, 'labels that differ from each other', value)
}

/** For each row, whether it is of the positive class: 1 or 0. */
export function readBinary(value: unknown, positive: unknown, argument: string): Uint8Array {
  const labels = readLabels(value, argument)
  const label =
    positive === undefined ? usualPositive(labels, argument) : checkLabel(positive, 'positive', typeof labels[0])
  return Uint8Array.from(labels, (each) => Number(each === label))
}

function usualPositive(labels: readonly Label[], argument: string): Label {
  const classes = [...new Set(labels)]
  if (typeof classes[0] === 'boolean') return true
  if (classes.every((each) => each === 0 || each === 1) || classes.every((each) => each === -1 || each === 1)) return 1
  const shown = classes.slice(0, 5).map((each) => (typeof each === 'string' ? JSON.stringify(each.slice(0, 20)) : each))
  const got = `got ${shown.join(', ')}${classes.length > 5 ? ', …' : ''}`
  const text = `${argument}: expected labels 0 and 1, -1 and 1, or booleans, ${got}; name the positive class: { positive: … }`
  throw new NeurodeError('ERR_ARGUMENT', text)
}
