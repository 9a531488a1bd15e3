/** ONNX's own tests of operators: what is read computes the right numbers, and all else is refused. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { inFolder } from './data/files.js'
import { debianTests, type OnnxNodeTest, ownTests, runNodeTest } from './support/onnxNodeTests.js'

/** Operators that must be right: tests of them that are refused have other reasons, which the names say. */
const needed = [
  'test_gemm_default_vector_bias',
  'test_gemm_transposeB',
  'test_gemm_beta',
  'test_matmul_2d',
  'test_relu',
  'test_leakyrelu',
  'test_elu',
  'test_selu',
  'test_celu',
  'test_sigmoid',
  'test_hardsigmoid',
  'test_hardswish',
  'test_tanh',
  'test_softplus',
  'test_softsign',
  'test_thresholdedrelu',
  'test_prelu_broadcast',
  'test_clip',
  'test_exp',
  'test_softmax_default_axis',
  'test_softmax_axis_1',
  'test_logsoftmax_default_axis',
  'test_batchnorm_example',
  'test_layer_normalization_default_axis',
  'test_layer_normalization_3d_axis1_epsilon',
  'test_instancenorm_example',
  'test_flatten_axis1',
  'test_reshape_zero_and_negative_dim',
]

async function runAll(tests: readonly OnnxNodeTest[]): Promise<Map<string, string>> {
  const results = new Map<string, string>()
  await inFolder(async (folder) => {
    for (const test of tests) {
      const result = await runNodeTest(test, join(folder, 'm.onnx')).catch((error: Error) => {
        throw new Error(`${test.name}: ${error.message}`, { cause: error })
      })
      if (result !== undefined) results.set(test.name, result)
    }
  })
  return results
}

function check(results: ReadonlyMap<string, string>): void {
  const wrong = [...results].filter(([, result]) => result.startsWith('wrong'))
  assert.deepEqual(wrong, [])
  for (const name of needed) assert.equal(results.get(name), 'right', name)
}

describe("ONNX's tests of operators", function () {
  this.slow(30_000)

  it('that are kept here are right or refused', async () => {
    const results = await runAll(ownTests())
    check(results)
    assert.ok([...results.values()].includes('refused'))
  })

  const all = debianTests()
  const title = "of Debian's package are right or refused"
  if (all.length === 0) it(`${title}: needs libonnx-testdata`)
  else {
    it(title, async () => {
      const results = await runAll(all)
      check(results)
      assert.ok([...results.values()].filter((result) => result === 'right').length >= 200)
    })
  }
})
