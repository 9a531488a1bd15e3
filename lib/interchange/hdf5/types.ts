/** Element types of HDF5 in our terms. */

import type { DType } from '../../formats/dtypes.js'
import type { H5WasmModule } from './library.js'

interface Stored {
  readonly type: number
  readonly size: number
  readonly signed: boolean
  readonly vlen: boolean
}

const floats: Readonly<Record<number, DType>> = { 2: 'float16', 4: 'float32', 8: 'float64' }
const signedIntegers: Readonly<Record<number, DType>> = { 1: 'int8', 2: 'int16', 4: 'int32', 8: 'int64' }
const unsignedIntegers: Readonly<Record<number, DType>> = { 1: 'uint8', 2: 'uint16', 4: 'uint32', 8: 'uint64' }

/** The type of a dataset's elements, or why there is none; `mark` is the text of the attribute `dtype`. */
export function typeOf(
  { H5T_class_t: classes }: H5WasmModule,
  { type, size, signed }: Stored,
  mark: string | undefined,
): { readonly dtype: DType; readonly problem: string | undefined } {
  const found = () => {
    if (type === classes.H5T_FLOAT.value) return floats[size]
    if (type === classes.H5T_INTEGER.value) return (signed ? signedIntegers : unsignedIntegers)[size]
    // Keras writes bfloat16, which HDF5 does not have, as two bytes without a meaning and names the type in an attribute.
    return type === classes.H5T_OPAQUE.value && size === 2 && mark === 'bfloat16' ? 'bfloat16' : undefined
  }
  const dtype = found()
  return { dtype: dtype ?? 'uint8', problem: dtype === undefined ? 'its elements are no numbers' : undefined }
}
