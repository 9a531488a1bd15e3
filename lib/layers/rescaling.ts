/** Rescaling: multiplies every value by a factor and adds an offset. */

import { formatShape, type NdArray } from '../arrays/arrays.js'
import { shapedArray } from '../arrays/shapedArray.js'
import { NeurodeError } from '../base/errors.js'
import { guardArity } from '../checks/arity.js'
import { checkNumber, checkOptions, refuse } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { type NumberInput, readNumbers } from '../preprocessing/given.js'
import { Layer, type LayerOptions, layerOptionNames, type PlanContext, type Shape } from './layer.js'

/** Options of {@link Rescaling}. */
export interface RescalingOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Factor of every value; a list has one for each index of the last axis, for {@link Rescaling.call} alone. */
  readonly scale: number | readonly number[]
  /** Added to every scaled value; a list as for `scale`. Default 0. */
  readonly offset?: number | readonly number[] | undefined
}

/** `x · scale + offset`, for example to scale pixels from 0 … 255 to 0 … 1. */
export class Rescaling<const In extends Shape = Shape> extends Layer<In, 'same'> {
  readonly kind = 'Rescaling'
  /** Factor of every value, or of each index of the last axis. */
  readonly scale: number | readonly number[]
  /** Added to every scaled value, or to each index of the last axis. */
  readonly offset: number | readonly number[]

  constructor(options: RescalingOptions<In>) {
    const argument = 'layers.rescaling'
    const checked = checkOptions(options, [...layerOptionNames, 'scale', 'offset'], argument)
    super(checked, argument)
    this.scale = checkNumbers(checked.scale, `${argument}: scale`)
    this.offset = checkNumbers(checked.offset ?? 0, `${argument}: offset`)
    const [one, other] = [this.scale, this.offset]
    if (typeof one === 'object' && typeof other === 'object' && one.length !== other.length) {
      refuse(`${argument}: offset`, `${one.length} numbers, as many as in scale`, other)
    }
  }

  /** Rescales numbers at once, without a model, as float32. Throws `ERR_SHAPE` where lists do not fit the last axis. */
  call(x: NumberInput): NdArray<Float32Array> {
    const { values, shape } = readNumbers(x, 'x')
    const width = shape.at(-1) ?? 1
    const spread = (given: number | readonly number[]) => {
      if (typeof given === 'object' && given.length !== width) {
        const text = `layer '${this.name}': expected ${given.length} numbers along the last axis, got ${formatShape(shape)}`
        throw new NeurodeError('ERR_SHAPE', text)
      }
      return typeof given === 'object' ? given : Array.from({ length: width }, () => given)
    }
    const [scale, offset] = [spread(this.scale), spread(this.offset)]
    const scaled = (value: number, i: number) => value * (scale[i % width] as number) + (offset[i % width] as number)
    return Object.freeze(shapedArray(Float32Array.from(values, scaled), Object.freeze([...shape]), {}))
  }

  protected override outputFor(input: Shape): Shape {
    if (typeof this.scale === 'number' && typeof this.offset === 'number') return input
    const remedy = 'in a model, layers.normalization({ mean, variance }) has numbers for each index'
    const text = `layer '${this.name}': expected one scale and one offset, got a list, which is for call(x); ${remedy}`
    throw new NeurodeError('ERR_ARGUMENT', text)
  }

  override config() {
    return { scale: this.scale, offset: this.offset }
  }

  override plan(_input: Shape, context: PlanContext): PlanLayer {
    return { kind: 'rescaling', name: context.name, scale: this.scale as number, offset: this.offset as number }
  }
}

guardArity(Rescaling.prototype, 'layer')

function checkNumbers(value: unknown, argument: string): number | readonly number[] {
  if (!Array.isArray(value)) return checkNumber(value, argument)
  if (value.length === 0) return refuse(argument, 'a number or a list of them', value)
  return Object.freeze(value.map((one, i) => checkNumber(one, `${argument}[${i}]`)))
}
