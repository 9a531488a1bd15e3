/** The training position: what is needed, besides weights and optimizer state, to continue as if training had never stopped. */

/** How far a training has come. */
export interface TrainingPosition {
  /** Number of complete epochs. */
  readonly epoch: number
  /** Seeds the order of rows in the incomplete epoch. */
  readonly order: number
  /** The seed that was passed to fit, if any. */
  readonly seed: number | undefined
  /** Number of batches in an epoch, if it is known. */
  readonly batches: number | undefined
  /** Number of batches of the current pass through the data that earlier epochs took; 0 if each epoch is a pass of its own. */
  readonly passed: number
  /** Sums of the incomplete epoch, as in `NativeSums`, followed by the states of metrics; empty between epochs. */
  readonly sums: readonly number[]
}

/** The position before the first batch. */
export const startPosition: TrainingPosition = {
  epoch: 0,
  order: 0,
  seed: undefined,
  batches: undefined,
  passed: 0,
  sums: [],
}
