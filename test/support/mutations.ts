/** Damages good files: changes bytes, numbers and pieces, drawn from a seed. */

import { createHash } from 'node:crypto'
import type { Random } from './random.js'

type Mutation = (bytes: Buffer, draw: Random) => Buffer

const wrongIntegers = [
  0n,
  1n,
  2n ** 15n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
]
const wrongNumbers = ['0', '-1', '0.5', '1e999', '-0', '99999999999', '9007199254740993', '4294967296', '01', 'NaN', '']
const wrongWords = [
  'null',
  'true',
  '{}',
  '[]',
  '""',
  '"__proto__"',
  '[[]]',
  '1',
  '{"a":{}}',
  '"\\ud800"',
  ',',
  ':',
  '"',
  '}',
  ']',
]

function splice(bytes: Buffer, at: number, removed: number, added: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)])
}

/** One of the matches of a pattern, drawn at random. */
function find(bytes: Buffer, pattern: RegExp, draw: Random): RegExpExecArray | undefined {
  // Text other than numbers is at the beginning and at the end of the files.
  const edge = 4096
  const isAtEnd = bytes.length > edge && draw.below(4) === 0
  const from = isAtEnd ? bytes.length - edge : 0
  const found = [...bytes.toString('latin1', from, from + edge).matchAll(pattern)]
  const match = found.length === 0 ? undefined : draw.pick(found)
  if (match !== undefined) match.index += from
  return match
}

/** A random place, mostly among the first bytes, where headers are. */
function place(bytes: Buffer, draw: Random): number {
  const size = draw.pick([32, 256, bytes.length, bytes.length])
  return draw.below(Math.max(1, Math.min(size, bytes.length)))
}

const mutations: readonly Mutation[] = [
  (bytes, draw) => {
    const copy = Buffer.from(bytes)
    const at = place(copy, draw)
    if (at < copy.length) copy[at] = (copy[at] as number) ^ (1 << draw.below(8))
    return copy
  },
  (bytes, draw) =>
    splice(bytes, place(bytes, draw), 1, Buffer.from([draw.pick([0, 0xff, 0x7f, 0x80, 0x20, draw.below(256)])])),
  (bytes, draw) => bytes.subarray(0, draw.below(bytes.length + 1)),
  (bytes, draw) => splice(bytes, place(bytes, draw), draw.below(20), Buffer.alloc(0)),
  (bytes, draw) => {
    const from = place(bytes, draw)
    return splice(bytes, place(bytes, draw), 0, Buffer.from(bytes.subarray(from, from + draw.below(64))))
  },
  (bytes, draw) => splice(bytes, place(bytes, draw), 0, draw.bytes(draw.below(16))),
  (bytes, draw) => {
    const copy = Buffer.from(bytes)
    const value = Buffer.alloc(8)
    value.writeBigUInt64LE(draw.pick(wrongIntegers))
    if (draw.below(2) === 0) value.reverse()
    copy.set(
      value.subarray(0, Math.min(draw.pick([2, 4, 8]), copy.length)),
      Math.max(0, Math.min(place(copy, draw), copy.length - 8)),
    )
    return copy
  },
  (bytes, draw) => {
    const found = find(bytes, /\d+/g, draw)
    return found === undefined
      ? bytes
      : splice(bytes, found.index, found[0].length, Buffer.from(draw.pick(wrongNumbers)))
  },
  (bytes, draw) => {
    const found = find(bytes, /"[^"\\]*"|\[[^[\]]*\]|\{[^{}]*\}|[\w.+-]+/g, draw)
    return found === undefined ? bytes : splice(bytes, found.index, found[0].length, Buffer.from(draw.pick(wrongWords)))
  },
  (bytes, draw) => {
    // Replaces a word by another one.
    const pattern = /"[^"\\]*"|\[[^[\]]*\]|[\w.+-]+/g
    const [found, other] = [find(bytes, pattern, draw), find(bytes, pattern, draw)]
    if (found === undefined || other === undefined) return bytes
    return splice(bytes, found.index, found[0].length, Buffer.from(other[0], 'latin1'))
  },
]

/** Returns the file with one to four changes. */
export function mutate(bytes: Uint8Array, draw: Random): Buffer<ArrayBuffer> {
  let mutated = Buffer.from(bytes)
  for (let i = draw.pick([1, 1, 2, 4]); i > 0; i--) mutated = Buffer.from(draw.pick(mutations)(mutated, draw))
  return mutated
}

/** Returns the file with the right checksum of its present content. */
export function sealed(bytes: Buffer): Buffer {
  const at = bytes.indexOf('"sha256":"') + '"sha256":"'.length
  if (at < 10 || at + 64 > bytes.length) return bytes
  bytes.fill('0', at, at + 64)
  bytes.write(createHash('sha256').update(bytes).digest('hex'), at)
  return bytes
}

/** A model file with a changed description, and the right checksum. */
export function redescribed(bytes: Buffer, change: (description: never) => void): Buffer {
  const end = 8 + Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, end))
  const description = JSON.parse(header.__metadata__.description)
  change(description as never)
  header.__metadata__.description = JSON.stringify(description)
  const text = JSON.stringify(header)
  const padded = Buffer.from(text + ' '.repeat(-Buffer.byteLength(text) & 7))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  return sealed(Buffer.concat([length, padded, bytes.subarray(end)]))
}
