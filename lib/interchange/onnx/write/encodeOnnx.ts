/** The bytes of a graph in the format of ONNX. The same graph gives the same bytes. */

import { create, toBinary } from '@bufbuild/protobuf'
import { packageVersion } from '../../../base/version.js'
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  ModelProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../onnx-ml_pb.js'
import { type Attribute, type Initializer, type OnnxGraph, type Port, typeNumbers } from './onnxGraph.js'

/** A model in bytes, with those of the constants that lie in a file of their own, if they do. */
export interface EncodedModel {
  readonly model: Uint8Array
  readonly external: readonly Uint8Array[] | undefined
}

/** The bytes of constants from which on they lie beside the model: no message of protobuf may have 2 GiB. */
const mostInside = 2 ** 31 - 2 ** 24

/** Where constants in a file of their own begin, so that readers can map them into memory. */
const alignment = 4096

/** Smaller constants are in the model always: readers need those that say shapes at once. */
const leastOutside = 1024

/** The version of the format that came with a version of the operators: the last row that begins before counts. */
const formatVersions: readonly (readonly [opset: number, version: number])[] = [
  [13, 7],
  [15, 8],
  [19, 9],
  [21, 10],
  [23, 11],
  [24, 12],
  [25, 13],
]

/** Encodes a graph; `location` is the name of the file beside the model for constants of more than `most` bytes in all. */
export function encodeOnnx(graph: OnnxGraph, location: string, most = mostInside): EncodedModel {
  const outside = graph.bytes > most ? new ExternalData(location) : undefined
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(formatVersions.findLast(([opset]) => opset <= graph.opset)?.[1] as number),
    producerName: 'neurode',
    producerVersion: packageVersion(),
    opsetImport: [{ domain: '', version: BigInt(graph.opset) }],
    graph: {
      name: graph.name,
      node: graph.nodes.map(({ name, op, inputs, output, attributes }) => ({
        name,
        opType: op,
        input: inputs.map((value) => value.name),
        output: [output.name],
        attribute: Object.entries(attributes).map(([key, value]) => encodeAttribute(key, value)),
      })),
      initializer: graph.initializers.map((initializer) => encodeInitializer(initializer, outside)),
      input: graph.inputs.map(encodePort),
      output: graph.outputs.map(encodePort),
    },
  })
  return { model: toBinary(ModelProtoSchema, model), external: outside?.chunks }
}

function encodeAttribute(name: string, value: Attribute): AttributeProto {
  const content = (() => {
    if ('int' in value) return { type: AttributeType.INT, i: BigInt(value.int) }
    if ('ints' in value) return { type: AttributeType.INTS, ints: value.ints.map(BigInt) }
    if ('float' in value) return { type: AttributeType.FLOAT, f: value.float }
    return { type: AttributeType.STRING, s: Buffer.from(value.text) }
  })()
  return create(AttributeProtoSchema, { name, ...content })
}

/** A tensor of any number of rows. */
function encodePort({ value, shape }: Port): ValueInfoProto {
  const sizes = shape.map((size) => ({ value: { case: 'dimValue', value: BigInt(size) } as const }))
  const dim = [{ value: { case: 'dimParam', value: 'batch' } as const }, ...sizes]
  return create(ValueInfoProtoSchema, {
    name: value.name,
    type: { value: { case: 'tensorType', value: { elemType: typeNumbers[value.type], shape: { dim } } } },
  })
}

function encodeInitializer({ value, shape, data }: Initializer, outside: ExternalData | undefined): TensorProto {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const described = { name: value.name, dataType: typeNumbers[value.type], dims: shape.map(BigInt) }
  const isOutside = outside !== undefined && bytes.length >= leastOutside
  return create(TensorProtoSchema, { ...described, ...(isOutside ? outside.add(bytes) : { rawData: bytes }) })
}

/** The file beside a model that holds its large constants, one after the other. */
class ExternalData {
  readonly chunks: Uint8Array[] = []
  readonly #location: string
  #length = 0

  constructor(location: string) {
    this.#location = location
  }

  /** Adds a constant; returns what its message says of it. */
  add(bytes: Uint8Array) {
    const gap = -this.#length & (alignment - 1)
    const offset = this.#length + gap
    this.chunks.push(new Uint8Array(gap), bytes)
    this.#length = offset + bytes.length
    const entries = { location: this.#location, offset, length: bytes.length }
    return {
      dataLocation: TensorProto_DataLocation.EXTERNAL,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value: String(value) })),
    }
  }
}
