/** Batches of outputs and targets, for metrics and losses that are computed in TypeScript. */

/**
 * Rows of outputs with their targets. For outputs of several dimensions, each position is a row. The arrays are valid until the
 * function that gets them returns.
 */
export interface CapturedBatch {
  /** The model's outputs, row-major. */
  readonly outputs: Float32Array
  /**
   * Targets in the same shape, row-major. With a loss that has the option `targets` they are as wide as that says, as they were given,
   * for custom losses and metrics. Of built-in losses that take class indices, they are one-hot rows.
   */
  readonly targets: Float32Array
  /** The weight of each row; 1 if no weights were given. */
  readonly weights: Float32Array
  /** Number of rows, and of outputs in a row. */
  readonly shape: readonly [rows: number, outputs: number]
  /**
   * The index of each row in the arrays or files that fit, evaluate or the call on one batch was given, however rows are shuffled. Rows
   * that `validationSplit` sets apart keep theirs, and those of `validationData` have their own; positions of one row have the same.
   * Undefined for the batches of a stream.
   */
  readonly indices: Uint32Array | undefined
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

/** Which rows were captured. */
export interface CapturedRows {
  /** The index of a captured row in the caller's data; undefined if rows have none. */
  readonly indexAt: ((row: number) => number) | undefined
  /** The targets of an output that were not captured; undefined if they were. */
  targetsOf(output: number): RawTargets | undefined
}

/** Targets of bound rows as they were given. */
export interface RawTargets {
  readonly data: Float32Array
  /** Number of bound rows. */
  readonly rows: number
  /** The bound row that a captured row is. */
  rowAt(row: number): number
}

/**
 * Splits captured rows of one output into arrays; rows that are left out of metrics are skipped. `raw` are targets in place of those
 * that were captured.
 */
export function splitRows(
  captured: Float32Array,
  { stride, begin, positions, outputs }: CapturedPart,
  weighted: boolean,
  { indexAt }: CapturedRows,
  raw?: RawTargets,
): CapturedBatch {
  const each = 2 * outputs + 1
  // All numbers of an only output are one piece.
  const isOnly = stride === positions * each
  const beginOf = (place: number) =>
    isOnly ? place * each : begin + Math.floor(place / positions) * stride + (place % positions) * each
  const all = (captured.length / stride) * positions
  const counts = (place: number) => !Number.isNaN(captured[beginOf(place) + 2 * outputs])
  let rows = 0
  for (let place = 0; place < all; place++) if (counts(place)) rows++
  // Undefined where all count: then a row is its place.
  const places = rows === all ? undefined : countUp(all).filter(counts)
  const width = raw === undefined ? outputs : raw.data.length / (raw.rows * positions)
  const ofOutputs = new Float32Array(rows * outputs)
  const targets = new Float32Array(rows * width)
  const weights = new Float32Array(rows).fill(1)
  const from = raw?.data ?? captured
  for (let row = 0; row < rows; row++) {
    const place = places === undefined ? row : (places[row] as number)
    const at = beginOf(place)
    const first = raw === undefined ? at + outputs : width * placeOf(raw, place, positions)
    for (let o = 0; o < outputs; o++) ofOutputs[row * outputs + o] = captured[at + o] as number
    for (let t = 0; t < width; t++) targets[row * width + t] = from[first + t] as number
    if (weighted) weights[row] = captured[at + 2 * outputs] as number
  }
  let indices: Uint32Array | undefined
  return {
    outputs: ofOutputs,
    targets,
    weights,
    shape: [rows, outputs],
    get indices() {
      indices ??= indexAt && (places ?? countUp(rows)).map((place) => indexAt(Math.floor(place / positions)))
      return indices
    },
  }
}

const countUp = (count: number) => Uint32Array.from({ length: count }, (_, i) => i)

/** The place of a captured position among those of all bound rows. */
function placeOf({ rowAt }: RawTargets, place: number, positions: number): number {
  return rowAt(Math.floor(place / positions)) * positions + (place % positions)
}
