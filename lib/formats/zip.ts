/** A strict reader and a writer of zip archives in memory, without encryption, archives in several parts, and files beyond 4 GB. */

import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib'
import { NeurodeError } from '../base/errors.js'
import { damaged } from '../files/files.js'

const localMark = 0x04034b50
const centralMark = 0x02014b50
const endMark = 0x06054b50
const endBytes = 22
const centralBytes = 46
const localBytes = 30
const maxComment = 0xffff
/** The highest compression ratio of deflate: 258 bytes from a match code of two bits. */
const maxDeflateRatio = 1032
const stored = 0
const deflated = 8

interface Entry {
  readonly name: string
  readonly encrypted: boolean
  readonly method: number
  readonly crc: number
  readonly packed: number
  readonly size: number
  readonly offset: number
}

/**
 * The members of an archive by name, in its order, each as a function that unpacks the member. Offsets and the sum of the sizes, at
 * most `maxBytes`, are checked at once. Whether a size is possible is checked before a member is unpacked, its checksum afterwards.
 */
export function readZip(
  bytes: Buffer<ArrayBuffer>,
  path: string,
  maxBytes: number,
): Map<string, () => Uint8Array<ArrayBuffer>> {
  const members = new Map<string, () => Uint8Array<ArrayBuffer>>()
  const { entries, start } = readDirectory(bytes, path)
  const spans: [from: number, to: number, name: string][] = [[start, bytes.length, 'the directory']]
  let unpacked = 0
  for (const entry of entries) {
    unpacked += entry.size
    if (unpacked > maxBytes) {
      const text = `member ${JSON.stringify(entry.name)}: with it the archive unpacks to ${unpacked} bytes`
      throw damaged(path, `${text}, beyond the limit of ${maxBytes}: readNpz(path, { maxBytes }) raises it`)
    }
    if (members.has(entry.name)) throw damaged(path, `two members are called ${JSON.stringify(entry.name)}`)
    const from = dataOffset(bytes, entry, path)
    spans.push([entry.offset, from + entry.packed, entry.name])
    members.set(entry.name, () => unpack(bytes.subarray(from, from + entry.packed), entry, path))
  }
  spans.sort(([a], [b]) => a - b)
  spans.forEach(([from, , name], i) => {
    if (i === 0) return
    const [, to, before] = spans[i - 1] as (typeof spans)[number]
    if (from < to) throw damaged(path, `member ${JSON.stringify(name)} overlaps ${JSON.stringify(before)}`)
  })
  return members
}

function readDirectory(bytes: Buffer, path: string): { entries: Entry[]; start: number } {
  const end = findEnd(bytes)
  if (end < 0) throw damaged(path, 'expected a zip archive, got a file without its directory')
  const count = bytes.readUInt16LE(end + 10)
  const size = bytes.readUInt32LE(end + 12)
  const start = bytes.readUInt32LE(end + 16)
  if (bytes.readUInt16LE(end + 4) !== 0 || bytes.readUInt16LE(end + 8) !== count) {
    throw damaged(path, 'expected a zip archive in one part')
  }
  if (start + size !== end) throw damaged(path, 'the directory of the zip archive is not where it should be')
  const entries: Entry[] = []
  let at = start
  for (let i = 0; i < count; i++) {
    if (at + centralBytes > end || bytes.readUInt32LE(at) !== centralMark) {
      throw damaged(path, `expected ${count} entries in the directory, got ${i}`)
    }
    const nameBytes = bytes.readUInt16LE(at + 28)
    const next = at + centralBytes + nameBytes + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32)
    if (next > end) throw damaged(path, 'an entry of the directory ends beyond it')
    const flags = bytes.readUInt16LE(at + 8)
    const name = bytes.toString('utf8', at + centralBytes, at + centralBytes + nameBytes)
    entries.push({
      name,
      encrypted: (flags & 0x2041) !== 0,
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      packed: bytes.readUInt32LE(at + 20),
      size: bytes.readUInt32LE(at + 24),
      offset: bytes.readUInt32LE(at + 42),
    })
    at = next
  }
  if (at !== end) throw damaged(path, `the directory holds more than the ${count} entries declared`)
  return { entries, start }
}

/** The offset of the end record, whose comment must reach the end of the file; -1 if there is none. */
function findEnd(bytes: Buffer): number {
  for (let at = bytes.length - endBytes; at >= Math.max(0, bytes.length - endBytes - maxComment); at--) {
    if (bytes.readUInt32LE(at) === endMark && at + endBytes + bytes.readUInt16LE(at + 20) === bytes.length) return at
  }
  return -1
}

function dataOffset(bytes: Buffer, { name, offset, packed }: Entry, path: string): number {
  const quoted = JSON.stringify(name)
  if (offset + localBytes > bytes.length || bytes.readUInt32LE(offset) !== localMark) {
    throw damaged(path, `member ${quoted} is not where the directory says`)
  }
  const nameBytes = bytes.readUInt16LE(offset + 26)
  const from = offset + localBytes + nameBytes + bytes.readUInt16LE(offset + 28)
  if (from + packed > bytes.length) throw damaged(path, `member ${quoted} ends beyond the file`)
  if (bytes.toString('utf8', offset + localBytes, offset + localBytes + nameBytes) !== name) {
    throw damaged(path, `member ${quoted} has another name in its own header`)
  }
  return from
}

function unpack(packed: Buffer<ArrayBuffer>, entry: Entry, path: string): Uint8Array<ArrayBuffer> {
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
  if (crc32(data) !== crc) throw damaged(path, `${member}: wrong checksum`)
  return data
}

function inflate(packed: Uint8Array, size: number, member: string, path: string): Uint8Array<ArrayBuffer> {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, size) }) as Uint8Array<ArrayBuffer>
  } catch (error) {
    throw damaged(path, `${member}: the compressed data are damaged`, error)
  }
}

/** The bytes of an archive of these members, in chunks. */
export function writeZip(members: ReadonlyMap<string, Uint8Array>, compress: boolean): Uint8Array[] {
  const chunks: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let at = 0
  for (const [name, data] of members) {
    const packed = compress ? deflateRawSync(data) : data
    const local = Buffer.alloc(localBytes)
    local.writeUInt32LE(localMark, 0)
    local.writeUInt16LE(20, 4)
    // Bit 11 says that names are UTF-8.
    local.writeUInt16LE(0x800, 6)
    local.writeUInt16LE(compress ? deflated : stored, 8)
    // The date is always 1 January 1980, so that the same arrays give the same bytes.
    local.writeUInt16LE(0x21, 12)
    local.writeUInt32LE(crc32(data), 14)
    local.writeUInt32LE(fits(packed.length), 18)
    local.writeUInt32LE(fits(data.length), 22)
    const text = Buffer.from(name)
    local.writeUInt16LE(text.length, 26)
    const central = Buffer.alloc(centralBytes)
    central.writeUInt32LE(centralMark, 0)
    central.writeUInt16LE(20, 4)
    local.copy(central, 6, 4, 30)
    central.writeUInt32LE(fits(at), 42)
    directory.push(central, text)
    chunks.push(local, text, packed)
    at += local.length + text.length + packed.length
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0)
  const end = Buffer.alloc(endBytes)
  end.writeUInt32LE(endMark, 0)
  end.writeUInt16LE(members.size, 8)
  end.writeUInt16LE(members.size, 10)
  end.writeUInt32LE(size, 12)
  end.writeUInt32LE(fits(at + size) - size, 16)
  return [...chunks, ...directory, end]
}

function fits(bytes: number): number {
  if (bytes < 2 ** 32 - 1) return bytes
  throw new NeurodeError('ERR_ARGUMENT', 'an npz file holds at most 4 GB: use safetensors')
}
