/** Optimizers by name and with options. An optimizer is settings alone: its state lives with the model. */

import { NeurodeError } from '../errors.js'
import type { PlanOp } from '../native.js'
import { checkBoolean, checkNumber, checkOptions, describe, lookUp, nameTable, refuse } from '../validate.js'
import type { Schedule } from './schedules.js'

/** A rate, one of {@link schedules}, or a function from the number of steps taken so far to the rate of the next step. */
export type LearningRate = number | Schedule | ((step: number) => number)

/** Options of {@link optimizers}.sgd. */
export interface SgdOptions {
  /** At least 0, a schedule, or a function of the step; default 0.01. */
  readonly learningRate?: LearningRate
  /** The same as `learningRate`. */
  readonly lr?: LearningRate
  /** 0 to 1; default 0. */
  readonly momentum?: number
  /** Nesterov's momentum; default false. */
  readonly nesterov?: boolean
  /**
   * Share of every parameter, biases included, taken away per step, times the learning rate; at least 0, default 0.
   */
  readonly weightDecay?: number
}

/** What every optimizer has. */
export interface Optimizer {
  readonly kind: 'optimizer'
  /** In camelCase: `sgd`. */
  readonly name: string
  /** Rate or schedule. A change holds from the next batches on, also while training. */
  learningRate: LearningRate
  /** Share of every parameter taken away per step, times the learning rate. */
  readonly weightDecay: number
  /** All options, as they are now: what files keep. */
  readonly options: Readonly<Record<string, unknown>>
  /** The row of the native op table it becomes. */
  readonly op: PlanOp
}

/**
 * Stochastic gradient descent, with momentum where asked:
 * `v = momentum·v - rate·g; w += v`, or with Nesterov `w += momentum·v - rate·g`.
 */
export class Sgd implements Optimizer {
  readonly kind = 'optimizer'
  readonly name = 'sgd'
  /** 0: none. */
  readonly momentum: number
  /** Whether momentum is Nesterov's. */
  readonly nesterov: boolean
  readonly weightDecay: number
  #learningRate: LearningRate

  constructor(given?: SgdOptions) {
    const argument = 'optimizers.sgd'
    const known = ['learningRate', 'lr', 'momentum', 'nesterov', 'weightDecay']
    const options = checkOptions(given, known, argument)
    if (options.learningRate !== undefined && options.lr !== undefined) {
      refuse(`${argument}: lr`, 'either learningRate or lr', options.lr)
    }
    this.#learningRate = checkLearningRate(options.learningRate ?? options.lr ?? 0.01, `${argument}: learningRate`)
    this.momentum = checkNumber(options.momentum ?? 0, `${argument}: momentum`, 0, 1)
    this.nesterov = checkBoolean(options.nesterov ?? false, `${argument}: nesterov`)
    this.weightDecay = checkNumber(options.weightDecay ?? 0, `${argument}: weightDecay`, 0)
  }

  /** Rate or schedule; can be set, also while training. Throws `ERR_ARGUMENT` for numbers below 0 or not finite. */
  get learningRate(): LearningRate {
    return this.#learningRate
  }

  set learningRate(value: LearningRate) {
    this.#learningRate = checkLearningRate(value, 'learningRate')
  }

  get options() {
    const { learningRate, momentum, nesterov, weightDecay } = this
    return { learningRate, momentum, nesterov, weightDecay }
  }

  get op(): PlanOp {
    if (this.momentum === 0) return { name: 'sgd', params: [] }
    return { name: 'momentum', params: [this.momentum, Number(this.nesterov)] }
  }
}

function checkLearningRate(value: LearningRate, argument: string): LearningRate {
  if (typeof value === 'function') return value
  if (typeof value === 'object' && value !== null && value.kind === 'schedule') return value
  return checkNumber(value, argument, 0)
}

/** The rate of the step after `step` steps. Throws `ERR_ARGUMENT` for what a function gives that is not a rate. */
export function learningRateAt(learningRate: LearningRate, step: number): number {
  if (typeof learningRate === 'number') return learningRate
  if (typeof learningRate === 'object') return learningRate.at(step)
  const rate: unknown = learningRate(step)
  if (typeof rate === 'number' && Number.isFinite(rate) && rate >= 0) return rate
  const expected = `learningRate(${step}): expected a finite number of at least 0`
  throw new NeurodeError('ERR_ARGUMENT', `${expected}, got ${describe(rate)}`)
}

/** The rates of the steps from `step` on: one if it is constant, else one per step. Throws for rates out of range. */
export function learningRates({ learningRate }: Optimizer, step: number, count: number): Float32Array {
  if (typeof learningRate === 'number') return Float32Array.of(learningRate)
  return Float32Array.from({ length: count }, (_, i) => learningRateAt(learningRate, step + i))
}

/**
 * Optimizers with options, for the `optimizer` of {@link Sequential.compile}. All can be given by name as well.
 *
 * @example
 * ```ts
 * import { layers, optimizers, sequential } from 'neurode'
 *
 * const model = sequential([layers.dense({ units: 1, inputShape: [4] })])
 * const optimizer = optimizers.sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true })
 * model.compile({ optimizer, loss: 'mse' })
 * optimizer.learningRate = 0.01
 * ```
 */
export const optimizers = {
  /** See {@link Sgd}. */
  sgd: (options?: SgdOptions): Sgd => new Sgd(options),
} as const

type OptimizerId = keyof typeof optimizers

/** The optimizers by name. */
export type OptimizerName = OptimizerId | 'SGD'

const names = nameTable(Object.keys(optimizers) as OptimizerId[], () => [])

/** The optimizer that a name or object stands for; `ERR_UNKNOWN_NAME` with suggestions. */
export function toOptimizer(value: OptimizerName | Optimizer, argument: string): Optimizer {
  if (typeof value !== 'object' || value === null) return optimizers[lookUp(names, value, argument)]()
  return value.kind === 'optimizer' ? value : refuse(argument, 'a name or an object of optimizers.*', value)
}

/** The optimizer of a name and its options, as a file describes it. */
export function optimizerFrom(name: unknown, options: object, argument: string): Optimizer {
  return optimizers[lookUp(names, name, argument)](options)
}
