/** Models of tables: from rows of columns to answers in the user's words. */

import { randomSeed } from '../base/seeds.js'
import { refuseMore } from '../checks/arity.js'
import {
  checkBoolean,
  checkInteger,
  checkName,
  checkNumber,
  checkOptions,
  checkSeed,
  refuse,
  refuseIdle,
} from '../checks/validate.js'
import type { DeviceName } from '../core/devices.js'
import { type DataParallel, toDataParallel } from '../distribution/dataParallel.js'
import type { Activation, ActivationName } from '../layers/activations.js'
import type { Optimizer, OptimizerName } from '../training/optimizers.js'
import { type FeatureSpace, setOf } from './featureSpace.js'
import { TableNetwork } from './tableNetwork.js'
import type { TabularModel } from './types.js'

/** Options of {@link tabular}. */
export interface TabularOptions {
  /** The name of the column to predict. */
  readonly target: string
  /** What becomes of the columns, see {@link featureSpace}. Default: guessed from the table of the first fit. */
  readonly features?: FeatureSpace | undefined
  /** Whether classes or numbers are predicted. Default: numbers, except for texts, booleans and up to 10 whole numbers. */
  readonly task?: 'classification' | 'regression' | undefined
  /** Units of the hidden layers, in order; default [64, 32]. With an empty list the model is linear. */
  readonly hidden?: readonly number[] | undefined
  /** The activation of the hidden layers; default `relu`. */
  readonly activation?: ActivationName | Activation | undefined
  /** Share of the hidden units that are dropped at random in training, from 0 and below 1; default 0. */
  readonly dropout?: number | undefined
  /** Name or object of the optimizer; default AdamW with a learning rate of 0.003 and a weight decay of 0.1. */
  readonly optimizer?: OptimizerName | Optimizer | undefined
  /**
   * Whether the logarithm of the target is learned, `sign(y) · ln(1 + |y|)`. Default: where all numbers are above 0 and the largest is
   * more than 5 times the median, as with prices and incomes.
   */
  readonly logTarget?: boolean | undefined
  /** Whether a gap in a number becomes the median; otherwise it stays NaN, as do the answers. Default true. */
  readonly fillGaps?: boolean | undefined
  /** Whether the network is told, for every column of numbers with gaps in training, which cells were gaps. Default true. */
  readonly markGaps?: boolean | undefined
  /** Seed of initial weights, of the order of rows and of what is kept for validation. Default: random. */
  readonly seed?: number | undefined
  /** The device to run on; default `auto`. */
  readonly device?: DeviceName | undefined
  /** Number of CPU threads, a positive integer. */
  readonly threads?: number | undefined
  /** How batches are divided into parts: {@link distribution.dataParallel}. Default: a batch is computed as a whole. */
  readonly distribution?: DataParallel | undefined
}

const optionNames = [
  'target',
  'features',
  'task',
  'hidden',
  'activation',
  'dropout',
  'optimizer',
  'logTarget',
  'fillGaps',
  'markGaps',
  'seed',
  'device',
  'threads',
  'distribution',
]

/**
 * Makes a model of a table: a network of dense layers, with all that lies between it and the words of its user. Its columns are those
 * of `features`, or are guessed from the table that it is first trained on.
 *
 * Numbers, dates and booleans are scaled to mean 0 and variance 1; their gaps become the median, and a number more says that there was
 * one. Words of a column are one-hot, or vectors where there are more than 64. A target of numbers is standardized. Words that no row
 * of the training had contribute nothing.
 *
 * @throws NeurodeError `ERR_ARGUMENT` and `ERR_UNKNOWN_NAME` for wrong options.
 *
 * @example
 * ```ts
 * import { table, tabular } from 'neurode'
 *
 * const rows = Array.from({ length: 100 }, (_, i) => ({ size: i, kind: i % 2 ? 'flat' : 'house', price: 3 * i + 7 }))
 * const net = tabular({ target: 'price', seed: 1 })
 * await net.fit(table(rows), { epochs: 20, verbose: 0 })
 * console.log(await net.predict({ size: 50, kind: 'flat' })) // { price: … }
 * ```
 */
export function tabular(given: TabularOptions, ...more: unknown[]): TabularModel {
  refuseMore(more, 1, 'tabular')
  const options = checkOptions(given, optionNames, 'tabular')
  const { features, task, hidden = [64, 32], dropout = 0 } = options
  if (task !== undefined && task !== 'classification' && task !== 'regression') {
    refuse('tabular: task', "'classification' or 'regression'", task)
  }
  if (!Array.isArray(hidden)) refuse('tabular: hidden', 'a list of positive integers', hidden)
  if (hidden.length === 0) refuseIdle(options, ['activation', 'dropout'], 'tabular', 'without hidden layers')
  if (task === 'classification') refuseIdle(options, ['logTarget'], 'tabular', 'for classes')
  if (features !== undefined && setOf(features).names.includes(options.target)) {
    refuse('tabular: features', 'features without the target, which would tell all', options.target)
  }
  checkNumber(dropout, 'tabular: dropout', 0, 1)
  if (dropout === 1) refuse('tabular: dropout', 'a share below 1', dropout)
  return new TableNetwork({
    target: checkName(options.target, 'tabular: target'),
    features,
    task,
    hidden: Object.freeze(Array.from(hidden, (units, i) => checkInteger(units, `tabular: hidden[${i}]`))),
    activation: options.activation ?? 'relu',
    dropout,
    optimizer: options.optimizer,
    logTarget: options.logTarget === undefined ? undefined : checkBoolean(options.logTarget, 'tabular: logTarget'),
    fillGaps: checkBoolean(options.fillGaps ?? true, 'tabular: fillGaps'),
    markGaps: checkBoolean(options.markGaps ?? true, 'tabular: markGaps'),
    seed: checkSeed(options.seed, 'tabular: seed') ?? randomSeed(),
    device: options.device,
    threads: options.threads,
    distribution: toDataParallel(options.distribution, 'tabular: distribution'),
  })
}
