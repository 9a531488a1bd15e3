/** CSV (RFC 4180): texts in rows, and numbers from them. */

import { isUint8Array } from 'node:util/types'
import type { NdArray } from '../data/arrays.js'
import { ShapedArray } from '../data/shapedArray.js'
import { NeurodeError } from '../errors.js'
import { checkBoolean, checkName, checkOptions, describe, refuse, suggest } from '../validate.js'
import { damaged, readBytes, toPath } from './files.js'

/** Options of {@link readCsv}. */
export interface ReadCsvOptions {
  /** Between cells: one character but a quote or the end of a line; default a comma. */
  readonly separator?: string | undefined
  /** The first row names the columns; default true. */
  readonly header?: boolean | undefined
}

/** The cells of a CSV file. */
export interface CsvTable {
  /** Names of the columns; empty without a header. */
  readonly header: readonly string[]
  /** Cells as texts; all rows have the same number. */
  readonly rows: readonly (readonly string[])[]
  /**
   * Columns, by name or place from 0, as numbers: shape [rows, columns]. Default: all columns. Throws `ERR_UNKNOWN_NAME` for a
   * column that is not there and `ERR_FILE_FORMAT` for a cell that is not a finite decimal number.
   */
  numbers(columns?: readonly (string | number)[]): NdArray<Float32Array>
}

/**
 * Reads a CSV file in UTF-8. Cells in quotes may hold separators, line ends and, doubled, quotes. Lines end with LF or
 * CR LF; an empty last line does not count.
 *
 * @param source - Path of the file, or its bytes.
 * @throws NeurodeError `ERR_FILE_NOT_FOUND`; `ERR_FILE_FORMAT` for rows of different length, quotes that are not closed, text
 * that is not UTF-8, NUL characters.
 *
 * @example
 * ```ts
 * import { readCsv } from 'neurode'
 *
 * const table = await readCsv(new TextEncoder().encode('a,b,label\n1,2,0\n3,4,1\n'))
 * const x = table.numbers(['a', 'b']) // shape [2, 2]
 * const y = table.numbers(['label']) // shape [2, 1]
 * ```
 */
export async function readCsv(source: string | URL | Uint8Array, given?: ReadCsvOptions): Promise<CsvTable> {
  const options = checkOptions(given, ['separator', 'header'], 'readCsv')
  const separator = checkName(options.separator ?? ',', 'separator')
  if (separator.length !== 1 || /["\r\n]/.test(separator)) {
    refuse('separator', 'one character but a quote or the end of a line', separator)
  }
  const name = isUint8Array(source) ? 'data' : toPath(source, 'source', 'a path or bytes')
  const bytes = isUint8Array(source) ? source : await readBytes(name)
  const rows = parseRows(decode(bytes, name), separator, name)
  const header = checkBoolean(options.header ?? true, 'header') ? rows.shift() : []
  if (header === undefined) throw damaged(name, 'expected a row with the names of the columns, got an empty file')
  return Object.freeze({
    header,
    rows,
    numbers: (columns) => toNumbers(header, rows, columns, name),
  } satisfies CsvTable)
}

function decode(bytes: Uint8Array, name: string): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw damaged(name, 'expected text in UTF-8', error)
  }
  if (text.includes('\0')) throw damaged(name, 'expected text, got a NUL character')
  return text
}

const quote = 34

function parseRows(text: string, separator: string, name: string): string[][] {
  const rows: string[][] = []
  const end = separator.charCodeAt(0)
  let at = 0
  while (at < text.length) {
    const row: string[] = []
    for (;;) {
      const quoted = text.charCodeAt(at) === quote
      const stop = quoted ? endOfQuoted(text, at, rows.length, name) : endOfPlain(text, at, end)
      const cell = quoted ? text.slice(at + 1, stop - 1).replaceAll('""', '"') : text.slice(at, stop)
      row.push(cell)
      at = stop
      if (text.charCodeAt(at) !== end) break
      at++
    }
    const lineEnd = text.startsWith('\r\n', at) ? 2 : text[at] === '\n' ? 1 : 0
    if (lineEnd === 0 && at < text.length) {
      throw damaged(name, `row ${rows.length}: expected a separator or the end of the line after a quote`)
    }
    at += lineEnd
    const [first] = rows
    if (first !== undefined && first.length !== row.length) {
      throw damaged(name, `row ${rows.length}: expected ${first.length} cells as in the first row, got ${row.length}`)
    }
    rows.push(row)
  }
  return rows
}

function endOfPlain(text: string, from: number, end: number): number {
  let at = from
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === end || code === 10 || (code === 13 && text.charCodeAt(at + 1) === 10)) break
  }
  return at
}

/** The place after the closing quote. */
function endOfQuoted(text: string, from: number, row: number, name: string): number {
  let at = from + 1
  for (;;) {
    at = text.indexOf('"', at)
    if (at < 0) throw damaged(name, `row ${row}: expected a closing quote, got the end of the file`)
    if (text.charCodeAt(at + 1) !== quote) return at + 1
    at += 2
  }
}

const decimal = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/

function toNumbers(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  columns: readonly (string | number)[] | undefined,
  name: string,
): NdArray<Float32Array> {
  const width = header.length || (rows[0]?.length ?? 0)
  const places = (columns ?? Array.from({ length: width }, (_, i) => i)).map((column) => placeOf(column, header, width))
  const data = new Float32Array(rows.length * places.length)
  rows.forEach((row, r) => {
    places.forEach((place, c) => {
      const cell = row[place] as string
      // Beyond 400 characters a number has digits that no double holds, and the pattern would be slow.
      const value = cell.length <= 400 && decimal.test(cell) ? Number(cell) : Number.NaN
      if (!Number.isFinite(value)) {
        throw damaged(name, `row ${r}, column ${header[place] ?? place}: expected a number, got ${describe(cell)}`)
      }
      data[r * places.length + c] = value
    })
  })
  return Object.freeze(new ShapedArray(data, Object.freeze([rows.length, places.length])))
}

function placeOf(column: string | number, header: readonly string[], width: number): number {
  if (typeof column === 'number') {
    if (Number.isInteger(column) && column >= 0 && column < width) return column
    return refuse('columns', `places from 0 to ${width - 1}`, column)
  }
  const place = header.indexOf(column)
  if (place < 0) {
    throw new NeurodeError('ERR_UNKNOWN_NAME', `columns: there is no column '${column}'${suggest(column, header)}`)
  }
  if (header.lastIndexOf(column) === place) return place
  throw new NeurodeError('ERR_ARGUMENT', `columns: '${column}' names several columns: give their places`)
}

/** One line, with quotes where cells need them. */
export function formatCsvLine(cells: readonly string[], separator: string): string {
  const needsQuotes = (cell: string) => cell.includes(separator) || /["\r\n]/.test(cell)
  const texts = cells.map((cell) => (needsQuotes(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
  return `${texts.join(separator)}\n`
}
