/** Writes the event file of one run: a new file, to which records are appended. */

import { type FileHandle, open, readdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { checkWritable, fileError, makeFolderOf } from '../files/files.js'
import { isEventFile } from '../formats/events/readEvents.js'

/** Counts the files of this process, as other writers do. */
let count = 0

/** The seconds in the names of the event files in a folder; TensorBoard reads files in the order of their names. */
async function newestIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => [])
  const times = names.filter(isEventFile).map((name) => Number(/tfevents\.(\d+)/.exec(name)?.[1] ?? 0))
  return Math.max(0, ...times.filter(Number.isSafeInteger))
}

/** An event file that begins with its first record. */
export class EventFile {
  readonly #folder: string
  #path: string
  #file: FileHandle | undefined
  #pending = Promise.resolve()
  #isClosed = false

  constructor(folder: string) {
    this.#folder = folder
    this.#path = folder
  }

  /** Rejects with `ERR_FILE_WRITE` if the file could not be made. Changes nothing. */
  async checkWritable(): Promise<void> {
    await checkWritable(join(this.#folder, 'events.out.tfevents'))
  }

  /** Appends whole records. The first ones of a file begin it, later than all files of its folder. */
  append(records: readonly Buffer[]): Promise<void> {
    this.#pending = this.#pending.then(() => this.#append(records))
    return this.#pending
  }

  /** Closes the file after what is being written. Later records are dropped: an aborted fit does not wait for what writes them. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#pending.catch(() => {})
    await this.#file?.close()
  }

  async #append(records: readonly Buffer[]): Promise<void> {
    if (this.#isClosed) return
    const { encodeVersion } = await import('../formats/events/encode.js')
    const isNew = this.#file === undefined
    try {
      this.#file ??= await this.#create()
      const bytes = Buffer.concat(isNew ? [encodeVersion(), ...records] : records)
      for (let at = 0; at < bytes.length; ) at += (await this.#file.write(bytes, at)).bytesWritten
    } catch (error) {
      throw fileError(error, this.#path, 'written')
    }
  }

  async #create(): Promise<FileHandle> {
    const seconds = Math.max(Math.floor(Date.now() / 1000), (await newestIn(this.#folder)) + 1)
    const name = `events.out.tfevents.${String(seconds).padStart(10, '0')}.${hostname()}.${process.pid}.${count++}.v2`
    this.#path = join(this.#folder, name)
    await makeFolderOf(this.#path)
    return open(this.#path, 'ax')
  }
}
