/** Initializers and other tensors of a file as constants. */

import { dtypes } from '../../formats/dtypes.js'
import { arrayOf, type Constant, constant, countOf, type ElementType, elementTypeOf } from './constants.js'
import { type TensorProto, TensorProto_DataLocation } from './onnx-ml_pb.js'
import { problem, shortName } from './problem.js'

/** Where the bytes of a tensor lie that is in another file. */
export interface External {
  readonly location: string
  readonly offset: number
  /** Undefined for all bytes up to the end of the file. */
  readonly length: number | undefined
}

/** Reads the bytes of a tensor in another file, as many as are wanted. */
export type ReadExternal = (place: External, bytes: number) => Promise<Uint8Array<ArrayBuffer>>

const noExternal: ReadExternal = async () => problem('expected no data in another file here')

/** Reads a tensor. */
export async function readTensor(tensor: TensorProto, readExternal: ReadExternal = noExternal): Promise<Constant> {
  try {
    return await decode(tensor, readExternal)
  } catch (error) {
    const text = (error as Error).message
    throw Object.assign(error as Error, { message: `tensor '${shortName(tensor.name)}': ${text}` })
  }
}

async function decode(tensor: TensorProto, readExternal: ReadExternal): Promise<Constant> {
  const { dataType, name, rawData, segment } = tensor
  const type = elementTypeOf(dataType)
  if (type === undefined) return problem(`the element type number ${dataType} is not read`)
  if (segment !== undefined) problem('tensors in segments are not read')
  const shape = tensor.dims.map(Number)
  const count = countOf(shape)
  const fields = filledFields(tensor)
  const isExternal = tensor.dataLocation === TensorProto_DataLocation.EXTERNAL
  if (fields.length > 1) problem(`its data are in several places, ${fields.join(' and ')}`)
  if (isExternal && fields.length > 0) problem(`its data are in another file and in ${fields[0]}`)
  if (!isExternal && tensor.externalData.length > 0) problem('it names another file for its data and has none there')
  if (type === 'string') return constant(type, shape, new Float64Array(0), name)
  if (isExternal || fields[0] === 'raw_data') {
    const wanted = count * dtypes[type].bytes
    const bytes = isExternal ? await readExternal(placeOf(tensor), wanted) : (rawData as Uint8Array<ArrayBuffer>)
    if (bytes.length !== wanted) problem(`shape [${shape}] needs ${wanted} bytes, but there are ${bytes.length}`)
    return constant(type, shape, decodeBytes(type, bytes), name)
  }
  const field = fieldOf(type)
  if (fields.length > 0 && fields[0] !== field) problem(`data of ${type} belong into ${field}, not into ${fields[0]}`)
  const values = valuesOf(tensor, type)
  if (values.length !== count) problem(`shape [${shape}] needs ${count} numbers, but there are ${values.length}`)
  return constant(type, shape, values, name)
}

function filledFields(tensor: TensorProto): string[] {
  const fields = {
    raw_data: tensor.rawData,
    float_data: tensor.floatData,
    int32_data: tensor.int32Data,
    string_data: tensor.stringData,
    int64_data: tensor.int64Data,
    double_data: tensor.doubleData,
    uint64_data: tensor.uint64Data,
  }
  return Object.entries(fields).flatMap(([name, { length }]) => (length > 0 ? [name] : []))
}

function fieldOf(type: ElementType): string {
  if (type === 'float32') return 'float_data'
  if (type === 'float64') return 'double_data'
  if (type === 'int64') return 'int64_data'
  return type === 'uint32' || type === 'uint64' ? 'uint64_data' : 'int32_data'
}

function valuesOf(tensor: TensorProto, type: ElementType): Float32Array | Float64Array {
  switch (fieldOf(type)) {
    case 'float_data':
      return Float32Array.from(tensor.floatData)
    case 'double_data':
      return Float64Array.from(tensor.doubleData)
    case 'int64_data':
      return Float64Array.from(tensor.int64Data, Number)
    case 'uint64_data':
      return Float64Array.from(tensor.uint64Data, Number)
    default: {
      if (type !== 'float16' && type !== 'bfloat16') return Float64Array.from(tensor.int32Data)
      const words = Uint16Array.from(tensor.int32Data)
      if (words.some((word, i) => word !== tensor.int32Data[i])) problem(`expected numbers of 16 bits in int32_data`)
      return decodeBytes(type, Buffer.from(words.buffer)) as Float32Array
    }
  }
}

/** Numbers of little-endian bytes; integers become doubles, float16 and bfloat16 float32. */
function decodeBytes(type: Exclude<ElementType, 'string'>, bytes: Uint8Array<ArrayBuffer>) {
  if (type === 'int64' || type === 'uint64') {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const values = new Float64Array(bytes.length / 8)
    const read = type === 'int64' ? view.getBigInt64 : view.getBigUint64
    for (let i = 0; i < values.length; i++) values[i] = Number(read.call(view, 8 * i, true))
    return values
  }
  const values = dtypes[type].decode(bytes, 'raw_data')
  if (type.includes('float')) return values
  const numbers = arrayOf(type, values.length)
  for (let i = 0; i < values.length; i++) numbers[i] = values[i] as number
  return numbers
}

/** The place in another file that a tensor names. */
function placeOf({ externalData }: TensorProto): External {
  const entries = new Map<string, string>()
  for (const { key, value } of externalData) {
    if (entries.has(key)) problem(`it names '${shortName(key)}' of another file twice`)
    entries.set(key, value)
  }
  const number = (key: string) => {
    const text = entries.get(key)
    if (text === undefined) return undefined
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    return Number.isSafeInteger(value)
      ? value
      : problem(`expected a number of bytes as ${key}, got '${shortName(text)}'`)
  }
  const location = entries.get('location')
  if (location === undefined || location === '') return problem('it does not say which file its data are in')
  return { location, offset: number('offset') ?? 0, length: number('length') }
}
