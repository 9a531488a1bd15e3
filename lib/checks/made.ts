/** Tells losses, metrics, optimizers and similar objects that a factory made from copies of them. */

import { NeurodeError } from '../base/errors.js'
import { refuse } from './validate.js'

const made = new WeakSet<object>()

/** Remembers an object that a factory made. */
export function remember<T extends object>(object: T): T {
  made.add(object)
  return object
}

/** Like {@link remember}, and freezes the object. */
export function sealed<T extends object>(object: T): Readonly<T> {
  return Object.freeze(remember(object))
}

/** Whether a factory made this object. */
export function isMade(value: unknown): boolean {
  return typeof value === 'object' && value !== null && made.has(value)
}

/**
 * Checks that a value is an object of this kind that a factory made. Throws `ERR_ARGUMENT` otherwise, also for copies made by
 * spreading or JSON: they lack methods, or have options that were never checked.
 */
export function checkMade<T extends { readonly kind: string }>(
  value: unknown,
  kind: T['kind'],
  argument: string,
  expected: string,
): T {
  if (typeof value !== 'object' || value === null || (value as Partial<T>).kind !== kind) {
    return refuse(argument, expected, value)
  }
  if (made.has(value)) return value as T
  throw new NeurodeError('ERR_ARGUMENT', `${argument}: expected ${expected}, got a copy of one; give the object itself`)
}
