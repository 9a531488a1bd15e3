/** Regularizers: penalties of weights and outputs that are added to the loss. Keras' names, defaults and formulas. */

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
  /** In camelCase: `l1l2`. */
  readonly name: string
  /** All options, defaults filled in. */
  readonly options: Readonly<Record<string, number | string>>
  /** What crosses to C++ for a parameter of this shape; without one, for outputs. */
  readonly plan: (shape: readonly number[] | undefined, argument: string) => PlanOp
}

/** What {@link regularizers}.orthogonal compares. */
export type OrthogonalMode = Spelled<'rows' | 'columns'>

/** Options of {@link regularizers}.orthogonal. */
export interface OrthogonalOptions {
  /** Factor of the penalty, at least 0; default 0.01. */
  readonly factor?: number | undefined
  /** Whether rows or columns shall be orthogonal to one another; default `rows`. */
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

/** A factor by itself, or as an option of that name. */
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
 * Penalties of weights, for options such as `kernelRegularizer`, and of outputs, for `activityRegularizer`. They are part of the
 * loss that training minimizes, and of every `loss` that is reported. Those of outputs are divided by the rows of the batch. Those
 * of a frozen layer's weights do not count. Names alone stand for the defaults. Formulas as in Keras:
 * https://keras.io/api/layers/regularizers/
 *
 * Throws `ERR_ARGUMENT` for factors that are no finite numbers of at least 0.
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
   * `factor` times the mean of `|cos|` of the angles between any two rows, or columns, of a matrix: of kernels and embeddings that
   * have at least two of them, else the model cannot be built (`ERR_SHAPE`). A number alone is the factor.
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

/** The regularizers by name: camelCase or snake_case; also Keras' `l1_l2` and `orthogonal_regularizer`. */
export type RegularizerName = Spelled<RegularizerId> | 'l1_l2' | 'orthogonal_regularizer'

const names = nameTable(
  Object.keys(regularizers) as RegularizerId[],
  (id) => (id === 'orthogonal' ? ['orthogonal_regularizer'] : []),
  'regularizers',
)

/** The regularizer that an option stands for, if any; `ERR_UNKNOWN_NAME` with suggestions. */
export function toRegularizer(
  value: RegularizerName | Regularizer | null | undefined,
  argument: string,
): Regularizer | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object') return regularizers[lookUp(names, value, argument)]()
  return checkMade(value, 'regularizer', argument, 'a name or an object of regularizers.*')
}

/** One for outputs: `ERR_ARGUMENT` for those of matrices. */
export function toActivityRegularizer(
  value: RegularizerName | Regularizer | null | undefined,
  argument: string,
): Regularizer | undefined {
  const regularizer = toRegularizer(value, argument)
  if (regularizer?.name !== 'orthogonal') return regularizer
  return refuse(argument, 'a regularizer of single values (l1, l2, l1l2)', regularizer.name)
}

/** The part of a Plan that penalizes a layer's outputs, if any is wanted. */
export function planActivity(regularizer: Regularizer | undefined, { name }: PlanContext): readonly PlanLayer[] {
  if (regularizer === undefined) return []
  return [{ kind: 'activityPenalty', name, regularizer: regularizer.plan(undefined, `layer '${name}'`) }]
}

/** The regularizer of a name and its options, as a file describes it. */
export function regularizerFrom(name: unknown, options: object, argument: string): Regularizer {
  const id = lookUp(names, name, argument)
  return (regularizers[id] as (options: object) => Regularizer)(options)
}
