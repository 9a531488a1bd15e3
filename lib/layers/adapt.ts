/** Computes mean and variance of data for each channel, in double precision, from one or several batches. */

import { setImmediate } from 'node:timers/promises'
import {
  array,
  elementCount,
  formatShape,
  type NdArray,
  type PlainInput,
  rowShapeOf,
  toInput,
} from '../arrays/arrays.js'
import { ownRows } from '../arrays/lentRows.js'
import { NeurodeError } from '../base/errors.js'
import { forEachBatch } from '../preprocessing/batches.js'
import type { Shape } from './layer.js'

interface Channels {
  readonly length: number
  readonly inner: number
  /** Shape of the results. */
  readonly sizes: Shape
}

/** Mean and variance of each channel. */
export interface Statistics {
  readonly mean: NdArray<Float64Array>
  readonly variance: NdArray<Float64Array>
}

/** Number of values after which the computation yields to other work of the JavaScript thread. */
const valuesAtATime = 1 << 20

/**
 * Mean and variance of rows, or of batches of rows, or of a file. `known` is the shape of a row, if
 * it is known; where all values are one pool, rows may be single numbers.
 */
export async function adaptTo(
  data: unknown,
  known: Shape | undefined,
  isPool: boolean,
  channelsOf: (shape: Shape) => Channels,
): Promise<Statistics> {
  let moments: Moments | undefined
  const read = (x: unknown): PlainInput => {
    const row = known ?? rowShapeOf(x)
    const shape = isPool && row.length === 0 ? [1] : row
    if (shape.length === 0) {
      const hint = 'give the layer an inputShape, or the data a shape'
      throw new NeurodeError('ERR_SHAPE', `data: expected rows of a known shape; ${hint}`)
    }
    moments ??= new Moments(shape, channelsOf(shape))
    return toInput(x, moments.shape, 'data')
  }
  await forEachBatch(
    data,
    (x) => ownRows(read(x)),
    (rows) => moments?.add(rows),
  )
  return (moments as unknown as Moments).result()
}

/** Accumulates mean and variance by channel over rows of one shape, with the update formula of Chan, Golub and LeVeque. */
class Moments {
  readonly shape: Shape
  readonly #sizes: Shape
  /** Channel of each value of a row. */
  readonly #channelOf: Int32Array
  readonly #perRow: number
  readonly #mean: Float64Array
  readonly #squares: Float64Array
  #rows = 0

  constructor(shape: Shape, { length, inner, sizes }: Channels) {
    const features = elementCount(shape)
    this.shape = shape
    this.#sizes = sizes
    this.#perRow = features / length
    this.#channelOf = Int32Array.from({ length: features }, (_, f) => Math.floor(f / inner) % length)
    this.#mean = new Float64Array(length)
    this.#squares = new Float64Array(length)
  }

  async add({ data, scale, offset, rows }: PlainInput): Promise<void> {
    const features = this.#channelOf.length
    const most = Math.max(1, Math.floor(valuesAtATime / features))
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first)
      this.#join(data.subarray(first * features, (first + count) * features), scale, offset, count)
      await setImmediate()
    }
  }

  #join(data: Uint8Array | Float32Array, scale: number, offset: number, rows: number): void {
    const channelOf = this.#channelOf
    const features = channelOf.length
    const count = rows * this.#perRow
    const mean = new Float64Array(this.#mean.length)
    const squares = new Float64Array(this.#mean.length)
    for (let row = 0; row < data.length; row += features) {
      for (let f = 0; f < features; f++) {
        const c = channelOf[f] as number
        mean[c] = (mean[c] as number) + ((data[row + f] as number) * scale + offset)
      }
    }
    for (let c = 0; c < mean.length; c++) mean[c] = (mean[c] as number) / count
    for (let row = 0; row < data.length; row += features) {
      for (let f = 0; f < features; f++) {
        const c = channelOf[f] as number
        const d = (data[row + f] as number) * scale + offset - (mean[c] as number)
        squares[c] = (squares[c] as number) + d * d
      }
    }
    const before = this.#rows * this.#perRow
    const all = before + count
    for (let c = 0; c < mean.length; c++) {
      const delta = (mean[c] as number) - (this.#mean[c] as number)
      this.#mean[c] = (this.#mean[c] as number) + (delta * count) / all
      this.#squares[c] = (this.#squares[c] as number) + (squares[c] as number) + (delta * delta * before * count) / all
    }
    this.#rows += rows
  }

  result(): Statistics {
    const count = this.#rows * this.#perRow
    const bad = this.#squares.findIndex((sum) => !Number.isFinite(sum))
    if (bad >= 0) {
      const text = `data: expected finite numbers, got others in channel ${bad} of rows of shape ${formatShape(this.shape)}`
      throw new NeurodeError('ERR_ARGUMENT', text)
    }
    const give = (values: Float64Array) => array(values, this.#sizes)
    return { mean: give(this.#mean), variance: give(this.#squares.map((sum) => sum / count)) }
  }
}
