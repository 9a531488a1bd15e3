/** What files of weights are matched with. */

import type { Shape } from '../layers/layer.js'

/** The weights of one layer, in order. */
export interface LayerWeights {
  readonly name: string
  readonly kind: string
  readonly parameters: readonly { readonly name: string; readonly shape: Shape }[]
}
