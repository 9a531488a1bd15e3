/** The bytes of an ONNX file as messages, with limits on what they may become in memory. */

import { type DescMessage, fromBinary } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { type ModelProto, ModelProtoSchema } from './onnx-ml_pb.js'
import { problem } from './problem.js'

/** The most messages and numbers of variable length in a file, each of which becomes an object of its own. */
const mostPieces = 2 ** 22
const deepest = 64

/** Parses the bytes of an ONNX file. */
export function parseModel(bytes: Uint8Array): ModelProto {
  try {
    countPieces(bytes)
    return fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false })
  } catch (error) {
    return problem(`expected an ONNX model, got bytes that are none: ${(error as Error).message}`)
  }
}

/** Throws if a message has too many parts. Fields that are not known are passed over. */
function countPieces(bytes: Uint8Array): void {
  const reader = new BinaryReader(bytes)
  let pieces = 0
  const count = (number: number) => {
    pieces += number
    if (pieces > mostPieces) problem(`it has more than ${mostPieces} parts`)
  }
  const walk = (message: DescMessage, end: number, depth: number): void => {
    if (depth > deepest) problem(`its messages are nested more than ${deepest} deep`)
    const fields = new Map(message.fields.map((field) => [field.number, field]))
    while (reader.pos < end) {
      const [number, type] = reader.tag()
      const field = fields.get(number)
      if (type !== WireType.LengthDelimited || field === undefined) {
        reader.skip(type, number)
        count(1)
        continue
      }
      const length = reader.uint32()
      const next = reader.pos + length
      if (next > end) problem('a part is longer than what it is part of')
      if (field.message !== undefined) walk(field.message, next, depth + 1)
      else if (field.fieldKind === 'list') count(field.listKind === 'scalar' && isVariable(field.scalar) ? length : 1)
      reader.pos = next
      count(1)
    }
    if (reader.pos !== end) problem('a part is longer than what it is part of')
  }
  walk(ModelProtoSchema, bytes.length, 0)
}

/** Whether numbers of a type take as many bytes as they need: int64, uint64 and int32. */
const isVariable = (type: number) => type === 3 || type === 4 || type === 5
