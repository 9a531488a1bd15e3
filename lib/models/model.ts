/** What every model has: what users hold; the work is done by its neighbours. */

import type { ArrayInput } from '../arrays/arrays.js'
import { ShapedArray } from '../arrays/shapedArray.js'
import { NeurodeError } from '../base/errors.js'
import { guardArity } from '../checks/arity.js'
import { checkBoolean, checkOptions } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import type { WeightOptions } from '../core/rowWeights.js'
import type { BatchSource } from '../data/batches.js'
import type { DataInput } from '../data/rowSource.js'
import { type EvaluateOptions, evaluateModel } from '../fit/evaluate.js'
import { fitModel, historyOf } from '../fit/fit.js'
import type { FitOptions, FitResult } from '../fit/fitOptions.js'
import { testOnBatch, trainOnBatch } from '../fit/onBatch.js'
import {
  outputFor,
  type PredictOptions,
  type PredictStreamOptions,
  type PredictSyncOptions,
  predictModel,
  predictOnBatch,
  predictStream,
  predictSync,
} from '../fit/predict.js'
import { makePredictor, type Predictor, type PredictorOptions } from '../inference/predictor.js'
import type { Shape } from '../layers/layer.js'
import type { NativeModel } from '../native/addon.js'
import type { Position } from '../training/context.js'
import type { Loss } from '../training/lossOptions.js'
import type { Optimizer } from '../training/optimizers.js'
import { ModelBase } from './modelBase.js'
import type { PlainFitOptions, Prediction, ValidatedFitOptions } from './sequentialOptions.js'
import type { History, PerClassResults, Results } from './types.js'

/** One row of input and output of a native model. */
interface OneRow {
  readonly native: NativeModel
  readonly inputSize: number
  readonly outputSize: number
  readonly shape: readonly number[]
}

/**
 * A model: layers with weights. {@link Sequential} is one. `In` and `Out` are the shapes of one row of input and output as far as
 * the layers' types tell, `Keys` those of the metrics that it was compiled with.
 *
 * Every method throws (or rejects with) a {@link NeurodeError}; none that does has changed a weight.
 */
export abstract class Model<
  In extends Shape = Shape,
  Out extends Shape = Shape,
  Keys extends string = string,
> extends ModelBase<In, Out> {
  readonly #core: ModelCore

  /** For which native model predictSync is at its quickest, and the sizes that this one takes and gives. */
  #oneRow: OneRow | undefined

  protected constructor(core: ModelCore) {
    super(core)
    this.#core = core
  }

  /** The optimizer it was compiled with, if any. Its `learningRate` can be set. */
  get optimizer(): Optimizer | undefined {
    return this.#core.settings?.optimizer
  }

  /** The loss it was compiled with, if any. */
  get loss(): Loss | undefined {
    return this.#core.settings?.loss
  }

  /** How far training is: what a saved file remembers, and where fit goes on with `resume`. */
  get position(): Position {
    const { epoch, sums } = this.#core.position
    return { epoch, batch: sums[0] ?? 0, step: this.#core.step }
  }

  /**
   * Loss, metrics and `val_…` of the epochs of the fit that runs or ran last, as {@link FitResult.history}: those that were done
   * also where it was rejected or aborted. Undefined before the first.
   */
  get history(): History<Keys, boolean> | undefined {
    return this.#core.history && (historyOf(this.#core.history) as History<Keys, boolean>)
  }

  /** Set to true, ends a fit after the current batch: the epoch is validated and logged, and no other begins. */
  get stopTraining(): boolean {
    return this.#core.stopTraining
  }

  set stopTraining(value: boolean) {
    this.#core.stopTraining = checkBoolean(value, 'stopTraining')
    this.#core.stopReason = 'stopped'
    if (value && this.#core.fitting) this.#core.cancel()
  }

  /**
   * Trains on all rows, epoch after epoch, off the JavaScript thread. One fit at a time: a second rejects with
   * `ERR_MODEL_BUSY`.
   *
   * @param x - Rows of input: shape [n, ...inputShape].
   * @param y - Targets: rows of outputs, or class indices for the categorical losses.
   *
   * Arrays count as they are at the call, which copies them: a callback that changes them, or a transfer to a worker, changes
   * nothing. See `copy` in the options for data too large for that.
   *
   * Rejects with `ERR_NOT_COMPILED`, `ERR_NOT_BUILT`, `ERR_SHAPE`, `ERR_DTYPE`, `ERR_LABEL_RANGE`, `ERR_ARGUMENT`,
   * `ERR_ABORTED`, or with what a callback throws.
   *
   * @example
   * ```ts
   * import { datasets, layers, sequential } from 'neurode'
   *
   * const { train, test } = datasets.syntheticDigits()
   * const model = sequential([layers.dense({ units: 10, activation: 'softmax', inputShape: [784] })])
   * model.compile({ loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
   * await model.fit(train.images, train.labels, {
   *   batchSize: 128,
   *   epochs: 2,
   *   validationData: [test.images, test.labels],
   * })
   * ```
   */
  fit(x: DataInput, y: DataInput, options: ValidatedFitOptions): Promise<FitResult<History<Keys, true>>>
  fit(x: DataInput, y: DataInput, options?: PlainFitOptions): Promise<FitResult<History<Keys, false>>>
  fit(x: DataInput, y: DataInput, options?: FitOptions): Promise<FitResult<History<Keys, boolean>>>
  /**
   * The same for batches from an iterable, a stream or a function that gives one, each a step of its own. The next ones are
   * read while the device works; each counts as it was when it was yielded, so that a source may fill its arrays again. An
   * epoch ends with the iterable, or after `stepsPerEpoch`, where the next one goes on. `batchSize`, `shuffle` and
   * `validationSplit` make no sense here.
   *
   * Rejects with what the source throws, and with `ERR_ARGUMENT`, `ERR_UNKNOWN_NAME`, `ERR_SHAPE`, `ERR_DTYPE` or
   * `ERR_LABEL_RANGE` for a batch that makes no sense, whose number the message says. The steps before it stay done:
   * {@link Model.position}.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   *
   * const model = sequential([layers.dense({ units: 1, inputShape: [2] })]).compile({ loss: 'mse' })
   * function* batches() {
   *   for (let i = 0; i < 10; i++) yield { x: [[i, 1], [i, 2]], y: [[i], [2 * i]] }
   * }
   * await model.fit(batches, { epochs: 2, verbose: 0 })
   * ```
   */
  fit(batches: BatchSource, options: ValidatedFitOptions): Promise<FitResult<History<Keys, true>>>
  fit(batches: BatchSource, options?: PlainFitOptions): Promise<FitResult<History<Keys, false>>>
  fit(batches: BatchSource, options?: FitOptions): Promise<FitResult<History<Keys, boolean>>>
  fit(x: unknown, y?: unknown, options?: FitOptions): Promise<FitResult<History<Keys, boolean>>> {
    const result = fitModel(this.#core, this, x, y, options)
    return result as unknown as Promise<FitResult<History<Keys, boolean>>>
  }

  /**
   * Loss and metrics over all rows. Rejects as {@link Model.fit} does.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   *
   * const model = sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [2] })])
   * model.compile({ loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] })
   * const { perClass } = await model.evaluate([[0, 1], [1, 0]], [0, 2], { perClass: true })
   * console.log(perClass.confusionMatrix, perClass.accuracy)
   * ```
   */
  evaluate(
    x: ArrayInput,
    y: ArrayInput,
    options: EvaluateOptions & { readonly perClass: true },
  ): Promise<PerClassResults<Keys>>
  /** Loss and metrics over all rows. */
  evaluate(x: DataInput, y: DataInput, options?: EvaluateOptions): Promise<Results<Keys>>
  /** Loss and metrics over all rows of all batches. */
  evaluate(batches: BatchSource, options?: EvaluateOptions): Promise<Results<Keys>>
  evaluate(x: unknown, y?: unknown, options?: EvaluateOptions): Promise<unknown> {
    return evaluateModel(this.#core, x, y, options)
  }

  /**
   * Outputs for batch after batch of input (arrays, or objects with `x`), while the next batch is read and computed. A batch
   * counts as it was when it was yielded, and every result is an array of its own.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   *
   * const model = sequential([layers.dense({ units: 3, inputShape: [2] })])
   * for await (const { shape } of model.predictStream([[[1, 2]], [[3, 4], [5, 6]]])) console.log(shape) // [1, 3], [2, 3]
   * ```
   */
  predictStream(
    source: BatchSource<ArrayInput | { readonly x: ArrayInput }>,
    options?: PredictStreamOptions,
  ): AsyncGenerator<Prediction<Out>, void, undefined> {
    const results = predictStream(this.#core, source, options)
    return results as unknown as AsyncGenerator<Prediction<Out>, void, undefined>
  }

  /**
   * Outputs for rows of input, shape [n, ...outputShape]. While the model trains, they are those of the weights after the batches
   * that run at the call, about 100 ms of them.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   *
   * const model = sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })])
   * const { data, shape } = await model.predict([[1, 2, 3, 4]])
   * console.log(shape, data) // [1, 3], three probabilities
   * ```
   */
  predict(x: ArrayInput, options?: PredictOptions): Promise<Prediction<Out>> {
    return predictModel(this.#core, x, options) as unknown as Promise<Prediction<Out>>
  }

  /** The same for all rows as one batch. */
  predictOnBatch(x: ArrayInput, options?: PredictSyncOptions): Promise<Prediction<Out>> {
    return predictOnBatch(this.#core, x, options) as unknown as Promise<Prediction<Out>>
  }

  /**
   * The same at once, on the JavaScript thread: for a few rows of a small network, where a promise would cost more than
   * the arithmetic. Quickest with a Float32Array of one row. Throws `ERR_MODEL_BUSY` while a fit runs batches.
   */
  predictSync(x: ArrayInput, options?: PredictSyncOptions): Prediction<Out> {
    const native = this.#core.ready
    const row = this.#oneRow
    if (native !== undefined && native === row?.native && x instanceof Float32Array && x.length === row.inputSize) {
      const given = options === undefined ? undefined : checkOptions(options, ['out'], 'predictSync').out
      const out = given === undefined || given.length !== row.outputSize ? outputFor(this.#core, 1, given) : given
      native.predictSync({ data: x, scale: 1, offset: 0 }, out)
      return new ShapedArray(out, row.shape) as unknown as Prediction<Out>
    }
    const result = predictSync(this.#core, x, options)
    const { inputSize, outputSize, outputShape } = this.#core.built()
    this.#oneRow = { native: this.#core.native(), inputSize, outputSize, shape: Object.freeze([1, ...outputShape]) }
    return result as unknown as Prediction<Out>
  }

  /**
   * The model as it is now, for inference alone: later training does not change it. While the model trains, this waits for the
   * batches that run, about 100 ms of them. See {@link Predictor}.
   *
   * Throws `ERR_NOT_BUILT`, `ERR_DEVICE_UNAVAILABLE`, `ERR_OUT_OF_MEMORY`.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   *
   * const model = sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })])
   * const predictor = model.predictor({ device: 'cpu', maxBatchSize: 64 })
   * console.log(await predictor.predict(Float32Array.of(1, 2, 3, 4))) // three probabilities
   * ```
   */
  predictor(options?: PredictorOptions): Predictor {
    return makePredictor(this.#core, options)
  }

  /** One step on all rows as one batch; gives loss and metrics from before the step. */
  trainOnBatch(x: ArrayInput, y: ArrayInput, weights?: WeightOptions): Promise<Results<Keys>> {
    return trainOnBatch(this.#core, x, y, weights) as unknown as Promise<Results<Keys>>
  }

  /** Loss and metrics of all rows as one batch. */
  testOnBatch(x: ArrayInput, y: ArrayInput, weights?: Pick<WeightOptions, 'sampleWeight'>): Promise<Results<Keys>> {
    return testOnBatch(this.#core, x, y, weights) as unknown as Promise<Results<Keys>>
  }
}

guardArity(Model.prototype, 'model', ['fit', 'evaluate', 'predict', 'predictOnBatch', 'trainOnBatch', 'testOnBatch'])
