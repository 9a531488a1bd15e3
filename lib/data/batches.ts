/** Batches from iterables, streams and functions: opened once per epoch, read ahead while the device works. */

import { Readable } from 'node:stream'
import { NeurodeError } from '../errors.js'
import { describe } from '../validate.js'
import { type ArrayInput, isNdArray } from './arrays.js'

/** Rows of input and their targets, for one step: any number of rows. */
export interface Batch {
  readonly x: ArrayInput
  readonly y: ArrayInput
  /** A weight for each row. */
  readonly sampleWeight?: ArrayInput | undefined
}

/** Anything that can be iterated over, at once or asynchronously; Node's object streams are among it. */
export type Batches<T = Batch> = Iterable<T> | AsyncIterable<T>

/**
 * Where batches come from. A function is called at the beginning of every epoch; what can be iterated over again (an array, an
 * object with `[Symbol.iterator]`) is; generators and streams go on in the next epoch where they were in the last.
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
  return typeof first === 'object' && first !== null && !Array.isArray(first) && 'x' in first
}

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>

/** What to give in place of an iterator that ends too early. */
export const remedy = 'give a function that makes a new one every time, such as () => batches()'

/** Batches read ahead in the order of the source. */
const depth = 2

/** Iterators that have given all they had, and streams that were read to their end. */
const ended = new WeakSet<object>()

/** One source over all epochs. Batches are read as soon as the source gives them, as it may use its memory again. */
export class BatchReader<T> {
  readonly #source: BatchSource<unknown>
  readonly #argument: string
  readonly #read: (value: unknown) => T
  #iterator: AnyIterator | undefined
  #ahead: Promise<IteratorResult<T, undefined>>[] = []
  #spent = false
  /** It had given all it had when the epoch began. */
  #endedBefore = false

  /** What `read` makes of a value must not lie in the source's memory. */
  constructor(source: BatchSource<unknown>, argument: string, read: (value: unknown) => T) {
    this.#source = source
    this.#argument = argument
    this.#read = read
  }

  /** Begins an epoch: anew where the source can. */
  async begin(): Promise<void> {
    if (this.#iterator === undefined || this.#canBeginAnew) {
      await this.close()
      this.#iterator = this.#open()
    }
    this.#endedBefore = ended.has(this.#iterator) || ended.has(this.#source)
  }

  /** It has ended, and cannot begin anew. */
  get isSpent(): boolean {
    return this.#spent
  }

  /** The error of an epoch without a batch: whether there never were any, or there are no more. */
  noBatches(): NeurodeError {
    const text = `${this.#argument}: expected batches, got none`
    const why = `${text}: the iterator has ended before, and cannot begin anew`
    return new NeurodeError('ERR_ARGUMENT', this.#endedBefore ? `${why}; ${remedy}` : text)
  }

  /** Whether there is another batch, which is not taken. */
  async peek(): Promise<T | undefined> {
    if (this.#iterator === undefined) await this.begin()
    this.readAhead()
    return (await this.#ahead[0])?.value
  }

  /** The next batch, or nothing at the end of the epoch. */
  async next(): Promise<T | undefined> {
    const value = await this.peek()
    if (value === undefined) {
      if (this.#iterator !== undefined) ended.add(this.#iterator)
      if (!this.#canBeginAnew) {
        this.#spent = true
        ended.add(this.#source)
      }
      return undefined
    }
    this.#ahead.shift()
    return value
  }

  /** Passes over batches, which are not read. */
  async skip(count: number): Promise<void> {
    for (let batch = 0; batch < count; batch++) await (this.#ahead.shift() ?? this.#iterator?.next())
  }

  /** Asks the source for what comes next, so that it works while the device does. */
  readAhead(): void {
    while (this.#iterator !== undefined && !this.#spent && this.#ahead.length < depth) {
      const result = this.#take(this.#iterator, this.#ahead.at(-1))
      // Rejections are those of the batch they belong to, once it is asked for.
      result.catch(() => {})
      this.#ahead.push(result)
    }
  }

  /** A source is asked for a batch when the one before it was read, not earlier: it would go on at once. */
  async #take(
    iterator: AnyIterator,
    before: Promise<IteratorResult<T, undefined>> | undefined,
  ): Promise<IteratorResult<T, undefined>> {
    const last = await before
    if (last?.done || iterator !== this.#iterator) return { done: true, value: undefined }
    const { done, value } = await iterator.next()
    return done ? { done: true, value: undefined } : { done: false, value: this.#read(value) }
  }

  /** Ends what was opened here. Generators and streams stay as they are: they are the caller's. */
  async close(): Promise<void> {
    const iterator = this.#iterator
    if (iterator === undefined || !this.#canBeginAnew) return
    this.#iterator = undefined
    this.#ahead = []
    // Not waited for: an asynchronous generator ends after what it was asked for, which may never come.
    Promise.resolve(iterator.return?.()).catch(() => {})
  }

  get #canBeginAnew(): boolean {
    const source = this.#source
    if (typeof source === 'function') return true
    if (source instanceof Readable) return false
    return source !== (this.#iterator as unknown)
  }

  #open(): AnyIterator {
    const opened: unknown = typeof this.#source === 'function' ? this.#source() : this.#source
    if (typeof opened === 'object' && opened !== null) {
      if (Symbol.asyncIterator in opened) return (opened as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      if (Symbol.iterator in opened) return (opened as Iterable<unknown>)[Symbol.iterator]()
    }
    const text = `${this.#argument}: expected a function that gives an iterable of batches`
    throw new NeurodeError('ERR_ARGUMENT', `${text}, got ${describe(opened)}`)
  }
}

/** The parts of a batch, or `ERR_ARGUMENT`. */
export function toBatch(value: unknown, argument: string): Batch {
  if (Array.isArray(value) && (value.length === 2 || value.length === 3)) {
    return { x: value[0], y: value[1], sampleWeight: value[2] }
  }
  if (typeof value === 'object' && value !== null && 'x' in value && 'y' in value) return value as Batch
  throw new NeurodeError('ERR_ARGUMENT', `${argument}: expected batches { x, y }, got ${describe(value)}`)
}
