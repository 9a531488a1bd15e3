/** Random numbers that are the same on every machine. */

/** Draws uniformly between two bounds: Marsaglia's xorshift on 32 bits. */
export function seededUniform(seed: number): (low: number, high: number) => number {
  let state = seed
  return (low, high) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return low + (high - low) * ((state >>> 0) / 2 ** 32)
  }
}
