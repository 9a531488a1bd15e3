/** The base class of layers that normalize, and then scale and shift the channels along an axis. */

import { checkBoolean, refuseIdle } from '../checks/validate.js'
import type { PlanParameter } from '../native/plan.js'
import { anyNumber } from './activations.js'
import type { Constraint, ConstraintName } from './constraints.js'
import { type Initializer, type InitializerName, toInitializer } from './initializers.js'
import { Layer, type LayerOptions, type ParameterSpec, type PlanContext, type Shape } from './layer.js'
import { planParameter, planRules, readRules, ruleNames } from './parameters.js'
import type { Regularizer, RegularizerName } from './regularizers.js'

/** Options of layers that scale and shift channels after normalizing. */
export interface ScaleAndCenterOptions {
  /** Whether `beta`, one number for each channel, is added; default true. */
  readonly center?: boolean | undefined
  /** Whether channels are multiplied by `gamma`, one number for each; default true. */
  readonly scale?: boolean | undefined
  /** Initializer of beta; default `zeros`. */
  readonly betaInitializer?: InitializerName | Initializer | undefined
  /** Initializer of gamma; default `ones`. */
  readonly gammaInitializer?: InitializerName | Initializer | undefined
  /** Penalty on beta, added to the loss; default none. */
  readonly betaRegularizer?: RegularizerName | Regularizer | null | undefined
  /** Penalty on gamma, added to the loss; default none. */
  readonly gammaRegularizer?: RegularizerName | Regularizer | null | undefined
  /** Constraint on beta, applied after every step; default none. */
  readonly betaConstraint?: ConstraintName | Constraint | null | undefined
  /** Constraint on gamma, applied after every step; default none. */
  readonly gammaConstraint?: ConstraintName | Constraint | null | undefined
}

/** Names of the options of {@link ScaleAndCenterOptions}. */
export const scaleAndCenterNames = [
  'center',
  'scale',
  'betaInitializer',
  'gammaInitializer',
  ...ruleNames('beta'),
  ...ruleNames('gamma'),
] as const

/** A layer that multiplies its channels by gamma and adds beta; each of the two can be switched off. */
export abstract class ScalingLayer<In extends Shape> extends Layer<In, 'same'> {
  /** @internal Names of the parameters for scale and offset. */
  protected readonly names: readonly [scale: string, offset: string] = ['gamma', 'beta']
  /** Whether there is a beta. */
  readonly center: boolean
  /** Whether there is a gamma. */
  readonly scale: boolean
  /** Initializer of beta. */
  readonly betaInitializer: Initializer
  /** Initializer of gamma. */
  readonly gammaInitializer: Initializer
  /** Penalty on beta. */
  readonly betaRegularizer: Regularizer | undefined
  /** Penalty on gamma. */
  readonly gammaRegularizer: Regularizer | undefined
  /** Constraint on beta, applied after every step. */
  readonly betaConstraint: Constraint | undefined
  /** Constraint on gamma, applied after every step. */
  readonly gammaConstraint: Constraint | undefined

  constructor(options: LayerOptions & ScaleAndCenterOptions, argument: string) {
    super(options, argument)
    this.center = checkBoolean(options.center ?? true, `${argument}: center`)
    this.scale = checkBoolean(options.scale ?? true, `${argument}: scale`)
    this.betaInitializer = toInitializer(options.betaInitializer ?? 'zeros', `${argument}: betaInitializer`)
    this.gammaInitializer = toInitializer(options.gammaInitializer ?? 'ones', `${argument}: gammaInitializer`)
    for (const [is, option, name] of [
      [this.center, 'center', 'beta'],
      [this.scale, 'scale', 'gamma'],
    ] as const) {
      if (!is) refuseIdle(options, [`${name}Initializer`, ...ruleNames(name)], argument, `with ${option}: false`)
    }
    const beta = readRules(options, 'beta', argument)
    this.betaRegularizer = beta.betaRegularizer
    this.betaConstraint = beta.betaConstraint
    const gamma = readRules(options, 'gamma', argument)
    this.gammaRegularizer = gamma.gammaRegularizer
    this.gammaConstraint = gamma.gammaConstraint
  }

  /** @internal */
  override get outputRange() {
    return anyNumber
  }

  /** @internal The values of {@link ScaleAndCenterOptions}, for {@link Layer.config}. */
  protected scaleAndCenter() {
    const { center, scale, betaInitializer, gammaInitializer } = this
    const { betaRegularizer, gammaRegularizer, betaConstraint, gammaConstraint } = this
    const rules = { betaRegularizer, gammaRegularizer, betaConstraint, gammaConstraint }
    return { center, scale, betaInitializer, gammaInitializer, ...rules }
  }

  /** @internal The parameters gamma and beta, each of this shape. */
  protected scaleAndCenterParameters(shape: Shape): readonly ParameterSpec[] {
    const [gamma, beta] = this.names
    return [...(this.scale ? [{ name: gamma, shape }] : []), ...(this.center ? [{ name: beta, shape }] : [])]
  }

  /** @internal Gamma and beta in the Plan, where they are called `kernel` and `bias`. */
  protected planScaleAndCenter(shape: Shape, context: PlanContext) {
    const [gamma, beta] = this.names
    const kernel = (): PlanParameter => ({
      ...planParameter(this.gammaInitializer, gamma, shape, context),
      ...planRules(this, 'gamma', shape, context),
    })
    const bias = (): PlanParameter => ({
      ...planParameter(this.betaInitializer, beta, shape, context),
      ...planRules(this, 'beta', shape, context),
    })
    return { kernel: this.scale ? kernel() : undefined, bias: this.center ? bias() : undefined }
  }
}
