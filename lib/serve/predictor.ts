/** The predictor: a model frozen for inference on one device. */

import { elementCount } from '../data/arrays.js'
import { NeurodeError } from '../errors.js'
import type { Shape } from '../layers/layer.js'
import { compileModel } from '../model/compileModel.js'
import type { ModelCore } from '../model/core.js'
import { checkDevice, checkPrecision, type DeviceName } from '../model/devices.js'
import { type NativeModel, native, type Precision } from '../native.js'
import { checkInteger, checkOptions, describe } from '../validate.js'

/** Floating-point operations that take about as long as waking another thread and being woken by it. */
const quickOperations = 5e6

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

/** Options of {@link Predictor.predict}. */
export interface PredictIntoOptions {
  /** Written into instead of a new array: a Float32Array of rows · {@link Predictor.outputSize} elements. */
  readonly out?: Float32Array | undefined
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

  readonly #native: NativeModel
  readonly #operations: number
  #disposed = false

  /** @internal */
  constructor(model: NativeModel, inputShape: Shape, outputShape: Shape, maxBatchSize: number) {
    this.#native = model
    this.inputShape = inputShape
    this.outputShape = outputShape
    this.inputSize = elementCount(inputShape)
    this.outputSize = elementCount(outputShape)
    this.maxBatchSize = maxBatchSize
    this.device = model.device
    // Floating-point operations of one row.
    this.#operations = 2 * model.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)
  }

  /**
   * Outputs for rows of input, (rows, outputSize) row by row, off the JavaScript thread; there are
   * `input.length / inputSize` rows. Input and `out` must stay untouched until it is done.
   *
   * Rejects with `ERR_DTYPE` for other arrays, `ERR_SHAPE` where there are no whole rows or `out` has another size,
   * `ERR_DISPOSED`, `ERR_DEVICE_LOST`.
   */
  async predict(input: PredictInput, options?: PredictIntoOptions): Promise<Float32Array> {
    const out = this.#outputFor(input, options?.out)
    await this.#native.predict({ data: input, scale: 1, offset: 0 }, out, this.maxBatchSize)
    return out
  }

  /** The same at once, on the JavaScript thread: quickest where the arithmetic takes microseconds. Throws as it rejects. */
  predictSync(input: PredictInput, options?: PredictIntoOptions): Float32Array {
    const out = this.#outputFor(input, options?.out)
    this.#native.predictSync({ data: input, scale: 1, offset: 0 }, out)
    return out
  }

  /** Whether rows are computed about as fast as they are handed to another thread: then predictSync is the better call. */
  isQuick(rows: number): boolean {
    return this.device === 'cpu' && rows * this.#operations < quickOperations
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

  #outputFor(input: unknown, out: unknown): Float32Array {
    if (this.#disposed) throw new NeurodeError('ERR_DISPOSED', 'the predictor was disposed')
    if (!(input instanceof Float32Array || input instanceof Uint8Array)) {
      throw new NeurodeError('ERR_DTYPE', `input: expected a Float32Array or a Uint8Array, got ${describe(input)}`)
    }
    const rows = input.length / this.inputSize
    if (rows === 0 || !Number.isInteger(rows)) {
      const text = `input: expected whole rows of ${this.inputSize} values, got ${input.length} values`
      throw new NeurodeError('ERR_SHAPE', text)
    }
    const size = rows * this.outputSize
    if (out === undefined) return new Float32Array(size)
    if (!(out instanceof Float32Array)) {
      throw new NeurodeError('ERR_DTYPE', `out: expected a Float32Array, got ${describe(out)}`)
    }
    if (out.length === size) return out
    throw new NeurodeError('ERR_SHAPE', `out: expected ${size} values, got ${out.length}`)
  }
}

/** See {@link Sequential.predictor}. */
export function makePredictor(core: ModelCore, given: PredictorOptions | undefined): Predictor {
  const options = checkOptions(given, ['device', 'maxBatchSize', 'precision', 'threads'], 'predictor')
  const maxBatchSize = checkInteger(options.maxBatchSize ?? 256, 'predictor: maxBatchSize')
  const settings = core.deviceSettings
  const device = options.device === undefined ? settings.device : checkDevice(options.device, 'predictor: device')
  const usual = options.device === undefined ? settings.precision : 'float32'
  const precision = checkPrecision(options.precision ?? usual, device)
  const threads = options.threads === undefined ? settings.threads : checkInteger(options.threads, 'predictor: threads')
  const shapes = core.built()
  const weights = core.readWeights()
  const model = native().createModel({ ...compileModel(shapes, core.seed, undefined), precision }, { device, threads })
  weights.forEach(({ data }, index) => {
    model.setParameter(index, data)
  })
  return new Predictor(model, shapes.inputShape, shapes.outputShape, maxBatchSize)
}
