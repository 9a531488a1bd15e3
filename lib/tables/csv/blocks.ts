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

  /** Makes room for about so many rows, so that they need not be copied in the end. Memory that no row needs is never touched. */
  expect(rows: number): void {
    if (rows <= this.#base + this.#block.length) return
    this.#block = this.#joined(rows)
    this.#whole = []
    this.#base = 0
  }

  /** The values of the first rows in one array; nothing can be set afterwards. */
  take(rows: number): T {
    if (this.#whole.length === 0) {
      const isClose = rows * 1.1 > this.#block.length
      return (isClose ? this.#block.subarray(0, rows) : this.#block.slice(0, rows)) as T
    }
    const values = this.#joined(rows)
    this.#whole = []
    return values
  }

  #joined(rows: number): T {
    const values = new this.#type(rows)
    let at = 0
    for (const block of [...this.#whole, this.#block]) {
      const left = rows - at
      values.set(left < block.length ? block.subarray(0, left) : block, at)
      at += Math.min(left, block.length)
    }
    return values
  }
}
