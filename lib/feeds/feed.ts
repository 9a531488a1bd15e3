/** A feed supplies the batches of epochs. This file has the interface and the feed of arrays; streams and files have their own. */

import type { GivenTargets, InputRows } from '../arrays/arrays.js'
import type { ModelCore } from '../core/core.js'
import { adviseOnBatch, adviseOnSums } from '../core/dataAdvice.js'
import type { BatchReader } from '../data/batches.js'
import { hashOf } from '../distribution/hash.js'
import type { NativeModel, NativeReservation, NativeSums } from '../native/addon.js'
import { sumAt } from '../native/sums.js'
import { BoundNames } from './boundNames.js'
import { batchesAtOnce, totalsOf } from './captures.js'
import { type EpochOrder, type EpochStart, type FeedRange, orderOf, passedOf } from './feedRange.js'

/** The work that memory is reserved for. */
export type Reserved = Pick<NativeReservation, 'trains' | 'shuffles'>

/** A function that trains or evaluates on a range of batches. Several ranges may be queued. */
export type Work = (range: FeedRange) => Promise<NativeSums>

/** A function that does so on one batch at once, without binding it. Undefined if that is not quick, or may not be done now. */
export type WorkHere = (input: InputRows, targets: GivenTargets) => Promise<NativeSums> | undefined

/** Supplies the batches of one epoch after the other. */
export interface Feed {
  /** Number of rows and of batches in an epoch, if known before its end. */
  readonly rows: number | undefined
  readonly batches: number | undefined
  /** The reader of the source of batches; undefined for rows of arrays and files. */
  readonly reader?: BatchReader<unknown> | undefined
  /** Number of rows in a full batch. */
  readonly batchSize: number
  /** What has to be the same on all ranks: sizes, and a hash of targets in memory. */
  readonly fingerprint?: string | undefined
  /** Reserves the device's memory for all ranges whose sizes are known, so that `ERR_OUT_OF_MEMORY` is thrown before the work begins. */
  reserve(work: Reserved): Promise<void>
  /**
   * Begins an epoch, and a new pass through the data if the last one is over. Returns how many batches of the pass earlier epochs took.
   * Rows in memory need no wait, so that work on them begins within the call that gave it.
   */
  begin(start: EpochStart): Promise<number> | number
  /**
   * Runs work on at most `limit` batches and returns their sums, or undefined at the end of the epoch. The sums cover fewer batches
   * if the work was cancelled or a block of rows ended. `here` is for feeds that bind batches one by one.
   */
  run(work: Work, limit: number, here?: WorkHere): Promise<NativeSums | undefined>
  /** Releases everything that the feed holds; to be called once, last. */
  close(): Promise<void>
}

/**
 * Rows and targets that are bound to the native model. If the native model is made anew, the new one takes the bound data over, as
 * the caller's arrays may have changed by then.
 */
export class BoundData {
  readonly #core: ModelCore
  readonly #input: InputRows
  readonly #targets: GivenTargets
  readonly #where: string | undefined
  /** What the rows are in the data of the caller. */
  readonly names: BoundNames
  #model: NativeModel
  #handle: number

  /** `indexOf` is that of {@link BoundNames}; `where` names the batch in messages. */
  constructor(
    core: ModelCore,
    input: InputRows,
    targets: GivenTargets,
    indexOf: ((row: number) => number) | undefined,
    where?: string,
  ) {
    this.#core = core
    this.#where = where
    this.names = new BoundNames(targets, indexOf)
    this.#input = input
    this.#targets = targets
    this.#model = core.native()
    adviseOnBatch(core, input, targets, where)
    this.#handle = this.#model.bind(input, targets)
  }

  /** The handle by which ranges refer to the data. */
  get handle(): number {
    const model = this.#core.native()
    if (model !== this.#model) {
      this.#handle = model.takeOver(this.#model, this.#handle)
      this.#model = model
    }
    return this.#handle
  }

  /** Warns if the sums of a range show a mistake, such as a loss of NaN, and searches the arrays for its cause. */
  look(sums: NativeSums): void {
    adviseOnSums(this.#core, sums, this.#input, this.#targets, this.#where)
  }

  release(): void {
    this.#model.unbind(this.#handle)
  }
}

/** The seconds of an epoch, and the sums of its batches. */
interface TrainedEpoch {
  readonly seconds: number
  readonly sums: Float64Array
}

/** The feed of rows and targets in memory. */
export class ArrayFeed implements Feed {
  readonly rows: number
  readonly batches: number
  readonly batchSize: number
  readonly fingerprint: string | undefined
  readonly #core: ModelCore
  readonly #bound: BoundData
  #order: EpochOrder = { shuffle: false, seed: 0, epoch: 0 }
  #batch = 0

  /** `firstRow` is the index of the first row in the caller's data. */
  constructor(core: ModelCore, input: InputRows, targets: GivenTargets, batchSize: number, firstRow = 0) {
    this.#core = core
    this.rows = input.rows
    this.batchSize = Math.min(batchSize, input.rows)
    this.batches = Math.ceil(input.rows / this.batchSize)
    if (core.ranks !== undefined) {
      const sizes = `${input.rows} rows of ${input.data.length / input.rows} numbers in batches of ${this.batchSize}`
      const { data, weights = new Float32Array(0) } = targets
      this.fingerprint = `${sizes}, with the targets ${hashOf([data, weights])}`
    }
    this.#bound = new BoundData(core, input, targets, (row) => firstRow + row)
  }

  async reserve(work: Reserved): Promise<void> {
    const { batchSize } = this
    const data = this.#bound.handle
    const batches = Math.min(this.batches, batchesAtOnce(this.#core, batchSize))
    await this.#core.native().reserve({ data, batchSize, batches, ...work })
  }

  begin(start: EpochStart): number {
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
    const { handle: data, names } = this.#bound
    const [firstBatch, batches] = [this.#batch, Math.min(limit, left)]
    const sums = await work({ data, names, rows, batchSize, firstBatch, batches, shuffle, seed, epoch })
    this.#bound.look(sums)
    this.#batch += sums[sumAt.batches] as number
    return sums
  }

  /** Trains on epochs of so many batches in one range; `order` is that of the first. Returns the sums of those that began. */
  async trainEpochs(
    order: EpochOrder,
    batches: number,
    epochs: number,
    learningRates: Float32Array,
  ): Promise<readonly TrainedEpoch[]> {
    const range = { data: this.#bound.handle, batchSize: this.batchSize, firstBatch: 0, batches, learningRates }
    const numbers = await this.#core.trainEpochs({ ...range, ...order }, epochs)
    const stride = 1 + totalsOf(this.#core).sums.length
    return Array.from({ length: numbers.length / stride }, (_, epoch) => {
      const at = epoch * stride
      const sums = numbers.subarray(at + 1, at + stride)
      this.#bound.look(sums)
      return { seconds: numbers[at] as number, sums }
    })
  }

  async close(): Promise<void> {
    this.release()
  }

  /** {@link ArrayFeed.close}, synchronously. */
  release(): void {
    this.#bound.release()
  }
}
