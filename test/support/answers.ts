/** Compares answers of models of tables. Numbers may differ by rounding, as a server computes them in other batches. */

import assert from 'node:assert/strict'
import { isClose, rowwise } from './tolerances.js'

/** Asserts that two values of JSON are the same but for the rounding of their numbers. */
export function assertSameAnswers(got: unknown, expected: unknown, place = 'the answer'): void {
  if (typeof expected === 'number' && typeof got === 'number') {
    assert.ok(isClose(got, expected, rowwise), `${place}: expected ${expected}, got ${got}`)
  } else if (typeof expected === 'object' && expected !== null && typeof got === 'object' && got !== null) {
    assert.deepEqual(Object.keys(got), Object.keys(expected), place)
    for (const [name, value] of Object.entries(expected)) {
      assertSameAnswers((got as Record<string, unknown>)[name], value, `${place}.${name}`)
    }
  } else {
    assert.equal(got, expected, place)
  }
}
