/** The statistics of a server: plain numbers, so that those of several workers can be added. */

import type { BatcherStats } from '../batching/batchStats.js'

/** Upper bounds of the histogram of request durations, in microseconds. */
export const durationBounds = [
  100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000,
] as const

/** Why a request failed, by Triton's categories. */
export type FailureReason = 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER'

/** Statistics of one version of one model since the server started. Durations are sums, in microseconds. */
export interface ModelSnapshot {
  readonly model: string
  readonly version: string
  readonly success: number
  readonly successMicros: number
  readonly failures: Readonly<Record<FailureReason, number>>
  readonly failureMicros: number
  /** Histogram of the durations of successful requests: one count for each of {@link durationBounds}, and one for longer durations. */
  readonly durations: readonly number[]
  /** Time of the last successful request, in milliseconds since 1970; 0 if there was none. */
  readonly lastInference: number
  readonly rows: number
  readonly batches: number
  readonly queueMicros: number
  readonly computeMicros: number
  /** Requests that are waiting for their batch now. */
  readonly pending: number
  readonly batchSizes: BatcherStats['batchSizes']
}

type BatcherCounts = Pick<
  ModelSnapshot,
  'rows' | 'batches' | 'queueMicros' | 'computeMicros' | 'pending' | 'batchSizes'
>

const noBatches: BatcherCounts = {
  rows: 0,
  batches: 0,
  queueMicros: 0,
  computeMicros: 0,
  pending: 0,
  batchSizes: { bounds: [], counts: [] },
}

/** The counters of one version of one model. They are kept when the version's file is replaced. */
export class ModelStatistics {
  readonly model: string
  readonly version: string
  readonly #failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 }
  readonly #durations: number[] = [...durationBounds.map(() => 0), 0]
  #success = 0
  #successMicros = 0
  #failureMicros = 0
  #lastInference = 0
  #past = noBatches
  readonly #batchers = new Set<() => BatcherStats>()

  constructor(model: string, version: string) {
    this.model = model
    this.version = version
  }

  /** Adds the counters of a batcher to these until the returned function is called, which keeps their last values. */
  follow(stats: () => BatcherStats): () => void {
    this.#batchers.add(stats)
    return () => {
      if (this.#batchers.delete(stats)) this.#past = add(this.#past, { ...countsOf(stats()), pending: 0 })
    }
  }

  succeed(milliseconds: number): void {
    const micros = 1000 * milliseconds
    this.#success++
    this.#successMicros += micros
    this.#lastInference = Date.now()
    let place = 0
    while (place < durationBounds.length && micros > (durationBounds[place] as number)) place++
    this.#durations[place] = (this.#durations[place] as number) + 1
  }

  fail(reason: FailureReason, milliseconds: number): void {
    this.#failures[reason]++
    this.#failureMicros += 1000 * milliseconds
  }

  snapshot(): ModelSnapshot {
    const counts = [...this.#batchers].reduce((sum, stats) => add(sum, countsOf(stats())), this.#past)
    return {
      model: this.model,
      version: this.version,
      success: this.#success,
      successMicros: this.#successMicros,
      failures: { ...this.#failures },
      failureMicros: this.#failureMicros,
      durations: [...this.#durations],
      lastInference: this.#lastInference,
      ...counts,
    }
  }
}

/** Adds up the snapshots of several workers. */
export function mergeSnapshots(snapshots: readonly ModelSnapshot[]): ModelSnapshot[] {
  const merged = new Map<string, ModelSnapshot>()
  for (const snapshot of snapshots) {
    const key = `${snapshot.model}/${snapshot.version}`
    const there = merged.get(key)
    merged.set(key, there === undefined ? snapshot : mergeTwo(there, snapshot))
  }
  return [...merged.values()]
}

function mergeTwo(a: ModelSnapshot, b: ModelSnapshot): ModelSnapshot {
  const { REJECTED, CANCELED, BACKEND, OTHER } = b.failures
  return {
    model: a.model,
    version: a.version,
    success: a.success + b.success,
    successMicros: a.successMicros + b.successMicros,
    failures: {
      REJECTED: a.failures.REJECTED + REJECTED,
      CANCELED: a.failures.CANCELED + CANCELED,
      BACKEND: a.failures.BACKEND + BACKEND,
      OTHER: a.failures.OTHER + OTHER,
    },
    failureMicros: a.failureMicros + b.failureMicros,
    durations: a.durations.map((count, i) => count + (b.durations[i] ?? 0)),
    lastInference: Math.max(a.lastInference, b.lastInference),
    ...add(a, b),
  }
}

function countsOf(stats: BatcherStats): BatcherCounts {
  const { rows, batches, queueMicros, computeMicros, batchSizes } = stats
  return { rows, batches, queueMicros, computeMicros, pending: stats.queuedRequests, batchSizes }
}

function add(a: BatcherCounts, b: BatcherCounts): BatcherCounts {
  return {
    rows: a.rows + b.rows,
    batches: a.batches + b.batches,
    queueMicros: a.queueMicros + b.queueMicros,
    computeMicros: a.computeMicros + b.computeMicros,
    pending: a.pending + b.pending,
    batchSizes: addHistograms(a.batchSizes, b.batchSizes),
  }
}

/** Adds two histograms. Their bounds are powers of two up to the largest batch, so they differ only at the end. */
function addHistograms(a: BatcherStats['batchSizes'], b: BatcherStats['batchSizes']): BatcherStats['batchSizes'] {
  const bounds = [...new Set([...a.bounds, ...b.bounds])].sort((x, y) => x - y)
  const count = ({ bounds: own, counts }: BatcherStats['batchSizes'], bound: number) => counts[own.indexOf(bound)] ?? 0
  return { bounds, counts: bounds.map((bound) => count(a, bound) + count(b, bound)) }
}
