/** Writes HDF5 files with h5wasm, on a thread of its own. */

import { type Library, withMemory } from './library.js'
import type { H5Write } from './messages.js'

/** The bytes of a file with these objects, which are the same for the same objects. */
export function write(library: Library, objects: readonly H5Write[]): Uint8Array<ArrayBuffer> {
  const { module } = library
  const total = objects.reduce((sum, { data }) => sum + (data?.byteLength ?? 0), 0)
  library.limit(2 ** 27 + 2 * total)
  const written = new Set<string>()
  return library.create((file) => {
    for (const { path, attributes = {}, data, shape = [] } of objects) {
      const full = `/${path}`
      // The library takes a second object of one name without an error, and writes none of it.
      if (written.has(path)) throw new Error(`there are two objects ${full}`)
      written.add(path)
      if (data !== undefined) writeDataset(library, file, full, data, shape)
      else if (path !== '') check(module.create_group(file, full), full)
      for (const [name, value] of Object.entries(attributes)) writeTexts(library, file, full, name, value)
    }
  })
}

function writeDataset(
  { module }: Library,
  file: bigint,
  full: string,
  data: Float32Array | BigInt64Array,
  shape: readonly number[],
): void {
  const isFloat = data instanceof Float32Array
  const { H5T_FLOAT, H5T_INTEGER } = module.H5T_class_t
  const metadata = {
    type: isFloat ? H5T_FLOAT.value : H5T_INTEGER.value,
    size: data.BYTES_PER_ELEMENT,
    signed: true,
    vlen: false,
    littleEndian: true,
    total_size: data.length,
    shape: shape.map(BigInt),
    maxshape: shape.map(BigInt),
  }
  withMemory(module, data.byteLength, (at, size) => {
    module.HEAPU8.set(new Uint8Array(data.buffer, data.byteOffset, size), at)
    check(module.create_dataset(file, full, BigInt(at), metadata), full)
  })
}

function writeTexts(
  { module }: Library,
  file: bigint,
  full: string,
  name: string,
  value: string | readonly string[],
): void {
  const texts = typeof value === 'string' ? [value] : [...value]
  const shape = typeof value === 'string' ? [] : [BigInt(texts.length)]
  const isAscii = texts.every((text) => /^[\0-\x7f]*$/.test(text))
  const metadata = {
    type: module.H5T_class_t.H5T_STRING.value,
    size: 4,
    cset: isAscii ? 0 : 1,
    signed: false,
    vlen: true,
    littleEndian: true,
    total_size: texts.length,
    shape,
    maxshape: shape,
  }
  check(module.create_vlen_str_attribute(file, full, name, texts, metadata), `${full}: ${name}`)
}

function check(status: number, what: string): void {
  if (status < 0) throw new Error(`${what} could not be written`)
}
