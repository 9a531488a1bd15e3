/** Tables that commands write: CSV with the predictions behind the columns of the input. */

import { once } from 'node:events'
import { writeAtomically } from '../../files/files.js'
import type { Cell } from '../../tables/column.js'

/** How cells are written. */
export interface CsvStyle {
  readonly delimiter: string
  readonly decimal: string
}

/** A line of CSV. A gap is an empty cell. */
export function csvLine(cells: readonly Cell[], style: CsvStyle): string {
  return `${cells.map((cell) => csvCell(cell, style)).join(style.delimiter)}\n`
}

function csvCell(cell: Cell, { delimiter, decimal }: CsvStyle): string {
  if (cell === null) return ''
  const text = plainCell(cell, decimal)
  const isPlain = text !== '' && text === text.trim() && !/["\r\n]/.test(text) && !text.includes(delimiter)
  return isPlain ? text : `"${text.replaceAll('"', '""')}"`
}

function plainCell(cell: Exclude<Cell, null>, decimal: string): string {
  if (typeof cell === 'number') return String(cell).replace('.', decimal)
  if (!(cell instanceof Date)) return String(cell)
  const text = cell.toISOString()
  return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : text
}

/** Writes texts to a file, which is replaced as a whole, or to stdout where no path is given. */
export async function writeTexts(path: string | undefined, texts: AsyncIterable<string>): Promise<void> {
  if (path !== undefined) {
    await writeAtomically(path, encoded(texts))
    return
  }
  for await (const text of texts) if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

async function* encoded(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const text of texts) yield Buffer.from(text)
}
