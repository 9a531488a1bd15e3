/**
 * Models that are saved as ONNX files and loaded again: they predict the same. NEURODE_ONNX_MODELS is the number of random graphs, and
 * NEURODE_FUZZ_SEED their first seed.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type AnyModel, array, layers, load, type NdArray, Sequential, sequential } from 'neurode'
import { inFolder } from './data/files.js'
import { chains, drawWeights, groups } from './support/onnxCases.js'
import type { OrtData } from './support/onnxRuntime.js'
import { Random } from './support/random.js'
import { randomGraph } from './support/randomGraphs.js'
import { assertClose, pointwise, product, type Tolerance } from './support/tolerances.js'

const opsets = [13, 15, 17, 18, 20, 23, 25]
const graphCount = Number(process.env.NEURODE_ONNX_MODELS ?? 8)
const firstSeed = Number(process.env.NEURODE_FUZZ_SEED ?? 1)

/** What a model predicts, in the order of its outputs. */
async function predictAll(net: AnyModel, data: OrtData): Promise<NdArray[]> {
  const predicted: unknown = await net.predict((net instanceof Sequential ? Object.values(data)[0] : data) as never)
  if (Array.isArray(predicted)) return predicted
  return 'data' in (predicted as object) ? [predicted as NdArray] : Object.values(predicted as object)
}

/** Asserts that a model predicts what it did after it was saved and loaded. */
async function assertSame(net: AnyModel, opset: number, data: OrtData, tolerance: Tolerance, title: string) {
  await inFolder(async (folder) => {
    const path = join(folder, 'x.onnx')
    await net.save(path, { opset })
    using loaded: AnyModel = await load(path)
    const [expected, actual] = [await predictAll(net, data), await predictAll(loaded, data)]
    assert.equal(actual.length, expected.length, title)
    for (const [i, output] of expected.entries()) {
      assert.deepEqual(actual[i]?.shape, output.shape, `${title}: output ${i}`)
      assertClose(actual[i]?.data as Float32Array, output.data, tolerance, `${title}: output ${i}`)
    }
  })
}

describe('models saved as ONNX files and loaded', () => {
  for (const opset of opsets) {
    it(`predict the same with every layer and activation: opset ${opset}`, async () => {
      for (const [i, { net, draw }] of groups().entries()) {
        const random = new Random(i)
        drawWeights(net, random)
        await assertSame(net, opset, draw(random, 5), pointwise, `group ${i}`)
      }
    })
  }

  it('predict the same as chains of layers', async () => {
    for (const [i, each] of chains.entries()) {
      const random = new Random(i)
      using net = sequential([layers.input({ shape: each.shape }), each.make(), layers.flatten(), layers.dense(3)])
      drawWeights(net, random)
      const size = 5 * each.shape.reduce((all, n) => all * n, 1)
      const numbers = each.indices === undefined ? random.normals(size) : random.classes(size, each.indices)
      await assertSame(net, random.pick(opsets), { input: array(numbers, [5, ...each.shape]) }, product(40), each.title)
    }
  })

  it('predict the same as random graphs', async () => {
    for (let seed = firstSeed; seed < firstSeed + graphCount; seed++) {
      const { net, data } = randomGraph(seed)
      const random = new Random(seed)
      drawWeights(net, random)
      const opset = random.pick(opsets)
      await assertSame(net, opset, data(5, seed), product(20), `seed ${seed}, opset ${opset}`)
      net.dispose()
    }
  })
})
