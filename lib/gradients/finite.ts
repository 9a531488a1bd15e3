/** Finds numbers that are not finite. */

import { native } from '../native/native.js'

/** How many of the numbers are NaN or infinite, and the index of the first. */
export function findNonFinite(numbers: Float32Array): { readonly count: number; readonly first: number } {
  const count = native().countNonFinite(numbers)
  return { count, first: count === 0 ? -1 : numbers.findIndex((number) => !Number.isFinite(number)) }
}
