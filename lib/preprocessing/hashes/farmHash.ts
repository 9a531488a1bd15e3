/** FarmHash's Fingerprint64, `farmhashna::Hash64`, by which TensorFlow puts texts into buckets. */

import { Int64 } from './int64.js'
import { bytesOf } from './utf8.js'

const k0 = new Int64(0xc3a5c85c, 0x97cb3127)
const k1 = new Int64(0xb492b66f, 0xbe98f273)
const k2 = new Int64(0x9ae16a3b, 0x2f90404f)
const seed = Int64.of(81)
const nine = Int64.of(9)
const zero = Int64.of(0)

type Pair = readonly [Int64, Int64]

const word = (bytes: Uint8Array, at: number) =>
  (bytes[at] as number) |
  ((bytes[at + 1] as number) << 8) |
  ((bytes[at + 2] as number) << 16) |
  ((bytes[at + 3] as number) << 24)

/** Eight bytes, the lowest first. */
const fetch64 = (bytes: Uint8Array, at: number) => new Int64(word(bytes, at + 4), word(bytes, at))

/** The fingerprint of the UTF-8 bytes of a text. */
export function fingerprint(text: string): Int64 {
  const bytes = bytesOf(text)
  const { length } = bytes
  if (length <= 16) return upTo16(bytes, length)
  if (length <= 32) return upTo32(bytes, length)
  return length <= 64 ? upTo64(bytes, length) : longer(bytes, length)
}

function joined(u: Int64, v: Int64, factor: Int64): Int64 {
  const a = u.xor(v).times(factor).mixed()
  return v.xor(a).times(factor).mixed().times(factor)
}

const factorOf = (length: number) => k2.plus(Int64.of(length * 2))

function upTo16(bytes: Uint8Array, length: number): Int64 {
  if (length === 0) return k2
  if (length < 4) {
    const y = (bytes[0] as number) + ((bytes[length >> 1] as number) << 8)
    const z = length + ((bytes[length - 1] as number) << 2)
    return Int64.of(y).times(k2).xor(Int64.of(z).times(k0)).mixed().times(k2)
  }
  const factor = factorOf(length)
  if (length < 8) {
    const [first, last] = [word(bytes, 0), word(bytes, length - 4)]
    return joined(new Int64(first >>> 29, first << 3).plus(Int64.of(length)), new Int64(0, last), factor)
  }
  const a = fetch64(bytes, 0).plus(k2)
  const b = fetch64(bytes, length - 8)
  return joined(b.rotated(37).times(factor).plus(a), a.rotated(25).plus(b).times(factor), factor)
}

function upTo32(bytes: Uint8Array, length: number): Int64 {
  const factor = factorOf(length)
  const a = fetch64(bytes, 0).times(k1)
  const b = fetch64(bytes, 8)
  const c = fetch64(bytes, length - 8).times(factor)
  const d = fetch64(bytes, length - 16).times(k2)
  return joined(a.plus(b).rotated(43).plus(c.rotated(30)).plus(d), a.plus(b.plus(k2).rotated(18)).plus(c), factor)
}

function upTo64(bytes: Uint8Array, length: number): Int64 {
  const factor = factorOf(length)
  const a = fetch64(bytes, 0).times(k2)
  const b = fetch64(bytes, 8)
  const c = fetch64(bytes, length - 8).times(factor)
  const d = fetch64(bytes, length - 16).times(k2)
  const y = a.plus(b).rotated(43).plus(c.rotated(30)).plus(d)
  const z = joined(y, a.plus(b.plus(k2).rotated(18)).plus(c), factor)
  const e = fetch64(bytes, 16).times(factor)
  const f = fetch64(bytes, 24)
  const g = y.plus(fetch64(bytes, length - 32)).times(factor)
  const h = z.plus(fetch64(bytes, length - 24)).times(factor)
  return joined(e.plus(f).rotated(43).plus(g.rotated(30)).plus(h), e.plus(f.plus(a).rotated(18)).plus(g), factor)
}

/** A weak hash of 32 bytes with two seeds. */
function weak(bytes: Uint8Array, at: number, a: Int64, b: Int64): Pair {
  const [w, x] = [fetch64(bytes, at), fetch64(bytes, at + 8)]
  const [y, z] = [fetch64(bytes, at + 16), fetch64(bytes, at + 24)]
  const first = a.plus(w)
  const sum = first.plus(x).plus(y)
  return [sum.plus(z), b.plus(first).plus(z).rotated(21).plus(sum.rotated(44)).plus(first)]
}

function longer(bytes: Uint8Array, length: number): Int64 {
  let y = seed.times(k1).plus(Int64.of(113))
  let z = y.times(k2).plus(Int64.of(113)).mixed().times(k2)
  let v: Pair = [zero, zero]
  let w: Pair = [zero, zero]
  let x = seed.times(k2).plus(fetch64(bytes, 0))
  const round = (at: number, factor: Int64, times: Int64 | undefined) => {
    const scaled = (value: Int64) => (times === undefined ? value : value.times(times))
    x = x
      .plus(y)
      .plus(v[0])
      .plus(fetch64(bytes, at + 8))
      .rotated(37)
      .times(factor)
      .xor(scaled(w[1]))
    y = y
      .plus(v[1])
      .plus(fetch64(bytes, at + 48))
      .rotated(42)
      .times(factor)
    y = y.plus(scaled(v[0])).plus(fetch64(bytes, at + 40))
    z = z.plus(w[0]).rotated(33).times(factor)
    v = weak(bytes, at, v[1].times(factor), x.plus(w[0]))
    w = weak(bytes, at + 32, z.plus(w[1]), y.plus(fetch64(bytes, at + 16)))
    const swapped = x
    x = z
    z = swapped
  }
  const end = Math.floor((length - 1) / 64) * 64
  for (let at = 0; at < end; at += 64) round(at, k1, undefined)
  const factor = k1.plus(Int64.of((z.low & 0xff) << 1))
  w = [w[0].plus(Int64.of((length - 1) & 63)), w[1]]
  v = [v[0].plus(w[0]), v[1]]
  w = [w[0].plus(v[0]), w[1]]
  round(length - 64, factor, nine)
  const last = joined(v[1], w[1], factor).plus(x)
  return joined(joined(v[0], w[0], factor).plus(y.mixed().times(k0)).plus(z), last, factor)
}

const crossFactor = new Int64(0xc6a4a793, 0x5bd1e995)
const crossSeed = new Int64(0xde, 0xcafcaffe)

/** Joins fingerprints in their order, as TensorFlow crosses columns. */
export function crossed(fingerprints: readonly Int64[]): Int64 {
  let hash = crossSeed
  for (const each of fingerprints) {
    const next = each.times(crossFactor).mixed().times(crossFactor)
    hash = hash.xor(crossFactor).xor(next).times(crossFactor).mixed().times(crossFactor).mixed()
  }
  return hash
}
