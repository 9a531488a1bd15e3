/** The float64 reference of every row of the op table, with function, derivative, domain and tolerance together. */

import type { Numbers } from './reference-numbers.js'
import type { Tolerance } from './tolerances.js'

export { activations } from './reference-activations.js'
export { losses, metrics } from './reference-losses.js'
export { erf } from './reference-numbers.js'
export { optimizers } from './reference-optimizers.js'

/** The reference of a function of one number. */
export interface PointwiseReference {
  readonly kind: 'pointwise'
  /** Parameters with which to test the row, in the row's order. */
  readonly cases: readonly Numbers[]
  readonly value: (x: number, p: Numbers) => number
  readonly slope: (x: number, p: Numbers) => number
  /** Points where the slope jumps: there any value between the slopes of the two sides passes. */
  readonly kinks?: (p: Numbers) => Numbers
  /** Values at -Infinity and Infinity if the formula is indeterminate there; NaN passes there, too. */
  readonly limits?: (p: Numbers) => readonly [number, number]
  /** The range of the random points. */
  readonly domain: readonly [number, number]
  readonly tolerance: Tolerance
}

/** The reference of a function of a whole row. */
export interface RowReference {
  readonly kind: 'row'
  readonly cases: readonly Numbers[]
  readonly value: (x: Numbers, p: Numbers) => number[]
  /** The gradient of Σ cotangent·y with respect to x. */
  readonly gradient: (x: Numbers, cotangent: Numbers, p: Numbers) => number[]
  readonly domain: readonly [number, number]
  /** The largest values with which the function is tested. Default: the largest float32 values. */
  readonly largest?: number
  readonly tolerance: Tolerance
}

export type ActivationReference = PointwiseReference | RowReference

/**
 * The kind of targets that a loss takes: real numbers, 0 or 1 each, one class of several, or numbers half of which are the
 * predictions.
 */
export type Targets = 'real' | 'binary' | 'classes' | 'predictions'

export interface LossReference {
  readonly cases: readonly Numbers[]
  readonly targets: Targets
  /** The loss of one row. */
  readonly value: (y: Numbers, t: Numbers, p: Numbers) => number
  readonly gradient: (y: Numbers, t: Numbers, p: Numbers) => number[]
  /** The range of the random predictions. */
  readonly domain: (p: Numbers) => readonly [number, number]
  readonly tolerance: Tolerance
}

export interface MetricReference {
  readonly cases: readonly Numbers[]
  readonly targets: Targets
  readonly value: (y: Numbers, t: Numbers, p: Numbers) => number
  readonly domain: (p: Numbers) => readonly [number, number]
  readonly tolerance: Tolerance
}

export interface OptimizerReference {
  readonly cases: readonly Numbers[]
  readonly slots: number
  /** Updates `state` (one number per slot) of one parameter in place and returns the new `w`; `t` is 1 in the first step. */
  readonly update: (w: number, g: number, rate: number, state: number[], p: Numbers, t: number) => number
}
