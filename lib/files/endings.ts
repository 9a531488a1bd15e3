/** Names of files whose ending says another format than what is written. */

import { open } from 'node:fs/promises'
import { refuse } from '../checks/validate.js'
import { modelStart } from './formats.js'

/** Formats of models, arrays and pages that others write, by their endings. */
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

/** Throws `ERR_ARGUMENT` for a path that ends as files of another format do; `own` are the endings of what is written. */
export function checkEnding(path: string, own: readonly string[]): void {
  const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase()
  if (ending === undefined || own.includes(ending) || !Object.hasOwn(others, ending)) return
  const expected = own.map((each) => `.${each}`).join(' or ')
  refuse('path', `a name that ends in ${expected}: no ${others[ending]} file is written`, path)
}

/** Throws `ERR_ARGUMENT` where a whole model would be replaced by its weights. */
export async function checkNoModel(path: string): Promise<void> {
  const file = await open(path, 'r').catch(() => undefined)
  if (file === undefined) return
  try {
    const beginning = Buffer.alloc(8 + modelStart.length)
    await file.read(beginning, 0, beginning.length, 0).catch(() => {})
    if (beginning.toString('latin1', 8) !== modelStart) return
    refuse('path', 'a file that holds no model, which weights alone would replace', path)
  } finally {
    await file.close()
  }
}
