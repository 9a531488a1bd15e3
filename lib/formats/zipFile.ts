/** Reads members of a zip archive in a file, and of the file no more than it must. */

import type { FileHandle } from 'node:fs/promises'
import { damaged, readInto } from '../files/files.js'
import {
  checkSpans,
  dataOffset,
  type Entry,
  findDirectory,
  localSize,
  readEntries,
  tailBytes,
  unpack,
} from './zipDirectory.js'

/** Most entries that a directory may have. */
const mostEntries = 10_000

/** The members of an archive, by name, that can be read while the file is open. */
export interface ZipFile {
  readonly names: readonly string[]
  /** Unpacks a member; undefined if there is none of that name. Throws for one that is a link, or unpacks to more than `maxBytes`. */
  readonly read: (name: string, maxBytes: number) => Promise<Uint8Array<ArrayBuffer> | undefined>
}

/** Reads the directory of an archive of `size` bytes, and checks where its members are. */
export async function openZip(file: FileHandle, size: number, path: string): Promise<ZipFile> {
  const part = async (from: number, to: number) => {
    const bytes = Buffer.from(new ArrayBuffer(Math.max(0, Math.min(to, size) - from)))
    await readInto(file, bytes, from, path)
    return bytes
  }
  const tailFrom = Math.max(0, size - tailBytes)
  const directory = findDirectory(await part(tailFrom, size), tailFrom, path)
  if (directory.count > mostEntries) throw damaged(path, `the archive has more than ${mostEntries} members`)
  const entries = readEntries(await part(directory.start, directory.start + directory.size), directory.count, path)
  const members = new Map<string, { entry: Entry; from: number }>()
  const spans: [number, number, string][] = []
  for (const entry of entries) {
    if (members.has(entry.name)) throw damaged(path, `two members are called ${JSON.stringify(entry.name)}`)
    const from = dataOffset(await part(entry.offset, entry.offset + localSize(entry)), entry, size, path)
    members.set(entry.name, { entry, from })
    spans.push([entry.offset, from + entry.packed, entry.name])
  }
  checkSpans(spans, directory, path)
  return {
    names: [...members.keys()],
    read: async (name, maxBytes) => {
      const found = members.get(name)
      if (found === undefined) return undefined
      const { entry, from } = found
      const quoted = JSON.stringify(name)
      if (entry.isLink) throw damaged(path, `member ${quoted} is a symbolic link`)
      if (entry.size > maxBytes) {
        throw damaged(path, `member ${quoted} unpacks to ${entry.size} bytes, beyond the limit of ${maxBytes}`)
      }
      return unpack(await part(from, from + entry.packed), entry, path)
    },
  }
}
