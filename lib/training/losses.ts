/** Losses, by name and with options. Names, defaults and formulas are those of Keras. */

import type { Spelled } from '../base/names.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkMade, sealed } from '../checks/made.js'
import { checkInteger, checkName, checkOptions, lookUp, nameTable, refuse } from '../checks/validate.js'
import type { PlanOp } from '../native/plan.js'
import type {
  BinaryFocalOptions,
  CategoricalFocalOptions,
  CustomLossOptions,
  GeneralizedCrossEntropyOptions,
  HuberOptions,
  Loss,
  LossOptions,
  SmoothedCrossentropyOptions,
  SparseCrossentropyOptions,
  TargetKinds,
} from './lossOptions.js'
import {
  fillOptions,
  flag,
  fraction,
  needing,
  number,
  type OptionRows,
  type Options,
  optionalInteger,
} from './options.js'

const reductions = nameTable(['mean', 'sum', 'meanWithSampleWeight'], (id) =>
  id === 'mean' ? ['sumOverBatchSize'] : [],
)

interface LossRow {
  /** Name of the row in the native op table; by default that of the loss. */
  readonly op?: string | undefined
  readonly options: OptionRows
  /** Computes the numeric parameters of that row from the options; by default they are the options. */
  readonly numbers?: ((options: Options) => readonly number[]) | undefined
  readonly targets: TargetKinds
  readonly leastOutputs: number
  /** The range of targets that it expects; any by default. Keras clips or misinterprets others. */
  readonly targetRange?: readonly [lowest: number, highest: number] | undefined
  /** The range of outputs that it expects; any by default. Keras clips others. */
  readonly outputRange?: ((options: Options) => Loss['outputRange']) | undefined
  /** See {@link Loss.threshold}. */
  readonly threshold?: ((options: Options) => number) | undefined
  readonly reduction?: 'sum' | undefined
  readonly aliases: readonly string[]
  /** Converts the mean of the loss to the metric of the same name; by default the metric is the mean. */
  readonly asMetric?: ((mean: number) => number) | undefined
  /** Whether smaller or larger values of that metric are better; by default smaller ones. */
  readonly best?: 'min' | 'max' | undefined
}

const rowsOnly: TargetKinds = { rows: true, classes: false }
const classesOnly: TargetKinds = { rows: false, classes: true }
const rowsOrClasses: TargetKinds = { rows: true, classes: true }
const pointwise = { options: {}, targets: rowsOnly, leastOutputs: 1, aliases: [] } as const
const categorical = { options: {}, targets: rowsOrClasses, leastOutputs: 2, aliases: [] } as const
const crossentropy = { fromLogits: flag(false), labelSmoothing: number(0, 0, 1) }
const unit = { targetRange: [0, 1] } as const
const positive = { targetRange: [0, Infinity] } as const
/** For losses whose outputs are probabilities, unless they are logits. */
const likely = { outputRange: ({ fromLogits }: Options) => (fromLogits ? undefined : ([0, 1] as const)) } as const
const signs = { targetRange: [-1, 1], threshold: () => 0 } as const
const binary = { ...unit, ...likely, threshold: ({ fromLogits }: Options) => (fromLogits ? 0 : 0.5) } as const
const focal = { alpha: number(0.25, 0, 1), gamma: number(2, 0) }

const table = {
  meanSquaredError: { ...pointwise, aliases: ['mse'] },
  meanAbsoluteError: { ...pointwise, aliases: ['mae'] },
  meanAbsolutePercentageError: { ...pointwise, aliases: ['mape'] },
  meanSquaredLogarithmicError: { ...pointwise, ...positive, aliases: ['msle'] },
  sumSquaredError: { ...pointwise, op: 'meanSquaredError', reduction: 'sum', aliases: ['sse'] },
  huber: { ...pointwise, options: { delta: number(1, 0) } },
  logCosh: pointwise,
  poisson: { ...pointwise, ...positive, outputRange: () => [0, Infinity] },
  hinge: { ...pointwise, ...signs },
  squaredHinge: { ...pointwise, ...signs },
  categoricalHinge: { ...categorical, ...unit },
  klDivergence: { ...pointwise, ...unit, ...likely, aliases: ['kld'] },
  cosineSimilarity: { ...pointwise, asMetric: (mean: number) => -mean, best: 'max' },
  binaryCrossentropy: { ...pointwise, ...binary, options: crossentropy, aliases: ['bce'] },
  binaryFocalCrossentropy: {
    ...pointwise,
    ...binary,
    options: {
      ...crossentropy,
      applyClassBalancing: flag(false),
      ...focal,
      alpha: needing('applyClassBalancing', focal.alpha),
    },
    numbers: ({ fromLogits, labelSmoothing, applyClassBalancing, alpha, gamma }: Options) =>
      [fromLogits, labelSmoothing, applyClassBalancing ? alpha : -1, gamma].map(Number),
  },
  categoricalCrossentropy: { ...categorical, ...positive, ...likely, options: crossentropy },
  categoricalFocalCrossentropy: { ...categorical, ...positive, ...likely, options: { ...crossentropy, ...focal } },
  categoricalGeneralizedCrossEntropy: { ...categorical, ...unit, ...likely, options: { q: fraction(0.5) } },
  sparseCategoricalCrossentropy: {
    ...categorical,
    ...likely,
    options: { fromLogits: flag(false), ignoreClass: optionalInteger(Number.MIN_SAFE_INTEGER) },
    numbers: ({ fromLogits }: Options) => [Number(fromLogits)],
    targets: classesOnly,
  },
} as const satisfies Record<string, LossRow>

type LossId = keyof typeof table

/** Names of losses, in camelCase or snake_case, and the usual short forms. */
export type LossName =
  | Spelled<LossId>
  | 'mse'
  | 'MSE'
  | 'mae'
  | 'MAE'
  | 'mape'
  | 'MAPE'
  | 'msle'
  | 'MSLE'
  | 'sse'
  | 'bce'
  | 'BCE'
  | 'kld'
  | 'KLD'

const ids = Object.keys(table) as LossId[]
const names = nameTable(ids, (id) => table[id].aliases, 'losses')

/** A loss as a metric. */
export interface LossAsMetric {
  readonly options: OptionRows
  readonly op: (options: Options) => PlanOp
  readonly targets: TargetKinds
  readonly leastOutputs: number
  readonly aliases: readonly string[]
  readonly finish: (mean: number) => number
  readonly best: 'min' | 'max'
}

/** The losses that are metrics as well: all except sumSquaredError, which differs from another loss only in its reduction. */
export type LossMetricId = Exclude<LossId, 'sumSquaredError'>

/** Every loss as a metric, by name. */
export const lossMetrics = Object.fromEntries(
  ids
    .filter((id) => id !== 'sumSquaredError')
    .map((id): [string, LossAsMetric] => {
      const {
        options,
        targets,
        leastOutputs,
        aliases,
        asMetric: finish = (mean) => mean,
        best = 'min',
      }: LossRow = table[id]
      return [id, { options, op: (given) => opOf(id, given), targets, leastOutputs, aliases, finish, best }]
    }),
) as Readonly<Record<LossMetricId, LossAsMetric>>

function opOf(id: LossId, options: Options): PlanOp {
  const row: LossRow = table[id]
  return { name: row.op ?? id, params: row.numbers?.(options) ?? Object.values(options).map(Number) }
}

function make(id: LossId, given: LossOptions | undefined): Loss {
  const row: LossRow = table[id]
  const argument = `losses.${id}`
  const known = Object.keys(row.options)
  const checked = checkOptions(given, row.reduction === undefined ? [...known, 'reduction'] : known, argument)
  const options = fillOptions(row.options, checked, argument)
  const reduction = lookUp(reductions, checked.reduction ?? row.reduction ?? 'mean', `${argument}: reduction`)
  return sealed({
    kind: 'loss',
    name: id,
    options,
    reduction,
    targets: row.targets,
    leastOutputs: row.leastOutputs,
    targetRange: row.targetRange,
    outputRange: row.outputRange?.(options),
    threshold: row.threshold?.(options),
    op: opOf(id, options),
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
   * The same as `meanSquaredError({ reduction: 'sum' })`: the sum over the rows of a batch of the mean over the outputs of a row, as in
   * Keras. With one output it is the sum of squared errors.
   */
  sumSquaredError: (): Loss => make('sumSquaredError', undefined),
  /** Mean over a row's outputs of `100·|target - output| / |target|`, the divisor at least 1e-7. */
  meanAbsolutePercentageError: (options?: LossOptions): Loss => make('meanAbsolutePercentageError', options),
  /** Mean over a row's outputs of `(log(1 + target) - log(1 + output))²`, both at least 1e-7. */
  meanSquaredLogarithmicError: (options?: LossOptions): Loss => make('meanSquaredLogarithmicError', options),
  /**
   * With `d = |target - output|`: mean over a row's outputs of `d² / 2` for `d` up to `delta`, else `delta·(d - delta / 2)`.
   * https://doi.org/10.1214/aoms/1177703732
   */
  huber: (options?: HuberOptions): Loss => make('huber', options),
  /** Mean over a row's outputs of `log(cosh(output - target))`. */
  logCosh: (options?: LossOptions): Loss => make('logCosh', options),
  /** Mean over a row's outputs of `output - target·log(output)`, for counts; outputs of 0 and more. */
  poisson: (options?: LossOptions): Loss => make('poisson', options),
  /**
   * Mean over a row's outputs of `max(1 - target·output, 0)`. Targets are -1 or 1, or 0 or 1: a row whose targets are all 0 or 1 is
   * converted to -1 and 1. Keras decides this for the whole batch, which differs only if a target of 0 occurs together with targets
   * other than 0 and 1.
   */
  hinge: (options?: LossOptions): Loss => make('hinge', options),
  /** Like `hinge`, but of `max(1 - target·output, 0)²`. */
  squaredHinge: (options?: LossOptions): Loss => make('squaredHinge', options),
  /**
   * `max(1 + largest output of another class - output of the class, 0)`, the largest at least 0; targets are one-hot
   * rows or class indices.
   */
  categoricalHinge: (options?: LossOptions): Loss => make('categoricalHinge', options),
  /** `Σ t·log(t / p)` over a row's outputs, both clipped to 1e-7 … 1; targets are distributions. */
  klDivergence: (options?: LossOptions): Loss => make('klDivergence', options),
  /**
   * `-Σ t·p / (|t|·|p|)` over a row's outputs: -1 for the same direction, 1 for the opposite one. The metric of this name has the
   * opposite sign.
   */
  cosineSimilarity: (options?: LossOptions): Loss => make('cosineSimilarity', options),
  /** `-t·log(p) - (1 - t)·log(1 - p)`, a mean over outputs; targets 0 to 1. */
  binaryCrossentropy: (options?: SmoothedCrossentropyOptions): Loss => make('binaryCrossentropy', options),
  /**
   * Binary cross-entropy times `q^gamma`, where `q` is what `p` lacks of the target: `t·(1 - p) + (1 - t)·p`.
   * https://arxiv.org/abs/1708.02002
   */
  binaryFocalCrossentropy: (options?: BinaryFocalOptions): Loss => make('binaryFocalCrossentropy', options),
  /** `-Σ t·log(p)`; targets are one-hot rows (or any distribution) or class indices. */
  categoricalCrossentropy: (options?: SmoothedCrossentropyOptions): Loss => make('categoricalCrossentropy', options),
  /**
   * `-alpha·Σ t·(1 - p)^gamma·log(p)`; targets are one-hot rows (or any distribution) or class indices.
   * https://arxiv.org/abs/1708.02002
   */
  categoricalFocalCrossentropy: (options?: CategoricalFocalOptions): Loss =>
    make('categoricalFocalCrossentropy', options),
  /**
   * `(1 - p^q) / q`, where `p` is the probability of the class, `Σ t·y`: wrong labels have less weight than in cross-entropy. Targets
   * are one-hot rows or class indices. As Keras' class of this name; https://arxiv.org/abs/1805.07836
   */
  categoricalGeneralizedCrossEntropy: (options?: GeneralizedCrossEntropyOptions): Loss =>
    make('categoricalGeneralizedCrossEntropy', options),
  /** `-log(p[class])`; targets are class indices. */
  sparseCategoricalCrossentropy: (options?: SparseCrossentropyOptions): Loss =>
    make('sparseCategoricalCrossentropy', options),
  /** Makes a custom loss, see {@link CustomLossOptions}. */
  custom: (options: CustomLossOptions): Loss => {
    const argument = 'losses.custom'
    const { name, targets, compute } = checkOptions(options, ['name', 'targets', 'compute'], argument)
    if (typeof compute !== 'function') refuse(`${argument}: compute`, 'a function', compute)
    const targetWidth = targets === undefined ? undefined : checkWidth(targets, `${argument}: targets`)
    return sealed({ ...customRow, name: checkName(name, `${argument}: name`), targetWidth, custom: compute })
  },
} as const
answerForeignNames(losses, 'losses')

guardArity(losses, 'losses')

const customRow = {
  kind: 'loss',
  options: {},
  reduction: 'sum',
  targets: rowsOnly,
  leastOutputs: 1,
  op: { name: 'dotProduct', params: [] },
} as const

const checkWidth = (value: unknown, argument: string) => checkInteger(value, argument, 1, 2 ** 24)

/** The custom loss that a file describes, as load() was given it; one that stands for it if it was not. */
export function customLossFrom(name: string, targets: unknown, given: Loss | undefined): Loss {
  const described = targets === undefined ? undefined : checkWidth(targets, `loss '${name}': targets`)
  const missing = () => refuse(`loss '${name}'`, 'the function that load was not given', undefined)
  const { custom, targetWidth = described } = given ?? { custom: missing }
  return sealed({ ...customRow, name, targetWidth, custom, ...(given ? {} : { missing: true }) })
}

/** The loss of a name or an object. Throws `ERR_UNKNOWN_NAME`, with suggestions, for an unknown name. */
export function toLoss(value: LossName | Loss, argument: string): Loss {
  if (typeof value !== 'object' || value === null) return make(lookUp(names, value, argument), undefined)
  return checkMade(value, 'loss', argument, 'a name or an object of losses.*')
}

/** Makes a loss of a name, options and a reduction, as a model file describes it. */
export function lossFrom(name: unknown, options: object, reduction: unknown, argument: string): Loss {
  const id = lookUp(names, name, argument)
  return make(id, (id === 'sumSquaredError' ? {} : { ...options, reduction }) as SmoothedCrossentropyOptions)
}
