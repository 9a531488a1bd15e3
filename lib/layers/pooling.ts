/** Pooling layers, which reduce all positions of a row to one. */

import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkBoolean, checkOptions } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { Layer, type LayerOptions, layerOptionNames, type PlanContext, type Shape } from './layer.js'

/** Options of {@link GlobalAveragePooling1D} and {@link GlobalMaxPooling1D}. */
export interface GlobalPoolingOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Whether the output has the shape [1, channels] instead of [channels]; default false. */
  readonly keepdims?: boolean | undefined
}

/** Base class of pooling layers; `pooling` is the name of a row in `native/ops/pooling.h`. */
abstract class GlobalPooling<In extends Shape> extends Layer<In, Shape> {
  /** Whether the dimension of positions is kept, with size 1. */
  readonly keepdims: boolean
  protected abstract readonly pooling: string

  constructor(options: GlobalPoolingOptions<In> | undefined, argument: string) {
    const checked = checkOptions(options, [...layerOptionNames, 'keepdims'], argument)
    super(checked, argument)
    this.keepdims = checkBoolean(checked.keepdims ?? false, `${argument}: keepdims`)
  }

  protected override outputFor(input: Shape): Shape {
    const [, channels] = input
    if (input.length === 2 && channels !== undefined) return this.keepdims ? [1, channels] : [channels]
    throw new NeurodeError(
      'ERR_SHAPE',
      `layer '${this.name}': expected an input of [positions, channels] per row, got shape ${formatShape(input)}`,
    )
  }

  /** @internal */
  override get outputRange() {
    return 'inputs' as const
  }

  override config() {
    return { keepdims: this.keepdims }
  }

  override plan([positions]: Shape, { name }: PlanContext): PlanLayer {
    return { kind: 'pooling', name, pooling: { name: this.pooling, params: [] }, rows: positions as number }
  }
}

/**
 * The mean of every channel over the positions of a row: [positions, channels] becomes [channels]. A typical use is a text of embedded
 * words. A model throws `ERR_SHAPE` for rows with another number of dimensions. As in Keras, but without masks.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const model = sequential([
 *   layers.embedding({ inputDim: 1000, outputDim: 16, inputShape: [20] }),
 *   layers.globalAveragePooling1D(),
 *   layers.dense({ units: 1, activation: 'sigmoid' }),
 * ])
 * console.log(model.outputShape) // [1]
 * ```
 */
export class GlobalAveragePooling1D<const In extends Shape = Shape> extends GlobalPooling<In> {
  readonly kind = 'GlobalAveragePooling1D'
  protected readonly pooling = 'average'

  constructor(options?: GlobalPoolingOptions<In>) {
    super(options, 'layers.globalAveragePooling1D')
  }
}

/**
 * The largest value of every channel over the positions of a row: [positions, channels] becomes [channels]. Positions that have the same
 * largest value share its gradient in equal parts, and a NaN anywhere makes the result NaN. A model throws `ERR_SHAPE` for rows with another
 * number of dimensions. As in Keras.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const model = sequential([layers.globalMaxPooling1D({ inputShape: [20, 16] }), layers.dense({ units: 1 })])
 * console.log(model.layers[0]?.outputShape) // [16]
 * ```
 */
export class GlobalMaxPooling1D<const In extends Shape = Shape> extends GlobalPooling<In> {
  readonly kind = 'GlobalMaxPooling1D'
  protected readonly pooling = 'max'

  constructor(options?: GlobalPoolingOptions<In>) {
    super(options, 'layers.globalMaxPooling1D')
  }
}
