/** Prediction: computes the outputs for rows of input. */

import { type InputRows, type NdArray, sliceRows } from '../arrays/arrays.js'
import { ownRows } from '../arrays/lentRows.js'
import { ShapedArray } from '../arrays/shapedArray.js'
import { copyResults } from '../arrays/typedArrays.js'
import { checkInteger, checkOptions, checkSignal, refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { type ByOutput, checkOut, HeadArrays } from '../core/heads.js'
import { buildFrom, takeRowsOf } from '../core/inputs.js'
import type { ModelHead, ModelShapes } from '../core/shapes.js'
import { BatchReader, type BatchSource, inputOf, isBatchSource, nameBatch } from '../data/batches.js'
import { abortError, RangePacer, unlessAborted } from '../feeds/ranges.js'

/**
 * Options of {@link Sequential.predictSync} and {@link Sequential.predictOnBatch}. `Into` is what outputs are written into: an array,
 * or for several outputs a list or a record of arrays.
 */
export interface PredictSyncOptions<Into = Float32Array> {
  /**
   * The array that outputs are written into, instead of a new one: a Float32Array of rows · outputs elements; for several outputs a
   * list of such arrays, or a record of them by output. It may share memory with `x`. Methods that return a promise write at their end, on the JavaScript thread, and reject with `ERR_DATA_DETACHED` if
   * the memory was transferred away meanwhile.
   */
  readonly out?: Into | undefined
}

/** Options of {@link Sequential.predict}. */
export interface PredictOptions<Into = Float32Array> extends PredictSyncOptions<Into> {
  /** Rows at a time, a positive integer; results do not depend on it. Default 1024. */
  readonly batchSize?: number | undefined
  /** When it aborts, predict rejects with `ERR_ABORTED`; `out` holds the rows that were done. */
  readonly signal?: AbortSignal | undefined
}

/** See {@link Sequential.predict}. */
export async function predictModel(
  core: ModelCore,
  x: unknown,
  given: PredictOptions<unknown> | undefined,
): Promise<Predicted> {
  const options = checkOptions(given, ['batchSize', 'out', 'signal'], 'predict')
  checkSignal(options.signal, 'signal')
  checkInteger(options.batchSize ?? 1024, 'batchSize')
  return predictRows(core, readInput(core, x), options)
}

async function predictRows(
  core: ModelCore,
  input: InputRows,
  { batchSize: asked = 1024, signal, ...options }: PredictOptions<unknown>,
): Promise<Predicted> {
  const results = new Results(core, input.rows, options.out)
  const batchSize = Math.min(asked, input.rows)
  // While a training runs, its ranges could change the weights between ranges of the prediction: then all rows are one range.
  if (signal === undefined || core.fitting) await run(core, input, results, 0)
  else await predictInRanges(core, ownRows(input), results, batchSize, signal)
  return results.whole
}

/** See {@link Sequential.predictOnBatch}. */
export async function predictOnBatch(
  core: ModelCore,
  x: unknown,
  given: PredictSyncOptions<unknown> | undefined,
): Promise<Predicted> {
  const options = checkOptions(given, ['out'], 'predictOnBatch')
  const input = readInput(core, x)
  const results = new Results(core, input.rows, options.out)
  await run(core, input, results, 0)
  return results.whole
}

/** Options of {@link Sequential.predictStream}. */
export interface PredictStreamOptions {
  /** When it aborts, the stream rejects with `ERR_ABORTED` before the next batch, also while it waits for the source. */
  readonly signal?: AbortSignal | undefined
}

/** See {@link Sequential.predictStream}. */
export async function* predictStream(
  core: ModelCore,
  source: unknown,
  given: PredictStreamOptions | undefined,
): AsyncGenerator<Predicted, void, undefined> {
  const { signal } = checkOptions(given, ['signal'], 'predictStream')
  checkSignal(signal, 'signal')
  if (!isInputSource(source)) return refuse('source', 'an iterable of batches', source)
  const reader = new BatchReader(source, 'source', (value) => {
    const x = inputOf(value)
    return ownRows(toRows(core, x))
  })
  const aborted = (signal: AbortSignal) => abortError('predictStream', signal)
  let batch = 0
  const predictNext = async () => {
    const where = nameBatch(batch++)
    const input = await unlessAborted(reader.next(where), signal, aborted)
    if (input === undefined) return undefined
    if (signal?.aborted) throw aborted(signal)
    core.checkAlive()
    return reader.located(where, () => predictRows(core, input, { signal }))
  }
  let hasFailed = false
  try {
    let next = predictNext()
    for (;;) {
      const result = await next
      if (result === undefined) return
      // The device predicts the next batch while the caller works on this one.
      next = predictNext()
      next.catch(() => {})
      yield result
    }
  } catch (error) {
    hasFailed = true
    throw error
  } finally {
    const closed = reader.close()
    await (hasFailed ? closed.catch(() => {}) : closed)
  }
}

/** An array is a list of batches of input here; for fit it is rows. */
function isInputSource(value: unknown): value is BatchSource<unknown> {
  return isBatchSource(value) || Array.isArray(value)
}

/** See {@link Sequential.predictSync}, which calls this where its fast path does not apply. */
export function predictSync(core: ModelCore, x: unknown, given: PredictSyncOptions<unknown> | undefined): Predicted {
  const options = checkOptions(given, ['out'], 'predictSync')
  core.checkNotRunning(
    'predictSync cannot be called',
    '; predict() waits for its turn, and a predictor() is free at any time',
  )
  const input = readInput(core, x)
  if (core.built().outputForm === 'single') {
    const out = outputFor(core, input.rows, options.out)
    core.native().predictSync(input, out)
    return new ShapedArray(out, [input.rows, ...core.built().outputShape])
  }
  const results = new Results(core, input.rows, options.out)
  core.native().predictSync(input, results.part(0, input.rows))
  results.done(0, input.rows)
  return results.whole
}

type Predicted = ByOutput<NdArray<Float32Array>>

/** The outputs of all rows: computed into memory of their own, and copied from there into the arrays of several outputs, or the caller's. */
class Results {
  readonly #shapes: ModelShapes
  readonly #rows: number
  readonly #own: Float32Array
  readonly #out: Float32Array | undefined
  readonly #heads: HeadArrays | undefined

  constructor(core: ModelCore, rows: number, out: unknown) {
    this.#shapes = core.built()
    this.#rows = rows
    const isSingle = this.#shapes.outputForm === 'single'
    this.#out = out === undefined || !isSingle ? undefined : outputFor(core, rows, out)
    this.#heads = isSingle ? undefined : new HeadArrays(this.#shapes, rows, out)
    this.#own = new Float32Array(rows * this.#shapes.outputSize)
  }

  part(from: number, to: number): Float32Array {
    const { outputSize } = this.#shapes
    return this.#own.subarray(from * outputSize, to * outputSize)
  }

  /** Copies the rows of a part that is computed into those arrays. */
  done(from: number, to: number): void {
    this.#heads?.write(this.part(from, to), from)
    if (this.#out !== undefined) copyResults(this.part(from, to), this.#out, from * this.#shapes.outputSize)
  }

  get whole(): Predicted {
    return this.#heads?.shaped ?? new ShapedArray(this.#out ?? this.#own, [this.#rows, ...this.#shapes.outputShape])
  }
}

/** Returns the array for rows of the only output: the caller's, after checks, or a new one. */
export function outputFor(core: ModelCore, rows: number, out: unknown): Float32Array {
  const { heads, outputSize } = core.built()
  return out === undefined ? new Float32Array(rows * outputSize) : checkOut(out, rows, heads[0] as ModelHead)
}

/** Predicts rows into the results, from row `from` on. */
async function run(core: ModelCore, input: InputRows, results: Results, from: number): Promise<void> {
  const to = from + input.rows
  await core.predict(input, results.part(from, to))
  core.checkAlive()
  results.done(from, to)
}

async function predictInRanges(
  core: ModelCore,
  input: InputRows,
  results: Results,
  batchSize: number,
  signal: AbortSignal,
): Promise<void> {
  const pacer = new RangePacer(2 * core.countParameters() * batchSize)
  for (let row = 0; row < input.rows; ) {
    if (signal.aborted) throw abortError('predict', signal)
    const batches = pacer.next(Math.ceil((input.rows - row) / batchSize))
    const end = Math.min(input.rows, row + batches * batchSize)
    const began = performance.now()
    await run(core, sliceRows(input, row, end), results, row)
    pacer.done(batches, (performance.now() - began) / 1000)
    row = end
  }
  if (signal.aborted) throw abortError('predict', signal)
}

function readInput(core: ModelCore, x: unknown): InputRows {
  core.checkAlive()
  return toRows(core, x)
}

function toRows(core: ModelCore, x: unknown): InputRows {
  buildFrom(core, x)
  if (x === undefined) refuse('x', 'rows of input', x)
  return takeRowsOf(core, x, 'x')
}
