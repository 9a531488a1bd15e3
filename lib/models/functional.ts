/** Graph models: tensors between inputs and outputs. */

import type { ArrayInput } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { guardArity, refuseMore } from '../checks/arity.js'
import { checkName, checkOptions, checkSeed, isPlain, refuse } from '../checks/validate.js'
import { ModelCore } from '../core/core.js'
import type { GivenGraph } from '../core/modelStructure.js'
import { isSymbolic, type Shape, type SymbolicTensor } from '../layers/layer.js'
import type { MetricLike } from '../training/metrics.js'
import { compileWith } from './compiling.js'
import { Model } from './model.js'
import type { CompileOptions, ModelOptions } from './sequentialOptions.js'
import type { MetricKeys } from './types.js'

/** Tensors of a graph: one, a list, or a record by name. */
export type Tensors = SymbolicTensor | readonly SymbolicTensor[] | Readonly<Record<string, SymbolicTensor>>

/** Options of {@link model}. */
export interface FunctionalOptions<Inputs extends Tensors = Tensors, Outputs extends Tensors = Tensors>
  extends ModelOptions {
  /**
   * The inputs: one tensor, a list, or a record by name. They are results of {@link input}, or tensors in the middle of a graph, where
   * the model then begins.
   */
  readonly inputs: Inputs
  /** The output: one tensor, or a list or record of one. */
  readonly outputs: Outputs
}

type OnlyOf<Given> = Given extends SymbolicTensor
  ? Given
  : Given extends readonly [infer One]
    ? One
    : Given extends readonly unknown[]
      ? never
      : IsUnion<keyof Given> extends true
        ? never
        : Given[keyof Given]

type IsUnion<T, U = T> = [T] extends [never] ? false : T extends unknown ? ([U] extends [T] ? false : true) : never

type ShapeOf<Tensor> = [Tensor] extends [never] ? readonly [number] : Tensor extends SymbolicTensor<infer S> ? S : Shape

/** The shape of one row of input: that of the only input, or `[n]` for several, which lie side by side. */
export type GraphInput<Inputs> = ShapeOf<OnlyOf<Inputs>>

/** The shape of one row of output. */
export type GraphOutput<Outputs> = ShapeOf<OnlyOf<Outputs>>

/** The data for a graph's inputs: an array by name for each input, or a list in their order. One input takes its array alone, too. */
export type GraphData<Inputs> = Inputs extends SymbolicTensor
  ? ArrayInput
  : Inputs extends readonly unknown[]
    ? { readonly [K in keyof Inputs]: ArrayInput } | Readonly<Record<string, ArrayInput>>
    : { readonly [K in keyof Inputs]: ArrayInput } | readonly ArrayInput[]

const filed = Symbol('names in a file')
interface Filed {
  readonly [filed]: Pick<GivenGraph, 'names' | 'inputNames'>
}

/**
 * A model of a graph, made by {@link model}: layers that branch, join and repeat. `In` and `Out` are the shapes of one row of input
 * and output, as far as types determine them; `Keys` are the keys of the metrics that were passed to {@link Functional.compile};
 * `Data` is what the data of its inputs may be.
 *
 * Methods throw (or reject with) a {@link NeurodeError}. A method that throws because of its arguments has changed no weight.
 */
export class Functional<
  In extends Shape = Shape,
  Out extends Shape = Shape,
  Keys extends string = string,
  Data = ArrayInput | readonly ArrayInput[] | Readonly<Record<string, ArrayInput>>,
> extends Model<In, Out, Keys, Data> {
  readonly #core: ModelCore

  constructor(options: FunctionalOptions) {
    const { inputs, outputs, name, seed } = checkOptions(options, ['inputs', 'outputs', 'name', 'seed'], 'model')
    const given = name === undefined ? undefined : checkName(name, 'model: name')
    const core = new ModelCore(given, checkSeed(seed, 'model: seed'), 'functional')
    super(core, 'Functional')
    this.#core = core
    const [keys, tensors] = namedTensors(inputs, 'inputs')
    const [, [output, ...others]] = namedTensors(outputs, 'outputs') as [unknown, [SymbolicTensor, ...SymbolicTensor[]]]
    if (others.length > 0) {
      const text = `outputs: expected one tensor, got ${others.length + 1}: several outputs are not supported yet`
      throw new NeurodeError('ERR_ARGUMENT', `${text}; a model for each shares the weights of their layers`)
    }
    core.setGraph({ inputs: tensors, outputs: [output], inputNames: keys, ...(options as Partial<Filed>)[filed] })
    if (new.target === Functional) Object.freeze(this)
  }

  /** Names of the inputs, in their order: those of a record, or of the layers. Data are given by these names. */
  get inputNames(): readonly string[] {
    return this.#core.built().inputs.map(({ name }) => name)
  }

  /** Sets loss, optimizer, metrics and device, see {@link Sequential.compile}. */
  compile<
    const Metrics extends readonly MetricLike[] = readonly [],
    const Weighted extends readonly MetricLike[] = readonly [],
  >(options: CompileOptions<Metrics, Weighted>): Functional<In, Out, MetricKeys<Metrics> | MetricKeys<Weighted>, Data> {
    compileWith(this.#core, options)
    return this as unknown as Functional<In, Out, MetricKeys<Metrics> | MetricKeys<Weighted>, Data>
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
    : [given].flat().map((tensor, i) => [Array.isArray(given) ? `[${i}]` : '', tensor])
  if (entries.length === 0) refuse(argument, 'at least one tensor', given)
  const tensors = entries.map(([key, tensor], i) => {
    const at = `${argument}${isRecord ? `.${key}` : key}`
    if (!isSymbolic(tensor)) return refuse(at, 'a tensor, as input() and apply() return', tensor)
    const before = entries.slice(0, i).findIndex(([, other]) => other === tensor)
    if (before >= 0) {
      throw new NeurodeError('ERR_ARGUMENT', `${at}: expected different tensors, got '${tensor.name}' twice`)
    }
    return tensor
  })
  return [isRecord ? entries.map(([key]) => checkName(key, argument)) : undefined, tensors]
}

/**
 * Makes a model of a graph: of all layers between tensors that are its inputs and one that is its output. Layers that were applied
 * several times share their weights, and so do models that have layers in common: a model of some tensors of another needs no copy.
 *
 * Throws `ERR_ARGUMENT` for an output that needs another input, for an input that it does not need, and for several outputs, which
 * are not supported yet; `ERR_SHAPE` for calls of one layer that would need weights of different shapes.
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
): Functional<GraphInput<Inputs>, GraphOutput<Outputs>, string, GraphData<Inputs>>
export function model(options: FunctionalOptions, ...more: unknown[]): Functional {
  refuseMore(more, 1, 'model')
  if (!isPlain(options)) refuse('model', 'an object { inputs, outputs }', options ?? undefined)
  return new Functional(options)
}
