/** Functions that metrics share. */

/** Keras' guard against divisions by 0. */
export const epsilon = 1e-7

/** A quotient that, as in Keras, is 0 if the divisor is 0. */
export const ratio = (a: number, b: number) => (b === 0 ? 0 : a / b)
export const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** The largest float32 that is at most `value`: the same float32 are above both. */
export function floatAtMost(value: number): number {
  const nearest = Math.fround(value)
  return nearest <= value ? nearest : previousFloat(nearest)
}

/** The largest float32 below `value`: the float32 above it are those that are at least `value`. */
export function floatBelow(value: number): number {
  const nearest = Math.fround(value)
  return nearest < value ? nearest : previousFloat(nearest)
}

/** The next smaller float32. Native code knows no subnormal numbers, so those are left out. */
function previousFloat(value: number): number {
  const least = 2 ** -126
  if (value === 0) return -least
  if (value === least) return 0
  const bits = new Int32Array(Float32Array.of(value).buffer)
  bits[0] = (bits[0] as number) + (value > 0 ? -1 : 1)
  return new Float32Array(bits.buffer)[0] as number
}
