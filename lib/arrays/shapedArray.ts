/** The arrays that Neurode returns, and how they are written as JSON. */

import type { NumericArray } from '../native/addon.js'

/** Nested lists of numbers with one level per dimension; for an array without dimensions, one number. */
export type NestedNumbers = number | NestedNumbers[]

/**
 * A typed array with a shape, row-major. Each value is `element * scale + offset`, applied where the value is used:
 * images stay bytes in memory.
 */
export interface NdArray<T extends NumericArray = NumericArray> {
  /** The elements, row-major; `data.length` is the product of `shape`. */
  readonly data: T
  /** Size of each dimension, rows first. */
  readonly shape: readonly number[]
  /** Every element is multiplied by this; 1 when absent. */
  readonly scale?: number | undefined
  /** This is added to every scaled element; 0 when absent. */
  readonly offset?: number | undefined
  /** Returns the values as nested lists, for `JSON.stringify`. Arrays that Neurode returns have this method. */
  readonly toJSON?: (() => NestedNumbers) | undefined
}

/** An array that `JSON.stringify` writes as nested lists. `toJSON` is on the prototype, so a copy made by spreading lacks it. */
export class ShapedArray<T extends NumericArray = Float32Array> implements NdArray<T> {
  readonly data: T
  readonly shape: readonly number[]
  declare readonly scale?: number | undefined
  declare readonly offset?: number | undefined

  constructor(data: T, shape: readonly number[]) {
    this.data = data
    this.shape = shape
  }

  toJSON(): NestedNumbers {
    const { data, shape, scale = 1, offset = 0 } = this
    let at = 0
    const nest = (dimension: number): NestedNumbers => {
      if (dimension === shape.length) return (data[at++] as number) * scale + offset
      return Array.from({ length: shape[dimension] as number }, () => nest(dimension + 1))
    }
    return nest(0)
  }
}

/** A {@link ShapedArray} with more members, such as a name. */
export function shapedArray<T extends NumericArray, More extends object>(
  data: T,
  shape: readonly number[],
  more: More,
) {
  return Object.assign(new ShapedArray(data, shape), more)
}

/** Adds a `toJSON` to a record that writes all of its members, typed arrays as lists. */
export function withLists<T extends object>(record: T): T {
  const toJSON = () =>
    Object.fromEntries(
      Object.entries(record).map(([key, value]) => [
        key,
        ArrayBuffer.isView(value) ? [...(value as Float64Array)] : value,
      ]),
    )
  return Object.defineProperty(record, 'toJSON', { value: toJSON })
}
