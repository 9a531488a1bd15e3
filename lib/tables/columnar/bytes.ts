/** Bytes of a file of columns, from any place of it. */

import { constants, open } from 'node:fs/promises'
import { NeurodeError } from '../../base/errors.js'
import { fileError, notFile, readInto } from '../../files/files.js'

/** Bytes that can be read from any place. */
export interface OpenBytes {
  /** What messages call it: the path, or `data`. */
  readonly name: string
  readonly size: number
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>
  close(): Promise<void>
}

/** Opens a file, or bytes in memory. */
export async function openBytes(given: string | Uint8Array): Promise<OpenBytes> {
  if (typeof given !== 'string') {
    return {
      name: 'data',
      size: given.length,
      read: async (start, end) => Uint8Array.from(given.subarray(start, end)),
      close: async () => {},
    }
  }
  try {
    const file = await open(given, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stats = await file.stat()
    if (!stats.isFile()) {
      await file.close()
      throw await notFile(given, stats)
    }
    return {
      name: given,
      size: stats.size,
      async read(start, end) {
        const bytes = new Uint8Array(Math.max(0, end - start))
        await readInto(file, bytes, start, given)
        return bytes
      },
      close: () => file.close(),
    }
  } catch (error) {
    throw fileError(error, given, 'read')
  }
}

/** Loads an optional package. Throws `ERR_PACKAGE_MISSING`, with the command that installs it, if it is not there. */
export async function loadPackage<T>(name: string, what: string): Promise<T> {
  try {
    return (await import(name)) as T
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw cause
    const text = `${what} needs the package ${name}, which is not installed: npm install ${name}`
    throw new NeurodeError('ERR_PACKAGE_MISSING', text, { cause })
  }
}
