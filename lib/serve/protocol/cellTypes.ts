/** Types of the Open Inference Protocol in which the cells of a column may come, and their bytes. */

import type { ColumnType } from '../../tables/column.js'
import { type JsonCell, kindOf, longestText, refuseAt } from './recordSpec.js'

interface CellType {
  /** Bytes of an element; undefined where elements have different lengths. */
  readonly bytes: number | undefined
  /** Reads the element at an offset. */
  readonly read: (view: DataView, at: number) => number | boolean
  /** What elements of JSON have to be, for messages. */
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
}

const isNumber = (value: unknown) => typeof value === 'number'
const floats = { expected: 'a number', accepts: isNumber }

/** Whole numbers of this many bits. */
function whole(bits: 8 | 16 | 32 | 64, isSigned: boolean, read: CellType['read']): CellType {
  const least = isSigned ? -(2 ** (bits - 1)) : 0
  const end = 2 ** (isSigned ? bits - 1 : bits)
  const accepts = (value: unknown) => Number.isInteger(value) && (value as number) >= least && (value as number) < end
  return {
    bytes: bits / 8,
    read,
    expected: `a whole number of ${bits} bits${isSigned ? '' : ' without a sign'}`,
    accepts,
  }
}

export const cellTypes: Readonly<Record<string, CellType>> = {
  FP64: { bytes: 8, read: (view, at) => view.getFloat64(at, true), ...floats },
  FP32: { bytes: 4, read: (view, at) => view.getFloat32(at, true), ...floats },
  INT64: whole(64, true, (view, at) => Number(view.getBigInt64(at, true))),
  INT32: whole(32, true, (view, at) => view.getInt32(at, true)),
  INT16: whole(16, true, (view, at) => view.getInt16(at, true)),
  INT8: whole(8, true, (view, at) => view.getInt8(at)),
  UINT64: whole(64, false, (view, at) => Number(view.getBigUint64(at, true))),
  UINT32: whole(32, false, (view, at) => view.getUint32(at, true)),
  UINT16: whole(16, false, (view, at) => view.getUint16(at, true)),
  UINT8: whole(8, false, (view, at) => view.getUint8(at)),
  BOOL: {
    bytes: 1,
    read: (view, at) => view.getUint8(at) !== 0,
    expected: 'true or false',
    accepts: (value) => typeof value === 'boolean' || value === 0 || value === 1,
  },
  BYTES: {
    bytes: undefined,
    read: () => 0,
    expected: 'a string',
    accepts: (value) => typeof value === 'string',
  },
}

/** The type in which the cells of a column are described. Dates are texts, as ISO writes them. */
export const datatypeOf: Readonly<Record<ColumnType, string>> = {
  number: 'FP64',
  boolean: 'BOOL',
  text: 'BYTES',
  date: 'BYTES',
}

const lengthBytes = 4

/** The cells in the bytes of a tensor. `place` names the tensor. */
export function cellsOfBytes(datatype: string, bytes: Buffer, rows: number, place: string): JsonCell[] {
  const { bytes: size, read } = cellTypes[datatype] as CellType
  const at = `${place}.parameters.binary_data_size`
  if (size === undefined) return textsOf(bytes, rows, at)
  if (bytes.length !== rows * size) refuseAt(at, `${rows * size} for this shape`, `${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: rows }, (_, row) => read(view, row * size))
}

/** Texts, each behind its length in four bytes, little-endian. */
function textsOf(bytes: Buffer, rows: number, place: string): string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const texts: string[] = []
  let at = 0
  for (let row = 0; row < rows; row++) {
    const begin = at + lengthBytes
    const length = begin <= bytes.length ? bytes.readUInt32LE(at) : 0
    const end = begin + length
    if (length > longestText) refuseAt(place, `texts of at most ${longestText} bytes`, `${length}`)
    if (end > bytes.length)
      refuseAt(place, `${rows} texts, each behind its length`, `the end of the bytes in text ${row}`)
    try {
      texts.push(decoder.decode(bytes.subarray(begin, end)))
    } catch {
      refuseAt(place, 'texts in UTF-8', `other bytes in text ${row}`)
    }
    at = end
  }
  if (at < bytes.length) refuseAt(place, `${rows} texts in ${at} bytes`, `${bytes.length} bytes`)
  return texts
}

/** Texts as bytes, each behind its length. */
export function bytesOfTexts(texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => {
      const length = Buffer.alloc(lengthBytes)
      const bytes = Buffer.from(text)
      length.writeUInt32LE(bytes.length)
      return [length, bytes]
    }),
  )
}

/** The cells in the `data` of a tensor, one list or a list for each row. `place` names the tensor. */
export function cellsOfJson(datatype: string, data: unknown, rows: number, place: string): JsonCell[] {
  const { accepts, expected } = cellTypes[datatype] as CellType
  if (!Array.isArray(data)) return refuseAt(`${place}.data`, 'an array', kindOf(data))
  if (data.length !== rows) refuseAt(`${place}.data`, `${rows} values as in shape`, `${data.length}`)
  return data.map((value, row) => {
    const cell = Array.isArray(value) && value.length === 1 ? value[0] : value
    return cell === null || accepts(cell) ? cell : refuseAt(`${place}.data[${row}]`, expected, kindOf(cell))
  })
}
