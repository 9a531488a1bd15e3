/** Rows of which most values are 0, in compressed form. */

import { elementCount, type NdArray } from '../arrays/arrays.js'
import { shapedArray } from '../arrays/shapedArray.js'

/**
 * Rows of which most values are 0, in compressed form (CSR): only values other than 0 are there, by rising columns. Those of row `r` are
 * at `rowOffsets[r]` to `rowOffsets[r + 1]` of `columns` and `values`. All dimensions but the last are rows.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const lookup = layers.stringLookup({ vocabulary: ['a', 'b'], outputMode: 'multiHot', sparse: true })
 * const { rowOffsets, columns, shape } = lookup.call([['a', 'b'], ['b', 'b']])
 * console.log(rowOffsets, columns, shape) // 0, 2, 3 and 1, 2, 2 and [2, 3]
 * ```
 */
export class SparseArray {
  /** Where each row begins, and behind the last one where it ends: one more than there are rows. */
  readonly rowOffsets: Int32Array
  /** The column of each value. */
  readonly columns: Int32Array
  /** The values other than 0. */
  readonly values: Float32Array
  /** The shape of the whole; the last dimension is the number of columns. */
  readonly shape: readonly number[]

  /** @internal */
  constructor(rowOffsets: Int32Array, columns: Int32Array, values: Float32Array, shape: readonly number[]) {
    this.rowOffsets = rowOffsets
    this.columns = columns
    this.values = values
    this.shape = Object.freeze([...shape])
    Object.freeze(this)
  }

  /** The same values with all zeros. */
  toDense(): NdArray<Float32Array> {
    const data = new Float32Array(elementCount(this.shape))
    const width = this.shape.at(-1) as number
    for (let row = 0; row + 1 < this.rowOffsets.length; row++) {
      for (let i = this.rowOffsets[row] as number; i < (this.rowOffsets[row + 1] as number); i++) {
        data[row * width + (this.columns[i] as number)] = this.values[i] as number
      }
    }
    return Object.freeze(shapedArray(data, this.shape, {}))
  }

  /** Shape, offsets, columns and values as lists. */
  toJSON(): object {
    const { shape, rowOffsets, columns, values } = this
    return { shape, rowOffsets: [...rowOffsets], columns: [...columns], values: [...values] }
  }
}
