/** Tensors in files beside a model. Only files within the folder of the model are opened. */

import type { FileHandle } from 'node:fs/promises'
import { realpath } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path'
import { fileError, readInto, whileOpen } from '../../files/files.js'
import { problem, shortName } from './problem.js'
import type { External, ReadExternal } from './tensors.js'

/** The most bytes that are read from a file, as tensors may share them: so many times those of the file, and some. */
const mostTimes = 8
const free = 2 ** 24

/** Reads tensors from files beside the model at `path`. */
export function besideModel(path: string): ReadExternal {
  const totals = new Map<string, number>()
  return async (place, wanted) => {
    const file = await fileOf(path, place.location)
    const total = (totals.get(file) ?? 0) + wanted
    totals.set(file, total)
    const read = await whileOpen(file, async (handle, size) => {
      if (total > mostTimes * size + free) return `tensors need ${total} bytes of a file of ${size} bytes`
      return readPlace(handle, size, file, place, wanted)
    })
    return typeof read === 'string' ? problem(read) : read
  }
}

/** The path of a file that a model names. Throws unless it lies in the model's folder, also after links are followed. */
async function fileOf(path: string, location: string): Promise<string> {
  const parts = location.split('/')
  const plain = parts.every((part) => part !== '' && part !== '.' && part !== '..')
  const isForeign = isAbsolute(location) || /[\\:\0]/.test(location)
  if (!plain || isForeign || location === basename(path)) {
    problem(`expected a file in the model's folder for its data, got '${shortName(location)}'`)
  }
  const folder = dirname(path)
  const file = join(folder, ...parts)
  const [realFolder, realFile] = await Promise.all([realpath(folder), realpath(file)]).catch((error) => {
    throw fileError(error, file, 'read')
  })
  const way = relative(realFolder as string, realFile as string)
  if (way === '' || way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) {
    problem(
      `expected a file in the model's folder for its data, got a link to another folder, '${shortName(location)}'`,
    )
  }
  return file
}

/** The bytes of a place in a file, or why they are not there. */
async function readPlace(
  handle: FileHandle,
  size: number,
  file: string,
  { offset, length }: External,
  wanted: number,
): Promise<Uint8Array<ArrayBuffer> | string> {
  const there = length ?? size - offset
  if (there !== wanted) return `its shape needs ${wanted} bytes, but ${there} bytes in another file are named`
  if (offset + wanted > size) return `it needs bytes ${offset} to ${offset + wanted} of a file of ${size} bytes`
  const bytes = new Uint8Array(new ArrayBuffer(wanted))
  await readInto(handle, bytes, offset, file)
  return bytes
}
