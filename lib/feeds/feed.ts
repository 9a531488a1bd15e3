/** Feeds: where the batches of an epoch come from. This one reads arrays that stay bound; others read streams and files. */

import type { GivenTargets, InputRows } from '../arrays/arrays.js'
import type { ModelCore } from '../core/core.js'
import { adviseOnBatch, adviseOnSums } from '../core/dataAdvice.js'
import type { BatchReader } from '../data/batches.js'
import type { NativeModel, NativeReservation, NativeSums } from '../native/addon.js'
import { batchesAtOnce } from './captures.js'
import { type EpochOrder, type EpochStart, type FeedRange, orderOf, passedOf } from './feedRange.js'

/** What memory is taken for. */
export type Reserved = Pick<NativeReservation, 'trains' | 'shuffles'>

/** What is done with ranges: training or evaluation. Ranges may be queued. */
export type Work = (range: FeedRange) => Promise<NativeSums>

/** The batches of epoch after epoch. */
export interface Feed {
  /** Rows and batches of an epoch, where they are known before it ends. */
  readonly rows: number | undefined
  readonly batches: number | undefined
  /** What batches are read from, where they are not rows of arrays. */
  readonly reader?: BatchReader<unknown> | undefined
  /** Rows of a usual batch. */
  readonly batchSize: number
  /** Takes the device's memory for its ranges, as far as their sizes are known: `ERR_OUT_OF_MEMORY` comes now or never. */
  reserve(work: Reserved): Promise<void>
  /** Begins an epoch. Where the pass is over, a new one begins. Gives the batches of the pass that earlier epochs took. */
  begin(start: EpochStart): Promise<number>
  /** Does work on at most `limit` batches. Nothing: the epoch is over. Fewer, or none: cancelled, or a piece has ended. */
  run(work: Work, limit: number): Promise<NativeSums | undefined>
  /** Lets go of what it holds; once, after everything else. */
  close(): Promise<void>
}

/**
 * Rows and targets as they are when this is made, bound to the model's native one. If that is made anew it takes them over, as
 * the caller's arrays may be others by then.
 */
export class BoundData {
  readonly #core: ModelCore
  readonly #input: InputRows
  readonly #targets: GivenTargets
  readonly #where: string | undefined
  #model: NativeModel
  #handle: number

  /** `where`: which batch they are, for messages. */
  constructor(core: ModelCore, input: InputRows, targets: GivenTargets, where?: string) {
    this.#core = core
    this.#where = where
    this.#input = input
    this.#targets = targets
    this.#model = core.native()
    adviseOnBatch(core, input, targets, where)
    this.#handle = this.#model.bind(input, targets)
  }

  /** What ranges call it. */
  get handle(): number {
    const model = this.#core.native()
    if (model !== this.#model) {
      this.#handle = model.takeOver(this.#model, this.#handle)
      this.#model = model
    }
    return this.#handle
  }

  /** Says what the sums of a range show of a mistake; its cause is looked for in the arrays as they are by then. */
  look(sums: NativeSums): void {
    adviseOnSums(this.#core, sums, this.#input, this.#targets, this.#where)
  }

  release(): void {
    this.#model.unbind(this.#handle)
  }
}

/** Rows and targets in memory, as they are when the feed is made. */
export class ArrayFeed implements Feed {
  readonly rows: number
  readonly batches: number
  readonly batchSize: number
  readonly #core: ModelCore
  readonly #bound: BoundData
  #order: EpochOrder = { shuffle: false, seed: 0, epoch: 0 }
  #batch = 0

  constructor(core: ModelCore, input: InputRows, targets: GivenTargets, batchSize: number) {
    this.#core = core
    this.rows = input.rows
    this.batchSize = Math.min(batchSize, input.rows)
    this.batches = Math.ceil(input.rows / this.batchSize)
    this.#bound = new BoundData(core, input, targets)
  }

  async reserve(work: Reserved): Promise<void> {
    const { batchSize } = this
    const data = this.#bound.handle
    const batches = Math.min(this.batches, batchesAtOnce(this.#core, batchSize))
    await this.#core.native().reserve({ data, batchSize, batches, ...work })
  }

  async begin(start: EpochStart): Promise<number> {
    const passed = passedOf(start, this.batches)
    this.#order = orderOf(start)
    this.#batch = passed + start.done
    return passed
  }

  async run(work: Work, limit: number): Promise<NativeSums | undefined> {
    const left = this.batches - this.#batch
    if (left <= 0) return undefined
    const { rows, batchSize } = this
    const { shuffle, seed, epoch } = this.#order
    const data = this.#bound.handle
    const range = { data, rows, batchSize, firstBatch: this.#batch, batches: Math.min(limit, left) }
    const sums = await work({ ...range, shuffle, seed, epoch })
    this.#bound.look(sums)
    this.#batch += sums[0] as number
    return sums
  }

  async close(): Promise<void> {
    this.release()
  }

  /** {@link ArrayFeed.close}, at once. */
  release(): void {
    this.#bound.release()
  }
}
