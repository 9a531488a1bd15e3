/** The base class of layers. A layer is an immutable description that computes its output shape, its parameters and its Plan. */

import { type ArrayInput, formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { defaultName } from '../base/names.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkBoolean, checkInteger, checkName, checkRowShape, refuse } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import type { Range } from './activations.js'
import type { Applied, InputType, LastAxis, ParameterSpec, PlanContext, Shape, Weight } from './types.js'

export type { LastAxis, ParameterSpec, PlanContext, Shape, Weight } from './types.js'

/** Options that every layer has. */
export interface LayerOptions<In extends Shape = Shape> {
  /** Name in the model; default: the kind with a number, such as `dense`, `dense_1`. */
  readonly name?: string | undefined
  /** Shape of one row of input; needed on the first layer of a model only. */
  readonly inputShape?: In | undefined
  /** Whether training changes the layer's parameters; default true. It can be changed later: {@link Layer.trainable}. */
  readonly trainable?: boolean | undefined
}

/** Names of the options that every layer has. */
export const layerOptionNames = ['name', 'inputShape', 'inputDim', 'trainable'] as const

/** The functions of a model that its layers call. */
export interface LayerHost {
  readonly name: string
  readWeights(layer: Layer): Weight[]
  writeWeights(layer: Layer, values: readonly ArrayInput[]): void
  /** Called before a layer is frozen or unfrozen. Throws `ERR_MODEL_BUSY` while the model trains. */
  trainableChanges(): void
  /** Called when a layer of the model became part of another model as well. */
  sharesLayer(layer: Layer): void
  /** Whether the user chose the model's seed. */
  readonly isSeeded: boolean
  /** The seed of a parameter's initial values. */
  seedFor(layer: Layer, parameter: string): number
  /** Makes the symbolic tensors of the model's layers, if they were not applied to tensors. */
  connect(): void
}

/** The place of a layer in a model. */
export interface Placement {
  readonly name: string
  /** Undefined until the shape of the model's input is known. */
  readonly inputShape: Shape | undefined
  readonly outputShape: Shape | undefined
}

/** A model that has a layer. Layers keep the first one alive, and no other; inputs keep none, as layers know all of their inputs. */
interface Membership {
  readonly host: WeakRef<LayerHost>
  readonly owner: LayerHost | undefined
  readonly placement: Placement
}

const memberships = new WeakMap<Layer, readonly Membership[]>()

const membershipsOf = (layer: Layer) => memberships.get(layer)?.filter(({ host }) => host.deref() !== undefined) ?? []

/** The models that have a layer, first to last. */
export function hostsOf(layer: Layer): LayerHost[] {
  return membershipsOf(layer).map(({ host }) => host.deref() as LayerHost)
}

/** The places of a layer in other models than `host`. */
export function otherPlacements(layer: Layer, host: LayerHost): Placement[] {
  return membershipsOf(layer).flatMap((member) => (member.host.deref() === host ? [] : [member.placement]))
}

/** The place of a layer in the first model that it is part of. */
export function placementOf(layer: Layer): Placement | undefined {
  return membershipsOf(layer)[0]?.placement
}

/** Sets the place of a layer in a model, or removes it from the model. */
export function place(layer: Layer, host: LayerHost, placement: Placement | undefined): void {
  const others = membershipsOf(layer).filter((member) => member.host.deref() !== host)
  const isFirst = hostsOf(layer)[0] === host || others.length === 0
  const own = placement === undefined ? [] : [{ host: new WeakRef(host), owner: undefined, placement }]
  const all = (isFirst ? [...own, ...others] : [...others, ...own]).map((member, i) => {
    return { ...member, owner: i === 0 && layer.kind !== 'Input' ? member.host.deref() : undefined }
  })
  memberships.set(layer, all)
  // The model was built from the layer's options, so later assignments, also to misspelt names, would have no effect.
  if (placement !== undefined) Object.freeze(layer)
  if (all.length > 1) for (const each of hostsOf(layer)) each.sharesLayer(layer)
}

/** Names that layers will get, for messages while it is checked whether a model can be made of them. */
const futureNames = new WeakMap<Layer, string>()

/** Runs work whose messages use the names that layers will get. */
export function withNames<T>(layers: readonly Layer[], names: readonly string[], work: () => T): T {
  for (const [i, layer] of layers.entries()) futureNames.set(layer, names[i] as string)
  try {
    return work()
  } finally {
    for (const layer of layers) futureNames.delete(layer)
  }
}

const outputs = new WeakMap<Layer, readonly SymbolicTensor[]>()

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
  /** The layer that it is the output of. */
  readonly sourceLayer: Layer
  readonly #sources: readonly SymbolicTensor[]

  static {
    isSymbolic = (value): value is SymbolicTensor => typeof value === 'object' && value !== null && #sources in value
  }

  /** @internal */
  constructor(sourceLayer: Layer, shape: S, dtype: InputType, sources: readonly SymbolicTensor[]) {
    this.sourceLayer = sourceLayer
    this.shape = Object.freeze([...shape]) as unknown as S
    this.dtype = dtype
    this.#sources = sources
    outputs.set(sourceLayer, [...(outputs.get(sourceLayer) ?? []), this])
    Object.freeze(this)
  }

  /** The name of the layer that it is the output of. */
  get name(): string {
    return this.sourceLayer.name
  }

  /** @internal The tensors that the layer was applied to; none for an input. */
  get sources(): readonly SymbolicTensor[] {
    return this.#sources
  }
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
    const sources: readonly unknown[] = Array.isArray(input) ? input : [input]
    const tensors = sources.map((source, i) => {
      const argument = `layer '${this.name}': apply${Array.isArray(input) ? `[${i}]` : ''}`
      return isSymbolic(source) ? source : refuse(argument, 'a tensor, as input() and apply() return', source)
    })
    const shape = this.outputForAll(tensors.map((tensor) => tensor.shape))
    const types = new Set(tensors.map(({ dtype }) => dtype))
    const dtype = this.rearranges && types.size === 1 ? (tensors[0] as SymbolicTensor).dtype : 'float32'
    return new SymbolicTensor(this, shape, dtype, tensors) as SymbolicTensor as SymbolicTensor<Applied<Out, S>>
  }

  /** The tensor that the layer returned. Throws `ERR_ARGUMENT` if it was applied several times, `ERR_NOT_BUILT` if it was not. */
  get output(): SymbolicTensor {
    return this.#only('output')
  }

  /** The tensor, or the list of tensors, that the layer was applied to. Throws as {@link Layer.output} does. */
  get input(): SymbolicTensor | readonly SymbolicTensor[] {
    return sourcesOf(this.#only('input'))
  }

  /** The tensor that call number `index` returned, counted from 0. */
  getOutputAt(index: number): SymbolicTensor {
    const all = this.#outputs()
    const at = checkInteger(index, `layer '${this.name}': getOutputAt`, 0, Math.max(0, all.length - 1))
    return all[at] ?? this.#notApplied()
  }

  /** The tensor, or the list of tensors, that call number `index` took, counted from 0. */
  getInputAt(index: number): SymbolicTensor | readonly SymbolicTensor[] {
    return sourcesOf(this.getOutputAt(index))
  }

  #only(what: 'input' | 'output'): SymbolicTensor {
    const [only, ...more] = this.#outputs()
    if (more.length === 0) return only ?? this.#notApplied()
    const text = `layer '${this.name}': expected one ${what}, but it was applied ${more.length + 1} times`
    throw new NeurodeError(
      'ERR_ARGUMENT',
      `${text}; ${what === 'output' ? 'getOutputAt' : 'getInputAt'}(i) gives those of call i`,
    )
  }

  #outputs(): readonly SymbolicTensor[] {
    if (!outputs.has(this)) for (const host of hostsOf(this)) host.connect()
    return outputs.get(this) ?? []
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

  /** @internal Whether the output has the inputs' values, only in other places. */
  get rearranges(): boolean {
    return false
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
    return this.#name ?? futureNames.get(this) ?? placementOf(this)?.name ?? defaultName(this.kind)
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

function sourcesOf({ sources }: SymbolicTensor): SymbolicTensor | readonly SymbolicTensor[] {
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
