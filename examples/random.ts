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

/** Draws from the normal distribution of mean 0 and variance 1, by Box and Muller. */
export function seededNormal(seed: number): () => number {
  const uniform = seededUniform(seed)
  return () => Math.sqrt(-2 * Math.log(uniform(1e-9, 1))) * Math.cos(uniform(0, 2 * Math.PI))
}
