/** Networks of the cliffs, and the same in onnxruntime-node. */

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Layer, layers, type Sequential, sequential } from 'neurode'

const peers = createRequire(resolve('build/peers/package.json'))

/** Dense layers of these sizes, the input first; relu, and softmax at the end. */
export function net(sizes: readonly number[], last: 'softmax' | 'sigmoid' = 'softmax'): readonly Layer[] {
  const [inputs = 1, ...units] = sizes
  return units.map((size, i) =>
    layers.dense({
      units: size,
      activation: i === units.length - 1 ? last : 'relu',
      ...(i === 0 ? { inputShape: [inputs] } : {}),
    }),
  )
}

export function compiled(body: readonly Layer[], threads: number, loss = 'sparseCategoricalCrossentropy'): Sequential {
  return sequential({ layers: body, seed: 1 }).compile({ loss: loss as 'meanSquaredError', threads, device: 'cpu' })
}

/** So many numbers, none of them 0. */
export function numbers(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (1 + ((i * 37) % 101)) / 101)
}

/** What is used of onnxruntime-node. */
interface OnnxRuntime {
  InferenceSession: { create(path: string, options: object): Promise<Session> }
  Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => object
}
interface Session {
  readonly inputNames: readonly [string]
  run(feeds: Readonly<Record<string, object>>): Promise<unknown>
}

/** A call of onnxruntime-node on these rows, or nothing where it is not installed in `build/peers`. */
export async function onnxRuntime(
  model: Sequential,
  rows: Float32Array,
  shape: readonly number[],
  threads: number,
): Promise<(() => Promise<unknown>) | undefined> {
  let runtime: OnnxRuntime
  try {
    runtime = peers('onnxruntime-node') as OnnxRuntime
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'neurode-bench-'))
  const path = join(folder, 'net.onnx')
  await model.save(path)
  const session = await runtime.InferenceSession.create(path, { intraOpNumThreads: threads, interOpNumThreads: 1 })
  rmSync(folder, { recursive: true })
  const feeds = { [session.inputNames[0]]: new runtime.Tensor('float32', rows, shape) }
  return () => session.run(feeds)
}
