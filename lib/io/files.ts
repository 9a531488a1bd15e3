/** Whole files: read at once, and written so that a crash leaves the old file or the new one, never a part. */

import { constants, type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSha256 } from '../data/sha256.js'
import { NeurodeError } from '../errors.js'
import { refuse } from '../validate.js'

/** The most that one call of the system reads or writes. */
const chunkBytes = 2 ** 30

/** A path from what users give. */
export function toPath(value: unknown, argument: string): string {
  const path = value instanceof URL ? fileURLToPath(value) : value
  return typeof path === 'string' && path !== '' ? path : refuse(argument, 'a path', value)
}

/** All bytes of a regular file. */
export async function readBytes(path: string): Promise<Buffer<ArrayBuffer>> {
  let file: FileHandle | undefined
  try {
    // A pipe would block open() for as long as nobody writes to it.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stats = await file.stat()
    if (!stats.isFile()) throw new NeurodeError('ERR_FILE_FORMAT', `${path}: expected a file, got a folder or device`)
    const bytes = Buffer.from(new ArrayBuffer(stats.size))
    await readInto(file, bytes, 0, path)
    return bytes
  } catch (error) {
    throw fileError(error, path, 'read')
  } finally {
    await file?.close()
  }
}

/** Fills `bytes` from a place of the file; `ERR_FILE_FORMAT` where the file ends before. */
export async function readInto(file: FileHandle, bytes: Uint8Array, position: number, path: string): Promise<void> {
  let filled = 0
  while (filled < bytes.length) {
    const length = Math.min(chunkBytes, bytes.length - filled)
    const { bytesRead } = await file.read(bytes, filled, length, position + filled)
    if (bytesRead === 0) throw new NeurodeError('ERR_FILE_FORMAT', `${path}: the file became shorter while it was read`)
    filled += bytesRead
  }
}

let writes = 0

/**
 * Replaces a file by these bytes, one chunk after the other: they go into a temporary file next to it, reach the disk, and
 * take its name in one step. Temporary files of processes that were killed are removed.
 */
export async function writeAtomically(path: string, chunks: readonly Uint8Array[]): Promise<void> {
  const folder = dirname(path)
  const prefix = `.${basename(path)}.${hostId()}-`
  const temporary = join(folder, `${prefix}${process.pid}-${writes++}.tmp`)
  try {
    await removeStale(folder, prefix)
    const file = await open(temporary, 'wx')
    try {
      for (const chunk of chunks) await writeAll(file, chunk)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncFolder(folder)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw fileError(error, path, 'written')
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at, Math.min(chunkBytes, bytes.length - at))).bytesWritten
  }
}

/** Makes a rename outlive a power failure, where the system lets folders be opened. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function removeStale(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix) || !name.endsWith('.tmp')) continue
    const pid = Number.parseInt(name.slice(prefix.length), 10)
    if (pid !== process.pid && !isRunning(pid)) await unlink(join(folder, name)).catch(() => {})
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Process ids mean nothing on other machines that share the folder. */
function hostId(): string {
  return createSha256().update(hostname()).digest('hex').slice(0, 8)
}

/** What the system says, as a NeurodeError that names the file. */
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

/** `ERR_FILE_FORMAT` that names the file. */
export function damaged(path: string, problem: string, cause?: unknown): NeurodeError {
  return new NeurodeError('ERR_FILE_FORMAT', `${path}: ${problem}`, cause === undefined ? {} : { cause })
}
