/** Rows that users give: a table, records, columns by name, or streams of them. */

import { isNumericArray } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { isPlain, refuse, shorten, suggest } from '../checks/validate.js'
import type { Cell, Column, ColumnType, TableRecord } from '../tables/column.js'
import { isTableSource } from '../tables/openTable.js'
import type { Table } from '../tables/table.js'
import { columnAs, columnOf, type Where } from './cells.js'

/** Columns by name: a list or a typed array of as many cells for each. */
export type ColumnRecord = Readonly<Record<string, ArrayLike<Cell | undefined> | readonly (readonly Cell[])[]>>

/** Rows as columns that features read by name. */
export interface ReadRows {
  readonly rows: number
  /** The names of the columns that are there. */
  readonly names: readonly string[]
  /** Whether absent columns are gaps, as keys of records are. */
  readonly mayLack: boolean
  /** A column in a type. Throws `ERR_DTYPE`, with column and row, for a cell of another type. */
  column(name: string, type: ColumnType): Column
  /** The type of a column of a table that has any values. */
  readonly typeOf?: (name: string) => ColumnType | undefined
  readonly where: Where
}

export function isTable(value: unknown): value is Table {
  if (typeof value !== 'object' || value === null) return false
  const { rows, columns, take, column } = value as Partial<Table>
  const areFunctions = typeof take === 'function' && typeof column === 'function'
  return areFunctions && typeof rows === 'number' && Array.isArray(columns)
}

function isStream(value: unknown): value is AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false
  return Symbol.asyncIterator in value || Symbol.iterator in value
}

/** Throws for a generator, which can be read once, where a stream is read in every epoch. */
export function refuseOnce(given: unknown, argument: string): void {
  if (isTable(given) || !isStream(given) || typeof (given as { next?: unknown }).next !== 'function') return
  refuse(argument, 'a stream that can be read more than once, as openTable gives', given)
}

/** A stream whose parts are checked to be tables. Throws `ERR_ARGUMENT` for what is no stream. */
export function tablesOf(given: unknown, argument: string): AsyncIterable<Table> {
  if (isTable(given)) return tablesOf([given], argument)
  if (isTableSource(given)) return given
  if (!isStream(given)) return refuse(argument, 'a table or a stream of tables', given)
  return {
    async *[Symbol.asyncIterator]() {
      let part = 0
      for await (const table of given) {
        yield isTable(table) ? table : refuse(`${argument}: part ${part}`, 'a table', table)
        part++
      }
    },
  }
}

/** Names the place of a row in its file, or its number. */
export function whereIn(table: Table): Where {
  const { source } = table
  return (row) => (source === undefined ? `, row ${row}` : `, ${source.path}, line ${source.lineOf(row)}`)
}

export function tableRows(table: Table): ReadRows {
  const where = whereIn(table)
  return {
    rows: table.rows,
    names: table.columns.map(({ name }) => name),
    mayLack: false,
    column: (name, type) => columnAs(table.column(name), type, where),
    typeOf: (name) => (table.column(name).missing < table.rows ? table.column(name).type : undefined),
    where,
  }
}

/** Rows of records, whose absent keys are gaps. */
export function recordRows(records: readonly TableRecord[], argument: string): ReadRows {
  const isOne = records.length === 1
  const names = new Set<string>()
  for (const [i, record] of records.entries()) {
    if (!isPlain(record) || isStream(record))
      return refuse(`${argument}[${i}]`, 'an object with the columns of a row', record)
    for (const name of Object.keys(record)) names.add(name)
  }
  const where: Where = (row) => (isOne ? '' : `, row ${row}`)
  const cellOf = (record: TableRecord, name: string) => (Object.hasOwn(record, name) ? record[name] : null)
  return {
    rows: records.length,
    names: [...names],
    mayLack: true,
    column: (name, type) =>
      columnOf(
        name,
        records.map((record) => cellOf(record, name)),
        type,
        where,
      ),
    where,
  }
}

/** Rows of columns by name. Throws `ERR_SHAPE` for columns of different lengths. */
export function columnRows(columns: ColumnRecord, argument: string): ReadRows {
  const names = Object.keys(columns)
  const rows = columns[names[0] as string]?.length ?? 0
  const cells = (name: string): ArrayLike<Cell | undefined> => {
    const given = columns[name] as ArrayLike<unknown>
    // A column of shape [n, 1] is one of n cells.
    const areNested =
      Array.isArray(given) && given.length > 0 && given.every((each) => Array.isArray(each) && each.length === 1)
    return (areNested ? given.flat() : given) as ArrayLike<Cell | undefined>
  }
  for (const name of names) {
    const { length } = columns[name] as ArrayLike<unknown>
    if (length === rows) continue
    const text = `${argument}: column '${shorten(name)}': expected ${rows} cells, as column '${shorten(names[0] as string)}' has`
    throw new NeurodeError('ERR_SHAPE', `${text}, got ${length}`)
  }
  const where: Where = (row) => `, row ${row}`
  return { rows, names, mayLack: false, column: (name, type) => columnOf(name, cells(name), type, where), where }
}

const isColumn = (value: unknown): value is ArrayLike<unknown> => Array.isArray(value) || isNumericArray(value)

/** Whether a value is columns by name, and not one record. */
export function isColumnRecord(value: unknown): value is ColumnRecord {
  return isPlain(value) && Object.keys(value).length > 0 && Object.values(value).every(isColumn)
}

/** Reads a table, records, one record, or columns by name. */
export function readRows(given: unknown, argument: string): ReadRows {
  if (isTable(given)) return tableRows(given)
  if (Array.isArray(given)) return recordRows(given as TableRecord[], argument)
  if (isColumnRecord(given)) return columnRows(given, argument)
  if (isPlain(given)) return recordRows([given as TableRecord], argument)
  return refuse(argument, 'a table, a record, a list of records, or columns by name', given)
}

/** Throws `ERR_UNKNOWN_NAME` for a column that is not among those known, and for one that is needed and absent. */
export function checkNames(
  { names, mayLack }: ReadRows,
  needed: readonly string[],
  ignored: ReadonlySet<string>,
  argument: string,
): void {
  const known = new Set(needed)
  const stranger = names.find((name) => !known.has(name) && !ignored.has(name))
  if (stranger !== undefined) {
    const text = `${argument}: there is no column '${shorten(stranger)}' in the model${suggest(stranger, needed)}`
    throw new NeurodeError('ERR_UNKNOWN_NAME', text)
  }
  if (mayLack) return
  const there = new Set(names)
  const missing = needed.find((name) => !there.has(name))
  if (missing === undefined) return
  throw new NeurodeError(
    'ERR_UNKNOWN_NAME',
    `${argument}: the column '${shorten(missing)}' is missing${suggest(missing, names)}`,
  )
}

/** The parts of a stream: tables or columns, one after the other. */
export async function* partsOf(given: unknown, argument: string): AsyncGenerator<ReadRows> {
  if (
    isTable(given) ||
    (isPlain(given) && !isStream(given)) ||
    (Array.isArray(given) && !given.every((part) => isTable(part) || isColumnRecord(part)))
  ) {
    yield readRows(given, argument)
    return
  }
  const source: unknown = typeof given === 'function' ? given() : given
  if (!isStream(source)) refuse(argument, 'a table, records, columns by name, or a stream of tables', source)
  let part = 0
  for await (const piece of source) yield readRows(piece, `${argument}: part ${part++}`)
}
