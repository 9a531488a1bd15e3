/** Recognizes what lies at a path. */

import { readdir, stat } from 'node:fs/promises'
import { readInto, whileOpen } from '../files/files.js'
import { folderFormatOf, formatOfSample, sampleBytes } from '../files/formats.js'

/** The format of a file, judged by its first and last bytes, or of a folder, by the names of its files. */
export async function formatAt(path: string): Promise<string | undefined> {
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
