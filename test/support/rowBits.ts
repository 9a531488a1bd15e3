/** Compares outputs and gradients of few rows alone with those in a batch. */

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

/** How many rows have other gradients alone than in a batch where those of the others are 0. */
export async function countsThatDiffer(device: string): Promise<string[]> {
  const width = 530
  const body = [
    layers.dense({ units: 67, activation: 'tanh', inputShape: [width] }),
    layers.dense({ units: 600, activation: 'relu', useBias: false }),
    layers.dense({ units: 5 }),
  ]
  using model = sequential({ layers: body, seed: 2 })
  model.compile({ loss: 'mse', device, threads: 1 })
  const random = new Random(4)
  const [x, y] = [random.normals(rows * width), random.normals(rows * 5)]
  const differ: string[] = []
  for (let count = 1; count < rows; count++) {
    const given = Float32Array.from(y, (value, i) => (i < count * 5 ? value : 0))
    const together = await model.backward(x, given)
    const alone = await model.backward(x.slice(0, count * width), y.slice(0, count * 5))
    const compare = (what: string, got: ArrayLike<number>, expected: Float32Array) => {
      if (!expected.subarray(0, got.length).every((value, i) => Object.is(value, got[i])))
        differ.push(`${what} of ${count} rows`)
    }
    compare('inputs', alone.inputs.data, together.inputs.data as Float32Array)
    for (const [name, { data }] of Object.entries(alone.gradients))
      compare(name, data, together.gradients[name]?.data as Float32Array)
  }
  return differ
}

const toFloats = (integers: ArrayLike<number>) => Float32Array.from(integers)
