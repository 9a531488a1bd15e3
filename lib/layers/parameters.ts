/** Functions for the parameters of layers: their sizes, regularizers and constraints, and their part of the Plan. */

import { elementCount } from '../arrays/arrays.js'
import type { PlanParameter } from '../native/plan.js'
import { type Axis, placesOf } from './axes.js'
import { type Constraint, type ConstraintName, toConstraint } from './constraints.js'
import type { Initializer } from './initializers.js'
import type { PlanContext, Shape } from './layer.js'
import { type Regularizer, type RegularizerName, toRegularizer } from './regularizers.js'

/** Sizes of these axes of a row, in order. */
export function sizesAlong(axis: Axis, input: Shape, layer: string): Shape {
  return placesOf(axis, input, layer).map((place) => input[place] as number)
}

/** The rules of one parameter, which are its regularizer and its constraint: `kernelRegularizer`, `kernelConstraint`. */
export type Rules<Name extends string> = {
  readonly [Key in `${Name}Regularizer`]: Regularizer | undefined
} & { readonly [Key in `${Name}Constraint`]: Constraint | undefined }

/** The options from which {@link Rules} are made. */
type RuleOptions<Name extends string> = {
  readonly [Key in `${Name}Regularizer`]?: RegularizerName | Regularizer | null | undefined
} & { readonly [Key in `${Name}Constraint`]?: ConstraintName | Constraint | null | undefined }

/** Names of the options of {@link Rules}. */
export function ruleNames(name: string): readonly string[] {
  return [`${name}Regularizer`, `${name}Constraint`]
}

/** Reads regularizer and constraint of a parameter from a layer's options. */
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
  // The shape is flat, so that initial values are the same for [n] and [1, n].
  return { name: purpose, initializer: initializer.plan([elementCount(shape)], context.seedFor(purpose)) }
}
