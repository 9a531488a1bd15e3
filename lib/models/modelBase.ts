/** Layers and weights of a model: what asks for no data. */

import type { ArrayInput } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkBoolean, describe, refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { holdCore } from '../core/cores.js'
import type { Layer, Shape, Weight } from '../layers/layer.js'
import { restoreModel, saveModel } from '../persistence/modelFile.js'
import { loadWeights, saveWeights } from '../persistence/weightsFile.js'
import { type ModelSummary, type SummaryOptions, summarize } from './summary.js'

/** What every model has of layers and weights; {@link Model} has the rest. */
export abstract class ModelBase<In extends Shape = Shape, Out extends Shape = Shape> {
  readonly #core: ModelCore

  protected constructor(core: ModelCore) {
    this.#core = core
    holdCore(this, core)
  }

  /** The name given, or the kind of the model, `sequential`. */
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

  /**
   * Copies of all weights, in Keras' order and shapes: kernel [inputs, units], bias [units], layer by layer. While the model trains,
   * this waits for the batches that run, about 100 ms of them.
   */
  getWeights(): Weight[] {
    return this.#core.readWeights()
  }

  /** Replaces all weights, given in the order of {@link Model.getWeights}; checks all before changing any. */
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
   * Reads weights from a safetensors or npz file, or from one that {@link Model.save} wrote, by name. Where no name fits,
   * names of Neurode and Keras (`dense_3/kernel`) and arrays without names (`arr_0`, what `numpy.savez(path, *weights)` writes)
   * are taken in the order of {@link Model.getWeights}, with kernels of shape (in, out); PyTorch's `*.weight` and `*.bias` of
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
   * Takes weights, optimizer variables, seed and position from a file of {@link Model.save} into this model, which has
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

  /** {@link Model.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }
}

answerForeignNames(ModelBase.prototype, 'model')
guardArity(ModelBase.prototype, 'model')
