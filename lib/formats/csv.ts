/** Reads CSV files (RFC 4180): rows of texts, and numbers from them. */

import { isUtf8 } from 'node:buffer'
import { isUint8Array } from 'node:util/types'
import type { NdArray } from '../arrays/arrays.js'
import { refuseMore } from '../checks/arity.js'
import { checkBoolean, checkName, checkOptions, refuse } from '../checks/validate.js'
import { damaged, readBytes, toPath } from '../files/files.js'
import { columnFinder } from './columns.js'
import { type CsvNumbersOptions, checkNumbersOptions, type Decimal, toNumbers } from './csvNumbers.js'

/** Options of {@link readCsv}. */
export interface ReadCsvOptions {
  /**
   * The character between cells, any but a quote or a line end; default a comma, or a semicolon if `decimal` is a comma.
   */
  readonly separator?: string | undefined
  /** The first row names the columns; default true. */
  readonly header?: boolean | undefined
  /** The decimal mark of numbers, `'.'` or `','`; default `'.'`. Numbers may not contain other marks, such as thousands separators. */
  readonly decimal?: Decimal | undefined
}

/** The cells of a CSV file. */
export interface CsvTable {
  /** Names of the columns, without spaces around them; empty if `header` is false. */
  readonly header: readonly string[]
  /** Cells as texts; all rows have the same number of cells. */
  readonly rows: readonly (readonly string[])[]
  /** The line of the file on which each row begins, counted from 1, as in messages. */
  readonly lines: readonly number[]
  /**
   * Columns, given by name or by index from 0, as numbers of shape [rows, columns]. Default: all columns. Missing cells are an
   * error unless {@link CsvNumbersOptions.missing} gives a value for them.
   *
   * Throws `ERR_UNKNOWN_NAME` for a column that does not exist, and `ERR_FILE_FORMAT`, with line and column, for a cell that is not a
   * finite decimal number or that float32 cannot hold. Warns with `NEURODE_ROUNDED` if whole numbers, such as seconds since 1970 or
   * identifiers, are rounded to other numbers: `dtype: 'float64'` holds them up to 2^53.
   */
  numbers(
    columns: readonly (string | number)[] | undefined,
    options: CsvNumbersOptions & { readonly dtype: 'float64' },
  ): NdArray<Float64Array>
  numbers(
    columns?: readonly (string | number)[],
    options?: CsvNumbersOptions & { readonly dtype?: 'float32' | undefined },
  ): NdArray<Float32Array>
  /** One column, given by name or by index from 0, as texts. Throws `ERR_UNKNOWN_NAME` for a column that does not exist. */
  texts(column: string | number): string[]
}

/**
 * Reads a CSV file in UTF-8. For a file at an address, fetch it first and pass its bytes. Cells in quotes may contain separators, line
 * ends and, doubled, quotes. Lines end with LF, CR LF or CR. Blank lines and lines of spaces are skipped: a row of one empty cell is
 * written `""`.
 *
 * @param source - Path of the file, or its bytes.
 * @throws NeurodeError `ERR_FILE_NOT_FOUND`; `ERR_FILE_FORMAT`, with the line, for rows of different lengths, quotes that are not
 * closed, text that is not UTF-8, or NUL characters.
 *
 * @example
 * ```ts
 * import { readCsv } from 'neurode'
 *
 * const table = await readCsv(new TextEncoder().encode('a,b,kind\n1,2,cat\n3,NA,dog\n'))
 * const x = table.numbers(['a', 'b'], { missing: 0 }) // shape [2, 2]: 1, 2, 3, 0
 * const kinds = table.texts('kind') // ['cat', 'dog']
 * ```
 */
export function readCsv(source: string | URL | Uint8Array, given?: ReadCsvOptions): Promise<CsvTable>
export async function readCsv(
  source: string | URL | Uint8Array,
  given?: ReadCsvOptions,
  ...more: unknown[]
): Promise<CsvTable> {
  refuseMore(more, 2, 'readCsv')
  const options = checkOptions(given, ['separator', 'header', 'decimal'], 'readCsv')
  const decimal = options.decimal ?? '.'
  if (decimal !== '.' && decimal !== ',') refuse('decimal', "'.' or ','", decimal)
  const separator = checkName(options.separator ?? (decimal === ',' ? ';' : ','), 'separator')
  if (separator.length !== 1 || /["\r\n]/.test(separator)) {
    refuse('separator', 'one character but a quote or the end of a line', separator)
  }
  const hasHeader = checkBoolean(options.header ?? true, 'header')
  const name = isUint8Array(source) ? 'data' : toPath(source, 'source', 'a path or bytes')
  const bytes = isUint8Array(source) ? source : await readBytes(name)
  const { rows, lines } = parseRows(decode(bytes, name), separator, name)
  const header = hasHeader ? rows.shift()?.map((name) => name.trim()) : []
  if (header === undefined) throw damaged(name, 'expected a row with the names of the columns, got an empty file')
  if (hasHeader) lines.shift()
  const width = header.length || (rows[0]?.length ?? 0)
  const table = { name, header, rows, lines, decimal }
  const placeOf = columnFinder(header, width)
  const numbers = (columns?: readonly (string | number)[], given?: CsvNumbersOptions) => {
    const wanted = columns ?? Array.from({ length: width }, (_, i) => i)
    if (!Array.isArray(wanted)) refuse('columns', 'a list of names and places', columns)
    // Array.from turns holes of the list into undefined, which is refused; map would skip them.
    const places = Array.from(wanted, (column) => placeOf(column))
    return toNumbers(table, places, checkNumbersOptions(given))
  }
  const texts = (column: string | number) => {
    const place = placeOf(column)
    return rows.map((row) => row[place] as string)
  }
  return Object.freeze({ header, rows, lines, numbers: numbers as CsvTable['numbers'], texts } satisfies CsvTable)
}

const foreign = [
  { start: [0x1f, 0x8b], text: 'gzip data: unpack it first' },
  { start: [0x50, 0x4b, 3, 4], text: 'a zip file or a spreadsheet: save it as CSV' },
  { start: [0xff, 0xfe], text: 'UTF-16' },
  { start: [0xfe, 0xff], text: 'UTF-16' },
] as const

function decode(bytes: Uint8Array, name: string): string {
  const other = foreign.find(({ start }) => start.every((byte, i) => bytes[i] === byte))
  if (other !== undefined) throw damaged(name, `expected text in UTF-8, got ${other.text}`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw damaged(name, `line ${firstLineThat(bytes, (line) => !isUtf8(line))}: expected text in UTF-8`, error)
  }
  if (!text.includes('\0')) return text
  const line = firstLineThat(bytes, (each) => each.includes(0))
  throw damaged(name, `line ${line}: expected text, got a NUL character`)
}

function firstLineThat(bytes: Uint8Array, holds: (line: Uint8Array) => boolean): number {
  let line = 1
  for (let from = 0; from < bytes.length; line++) {
    let to = from
    while (to < bytes.length && bytes[to] !== 10 && bytes[to] !== 13) to++
    if (holds(bytes.subarray(from, to))) return line
    from = to + (bytes[to] === 13 && bytes[to + 1] === 10 ? 2 : 1)
  }
  return line
}

const quote = 34
const [lineFeed, carriageReturn, space, tab] = [10, 13, 32, 9]

function parseRows(text: string, separator: string, name: string): { rows: string[][]; lines: number[] } {
  const rows: string[][] = []
  const lines: number[] = []
  const end = separator.charCodeAt(0)
  let line = 1
  for (let at = 0; at < text.length; line++) {
    const blank = blankLineAt(text, at, end)
    if (blank > 0) {
      at += blank
      continue
    }
    const begin = line
    const row: string[] = []
    for (;;) {
      const quoted = text.charCodeAt(at) === quote
      const stop = quoted ? endOfQuoted(text, at, line, name) : endOfPlain(text, at, end)
      if (quoted) {
        const cell = text.slice(at + 1, stop - 1)
        row.push(cell.includes('"') ? cell.replaceAll('""', '"') : cell)
        line += lineEndsIn(cell)
      } else {
        row.push(text.slice(at, stop))
      }
      at = stop
      if (text.charCodeAt(at) !== end) break
      at++
    }
    const length = lineEndAt(text, at)
    if (length === 0 && at < text.length) {
      throw damaged(name, `line ${line}: expected a separator or the end of the line after a quote`)
    }
    at += length
    const [first] = rows
    if (first !== undefined && first.length !== row.length) {
      const expected = `expected ${first.length} cells as in line ${lines[0]}, got ${row.length}`
      throw damaged(name, `line ${begin}: ${expected}`)
    }
    rows.push(row)
    lines.push(begin)
  }
  return { rows, lines }
}

/** Length of a line of nothing but spaces and tabs, with its line end; 0 if the line holds anything else. */
function blankLineAt(text: string, from: number, end: number): number {
  let at = from
  for (let code = text.charCodeAt(at); (code === space || code === tab) && code !== end; ) code = text.charCodeAt(++at)
  const length = lineEndAt(text, at)
  return length > 0 || at === text.length ? at - from + length : 0
}

/** Length of the line end at an index; 0 if there is none. */
function lineEndAt(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code === lineFeed) return 1
  if (code !== carriageReturn) return 0
  return text.charCodeAt(at + 1) === lineFeed ? 2 : 1
}

function lineEndsIn(cell: string): number {
  return cell.includes('\n') || cell.includes('\r') ? (cell.match(/\r\n|\r|\n/g) ?? []).length : 0
}

function endOfPlain(text: string, from: number, end: number): number {
  let at = from
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === end || (code <= carriageReturn && (code === lineFeed || code === carriageReturn))) break
  }
  return at
}

/** The index after the closing quote. */
function endOfQuoted(text: string, from: number, line: number, name: string): number {
  let at = from + 1
  for (;;) {
    at = text.indexOf('"', at)
    if (at < 0) {
      throw damaged(name, `line ${line}: expected a closing quote for the one here, got the end of the file`)
    }
    if (text.charCodeAt(at + 1) !== quote) return at + 1
    at += 2
  }
}

/** Formats one line, with quotes around cells that need them. */
export function formatCsvLine(cells: readonly string[], separator: string): string {
  const needsQuotes = (cell: string) => cell.includes(separator) || /["\r\n]/.test(cell)
  const texts = cells.map((cell) => (needsQuotes(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
  return `${texts.join(separator)}\n`
}
