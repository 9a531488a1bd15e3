/** Finds the cells of CSV in bytes. */

import { damaged } from '../../files/files.js'

/** Takes the cells of a column. */
export interface CellReader {
  /** Takes the cell of a row that stands in quotes: the bytes from `start` to `end`. The byte at `end` belongs to no number. */
  set(row: number, bytes: Uint8Array, start: number, end: number): void
  /**
   * Takes the cell of a row that begins at `start` without a quote, and returns where it ends: at a delimiter or a line end, which one
   * pass over its bytes finds as well.
   */
  read(row: number, bytes: Uint8Array, start: number, delimiter: number): number
}

const [tab, lineFeed, carriageReturn, space, quote] = [9, 10, 13, 32, 34]

/** The lines on which rows begin; most begin on the line after the row before. */
export class RowLines {
  readonly #rows: number[] = []
  readonly #lines: number[] = []
  #next = 0

  note(row: number, line: number): void {
    if (line !== this.#next) {
      this.#rows.push(row)
      this.#lines.push(line)
    }
    this.#next = line + 1
  }

  lineOf(row: number): number {
    let low = 0
    let high = this.#rows.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.#rows[middle] as number) <= row) low = middle
      else high = middle
    }
    return (this.#lines[low] as number) + row - (this.#rows[low] as number)
  }
}

/** Reads rows one after the other, and knows on which line it is. */
export class RowScanner {
  /** How many rows were read. */
  rows = 0
  /** The line on which the next row begins. */
  line: number
  lines = new RowLines()
  readonly #name: string
  readonly #delimiter: number
  #scratch = new Uint8Array(64)

  constructor(name: string, delimiter: number, line: number) {
    this.#name = name
    this.#delimiter = delimiter
    this.line = line
  }

  /**
   * Reads rows from `from` on, up to `most`. A line end stands before `to`; where `isLast` tells that no bytes follow, at `to` suffices.
   * Returns where the first row begins that was not read, which may be one with a quote that is not closed yet. `refuse` throws for a
   * row with another number of cells.
   */
  scan(
    bytes: Uint8Array,
    from: number,
    to: number,
    isLast: boolean,
    readers: readonly (CellReader | undefined)[],
    most: number,
    refuse: (line: number, cells: number) => never,
  ): number {
    const delimiter = this.#delimiter
    const width = readers.length
    let at = from
    for (const end = this.rows + most; at < to && this.rows < end; ) {
      const blank = (bytes[at] as number) <= space ? blankLine(bytes, at, to, delimiter) : 0
      if (blank > 0) {
        at += blank
        this.line++
        continue
      }
      if (hasMark(bytes, at)) {
        throw damaged(this.#name, `line ${this.line}: expected text, got a byte order mark, as where files were joined`)
      }
      const begin = at
      let { line } = this
      let column = 0
      for (; ; at++) {
        const reader = column < width ? readers[column] : undefined
        if (bytes[at] !== quote) {
          at = reader === undefined ? endOfCell(bytes, at, delimiter) : reader.read(this.rows, bytes, at, delimiter)
        } else {
          const start = at + 1
          const close = closingQuote(bytes, start, to)
          if (close < 0 && !isLast) return begin
          at = this.#afterQuote(bytes, start, close, to, line)
          line += lineEnds(bytes, start, close)
          const length = hasDoubled(bytes, start, close) ? this.#unescape(bytes, start, close) : -1
          if (length < 0) reader?.set(this.rows, bytes, start, close)
          else reader?.set(this.rows, this.#scratch, 0, length)
        }
        column++
        if (bytes[at] !== delimiter || at >= to) break
      }
      if (column !== width) refuse(this.line, column)
      this.lines.note(this.rows, this.line)
      this.rows++
      this.line = line + 1
      at += lineEnd(bytes, at, to)
    }
    return at
  }

  /** Checks what follows a cell in quotes, and returns where that is. */
  #afterQuote(bytes: Uint8Array, start: number, close: number, to: number, line: number): number {
    if (close < 0) {
      throw damaged(this.#name, `line ${line}: expected a closing quote for the one here, got the end of the file`)
    }
    const at = close + 1
    if (at >= to || bytes[at] === this.#delimiter || bytes[at] === lineFeed || bytes[at] === carriageReturn) return at
    const here = line + lineEnds(bytes, start, close)
    const opened = here === line ? 'a quote' : `the quote that closes the one of line ${line}`
    throw damaged(this.#name, `line ${here}: expected a delimiter or the end of the line after ${opened}`)
  }

  /** Copies a cell whose quotes are doubled, with single ones; returns its length. */
  #unescape(bytes: Uint8Array, start: number, end: number): number {
    if (this.#scratch.length <= end - start) this.#scratch = new Uint8Array(2 * (end - start))
    const to = this.#scratch
    let length = 0
    for (let at = start; at < end; at++) {
      to[length++] = bytes[at] as number
      if (bytes[at] === quote) at++
    }
    // The byte after a cell belongs to no number.
    to[length] = quote
    return length
  }
}

/** Reads the cells of one row as texts, which of them stand in quotes, and where the next row begins; undefined if the row is not whole. */
export function readRow(
  bytes: Uint8Array,
  from: number,
  to: number,
  delimiter: number,
): { cells: string[]; quoted: boolean[]; end: number; lines: number } | undefined {
  const cells: string[] = []
  const quoted: boolean[] = []
  let lines = 1
  for (let at = from; ; at++) {
    const start = at
    quoted.push(bytes[at] === quote)
    if (bytes[at] === quote) {
      const close = closingQuote(bytes, at + 1, to)
      if (close < 0) return undefined
      cells.push(textOf(bytes, start + 1, close).replaceAll('""', '"'))
      lines += lineEnds(bytes, start + 1, close)
      at = close + 1
      // What stands between the quote and the delimiter is refused where rows are read.
      while (at < to && bytes[at] !== delimiter && bytes[at] !== lineFeed && bytes[at] !== carriageReturn) at++
    } else {
      while (at < to && bytes[at] !== delimiter && bytes[at] !== lineFeed && bytes[at] !== carriageReturn) at++
      cells.push(textOf(bytes, start, at))
    }
    if (at >= to || bytes[at] !== delimiter) return { cells, quoted, end: at + lineEnd(bytes, at, to), lines }
  }
}

/** The text of bytes in UTF-8, or Latin-1 if they are all below 128. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')
}

/** Where a cell without quotes ends: at a delimiter or a line end. */
export function endOfCell(bytes: Uint8Array, start: number, delimiter: number): number {
  let at = start
  let code = bytes[at] as number
  while (code !== delimiter && (code > carriageReturn || (code !== lineFeed && code !== carriageReturn))) {
    code = bytes[++at] as number
  }
  return at
}

/** Whether a byte order mark in UTF-8 stands here. */
export function hasMark(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf
}

/** The length of a line of nothing but spaces and tabs, with its line end; 0 if the line holds anything else. */
export function blankLine(bytes: Uint8Array, from: number, to: number, delimiter: number): number {
  let at = from
  while (at < to && (bytes[at] === space || bytes[at] === tab) && bytes[at] !== delimiter) at++
  const length = lineEnd(bytes, at, to)
  return length > 0 || at === to ? at - from + length : 0
}

/** Where the last whole line ends, before `to`; a carriage return at `to` may be half of a line end. */
export function endOfLines(bytes: Uint8Array, to: number): number {
  let at = to - 1
  if (bytes[at] === carriageReturn) at--
  while (at >= 0 && bytes[at] !== lineFeed && bytes[at] !== carriageReturn) at--
  return at + 1
}

/** The length of the line end here; 0 if there is none. */
function lineEnd(bytes: Uint8Array, at: number, to: number): number {
  if (at >= to) return 0
  if (bytes[at] === lineFeed) return 1
  if (bytes[at] !== carriageReturn) return 0
  return at + 1 < to && bytes[at + 1] === lineFeed ? 2 : 1
}

function lineEnds(bytes: Uint8Array, start: number, end: number): number {
  let count = 0
  for (let at = start; at < end; at++) {
    const code = bytes[at] as number
    if (code > carriageReturn) continue
    if (code === carriageReturn || (code === lineFeed && bytes[at - 1] !== carriageReturn)) count++
  }
  return count
}

/** The quote that closes a cell; -1 if there is none. */
function closingQuote(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    if (bytes[at] !== quote) continue
    if (at + 1 >= to || bytes[at + 1] !== quote) return at
    at++
  }
  return -1
}

function hasDoubled(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === quote) return true
  return false
}
