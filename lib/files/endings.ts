/** Refuses to write a file under a name that ends as another format's, or over a model. */

import { open } from 'node:fs/promises'
import { closing } from '../base/closing.js'
import { refuse } from '../checks/validate.js'
import { modelStart } from './formats.js'

/** Formats of other software, by the endings of their files. */
const others: Readonly<Record<string, string>> = {
  h5: 'HDF5',
  hdf5: 'HDF5',
  keras: 'Keras',
  onnx: 'ONNX',
  pt: 'PyTorch',
  pth: 'PyTorch',
  pb: 'TensorFlow',
  tflite: 'TensorFlow Lite',
  pkl: 'pickle',
  json: 'JSON',
  npy: 'NumPy',
  npz: 'NumPy',
  csv: 'CSV',
  zip: 'zip',
  pdf: 'PDF',
}

/** Throws `ERR_ARGUMENT` for a path with the ending of another format; `own` are the endings of the format to write. */
export function checkEnding(path: string, own: readonly string[]): void {
  const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase()
  if (ending === undefined || own.includes(ending) || !Object.hasOwn(others, ending)) return
  const expected = own.map((each) => `.${each}`).join(' or ')
  refuse('path', `a name that ends in ${expected}: no ${others[ending]} file is written`, path)
}

/** Throws `ERR_ARGUMENT` if the path holds a model, which a file of weights alone would overwrite. */
export async function checkNoModel(path: string): Promise<void> {
  const file = await open(path, 'r').catch(() => undefined)
  if (file === undefined) return
  const beginning = Buffer.alloc(8 + modelStart.length)
  // What cannot be read is refused when it is written.
  await closing(
    () => file.read(beginning, 0, beginning.length, 0),
    () => file.close(),
  ).catch(() => {})
  if (beginning.toString('latin1', 8) !== modelStart) return
  refuse('path', 'a file that holds no model, which weights alone would replace', path)
}
