/** ONNX Runtime, where it is installed, as CI does before the tests: `install_peers` in `.ci/run`. */

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import type { NdArray } from 'neurode'
import { assertClose, type Tolerance } from './tolerances.js'

interface OrtTensor {
  readonly data: ArrayLike<number>
  readonly dims: readonly number[]
}

interface Port {
  readonly name: string
  readonly type: 'float32' | 'int32' | 'uint8'
  /** Sizes, and names of those that vary. */
  readonly shape: readonly (number | string)[]
}

/** A model that ONNX Runtime has loaded. */
export interface OrtSession {
  readonly inputMetadata: readonly Port[]
  readonly outputMetadata: readonly Port[]
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>
  release(): Promise<void>
}

export interface Ort {
  readonly InferenceSession: { create(model: string | Uint8Array, options: object): Promise<OrtSession> }
  readonly Tensor: new (type: string, data: ArrayLike<number>, dims: readonly number[]) => OrtTensor
}

const require = createRequire(resolve('build/peers/package.json'))

function pathOf(name: string): string | undefined {
  try {
    return require.resolve(name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

const found = pathOf('onnxruntime-node')

/** The program of the package, if it is there. */
export const ortPath = found ?? ''

/** Undefined where it is not installed. */
export const ort = found === undefined ? undefined : (require(found) as Ort)

const arrays = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array } as const

/** Rows for the inputs of a model, by name. */
export type OrtData = Readonly<Record<string, Pick<NdArray, 'data' | 'shape'>>>

/** What ONNX Runtime computes, by the names of the outputs. */
export async function runOnnx(model: string | Uint8Array, data: OrtData): Promise<Record<string, OrtTensor>> {
  const { InferenceSession, Tensor } = ort as Ort
  const session = await InferenceSession.create(model, { logSeverityLevel: 3, intraOpNumThreads: 1 })
  try {
    assert.deepEqual(session.inputMetadata.map(({ name }) => name).sort(), Object.keys(data).sort())
    const feeds = session.inputMetadata.map(({ name, type, shape }) => {
      assert.equal(shape[0], 'batch')
      const given = data[name] as OrtData[string]
      return [name, new Tensor(type, arrays[type].from(given.data), given.shape)] as const
    })
    for (const { shape, type } of session.outputMetadata) assert.deepEqual([shape[0], type], ['batch', 'float32'])
    return await session.run(Object.fromEntries(feeds))
  } finally {
    await session.release()
  }
}

/** Names, types and shapes of inputs and outputs. */
export async function portsOf(model: Uint8Array) {
  const session = await (ort as Ort).InferenceSession.create(model, {})
  const plain = (ports: readonly Port[]) => ports.map(({ name, type, shape }) => ({ name, type, shape }))
  const ports = { inputs: plain(session.inputMetadata), outputs: plain(session.outputMetadata) }
  await session.release()
  return ports
}

/** Asserts that ONNX Runtime computes these outputs, in their order. */
export async function assertOnnx(
  model: string | Uint8Array,
  data: OrtData,
  expected: readonly NdArray[],
  tolerance: Tolerance,
  what: string,
): Promise<void> {
  const outputs = Object.entries(await runOnnx(model, data))
  assert.equal(outputs.length, expected.length, what)
  for (const [i, [name, { data, dims }]] of outputs.entries()) {
    const { data: numbers, shape } = expected[i] as NdArray
    assert.deepEqual([...dims], [...shape], `${what}: ${name}`)
    assertClose(data, numbers, tolerance, `${what}: ${name}`)
  }
}
