/** Reads tables from files. */

import { isUint8Array } from 'node:util/types'
import { refuseMore } from '../checks/arity.js'
import { checkBoolean, checkName, checkOptions, refuse } from '../checks/validate.js'
import { toPath } from '../files/paths.js'
import type { Decimal } from '../formats/csvNumbers.js'
import type { ColumnType } from './column.js'
import { numberOf, trimmed, usualBooleans, usualGaps } from './csv/cells.js'
import type { Settings } from './csv/settings.js'
import { checkTypes } from './inMemory.js'
import { firstTwice, printable, type Table } from './table.js'

/** Options of {@link readTable}. */
export interface ReadTableOptions {
  /** The character between cells. Default: a comma, semicolon, tab or bar, as the first rows have it. */
  readonly delimiter?: string | undefined
  /** The decimal mark of numbers. Default: that which the numbers show. */
  readonly decimal?: Decimal | undefined
  /**
   * The mark between thousands, or `''` for none. Default: a comma or a point, whichever is not the decimal mark, an apostrophe, or a
   * space.
   */
  readonly thousands?: string | undefined
  /** The first row names the columns; otherwise they are called `column_1` and so on. Default true. */
  readonly header?: boolean | undefined
  /** Types of columns by their names. Default: what all cells of a column are, else text. */
  readonly types?: Readonly<Record<string, ColumnType>> | undefined
  /** The names of the columns to read, in the order of the table. Default: all. */
  readonly columns?: readonly string[] | undefined
  /**
   * Texts that stand for a gap, besides empty cells and cells of spaces. Default: `NA`, `N/A`, `n/a`, `#N/A`, `#NA`, `<NA>`, `NaN`,
   * `nan`, `-NaN`, `-nan`, `null`, `NULL`, `Null`, `None`, `-`, `?`, `k. A.`, `k.A.`, `k. a.`, `n. v.` and `n.v.`
   */
  readonly gaps?: readonly string[] | undefined
  /**
   * The order in dates such as 1/2/2024: day or month first. Default: as the cells show; where a column does not show it, its cells
   * are texts.
   */
  readonly dates?: 'dmy' | 'mdy' | undefined
  /**
   * Pairs of words for true and false. Default: true and false, yes and no, y and n, ja and nein, j and n, wahr and falsch, vrai and
   * faux, oui and non, si and no, sí and no. Case does not count.
   */
  readonly booleans?: readonly (readonly [isTrue: string, isFalse: string])[] | undefined
  /** The encoding of the text, such as `'windows-1252'`. Default: UTF-8, or UTF-16 if the file begins with its byte order mark. */
  readonly encoding?: string | undefined
}

/**
 * Reads a table: columns of numbers, texts, booleans and dates. What a column is, all of its cells decide, not the first ones alone.
 * Cells that would lose something as numbers stay texts: digits after zeros, such as postcodes, whole numbers beyond 2^53, and numbers
 * beyond float64.
 *
 * CSV may be packed by gzip. Cells in quotes may contain delimiters, line ends and, doubled, quotes; blank lines are skipped. Excel's
 * first line, `sep=;`, names the delimiter. Names of columns are without spaces around them. In a column of texts, cells in quotes such
 * as `"NA"` and `""` are texts and no gaps, unless the first row has all of its cells in quotes.
 *
 * Files of Parquet are read by the package `hyparquet`, those of Arrow and Feather by `apache-arrow`; install the one that you need. Of
 * the options, `types` and `columns` are for them as well.
 *
 * @param source - Path of the file, or its bytes.
 * @throws NeurodeError `ERR_FILE_NOT_FOUND`; `ERR_FILE_FORMAT`, with the line and, for a cell, the column, for rows of different lengths,
 * quotes that are not closed, bytes that are no text, columns of the same name, and cells that are not of the type that `types` gives;
 * `ERR_UNKNOWN_NAME` for a column that does not exist; `ERR_PACKAGE_MISSING` for the packages above.
 *
 * @example
 * ```ts
 * import { readTable } from 'neurode'
 *
 * const csv = 'make;price;listed\nFiat;4.250,50;3.1.2024\nBMW;;12.2.2024\n'
 * const cars = await readTable(new TextEncoder().encode(csv))
 * console.log(cars.row(0)) // { make: 'Fiat', price: 4250.5, listed: 2024-01-03T00:00:00.000Z }
 * console.log(cars.column('price').missing) // 1
 * ```
 */
export function readTable(source: string | URL | Uint8Array, given?: ReadTableOptions): Promise<Table>
export async function readTable(
  given: string | URL | Uint8Array,
  options?: ReadTableOptions,
  ...more: unknown[]
): Promise<Table> {
  refuseMore(more, 2, 'readTable')
  const settings = checkReading(checkOptions(options, readingNames, 'readTable'), 'readTable')
  const source = isUint8Array(given) ? given.slice() : toPath(given, 'source', 'a path or bytes')
  const { beginOf, sourceOf } = await import('./csv/source.js')
  const { columnarFormat, openColumnar } = await import('./columnar/read.js')
  const format = columnarFormat(await beginOf(sourceOf(source)))
  if (format !== undefined) return (await openColumnar(source, format, settings)).read()
  const { readCsvTable } = await import('./csv/readCsvTable.js')
  return readCsvTable(sourceOf(source), settings)
}

/** The names of the options of {@link readTable}. */
export const readingNames: readonly (keyof ReadTableOptions)[] = [
  ...(['delimiter', 'decimal', 'thousands', 'header', 'types', 'columns', 'gaps', 'dates', 'booleans'] as const),
  'encoding',
]

/** Checks the options of {@link readTable}. */
export function checkReading(options: ReadTableOptions, caller: string): Settings {
  const { decimal, dates, gaps, booleans, columns, encoding } = options
  if (decimal !== undefined && decimal !== '.' && decimal !== ',') refuse(`${caller}: decimal`, "'.' or ','", decimal)
  if (dates !== undefined && dates !== 'dmy' && dates !== 'mdy') refuse(`${caller}: dates`, "'dmy' or 'mdy'", dates)
  if (columns !== undefined) checkColumns(columns, `${caller}: columns`)
  const gapTexts = checkTexts(gaps ?? usualGaps, `${caller}: gaps`).map(trimmed)
  const gapNumbers = gapTexts.map((gap) => numberOf(gap, decimal ?? '.', undefined, true))
  return {
    delimiter: checkDelimiter(options.delimiter, `${caller}: delimiter`),
    header: checkBoolean(options.header ?? true, `${caller}: header`),
    encoding: encoding === undefined ? undefined : checkName(encoding, `${caller}: encoding`),
    types: checkTypes(options.types, `${caller}: types`),
    columns,
    rules: {
      decimal,
      thousands: checkThousands(options.thousands, decimal, `${caller}: thousands`),
      dates,
      booleans: booleans === undefined ? usualBooleans : checkPairs(booleans, `${caller}: booleans`),
      hasOwnBooleans: booleans !== undefined,
      gaps: new Set(gapTexts),
      numericGaps: new Set(gapNumbers.filter((gap) => gap !== undefined)),
    },
  }
}

function checkTexts(value: unknown, argument: string): readonly string[] {
  if (Array.isArray(value) && Array.from(value).every((each) => typeof each === 'string')) return value
  return refuse(argument, 'a list of texts', value)
}

function checkColumns(value: unknown, argument: string): void {
  const names = checkTexts(value, argument)
  if (names.length === 0) refuse(argument, 'at least one name', value)
  const twice = names[firstTwice(names)]
  if (twice !== undefined) refuse(argument, 'each column once', printable(twice))
}

function checkDelimiter(value: unknown, argument: string): string | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string' && /^[\t\x20-\x7e]$/.test(value) && !/["\w.+-]/.test(value)) return value
  return refuse(argument, 'one character of ASCII, but no letter, digit, quote, point, sign or line end', value)
}

function checkThousands(value: unknown, decimal: string | undefined, argument: string): string | undefined {
  const isMark = typeof value === 'string' && ['', '.', ',', ' ', "'", '’', '\u00a0', '\u202f'].includes(value)
  if (value === undefined || (isMark && value !== decimal)) return value
  return refuse(argument, "'.', ',', ' ', an apostrophe or '', and not the decimal mark", value)
}

/** As many pairs as there are bits for. */
const mostPairs = 20

function checkPairs(value: unknown, argument: string): readonly (readonly [string, string])[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > mostPairs) {
    return refuse(argument, `1 to ${mostPairs} pairs of words, such as [['ja', 'nein']]`, value)
  }
  return Array.from(value as readonly unknown[], (pair, i) => {
    const [isTrue, isFalse, ...rest] = checkTexts(pair, `${argument}[${i}]`).map((word) => word.trim().toLowerCase())
    if (isTrue && isFalse && isTrue !== isFalse && rest.length === 0) return [isTrue, isFalse] as const
    return refuse(`${argument}[${i}]`, 'two different words', pair)
  })
}
