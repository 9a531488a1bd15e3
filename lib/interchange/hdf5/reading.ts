/** Reads HDF5 files with h5wasm. It runs on a thread of its own, and trusts nothing that a file says before it was checked. */

import { type Library, withMemory } from './library.js'
import type { H5Node, H5Texts } from './messages.js'
import { typeOf } from './types.js'

/** The most objects of a file, and the most groups within each other. */
const mostObjects = 100_000
const deepest = 64
/** The most bytes of a file's attributes together. */
const mostText = 2 ** 26
/** What libhdf5 needs beside the data that are read. */
const workingMemory = 2 ** 26

/** An open file. Paths that it is given were found by its own walk, so that none leads through a link. */
export class Reading {
  readonly nodes = new Map<string, H5Node>()
  readonly #library: Library
  readonly #file: bigint
  readonly #maxBytes: number
  readonly #chunks = new Map<string, number>()
  #text = 0

  private constructor(library: Library, file: bigint, maxBytes: number) {
    this.#library = library
    this.#maxBytes = maxBytes
    this.#file = file
    this.#walk('', [], 0)
  }

  /** Opens a file; undefined if it cannot be. */
  static open(library: Library, bytes: Uint8Array, maxBytes: number): Reading | undefined {
    library.limit(workingMemory)
    const file = library.open(bytes)
    return file === undefined ? undefined : new Reading(library, file, maxBytes)
  }

  /** The elements of datasets, little-endian. */
  read(paths: readonly string[]): Uint8Array<ArrayBuffer>[] {
    const { module, limit } = this.#library
    const sizes = paths.map((path) => this.#sizeOf(path))
    const total = sizes.reduce((sum, size) => sum + size, 0)
    if (total > this.#maxBytes) throw new Error(`its data have ${total} bytes, beyond the limit of ${this.#maxBytes}`)
    limit(workingMemory + 2 * Math.max(0, ...sizes))
    return paths.map((path, i) => {
      return withMemory(module, sizes[i] as number, (at, size) => {
        const status = module.get_dataset_data(this.#file, `/${path}`, null, null, null, BigInt(at))
        if (status < 0) throw new Error(`the data of '${path}' are damaged, or not in this file`)
        return new Uint8Array(module.HEAPU8.slice(at, at + size))
      })
    })
  }

  close(): void {
    this.#library.close(this.#file)
  }

  #sizeOf(path: string): number {
    const node = this.nodes.get(path)
    if (node?.kind !== 'dataset') throw new Error(`there is no dataset '${path}'`)
    if (node.problem !== undefined) throw new Error(`'${path}': ${node.problem}`)
    const chunk = this.#chunks.get(path) ?? 0
    if (chunk > this.#maxBytes) throw new Error(`'${path}' lies in pieces of ${chunk} bytes, beyond the limit`)
    return node.bytes
  }

  /** Notes an object and all within it. `around` are the groups around it, by their addresses. */
  #walk(path: string, around: readonly string[], depth: number): void {
    if (this.nodes.size >= mostObjects) throw new Error(`it has more than ${mostObjects} objects`)
    if (depth > deepest) throw new Error(`its groups are nested deeper than ${deepest}`)
    const { module } = this.#library
    const full = `/${path}`
    const link = path === '' ? undefined : this.#linkAt(full)
    const type = link === undefined ? module.get_type(this.#file, full) : undefined
    if (type === module.H5G_DATASET) this.nodes.set(path, this.#dataset(path))
    else if (type !== module.H5G_GROUP)
      this.nodes.set(path, { kind: 'link', what: link ?? 'neither group nor dataset' })
    else {
      const address = Buffer.from(module.create_object_reference(this.#file, full)).toString('hex')
      if (around.includes(address)) {
        this.nodes.set(path, { kind: 'link', what: 'a group that holds itself' })
        return
      }
      const children = module.get_names(this.#file, full, false)
      this.nodes.set(path, { kind: 'group', children, attributes: this.#attributes(full) })
      for (const name of children) this.#walk(path === '' ? name : `${path}/${name}`, [...around, address], depth + 1)
    }
  }

  #linkAt(full: string): string | undefined {
    const { module } = this.#library
    if (module.get_symbolic_link(this.#file, full) !== null) return 'a soft link'
    if (module.get_external_link(this.#file, full).filename !== undefined) return 'a link to another file'
    return undefined
  }

  #dataset(path: string): H5Node {
    const { module } = this.#library
    const metadata = module.get_dataset_metadata(this.#file, `/${path}`)
    const { shape, size, chunks, virtual_sources: sources } = metadata
    const marked = metadata.type === module.H5T_class_t.H5T_OPAQUE.value
    const mark = marked ? this.#attributes(`/${path}`).get('dtype')?.[0] : undefined
    const type = typeOf(module, metadata, mark)
    const problem = () => {
      if (sources !== undefined) return 'its data are a view of other datasets'
      if (shape === null) return 'it is empty'
      return type.problem
    }
    const elements = (dimensions: readonly number[]) => dimensions.reduce((product, length) => product * length, 1)
    if (chunks) this.#chunks.set(path, elements(chunks) * size)
    return {
      kind: 'dataset',
      shape: shape ?? [],
      dtype: type.dtype,
      bytes: elements(shape ?? []) * size,
      problem: problem(),
    }
  }

  #attributes(full: string): Map<string, H5Texts> {
    const names = this.#library.module.get_attribute_names(this.#file, full)
    return new Map(names.map((name) => [name, this.#texts(full, name)]))
  }

  #texts(full: string, name: string): H5Texts {
    const { module } = this.#library
    const metadata = module.get_attribute_metadata(this.#file, full, name)
    const { shape, size, vlen, total_size: count } = metadata
    if (shape?.length === 1 && shape[0] === 0) return []
    if (metadata.type !== module.H5T_class_t.H5T_STRING.value || shape === null) return undefined
    this.#text += size * count
    if (!(this.#text <= mostText)) throw new Error('its attributes are too large')
    return withMemory(module, size * count, (at, bytes) => {
      module.HEAPU8.fill(0, at, at + bytes)
      if (module.get_attribute_data(this.#file, full, name, BigInt(at)) < 0) {
        throw new Error(`the attribute '${name}' is damaged`)
      }
      if (!vlen) return Array.from({ length: count }, (_, i) => fixedText(module.HEAPU8, at + i * size, size))
      try {
        return Array.from(new Uint32Array(module.HEAPU8.slice(at, at + bytes).buffer), (each) => {
          return module.UTF8ToString(each)
        })
      } finally {
        module.reclaim_vlen_memory(this.#file, full, name, BigInt(at))
      }
    })
  }
}

/** A text that ends at its first NUL, or at its end. */
function fixedText(heap: Uint8Array, at: number, size: number): string {
  const bytes = heap.slice(at, at + size)
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)).trimEnd()
}
