/** ONNX models of all exporters: they predict what ONNX Runtime does, and hostile or broken ones are refused. */

import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Functional, load, type NdArray, NeurodeError, type Sequential } from 'neurode'
import { inFolder, rejects } from './data/files.js'
import { perDevice } from './support/devices.js'
import { flatten, type GoldenValue, goldenFolder } from './support/golden.js'
import { leavingNothing } from './support/leavingNothing.js'
import { assertClose } from './support/tolerances.js'
import { warningsOf } from './support/warnings.js'

interface OnnxCase {
  readonly name: string
  readonly config: { readonly format: string; readonly inputs_needed?: readonly string[] }
  readonly inputs: Readonly<Record<string, GoldenValue>>
  readonly outputs: Readonly<Record<string, GoldenValue>>
  readonly rtol: number
  readonly atol: number
  readonly optional?: boolean
}

interface BadCase {
  readonly file: string
  readonly format: string
  readonly wrong: string
  readonly must: 'reject' | 'safe'
  readonly result?: GoldenValue
}

interface Manifest {
  readonly inputs?: { readonly onnx?: GoldenValue }
  readonly cases: readonly BadCase[]
}

type Loaded = Sequential | Functional
type Outputs = Readonly<Record<string, NdArray>>

function read<T>(folder: string, file: string): T | undefined {
  const path = join(goldenFolder, folder, file)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined
}

/** Predicts with inputs by name; the result has the outputs by name. */
async function predict(model: Loaded, inputs: OnnxCase['inputs'], only: string): Promise<Outputs> {
  const names = 'inputNames' in model ? model.inputNames : undefined
  const [first] = Object.values(inputs)
  const data = names === undefined ? first : Object.fromEntries(names.map((name) => [name, inputs[name]]))
  const result = (await (model as Sequential).predict(data as never)) as NdArray | Outputs
  return 'data' in result ? { [only]: result as NdArray } : result
}

for (const folder of ['files', 'interchange']) {
  const cases = read<{ readonly cases: readonly OnnxCase[] }>(folder, 'expected.json')?.cases ?? []
  perDevice(`golden interchange onnx ${folder}`, (device) => {
    for (const golden of cases.filter(({ config }) => config.format === 'onnx')) {
      it(golden.name, () => check(folder, golden, device))
    }
  })

  const { cases: bad = [], inputs = {} } = read<Manifest>(folder, 'bad/manifest.json') ?? {}
  describe(`golden interchange onnx ${folder}/bad`, () => {
    for (const item of bad.filter(({ format }) => format === 'onnx')) {
      const path = join(goldenFolder, folder, 'bad', item.file)
      it(`${item.file}: ${item.wrong}`, () => leavingNothing(() => refuse(path, item, inputs.onnx)))
    }
  })
}

/** Loads a file, and compares its predictions; labels and maps from label to number are left out. */
async function check(folder: string, golden: OnnxCase, device: string): Promise<void> {
  const { name, inputs, outputs, atol, rtol, optional = false } = golden
  let model: Loaded | undefined
  await warningsOf(async () => {
    try {
      model = await load<Loaded>(join(goldenFolder, folder, name), { device: device as 'cpu' })
    } catch (error) {
      if (!optional) throw error
      assert.ok(error instanceof NeurodeError && error.code === 'ERR_FILE_FORMAT', String(error))
    }
  })
  if (model === undefined) return
  using loaded = model
  const keys = Object.keys(outputs).filter((key) => !['label', 'coefs', 'intercepts'].includes(key))
  const got = await predict(loaded, inputs, keys[0] as string)
  assert.equal(Object.keys(got).length, keys.length)
  for (const key of keys) {
    const wanted = flatten(outputs[key] as GoldenValue)
    assertClose((got[key] ?? Object.values(got)[0])?.data ?? [], wanted, { atol, rtol }, key)
  }
}

async function refuse(path: string, { must, result }: BadCase, x: GoldenValue | undefined): Promise<void> {
  try {
    using model = await load(path)
    assert.equal(must, 'safe', 'it was read')
    if (result !== undefined) {
      const { data } = await model.predict(x as never)
      assertClose(data, flatten(result), { atol: 2e-6, rtol: 2e-5 }, path)
    }
  } catch (error) {
    assert.ok(error instanceof NeurodeError, String(error))
    assert.match(error.code, /^ERR_FILE_(?:FORMAT|NOT_FOUND)$/, error.message)
  }
}

describe('golden interchange onnx with data in another file', () => {
  const file = 'onnx/torch_dynamo_wide_static.onnx'
  const source = join(goldenFolder, 'interchange', file)

  it('says which file is missing', async () => {
    if (!existsSync(source)) return
    await inFolder(async (folder) => {
      cpSync(source, join(folder, 'm.onnx'))
      await rejects(load(join(folder, 'm.onnx')), 'ERR_FILE_NOT_FOUND', /torch_dynamo_wide_static\.onnx\.data/)
      cpSync(`${source}.data`, join(folder, 'torch_dynamo_wide_static.onnx.data'))
      using model = await load(join(folder, 'm.onnx'))
      assert.deepEqual(model.outputShape, [2])
    })
  })
})
