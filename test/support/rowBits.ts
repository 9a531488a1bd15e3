/** Compares the outputs of a row alone with those in a batch. */

import { layers, type Sequential, sequential } from 'neurode'
import type { LayerCase } from './layerCases.js'
import { Random } from './random.js'

const rows = 21
const inputs = 6

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1)

/** A model with the layer between dense ones, or in front if it takes integers. */
function modelWith({ make, shape, indices }: LayerCase): Sequential {
  const first =
    indices === undefined
      ? [layers.dense({ units: sizeOf(shape), inputShape: [inputs] }), layers.reshape({ targetShape: shape }), make()]
      : [make({ inputShape: shape })]
  return sequential({
    layers: [...first, layers.flatten(), layers.dense({ units: 19, activation: 'tanh' }), layers.dense({ units: 3 })],
    seed: 8,
  })
}

/**
 * The rows whose outputs have other bits alone than in one batch: those of the model, of a predictor, and of a predictor's
 * other thread. There are more rows than the few that are computed before kernels are packed for single rows.
 */
export async function rowsThatDiffer(tested: LayerCase, device: string): Promise<string[]> {
  using model = modelWith(tested)
  model.compile({ loss: 'mse', device, threads: 1 })
  using predictor = model.predictor({ maxBatchSize: rows })
  const { shape, indices } = tested
  const size = indices === undefined ? inputs : sizeOf(shape)
  const random = new Random(3)
  const x = indices === undefined ? random.normals(rows * size) : toFloats(random.classes(rows * size, indices))
  const together = model.predictSync({ data: x, shape: [rows, ...(indices === undefined ? [size] : shape)] }).data
  const all = predictor.predictSync(x)
  const outputs = all.length / rows
  const differ: string[] = []
  for (let row = 0; row < rows; row++) {
    const one = x.slice(row * size, (row + 1) * size)
    const compare = (what: string, got: Float32Array, expected: Float32Array) => {
      const same = expected.subarray(row * outputs, (row + 1) * outputs).every((value, i) => Object.is(value, got[i]))
      if (!same) differ.push(`${tested.title}: row ${row} of the ${what}`)
    }
    compare('model', model.predictSync(one).data as Float32Array, together as Float32Array)
    compare('predictor', predictor.predictSync(one), all)
    compare("predictor's thread", await predictor.predict(one), all)
  }
  return differ
}

const toFloats = (integers: ArrayLike<number>) => Float32Array.from(integers)
