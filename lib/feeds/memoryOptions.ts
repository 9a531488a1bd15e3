/** The option `copy` of fit and evaluate: whether the rows are copied. */

import { checkBoolean, refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { haveFiles } from '../core/targets.js'
import { isBatchSource } from '../data/batches.js'
import { RowSource } from '../data/rowSource.js'

/** The option that says whether the rows of a call are copied. */
export interface MemoryOptions {
  /**
   * Default true: arrays are copied at the call, so that later changes to them have no effect. The copy takes as much memory as `x`
   * and `y`, and about 0.2 s per gigabyte.
   *
   * `false` is for data too large to copy. Then `x` must be bytes or float32 in a SharedArrayBuffer, and is read in place, as are
   * targets and validation data that are such arrays; labels, weights and targets of several outputs are copied all the same. Do not
   * write to the memory while the call runs: whether the changes count is undefined. Throws `ERR_ARGUMENT` if `x` lies in other memory, which could be
   * transferred away while it is read.
   */
  readonly copy?: boolean | undefined
}

/** Checks the option `copy` for these rows and targets. */
export function checkCopy(core: ModelCore, value: unknown, x: unknown, y: unknown): boolean {
  const copy = checkBoolean(value ?? true, 'copy')
  if (copy) return true
  if (isBatchSource(x)) refuse('copy', 'true with batches', copy)
  return x instanceof RowSource || haveFiles(core, y) ? refuse('copy', 'true with files', copy) : false
}
