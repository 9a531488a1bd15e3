/** BatchNormalization: normalizes channels by mean and variance of the batch. */

import { checkInteger, checkNumber, checkOptions } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { checkAxis, planAlong } from './axes.js'
import { type Initializer, type InitializerName, toInitializer } from './initializers.js'
import { type LayerOptions, layerOptionNames, type ParameterSpec, type PlanContext, type Shape } from './layer.js'
import { planParameter, sizesAlong } from './parameters.js'
import { type ScaleAndCenterOptions, ScalingLayer, scaleAndCenterNames } from './scalingLayer.js'

/** Options of {@link BatchNormalization}. */
export interface BatchNormalizationOptions<In extends Shape = Shape> extends LayerOptions<In>, ScaleAndCenterOptions {
  /** Axis of a row that holds the channels; 1 is the first, -1 (default) the last. */
  readonly axis?: number | undefined
  /** Fraction of the moving statistics that is kept in each step, from 0 to 1; default 0.99. */
  readonly momentum?: number | undefined
  /** Added to the variance, at least 0; default 1e-3. */
  readonly epsilon?: number | undefined
  /** Initializer of the moving means; default `zeros`. */
  readonly movingMeanInitializer?: InitializerName | Initializer | undefined
  /** Initializer of the moving variances; default `ones`. */
  readonly movingVarianceInitializer?: InitializerName | Initializer | undefined
}

/**
 * `(x - mean) / sqrt(variance + epsilon) · gamma + beta` for each channel. During training, mean and variance (the population
 * variance) are those of the batch, and the moving statistics are updated: `moving · momentum + batch · (1 - momentum)`. In inference,
 * and while the layer is frozen, the moving statistics are used.
 * Weights: gamma, beta, moving_mean, moving_variance. https://arxiv.org/abs/1502.03167
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const model = sequential([
 *   layers.dense({ units: 100, useBias: false, inputShape: [784] }),
 *   layers.batchNormalization(),
 *   layers.activation('relu'),
 *   layers.dense({ units: 10, activation: 'softmax' }),
 * ])
 * ```
 */
export class BatchNormalization<const In extends Shape = Shape> extends ScalingLayer<In> {
  readonly kind = 'BatchNormalization'
  /** Axis of a row that holds the channels. */
  readonly axis: number
  /** Fraction of the moving statistics that is kept in each step. */
  readonly momentum: number
  /** Added to the variance. */
  readonly epsilon: number
  /** Initializer of the moving means. */
  readonly movingMeanInitializer: Initializer
  /** Initializer of the moving variances. */
  readonly movingVarianceInitializer: Initializer

  constructor(options?: BatchNormalizationOptions<In>) {
    const argument = 'layers.batchNormalization'
    const own = ['axis', 'momentum', 'epsilon', 'movingMeanInitializer', 'movingVarianceInitializer']
    const checked = checkOptions(options, [...layerOptionNames, ...own, ...scaleAndCenterNames], argument)
    super(checked, argument)
    this.axis = checkAxis(checkInteger(checked.axis ?? -1, `${argument}: axis`, -32), `${argument}: axis`) as number
    this.momentum = checkNumber(checked.momentum ?? 0.99, `${argument}: momentum`, 0, 1)
    this.epsilon = checkNumber(checked.epsilon ?? 1e-3, `${argument}: epsilon`, 0)
    this.movingMeanInitializer = toInitializer(
      checked.movingMeanInitializer ?? 'zeros',
      `${argument}: movingMeanInitializer`,
    )
    this.movingVarianceInitializer = toInitializer(
      checked.movingVarianceInitializer ?? 'ones',
      `${argument}: movingVarianceInitializer`,
    )
  }

  protected override outputFor(input: Shape): Shape {
    planAlong(this.axis, input, this.name)
    return input
  }

  override parameters(input: Shape): readonly ParameterSpec[] {
    const shape = sizesAlong(this.axis, input, this.name)
    return [
      ...this.scaleAndCenterParameters(shape),
      { name: 'moving_mean', shape, trainable: false },
      { name: 'moving_variance', shape, trainable: false },
    ]
  }

  override config() {
    const { axis, momentum, epsilon, movingMeanInitializer, movingVarianceInitializer } = this
    return { axis, momentum, epsilon, movingMeanInitializer, movingVarianceInitializer, ...this.scaleAndCenter() }
  }

  override plan(input: Shape, context: PlanContext): PlanLayer {
    const shape = sizesAlong(this.axis, input, context.name)
    const parameter = (initializer: Initializer, purpose: string) => planParameter(initializer, purpose, shape, context)
    return {
      kind: 'batchNormalization',
      name: context.name,
      epsilon: this.epsilon,
      momentum: this.momentum,
      along: planAlong(this.axis, input, context.name),
      ...this.planScaleAndCenter(shape, context),
      mean: parameter(this.movingMeanInitializer, 'moving_mean'),
      variance: parameter(this.movingVarianceInitializer, 'moving_variance'),
    }
  }
}
