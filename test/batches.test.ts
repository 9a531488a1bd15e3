/** Predictions, evaluation and single steps give the same numbers by every method that computes them. */

import assert from 'node:assert/strict'
import { array, layers, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { numericArrays } from './support/numericArrays.js'
import { classifier, clouds } from './support/problems.js'
import { Random } from './support/random.js'
import { bitsOf } from './support/resumable.js'
import { assertClose, assertNear, mean, product } from './support/tolerances.js'

const everyKind = numericArrays as unknown as readonly Float64ArrayConstructor[]

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

  it('reads rows and targets of every type, scaled or not, as their float32 values to the bit', async () => {
    const random = new Random(31)
    const [rows, width] = [37, 6]
    const make = () => sequential({ layers: [layers.dense({ units: width, inputShape: [width] })], seed: 3 })
    const compiled = () => make().compile({ loss: 'mse', metrics: ['mae', 'f1Score'], optimizer: 'adam', device })
    const x = array(random.normals(rows * width), [rows, width])
    const options = { ...quiet, batchSize: 16, epochs: 2 }
    for (const Kind of everyKind) {
      const isSigned = !Kind.name.startsWith('U')
      const numbers = Float64Array.from({ length: rows * width }, () => random.below(200) * 1.3 - (isSigned ? 100 : 0))
      const data = Kind.from(numbers)
      for (const [scale, offset] of [
        [1, 0],
        [1 / 255, -0.3],
      ] as const) {
        const given = array(data, [rows, width], { scale, offset })
        const floats = new Float32Array(data.length)
        for (let i = 0; i < floats.length; i++) floats[i] = (data[i] as number) * scale + offset
        const right = array(floats, [rows, width])
        using one = compiled()
        using other = compiled()
        const result = await one.fit(x, given, { ...options, validationData: [x, given] })
        const expected = await other.fit(x, right, { ...options, validationData: [x, right] })
        assert.deepEqual(result.history, expected.history, Kind.name)
        assert.equal(bitsOf(one), bitsOf(other), Kind.name)
        const batch = await one.trainOnBatch(x, given)
        assert.deepEqual(batch, await other.trainOnBatch(x, right))
        assert.deepEqual(await one.evaluate([{ x, y: given }]), await other.evaluate(x, right, { batchSize: rows }))
        if (Kind.name.startsWith('Uint8')) continue
        // Inputs are first converted to float32 and then scaled.
        const asInput = array(new Float32Array(data), [rows, width], { scale, offset })
        await one.fit(given, right, options)
        await other.fit(asInput, right, options)
        assert.equal(bitsOf(one), bitsOf(other), Kind.name)
        assert.deepEqual((await one.predict(given)).data, (await other.predict(asInput)).data)
        assert.deepEqual(one.predictSync(given).data, other.predictSync(asInput).data)
      }
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
