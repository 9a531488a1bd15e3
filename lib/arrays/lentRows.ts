/**
 * Who owns the memory of rows: the caller, who may change or transfer it later, Neurode itself, or several threads that share it.
 */

import { refuse } from '../checks/validate.js'
import { type ArrayInput, type GivenTargets, type InputRows, read } from './arrays.js'
import { copyOf, isShared, ours, typeName } from './typedArrays.js'

/** The same rows in memory that Neurode owns: a copy if the caller owns the memory. */
export function ownRows<T extends InputRows | GivenTargets>(rows: T): T {
  return rows.lent ? { ...rows, data: copyOf(rows.data), lent: false } : rows
}

/** Like {@link ownRows}, for an array that was not split into rows yet. */
export function ownArray(value: unknown, argumentName: string): ArrayInput {
  const { elements, shape, scale, offset, flat, lent } = read(value, argumentName)
  const data = ours(lent ? copyOf(elements) : elements)
  return flat ? data : { data, shape, scale, offset }
}

/**
 * Marks rows that the native code can read without a copy: bytes or float32 in shared memory, which nobody can transfer away. Other
 * rows stay `lent` and are copied.
 */
export function inPlace<T extends InputRows | GivenTargets>(rows: T): T {
  const { data } = rows
  const isScaled = 'kind' in rows && rows.kind === 'rows' && (rows.scale ?? rows.offset) !== undefined
  const asTheyAre = /^Uint8/.test(typeName(data)) || (typeName(data) === 'Float32Array' && !isScaled)
  return asTheyAre && isShared(data) ? { ...rows, lent: false } : rows
}

/** Like {@link inPlace}, for `copy: false`: throws `ERR_ARGUMENT` for rows that would have to be copied. */
export function readInPlace(rows: InputRows, argumentName: string): InputRows {
  const placed = inPlace(rows)
  if (!placed.lent && isShared(rows.data)) return placed
  const reason = isShared(rows.data)
    ? `${argumentName} is bytes or float32: other elements are converted`
    : `${argumentName} lies in a SharedArrayBuffer: other memory can be taken away while it is read`
  return refuse('copy', `true unless ${reason}`, false)
}
