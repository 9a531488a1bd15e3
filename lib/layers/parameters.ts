/** Parameters that belong to the channels along an axis. */

import { elementCount } from '../data/arrays.js'
import type { PlanParameter } from '../native.js'
import { type Axis, placesOf } from './axes.js'
import { type Initializer, type InitializerName, toInitializer } from './initializers.js'
import type { PlanContext, Shape } from './layer.js'

/** Sizes of the axes, in order. */
export function sizesAlong(axis: Axis, input: Shape, layer: string): Shape {
  return placesOf(axis, input, layer).map((place) => input[place] as number)
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
}

/** Names of the options of {@link ScaleAndCenterOptions}. */
export const scaleAndCenterNames = ['center', 'scale', 'betaInitializer', 'gammaInitializer'] as const

/** The initializers of beta and gamma, or those of Keras. */
export function scaleAndCenterInitializers(options: ScaleAndCenterOptions, argument: string) {
  return {
    betaInitializer: toInitializer(options.betaInitializer ?? 'zeros', `${argument}: betaInitializer`),
    gammaInitializer: toInitializer(options.gammaInitializer ?? 'ones', `${argument}: gammaInitializer`),
  }
}
