/** Metrics whose value is computed from several sums over rows, which native code adds up. */

import type { PlanTally } from '../native/plan.js'

export interface Tally {
  /** What native code sums. */
  readonly plan: PlanTally
  /** The number of sums. */
  readonly size: number
  /** The value of the metric. */
  readonly result: (sums: Float64Array) => number
}
