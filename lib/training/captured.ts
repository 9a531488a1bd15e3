/** Batches of outputs and targets, for metrics and losses that are computed in TypeScript. */

/**
 * Rows of outputs with their targets. For outputs of several dimensions, each position is a row. The arrays are valid until the
 * function that gets them returns.
 */
export interface CapturedBatch {
  /** The model's outputs, row-major. */
  readonly outputs: Float32Array
  /** Targets in the same shape, row-major; class indices are converted to one-hot rows. */
  readonly targets: Float32Array
  /** The weight of each row; 1 if no weights were given. */
  readonly weights: Float32Array
  /** Number of rows, and of outputs in a row. */
  readonly shape: readonly [rows: number, outputs: number]
}

/** The state of a metric over the rows so far; made anew for every epoch and every evaluation. */
export interface MetricState {
  /** Updates the state with a batch (or several at once). */
  updateState(batch: CapturedBatch): void
  /** The value over all rows so far. */
  result(): number
  /** Resets the state. */
  readonly resetState?: (() => void) | undefined
  /**
   * The whole state as numbers, so that a checkpoint within an epoch can contain it. Without this, an epoch that continues from a
   * checkpoint counts only the rows after it.
   */
  readonly numbers?: Float64Array | undefined
}

/** Where an output stands in captured rows: for each of its positions there are outputs, targets and weight. */
export interface CapturedPart {
  /** Number of floats of a row with all outputs, and the index of the first one of this output. */
  readonly stride: number
  readonly begin: number
  readonly positions: number
  readonly outputs: number
}

/** Splits captured rows of one output into arrays; rows that are left out of metrics are skipped. */
export function splitRows(captured: Float32Array, part: CapturedPart, weighted: boolean): CapturedBatch {
  const { stride, begin, positions, outputs } = part
  const each = 2 * outputs + 1
  // All numbers of an only output are one piece.
  const isOnly = stride === positions * each
  const [piece, step] = isOnly ? [captured.length, captured.length] : [positions * each, stride]
  let rows = 0
  for (let from = begin; from < captured.length; from += step) {
    for (let at = from; at < from + piece; at += each) if (!Number.isNaN(captured[at + 2 * outputs])) rows++
  }
  const batch = {
    outputs: new Float32Array(rows * outputs),
    targets: new Float32Array(rows * outputs),
    weights: new Float32Array(rows).fill(1),
    shape: [rows, outputs] as const,
  }
  let row = 0
  for (let from = begin; from < captured.length; from += step) {
    for (let at = from; at < from + piece; at += each) {
      const weight = captured[at + 2 * outputs] as number
      if (Number.isNaN(weight)) continue
      for (let o = 0; o < outputs; o++) {
        batch.outputs[row * outputs + o] = captured[at + o] as number
        batch.targets[row * outputs + o] = captured[at + outputs + o] as number
      }
      if (weighted) batch.weights[row] = weight
      row++
    }
  }
  return batch
}
