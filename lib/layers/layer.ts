/** The base class of layers. A layer is an immutable description that computes its output shape, its parameters and its Plan. */

import { type ArrayInput, formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { defaultName } from '../base/names.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkBoolean, checkInteger, checkName, checkRowShape, refuse } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import type { Range } from './activations.js'
import { hostsOf, type LayerHost, nameInModel, placementOf } from './places.js'
import type { Applied, InputType, LastAxis, LayerOptions, ParameterSpec, PlanContext, Shape, Weight } from './types.js'

export type { LastAxis, LayerOptions, ParameterSpec, PlanContext, Shape, Weight } from './types.js'
export { layerOptionNames } from './types.js'

/** One call of a layer. */
export interface SymbolicCall {
  readonly layer: Layer
  /** The tensors that the layer was applied to; none for an input. */
  readonly sources: readonly SymbolicTensor[]
  /** What it returned: several tensors only where the layer is a model. */
  readonly outputs: readonly SymbolicTensor[]
}

const callsOf = new WeakMap<Layer, readonly SymbolicCall[]>()

/** Whether a value is a symbolic tensor. */
export let isSymbolic: (value: unknown) => value is SymbolicTensor

/**
 * A tensor of a graph, without numbers: what {@link input} and {@link Layer.apply} return and {@link model} takes. `S` is the shape of
 * one row.
 */
export class SymbolicTensor<S extends Shape = Shape> {
  /** Shape of one row. */
  readonly shape: S
  /** `float32`, or the type of the inputs that it is made of if nothing is computed in between. */
  readonly dtype: InputType
  readonly #call: SymbolicCall

  static {
    isSymbolic = (value): value is SymbolicTensor => typeof value === 'object' && value !== null && #call in value
  }

  /** @internal */
  constructor(call: SymbolicCall, shape: S, dtype: InputType) {
    this.shape = Object.freeze([...shape]) as unknown as S
    this.dtype = dtype
    this.#call = call
    Object.freeze(this)
  }

  /** The layer that it is an output of. */
  get sourceLayer(): Layer {
    return this.#call.layer
  }

  /** The name of the layer that it is an output of. */
  get name(): string {
    return this.sourceLayer.name
  }

  /** @internal The call that returned it. */
  get call(): SymbolicCall {
    return this.#call
  }
}

/** Notes a call of a layer, and makes the tensors that it returns. */
export function callLayer(
  layer: Layer,
  sources: readonly SymbolicTensor[],
  shapes: readonly Shape[],
  dtype: InputType,
): readonly SymbolicTensor[] {
  const outputs: SymbolicTensor[] = []
  const call = { layer, sources, outputs }
  outputs.push(...shapes.map((shape) => new SymbolicTensor(call, shape, dtype)))
  callsOf.set(layer, [...(callsOf.get(layer) ?? []), call])
  return outputs
}

/** Whether a value is a layer. A copy of a layer with the same prototype is none, as it lacks the private members. */
export let isLayer: (value: unknown) => value is Layer

declare const types: unique symbol

/** The type parameters of a layer: the shape of its input, if it was given, and what its output is. */
export type TypesOf<L> = L extends { readonly [types]?: infer Types } ? NonNullable<Types> : { in: Shape; out: Shape }

/**
 * A layer: an immutable description. Models that it is part of hold its weights; several models that have it share them. `In` is the
 * shape of its input, if given; `Out` is the shape of its output, or `'same'` or {@link LastAxis} if it depends on the input.
 */
export abstract class Layer<
  In extends Shape = Shape,
  Out extends Shape | 'same' | LastAxis = Shape | 'same' | LastAxis,
> {
  declare readonly [types]?: { in: In; out: Out }

  /** The name of the class, as in summaries: `Dense`. */
  abstract readonly kind: string
  /** The option `inputShape`, if it was given. */
  readonly inputShape: Shape | undefined
  readonly #name: string | undefined
  #trainable: boolean

  static {
    isLayer = (value): value is Layer => typeof value === 'object' && value !== null && #trainable in value
  }

  constructor(options: LayerOptions & { readonly inputDim?: number | undefined }, argument: string) {
    if (options.inputShape !== undefined && options.inputDim !== undefined) {
      refuse(`${argument}: inputDim`, 'either inputShape or inputDim', options.inputDim)
    }
    this.#name = options.name === undefined ? undefined : checkName(options.name, `${argument}: name`)
    this.#trainable = checkBoolean(options.trainable ?? true, `${argument}: trainable`)
    if (options.inputDim !== undefined) this.inputShape = [checkInteger(options.inputDim, `${argument}: inputDim`)]
    else if (options.inputShape !== undefined) {
      this.inputShape = checkRowShape(options.inputShape, `${argument}: inputShape`)
    }
  }

  /**
   * Whether training changes the layer's parameters. It can be set between fits without compiling again: weights and the optimizer's
   * state are kept, also those of frozen layers. A frozen BatchNormalization normalizes by its moving statistics and does not update
   * them. Setting it throws `ERR_MODEL_BUSY` while the model trains.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   *
   * const base = layers.dense({ units: 8, activation: 'relu', inputShape: [4] })
   * const model = sequential([base, layers.dense({ units: 1 })]).compile({ loss: 'mse', optimizer: 'adam' })
   * base.trainable = false
   * await model.fit([[1, 2, 3, 4]], [[1]], { verbose: 0 }) // changes the last layer alone
   * base.trainable = true
   * ```
   */
  get trainable(): boolean {
    return this.#trainable
  }

  set trainable(value: boolean) {
    if (checkBoolean(value, `layer '${this.name}': trainable`) === this.#trainable) return
    for (const host of hostsOf(this)) host.trainableChanges()
    this.#trainable = value
  }

  /**
   * Applies the layer to a tensor of a graph, or to several where it merges them, and returns its output, for {@link model}. A layer
   * can be applied several times: its weights are shared.
   *
   * Throws `ERR_SHAPE` if the layer does not take inputs of these shapes, `ERR_ARGUMENT` for anything but tensors.
   *
   * @example
   * ```ts
   * import { input, layers } from 'neurode'
   *
   * const x = input({ shape: [4] })
   * const h = layers.dense({ units: 4, activation: 'relu' }).apply(x)
   * const sum = layers.add().apply([x, h])
   * console.log(sum.shape) // [4]
   * ```
   */
  apply<const S extends Shape>(
    input: SymbolicTensor<S> | readonly SymbolicTensor<S>[],
  ): SymbolicTensor<Applied<Out, S>> {
    const sources: readonly unknown[] = Array.isArray(input) ? Array.from(input) : [input]
    const tensors = sources.map((source, i) => {
      const argument = `layer '${this.name}': apply${Array.isArray(input) ? `[${i}]` : ''}`
      return isSymbolic(source) ? source : refuse(argument, 'a tensor, as input() and apply() return', source)
    })
    const shapes = this.outputsForAll(tensors.map((tensor) => tensor.shape))
    const types = new Set(tensors.map(({ dtype }) => dtype))
    const dtype = this.rearranges && types.size === 1 ? (tensors[0] as SymbolicTensor).dtype : 'float32'
    return this.arrange(callLayer(this, tensors, shapes, dtype)) as SymbolicTensor<Applied<Out, S>>
  }

  /**
   * The tensor that the layer returned. Throws `ERR_ARGUMENT` if it was applied several times, or returned several tensors, as a model
   * does; `ERR_NOT_BUILT` if it was not applied.
   */
  get output(): SymbolicTensor {
    return this.#onlyOf(this.#only('output'))
  }

  /** All tensors that the layer returned, call after call. */
  get outputs(): readonly SymbolicTensor[] {
    return this.#calls().flatMap(({ outputs }) => outputs)
  }

  /** The tensor, or the list of tensors, that the layer was applied to. Throws unless it was applied once. */
  get input(): SymbolicTensor | readonly SymbolicTensor[] {
    return sourcesOf(this.#only('input'))
  }

  /** The tensor that call number `index` returned, counted from 0. */
  getOutputAt(index: number): SymbolicTensor {
    return this.#onlyOf(this.#callAt(index, 'getOutputAt'))
  }

  /** The tensor, or the list of tensors, that call number `index` took, counted from 0. */
  getInputAt(index: number): SymbolicTensor | readonly SymbolicTensor[] {
    return sourcesOf(this.#callAt(index, 'getInputAt'))
  }

  #only(what: 'input' | 'output'): SymbolicCall {
    const [only, ...more] = this.#calls()
    if (more.length === 0) return only ?? this.#notApplied()
    const text = `layer '${this.name}': expected one ${what}, but it was applied ${more.length + 1} times`
    throw new NeurodeError(
      'ERR_ARGUMENT',
      `${text}; ${what === 'output' ? 'getOutputAt' : 'getInputAt'}(i) gives those of call i`,
    )
  }

  #onlyOf({ outputs }: SymbolicCall): SymbolicTensor {
    if (outputs.length === 1) return outputs[0] as SymbolicTensor
    const text = `layer '${this.name}': expected one output, but a call of it returns ${outputs.length}`
    throw new NeurodeError('ERR_ARGUMENT', `${text}; 'outputs' has the tensors of all calls`)
  }

  #callAt(index: number, what: string): SymbolicCall {
    const all = this.#calls()
    const at = checkInteger(index, `layer '${this.name}': ${what}`, 0, Math.max(0, all.length - 1))
    return all[at] ?? this.#notApplied()
  }

  #calls(): readonly SymbolicCall[] {
    if (!callsOf.has(this)) for (const host of hostsOf(this)) host.connect()
    return callsOf.get(this) ?? []
  }

  #notApplied(): never {
    const remedy = 'apply(tensor) gives an output, and so does a built model that has the layer'
    throw new NeurodeError('ERR_NOT_BUILT', `layer '${this.name}' was not applied to a tensor: ${remedy}`)
  }

  /** @internal The shape of the output for these shapes of the inputs. */
  outputForAll(inputs: readonly Shape[]): Shape {
    if (inputs.length !== 1) {
      refuse(`layer '${this.name}': apply`, 'one tensor; layers.concatenate() or layers.add() can join several', inputs)
    }
    return this.computeOutputShape(checkExpected(this, inputs[0] as Shape))
  }

  /** @internal The shapes of all outputs for these shapes of the inputs. */
  outputsForAll(inputs: readonly Shape[]): readonly Shape[] {
    return [this.outputForAll(inputs)]
  }

  /** @internal What `apply` returns of the tensors of a call. */
  arrange(outputs: readonly SymbolicTensor[]): unknown {
    return outputs[0]
  }

  /** @internal Whether the output has the inputs' values, only in other places. */
  get rearranges(): boolean {
    return false
  }

  /** @internal The layer reads integers from 0 that are below this; undefined: any numbers. */
  get integersBelow(): number | undefined {
    return undefined
  }

  /** @internal The layer itself, or the layers of the model that it stands for. */
  get leaves(): readonly Layer[] {
    return [this]
  }

  /** @internal Like {@link plan}, for the shapes of all inputs. */
  planAll(inputs: readonly Shape[], context: PlanContext): PlanLayer | readonly PlanLayer[] | undefined {
    return this.plan(inputs[0] as Shape, context)
  }

  /** The shape of one row of output for this shape of input. Throws `ERR_SHAPE` if the layer does not accept the input. */
  computeOutputShape(input: Shape): Shape {
    return this.outputFor(checkRowShape(input, 'input'))
  }

  protected abstract outputFor(input: Shape): Shape

  /** The parameters for this shape of input, in Keras' order. */
  parameters(_input: Shape): readonly ParameterSpec[] {
    return []
  }

  /** Initial values that replace those of the initializers, in the order of {@link parameters}. */
  initialWeights(_input: Shape): readonly ArrayInput[] | undefined {
    return undefined
  }

  /** The layer's part of the Plan; undefined for a layer that computes nothing. */
  abstract plan(input: Shape, context: PlanContext): PlanLayer | readonly PlanLayer[] | undefined

  /** @internal The range of the outputs; `'inputs'` if it is that of the inputs; undefined if it is not known. */
  get outputRange(): Range | 'inputs' | undefined {
    return undefined
  }

  /** The options with defaults filled in, except name, input shape and initial weights; model files contain them. */
  abstract config(): Readonly<Record<string, unknown>>

  /** The name that the user chose, or the name that the model gave to the layer. */
  get name(): string {
    return this.#name ?? nameInModel(this) ?? defaultName(this.kind)
  }

  /** The name that the user chose, if any. */
  get givenName(): string | undefined {
    return this.#name
  }

  /** Shape of one row of output; undefined until the layer is in a model that knows the shape of its input. */
  get outputShape(): Shape | undefined {
    return placementOf(this)?.outputShape
  }

  /** Copies of the layer's weights in Keras' order and shapes. Throws `ERR_NOT_BUILT` if the layer is not in a built model. */
  getWeights(): Weight[] {
    return this.#host().readWeights(this)
  }

  /** Replaces all weights of the layer. If it throws `ERR_SHAPE`, no weight was changed. */
  setWeights(values: readonly ArrayInput[]): void {
    this.#host().writeWeights(this, values)
  }

  /** Number of parameters. Throws `ERR_NOT_BUILT` if the layer is not in a built model. */
  countParams(): number {
    const input = placementOf(this)?.inputShape
    if (input === undefined) throw notBuilt(this)
    return countParameters(this.parameters(input))
  }

  #host(): LayerHost {
    const host = hostsOf(this)[0]
    if (host === undefined) throw notBuilt(this)
    return host
  }
}

answerForeignNames(Layer.prototype, 'layer')
guardArity(Layer.prototype, 'layer')

/** The number of elements of all parameters. */
export function countParameters(parameters: readonly ParameterSpec[]): number {
  return parameters.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
}

function sourcesOf({ sources }: SymbolicCall): SymbolicTensor | readonly SymbolicTensor[] {
  return sources.length === 1 ? (sources[0] as SymbolicTensor) : sources
}

/** Throws `ERR_SHAPE` for an input of another shape than the layer's option `inputShape`. */
export function checkExpected({ name, inputShape: expected }: Layer, shape: Shape): Shape {
  if (expected === undefined || formatShape(expected) === formatShape(shape)) return shape
  const text = `layer '${name}': its inputShape is ${formatShape(expected)}`
  throw new NeurodeError('ERR_SHAPE', `${text}, but what comes before it gives ${formatShape(shape)}`)
}

function notBuilt(layer: Layer): NeurodeError {
  return new NeurodeError('ERR_NOT_BUILT', `layer '${layer.name}' has no weights yet: it is not part of a built model`)
}
