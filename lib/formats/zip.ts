/** A strict reader and a writer of zip archives in memory, without encryption and archives in several parts. */

import { deflateRawSync } from 'node:zlib'
import { damaged } from '../files/files.js'
import {
  centralBytes,
  centralMark,
  checkSpans,
  checksum,
  dataOffset,
  deflated,
  endBytes,
  endMark,
  findDirectory,
  localBytes,
  localMark,
  localSize,
  locatorBytes,
  locatorMark,
  readEntries,
  stored,
  tailBytes,
  unpack,
  wide16,
  wide32,
  wideEndBytes,
  wideEndMark,
  wideField,
} from './zipDirectory.js'

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
  const from = Math.max(0, bytes.length - tailBytes)
  const directory = findDirectory(bytes.subarray(from), from, path)
  const entries = readEntries(bytes.subarray(directory.start, directory.start + directory.size), directory.count, path)
  let unpacked = 0
  const spans = entries.map((entry): [number, number, string] => {
    unpacked += entry.size
    if (unpacked > maxBytes) {
      const text = `member ${JSON.stringify(entry.name)}: with it the archive unpacks to ${unpacked} bytes`
      throw damaged(path, `${text}, beyond the limit of ${maxBytes}: readNpz(path, { maxBytes }) raises it`)
    }
    if (members.has(entry.name)) throw damaged(path, `two members are called ${JSON.stringify(entry.name)}`)
    const local = bytes.subarray(entry.offset, entry.offset + localSize(entry))
    const start = dataOffset(local, entry, bytes.length, path)
    members.set(entry.name, () => unpack(bytes.subarray(start, start + entry.packed), entry, path))
    return [entry.offset, start + entry.packed, entry.name]
  })
  checkSpans(spans, directory, path)
  return members
}

/** The bytes of an archive of these members, in chunks. Numbers of `widest` and more are written in the wide form. */
export function writeZip(
  members: ReadonlyMap<string, Uint8Array>,
  compress: boolean,
  widest: number = wide32,
): Uint8Array[] {
  const chunks: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let at = 0
  for (const [name, data] of members) {
    const packed = compress ? deflateRawSync(data) : data
    const text = Buffer.from(name)
    const sizes = [data.length, packed.length]
    const localWide = sizes.some((size) => size >= widest) ? wideNumbers(sizes) : Buffer.alloc(0)
    const local = Buffer.alloc(localBytes)
    local.writeUInt32LE(localMark, 0)
    local.writeUInt16LE(20, 4)
    // Bit 11 says that names are UTF-8.
    local.writeUInt16LE(0x800, 6)
    local.writeUInt16LE(compress ? deflated : stored, 8)
    // The date is always 1 January 1980, so that the same arrays give the same bytes.
    local.writeUInt16LE(0x21, 12)
    local.writeUInt32LE(checksum(data), 14)
    local.writeUInt32LE(localWide.length > 0 ? wide32 : packed.length, 18)
    local.writeUInt32LE(localWide.length > 0 ? wide32 : data.length, 22)
    local.writeUInt16LE(text.length, 26)
    local.writeUInt16LE(localWide.length, 28)
    const isFar = at >= widest
    const numbers = [...(localWide.length > 0 ? sizes : []), ...(isFar ? [at] : [])]
    const centralWide = numbers.length > 0 ? wideNumbers(numbers) : Buffer.alloc(0)
    if (centralWide.length > 0) local.writeUInt16LE(45, 4)
    const central = Buffer.alloc(centralBytes)
    central.writeUInt32LE(centralMark, 0)
    central.writeUInt16LE(20, 4)
    local.copy(central, 6, 4, 30)
    central.writeUInt16LE(centralWide.length, 30)
    central.writeUInt32LE(isFar ? wide32 : at, 42)
    directory.push(central, text, centralWide)
    chunks.push(local, text, localWide, packed)
    at += local.length + text.length + localWide.length + packed.length
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0)
  return [...chunks, ...directory, ...endRecords(at, size, members.size, widest)]
}

/** The field of numbers that 32 bits may not hold. */
function wideNumbers(numbers: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * numbers.length)
  field.writeUInt16LE(wideField, 0)
  field.writeUInt16LE(8 * numbers.length, 2)
  numbers.forEach((number, i) => {
    field.writeBigUInt64LE(BigInt(number), 4 + 8 * i)
  })
  return field
}

function endRecords(start: number, size: number, count: number, widest: number): Buffer[] {
  const isWide = start + size >= widest || count >= wide16
  const end = Buffer.alloc(endBytes)
  end.writeUInt32LE(endMark, 0)
  end.writeUInt16LE(isWide ? wide16 : count, 8)
  end.writeUInt16LE(isWide ? wide16 : count, 10)
  end.writeUInt32LE(isWide ? wide32 : size, 12)
  end.writeUInt32LE(isWide ? wide32 : start, 16)
  if (!isWide) return [end]
  const wideEnd = Buffer.alloc(wideEndBytes)
  wideEnd.writeUInt32LE(wideEndMark, 0)
  wideEnd.writeBigUInt64LE(BigInt(wideEndBytes - 12), 4)
  wideEnd.writeUInt16LE(45, 12)
  wideEnd.writeUInt16LE(45, 14)
  for (const [place, number] of [count, count, size, start].entries()) {
    wideEnd.writeBigUInt64LE(BigInt(number), 24 + 8 * place)
  }
  const locator = Buffer.alloc(locatorBytes)
  locator.writeUInt32LE(locatorMark, 0)
  locator.writeBigUInt64LE(BigInt(start + size), 8)
  locator.writeUInt32LE(1, 16)
  return [wideEnd, locator, end]
}
