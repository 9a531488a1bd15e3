/** Values of a column while rows come: blocks, which need not be copied when more rows come than were expected. */

type Values = Float64Array | Int32Array

/** Arrays of up to 64 bytes have no memory of their own, which tells where there are very many columns. */
const firstRows = 8
const mostRows = 65_536

export class Blocks<T extends Values> {
  readonly #type: new (
    length: number,
  ) => T
  #whole: T[] = []
  #base = 0
  #block: T

  constructor(type: new (length: number) => T) {
    this.#type = type
    this.#block = new type(firstRows)
  }

  set(row: number, value: number): void {
    let at = row - this.#base
    if (at === this.#block.length) {
      this.#whole.push(this.#block)
      this.#base = row
      this.#block = new this.#type(Math.min(mostRows, Math.max(row, firstRows)))
      at = 0
    }
    this.#block[at] = value
  }

  /** The values of the first rows in one array; nothing can be set afterwards. */
  take(rows: number): T {
    if (this.#whole.length === 0) return this.#block.slice(0, rows) as T
    const values = new this.#type(rows)
    let at = 0
    for (const block of [...this.#whole, this.#block]) {
      const left = rows - at
      values.set(left < block.length ? block.subarray(0, left) : block, at)
      at += Math.min(left, block.length)
    }
    this.#whole = []
    return values
  }
}
