/** PReLU: a rectifier whose slope below 0 is learned. */

import { checkOptions } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { anyNumber } from './activations.js'
import { alongAxes, checkAxis, placesOf } from './axes.js'
import type { Constraint, ConstraintName } from './constraints.js'
import { type Initializer, type InitializerName, toInitializer } from './initializers.js'
import {
  Layer,
  type LayerOptions,
  layerOptionNames,
  type ParameterSpec,
  type PlanContext,
  type Shape,
} from './layer.js'
import { planParameter, planRules, readRules, ruleNames } from './parameters.js'
import type { Regularizer, RegularizerName } from './regularizers.js'

/** Options of {@link PReLU}. */
export interface PReLUOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Initializer of the slopes; default `zeros`. */
  readonly alphaInitializer?: InitializerName | Initializer | undefined
  /** Penalty on the slopes, added to the loss; default none. */
  readonly alphaRegularizer?: RegularizerName | Regularizer | null | undefined
  /** Constraint on the slopes, applied after every step; default none. */
  readonly alphaConstraint?: ConstraintName | Constraint | null | undefined
  /** Axes of a row along which the slope is shared; 1 is the first. Default none. The other axes must be adjacent. */
  readonly sharedAxes?: readonly number[] | undefined
}

/**
 * `x` above 0, `alpha · x` below, with an alpha for each position of a row. https://arxiv.org/abs/1502.01852
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.prelu({ inputShape: [16] })
 * ```
 */
export class PReLU<const In extends Shape = Shape> extends Layer<In, 'same'> {
  readonly kind = 'PReLU'
  /** Initializer of the slopes. */
  readonly alphaInitializer: Initializer
  /** Penalty on the slopes. */
  readonly alphaRegularizer: Regularizer | undefined
  /** Constraint on the slopes, applied after every step. */
  readonly alphaConstraint: Constraint | undefined
  /** Axes of a row along which the slope is shared. */
  readonly sharedAxes: readonly number[]

  constructor(options?: PReLUOptions<In>) {
    const argument = 'layers.prelu'
    const own = ['alphaInitializer', ...ruleNames('alpha'), 'sharedAxes']
    const checked = checkOptions(options, [...layerOptionNames, ...own], argument)
    super(checked, argument)
    this.alphaInitializer = toInitializer(checked.alphaInitializer ?? 'zeros', `${argument}: alphaInitializer`)
    const { alphaRegularizer, alphaConstraint } = readRules(checked, 'alpha', argument)
    this.alphaRegularizer = alphaRegularizer
    this.alphaConstraint = alphaConstraint
    const { sharedAxes = [] } = checked
    const isEmpty = Array.isArray(sharedAxes) && sharedAxes.length === 0
    this.sharedAxes = isEmpty ? [] : [checkAxis(sharedAxes, `${argument}: sharedAxes`)].flat()
  }

  protected override outputFor(input: Shape): Shape {
    this.#along(input)
    return input
  }

  override parameters(input: Shape): readonly ParameterSpec[] {
    const shared = this.#shared(input)
    return [{ name: 'alpha', shape: input.map((size, place) => (shared.includes(place) ? 1 : size)) }]
  }

  /** @internal */
  override get outputRange() {
    return anyNumber
  }

  override config() {
    const { alphaInitializer, alphaRegularizer, alphaConstraint, sharedAxes } = this
    return { alphaInitializer, alphaRegularizer, alphaConstraint, sharedAxes }
  }

  override plan(input: Shape, context: PlanContext): PlanLayer {
    const shape = this.parameters(input)[0]?.shape ?? []
    return {
      kind: 'feature',
      name: context.name,
      function: { name: 'parametricRelu', params: [] },
      along: this.#along(input),
      kernel: {
        ...planParameter(this.alphaInitializer, 'alpha', shape, context),
        ...planRules(this, 'alpha', shape, context),
      },
    }
  }

  #shared(input: Shape): readonly number[] {
    return this.sharedAxes.length === 0 ? [] : placesOf(this.sharedAxes, input, this.name)
  }

  #along(input: Shape) {
    const shared = this.#shared(input)
    const own = input.flatMap((_, place) => (shared.includes(place) ? [] : [place + 1]))
    return own.length === 0 ? { length: 1, inner: 1 } : alongAxes(own, input, this.name)
  }
}
