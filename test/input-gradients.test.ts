/** Gradients of inputs and outputs: their forms, and models that pass them on. */

import assert from 'node:assert/strict'
import { array, initializers, input, layers, model, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { x, y } from './support/everything.js'
import { bits, numbers, rows } from './support/graphs.js'
import { assertRefused } from './support/refusals.js'
import {
  compiled as compiledTwo,
  twoHeads,
  weights as weightsOfTwo,
  x as xOfTwo,
  y as yOfTwo,
} from './support/severalOutputs.js'
import { assertClose, rounded } from './support/tolerances.js'

perDevice('gradients of inputs and outputs', (device) => {
  it('take several outputs as lists and records, null for 0', async () => {
    using whole = compiledTwo(device)
    using parts = compiledTwo(device)
    for (let i = 0; i < 3; i++) {
      const { loss } = await whole.trainOnBatch(xOfTwo, yOfTwo, { sampleWeight: weightsOfTwo })
      const own = await parts.valueAndGradients(xOfTwo, yOfTwo, { sampleWeight: weightsOfTwo, inputs: true })
      assert.equal(own.loss, loss)
      assert.deepEqual(
        [own.outputs.price.shape, own.inputs.shape],
        [
          [rows, 2],
          [rows, 4],
        ],
      )
      await parts.applyGradients(own.gradients)
      assert.deepEqual(bits(parts), bits(whole))
    }
    using net = twoHeads()
    const [price, sold] = [numbers(2), numbers(1)]
    const both = await net.backward(xOfTwo, { price, sold })
    const alone = [await net.backward(xOfTwo, { price, sold: null }), await net.backward(xOfTwo, [null, sold])]
    for (const [name, { data }] of Object.entries(both.gradients)) {
      const sums = data.map((_, i) =>
        alone.reduce((sum, { gradients }) => sum + (gradients[name]?.data[i] as number), 0),
      )
      assertClose(sums, data, rounded, name)
    }
    assert.ok(alone[0]?.gradients['dense_1/kernel']?.data.every((value) => value === 0))
  })

  it('are by name for several inputs, without those of integers', async () => {
    const [ids, words, more] = [input({ shape: [2] }), input({ shape: [3] }), input({ shape: [3] })]
    const vectors = layers.flatten().apply(layers.embedding({ inputDim: 5, outputDim: 3 }).apply(ids))
    const h = layers.concatenate().apply([vectors, layers.add().apply([words, more])])
    using net = model({ inputs: { ids, words, more }, outputs: layers.dense({ units: 3 }).apply(h), seed: 1 })
    const data = { ids: Uint8Array.from({ length: 2 * rows }, (_, i) => i % 5), words: numbers(3), more: numbers(3) }
    const { inputs, gradients } = await net.backward(data, y)
    assert.deepEqual(Object.keys(inputs), ['words', 'more'])
    assert.deepEqual(inputs.words?.shape, [rows, 3])
    assert.deepEqual(inputs.words?.data, inputs.more?.data)
    assert.deepEqual(Object.keys(gradients), ['embedding/embeddings', 'dense/kernel', 'dense/bias'])
    using only = sequential([layers.embedding({ inputDim: 5, outputDim: 1, inputShape: [3] }), layers.flatten()])
    const indices = Uint8Array.from({ length: 3 * rows }, (_, i) => i % 5)
    await assertRefused(() => only.backward(indices, y), 'ERR_ARGUMENT', /whose integers layer 'embedding' reads/)
    const { inputs: none } = await only.backward(indices, y, { inputs: false })
    assert.equal(none, undefined)
  })

  it('are those of the scaled values for bytes', async () => {
    const bytes = Uint8Array.from({ length: 6 * rows }, (_, i) => (i * 37) % 256)
    using net = sequential([layers.dense({ units: 3, activation: 'tanh', inputShape: [6] })], { seed: 1 })
    const scaled = await net.backward(array(bytes, [rows, 6], { scale: 1 / 255, offset: -0.5 }), y)
    const floats = await net.backward(
      array(
        Float32Array.from(bytes, (byte) => byte / 255 - 0.5),
        [rows, 6],
      ),
      y,
    )
    assertClose(scaled.inputs.data, floats.inputs.data, rounded, 'inputs')
    using rescaled = sequential([layers.rescaling({ scale: 1 / 255, offset: -0.5, inputShape: [6] }), ...net.layers])
    const { inputs } = await rescaled.backward(bytes, y)
    assertClose(
      inputs.data,
      floats.inputs.data.map((value) => value / 255),
      rounded,
      'rescaled inputs',
    )
  })

  it('pass from one model to another as through the whole', async () => {
    const lower = layers.dense({ units: 5, activation: 'tanh', inputShape: [6] })
    const upper = layers.dense({ units: 3, activation: 'sigmoid', inputShape: [5] })
    using whole = sequential([lower, upper], { seed: 1 })
    using first = sequential([lower], { seed: 1 })
    using second = sequential([upper], { seed: 1 })
    const { data: middle } = await first.predict(x)
    const above = await second.backward(array(middle, [rows, 5]), y)
    const below = await first.backward(x, above.inputs)
    const { inputs, gradients } = await whole.backward(x, y)
    assertClose(below.inputs.data, inputs.data, rounded, 'inputs')
    assertClose(below.gradients['dense/kernel']?.data ?? [], gradients['dense/kernel']?.data ?? [], rounded, 'kernel')
  })

  it('have no penalties', async () => {
    const build = (options: object) =>
      sequential([
        layers.dense({ units: 3, kernelInitializer: initializers.constant(0.5), inputShape: [6], ...options }),
      ])
    using plain = build({})
    using penalized = build({ kernelRegularizer: 'l2', activityRegularizer: 'l1' })
    assert.deepEqual(await penalized.backward(x, y), await plain.backward(x, y))
  })
})
