/** Shared by tests of refused calls: each row is a call, the error code and a pattern of the message. */

import assert from 'node:assert/strict'
import { type ErrorCode, NeurodeError } from 'neurode'

// biome-ignore lint/suspicious/noExplicitAny: what is passed is wrong on purpose.
export type Anything = any

/** Asserts that `act` throws or rejects with this code and message. */
export async function assertRefused(act: () => unknown, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(
    async () => act(),
    (error: unknown) => {
      assert.ok(error instanceof NeurodeError, `a NeurodeError, not ${error}`)
      assert.equal(error.code, code, error.message)
      assert.match(error.message, message)
      return true
    },
  )
}

export const wrongNumbers = [Number.NaN, -1, Number.POSITIVE_INFINITY, '3', null] as const

/** A value as the titles of tests show it. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
