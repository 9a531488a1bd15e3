/** Chooses how many batches one native call processes, and turns the sums that it returns into losses and metrics. */

import { NeurodeError } from '../base/errors.js'
import { isPromise, refuse } from '../checks/validate.js'
import type { HeadSetup } from '../core/headSetup.js'
import type { NativeSums } from '../native/addon.js'
import { headAt, metricsAt, sumAt } from '../native/sums.js'
import type { CapturedBatch, MetricState } from '../training/captured.js'
import type { Logs } from '../training/context.js'
import { ratio } from '../training/metricNumbers.js'
import type { ResolvedMetric } from '../training/metricTable.js'

const targetSeconds = 0.1
const firstSeconds = 0.02
const assumedFlopsPerSecond = 1e10

/** Chooses the size of ranges so that each takes about 100 ms, by the speed measured so far. The first ranges are small. */
export class RangePacer {
  #secondsPerBatch: number | undefined
  #last = 0
  readonly #first: number

  /** `flopsPerBatch` is a rough count of operations, used for the first range only. */
  constructor(flopsPerBatch: number) {
    this.#first = Math.max(1, Math.floor((firstSeconds * assumedFlopsPerSecond) / Math.max(1, flopsPerBatch)))
  }

  next(remaining: number): number {
    const wanted =
      this.#secondsPerBatch === undefined
        ? this.#first
        : Math.min(Math.round(targetSeconds / this.#secondsPerBatch), this.#last * 8)
    this.#last = Math.max(1, wanted)
    return Math.min(this.#last, remaining)
  }

  done(batches: number, seconds: number): void {
    if (batches > 0) this.#secondsPerBatch = Math.max(seconds / batches, 1e-7)
  }
}

/** Adds up the sums of ranges. */
export class Totals {
  batches = 0
  rows = 0
  #penalty = 0
  readonly #heads: readonly HeadSetup[]
  /** Loss, counted rows and weight of each output. */
  readonly #ofHeads: Float64Array
  /** The metrics that native code computes. */
  readonly #metrics: Float64Array
  /** The sums of the metrics that are computed from several. */
  readonly #tallies = new Map<ResolvedMetric, Float64Array>()
  /** The states of the metrics that users define. */
  readonly #states = new Map<ResolvedMetric, MetricState>()

  constructor(heads: readonly HeadSetup[]) {
    this.#heads = heads
    this.#ofHeads = new Float64Array(3 * heads.length)
    let native = 0
    for (const { head, metrics } of heads) {
      for (const metric of metrics) {
        if (metric.op !== undefined) native++
        if (metric.tally) this.#tallies.set(metric, new Float64Array(metric.tally.size))
        if (metric.state) this.#states.set(metric, metric.state(head.outputs))
      }
    }
    this.#metrics = new Float64Array(native)
  }

  /** Begins anew, with sums of 0; not for metrics that users define. */
  clear(): void {
    this.batches = this.rows = this.#penalty = 0
    this.#ofHeads.fill(0)
    this.#metrics.fill(0)
    for (const numbers of this.#tallies.values()) numbers.fill(0)
  }

  /** Adds the sums of a range. */
  add(sums: NativeSums): void {
    this.#add(sums, this.#tallies.values())
  }

  /** Adds {@link Totals.sums}. */
  restore(sums: readonly number[]): void {
    this.#add(sums, this.#numbers())
  }

  #add(sums: NativeSums | readonly number[], others: Iterable<Float64Array>): void {
    this.batches += sums[sumAt.batches] as number
    this.rows += sums[sumAt.rows] as number
    this.#penalty += sums[sumAt.penalty] as number
    const add = (to: Float64Array, from: number, begin = 0, end = to.length) => {
      for (let i = begin; i < end; i++) to[i] = (to[i] as number) + (sums[from + i - begin] as number)
    }
    for (let h = 0; h < this.#heads.length; h++) add(this.#ofHeads, headAt(h), 3 * h, 3 * h + 3)
    let at = metricsAt(this.#heads.length)
    add(this.#metrics, at)
    at += this.#metrics.length
    for (const numbers of others) {
      add(numbers, at)
      at += numbers.length
    }
  }

  /** The sums of tallies and the states of metrics, in the order of the metrics. */
  *#numbers(): Generator<Float64Array> {
    for (const { metrics } of this.#heads) {
      for (const metric of metrics) {
        const numbers = this.#tallies.get(metric) ?? this.#states.get(metric)?.numbers
        if (numbers !== undefined) yield numbers
      }
    }
  }

  /** Updates the metrics of an output that users define, each with the batch that it reads. */
  update(head: number, batchFor: (metric: ResolvedMetric) => CapturedBatch): void {
    for (const metric of this.#heads[head]?.metrics ?? []) {
      const updated: unknown = this.#states.get(metric)?.updateState(batchFor(metric))
      if (isPromise(updated)) refuse(`metric '${metric.key}': updateState`, 'a function that is done at once', updated)
    }
  }

  /** All sums so far, in the form of the sums of one range, where the states of metrics stand among the tallies. */
  get sums(): number[] {
    const [loss = 0, counted = 0, weight = 0, ...others] = this.#ofHeads
    const sums = [this.batches, this.rows, loss, counted, weight, this.#penalty, ...others, ...this.#metrics]
    for (const numbers of this.#numbers()) for (const number of numbers) sums.push(number)
    return sums
  }

  /** The value of a metric that is a tally or has a state. */
  #resultOf(metric: ResolvedMetric): unknown {
    const sums = this.#tallies.get(metric)
    return sums === undefined ? this.#states.get(metric)?.result() : metric.tally?.result(sums)
  }

  /** Losses and metrics over all rows so far. */
  logs(): Logs {
    const lossOf = (h: number) => this.#ofHeads[3 * h] as number
    let loss = 0
    for (let h = 0; h < this.#heads.length; h++) loss += (this.#heads[h] as HeadSetup).lossWeight * lossOf(h)
    const logs: Record<string, number> & { loss: number } = { loss: round((loss + this.#penalty) / this.rows) }
    this.#heads.forEach(({ lossKey }, h) => {
      if (lossKey !== undefined) logs[lossKey] = round(lossOf(h) / this.rows)
    })
    let row = 0
    this.#heads.forEach(({ metrics }, h) => {
      for (const metric of metrics) {
        const rows = this.#ofHeads[3 * h + (metric.weighted ? 2 : 1)] as number
        const result =
          metric.op === undefined
            ? this.#resultOf(metric)
            : metric.finish(ratio(this.#metrics[row++] as number, rows), rows)
        if (typeof result !== 'number') refuse(`metric '${metric.key}': result`, 'a number', result)
        logs[metric.key] = round(result)
      }
    })
    return logs
  }
}

/** Rounds to nine digits, enough for any float32. Further digits would depend on how the epoch was divided into ranges. */
function round(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(9)) : value
}

/** The logs of a validation, with `val_` before every key. */
export function validationLogs(logs: Logs): Record<string, number> {
  return Object.fromEntries(Object.entries(logs).map(([key, value]) => [`val_${key}`, value]))
}

/** Settles like `promise`, or rejects with the error of `fail` as soon as the signal is aborted. */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  fail: (signal: AbortSignal) => Error,
): Promise<T> {
  if (signal === undefined) return promise
  let stop: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(fail(signal))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    if (stop) signal.removeEventListener('abort', stop)
  }
}

/** The error of work that a signal stopped. */
export function abortError(what: string, signal: AbortSignal): NeurodeError {
  return new NeurodeError('ERR_ABORTED', `${what} was aborted`, { cause: signal.reason })
}
