/** The directory of a zip archive, which stands at its end: what members there are, and where. */

import { crc32, inflateRawSync } from 'node:zlib'
import { damaged } from '../files/files.js'

export const localMark = 0x04034b50
export const centralMark = 0x02014b50
export const endMark = 0x06054b50
/** The end record of archives beyond 4 GB, and the record behind it that says where it is. */
export const wideEndMark = 0x06064b50
export const locatorMark = 0x07064b50
export const endBytes = 22
export const wideEndBytes = 56
export const locatorBytes = 20
export const centralBytes = 46
export const localBytes = 30
/** Where a number says that it stands in the wide form. */
export const wide16 = 0xffff
export const wide32 = 0xffffffff
export const wideField = 1
export const stored = 0
export const deflated = 8
const maxComment = 0xffff
/** All bytes of a file's end in which the end records stand. */
export const tailBytes = endBytes + maxComment + locatorBytes + wideEndBytes
/** The highest compression ratio of deflate: 258 bytes from a match code of two bits. */
const maxDeflateRatio = 1032

export interface Entry {
  readonly name: string
  readonly encrypted: boolean
  readonly method: number
  readonly crc: number
  readonly packed: number
  readonly size: number
  readonly offset: number
  readonly isLink: boolean
}

/** Where the directory stands, and how many entries it has. */
export interface Directory {
  readonly start: number
  readonly size: number
  readonly count: number
}

/** Finds the directory. `tail` are the last bytes of the file, at least {@link tailBytes} of them, which begin at `from`. */
export function findDirectory(tail: Buffer, from: number, path: string): Directory {
  const at = findEnd(tail)
  if (at < 0) throw damaged(path, 'expected a zip archive, got a file without its directory')
  const short = {
    count: tail.readUInt16LE(at + 10),
    size: tail.readUInt32LE(at + 12),
    start: tail.readUInt32LE(at + 16),
  }
  if (tail.readUInt16LE(at + 4) !== 0 || tail.readUInt16LE(at + 8) !== short.count) {
    throw damaged(path, 'expected a zip archive in one part')
  }
  const isWide = short.count === wide16 || short.size === wide32 || short.start === wide32
  const locator = at - locatorBytes
  const hasLocator = locator >= wideEndBytes && tail.readUInt32LE(locator) === locatorMark
  const end = isWide && hasLocator ? locator - wideEndBytes : at
  const found = end === at ? short : readWideEnd(tail, end, from, path)
  if (found.start + found.size !== from + end) {
    throw damaged(path, 'the directory of the zip archive is not where it should be')
  }
  return found
}

/** The offset of the end record, whose comment must reach the end of the file; -1 if there is none. */
function findEnd(tail: Buffer): number {
  for (let at = tail.length - endBytes; at >= Math.max(0, tail.length - endBytes - maxComment); at--) {
    if (tail.readUInt32LE(at) === endMark && at + endBytes + tail.readUInt16LE(at + 20) === tail.length) return at
  }
  return -1
}

function readWideEnd(tail: Buffer, at: number, from: number, path: string): Directory {
  const place = Number(tail.readBigUInt64LE(at + wideEndBytes + 8))
  const count = Number(tail.readBigUInt64LE(at + 32))
  if (place !== from + at || tail.readUInt32LE(at) !== wideEndMark || Number(tail.readBigUInt64LE(at + 24)) !== count) {
    throw damaged(path, 'the end record of the zip archive is damaged')
  }
  return { count, size: Number(tail.readBigUInt64LE(at + 40)), start: Number(tail.readBigUInt64LE(at + 48)) }
}

/** The entries of a directory, whose bytes are given. */
export function readEntries(bytes: Buffer, count: number, path: string): Entry[] {
  const entries: Entry[] = []
  let at = 0
  for (let i = 0; i < count; i++) {
    if (at + centralBytes > bytes.length || bytes.readUInt32LE(at) !== centralMark) {
      throw damaged(path, `expected ${count} entries in the directory, got ${i}`)
    }
    const extra = at + centralBytes + bytes.readUInt16LE(at + 28)
    const extraEnd = extra + bytes.readUInt16LE(at + 30)
    const next = extraEnd + bytes.readUInt16LE(at + 32)
    if (next > bytes.length) throw damaged(path, 'an entry of the directory ends beyond it')
    const name = bytes.toString('utf8', at + centralBytes, extra)
    const short = [bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 42)]
    const [size, packed, offset] = widen(short, bytes.subarray(extra, extraEnd), name, path) as [number, number, number]
    entries.push({
      name,
      encrypted: (bytes.readUInt16LE(at + 8) & 0x2041) !== 0,
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      packed,
      size,
      offset,
      // The mode of a Unix file, of which a symbolic link has its own type.
      isLink: bytes[at + 5] === 3 && (bytes.readUInt16LE(at + 40) & 0xf000) === 0xa000,
    })
    at = next
  }
  if (at !== bytes.length) throw damaged(path, `the directory holds more than the ${count} entries declared`)
  return entries
}

/** Takes the numbers that are too large for 32 bits from the field for them, in its order. */
function widen(numbers: readonly number[], extra: Buffer, name: string, path: string): number[] {
  if (!numbers.includes(wide32)) return [...numbers]
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== wideField) continue
    let from = at + 4
    const end = from + extra.readUInt16LE(at + 2)
    return numbers.map((number) => {
      if (number !== wide32) return number
      if (from + 8 > Math.min(end, extra.length)) throw damaged(path, `member ${JSON.stringify(name)} lacks its sizes`)
      from += 8
      return Number(extra.readBigUInt64LE(from - 8))
    })
  }
  return [...numbers]
}

/** The offset of a member's data; `local` are bytes of the file from the member's own header on, with its name. */
export function dataOffset(local: Buffer, { name, offset, packed }: Entry, fileSize: number, path: string): number {
  const quoted = JSON.stringify(name)
  if (local.length < localBytes || local.readUInt32LE(0) !== localMark) {
    throw damaged(path, `member ${quoted} is not where the directory says`)
  }
  const nameBytes = local.readUInt16LE(26)
  const from = offset + localBytes + nameBytes + local.readUInt16LE(28)
  if (from + packed > fileSize) throw damaged(path, `member ${quoted} ends beyond the file`)
  if (local.toString('utf8', localBytes, localBytes + nameBytes) !== name) {
    throw damaged(path, `member ${quoted} has another name in its own header`)
  }
  return from
}

/** How many bytes {@link dataOffset} needs to see. */
export const localSize = ({ name }: Entry) => localBytes + Buffer.byteLength(name)

type Span = readonly [from: number, to: number, name: string]

/** Throws if two members share bytes, or a member and the directory. */
export function checkSpans(members: readonly Span[], directory: Directory, path: string): void {
  const spans: Span[] = [...members, [directory.start, directory.start + directory.size, 'the directory']]
  spans.sort(([a], [b]) => a - b)
  spans.forEach(([from, , name], i) => {
    if (i === 0) return
    const [, to, before] = spans[i - 1] as Span
    if (from < to) throw damaged(path, `member ${JSON.stringify(name)} overlaps ${JSON.stringify(before)}`)
  })
}

/** Unpacks a member. Whether its size is possible is checked before, its checksum afterwards. */
export function unpack(packed: Buffer<ArrayBuffer>, entry: Entry, path: string): Uint8Array<ArrayBuffer> {
  const { method, size, crc, encrypted } = entry
  const member = `member ${JSON.stringify(entry.name)}`
  if (encrypted) throw damaged(path, `${member} is encrypted`)
  if (method !== stored && method !== deflated) throw damaged(path, `${member}: unknown compression method ${method}`)
  if (method === stored && size !== packed.length) throw damaged(path, `${member}: its two sizes differ`)
  if (size > packed.length * maxDeflateRatio) {
    throw damaged(path, `${member}: ${packed.length} bytes cannot hold the ${size} declared`)
  }
  const data = method === stored ? packed : inflate(packed, size, member, path)
  if (data.length !== size) throw damaged(path, `${member}: expected ${size} bytes, got ${data.length}`)
  if (checksum(data) !== crc) throw damaged(path, `${member}: wrong checksum`)
  return data
}

/** CRC-32 of data of any length; zlib takes less than 4 GB at a time. */
export function checksum(data: Uint8Array): number {
  const piece = 2 ** 30
  let crc = 0
  for (let at = 0; at < data.length; at += piece) crc = crc32(data.subarray(at, at + piece), crc)
  return crc
}

function inflate(packed: Uint8Array, size: number, member: string, path: string): Uint8Array<ArrayBuffer> {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, size) }) as Uint8Array<ArrayBuffer>
  } catch (error) {
    throw damaged(path, `${member}: the compressed data are damaged`, error)
  }
}
