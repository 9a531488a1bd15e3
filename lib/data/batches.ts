/** Reads batches from iterables, streams and functions, for one or several passes, ahead of the device. */

import { Readable } from 'node:stream'
import { type ArrayInput, isNdArray } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkKeys, describe, isPromise, refuse } from '../checks/validate.js'
import { isRefusal } from '../native/native.js'

/** Rows of input and their targets for one step; any number of rows. Other keys are an error (`ERR_UNKNOWN_NAME`). */
export interface Batch extends BatchOf<never> {}

/** A batch of a model with several inputs or outputs, whose `x`, `y` and `sampleWeight` are arrays for each of them. */
export interface BatchOf<Data, Y = ArrayInput, Weights = ArrayInput> {
  readonly x: ArrayInput | Data
  readonly y: Y
  /** A weight for each row. */
  readonly sampleWeight?: Weights | undefined
}

/** Anything that can be iterated over, synchronously or asynchronously, such as object streams of Node. */
export type Batches<T = Batch> = Iterable<T> | AsyncIterable<T>

/**
 * Where batches come from. A function is called, and what can be iterated over again (an array, an object with
 * `[Symbol.iterator]`) is iterated anew, at the beginning of every epoch. With `stepsPerEpoch`, an epoch continues where the one
 * before it ended, and the source begins anew after it has ended. Generators and streams always continue and cannot begin anew.
 *
 * Iterators that Neurode opened are closed at the end, with `return()`. Generators and streams that the caller passed stay open.
 *
 * Two batches are read ahead, one after the other. Each batch is copied when it is yielded, so a source may fill the same arrays
 * again for the next one.
 */
export type BatchSource<T = Batch> = Batches<T> | (() => Batches<T>)

/** Whether a value is a source of batches and not an array of rows. */
export function isBatchSource(value: unknown): value is BatchSource<unknown> {
  if (typeof value === 'function') return true
  if (typeof value !== 'object' || value === null || isNdArray(value) || ArrayBuffer.isView(value)) return false
  if (!Array.isArray(value)) return Symbol.asyncIterator in value || Symbol.iterator in value
  const first: unknown = value[0]
  return isRecord(first) && batchKeys.some((key) => key in first)
}

/** Keys by which an object is recognized as a batch, including those of TensorFlow.js. */
export const batchKeys = ['x', 'y', 'xs', 'ys']

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>

/** Advice in messages about an iterator that ended too early. */
export const remedy = 'give a function that makes a new one every time, such as () => batches()'

/** Number of batches that are read ahead. */
const depth = 2

/** Iterators and streams that were read to their end. */
const ended = new WeakSet<object>()

/** Number of batches read so far from sources that cannot begin anew. */
const given = new WeakMap<object, number>()

/** A batch that was read, or the error why it could not be read; undefined at the end of the source. */
type Taken<T> = { readonly batch: T } | { readonly error: unknown } | undefined

/**
 * Reads one source, for several passes if it can begin anew. Batches are converted as soon as the source yields them, as the source
 * may reuse its memory. Errors that the source throws are passed on unchanged; errors about a batch say which batch it is.
 */
export class BatchReader<T> {
  readonly #source: BatchSource<unknown>
  readonly #argument: string
  readonly #read: (value: unknown) => T
  #iterator: AnyIterator | undefined
  #ahead: Promise<Taken<T>>[] = []
  /** Number of batches of this pass that were returned or skipped. */
  #passed = 0
  /** The most batches that will still be requested. */
  #wanted = Number.POSITIVE_INFINITY
  /** Whether the pass is over. */
  #over = false
  /** Whether the source was asked for a batch and has not answered yet. */
  #asking = false
  /** Whether the source had ended before the pass began. */
  #endedBefore = false

  /** `read` converts a value of the source to a batch, which must not share the source's memory. */
  constructor(source: BatchSource<unknown>, argument: string, read: (value: unknown) => T) {
    this.#source = source
    this.#argument = argument
    this.#read = read
  }

  /**
   * Moves to a batch of a pass. If that batch is not the next one, the source begins anew if it can. Batches before it are skipped
   * without being converted. At most `wanted` more batches will be requested from the source.
   */
  async seek(batch: number, wanted = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#iterator === undefined || (this.#canBeginAnew && (this.#over || this.#passed !== batch))) {
      await this.close()
      this.#iterator = this.#open()
      this.#over = false
      this.#passed = given.get(this.#source) ?? 0
    }
    this.#endedBefore = ended.has(this.#iterator) || ended.has(this.#source)
    this.#wanted = wanted
    for (const iterator = this.#iterator; this.#passed < batch; this.#passed++) {
      const passed = await (this.#ahead.shift() ?? this.#ask(iterator))
      if (passed === undefined) break
    }
  }

  /** Number of batches of this pass that are done; for a source that cannot begin anew, of all passes. */
  get passed(): number {
    return this.#passed
  }

  /** Whether the source has ended and cannot begin anew. */
  get isSpent(): boolean {
    return this.#over && !this.#canBeginAnew
  }

  /** The error for an epoch without batches; it tells an empty source from an iterator that has ended before. */
  noBatches(): NeurodeError {
    const text = `${this.#argument}: expected batches, got none`
    const why = `${text}: the iterator has ended before, and cannot begin anew`
    return new NeurodeError('ERR_ARGUMENT', this.#endedBefore ? `${why}; ${remedy}` : text)
  }

  /** Returns the next batch without consuming it; undefined at the end. `where` names the batch in messages. */
  async peek(where: string): Promise<T | undefined> {
    if (this.#iterator === undefined) await this.seek(0)
    if (this.#over) return undefined
    if (this.#ahead.length === 0) this.#takeAhead()
    this.readAhead()
    const taken = await this.#ahead[0]
    if (taken === undefined) return undefined
    if ('error' in taken) throw this.#locate(taken.error, where)
    return taken.batch
  }

  /** Returns the next batch and consumes it; undefined at the end. */
  async next(where: string): Promise<T | undefined> {
    const batch = await this.peek(where)
    if (batch === undefined) {
      this.#endPass()
      return undefined
    }
    this.#ahead.shift()
    this.#passed++
    this.#wanted--
    return batch
  }

  /** Ends the pass before the source does: what it has left is not used. */
  async end(): Promise<void> {
    if (this.#over) return
    await this.close()
    this.#endPass()
  }

  #endPass(): void {
    this.#over = true
    if (this.#iterator !== undefined) ended.add(this.#iterator)
    if (!this.#canBeginAnew) ended.add(this.#source)
  }

  /** Asks the source for the next batches, so that it prepares them while the device computes. */
  readAhead(): void {
    while (!this.#over && this.#ahead.length < Math.min(depth, this.#wanted)) this.#takeAhead()
  }

  /** Runs work on a batch; if the native code refuses the batch, the error names it. */
  async located<R>(where: string, work: () => Promise<R>): Promise<R> {
    try {
      return await work()
    } catch (error) {
      throw isRefusal(error) ? this.#locate(error, where) : error
    }
  }

  /** Adds the name of the batch to an error of Neurode; other errors are returned unchanged. */
  #locate(error: unknown, where: string): unknown {
    if (!(error instanceof NeurodeError)) return error
    return new NeurodeError(error.code, `${this.#argument}: ${where}: ${error.message}`, { cause: error })
  }

  /**
   * Closes the iterator if Neurode opened it. The promise waits for that unless the source still owes a batch: an asynchronous
   * generator closes only after it, and it may never come.
   */
  async close(): Promise<void> {
    const iterator = this.#iterator
    if (iterator === undefined || !(this.#canBeginAnew || this.#source instanceof ReadableStream)) return
    this.#iterator = undefined
    this.#ahead = []
    if (this.#over) return
    const isLate = this.#asking
    const closed = Promise.resolve(iterator.return?.())
    if (isLate) closed.catch(() => {})
    else await closed
  }

  #takeAhead(): void {
    const iterator = this.#iterator
    if (iterator === undefined) return
    const taken = this.#take(iterator, this.#ahead.at(-1))
    // The rejection is handled when the batch is requested.
    taken.catch(() => {})
    this.#ahead.push(taken)
  }

  /** Asks the source for a batch after the one before it was converted, as the source may then reuse its memory; not after an error. */
  async #take(iterator: AnyIterator, before: Promise<Taken<T>> | undefined): Promise<Taken<T>> {
    const last = await before
    const isEnd = before !== undefined && (last === undefined || 'error' in last)
    if (isEnd || iterator !== this.#iterator) return undefined
    const result = await this.#ask(iterator)
    if (result === undefined) return undefined
    try {
      return { batch: this.#read(result.value) }
    } catch (error) {
      return { error }
    }
  }

  /** The next value of the source, not yet checked; undefined at its end. */
  async #ask(iterator: AnyIterator): Promise<{ readonly value: unknown } | undefined> {
    this.#asking = true
    try {
      const result: unknown = await iterator.next()
      if (typeof result !== 'object' || result === null) {
        return refuse(`${this.#argument}: next()`, 'an iterator whose results are { done, value }', result)
      }
      const { done, value } = result as Partial<IteratorResult<unknown>>
      if (done) return undefined
      if (!this.#canBeginAnew) given.set(this.#source, (given.get(this.#source) ?? 0) + 1)
      return { value }
    } finally {
      this.#asking = false
    }
  }

  get #canBeginAnew(): boolean {
    const source = this.#source
    if (typeof source === 'function') return true
    if (source instanceof Readable || source instanceof ReadableStream) return false
    return source !== (this.#iterator as unknown)
  }

  #open(): AnyIterator {
    const opened: unknown = typeof this.#source === 'function' ? this.#source() : this.#source
    const iterator = iteratorOf(opened)
    if (typeof iterator === 'object' && iterator !== null && 'next' in iterator) {
      if (typeof iterator.next === 'function') return iterator as AnyIterator
    }
    return refuse(this.#argument, 'an iterable of batches, or a function that gives one', opened)
  }
}

function iteratorOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  // preventCancel releases the reader at the end and leaves the stream open.
  if (value instanceof ReadableStream) return value.values({ preventCancel: true })
  const source = value as Partial<Record<symbol, unknown>>
  const open = source[Symbol.asyncIterator] ?? source[Symbol.iterator]
  return typeof open === 'function' ? open.call(value) : undefined
}

/** The name of a batch in messages, such as `batch 3 of epoch 1`; `batch` counts from 0, the name from 1. */
export function nameBatch(batch: number, title?: string): string {
  return title === undefined ? `batch ${batch + 1}` : `batch ${batch + 1} of ${title}`
}

const keys = ['x', 'y', 'sampleWeight']

/** Checks a batch: an object or a list `[x, y, sampleWeight]`. Throws `ERR_ARGUMENT`, or `ERR_UNKNOWN_NAME` for an unknown key. */
export function toBatch(value: unknown): Batch {
  if (Array.isArray(value) && (value.length === 2 || value.length === 3)) {
    return { x: value[0], y: value[1], sampleWeight: value[2] }
  }
  if (isRecord(value)) {
    checkKeys(value, keys, 'no key of a batch')
    if ('x' in value && 'y' in value) return value as Batch
  }
  return noBatch(value, '{ x, y }')
}

/** The input of a batch: its `x`, or the batch itself. Throws as {@link toBatch} does. */
export function inputOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return noBatch(value, 'rows of input or { x }')
  if (!isRecord(value)) return value
  checkKeys(value, keys, 'no key of a batch', '; a record of inputs goes into a batch, { x: { … } }')
  return 'x' in value ? value.x : noBatch(value, 'rows of input or { x }')
}

/** Whether a value is an object but not an array of any kind. */
export function isRecord(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) return false
  return !('data' in value && 'shape' in value)
}

function noBatch(value: unknown, expected: string): never {
  // A promise that was passed by mistake may reject later; nobody else would handle that rejection.
  if (isPromise(value)) value.then(undefined, () => {})
  throw new NeurodeError('ERR_ARGUMENT', `expected ${expected}, got ${describe(value)}`)
}
