/** The counters of a batcher. */

import { NeurodeError } from '../../base/errors.js'

/** Counters of a {@link Batcher} since it was made, which only grow, and the current depth of its queue. */
export interface BatcherStats {
  /** Rows that are waiting now. */
  readonly queuedRows: number
  /** Requests that are waiting now. */
  readonly queuedRequests: number
  /** Rows in the batch that is running now. */
  readonly runningRows: number
  /** Requests that were answered. */
  readonly requests: number
  /** Rows of the requests that were answered. */
  readonly rows: number
  /** Batches that were computed. */
  readonly batches: number
  /** Requests that were refused because the queue was full. */
  readonly rejected: number
  /** Requests that missed their deadline. */
  readonly timedOut: number
  /** Requests that were aborted by their signal. */
  readonly aborted: number
  /** Requests that failed for other reasons. */
  readonly failed: number
  /** Sum over answered requests: microseconds that a request waited for its batch to start. */
  readonly queueMicros: number
  /** Sum over batches: microseconds from the start of a batch to its outputs. */
  readonly computeMicros: number
  /** Histogram of the rows in a batch: `counts[i]` batches had at most `bounds[i]` rows and more than the bound before. */
  readonly batchSizes: { readonly bounds: readonly number[]; readonly counts: readonly number[] }
}

export class BatchStats {
  rejected = 0
  #requests = 0
  #rows = 0
  #batches = 0
  #timedOut = 0
  #aborted = 0
  #failed = 0
  #queueMicros = 0
  #computeMicros = 0
  readonly #bounds: readonly number[]
  readonly #counts: number[]

  constructor(maxBatchSize: number) {
    const bounds: number[] = []
    for (let bound = 1; bound < maxBatchSize; bound *= 2) bounds.push(bound)
    this.#bounds = Object.freeze([...bounds, maxBatchSize])
    this.#counts = this.#bounds.map(() => 0)
  }

  addBatch(rows: number, milliseconds: number, failed: boolean): void {
    if (failed) return
    this.#batches++
    this.#computeMicros += 1000 * milliseconds
    const place = this.#bounds.findIndex((bound) => rows <= bound)
    this.#counts[place] = (this.#counts[place] as number) + 1
  }

  addRequest(rows: number, queueMilliseconds: number): void {
    this.#requests++
    this.#rows += rows
    this.#queueMicros += 1000 * queueMilliseconds
  }

  addFailure(error: unknown): void {
    const code = error instanceof NeurodeError ? error.code : undefined
    if (code === 'ERR_TIMEOUT') this.#timedOut++
    else if (code === 'ERR_ABORTED') this.#aborted++
    else this.#failed++
  }

  snapshot(queuedRows: number, queuedRequests: number, runningRows: number): BatcherStats {
    return {
      queuedRows,
      queuedRequests,
      runningRows,
      requests: this.#requests,
      rows: this.#rows,
      batches: this.#batches,
      rejected: this.rejected,
      timedOut: this.#timedOut,
      aborted: this.#aborted,
      failed: this.#failed,
      queueMicros: this.#queueMicros,
      computeMicros: this.#computeMicros,
      batchSizes: { bounds: this.#bounds, counts: [...this.#counts] },
    }
  }
}
