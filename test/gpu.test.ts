/** Behaviour of a CUDA device other than computing: too little memory, and models that share the device. */

import assert from 'node:assert/strict'
import { devices, layers, NeurodeError, sequential } from 'neurode'
import { runChild } from './support/children.js'
import { isEmulated, perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { assertSameBits } from './support/tolerances.js'

perDevice('memory and sharing', (device) => {
  const onCuda = device.startsWith('cuda')

  it('refuses a model that the device cannot hold, with the bytes wanted and free', function () {
    if (!onCuda) this.skip()
    const model = sequential([layers.dense({ units: 250_000, inputShape: [250_000] })])
    assert.throws(
      () => model.compile({ loss: 'mse', device }).device,
      (error: unknown) =>
        error instanceof NeurodeError &&
        error.code === 'ERR_OUT_OF_MEMORY' &&
        /25\d{10} bytes of the CUDA device's memory are wanted, \d+ of \d+ are free/.test(error.message),
    )
  })

  it('refuses a batch that does not fit before it trains, with weights and device intact', async function () {
    if (!onCuda) this.skip()
    using model = sequential({
      layers: [layers.dense({ units: 1_000_000, activation: 'tanh', inputShape: [2] }), layers.dense({ units: 1 })],
      seed: 1,
    })
    model.compile({ loss: 'mse', device })
    const before = model.getWeights()
    const rows = 131_072
    const random = new Random(1)
    const x = { data: random.normals(rows * 2), shape: [rows, 2] }
    const y = { data: random.normals(rows), shape: [rows, 1] }
    await assert.rejects(model.fit(x, y, { batchSize: rows, verbose: 0 }), { code: 'ERR_OUT_OF_MEMORY' })
    model.getWeights().forEach(({ name, data }, i) => {
      assertSameBits(data, before[i]?.data as Float32Array, name)
    })
    const { loss } = await model.trainOnBatch([[1, 2]], [[3]])
    assert.ok(Number.isFinite(loss))
  })

  it('trains two models at once as it trains each alone', async () => {
    const random = new Random(2)
    const x = { data: random.normals(400 * 20), shape: [400, 20] }
    const y = { data: random.normals(400 * 3), shape: [400, 3] }
    const trained = async (seed: number) => {
      using model = sequential({
        layers: [layers.dense({ units: 40, activation: 'tanh', inputShape: [20] }), layers.dense({ units: 3 })],
        seed,
      })
      model.compile({ optimizer: 'adam', loss: 'mse', device })
      await model.fit(x, y, { epochs: 3, batchSize: 40, verbose: 0 })
      return model.getWeights()
    }
    const alone = [await trained(1), await trained(2)]
    const together = await Promise.all([trained(1), trained(2)])
    alone.forEach((weights, model) => {
      weights.forEach(({ name, data }, i) => {
        assertSameBits(together[model]?.[i]?.data as Float32Array, data, name)
      })
    })
  })
})

describe('a GPU', function () {
  this.slow(20_000)
  const found = devices().find(({ name }) => name === 'cuda:0')
  const real = found?.available && !isEmulated('cuda:0')
  const reason = real ? '' : `: not here, ${found?.available ? 'cuda:0 is emulated' : found?.reason}`

  for (const precision of ['tf32', 'bfloat16']) {
    it(`computes in ${precision} as close to float32 without cuBLASLt as with it${reason}`, async function () {
      if (!real || !found?.precisions?.includes('tf32')) this.skip()
      for (const env of [{ NEURODE_CUDA_LIB_DIR: 'off' }, { NEURODE_CUDA_LIB_DIR: '' }]) {
        const { stdout, stderr } = await runChild('precision', ['close', precision], env)
        assert.equal(stderr, '')
        for (const { name, error, allowed } of JSON.parse(stdout)) {
          assert.ok(error <= allowed, `${name}: relative error ${error}, allowed ${allowed}`)
        }
      }
    })
  }
})
