/** Columns as features read them: cells of the type that a feature expects. */

import { NeurodeError } from '../base/errors.js'
import { describe, shorten } from '../checks/validate.js'
import {
  type Cell,
  type Column,
  type ColumnType,
  type NumberColumn,
  numberColumn,
  type TextColumn,
  textColumn,
} from '../tables/column.js'
import { booleanOf, usualBooleans } from '../tables/csv/cells.js'
import { dateOf, isoDate } from '../tables/csv/dates.js'

/** Names the row of a cell, and its line where it comes from a file. */
export type Where = (row: number) => string

const expectations: Readonly<Record<ColumnType, string>> = {
  number: 'a number',
  text: 'a text',
  boolean: 'true or false',
  date: 'a date, such as "2024-05-31" or a Date',
}

/** An error that names the column and the row. */
export function cellError(name: string, at: string, expected: string, got: string): NeurodeError {
  return new NeurodeError('ERR_DTYPE', `column '${shorten(name)}'${at}: expected ${expected}, got ${got}`)
}

/** The column in the type that a feature expects. Throws `ERR_DTYPE`, with column and row, for a cell of another type. */
export function columnAs(column: Column, type: ColumnType, where: Where): Column {
  if (column.type === type) return column
  if (type === 'text') return textOf(column as NumberColumn)
  const refuseAt = (row: number, got: string) => cellError(column.name, where(row), expectations[type], got)
  if (column.type === 'text') {
    const { codes, words } = column
    const readWord = wordReaders[type]
    if (readWord !== undefined) {
      const values = words.map(readWord)
      const read = (code: number, row: number) => {
        const value = code < 0 ? Number.NaN : values[code]
        if (value === undefined) throw refuseAt(row, `the text ${describe(words[code])}`)
        return value
      }
      return numberColumn(column.name, type, Float64Array.from(codes, read))
    }
    const row = firstUnreadable(column)
    if (row >= 0) throw refuseAt(row, `the text ${describe(words[codes[row] as number])}`)
    return numberColumn(column.name, type, new Float64Array(codes.length).fill(Number.NaN))
  }
  const areSmall = column.type !== 'date' && type !== 'date'
  const row = column.values.findIndex((value) => {
    return !Number.isNaN(value) && !(areSmall && (type === 'number' || value === 0 || value === 1))
  })
  if (row < 0) return numberColumn(column.name, type, column.values)
  const value = column.values[row] as number
  throw refuseAt(row, column.type === 'date' ? `the date ${new Date(value).toISOString()}` : describe(value))
}

/** The number that a word of a column of texts is, undefined for a word that is none. A part of a file may show too little to tell. */
const wordReaders: Readonly<Record<ColumnType, ((word: string) => number | undefined) | undefined>> = {
  number: undefined,
  text: undefined,
  boolean(word) {
    const value = booleanOf(word.trim(), { booleans: usualBooleans })
    return value === undefined ? undefined : Number(value)
  },
  date(word) {
    const time = dateOf(word.trim(), isoDate)
    return Number.isNaN(time) ? undefined : time
  },
}

/** The row of the first text that is no number, or else of the first text; -1 if all cells are gaps. */
function firstUnreadable({ codes, words, missing }: TextColumn): number {
  if (missing === codes.length) return -1
  const row = codes.findIndex((code) => code >= 0 && !isNumeral(words[code] as string))
  return row >= 0 ? row : codes.findIndex((code) => code >= 0)
}

function isNumeral(word: string): boolean {
  return word.trim() !== '' && Number.isFinite(Number(word))
}

function textOf({ type, name, values }: NumberColumn): TextColumn {
  const places = new Map<number, number>()
  const words: string[] = []
  const codes = Int32Array.from(values, (value) => {
    if (Number.isNaN(value)) return -1
    const known = places.get(value)
    if (known !== undefined) return known
    places.set(value, words.length)
    words.push(wordOf(type, value))
    return words.length - 1
  })
  return textColumn(name, codes, words)
}

function wordOf(type: NumberColumn['type'], value: number): string {
  if (type === 'number') return String(value)
  if (type === 'boolean') return String(value !== 0)
  const text = new Date(value).toISOString()
  return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : text
}

/** A column of cells of records, in the type that a feature expects; `null` and `undefined` are gaps. */
export function columnOf(name: string, cells: ArrayLike<Cell | undefined>, type: ColumnType, where: Where): Column {
  const refuseAt = (row: number) => cellError(name, where(row), expectations[type], describe(cells[row]))
  if (type === 'text') return textColumnOf(name, cells, refuseAt)
  const values = new Float64Array(cells.length)
  for (let row = 0; row < cells.length; row++) {
    const value = numberOf(cells[row], type)
    if (value === undefined) throw refuseAt(row)
    values[row] = value
  }
  return numberColumn(name, type, values)
}

function textColumnOf(name: string, cells: ArrayLike<Cell | undefined>, refuseAt: (row: number) => Error): TextColumn {
  const places = new Map<string, number>()
  const codes = new Int32Array(cells.length)
  for (let row = 0; row < cells.length; row++) {
    const word = wordOfCell(cells[row])
    if (word === undefined) throw refuseAt(row)
    let code = word === null ? -1 : places.get(word)
    if (code === undefined) {
      code = places.size
      places.set(word as string, code)
    }
    codes[row] = code
  }
  return textColumn(name, codes, [...places.keys()])
}

/** The text of a cell, null for a gap, undefined for what is no cell. */
function wordOfCell(cell: unknown): string | null | undefined {
  if (typeof cell === 'string') return cell
  if (cell === null || cell === undefined) return null
  if (typeof cell === 'number') return Number.isNaN(cell) ? null : String(cell)
  if (typeof cell === 'boolean') return String(cell)
  return cell instanceof Date && !Number.isNaN(cell.getTime()) ? wordOf('date', cell.getTime()) : undefined
}

/** The number of a cell, NaN for a gap, undefined for a cell of another type. */
function numberOf(cell: unknown, type: ColumnType): number | undefined {
  if (cell === null || cell === undefined) return Number.NaN
  if (type === 'date') {
    if (cell instanceof Date) return Number.isNaN(cell.getTime()) ? undefined : cell.getTime()
    const time = typeof cell === 'string' ? dateOf(cell, isoDate) : Number.NaN
    return Number.isNaN(time) ? undefined : time
  }
  if (typeof cell === 'boolean') return Number(cell)
  if (typeof cell !== 'number' || Math.abs(cell) === Number.POSITIVE_INFINITY) return undefined
  return type === 'number' || cell === 0 || cell === 1 || Number.isNaN(cell) ? cell : undefined
}
