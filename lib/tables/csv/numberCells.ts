/** Reads columns of numbers from bytes. */

import type { Decimal } from '../../formats/csvNumbers.js'
import { Blocks } from './blocks.js'
import { has, longestNumber, trimmed } from './cells.js'
import { type CellReader, endOfCell, textOf } from './rows.js'

const [lineFeed, carriageReturn, zero, minus, plus] = [10, 13, 48, 45, 43]

/** Powers of ten that float64 holds exactly: a whole number up to 2^53 divided by one of them is rounded once. */
const powers = Float64Array.from({ length: 23 }, (_, i) => 10 ** i)

/** What a cell is that is not written in digits and a decimal mark alone: a number, `NaN` for a gap, or undefined for neither. */
export type OtherNumbers = (text: string) => number | undefined

/** The numbers of a column, as long as its cells are numbers. */
export class NumberCells implements CellReader {
  /** Bits of `has`, for the numbers so far. */
  found = 0
  /** Whether there was any number, not only gaps. */
  any = false
  /** The first cell that is neither a number nor a gap; no cells are taken after it. */
  failed: { readonly row: number; readonly text: string } | undefined
  readonly #mark: number
  readonly #others: OtherNumbers
  readonly #gaps: ReadonlySet<number>
  readonly #keeps: boolean
  readonly #values = new Blocks(Float64Array)

  /** `gaps` are numbers that stand for a gap; `keeps` tells whether the numbers are kept, or only what was found. */
  constructor(
    readonly decimal: Decimal,
    others: OtherNumbers,
    gaps: ReadonlySet<number>,
    keeps = true,
  ) {
    this.#mark = decimal.charCodeAt(0)
    this.#others = others
    this.#gaps = gaps
    this.#keeps = keeps
  }

  set(row: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.failed === undefined) this.#take(row, bytes, start, end, -1)
  }

  read(row: number, bytes: Uint8Array, start: number, delimiter: number): number {
    return this.failed === undefined ? this.#take(row, bytes, start, -1, delimiter) : endOfCell(bytes, start, delimiter)
  }

  /** Takes a cell that ends at `end`, or where that is -1 at the delimiter or a line end; returns where it ends. */
  #take(row: number, bytes: Uint8Array, start: number, end: number, delimiter: number): number {
    const sign = bytes[start] as number
    const first = sign === minus || sign === plus ? start + 1 : start
    let at = first
    let whole = 0
    for (let digit = (bytes[at] as number) - zero; digit >= 0 && digit <= 9; digit = (bytes[++at] as number) - zero) {
      whole = whole * 10 + digit
    }
    const digits = at - first
    let places = 0
    if (bytes[at] === this.#mark && at !== end && this.#mark !== delimiter) {
      const point = at++
      for (let digit = (bytes[at] as number) - zero; digit >= 0 && digit <= 9; digit = (bytes[++at] as number) - zero) {
        whole = whole * 10 + digit
      }
      places = at - point - 1
    }
    const code = bytes[at] as number
    const isPlain =
      (end < 0 ? code === delimiter || code === lineFeed || code === carriageReturn : at === end) &&
      digits > 0 &&
      whole <= Number.MAX_SAFE_INTEGER &&
      places < powers.length &&
      (bytes[first] !== zero || digits === 1)
    if (!isPlain) {
      const stop = end < 0 ? endOfCell(bytes, at, delimiter) : end
      this.#setOther(row, bytes, start, stop)
      return stop
    }
    if (places > 0) this.#noteFraction(digits, places, bytes[first] as number)
    this.any = true
    const size = places === 0 ? whole : whole / (powers[places] as number)
    const value = sign === minus ? -size : size
    if (this.#keeps) this.#values.set(row, this.#gaps.size > 0 && this.#gaps.has(value) ? Number.NaN : value)
    return at
  }

  /** Makes room for about so many rows. */
  expect(rows: number): void {
    this.#values.expect(rows)
  }

  take(rows: number): Float64Array {
    return this.#values.take(rows)
  }

  /** Sets a number that was read elsewhere. */
  setValue(row: number, value: number): void {
    this.#values.set(row, value)
  }

  #setOther(row: number, bytes: Uint8Array, start: number, end: number): void {
    const value = end === start ? Number.NaN : end - start > longestNumber ? undefined : this.#read(bytes, start, end)
    if (value === undefined) this.failed = { row, text: textOf(bytes, start, Math.min(end, start + 200)) }
    else if (this.#keeps) this.#values.set(row, value)
  }

  #read(bytes: Uint8Array, start: number, end: number): number | undefined {
    const text = trimmed(textOf(bytes, start, end))
    const value = text === '' ? Number.NaN : this.#others(text)
    if (value === undefined || Number.isNaN(value)) return value
    this.any = true
    if (text.includes(this.decimal)) this.found |= this.decimal === '.' ? has.dotOnly : has.commaOnly
    return value
  }

  #noteFraction(digits: number, places: number, first: number): void {
    const isDoubtful = places === 3 && digits <= 3 && first !== zero
    if (this.decimal === '.') this.found |= has.fraction | (isDoubtful ? has.doubtfulDot : has.dotOnly)
    else this.found |= has.fraction | (isDoubtful ? has.doubtfulComma : has.commaOnly)
  }
}
