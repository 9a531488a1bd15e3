/** Tensors of event files. */

import { damaged } from '../../files/files.js'
import type { Tensor } from './events_pb.js'

/** TensorFlow's numbers of the element types that are read. */
export const dataTypes = { float32: 1, float64: 2, int32: 3, string: 7, int64: 9 } as const

/** More elements than the lists of values have are repetitions of the last one; a file may ask for so many. */
const mostRepeated = 2 ** 20

interface NumberType {
  readonly bytes: number
  readonly read: (view: DataView, at: number) => number
  readonly list: (tensor: Tensor) => ArrayLike<number | bigint>
}

const numberTypes: ReadonlyMap<number, NumberType> = new Map([
  [dataTypes.float32, { bytes: 4, read: (view, at) => view.getFloat32(at, true), list: (tensor) => tensor.floatVal }],
  [dataTypes.float64, { bytes: 8, read: (view, at) => view.getFloat64(at, true), list: (tensor) => tensor.doubleVal }],
  [dataTypes.int32, { bytes: 4, read: (view, at) => view.getInt32(at, true), list: (tensor) => tensor.intVal }],
  [
    dataTypes.int64,
    { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)), list: (tensor) => tensor.int64Val },
  ],
] satisfies [number, NumberType][])

/** The sizes of a tensor. */
export function shapeOf({ tensorShape }: Tensor): number[] {
  return (tensorShape?.dim ?? []).map(({ size }) => Number(size))
}

function countOf(tensor: Tensor, where: string): number {
  const shape = shapeOf(tensor)
  const count = shape.reduce((product, size) => product * size, 1)
  if (shape.some((size) => size < 0) || !Number.isSafeInteger(count)) {
    throw damaged(where, `the shape [${shape}] is none of a tensor`)
  }
  return count
}

/** The numbers of a tensor, or undefined where its elements are none that are read. */
export function numbersOf(tensor: Tensor, where: string): Float64Array | undefined {
  const type = numberTypes.get(tensor.dtype)
  if (type === undefined) return undefined
  const count = countOf(tensor, where)
  const { tensorContent } = tensor
  if (tensorContent.length > 0) {
    if (tensorContent.length !== count * type.bytes) {
      throw damaged(where, `expected ${count} numbers of ${type.bytes} bytes, got ${tensorContent.length} bytes`)
    }
    const view = new DataView(tensorContent.buffer, tensorContent.byteOffset, tensorContent.byteLength)
    return Float64Array.from({ length: count }, (_, i) => type.read(view, i * type.bytes))
  }
  const list = type.list(tensor)
  if (list.length > count || (list.length < count && count > mostRepeated)) {
    throw damaged(where, `expected ${count} numbers, got ${list.length}`)
  }
  return Float64Array.from({ length: count }, (_, i) => Number(list[Math.min(i, list.length - 1)] ?? 0))
}

/** The elements of a tensor of texts or bytes, or undefined for another tensor. */
export function stringsOf(tensor: Tensor, where: string): readonly Uint8Array[] | undefined {
  if (tensor.dtype !== dataTypes.string) return undefined
  const count = countOf(tensor, where)
  const { stringVal } = tensor
  if (stringVal.length !== count) throw damaged(where, `expected ${count} texts, got ${stringVal.length}`)
  return stringVal
}
