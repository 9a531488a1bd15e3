/** Metrics and losses that are computed from the rows of outputs themselves, in TypeScript. */

/**
 * Rows of outputs beside their targets; outputs of several dimensions are as many rows of the last one. The arrays are valid until the function that is given them
 * returns.
 */
export interface CapturedBatch {
  /** The model's outputs, row-major. */
  readonly outputs: Float32Array
  /** Targets as rows of outputs (class indices as one-hot rows), row-major. */
  readonly targets: Float32Array
  /** The weight of each row; 1 where there are none. */
  readonly weights: Float32Array
  /** Rows, and outputs in a row. */
  readonly shape: readonly [rows: number, outputs: number]
}

/** What a metric remembers of the rows so far; made anew for every epoch and every evaluation. */
export interface MetricState {
  /** Takes a batch (or several at once) into account. */
  updateState(batch: CapturedBatch): void
  /** The value over all rows so far. */
  result(): number
  /** Forgets all rows. */
  readonly resetState?: (() => void) | undefined
  /**
   * Everything it remembers, so that a checkpoint in the middle of an epoch can keep it. Without, an epoch that goes on in its
   * middle counts the rows from there on.
   */
  readonly numbers?: Float64Array | undefined
}

/** The captured rows of a range (`outputs`, `targets`, weight each) as arrays; rows that do not count are left out. */
export function splitRows(captured: Float32Array, outputs: number, weighted: boolean): CapturedBatch {
  const stride = 2 * outputs + 1
  const all = captured.length / stride
  let rows = 0
  for (let i = 0; i < all; i++) if (!Number.isNaN(captured[i * stride + 2 * outputs])) rows++
  const batch = {
    outputs: new Float32Array(rows * outputs),
    targets: new Float32Array(rows * outputs),
    weights: new Float32Array(rows).fill(1),
    shape: [rows, outputs] as const,
  }
  for (let i = 0, row = 0; i < all; i++) {
    const at = i * stride
    const weight = captured[at + 2 * outputs] as number
    if (Number.isNaN(weight)) continue
    batch.outputs.set(captured.subarray(at, at + outputs), row * outputs)
    batch.targets.set(captured.subarray(at + outputs, at + 2 * outputs), row * outputs)
    if (weighted) batch.weights[row] = weight
    row++
  }
  return batch
}
