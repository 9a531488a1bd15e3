/** Reads columns of texts from bytes, each different text once. */

import { NeurodeError } from '../../base/errors.js'
import { randomSeed } from '../../base/seeds.js'
import { Blocks } from './blocks.js'
import { type CellReader, textOf } from './rows.js'

/** The hash of texts begins with another number in every process, so that no file is made of texts of the same hash. */
const begin = randomSeed() | 1
const prime = 0x01000193

const [lineFeed, carriageReturn] = [10, 13]

const mostBytes = 2 ** 32 - 1

/** A text is the same in quotes as without. */
const same = 1

/** The texts of a column: their places in a list of different texts, whose bytes stand one after the other. */
export class TextCells implements CellReader {
  /** The places of texts in quotes that would stand for a gap without. */
  readonly kept = new Set<number>()
  readonly #isGap: ((text: string) => boolean) | undefined
  readonly #codes = new Blocks(Int32Array)
  #count = 0
  #bytes = new Uint8Array(64)
  /** Where each text begins, and where the last one ends. */
  #starts = new Uint32Array(9)
  #hashes = new Int32Array(8)
  /** A table of hashes: the place of a text plus 1, or 0. */
  #slots = new Int32Array(16)
  /** What is known of each text in quotes: 0 for nothing yet, or that it is the same as without. */
  #inQuotes = new Uint8Array(8)
  /** The places in quotes of texts that are gaps without. */
  readonly #places = new Map<number, number>()

  /** `isGap` tells which texts are gaps unless they stand in quotes; without it quotes make no difference. */
  constructor(isGap?: (text: string) => boolean) {
    this.#isGap = isGap
  }

  /** How many different texts there are. */
  get count(): number {
    return this.#count
  }

  set(row: number, bytes: Uint8Array, start: number, end: number): void {
    let hash = begin
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), prime)
    const place = this.#placeOf(bytes, start, end, hash)
    const isSame = this.#isGap === undefined || this.#inQuotes[place] === same
    this.#codes.set(row, isSame ? place : this.#placeInQuotes(place))
  }

  read(row: number, bytes: Uint8Array, start: number, delimiter: number): number {
    let hash = begin
    let at = start
    let code = bytes[at] as number
    while (code !== delimiter && (code > carriageReturn || (code !== lineFeed && code !== carriageReturn))) {
      hash = Math.imul(hash ^ code, prime)
      code = bytes[++at] as number
    }
    this.#codes.set(row, this.#placeOf(bytes, start, at, hash))
    return at
  }

  /** The place of a text in quotes. No search finds that of a gap, as the same text without quotes was there before. */
  #placeInQuotes(place: number): number {
    const known = this.#places.get(place)
    if (known !== undefined) return known
    if (!this.#isGap?.(this.word(place))) {
      this.#inQuotes[place] = same
      return place
    }
    const own = this.#count
    const [start, end] = [this.#starts[place] as number, this.#starts[place + 1] as number]
    this.#add(this.#hashes[place] as number, this.#bytes.slice(start, end), 0, end - start)
    this.#places.set(place, own)
    this.kept.add(own)
    return own
  }

  /** The place of a text, which is added if it is not there. */
  #placeOf(bytes: Uint8Array, start: number, end: number, sum: number): number {
    const hash = sum ^ (sum >>> 15)
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = hash & mask
    for (let place = slots[slot] as number; place !== 0; place = slots[slot] as number) {
      if (this.#hashes[place - 1] === hash && this.#equals(place - 1, bytes, start, end)) return place - 1
      slot = (slot + 1) & mask
    }
    slots[slot] = this.#add(hash, bytes, start, end)
    if (this.#count * 2 > slots.length) this.#rehash()
    return this.#count - 1
  }

  /** The different texts. */
  words(): string[] {
    return Array.from({ length: this.#count }, (_, i) => this.word(i))
  }

  word(place: number): string {
    return textOf(this.#bytes, this.#starts[place] as number, this.#starts[place + 1] as number)
  }

  /** Makes room for about so many rows. */
  expect(rows: number): void {
    this.#codes.expect(rows)
  }

  /** The places of the texts of the first rows; there are none left afterwards. */
  takeCodes(rows: number): Int32Array {
    return this.#codes.take(rows)
  }

  #equals(place: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#starts[place] as number
    const length = end - start
    if ((this.#starts[place + 1] as number) - from !== length) return false
    const own = this.#bytes
    for (let i = 0; i < length; i++) if (own[from + i] !== bytes[start + i]) return false
    return true
  }

  /** Adds a text and returns how many there are. */
  #add(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const from = this.#starts[this.#count] as number
    const until = from + end - start
    if (until > mostBytes)
      throw new NeurodeError('ERR_OUT_OF_MEMORY', 'the different texts of a column have over 4 GiB')
    if (until > this.#bytes.length) this.#bytes = grown(this.#bytes, Math.min(mostBytes, Math.ceil(until * 1.5)))
    if (this.#count === this.#hashes.length) {
      this.#hashes = grown(this.#hashes, this.#count * 2)
      this.#starts = grown(this.#starts, this.#count * 2 + 1)
      this.#inQuotes = grown(this.#inQuotes, this.#count * 2)
    }
    if (end - start < 24) for (let i = start; i < end; i++) this.#bytes[from + i - start] = bytes[i] as number
    else this.#bytes.set(bytes.subarray(start, end), from)
    this.#hashes[this.#count] = hash
    this.#count++
    this.#starts[this.#count] = until
    return this.#count
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2)
    const mask = slots.length - 1
    for (let place = 0; place < this.#count; place++) {
      let slot = (this.#hashes[place] as number) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = place + 1
    }
    this.#slots = slots
  }
}

function grown<T extends Uint8Array | Uint32Array | Int32Array>(values: T, length: number): T {
  const larger = new (values.constructor as new (length: number) => T)(length)
  larger.set(values)
  return larger
}
