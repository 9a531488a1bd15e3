/** Columns of tables: cells of one type, one after the other. */

/** What the cells of a column are. */
export type ColumnType = 'number' | 'text' | 'boolean' | 'date'

/** A column of numbers, of booleans as 0 and 1, or of dates as milliseconds since 1970 in UTC. A gap is `NaN`. */
export interface NumberColumn {
  readonly type: 'number' | 'boolean' | 'date'
  readonly name: string
  readonly values: Float64Array
  /** How many gaps there are. */
  readonly missing: number
}

/** A column of texts: for each row the place of its text in `words`. A gap is -1. */
export interface TextColumn {
  readonly type: 'text'
  readonly name: string
  readonly codes: Int32Array
  /** The texts, each once. A part of a table has the words of the whole, of which some may be in none of its rows. */
  readonly words: readonly string[]
  /** How many gaps there are. */
  readonly missing: number
}

/** A column of a table. */
export type Column = NumberColumn | TextColumn

/** The value of a column in a row; `null` is a gap. */
export type Cell = number | string | boolean | Date | null

/** A row by the names of its columns; an absent key is a gap. */
export type TableRecord = Readonly<Record<string, Cell | undefined>>

export function numberColumn(name: string, type: NumberColumn['type'], values: Float64Array): NumberColumn {
  let missing = 0
  for (let row = 0; row < values.length; row++) if (Number.isNaN(values[row])) missing++
  return Object.freeze({ type, name, values, missing })
}

export function textColumn(name: string, codes: Int32Array, words: readonly string[]): TextColumn {
  let missing = 0
  for (let row = 0; row < codes.length; row++) if ((codes[row] as number) < 0) missing++
  return Object.freeze({ type: 'text', name, codes, words, missing })
}

/** The value in a row. */
export function cellOf(column: Column, row: number): Cell {
  if (column.type === 'text') return column.words[column.codes[row] as number] ?? null
  const value = column.values[row] as number
  if (Number.isNaN(value)) return null
  if (column.type === 'number') return value
  return column.type === 'date' ? new Date(value) : value !== 0
}

/** The rows of these numbers. */
export function takeOf(column: Column, rows: Uint32Array): Column {
  if (column.type !== 'text') {
    return numberColumn(column.name, column.type, gathered(column.values, new Float64Array(rows.length), rows))
  }
  return textColumn(column.name, gathered(column.codes, new Int32Array(rows.length), rows), column.words)
}

function gathered<T extends Float64Array | Int32Array>(from: T, to: T, rows: Uint32Array): T {
  for (let i = 0; i < rows.length; i++) to[i] = from[rows[i] as number] as number
  return to
}
