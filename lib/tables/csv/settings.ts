/** What is known of a table in CSV before its rows are read: options, and the beginning of the file. */

import { NeurodeError } from '../../base/errors.js'
import { warn } from '../../base/warnings.js'
import { checkInteger, suggest } from '../../checks/validate.js'
import { damaged } from '../../files/files.js'
import type { Decimal } from '../../formats/csvNumbers.js'
import type { ColumnType } from '../column.js'
import { printable, type TableOrigin } from '../table.js'
import { type CellRules, isDoubtful, isGap, type Reading, trimmed } from './cells.js'
import type { Wanted } from './columns.js'
import { type Head, readHead } from './head.js'
import type { CellReader, RowLines } from './rows.js'
import { type ByteSource, textSource } from './source.js'
import { TextCells } from './textCells.js'

/** Options of CSV after they were checked. */
export interface Settings {
  readonly delimiter: string | undefined
  readonly header: boolean
  readonly encoding: string | undefined
  readonly types: ReadonlyMap<string, ColumnType>
  /** The names of the columns to read; undefined for all. */
  readonly columns: readonly string[] | undefined
  readonly rules: CellRules
}

/** A file whose rows can be read. */
export interface CsvFile {
  readonly source: ByteSource
  readonly head: Head
  readonly wanted: readonly Wanted[]
  readonly rules: CellRules
}

/** Reads the beginning of a file. */
export async function openCsv(given: ByteSource, settings: Settings): Promise<CsvFile> {
  const source = await textSource(given, settings.encoding)
  const head = await readHead(source, settings.delimiter, settings.header)
  const wanted = wantedOf(head.names, settings.types, settings.columns, source.name)
  return { source, head, wanted, rules: settings.rules }
}

/** The columns to read. Throws `ERR_UNKNOWN_NAME` for names that the file does not have. */
export function wantedOf(
  names: readonly string[],
  types: ReadonlyMap<string, ColumnType>,
  columns: readonly string[] | undefined,
  file: string,
): Wanted[] {
  const places = new Map(names.map((name, place) => [name, place]))
  const placeOf = (name: string) => {
    const place = places.get(name)
    if (place !== undefined) return place
    const known = suggest(name, names.map(printable))
    throw new NeurodeError('ERR_UNKNOWN_NAME', `${file}: there is no column '${printable(name)}'${known}`)
  }
  for (const name of types.keys()) placeOf(name)
  return (columns ?? names).map((name) => ({ name, place: placeOf(name), asked: types.get(name) }))
}

/** Cells of a column that is read as texts. */
export function textCells({ head, rules }: CsvFile): TextCells {
  return new TextCells(head.quotesAll ? undefined : (text) => isGap(trimmed(text), rules))
}

/** Throws for a row with another number of cells. */
export function widthCheck({ source, head }: CsvFile): (line: number, cells: number) => never {
  return (line, cells) => {
    const { length } = head.names
    const expected = `expected ${length} ${length === 1 ? 'cell' : 'cells'} as in line ${head.headLine}, got ${cells}`
    throw damaged(source.name, `line ${line}: ${expected}`)
  }
}

/**
 * Throws for a column of which numbers are asked for, where nothing shows which of two numbers its cells are. With commas between
 * cells, the decimal mark is a point.
 */
export function checkDecimal(
  { source, head, wanted }: CsvFile,
  readings: readonly (Reading | undefined)[],
  shown: Decimal | undefined,
): void {
  if (head.delimiter === ',') return
  wanted.forEach(({ name, asked }, i) => {
    if (asked !== 'number' || !isDoubtful(readings[i]?.has ?? 0, shown, head.delimiter)) return
    const expected = `column '${printable(name)}': expected numbers that show their decimal mark, or the option decimal`
    throw damaged(source.name, `${expected}; got only such as 1.234, which may be 1234`)
  })
}

/** Readers of the columns that are wanted, by their places in the file. */
export function readersOf(
  { head }: CsvFile,
  columns: readonly { readonly place: number }[],
  readerOf: (i: number) => CellReader | undefined,
): (CellReader | undefined)[] {
  const readers = new Array<CellReader | undefined>(head.names.length).fill(undefined)
  columns.forEach(({ place }, i) => {
    readers[place] = readerOf(i)
  })
  return readers
}

/** Leaves out columns that have neither a name nor a value, as of lines that end in a delimiter, and tells of names made up. */
export function keptColumns({ source, head, wanted }: CsvFile, isEmpty: (i: number) => boolean): readonly boolean[] {
  const nameless = wanted.map(({ place }) => head.unnamed.has(place))
  const kept = nameless.map((each, i) => !each || !isEmpty(i) || wanted.length === 1)
  const made = wanted.filter((_, i) => nameless[i] && kept[i]).map(({ name }) => `'${name}'`)
  if (made.length > 0 && head.unnamed.size < head.names.length) {
    const names = made.length > 5 ? `${made.slice(0, 5).join(', ')}, … (${made.length})` : made.join(', ')
    warn('NEURODE_COLUMN_NAMES', `${source.name}: line ${head.headLine}: columns without names are called ${names}`)
  }
  return kept
}

/** Where the rows of a table come from. */
export function originOf(
  { source, head }: CsvFile,
  lines: RowLines,
  rows: number,
  decimal: Decimal | undefined,
): TableOrigin {
  const lineOf = (row: number) => lines.lineOf(checkInteger(row, 'row', 0, rows - 1))
  return Object.freeze({ path: source.name, delimiter: head.delimiter, decimal, lineOf })
}
