/** Makes ONNX models for tests, of a few words for each node. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { load, type Sequential } from 'neurode'
import {
  type AttributeProto,
  AttributeProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  AttributeProto_AttributeType as Type,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '#lib/interchange/onnx/onnx-ml_pb.js'
import { inFolder } from '../data/files.js'

/** A size of a dimension, or its name. */
type Size = number | string

export interface OnnxInput {
  readonly name: string
  readonly shape: readonly Size[]
  /** Number of the element type; default 1, float32. */
  readonly type?: number
}

export interface OnnxNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly name?: string
  readonly domain?: string
  readonly attributes?: Readonly<Record<string, number | string | readonly number[] | TensorProto>>
  /** Attributes that are floating-point numbers even where they are whole. */
  readonly floats?: Readonly<Record<string, number>>
}

export interface OnnxModel {
  readonly inputs: readonly OnnxInput[]
  /** Names, with the number of the element type where it is not float32. */
  readonly outputs: readonly (string | OnnxInput)[]
  readonly nodes: readonly OnnxNode[]
  readonly initializers?: Readonly<Record<string, TensorProto>>
  readonly opset?: number
  readonly domains?: Readonly<Record<string, number>>
}

/** A float32 tensor. */
export function floats(dims: readonly number[], values: readonly number[]): TensorProto {
  return create(TensorProtoSchema, { dataType: 1, dims: dims.map(BigInt), floatData: [...values] })
}

/** An int64 tensor of one dimension. */
export function integers(...values: readonly number[]): TensorProto {
  return create(TensorProtoSchema, { dataType: 7, dims: [BigInt(values.length)], int64Data: values.map(BigInt) })
}

function valueInfo({ name, shape, type = 1 }: OnnxInput): ValueInfoProto {
  const dim = shape.map((size) =>
    typeof size === 'string'
      ? { value: { case: 'dimParam' as const, value: size } }
      : { value: { case: 'dimValue' as const, value: BigInt(size) } },
  )
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType: type, shape: { dim } } } },
  })
}

function attributeOf(name: string, value: NonNullable<OnnxNode['attributes']>[string]): AttributeProto {
  const of = (fields: object, type: Type) => create(AttributeProtoSchema, { name, type, ...fields })
  if (typeof value === 'string') return of({ s: Buffer.from(value) }, Type.STRING)
  if (typeof value === 'number')
    return Number.isInteger(value) ? of({ i: BigInt(value) }, Type.INT) : of({ f: value }, Type.FLOAT)
  if (Array.isArray(value)) {
    const list = value as readonly number[]
    return list.every(Number.isInteger)
      ? of({ ints: list.map(BigInt) }, Type.INTS)
      : of({ floats: [...list] }, Type.FLOATS)
  }
  return of({ t: value }, Type.TENSOR)
}

/** The bytes of a model. */
export function onnxBytes(model: OnnxModel): Uint8Array {
  const { inputs, outputs, nodes, initializers = {}, opset = 17, domains = {} } = model
  const proto = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [
      { domain: '', version: BigInt(opset) },
      ...Object.entries(domains).map(([domain, version]) => ({ domain, version: BigInt(version) })),
    ],
    graph: {
      name: 'test',
      input: inputs.map(valueInfo),
      output: outputs.map((output) =>
        valueInfo(typeof output === 'string' ? { name: output, shape: ['batch'] } : output),
      ),
      initializer: Object.entries(initializers).map(([name, tensor]) => ({ ...tensor, name })),
      node: nodes.map(({ op, inputs: input, outputs: output, name = '', domain = '', attributes = {}, floats = {} }) =>
        create(NodeProtoSchema, {
          opType: op,
          name,
          domain,
          input: [...input],
          output: [...output],
          attribute: [
            ...Object.entries(attributes).map(([key, value]) => attributeOf(key, value)),
            ...Object.entries(floats).map(([key, f]) =>
              create(AttributeProtoSchema, { name: key, type: Type.FLOAT, f }),
            ),
          ],
        }),
      ),
    },
  })
  return toBinary(ModelProtoSchema, proto)
}

/** The message of a model's bytes. */
export const parseOnnx = (bytes: Uint8Array): ModelProto => fromBinary(ModelProtoSchema, bytes)

/** A node that is called after its output. */
export const node = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: OnnxNode['attributes'] = {},
): OnnxNode => ({ op, name: `n_${outputs[0]}`, inputs, outputs, attributes })

/** The input of {@link chain}. */
export const x = [{ name: 'x', shape: ['batch', 3] }] as const

/** A model of one input `x` of 3 numbers and one output `y`. */
export const chain = (nodes: readonly OnnxNode[], more: Partial<OnnxModel> = {}): OnnxModel => ({
  inputs: x,
  outputs: ['y'],
  nodes,
  ...more,
})

/** Loads a model of these parts. */
export async function loaded<T>(
  model: OnnxModel,
  work: (model: Sequential) => T | Promise<T>,
  outputs?: readonly string[],
): Promise<T> {
  return inFolder(async (folder) => {
    const path = join(folder, 'm.onnx')
    writeFileSync(path, onnxBytes(model))
    using made = await load(path, outputs === undefined ? {} : { outputs })
    return await work(made)
  })
}

export const kindsOf = ({ layers }: Pick<Sequential, 'layers'>) => layers.map(({ kind }) => kind)
