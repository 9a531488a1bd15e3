/** Activations, by name and with options. Names, defaults and formulas are those of Keras. */

import type { Spelled } from '../base/names.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkMade, sealed } from '../checks/made.js'
import {
  checkBoolean,
  checkNumber,
  checkOptions,
  checkPositive,
  lookUp,
  nameTable,
  withMain,
} from '../checks/validate.js'
import type { PlanOp } from '../native/plan.js'

type OptionValue = number | boolean

/** One option: its check and its default; an option without default is required. */
interface OptionRow<T extends OptionValue = OptionValue> {
  readonly default?: T | undefined
  readonly check: (value: unknown, argument: string) => T
}

interface ActivationRow {
  readonly options: Readonly<Record<string, OptionRow>>
  /** The row of the native op table for these options. */
  readonly op: (options: Readonly<Record<string, OptionValue>>) => PlanOp
  /** Whether the activation computes on whole rows, not on single values. */
  readonly wholeRow: boolean
  readonly aliases: readonly string[]
  /** The range of its outputs; unbounded by default. */
  readonly range?: Range | ((options: Readonly<Record<string, OptionValue>>) => Range) | undefined
}

/** A range of values, both ends included. */
export type Range = readonly [lowest: number, highest: number]

/** The range of what has no bounds. */
export const anyNumber: Range = [-Infinity, Infinity]
const unit: Range = [0, 1]
const signed: Range = [-1, 1]
const positives: Range = [0, Infinity]
const negatives: Range = [-Infinity, 0]

const finite = (value: number): OptionRow<number> => ({ default: value, check: (v, name) => checkNumber(v, name) })
const atLeastZero = (value: number): OptionRow<number> => ({
  default: value,
  check: (v, name) => checkNumber(v, name, 0),
})
const positive = (value: number): OptionRow<number> => ({ default: value, check: checkPositive })
const flag = (value: boolean): OptionRow<boolean> => ({ default: value, check: checkBoolean })
const required: OptionRow<number> = { check: (v, name) => checkNumber(v, name) }
const ceiling: OptionRow<number> = {
  default: Number.POSITIVE_INFINITY,
  check: (value, name) => (value === Number.POSITIVE_INFINITY ? value : checkNumber(value, name, 0)),
}

/** Adds the range of its outputs to a row. */
function within<T extends ActivationRow>(range: NonNullable<ActivationRow['range']>, row: T) {
  return { ...row, range }
}

/** An activation without options. */
function plain(name: string, ...aliases: string[]): ActivationRow {
  return { options: {}, op: () => ({ name, params: [] }), wholeRow: false, aliases }
}

/** An activation whose options are the numeric parameters of its row in the native op table, in order. */
function tuned(
  name: string,
  options: Readonly<Record<string, OptionRow<number>>>,
  ...aliases: string[]
): ActivationRow {
  const order = Object.keys(options)
  return {
    options,
    op: (given) => ({ name, params: order.map((key) => Number(given[key])) }),
    wholeRow: false,
    aliases,
  }
}

const generalRelu = tuned('generalRelu', { negativeSlope: finite(0), maxValue: ceiling, threshold: finite(0) })

const table = {
  linear: plain('linear'),
  relu: {
    ...generalRelu,
    range: ({ negativeSlope, maxValue, threshold }) => [
      negativeSlope === 0 && (Number(threshold) >= 0 || Number(maxValue) < Infinity) ? 0 : -Infinity,
      Number(maxValue),
    ],
    op: (options) => {
      const usual =
        options.negativeSlope === 0 && options.maxValue === Number.POSITIVE_INFINITY && options.threshold === 0
      return usual ? { name: 'relu', params: [] } : generalRelu.op(options)
    },
  },
  relu6: within([0, 6], plain('relu6')),
  leakyRelu: tuned('leakyRelu', { negativeSlope: finite(0.2) }),
  elu: tuned('elu', { alpha: finite(1) }),
  selu: plain('selu'),
  celu: tuned('celu', { alpha: positive(1) }),
  gelu: {
    options: { approximate: flag(false) },
    op: (options) => ({ name: options.approximate ? 'geluTanh' : 'gelu', params: [] }),
    wholeRow: false,
    aliases: [],
  },
  silu: plain('silu', 'swish'),
  mish: plain('mish'),
  sigmoid: within(unit, plain('sigmoid')),
  hardSigmoid: within(unit, plain('hardSigmoid')),
  hardSilu: plain('hardSilu', 'hardSwish'),
  logSigmoid: within(negatives, plain('logSigmoid')),
  tanh: within(signed, plain('tanh')),
  hardTanh: within(signed, plain('hardTanh')),
  tanhShrink: plain('tanhShrink'),
  softShrink: tuned('softShrink', { threshold: atLeastZero(0.5) }),
  hardShrink: tuned('hardShrink', { threshold: atLeastZero(0.5) }),
  softplus: within(positives, plain('softplus')),
  softsign: within(signed, plain('softsign')),
  squareplus: within(positives, tuned('squareplus', { b: atLeastZero(4) })),
  exponential: within(positives, plain('exponential')),
  sparsePlus: within(positives, plain('sparsePlus')),
  sparseSigmoid: within(unit, plain('sparseSigmoid')),
  threshold: tuned('threshold', { threshold: required, defaultValue: required }),
  softmax: within(unit, { ...plain('softmax'), wholeRow: true }),
  logSoftmax: within(negatives, { ...plain('logSoftmax'), wholeRow: true }),
} satisfies Record<string, ActivationRow>

type ActivationId = keyof typeof table

/**
 * Names of the activations that need no options, in camelCase or snake_case. `threshold` is not among them, as its options are
 * required: see {@link activations}.
 */
export type ActivationName = Spelled<Exclude<ActivationId, 'threshold'> | 'swish' | 'hardSwish'> | 'leakyReLU'

/** An activation with its options filled in. */
export interface Activation {
  readonly kind: 'activation'
  /** Name in camelCase, such as `leakyRelu`. */
  readonly name: string
  /** All options, with defaults filled in. */
  readonly options: Readonly<Record<string, number | boolean>>
  /** Whether it computes on whole rows (softmax), or along the last axis if rows have several dimensions. */
  readonly wholeRow: boolean
  /** The row of the native op table that computes it. */
  readonly op: PlanOp
}

const ids = Object.keys(table) as ActivationId[]
const names = nameTable(ids, (id) => table[id].aliases, 'activations')

function make(id: ActivationId, given: object | undefined): Activation {
  const row: ActivationRow = table[id]
  const argument = `activations.${id}`
  const options = checkOptions<Record<string, unknown>>(
    given as Record<string, unknown>,
    Object.keys(row.options),
    argument,
  )
  const filled: Record<string, OptionValue> = {}
  for (const [key, option] of Object.entries(row.options)) {
    const value = options[key] ?? option.default
    filled[key] = option.check(value, `${argument}: ${key}`)
  }
  return sealed({
    kind: 'activation',
    name: id,
    options: Object.freeze(filled),
    wholeRow: row.wholeRow,
    op: row.op(filled),
  })
}

/** The activation of a name or an object. Throws `ERR_UNKNOWN_NAME`, with suggestions, for an unknown name. */
export function toActivation(value: ActivationName | Activation | null | undefined, argument: string): Activation {
  if (value === undefined || value === null) return make('linear', undefined)
  if (typeof value === 'object') {
    return checkMade(value, 'activation', argument, 'a name or an object of activations.*')
  }
  return make(lookUp(names, value, argument), undefined)
}

/** Options of {@link activations}.relu. */
export interface ReluOptions {
  /** Slope below the threshold; default 0. */
  readonly negativeSlope?: number | undefined
  /** Largest output; default Infinity. */
  readonly maxValue?: number | undefined
  /** Values below this count as negative; default 0. */
  readonly threshold?: number | undefined
}

/**
 * Activations with options, for the option `activation` of a layer. An activation without required options can also be given by name.
 * For an activation with one numeric option, a number is short for the options.
 *
 * @example
 * ```ts
 * import { activations, layers } from 'neurode'
 *
 * const layer = layers.dense({ units: 8, activation: activations.leakyRelu({ negativeSlope: 0.1 }) })
 * ```
 */
export const activations = {
  /** `x` */
  linear: (): Activation => make('linear', undefined),
  /** `max(x, 0)`; with options, Keras' general form. */
  relu: (options?: ReluOptions): Activation => make('relu', options),
  /** `min(max(x, 0), 6)` */
  relu6: (): Activation => make('relu6', undefined),
  /** `x` above 0, `negativeSlope · x` below; default slope 0.2. */
  leakyRelu: (options?: number | { readonly negativeSlope?: number | undefined }): Activation =>
    make('leakyRelu', withMain(options, 'negativeSlope')),
  /** `x` above 0, `alpha · (exp(x) - 1)` below; default alpha 1. */
  elu: (options?: number | { readonly alpha?: number | undefined }): Activation =>
    make('elu', withMain(options, 'alpha')),
  /** Scaled elu, which preserves mean 0 and variance 1. https://arxiv.org/abs/1706.02515 */
  selu: (): Activation => make('selu', undefined),
  /** `max(x, 0) + min(0, alpha · (exp(x / alpha) - 1))`; default alpha 1. https://arxiv.org/abs/1704.07483 */
  celu: (options?: number | { readonly alpha?: number | undefined }): Activation =>
    make('celu', withMain(options, 'alpha')),
  /** `x · Φ(x)`, or its tanh form with `approximate: true`. https://arxiv.org/abs/1606.08415 */
  gelu: (options?: { readonly approximate?: boolean | undefined }): Activation => make('gelu', options),
  /** `x · sigmoid(x)`, also called swish. */
  silu: (): Activation => make('silu', undefined),
  /** The same as silu. */
  swish: (): Activation => make('silu', undefined),
  /** `x · tanh(softplus(x))`. https://arxiv.org/abs/1908.08681 */
  mish: (): Activation => make('mish', undefined),
  /** `1 / (1 + exp(-x))` */
  sigmoid: (): Activation => make('sigmoid', undefined),
  /** `relu6(x + 3) / 6` */
  hardSigmoid: (): Activation => make('hardSigmoid', undefined),
  /** `x · hardSigmoid(x)`, also called hardSwish. */
  hardSilu: (): Activation => make('hardSilu', undefined),
  /** The same as hardSilu. */
  hardSwish: (): Activation => make('hardSilu', undefined),
  /** `log(sigmoid(x))` */
  logSigmoid: (): Activation => make('logSigmoid', undefined),
  /** Hyperbolic tangent. */
  tanh: (): Activation => make('tanh', undefined),
  /** `x` clipped to -1 … 1. */
  hardTanh: (): Activation => make('hardTanh', undefined),
  /** `x - tanh(x)` */
  tanhShrink: (): Activation => make('tanhShrink', undefined),
  /** Moves `x` towards 0 by `threshold`, default 0.5. */
  softShrink: (options?: number | { readonly threshold?: number | undefined }): Activation =>
    make('softShrink', withMain(options, 'threshold')),
  /** 0 if `|x| <= threshold`, default 0.5; else `x`. */
  hardShrink: (options?: number | { readonly threshold?: number | undefined }): Activation =>
    make('hardShrink', withMain(options, 'threshold')),
  /** `log(1 + exp(x))` */
  softplus: (): Activation => make('softplus', undefined),
  /** `x / (1 + |x|)` */
  softsign: (): Activation => make('softsign', undefined),
  /** `(x + sqrt(x² + b)) / 2`; default b 4. https://arxiv.org/abs/2112.11687 */
  squareplus: (options?: number | { readonly b?: number | undefined }): Activation =>
    make('squareplus', withMain(options, 'b')),
  /** `exp(x)` */
  exponential: (): Activation => make('exponential', undefined),
  /** 0 up to -1, `(x + 1)² / 4` up to 1, then `x`. */
  sparsePlus: (): Activation => make('sparsePlus', undefined),
  /** 0 up to -1, `(x + 1) / 2` up to 1, then 1. */
  sparseSigmoid: (): Activation => make('sparseSigmoid', undefined),
  /** `x` above `threshold`, else `defaultValue`. */
  threshold: (options: { readonly threshold: number; readonly defaultValue: number }): Activation =>
    make('threshold', options),
  /** `exp(x) / Σ exp(x)` over the last axis of a row. */
  softmax: (): Activation => make('softmax', undefined),
  /** `log(softmax(x))` */
  logSoftmax: (): Activation => make('logSoftmax', undefined),
} as const
answerForeignNames(activations, 'activations')

guardArity(activations, 'activations')

/** The range of the outputs of an activation. */
export function activationRange({ name, options }: Activation): Range {
  const { range = anyNumber }: ActivationRow = table[name as ActivationId]
  return typeof range === 'function' ? range(options) : range
}

/** Makes an activation of a name and options, as a model file describes it. */
export function activationFrom(name: unknown, options: object, argument: string): Activation {
  return make(lookUp(names, name, argument), options)
}
