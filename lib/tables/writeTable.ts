/** Writes tables to files. */

import { refuseMore } from '../checks/arity.js'
import { checkOptions, refuse } from '../checks/validate.js'
import { writeAtomically } from '../files/files.js'
import { toPath } from '../files/paths.js'
import type { Decimal } from '../formats/csvNumbers.js'
import { type Column, cellOf } from './column.js'
import { trimmed, usualGaps } from './csv/cells.js'
import { delimiters, needsQuotes } from './csv/quotes.js'
import { isTableSource, type TableSource } from './openTable.js'
import { isTable, type Table } from './table.js'

/** The character between cells. */
type Delimiter = ',' | ';' | '\t' | '|'

/** Options of {@link writeTable}. */
export interface WriteTableOptions {
  /** The character between cells; default a comma, or a semicolon if `decimal` is a comma. */
  readonly delimiter?: Delimiter | undefined
  /** The decimal mark of numbers; default a point. */
  readonly decimal?: Decimal | undefined
}

/**
 * Writes a table in CSV, in UTF-8. Numbers have as many digits as it takes to read the same ones again; dates are in ISO form, without
 * a time at midnight; a gap is an empty cell, or `NA` where a line would be empty. Texts are written as they are, those that a
 * spreadsheet would take for formulas as well; those that {@link readTable} would take for gaps, such as `NA` and the empty text, stand
 * in quotes. A file of that name is replaced once all is written.
 *
 * @param path - Path of the file.
 * @param table - A table, or one that {@link openTable} opened.
 * @throws NeurodeError `ERR_FILE_WRITE` if the file cannot be written.
 *
 * @example
 * ```ts
 * import { readTable, table, writeTable } from 'neurode'
 *
 * await writeTable('cars.csv', table([{ make: 'Fiat', price: 4250.5 }, { make: 'A, "B"', price: null }]))
 * console.log((await readTable('cars.csv')).row(1)) // { make: 'A, "B"', price: null }
 * ```
 */
export function writeTable(path: string | URL, table: Table | TableSource, given?: WriteTableOptions): Promise<void>
export async function writeTable(
  path: string | URL,
  table: Table | TableSource,
  given?: WriteTableOptions,
  ...more: unknown[]
): Promise<void> {
  refuseMore(more, 3, 'writeTable')
  const { decimal = '.', ...rest } = checkOptions(given, ['delimiter', 'decimal'], 'writeTable')
  if (decimal !== '.' && decimal !== ',') refuse('writeTable: decimal', "'.' or ','", decimal)
  const { delimiter = decimal === ',' ? ';' : ',' } = rest
  if (!delimiters.includes(delimiter)) {
    refuse('writeTable: delimiter', "',', ';', '|' or a tab", delimiter)
  }
  if (!isTable(table) && !isTableSource(table)) refuse('table', 'a table', table)
  await writeAtomically(toPath(path, 'path'), chunksOf(table, delimiter, decimal))
}

/** About as many characters are written at a time. */
const chunkLength = 2 ** 16

async function* chunksOf(table: Table | TableSource, delimiter: string, decimal: string): AsyncGenerator<Uint8Array> {
  // A reader finds no delimiter in a single column, and could take any for it.
  const marks = table.columns.length > 1 ? [delimiter] : delimiters
  let text = lineOf(
    table.columns.map(({ name }) => (needsQuotes(name, marks) ? quoted(name) : name)),
    delimiter,
  )
  for await (const { columns, rows } of isTable(table) ? [table] : table) {
    const writers = columns.map((column) => writerOf(column, marks, decimal))
    for (let row = 0; row < rows; row++) {
      text += lineOf(
        writers.map((write) => write(row)),
        delimiter,
      )
      if (text.length < chunkLength) continue
      yield Buffer.from(text)
      text = ''
    }
  }
  yield Buffer.from(text)
}

/** A line of cells. A gap in a line of its own would be left out when it is read. */
function lineOf(cells: readonly string[], delimiter: string): string {
  return `${cells.join(delimiter) || 'NA'}\n`
}

const gaps = new Set(usualGaps)

function writerOf(column: Column, marks: readonly string[], decimal: string): (row: number) => string {
  if (column.type === 'text') {
    const words = column.words.map((word) =>
      needsQuotes(word, marks) || gaps.has(trimmed(word)) ? quoted(word) : word,
    )
    return (row) => words[column.codes[row] as number] ?? ''
  }
  return (row) => {
    const cell = cellOf(column, row)
    if (cell === null) return ''
    if (cell instanceof Date) return cell.toISOString().replace('T00:00:00.000Z', '')
    if (typeof cell !== 'number') return String(cell)
    const text = numeral(cell)
    if (decimal === '.') return text
    const written = text.replace('.', ',')
    return needsQuotes(written, marks) ? quoted(written) : written
  }
}

/** A number in digits, with an exponent where whole numbers would be read as texts. */
function numeral(value: number): string {
  if (Object.is(value, -0)) return '-0'
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value)
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}
