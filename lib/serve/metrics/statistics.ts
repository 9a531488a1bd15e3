/** What a server counts: plain numbers, so that the counts of several workers add up. */

import type { BatcherStats } from '../batching/batchStats.js'

/** Upper bounds of the histogram of request durations, in microseconds. */
export const durationBounds = [
  100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000,
] as const

/** Why a request had no answer, as Triton tells them apart. */
export type FailureReason = 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER'

/** Everything about one version of one model since the server started; durations are sums, in microseconds. */
export interface ModelSnapshot {
  readonly model: string
  readonly version: string
  readonly success: number
  readonly successMicros: number
  readonly failures: Readonly<Record<FailureReason, number>>
  readonly failureMicros: number
  /** Successful requests by duration: one count for each of {@link durationBounds}, and one for longer ones. */
  readonly durations: readonly number[]
  /** Milliseconds since 1970; 0: none yet. */
  readonly lastInference: number
  readonly rows: number
  readonly batches: number
  readonly queueMicros: number
  readonly computeMicros: number
  /** Requests that wait for their batch now. */
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

/** The counters of one version of one model. They outlive the files behind it. */
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

  /** Counts what a batcher counts until it is let go, and keeps the counts then. */
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

/** The snapshots of several workers as one. */
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

/** Bounds differ at most in how many there are: they are powers of two, then the largest batch. */
function addHistograms(a: BatcherStats['batchSizes'], b: BatcherStats['batchSizes']): BatcherStats['batchSizes'] {
  const bounds = [...new Set([...a.bounds, ...b.bounds])].sort((x, y) => x - y)
  const count = ({ bounds: own, counts }: BatcherStats['batchSizes'], bound: number) => counts[own.indexOf(bound)] ?? 0
  return { bounds, counts: bounds.map((bound) => count(a, bound) + count(b, bound)) }
}
