/** Optimizers by name and with options. An optimizer is settings alone: its state lives with the model. */

import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkMade, remember } from '../checks/made.js'
import { checkNumber, checkOptions, lookUp, nameTable, refuse, refuseIdle, withMain } from '../checks/validate.js'
import type { PlanOp } from '../native/plan.js'
import { fillOptions, flag, needing, number, type OptionRows, type Options, share } from './options.js'
import type { Schedule } from './schedules.js'
import { checkUpdateOptions, type UpdateOptions, type UpdateSettings, updateOptionNames } from './updates.js'

/** A rate, one of {@link schedules}, or a function from the number of steps taken so far to the rate of the next step. */
export type LearningRate = number | Schedule | ((step: number) => number)

/** Options of every optimizer. */
export interface OptimizerOptions extends UpdateOptions {
  /** At least 0, a schedule, or a function of the step; the default is each optimizer's own. */
  readonly learningRate?: LearningRate | undefined
  /** The same as `learningRate`. */
  readonly lr?: LearningRate | undefined
}

/** Options of {@link optimizers}.sgd. */
export interface SgdOptions extends OptimizerOptions {
  /** 0 to 1; default 0. */
  readonly momentum?: number | undefined
  /** Nesterov's momentum; default false. */
  readonly nesterov?: boolean | undefined
}

/** Options of {@link optimizers}.adamax and {@link optimizers}.nadam. */
export interface MomentsOptions extends OptimizerOptions {
  /** Share that the average of gradients keeps per step, 0 to below 1; default 0.9. */
  readonly beta1?: number | undefined
  /** Share that the average of squared gradients (Adamax: the largest gradient) keeps, 0 to below 1; default 0.999. */
  readonly beta2?: number | undefined
  /** Added to the divisor, above 0; default 1e-7. */
  readonly epsilon?: number | undefined
}

/** Options of {@link optimizers}.adam and {@link optimizers}.adamw. */
export interface AdamOptions extends MomentsOptions {
  /** Divides by the largest average of squares so far. https://openreview.net/forum?id=ryQu7f-RZ; default false. */
  readonly amsgrad?: boolean | undefined
}

/** Options of {@link optimizers}.rmsprop. */
export interface RmspropOptions extends OptimizerOptions {
  /** Share that the average of squared gradients keeps per step, 0 to below 1; default 0.9. */
  readonly rho?: number | undefined
  /** Share of the last step that is taken again, 0 to 1; default 0. */
  readonly momentum?: number | undefined
  /** Added under the root, above 0; default 1e-7. */
  readonly epsilon?: number | undefined
  /** Divides by the variance of the gradient instead of its square's mean; default false. */
  readonly centered?: boolean | undefined
}

/** Options of {@link optimizers}.adagrad. */
export interface AdagradOptions extends OptimizerOptions {
  /** Where the sums of squared gradients start; at least 0, default 0.1. */
  readonly initialAccumulatorValue?: number | undefined
  /** Added under the root, above 0; default 1e-7. */
  readonly epsilon?: number | undefined
}

/** Options of {@link optimizers}.adadelta. */
export interface AdadeltaOptions extends OptimizerOptions {
  /** Share that both averages of squares keep per step, 0 to below 1; default 0.95. */
  readonly rho?: number | undefined
  /** Added under the roots, above 0; default 1e-7. */
  readonly epsilon?: number | undefined
}

/** Options of {@link optimizers}.lion. */
export interface LionOptions extends OptimizerOptions {
  /** Share of the average in what decides the sign, 0 to below 1; default 0.9. */
  readonly beta1?: number | undefined
  /** Share that the average of gradients keeps per step, 0 to below 1; default 0.99. */
  readonly beta2?: number | undefined
}

/** Options of {@link optimizers}.ftrl. */
export interface FtrlOptions extends OptimizerOptions {
  /** To which power of the sums of squared gradients the rate of a weight falls; at most 0, default -0.5. */
  readonly learningRatePower?: number | undefined
  /** Where the sums of squared gradients start; at least 0, default 0.1. */
  readonly initialAccumulatorValue?: number | undefined
  /** Penalty of `|w|`: weights that gradients hardly miss become exactly 0. At least 0, default 0. */
  readonly l1RegularizationStrength?: number | undefined
  /** Penalty of `w²`, which pulls towards 0 from the start; at least 0, default 0. */
  readonly l2RegularizationStrength?: number | undefined
  /** Share of `2·w` that is added to the gradient; at least 0, default 0. */
  readonly l2ShrinkageRegularizationStrength?: number | undefined
  /** Added to the roots of the sums of squares; at least 0, default 0. */
  readonly beta?: number | undefined
}

/** What every optimizer has. */
export interface Optimizer {
  readonly kind: 'optimizer'
  /** In camelCase: `sgd`. */
  readonly name: string
  /** Rate or schedule. A change holds from the next batches on, also while training. */
  learningRate: LearningRate
  /** Share of every parameter taken away per update, times the learning rate. */
  readonly weightDecay: number
  /** Clipping, accumulation and averages, as far as they were given. */
  readonly update: UpdateSettings
  /** All options, as they are now: what files keep. */
  readonly options: Readonly<Record<string, unknown>>
  /** The row of the native op table it becomes. */
  readonly op: PlanOp
}

interface OptimizerRow {
  readonly learningRate: number
  readonly weightDecay?: number | undefined
  readonly options: OptionRows
  /** The row of the op table that computes it; the same name by default. */
  readonly op?: ((options: Options) => string) | undefined
  /** The options that are numbers of that row, in its order; all by default. A share β goes as the rate 1 - β. */
  readonly numbers?: readonly string[] | undefined
}

// An epsilon that is 0 in float32 would divide 0 by 0.
const epsilon = number(1e-7, 1e-37)
const moments = { beta1: share(0.9), beta2: share(0.999), epsilon }
const adam = {
  learningRate: 0.001,
  options: { ...moments, amsgrad: flag(false) },
  op: ({ amsgrad }: Options) => (amsgrad ? 'adamAmsgrad' : 'adam'),
  numbers: ['beta1', 'beta2', 'epsilon'],
}

/** Keras' defaults. */
const table = {
  sgd: {
    learningRate: 0.01,
    options: { momentum: number(0, 0, 1), nesterov: needing('momentum', flag(false)) },
    op: ({ momentum }) => (momentum === 0 ? 'sgd' : 'momentum'),
  },
  adam,
  adamw: { ...adam, weightDecay: 0.004 },
  rmsprop: {
    learningRate: 0.001,
    options: { rho: share(0.9), momentum: number(0, 0, 1), epsilon, centered: flag(false) },
    op: ({ momentum, centered }) => `rmsprop${centered ? 'Centered' : ''}${momentum === 0 ? '' : 'Momentum'}`,
    numbers: ['rho', 'momentum', 'epsilon'],
  },
  adagrad: { learningRate: 0.001, options: { initialAccumulatorValue: number(0.1, 0), epsilon } },
  adadelta: { learningRate: 0.001, options: { rho: share(0.95), epsilon } },
  adamax: { learningRate: 0.001, options: moments },
  nadam: { learningRate: 0.001, options: moments },
  lion: { learningRate: 0.001, options: { beta1: share(0.9), beta2: share(0.99) } },
  ftrl: {
    learningRate: 0.001,
    options: {
      learningRatePower: number(-0.5, undefined, 0),
      initialAccumulatorValue: number(0.1, 0),
      l1RegularizationStrength: number(0, 0),
      l2RegularizationStrength: number(0, 0),
      l2ShrinkageRegularizationStrength: number(0, 0),
      beta: number(0, 0),
    },
  },
} as const satisfies Record<string, OptimizerRow>

const shares = ['beta1', 'beta2', 'rho']

/** The number of a row that an option becomes: in float32 a rate of 0.001 is exact where a share of 0.999 is not. */
function toNumber(key: string, options: Options): number {
  const value = Number(options[key])
  return shares.includes(key) ? 1 - value : value
}

type OptimizerId = keyof typeof table

/** An optimizer of {@link optimizers}. */
export class RowOptimizer implements Optimizer {
  readonly kind = 'optimizer'
  readonly name: string
  readonly weightDecay: number
  readonly update: UpdateSettings
  readonly op: PlanOp
  /** All options but the learning rate and the weight decay, defaults filled in. */
  protected readonly own: Options
  #learningRate: LearningRate

  constructor(name: OptimizerId, given: OptimizerOptions | undefined) {
    const id = lookUp(names, name, 'optimizer')
    const row: OptimizerRow = table[id]
    const argument = `optimizers.${id}`
    const own = Object.keys(row.options)
    const options = checkOptions(given, ['learningRate', 'lr', ...own, ...updateOptionNames], argument)
    if (options.learningRate !== undefined && options.lr !== undefined) {
      refuse(`${argument}: lr`, 'either learningRate or lr', options.lr)
    }
    const rate = options.learningRate ?? options.lr ?? row.learningRate
    const decay = options.weightDecay ?? row.weightDecay ?? 0
    this.name = id
    this.#learningRate = checkLearningRate(rate, `${argument}: learningRate`)
    this.own = fillOptions(row.options, options, argument)
    this.weightDecay = checkNumber(decay, `${argument}: weightDecay`, 0)
    this.update = checkUpdateOptions(options, argument)
    if (this.weightDecay === 0) refuseIdle(options, ['excludeFromWeightDecay'], argument, 'without weightDecay')
    const op = row.op?.(this.own) ?? id
    const numbers = op === 'sgd' ? [] : (row.numbers ?? own)
    this.op = { name: op, params: numbers.map((key) => toNumber(key, this.own)) }
    remember(this)
    if (new.target === RowOptimizer) Object.freeze(this)
  }

  /** Rate or schedule; can be set, also while training. Throws `ERR_ARGUMENT` for numbers below 0 or not finite. */
  get learningRate(): LearningRate {
    return this.#learningRate
  }

  set learningRate(value: LearningRate) {
    this.#learningRate = checkLearningRate(value, 'learningRate')
  }

  get options(): Readonly<Record<string, unknown>> {
    return { learningRate: this.learningRate, ...this.own, weightDecay: this.weightDecay, ...this.update }
  }
}

answerForeignNames(RowOptimizer.prototype, 'optimizer')

/**
 * Stochastic gradient descent, with momentum where asked:
 * `v = momentum·v - rate·g; w += v`, or with Nesterov `w += momentum·v - rate·g`.
 */
export class Sgd extends RowOptimizer {
  /** 0: none. */
  readonly momentum: number
  /** Whether momentum is Nesterov's. */
  readonly nesterov: boolean

  constructor(given?: SgdOptions) {
    super('sgd', given)
    this.momentum = Number(this.own.momentum)
    this.nesterov = Boolean(this.own.nesterov)
    if (new.target === Sgd) Object.freeze(this)
  }
}

const expectedRate = 'a rate, a function of the step or an object of schedules.*'

function checkLearningRate(value: LearningRate, argument: string): LearningRate {
  if (typeof value === 'function') return value
  if (typeof value === 'object' && value !== null) return checkMade(value, 'schedule', argument, expectedRate)
  return checkNumber(value, argument, 0)
}

/** The rate of the step after `step` steps. Throws `ERR_ARGUMENT` for what a function or schedule gives that is no rate. */
export function learningRateAt(learningRate: LearningRate, step: number): number {
  if (typeof learningRate === 'number') return learningRate
  if (typeof learningRate === 'function') return checkNumber(learningRate(step), `learningRate(${step})`, 0)
  return checkNumber(learningRate.at(step), `learningRate.at(${step})`)
}

/** The rates of the steps from `step` on: one if it is constant, else one per step. Throws for rates out of range. */
export function learningRates({ learningRate }: Optimizer, step: number, count: number): Float32Array {
  if (typeof learningRate === 'number') return Float32Array.of(learningRate)
  return Float32Array.from({ length: count }, (_, i) => learningRateAt(learningRate, step + i))
}

/**
 * Optimizers with options, for the `optimizer` of {@link Sequential.compile}. All can be given by name as well; a number alone is the
 * learning rate.
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
  /** See {@link Sgd}. Default rate 0.01. */
  sgd: (options?: number | SgdOptions): Sgd => new Sgd(withMain(options, 'learningRate')),
  /**
   * With `m` and `v` the averages of `g` and `g²`: `w -= rate·√(1 - β₂ᵗ) / (1 - β₁ᵗ)·m / (√v + epsilon)`; default rate
   * 0.001. https://arxiv.org/abs/1412.6980, section 2: epsilon is added before the bias of `v` is corrected.
   */
  adam: (options?: number | AdamOptions): RowOptimizer => new RowOptimizer('adam', withMain(options, 'learningRate')),
  /** Adam with `weightDecay` 0.004 by default. https://arxiv.org/abs/1711.05101 */
  adamw: (options?: number | AdamOptions): RowOptimizer => new RowOptimizer('adamw', withMain(options, 'learningRate')),
  /**
   * With `v` the average of `g²`: `w -= rate·g / √(v + epsilon)`; default rate 0.001. With momentum the steps add up:
   * `s = momentum·s + step; w -= s`. https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
   */
  rmsprop: (options?: number | RmspropOptions): RowOptimizer =>
    new RowOptimizer('rmsprop', withMain(options, 'learningRate')),
  /**
   * With `a` the sum of `g²`: `w -= rate·g / √(a + epsilon)`; default rate 0.001.
   * https://jmlr.org/papers/v12/duchi11a.html
   */
  adagrad: (options?: number | AdagradOptions): RowOptimizer =>
    new RowOptimizer('adagrad', withMain(options, 'learningRate')),
  /**
   * With averages of `g²` and of the squared steps `d²`: `d = g·√(average(d²) + epsilon) / √(average(g²) + epsilon);
   * w -= rate·d`; default rate 0.001, where the paper has 1. https://arxiv.org/abs/1212.5701
   */
  adadelta: (options?: number | AdadeltaOptions): RowOptimizer =>
    new RowOptimizer('adadelta', withMain(options, 'learningRate')),
  /**
   * Adam with the largest gradient for the root of squares: `u = max(β₂·u, |g|); w -= rate / (1 - β₁ᵗ)·m / (u + epsilon)`;
   * default rate 0.001. https://arxiv.org/abs/1412.6980, section 7
   */
  adamax: (options?: number | MomentsOptions): RowOptimizer =>
    new RowOptimizer('adamax', withMain(options, 'learningRate')),
  /**
   * Adam with Nesterov's momentum, `β₁·(1 - 0.96ᵗ / 2)` at step `t`; default rate 0.001.
   * https://cs229.stanford.edu/proj2015/054_report.pdf
   */
  nadam: (options?: number | MomentsOptions): RowOptimizer =>
    new RowOptimizer('nadam', withMain(options, 'learningRate')),
  /**
   * `w -= rate·sign(β₁·m + (1 - β₁)·g); m = β₂·m + (1 - β₂)·g`; default rate 0.001, best a third to a tenth of Adam's.
   * https://arxiv.org/abs/2302.06675
   */
  lion: (options?: number | LionOptions): RowOptimizer => new RowOptimizer('lion', withMain(options, 'learningRate')),
  /**
   * Follow the regularized leader, for wide and sparse linear models. With `n` the sum of `g²` and
   * `q = n^(-learningRatePower) / rate`: `z += g + 2·l2Shrinkage·w - (q - q before)·w;
   * w = (clip(z, -l1, l1) - z) / (q + beta / rate + 2·l2)`; default rate 0.001.
   * https://research.google.com/pubs/archive/41159.pdf
   *
   * As in Keras, weights are computed anew from `z` and the rate: the first step keeps little of the initial weights, and
   * when a schedule lowers the rate, weights shrink with it. A rate of 0 changes nothing.
   */
  ftrl: (options?: number | FtrlOptions): RowOptimizer => new RowOptimizer('ftrl', withMain(options, 'learningRate')),
} as const
answerForeignNames(optimizers, 'optimizers')

guardArity(optimizers, 'optimizers')

/** The optimizers by name, in any case. */
export type OptimizerName = OptimizerId | 'SGD' | 'Adam' | 'AdamW' | 'RMSprop'

const names = nameTable(Object.keys(table) as OptimizerId[], () => [], 'optimizers')

/** The optimizer that a name or object stands for; `ERR_UNKNOWN_NAME` with suggestions. */
export function toOptimizer(value: OptimizerName | Optimizer, argument: string): Optimizer {
  if (typeof value !== 'object' || value === null) return optimizers[lookUp(names, value, argument)]()
  return checkMade(value, 'optimizer', argument, 'a name or an object of optimizers.*')
}

/** The optimizer of a name and its options, as a file describes it. */
export function optimizerFrom(name: unknown, options: object, argument: string): Optimizer {
  return optimizers[lookUp(names, name, argument)](options)
}
