/** The ranges of batches that feeds give, the order they come in, and where epochs begin. */

import type { NativeTrainRange } from '../native/addon.js'

/** How one epoch visits the rows. */
export interface EpochOrder {
  readonly shuffle: boolean
  /** Together they pick the order. */
  readonly seed: number
  readonly epoch: number
}

/** Where an epoch begins, or goes on. */
export interface EpochStart extends EpochOrder {
  /** Batches of the pass through the data that earlier epochs took: 0 where every epoch is a pass of its own. */
  readonly passed: number
  /** Batches of the epoch that are done. */
  readonly done: number
  /** Batches that will be asked for at most, in this epoch and in all that follow. */
  readonly wanted: number
  /** What messages call the epoch: `epoch 1`; nothing where there is but one. */
  readonly title?: string | undefined
}

/** The whole of the data in its own order, once. */
export const wholePass: EpochStart = { shuffle: false, seed: 0, epoch: 0, passed: 0, done: 0, wanted: Infinity }

/** Batches of the pass that earlier epochs took, where all have so many; a pass that is over begins anew. */
export function passedOf({ passed }: EpochStart, batches: number): number {
  return passed < batches ? passed : 0
}

/** What crosses with every range. */
export function orderOf({ shuffle, seed, epoch }: EpochStart): EpochOrder {
  return { shuffle, seed, epoch }
}

/** A range of bound batches in the order of an epoch. */
export interface FeedRange extends Omit<NativeTrainRange, 'learningRates'> {
  /** Of the data that is bound. */
  readonly rows: number
}
