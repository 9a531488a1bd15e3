/** Tables of values that are in memory. */

import { isDate } from 'node:util/types'
import { isNumericArray } from '../arrays/typedArrays.js'
import { type ErrorCode, NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkOptions, checkRecord, describe, isPlain, refuse } from '../checks/validate.js'
import { type Cell, type Column, type ColumnType, numberColumn, type TableRecord, textColumn } from './column.js'
import { dateOf, isoDate } from './csv/dates.js'
import { printable, type Table, tableOf } from './table.js'

/** Options of {@link table}. */
export interface TableOptions {
  /**
   * The type of columns by their names. Default: that of a column's values; a column of gaps is one of numbers. Numbers and
   * booleans in a column of `text` become their texts; in one of `date`, numbers are milliseconds since 1970 and texts are dates in ISO form.
   */
  readonly types?: Readonly<Record<string, ColumnType>> | undefined
}

/** The values of columns by their names. */
export type ColumnValues = Readonly<Record<string, ArrayLike<Cell | undefined>>>

/**
 * Makes a table of records, or of columns by name. Numbers, texts, booleans and dates make columns of their type; `null`,
 * `undefined`, absent keys and `NaN` are gaps.
 *
 * @throws NeurodeError `ERR_DTYPE`, with column and row, for a value of another type than those before it, and for infinite numbers;
 * `ERR_SHAPE` for columns of different lengths.
 *
 * @example
 * ```ts
 * import { table } from 'neurode'
 *
 * const cars = table([
 *   { make: 'Fiat', year: 2019 },
 *   { make: 'BMW', year: null },
 * ])
 * console.log(cars.rows, cars.column('year').missing) // 2 1
 * ```
 */
export function table(data: readonly TableRecord[] | ColumnValues, given?: TableOptions, ...more: unknown[]): Table {
  refuseMore(more, 2, 'table')
  const options = checkOptions(given, ['types'], 'table')
  const types = checkTypes(options.types, 'table: types')
  const lists = Array.isArray(data) ? listsOf(data as readonly unknown[], types) : columnsOf(data)
  const missing = [...types.keys()].find((name) => !lists.has(name))
  if (missing !== undefined) {
    throw new NeurodeError('ERR_UNKNOWN_NAME', `table: types: there is no column '${printable(missing)}'`)
  }
  if (lists.size === 0) return refuse('data', 'at least one column', data)
  const rows = (lists.values().next().value as ArrayLike<unknown>).length
  return tableOf(
    Array.from(lists, ([name, values]) => columnFrom(name, values, types.get(name))),
    rows,
  )
}

const columnTypes: readonly ColumnType[] = ['number', 'text', 'boolean', 'date']

/** Checks types of columns by their names. */
export function checkTypes(value: unknown, argument: string): Map<string, ColumnType> {
  if (value === undefined) return new Map()
  const entries = Object.entries(checkRecord(value, argument, 'types of columns by their names'))
  return new Map(
    entries.map(([name, type]) => {
      const known = columnTypes.find((each) => each === type)
      return [name, known ?? refuse(`${argument}: '${printable(name)}'`, "'number', 'text', 'boolean' or 'date'", type)]
    }),
  )
}

function listsOf(records: readonly unknown[], types: ReadonlyMap<string, ColumnType>): Map<string, unknown[]> {
  const lists = new Map<string, unknown[]>()
  if (records.length === 0) for (const name of types.keys()) lists.set(name, [])
  for (let row = 0; row < records.length; row++) {
    const record = checkRecord(records[row], `data[${row}]`, 'a record: an object with values by names of columns')
    for (const [name, value] of Object.entries(record)) {
      let list = lists.get(name)
      if (list === undefined) {
        list = new Array<unknown>(records.length).fill(undefined)
        lists.set(name, list)
      }
      list[row] = value
    }
  }
  return lists
}

function columnsOf(data: unknown): Map<string, ArrayLike<unknown>> {
  if (!isPlain(data)) return refuse('data', 'records, or columns by their names', data)
  const lists = new Map<string, ArrayLike<unknown>>()
  let first: readonly [name: string, length: number] | undefined
  for (const [name, values] of Object.entries(data)) {
    if (!Array.isArray(values) && !isNumericArray(values)) {
      return refuse(`data: '${printable(name)}'`, 'a list of values', values)
    }
    first ??= [name, values.length]
    if (values.length !== first[1]) {
      const expected = `expected ${first[1]} values as in '${printable(first[0])}', got ${values.length}`
      throw new NeurodeError('ERR_SHAPE', `data: '${printable(name)}': ${expected}`)
    }
    lists.set(name, values)
  }
  return lists
}

/** Where values of a column come from: what messages call it, and the number of the first row. */
export interface ValuesPlace {
  readonly where: string
  readonly first: number
  readonly code: ErrorCode
}

/** A column of values: of the type that is given, or of that of the first value. */
export function columnFrom(
  name: string,
  values: ArrayLike<unknown>,
  given: ColumnType | undefined,
  { where, first, code }: ValuesPlace = { where: 'data', first: 0, code: 'ERR_DTYPE' },
): Column {
  const type = given ?? typeOfFirst(values)
  const refused = (row: number) => {
    const expected = given === undefined && row > 0 ? `${nouns[type]}, as in rows before it` : nouns[type]
    const at = `${where}: column '${printable(name)}', row ${first + row}`
    return new NeurodeError(code, `${at}: expected ${expected}, got ${describe(values[row])}`)
  }
  return type === 'text' ? textsFrom(name, values, given, refused) : numbersFrom(name, type, values, refused)
}

const nouns: Readonly<Record<ColumnType, string>> = {
  number: 'a finite number or null',
  text: 'a text or null',
  boolean: 'true, false or null',
  date: 'a date or null',
}

const isGap = (value: unknown) => value === null || value === undefined || Number.isNaN(value)

function typeOfFirst(values: ArrayLike<unknown>): ColumnType {
  for (let row = 0; row < values.length; row++) {
    const value = values[row]
    if (isGap(value)) continue
    if (typeof value === 'string') return 'text'
    if (typeof value === 'boolean') return 'boolean'
    return isDate(value) ? 'date' : 'number'
  }
  return 'number'
}

function textsFrom(
  name: string,
  values: ArrayLike<unknown>,
  given: ColumnType | undefined,
  refused: (row: number) => Error,
): Column {
  const words: string[] = []
  const places = new Map<string, number>()
  const codes = new Int32Array(values.length)
  for (let row = 0; row < values.length; row++) {
    const value = values[row]
    if (isGap(value)) {
      codes[row] = -1
      continue
    }
    const isText = typeof value === 'string' || (given !== undefined && ['number', 'boolean'].includes(typeof value))
    if (!isText) throw refused(row)
    const word = String(value)
    let place = places.get(word)
    if (place === undefined) {
      place = words.push(word) - 1
      places.set(word, place)
    }
    codes[row] = place
  }
  return textColumn(name, codes, words)
}

function numbersFrom(
  name: string,
  type: Exclude<ColumnType, 'text'>,
  values: ArrayLike<unknown>,
  refused: (row: number) => Error,
): Column {
  const numbers = new Float64Array(values.length)
  for (let row = 0; row < values.length; row++) {
    const number = isGap(values[row]) ? Number.NaN : converters[type](values[row])
    if (number === undefined) throw refused(row)
    numbers[row] = number
  }
  return numberColumn(name, type, numbers)
}

const finite = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)

/** The number that a value is in a column, or undefined for a value of another type. */
const converters: Readonly<Record<Exclude<ColumnType, 'text'>, (value: unknown) => number | undefined>> = {
  number: finite,
  boolean: (value) => (typeof value === 'boolean' ? Number(value) : undefined),
  date(value) {
    if (isDate(value)) return finite(value.getTime())
    if (typeof value === 'number') return Math.abs(value) <= 8.64e15 ? value : undefined
    return typeof value === 'string' ? finite(dateOf(value, isoDate)) : undefined
  },
}
