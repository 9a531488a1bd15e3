/** The Sequential model: a stack of layers. */

import { NeurodeError } from '../base/errors.js'
import { guardArity, refuseMore } from '../checks/arity.js'
import { checkName, checkOptions, checkRowShape, checkSeed, refuse } from '../checks/validate.js'
import { ModelCore } from '../core/core.js'
import { isLayer, type Layer, type Shape } from '../layers/layer.js'
import { isPreprocessing } from '../preprocessing/preprocessingLayer.js'
import type { LossName } from '../training/losses.js'
import type { Loss } from '../training/lossOptions.js'
import type { MetricLike } from '../training/metrics.js'
import { compileWith } from './compiling.js'
import { Model } from './model.js'
import type { CompileOptions, ModelOptions, SequentialOptions } from './sequentialOptions.js'
import type { InputShapeOf, MetricKeys, OutputShapeOf } from './types.js'

/**
 * A stack of layers with weights, made by {@link sequential}. `In` and `Out` are the shapes of one row of input and output, as far as
 * the types of the layers determine them; `Keys` are the keys of the metrics that were passed to {@link Sequential.compile}.
 *
 * Methods throw (or reject with) a {@link NeurodeError}. A method that throws because of its arguments has changed no weight.
 */
export class Sequential<
  In extends Shape = Shape,
  Out extends Shape = Shape,
  Keys extends string = string,
> extends Model<In, Out, Keys> {
  readonly #core: ModelCore

  constructor(options?: SequentialOptions) {
    const { layers = [], name, seed } = checkOptions(options, ['layers', 'name', 'seed'], 'sequential')
    if (!Array.isArray(layers)) refuse('layers', 'a list of layers', layers)
    for (const [i, layer] of layers.entries()) checkLayer(layer, `layers[${i}]`)
    const given = name === undefined ? undefined : checkName(name, 'sequential: name')
    const core = new ModelCore(given, checkSeed(seed, 'sequential: seed'), 'sequential')
    super(core, 'Sequential')
    this.#core = core
    if (layers.length > 0) this.#core.setLayers(layers)
    if (new.target === Sequential) Object.freeze(this)
  }

  /** `sequential`: a stack of layers. */
  get kind(): 'sequential' {
    return 'sequential'
  }

  /** Adds a layer at the end. The other layers keep their weights; the optimizer's state is reset. */
  add<const L extends Layer>(
    layer: L,
  ): Sequential<AddedInput<In, L>, OutputShapeOf<readonly [Layer<Out, 'same'>, L]>, Keys> {
    checkLayer(layer, 'layer')
    this.#core.setLayers([...this.#core.layers, layer])
    return this as unknown as Sequential<AddedInput<In, L>, OutputShapeOf<readonly [Layer<Out, 'same'>, L]>, Keys>
  }

  /** Removes the last layer and returns it. */
  pop(): Layer {
    const layers = this.#core.layers
    const last = layers.at(-1)
    if (last === undefined) throw new NeurodeError('ERR_ARGUMENT', 'pop: expected a model with layers, got none')
    this.#core.setLayers(layers.slice(0, -1))
    return last
  }

  /** Sets the shape of one row of input, for a model whose first layer has no `inputShape`. */
  build(inputShape: Shape): this {
    this.#core.build(checkRowShape(inputShape, 'inputShape'))
    return this
  }

  /**
   * Sets loss, optimizer, metrics and device. Returns the model, with a type that has the keys of its results. Weights are kept; the
   * optimizer's state is reset.
   *
   * Throws `ERR_UNKNOWN_NAME` for names that do not exist, `ERR_DEVICE_UNAVAILABLE` for a device that is not available,
   * `ERR_SHAPE` if the loss does not match the model's output.
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
    const Losses extends LossName | Loss = LossName | Loss,
  >(
    options: CompileOptions<Metrics, Weighted, Losses>,
  ): Sequential<In, Out, MetricKeys<Metrics> | MetricKeys<Weighted>> {
    compileWith(this.#core, options)
    return this as unknown as Sequential<In, Out, MetricKeys<Metrics> | MetricKeys<Weighted>>
  }
}

guardArity(Sequential.prototype, 'model')

/** The input shape after a layer was added: an empty model takes that of the layer. */
type AddedInput<In extends Shape, L extends Layer> = Shape extends In ? InputShapeOf<readonly [L]> : In

function checkLayer(value: unknown, argument: string): void {
  if (isPreprocessing(value)) {
    const remedy = 'call it on the data: await model.fit(layer.call(x), y), model.predict(layer.call(x))'
    const text = `${argument}: ${value.kind} computes on data before a model gets them and is none of its layers`
    throw new NeurodeError('ERR_ARGUMENT', `${text}; ${remedy}`)
  }
  if (!isLayer(value)) refuse(argument, 'a layer, such as layers.dense({ units: 10 })', value)
}

/**
 * Makes a model of layers, first to last. The first layer gives the shape of the input, with `inputShape`; without it, the model is
 * built when it first gets data of a known shape. Name and seed are a second argument after a list of layers, or in one object with
 * them.
 *
 * Throws `ERR_SHAPE` if a layer does not match the one before it, `ERR_ARGUMENT` for a layer that is used twice.
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
