/** Functions that write the rows of a request into the memory of a batch. */

import { checkPresent } from '../../arrays/typedArrays.js'
import { isPromise, refuse } from '../../checks/validate.js'

/**
 * Wraps a user's `write`: it gets memory of its own, which it may keep, since the memory of a batch also holds other requests.
 * The rows are copied from there into the batch.
 */
export function writeOwn(write: (into: Float32Array) => unknown): (into: Float32Array) => void {
  if (typeof write !== 'function') return write
  return (into: Float32Array) => {
    const own = new Float32Array(into.length)
    const written = write(own)
    if (isPromise(written)) refuse('write', 'a function that has written when it returns', written)
    checkPresent(own, 'write: its array')
    into.set(own)
  }
}

/** Wraps `write` so that invalid rows reject their own request and not the whole batch. */
export function writeChecked(write: (into: Float32Array) => void, check: (rows: Float32Array) => void) {
  return (into: Float32Array) => {
    write(into)
    check(into)
  }
}
