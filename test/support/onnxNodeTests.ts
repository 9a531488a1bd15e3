/** ONNX's own tests of operators: a model of one operator, its inputs and what it computes. */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { array, load, NeurodeError } from 'neurode'
import { ModelProtoSchema, type TensorProto, TensorProtoSchema } from '#lib/interchange/onnx/onnx-ml_pb.js'
import { readTensor } from '#lib/interchange/onnx/tensors.js'
import { isClose } from './tolerances.js'
import { warningsOf } from './warnings.js'

/** The bytes of a test: the model, and tensors as messages. */
export interface OnnxNodeTest {
  readonly name: string
  readonly model: Uint8Array
  readonly inputs: readonly Uint8Array[]
  /** The first output. */
  readonly output: Uint8Array
}

/** Where Debian's package libonnx-testdata has the tests. */
const debianFolder = '/usr/share/libonnx-testdata/data'

/** The tests of Debian's package; none where it is not installed. */
export function debianTests(): OnnxNodeTest[] {
  if (!existsSync(debianFolder)) return []
  const groups = readdirSync(debianFolder).map((group) => join(debianFolder, group))
  return groups.flatMap((group) => readdirSync(group).flatMap((name) => readTest(join(group, name), name)))
}

function readTest(folder: string, name: string): OnnxNodeTest[] {
  const [model, data] = [join(folder, 'model.onnx'), join(folder, 'test_data_set_0')]
  if (!existsSync(model) || !existsSync(data)) return []
  const bytes = (file: string) => readFileSync(join(data, file))
  const inputs = readdirSync(data).filter((file) => file.startsWith('input_'))
  const numbered = inputs.map((_, i) => `input_${i}.pb`)
  if (!numbered.every((file) => inputs.includes(file)) || !existsSync(join(data, 'output_0.pb'))) return []
  return [{ name, model: readFileSync(model), inputs: numbered.map(bytes), output: bytes('output_0.pb') }]
}

/** The tests that this repository holds: one a line, with bytes as base64. */
export function ownTests(): OnnxNodeTest[] {
  const lines = JSON.parse(readFileSync('test/golden/onnx-nodes.json', 'utf8')).cases as readonly {
    readonly name: string
    readonly model: string
    readonly inputs: readonly string[]
    readonly output: string
  }[]
  const bytes = (text: string) => Buffer.from(text, 'base64')
  return lines.map(({ name, model, inputs, output }) => ({
    name,
    model: bytes(model),
    inputs: inputs.map(bytes),
    output: bytes(output),
  }))
}

/** Numbers of bfloat16 are in these tests as if they were of another type. */
function tensorOf(bytes: Uint8Array, declared: number): TensorProto {
  const tensor = fromBinary(TensorProtoSchema, bytes)
  if (declared === 16) tensor.dataType = declared
  return tensor
}

/**
 * Loads the model of a test, with all inputs but the first as constants, and compares what it predicts. Returns `refused` if it was
 * refused with a typed error, `wrong` with a reason if the numbers differ, and undefined for tests without tensors.
 */
export async function runNodeTest(test: OnnxNodeTest, path: string): Promise<string | undefined> {
  const model = fromBinary(ModelProtoSchema, test.model)
  const { input = [], output = [], initializer = [] } = model.graph ?? {}
  const values = [...input, ...output].map(({ type }) => type?.value)
  if (input.length === 0 || values.some((value) => value?.case !== 'tensorType')) return undefined
  const typeOf = (i: number) => (values[i]?.case === 'tensorType' ? values[i].value.elemType : 0)
  const tensors = test.inputs.map((bytes, i) => tensorOf(bytes, typeOf(i)))
  initializer.push(...tensors.slice(1).map((tensor, i) => ({ ...tensor, name: input[i + 1]?.name ?? '' })))
  const [x, y] = [tensors[0] as TensorProto, tensorOf(test.output, typeOf(input.length))]
  const [given, wanted] = [await readTensor(x), await readTensor(y)]
  writeFileSync(path, toBinary(ModelProtoSchema, model))
  const rows = (shape: readonly number[]) => (shape.length === 1 ? [...shape, 1] : shape)
  let result: string | undefined
  await warningsOf(async () => {
    try {
      using loaded = await load(path, { outputs: [output[0]?.name ?? ''] })
      const data = Float32Array.from(given.data)
      const got = await loaded.predict(array(data, rows(given.shape)) as never)
      const halves = [given.type, wanted.type].some((type) => type.includes('float16'))
      const tolerance = halves ? { rtol: 1e-2, atol: 1e-3 } : { rtol: 1e-4, atol: 1e-5 }
      const at = wanted.data.findIndex((e, i) => !isClose(got.data[i] as number, e, tolerance))
      if (got.shape.join() !== rows(wanted.shape).join())
        result = `wrong: shape [${got.shape}], expected [${wanted.shape}]`
      else result = at < 0 ? 'right' : `wrong: [${at}] is ${got.data[at]}, expected ${wanted.data[at]}`
    } catch (error) {
      if (!(error instanceof NeurodeError)) throw error
      result = 'refused'
    }
  })
  return result
}
