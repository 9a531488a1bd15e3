/** All tolerances of the tests. A result passes if |actual - expected| <= atol + rtol·|expected|. */

import assert from 'node:assert/strict'

export interface Tolerance {
  readonly atol: number
  readonly rtol: number
}

/** For one pointwise function in float32. */
export const pointwise: Tolerance = { atol: 1e-6, rtol: 1e-5 }

/** For a row-wise function, or the loss of one row. */
export const rowwise: Tolerance = { atol: 2e-6, rtol: 2e-5 }

/** For results after a few roundings in float32. */
export const rounded: Tolerance = { atol: 1e-6, rtol: 1e-6 }

/** For results that are computed in float64 from float32 numbers. */
export const fromFloats: Tolerance = { atol: 1e-7, rtol: 1e-6 }

/** For a mean over rows. */
export const mean: Tolerance = { atol: 1e-5, rtol: 2e-5 }

/** For central differences of a float64 function with step {@link differenceStep}. */
export const differences: Tolerance = { atol: 1e-7, rtol: 1e-6 }
export const differenceStep = 1e-5

/** For central differences of a float32 loss with respect to a weight, with step {@link lossStep}. */
export const lossDifferences: Tolerance = { atol: 2e-3, rtol: 4e-3 }
export const lossStep = 2 ** -8

/** For a matrix product over k terms of about unit size: the rounding error grows like the square root of k. */
export function product(k: number): Tolerance {
  return { atol: 1e-6 * Math.sqrt(k), rtol: 2e-5 }
}

/** For weights after a few steps of training with sums of up to k terms in each step. */
export function trained(k: number, steps: number): Tolerance {
  return { atol: 2e-6 * Math.sqrt(k) * Math.sqrt(steps), rtol: 1e-4 }
}

/** For the same network with another instruction set, which only changes the order of summation. */
export const otherInstructions: Tolerance = { atol: 2e-5, rtol: 1e-4 }

/** For the same layer in another program, which adds in another order; a normalization multiplies the difference. */
export const otherProgram: Tolerance = { atol: 5e-6, rtol: 1e-5 }

/** For a whole training with another order of summation: each step passes differences on to the next. */
export const otherTraining: Tolerance = { atol: 1e-4, rtol: 1e-3 }

/** Whether `actual` passes for `expected`; NaN passes for NaN only, an infinity for itself only. */
export function isClose(actual: number, expected: number, { atol, rtol }: Tolerance): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(actual)
  if (!Number.isFinite(expected)) return actual === expected
  return Math.abs(actual - expected) <= atol + rtol * Math.abs(expected)
}

/** Asserts that two arrays agree; the message names the worst element. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
  what: string,
): void {
  assert.equal(actual.length, expected.length, `${what}: length`)
  let worst = -1
  let excess = Number.NEGATIVE_INFINITY
  let wrong = 0
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i] as number
    const e = expected[i] as number
    if (isClose(a, e, tolerance)) continue
    wrong++
    const difference = Math.abs(a - e) / (tolerance.atol + tolerance.rtol * Math.abs(e))
    if (worst < 0 || difference > excess) {
      worst = i
      excess = difference
    }
  }
  if (worst < 0) return
  const times = Number.isFinite(excess) ? `, ${excess.toPrecision(3)} times what is allowed` : ''
  assert.fail(
    `${what}: ${wrong} of ${expected.length} differ; at ${worst} expected ${expected[worst]}, got ${actual[worst]}${times}`,
  )
}

/** Asserts that two numbers agree. */
export function assertNear(actual: number, expected: number, tolerance: Tolerance, what: string): void {
  assertClose([actual], [expected], tolerance, what)
}

/** Asserts that two float32 arrays hold the same bits. */
export function assertSameBits(actual: Float32Array, expected: Float32Array, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: length`)
  const a = new Uint32Array(actual.buffer, actual.byteOffset, actual.length)
  const e = new Uint32Array(expected.buffer, expected.byteOffset, expected.length)
  const at = a.findIndex((bits, i) => bits !== e[i])
  if (at >= 0) assert.fail(`${what}: bits differ at ${at}: expected ${expected[at]}, got ${actual[at]}`)
}
