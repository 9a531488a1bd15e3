/** The order in which a shuffled epoch visits rows: that of native/engine/order.cc. */

import { multiplyHigh, Philox } from './philox.js'

/** The high byte of the second word of a key, which says what its numbers are for. */
const forShuffling = 2

/** The row at each place of an epoch, by the Fisher-Yates algorithm with Philox numbers. */
export function shuffledOrder(rows: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: rows }, (_, row) => row)
  const random = new Philox(seed >>> 0, Math.floor(seed / 2 ** 32) ^ (forShuffling << 24))
  random.seek(0, epoch >>> 0, Math.floor(epoch / 2 ** 32))
  for (let i = rows - 1; i > 0; i--) {
    const high = random.word()
    const other = bounded(high, random.word(), i + 1)
    const row = order[i] as number
    order[i] = order[other] as number
    order[other] = row
  }
  return order
}

/** The upper bits of the product of 64 random bits and a bound: a random integer from 0 to the bound, exclusive. */
function bounded(high: number, low: number, bound: number): number {
  const carry = multiplyHigh(low, bound) >>> 0
  const middle = (Math.imul(high, bound) >>> 0) + carry
  return (multiplyHigh(high, bound) >>> 0) + (middle >= 2 ** 32 ? 1 : 0)
}
