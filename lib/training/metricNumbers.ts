/** Functions that the metrics computed in TypeScript share. */

import type { CapturedBatch } from './captured.js'

/** Keras' guard against divisions by 0. */
export const epsilon = 1e-7

/** A quotient that, as in Keras, is 0 if the divisor is 0. */
export const ratio = (a: number, b: number) => (b === 0 ? 0 : a / b)
export const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Calls `visit` with every row of a batch. */
export function eachRow(
  { outputs, targets, weights, shape: [rows, size] }: CapturedBatch,
  visit: (y: Float32Array, t: Float32Array, weight: number) => void,
): void {
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * size, (row + 1) * size]
    visit(outputs.subarray(from, to), targets.subarray(from, to), weights[row] as number)
  }
}
