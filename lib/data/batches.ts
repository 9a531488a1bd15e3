/** Batches from iterables, streams and functions: pass after pass, read ahead while the device works. */

import { Readable } from 'node:stream'
import { type ArrayInput, isNdArray } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkKeys, describe, isPromise, refuse } from '../checks/validate.js'
import { isRefusal } from '../native/native.js'

/** Rows of input and their targets, for one step: any number of rows. Other keys are refused. */
export interface Batch {
  readonly x: ArrayInput
  readonly y: ArrayInput
  /** A weight for each row. */
  readonly sampleWeight?: ArrayInput | undefined
}

/** Anything that can be iterated over, at once or asynchronously; Node's object streams are among it. */
export type Batches<T = Batch> = Iterable<T> | AsyncIterable<T>

/**
 * Where batches come from. A function is called, and what can be iterated over again (an array, an object with
 * `[Symbol.iterator]`) is, at the beginning of every epoch; with `stepsPerEpoch` an epoch goes on where the one before it
 * ended, and the source begins anew when it has ended. Generators and streams always go on, and cannot begin anew.
 *
 * What was opened here is closed (`return()`) at the end; generators and streams that were given are the caller's and stay open.
 *
 * Two batches are read ahead, each when the one before it has come. A batch counts as it was when it was yielded: a source may
 * fill the same arrays again for the next one.
 */
export type BatchSource<T = Batch> = Batches<T> | (() => Batches<T>)

/** Whether this is a source of batches, not an array of rows. */
export function isBatchSource(value: unknown): value is BatchSource<unknown> {
  if (typeof value === 'function') return true
  if (typeof value !== 'object' || value === null || isNdArray(value) || ArrayBuffer.isView(value)) return false
  if (!Array.isArray(value)) return Symbol.asyncIterator in value || Symbol.iterator in value
  const first: unknown = value[0]
  return isRecord(first) && batchKeys.some((key) => key in first)
}

/** What objects have that are meant as batches, here or in TensorFlow.js. */
const batchKeys = ['x', 'y', 'xs', 'ys']

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>

/** What to give in place of an iterator that ends too early. */
export const remedy = 'give a function that makes a new one every time, such as () => batches()'

/** Batches read ahead in the order of the source. */
const depth = 2

/** Iterators that have given all they had, and streams that were read to their end. */
const ended = new WeakSet<object>()

/** How many batches sources that cannot begin anew have given. */
const given = new WeakMap<object, number>()

/** A batch that was read, or why it could not be; nothing at the end. */
type Taken<T> = { readonly batch: T } | { readonly error: unknown } | undefined

/**
 * One source, pass after pass. Batches are read as soon as the source gives them, as it may use its memory again. What the source
 * throws is passed on as it is; what is wrong with a batch says which one it is.
 */
export class BatchReader<T> {
  readonly #source: BatchSource<unknown>
  readonly #argument: string
  readonly #read: (value: unknown) => T
  #iterator: AnyIterator | undefined
  #ahead: Promise<Taken<T>>[] = []
  /** Batches of this pass that were given or passed over. */
  #passed = 0
  /** Batches that will be asked for at most. */
  #wanted = Number.POSITIVE_INFINITY
  /** The pass is over. */
  #over = false
  /** The source has not answered yet. */
  #asking = false
  /** It had given all it had when the pass began. */
  #endedBefore = false

  /** What `read` makes of a value must not lie in the source's memory. */
  constructor(source: BatchSource<unknown>, argument: string, read: (value: unknown) => T) {
    this.#source = source
    this.#argument = argument
    this.#read = read
  }

  /**
   * Goes to a batch of a pass: anew, unless that one is next or the source cannot. Batches on the way are not read. No more than
   * `wanted` will be taken from the source.
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

  /** Batches of this pass that are over: for what cannot begin anew, all that it ever gave. */
  get passed(): number {
    return this.#passed
  }

  /** It has ended, and cannot begin anew. */
  get isSpent(): boolean {
    return this.#over && !this.#canBeginAnew
  }

  /** The error of an epoch without a batch: whether there never were any, or there are no more. */
  noBatches(): NeurodeError {
    const text = `${this.#argument}: expected batches, got none`
    const why = `${text}: the iterator has ended before, and cannot begin anew`
    return new NeurodeError('ERR_ARGUMENT', this.#endedBefore ? `${why}; ${remedy}` : text)
  }

  /** The next batch, which is not taken, or nothing at the end. Messages call it `where`. */
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

  /** Takes what {@link BatchReader.peek} gives. */
  async next(where: string): Promise<T | undefined> {
    const batch = await this.peek(where)
    if (batch === undefined) {
      this.#over = true
      if (this.#iterator !== undefined) ended.add(this.#iterator)
      if (!this.#canBeginAnew) ended.add(this.#source)
      return undefined
    }
    this.#ahead.shift()
    this.#passed++
    this.#wanted--
    return batch
  }

  /** Asks the source for what comes next, so that it works while the device does. */
  readAhead(): void {
    while (!this.#over && this.#ahead.length < Math.min(depth, this.#wanted)) this.#takeAhead()
  }

  /** Works on a batch; where native code refuses it, the error says which one it is. */
  async located<R>(where: string, work: () => Promise<R>): Promise<R> {
    try {
      return await work()
    } catch (error) {
      throw isRefusal(error) ? this.#locate(error, where) : error
    }
  }

  /** An error of Neurode's with the batch that it is about; a user's own stays what it is. */
  #locate(error: unknown, where: string): unknown {
    if (!(error instanceof NeurodeError)) return error
    return new NeurodeError(error.code, `${this.#argument}: ${where}: ${error.message}`, { cause: error })
  }

  /**
   * Ends what was opened here, and waits for it unless it has not answered: an asynchronous generator ends after what it was asked
   * for, which may never come.
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
    // Rejections are those of the batch they belong to, once it is asked for.
    taken.catch(() => {})
    this.#ahead.push(taken)
  }

  /** A source is asked for a batch when the one before it was read, not earlier, for it would go on at once; and if it could be. */
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

  /** What the source gives next, whatever it is; nothing at its end. */
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
  // Its reader is given back in the end, and the stream stays open.
  if (value instanceof ReadableStream) return value.values({ preventCancel: true })
  const source = value as Partial<Record<symbol, unknown>>
  const open = source[Symbol.asyncIterator] ?? source[Symbol.iterator]
  return typeof open === 'function' ? open.call(value) : undefined
}

/** Does work, then closes what it used; what went wrong first is what this rejects with. */
export async function closing<T>(work: () => Promise<T>, close: () => Promise<void>): Promise<T> {
  let result: T
  try {
    result = await work()
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
  await close()
  return result
}

/** What messages call a batch, counted from 0: `batch 3 of epoch 1`. */
export function nameBatch(batch: number, title?: string): string {
  return title === undefined ? `batch ${batch + 1}` : `batch ${batch + 1} of ${title}`
}

const keys = ['x', 'y', 'sampleWeight']

/** The parts of a batch. Throws `ERR_ARGUMENT`, or `ERR_UNKNOWN_NAME` for a key that would not be read. */
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
  checkKeys(value, keys, 'no key of a batch')
  return 'x' in value ? value.x : noBatch(value, 'rows of input or { x }')
}

/** An object that is not meant as an array of any kind. */
function isRecord(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) return false
  return !('data' in value && 'shape' in value)
}

function noBatch(value: unknown, expected: string): never {
  // Nobody else will hear what a promise that is refused rejects with.
  if (isPromise(value)) value.then(undefined, () => {})
  throw new NeurodeError('ERR_ARGUMENT', `expected ${expected}, got ${describe(value)}`)
}
