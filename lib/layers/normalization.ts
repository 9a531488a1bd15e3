/** Layers that normalize each row independently. */

import { elementCount, formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkInteger, checkNumber, checkOptions, refuse } from '../checks/validate.js'
import type { PlanAlong, PlanLayer, PlanOp } from '../native/plan.js'
import { type Axis, checkAxis, planAlong } from './axes.js'
import {
  Layer,
  type LayerOptions,
  layerOptionNames,
  type ParameterSpec,
  type PlanContext,
  type Shape,
} from './layer.js'
import { sizesAlong } from './parameters.js'
import { type ScaleAndCenterOptions, ScalingLayer, scaleAndCenterNames } from './scalingLayer.js'

/** Options of {@link UnitNormalization}. */
export interface UnitNormalizationOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Axis of a row, or several adjacent axes; 1 is the first, -1 (default) the last. */
  readonly axis?: Axis | undefined
}

/**
 * Divides by the Euclidean norm along an axis: `x / sqrt(max(Σ x², 1e-12))`. A model throws `ERR_SHAPE` if the input has no such
 * axis.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.unitNormalization()
 * ```
 */
export class UnitNormalization<const In extends Shape = Shape> extends Layer<In, 'same'> {
  readonly kind = 'UnitNormalization'
  /** Axis of a row along which the norm is computed. */
  readonly axis: Axis

  constructor(options?: UnitNormalizationOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'axis'], 'layers.unitNormalization')
    super(checked, 'layers.unitNormalization')
    this.axis = checkAxis(checked.axis ?? -1, 'layers.unitNormalization: axis')
  }

  protected override outputFor(input: Shape): Shape {
    planAlong(this.axis, input, this.name)
    return input
  }

  override config() {
    return { axis: this.axis }
  }

  override plan(input: Shape, context: PlanContext): PlanLayer {
    const along = planAlong(this.axis, input, context.name)
    return { kind: 'activation', name: context.name, activation: { name: 'unitNormalize', params: [] }, along }
  }
}

/** Base class of layers that normalize a row, then scale and shift its channels. */
abstract class RowNormalization<In extends Shape> extends ScalingLayer<In> {
  /** Axis of a row whose indices have a gamma and a beta each. */
  abstract readonly axis: Axis

  /** The row of the native op table, and the groups of features that it works on. */
  protected abstract normalizer(input: Shape): { readonly op: PlanOp; readonly along: PlanAlong | undefined }

  protected override outputFor(input: Shape): Shape {
    planAlong(this.axis, input, this.name)
    this.normalizer(input)
    return input
  }

  override parameters(input: Shape): readonly ParameterSpec[] {
    return this.scaleAndCenterParameters(sizesAlong(this.axis, input, this.name))
  }

  override plan(input: Shape, context: PlanContext): readonly PlanLayer[] {
    const { name } = context
    const { op, along } = this.normalizer(input)
    const normalize: PlanLayer = { kind: 'activation', name, activation: op, along }
    if (!this.scale && !this.center) return [normalize]
    const shape = sizesAlong(this.axis, input, name)
    const feature: PlanLayer = {
      kind: 'feature',
      name,
      function: { name: 'scaleOffset', params: [] },
      along: planAlong(this.axis, input, name),
      ...this.planScaleAndCenter(shape, context),
    }
    return [normalize, feature]
  }
}

/** Options of {@link LayerNormalization}. */
export interface LayerNormalizationOptions<In extends Shape = Shape> extends LayerOptions<In>, ScaleAndCenterOptions {
  /** Axis of a row, or several adjacent axes; 1 is the first, -1 (default) the last. */
  readonly axis?: Axis | undefined
  /** Added to the variance, at least 0; default 1e-3. */
  readonly epsilon?: number | undefined
}

/**
 * `(x - mean) / sqrt(variance + epsilon) · gamma + beta` with mean and variance of each row along an axis, in training and in
 * inference alike. https://arxiv.org/abs/1607.06450
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.layerNormalization({ epsilon: 1e-5 })
 * ```
 */
export class LayerNormalization<const In extends Shape = Shape> extends RowNormalization<In> {
  readonly kind = 'LayerNormalization'
  override readonly axis: Axis
  /** Added to the variance. */
  readonly epsilon: number

  constructor(options?: LayerNormalizationOptions<In>) {
    const argument = 'layers.layerNormalization'
    const checked = checkOptions(options, [...layerOptionNames, 'axis', 'epsilon', ...scaleAndCenterNames], argument)
    super(checked, argument)
    this.axis = checkAxis(checked.axis ?? -1, `${argument}: axis`)
    this.epsilon = checkNumber(checked.epsilon ?? 1e-3, `${argument}: epsilon`, 0)
  }

  override config() {
    return { axis: this.axis, epsilon: this.epsilon, ...this.scaleAndCenter() }
  }

  protected override normalizer(input: Shape) {
    return {
      op: { name: 'standardize', params: [this.epsilon] },
      along: planAlong(this.axis, input, this.name),
    }
  }
}

/** Options of {@link RMSNormalization}. */
export interface RMSNormalizationOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Axis of a row, or several adjacent axes; 1 is the first, -1 (default) the last. */
  readonly axis?: Axis | undefined
  /** Added to the mean of squares, at least 0; default 1e-6. */
  readonly epsilon?: number | undefined
}

/**
 * `x / sqrt(mean(x²) + epsilon) · scale` with the mean of each row along an axis. https://arxiv.org/abs/1910.07467
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.rmsNormalization()
 * ```
 */
export class RMSNormalization<const In extends Shape = Shape> extends RowNormalization<In> {
  readonly kind = 'RMSNormalization'
  override readonly axis: Axis
  /** Added to the mean of squares. */
  readonly epsilon: number
  protected override readonly names = ['scale', ''] as const

  constructor(options?: RMSNormalizationOptions<In>) {
    const argument = 'layers.rmsNormalization'
    const checked = checkOptions(options, [...layerOptionNames, 'axis', 'epsilon'], argument)
    super({ ...checked, center: false }, argument)
    this.axis = checkAxis(checked.axis ?? -1, `${argument}: axis`)
    this.epsilon = checkNumber(checked.epsilon ?? 1e-6, `${argument}: epsilon`, 0)
  }

  override config() {
    return { axis: this.axis, epsilon: this.epsilon }
  }

  protected override normalizer(input: Shape) {
    return {
      op: { name: 'rootMeanSquareNormalize', params: [this.epsilon] },
      along: planAlong(this.axis, input, this.name),
    }
  }
}

/** Options of {@link GroupNormalization}. */
export interface GroupNormalizationOptions<In extends Shape = Shape> extends LayerOptions<In>, ScaleAndCenterOptions {
  /** Number of groups, a divisor of the number of channels, or -1 for one group per channel; default 32. */
  readonly groups?: number | undefined
  /** Added to the variance, at least 0; default 1e-3. */
  readonly epsilon?: number | undefined
}

/**
 * Like {@link LayerNormalization}, for groups of adjacent channels, each with its own mean and variance. The last dimension holds the
 * channels; rows of several dimensions have a mean and a variance for each group over all positions. As in Keras with its default axis.
 * https://arxiv.org/abs/1803.08494
 *
 * A model throws `ERR_SHAPE` if the groups do not share the channels evenly.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.groupNormalization({ groups: 4, inputShape: [64] })
 * ```
 */
export class GroupNormalization<const In extends Shape = Shape> extends RowNormalization<In> {
  readonly kind = 'GroupNormalization'
  override readonly axis: Axis = -1
  /** Number of groups; -1 for one group per channel. */
  readonly groups: number
  /** Added to the variance. */
  readonly epsilon: number

  constructor(options?: GroupNormalizationOptions<In>) {
    const argument = 'layers.groupNormalization'
    const checked = checkOptions(options, [...layerOptionNames, 'groups', 'epsilon', ...scaleAndCenterNames], argument)
    super(checked, argument)
    const groups = checkInteger(checked.groups ?? 32, `${argument}: groups`, -1)
    this.groups = groups === 0 ? refuse(`${argument}: groups`, 'a positive integer or -1', groups) : groups
    this.epsilon = checkNumber(checked.epsilon ?? 1e-3, `${argument}: epsilon`, 0)
  }

  override config() {
    return { groups: this.groups, epsilon: this.epsilon, ...this.scaleAndCenter() }
  }

  protected override normalizer(input: Shape) {
    const channels = input.at(-1) ?? 0
    const groups = this.groups === -1 ? channels : this.groups
    if (channels === 0 || channels % groups !== 0) {
      const text = `layer '${this.name}': expected rows whose last dimension ${groups} groups share evenly`
      throw new NeurodeError('ERR_SHAPE', `${text}, got shape ${formatShape(input)}`)
    }
    return {
      op: { name: 'standardize', params: [this.epsilon] },
      along: groups === 1 ? undefined : { length: elementCount(input) / groups, inner: 1 },
    }
  }

  /** Brings the channels of a group together, where rows have several positions, and back. */
  override plan(input: Shape, context: PlanContext): readonly PlanLayer[] {
    const [normalize, ...scale] = super.plan(input, context) as [PlanLayer, ...PlanLayer[]]
    const columns = input.at(-1) as number
    const rows = elementCount(input) / columns
    if (rows === 1 || columns === 1) return [normalize, ...scale]
    const turn = (rows: number, columns: number): PlanLayer => {
      return { kind: 'transpose', name: context.name, rows, columns, inner: 1 }
    }
    return [turn(rows, columns), normalize, turn(columns, rows), ...scale]
  }
}
