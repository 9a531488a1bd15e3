/** Values from another realm: a vm context, as test runners make one for every file. */

import { createContext, runInContext } from 'node:vm'

const realm = createContext({})

/** A class of the other realm. */
// biome-ignore lint/suspicious/noExplicitAny: any class
const there = (name: string): any => runInContext(name, realm)

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/**
 * Copies arrays, lists, maps and plain objects, to any depth, into the other realm. Other values stay as they are, as do frozen objects:
 * those of factories are frozen, and their copies are refused.
 */
export function ofOtherRealm(value: unknown): unknown {
  if (Array.isArray(value)) return there('Array').from(value, ofOtherRealm)
  if (ArrayBuffer.isView(value))
    return new (there(Buffer.isBuffer(value) ? 'Uint8Array' : value.constructor.name))(value)
  if (value instanceof Map) return new (there('Map'))(value)
  if (!isPlain(value) || Object.isFrozen(value)) return value
  const entries = Object.entries(value).map(([key, each]) => [key, ofOtherRealm(each)])
  return there('Object').fromEntries(there('Array').from(entries))
}
