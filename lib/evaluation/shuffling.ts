/** Random orders of rows and classes of rows, for splits. */

import { NeurodeError } from '../base/errors.js'
import { randomSeed } from '../base/seeds.js'
import { checkBoolean, checkSeed, describe, refuse } from '../checks/validate.js'
import { shuffledOrder } from '../data/shuffledOrder.js'
import { classesOf, type Label, readLabels } from './given.js'
import { checkRowCount } from './rows.js'

/** Orders in which things stand: random ones of a seed, each different, or as they are. */
export type Orders = (count: number) => Uint32Array

/** Reads `shuffle` and `seed`. */
export function readOrders(shuffle: unknown, seed: unknown, argument: string): Orders | undefined {
  const isShuffled = checkBoolean(shuffle, `${argument}: shuffle`)
  const checked = checkSeed(seed, `${argument}: seed`)
  if (!isShuffled) {
    return checked === undefined ? undefined : refuse(`${argument}: seed`, 'none without shuffle: true', seed)
  }
  const own = checked ?? randomSeed()
  let next = 0
  return (count) => shuffledOrder(count, own, next++)
}

/** Rows by class. */
export interface Strata {
  readonly classes: readonly Label[]
  /** The class of each row, as its index. */
  readonly of: Int32Array
  /** How many rows each class has. */
  readonly sizes: readonly number[]
}

/** Reads the classes of rows. */
export function readStrata(value: unknown, rows: number, argument: string): Strata {
  const labels = readLabels(value, argument)
  checkRowCount(labels.length, rows, argument)
  const classes = classesOf(labels)
  const places = new Map(classes.map((label, i) => [label, i]))
  const of = Int32Array.from(labels, (label) => places.get(label) as number)
  const sizes = classes.map(() => 0)
  for (const index of of) sizes[index] = (sizes[index] as number) + 1
  return { classes, of, sizes }
}

/** Divides `total` among classes in proportion to their sizes: each share is rounded so that it is off by less than one row. */
export function apportion(sizes: readonly number[], total: number): number[] {
  const all = sizes.reduce((sum, size) => sum + size, 0)
  const exact = sizes.map((size) => (size * total) / all)
  const parts = exact.map(Math.floor)
  const left = total - parts.reduce((sum, part) => sum + part, 0)
  const order = exact.map((_, i) => i).sort((a, b) => rest(exact, b) - rest(exact, a))
  for (const i of order.slice(0, left)) parts[i] = (parts[i] as number) + 1
  return parts
}

function rest(exact: readonly number[], i: number): number {
  return (exact[i] as number) % 1
}

/** Throws `ERR_ARGUMENT` for a class with too few rows. */
export function checkSizes({ classes, sizes }: Strata, least: number, argument: string): void {
  const small = sizes.findIndex((size) => size < least)
  if (small < 0) return
  const text = `${argument}: expected at least ${least} rows of each class, got ${sizes[small]} of ${describe(classes[small])}`
  throw new NeurodeError('ERR_ARGUMENT', text)
}
