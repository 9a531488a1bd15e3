/** Learning-rate schedules: those of Keras, with the same names, defaults and float32 formulas, and PyTorch's one-cycle policy. */

import type { Spelled } from '../base/names.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { sealed } from '../checks/made.js'
import {
  checkBoolean,
  checkInteger,
  checkNumber,
  checkOptions,
  checkPositive,
  lookUp,
  nameTable,
  refuse,
  refuseIdle,
} from '../checks/validate.js'

/** The value of an option of a schedule. */
export type ScheduleOption = number | boolean | string | readonly number[]

/** A learning rate that depends on the number of optimizer steps taken. */
export interface Schedule {
  readonly kind: 'schedule'
  /** Name in camelCase, such as `exponentialDecay`. */
  readonly name: string
  /** All options, with defaults filled in. */
  readonly options: Readonly<Record<string, ScheduleOption>>
  /** The learning rate of the step after `step` steps, rounded to float32. */
  readonly at: (step: number) => number
}

/** Options of {@link schedules}.exponentialDecay and inverseTimeDecay. */
export interface DecayOptions {
  /** Learning rate at step 0, at least 0. */
  readonly initialLearningRate: number
  /** Number of steps after which `decayRate` has been applied once, above 0. */
  readonly decaySteps: number
  /** Rate of the decay, above 0. */
  readonly decayRate: number
  /** Whether the rate changes only every `decaySteps` steps; default false: at every step. */
  readonly staircase?: boolean | undefined
}

/** Options of {@link schedules}.piecewiseConstantDecay. */
export interface PiecewiseConstantOptions {
  /** Steps after which the rate changes, in increasing order. */
  readonly boundaries: readonly number[]
  /** The rate up to each boundary, and the rate after the last: one more than boundaries. */
  readonly values: readonly number[]
}

/** Options of {@link schedules}.polynomialDecay. */
export interface PolynomialDecayOptions {
  /** Learning rate at step 0, at least 0. */
  readonly initialLearningRate: number
  /** Number of steps until the final rate, above 0. */
  readonly decaySteps: number
  /** The final rate, at least 0; default 0.0001. */
  readonly endLearningRate?: number | undefined
  /** Power of the polynomial; default 1, a linear decay. */
  readonly power?: number | undefined
  /** Whether to extend the decay to the next multiple of `decaySteps` beyond its end; default false: the rate stays at its final value. */
  readonly cycle?: boolean | undefined
}

/** Options of {@link schedules}.cosineDecay. */
export interface CosineDecayOptions {
  /** Learning rate at step 0, at least 0. */
  readonly initialLearningRate: number
  /** Number of steps of the decay, after the warm-up; above 0. */
  readonly decaySteps: number
  /** The final rate as a fraction of the rate at which the decay begins; default 0. */
  readonly alpha?: number | undefined
  /** The rate to which the warm-up rises linearly, and at which the decay begins; default: no warm-up. */
  readonly warmupTarget?: number | undefined
  /** Number of steps of the warm-up; default 0. */
  readonly warmupSteps?: number | undefined
}

/** Options of {@link schedules}.cosineDecayRestarts. */
export interface CosineRestartsOptions {
  /** Learning rate at step 0, at least 0. */
  readonly initialLearningRate: number
  /** Number of steps of the first period, above 0. */
  readonly firstDecaySteps: number
  /** Length of each period as a multiple of the period before, at least 1; default 2. */
  readonly tMul?: number | undefined
  /** First rate of each period as a multiple of that of the period before, at least 0; default 1. */
  readonly mMul?: number | undefined
  /** The final rate of a period as a fraction of the initial rate; default 0. */
  readonly alpha?: number | undefined
}

/** Options of {@link schedules}.oneCycle. */
export interface OneCycleOptions {
  /** The highest learning rate of the cycle, at least 0. */
  readonly maxLearningRate: number
  /** Number of steps of the whole cycle, a positive integer; after it the rate stays at its final value. */
  readonly totalSteps: number
  /** Fraction of the steps in which the rate rises, 0 to 1; default 0.3. */
  readonly pctStart?: number | undefined
  /** Whether the rate follows a cosine (`cos`, the default) or straight lines (`linear`). */
  readonly annealStrategy?: 'cos' | 'linear' | undefined
  /** The first rate is `maxLearningRate / divFactor`; default 25. */
  readonly divFactor?: number | undefined
  /** The last rate is the first divided by this; default 10,000. */
  readonly finalDivFactor?: number | undefined
}

type Checked = Readonly<Record<string, ScheduleOption>>
type Rate = (step: number) => number

const f = Math.fround
const power = (base: number, exponent: number) => f(base ** exponent)
const pi = f(Math.PI)

interface OptionRow {
  readonly default?: ScheduleOption | undefined
  /** Whether the option may be left out although it has no default. */
  readonly optional?: true | undefined
  readonly check: (value: unknown, argument: string) => ScheduleOption
}

interface ScheduleRow {
  readonly options: Readonly<Record<string, OptionRow>>
  /** Checks conditions that involve several options. */
  readonly check?: ((options: Checked, argument: string) => void) | undefined
  /** Options that have no effect without another one, which is the value. */
  readonly idle?: Readonly<Record<string, string>> | undefined
  readonly rate: (options: Checked) => Rate
}

const rate: OptionRow = { check: (value, name) => checkNumber(value, name, 0) }
const above0: OptionRow = { check: checkPositive }
const orElse = (value: ScheduleOption, row: OptionRow): OptionRow => ({ ...row, default: value })
const number: OptionRow = { check: (value, name) => checkNumber(value, name) }
const flag: OptionRow = { default: false, check: checkBoolean }
const numbers: OptionRow = {
  check: (value, name) => {
    if (!Array.isArray(value)) return refuse(name, 'a list of numbers', value)
    return Object.freeze(value.map((element: unknown, i) => checkNumber(element, `${name}[${i}]`)))
  },
}
const anneals = nameTable(['cos', 'linear'], () => [])

const table = {
  exponentialDecay: {
    options: { initialLearningRate: rate, decaySteps: above0, decayRate: above0, staircase: flag },
    rate: (options) => {
      const { initialLearningRate: initial, decayRate } = floats(options)
      const periods = periodsOf(options)
      return (step) => f(initial * power(decayRate, periods(step)))
    },
  },
  inverseTimeDecay: {
    options: { initialLearningRate: rate, decaySteps: above0, decayRate: above0, staircase: flag },
    rate: (options) => {
      const { initialLearningRate: initial, decayRate } = floats(options)
      const periods = periodsOf(options)
      return (step) => f(initial / f(1 + f(decayRate * periods(step))))
    },
  },
  piecewiseConstantDecay: {
    options: { boundaries: numbers, values: numbers },
    check: (options, argument) => {
      const boundaries = options.boundaries as readonly number[]
      const values = options.values as readonly number[]
      if (values.length !== boundaries.length + 1) {
        refuse(`${argument}: values`, `${boundaries.length + 1} rates, one more than boundaries`, values)
      }
      const wrong = boundaries.findIndex((step, i) => i > 0 && step <= (boundaries[i - 1] as number))
      if (wrong >= 0) refuse(`${argument}: boundaries[${wrong}]`, 'increasing steps', boundaries[wrong])
      const negative = values.findIndex((value) => value < 0)
      if (negative >= 0) refuse(`${argument}: values[${negative}]`, 'a rate of at least 0', values[negative])
    },
    rate: (options) => {
      const boundaries = options.boundaries as readonly number[]
      const values = (options.values as readonly number[]).map(f)
      return (step) => {
        const place = boundaries.findIndex((boundary) => step <= boundary)
        return values.at(place) as number
      }
    },
  },
  polynomialDecay: {
    options: {
      initialLearningRate: rate,
      decaySteps: above0,
      endLearningRate: orElse(0.0001, rate),
      power: orElse(1, above0),
      cycle: flag,
    },
    rate: (options) => {
      const { initialLearningRate: initial, decaySteps, endLearningRate: end, power: exponent } = floats(options)
      return (step) => {
        const cycles = options.cycle && step > 0 ? Math.ceil(f(f(step) / decaySteps)) : 1
        const share = f(f(options.cycle ? step : Math.min(step, decaySteps)) / f(decaySteps * cycles))
        return f(f(f(initial - end) * power(f(1 - share), exponent)) + end)
      }
    },
  },
  cosineDecay: {
    options: {
      initialLearningRate: rate,
      decaySteps: above0,
      alpha: orElse(0, number),
      warmupTarget: { ...rate, optional: true },
      warmupSteps: orElse(0, rate),
    },
    idle: { warmupSteps: 'warmupTarget' },
    rate: (options) => {
      const { initialLearningRate: initial, decaySteps, alpha, warmupTarget, warmupSteps } = floats(options)
      const decay = (step: number, from: number) => f(from * cosineShare(f(step / decaySteps), 1, alpha))
      if (options.warmupTarget === undefined) return (step) => decay(f(Math.min(step, decaySteps)), initial)
      const rise = f(warmupTarget - initial)
      return (step) => {
        const at = f(Math.min(step, decaySteps + warmupSteps))
        if (at < warmupSteps) return f(f(rise * f(at / warmupSteps)) + initial)
        return decay(f(at - warmupSteps), warmupTarget)
      }
    },
  },
  cosineDecayRestarts: {
    options: {
      initialLearningRate: rate,
      firstDecaySteps: above0,
      tMul: orElse(2, { check: (value, name) => checkNumber(value, name, 1) }),
      mMul: orElse(1, rate),
      alpha: orElse(0, number),
    },
    rate: (options) => {
      const { initialLearningRate: initial, firstDecaySteps, tMul, mMul, alpha } = floats(options)
      return (step) => {
        const periods = f(f(step) / firstDecaySteps)
        const { restarts, share } = tMul === 1 ? evenPeriod(periods) : growingPeriod(periods, tMul)
        return f(initial * cosineShare(share, power(mMul, restarts), alpha))
      }
    },
  },
  oneCycle: {
    options: {
      maxLearningRate: rate,
      totalSteps: { check: (value, name) => checkInteger(value, name) },
      pctStart: orElse(0.3, { check: (value, name) => checkNumber(value, name, 0, 1) }),
      annealStrategy: orElse('cos', { check: (value, name) => lookUp(anneals, value, name) }),
      divFactor: orElse(25, above0),
      finalDivFactor: orElse(1e4, above0),
    },
    rate: (options) => {
      const given = options as Checked & { readonly [K in keyof OneCycleOptions]-?: NonNullable<OneCycleOptions[K]> }
      const { maxLearningRate: top, totalSteps, pctStart, annealStrategy, divFactor, finalDivFactor } = given
      const first = top / divFactor
      const last = first / finalDivFactor
      const peak = pctStart * totalSteps - 1
      const end = totalSteps - 1
      const anneal = annealStrategy === 'cos' ? cosineBetween : lineBetween
      return (step) => {
        if (step >= end) return f(last)
        if (step < peak) return f(anneal(first, top, step / peak))
        return f(anneal(top, last, (step - Math.max(peak, 0)) / (end - Math.max(peak, 0))))
      }
    },
  },
} as const satisfies Record<string, ScheduleRow>

type ScheduleId = keyof typeof table

/** The numeric options, rounded to float32. */
function floats(options: Checked): Record<string, number> & { [K in keyof AllNumbers]: number } {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key, f(Number(value))]),
  ) as unknown as AllNumbers & Record<string, number>
}

type AllNumbers = Record<
  | keyof DecayOptions
  | keyof PolynomialDecayOptions
  | keyof CosineRestartsOptions
  | 'alpha'
  | 'warmupTarget'
  | 'warmupSteps',
  number
>

/** `step / decaySteps`, rounded down with `staircase`. */
function periodsOf(options: Checked): Rate {
  const decaySteps = f(options.decaySteps as number)
  return (step) => {
    const periods = f(f(step) / decaySteps)
    return options.staircase ? Math.floor(periods) : periods
  }
}

function cosineShare(share: number, factor: number, alpha: number): number {
  const wave = f(f(0.5 * factor) * f(1 + f(Math.cos(f(pi * share)))))
  return f(f(f(1 - alpha) * wave) + alpha)
}

function evenPeriod(periods: number) {
  const restarts = Math.floor(periods)
  return { restarts, share: f(periods - restarts) }
}

function growingPeriod(periods: number, tMul: number) {
  const ratio = f(f(Math.log(f(1 - f(periods * f(1 - tMul))))) / f(Math.log(tMul)))
  const restarts = Math.floor(ratio)
  const length = power(tMul, restarts)
  const before = f(f(1 - length) / f(1 - tMul))
  return { restarts, share: f(f(periods - before) / length) }
}

const cosineBetween = (from: number, to: number, share: number) =>
  to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share))
const lineBetween = (from: number, to: number, share: number) => from + (to - from) * share

function make(id: ScheduleId, given: object | undefined): Schedule {
  const row: ScheduleRow = table[id]
  const argument = `schedules.${id}`
  const options = checkOptions<Record<string, unknown>>(
    given as Record<string, unknown>,
    Object.keys(row.options),
    argument,
  )
  const filled: Record<string, ScheduleOption> = {}
  for (const [key, option] of Object.entries(row.options)) {
    const value = options[key] ?? option.default
    if (value === undefined && option.optional) continue
    filled[key] = option.check(value, `${argument}: ${key}`)
  }
  row.check?.(filled, argument)
  for (const [name, other] of Object.entries(row.idle ?? {})) {
    if (options[other] === undefined && options[name] !== 0) refuseIdle(options, [name], argument, `without ${other}`)
  }
  const rate = row.rate(filled)
  const at = (step: number) => rate(checkNumber(step, 'step'))
  return sealed({ kind: 'schedule', name: id, options: Object.freeze(filled), at })
}

/**
 * Learning rates that depend on the step, for the option `learningRate` of an optimizer. Steps are the batches trained so far, counted
 * from 0 over all calls of fit. All except `oneCycle` are Keras' schedules of the same names, computed in float32 as in Keras. They
 * throw `ERR_ARGUMENT` for options out of range and `ERR_UNKNOWN_NAME` for options that do not exist.
 *
 * @example
 * ```ts
 * import { layers, optimizers, schedules, sequential } from 'neurode'
 *
 * const model = sequential([layers.dense({ units: 1, inputShape: [4] })])
 * const learningRate = schedules.cosineDecay({
 *   initialLearningRate: 0,
 *   warmupTarget: 0.1,
 *   warmupSteps: 100,
 *   decaySteps: 900,
 * })
 * model.compile({ optimizer: optimizers.sgd({ learningRate }), loss: 'mse' })
 * console.log(learningRate.at(100)) // 0.1
 * ```
 */
export const schedules = {
  /** `initialLearningRate · decayRate^(step / decaySteps)` */
  exponentialDecay: (options: DecayOptions): Schedule => make('exponentialDecay', options),
  /** `initialLearningRate / (1 + decayRate · step / decaySteps)` */
  inverseTimeDecay: (options: DecayOptions): Schedule => make('inverseTimeDecay', options),
  /** `values[i]` up to and including step `boundaries[i]`. */
  piecewiseConstantDecay: (options: PiecewiseConstantOptions): Schedule => make('piecewiseConstantDecay', options),
  /** `(initial - end) · (1 - min(step, decaySteps) / decaySteps)^power + end` */
  polynomialDecay: (options: PolynomialDecayOptions): Schedule => make('polynomialDecay', options),
  /**
   * Half a cosine wave from the initial rate down to `alpha` times that rate, optionally after a warm-up.
   * https://arxiv.org/abs/1608.03983
   */
  cosineDecay: (options: CosineDecayOptions): Schedule => make('cosineDecay', options),
  /** Repeated cosine decays; each period is `tMul` times as long as the last and begins at a rate `mMul` times as high. */
  cosineDecayRestarts: (options: CosineRestartsOptions): Schedule => make('cosineDecayRestarts', options),
  /**
   * Rises to `maxLearningRate`, then falls far below the initial rate, as PyTorch's OneCycleLR does.
   * https://arxiv.org/abs/1708.07120
   */
  oneCycle: (options: OneCycleOptions): Schedule => make('oneCycle', options),
} as const
answerForeignNames(schedules, 'schedules')

guardArity(schedules, 'schedules')

/** Names of schedules. */
export type ScheduleName = Spelled<ScheduleId>

const names = nameTable(Object.keys(table) as ScheduleId[], () => [], 'schedules')

/** Makes a schedule of a name and options, as a model file describes it. */
export function scheduleFrom(name: unknown, options: object, argument: string): Schedule {
  return make(lookUp(names, name, argument), options)
}
