/** Optimizers, by name and with options. An optimizer object holds settings only; the model holds its state. */

import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkMade, remember } from '../checks/made.js'
import { checkNumber, checkOptions, lookUp, nameTable, refuse, refuseIdle, withMain } from '../checks/validate.js'
import type { PlanOp } from '../native/plan.js'
import { fillOptions, flag, needing, number, type OptionRows, type Options, share } from './options.js'
import type { Schedule } from './schedules.js'
import {
  checkUpdateOptions,
  refuseOfUpdates,
  type UpdateOptions,
  type UpdateSettings,
  updateOptionNames,
} from './updates.js'

/** A number, one of {@link schedules}, or a function from the number of steps taken so far to the learning rate of the next step. */
export type LearningRate = number | Schedule | ((step: number) => number)

/** Options of every optimizer. */
export interface OptimizerOptions extends UpdateOptions {
  /** A number of at least 0, a schedule, or a function of the step; each optimizer has its own default. */
  readonly learningRate?: LearningRate | undefined
  /** The same as `learningRate`. */
  readonly lr?: LearningRate | undefined
}

/** Options of {@link optimizers}.sgd. */
export interface SgdOptions extends OptimizerOptions {
  /** Momentum, 0 to 1; default 0. */
  readonly momentum?: number | undefined
  /** Whether the momentum is Nesterov's; default false. */
  readonly nesterov?: boolean | undefined
}

/** Options of {@link optimizers}.adamax and {@link optimizers}.nadam. */
export interface MomentsOptions extends OptimizerOptions {
  /** Decay rate per step of the average of gradients, at least 0 and below 1; default 0.9. */
  readonly beta1?: number | undefined
  /** Decay rate per step of the average of squared gradients (Adamax: of the largest gradient), at least 0 and below 1; default 0.999. */
  readonly beta2?: number | undefined
  /** Added to the divisor, above 0; default 1e-7. */
  readonly epsilon?: number | undefined
}

/** Options of {@link optimizers}.adam and {@link optimizers}.adamw. */
export interface AdamOptions extends MomentsOptions {
  /** Whether to divide by the largest average of squares so far; default false. https://openreview.net/forum?id=ryQu7f-RZ */
  readonly amsgrad?: boolean | undefined
}

/** Options of {@link optimizers}.lazyAdam. */
export interface LazyAdamOptions extends Pick<MomentsOptions, 'learningRate' | 'lr' | 'beta1' | 'beta2' | 'epsilon'> {}

/** Options of {@link optimizers}.rmsprop. */
export interface RmspropOptions extends OptimizerOptions {
  /** Decay rate per step of the average of squared gradients, at least 0 and below 1; default 0.9. */
  readonly rho?: number | undefined
  /** Fraction of the last step that is added to the next, 0 to 1; default 0. */
  readonly momentum?: number | undefined
  /** Added under the root, above 0; default 1e-7. */
  readonly epsilon?: number | undefined
  /** Whether to divide by the variance of the gradient instead of the mean of its square; default false. */
  readonly centered?: boolean | undefined
}

/** Options of {@link optimizers}.adagrad. */
export interface AdagradOptions extends OptimizerOptions {
  /** Initial value of the sums of squared gradients; at least 0, default 0.1. */
  readonly initialAccumulatorValue?: number | undefined
  /** Added under the root, above 0; default 1e-7. */
  readonly epsilon?: number | undefined
}

/** Options of {@link optimizers}.adadelta. */
export interface AdadeltaOptions extends OptimizerOptions {
  /** Decay rate per step of both averages of squares, at least 0 and below 1; default 0.95. */
  readonly rho?: number | undefined
  /** Added under the roots, above 0; default 1e-7. */
  readonly epsilon?: number | undefined
  /** Whether to divide by the average of squared gradients of before the step, as TensorFlow.js does; default false. */
  readonly previousAverage?: boolean | undefined
}

/** Options of {@link optimizers}.lion. */
export interface LionOptions extends OptimizerOptions {
  /** Fraction of the average of gradients in the value whose sign is the step, at least 0 and below 1; default 0.9. */
  readonly beta1?: number | undefined
  /** Decay rate per step of the average of gradients, at least 0 and below 1; default 0.99. */
  readonly beta2?: number | undefined
}

/** Options of {@link optimizers}.ftrl. */
export interface FtrlOptions extends OptimizerOptions {
  /** Power of the sum of squared gradients that a weight's learning rate is proportional to; at most 0, default -0.5. */
  readonly learningRatePower?: number | undefined
  /** Initial value of the sums of squared gradients; at least 0, default 0.1. */
  readonly initialAccumulatorValue?: number | undefined
  /** Factor of an L1 penalty, which makes unimportant weights exactly 0; at least 0, default 0. */
  readonly l1RegularizationStrength?: number | undefined
  /** Factor of an L2 penalty on weights; at least 0, default 0. */
  readonly l2RegularizationStrength?: number | undefined
  /** Factor of `2·w`, which is added to the gradient; at least 0, default 0. */
  readonly l2ShrinkageRegularizationStrength?: number | undefined
  /** Added to the roots of the sums of squares; at least 0, default 0. */
  readonly beta?: number | undefined
}

/** An optimizer with its options filled in. */
export interface Optimizer {
  readonly kind: 'optimizer'
  /** Name in camelCase, such as `sgd`. */
  readonly name: string
  /** The learning rate. It can be set, also during training; the change applies from the next batches on. */
  learningRate: LearningRate
  /** Fraction of every parameter that is subtracted per update, times the learning rate. */
  readonly weightDecay: number
  /** The options for clipping, accumulation and averaging that were given. */
  readonly update: UpdateSettings
  /** All current options; model files contain them. */
  readonly options: Readonly<Record<string, unknown>>
  /** The row of the native op table that computes it. */
  readonly op: PlanOp
  /** Whether steps change only those vectors of embeddings that their batch names. */
  readonly lazy?: boolean | undefined
}

interface OptimizerRow {
  /** Whether steps change only those vectors of embeddings that their batch names; it has no options of all updates. */
  readonly lazy?: boolean | undefined
  readonly learningRate: number
  readonly weightDecay?: number | undefined
  readonly options: OptionRows
  /** Name of the row in the native op table; by default that of the optimizer. */
  readonly op?: ((options: Options) => string) | undefined
  /** The options that are numeric parameters of that row, in its order; all by default. A decay rate β is passed as 1 - β. */
  readonly numbers?: readonly string[] | undefined
}

// The lower bound keeps epsilon above 0 in float32; otherwise 0 would be divided by 0.
const epsilon = number(1e-7, 1e-37)
const moments = { beta1: share(0.9), beta2: share(0.999), epsilon }
const adam = {
  learningRate: 0.001,
  options: { ...moments, amsgrad: flag(false) },
  op: ({ amsgrad }: Options) => (amsgrad ? 'adamAmsgrad' : 'adam'),
  numbers: ['beta1', 'beta2', 'epsilon'],
}

/** The optimizers, with Keras' defaults. */
const table = {
  sgd: {
    learningRate: 0.01,
    options: { momentum: number(0, 0, 1), nesterov: needing('momentum', flag(false)) },
    op: ({ momentum }) => (momentum === 0 ? 'sgd' : 'momentum'),
  },
  adam,
  adamw: { ...adam, weightDecay: 0.004 },
  lazyAdam: { learningRate: 0.001, options: moments, op: () => 'adam', lazy: true },
  rmsprop: {
    learningRate: 0.001,
    options: { rho: share(0.9), momentum: number(0, 0, 1), epsilon, centered: flag(false) },
    op: ({ momentum, centered }) => `rmsprop${centered ? 'Centered' : ''}${momentum === 0 ? '' : 'Momentum'}`,
    numbers: ['rho', 'momentum', 'epsilon'],
  },
  adagrad: { learningRate: 0.001, options: { initialAccumulatorValue: number(0.1, 0), epsilon } },
  adadelta: {
    learningRate: 0.001,
    options: { rho: share(0.95), epsilon, previousAverage: flag(false) },
    op: ({ previousAverage }) => (previousAverage ? 'adadeltaPrevious' : 'adadelta'),
    numbers: ['rho', 'epsilon'],
  },
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

/** The numeric parameter of an option. A decay rate is passed as 1 - β, as float32 holds 0.001 more precisely than 0.999. */
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
  readonly lazy: boolean
  /** All options except learning rate and weight decay, with defaults filled in. */
  protected readonly own: Options
  #learningRate: LearningRate

  constructor(name: OptimizerId, given: OptimizerOptions | undefined) {
    const id = lookUp(names, name, 'optimizer')
    const row: OptimizerRow = table[id]
    const argument = `optimizers.${id}`
    const own = Object.keys(row.options)
    const ofUpdates = row.lazy === true ? refuseOfUpdates(given, argument) : updateOptionNames
    const options = checkOptions(given, ['learningRate', 'lr', ...own, ...ofUpdates], argument)
    if (options.learningRate !== undefined && options.lr !== undefined) {
      refuse(`${argument}: lr`, 'either learningRate or lr', options.lr)
    }
    const rate = options.learningRate ?? options.lr ?? row.learningRate
    const decay = options.weightDecay ?? row.weightDecay ?? 0
    this.name = id
    this.lazy = row.lazy ?? false
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

  /** The learning rate; it can be set, also during training. Throws `ERR_ARGUMENT` for numbers that are negative or not finite. */
  get learningRate(): LearningRate {
    return this.#learningRate
  }

  set learningRate(value: LearningRate) {
    this.#learningRate = checkLearningRate(value, 'learningRate')
  }

  get options(): Readonly<Record<string, unknown>> {
    const decay = this.lazy ? {} : { weightDecay: this.weightDecay }
    return { learningRate: this.learningRate, ...this.own, ...decay, ...this.update }
  }
}

answerForeignNames(RowOptimizer.prototype, 'optimizer')

/**
 * Stochastic gradient descent, optionally with momentum: `v = momentum·v - rate·g; w += v`, or with Nesterov's momentum
 * `w += momentum·v - rate·g`.
 */
export class Sgd extends RowOptimizer {
  /** Momentum; 0 for none. */
  readonly momentum: number
  /** Whether the momentum is Nesterov's. */
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

/** The learning rate of the step after `step` steps. Throws `ERR_ARGUMENT` if a function or schedule returns no valid rate. */
export function learningRateAt(learningRate: LearningRate, step: number): number {
  if (typeof learningRate === 'number') return learningRate
  if (typeof learningRate === 'function') return checkNumber(learningRate(step), `learningRate(${step})`, 0)
  return checkNumber(learningRate.at(step), `learningRate.at(${step})`)
}

/** The learning rates of `count` steps, beginning with `step`: one number if constant, else one per step. Throws for invalid rates. */
export function learningRates({ learningRate }: Optimizer, step: number, count: number): Float32Array {
  if (typeof learningRate === 'number') return Float32Array.of(learningRate)
  return Float32Array.from({ length: count }, (_, i) => learningRateAt(learningRate, step + i))
}

/**
 * Optimizers with options, for the option `optimizer` of {@link Sequential.compile}. All can be given by name as well; a number is short
 * for the option `learningRate`.
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
   * Adam for large tables, as PyTorch's `SparseAdam`: a step changes only those vectors of embeddings, and their averages, that its
   * batch names, so that it takes as long as its batch is large. `t` counts all steps. Other parameters are changed as by Adam.
   *
   * It takes no decay, clipping, accumulation or averages. Where an embedding has a regularizer or a constraint, building its model
   * throws `ERR_ARGUMENT`, which names the layer; so does `applyGradients` for any embedding.
   *
   * @example
   * ```ts
   * import { layers, optimizers, sequential } from 'neurode'
   *
   * const words = layers.embeddingBag({ inputDim: 100_000, outputDim: 8, inputShape: [20] })
   * const model = sequential([words, layers.dense({ units: 1 })])
   * model.compile({ optimizer: optimizers.lazyAdam({ learningRate: 0.01 }), loss: 'mse' })
   * ```
   */
  lazyAdam: (options?: number | LazyAdamOptions): RowOptimizer =>
    new RowOptimizer('lazyAdam', withMain(options, 'learningRate')),
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
   * Adam with the largest gradient instead of the root mean square: `u = max(β₂·u, |g|); w -= rate / (1 - β₁ᵗ)·m / (u + epsilon)`;
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
   * `w -= rate·sign(β₁·m + (1 - β₁)·g); m = β₂·m + (1 - β₂)·g`; default rate 0.001. A third to a tenth of Adam's rate works best.
   * https://arxiv.org/abs/2302.06675
   */
  lion: (options?: number | LionOptions): RowOptimizer => new RowOptimizer('lion', withMain(options, 'learningRate')),
  /**
   * Follow the regularized leader, for wide and sparse linear models. With `n` the sum of `g²` and
   * `q = n^(-learningRatePower) / rate`: `z += g + 2·l2Shrinkage·w - (q - q before)·w;
   * w = (clip(z, -l1, l1) - z) / (q + beta / rate + 2·l2)`; default rate 0.001.
   * https://research.google.com/pubs/archive/41159.pdf
   *
   * As in Keras, each step computes the weights from `z` and the rate alone. The first step therefore discards most of the initial
   * weights, and when a schedule lowers the rate, the weights shrink. A rate of 0 changes nothing.
   */
  ftrl: (options?: number | FtrlOptions): RowOptimizer => new RowOptimizer('ftrl', withMain(options, 'learningRate')),
} as const
answerForeignNames(optimizers, 'optimizers')

guardArity(optimizers, 'optimizers')

/** Names of optimizers. */
export type OptimizerName = OptimizerId | 'SGD' | 'Adam' | 'AdamW' | 'LazyAdam' | 'RMSprop'

const names = nameTable(Object.keys(table) as OptimizerId[], () => [], 'optimizers')

/** The optimizer of a name or an object. Throws `ERR_UNKNOWN_NAME`, with suggestions, for an unknown name. */
export function toOptimizer(value: OptimizerName | Optimizer, argument: string): Optimizer {
  if (typeof value !== 'object' || value === null) return optimizers[lookUp(names, value, argument)]()
  return checkMade(value, 'optimizer', argument, 'a name or an object of optimizers.*')
}

/** Makes an optimizer of a name and options, as a model file describes it. */
export function optimizerFrom(name: unknown, options: object, argument: string): Optimizer {
  return optimizers[lookUp(names, name, argument)](options)
}
