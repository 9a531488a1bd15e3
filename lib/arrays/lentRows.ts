/** Whose memory rows lie in: the caller's, who may change it or take it away, memory of our own, or memory that threads share. */

import { refuse } from '../checks/validate.js'
import { type ArrayInput, type GivenTargets, type InputRows, read } from './arrays.js'
import { copyOf, isShared, ours, typeName } from './typedArrays.js'

/** The same rows in memory of our own: a copy where they were lent. */
export function ownRows<T extends InputRows | GivenTargets>(rows: T): T {
  return rows.lent ? { ...rows, data: copyOf(rows.data), lent: false } : rows
}

/** The same values as {@link ownRows}, of what is not looked at yet. */
export function ownArray(value: unknown, argumentName: string): ArrayInput {
  const { elements, shape, scale, offset, flat, lent } = read(value, argumentName)
  const data = ours(lent ? copyOf(elements) : elements)
  return flat ? data : { data, shape, scale, offset }
}

/**
 * Rows that C++ reads where they are: bytes or float32 in shared memory, which stays as long as anybody has it. All others are
 * copied as usual.
 */
export function inPlace<T extends InputRows | GivenTargets>(rows: T): T {
  const { data } = rows
  const isScaled = 'kind' in rows && rows.kind === 'rows' && (rows.scale ?? rows.offset) !== undefined
  const asTheyAre = /^Uint8/.test(typeName(data)) || (typeName(data) === 'Float32Array' && !isScaled)
  return asTheyAre && isShared(data) ? { ...rows, lent: false } : rows
}

/** {@link inPlace} where it was asked for: other rows are refused. */
export function readInPlace(rows: InputRows, argumentName: string): InputRows {
  const placed = inPlace(rows)
  if (!placed.lent && isShared(rows.data)) return placed
  const reason = isShared(rows.data)
    ? `${argumentName} is bytes or float32: other elements are converted`
    : `${argumentName} lies in a SharedArrayBuffer: other memory can be taken away while it is read`
  return refuse('copy', `true unless ${reason}`, false)
}
