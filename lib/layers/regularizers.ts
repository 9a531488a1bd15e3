/** Regularizers: penalties on weights and outputs that are added to the loss. Names, defaults and formulas are those of Keras. */

import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import type { Spelled } from '../base/names.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkMade, sealed } from '../checks/made.js'
import { checkNumber, checkOptions, lookUp, nameTable, refuse, withMain } from '../checks/validate.js'
import type { PlanLayer, PlanOp } from '../native/plan.js'
import type { PlanContext } from './layer.js'

/** A penalty that is added to the loss. */
export interface Regularizer {
  readonly kind: 'regularizer'
  /** Name in camelCase, such as `l1l2`. */
  readonly name: string
  /** All options, with defaults filled in. */
  readonly options: Readonly<Record<string, number | string>>
  /** The part of the Plan for a parameter of this shape; without one, for outputs. */
  readonly plan: (shape: readonly number[] | undefined, argument: string) => PlanOp
}

/** The vectors that {@link regularizers}.orthogonal compares. */
export type OrthogonalMode = Spelled<'rows' | 'columns'>

/** Options of {@link regularizers}.orthogonal. */
export interface OrthogonalOptions {
  /** Factor of the penalty, at least 0; default 0.01. */
  readonly factor?: number | undefined
  /** Whether rows or columns should be orthogonal to each other; default `rows`. */
  readonly mode?: OrthogonalMode | undefined
}

const modes = nameTable(['rows', 'columns'], () => [])

function make(
  name: string,
  options: Readonly<Record<string, number | string>>,
  plan: Regularizer['plan'],
): Regularizer {
  return sealed({ kind: 'regularizer', name, options: Object.freeze(options), plan })
}

/** Reads a factor that is given as a number or as an option of this name. */
function factorOf(name: 'l1' | 'l2', given: number | object | undefined): number {
  const argument = `regularizers.${name}`
  const options = checkOptions(
    withMain(given as number | Readonly<Record<string, unknown>> | undefined, name),
    [name],
    argument,
  )
  return checkNumber(options[name] ?? 0.01, `${argument}: ${name}`, 0)
}

/**
 * Penalties on weights, for options such as `kernelRegularizer`, and on outputs, for `activityRegularizer`. They are added to the loss
 * that training minimizes, and to every `loss` that is reported. Penalties on outputs are divided by the number of rows in the batch.
 * Penalties on weights of frozen layers are left out. A name alone means the defaults. The formulas are those of Keras:
 * https://keras.io/api/layers/regularizers/
 *
 * Throws `ERR_ARGUMENT` for factors that are not finite numbers of at least 0.
 *
 * @example
 * ```ts
 * import { layers, regularizers } from 'neurode'
 *
 * const layer = layers.dense({ units: 8, kernelRegularizer: regularizers.l2(1e-4), biasRegularizer: 'l1' })
 * ```
 */
export const regularizers = {
  /** `l1 · Σ |x|`; default 0.01. */
  l1: (options?: number | { readonly l1?: number | undefined }): Regularizer => {
    const l1 = factorOf('l1', options)
    return make('l1', { l1 }, () => ({ name: 'l1l2', params: [l1, 0] }))
  },
  /** `l2 · Σ x²`; default 0.01. */
  l2: (options?: number | { readonly l2?: number | undefined }): Regularizer => {
    const l2 = factorOf('l2', options)
    return make('l2', { l2 }, () => ({ name: 'l1l2', params: [0, l2] }))
  },
  /** `l1 · Σ |x| + l2 · Σ x²`; defaults 0. */
  l1l2: (options?: { readonly l1?: number | undefined; readonly l2?: number | undefined }): Regularizer => {
    const argument = 'regularizers.l1l2'
    const checked = checkOptions(options, ['l1', 'l2'], argument)
    const l1 = checkNumber(checked.l1 ?? 0, `${argument}: l1`, 0)
    const l2 = checkNumber(checked.l2 ?? 0, `${argument}: l2`, 0)
    return make('l1l2', { l1, l2 }, () => ({ name: 'l1l2', params: [l1, l2] }))
  },
  /**
   * `factor` times the mean of `|cos|` of the angles between all pairs of rows, or columns, of a matrix. It is for kernels and
   * embeddings with at least two rows (or columns); for others, building a model throws `ERR_SHAPE`. A number is short for `factor`.
   */
  orthogonal: (options?: number | OrthogonalOptions): Regularizer => {
    const argument = 'regularizers.orthogonal'
    const checked = checkOptions(withMain(options, 'factor'), ['factor', 'mode'], argument)
    const factor = checkNumber(checked.factor ?? 0.01, `${argument}: factor`, 0)
    const mode = lookUp(modes, checked.mode ?? 'rows', `${argument}: mode`)
    return make('orthogonal', { factor, mode }, (shape, at) => {
      const vectors = shape?.[mode === 'rows' ? 0 : 1] ?? 0
      if (shape?.length === 2 && vectors > 1) return { name: 'orthogonal', params: [factor, mode === 'rows' ? 0 : 1] }
      const got = shape === undefined ? 'outputs' : formatShape(shape)
      throw new NeurodeError('ERR_SHAPE', `${at}: expected a matrix of several ${mode}, got ${got}`)
    })
  },
} as const
answerForeignNames(regularizers, 'regularizers')

guardArity(regularizers, 'regularizers')

type RegularizerId = keyof typeof regularizers

/** Names of regularizers, in camelCase or snake_case; also Keras' `l1_l2` and `orthogonal_regularizer`. */
export type RegularizerName = Spelled<RegularizerId> | 'l1_l2' | 'orthogonal_regularizer'

const names = nameTable(
  Object.keys(regularizers) as RegularizerId[],
  (id) => (id === 'orthogonal' ? ['orthogonal_regularizer'] : []),
  'regularizers',
)

/** The regularizer of an option, if any. Throws `ERR_UNKNOWN_NAME`, with suggestions, for an unknown name. */
export function toRegularizer(
  value: RegularizerName | Regularizer | null | undefined,
  argument: string,
): Regularizer | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object') return regularizers[lookUp(names, value, argument)]()
  return checkMade(value, 'regularizer', argument, 'a name or an object of regularizers.*')
}

/** The regularizer of an option for outputs. Throws `ERR_ARGUMENT` for a regularizer of matrices. */
export function toActivityRegularizer(
  value: RegularizerName | Regularizer | null | undefined,
  argument: string,
): Regularizer | undefined {
  const regularizer = toRegularizer(value, argument)
  if (regularizer?.name !== 'orthogonal') return regularizer
  return refuse(argument, 'a regularizer of single values (l1, l2, l1l2)', regularizer.name)
}

/** The part of the Plan for the penalty on a layer's outputs; empty without a regularizer. */
export function planActivity(regularizer: Regularizer | undefined, { name }: PlanContext): readonly PlanLayer[] {
  if (regularizer === undefined) return []
  return [{ kind: 'activityPenalty', name, regularizer: regularizer.plan(undefined, `layer '${name}'`) }]
}

/** Makes a regularizer of a name and options, as a model file describes it. */
export function regularizerFrom(name: unknown, options: object, argument: string): Regularizer {
  const id = lookUp(names, name, argument)
  return (regularizers[id] as (options: object) => Regularizer)(options)
}
