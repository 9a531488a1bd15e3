/** The training position: what it takes, besides weights and optimizer, to go on as if training had never stopped. */

/** Where a training is. */
export interface TrainingPosition {
  /** Epochs that are over. */
  readonly epoch: number
  /** Picks the order of rows of the epoch that is not. */
  readonly order: number
  /** The seed that fit was given, if any. */
  readonly seed: number | undefined
  /** Batches of the epoch, where they are known. */
  readonly batches: number | undefined
  /** Batches of the pass through the data that earlier epochs took, where epochs share one. */
  readonly passed: number
  /** Of the epoch that is not over, as in `NativeSums`, then what states of metrics remember. Empty between epochs. */
  readonly sums: readonly number[]
}

/** Before the first batch. */
export const startPosition: TrainingPosition = {
  epoch: 0,
  order: 0,
  seed: undefined,
  batches: undefined,
  passed: 0,
  sums: [],
}
