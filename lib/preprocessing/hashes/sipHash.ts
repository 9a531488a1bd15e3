/** SipHash-2-4, by which TensorFlow puts texts into buckets where a salt is given. */

import { Int64 } from './int64.js'
import { bytesOf } from './utf8.js'

/** The initial state: four integers of 64 bits, the upper half of each before the lower one. */
const start = Int32Array.of(
  ...[0x736f6d65, 0x70736575, 0x646f7261, 0x6e646f6d],
  ...[0x6c796765, 0x6e657261, 0x74656462, 0x79746573],
)

/** Adds the integer at `b` to the one at `a`. */
function add(v: Int32Array, a: number, b: number): void {
  const low = ((v[a + 1] as number) >>> 0) + ((v[b + 1] as number) >>> 0)
  v[a] = (v[a] as number) + (v[b] as number) + (low > 0xffffffff ? 1 : 0)
  v[a + 1] = low
}

/** Rotates the integer at `a` to the left by less than 32 bits, and joins it with the one at `b`. */
function mix(v: Int32Array, a: number, bits: number, b: number): void {
  const high = v[a] as number
  const low = v[a + 1] as number
  v[a] = ((high << bits) | (low >>> (32 - bits))) ^ (v[b] as number)
  v[a + 1] = ((low << bits) | (high >>> (32 - bits))) ^ (v[b + 1] as number)
}

/** Rotates the integer at `a` by 32 bits. */
function swap(v: Int32Array, a: number): void {
  const high = v[a] as number
  v[a] = v[a + 1] as number
  v[a + 1] = high
}

function rounds(v: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) {
    add(v, 0, 2)
    mix(v, 2, 13, 0)
    swap(v, 0)
    add(v, 4, 6)
    mix(v, 6, 16, 4)
    add(v, 0, 6)
    mix(v, 6, 21, 0)
    add(v, 4, 2)
    mix(v, 2, 17, 4)
    swap(v, 4)
  }
}

const state = new Int32Array(8)

function take(high: number, low: number): void {
  state[6] = (state[6] as number) ^ high
  state[7] = (state[7] as number) ^ low
  rounds(state, 2)
  state[0] = (state[0] as number) ^ high
  state[1] = (state[1] as number) ^ low
}

/** The SipHash-2-4 of the UTF-8 bytes of a text; the key is 16 bytes. */
export function sipHash(text: string, key: readonly [Int64, Int64]): Int64 {
  const bytes = bytesOf(text)
  const { length } = bytes
  for (let i = 0; i < 8; i++) {
    const half = key[(i >> 1) & 1] as Int64
    state[i] = (start[i] as number) ^ (i % 2 === 0 ? half.high : half.low)
  }
  // The last block holds what is left of the bytes, and the length.
  for (let at = 0; at <= length; at += 8) {
    let high = at + 8 > length ? length << 24 : 0
    let low = 0
    const count = Math.min(8, length - at)
    for (let i = 0; i < count; i++) {
      const byte = (bytes[at + i] as number) << ((i & 3) * 8)
      if (i < 4) low |= byte
      else high |= byte
    }
    take(high, low)
  }
  state[5] = (state[5] as number) ^ 0xff
  rounds(state, 4)
  const joined = (i: number) =>
    (state[i] as number) ^ (state[i + 2] as number) ^ (state[i + 4] as number) ^ (state[i + 6] as number)
  return new Int64(joined(0), joined(1))
}
