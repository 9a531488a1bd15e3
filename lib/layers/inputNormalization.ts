/** Normalization: scales data to mean 0 and variance 1 by statistics that are given or computed by adapt(). */

import { type ArrayInput, array, elementCount, formatShape, type NdArray } from '../arrays/arrays.js'
import { shapedArray } from '../arrays/shapedArray.js'
import { NeurodeError } from '../base/errors.js'
import { guardArity } from '../checks/arity.js'
import { checkBoolean, checkNumber, checkOptions, refuse } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import type { AdaptInput } from '../preprocessing/batches.js'
import { type NumberInput, readNumbers } from '../preprocessing/given.js'
import { adaptTo, type Statistics } from './adapt.js'
import { type Axis, alongAxes, checkAxis, planAlong } from './axes.js'
import { initializers } from './initializers.js'
import {
  Layer,
  type LayerOptions,
  layerOptionNames,
  type ParameterSpec,
  type PlanContext,
  type Shape,
} from './layer.js'
import { planParameter, sizesAlong } from './parameters.js'
import { placementOf } from './places.js'

/** Options of {@link Normalization}. */
export interface NormalizationOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Axis of a row, or several adjacent axes, whose indices have a mean and variance each; null: one for all values. Default -1. */
  readonly axis?: Axis | null | undefined
  /** Means, one for each index of the axis or one for all; given together with `variance`, they replace adapt(). */
  readonly mean?: number | readonly number[] | undefined
  /** Variances of at least 0, as many as means. */
  readonly variance?: number | readonly number[] | undefined
  /** Whether to compute the inverse, `x · deviation + mean`; default false. */
  readonly invert?: boolean | undefined
}

/** The smallest variance, so that standard deviations are at least 1e-7. */
export const leastVariance = 1e-14

/**
 * `(x - mean) / max(sqrt(variance), 1e-7)`. Mean and variance are options, or are computed from data by {@link Normalization.adapt};
 * before that they are 0 and 1. They are weights, `mean` and `variance`, which training does not change.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const normalization = layers.normalization({ inputShape: [2] })
 * await normalization.adapt([[1, 200], [2, 300], [3, 700]])
 * const model = sequential([normalization, layers.dense({ units: 1 })])
 * ```
 */
export class Normalization<const In extends Shape = Shape> extends Layer<In, 'same'> {
  readonly kind = 'Normalization'
  /** Axis of a row whose indices have a mean and variance each; null: one for all values. */
  readonly axis: Axis | null
  /** The means of the options, if any. */
  readonly mean: number | readonly number[] | undefined
  /** The variances of the options, if any. */
  readonly variance: number | readonly number[] | undefined
  /** Whether the layer computes the inverse. */
  readonly invert: boolean
  #adapted: Statistics | undefined

  constructor(options?: NormalizationOptions<In>) {
    const argument = 'layers.normalization'
    const checked = checkOptions(options, [...layerOptionNames, 'axis', 'mean', 'variance', 'invert'], argument)
    super(checked, argument)
    const { mean, variance } = checked
    // For this option null is a value, as None is in Keras, and does not mean "not given".
    const axis = options?.axis === null ? null : (checked.axis ?? -1)
    this.axis = axis === null ? null : checkAxis(axis, `${argument}: axis`)
    this.invert = checkBoolean(checked.invert ?? false, `${argument}: invert`)
    if ((mean === undefined) !== (variance === undefined)) {
      refuse(
        `${argument}: ${mean === undefined ? 'mean' : 'variance'}`,
        'both mean and variance, or neither',
        undefined,
      )
    }
    this.mean = mean === undefined ? undefined : checkNumbers(mean, `${argument}: mean`)
    this.variance = variance === undefined ? undefined : checkNumbers(variance, `${argument}: variance`, 0)
  }

  protected override outputFor(input: Shape): Shape {
    const sizes = this.#sizes(input)
    const channels = elementCount(sizes)
    for (const given of [this.mean, this.variance]) {
      if (given === undefined || typeof given === 'number' || given.length === channels) continue
      const text = `layer '${this.name}': expected ${channels} means and variances for rows of shape ${formatShape(input)}`
      throw new NeurodeError('ERR_SHAPE', `${text}, got ${given.length}`)
    }
    return input
  }

  override parameters(input: Shape): readonly ParameterSpec[] {
    const shape = this.#sizes(input)
    return [
      { name: 'mean', shape, trainable: false },
      { name: 'variance', shape, trainable: false },
    ]
  }

  override config() {
    const { axis, mean, variance, invert } = this
    return { axis, mean, variance, invert }
  }

  override plan(input: Shape, context: PlanContext): PlanLayer {
    const shape = this.#sizes(input)
    const along = this.axis === null ? { length: 1, inner: 1 } : planAlong(this.axis, input, context.name)
    return {
      kind: 'normalization',
      name: context.name,
      least: leastVariance,
      inverts: this.invert,
      along,
      mean: planParameter(initializers.zeros(), 'mean', shape, context),
      variance: planParameter(initializers.ones(), 'variance', shape, context),
    }
  }

  override initialWeights(input: Shape): readonly ArrayInput[] | undefined {
    const { mean, variance } = this
    if (mean === undefined || variance === undefined) {
      return this.#adapted && [this.#adapted.mean, this.#adapted.variance]
    }
    const shape = this.#sizes(input)
    const filled = (given: number | readonly number[]) => {
      const values = new Float32Array(elementCount(shape))
      return array(typeof given === 'number' ? values.fill(given) : Float32Array.from(given), shape)
    }
    return [filled(mean), filled(variance)]
  }

  /**
   * Sets mean and variance to those of the data: rows, batches of rows (arrays, or objects with `x`), or the rows of a file. Sums are
   * computed in double precision. Statistics of earlier calls are replaced. Rejects with `ERR_SHAPE`, `ERR_DTYPE`, `ERR_MODEL_BUSY`, or `ERR_ARGUMENT` if
   * mean and variance were given as options.
   *
   * @example
   * ```ts
   * import { layers } from 'neurode'
   *
   * const layer = layers.normalization({ inputShape: [2] })
   * await layer.adapt([[[1, 2], [3, 4]], [[5, 6]]].map((x) => ({ x })))
   * ```
   */
  async adapt(data: AdaptInput<ArrayInput>): Promise<void> {
    if (this.mean !== undefined) {
      throw new NeurodeError(
        'ERR_ARGUMENT',
        `layer '${this.name}': it was given mean and variance, so it cannot be adapted`,
      )
    }
    const known = placementOf(this)?.inputShape ?? this.inputShape
    const isPool = this.axis === null
    const adapted = await adaptTo(data, known, isPool, (shape) => ({
      ...this.#along(shape),
      sizes: this.#sizes(shape),
    }))
    this.#adapted = adapted
    if (placementOf(this)?.inputShape !== undefined) this.setWeights([adapted.mean, adapted.variance])
  }

  /**
   * Mean and variance: those of the model that the layer is in, of the options, or of adapt(); undefined where there are none yet. Given
   * numbers stay as they are, one or a list.
   */
  get statistics(): { readonly mean: NdArray; readonly variance: NdArray } | undefined {
    if (placementOf(this)?.inputShape !== undefined) {
      const [mean, variance] = this.getWeights() as unknown as [NdArray, NdArray]
      return { mean, variance }
    }
    const { mean, variance } = this
    if (mean === undefined || variance === undefined) return this.#adapted
    const listed = (given: number | readonly number[]) => array(Float64Array.from([given].flat()))
    return { mean: listed(mean), variance: listed(variance) }
  }

  /**
   * Normalizes rows at once, without a model, as float32: what a model computes, up to its rounding. Values need not be finite. Throws
   * `ERR_SHAPE` for rows that the statistics are not of.
   *
   * @example
   * ```ts
   * import { layers } from 'neurode'
   *
   * const layer = layers.normalization({ mean: 3, variance: 4 })
   * console.log(layer.call([[1, 3, 5]]).data) // -1, 0, 1
   * ```
   */
  call(x: NumberInput): NdArray<Float32Array> {
    const { values, shape } = readNumbers(x, 'x')
    const { mean, variance } = this.statistics ?? { mean: { data: [0] }, variance: { data: [1] } }
    const count = mean.data.length
    const row = shape.length === 1 && this.axis !== null && count === 1 ? [1] : shape.slice(1)
    const { length, inner } = this.#along(row)
    const isKnown = this.mean !== undefined || this.isAdapted || placementOf(this)?.inputShape !== undefined
    const fits = count === length || typeof this.mean === 'number' || !isKnown
    if (!fits) {
      const text = `layer '${this.name}': expected rows of ${count} means and variances, got rows of shape ${formatShape(row)}`
      throw new NeurodeError('ERR_SHAPE', text)
    }
    const means = Float64Array.from({ length }, (_, c) => mean.data[count === 1 ? 0 : c] as number)
    const deviations = Float64Array.from({ length }, (_, c) =>
      Math.max(Math.sqrt(variance.data[count === 1 ? 0 : c] as number), Math.sqrt(leastVariance)),
    )
    const data = new Float32Array(values.length)
    for (let i = 0; i < data.length; i++) {
      const c = Math.floor(i / inner) % length
      const [value, center, deviation] = [values[i] as number, means[c] as number, deviations[c] as number]
      data[i] = this.invert ? value * deviation + center : (value - center) / deviation
    }
    return Object.freeze(shapedArray(data, Object.freeze([...shape]), {}))
  }

  /** Whether the layer has statistics, from its options or from adapt(). */
  get isAdapted(): boolean {
    return this.mean !== undefined || this.#adapted !== undefined
  }

  #along(input: Shape) {
    return this.axis === null ? { length: 1, inner: 1 } : alongAxes(this.axis, input, this.name)
  }

  #sizes(input: Shape): Shape {
    return this.axis === null ? [1] : sizesAlong(this.axis, input, this.name)
  }
}

guardArity(Normalization.prototype, 'layer')

function checkNumbers(value: unknown, argument: string, low?: number): number | readonly number[] {
  if (!Array.isArray(value)) return checkNumber(value, argument, low)
  if (value.length === 0) return refuse(argument, 'a number or a list of them', value)
  return Object.freeze(value.map((one, i) => checkNumber(one, `${argument}[${i}]`, low)))
}
