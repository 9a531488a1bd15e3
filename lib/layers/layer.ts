/** The base class of layers. A layer is an immutable description that computes its output shape, its parameters and its Plan. */

import type { ArrayInput, NestedNumbers } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkBoolean, checkInteger, checkName, checkRowShape, refuse } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import type { Range } from './activations.js'

/** Shape of one row, without the dimension of the rows themselves. */
export type Shape = readonly number[]

/** One parameter of a layer. */
export interface ParameterSpec {
  readonly name: string
  readonly shape: Shape
  /** False for statistics that the layer updates itself, such as moving means, and that no optimizer changes. Default true. */
  readonly trainable?: boolean | undefined
}

/** A copy of a parameter's values, in Keras' shape. */
export interface Weight {
  /** Names of the layer and the parameter: `dense/kernel`. */
  readonly name: string
  readonly shape: Shape
  readonly dtype: 'float32'
  /** The values, row-major. */
  readonly data: Float32Array
  /** Returns the values as nested lists, for `JSON.stringify`. */
  readonly toJSON?: (() => NestedNumbers) | undefined
}

/** What a layer needs to make its part of the Plan. */
export interface PlanContext {
  /** The layer's name in the model. */
  readonly name: string
  /** The seed for a purpose ('kernel', 'dropout'), derived from the model's seed and the layer's index. */
  seedFor(purpose: string): number
}

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
}

/** The place of a layer in a model. */
export interface Placement {
  readonly host: LayerHost
  readonly name: string
  /** Undefined until the shape of the model's input is known. */
  readonly inputShape: Shape | undefined
  readonly outputShape: Shape | undefined
}

const placements = new WeakMap<Layer, Placement>()

/** The place of a layer in a model, if it belongs to one. */
export function placementOf(layer: Layer): Placement | undefined {
  return placements.get(layer)
}

/** Sets the place of a layer, or removes it. */
export function place(layer: Layer, placement: Placement | undefined): void {
  if (placement === undefined) return void placements.delete(layer)
  placements.set(layer, placement)
  // The model was built from the layer's options, so later assignments, also to misspelt names, would have no effect.
  Object.freeze(layer)
}

/** Names that layers will get, for messages while it is checked whether a model can be made of them. */
const futureNames = new WeakMap<Layer, string>()

/** Runs work whose messages use the names that layers will get. */
export function withNames<T>(layers: readonly Layer[], names: readonly string[], work: () => T): T {
  layers.forEach((layer, i) => {
    futureNames.set(layer, names[i] as string)
  })
  try {
    return work()
  } finally {
    for (const layer of layers) futureNames.delete(layer)
  }
}

/** The type of the output of a layer that changes the size of its input's last dimension. */
export interface LastAxis<Size extends number = number> {
  readonly lastAxis: Size
}

/** Whether a value is a layer. A copy of a layer with the same prototype is none, as it lacks the private members. */
export let isLayer: (value: unknown) => value is Layer

declare const types: unique symbol

/**
 * A layer: an immutable description. It belongs to at most one model, which holds its weights. `In` is the shape of its input, if
 * given; `Out` is the shape of its output, or `'same'` or {@link LastAxis} if it depends on the input.
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
    placementOf(this)?.host.trainableChanges()
    this.#trainable = value
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
    const host = placementOf(this)?.host
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

/** The default name of a kind of layer: `dense` for `Dense`. */
export function defaultName(kind: string): string {
  return kind.replace(/(?<=[a-z0-9])([A-Z])/g, '_$1').toLowerCase()
}

function notBuilt(layer: Layer): NeurodeError {
  return new NeurodeError('ERR_NOT_BUILT', `layer '${layer.name}' has no weights yet: it is not part of a built model`)
}
