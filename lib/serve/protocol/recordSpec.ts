/** Requests for models of tables: what their columns are, and errors that name a place in the request. */

import { NeurodeError } from '../../base/errors.js'
import { describe, shorten } from '../../checks/validate.js'
import { native } from '../../native/native.js'
import type { Cell } from '../../tables/column.js'
import { columnOf } from '../../tabular/cells.js'
import type { ReadRows } from '../../tabular/rows.js'
import type { TableLabel, TabularColumn } from '../../tabular/types.js'
import { defaultMaxRows, type TensorSpec } from './tensorSpec.js'

/** The columns in requests for a model of a table, and what it answers. */
export interface RecordSpec {
  readonly columns: readonly TabularColumn[]
  /** The place of each column among them; -1 for those that requests may have and the model does not read. */
  readonly places: ReadonlyMap<string, number>
  readonly target: string
  /** The classes of a classification. */
  readonly classes: readonly TableLabel[] | undefined
}

/** The largest number of rows in one request, and the name of the option that sets it. */
export type RowLimit = Pick<TensorSpec, 'maxRows' | 'limitName'>

/** A request that has been read: rows of a table, whose cells are not yet checked against the types of the columns. */
export interface RecordRequest {
  readonly rows: number
  /** Bytes of the request, which say how long encoding its rows may take. */
  readonly bytes: number
  /** Rows from `begin` to before `end`. Reading a column throws for a cell of another type, and says where it is. */
  part(begin: number, end: number): ReadRows
  /** V1: whether it has `instances`, and not `inputs`. */
  readonly isByRow: boolean
  /** V2: the identifier of the request, which the response repeats. */
  readonly id?: string | undefined
  /** V2: the outputs that the client wants, in the order of the answer. */
  readonly outputs?: readonly RecordOutput[] | undefined
}

/** An output of a model of a table that a client wants. */
export interface RecordOutput {
  readonly name: string
  /** Whether it follows the JSON as bytes. */
  readonly binary: boolean
}

/** The value of a column in JSON; undefined is a gap. */
export type JsonCell = unknown

/** The longest text of a cell, in UTF-16 code units. */
export const longestText = 2 ** 20

/** Throws `ERR_REQUEST` for what is at a place of a request. */
export function refuseAt(place: string, expected: string, got: string): never {
  throw new NeurodeError('ERR_REQUEST', `${shorten(place)}: expected ${expected}, got ${got}`)
}

/** Parses the JSON of a request, in which each member may stand once. */
export function parseJson(body: Buffer): unknown {
  native().checkJson(body)
  return JSON.parse(body.toString())
}

/** Names what a value of JSON is, as the reader of tensors does. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  return value === undefined ? 'none' : describe(value)
}

/** The members of a value, which must be an object. */
export function membersOf(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  return refuseAt(place, 'an object', kindOf(value))
}

/** An own member of an object of JSON; undefined if there is none. */
export function memberOf(of: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(of, name) ? of[name] : undefined
}

/** Checks that a request has one row at least and no more than the limit. */
export function checkRows(
  rows: number,
  { maxRows = defaultMaxRows, limitName = 'maxRows' }: RowLimit,
  place: string,
): number {
  if (rows === 0) refuseAt(place, 'at least one row', 'none')
  if (rows > maxRows) refuseAt(place, `at most ${maxRows} rows (${limitName})`, String(rows))
  return rows
}

/** Whether a value of JSON may be a cell: a number, a boolean, `null` or a text that is not too long. */
export function isCell(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value === 'string') return value.length <= longestText
  return typeof value === 'boolean' || value === null
}

/**
 * The cell that a value of JSON is. A list of one cell is that cell, as clients of TensorFlow Serving send columns of shape [n, 1].
 * `place` names it.
 */
export function cellIn(value: unknown, place: string): JsonCell {
  const cell = Array.isArray(value) && value.length === 1 ? value[0] : value
  if (isCell(cell)) return cell
  if (typeof cell === 'string') refuseAt(place, `a text of at most ${longestText} characters`, `${cell.length}`)
  // JSON has no infinities, but numbers that are too large become such.
  if (typeof cell === 'number') refuseAt(place, 'a number that float64 can hold', 'a larger one')
  return refuseAt(place, 'a value', kindOf(cell))
}

/** The cells of a column in a request; undefined for a column that is not in it. */
export type Cells = readonly JsonCell[] | undefined

/** Cells of the columns of a spec, in its order, as rows that features read. `placeOf` names the place of a cell in the request. */
export function rowsOfCells(
  cells: readonly Cells[],
  { places }: RecordSpec,
  placeOf: (column: number, row: number) => string,
): RecordRequest['part'] {
  return (begin, end) => ({
    rows: end - begin,
    names: [],
    mayLack: true,
    where: (row) => `, row ${begin + row}`,
    column: (name, type) => {
      const place = places.get(name) as number
      const all = cells[place]
      const part = all?.length === end - begin ? all : (all?.slice(begin, end) ?? new Array<undefined>(end - begin))
      return columnOf(name, part as ArrayLike<Cell>, type, (row) => ` of ${placeOf(place, begin + row)}`)
    },
  })
}

const callers: ReadonlySet<string> = new Set([
  'ERR_ARGUMENT',
  'ERR_DTYPE',
  'ERR_LABEL_RANGE',
  'ERR_SHAPE',
  'ERR_UNKNOWN_NAME',
])

/** Runs code that reads cells of a request, whose errors become `ERR_REQUEST`. */
export function asRequest<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    const isCallers = error instanceof NeurodeError && callers.has(error.code)
    throw isCallers ? new NeurodeError('ERR_REQUEST', error.message, { cause: error }) : error
  }
}
