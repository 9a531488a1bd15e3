/** The feed of batches from a source: one batch is read and converted while the device computes on another. */

import { mayWorkHere } from '../base/atOnce.js'
import type { ModelCore } from '../core/core.js'
import { adviseOnBatch, adviseOnSums } from '../core/dataAdvice.js'
import { type BatchReader, nameBatch } from '../data/batches.js'
import { hashOf } from '../distribution/hash.js'
import type { Ranks } from '../distribution/ranks.js'
import type { NativeSums } from '../native/addon.js'
import { sumAt } from '../native/sums.js'
import { totalsOf } from './captures.js'
import { BoundData, type Feed, type Reserved, type Work, type WorkHere } from './feed.js'
import type { EpochStart } from './feedRange.js'
import { abortError, unlessAborted } from './ranges.js'
import { type BatchRows, joinShards } from './shards.js'

/**
 * The most batches queued on the device: one runs, one waits. With a custom loss it is one, as each step needs the weights of the last;
 * with several ranks as well, which agree on each batch.
 */
const mostInFlight = (core: ModelCore) => (core.training().hasCustomLoss || core.ranks !== undefined ? 1 : 2)

/** A batch, and its name in messages. */
interface Numbered {
  readonly rows: BatchRows
  readonly where: string
  /** It has the rows of all ranks already. */
  readonly isJoined?: boolean
}

/** The feed of batches in the order of their source. */
export class StreamFeed implements Feed {
  readonly rows = undefined
  readonly batches = undefined
  readonly batchSize = 32
  readonly #core: ModelCore
  readonly reader: BatchReader<BatchRows>
  readonly #signal: AbortSignal | undefined
  /** Batches that were taken from the source but not run, as the work was cancelled; they run next. */
  #returned: Numbered[] = []
  /** Number of batches of the epoch that were taken from the source, and the name of the epoch in messages. */
  #taken = 0
  #title: string | undefined
  /** The error of a batch that could not be read or trained on; it is thrown after the sums of earlier batches were returned. */
  #failure: { readonly error: unknown } | undefined
  #ended = false
  /** Batches are done at once, so that none waits for another. */
  #isQuick = false
  #trains = false

  constructor(core: ModelCore, reader: BatchReader<BatchRows>, signal: AbortSignal | undefined) {
    this.#core = core
    this.reader = reader
    this.#signal = signal
  }

  /** Reserves nothing, as the sizes of batches are not known in advance. */
  async reserve({ trains }: Reserved): Promise<void> {
    this.#trains = trains
  }

  /** The ranks that have rows of each batch. */
  get #sharding(): Ranks | undefined {
    const { ranks, settings } = this.#core
    return settings?.distribution?.data === 'sharded' ? ranks : undefined
  }

  /** Begins an epoch; skips the first batches if an interrupted training continues. */
  async begin({ passed, done, wanted, title }: EpochStart): Promise<number> {
    this.#ended = false
    this.#returned = []
    this.#failure = undefined
    this.#taken = done
    this.#title = title
    const { reader } = this
    await this.#unlessAborted(reader.seek(passed + done, wanted))
    if (passed > 0 && done === 0) {
      const isOver = (await this.#unlessAborted(reader.peek(nameBatch(done, title)))) === undefined
      const all = (await this.#sharding?.compare('pass', isOver)) ?? [isOver]
      if (all.includes(true)) await reader.seek(0, wanted)
    }
    return Math.max(0, reader.passed - done)
  }

  async run(work: Work, limit: number, here?: WorkHere): Promise<NativeSums | undefined> {
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
      if (sums[sumAt.batches] === 0) returned.push(first.batch)
      total = total === undefined ? sums : total.map((value, i) => value + (sums[i] as number))
    }
    try {
      let unused: Numbered | undefined
      for (let count = 0; count < limit && !isCancelled() && this.#failure === undefined; count++) {
        const own = await this.#next()
        const batch = core.ranks === undefined ? own : await this.#agree(core.ranks, own)
        if (batch === undefined) break
        // If batches before it were cancelled, this one must not run before them. Several ranks have agreed to run it.
        if (isCancelled() && core.ranks === undefined) unused = batch
        else inFlight.push({ batch, sums: this.#submit(work, batch, inFlight.length === 0 ? here : undefined) })
        this.reader.readAhead()
        if (this.#isQuick || inFlight.length >= mostInFlight(core)) await settle()
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
    return Float64Array.from(totalsOf(core).sums) // The work was cancelled before the first batch arrived.
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

  /**
   * Returns the batch that all ranks have, or none. Throws `ERR_DISTRIBUTED` where they do not have the same. One whose source has failed
   * says so in its place.
   */
  async #agree(ranks: Ranks, batch: Numbered | undefined): Promise<Numbered | undefined> {
    this.#throwFailure()
    if (this.#sharding !== undefined) return batch?.isJoined ? batch : await this.#join(ranks, batch)
    const [input, { data }] = batch?.rows ?? [undefined, { data: undefined }]
    const rows = input === undefined ? 'none: its batches have ended' : input.rows
    await ranks.checkSame('batch', {
      'the rows of a batch': rows,
      'the targets of a batch': data === undefined ? undefined : hashOf([data]),
    })
    return batch
  }

  async #join(ranks: Ranks, own: Numbered | undefined): Promise<Numbered | undefined> {
    const rows = await joinShards(ranks, own?.rows, !this.#trains)
    if (rows !== undefined) return { rows, where: own?.where ?? '', isJoined: true }
    this.#ended = true
    await this.reader.end()
    return undefined
  }

  /** Waits for a promise unless the signal is aborted, as a stream may never deliver a batch. */
  #unlessAborted<T>(promise: Promise<T>): Promise<T> {
    return unlessAborted(promise, this.#signal, (signal) => abortError('reading batches', signal))
  }

  /** Queues a batch on the device. A rejection is handled when the batches before it are done. */
  #submit(work: Work, batch: Numbered, here: WorkHere | undefined): Promise<NativeSums> {
    const sums = this.reader.located(batch.where, () => this.#workHere(batch, here) ?? this.#work(work, batch))
    sums.catch(() => {})
    return sums
  }

  #workHere({ rows: [input, targets], where }: Numbered, here: WorkHere | undefined): Promise<NativeSums> | undefined {
    if (here === undefined) return undefined
    const sums = here(input, targets)
    // Quick work of the turn before may stand in the way of a batch that is as quick.
    this.#isQuick = sums !== undefined || (this.#isQuick && !mayWorkHere())
    if (sums === undefined) return undefined
    adviseOnBatch(this.#core, input, targets, where)
    const look = async () => {
      const own = await sums
      adviseOnSums(this.#core, own, input, targets, where)
      return own
    }
    return look()
  }

  async #work(work: Work, { rows: [input, targets], where }: Numbered): Promise<NativeSums> {
    const bound = new BoundData(this.#core, input, targets, undefined, where)
    const whole = { batchSize: input.rows, firstBatch: 0, batches: 1, epoch: 0, shuffle: false, seed: 0 }
    try {
      const sums = await work({ data: bound.handle, names: bound.names, rows: input.rows, ...whole })
      bound.look(sums)
      return sums
    } finally {
      bound.release()
    }
  }
}
