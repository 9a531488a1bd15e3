/** The batcher: gathers many small requests into large batches, runs these on a predictor, and gives each request its outputs. */

import { NeurodeError } from '../../base/errors.js'
import { guardArity, refuseMore } from '../../checks/arity.js'
import { checkInteger, checkNumber, checkOptions, longestMilliseconds, refuse } from '../../checks/validate.js'
import { checkBatchSize, type PredictInputs, Predictor, rowsOf } from '../../inference/predictor.js'
import { type BatcherOptions, checkRunOptions, checkTimeout, type RunOptions } from './batcherOptions.js'
import { type BatcherStats, BatchStats } from './batchStats.js'
import { Deadlines } from './deadlines.js'
import { deviceQueue, type Turn } from './deviceQueue.js'
import { type RowBuffer, RowBuffers } from './rowBuffers.js'
import { writeChecked, writeOwn } from './rowWriters.js'
import { abortError, disposedError, type Ticket, timeoutError } from './tickets.js'

/** The name that messages use for the limit on waiting rows. */
export const queueLimit = "maxQueueSize, the queue's size"
/** The default of maxQueueSize, in full batches. */
export const usualBatches = 16

const longestDelay = 1000 * longestMilliseconds
const none: RunOptions = {}

/**
 * A queue in front of a predictor, made by {@link batcher}. Free it with {@link Batcher.dispose} or `using`; the predictor lives on.
 * `Results` is what the predictor computes.
 */
export class Batcher<Results = Float32Array> {
  readonly predictor: Predictor<Results>
  readonly maxBatchSize: number
  readonly maxQueueSize: number
  readonly #timeoutMs: number
  readonly #delayMs: number
  readonly #counts: BatchStats
  /** Batches that wait, oldest first. New rows go into the last one. */
  #waiting: RowBuffer[] = []
  #running: RowBuffer | undefined
  readonly #buffers: RowBuffers
  #queuedRows = 0
  #queuedRequests = 0
  #writing = 0
  #turn: Turn
  readonly #deadlines = new Deadlines((now) => this.#endLate(now))
  #idle: (() => void)[] = []
  #disposed = false

  /** @internal */
  constructor(predictor: Predictor<Results>, options: Required<{ [K in keyof BatcherOptions]: number }>) {
    this.predictor = predictor
    this.maxBatchSize = options.maxBatchSize
    this.maxQueueSize = options.maxQueueSize
    this.#timeoutMs = options.timeoutMs
    this.#buffers = new RowBuffers(options.maxBatchSize, predictor)
    this.#delayMs = options.maxQueueDelayMicros / 1000
    this.#counts = new BatchStats(options.maxBatchSize)
    this.#turn = deviceQueue(predictor.device).join({
      ready: (now) => this.#readyIn(now),
      run: () => this.#runNext(),
    })
  }

  /** Counters since the batcher was made, and the current depth of its queue. */
  get stats(): BatcherStats {
    return this.#counts.snapshot(this.#queuedRows, this.#queuedRequests, this.#running?.rows ?? 0)
  }

  /**
   * Computes the outputs of `rows` rows. `write` puts the rows into the memory that it is given, (rows, inputSize) with several
   * inputs side by side, before it returns; elements that it does not write are 0. If `write` throws, the call rejects with the same error and nothing is
   * queued. If `write` returns a promise, the call is refused. Requests are answered in the order of the calls.
   *
   * Rejects with `ERR_QUEUE_FULL`, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_DISPOSED`, `ERR_ARGUMENT`, with `ERR_LABEL_RANGE` if a
   * value is not an index of the model's embedding, and with the errors of the predictor.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   * import { batcher } from 'neurode/serve'
   *
   * const predictor = sequential([layers.dense({ units: 3, inputShape: [4] })]).predictor()
   * const queue = batcher(predictor, { maxQueueSize: 1024, timeoutMs: 1000 })
   * const answers = await Promise.all([1, 2, 3].map((x) => queue.run(1, (row) => row.fill(x))))
   * ```
   */
  run(rows: number, write: (into: Float32Array) => void, options?: RunOptions): Promise<Results> {
    return this.#inForm(this.runWhole(rows, writeOwn(write), options))
  }

  /**
   * @internal {@link Batcher.run} for a `write` that writes every element: the memory still holds values of earlier requests. Several
   * outputs are rows, side by side.
   */
  runWhole(rows: number, write: (into: Float32Array) => void, options?: RunOptions): Promise<Float32Array> {
    try {
      if (typeof write !== 'function') refuse('write', 'a function', write)
      if (!Number.isInteger(rows) || rows < 1) refuse('rows', 'a positive integer', rows)
      if (this.#disposed) throw disposedError()
      const { signal, timeoutMs = this.#timeoutMs } = options === undefined ? none : checkRunOptions(options)
      this.#checkRoom(rows)
      const { checkRows } = this.predictor
      const checked = checkRows === undefined ? write : writeChecked(write, checkRows)
      if (rows > this.maxBatchSize) return this.#runInParts(rows, checked, timeoutMs, signal)
      return this.#enqueue(rows, checked, timeoutMs, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * {@link Batcher.run} for rows in an array, or in an array for each input of a graph model, see {@link Predictor.predict}. The rows are
   * copied before the call returns.
   */
  predict(input: PredictInputs, options?: RunOptions): Promise<Results> {
    try {
      const joined = this.predictor.joined(input)
      const rows = rowsOf(joined, this.predictor.inputSize)
      return this.#inForm(this.runWhole(rows, (into) => into.set(joined), options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Resolves once no request is waiting or running. */
  drain(): Promise<void> {
    if (this.#queuedRequests === 0 && this.#running === undefined) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Rejects all requests that are waiting or running, and all later ones, with `ERR_DISPOSED`. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#turn.leave()
    this.#deadlines.stop()
    const buffers = this.#running === undefined ? this.#waiting : [this.#running, ...this.#waiting]
    this.#waiting = []
    this.#buffers.release()
    this.#queuedRows = this.#queuedRequests = 0
    for (const { tickets } of buffers) for (const ticket of tickets) this.#fail(ticket, disposedError())
    if (this.#running === undefined) this.#becomeIdle()
  }

  /** Calls {@link Batcher.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  #inForm(output: Promise<Float32Array>): Promise<Results> {
    if (!this.predictor.hasSeveralOutputs) return output as Promise<Results>
    return output.then((all) => this.predictor.toResults(all))
  }

  #checkRoom(rows: number): void {
    if (this.#queuedRows + rows <= this.maxQueueSize) return
    if (rows > this.maxQueueSize) {
      throw new NeurodeError(
        'ERR_ARGUMENT',
        `rows: expected at most ${this.maxQueueSize} rows (${queueLimit}), got ${rows}`,
      )
    }
    this.#counts.rejected++
    const text = `the queue is full: ${this.#queuedRows} of ${this.maxQueueSize} rows wait, and ${rows} more came`
    throw new NeurodeError('ERR_QUEUE_FULL', text)
  }

  #enqueue(
    rows: number,
    write: (into: Float32Array) => void,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    if (signal?.aborted) throw abortError(signal)
    const { inputSize } = this.predictor
    const buffer = this.#bufferFor(rows)
    const first = buffer.rows
    const end = first + rows
    buffer.rows = end
    this.#queuedRows += rows
    this.#writing++
    try {
      write(buffer.input.subarray(first * inputSize, end * inputSize))
      if (this.#disposed) throw disposedError()
    } catch (error) {
      // The rows stay in the batch if later requests follow them, which happens when `write` itself makes a request.
      if (buffer.rows === end && !this.#disposed) {
        buffer.rows = first
        this.#queuedRows -= rows
      }
      throw error
    } finally {
      this.#writing--
    }
    const arrived = performance.now()
    return new Promise((resolve, reject) => {
      const ticket: Ticket = {
        first,
        rows,
        arrived,
        deadline: arrived + timeoutMs,
        resolve,
        reject,
        settled: false,
        forget: signal && this.#watch(signal, () => ticket),
      }
      buffer.tickets.push(ticket)
      this.#queuedRequests++
      this.#deadlines.add(ticket.deadline, arrived)
      const isFull = buffer.rows === this.maxBatchSize || this.#waiting[0] !== buffer
      // While a request's rows are being written, its batch must not start: the rows have their place in it.
      if (isFull && this.#writing === 0) this.#turn.hurry()
      else this.#turn.wake()
    })
  }

  async #runInParts(
    rows: number,
    write: (into: Float32Array) => void,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const { inputSize, outputSize } = this.predictor
    const input = new Float32Array(checkBatchSize(rows, this.predictor, 'rows') * inputSize)
    write(input)
    const parts: Promise<Float32Array>[] = []
    for (let first = 0; first < rows; first += this.maxBatchSize) {
      const count = Math.min(this.maxBatchSize, rows - first)
      const part = input.subarray(first * inputSize, (first + count) * inputSize)
      parts.push(this.#enqueue(count, (into) => into.set(part), timeoutMs, signal))
    }
    const output = new Float32Array(rows * outputSize)
    const outputs = await Promise.all(parts)
    outputs.forEach((part, i) => {
      output.set(part, i * this.maxBatchSize * outputSize)
    })
    return output
  }

  #bufferFor(rows: number): RowBuffer {
    const last = this.#waiting.at(-1)
    if (last !== undefined && last.rows + rows <= this.maxBatchSize) return last
    const buffer = this.#buffers.take()
    this.#waiting.push(buffer)
    return buffer
  }

  /** Milliseconds until the first batch should start; Infinity if no batch is waiting. */
  #readyIn(now: number): number {
    const first = this.#waiting[0]
    const oldest = first?.tickets[0]
    if (first === undefined || oldest === undefined || this.#running !== undefined) return Infinity
    if (this.#delayMs === 0 || this.#waiting.length > 1 || first.rows === this.maxBatchSize) return 0
    return Math.max(0, oldest.arrived + this.#delayMs - now)
  }

  /** Runs the first batch: on this thread if handing it over would take as long, else on the device's thread. */
  #runNext(): Promise<void> | undefined {
    const buffer = this.#waiting.shift() as RowBuffer
    const began = performance.now()
    this.#queuedRows -= buffer.rows
    this.#queuedRequests -= buffer.tickets.length
    if (buffer.tickets.every(({ settled }) => settled)) {
      this.#recycle(buffer)
      return undefined
    }
    const { predictor } = this
    const input = buffer.input.subarray(0, buffer.rows * predictor.inputSize)
    const out = buffer.output.subarray(0, buffer.rows * predictor.outputSize)
    this.#running = buffer
    if (predictor.isQuick(buffer.rows)) {
      let error: unknown
      try {
        predictor.predictOwnSync(input, out)
      } catch (thrown) {
        error = thrown
      }
      this.#finish(buffer, began, error)
      return undefined
    }
    return predictor.predictOwn(input, out).then(
      () => this.#finish(buffer, began, undefined),
      (error: unknown) => this.#finish(buffer, began, error),
    )
  }

  #finish(buffer: RowBuffer, began: number, error: unknown): void {
    const ended = performance.now()
    const { outputSize } = this.predictor
    this.#running = undefined
    this.#counts.addBatch(buffer.rows, ended - began, error !== undefined)
    for (const ticket of buffer.tickets) {
      if (ticket.settled) continue
      if (error !== undefined) {
        this.#fail(ticket, error)
      } else if (ended > ticket.deadline) {
        this.#fail(ticket, timeoutError(ticket))
      } else {
        ticket.settled = true
        ticket.forget?.()
        this.#counts.addRequest(ticket.rows, began - ticket.arrived)
        ticket.resolve(buffer.output.slice(ticket.first * outputSize, (ticket.first + ticket.rows) * outputSize))
      }
    }
    this.#recycle(buffer)
  }

  #recycle(buffer: RowBuffer): void {
    this.#buffers.giveBack(buffer)
    if (this.#queuedRequests === 0) this.#becomeIdle()
  }

  #becomeIdle(): void {
    const waiting = this.#idle
    this.#idle = []
    for (const resolve of waiting) resolve()
  }

  #fail(ticket: Ticket, error: unknown): void {
    if (ticket.settled) return
    ticket.settled = true
    ticket.forget?.()
    this.#counts.addFailure(error)
    ticket.reject(error)
  }

  #watch(signal: AbortSignal, ticket: () => Ticket): () => void {
    const abort = () => this.#fail(ticket(), abortError(signal))
    signal.addEventListener('abort', abort, { once: true })
    return () => signal.removeEventListener('abort', abort)
  }

  /** Rejects the requests that are past their deadline, and returns the next deadline. */
  #endLate(now: number): number {
    let next = Infinity
    const buffers = this.#running === undefined ? this.#waiting : [this.#running, ...this.#waiting]
    for (const { tickets } of buffers) {
      for (const ticket of tickets) {
        if (ticket.settled) continue
        if (ticket.deadline <= now) this.#fail(ticket, timeoutError(ticket))
        else next = Math.min(next, ticket.deadline)
      }
    }
    return next
  }
}

guardArity(Batcher.prototype, 'batcher', ['run', 'predict'])

/**
 * Makes a queue that gathers requests into batches: a batch starts when the device is idle and takes the requests that have
 * arrived by then. Batchers whose predictors share a device take turns.
 *
 * Throws `ERR_ARGUMENT`, `ERR_UNKNOWN_NAME`.
 */
export function batcher<Results>(predictor: Predictor<Results>, given?: BatcherOptions): Batcher<Results>
export function batcher<Results>(
  predictor: Predictor<Results>,
  given?: BatcherOptions,
  ...more: unknown[]
): Batcher<Results> {
  refuseMore(more, 2, 'batcher')
  if (!(predictor instanceof Predictor)) refuse('predictor', 'what model.predictor() gives', predictor)
  const names = ['maxBatchSize', 'maxQueueDelayMicros', 'maxQueueSize', 'timeoutMs']
  const options = checkOptions(given, names, 'batcher')
  const maxBatchSize = checkBatchSize(
    options.maxBatchSize ?? predictor.maxBatchSize,
    predictor,
    'batcher: maxBatchSize',
  )
  return new Batcher(predictor, {
    maxBatchSize,
    maxQueueSize: checkInteger(options.maxQueueSize ?? usualBatches * maxBatchSize, 'batcher: maxQueueSize'),
    maxQueueDelayMicros: checkNumber(options.maxQueueDelayMicros ?? 0, 'batcher: maxQueueDelayMicros', 0, longestDelay),
    timeoutMs: checkTimeout(options.timeoutMs, 'batcher: timeoutMs') ?? Infinity,
  })
}
