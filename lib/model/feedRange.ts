/** The ranges of batches that feeds give, and the order they come in. */

import type { NativeTrainRange } from '../native.js'

/** How one epoch visits the rows. */
export interface EpochOrder {
  readonly shuffle: boolean
  /** Together they pick the order. */
  readonly seed: number
  readonly epoch: number
}

/** A range of bound batches in the order of an epoch. */
export interface FeedRange extends Omit<NativeTrainRange, 'learningRates'> {
  /** Of the data that is bound. */
  readonly rows: number
}
