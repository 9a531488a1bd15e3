/** Reads and writes whole files. A crash during a write leaves the old file or the new one, never a partial one. */

import type { Stats } from 'node:fs'
import {
  access,
  constants,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  realpath,
  rename,
  stat,
  unlink,
} from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { closing } from '../base/closing.js'
import { NeurodeError } from '../base/errors.js'
import { foreignFolder, formatOf, formats } from './formats.js'
import { removeLeftovers, temporaryPath } from './temporary.js'

export { toPath } from './paths.js'

/** The most bytes that one system call reads or writes. */
const chunkBytes = 2 ** 30

/** All bytes of a regular file. */
export async function readBytes(path: string): Promise<Buffer<ArrayBuffer>> {
  return whileOpen(path, async (file, size) => {
    const bytes = Buffer.from(new ArrayBuffer(size))
    await readInto(file, bytes, 0, path)
    return bytes
  })
}

/** Opens a regular file, reads what is wanted of it, and closes it. Every error names the file; the first one is thrown. */
export async function whileOpen<T>(path: string, read: (file: FileHandle, size: number) => Promise<T>): Promise<T> {
  try {
    // A pipe would block open() for as long as nobody writes to it.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const work = async () => {
      const stats = await file.stat()
      if (!stats.isFile()) throw await notFile(path, stats)
      return await read(file, stats.size)
    }
    return await closing(work, () => file.close())
  } catch (error) {
    throw fileError(error, path, 'read')
  }
}

/** The error for a path that is a folder, device or pipe and not a file. */
export async function notFile(path: string, stats: { isDirectory(): boolean }): Promise<NeurodeError> {
  const names = stats.isDirectory() ? await readdir(path).catch(() => []) : undefined
  return damaged(path, `expected a file, got ${names === undefined ? 'a device or pipe' : foreignFolder(names)}`)
}

/** Runs a parser. If it fails because the bytes are of another format, the error names that format and the function that reads it. */
export function parseAs<T>(expected: string, bytes: Uint8Array, path: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    const found = formatOf(bytes)
    if (found === undefined || found.name === expected) throw error
    // A file that save() wrote is a safetensors file as well.
    if (expected === formats.safetensors && found.name === formats.model) throw error
    throw damaged(path, `expected ${expected}, got ${found.name}${found.advice}`, error)
  }
}

/** The end of a message about a file whose first bytes are wrong: the format that they belong to. */
export function beginning(bytes: Uint8Array): string {
  const found = formatOf(bytes)
  return found === undefined ? 'another beginning' : `${found.name}${found.advice}`
}

/** Fills `bytes` from the file, beginning at `position`. Throws `ERR_FILE_FORMAT` if the file ends too early. */
export async function readInto(file: FileHandle, bytes: Uint8Array, position: number, path: string): Promise<void> {
  let filled = 0
  while (filled < bytes.length) {
    const length = Math.min(chunkBytes, bytes.length - filled)
    const { bytesRead } = await file.read(bytes, filled, length, position + filled)
    if (bytesRead === 0) throw new NeurodeError('ERR_FILE_FORMAT', `${path}: the file became shorter while it was read`)
    filled += bytesRead
  }
}

/**
 * Writes chunks of bytes to a temporary file in the same folder, syncs it to disk and renames it to `path`, which replaces an
 * existing file in one step. The new file keeps the mode of the old one and, where the system allows it, the owner. Temporary files
 * of processes that were killed are removed.
 */
export async function writeAtomically(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const { target, replaced } = await targetOf(path)
  const folder = dirname(target)
  let temporary: string | undefined
  try {
    await removeLeftovers(folder)
    const chosen = await temporaryPath(folder)
    // A replacement is readable by this user only until it has the mode and owner of the file that it replaces.
    const file = await open(chosen, 'wx', replaced === undefined ? 0o666 : 0o600)
    temporary = chosen
    const write = async () => {
      for await (const chunk of chunks) await writeAll(file, chunk)
      if (replaced !== undefined) await takeAccess(file, replaced)
      await file.sync()
    }
    await closing(write, () => file.close())
    await rename(temporary, target)
    temporary = undefined
    await syncFolder(folder)
  } catch (error) {
    if (temporary !== undefined) await unlink(temporary).catch(() => {})
    throw fileError(error, path, 'written')
  }
}

/** Gives a file the mode of the file that it replaces and, where the system allows it, the owner. */
async function takeAccess(file: FileHandle, { mode, uid, gid }: Stats): Promise<void> {
  if (process.platform === 'win32') return
  const own = await file.stat()
  if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid).catch(() => {})
  await file.chmod(mode & 0o777)
}

/** The path to write to, with links followed, and the existing file there. Throws `ERR_FILE_WRITE` for a folder, device or pipe. */
async function targetOf(path: string): Promise<{ target: string; replaced?: Stats }> {
  try {
    const isLink = (await lstatOf(path))?.isSymbolicLink() === true
    const target = isLink ? await endOfLinks(path) : path
    const replaced = await statOf(target)
    if (replaced === undefined) return { target }
    if (replaced.isFile()) return { target, replaced }
    const got = replaced.isDirectory() ? 'a folder' : 'a device or pipe'
    throw new NeurodeError('ERR_FILE_WRITE', `${path}: expected the name of a file, got ${got}`)
  } catch (error) {
    throw fileError(error, path, 'written')
  }
}

/** The path at the end of a chain of links; it need not exist. */
async function endOfLinks(path: string): Promise<string> {
  const there = await realpath(path).catch(ifMissing)
  if (there !== undefined) return there
  const next = resolve(await realpath(dirname(path)), await readlink(path))
  return (await lstatOf(next))?.isSymbolicLink() === true ? endOfLinks(next) : next
}

/** Makes the folder of a file that is to be written. */
export async function makeFolderOf(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
  } catch (error) {
    throw fileError(error, path, 'written')
  }
}

/**
 * Rejects with `ERR_FILE_WRITE` if {@link makeFolderOf} or {@link writeAtomically} would fail, except for lack of disk space.
 * Creates and changes nothing.
 */
export async function checkWritable(path: string): Promise<void> {
  const { target } = await targetOf(path)
  try {
    let folder = dirname(resolve(target))
    let stats = await statOf(folder)
    while (stats === undefined && folder !== dirname(folder)) {
      folder = dirname(folder)
      stats = await statOf(folder)
    }
    if (stats?.isDirectory() === false) {
      throw new NeurodeError('ERR_FILE_WRITE', `${path}: expected a place in a folder, got one in the file ${folder}`)
    }
    await access(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw fileError(error, path, 'written')
  }
}

const statOf = (path: string) => stat(path).catch(ifMissing)
const lstatOf = (path: string) => lstat(path).catch(ifMissing)

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at, Math.min(chunkBytes, bytes.length - at))).bytesWritten
  }
}

/** Syncs a folder so that a rename in it survives a power failure; Windows cannot open folders. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  await closing(
    () => handle.sync(),
    () => handle.close(),
  )
}

/** Turns an error of the system into a NeurodeError that names the file. */
export function fileError(error: unknown, path: string, what: 'read' | 'written'): NeurodeError {
  if (error instanceof NeurodeError) return error
  const { code, message } = error as NodeJS.ErrnoException
  const options = { cause: error }
  if (what === 'written') {
    return new NeurodeError('ERR_FILE_WRITE', `${path}: the file cannot be written (${message})`, options)
  }
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new NeurodeError('ERR_FILE_NOT_FOUND', `${path}: there is no such file`, options)
  }
  return new NeurodeError('ERR_FILE_FORMAT', `${path}: the file cannot be read (${message})`, options)
}

/** An `ERR_FILE_FORMAT` error that names the file. */
export function damaged(path: string, problem: string, cause?: unknown): NeurodeError {
  return new NeurodeError('ERR_FILE_FORMAT', `${path}: ${problem}`, cause === undefined ? {} : { cause })
}
