/** Reads model files and verifies their checksum; large files are read on another thread. */

import { stat } from 'node:fs/promises'
import { shapedArray } from '../arrays/shapedArray.js'
import { type ErrorCode, NeurodeError } from '../base/errors.js'
import { findFile } from '../base/packageRoot.js'
import { beginning, damaged, readBytes } from '../files/files.js'
import { formats, modelStart } from '../files/formats.js'
import { createSha256 } from '../files/sha256.js'
import type { FileArray } from '../formats/npy.js'
import { parseSafetensors } from '../formats/safetensors.js'

/** Offset of the SHA-256 in a model file, which is written as hexadecimal digits. */
export const digestAt = 8 + modelStart.length
const digestLength = 64
/** The text in its place while the digest is computed. */
export const noDigest = '0'.repeat(digestLength)

/** The content of a model file whose checksum is right. */
export interface IntactFile {
  readonly path: string
  readonly tensors: ReadonlyMap<string, FileArray>
  readonly metadata: ReadonlyMap<string, string>
}

/** The answer of the thread that reads a file. */
export type ReadAnswer =
  | {
      readonly tensors: readonly (readonly [string, Pick<FileArray, 'data' | 'shape' | 'dtype'>])[]
      readonly metadata: ReadonlyMap<string, string>
    }
  | { readonly code: ErrorCode; readonly message: string }

/** Files of at least this size, in bytes, are read on another thread; for smaller ones, starting it would take longer. */
const worthAThread = 2 ** 20

/**
 * Reads a model file of any version. Throws `ERR_FILE_FORMAT` if the file is damaged or no model file. The JavaScript thread is not
 * blocked, whatever the size of the file.
 */
export async function readIntactFile(path: string): Promise<IntactFile> {
  const { size } = await stat(path).catch(() => ({ size: 0 }))
  const program = size < worthAThread ? undefined : findFile('dist/persistence/modelReader.js')
  const answer = program === undefined ? undefined : await readByThread(program, path)
  if (answer === undefined) return readHere(path)
  if ('code' in answer) throw new NeurodeError(answer.code, answer.message)
  const tensors = answer.tensors.map(([name, { data, shape, dtype }]): [string, FileArray] => {
    return [name, Object.freeze(shapedArray(data, Object.freeze(shape), { dtype }))]
  })
  return { path, tensors: new Map(tensors), metadata: answer.metadata }
}

/** Like {@link readIntactFile}, but on this thread. */
export async function readHere(path: string): Promise<IntactFile> {
  return parseIntactFile(await readBytes(path), path)
}

/** Like {@link readIntactFile}, for the bytes of a file. */
export function parseIntactFile(bytes: Buffer<ArrayBuffer>, path: string): IntactFile {
  if (bytes.toString('latin1', 8, digestAt) !== modelStart) {
    throw damaged(path, `expected ${formats.model}, got ${beginning(bytes)}`)
  }
  const hash = createSha256().update(bytes.subarray(0, digestAt)).update(noDigest)
  const digest = hash.update(bytes.subarray(digestAt + digestLength)).digest('hex')
  if (bytes.toString('latin1', digestAt, digestAt + digestLength) !== digest) {
    throw damaged(path, 'the file is damaged: its checksum is wrong')
  }
  return { path, ...parseSafetensors(bytes, path) }
}

/** Reads the file on another thread; resolves with undefined if no thread can be started. */
function readByThread(program: string, path: string): Promise<ReadAnswer | undefined> {
  const { Worker } = process.getBuiltinModule('node:worker_threads')
  return new Promise((resolve) => {
    try {
      // The thread must not inherit options of Node's command line, such as --import.
      const thread = new Worker(program, { workerData: path, execArgv: [], name: 'neurode: reads a model' })
      thread.once('message', resolve)
      thread.once('error', () => resolve(undefined))
      thread.once('exit', () => resolve(undefined))
    } catch {
      resolve(undefined)
    }
  })
}
