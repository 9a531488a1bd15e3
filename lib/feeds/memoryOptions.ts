/** Whether the rows that fit and evaluate are given are copied. */

import { checkBoolean, refuse } from '../checks/validate.js'
import { isBatchSource } from '../data/batches.js'
import { RowSource } from '../data/rowSource.js'

/** Whether the rows that a call is given are copied. */
export interface MemoryOptions {
  /**
   * Default true: arrays count as they are at the call. They are copied, which takes as much memory as `x` and `y` have and about
   * 0.2 s per gigabyte; what becomes of them afterwards changes nothing. `false`, for data too large for that: `x`, bytes or
   * float32 in a SharedArrayBuffer, is read where it lies, and so are targets and validation data that are such arrays. Labels
   * and weights are copied all the same. What is written there meanwhile may count or not: that is up to you. `ERR_ARGUMENT`
   * where `x` lies in other memory, which could be taken away while it is read.
   */
  readonly copy?: boolean | undefined
}

/** The option `copy` for these rows and targets. */
export function checkCopy(value: unknown, x: unknown, y: unknown): boolean {
  const copy = checkBoolean(value ?? true, 'copy')
  if (copy) return true
  if (isBatchSource(x)) refuse('copy', 'true with batches', copy)
  return x instanceof RowSource || y instanceof RowSource ? refuse('copy', 'true with files', copy) : false
}
