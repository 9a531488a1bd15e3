/** What every layer is: an immutable description that answers for its own shape, parameters and Plan. */

import type { ArrayInput, NestedNumbers } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkBoolean, checkInteger, checkName, checkRowShape, refuse } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'

/** Sizes of one row, without the dimension of rows. */
export type Shape = readonly number[]

/** One parameter of a layer. */
export interface ParameterSpec {
  readonly name: string
  readonly shape: Shape
  /** False for what the layer counts for itself, such as moving statistics: no optimizer changes it. Default true. */
  readonly trainable?: boolean | undefined
}

/** A parameter's values: a copy, in Keras' order and shape. */
export interface Weight {
  /** Layer and parameter: `dense/kernel`. */
  readonly name: string
  readonly shape: Shape
  readonly dtype: 'float32'
  /** Row-major. */
  readonly data: Float32Array
  /** The values in nested lists, which `JSON.stringify` takes. */
  readonly toJSON?: (() => NestedNumbers) | undefined
}

/** What a layer may ask for while it makes its part of the Plan. */
export interface PlanContext {
  /** The layer's name in the model. */
  readonly name: string
  /** Seed for a purpose ('kernel', 'dropout'), derived from the model's seed and the layer's place. */
  seedFor(purpose: string): number
}

/** Options that every layer has. */
export interface LayerOptions<In extends Shape = Shape> {
  /** Name in the model; default: the kind with a number, as in `dense`, `dense_1`. */
  readonly name?: string | undefined
  /** Shape of one row of input; on the first layer of a model. */
  readonly inputShape?: In | undefined
  /** Whether training changes the layer's parameters; default true. Can be changed later: {@link Layer.trainable}. */
  readonly trainable?: boolean | undefined
}

/** Names of the options that every layer has. */
export const layerOptionNames = ['name', 'inputShape', 'inputDim', 'trainable'] as const

/** What a model gives a layer to speak for it. */
export interface LayerHost {
  readonly name: string
  readWeights(layer: Layer): Weight[]
  writeWeights(layer: Layer, values: readonly ArrayInput[]): void
  /** A layer is about to be frozen, or set free; throws `ERR_MODEL_BUSY` while the model trains. */
  trainableChanges(): void
}

/** Where a layer stands. */
export interface Placement {
  readonly host: LayerHost
  readonly name: string
  /** Absent until the shape of the model's input is known. */
  readonly inputShape: Shape | undefined
  readonly outputShape: Shape | undefined
}

const placements = new WeakMap<Layer, Placement>()

/** The model a layer belongs to, if any. */
export function placementOf(layer: Layer): Placement | undefined {
  return placements.get(layer)
}

/** Gives a layer its place, or takes it away. */
export function place(layer: Layer, placement: Placement | undefined): void {
  if (placement === undefined) return void placements.delete(layer)
  placements.set(layer, placement)
  // A model was built from it: what is assigned now, or misspelt, would change nothing.
  Object.freeze(layer)
}

/** The names that layers will have, while it is worked out whether a model can be made of them. */
const futureNames = new WeakMap<Layer, string>()

/** Does work whose messages call layers by names that they do not have yet. */
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

/** The output of a layer that gives the last dimension of its input another size. */
export interface LastAxis<Size extends number = number> {
  readonly lastAxis: Size
}

/** Whether something is a layer itself: copies that kept the class have lost what only it holds. */
export let isLayer: (value: unknown) => value is Layer

declare const types: unique symbol

/**
 * A layer: a plain, immutable description. It belongs to at most one model, which holds its weights.
 * `In` is the shape of its input where given, `Out` that of its output, `'same'` or {@link LastAxis} where the input decides.
 */
export abstract class Layer<
  In extends Shape = Shape,
  Out extends Shape | 'same' | LastAxis = Shape | 'same' | LastAxis,
> {
  declare readonly [types]?: { in: In; out: Out }

  /** Class name, as in summaries: `Dense`. */
  abstract readonly kind: string
  /** Shape of one row of input, where it was given. */
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
   * Whether training changes the layer's parameters. Can be set between fits, without compiling again: weights and the
   * optimizer's state stay, those of frozen layers too. A frozen BatchNormalization normalizes by its moving statistics and
   * leaves them as they are. Throws `ERR_MODEL_BUSY` while the model trains.
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

  /** Shape of one row of output for a row of input; throws `ERR_SHAPE` where the input does not fit. */
  computeOutputShape(input: Shape): Shape {
    return this.outputFor(checkRowShape(input, 'input'))
  }

  protected abstract outputFor(input: Shape): Shape

  /** The parameters, in Keras' order, for this input. */
  parameters(_input: Shape): readonly ParameterSpec[] {
    return []
  }

  /** Values the parameters start with instead of their initializers', in the order of {@link parameters}. */
  initialWeights(_input: Shape): readonly ArrayInput[] | undefined {
    return undefined
  }

  /** The layer's part of the Plan; nothing where no arithmetic is left to do. */
  abstract plan(input: Shape, context: PlanContext): PlanLayer | readonly PlanLayer[] | undefined

  /** The options it was made with, defaults filled in, but for name, input shape and initial weights: what files keep. */
  abstract config(): Readonly<Record<string, unknown>>

  /** The name given or, in a model, the name made for it. */
  get name(): string {
    return this.#name ?? futureNames.get(this) ?? placementOf(this)?.name ?? defaultName(this.kind)
  }

  /** The name given, if any. */
  get givenName(): string | undefined {
    return this.#name
  }

  /** Shape of one row of output, once the model that the layer is in knows the shape of its input. */
  get outputShape(): Shape | undefined {
    return placementOf(this)?.outputShape
  }

  /** Copies of the weights in Keras' order and shapes; `ERR_NOT_BUILT` outside of a built model. */
  getWeights(): Weight[] {
    return this.#host().readWeights(this)
  }

  /** Replaces all weights of the layer; throws `ERR_SHAPE` before any is changed. */
  setWeights(values: readonly ArrayInput[]): void {
    this.#host().writeWeights(this, values)
  }

  /** Number of parameters; `ERR_NOT_BUILT` outside of a built model. */
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

/** Elements of all parameters together. */
export function countParameters(parameters: readonly ParameterSpec[]): number {
  return parameters.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
}

/** `Dense` → `dense`. */
export function defaultName(kind: string): string {
  return kind.replace(/(?<=[a-z0-9])([A-Z])/g, '_$1').toLowerCase()
}

function notBuilt(layer: Layer): NeurodeError {
  return new NeurodeError('ERR_NOT_BUILT', `layer '${layer.name}' has no weights yet: it is not part of a built model`)
}
