/** Reads TensorBoard's event files. */

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isUint8Array } from 'node:util/types'
import { refuseMore } from '../../checks/arity.js'
import { fileError, parseAs, readBytes, toPath } from '../../files/files.js'
import { formats } from '../../files/formats.js'
import type { Events } from './types.js'

/** Whether a name is one of an event file; TensorBoard goes by the same part. */
export const isEventFile = (name: string) => name.includes('tfevents')

/**
 * Reads TensorBoard's event files: those of {@link callbacks}.tensorBoard, of TensorFlow and Keras, and of PyTorch's SummaryWriter.
 * A file that ends within a record is one that is still being written: the records before are read, and `complete` is false.
 *
 * @param source - Path of a file; of the folder of a run, such as `logs/train`, whose event files are read in the order of their names,
 * without those of folders in it; or the bytes of a file.
 * @throws NeurodeError `ERR_FILE_NOT_FOUND`; `ERR_FILE_FORMAT` for wrong checksums, and for records that are no events.
 *
 * @example
 * ```ts
 * import { callbacks, layers, readEvents, sequential } from 'neurode'
 *
 * const model = sequential([layers.dense({ units: 1, inputShape: [1] })]).compile({ loss: 'mse' })
 * const log = callbacks.tensorBoard({ logDir: 'logs/first' })
 * await model.fit([[1], [2], [3]], [2, 4, 6], { epochs: 3, verbose: 0, callbacks: [log] })
 * const { scalars } = await readEvents('logs/first/train')
 * console.log(scalars.filter(({ tag }) => tag === 'epoch_loss').map(({ step }) => step)) // [0, 1, 2]
 * ```
 */
export function readEvents(source: string | URL | Uint8Array): Promise<Events>
export async function readEvents(source: string | URL | Uint8Array, ...more: unknown[]): Promise<Events> {
  refuseMore(more, 1, 'readEvents')
  const path = isUint8Array(source) ? 'data' : toPath(source, 'source', 'a path or bytes')
  const files = isUint8Array(source) ? [] : await eventFiles(path)
  const own = isUint8Array(source) ? Buffer.from(source) : undefined
  const { EventReader } = await import('./decode.js')
  const reader = new EventReader()
  const add = (bytes: Buffer, name: string) => parseAs(formats.events, bytes, name, () => reader.add(bytes, name))
  if (own !== undefined) add(own, path)
  for (const file of files) add(await readBytes(file), file)
  return reader.events
}

/** The path of a file, or those of the event files in a folder. */
async function eventFiles(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path]
    return (await readdir(path))
      .filter(isEventFile)
      .sort()
      .map((name) => join(path, name))
  } catch (error) {
    throw fileError(error, path, 'read')
  }
}
