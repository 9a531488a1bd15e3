/** The part of the base class of models that needs no data: layers, weights, files. */

import type { ArrayInput } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkBoolean, describe, isPlain, refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { holdCore } from '../core/cores.js'
import { inOrder } from '../core/inOrder.js'
import { ModelLayer } from '../core/modelLayer.js'
import type { SaveOptions, SaveResult } from '../interchange/saving.js'
import { loadAnyWeights, saveAnyWeights } from '../interchange/weights.js'
import { saveAnyModel } from '../interchange/writers.js'
import type { Layer, Shape, SymbolicTensor, Weight } from '../layers/layer.js'
import { restoreModel } from '../persistence/sharedState.js'
import type { LoadWeightsOptions, SaveWeightsOptions } from '../persistence/weightsFile.js'
import type { OutputList, Tensors } from './graphTypes.js'
import { type ModelSummary, type SummaryOptions, summarize } from './summary.js'

/** The members of every model for layers, weights and files; {@link Model} adds training and prediction. */
export abstract class ModelBase<In extends Shape = Shape, Out extends Shape = Shape, Outputs = SymbolicTensor<Out>> {
  readonly #core: ModelCore
  readonly #asLayer: ModelLayer

  /** @internal Takes a `ModelCore`, which is no part of the public types. */
  protected constructor(core: object, kind: string) {
    this.#core = core as ModelCore
    this.#asLayer = new ModelLayer(core, kind)
    holdCore(this, this.#core)
  }

  /** What the model is: `sequential`, a stack of layers, or `functional`, a graph. It tells apart what {@link load} gives. */
  abstract get kind(): 'sequential' | 'functional'

  /** The name that the user chose, or the default, `sequential`. */
  get name(): string {
    return this.#core.name
  }

  /** The seed that the user chose, or a random one. */
  get seed(): number {
    return this.#core.seed
  }

  /** The layers, in order. */
  get layers(): readonly Layer[] {
    return this.#core.layers
  }

  /** The tensors that are the model's inputs, for graphs; those of a Sequential model are made when they are first asked for. */
  get inputs(): readonly SymbolicTensor[] {
    return this.#core.graph().inputs
  }

  /** The tensors that are the model's outputs, in their order. */
  get outputs(): OutputList<Outputs> {
    return this.#core.graph().outputs as OutputList<Outputs>
  }

  /**
   * Applies the model to tensors of a graph, as a layer: its layers are called again, and share their weights. Several inputs are a
   * list in the order of the model's, or a record by their names; several outputs are a list or a record, as they were given to
   * {@link model}. A Sequential model whose input shape is not known gets that of the tensor.
   *
   * Throws `ERR_SHAPE` for a tensor of another shape than the model's input, `ERR_ARGUMENT` for anything but tensors, and
   * `ERR_UNKNOWN_NAME` for a name that no input has.
   *
   * @example
   * ```ts
   * import { input, layers, model, sequential } from 'neurode'
   *
   * const tower = sequential([layers.dense({ units: 8, activation: 'relu', inputShape: [4] })])
   * const [a, b] = [input({ shape: [4] }), input({ shape: [4] })]
   * const difference = layers.subtract().apply([tower.apply(a), tower.apply(b)])
   * const net = model({ inputs: [a, b], outputs: difference })
   * ```
   */
  apply(inputs: Tensors): Outputs {
    const names = () => this.#core.built().inputs.map(({ name }) => name)
    const given = isPlain(inputs) ? inOrder(names(), inputs, `model '${this.name}': apply`) : inputs
    return this.#asLayer.apply(given as readonly SymbolicTensor[]) as Outputs
  }

  /** Shape of one row of input. Several inputs lie side by side in one row. Throws `ERR_NOT_BUILT` before it is known. */
  get inputShape(): In {
    return this.#core.built().inputShape as In
  }

  /** Shape of one row of output. Several outputs lie side by side in one row. Throws `ERR_NOT_BUILT` before it is known. */
  get outputShape(): Out {
    return this.#core.built().outputShape as Out
  }

  /** Whether the shape of the input is known, so that the model has weights. */
  get built(): boolean {
    return this.#core.shapes !== undefined
  }

  /** The device the model runs on: `cpu`, `cuda:0`, … */
  get device(): string {
    return this.#core.native().device
  }

  /** The instruction set of the CPU, or the compute capability of the GPU, that the model uses. */
  get isa(): string {
    return this.#core.native().isa
  }

  /** Number of CPU threads that the model uses: what it asked for, but no more than the process has processors. */
  get threads(): number {
    return this.#core.native().threads
  }

  /**
   * Whether any layer is trainable. Setting this sets {@link Layer.trainable} of all current layers; the model need not be compiled
   * again. Throws `ERR_MODEL_BUSY` while the model trains.
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

  /**
   * Copies of all weights in Keras' order and shapes: kernel [inputs, units], bias [units], layer by layer. While the model trains,
   * the call waits for the batches that are running, about 100 ms.
   */
  getWeights(): Weight[] {
    return this.#core.readWeights()
  }

  /** Replaces all weights by values in the order of {@link Model.getWeights}. All values are checked before any weight is changed. */
  setWeights(values: readonly ArrayInput[]): void {
    this.#core.writeWeights(undefined, values)
  }

  /**
   * Writes the weights alone: in NumPy's format to a path that ends in `.npz`, for Keras 3 to one that ends in `.weights.h5`, otherwise
   * as safetensors; with `names: 'torch'` under the names and in the layouts that PyTorch's `load_state_dict` takes. The file is written atomically: after a failure the old file is unchanged. Rejects with `ERR_FILE_WRITE`, and with
   * `ERR_ARGUMENT` for Keras where it does not have one of the layers. Of several ranks the first one writes, as {@link Model.save} does.
   */
  async saveWeights(path: string | URL, options?: SaveWeightsOptions): Promise<void> {
    await saveAnyWeights(this.#core, path, options)
  }

  /**
   * Loads weights from a safetensors file (or the `.index.json` of one in several parts), an npz file, or a file that
   * {@link Model.save} wrote, by name. If no name matches, weights are assigned in the order of {@link Model.getWeights}: those with
   * names of Neurode or Keras (`dense_3/kernel`), those of scikit-learn (`coef_0`, `intercept_0`), and arrays without names (`arr_0`, as
   * `numpy.savez(path, *weights)` writes them), all with kernels of shape (in, out). Safetensors files from Python are sorted by name;
   * their layers are matched by name, by shape and by the numbers in their names, and it is an error if these are ambiguous.
   *
   * Tensors with the names of PyTorch (`encoder.fc1.weight`) go to the layers that are called like their modules, or to those that
   * `layers` says; in order only if the modules' names are numbers, as those of `nn.Sequential`. Weights of Linear, of shape (out, in),
   * are transposed; a layer must have the epsilon of its module, which files do not hold.
   *
   * Of Keras it reads `.weights.h5` files, the `.weights.json` of one in several parts, `.keras` files, and older `.h5` files of weights
   * or of a model. Their layers are taken in the order of the model, as Keras does.
   *
   * Rejects with `ERR_FILE_NOT_FOUND`, `ERR_FILE_FORMAT`, or `ERR_SHAPE`, whose message describes the names and says what to do. In
   * these cases no weight is changed.
   */
  async loadWeights(path: string | URL, options?: LoadWeightsOptions): Promise<void> {
    await loadAnyWeights(this.#core, path, options)
  }

  /**
   * Writes the whole model to one file: layers, loss, optimizer with its variables, metrics, weights, and the training position.
   * After {@link load}, fit with `resume` continues the training with the same results, bit for bit, as if it had not been
   * interrupted. In a callback, the current state is saved. Custom losses and metrics are saved by name only; pass them to
   * {@link load} again. The file is a safetensors file with a checksum. It is written atomically: after a failure the old file is
   * unchanged. Rejects with `ERR_NOT_BUILT`, `ERR_MODEL_BUSY`, `ERR_FILE_WRITE`.
   *
   * A path that ends in `.keras` or `.h5` gives a file that every Keras 3 loads, one that ends in `.json` a layers model of TensorFlow.js,
   * with its weights in a file beside it, and one that ends in `.onnx` a model for ONNX Runtime and other readers of ONNX: what it computes
   * in inference, in float32, see {@link OnnxOptions}. What a format cannot hold is named in {@link SaveResult.leftOut}. Rejects with
   * `ERR_ARGUMENT`, which names the layer, where the other library does not have it.
   *
   * Of the ranks that train a model with {@link distribution}, the first one writes. On others the call writes nothing, and does not wait
   * for the file.
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
  async save<const Path extends string | URL>(path: Path, options?: SaveOptions<Path>): Promise<SaveResult> {
    return await saveAnyModel(this.#core, path, options)
  }

  /**
   * Restores weights, optimizer variables, seed and training position from a file that {@link Model.save} wrote, for a model with the
   * same layers. Rejects with `ERR_FILE_NOT_FOUND`, `ERR_FILE_FORMAT`, `ERR_SHAPE` or `ERR_CHECKPOINT_MISMATCH`; then nothing was
   * changed. All ranks that train a model with {@link distribution} call it: the first one reads the file, and all get its state.
   */
  async restore(path: string | URL): Promise<void> {
    await restoreModel(this.#core, path)
  }

  /** The layer with this name or at this index (from 0; negative indices count from the end). */
  getLayer(nameOrIndex: string | number): Layer {
    const { layers } = this
    if (typeof nameOrIndex === 'number') {
      const layer = Number.isInteger(nameOrIndex) ? layers.at(nameOrIndex) : undefined
      return layer ?? refuse('getLayer', `a place from 0 to ${layers.length - 1}`, nameOrIndex)
    }
    const { names } = this.#core.stack
    const found = layers[names.indexOf(nameOrIndex)]
    if (found !== undefined) return found
    const known = names.join(', ')
    const text = `getLayer: no layer is called ${describe(nameOrIndex)}; there are ${known || 'none'}`
    throw new NeurodeError('ERR_UNKNOWN_NAME', text)
  }

  /** Number of parameters. */
  countParams(): number {
    return this.#core.countParameters()
  }

  /** Summarizes layers, shapes and parameters, and prints them as a table unless `print` is false. */
  summary(options?: SummaryOptions): ModelSummary {
    return summarize(this.#core, options)
  }

  /** Frees the weights. A running fit and all later calls reject with, or throw, `ERR_DISPOSED`. Disposing again does nothing. */
  dispose(): void {
    this.#core.dispose()
  }

  /** {@link Model.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }
}

answerForeignNames(ModelBase.prototype, 'model')
guardArity(ModelBase.prototype, 'model')
