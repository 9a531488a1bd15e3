/** The framing of TensorBoard's event files, which is TFRecord: length, its checksum, data, their checksum. */

import { damaged } from '../../files/files.js'

const headerBytes = 12
const footerBytes = 4
/** The most bytes that a message of protobuf may have. */
const mostBytes = 2 ** 31 - 1

/** The remainders of CRC-32C, Castagnoli's polynomial. */
const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f63b78 : 0)
  return remainder
})

/** A CRC-32C, rotated and moved, as the format stores it. */
export function maskedChecksum(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) crc = (crc >>> 8) ^ (remainders[(crc ^ byte) & 255] as number)
  crc = ~crc
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/** One record with its frame. */
export function frameRecord(data: Uint8Array): Buffer {
  const record = Buffer.alloc(headerBytes + data.length + footerBytes)
  record.writeUInt32LE(data.length, 0)
  record.writeUInt32LE(maskedChecksum(record.subarray(0, 8)), 8)
  record.set(data, headerBytes)
  record.writeUInt32LE(maskedChecksum(data), headerBytes + data.length)
  return record
}

/** The data of the whole records of a file, and whether the file ends with the last of them. */
export interface Records {
  readonly records: readonly Uint8Array[]
  readonly complete: boolean
}

/** Splits a file into its records. Throws `ERR_FILE_FORMAT` for wrong checksums; the last record may be cut. */
export function splitRecords(bytes: Buffer, path: string): Records {
  const records: Uint8Array[] = []
  let at = 0
  while (bytes.length - at >= headerBytes) {
    const wrong = (what: string) => damaged(path, `record ${records.length}, at byte ${at}: ${what}`)
    const start = at + headerBytes
    if (bytes.readUInt32LE(at + 8) !== maskedChecksum(bytes.subarray(at, at + 8))) {
      throw wrong('wrong checksum of the length')
    }
    const length = bytes.readBigUInt64LE(at)
    if (length > mostBytes) throw wrong(`expected at most ${mostBytes} bytes, got ${length}`)
    const end = start + Number(length)
    if (bytes.length - end < footerBytes) break
    const data = bytes.subarray(start, end)
    if (bytes.readUInt32LE(end) !== maskedChecksum(data)) throw wrong('wrong checksum of the data')
    records.push(data)
    at = end + footerBytes
  }
  return { records, complete: at === bytes.length }
}
