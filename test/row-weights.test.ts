/** Weights of rows and classes: the same by every way in, weighted as Keras weighs. */

import assert from 'node:assert/strict'
import { array, layers, losses, metrics, optimizers, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { assertNear } from './support/tolerances.js'

const rows = 150
const random = new Random(5)
const x = array(Float32Array.from(random.normals(rows * 6)), [rows, 6])
const labels = Int32Array.from({ length: rows }, () => random.below(3))
const sampleWeight = Float32Array.from(random.uniforms(rows, 0, 2))
const classWeight = { 0: 1, 1: 3, 2: 0.25 }
const tolerance = { rtol: 1e-5, atol: 1e-6 }

perDevice('weights of rows', (device) => {
  const build = (loss = losses.sparseCategoricalCrossentropy()) =>
    sequential({
      layers: [
        layers.dense({ units: 8, activation: 'relu', inputShape: [6] }),
        layers.dense({ units: 3, activation: 'softmax' }),
      ],
      seed: 3,
    }).compile({
      loss,
      optimizer: optimizers.sgd({ learningRate: 0.1, momentum: 0.5 }),
      metrics: ['accuracy'],
      weightedMetrics: [metrics.accuracy({ name: 'weighted' })],
      device,
    })
  const bits = (model: ReturnType<typeof build>) =>
    model.getWeights().map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'))
  const slice = (from: number, to: number) => x.data.subarray(from * 6, to * 6)

  it('weighs loss and weightedMetrics, and leaves metrics alone', async () => {
    using model = build()
    const { data } = await model.predict(x)
    const per = Array.from(labels, (label, row) => ({
      loss: -Math.log(data[row * 3 + label] as number),
      hit: Number([0, 1, 2].every((o) => (data[row * 3 + o] as number) <= (data[row * 3 + label] as number))),
      weight: sampleWeight[row] as number,
    }))
    const sum = (of: (row: (typeof per)[number]) => number) => per.reduce((total, row) => total + of(row), 0)
    for (const batchSize of [rows, 64, 7]) {
      const got = await model.evaluate(x, labels, { sampleWeight, batchSize })
      assertNear(got.loss, sum(({ loss, weight }) => loss * weight) / rows, tolerance, 'loss')
      assertNear(got.accuracy, sum(({ hit }) => hit) / rows, tolerance, 'accuracy')
      assertNear(
        got.weighted,
        sum(({ hit, weight }) => hit * weight) / sum(({ weight }) => weight),
        tolerance,
        'weighted',
      )
    }
  })

  it('trains alike from arrays, batches and trainOnBatch, with weights of rows and of classes', async () => {
    using fitted = build()
    const { history } = await fitted.fit(x, labels, {
      sampleWeight,
      classWeight,
      batchSize: 40,
      epochs: 2,
      shuffle: false,
      verbose: 0,
    })
    using streamed = build()
    function* batches() {
      for (let from = 0; from < rows; from += 40) {
        const to = Math.min(rows, from + 40)
        yield [array(slice(from, to), [to - from, 6]), labels.slice(from, to), sampleWeight.slice(from, to)]
      }
    }
    const streams = await streamed.fit(batches as never, { classWeight, epochs: 2, verbose: 0 })
    using stepped = build()
    for (let epoch = 0; epoch < 2; epoch++) {
      for (let from = 0; from < rows; from += 40) {
        const to = Math.min(rows, from + 40)
        await stepped.trainOnBatch(array(slice(from, to), [to - from, 6]), labels.slice(from, to), {
          sampleWeight: sampleWeight.slice(from, to),
          classWeight,
        })
      }
    }
    assert.deepEqual(bits(streamed), bits(fitted))
    assert.deepEqual(bits(stepped), bits(fitted))
    assert.deepEqual([...streams.history.loss], [...history.loss])
    using plain = build()
    await plain.fit(x, labels, { batchSize: 40, epochs: 2, shuffle: false, verbose: 0 })
    assert.notDeepEqual(bits(plain), bits(fitted))
  })

  it('follows the rows when they are shuffled', async () => {
    // Rows of weight 0 may hold anything.
    const half = sampleWeight.map((_, row) => row % 2)
    const kept = labels.map((label, row) => (row % 2 ? label : (label + 1) % 3))
    const train = async (targets: Int32Array) => {
      using model = build()
      await model.fit(x, targets, { sampleWeight: half, batchSize: 16, epochs: 3, seed: 4, verbose: 0 })
      return bits(model)
    }
    assert.deepEqual(await train(labels), await train(kept))
  })

  it('validates with the third of validationData, and splits weights with the rows', async () => {
    using model = build()
    const { history } = await model.fit(x, labels, {
      epochs: 1,
      verbose: 0,
      validationData: [x, labels, sampleWeight],
    })
    const expected = await model.evaluate(x, labels, { sampleWeight })
    assertNear(history.val_loss[0] as number, expected.loss, tolerance, 'val_loss')
    using split = build()
    const result = await split.fit(x, labels, { epochs: 1, verbose: 0, sampleWeight, validationSplit: 0.2 })
    const tail = array(slice(120, rows), [30, 6])
    const own = await split.evaluate(tail, labels.slice(120), { sampleWeight: sampleWeight.slice(120) })
    assertNear(result.history.val_loss[0] as number, own.loss, tolerance, 'val_loss of the split')
  })

  it('divides by the weights, or by the rows that count', async () => {
    const weighted = losses.sparseCategoricalCrossentropy({ reduction: 'meanWithSampleWeight' })
    using model = build(weighted)
    const one = await model.testOnBatch(x, labels, { sampleWeight })
    const twice = await model.testOnBatch(x, labels, { sampleWeight: sampleWeight.map((w) => 2 * w) })
    assertNear(twice.loss, one.loss, tolerance, 'loss')
    using ignoring = build(losses.sparseCategoricalCrossentropy({ ignoreClass: -1 }))
    const masked = labels.map((label, row) => (row < 100 ? label : -1))
    const some = await ignoring.evaluate(x, masked)
    const first = await ignoring.evaluate(array(slice(0, 100), [100, 6]), labels.slice(0, 100))
    assertNear(some.loss, first.loss, tolerance, 'loss without the class')
    assertNear(some.accuracy, first.accuracy, tolerance, 'accuracy without the class')
  })

  it('refuses weights that make no sense', async () => {
    using model = build()
    await assert.rejects(model.fit(x, labels, { sampleWeight: [1, 2] }), { code: 'ERR_SHAPE', message: /sampleWeight/ })
    const endless = sampleWeight.with(3, Number.NaN)
    await assert.rejects(model.evaluate(x, labels, { sampleWeight: endless }), {
      code: 'ERR_ARGUMENT',
      message: /sampleWeight\[3\]/,
    })
    await assert.rejects(model.fit(x, labels, { classWeight: { 1: Number.NaN } }), { code: 'ERR_ARGUMENT' })
    await assert.rejects(model.fit(x, labels, { classWeight: [1, 2] as never }), { code: 'ERR_ARGUMENT' })
    assert.throws(
      () =>
        sequential([layers.dense({ units: 1, inputShape: [1] })]).compile({
          loss: 'mse',
          metrics: ['mae'],
          weightedMetrics: ['mae'],
        }),
      /other names/,
    )
  })
})
