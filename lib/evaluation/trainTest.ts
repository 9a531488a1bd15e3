/** Splits rows into those to train on and those to test on. */

import { refuseMore } from '../checks/arity.js'
import { checkOptions, refuse } from '../checks/validate.js'
import type { LabelInput } from './given.js'
import { allRows, type RowCount, readCount } from './rows.js'
import { apportion, checkSizes, type Orders, readOrders, readStrata, type Strata } from './shuffling.js'

/** Options of {@link trainTestSplit}. */
export interface TrainTestOptions {
  /**
   * How many rows to test on: a share between 0 and 1, which is rounded up to whole rows, or a number of rows from 2. Default: all rows
   * that are not in `trainSize`; without it 0.25.
   */
  readonly testSize?: number | undefined
  /** How many rows to train on: a share, which is rounded down, or a number of rows from 2. Default: all other rows. */
  readonly trainSize?: number | undefined
  /** Whether rows are in random order; otherwise those to train on come first. Default true. */
  readonly shuffle?: boolean | undefined
  /** Seed of the random order; the same seed gives the same split. Default: random. */
  readonly seed?: number | undefined
  /** The class of each row: both parts get the same share of each class, to less than one row. Default: classes do not count. */
  readonly stratify?: LabelInput | undefined
}

/** Numbers of rows to train on and to test on. */
export interface Split {
  /** Numbers of the rows to train on. */
  readonly train: Uint32Array
  /** Numbers of the rows to test on. */
  readonly test: Uint32Array
}

/**
 * Splits rows at random into those to train on and those to test on, as scikit-learn's `train_test_split`. The result has numbers of
 * rows, which {@link takeRows} takes out of all arrays that belong together.
 *
 * @param data - How many rows there are, or any array with as many.
 * @returns The numbers of the rows of both parts; no row is in both.
 * @throws NeurodeError `ERR_ARGUMENT` for a part without rows, or a class with fewer than 2 rows in `stratify`; `ERR_SHAPE` if
 * `stratify` has another length.
 *
 * @example
 * ```ts
 * import { takeRows, trainTestSplit } from 'neurode'
 *
 * const x = [[0], [1], [2], [3], [4]]
 * const y = [0, 2, 4, 6, 8]
 * const { train, test } = trainTestSplit(x, { testSize: 0.2, seed: 1 })
 * const [xTrain, yTrain] = [takeRows(x, train), takeRows(y, train)]
 * const [xTest, yTest] = [takeRows(x, test), takeRows(y, test)]
 * console.log(xTrain, yTrain, xTest, yTest)
 * ```
 */
export function trainTestSplit(data: RowCount, given?: TrainTestOptions, ...more: unknown[]): Split {
  refuseMore(more, 2, 'trainTestSplit')
  const names = ['testSize', 'trainSize', 'shuffle', 'seed', 'stratify']
  const options = checkOptions(given, names, 'trainTestSplit')
  return splitOf(readCount(data, 'data'), options, { caller: 'trainTestSplit', test: 'testSize' })
}

/** What messages call the function that was called, and its option for the rows to test on. */
interface CallerNames {
  readonly caller: string
  readonly test: string
}

/** Splits as {@link trainTestSplit} does, for functions that have options of other names. */
export function splitOf(rows: number, options: TrainTestOptions, names: CallerNames): Split {
  const sizes = readSizes(options, rows, names)
  const orders = readOrders(options.shuffle ?? true, options.seed, names.caller)
  if (options.stratify === undefined) {
    const order = orders?.(rows) ?? allRows(rows)
    const { train, test } = sizes
    return orders
      ? { test: order.slice(0, test), train: order.slice(test, test + train) }
      : { train: order.slice(0, train), test: order.slice(train, train + test) }
  }
  const argument = `${names.caller}: stratify`
  if (orders === undefined) return refuse(argument, 'none without shuffle', options.stratify)
  return stratified(readStrata(options.stratify, rows, argument), sizes, orders, names)
}

interface Sizes {
  readonly train: number
  readonly test: number
}

function readSizes({ testSize, trainSize }: TrainTestOptions, rows: number, names: CallerNames): Sizes {
  const argument = `${names.caller}: ${names.test}`
  const given = {
    test: readSize(testSize, rows, Math.ceil, argument),
    train: readSize(trainSize, rows, Math.floor, `${names.caller}: trainSize`),
  }
  const test = given.test ?? (given.train === undefined ? Math.ceil(rows / 4) : rows - given.train)
  const train = given.train ?? rows - test
  if (test + train > rows) {
    refuse(`${names.caller}: trainSize`, `at most ${rows - test} rows beside the ${test} of ${names.test}`, train)
  }
  if (test < 1) refuse(argument, 'at least one row to test on', test)
  if (train < 1) refuse(argument, `fewer than all ${rows} rows, so that some are to train on`, test)
  return { train, test }
}

function readSize(
  value: unknown,
  rows: number,
  round: (count: number) => number,
  argument: string,
): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number' && value > 0 && value < 1) return round(value * rows)
  if (Number.isInteger(value) && (value as number) >= 2) return value as number
  // The number 1 could mean one row as well as all of them.
  return refuse(argument, 'a share between 0 and 1, or a number of rows from 2', value)
}

function stratified(strata: Strata, sizes: Sizes, orders: Orders, names: CallerNames): Split {
  checkSizes(strata, 2, `${names.caller}: stratify`)
  const { length } = strata.classes
  for (const part of ['train', 'test'] as const) {
    if (sizes[part] >= length) continue
    const name = part === 'test' ? names.test : 'trainSize'
    refuse(`${names.caller}: ${name}`, `a row for each of ${length} classes`, sizes[part])
  }
  const test = apportion(strata.sizes, sizes.test)
  const rest = strata.sizes.map((size, i) => size - (test[i] as number))
  const train = apportion(rest, sizes.train)
  const parts = { train: [] as number[], test: [] as number[] }
  for (const row of orders(strata.of.length)) {
    const index = strata.of[row] as number
    if (test[index] !== 0) {
      test[index] = (test[index] as number) - 1
      parts.test.push(row)
    } else if (train[index] !== 0) {
      train[index] = (train[index] as number) - 1
      parts.train.push(row)
    }
  }
  return { train: Uint32Array.from(parts.train), test: Uint32Array.from(parts.test) }
}
