/** Batches from a stream: one is read and converted while the device works on another. */

import { type InputRows, type TargetRows, toInput } from '../data/arrays.js'
import { type BatchReader, toBatch } from '../data/batches.js'
import type { NativeSums } from '../native.js'
import { adviseOnBatch } from './advice.js'
import type { ModelCore } from './core.js'
import type { EpochOrder, Feed, Work } from './feed.js'
import { abortError, unlessAborted } from './ranges.js'
import type { ClassWeights } from './rowWeights.js'

/** Batches queued on the device: one runs, one waits. */
const mostInFlight = 2

type Rows = readonly [InputRows, TargetRows]

/** Batches as the source gives them, in its order. */
export class StreamFeed implements Feed {
  readonly rows = undefined
  readonly batches = undefined
  readonly batchSize = 32
  readonly #core: ModelCore
  readonly #reader: BatchReader
  readonly #argument: string
  readonly #signal: AbortSignal | undefined
  readonly #classWeight: ClassWeights | undefined
  /** Taken from the source, then cancelled. */
  #returned: Rows[] = []
  #ended = false

  constructor(
    core: ModelCore,
    reader: BatchReader,
    argument: string,
    signal: AbortSignal | undefined,
    classWeight?: ClassWeights,
  ) {
    this.#classWeight = classWeight
    this.#core = core
    this.#reader = reader
    this.#argument = argument
    this.#signal = signal
  }

  /** Batches have the sizes that they have. */
  async reserve(): Promise<void> {}

  /** Passes over the first batches, for training that goes on. */
  async begin(_order: EpochOrder, firstBatch: number): Promise<void> {
    this.#ended = false
    this.#returned = []
    await this.#reader.begin()
    for (let batch = 0; batch < firstBatch; batch++) await this.#reader.next()
  }

  async run(work: Work, limit: number): Promise<NativeSums | undefined> {
    if (this.#ended) return undefined
    const inFlight: { readonly rows: Rows; readonly sums: Promise<NativeSums> }[] = []
    let total: Float64Array | undefined
    let cancelled = false
    const settle = async () => {
      const first = inFlight.shift()
      if (first === undefined) return
      const sums = await first.sums
      if (sums[0] === 0) {
        cancelled = true
        this.#returned.push(first.rows)
      }
      total = total === undefined ? sums : total.map((value, i) => value + (sums[i] as number))
    }
    try {
      for (let batch = 0; batch < limit && !cancelled && !this.#core.stopTraining; batch++) {
        const rows = await this.#next()
        if (rows === undefined) {
          this.#ended = true
          break
        }
        inFlight.push({ rows, sums: this.#submit(work, rows) })
        this.#reader.readAhead()
        if (inFlight.length >= mostInFlight) await settle()
      }
      while (inFlight.length > 0) await settle()
      return total
    } finally {
      await Promise.allSettled(inFlight.map(({ sums }) => sums))
    }
  }

  async close(): Promise<void> {
    await this.#reader.close()
  }

  async #next(): Promise<Rows | undefined> {
    const returned = this.#returned.shift()
    if (returned !== undefined) return returned
    // A stream may stay silent for ever.
    const abort = (signal: AbortSignal) => abortError('reading batches', signal)
    const value = await unlessAborted(this.#reader.next(), this.#signal, abort)
    if (value === undefined) return undefined
    const { x, y, sampleWeight } = toBatch(value, this.#argument)
    const input = toInput(x, this.#core.built().inputShape, `${this.#argument}: x`)
    const weights = {
      sampleWeight,
      classWeight: this.#classWeight,
      weightArgument: `${this.#argument}: sampleWeight`,
    }
    return [input, this.#core.readTargets(y, input.rows, `${this.#argument}: y`, weights)]
  }

  async #submit(work: Work, [input, targets]: Rows): Promise<NativeSums> {
    const model = this.#core.native()
    adviseOnBatch(this.#core, input, targets)
    const data = model.bind(input, targets)
    const whole = { batchSize: input.rows, firstBatch: 0, batches: 1, epoch: 0, shuffle: false, seed: 0 }
    try {
      return await work({ data, rows: input.rows, ...whole })
    } finally {
      if (!this.#core.disposed) model.unbind(data)
    }
  }
}
