/** Graph models: tensors between inputs and outputs. */

import type { ArrayInput } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { guardArity, refuseMore } from '../checks/arity.js'
import { checkName, checkOptions, checkSeed, isPlain, refuse } from '../checks/validate.js'
import { ModelCore } from '../core/core.js'
import type { GivenGraph } from '../core/modelStructure.js'
import { isSymbolic, type Shape, type SymbolicTensor } from '../layers/layer.js'
import { compileWith } from './compiling.js'
import type { GraphData, GraphInput, GraphOutput, GraphOutputs, Tensors } from './graphTypes.js'
import type { GraphCompileOptions, GraphKeys, GraphLosses, GraphMetrics } from './headTypes.js'
import { Model } from './model.js'
import type { ModelOptions } from './sequentialOptions.js'

/** Options of {@link model}. */
export interface FunctionalOptions<Inputs extends Tensors = Tensors, Outputs extends Tensors = Tensors>
  extends ModelOptions {
  /**
   * The inputs: one tensor, a list, or a record by name. They are results of {@link input}, or tensors in the middle of a graph, where
   * the model then begins.
   */
  readonly inputs: Inputs
  /**
   * The outputs: one tensor, a list, or a record by name. They may be inputs, and inner tensors of the graph. Predictions are lists or
   * records likewise; a list or a record of one acts as its tensor.
   */
  readonly outputs: Outputs
}

const filed = Symbol('names in a file')
interface Filed {
  readonly [filed]: Omit<GivenGraph, 'inputs' | 'outputs'>
}

/**
 * A model of a graph, made by {@link model}: layers that branch, join and repeat. `In` and `Out` are the shapes of one row of input
 * and output, as far as types determine them; `Keys` are the keys of the metrics that were passed to {@link Functional.compile};
 * `Data` is what the data of its inputs may be, and `Outputs` its outputs: a tensor, or a list or a record of several.
 *
 * Methods throw (or reject with) a {@link NeurodeError}. A method that throws because of its arguments has changed no weight.
 */
export class Functional<
  In extends Shape = Shape,
  Out extends Shape = Shape,
  Keys extends string = string,
  Data = ArrayInput | readonly ArrayInput[] | Readonly<Record<string, ArrayInput>>,
  Outputs = SymbolicTensor<Out>,
> extends Model<In, Out, Keys, Data, Outputs> {
  readonly #core: ModelCore

  constructor(options: FunctionalOptions) {
    const { inputs, outputs, name, seed } = checkOptions(options, ['inputs', 'outputs', 'name', 'seed'], 'model')
    const given = name === undefined ? undefined : checkName(name, 'model: name')
    const core = new ModelCore(given, checkSeed(seed, 'model: seed'), 'functional')
    super(core, 'Functional')
    this.#core = core
    const [inputNames, from] = namedTensors(inputs, 'inputs')
    const before = from.find((tensor, i) => from.indexOf(tensor) !== i)
    if (before !== undefined) {
      throw new NeurodeError('ERR_ARGUMENT', `inputs: expected different tensors, got '${before.name}' twice`)
    }
    const [outputNames, to] = namedTensors(outputs, 'outputs')
    const outputForm = outputNames === undefined ? 'list' : 'record'
    const naming = { inputNames, outputNames, outputForm, ...(options as Partial<Filed>)[filed] } as const
    core.setGraph({ inputs: from, outputs: to, ...naming })
    if (new.target === Functional) Object.freeze(this)
  }

  /** `functional`: a graph. */
  get kind(): 'functional' {
    return 'functional'
  }

  /** Names of the inputs, in their order: those of a record, or of the layers. Data are given by these names. */
  get inputNames(): readonly string[] {
    return this.#core.built().inputs.map(({ name }) => name)
  }

  /**
   * Names of the outputs, in their order: those of a record, or of the layers that they come from, made different by a number:
   * `dense`, `dense_1`.
   */
  get outputNames(): readonly string[] {
    return this.#core.built().heads.map(({ name }) => name)
  }

  /**
   * Sets losses, optimizer, metrics and device, see {@link Sequential.compile}. For several outputs, losses and metrics are given in
   * the order of the outputs or by name. The keys of logs are then `loss`, the weighted sum of all losses, and for each output
   * `<output>_loss`, if there are several losses, and `<output>_<metric>`.
   *
   * @example
   * ```ts
   * import { input, layers, model } from 'neurode'
   *
   * const x = input({ shape: [4] })
   * const price = layers.dense({ units: 1 }).apply(x)
   * const sold = layers.dense({ units: 1, activation: 'sigmoid' }).apply(x)
   * const net = model({ inputs: x, outputs: { price, sold } }).compile({
   *   loss: { price: 'mse', sold: 'binaryCrossentropy' },
   *   lossWeights: { sold: 0.5 },
   *   metrics: { sold: ['accuracy'] },
   * })
   * const { price_loss, sold_accuracy } = await net.evaluate([[1, 2, 3, 4]], { price: [2], sold: [1] })
   * ```
   */
  compile<
    const Metrics extends GraphMetrics<Outputs> = readonly [],
    const Weighted extends GraphMetrics<Outputs> = readonly [],
    const Losses extends GraphLosses<Outputs> = GraphLosses<Outputs>,
  >(
    options: GraphCompileOptions<Outputs, Metrics, Weighted, Losses>,
  ): Functional<In, Out, GraphKeys<Outputs, Metrics, Weighted, Losses>, Data, Outputs> {
    compileWith(this.#core, options)
    return this as never
  }
}

guardArity(Functional.prototype, 'model')

/** Makes a model of a graph in a file, which has names for all layers and inputs. */
export function fromFile(options: FunctionalOptions, names: Filed[typeof filed]): Functional {
  return new Functional({ ...options, [filed]: names } as FunctionalOptions)
}

/** Tensors that were given one, as a list, or as a record, and the record's keys. */
function namedTensors(given: unknown, argument: string): [string[] | undefined, SymbolicTensor[]] {
  const expected = 'a tensor, a list of tensors or a record of them'
  const isRecord = isPlain(given) && !isSymbolic(given)
  if (!isSymbolic(given) && !isRecord && !Array.isArray(given)) refuse(argument, expected, given)
  const entries: [string, unknown][] = isRecord
    ? Object.entries(given)
    : Array.isArray(given)
      ? Array.from(given, (tensor, i) => [`[${i}]`, tensor])
      : [['', given]]
  if (entries.length === 0) refuse(argument, 'at least one tensor', given)
  const tensors = entries.map(([key, tensor]) => {
    const at = `${argument}${isRecord ? `.${key}` : key}`
    return isSymbolic(tensor) ? tensor : refuse(at, 'a tensor, as input() and apply() return', tensor)
  })
  return [isRecord ? entries.map(([key]) => checkName(key, argument)) : undefined, tensors]
}

/**
 * Makes a model of a graph: of all layers between tensors that are its inputs and those that are its outputs. Layers that were applied
 * several times share their weights, and so do models that have layers in common: a model of some tensors of another needs no copy.
 *
 * Throws `ERR_ARGUMENT` for an output that needs another input, and for an input that no output needs; `ERR_SHAPE` for calls of one
 * layer that would need weights of different shapes.
 *
 * @example
 * ```ts
 * import { input, layers, model } from 'neurode'
 *
 * const x = input({ shape: [8] })
 * let h = layers.dense({ units: 8, activation: 'relu' }).apply(x)
 * h = layers.add().apply([x, h])
 * const net = model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(h), seed: 1 })
 * net.compile({ optimizer: 'adam', loss: 'mse' })
 * net.summary()
 * ```
 */
export function model<const Inputs extends Tensors, const Outputs extends Tensors>(
  options: FunctionalOptions<Inputs, Outputs>,
): Functional<GraphInput<Inputs>, GraphOutput<Outputs>, string, GraphData<Inputs>, GraphOutputs<Outputs>>
export function model(options: FunctionalOptions, ...more: unknown[]): Functional {
  refuseMore(more, 1, 'model')
  if (!isPlain(options)) refuse('model', 'an object { inputs, outputs }', options ?? undefined)
  return new Functional(options)
}
