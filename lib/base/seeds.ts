/** Seeds of random numbers, and how further seeds are derived from one. */

/** A random seed of 52 bits, for users who gave none. */
export function randomSeed(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number]
  return join(high, low)
}

/** A seed of 52 bits for one purpose at one place, such as a layer's index; it depends on every bit of `seed`. */
export function deriveSeed(seed: number, place: number, purpose: string): number {
  let a = mix(0x9e3779b9, Math.floor(seed / 2 ** 32))
  let b = mix(0x85ebca6b, seed >>> 0)
  const stir = (word: number) => {
    a = mix(a, word ^ b)
    b = mix(b, word + a)
  }
  stir(place)
  for (const letter of purpose) stir(letter.codePointAt(0) as number)
  return join(mix(a, b), mix(b, a))
}

/** One round of MurmurHash3 with its finalizer. */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51)
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
  let h = hash ^ k
  h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function join(high: number, low: number): number {
  return (high >>> 12) * 2 ** 32 + (low >>> 0)
}
