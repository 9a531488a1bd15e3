/** The base class of all models: training, evaluation and prediction. Its methods call functions of other modules. */

import type { ArrayInput } from '../arrays/arrays.js'
import { ShapedArray } from '../arrays/shapedArray.js'
import { NeurodeError } from '../base/errors.js'
import { guardArity } from '../checks/arity.js'
import { checkBoolean, checkOptions } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { byOutput } from '../core/heads.js'
import type { SampleWeights, Targets } from '../core/outputTypes.js'
import type { WeightOptions } from '../core/rowWeights.js'
import type { BatchOf, BatchSource } from '../data/batches.js'
import type { DataInput } from '../data/rowSource.js'
import { type EvaluateOptions, evaluateModel } from '../fit/evaluate.js'
import { fitModel } from '../fit/fit.js'
import type { FitOptions, FitResult } from '../fit/fitOptions.js'
import { historyOf } from '../fit/history.js'
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
import type { Shape, SymbolicTensor } from '../layers/layer.js'
import type { NativeModel } from '../native/addon.js'
import { sumAt } from '../native/sums.js'
import type { Position, TrainedModel } from '../training/context.js'
import type { Optimizer } from '../training/optimizers.js'
import { GradientModel } from './gradientModel.js'
import type { PredictedArrays, PredictedInto, Predictions } from './graphTypes.js'
import type { LossOf, PerClassOf } from './headTypes.js'
import type { PlainFitOptions, ValidatedFitOptions } from './sequentialOptions.js'
import type { History, PerClassResults, Results } from './types.js'

type OneArray = PredictSyncOptions<Float32Array>

/** The sizes of one row of input and output of a native model with one output. */
interface OneRow {
  readonly native: NativeModel
  readonly inputSize: number
  readonly outputSize: number
  readonly shape: readonly number[]
}

/**
 * A model: layers with weights. {@link Sequential} and {@link Functional} are its kinds. `In` and `Out` are the shapes of one row of
 * input and output, as far as the types of the layers determine them; `Keys` are the keys of the metrics that it was compiled with;
 * `Data` is what the data of several inputs may be, and `Outputs` are the model's outputs: a tensor, or a list or a record of several.
 *
 * Methods throw (or reject with) a {@link NeurodeError}. A method that throws because of its arguments has changed no weight.
 */
export abstract class Model<
  In extends Shape = Shape,
  Out extends Shape = Shape,
  Keys extends string = string,
  Data = never,
  Outputs = SymbolicTensor<Out>,
> extends GradientModel<In, Out, Data, Outputs> {
  readonly #core: ModelCore

  /** The native model and row sizes for the fast path of predictSync. */
  #oneRow: OneRow | undefined

  /** @internal Takes a `ModelCore`, which is no part of the public types. */
  protected constructor(core: object, kind: string) {
    super(core, kind)
    this.#core = core as ModelCore
  }

  /** The optimizer that the model was compiled with, if any. Its `learningRate` can be set. */
  get optimizer(): Optimizer | undefined {
    return this.#core.settings?.optimizer
  }

  /**
   * The loss that the model was compiled with, if any. A model of several outputs has one for each of them, or null: in a list or a
   * record, as the outputs were given.
   */
  get loss(): LossOf<Outputs> | undefined {
    const { settings, shapes } = this.#core
    if (settings === undefined) return undefined
    const losses = settings.heads.map(({ loss }) => loss ?? null)
    return (losses.length === 1 || shapes === undefined ? losses[0] : byOutput(shapes, losses)) as LossOf<Outputs>
  }

  /** How far training has come. Saved files contain it, and fit with `resume` continues there. */
  get position(): Position {
    const { epoch, sums } = this.#core.position
    return { epoch, batch: sums[sumAt.batches] ?? 0, step: this.#core.step }
  }

  /**
   * Loss, metrics and `val_…` of the current or last fit, as in {@link FitResult.history}. If the fit rejected or was aborted, the
   * history has the epochs that were complete. Undefined before the first fit.
   */
  get history(): History<Keys, boolean> | undefined {
    return this.#core.history && (historyOf(this.#core.history) as History<Keys, boolean>)
  }

  /** Set this to true to end a fit after the current batch. The epoch is still validated and logged, but no other begins. */
  get stopTraining(): boolean {
    return this.#core.stopTraining
  }

  set stopTraining(value: boolean) {
    this.#core.stopTraining = checkBoolean(value, 'stopTraining')
    this.#core.stopReason = 'stopped'
    if (value && this.#core.fitting) this.#core.cancel()
  }

  /**
   * Trains on all rows for several epochs, off the JavaScript thread. A second fit at the same time rejects with `ERR_MODEL_BUSY`.
   *
   * @param x - Rows of input: shape [n, ...inputShape].
   * @param y - Targets: shape [n, ...outputShape], or class indices of shape [n] for the categorical losses. For several outputs, an
   * array for each: in a list in the order of the outputs, or in a record by name.
   *
   * Arrays are copied at the call, so that later changes to them have no effect. For data too large to copy, see the option `copy`.
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
  fit(
    x: DataInput | Data,
    y: Targets<Outputs, DataInput>,
    options: ValidatedFitOptions<Outputs>,
  ): Promise<FitResult<History<Keys, true>>>
  fit(
    x: DataInput | Data,
    y: Targets<Outputs, DataInput>,
    options?: PlainFitOptions<Outputs>,
  ): Promise<FitResult<History<Keys, false>>>
  fit(
    x: DataInput | Data,
    y: Targets<Outputs, DataInput>,
    options?: FitOptions<Outputs>,
  ): Promise<FitResult<History<Keys, boolean>>>
  /**
   * Trains on batches from an iterable, a stream, or a function that returns one; each batch is one step. Further batches are read
   * while the device computes. Each batch is copied when it is yielded, so a source may reuse its arrays. An epoch ends with the
   * iterable, or after `stepsPerEpoch` batches; then the next epoch continues where it ended. The options `batchSize`, `shuffle` and
   * `validationSplit` are an error here.
   *
   * Rejects with the errors that the source throws, and with `ERR_ARGUMENT`, `ERR_UNKNOWN_NAME`, `ERR_SHAPE`, `ERR_DTYPE` or
   * `ERR_LABEL_RANGE` for an invalid batch; the message says which one. The steps before it are kept, see {@link Model.position}.
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
  fit(
    batches: BatchSource<BatchOf<Data, Targets<Outputs>, SampleWeights<Outputs>>>,
    options: ValidatedFitOptions<Outputs>,
  ): Promise<FitResult<History<Keys, true>>>
  fit(
    batches: BatchSource<BatchOf<Data, Targets<Outputs>, SampleWeights<Outputs>>>,
    options?: PlainFitOptions<Outputs>,
  ): Promise<FitResult<History<Keys, false>>>
  fit(
    batches: BatchSource<BatchOf<Data, Targets<Outputs>, SampleWeights<Outputs>>>,
    options?: FitOptions<Outputs>,
  ): Promise<FitResult<History<Keys, boolean>>>
  fit(x: unknown, y?: unknown, options?: unknown): Promise<FitResult<History<Keys, boolean>>> {
    const result = fitModel(this.#core, this as unknown as TrainedModel, x, y, options as FitOptions)
    return result as unknown as Promise<FitResult<History<Keys, boolean>>>
  }

  /**
   * Computes loss and metrics over all rows. Rejects with the same errors as {@link Model.fit}.
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
    x: ArrayInput | Data,
    y: Targets<Outputs>,
    options: EvaluateOptions<Outputs> & { readonly perClass: true },
  ): Promise<PerClassResults<Keys, PerClassOf<Outputs>>>
  /** Computes loss and metrics over all rows. */
  evaluate(
    x: DataInput | Data,
    y: Targets<Outputs, DataInput>,
    options?: EvaluateOptions<Outputs>,
  ): Promise<Results<Keys>>
  /** Computes loss and metrics over all rows of all batches. */
  evaluate(
    batches: BatchSource<BatchOf<Data, Targets<Outputs>, SampleWeights<Outputs>>>,
    options?: EvaluateOptions<Outputs>,
  ): Promise<Results<Keys>>
  evaluate(x: unknown, y?: unknown, options?: unknown): Promise<unknown> {
    return evaluateModel(this.#core, x, y, options as EvaluateOptions)
  }

  /**
   * Yields the outputs for each batch of input (an array, or an object with `x`) while the next batch is read and computed. A batch
   * is copied when it is yielded, and every result is a new array.
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
    source: BatchSource<ArrayInput | { readonly x: ArrayInput | Data }>,
    options?: PredictStreamOptions,
  ): AsyncGenerator<Predictions<Outputs>, void, undefined> {
    const results = predictStream(this.#core, source, options)
    return results as unknown as AsyncGenerator<Predictions<Outputs>, void, undefined>
  }

  /**
   * Computes the outputs for rows of input; the result has the shape [n, ...outputShape]. For several outputs it is a list or a record
   * of such arrays, as the outputs were given to {@link model}. While the model trains, the call waits for the batches that are
   * running, about 100 ms, and uses the weights after them.
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
  predict(x: ArrayInput | Data, options?: PredictOptions<PredictedInto<Outputs>>): Promise<Predictions<Outputs>> {
    return predictModel(this.#core, x, options) as unknown as Promise<Predictions<Outputs>>
  }

  /** Like {@link Model.predict}, with all rows as one batch. */
  predictOnBatch(
    x: ArrayInput | Data,
    options?: PredictSyncOptions<PredictedInto<Outputs>>,
  ): Promise<Predictions<Outputs>> {
    return predictOnBatch(this.#core, x, options) as unknown as Promise<Predictions<Outputs>>
  }

  /**
   * Like {@link Model.predict}, but synchronous, on the JavaScript thread. It is meant for a few rows of a small network, where a
   * promise would take longer than the computation, and is fastest with a Float32Array of one row. Throws `ERR_MODEL_BUSY` while a
   * fit runs batches.
   */
  predictSync(x: ArrayInput | Data, options?: PredictSyncOptions<PredictedInto<Outputs>>): Predictions<Outputs> {
    const native = this.#core.ready
    const row = this.#oneRow
    if (native !== undefined && native === row?.native && x instanceof Float32Array && x.length === row.inputSize) {
      const checked = options === undefined ? undefined : checkOptions(options, ['out'], 'predictSync')
      const given = (checked as OneArray | undefined)?.out
      const out = given === undefined || given.length !== row.outputSize ? outputFor(this.#core, 1, given) : given
      native.predictSync({ data: x, scale: 1, offset: 0 }, out)
      return new ShapedArray(out, row.shape) as unknown as Predictions<Outputs>
    }
    const result = predictSync(this.#core, x, options)
    const { inputSize, outputSize, outputShape, outputForm } = this.#core.built()
    const current = this.#core.native()
    if (this.#oneRow?.native !== current && outputForm === 'single') {
      this.#oneRow = { native: current, inputSize, outputSize, shape: Object.freeze([1, ...outputShape]) }
    }
    return result as unknown as Predictions<Outputs>
  }

  /**
   * Makes a copy of the model for inference only, which later training does not change. While the model trains, the call waits for
   * the batches that are running, about 100 ms. See {@link Predictor}.
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
  predictor(options?: PredictorOptions): Predictor<PredictedArrays<Outputs>> {
    return makePredictor(this.#core, options) as Predictor<unknown> as Predictor<PredictedArrays<Outputs>>
  }

  /**
   * Trains one step on all rows as one batch; returns loss and metrics from before the step. A step that takes one thread a fraction of a
   * millisecond is taken at once, before the call returns its promise.
   */
  trainOnBatch(x: ArrayInput | Data, y: Targets<Outputs>, weights?: WeightOptions<Outputs>): Promise<Results<Keys>> {
    return trainOnBatch(this.#core, x, y, weights as WeightOptions) as unknown as Promise<Results<Keys>>
  }

  /** Computes loss and metrics of all rows as one batch. */
  testOnBatch(
    x: ArrayInput | Data,
    y: Targets<Outputs>,
    weights?: Pick<WeightOptions<Outputs>, 'sampleWeight'>,
  ): Promise<Results<Keys>> {
    return testOnBatch(this.#core, x, y, weights as WeightOptions) as unknown as Promise<Results<Keys>>
  }
}

/** A model of any shapes, keys, data and outputs. */
// biome-ignore lint/suspicious/noExplicitAny: the results of its methods are not known.
export type AnyModel = Model<any, any, any, any, any>

guardArity(Model.prototype, 'model', ['fit', 'evaluate', 'predict', 'predictOnBatch', 'trainOnBatch', 'testOnBatch'])
