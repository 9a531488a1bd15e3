/** Layers that change or declare shapes and compute nothing: input, flatten, reshape and identity. */

import { elementCount, formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkInteger, checkOptions, refuse } from '../checks/validate.js'
import { Layer, type LayerOptions, layerOptionNames, type Shape } from './layer.js'

/** Options of {@link Input}. */
export interface InputOptions<In extends Shape = Shape> {
  /** Shape of one row of input. */
  readonly shape: In
  readonly name?: string | undefined
  /** Has no effect, as the layer has no weights; it exists so that all layers have this option. */
  readonly trainable?: boolean | undefined
}

/** Declares the shape of one row of a model's input. */
export class Input<const In extends Shape = Shape> extends Layer<In, 'same'> {
  readonly kind = 'Input'

  constructor(options: InputOptions<In>) {
    const argument = 'layers.input'
    const { shape, name, trainable } = checkOptions(options, ['shape', 'name', 'trainable'], argument)
    if (shape === undefined) refuse(`${argument}: shape`, 'an array of positive integers, such as [784]', shape)
    const given = { ...(name === undefined ? {} : { name }), ...(trainable === undefined ? {} : { trainable }) }
    super({ inputShape: shape, ...given }, argument)
  }

  protected override outputFor(input: Shape): Shape {
    return input
  }

  override config() {
    return {}
  }

  override plan(): undefined {
    return undefined
  }
}

/** Flattens a row of any shape to one dimension: [28, 28] becomes [784]. */
export class Flatten<const In extends Shape = Shape> extends Layer<In, readonly [number]> {
  readonly kind = 'Flatten'

  constructor(options?: LayerOptions<In>) {
    super(checkOptions(options, layerOptionNames, 'layers.flatten'), 'layers.flatten')
  }

  protected override outputFor(input: Shape): Shape {
    return [elementCount(input)]
  }

  /** @internal */
  override get outputRange() {
    return 'inputs' as const
  }

  /** @internal */
  override get rearranges() {
    return true
  }

  override config() {
    return {}
  }

  override plan(): undefined {
    return undefined
  }
}

/** Passes its input on unchanged; useful as a named place in a model. */
export class Identity<const In extends Shape = Shape> extends Layer<In, 'same'> {
  readonly kind = 'Identity'

  constructor(options?: LayerOptions<In>) {
    super(checkOptions(options, layerOptionNames, 'layers.identity'), 'layers.identity')
  }

  protected override outputFor(input: Shape): Shape {
    return input
  }

  /** @internal */
  override get outputRange() {
    return 'inputs' as const
  }

  /** @internal */
  override get rearranges() {
    return true
  }

  override config() {
    return {}
  }

  override plan(): undefined {
    return undefined
  }
}

/** The type of the shape that a target shape with -1 stands for. */
export type Reshaped<Target extends Shape> = -1 extends Target[number]
  ? { readonly [K in keyof Target]: Target[K] extends -1 ? number : Target[K] }
  : Target

/** Options of {@link Reshape}. */
export interface ReshapeOptions<Target extends Shape = Shape, In extends Shape = Shape> extends LayerOptions<In> {
  /** Shape of one row of output: positive integers, one of which may be -1 and is then computed from the input. */
  readonly targetShape: Target
}

/**
 * Gives a row another shape with the same number of values, in the same order. A model throws `ERR_SHAPE` if the numbers differ.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.reshape({ targetShape: [28, -1], inputShape: [784] })
 * ```
 */
export class Reshape<const Target extends Shape = Shape, const In extends Shape = Shape> extends Layer<
  In,
  Reshaped<Target>
> {
  readonly kind = 'Reshape'
  /** The option `targetShape`. */
  readonly targetShape: Target

  constructor(options: ReshapeOptions<Target, In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'targetShape'], 'layers.reshape')
    super(checked, 'layers.reshape')
    const argument = 'layers.reshape: targetShape'
    const target: unknown = checked.targetShape
    if (!Array.isArray(target)) refuse(argument, 'an array of positive integers, one of which may be -1', target)
    const sizes = (target as unknown[]).map((size, i) => (size === -1 ? -1 : checkInteger(size, `${argument}[${i}]`)))
    if (sizes.filter((size) => size === -1).length > 1) refuse(argument, 'at most one -1', sizes)
    this.targetShape = Object.freeze(sizes) as unknown as Target
  }

  protected override outputFor(input: Shape): Shape {
    const count = elementCount(input)
    const known = this.targetShape.reduce((product, size) => product * (size === -1 ? 1 : size), 1)
    const shape = this.targetShape.map((size) => (size === -1 ? count / known : size))
    if (shape.every(Number.isInteger) && elementCount(shape) === count) return shape
    throw new NeurodeError(
      'ERR_SHAPE',
      `layer '${this.name}': expected an input of as many values as ${formatShape(this.targetShape)}, ` +
        `got shape ${formatShape(input)}`,
    )
  }

  /** @internal */
  override get outputRange() {
    return 'inputs' as const
  }

  /** @internal */
  override get rearranges() {
    return true
  }

  override config() {
    return { targetShape: this.targetShape }
  }

  override plan(): undefined {
    return undefined
  }
}
