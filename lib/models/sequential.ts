/** The Sequential model: what users hold; the work is done by its neighbours. */

import type { ArrayInput } from '../arrays/arrays.js'
import { ShapedArray } from '../arrays/shapedArray.js'
import { NeurodeError } from '../base/errors.js'
import { randomSeed } from '../base/seeds.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity, refuseMore } from '../checks/arity.js'
import {
  checkBoolean,
  checkInteger,
  checkName,
  checkOptions,
  checkRowShape,
  checkSeed,
  describe,
  refuse,
} from '../checks/validate.js'
import { ModelCore } from '../core/core.js'
import { holdCore } from '../core/cores.js'
import { checkPrecision, chooseDevice } from '../core/devices.js'
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
import { isLayer, type Layer, type Shape, type Weight } from '../layers/layer.js'
import { restoreModel, saveModel } from '../persistence/modelFile.js'
import { loadWeights, saveWeights } from '../persistence/weightsFile.js'
import type { Position } from '../training/context.js'
import { type Loss, toLoss } from '../training/losses.js'
import { type MetricLike, toMetricLists } from '../training/metrics.js'
import { type Optimizer, toOptimizer } from '../training/optimizers.js'
import type {
  CompileOptions,
  ModelOptions,
  PlainFitOptions,
  Prediction,
  SequentialOptions,
  ValidatedFitOptions,
} from './sequentialOptions.js'
import { type ModelSummary, type SummaryOptions, summarize } from './summary.js'
import type { History, InputShapeOf, MetricKeys, OutputShapeOf, PerClassResults, Results } from './types.js'

const compileOptionNames = ['optimizer', 'loss', 'metrics', 'weightedMetrics', 'device', 'threads', 'precision']

/**
 * A stack of layers with weights, made by {@link sequential}. `In` and `Out` are the shapes of one row of input and
 * output as far as the layers' types tell, `Keys` those of the metrics that {@link Sequential.compile} was given.
 *
 * Every method throws (or rejects with) a {@link NeurodeError}; none that does has changed a weight.
 */
export class Sequential<In extends Shape = Shape, Out extends Shape = Shape, Keys extends string = string> {
  readonly #core: ModelCore

  #oneRow: readonly number[] = []
  #oneRowSizes: readonly [input: number, output: number] = [-1, -1]

  constructor(options?: SequentialOptions) {
    const { layers = [], name, seed } = checkOptions(options, ['layers', 'name', 'seed'], 'sequential')
    if (!Array.isArray(layers)) refuse('layers', 'a list of layers', layers)
    for (const [i, layer] of layers.entries()) checkLayer(layer, `layers[${i}]`)
    const modelName = name === undefined ? 'sequential' : checkName(name, 'sequential: name')
    this.#core = new ModelCore(modelName, checkSeed(seed, 'sequential: seed') ?? randomSeed())
    holdCore(this, this.#core)
    if (layers.length > 0) this.#core.setLayers(layers)
    if (new.target === Sequential) Object.freeze(this)
  }

  /** The name given, or `sequential`. */
  get name(): string {
    return this.#core.name
  }

  /** The seed given, or the random one that was drawn. */
  get seed(): number {
    return this.#core.seed
  }

  /** The layers, in order. */
  get layers(): readonly Layer[] {
    return this.#core.layers
  }

  /** Shape of one row of input; `ERR_NOT_BUILT` before it is known. */
  get inputShape(): In {
    return this.#core.built().inputShape as In
  }

  /** Shape of one row of output; `ERR_NOT_BUILT` before it is known. */
  get outputShape(): Out {
    return this.#core.built().outputShape as Out
  }

  /** The shape of the input is known, so the model has weights. */
  get built(): boolean {
    return this.#core.shapes !== undefined
  }

  /** The device the model runs on: `cpu`, `cuda:0`, … */
  get device(): string {
    return this.#core.native().device
  }

  /** The instruction set (or compute capability) that its arithmetic uses. */
  get isa(): string {
    return this.#core.native().isa
  }

  /** Number of threads it works with. */
  get threads(): number {
    return this.#core.native().threads
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
   * Whether training changes anything: whether any layer is trainable. Setting it sets {@link Layer.trainable} of all layers
   * that are there, without compiling again. Throws `ERR_MODEL_BUSY` while the model trains.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   *
   * const head = layers.dense({ units: 1 })
   * const model = sequential([layers.dense({ units: 8, activation: 'relu', inputShape: [4] }), head])
   * model.trainable = false
   * head.trainable = true // only the head is trained now
   * ```
   */
  get trainable(): boolean {
    return this.layers.some((layer) => layer.trainable)
  }

  set trainable(value: boolean) {
    checkBoolean(value, 'trainable')
    for (const layer of this.layers) layer.trainable = value
  }

  /** Puts a layer at the end. Layers there keep their weights; the optimizer's state begins anew. */
  add<const L extends Layer>(
    layer: L,
  ): Sequential<AddedInput<In, L>, OutputShapeOf<readonly [Layer<Out, 'same'>, L]>, Keys> {
    checkLayer(layer, 'layer')
    this.#setLayers([...this.#core.layers, layer])
    return this as unknown as Sequential<AddedInput<In, L>, OutputShapeOf<readonly [Layer<Out, 'same'>, L]>, Keys>
  }

  /** Takes the last layer away and gives it back. */
  pop(): Layer {
    const layers = this.#core.layers
    const last = layers.at(-1)
    if (last === undefined) throw new NeurodeError('ERR_ARGUMENT', 'pop: expected a model with layers, got none')
    this.#setLayers(layers.slice(0, -1))
    return last
  }

  /** Fixes the shape of one row of input, for a model whose first layer does not say it. */
  build(inputShape: Shape): this {
    this.#core.build(checkRowShape(inputShape, 'inputShape'))
    return this
  }

  /**
   * Sets loss, optimizer, metrics and device, and gives the model back with a type that knows the keys of its results.
   * Weights stay; the optimizer's state begins anew.
   *
   * Throws `ERR_UNKNOWN_NAME` for names that do not exist, `ERR_DEVICE_UNAVAILABLE` for a device that is not there,
   * `ERR_SHAPE` where the loss does not fit the model's output.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   *
   * const model = sequential([layers.dense({ units: 1, inputShape: [2] })]).compile({
   *   optimizer: 'sgd',
   *   loss: 'meanSquaredError',
   *   metrics: ['mae'],
   * })
   * const result = await model.fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 2], { epochs: 100, verbose: 0 })
   * console.log(result.history.mae.at(-1))
   * ```
   */
  compile<
    const Metrics extends readonly MetricLike[] = readonly [],
    const Weighted extends readonly MetricLike[] = readonly [],
  >(options: CompileOptions<Metrics, Weighted>): Sequential<In, Out, MetricKeys<Metrics> | MetricKeys<Weighted>> {
    const checked = checkOptions(options, compileOptionNames, 'compile')
    const settings = {
      optimizer: toOptimizer(checked.optimizer ?? 'sgd', 'optimizer'),
      loss: toLoss(checked.loss, 'loss'),
      ...toMetricLists(checked.metrics, checked.weightedMetrics),
    }
    const threads = checked.threads === undefined ? 0 : checkInteger(checked.threads, 'threads')
    const device = chooseDevice(checked.device)
    this.#core.compile(settings, { device, threads, precision: checkPrecision(checked.precision, device) })
    return this as unknown as Sequential<In, Out, MetricKeys<Metrics> | MetricKeys<Weighted>>
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
   * {@link Sequential.position}.
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
   * Loss and metrics over all rows. Rejects as {@link Sequential.fit} does.
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
    const sizes = this.#oneRowSizes
    if (native !== undefined && x instanceof Float32Array && x.length === sizes[0]) {
      const given = options === undefined ? undefined : checkOptions(options, ['out'], 'predictSync').out
      const out = given === undefined || given.length !== sizes[1] ? outputFor(this.#core, 1, given) : given
      native.predictSync({ data: x, scale: 1, offset: 0 }, out)
      return new ShapedArray(out, this.#oneRow) as unknown as Prediction<Out>
    }
    const result = predictSync(this.#core, x, options)
    const { inputSize, outputSize, outputShape } = this.#core.built()
    this.#oneRowSizes = [inputSize, outputSize]
    this.#oneRow = Object.freeze([1, ...outputShape])
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

  /**
   * Copies of all weights, in Keras' order and shapes: kernel [inputs, units], bias [units], layer by layer. While the model trains,
   * this waits for the batches that run, about 100 ms of them.
   */
  getWeights(): Weight[] {
    return this.#core.readWeights()
  }

  /** Replaces all weights, given in the order of {@link Sequential.getWeights}; checks all before changing any. */
  setWeights(values: readonly ArrayInput[]): void {
    this.#core.writeWeights(undefined, values)
  }

  /**
   * Writes the weights alone, by their names: a path that ends in `.npz` gives NumPy's format, all else safetensors. The file
   * is replaced whole or not at all. Rejects with `ERR_FILE_WRITE`.
   */
  async saveWeights(path: string | URL): Promise<void> {
    await saveWeights(this.#core, path)
  }

  /**
   * Reads weights from a safetensors or npz file, or from one that {@link Sequential.save} wrote, by name. Where no name fits,
   * names of Neurode and Keras (`dense_3/kernel`) and arrays without names (`arr_0`, what `numpy.savez(path, *weights)` writes)
   * are taken in the order of {@link Sequential.getWeights}, with kernels of shape (in, out); PyTorch's `*.weight` and `*.bias` of
   * Linear layers, with weights of shape (out, in), are transposed. A safetensors file from Python has its names sorted: there
   * layers come by their names, their shapes and their numbers, and are refused where none of these tells them apart.
   *
   * Rejects with `ERR_FILE_NOT_FOUND`, `ERR_FILE_FORMAT`, or `ERR_SHAPE`, which says what the names look like and what to do,
   * before any weight is changed.
   */
  async loadWeights(path: string | URL): Promise<void> {
    await loadWeights(this.#core, path)
  }

  /**
   * Writes everything into one file: layers, loss, optimizer with its variables, metrics, weights, and the position of the
   * training, so that {@link load} and fit with `resume` go on as if nothing had happened, bit for bit. In a callback it
   * saves what is there at that moment. Losses and metrics of your own are there by name, and {@link load} takes them again. The
   * file is a safetensors file with checksums and is replaced whole or not at all.
   * Rejects with `ERR_NOT_BUILT`, `ERR_MODEL_BUSY`, `ERR_FILE_WRITE`.
   *
   * @example
   * ```ts
   * import { layers, load, sequential } from 'neurode'
   *
   * const model = sequential([layers.dense({ units: 1, inputShape: [2] })]).compile({ loss: 'mse' })
   * await model.fit([[0, 1], [1, 0]], [[1], [2]], { epochs: 2, verbose: 0 })
   * await model.save('example.neurode')
   * const again = await load('example.neurode')
   * await again.fit([[0, 1], [1, 0]], [[1], [2]], { epochs: 4, resume: true, verbose: 0 }) // epochs 2 and 3
   * ```
   */
  async save(path: string | URL): Promise<void> {
    await saveModel(this.#core, path)
  }

  /**
   * Takes weights, optimizer variables, seed and position from a file of {@link Sequential.save} into this model, which has
   * the same layers. Rejects with `ERR_FILE_NOT_FOUND`, `ERR_FILE_FORMAT`, or `ERR_SHAPE` before anything is changed.
   */
  async restore(path: string | URL): Promise<void> {
    await restoreModel(this.#core, path)
  }

  /** The layer of that name, or at that place (from 0; negative: from the end). */
  getLayer(nameOrIndex: string | number): Layer {
    const { layers } = this
    if (typeof nameOrIndex === 'number') {
      const layer = Number.isInteger(nameOrIndex) ? layers.at(nameOrIndex) : undefined
      return layer ?? refuse('getLayer', `a place from 0 to ${layers.length - 1}`, nameOrIndex)
    }
    const found = layers.find(({ name }) => name === nameOrIndex)
    if (found !== undefined) return found
    const known = layers.map(({ name }) => name).join(', ')
    const text = `getLayer: no layer is called ${describe(nameOrIndex)}; there are ${known || 'none'}`
    throw new NeurodeError('ERR_UNKNOWN_NAME', text)
  }

  /** Number of parameters. */
  countParams(): number {
    return this.#core.countParameters()
  }

  /** Layers, shapes and parameters; prints them as a table unless told otherwise. */
  summary(options?: SummaryOptions): ModelSummary {
    return summarize(this.#core, options)
  }

  /** Frees the weights. A fit in progress rejects with `ERR_DISPOSED`, as does everything after; twice does no harm. */
  dispose(): void {
    this.#core.dispose()
  }

  /** {@link Sequential.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  #setLayers(layers: readonly Layer[]): void {
    this.#core.setLayers(layers)
    this.#oneRowSizes = [-1, -1]
  }
}

answerForeignNames(Sequential.prototype, 'model')
guardArity(Sequential.prototype, 'model', [
  'fit',
  'evaluate',
  'predict',
  'predictOnBatch',
  'trainOnBatch',
  'testOnBatch',
])

/** The input's shape after a layer was added: an empty model takes the layer's. */
type AddedInput<In extends Shape, L extends Layer> = Shape extends In ? InputShapeOf<readonly [L]> : In

function checkLayer(value: unknown, argument: string): void {
  if (!isLayer(value)) refuse(argument, 'a layer, such as layers.dense({ units: 10 })', value)
}

/**
 * Makes a model from layers, first to last. The first one says the shape of the input; without it the model is built
 * when it first sees data of a known shape. Name and seed stand beside a list of layers, or in one object with them.
 *
 * Throws `ERR_SHAPE` where a layer does not fit the one before, `ERR_ARGUMENT` for a layer used twice.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const list = [
 *   layers.dense({ units: 100, activation: 'relu', inputShape: [784] }),
 *   layers.dense({ units: 10, activation: 'softmax' }),
 * ]
 * const model = sequential(list, { seed: 1 }) // the same as sequential({ layers: list, seed: 1 })
 * model.summary()
 * ```
 */
export function sequential<const Layers extends readonly Layer[] = readonly []>(
  layers?: Layers,
  options?: ModelOptions,
): Sequential<InputShapeOf<Layers>, OutputShapeOf<Layers>>
export function sequential<const Layers extends readonly Layer[] = readonly []>(
  options: SequentialOptions<Layers>,
): Sequential<InputShapeOf<Layers>, OutputShapeOf<Layers>>
export function sequential(
  first?: readonly Layer[] | SequentialOptions,
  options?: ModelOptions,
  ...more: unknown[]
): Sequential {
  refuseMore(more, 2, 'sequential')
  if (Array.isArray(first)) {
    return new Sequential({ ...checkOptions(options, ['name', 'seed'], 'sequential'), layers: first })
  }
  if (options !== undefined && options !== null) refuse('options', 'none beside an object with layers', options)
  return new Sequential(first as SequentialOptions)
}
