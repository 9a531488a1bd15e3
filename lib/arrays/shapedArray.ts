/** The arrays that Neurode gives, and what they are as JSON. */

import type { NumericArray } from '../native/addon.js'

/** Numbers in lists in lists, as deep as a shape is long; of no dimension, a number. */
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
  /** Factor of every element; 1 when absent. */
  readonly scale?: number | undefined
  /** Added to every scaled element; 0 when absent. */
  readonly offset?: number | undefined
  /** The values in nested lists. Arrays that Neurode gives have it: it is what `JSON.stringify` takes. */
  readonly toJSON?: (() => NestedNumbers) | undefined
}

/** An array whose JSON is its values in nested lists. Its toJSON is no property of its own: a copy by spreading has none. */
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

/** The same with more members, such as a name. */
export function shapedArray<T extends NumericArray, More extends object>(
  data: T,
  shape: readonly number[],
  more: More,
) {
  return Object.assign(new ShapedArray(data, shape), more)
}

/** Gives a record whose typed arrays are lists in its JSON, which holds all that it holds. */
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
