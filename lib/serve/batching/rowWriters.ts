/** How the rows of a request come into the memory of a batch. */

import { checkPresent } from '../../arrays/typedArrays.js'
import { isPromise, refuse } from '../../checks/validate.js'

/** Writes at once, into memory that the caller may keep: a batch's is that of other requests as well. */
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

/** What is wrong with a request's rows is its own error alone, and not its batch's. */
export function writeChecked(write: (into: Float32Array) => void, check: (rows: Float32Array) => void) {
  return (into: Float32Array) => {
    write(into)
    check(into)
  }
}
