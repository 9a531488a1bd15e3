/** Losses by name and with options: Keras' names, defaults and formulas. */

import type { Spelled } from '../names.js'
import type { PlanOp } from '../native.js'
import { checkBoolean, checkNumber, checkOptions, lookUp, nameTable, refuse } from '../validate.js'

/**
 * How the losses of a batch's rows become one number: their mean (`sumOverBatchSize` and `meanWithSampleWeight` are
 * the same without sample weights), or their sum.
 */
export type Reduction = Spelled<'mean' | 'sum' | 'sumOverBatchSize' | 'meanWithSampleWeight'>

/** Which targets a loss or metric can read: rows of outputs, class indices, or both. */
export interface TargetKinds {
  readonly rows: boolean
  readonly classes: boolean
}

/** A loss with its options filled in. */
export interface Loss {
  readonly kind: 'loss'
  /** In camelCase: `meanSquaredError`. */
  readonly name: string
  /** All options but the reduction, defaults filled in. */
  readonly options: Readonly<Record<string, number | boolean>>
  /** How the losses of a batch's rows become one number. */
  readonly reduction: 'mean' | 'sum'
  /** The targets it can read. */
  readonly targets: TargetKinds
  /** Fewest outputs it makes sense with. */
  readonly leastOutputs: number
  /** The row of the native op table it becomes. */
  readonly op: PlanOp
}

/** Options of every loss. */
export interface LossOptions {
  /** Default `mean`. */
  readonly reduction?: Reduction
}

/** Options of the cross-entropies. */
export interface CrossentropyOptions extends LossOptions {
  /** The outputs are logits, before sigmoid or softmax; default false. */
  readonly fromLogits?: boolean
}

/** Options of the cross-entropies whose targets can be smoothed. */
export interface SmoothedCrossentropyOptions extends CrossentropyOptions {
  /** Share of every target spread over all classes, 0 to 1; default 0. */
  readonly labelSmoothing?: number
}

const reductions = nameTable(['mean', 'sum'], (id) =>
  id === 'mean' ? ['sumOverBatchSize', 'meanWithSampleWeight'] : [],
)

interface LossRow {
  readonly op: string
  readonly options: readonly ('fromLogits' | 'labelSmoothing')[]
  readonly targets: TargetKinds
  readonly leastOutputs: number
  readonly reduction: 'mean' | 'sum'
  readonly aliases: readonly string[]
}

const rowsOnly: TargetKinds = { rows: true, classes: false }
const classesOnly: TargetKinds = { rows: false, classes: true }
const rowsOrClasses: TargetKinds = { rows: true, classes: true }
const pointwise = { options: [], targets: rowsOnly, leastOutputs: 1, reduction: 'mean' } as const

const table = {
  meanSquaredError: { ...pointwise, op: 'meanSquaredError', aliases: ['mse'] },
  meanAbsoluteError: { ...pointwise, op: 'meanAbsoluteError', aliases: ['mae'] },
  sumSquaredError: { ...pointwise, op: 'meanSquaredError', reduction: 'sum', aliases: ['sse'] },
  binaryCrossentropy: {
    ...pointwise,
    op: 'binaryCrossentropy',
    options: ['fromLogits', 'labelSmoothing'],
    aliases: ['bce'],
  },
  categoricalCrossentropy: {
    op: 'categoricalCrossentropy',
    options: ['fromLogits', 'labelSmoothing'],
    targets: rowsOrClasses,
    leastOutputs: 2,
    reduction: 'mean',
    aliases: [],
  },
  sparseCategoricalCrossentropy: {
    op: 'sparseCategoricalCrossentropy',
    options: ['fromLogits'],
    targets: classesOnly,
    leastOutputs: 2,
    reduction: 'mean',
    aliases: [],
  },
} as const satisfies Record<string, LossRow>

type LossId = keyof typeof table

/** The losses by name: camelCase or snake_case, and the usual short forms. */
export type LossName = Spelled<LossId> | 'mse' | 'MSE' | 'mae' | 'MAE' | 'sse' | 'bce'

const ids = Object.keys(table) as LossId[]
const names = nameTable(ids, (id) => table[id].aliases)

/** The numbers of a cross-entropy, in the order of its row. */
export function crossentropyParams(
  known: readonly string[],
  given: { readonly fromLogits?: boolean; readonly labelSmoothing?: number },
  argument: string,
): Record<string, number | boolean> {
  const filled: Record<string, number | boolean> = {}
  if (known.includes('fromLogits')) {
    filled.fromLogits = checkBoolean(given.fromLogits ?? false, `${argument}: fromLogits`)
  }
  if (known.includes('labelSmoothing')) {
    filled.labelSmoothing = checkNumber(given.labelSmoothing ?? 0, `${argument}: labelSmoothing`, 0, 1)
  }
  return filled
}

function make(id: LossId, given: SmoothedCrossentropyOptions | undefined): Loss {
  const row: LossRow = table[id]
  const argument = `losses.${id}`
  const known = id === 'sumSquaredError' ? row.options : [...row.options, 'reduction']
  const checked = checkOptions(given, known, argument)
  const options = crossentropyParams(row.options, checked, argument)
  const reduction = lookUp(reductions, checked.reduction ?? row.reduction, `${argument}: reduction`)
  return Object.freeze({
    kind: 'loss',
    name: id,
    options: Object.freeze(options),
    reduction,
    targets: row.targets,
    leastOutputs: row.leastOutputs,
    op: { name: row.op, params: Object.values(options).map(Number) },
  })
}

/**
 * Losses with options, for the `loss` of {@link Sequential.compile}. All can be given by name as well.
 *
 * @example
 * ```ts
 * import { layers, losses, sequential } from 'neurode'
 *
 * const model = sequential([layers.dense({ units: 10, inputShape: [784] })])
 * model.compile({ loss: losses.categoricalCrossentropy({ fromLogits: true, labelSmoothing: 0.1 }) })
 * ```
 */
export const losses = {
  /** Mean over a row's outputs of `(target - output)²`. With `reduction: 'sum'`, these means are summed over rows. */
  meanSquaredError: (options?: LossOptions): Loss => make('meanSquaredError', options),
  /** Mean over a row's outputs of `|target - output|`. */
  meanAbsoluteError: (options?: LossOptions): Loss => make('meanAbsoluteError', options),
  /**
   * The same as `meanSquaredError({ reduction: 'sum' })`: summed over the rows of a batch, and a mean over the outputs
   * of a row, as in Keras. With one output it is the plain sum of squared errors.
   */
  sumSquaredError: (): Loss => make('sumSquaredError', undefined),
  /** `-t·log(p) - (1 - t)·log(1 - p)`, a mean over outputs; targets 0 to 1. */
  binaryCrossentropy: (options?: SmoothedCrossentropyOptions): Loss => make('binaryCrossentropy', options),
  /** `-Σ t·log(p)`; targets are one-hot rows (or any distribution) or class indices. */
  categoricalCrossentropy: (options?: SmoothedCrossentropyOptions): Loss => make('categoricalCrossentropy', options),
  /** `-log(p[class])`; targets are class indices. */
  sparseCategoricalCrossentropy: (options?: CrossentropyOptions): Loss =>
    make('sparseCategoricalCrossentropy', options),
} as const

/** The loss that a name or object stands for; `ERR_UNKNOWN_NAME` with suggestions. */
export function toLoss(value: LossName | Loss, argument: string): Loss {
  if (typeof value !== 'object' || value === null) return make(lookUp(names, value, argument), undefined)
  return value.kind === 'loss' ? value : refuse(argument, 'a name or an object of losses.*', value)
}

/** The loss of a name, its options and its reduction, as a file describes it. */
export function lossFrom(name: unknown, options: object, reduction: unknown, argument: string): Loss {
  const id = lookUp(names, name, argument)
  return make(id, (id === 'sumSquaredError' ? {} : { ...options, reduction }) as SmoothedCrossentropyOptions)
}
