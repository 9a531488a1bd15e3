/** The columns of a model, with what a form for them needs. */

import { type FeatureSpace, setOf } from './featureSpace.js'
import type { TabularColumn } from './types.js'

/** The columns that features read, in the order of their names. */
export function columnsOf(features: FeatureSpace): readonly TabularColumn[] {
  return setOf(features).encoders.map(({ name, type, feature, missing, facts }) => {
    return Object.freeze({ name, type, kind: feature.name, optional: missing > 0, ...facts })
  })
}
