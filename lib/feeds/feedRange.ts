/** Types for ranges of batches, for the order of rows in an epoch, and for the place where an epoch begins. */

import type { NativeTrainRange } from '../native/addon.js'
import type { CapturedRows } from '../training/captured.js'

/** How one epoch visits the rows. */
export interface EpochOrder {
  readonly shuffle: boolean
  /** Seed and epoch together determine the order. */
  readonly seed: number
  readonly epoch: number
}

/** Where an epoch begins, or continues. */
export interface EpochStart extends EpochOrder {
  /** Number of batches of this pass through the data that earlier epochs took; 0 if each epoch is a pass of its own. */
  readonly passed: number
  /** Number of batches of the epoch that are done. */
  readonly done: number
  /** The most batches that will be requested, in this epoch and all later ones. */
  readonly wanted: number
  /** The name of the epoch in messages, such as `epoch 1`; undefined if there is only one. */
  readonly title?: string | undefined
}

/** One pass through all data in their own order. */
export const wholePass: EpochStart = { shuffle: false, seed: 0, epoch: 0, passed: 0, done: 0, wanted: Infinity }

/** Number of batches of the pass that earlier epochs took, 0 if a new pass begins; a pass has `batches` batches. */
export function passedOf({ passed }: EpochStart, batches: number): number {
  return passed < batches ? passed : 0
}

/** The part of an {@link EpochStart} that every range contains. */
export function orderOf({ shuffle, seed, epoch }: EpochStart): EpochOrder {
  return { shuffle, seed, epoch }
}

/** Says which rows of the caller's data the rows of an epoch are, from a place of the epoch on; by default in their own order. */
export interface RowNames {
  from(place: number, order?: EpochOrder): CapturedRows
}

/** A range of bound batches in the order of an epoch. */
export interface FeedRange extends Omit<NativeTrainRange, 'learningRates'> {
  /** Number of rows of the bound data. */
  readonly rows: number
  readonly names: RowNames
}
