/** Batches from a stream: one is read and converted while the device works on another. */

import type { GivenTargets, InputRows } from '../arrays/arrays.js'
import type { ModelCore } from '../core/core.js'
import { type BatchReader, nameBatch } from '../data/batches.js'
import type { NativeSums } from '../native/addon.js'
import { totalsOf } from './captures.js'
import { BoundData, type Feed, type Work } from './feed.js'
import type { EpochStart } from './feedRange.js'
import { abortError, unlessAborted } from './ranges.js'

/** Batches queued on the device: one runs, one waits. With a loss of the user's a batch needs the weights after the one before it. */
const mostInFlight = (core: ModelCore) => (core.training().settings.loss.custom === undefined ? 2 : 1)

/** What a batch is read into. */
export type BatchRows = readonly [InputRows, GivenTargets]

/** A batch, and what messages call it. */
interface Numbered {
  readonly rows: BatchRows
  readonly where: string
}

/** Batches as the source gives them, in its order. */
export class StreamFeed implements Feed {
  readonly rows = undefined
  readonly batches = undefined
  readonly batchSize = 32
  readonly #core: ModelCore
  readonly reader: BatchReader<BatchRows>
  readonly #signal: AbortSignal | undefined
  /** Taken from the source and not run: cancelled. */
  #returned: Numbered[] = []
  /** Batches of the epoch that were taken from the source, and what messages call the epoch. */
  #taken = 0
  #title: string | undefined
  /** Why a batch could not be read or trained on, while others count. */
  #failure: { readonly error: unknown } | undefined
  #ended = false

  constructor(core: ModelCore, reader: BatchReader<BatchRows>, signal: AbortSignal | undefined) {
    this.#core = core
    this.reader = reader
    this.#signal = signal
  }

  /** Batches have the sizes that they have. */
  async reserve(): Promise<void> {}

  /** Passes over the first batches, for training that goes on. */
  async begin({ passed, done, wanted, title }: EpochStart): Promise<number> {
    this.#ended = false
    this.#returned = []
    this.#failure = undefined
    this.#taken = done
    this.#title = title
    const { reader } = this
    await this.#unlessAborted(reader.seek(passed + done, wanted))
    if (passed > 0 && done === 0) {
      const next = await this.#unlessAborted(reader.peek(nameBatch(done, title)))
      if (next === undefined) await reader.seek(0, wanted)
    }
    return Math.max(0, reader.passed - done)
  }

  async run(work: Work, limit: number): Promise<NativeSums | undefined> {
    this.#throwFailure()
    if (this.#ended) return undefined
    const core = this.#core
    const { cancellations } = core
    const isCancelled = () => core.cancellations !== cancellations
    const returned: Numbered[] = []
    const inFlight: { readonly batch: Numbered; readonly sums: Promise<NativeSums> }[] = []
    let total: Float64Array | undefined
    const settle = async () => {
      const first = inFlight.shift()
      if (first === undefined) return
      const sums = await first.sums.catch((error: unknown) => {
        this.#failure ??= { error }
      })
      if (sums === undefined) return
      if (sums[0] === 0) returned.push(first.batch)
      total = total === undefined ? sums : total.map((value, i) => value + (sums[i] as number))
    }
    try {
      let unused: Numbered | undefined
      for (let count = 0; count < limit && !isCancelled() && this.#failure === undefined; count++) {
        const batch = await this.#next()
        if (batch === undefined) break
        // A batch behind one that was cancelled would run before it.
        if (isCancelled()) unused = batch
        else inFlight.push({ batch, sums: this.#submit(work, batch) })
        this.reader.readAhead()
        if (inFlight.length >= mostInFlight(core)) await settle()
      }
      while (inFlight.length > 0) await settle()
      if (unused !== undefined) returned.push(unused)
    } finally {
      await Promise.allSettled(inFlight.map(({ sums }) => sums))
    }
    this.#returned.unshift(...returned)
    if (total !== undefined) return total
    this.#throwFailure()
    if (this.#ended) return undefined
    return Float64Array.from(totalsOf(core).sums) // cancelled before the first batch came
  }

  async close(): Promise<void> {
    await this.#unlessAborted(this.reader.close())
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #next(): Promise<Numbered | undefined> {
    const returned = this.#returned.shift()
    if (returned !== undefined) return returned
    const where = nameBatch(this.#taken, this.#title)
    try {
      const rows = await this.#unlessAborted(this.reader.next(where))
      this.#ended = rows === undefined
      this.#taken++
      return rows && { rows, where }
    } catch (error) {
      this.#failure = { error }
      return undefined
    }
  }

  /** A stream may stay silent for ever. */
  #unlessAborted<T>(promise: Promise<T>): Promise<T> {
    return unlessAborted(promise, this.#signal, (signal) => abortError('reading batches', signal))
  }

  /** Its rejection is that of the batches up to it, once they are settled. */
  #submit(work: Work, batch: Numbered): Promise<NativeSums> {
    const sums = this.reader.located(batch.where, () => this.#work(work, batch))
    sums.catch(() => {})
    return sums
  }

  async #work(work: Work, { rows: [input, targets], where }: Numbered): Promise<NativeSums> {
    const bound = new BoundData(this.#core, input, targets, where)
    const whole = { batchSize: input.rows, firstBatch: 0, batches: 1, epoch: 0, shuffle: false, seed: 0 }
    try {
      const sums = await work({ data: bound.handle, rows: input.rows, ...whole })
      bound.look(sums)
      return sums
    } finally {
      bound.release()
    }
  }
}
