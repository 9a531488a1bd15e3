/** ActivityRegularization: a layer that adds a penalty on its input to the loss. */

import { checkNumber, checkOptions } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { Layer, type LayerOptions, layerOptionNames, type PlanContext, type Shape } from './layer.js'
import { planActivity, regularizers } from './regularizers.js'

/** Options of {@link ActivityRegularization}. */
export interface ActivityRegularizationOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Factor of the sum of absolute values, at least 0; default 0. */
  readonly l1?: number | undefined
  /** Factor of the sum of squares, at least 0; default 0. */
  readonly l2?: number | undefined
}

/**
 * Passes its input on unchanged, and adds `(l1 · Σ |x| + l2 · Σ x²) / rows` over each batch to the loss.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.activityRegularization({ l1: 0.01 })
 * ```
 */
export class ActivityRegularization<const In extends Shape = Shape> extends Layer<In, 'same'> {
  readonly kind = 'ActivityRegularization'
  /** Factor of the sum of absolute values. */
  readonly l1: number
  /** Factor of the sum of squares. */
  readonly l2: number

  constructor(options?: ActivityRegularizationOptions<In>) {
    const argument = 'layers.activityRegularization'
    const checked = checkOptions(options, [...layerOptionNames, 'l1', 'l2'], argument)
    super(checked, argument)
    this.l1 = checkNumber(checked.l1 ?? 0, `${argument}: l1`, 0)
    this.l2 = checkNumber(checked.l2 ?? 0, `${argument}: l2`, 0)
  }

  protected override outputFor(input: Shape): Shape {
    return input
  }

  /** @internal */
  override get outputRange() {
    return 'inputs' as const
  }

  override config() {
    return { l1: this.l1, l2: this.l2 }
  }

  override plan(_input: Shape, context: PlanContext): readonly PlanLayer[] {
    return planActivity(regularizers.l1l2(this.config()), context)
  }
}
