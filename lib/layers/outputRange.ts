/** The range of the outputs of a stack of layers, as far as the layers determine it. */

import type { Activation, Range } from './activations.js'
import type { Layer } from './layer.js'

/** The layer that determines the range of the outputs. */
export function deciding(layers: readonly Layer[]): Layer | undefined {
  return layers.findLast(({ outputRange }) => outputRange !== 'inputs')
}

/** The range of a layer's outputs; undefined if it is not known. */
export function rangeOf({ outputRange }: Layer): Range | undefined {
  return outputRange === 'inputs' ? undefined : outputRange
}

export function activationOf(layer: Layer): Activation | undefined {
  return (layer as { readonly activation?: Activation | undefined }).activation
}
