/** Splits rows into folds, each of which is tested on once. */

import { NeurodeError } from '../base/errors.js'
import { warn } from '../base/warnings.js'
import { refuseMore } from '../checks/arity.js'
import { checkInteger, checkOptions, describe, refuse } from '../checks/validate.js'
import type { LabelInput } from './given.js'
import { allRows, type RowCount, readCount } from './rows.js'
import { type Orders, readOrders, readStrata, type Strata } from './shuffling.js'
import type { Split } from './trainTest.js'

/** Options of {@link kFold}. */
export interface KFoldOptions {
  /** How many folds there are, from 2; default 5. */
  readonly folds?: number | undefined
  /** Whether rows are put into folds at random; otherwise folds are rows that follow each other. Default false. */
  readonly shuffle?: boolean | undefined
  /** Seed of the random order, with `shuffle`; the same seed gives the same folds. Default: random. */
  readonly seed?: number | undefined
  /** The class of each row: all folds get the same share of each class, to one row. Default: classes do not count. */
  readonly stratify?: LabelInput | undefined
  /** The group of each row, such as a patient: rows of a group are never in different folds. Default: rows have no groups. */
  readonly groups?: LabelInput | undefined
}

/** Options of {@link timeSeriesSplit}. */
export interface TimeSeriesOptions {
  /** How many splits there are, from 2; default 5. */
  readonly folds?: number | undefined
  /** How many rows each split tests on. Default: rows divided by one more than there are splits. */
  readonly testSize?: number | undefined
  /** How many rows between those to train on and those to test on are left out; default 0. */
  readonly gap?: number | undefined
  /** The most rows to train on, the last ones before the gap. Default: all. */
  readonly maxTrainSize?: number | undefined
}

/**
 * Splits rows into folds for cross-validation: each fold is tested on once, by a model that was trained on all others. As
 * scikit-learn's `KFold`, with `stratify` `StratifiedKFold`, with `groups` `GroupKFold`, with both `StratifiedGroupKFold`.
 *
 * @param data - How many rows there are, or any array with as many.
 * @returns For each fold, the numbers of its rows as `test` and those of all others as `train`, in ascending order. Folds of
 * rows differ by at most one row; with `groups` the largest groups come first, each into the fold with the fewest rows.
 * @throws NeurodeError `ERR_ARGUMENT` for more folds than rows or groups, or if every class has fewer rows than there are folds;
 * if some have, a warning `NEURODE_FEW_ROWS` says so. `ERR_SHAPE` if `stratify` or `groups` has another length.
 *
 * @example
 * ```ts
 * import { kFold, takeRows } from 'neurode'
 *
 * const y = [0, 0, 1, 1, 0, 1]
 * for (const { train, test } of kFold(y, { folds: 3, shuffle: true, seed: 1, stratify: y })) {
 *   console.log(takeRows(y, train), takeRows(y, test))
 * }
 * ```
 */
export function kFold(data: RowCount, given?: KFoldOptions, ...more: unknown[]): Split[] {
  refuseMore(more, 2, 'kFold')
  const options = checkOptions(given, ['folds', 'shuffle', 'seed', 'stratify', 'groups'], 'kFold')
  const rows = readCount(data, 'data')
  const folds = checkInteger(options.folds ?? 5, 'kFold: folds', 2, Math.max(2, rows))
  if (folds > rows) refuse('kFold: folds', `at most the ${rows} rows`, folds)
  const orders = readOrders(options.shuffle ?? false, options.seed, 'kFold')
  const strata = options.stratify === undefined ? undefined : readStrata(options.stratify, rows, 'kFold: stratify')
  const groups = options.groups === undefined ? undefined : readStrata(options.groups, rows, 'kFold: groups')
  if (strata) checkClasses(strata, folds)
  const foldOf = groups
    ? ofGroups(groups, strata, folds, orders)
    : strata
      ? ofClasses(strata, folds, orders)
      : inBlocks(rows, folds, orders)
  return Array.from({ length: folds }, (_, fold) => splitBy(foldOf, fold))
}

function splitBy(foldOf: Uint32Array, fold: number): Split {
  const rows = allRows(foldOf.length)
  return { train: rows.filter((row) => foldOf[row] !== fold), test: rows.filter((row) => foldOf[row] === fold) }
}

function checkClasses({ classes, sizes }: Strata, folds: number): void {
  const small = sizes.filter((size) => size < folds).length
  if (small === sizes.length) refuse('kFold: folds', 'at most as many as a class has rows', folds)
  if (small === 0) return
  const least = sizes.indexOf(Math.min(...sizes))
  const text = `kFold: class ${describe(classes[least])} has ${sizes[least]} rows, so that some of ${folds} folds have none`
  warn('NEURODE_FEW_ROWS', text)
}

/** Folds of rows that follow each other in their order; the first ones may have a row more. */
function inBlocks(rows: number, folds: number, orders: Orders | undefined): Uint32Array {
  const order = orders?.(rows) ?? allRows(rows)
  const foldOf = new Uint32Array(rows)
  const [each, more] = [Math.floor(rows / folds), rows % folds]
  let at = 0
  for (let fold = 0; fold < folds; fold++) {
    const end = at + each + Number(fold < more)
    while (at < end) foldOf[order[at++] as number] = fold
  }
  return foldOf
}

/** Rows sorted by class are dealt out to the folds one by one, which says how many rows of each class a fold gets. */
function ofClasses({ of, classes }: Strata, folds: number, orders: Orders | undefined): Uint32Array {
  const rowsOf = classes.map((): number[] => [])
  for (const [row, index] of of.entries()) rowsOf[index]?.push(row)
  // Classes are dealt out in the order of their first rows.
  const dealt = rowsOf.toSorted((a, b) => (a[0] as number) - (b[0] as number))
  const foldOf = new Uint32Array(of.length)
  let next = 0
  for (const rows of dealt) {
    const counts = new Array<number>(folds).fill(0)
    for (const _ of rows) {
      counts[next] = (counts[next] as number) + 1
      next = (next + 1) % folds
    }
    const order = orders?.(rows.length) ?? allRows(rows.length)
    let at = 0
    for (const [fold, count] of counts.entries()) {
      for (const end = at + count; at < end; at++) foldOf[rows[order[at] as number] as number] = fold
    }
  }
  return foldOf
}

/** Groups in the order of their sizes go to the fold with the fewest rows or, with classes, to where the shares stay most even. */
function ofGroups(groups: Strata, strata: Strata | undefined, folds: number, orders: Orders | undefined): Uint32Array {
  const { length } = groups.classes
  if (folds > length) refuse('kFold: folds', `at most the ${length} groups`, folds)
  const sizes = strata?.sizes ?? [groups.of.length]
  const countsOf = groups.classes.map(() => sizes.map(() => 0))
  for (const [row, group] of groups.of.entries()) {
    const counts = countsOf[group] as number[]
    const index = strata?.of[row] ?? 0
    counts[index] = (counts[index] as number) + 1
  }
  const sortKey = (group: number) => (strata ? deviation(countsOf[group] as number[]) : (groups.sizes[group] as number))
  const order = Array.from(orders?.(length) ?? allRows(length)).sort((a, b) => sortKey(b) - sortKey(a))
  const held = Array.from({ length: folds }, () => sizes.map(() => 0))
  const chosen = new Uint32Array(length)
  for (const group of order) {
    const fold = bestFold(held, countsOf[group] as number[], sizes)
    chosen[group] = fold
    held[fold] = sumOf(held[fold] as number[], countsOf[group] as number[])
  }
  return Uint32Array.from(groups.of, (group) => chosen[group] as number)
}

/** The fold to which a group is added so that the folds' shares of each class differ least; of equal ones, that with the fewest rows. */
function bestFold(held: readonly number[][], added: readonly number[], sizes: readonly number[]): number {
  let [best, least, fewest] = [0, Infinity, Infinity]
  for (const [fold, counts] of held.entries()) {
    const after = held.map((each, i) => (i === fold ? sumOf(each, added) : each))
    const spread = sizes.reduce((sum, size, i) => sum + deviation(after.map((each) => (each[i] as number) / size)), 0)
    const rows = counts.reduce((a, b) => a + b, 0)
    const isBetter = spread < least - 1e-12 || (Math.abs(spread - least) <= 1e-12 && rows < fewest)
    if (isBetter) [best, least, fewest] = [fold, spread, rows]
  }
  return best
}

function sumOf(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => value + (b[i] as number))
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

/**
 * Splits rows in the order of time: each split tests on rows that come after all it trains on, as scikit-learn's `TimeSeriesSplit`.
 *
 * @param data - How many rows there are, the oldest first, or any array with as many.
 * @returns For each split, the numbers of the rows to train on and to test on, in ascending order.
 * @throws NeurodeError `ERR_ARGUMENT` for too few rows.
 *
 * @example
 * ```ts
 * import { timeSeriesSplit } from 'neurode'
 *
 * for (const { train, test } of timeSeriesSplit(12, { folds: 3 })) console.log(train, test) // 0 to 2, then 3 to 5; …
 * ```
 */
export function timeSeriesSplit(data: RowCount, given?: TimeSeriesOptions, ...more: unknown[]): Split[] {
  refuseMore(more, 2, 'timeSeriesSplit')
  const options = checkOptions(given, ['folds', 'testSize', 'gap', 'maxTrainSize'], 'timeSeriesSplit')
  const rows = readCount(data, 'data')
  const folds = checkInteger(options.folds ?? 5, 'timeSeriesSplit: folds', 2)
  if (folds >= rows) refuse('timeSeriesSplit: folds', `fewer than the ${rows} rows`, folds)
  const testSize = checkInteger(options.testSize ?? Math.floor(rows / (folds + 1)), 'timeSeriesSplit: testSize')
  const gap = checkInteger(options.gap ?? 0, 'timeSeriesSplit: gap', 0)
  const most = checkInteger(options.maxTrainSize ?? rows, 'timeSeriesSplit: maxTrainSize')
  if (rows - gap - folds * testSize <= 0) {
    const text = `timeSeriesSplit: expected more than ${gap + folds * testSize} rows for ${folds} tests of ${testSize} and a gap of ${gap}`
    throw new NeurodeError('ERR_ARGUMENT', `${text}, got ${rows}`)
  }
  const all = allRows(rows)
  return Array.from({ length: folds }, (_, fold) => {
    const start = rows - (folds - fold) * testSize
    const end = start - gap
    return { train: all.slice(Math.max(0, end - most), end), test: all.slice(start, start + testSize) }
  })
}
