/** Loads h5wasm, libhdf5 as WebAssembly with a file system in memory, on a thread of its own. */

import type { Module } from 'h5wasm'

export type H5WasmModule = typeof Module

/** WebAssembly's memory, of which TypeScript's types of Node say nothing. */
interface Memory {
  readonly buffer: ArrayBuffer
  grow(this: Memory, pages: number): number
}

interface Globals {
  readonly WebAssembly: { readonly Memory: { readonly prototype: Memory } }
}

const pageBytes = 65_536

/** libhdf5 with one file at a time, in a memory that grows up to a limit. */
export interface Library {
  readonly module: H5WasmModule
  /** Sets how large the library's memory may become beyond what it has at the start, in bytes. */
  readonly limit: (bytes: number) => void
  /** Opens a file; undefined if it cannot be. */
  readonly open: (bytes: Uint8Array) => bigint | undefined
  readonly close: (file: bigint) => void
  /** Calls `write` with a new file, and returns the bytes of the file. */
  readonly create: (write: (file: bigint) => void) => Uint8Array<ArrayBuffer>
}

/** Called once on a thread, before anything else there is of use. */
export async function loadLibrary(): Promise<Library> {
  // The library writes its errors to the console, and the time into files.
  console.error = () => {}
  console.log = () => {}
  Date.now = () => 0
  let most = Number.POSITIVE_INFINITY
  const { prototype } = (globalThis as unknown as Globals).WebAssembly.Memory
  const { grow } = prototype
  prototype.grow = function (pages) {
    if (this.buffer.byteLength + pages * pageBytes > most) throw new RangeError('the limit of memory is reached')
    return grow.call(this, pages)
  }
  const { ready } = await import('h5wasm')
  const module = await ready
  const { FS } = module
  // A file may name others that hold its data: there is nothing to find.
  for (const name of FS.readdir('/dev')) if (!FS.isDir(FS.lstat(`/dev/${name}`).mode)) FS.unlink(`/dev/${name}`)
  const atStart = module.HEAPU8.length
  const path = `/${crypto.randomUUID()}.h5`
  const remove = () => {
    if (FS.analyzePath(path, true).exists) FS.unlink(path)
  }
  return {
    module,
    limit: (bytes) => {
      most = atStart + bytes
    },
    open: (bytes) => {
      FS.writeFile(path, bytes, { canOwn: true } as object)
      const file = module.open(path, module.H5F_ACC_RDONLY)
      if (file >= 0n) return file
      remove()
      return undefined
    },
    close: (file) => {
      module.close_file(file)
      remove()
    },
    create: (write) => {
      const bound = module.H5F_LIBVER_EARLIEST
      const file = module.open(path, module.H5F_ACC_TRUNC, false, bound, module.H5F_LIBVER_LATEST)
      if (file < 0n) throw new Error('no HDF5 file could be made')
      write(file)
      if (module.close_file(file) < 0) throw new Error('it could not be completed')
      const bytes = new Uint8Array(FS.readFile(path))
      remove()
      return bytes
    },
  }
}

/** Lends memory of the library for as long as `use` runs. */
export function withMemory<T>(module: H5WasmModule, size: number, use: (at: number, size: number) => T): T {
  const at = module._malloc(Math.max(1, size))
  if (at === 0) throw new Error(`there is no memory for ${size} bytes`)
  try {
    return use(at, size)
  } finally {
    module._free(at)
  }
}
