/** Layers that join several tensors of a graph. */

import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkBoolean, checkOptions, refuse } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { type Axis, checkAxis, placesOf } from './axes.js'
import { Layer, type LayerOptions, type PlanContext, type Shape, type SymbolicTensor } from './layer.js'

/** Options of layers that merge tensors elementwise. */
export type MergeOptions = Omit<LayerOptions, 'inputShape'>

const mergeOptionNames = ['name', 'trainable']

/** Base class of the layers that join several tensors. */
export abstract class Merge<Out extends Shape = Shape> extends Layer<Shape, Out> {
  protected override outputFor(): Shape {
    const text = `layer '${this.name}': expected several tensors to join, got one input`
    throw new NeurodeError('ERR_ARGUMENT', `${text}; apply it to a list, apply([a, b]), in a graph for model()`)
  }

  override plan(): undefined {
    return undefined
  }

  /** @internal */
  override outputForAll(inputs: readonly Shape[]): Shape {
    if (inputs.length < 2)
      refuse(`layer '${this.name}': apply`, 'a list of at least two tensors, such as [a, b]', inputs)
    return this.mergedShape(inputs)
  }

  protected abstract mergedShape(inputs: readonly Shape[]): Shape

  /** @internal */
  abstract override planAll(inputs: readonly Shape[], context: PlanContext): PlanLayer

  /** The error for shapes that do not go together. */
  protected mismatch(expected: string, inputs: readonly Shape[]): NeurodeError {
    const got = inputs.map((shape) => formatShape(shape)).join(' and ')
    return new NeurodeError('ERR_SHAPE', `layer '${this.name}': expected ${expected}, got ${got}`)
  }
}

type Several = SymbolicTensor | readonly SymbolicTensor[]

/** The shape of merged tensors: that of the first, as far as its type determines it. */
export type Merged<Tensors> = Tensors extends readonly [SymbolicTensor<infer First>, ...unknown[]] ? First : Shape

/** `never` for tensors whose shapes are known to differ. */
export type OfOneShape<Tensors> = Tensors extends SymbolicTensor
  ? never
  : Tensors extends readonly [SymbolicTensor<infer First>, ...(readonly SymbolicTensor<infer Others>[])]
    ? [First] extends [Others]
      ? unknown
      : [Others] extends [First]
        ? unknown
        : never
    : unknown

/** Base class of the merges that are functions of the elements at the same place. */
abstract class Elementwise extends Merge<Shape> {
  readonly #merge: string

  /** `merge` is the name of a row of the native op table and of the function in `layers`. */
  constructor(options: MergeOptions | undefined, merge: string) {
    super(checkOptions(options, mergeOptionNames, `layers.${merge}`), `layers.${merge}`)
    this.#merge = merge
  }

  /** Merges a list of tensors of the same shape, see {@link Layer.apply}. */
  override apply<const Tensors extends Several>(
    inputs: Tensors & OfOneShape<Tensors>,
  ): SymbolicTensor<Merged<Tensors>> {
    return super.apply(inputs as readonly SymbolicTensor[]) as SymbolicTensor as SymbolicTensor<Merged<Tensors>>
  }

  protected mergedShape(inputs: readonly Shape[]): Shape {
    const [first] = inputs as [Shape]
    if (inputs.every((shape) => formatShape(shape) === formatShape(first))) return first
    throw this.mismatch('tensors of one shape, as nothing is repeated to fit', inputs)
  }

  override config() {
    return {}
  }

  /** @internal */
  override planAll(_inputs: readonly Shape[], { name }: PlanContext): PlanLayer {
    return { kind: 'merge', name, merge: { name: this.#merge, params: [] } }
  }
}

/**
 * The sum of tensors of one shape, element by element.
 *
 * @example
 * ```ts
 * import { input, layers, model } from 'neurode'
 *
 * const x = input({ shape: [8] })
 * const h = layers.dense({ units: 8, activation: 'relu' }).apply(x)
 * const net = model({ inputs: x, outputs: layers.add().apply([x, h]) })
 * ```
 */
export class Add extends Elementwise {
  readonly kind = 'Add'

  constructor(options?: MergeOptions) {
    super(options, 'add')
  }
}

/** The first of two tensors of one shape minus the second, element by element. */
export class Subtract extends Elementwise {
  readonly kind = 'Subtract'

  constructor(options?: MergeOptions) {
    super(options, 'subtract')
  }

  protected override mergedShape(inputs: readonly Shape[]): Shape {
    if (inputs.length === 2) return super.mergedShape(inputs)
    return refuse(`layer '${this.name}': apply`, 'a list of two tensors', inputs)
  }
}

/** The product of tensors of one shape, element by element. */
export class Multiply extends Elementwise {
  readonly kind = 'Multiply'

  constructor(options?: MergeOptions) {
    super(options, 'multiply')
  }
}

/** The mean of tensors of one shape, element by element. */
export class Average extends Elementwise {
  readonly kind = 'Average'

  constructor(options?: MergeOptions) {
    super(options, 'average')
  }
}

/** The largest element at each place of tensors of one shape. If several are equal, the gradient goes to the first of them. */
export class Maximum extends Elementwise {
  readonly kind = 'Maximum'

  constructor(options?: MergeOptions) {
    super(options, 'maximum')
  }
}

/** The smallest element at each place of tensors of one shape. If several are equal, the gradient goes to the first of them. */
export class Minimum extends Elementwise {
  readonly kind = 'Minimum'

  constructor(options?: MergeOptions) {
    super(options, 'minimum')
  }
}

/** Options of {@link Concatenate}. */
export interface ConcatenateOptions extends MergeOptions {
  /** The axis of a row along which tensors are joined: 1 is the first, -1 (default) the last. */
  readonly axis?: number | undefined
}

/** The shape of tensors that are joined: as many dimensions as the first has. */
export type Joined<Tensors> = Tensors extends readonly [SymbolicTensor<infer First>, ...unknown[]]
  ? { readonly [K in keyof First]: number }
  : Shape

/**
 * Joins tensors along an axis of a row: [2] and [3] become [5]. All other sizes must be equal.
 *
 * @example
 * ```ts
 * import { input, layers } from 'neurode'
 *
 * const [a, b] = [input({ shape: [2] }), input({ shape: [3] })]
 * console.log(layers.concatenate().apply([a, b]).shape) // [5]
 * ```
 */
export class Concatenate extends Merge<Shape> {
  readonly kind = 'Concatenate'
  /** The axis of a row along which tensors are joined. */
  readonly axis: number

  constructor(options?: ConcatenateOptions) {
    const argument = 'layers.concatenate'
    const { axis = -1, ...checked } = checkOptions(options, [...mergeOptionNames, 'axis'], argument)
    super(checked, argument)
    this.axis = Array.isArray(axis)
      ? refuse(`${argument}: axis`, 'an axis of a row, such as -1', axis)
      : (checkAxis(axis, `${argument}: axis`) as number)
  }

  /** Joins tensors, see {@link Layer.apply}. */
  override apply<const Tensors extends Several>(inputs: Tensors): SymbolicTensor<Joined<Tensors>> {
    return super.apply(inputs as readonly SymbolicTensor[]) as SymbolicTensor as SymbolicTensor<Joined<Tensors>>
  }

  protected mergedShape(inputs: readonly Shape[]): Shape {
    const [first] = inputs as [Shape]
    const [place = 0] = placesOf(this.axis as Axis, first, this.name)
    const others = (shape: Shape) => formatShape(shape.with(place, 0))
    const fits = inputs.every((shape) => shape.length === first.length && others(shape) === others(first))
    if (!fits) throw this.mismatch(`tensors that differ along axis ${this.axis} alone`, inputs)
    return first.with(
      place,
      inputs.reduce((sum, shape) => sum + (shape[place] as number), 0),
    )
  }

  /** @internal */
  override get rearranges() {
    return true
  }

  override config() {
    return { axis: this.axis }
  }

  /** @internal */
  override planAll([first]: readonly Shape[], { name }: PlanContext): PlanLayer {
    const shape = first as Shape
    const [place] = placesOf(this.axis, shape, name)
    return { kind: 'concatenation', name, rows: shape.slice(0, place).reduce((product, size) => product * size, 1) }
  }
}

/** Options of {@link Dot}. */
export interface DotOptions extends MergeOptions {
  /** The axis of both tensors' rows along which products are added up; rows have one axis, which is 1 or -1. */
  readonly axes: number | readonly [number, number]
  /** Whether both rows are divided by their norm first, so that the result is the cosine of their angle; default false. */
  readonly normalize?: boolean | undefined
}

/**
 * The inner product of two tensors with one dimension per row: [n] and [n] become [1].
 *
 * @example
 * ```ts
 * import { input, layers } from 'neurode'
 *
 * const [a, b] = [input({ shape: [8] }), input({ shape: [8] })]
 * const cosine = layers.dot({ axes: 1, normalize: true }).apply([a, b])
 * ```
 */
export class Dot extends Merge<readonly [1]> {
  readonly kind = 'Dot'
  /** The option `axes`. */
  readonly axes: number | readonly [number, number]
  /** Whether the rows are divided by their norm. */
  readonly normalize: boolean

  constructor(options: DotOptions) {
    const argument = 'layers.dot'
    const { axes, normalize, ...checked } = checkOptions(options, [...mergeOptionNames, 'axes', 'normalize'], argument)
    super(checked, argument)
    const list: readonly unknown[] = Array.isArray(axes) ? Array.from(axes as number[]) : [axes, axes]
    const valid = list.length === 2 && list.every((axis) => Number.isSafeInteger(axis) && axis !== 0)
    if (!valid) refuse(`${argument}: axes`, 'an axis of a row, such as 1, or a list of two', axes)
    this.axes = Array.isArray(axes) ? Object.freeze([...axes] as unknown as [number, number]) : axes
    this.normalize = checkBoolean(normalize ?? false, `${argument}: normalize`)
  }

  protected mergedShape(inputs: readonly Shape[]): Shape {
    const [a, b] = inputs as [Shape, Shape]
    const flat = inputs.length === 2 && a.length === 1 && b.length === 1
    if (!flat) throw this.mismatch('two tensors with one dimension per row', inputs)
    if (a[0] !== b[0]) throw this.mismatch('two tensors of the same size', inputs)
    for (const axis of [this.axes].flat()) placesOf(axis, a, this.name)
    return [1]
  }

  override config() {
    return { axes: this.axes, normalize: this.normalize }
  }

  /** @internal */
  override planAll(_inputs: readonly Shape[], { name }: PlanContext): PlanLayer {
    return { kind: 'dot', name, normalize: this.normalize }
  }
}
