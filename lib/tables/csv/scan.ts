/** Reads all rows of a file into columns. */

import { Lines } from './lines.js'
import { type CellReader, RowScanner } from './rows.js'
import { type CsvFile, readersOf, widthCheck } from './settings.js'

/** Where the cells of a column go; that may change between parts of the file. */
export interface ScannedColumn {
  readonly place: number
  reader(): CellReader
}

/** Reads all rows. `afterFirst` is called with the number of rows once those of the first part of the file are there. */
export async function scanAll(
  file: CsvFile,
  columns: readonly ScannedColumn[],
  afterFirst?: (rows: number) => void,
): Promise<RowScanner> {
  const { source, head } = file
  const scanner = new RowScanner(source.name, head.delimiter.charCodeAt(0), head.line)
  const refuse = widthCheck(file)
  const lines = new Lines(source.name, source.chunks())
  try {
    await lines.skip(head.offset)
    let readers = readersOf(file, columns, (i) => columns[i]?.reader())
    for (let part = 0; await lines.next(scanner.line); part++) {
      lines.take(scanner.scan(lines.bytes, 0, lines.to, lines.isLast, readers, Number.POSITIVE_INFINITY, refuse))
      if (part > 0 || afterFirst === undefined) continue
      afterFirst(scanner.rows)
      readers = readersOf(file, columns, (i) => columns[i]?.reader())
    }
  } finally {
    await lines[Symbol.asyncDispose]()
  }
  return scanner
}
