/** Losses, metrics, optimizers and the like as their factories made them, which copies are not. */

import { NeurodeError } from '../base/errors.js'
import { refuse } from './validate.js'

const made = new WeakSet<object>()

/** Remembers an object that a factory made. */
export function remember<T extends object>(object: T): T {
  made.add(object)
  return object
}

/** The same, and freezes it. */
export function sealed<T extends object>(object: T): Readonly<T> {
  return Object.freeze(remember(object))
}

/** Whether a factory made it. */
export function isMade(value: unknown): boolean {
  return typeof value === 'object' && value !== null && made.has(value)
}

/**
 * An object of a kind. Throws `ERR_ARGUMENT` for all else, copies by spread, JSON and the like among it: they have lost methods, or
 * say what nobody checked.
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
