/** The predictor: a model frozen for inference on one device. */

import { isFloat32Array, isUint8Array } from 'node:util/types'
import { elementCount } from '../arrays/arrays.js'
import { checkFloats, checkPresent, copyResults, hintFor } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { guardArity, refuseMore } from '../checks/arity.js'
import { checkInteger, checkOptions, checkRowShape, describe, refuse } from '../checks/validate.js'
import { compileModel } from '../core/compileModel.js'
import type { ModelCore } from '../core/core.js'
import { checkDevice, checkPrecision, type DeviceName } from '../core/devices.js'
import type { Shape } from '../layers/layer.js'
import type { NativePredictor } from '../native/addon.js'
import { native } from '../native/native.js'
import type { Precision } from '../native/plan.js'

/** Options of {@link Sequential.predictor}. */
export interface PredictorOptions {
  /** Where it runs. Default: the device of the model. */
  readonly device?: DeviceName | undefined
  /** Rows in one batch at most, a positive integer; more are computed in several. Default 256. */
  readonly maxBatchSize?: number | undefined
  /** What factors of large products are rounded to, as in compile. Default: as the model, on another device `float32`. */
  readonly precision?: Precision | undefined
  /** Threads of the CPU, a positive integer. Default: those of the model. */
  readonly threads?: number | undefined
}

/** Rows of input, one after the other: float32, or bytes that stand for the numbers 0 to 255. */
export type PredictInput = Float32Array | Uint8Array

/** Whether it is what a predictor reads, of any realm. */
export function isPredictInput(value: unknown): value is PredictInput {
  return isFloat32Array(value) || isUint8Array(value)
}

/** What is said of anything else. */
export function inputError(got: unknown): NeurodeError {
  return new NeurodeError(
    'ERR_DTYPE',
    `input: expected a Float32Array or a Uint8Array, got ${describe(got)}${hintFor(got)}`,
  )
}

/** Options of {@link Predictor.predict}. */
export interface PredictIntoOptions {
  /** Written into instead of a new array: a Float32Array of rows · {@link Predictor.outputSize} elements. */
  readonly out?: Float32Array | undefined
}

/** See {@link Predictor.token}: plain data, for `postMessage` or `workerData`. */
export interface PredictorToken {
  readonly id: number
  readonly inputShape: Shape
  readonly outputShape: Shape
  readonly maxBatchSize: number
}

/**
 * A model frozen for inference, made by {@link Sequential.predictor}. It holds a copy of the weights; a row's output does not
 * depend on the rows that share its batch. Free it with {@link Predictor.dispose} or `using`.
 */
export class Predictor {
  /** Shape of one row of input. */
  readonly inputShape: Shape
  /** Shape of one row of output. */
  readonly outputShape: Shape
  /** Numbers in one row of input. */
  readonly inputSize: number
  /** Numbers in one row of output. */
  readonly outputSize: number
  /** Rows in one batch at most. */
  readonly maxBatchSize: number
  /** Where it runs: `cpu`, `cuda:0`, … */
  readonly device: string

  /** @internal Throws where rows hold what is no index of the model's embedding; undefined for models without one. */
  readonly checkRows: ((rows: Float32Array) => void) | undefined

  readonly #native: NativePredictor
  #disposed = false

  /** @internal */
  constructor(
    model: NativePredictor,
    { inputShape, outputShape }: { readonly inputShape: Shape; readonly outputShape: Shape },
    maxBatchSize: number,
  ) {
    this.#native = model
    this.inputShape = inputShape
    this.outputShape = outputShape
    this.inputSize = elementCount(inputShape)
    this.outputSize = elementCount(outputShape)
    this.maxBatchSize = maxBatchSize
    this.device = model.device
    this.checkRows = model.takesIndices ? (rows) => model.check(rows) : undefined
  }

  /**
   * Outputs for rows of input, (rows, outputSize) row by row, off the JavaScript thread; there are
   * `input.length / inputSize` rows. It is a plain Float32Array: for JSON, `Array.from` makes a list of it. The input counts as it
   * is at the call, which copies it; `out` is written at the end.
   *
   * Rejects with `ERR_DTYPE` for other arrays, `ERR_SHAPE` where there are no whole rows or `out` has another size,
   * `ERR_LABEL_RANGE` for what is no index of an embedding, `ERR_DATA_DETACHED` for memory that was transferred away,
   * `ERR_DISPOSED`, `ERR_DEVICE_LOST`.
   */
  async predict(input: PredictInput, options?: PredictIntoOptions): Promise<Float32Array> {
    const given = outOf(options)
    const results = new Float32Array(this.#checkSizes(input, given))
    await this.#native.predict(input, results, true)
    if (given === undefined) return results
    copyResults(results, given)
    return given
  }

  /** @internal {@link Predictor.predict} for memory that nobody else has: nothing is copied. */
  async predictOwn(input: Float32Array, out: Float32Array): Promise<void> {
    this.#checkSizes(input, out)
    await this.#native.predict(input, out, false)
  }

  /**
   * The same at once: the JavaScript thread computes, with the threads of the CPU that are free. Quickest where the arithmetic
   * takes microseconds. Throws as it rejects.
   */
  predictSync(input: PredictInput, options?: PredictIntoOptions): Float32Array {
    const given = outOf(options)
    const size = this.#checkSizes(input, given)
    const out = given ?? new Float32Array(size)
    this.#native.predictSync(input, out)
    return out
  }

  /**
   * What another thread of this process makes a predictor from, with {@link attachPredictor}: the weights are shared, not
   * copied. It can be posted to workers, and is good until this predictor is disposed.
   */
  get token(): PredictorToken {
    if (this.#disposed) throw disposedError()
    const { inputShape, outputShape, maxBatchSize } = this
    return { id: this.#native.token, inputShape, outputShape, maxBatchSize }
  }

  /**
   * Whether so many rows take this thread half a millisecond at most, by the operations of all layers at all positions: then
   * predictSync is the better call, and the one that batchers and servers make. Always false on CUDA.
   */
  isQuick(rows: number): boolean {
    checkInteger(rows, 'rows')
    return !this.#disposed && this.#native.isQuick(rows)
  }

  /** @internal What they cost this thread, in floating-point operations of large products. */
  operations(rows: number): number {
    return this.#native.operations(rows)
  }

  /** Frees the weights. What runs ends as it would have; everything after gives `ERR_DISPOSED`. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#native.dispose()
  }

  /** {@link Predictor.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  /** Values of the outputs, which `out` has room for if it is given. */
  #checkSizes(input: unknown, out: Float32Array | undefined): number {
    if (this.#disposed) throw disposedError()
    const size = rowsOf(input, this.inputSize) * this.outputSize
    if (out === undefined) return size
    checkFloats(out, 'out')
    if (out.length === size) return size
    throw new NeurodeError('ERR_SHAPE', `out: expected ${size} values, got ${out.length}`)
  }
}

guardArity(Predictor.prototype, 'predictor')

/** Rows of `inputSize` values in an input. */
export function rowsOf(input: unknown, inputSize: number): number {
  if (!isPredictInput(input)) throw inputError(input)
  const rows = input.length / inputSize
  if (rows > 0 && Number.isInteger(rows)) return rows
  checkPresent(input, 'input')
  const text = `input: expected whole rows of ${inputSize} values, got ${input.length} values`
  throw new NeurodeError('ERR_SHAPE', text)
}

function outOf(options: PredictIntoOptions | undefined): Float32Array | undefined {
  return options === undefined ? undefined : checkOptions(options, ['out'], 'predict').out
}

/** Values of a batch at most, 1 GiB. */
const mostValues = 2 ** 28

/** Rows of a batch whose input and output have room in memory. */
export function checkBatchSize(
  value: unknown,
  { inputSize, outputSize }: { readonly inputSize: number; readonly outputSize: number },
  argument: string,
): number {
  return checkInteger(value, argument, 1, Math.max(1, Math.floor(mostValues / Math.max(inputSize, outputSize))))
}

/** See {@link Sequential.predictor}. */
export function makePredictor(core: ModelCore, given: PredictorOptions | undefined): Predictor {
  const { plan, settings, shapes, maxBatchSize } = checkPredictor(core, given)
  const { Predictor: FrozenModel } = native()
  return new Predictor(new FrozenModel(plan, settings, parametersOf(core)), shapes, maxBatchSize)
}

/**
 * The same with weights that stay as they are until it resolves; by default those of the model. They are packed by another thread,
 * while requests are answered.
 */
export async function openPredictor(
  core: ModelCore,
  given: PredictorOptions,
  weights: readonly Float32Array[] = parametersOf(core),
): Promise<Predictor> {
  const { plan, settings, shapes, maxBatchSize } = checkPredictor(core, given)
  const { Predictor: FrozenModel } = native()
  return new Predictor(await FrozenModel.open(plan, settings, weights), shapes, maxBatchSize)
}

const parametersOf = (core: ModelCore) => core.readWeights().map(({ data }) => data)

function checkPredictor(core: ModelCore, given: PredictorOptions | undefined) {
  const options = checkOptions(given, ['device', 'maxBatchSize', 'precision', 'threads'], 'predictor')
  const usually = core.deviceSettings
  const device = options.device === undefined ? usually.device : checkDevice(options.device, 'predictor: device')
  const usual = options.device === undefined ? usually.precision : 'float32'
  const precision = checkPrecision(options.precision ?? usual, device)
  const threads = options.threads === undefined ? usually.threads : checkInteger(options.threads, 'predictor: threads')
  const shapes = core.built()
  const maxBatchSize = checkBatchSize(options.maxBatchSize ?? 256, shapes, 'predictor: maxBatchSize')
  const plan = { ...compileModel(shapes, core.seed, undefined), precision }
  return { plan, settings: { device, threads }, shapes, maxBatchSize }
}

/**
 * A predictor that shares the weights of the one the token was taken from, in this or another thread of the process.
 * Disposing of one leaves the other.
 *
 * Throws `ERR_DISPOSED` where that one was disposed before, `ERR_ARGUMENT` for what is no token.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 * import { attachPredictor } from 'neurode/serve'
 *
 * const predictor = sequential([layers.dense({ units: 3, inputShape: [4] })]).predictor()
 * const { token } = predictor // new Worker(file, { workerData: token })
 * const shared = attachPredictor(token) // in the worker
 * console.log(shared.predictSync(Float32Array.of(1, 2, 3, 4)))
 * ```
 */
export function attachPredictor(token: PredictorToken): Predictor
export function attachPredictor(token: PredictorToken, ...more: unknown[]): Predictor {
  refuseMore(more, 1, 'attachPredictor')
  if (typeof token !== 'object' || token === null) refuse('token', 'the token of a predictor', token)
  const id = checkInteger(token.id, 'token: id')
  const inputShape = checkRowShape(token.inputShape, 'token: inputShape')
  const outputShape = checkRowShape(token.outputShape, 'token: outputShape')
  const sizes = { inputSize: elementCount(inputShape), outputSize: elementCount(outputShape) }
  const maxBatchSize = checkBatchSize(token.maxBatchSize, sizes, 'token: maxBatchSize')
  const { Predictor: FrozenModel } = native()
  return new Predictor(new FrozenModel(id), { inputShape, outputShape }, maxBatchSize)
}

function disposedError(): NeurodeError {
  return new NeurodeError('ERR_DISPOSED', 'the predictor was disposed')
}
