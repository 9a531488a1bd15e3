/** Lines of a stream of bytes: as many at a time as are there, and as long as they are. */

import { isUtf8 } from 'node:buffer'
import { damaged } from '../../files/files.js'
import { endOfLines } from './rows.js'

const firstBytes = 2 ** 16
/** The most bytes of a row: a quote that is not closed takes the rest of a file. */
const mostBytes = 2 ** 30

/** Bytes of a stream, of which whole lines are taken one after the other. */
export class Lines implements AsyncDisposable {
  bytes = new Uint8Array(firstBytes)
  /** Where the lines end that are there. */
  to = 0
  /** Whether no bytes follow. */
  isLast = false
  readonly #name: string
  readonly #chunks: AsyncIterator<Uint8Array>
  #length = 0
  #checked = 0

  constructor(name: string, chunks: AsyncIterable<Uint8Array>) {
    this.#name = name
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /**
   * Waits until there are lines; false at the end of the stream. After {@link take} took nothing, there are more than before. `line` is
   * the number of the first of them. Throws for bytes that are no text in UTF-8.
   */
  async next(line: number): Promise<boolean> {
    if (this.#isStuck || this.to === 0) await this.#read(line)
    this.#isStuck = false
    this.#check(line)
    return this.to > 0
  }

  #isStuck = false

  /** Takes bytes from the beginning. */
  take(count: number): void {
    this.#isStuck = count === 0
    this.bytes.copyWithin(0, count, this.#length)
    this.#length -= count
    this.to = Math.max(0, this.to - count)
    this.#checked = Math.max(0, this.#checked - count)
    if (this.isLast) this.bytes[this.#length] = 10
  }

  /** Waits until so many bytes are there, or the stream ends. */
  async atLeast(count: number): Promise<void> {
    while (this.#length < count && !this.isLast) await this.#readChunk()
    this.to = this.isLast ? this.#length : endOfLines(this.bytes, this.#length)
  }

  /** Takes so many bytes from the beginning. */
  async skip(count: number): Promise<void> {
    await this.atLeast(count)
    if (count > 0) this.take(count)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return?.()
  }

  async #read(line: number): Promise<void> {
    const before = this.to
    // Twice the bytes: a long row is looked at a few times only.
    let least = this.#isStuck ? 2 * this.#length : this.#length + 1
    do {
      if (this.isLast) return
      if (least > mostBytes)
        throw damaged(this.#name, `line ${line}: expected a row of at most 1 GiB, got a longer one`)
      await this.atLeast(least)
      least = 2 * this.#length
    } while (this.to === before)
  }

  async #readChunk(): Promise<void> {
    const { value, done } = await this.#chunks.next()
    if (done) {
      this.isLast = true
    } else {
      if (this.#length + value.length >= this.bytes.length) {
        const larger = new Uint8Array(2 * (this.#length + value.length))
        larger.set(this.bytes.subarray(0, this.#length))
        this.bytes = larger
      }
      this.bytes.set(value, this.#length)
      this.#length += value.length
    }
    // What follows the last line ends it.
    this.bytes[this.#length] = 10
  }

  #check(line: number): void {
    const { bytes, to } = this
    const fresh = bytes.subarray(this.#checked, to)
    if (!isUtf8(fresh)) {
      const wrong = firstLineThat(bytes.subarray(0, to), (each) => !isUtf8(each))
      throw damaged(
        this.#name,
        `line ${line + wrong}: expected text in UTF-8; another encoding can be named: { encoding: 'windows-1252' }`,
      )
    }
    if (fresh.includes(0)) {
      const wrong = firstLineThat(bytes.subarray(0, to), (each) => each.includes(0))
      throw damaged(this.#name, `line ${line + wrong}: expected text, got a NUL character`)
    }
    this.#checked = to
  }
}

/** The number of a line from 0. */
function firstLineThat(bytes: Uint8Array, holds: (line: Uint8Array) => boolean): number {
  let line = 0
  for (let from = 0; from < bytes.length; line++) {
    let to = from
    while (to < bytes.length && bytes[to] !== 10 && bytes[to] !== 13) to++
    if (holds(bytes.subarray(from, to))) break
    from = to + (bytes[to] === 13 && bytes[to + 1] === 10 ? 2 : 1)
  }
  return line
}
