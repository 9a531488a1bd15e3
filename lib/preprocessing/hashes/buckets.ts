/** Buckets of texts, by FarmHash or by SipHash with a salt. */

import { refuse } from '../../checks/validate.js'
import { fingerprint } from './farmHash.js'
import { Int64 } from './int64.js'
import { sipHash } from './sipHash.js'

/** One integer, or two. */
export type Salt = number | readonly [number, number]

/** The bucket of a text, from 0 to `count - 1`. */
export type Buckets = (text: string, count: number) => number

/** Checks a salt: an integer, or a list of two. */
export function checkSalt(value: unknown, argument: string): Salt | undefined {
  if (value === undefined || Number.isSafeInteger(value)) return value as number | undefined
  if (Array.isArray(value) && value.length === 2 && value.every(Number.isSafeInteger)) {
    return Object.freeze([...value]) as unknown as readonly [number, number]
  }
  return refuse(argument, 'an integer, or a list of two integers', value)
}

/** The function that puts texts into buckets. */
export function bucketsBy(salt: Salt | undefined): Buckets {
  if (salt === undefined) return (text, count) => fingerprint(text).modulo(count)
  const [first, second] = typeof salt === 'number' ? [salt, salt] : salt
  const key = [Int64.of(first), Int64.of(second)] as const
  return (text, count) => sipHash(text, key).modulo(count)
}
