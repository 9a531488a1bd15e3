/** Slice: takes some columns of its input. */

import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkInteger, checkOptions } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { type LastAxis, Layer, type LayerOptions, layerOptionNames, type PlanContext, type Shape } from './layer.js'

/** Options of {@link Slice}. */
export interface SliceOptions<Size extends number = number, In extends Shape = Shape> extends LayerOptions<In> {
  /** The first index along the last axis, counted from 0. */
  readonly begin: number
  /** How many indices are taken, a positive integer. */
  readonly size: Size
}

/**
 * Takes `size` indices of the last axis from `begin` on: [10] becomes [size]. With it, the columns of one table go to several branches
 * of a graph. Integers stay integers, so that an embedding may follow.
 *
 * A model throws `ERR_SHAPE` for an input that has fewer indices.
 *
 * @example
 * ```ts
 * import { input, layers } from 'neurode'
 *
 * const table = input({ shape: [13] })
 * const city = layers.slice({ begin: 0, size: 1 }).apply(table)
 * const numbers = layers.slice({ begin: 1, size: 12 }).apply(table)
 * ```
 */
export class Slice<const Size extends number = number, const In extends Shape = Shape> extends Layer<
  In,
  LastAxis<Size>
> {
  readonly kind = 'Slice'
  /** The first index along the last axis. */
  readonly begin: number
  /** How many indices are taken. */
  readonly size: Size

  constructor(options: SliceOptions<Size, In>) {
    const argument = 'layers.slice'
    const { begin, size, ...checked } = checkOptions(options, [...layerOptionNames, 'begin', 'size'], argument)
    super(checked, argument)
    this.begin = checkInteger(begin, `${argument}: begin`, 0)
    this.size = checkInteger(size, `${argument}: size`) as Size
  }

  protected override outputFor(input: Shape): Shape {
    if (this.begin + this.size <= (input.at(-1) ?? 0)) return [...input.slice(0, -1), this.size]
    const expected = `an input with at least ${this.begin + this.size} indices along its last axis`
    throw new NeurodeError('ERR_SHAPE', `layer '${this.name}': expected ${expected}, got shape ${formatShape(input)}`)
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
    return { begin: this.begin, size: this.size }
  }

  override plan(input: Shape, { name }: PlanContext): PlanLayer {
    const rows = input.slice(0, -1).reduce((product, size) => product * size, 1)
    return { kind: 'take', name, rows, begin: this.begin, columns: this.size }
  }
}
