/** A small reader of NumPy's npz files: little-endian float32 and float64 arrays, stored or deflated. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'

export interface NpyArray {
  readonly shape: readonly number[]
  readonly data: Float32Array | Float64Array
}

/** All arrays of the file by name, without the ending `.npy`. */
export function readNpz(path: string): Map<string, NpyArray> {
  const file = readFileSync(path)
  const end = file.lastIndexOf('PK\x05\x06', undefined, 'latin1')
  assert.ok(end >= 0, `${path}: not a zip file`)
  const entries = file.readUInt16LE(end + 10)
  const arrays = new Map<string, NpyArray>()
  let at = file.readUInt32LE(end + 16)
  for (let i = 0; i < entries; i++) {
    assert.equal(file.toString('latin1', at, at + 4), 'PK\x01\x02', `${path}: entry ${i}`)
    const method = file.readUInt16LE(at + 10)
    const size = file.readUInt32LE(at + 20)
    const nameLength = file.readUInt16LE(at + 28)
    const name = file.toString('utf8', at + 46, at + 46 + nameLength)
    const local = file.readUInt32LE(at + 42)
    const start = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28)
    const packed = file.subarray(start, start + size)
    arrays.set(name.replace(/\.npy$/, ''), readNpy(method === 8 ? inflateRawSync(packed) : packed, name))
    at += 46 + nameLength + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32)
  }
  return arrays
}

function readNpy(bytes: Buffer, name: string): NpyArray {
  assert.equal(bytes.toString('latin1', 1, 6), 'NUMPY', `${name}: magic`)
  const wide = bytes.readUInt8(6) >= 2
  const headerStart = wide ? 12 : 10
  const headerLength = wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8)
  const header = bytes.toString('latin1', headerStart, headerStart + headerLength)
  const type = /'descr': '([^']+)'/.exec(header)?.[1]
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number)
  assert.match(header, /'fortran_order': False/, `${name}: order`)
  const body = bytes.subarray(headerStart + headerLength)
  const copy = body.buffer.slice(body.byteOffset, body.byteOffset + body.length)
  assert.ok(type === '<f4' || type === '<f8', `${name}: element type ${type}`)
  return { shape, data: type === '<f4' ? new Float32Array(copy) : new Float64Array(copy) }
}
