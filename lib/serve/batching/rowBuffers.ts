/** Memory for the rows of batches, which is reused. */

import type { Ticket } from './tickets.js'

/** The number of elements that are kept for reuse: new memory is cleared first, which took 3 % of a busy server's time. */
const spareFloats = 2 ** 21

/** The rows of one batch that is being filled, is waiting or is running. */
export class RowBuffer {
  /** (maxRows, inputSize) */
  readonly input: Float32Array
  /** (maxRows, outputSize) */
  readonly output: Float32Array
  rows = 0
  tickets: Ticket[] = []

  constructor(maxRows: number, inputSize: number, outputSize: number) {
    this.input = new Float32Array(maxRows * inputSize)
    this.output = new Float32Array(maxRows * outputSize)
  }
}

interface Sizes {
  readonly inputSize: number
  readonly outputSize: number
}

/** Buffers for batches of at most `maxRows` rows. */
export class RowBuffers {
  readonly #maxRows: number
  readonly #sizes: Sizes
  readonly #spare: RowBuffer[] = []
  /** The largest number of spare buffers. */
  #most: number

  constructor(maxRows: number, { inputSize, outputSize }: Sizes) {
    this.#maxRows = maxRows
    this.#sizes = { inputSize, outputSize }
    this.#most = Math.max(2, Math.floor(spareFloats / (maxRows * (inputSize + outputSize))))
  }

  take(): RowBuffer {
    return this.#spare.pop() ?? new RowBuffer(this.#maxRows, this.#sizes.inputSize, this.#sizes.outputSize)
  }

  giveBack(buffer: RowBuffer): void {
    buffer.rows = 0
    buffer.tickets = []
    if (this.#spare.length < this.#most) this.#spare.push(buffer)
  }

  /** Frees the spare buffers and keeps none from now on. */
  release(): void {
    this.#spare.length = 0
    this.#most = 0
  }
}
