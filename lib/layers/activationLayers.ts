/** Layers that apply an activation. */

import { checkOptions, refuse } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import {
  type Activation,
  type ActivationName,
  activationRange,
  activations,
  type ReluOptions,
  toActivation,
} from './activations.js'
import { type Axis, checkAxis, planAlong } from './axes.js'
import { Layer, type LayerOptions, layerOptionNames, type PlanContext, type Shape } from './layer.js'

/** Base class of layers that apply an activation, along an axis if it computes on more than one value. */
abstract class Activating<In extends Shape> extends Layer<In, 'same'> {
  /** The activation that is applied. */
  abstract readonly activation: Activation
  /** Axis of a row along which softmax and logSoftmax are computed. */
  readonly axis: Axis = -1

  protected override outputFor(input: Shape): Shape {
    if (this.activation.wholeRow) planAlong(this.axis, input, this.name)
    return input
  }

  /** @internal */
  override get outputRange() {
    return activationRange(this.activation)
  }

  override plan(input: Shape, context: PlanContext): PlanLayer {
    const along = this.activation.wholeRow ? planAlong(this.axis, input, context.name) : undefined
    return { kind: 'activation', name: context.name, activation: this.activation.op, along }
  }
}

/** Options of {@link ActivationLayer}. */
export interface ActivationLayerOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Name or object of the activation; required. */
  readonly activation: ActivationName | Activation
}

/**
 * Applies an activation to every value; softmax and logSoftmax along the last axis.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.activation('tanh')
 * ```
 */
export class ActivationLayer<const In extends Shape = Shape> extends Activating<In> {
  readonly kind = 'Activation'
  readonly activation: Activation

  constructor(options: ActivationLayerOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'activation'], 'layers.activation')
    super(checked, 'layers.activation')
    if (checked.activation === undefined) refuse('layers.activation: activation', 'a name or an object', undefined)
    this.activation = toActivation(checked.activation, 'layers.activation: activation')
  }

  override config() {
    return { activation: this.activation }
  }
}

/** Options of {@link ReLU}. */
export interface ReLUOptions<In extends Shape = Shape> extends LayerOptions<In>, ReluOptions {}

/**
 * `max(x, 0)`. With options: `x` above `threshold`, at most `maxValue`; `negativeSlope · (x - threshold)` below.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.reLU({ maxValue: 6 })
 * ```
 */
export class ReLU<const In extends Shape = Shape> extends Activating<In> {
  readonly kind = 'ReLU'
  readonly activation: Activation

  constructor(options?: ReLUOptions<In>) {
    const own = ['maxValue', 'negativeSlope', 'threshold']
    const checked = checkOptions(options, [...layerOptionNames, ...own], 'layers.reLU')
    super(checked, 'layers.reLU')
    const { maxValue, negativeSlope, threshold } = checked
    this.activation = activations.relu({
      ...(maxValue === undefined ? {} : { maxValue }),
      ...(negativeSlope === undefined ? {} : { negativeSlope }),
      ...(threshold === undefined ? {} : { threshold }),
    })
  }

  override config() {
    return this.activation.options
  }
}

/** Options of {@link LeakyReLU}. */
export interface LeakyReLUOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Slope below 0, a finite number; default 0.3. */
  readonly negativeSlope?: number | undefined
}

/**
 * `x` above 0, `negativeSlope · x` below. The default slope is 0.3, as in Keras' layer; the default of the activation is 0.2.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.leakyReLU({ negativeSlope: 0.1 })
 * ```
 */
export class LeakyReLU<const In extends Shape = Shape> extends Activating<In> {
  readonly kind = 'LeakyReLU'
  readonly activation: Activation

  constructor(options?: LeakyReLUOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'negativeSlope'], 'layers.leakyReLU')
    super(checked, 'layers.leakyReLU')
    this.activation = activations.leakyRelu({ negativeSlope: checked.negativeSlope ?? 0.3 })
  }

  override config() {
    return this.activation.options
  }
}

/** Options of {@link ELU}. */
export interface ELUOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Factor below 0, a finite number; default 1. */
  readonly alpha?: number | undefined
}

/**
 * `x` above 0, `alpha · (exp(x) - 1)` below. https://arxiv.org/abs/1511.07289
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.elu({ alpha: 0.5 })
 * ```
 */
export class ELU<const In extends Shape = Shape> extends Activating<In> {
  readonly kind = 'ELU'
  readonly activation: Activation

  constructor(options?: ELUOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'alpha'], 'layers.elu')
    super(checked, 'layers.elu')
    this.activation = activations.elu({ alpha: checked.alpha ?? 1 })
  }

  override config() {
    return this.activation.options
  }
}

/** Options of {@link Softmax}. */
export interface SoftmaxOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Axis of a row, or several adjacent axes; 1 is the first, -1 (default) the last. */
  readonly axis?: Axis | undefined
}

/**
 * `exp(x) / Σ exp(x)` along an axis. A model throws `ERR_SHAPE` if the input has no such axis.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.softmax()
 * ```
 */
export class Softmax<const In extends Shape = Shape> extends Activating<In> {
  readonly kind = 'Softmax'
  readonly activation: Activation
  override readonly axis: Axis

  constructor(options?: SoftmaxOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'axis'], 'layers.softmax')
    super(checked, 'layers.softmax')
    this.activation = activations.softmax()
    this.axis = checkAxis(checked.axis ?? -1, 'layers.softmax: axis')
  }

  override config() {
    return { axis: this.axis }
  }
}
