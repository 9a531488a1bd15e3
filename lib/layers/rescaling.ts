/** Rescaling: multiplies every value by a factor and adds an offset. */

import { checkNumber, checkOptions } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { Layer, type LayerOptions, layerOptionNames, type PlanContext, type Shape } from './layer.js'

/** Options of {@link Rescaling}. */
export interface RescalingOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Factor of every value. */
  readonly scale: number
  /** Added to every scaled value; default 0. */
  readonly offset?: number | undefined
}

/** `x · scale + offset`, for example to scale pixels from 0 … 255 to 0 … 1. */
export class Rescaling<const In extends Shape = Shape> extends Layer<In, 'same'> {
  readonly kind = 'Rescaling'
  /** Factor of every value. */
  readonly scale: number
  /** Added to every scaled value. */
  readonly offset: number

  constructor(options: RescalingOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'scale', 'offset'], 'layers.rescaling')
    super(checked, 'layers.rescaling')
    this.scale = checkNumber(checked.scale, 'layers.rescaling: scale')
    this.offset = checkNumber(checked.offset ?? 0, 'layers.rescaling: offset')
  }

  protected override outputFor(input: Shape): Shape {
    return input
  }

  override config() {
    return { scale: this.scale, offset: this.offset }
  }

  override plan(_input: Shape, context: PlanContext): PlanLayer {
    return { kind: 'rescaling', name: context.name, scale: this.scale, offset: this.offset }
  }
}
