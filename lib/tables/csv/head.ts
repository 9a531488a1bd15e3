/** The beginning of a table in CSV: the character between cells, and the names of the columns. */

import { damaged } from '../../files/files.js'
import { printable } from '../table.js'
import { Lines } from './lines.js'
import { delimiters, needsQuotes } from './quotes.js'
import { blankLine, hasMark, readRow, textOf } from './rows.js'
import type { ByteSource } from './source.js'

/** What the beginning of a file tells. */
export interface Head {
  readonly delimiter: string
  /** The names of the columns, without spaces around them; made up where the file has none. */
  readonly names: readonly string[]
  /** Which names are empty in the file. */
  readonly unnamed: ReadonlySet<number>
  /** Whether the first row has all cells in quotes, also where they need none: then quotes do not tell a text from a gap. */
  readonly quotesAll: boolean
  /** The line that names the columns; for a file without, that of the first row. */
  readonly headLine: number
  /** Where the rows begin: their place in bytes, and their line. */
  readonly offset: number
  readonly line: number
}

const sampleBytes = 2 ** 16
const mostSampled = 200

/** Reads the beginning of a file. */
export async function readHead(source: ByteSource, given: string | undefined, hasHeader: boolean): Promise<Head> {
  const lines = new Lines(source.name, source.chunks())
  try {
    await lines.atLeast(sampleBytes)
    for (;;) {
      if (!(await lines.next(1)) && lines.isLast) break
      const head = headOf(lines, source.name, given, hasHeader)
      if (head !== undefined) return head
      lines.take(0)
    }
    throw damaged(source.name, 'expected a row with the names of the columns, got an empty file')
  } finally {
    await lines[Symbol.asyncDispose]()
  }
}

function headOf(lines: Lines, name: string, given: string | undefined, hasHeader: boolean): Head | undefined {
  const { bytes, to, isLast } = lines
  let { at, line, delimiter } = separatorLine(bytes, to)
  delimiter ??= given
  for (let blank = 0; ; line++, at += blank) {
    // A tab between cells makes no line blank.
    blank = blankLine(bytes, at, to, delimiter === undefined ? 9 : delimiter.charCodeAt(0))
    if (blank === 0) break
    if (at + blank >= to) return isLast ? empty(name) : undefined
  }
  if (hasMark(bytes, at)) throw damaged(name, `line ${line}: expected text, got a second byte order mark`)
  delimiter ??= guessDelimiter(bytes, at, to)
  const row = readRow(bytes, at, to, delimiter.charCodeAt(0))
  if (row === undefined) {
    if (isLast) throw damaged(name, `line ${line}: expected a closing quote for the one here, got the end of the file`)
    return undefined
  }
  const names = hasHeader ? row.cells.map((cell) => cell.trim()) : row.cells.map(() => '')
  if (hasHeader && names.every((each) => each === '')) {
    throw damaged(name, `line ${line}: expected names of columns, got empty ones; without names: { header: false }`)
  }
  const made = makeNames(names)
  refuseSame(made.names, name, line)
  return {
    ...made,
    delimiter,
    quotesAll: row.quoted.every(Boolean) && !row.cells.every((cell) => needsQuotes(cell, delimiters)),
    headLine: line,
    offset: hasHeader ? row.end : at,
    line: hasHeader ? line + row.lines : line,
  }
}

function empty(name: string): never {
  throw damaged(name, 'expected a row with the names of the columns, got an empty file')
}

/** The line `sep=;` that Excel reads and writes. */
function separatorLine(bytes: Uint8Array, to: number): { at: number; line: number; delimiter: string | undefined } {
  const [line, delimiter] = /^sep=(.)(?:\r\n|\n|\r)/.exec(textOf(bytes, 0, Math.min(to, 8))) ?? []
  return line === undefined ? { at: 0, line: 1, delimiter: undefined } : { at: line.length, line: 2, delimiter }
}

/** The character that stands in the first row and divides most of the rows after it into as many cells. */
function guessDelimiter(bytes: Uint8Array, from: number, to: number): string {
  let best = { delimiter: ',', share: 0, width: 1 }
  for (const delimiter of delimiters) {
    const widths = widthsOf(bytes, from, to, delimiter.charCodeAt(0))
    const [width = 1] = widths
    if (width === 1) continue
    const share = widths.filter((each) => each === width).length / widths.length
    if (share > best.share || (share === best.share && width > best.width)) best = { delimiter, share, width }
  }
  return best.delimiter
}

function widthsOf(bytes: Uint8Array, from: number, to: number, delimiter: number): number[] {
  const widths: number[] = []
  for (let at = from; at < to && widths.length < mostSampled && at - from < sampleBytes; ) {
    const blank = blankLine(bytes, at, to, delimiter)
    const row = blank > 0 ? undefined : readRow(bytes, at, to, delimiter)
    if (row !== undefined) widths.push(row.cells.length)
    else if (blank === 0) break
    at = row?.end ?? at + blank
  }
  return widths
}

function makeNames(given: readonly string[]): Pick<Head, 'names' | 'unnamed'> {
  const taken = new Set(given)
  const unnamed = new Set<number>()
  const names = given.map((name, place) => {
    if (name !== '') return name
    unnamed.add(place)
    let made = `column_${place + 1}`
    while (taken.has(made)) made += '_'
    taken.add(made)
    return made
  })
  return { names, unnamed }
}

function refuseSame(names: readonly string[], file: string, line: number): void {
  const places = new Map<string, number>()
  names.forEach((name, place) => {
    const first = places.get(name)
    if (first !== undefined) {
      const columns = `${first + 1} and ${place + 1}`
      throw damaged(
        file,
        `line ${line}: expected columns of different names, got '${printable(name)}' twice, as ${columns}`,
      )
    }
    places.set(name, place)
  })
}
