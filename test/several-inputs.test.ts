/** Models of several inputs: data by name, in a list, side by side, in batches, in predictors. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { array, input, layers, model, openNpy, writeNpy } from 'neurode'
import { attachPredictor } from 'neurode/serve'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { bits, numbers, quiet, rows, twoInputs } from './support/graphs.js'

const y1 = numbers(1)

perDevice('models of several inputs', (device) => {
  it('take several inputs by name, in a list, and side by side', async () => {
    using net = twoInputs(device)
    const [a, b] = [numbers(3), numbers(2)]
    const whole = new Float32Array(rows * 5)
    for (let r = 0; r < rows; r++) {
      whole.set((a.data as Float32Array).subarray(3 * r, 3 * r + 3), 5 * r)
      whole.set((b.data as Float32Array).subarray(2 * r, 2 * r + 2), 5 * r + 3)
    }
    const { data, shape } = await net.predict({ b, a })
    assert.deepEqual(shape, [rows, 1])
    assert.deepEqual((await net.predict([a, b])).data, data)
    assert.deepEqual((await net.predict(array(whole, [rows, 5]))).data, data)
    assert.deepEqual(net.predictSync(whole).data, data)
    assert.deepEqual((await net.predictOnBatch({ a, b })).data, data)
    assert.deepEqual(net.inputShape, [5])
    using predictor = net.predictor()
    assert.deepEqual(await predictor.predict({ a, b }), data)
    assert.deepEqual(predictor.predictSync([a, b]), data)
    assert.deepEqual(await predictor.predict(whole), data)
    using attached = attachPredictor(structuredClone(predictor.token))
    assert.deepEqual(attached.predictSync({ a, b }), data)
    const { loss } = await net.evaluate({ a, b }, y1)
    assert.equal((await net.testOnBatch([a, b], y1)).loss, loss)
    const results = await net.fit({ a, b }, y1, { validationData: [{ a, b }, y1], batchSize: 8, epochs: 2, ...quiet })
    assert.equal(results.history.val_loss.length, 2)
    await net.fit({ a, b }, y1, { validationSplit: 0.25, ...quiet })
    await net.trainOnBatch({ a, b }, y1)
  })

  it('take rows of all inputs from a file', async () => {
    const [a, b] = [numbers(3), numbers(2)]
    const joined = Array.from({ length: rows }, (_, r) => [
      ...(a.data as Float32Array).subarray(3 * r, 3 * r + 3),
      ...(b.data as Float32Array).subarray(2 * r, 2 * r + 2),
    ])
    await inFolder(async (folder) => {
      const path = join(folder, 'rows.npy')
      await writeNpy(path, array(joined))
      const options = { batchSize: 8, shuffle: false, epochs: 2, ...quiet }
      using memory = twoInputs(device)
      using filed = twoInputs(device)
      await memory.fit({ a, b }, y1, options)
      await filed.fit(await openNpy(path), y1, options)
      assert.deepEqual(bits(filed), bits(memory))
    })
  })

  it('take validation data whose names are those of a batch', async () => {
    const [x, y] = [input({ shape: [3], name: 'x' }), input({ shape: [3], name: 'y' })]
    using net = model({ inputs: { x, y }, outputs: layers.add().apply([x, y]) }).compile({ loss: 'mse', device })
    const [a, b, sum] = [numbers(3), numbers(3), numbers(3)]
    const { history } = await net.fit({ x: a, y: b }, sum, { validationData: [{ x: a, y: b }, sum], ...quiet })
    assert.equal(history.val_loss.length, 1)
  })

  it('take batches of several inputs from a source', async () => {
    const [a, b] = [numbers(3), numbers(2)]
    using memory = twoInputs(device)
    using streamed = twoInputs(device)
    await memory.fit({ a, b }, y1, { batchSize: rows, shuffle: false, epochs: 2, ...quiet })
    await streamed.fit([{ x: { a, b }, y: y1 }], { epochs: 2, ...quiet })
    assert.deepEqual(bits(streamed), bits(memory))
    for await (const { shape } of streamed.predictStream([{ x: { a, b } }])) assert.deepEqual(shape, [rows, 1])
    const error = {
      code: 'ERR_UNKNOWN_NAME',
      message: /source: batch 1: no key of a batch is called 'a'.*\{ x: \{ … \} \}/,
    }
    await assert.rejects(streamed.predictStream([{ a, b }] as never).next(), error)
  })

  it('feed embeddings from an input of integers beside numbers', async () => {
    const city = input({ shape: [1], dtype: 'int32', name: 'city' })
    const size = input({ shape: [2], name: 'size' })
    const vector = layers.flatten().apply(layers.embedding({ inputDim: 5, outputDim: 3 }).apply(city))
    const joined = layers.concatenate().apply([size, vector])
    using net = model({ inputs: { size, city }, outputs: layers.dense({ units: 1 }).apply(joined), seed: 2 })
    net.compile({ loss: 'mse', optimizer: 'adam', device, threads: 1 })
    const cities = Int32Array.from({ length: rows }, (_, i) => i % 5)
    await net.fit({ size: numbers(2), city: cities }, y1, quiet)
    const bad = cities.with(3, 9)
    const error = { code: 'ERR_LABEL_RANGE' }
    await assert.rejects(net.fit({ size: numbers(2), city: bad }, y1, quiet), error)
    await assert.rejects(net.predict({ size: numbers(2), city: bad }), error)
    using predictor = net.predictor()
    await assert.rejects(predictor.predict({ size: numbers(2), city: bad }), error)
  })

  it('take bytes of several inputs', async () => {
    const [a, b] = [input({ shape: [3], dtype: 'uint8' }), input({ shape: [2], dtype: 'uint8' })]
    const scaled = layers.rescaling(1 / 255).apply(layers.concatenate().apply([a, b]))
    using net = model({ inputs: [a, b], outputs: layers.dense({ units: 1 }).apply(scaled), seed: 2 })
    net.compile({ loss: 'mse', device, threads: 1 })
    const bytes = [Uint8Array.from({ length: 6 }, (_, i) => 40 * i), Uint8Array.from({ length: 4 }, (_, i) => 60 * i)]
    const { data } = await net.predict(bytes)
    assert.deepEqual((await net.predict(bytes.map((each) => Float32Array.from(each)))).data, data)
  })
})
