/** Reads data that layers adapt to, in one pass: an array, batches, or the rows of a file. */

import { array } from '../arrays/arrays.js'
import { closing } from '../base/closing.js'
import { NeurodeError } from '../base/errors.js'
import { BatchReader, type BatchSource, inputOf, isBatchSource, isRecord, nameBatch } from '../data/batches.js'
import { RowSource } from '../data/rowSource.js'
import { isNumberCells, isTextCells } from './given.js'

/** What `adapt` takes: values, batches of them or of `{ x }`, or rows of a file. */
export type AdaptInput<X> = X | RowSource | BatchSource<X | { readonly x: X }>

/** Number of values of a file that are read at a time. */
const valuesAtATime = 1 << 20

/**
 * Reads `data`, and gives every batch to `add`; `isWhole` tells that the batch is all there is. Batches are read before the source is
 * asked for the next one, which may use the same memory. Rejects with `ERR_SHAPE` if there is no batch.
 */
export async function forEachBatch<T>(
  data: unknown,
  read: (value: unknown) => T,
  add: (batch: T, isWhole: boolean) => Promise<void> | void,
): Promise<void> {
  if (data instanceof RowSource) return forRows(data, (value) => add(read(value), false))
  if (!isBatchSource(data)) return add(read(data), true)
  let count = 0
  const reader = new BatchReader(data, 'data', (batch) => read(valuesOf(batch)))
  const addAll = async () => {
    for (; ; count++) {
      const batch = await reader.next(nameBatch(count))
      if (batch === undefined) break
      await add(batch, false)
    }
  }
  await closing(addAll, () => reader.close())
  if (count === 0) throw new NeurodeError('ERR_SHAPE', 'data: expected at least one batch, got none')
}

function valuesOf(batch: unknown): unknown {
  const isNothing = batch === undefined || batch === null
  return isNothing || (isRecord(batch) && !isTextCells(batch) && !isNumberCells(batch)) ? inputOf(batch) : batch
}

async function forRows(source: RowSource, add: (rows: unknown) => Promise<void> | void): Promise<void> {
  const most = Math.max(1, Math.floor(valuesAtATime / source.rowElements))
  const release = await source.hold()
  const addAll = async () => {
    for (let from = 0; from < source.rows; from += most) {
      const count = Math.min(most, source.rows - from)
      const { scale, offset, rowShape } = source
      await add(array(await source.read(from, count), [count, ...rowShape], { scale, offset }))
    }
  }
  await closing(addAll, release)
}
