/** Turns indices of categories into vectors: one-hot, multi-hot, counts, and counts by weights. */

import { elementCount, formatShape, type NdArray } from '../arrays/arrays.js'
import { shapedArray } from '../arrays/shapedArray.js'
import { NeurodeError } from '../base/errors.js'
import type { Spelled } from '../base/names.js'
import { checkBoolean, lookUp, nameTable, refuse } from '../checks/validate.js'
import type { Indices } from './given.js'
import { SparseArray } from './sparseArray.js'

/** How indices are given: as they are, or as vectors. */
export type EncodingMode = 'int' | 'oneHot' | 'multiHot' | 'count' | 'tfIdf'

/** The modes of layers without statistics of words. */
export type CategoryMode = Exclude<EncodingMode, 'tfIdf'>

/** Options of all layers that give indices of categories. */
export interface EncodingOptions<Mode extends EncodingMode> {
  /**
   * `int` (default): the index of each value. `oneHot`: a vector for each value, with 1 at its index; a last dimension of 1 is dropped.
   * `multiHot`, `count` and `tfIdf`: one vector for the values along the last dimension, with 1 for each index that occurs, its count,
   * or its count times its weight.
   */
  readonly outputMode?: Spelled<Mode> | undefined
  /** Whether vectors are given as a {@link SparseArray}; default false. */
  readonly sparse?: boolean | undefined
}

/** Checks outputMode and sparse. */
export function checkEncoding<Mode extends EncodingMode>(
  { outputMode, sparse }: EncodingOptions<Mode>,
  modes: readonly Mode[],
  argument: string,
): { readonly outputMode: Mode; readonly sparse: boolean } {
  const mode = lookUp(
    nameTable(modes, () => []),
    outputMode ?? 'int',
    `${argument}: outputMode`,
  )
  const isSparse = checkBoolean(sparse ?? false, `${argument}: sparse`)
  if (isSparse && mode === 'int') refuse(`${argument}: sparse`, "false where outputMode is 'int'", sparse)
  return { outputMode: mode, sparse: isSparse }
}

export interface Encoding {
  readonly outputMode: EncodingMode
  readonly sparse: boolean
  /** Number of categories. */
  readonly depth: number
  /** For `tfIdf`, the weight of each category. */
  readonly weights?: ArrayLike<number> | undefined
  /** For `count`, what each value counts; 1 if not given. */
  readonly countWeights?: ArrayLike<number> | undefined
}

/** The most values of a dense result: 4 GiB. */
const mostValues = 2 ** 30

/** An array of integers, as layers return it. */
export function integers({ values, shape }: Indices): NdArray<Int32Array | Float64Array> {
  return Object.freeze(shapedArray(values, Object.freeze([...shape]), {}))
}

/** Indices in rows of unequal length: row `r` is at `offsets[r]` to `offsets[r + 1]` of `values`. */
export interface IndexRows {
  readonly values: ArrayLike<number>
  readonly offsets: ArrayLike<number>
  /** The shape of the result, with a vector for each row. */
  readonly shape: readonly number[]
}

/** Encodes indices from 0 to `depth - 1`; those below 0 are left out. */
export function encode(indices: Indices, encoding: Encoding): NdArray | SparseArray {
  const { outputMode, depth } = encoding
  if (outputMode === 'int') return integers(indices)
  const { width, shape } = groups(indices.shape, outputMode === 'oneHot', depth)
  const offsets = Float64Array.from({ length: indices.values.length / width + 1 }, (_, row) => row * width)
  return encodeRows({ values: indices.values, offsets, shape }, encoding)
}

/** Makes a vector of the indices of each row. */
export function encodeRows(rows: IndexRows, encoding: Encoding): NdArray | SparseArray {
  return encoding.sparse ? compressed(rows, encoding) : dense(rows, encoding)
}

/** The number of values of a dense result. Throws `ERR_SHAPE` if there are too many. */
export function checkSize(shape: readonly number[], remedy: string): number {
  const count = elementCount(shape)
  if (count <= mostValues) return count
  const text = `expected at most 2^30 values, got shape ${formatShape(shape)}`
  throw new NeurodeError('ERR_SHAPE', `result: ${text}; call it on fewer rows, or give ${remedy}`)
}

/** Zeros. Throws `ERR_OUT_OF_MEMORY` if there is no room for them. */
function allocated(count: number): Float32Array {
  try {
    return new Float32Array(count)
  } catch (error) {
    const text = `result: no memory for ${count} values; call it on fewer rows, or give sparse: true`
    throw new NeurodeError('ERR_OUT_OF_MEMORY', text, { cause: error })
  }
}

/** How many indices make a vector, and the shape of the result. */
function groups(shape: readonly number[], isEach: boolean, depth: number) {
  const last = shape.at(-1) ?? 1
  if (!isEach) return { width: last, shape: [...shape.slice(0, -1), depth] }
  if (shape.length === 0) return { width: 1, shape: [1, depth] }
  return { width: 1, shape: [...(shape.length > 1 && last === 1 ? shape.slice(0, -1) : shape), depth] }
}

function dense({ values, offsets, shape }: IndexRows, encoding: Encoding): NdArray<Float32Array> {
  const { outputMode, depth, weights, countWeights } = encoding
  const data = allocated(checkSize(shape, 'sparse: true'))
  const adds = outputMode === 'count' || outputMode === 'tfIdf'
  for (let row = 0; row + 1 < offsets.length; row++) {
    const end = offsets[row + 1] as number
    for (let i = offsets[row] as number; i < end; i++) {
      const index = values[i] as number
      if (index < 0) continue
      const at = row * depth + index
      data[at] = adds ? (data[at] as number) + ((countWeights?.[i] as number | undefined) ?? 1) : 1
    }
    if (weights === undefined) continue
    for (let i = 0, at = row * depth; i < depth; i++, at++) {
      if (data[at] !== 0) data[at] = (data[at] as number) * (weights[i] as number)
    }
  }
  return Object.freeze(shapedArray(data, Object.freeze(shape), {}))
}

function compressed({ values: indices, offsets, shape }: IndexRows, encoding: Encoding): SparseArray {
  const { outputMode, weights, countWeights } = encoding
  const rowOffsets = new Int32Array(offsets.length)
  const columns = new Int32Array(indices.length)
  const values = new Float32Array(indices.length)
  const adds = outputMode === 'count' || outputMode === 'tfIdf'
  let end = 0
  for (let row = 0; row + 1 < offsets.length; row++) {
    const found = new Map<number, number>()
    for (let i = offsets[row] as number; i < (offsets[row + 1] as number); i++) {
      const index = indices[i] as number
      if (index < 0) continue
      const more = (countWeights?.[i] as number | undefined) ?? 1
      found.set(index, adds ? (found.get(index) ?? 0) + more : 1)
    }
    for (const index of found.size < 2 ? found.keys() : [...found.keys()].sort((a, b) => a - b)) {
      columns[end] = index
      values[end] = (found.get(index) as number) * ((weights?.[index] as number | undefined) ?? 1)
      end++
    }
    rowOffsets[row + 1] = end
  }
  return new SparseArray(rowOffsets, columns.slice(0, end), values.slice(0, end), shape)
}
