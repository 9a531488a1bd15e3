/** TensorFlow.js, where it is installed, as CI does before the tests: `install_peers` in `.ci/run`. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'

export interface TfTensor {
  readonly shape: readonly number[]
  dataSync(): Float32Array
}

/** A model that TensorFlow.js has loaded. */
export interface TfModel {
  predict(x: TfTensor | readonly TfTensor[]): TfTensor | TfTensor[]
  trainOnBatch(x: TfTensor, y: TfTensor): Promise<number | number[]>
  save(handler: object): Promise<unknown>
}

interface Tf {
  loadLayersModel(handler: object): Promise<TfModel>
  tensor(data: ArrayLike<number>, shape: readonly number[], dtype?: string): TfTensor
}

const require = createRequire(resolve('build/peers/package.json'))

function found(name: string): boolean {
  try {
    require.resolve(name)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return false
    throw error
  }
}

function start(): Tf {
  const core = require('@tensorflow/tfjs-core')
  require('@tensorflow/tfjs-backend-cpu')
  const { loadLayersModel } = require('@tensorflow/tfjs-layers')
  return { loadLayersModel, tensor: core.tensor }
}

/** Undefined where it is not installed. */
export const tf = found('@tensorflow/tfjs-layers') ? start() : undefined

/** Loads a `model.json` from the disk as TensorFlow.js loads one from an address. */
export function loadInTfjs(path: string): Promise<TfModel> {
  const load = async () => {
    const { weightsManifest, ...model } = JSON.parse(readFileSync(path, 'utf8'))
    const parts = weightsManifest.flatMap(({ paths }: { paths: string[] }) => paths)
    const bytes = Buffer.concat(parts.map((name: string) => readFileSync(join(dirname(path), name))))
    const weightSpecs = weightsManifest.flatMap(({ weights }: { weights: object[] }) => weights)
    return { ...model, weightSpecs, weightData: new Uint8Array(bytes).buffer }
  }
  return (tf as Tf).loadLayersModel({ load })
}
