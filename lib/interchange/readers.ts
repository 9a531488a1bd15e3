/** The door for models from files: recognizes the format by content, and loads the reader of that format alone. */

import { refuseIdle } from '../checks/validate.js'
import { toPath } from '../files/files.js'
import { formats } from '../files/formats.js'
import { type ModelFile, readModelFile } from '../persistence/modelFile.js'
import { formatAt } from './formatAt.js'
import type { ReadForeign, ReadOptions } from './reading.js'

/** Readers by the names of `formatOf`, and of the folders that `folderFormatOf` knows. */
const readers: Readonly<Record<string, () => Promise<ReadForeign>>> = {
  [formats.keras]: async () => (await import('./keras/readFile.js')).readKerasArchive,
  [formats.kerasFolder]: async () => (await import('./keras/readFile.js')).readKerasFolder,
  [formats.hdf5]: async () => (await import('./keras/readFile.js')).readLegacyFile,
  [formats.tfjs]: async () => (await import('./tfjs/readFile.js')).readTfjsModel,
  [formats.onnx]: async () => (await import('./onnx/reader.js')).readOnnx,
}

/** Reads a model of any format that is known. */
export async function readAnyModel(source: string | URL, options: ReadOptions = {}): Promise<ModelFile> {
  const path = toPath(source, 'path')
  const name = await formatAt(path)
  if (name !== formats.onnx) refuseIdle(options, ['outputs'], 'load', `for anything but ${formats.onnx}`)
  const reader = name !== undefined && Object.hasOwn(readers, name) ? readers[name] : undefined
  return reader === undefined ? readModelFile(path) : (await reader())(path, options)
}
