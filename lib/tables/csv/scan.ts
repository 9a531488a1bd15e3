/** Reads all rows of a file into columns. */

import { Lines } from './lines.js'
import { type CellReader, RowScanner } from './rows.js'
import { type CsvFile, readersOf, widthCheck } from './settings.js'

/** Where the cells of a column go; that may change between parts of the file. */
export interface ScannedColumn {
  readonly place: number
  reader(): CellReader
}

/** At most so many rows are expected: where the first ones are short, a guess can be far too high. */
const mostExpected = 2 ** 26

/**
 * Reads all rows. `afterFirst` is called with the number of rows once those of the first part of the file are there, and with about how
 * many there will be.
 */
export async function scanAll(
  file: CsvFile,
  columns: readonly ScannedColumn[],
  afterFirst?: (rows: number, expected: number) => void,
): Promise<RowScanner> {
  const { source, head } = file
  const scanner = new RowScanner(source.name, head.delimiter.charCodeAt(0), head.line)
  const refuse = widthCheck(file)
  const lines = new Lines(source.name, source.chunks())
  try {
    await lines.skip(head.offset)
    let readers = readersOf(file, columns, (i) => columns[i]?.reader())
    for (let part = 0; await lines.next(scanner.line); part++) {
      const taken = scanner.scan(lines.bytes, 0, lines.to, lines.isLast, readers, Number.POSITIVE_INFINITY, refuse)
      lines.take(taken)
      if (part > 0 || afterFirst === undefined) continue
      const size = (await source.size()) ?? 0
      afterFirst(scanner.rows, taken > 0 ? Math.min(mostExpected, Math.ceil((1.02 * scanner.rows * size) / taken)) : 0)
      readers = readersOf(file, columns, (i) => columns[i]?.reader())
    }
  } finally {
    await lines[Symbol.asyncDispose]()
  }
  return scanner
}
