/** The range of the outputs of a stack of layers, as far as the kinds of layers determine it. */

import { type Activation, activationRange, type Range } from './activations.js'
import type { Layer } from './layer.js'

/** Layers whose outputs have the same range as their inputs, apart from noise in training. */
const keepsRange: ReadonlySet<string> = new Set([
  'ActivityRegularization',
  'AlphaDropout',
  'Dropout',
  'Flatten',
  'GaussianDropout',
  'GaussianNoise',
  'GlobalAveragePooling1D',
  'Identity',
  'Permute',
  'RepeatVector',
  'Reshape',
])
/** Layers without an activation whose outputs can be any number. */
const unbounded: ReadonlySet<string> = new Set([
  'BatchNormalization',
  'Embedding',
  'GroupNormalization',
  'LayerNormalization',
  'PReLU',
  'RMSNormalization',
])

/** The layer that determines the range of the outputs. */
export function deciding(layers: readonly Layer[]): Layer | undefined {
  return layers.findLast(({ kind }) => !keepsRange.has(kind))
}

/** The range of a layer's outputs; undefined if it is not known. */
export function rangeOf(layer: Layer): Range | undefined {
  const activation = activationOf(layer)
  if (activation !== undefined) return activationRange(activation)
  return unbounded.has(layer.kind) ? [-Infinity, Infinity] : undefined
}

export function activationOf(layer: Layer): Activation | undefined {
  return (layer as { readonly activation?: Activation | undefined }).activation
}
