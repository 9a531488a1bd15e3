/** Prediction: outputs for rows of input. */

import { isFloat32Array } from 'node:util/types'
import { elementCount, type InputRows, type NdArray, ownRows, sliceRows, takeInput } from '../data/arrays.js'
import { BatchReader, type BatchSource, inputOf, isBatchSource, nameBatch } from '../data/batches.js'
import { ShapedArray } from '../data/shapedArray.js'
import { NeurodeError } from '../errors.js'
import { checkInteger, checkOptions, checkSignal, describe, refuse } from '../validate.js'
import type { ModelCore } from './core.js'
import { buildFrom } from './inputs.js'
import { abortError, RangePacer, unlessAborted } from './ranges.js'

/** Options of {@link Sequential.predictSync} and {@link Sequential.predictOnBatch}. */
export interface PredictSyncOptions {
  /** Written into instead of a new array: a Float32Array of rows · outputs elements. */
  readonly out?: Float32Array | undefined
}

/** Options of {@link Sequential.predict}. */
export interface PredictOptions extends PredictSyncOptions {
  /** Rows at a time, a positive integer; results do not depend on it. Default 1024. */
  readonly batchSize?: number | undefined
  /** Aborting rejects with `ERR_ABORTED`; `out` then holds the rows done so far. */
  readonly signal?: AbortSignal | undefined
}

/** See {@link Sequential.predict}. */
export async function predictModel(
  core: ModelCore,
  x: unknown,
  given: PredictOptions | undefined,
): Promise<NdArray<Float32Array>> {
  const options = checkOptions(given, ['batchSize', 'out', 'signal'], 'predict')
  checkSignal(options.signal, 'signal')
  checkInteger(options.batchSize ?? 1024, 'batchSize')
  return predictRows(core, readInput(core, x), options)
}

async function predictRows(
  core: ModelCore,
  input: InputRows,
  { batchSize: asked = 1024, signal, ...options }: PredictOptions,
): Promise<NdArray<Float32Array>> {
  const out = outputFor(core, input.rows, options.out)
  const batchSize = Math.min(asked, input.rows)
  // Ranges of a training would change the weights between those of the prediction.
  if (signal === undefined || core.fitting) await run(core, input, out, batchSize)
  else await predictInRanges(core, input, out, batchSize, signal)
  return new ShapedArray(out, [input.rows, ...core.built().outputShape])
}

/** See {@link Sequential.predictOnBatch}. */
export async function predictOnBatch(
  core: ModelCore,
  x: unknown,
  given: PredictSyncOptions | undefined,
): Promise<NdArray<Float32Array>> {
  const options = checkOptions(given, ['out'], 'predictOnBatch')
  const input = ownRows(readInput(core, x), x)
  const out = outputFor(core, input.rows, options.out)
  await run(core, input, out, input.rows)
  return new ShapedArray(out, [input.rows, ...core.built().outputShape])
}

/** Options of {@link Sequential.predictStream}. */
export interface PredictStreamOptions {
  /** Aborting rejects with `ERR_ABORTED` before the next batch, also while the source is waited for. */
  readonly signal?: AbortSignal | undefined
}

/** See {@link Sequential.predictStream}. */
export async function* predictStream(
  core: ModelCore,
  source: unknown,
  given: PredictStreamOptions | undefined,
): AsyncGenerator<NdArray<Float32Array>, void, undefined> {
  const { signal } = checkOptions(given, ['signal'], 'predictStream')
  checkSignal(signal, 'signal')
  if (!isInputSource(source)) return refuse('source', 'an iterable of batches', source)
  const reader = new BatchReader(source, 'source', (value) => {
    const x = inputOf(value)
    return ownRows(toRows(core, x), x)
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
      // While the caller works on a batch, the device does on the one after it.
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

/** Unlike for fit, an array is a list of batches of input. */
function isInputSource(value: unknown): value is BatchSource<unknown> {
  return isBatchSource(value) || Array.isArray(value)
}

/** predictSync without shortcuts. */
export function predictSync(core: ModelCore, x: unknown, given: PredictSyncOptions | undefined): NdArray<Float32Array> {
  const options = checkOptions(given, ['out'], 'predictSync')
  core.checkNotRunning(
    'predictSync cannot be called',
    '; predict() waits for its turn, and a predictor() is free at any time',
  )
  const input = readInput(core, x)
  const out = outputFor(core, input.rows, options.out)
  core.native().predictSync(input, out)
  return new ShapedArray(out, [input.rows, ...core.built().outputShape])
}

/** The array results go to: the caller's, checked, or a new one. */
export function outputFor(core: ModelCore, rows: number, out: Float32Array | undefined): Float32Array {
  const { outputShape, outputSize } = core.built()
  const size = rows * outputSize
  if (out === undefined) return new Float32Array(size)
  if (!isFloat32Array(out)) {
    throw new NeurodeError('ERR_DTYPE', `out: expected a Float32Array, got ${describe(out)}`)
  }
  if (out.length === size) return out
  const expected = `${size} elements for shape [${[rows, ...outputShape].join(', ')}]`
  throw new NeurodeError('ERR_SHAPE', `out: expected ${expected}, got ${out.length}`)
}

async function run(core: ModelCore, input: InputRows, out: Float32Array, batchSize: number): Promise<void> {
  await core.native().predict(input, out, batchSize)
  core.checkAlive()
}

async function predictInRanges(
  core: ModelCore,
  input: InputRows,
  out: Float32Array,
  batchSize: number,
  signal: AbortSignal,
): Promise<void> {
  const outputSize = elementCount(core.built().outputShape)
  const pacer = new RangePacer(2 * core.countParameters() * batchSize)
  for (let row = 0; row < input.rows; ) {
    if (signal.aborted) throw abortError('predict', signal)
    const batches = pacer.next(Math.ceil((input.rows - row) / batchSize))
    const end = Math.min(input.rows, row + batches * batchSize)
    const began = performance.now()
    const part = out.subarray(row * outputSize, end * outputSize)
    await run(core, sliceRows(input, row, end), part, batchSize)
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
  return takeInput(x, core.built().inputShape, 'x')
}
