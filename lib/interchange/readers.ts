/** The door for models from files: recognizes the format by content, and loads the reader of that format alone. */

import { readdir, stat } from 'node:fs/promises'
import { readInto, toPath, whileOpen } from '../files/files.js'
import { folderFormatOf, formatOfSample, formats, sampleBytes } from '../files/formats.js'
import { type ModelFile, readModelFile } from '../persistence/modelFile.js'

/** What `load` passes on to the reader of a format. */
export interface ReadOptions {
  /** Names of the outputs that are wanted, of formats that hold several; default all. */
  readonly outputs?: readonly string[] | undefined
}

/** Reads a file, or a folder, of one format. */
export type ReadForeign = (path: string, options: ReadOptions) => Promise<ModelFile>

/** Readers by the names of `formatOf`, and of the folders that `folderFormatOf` knows. */
const readers: Readonly<Record<string, () => Promise<ReadForeign>>> = {
  [formats.keras]: async () => (await import('./keras/readFile.js')).readKerasArchive,
  [formats.kerasFolder]: async () => (await import('./keras/readFile.js')).readKerasFolder,
  [formats.hdf5]: async () => (await import('./keras/readFile.js')).readLegacyFile,
}

/** Reads a model of any format that is known. */
export async function readAnyModel(source: string | URL, options: ReadOptions = {}): Promise<ModelFile> {
  const path = toPath(source, 'path')
  const name = await formatAt(path)
  const reader = name !== undefined && Object.hasOwn(readers, name) ? readers[name] : undefined
  return reader === undefined ? readModelFile(path) : (await reader())(path, options)
}

/** The format of a file, judged by its first and last bytes, or of a folder, by the names of its files. */
async function formatAt(path: string): Promise<string | undefined> {
  const stats = await stat(path).catch(() => undefined)
  if (stats?.isDirectory() === true) return folderFormatOf(await readdir(path).catch(() => []))?.name
  if (stats?.isFile() !== true) return undefined
  return whileOpen(path, async (file, size) => {
    const part = async (from: number) => {
      const bytes = Buffer.alloc(Math.min(size - from, sampleBytes))
      await readInto(file, bytes, from, path)
      return bytes.toString('latin1')
    }
    return formatOfSample({ head: await part(0), tail: await part(Math.max(0, size - sampleBytes)), length: size })
      ?.name
  })
}
