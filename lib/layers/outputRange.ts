/** In which range the outputs of a stack of layers lie, as far as their kinds tell. */

import { type Activation, activationRange, type Range } from './activations.js'
import type { Layer } from './layer.js'

/** Layers whose outputs lie in the range of their inputs, but for what training adds by chance. */
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

/** The layer that decides in which range the outputs lie. */
export function deciding(layers: readonly Layer[]): Layer | undefined {
  return layers.findLast(({ kind }) => !keepsRange.has(kind))
}

/** Where it is known. */
export function rangeOf(layer: Layer): Range | undefined {
  const activation = activationOf(layer)
  if (activation !== undefined) return activationRange(activation)
  return unbounded.has(layer.kind) ? [-Infinity, Infinity] : undefined
}

export function activationOf(layer: Layer): Activation | undefined {
  return (layer as { readonly activation?: Activation | undefined }).activation
}
