/** Constraints on weights, which are applied after every step. Names, defaults and formulas are those of Keras. */

import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import type { Spelled } from '../base/names.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkMade, sealed } from '../checks/made.js'
import { checkNumber, checkOptions, lookUp, nameTable, refuse, withMain } from '../checks/validate.js'
import type { PlanConstraint, PlanNorm } from '../native/plan.js'

/** A constraint on weights, which is applied after every step. */
export interface Constraint {
  readonly kind: 'constraint'
  /** Name in camelCase, such as `maxNorm`. */
  readonly name: string
  /** All options, with defaults filled in. */
  readonly options: Readonly<Record<string, number | readonly number[]>>
  /** The part of the Plan for a parameter of this shape. */
  readonly plan: (shape: readonly number[], argument: string) => PlanConstraint
}

/** Options of all constraints on norms. */
export interface NormOptions {
  /**
   * Dimension of the parameter, or several adjacent dimensions, along which norms are computed, counted from 0 (default). For a
   * kernel of shape [inputs, units], 0 gives one norm for each unit, 1 one for each input, [0, 1] one for the whole kernel.
   */
  readonly axis?: number | readonly number[] | undefined
}

/** Options of {@link constraints}.maxNorm. */
export interface MaxNormOptions extends NormOptions {
  /** Upper bound of norms, at least 0; default 2. */
  readonly maxValue?: number | undefined
}

/** Options of {@link constraints}.minMaxNorm. */
export interface MinMaxNormOptions extends NormOptions {
  /** Lower bound of norms, at least 0; default 0. */
  readonly minValue?: number | undefined
  /** Upper bound of norms, at least `minValue`; default 1. */
  readonly maxValue?: number | undefined
  /** Fraction of the way to the bounds that one step moves a norm, from 0 to 1; default 1. */
  readonly rate?: number | undefined
}

type Bounds = Omit<PlanNorm, 'along'>

function make(name: string, options: Constraint['options'], plan: Constraint['plan']): Constraint {
  return sealed({ kind: 'constraint', name, options: Object.freeze(options), plan })
}

function norm(name: string, options: Constraint['options'], given: NormOptions['axis'], bounds: Bounds): Constraint {
  const axis = checkDimensions(given ?? 0, `constraints.${name}: axis`)
  return make(name, { ...options, axis }, (shape, at) => {
    return { name: 'norm', ...bounds, along: alongDimensions(axis, shape, at) }
  })
}

function checkDimensions(value: unknown, argument: string): number | readonly number[] {
  const list = Array.isArray(value) ? value : [value]
  const valid = list.length > 0 && list.every((axis) => Number.isSafeInteger(axis))
  if (valid) return Array.isArray(value) ? Object.freeze([...list]) : (value as number)
  return refuse(argument, 'a dimension of the parameter, such as 0, or a list of them', value)
}

/** The groups of elements that have a norm each; undefined for one norm over all elements. */
function alongDimensions(axis: number | readonly number[], shape: readonly number[], argument: string) {
  const places = [axis]
    .flat()
    .map((one) => (one < 0 ? one + shape.length : one))
    .sort((a, b) => a - b)
  const [first = 0] = places
  const sideBySide = places.every((place, i) => place === first + i)
  if (!sideBySide || first < 0 || first + places.length > shape.length) {
    const text = `${argument}: expected different, adjacent dimensions of a parameter of shape ${formatShape(shape)}`
    throw new NeurodeError('ERR_SHAPE', `${text}, got axis ${[axis].flat().join(', ')}`)
  }
  if (places.length === shape.length) return undefined
  const product = (sizes: readonly number[]) => sizes.reduce((result, size) => result * size, 1)
  const last = first + places.length
  return { length: product(shape.slice(first, last)), inner: product(shape.slice(last)) }
}

/**
 * Constraints on weights, for options such as `kernelConstraint`. They are applied at the end of every optimizer step, to layers that
 * are not frozen. A name alone means the defaults. The formulas are those of Keras, where a norm is `sqrt(Σ w²)` and 1e-7 is added to
 * divisors: https://keras.io/api/layers/constraints/
 *
 * Throws `ERR_ARGUMENT` for options out of range. Building a model throws `ERR_SHAPE` if a parameter does not have the axis.
 *
 * @example
 * ```ts
 * import { constraints, layers } from 'neurode'
 *
 * const layer = layers.dense({ units: 8, kernelConstraint: constraints.maxNorm(3), biasConstraint: 'nonNeg' })
 * ```
 */
export const constraints = {
  /** Limits norms to `maxValue`: `w · min(norm, maxValue) / (norm + 1e-7)`. https://jmlr.org/papers/v15/srivastava14a.html */
  maxNorm: (given?: number | MaxNormOptions): Constraint => {
    const argument = 'constraints.maxNorm'
    const options = checkOptions(withMain(given, 'maxValue'), ['maxValue', 'axis'], argument)
    const maxValue = checkNumber(options.maxValue ?? 2, `${argument}: maxValue`, 0)
    return norm('maxNorm', { maxValue }, options.axis, { least: 0, most: maxValue, rate: 1 })
  },
  /** Limits norms to `minValue` … `maxValue`: `w · (rate · clip(norm, minValue, maxValue) + (1 - rate) · norm) / (norm + 1e-7)`. */
  minMaxNorm: (given?: MinMaxNormOptions): Constraint => {
    const argument = 'constraints.minMaxNorm'
    const options = checkOptions(given, ['minValue', 'maxValue', 'rate', 'axis'], argument)
    const minValue = checkNumber(options.minValue ?? 0, `${argument}: minValue`, 0)
    const maxValue = checkNumber(options.maxValue ?? 1, `${argument}: maxValue`, minValue)
    const rate = checkNumber(options.rate ?? 1, `${argument}: rate`, 0, 1)
    return norm('minMaxNorm', { minValue, maxValue, rate }, options.axis, { least: minValue, most: maxValue, rate })
  },
  /** Sets negative weights to 0. */
  nonNeg: (): Constraint => make('nonNeg', {}, () => ({ name: 'notNegative' })),
  /** Scales norms to 1: `w / (norm + 1e-7)`. */
  unitNorm: (given?: NormOptions): Constraint => {
    const options = checkOptions(given, ['axis'], 'constraints.unitNorm')
    return norm('unitNorm', {}, options.axis, { least: 1, most: 1, rate: 1 })
  },
} as const
answerForeignNames(constraints, 'constraints')

guardArity(constraints, 'constraints')

type ConstraintId = keyof typeof constraints

/** Names of constraints, in camelCase or snake_case; also `nonNegative`. */
export type ConstraintName = Spelled<ConstraintId> | 'nonNegative' | 'non_negative'

const names = nameTable(
  Object.keys(constraints) as ConstraintId[],
  (id) => (id === 'nonNeg' ? ['nonNegative'] : []),
  'constraints',
)

/** The constraint of an option, if any. Throws `ERR_UNKNOWN_NAME`, with suggestions, for an unknown name. */
export function toConstraint(
  value: ConstraintName | Constraint | null | undefined,
  argument: string,
): Constraint | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object') return constraints[lookUp(names, value, argument)]()
  return checkMade(value, 'constraint', argument, 'a name or an object of constraints.*')
}

/** Makes a constraint of a name and options, as a model file describes it. */
export function constraintFrom(name: unknown, options: object, argument: string): Constraint {
  const id = lookUp(names, name, argument)
  return (constraints[id] as (options: object) => Constraint)(options)
}
