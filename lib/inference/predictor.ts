/** The predictor: a model frozen for inference on one device. */

import { isFloat32Array, isUint8Array } from 'node:util/types'
import { type ArrayInput, elementCount } from '../arrays/arrays.js'
import { type NamedInput, sideBySide } from '../arrays/sideBySide.js'
import { checkFloats, checkPresent, copyResults, hintFor, toFloats } from '../arrays/typedArrays.js'
import { afterWorkHere, mayWorkHere } from '../base/atOnce.js'
import { NeurodeError } from '../base/errors.js'
import { guardArity, refuseMore } from '../checks/arity.js'
import {
  checkInteger,
  checkName,
  checkOptions,
  checkRecord,
  checkRowShape,
  describe,
  refuse,
} from '../checks/validate.js'
import { compileModel } from '../core/compileModel.js'
import type { ModelCore } from '../core/core.js'
import { checkDevice, checkPrecision, type DeviceName } from '../core/devices.js'
import { HeadArrays, layoutOutputs, type OutputLayout } from '../core/heads.js'
import { severalValues } from '../core/inputs.js'
import type { Shape } from '../layers/layer.js'
import type { NativePredictor } from '../native/addon.js'
import { native } from '../native/native.js'
import type { Precision } from '../native/plan.js'

/** Options of {@link Sequential.predictor}. */
export interface PredictorOptions {
  /** The device to run on. Default: the device of the model. */
  readonly device?: DeviceName | undefined
  /** The most rows of one batch, a positive integer; more rows are computed in several batches. Default 256. */
  readonly maxBatchSize?: number | undefined
  /** Precision of large matrix products, as in compile. Default: that of the model, or `float32` on another device. */
  readonly precision?: Precision | undefined
  /** Number of CPU threads, a positive integer. Default: that of the model. */
  readonly threads?: number | undefined
}

/** Rows of input, row-major: float32, or bytes, which count as the numbers 0 to 255. */
export type PredictInput = Float32Array | Uint8Array

/**
 * Input of the predictor of a graph model: rows of all inputs side by side, or an array for each input, by name or in a list in their
 * order.
 */
export type PredictInputs = PredictInput | readonly ArrayInput[] | Readonly<Record<string, ArrayInput>>

/** Whether a value is an input for a predictor, of any realm. */
export function isPredictInput(value: unknown): value is PredictInput {
  return isFloat32Array(value) || isUint8Array(value)
}

/** The error for a value that is no input for a predictor. */
export function inputError(got: unknown): NeurodeError {
  return new NeurodeError(
    'ERR_DTYPE',
    `input: expected a Float32Array or a Uint8Array, got ${describe(got)}${hintFor(got)}`,
  )
}

/** Options of {@link Predictor.predict}. */
export interface PredictIntoOptions<Results = Float32Array> {
  /**
   * The results are written to this Float32Array of rows · {@link Predictor.outputSize} elements; for several outputs, to a list or a
   * record of arrays. Default: new arrays.
   */
  readonly out?: Results | undefined
}

/** A token of a predictor, see {@link Predictor.token}: plain data that `postMessage` and `workerData` can copy. */
export interface PredictorToken {
  readonly id: number
  readonly inputShape: Shape
  readonly outputShape: Shape
  readonly maxBatchSize: number
  /** Names and shapes of the inputs of a graph model. */
  readonly inputs?: readonly NamedInput[] | undefined
  /** Names and shapes of several outputs, and whether results are a record of them or a list. */
  readonly outputs?: readonly NamedInput[] | undefined
  readonly outputForm?: 'list' | 'record' | undefined
}

type PredictorShapes = Pick<PredictorToken, 'inputShape' | 'outputShape' | 'inputs'> & {
  /** For several outputs. */
  readonly layout: OutputLayout | undefined
}

/**
 * A model frozen for inference, made by {@link Sequential.predictor}. It holds a copy of the weights. The output of a row does not
 * depend on the other rows of its batch. Free it with {@link Predictor.dispose} or `using`. `Results` is what it computes: an array, or
 * for several outputs a list or a record of arrays.
 */
export class Predictor<Results = Float32Array> {
  /** Shape of one row of input. */
  readonly inputShape: Shape
  /** Shape of one row of output; several outputs lie side by side. */
  readonly outputShape: Shape
  /** Numbers in one row of input. */
  readonly inputSize: number
  /** Numbers in one row of output. */
  readonly outputSize: number
  /** The most rows of one batch. */
  readonly maxBatchSize: number
  /** The device that it runs on: `cpu`, `cuda:0`, … */
  readonly device: string

  /** @internal Throws `ERR_LABEL_RANGE` for rows with values that are no indices of the embedding; undefined without an embedding. */
  readonly checkRows: ((rows: Float32Array) => void) | undefined

  readonly #native: NativePredictor
  readonly #inputs: readonly NamedInput[] | undefined
  readonly #layout: OutputLayout | undefined
  #disposed = false

  /** @internal */
  constructor(model: NativePredictor, shapes: PredictorShapes, maxBatchSize: number) {
    const { inputShape, outputShape, inputs, layout } = shapes
    this.#inputs = inputs
    this.#layout = layout
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
   * Computes the outputs of `input.length / inputSize` rows, shape (rows, outputSize), off the JavaScript thread, or at once where
   * {@link Predictor.isQuick} is true. The result is a plain Float32Array; for JSON, `Array.from` converts it to a list. The input is
   * copied at the call; `out` is written at the end.
   * For a graph model, a row has the values of all inputs side by side, or the input is an array for each of them, by name or in a list.
   * The result of several outputs is a list or a record of such arrays, as the outputs were given to {@link model}.
   *
   * Rejects with `ERR_DTYPE` for other arrays, `ERR_SHAPE` if the input is not whole rows or `out` has another size,
   * `ERR_LABEL_RANGE` for values that are no indices of an embedding, `ERR_DATA_DETACHED` for memory that was transferred away,
   * `ERR_DISPOSED`, `ERR_DEVICE_LOST`.
   */
  async predict(x: PredictInputs, options?: PredictIntoOptions<Results>): Promise<Results> {
    const given = outOf(options)
    const input = this.joined(x)
    const arrays = this.#arraysFor(input, given)
    const results = new Float32Array(this.#checkSizes(input, arrays === undefined ? given : undefined))
    const rows = input.length / this.inputSize
    const began = performance.now()
    if (mayWorkHere() && this.#native.isQuick(rows)) {
      this.#native.predictSync(input, results)
      await afterWorkHere(began)
    } else {
      await this.#native.predict(input, results, true)
    }
    if (arrays !== undefined) return written(arrays, results)
    if (given === undefined) return results as Results
    copyResults(results, given as Float32Array)
    return given as Results
  }

  /** @internal Like {@link Predictor.predict}, without a copy, for memory that only the caller can reach. */
  async predictOwn(input: Float32Array, out: Float32Array): Promise<void> {
    this.#checkSizes(input, out)
    await this.#native.predict(input, out, false)
  }

  /** @internal Like {@link Predictor.predictOwn}, on the calling thread. */
  predictOwnSync(input: Float32Array, out: Float32Array): void {
    this.#checkSizes(input, out)
    this.#native.predictSync(input, out)
  }

  /** @internal Rows of all outputs in the form of {@link Predictor.predict}. */
  toResults(all: Float32Array): Results {
    const layout = this.#layout
    if (layout === undefined) return all as Results
    return written(new HeadArrays(layout, all.length / layout.outputSize, undefined), all)
  }

  /** @internal Whether {@link Predictor.predict} gives several arrays. */
  get hasSeveralOutputs(): boolean {
    return this.#layout !== undefined
  }

  /**
   * Like {@link Predictor.predict}, but synchronous: the JavaScript thread computes, with those CPU threads that are free. This is
   * fastest if the computation takes microseconds. Throws the errors that `predict` rejects with.
   */
  predictSync(x: PredictInputs, options?: PredictIntoOptions<Results>): Results {
    const given = outOf(options)
    const input = this.joined(x)
    const arrays = this.#arraysFor(input, given)
    const size = this.#checkSizes(input, arrays === undefined ? given : undefined)
    const out = arrays === undefined && given !== undefined ? (given as Float32Array) : new Float32Array(size)
    this.#native.predictSync(input, out)
    return arrays === undefined ? (out as Results) : written(arrays, out)
  }

  /**
   * A token with which another thread of this process can make a predictor, see {@link attachPredictor}, that shares the weights. It
   * can be posted to workers, and is valid until this predictor is disposed.
   */
  get token(): PredictorToken {
    if (this.#disposed) throw disposedError()
    const { inputShape, outputShape, maxBatchSize } = this
    const inputs = this.#inputs && { inputs: this.#inputs }
    const outputs = this.#layout && {
      outputs: this.#layout.heads.map(({ name, shape }) => ({ name, shape })),
      outputForm: this.#layout.outputForm === 'record' ? ('record' as const) : ('list' as const),
    }
    return { id: this.#native.token, inputShape, outputShape, maxBatchSize, ...inputs, ...outputs }
  }

  /**
   * Whether this number of rows takes the calling thread half a millisecond at most, estimated from the number of operations. Then
   * `predictSync` is the better choice; batchers and servers use it. Always false on CUDA.
   */
  isQuick(rows: number): boolean {
    checkInteger(rows, 'rows')
    return !this.#disposed && this.#native.isQuick(rows)
  }

  /** @internal The cost of these rows on the calling thread, in floating-point operations of large matrix products. */
  operations(rows: number): number {
    return this.#native.operations(rows)
  }

  /** Frees the weights. Running calls finish; later ones throw or reject with `ERR_DISPOSED`. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#native.dispose()
  }

  /** {@link Predictor.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  /** @internal Puts the arrays of all inputs side by side. */
  joined(x: PredictInputs): PredictInput {
    if (this.#inputs === undefined || isPredictInput(x)) return x as PredictInput
    const values = severalValues(this.#inputs, x, 'input')
    if (values === undefined) throw inputError(x)
    const { data, scale, offset } = sideBySide(values, this.#inputs, 'input')
    return scale === 1 && offset === 0 ? (data as PredictInput) : toFloats(data, scale, offset)
  }

  /** The arrays for several outputs: the caller's, after checks, or new ones. */
  #arraysFor(input: unknown, out: unknown): HeadArrays | undefined {
    if (this.#layout === undefined) return undefined
    return new HeadArrays(this.#layout, rowsOf(input, this.inputSize), out)
  }

  /** Checks input and `out`, and returns the number of output values. */
  #checkSizes(input: unknown, out: unknown): number {
    if (this.#disposed) throw disposedError()
    const size = rowsOf(input, this.inputSize) * this.outputSize
    if (out === undefined) return size
    checkFloats(out, 'out')
    if (out.length === size) return size
    throw new NeurodeError('ERR_SHAPE', `out: expected ${size} values, got ${out.length}`)
  }
}

guardArity(Predictor.prototype, 'predictor')

/** The number of rows of `inputSize` values in an input. */
export function rowsOf(input: unknown, inputSize: number): number {
  if (!isPredictInput(input)) throw inputError(input)
  const rows = input.length / inputSize
  if (rows > 0 && Number.isInteger(rows)) return rows
  checkPresent(input, 'input')
  const text = `input: expected whole rows of ${inputSize} values, got ${input.length} values`
  throw new NeurodeError('ERR_SHAPE', text)
}

function written<Results>(arrays: HeadArrays, all: Float32Array): Results {
  arrays.write(all, 0)
  return arrays.plain as Results
}

function outOf(options: PredictIntoOptions<unknown> | undefined): unknown {
  return options === undefined ? undefined : checkOptions(options, ['out'], 'predict').out
}

/** The most values of a batch: 1 GiB of float32. */
const mostValues = 2 ** 28

/** Checks the most rows of a batch: its input and its output must not exceed the most values. */
export function checkBatchSize(
  value: unknown,
  { inputSize, outputSize }: { readonly inputSize: number; readonly outputSize: number },
  argument: string,
): number {
  return checkInteger(value, argument, 1, Math.max(1, Math.floor(mostValues / Math.max(inputSize, outputSize))))
}

/** Makes a predictor, see {@link Sequential.predictor}. */
export function makePredictor(core: ModelCore, given: PredictorOptions | undefined): Predictor {
  const { plan, settings, shapes, maxBatchSize } = checkPredictor(core, given)
  const { Predictor: FrozenModel } = native()
  return new Predictor(new FrozenModel(plan, settings, parametersOf(core)), shapes, maxBatchSize)
}

/**
 * Like {@link makePredictor}, but another thread packs the weights, so that requests are answered meanwhile. The weights, by default
 * those of the model, must not change until the promise resolves.
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
  const plan = { ...compileModel(shapes, core, undefined), precision }
  const { inputShape, outputShape } = shapes
  const inputs = core.stack.graph && shapes.inputs.map(({ name, shape }) => ({ name, shape }))
  const layout = shapes.outputForm === 'single' ? undefined : layoutOutputs(shapes.heads, shapes.outputForm)
  return { plan, settings: { device, threads }, shapes: { inputShape, outputShape, inputs, layout }, maxBatchSize }
}

/**
 * Makes a predictor that shares the weights of the predictor that the token is from, in this or another thread of the process. Each
 * is disposed separately.
 *
 * Throws `ERR_DISPOSED` if the other predictor was disposed before, `ERR_ARGUMENT` if the value is no token.
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
export function attachPredictor<Results = Float32Array>(token: PredictorToken): Predictor<Results>
export function attachPredictor(token: PredictorToken, ...more: unknown[]): Predictor<unknown> {
  refuseMore(more, 1, 'attachPredictor')
  if (typeof token !== 'object' || token === null) refuse('token', 'the token of a predictor', token)
  const id = checkInteger(token.id, 'token: id')
  const inputShape = checkRowShape(token.inputShape, 'token: inputShape')
  const inputs = token.inputs === undefined ? undefined : checkTensors(token.inputs, 'inputs')
  const { outputs, outputForm = 'list' } = token
  if (outputForm !== 'list' && outputForm !== 'record') {
    refuse('token: outputForm', "'list' or 'record'", outputForm)
  }
  const layout = outputs === undefined ? undefined : layoutOutputs(checkTensors(outputs, 'outputs'), outputForm)
  const outputShape = checkRowShape(token.outputShape, 'token: outputShape')
  if (layout !== undefined && layout.outputSize !== elementCount(outputShape)) {
    refuse('token: outputs', `${elementCount(outputShape)} numbers a row together, as the output has`, outputs)
  }
  const sizes = { inputSize: elementCount(inputShape), outputSize: elementCount(outputShape) }
  const maxBatchSize = checkBatchSize(token.maxBatchSize, sizes, 'token: maxBatchSize')
  const { Predictor: FrozenModel } = native()
  return new Predictor<unknown>(new FrozenModel(id), { inputShape, outputShape, inputs, layout }, maxBatchSize)
}

function checkTensors(value: unknown, kind: 'inputs' | 'outputs'): NamedInput[] {
  if (!Array.isArray(value)) return refuse(`token: ${kind}`, 'a list', value)
  const tensors = value.map((each: unknown, i) => {
    const argument = `token: ${kind}[${i}]`
    const { name, shape } = checkRecord(each, argument, 'an object { name, shape }')
    return { name: checkName(name, `${argument}.name`), shape: checkRowShape(shape, `${argument}.shape`) }
  })
  const names = new Set(tensors.map(({ name }) => name))
  if (names.size < value.length || value.length === 0) refuse(`token: ${kind}`, 'different names', value)
  return tensors
}

function disposedError(): NeurodeError {
  return new NeurodeError('ERR_DISPOSED', 'the predictor was disposed')
}
