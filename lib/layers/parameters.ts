/** Parameters that belong to the channels along an axis. */

import { elementCount } from '../data/arrays.js'
import type { PlanParameter } from '../native.js'
import { checkBoolean } from '../validate.js'
import { type Axis, placesOf } from './axes.js'
import { type Constraint, type ConstraintName, toConstraint } from './constraints.js'
import { type Initializer, type InitializerName, toInitializer } from './initializers.js'
import type { PlanContext, Shape } from './layer.js'
import { type Regularizer, type RegularizerName, toRegularizer } from './regularizers.js'

/** Sizes of the axes, in order. */
export function sizesAlong(axis: Axis, input: Shape, layer: string): Shape {
  return placesOf(axis, input, layer).map((place) => input[place] as number)
}

/** What holds for one parameter of a layer, under its name: `kernelRegularizer`, `kernelConstraint`. */
export type Rules<Name extends string> = {
  readonly [Key in `${Name}Regularizer`]: Regularizer | undefined
} & { readonly [Key in `${Name}Constraint`]: Constraint | undefined }

/** The options that {@link Rules} come from. */
type RuleOptions<Name extends string> = {
  readonly [Key in `${Name}Regularizer`]?: RegularizerName | Regularizer | null
} & { readonly [Key in `${Name}Constraint`]?: ConstraintName | Constraint | null }

/** Names of the options of {@link Rules}. */
export function ruleNames(name: string): readonly string[] {
  return [`${name}Regularizer`, `${name}Constraint`]
}

/** Regularizer and constraint of a parameter, by name, from a layer's options. */
export function readRules<Name extends string>(options: RuleOptions<Name>, name: Name, argument: string): Rules<Name> {
  const [regularizer, constraint] = ruleNames(name) as [never, never]
  return {
    [regularizer]: toRegularizer(options[regularizer], `${argument}: ${regularizer}`),
    [constraint]: toConstraint(options[constraint], `${argument}: ${constraint}`),
  } as unknown as Rules<Name>
}

/** The rules of a parameter in the Plan. */
export function planRules<Name extends string>(rules: Rules<Name>, name: Name, shape: Shape, context: PlanContext) {
  const [regularizer, constraint] = ruleNames(name) as [never, never]
  const at = (rule: string) => `layer '${context.name}': ${rule}`
  return {
    regularizer: (rules[regularizer] as Regularizer | undefined)?.plan(shape, at(regularizer)),
    constraint: (rules[constraint] as Constraint | undefined)?.plan(shape, at(constraint)),
  }
}

/** One parameter of the Plan. */
export function planParameter(
  initializer: Initializer,
  purpose: string,
  shape: Shape,
  context: PlanContext,
): PlanParameter {
  // The first values do not depend on how a vector's shape is written.
  return { name: purpose, initializer: initializer.plan([elementCount(shape)], context.seedFor(purpose)) }
}

/** Options of layers that scale and shift the channels of what they have normalized. */
export interface ScaleAndCenterOptions {
  /** Adds `beta`, one for each channel; default true. */
  readonly center?: boolean
  /** Multiplies by `gamma`, one for each channel; default true. */
  readonly scale?: boolean
  /** First values of beta; default `zeros`. */
  readonly betaInitializer?: InitializerName | Initializer
  /** First values of gamma; default `ones`. */
  readonly gammaInitializer?: InitializerName | Initializer
  /** Penalty of beta, part of the loss; default none. */
  readonly betaRegularizer?: RegularizerName | Regularizer | null
  /** Penalty of gamma, part of the loss; default none. */
  readonly gammaRegularizer?: RegularizerName | Regularizer | null
  /** What beta is brought back to after every step; default none. */
  readonly betaConstraint?: ConstraintName | Constraint | null
  /** What gamma is brought back to after every step; default none. */
  readonly gammaConstraint?: ConstraintName | Constraint | null
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

/** What {@link ScaleAndCenterOptions} say, Keras' defaults filled in. */
export interface ScaleAndCenter extends Rules<'beta'>, Rules<'gamma'> {
  /** Whether there is a beta. */
  readonly center: boolean
  /** Whether there is a gamma. */
  readonly scale: boolean
  readonly betaInitializer: Initializer
  readonly gammaInitializer: Initializer
}

/** Reads {@link ScaleAndCenterOptions}. */
export function readScaleAndCenter(options: ScaleAndCenterOptions, argument: string): ScaleAndCenter {
  return {
    center: checkBoolean(options.center ?? true, `${argument}: center`),
    scale: checkBoolean(options.scale ?? true, `${argument}: scale`),
    betaInitializer: toInitializer(options.betaInitializer ?? 'zeros', `${argument}: betaInitializer`),
    gammaInitializer: toInitializer(options.gammaInitializer ?? 'ones', `${argument}: gammaInitializer`),
    ...readRules(options, 'beta', argument),
    ...readRules(options, 'gamma', argument),
  }
}

/** The settings alone of a layer that has them: its part of a description. */
export function scaleAndCenterOf(layer: ScaleAndCenter): ScaleAndCenter {
  const { center, scale, betaInitializer, gammaInitializer } = layer
  const { betaRegularizer, gammaRegularizer, betaConstraint, gammaConstraint } = layer
  const rules = { betaRegularizer, gammaRegularizer, betaConstraint, gammaConstraint }
  return { center, scale, betaInitializer, gammaInitializer, ...rules }
}

/** Gamma and beta of the Plan under the names that the layer gives them: `kernel` and `bias`. */
export function planScaleAndCenter(
  settings: ScaleAndCenter,
  [gamma, beta]: readonly [gamma: string, beta: string],
  shape: Shape,
  context: PlanContext,
) {
  const { scale, center, gammaInitializer, betaInitializer } = settings
  const kernel = () => ({
    ...planParameter(gammaInitializer, gamma, shape, context),
    ...planRules(settings, 'gamma', shape, context),
  })
  const bias = () => ({
    ...planParameter(betaInitializer, beta, shape, context),
    ...planRules(settings, 'beta', shape, context),
  })
  return { kernel: scale ? kernel() : undefined, bias: center ? bias() : undefined }
}
