/** Random numbers of one hyper-parameter in one trial: they depend on its name, the trial's index and the seed alone. */

import { Philox } from '../data/philox.js'
import { createSha256 } from '../files/sha256.js'

/** The high byte of the second word of a key, which says what its numbers are for. */
const forSearching = 7

/** Draws numbers. */
export interface Draw {
  /** A uniform random number in [0, 1), a multiple of 2^-53. */
  unit(): number
  /** A random number of the standard normal distribution. */
  normal(): number
}

/** The numbers of the hyper-parameter at a path of names. */
export function drawOf(path: readonly string[], index: number, seed: number): Draw {
  const name = createSha256().update(JSON.stringify(path)).digest()
  const random = new Philox(seed >>> 0, Math.floor(seed / 2 ** 32) ^ (forSearching << 24))
  random.seek(index >>> 0, Math.floor(index / 2 ** 32), name.readUInt32LE(0), name.readUInt32LE(4))
  const unit = () => ((random.word() >>> 5) * 2 ** 26 + (random.word() >>> 6)) / 2 ** 53
  return {
    unit,
    // The Box-Muller transform.
    normal: () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit()),
  }
}
