/** Layers that only speak about shapes and leave no arithmetic: input and flatten. */

import { checkOptions, refuse } from '../validate.js'
import { Layer, type LayerOptions, layerOptionNames, type Shape } from './layer.js'

/** Options of {@link Input}. */
export interface InputOptions<In extends Shape = Shape> {
  /** Shape of one row of input. */
  readonly shape: In
  readonly name?: string
}

/** Says the shape of one row of a model's input. */
export class Input<const In extends Shape = Shape> extends Layer<In, 'same'> {
  readonly kind = 'Input'

  constructor(options: InputOptions<In>) {
    const { shape, name } = checkOptions(options, ['shape', 'name'], 'layers.input')
    if (shape === undefined) refuse('layers.input: shape', 'an array of positive integers, such as [784]', shape)
    super({ inputShape: shape, ...(name === undefined ? {} : { name }) }, 'layers.input')
  }

  override computeOutputShape(input: Shape): Shape {
    return input
  }

  override config() {
    return {}
  }

  override plan(): undefined {
    return undefined
  }
}

/** Makes a row of any shape a row of one dimension: [28, 28] becomes [784]. */
export class Flatten<const In extends Shape = Shape> extends Layer<In, readonly [number]> {
  readonly kind = 'Flatten'

  constructor(options?: LayerOptions<In>) {
    super(checkOptions(options, layerOptionNames, 'layers.flatten'), 'layers.flatten')
  }

  override computeOutputShape(input: Shape): Shape {
    return [input.reduce((product, size) => product * size, 1)]
  }

  override config() {
    return {}
  }

  override plan(): undefined {
    return undefined
  }
}
