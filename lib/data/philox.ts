/** The random number generator Philox4x32-10, whose numbers depend only on a key and a counter. */

const blockWords = 4

/** A stream of random numbers per counter, after Salmon et al., https://doi.org/10.1145/2063384.2063405. */
export class Philox {
  readonly #key0: number
  readonly #key1: number
  readonly #words = new Uint32Array(blockWords)
  #next = blockWords
  #block = 0
  #counter1 = 0
  #counter2 = 0
  #counter3 = 0

  constructor(key0: number, key1: number) {
    this.#key0 = key0
    this.#key1 = key1
  }

  /** Moves to the stream of a counter; the counter's first word is the number of the block within the stream. */
  seek(counter1: number, counter2 = 0, counter3 = 0, block = 0): void {
    this.#counter1 = counter1
    this.#counter2 = counter2
    this.#counter3 = counter3
    this.#block = block
    this.#next = blockWords
  }

  /** A random integer from 0 to 2^32 - 1. */
  word(): number {
    if (this.#next === blockWords) this.#fill()
    return this.#words[this.#next++] as number
  }

  /** A uniform random number in [-1, 1), a multiple of 2^-31. */
  symmetric(): number {
    return (this.word() | 0) / 2147483648
  }

  #fill(): void {
    let c0 = this.#block++
    let c1 = this.#counter1
    let c2 = this.#counter2
    let c3 = this.#counter3
    let k0 = this.#key0
    let k1 = this.#key1
    for (let round = 0; round < 10; round++) {
      const high0 = multiplyHigh(0xd2511f53, c0)
      const low0 = Math.imul(0xd2511f53, c0)
      const high1 = multiplyHigh(0xcd9e8d57, c2)
      const low1 = Math.imul(0xcd9e8d57, c2)
      c0 = high1 ^ c1 ^ k0
      c1 = low1
      c2 = high0 ^ c3 ^ k1
      c3 = low0
      k0 = (k0 + 0x9e3779b9) | 0
      k1 = (k1 + 0xbb67ae85) | 0
    }
    this.#words[0] = c0
    this.#words[1] = c1
    this.#words[2] = c2
    this.#words[3] = c3
    this.#next = 0
  }
}

/** The upper 32 bits of the product of two 32-bit integers. */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const carry = Math.imul(aLow, bLow) >>> 16
  const middle0 = (Math.imul(aHigh, bLow) >>> 0) + carry
  const middle1 = (Math.imul(aLow, bHigh) >>> 0) + (middle0 & 0xffff)
  // The sums may exceed 2^32, so that they are shifted by dividing a double and not by a 32-bit shift.
  const upper = (Math.imul(aHigh, bHigh) >>> 0) + Math.floor(middle0 / 65536) + Math.floor(middle1 / 65536)
  return upper | 0
}
