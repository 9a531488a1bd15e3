/** The factories of all layers. */

import type { Activation, ActivationName } from './activations.js'
import { Dense, type DenseOptions } from './dense.js'
import type { Layer, LayerOptions, Shape } from './layer.js'
import {
  ActivationLayer,
  type ActivationLayerOptions,
  Dropout,
  type DropoutOptions,
  Rescaling,
  type RescalingOptions,
} from './pointwise.js'
import { Flatten, Input, type InputOptions } from './shaping.js'

/**
 * Makes layers for {@link sequential}.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const model = sequential([
 *   layers.flatten({ inputShape: [28, 28] }),
 *   layers.dense({ units: 100, activation: 'relu' }),
 *   layers.dropout({ rate: 0.2 }),
 *   layers.dense({ units: 10, activation: 'softmax' }),
 * ])
 * ```
 */
export const layers = {
  /** See {@link Input}. */
  input: <const In extends Shape>(options: InputOptions<In>): Input<In> => new Input(options),
  /** See {@link Dense}. */
  dense: <const Units extends number, const In extends Shape = Shape>(
    options: DenseOptions<Units, In>,
  ): Dense<Units, In> => new Dense(options),
  /** See {@link ActivationLayer}; a name alone will do. */
  activation: <const In extends Shape = Shape>(
    options: ActivationLayerOptions<In> | ActivationName | Activation,
  ): ActivationLayer<In> => new ActivationLayer(isBare(options) ? { activation: options } : options),
  /** See {@link Dropout}. */
  dropout: <const In extends Shape = Shape>(options: DropoutOptions<In>): Dropout<In> => new Dropout(options),
  /** See {@link Flatten}. */
  flatten: <const In extends Shape = Shape>(options?: LayerOptions<In>): Flatten<In> => new Flatten(options),
  /** See {@link Rescaling}. */
  rescaling: <const In extends Shape = Shape>(options: RescalingOptions<In>): Rescaling<In> => new Rescaling(options),
} as const

function isBare(options: object | string): options is ActivationName | Activation {
  return typeof options === 'string' || ('kind' in options && options.kind === 'activation')
}

/** Makes a layer of a kind from its options, as a file has them. */
export const layerKinds: Readonly<Record<string, (options: never) => Layer>> = {
  Input: ({ inputShape, ...options }: LayerOptions) => new Input({ shape: inputShape as Shape, ...options }),
  Dense: (options: DenseOptions) => new Dense(options),
  Activation: (options: ActivationLayerOptions) => new ActivationLayer(options),
  Dropout: (options: DropoutOptions) => new Dropout(options),
  Flatten: (options: LayerOptions) => new Flatten(options),
  Rescaling: (options: RescalingOptions) => new Rescaling(options),
}
