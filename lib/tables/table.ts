/** Tables: columns by name, with rows that belong together. */

import { inspect } from 'node:util'
import { isNumericArray } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { guardArity } from '../checks/arity.js'
import { checkInteger, refuse, shorten, suggest } from '../checks/validate.js'
import { type Cell, type Column, cellOf, type TableRecord, takeOf } from './column.js'
import { type SplitOptions, splitRows } from './split.js'

/** Where the rows of a table were read from. */
export interface TableOrigin {
  /** The path of the file, or `data` for bytes. */
  readonly path: string
  /** The character between cells; undefined for files that are no CSV. */
  readonly delimiter: string | undefined
  /** The decimal mark of numbers; undefined for files that are no CSV, and where no number shows any. */
  readonly decimal: '.' | ',' | undefined
  /** The line of the file on which a row begins, counted from 1; for files that are no CSV the number of the row, from 1. */
  lineOf(row: number): number
}

/** Numbers of rows, from 0. */
export type RowNumbers = readonly number[] | Uint32Array

/** A table in memory, made by {@link table} or `readTable`. Iterating it gives its rows as records. */
export interface Table extends Iterable<TableRecord> {
  /** How many rows there are. */
  readonly rows: number
  /** The columns, in the order of the file. */
  readonly columns: readonly Column[]
  /** Where the rows come from; undefined for a table that was made in memory. */
  readonly source: TableOrigin | undefined
  /** The column of this name. Throws `ERR_UNKNOWN_NAME`, with similar names, if there is none. */
  column(name: string): Column
  /** A row as an object with a value for each column: `null` is a gap, a date is a `Date`. */
  row(index: number): TableRecord
  /** A table of these rows, in their order. */
  take(rows: RowNumbers): Table
  /** A table of these columns, in their order. */
  select(names: readonly string[]): Table
  /** A table of all columns but this one. */
  without(name: string): Table
  /**
   * Splits rows at random into a table to train on and one to test on.
   *
   * @throws NeurodeError `ERR_ARGUMENT` for a part without rows, or a value of `stratify` that fewer than 2 rows have.
   */
  split(options?: SplitOptions): { readonly train: Table; readonly test: Table }
}

class ColumnTable implements Table {
  readonly rows: number
  readonly columns: readonly Column[]
  readonly source: TableOrigin | undefined
  readonly #places = new Map<string, number>()

  constructor(columns: readonly Column[], rows: number, source?: TableOrigin) {
    this.rows = rows
    this.columns = Object.freeze([...columns])
    this.source = source
    columns.forEach(({ name }, place) => {
      this.#places.set(name, place)
    })
    Object.freeze(this)
  }

  column(name: string): Column {
    return this.columns[this.#placeOf(name, 'name')] as Column
  }

  row(index: number): TableRecord {
    return this.#record(this.#checkRow(index, 'index'))
  }

  take(rows: RowNumbers): Table {
    if (!Array.isArray(rows) && !isNumericArray(rows)) return refuse('rows', 'numbers of rows', rows)
    return this.#taken(Uint32Array.from(rows as number[], (row, i) => this.#checkRow(row, `rows[${i}]`)))
  }

  select(names: readonly string[]): Table {
    const places = selectedPlaces(names, this.columns, this.#places)
    return this.#of(places.map((place) => this.columns[place] as Column))
  }

  without(name: string): Table {
    const left = this.#placeOf(name, 'name')
    if (this.columns.length === 1) return refuse('name', 'one of several columns', name)
    return this.#of(this.columns.filter((_, place) => place !== left))
  }

  split(options?: SplitOptions): { readonly train: Table; readonly test: Table } {
    const { train, test } = splitRows(this, options)
    return { train: this.#taken(train), test: this.#taken(test) }
  }

  *[Symbol.iterator](): Iterator<TableRecord> {
    for (let row = 0; row < this.rows; row++) yield this.#record(row)
  }

  /** The number of rows, and names and types of columns. */
  [inspect.custom](): string {
    const shown = this.columns.slice(0, 20).map(({ name, type }) => `${printable(name)}: ${type}`)
    const more = this.columns.length > shown.length ? [`… (${this.columns.length})`] : []
    return `Table of ${this.rows} rows { ${[...shown, ...more].join(', ')} }`
  }

  #of(columns: readonly Column[]): Table {
    return new ColumnTable(columns, this.rows, this.source)
  }

  #taken(rows: Uint32Array): Table {
    const { source } = this
    const origin = source && {
      ...source,
      lineOf: (row: number) => source.lineOf(rows[checkInteger(row, 'row', 0, rows.length - 1)] as number),
    }
    const columns = this.columns.map((column) => takeOf(column, rows))
    return new ColumnTable(columns, rows.length, origin && Object.freeze(origin))
  }

  #record(row: number): TableRecord {
    const record: Record<string, Cell> = {}
    for (const column of this.columns) setOwn(record, column.name, cellOf(column, row))
    return record
  }

  #checkRow(row: unknown, argument: string): number {
    if (Number.isInteger(row) && (row as number) >= 0 && (row as number) < this.rows) return row as number
    const rows = this.rows === 0 ? 'a row, of which there is none' : `the number of a row, from 0 to ${this.rows - 1}`
    return refuse(argument, rows, row)
  }

  #placeOf(name: unknown, argument: string): number {
    return placeOf(name, argument, this.columns, this.#places)
  }
}

type Named = readonly { readonly name: string }[]

function placeOf(name: unknown, argument: string, columns: Named, places: ReadonlyMap<string, number>): number {
  if (typeof name !== 'string') return refuse(argument, 'the name of a column', name)
  const place = places.get(name)
  if (place !== undefined) return place
  const known = suggest(
    name,
    columns.map((column) => printable(column.name)),
  )
  throw new NeurodeError('ERR_UNKNOWN_NAME', `${argument}: there is no column '${printable(name)}'${known}`)
}

/** The places of the columns of these names. Throws for a name that no column has, and for one that is there twice. */
export function selectedPlaces(
  names: readonly string[],
  columns: Named,
  places: ReadonlyMap<string, number> = new Map(columns.map(({ name }, place) => [name, place])),
): readonly number[] {
  if (!Array.isArray(names) || names.length === 0) return refuse('names', 'a list of names of columns', names)
  const selected = Array.from(names, (name, i) => placeOf(name, `names[${i}]`, columns, places))
  const twice = firstTwice(selected)
  return twice < 0 ? selected : refuse(`names[${twice}]`, 'each column once', names[twice])
}

guardArity(ColumnTable.prototype, 'table')

/** Makes a table of columns of the same length, whose names differ. */
export function tableOf(columns: readonly Column[], rows: number, source?: TableOrigin): Table {
  return new ColumnTable(columns, rows, source)
}

/** Where a value stands that stood before; -1 if all differ. */
export function firstTwice(values: readonly unknown[]): number {
  const seen = new Set<unknown>()
  return values.findIndex((value) => seen.size === seen.add(value).size)
}

/** Whether a value is a table. */
export function isTable(value: unknown): value is Table {
  return value instanceof ColumnTable
}

/** Sets a property of the object itself, also by a name such as `__proto__`. */
export function setOwn<T>(object: Record<string, T>, name: string, value: T): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

/** A text of a file, for messages: cut where it is long, with characters that steer terminals or cannot be seen as escapes. */
export function printable(text: string): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is escaped
  return shorten(text).replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, escaped)
}
