/** Predictions, evaluation and single steps: the same numbers whichever way they are asked for. */

import assert from 'node:assert/strict'
import { array, layers, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { classifier, clouds } from './support/problems.js'
import { assertClose, assertNear, mean, product } from './support/tolerances.js'

const quiet = { verbose: 0 } as const

perDevice('single batches', (device) => {
  it('predicts the same by predict, predictOnBatch and predictSync', async () => {
    const { x } = clouds(67)
    using model = classifier({ device, threads: 2 })
    const { data, shape } = await model.predict(x, { batchSize: 10 })
    assert.deepEqual(shape, [67, 3])
    for (const other of [await model.predict(x), await model.predictOnBatch(x), model.predictSync(x)]) {
      assert.deepEqual(other.shape, shape)
      assertClose(other.data, data, product(16), 'predictions')
    }
  })

  it('predicts one row the same as among others', async () => {
    const { x } = clouds(33)
    using model = classifier({ device })
    const { data } = await model.predict(x)
    for (const r of [0, 16, 32]) {
      const row = model.predictSync({ data: x.data.subarray(r * 6, r * 6 + 6), shape: [1, 6] })
      assertClose(row.data, data.subarray(r * 3, r * 3 + 3), product(16), `row ${r}`)
    }
  })

  it('writes into the array given as out', async () => {
    const { x } = clouds(10)
    using model = classifier({ device })
    const expected = model.predictSync(x).data
    for (const predict of ['predict', 'predictOnBatch', 'predictSync'] as const) {
      const out = new Float32Array(30).fill(Number.NaN)
      const { data } = await model[predict](x, { out })
      assert.equal(data, out)
      assertClose(out, expected, product(16), predict)
    }
  })

  it('accepts rows as nested arrays, flat typed arrays and arrays with a shape', async () => {
    const { x } = clouds(4)
    using model = classifier({ device })
    const rows = Array.from({ length: 4 }, (_, r) => [...x.data.subarray(r * 6, r * 6 + 6)])
    const expected = (await model.predict(x)).data
    for (const form of [rows, x.data, Float64Array.from(x.data), array(rows)]) {
      assert.deepEqual((await model.predict(form)).data, expected)
    }
  })

  it('gives the loss before the update from trainOnBatch, and the same from testOnBatch', async () => {
    const { x, y } = clouds(30)
    using model = classifier({ device })
    const before = await model.testOnBatch(x, y)
    const during = await model.trainOnBatch(x, y)
    const after = await model.testOnBatch(x, y)
    assertNear(during.loss, before.loss, mean, 'loss')
    assert.equal(during.accuracy, before.accuracy)
    assert.ok(after.loss < before.loss)
  })

  it('evaluates the same with any batch size', async () => {
    const { x, y } = clouds(101)
    using model = classifier({ device })
    const whole = await model.evaluate(x, y)
    for (const batchSize of [1, 7, 100, 500]) {
      const { loss, accuracy } = await model.evaluate(x, y, { batchSize })
      assertNear(loss, whole.loss, mean, `loss with batchSize ${batchSize}`)
      assertNear(accuracy, whole.accuracy, mean, `accuracy with batchSize ${batchSize}`)
    }
  })

  it('reads class indices and one-hot rows alike for categoricalCrossentropy', async () => {
    const { x, y } = clouds(20)
    const hot = Array.from(y, (label) => [0, 1, 2].map((i) => (i === label ? 1 : 0)))
    const run = async (targets: Int32Array | Uint8Array | number[][]) => {
      using model = sequential({
        layers: [layers.dense({ units: 3, activation: 'softmax', inputShape: [6] })],
        seed: 2,
      })
      model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy', metrics: ['accuracy'], device })
      await model.fit(x, targets, { ...quiet, epochs: 2 })
      return await model.evaluate(x, targets)
    }
    const expected = await run(hot)
    assert.deepEqual(await run(y), expected)
    assert.deepEqual(await run(Uint8Array.from(y)), expected)
  })
})
