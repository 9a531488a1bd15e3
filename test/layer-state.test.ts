/** The state of layers besides trainable weights: statistics, frozen weights, indices; and the data that layers refuse. */

import assert from 'node:assert/strict'
import { array, layers, optimizers, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { assertRefused } from './support/refusals.js'
import { assertClose, assertNear, pointwise, rounded } from './support/tolerances.js'

const weightsOf = (model: { getWeights(): { readonly data: Float32Array }[] }) =>
  model.getWeights().map(({ data }) => [...data])

perDevice('layers with state', (device) => {
  it('finds the statistics of a batch far from 0', async () => {
    const random = new Random(4)
    const rows = 333
    const features = 21
    const x = random.normals(rows * features).map((v, i) => v * 0.5 + 1000 * ((i % features) - 10))
    using model = sequential([
      layers.batchNormalization({ momentum: 0, inputShape: [features] }),
      layers.dense({ units: 1 }),
    ])
    model.compile({ loss: 'mse', device })
    await model.trainOnBatch(array(x, [rows, features]), array(random.normals(rows), [rows, 1]))
    const [mean, variance] = model.layers[0]?.getWeights().slice(2) ?? []
    for (let f = 0; f < features; f++) {
      const column = Array.from({ length: rows }, (_, r) => x[r * features + f] as number)
      const expected = column.reduce((sum, v) => sum + v, 0) / rows
      const squares = column.reduce((sum, v) => sum + (v - expected) ** 2, 0) / rows
      assertNear(mean?.data[f] as number, expected, rounded, 'mean')
      assertNear(variance?.data[f] as number, squares, { ...rounded, atol: 0 }, 'variance')
    }
  })

  it('evaluates and predicts with the moving statistics, and leaves them as they are', async () => {
    const random = new Random(5)
    const x = array(random.normals(60), [20, 3])
    const y = array(random.normals(20), [20, 1])
    using model = sequential([layers.batchNormalization({ inputShape: [3] }), layers.dense({ units: 1 })])
    model.compile({ loss: 'mse', device })
    await model.fit(x, y, { batchSize: 7, epochs: 2, verbose: 0 })
    const before = weightsOf(model)
    const { loss } = await model.evaluate(x, y)
    const { data } = await model.predict(x)
    const squares = data.reduce((sum, v, i) => sum + (v - (y.data[i] as number)) ** 2, 0)
    assertNear(loss, squares / 20, pointwise, 'loss')
    const rows = Array.from({ length: 20 }, (_, r) => [
      ...model.predictSync(array(x.data.slice(3 * r, 3 * r + 3), [1, 3])).data,
    ])
    assertClose(rows.flat(), data, pointwise, 'rows one by one')
    assert.deepEqual(weightsOf(model), before)
  })

  it('freezes and thaws layers between fits, and keeps the variables of the optimizer', async () => {
    const random = new Random(6)
    const x = array(random.normals(90), [30, 3])
    const y = array(random.normals(30), [30, 1])
    const make = () => {
      const model = sequential({
        layers: [layers.dense({ units: 4, inputShape: [3] }), layers.batchNormalization(), layers.dense({ units: 1 })],
        seed: 3,
      })
      return model.compile({ optimizer: optimizers.sgd({ learningRate: 0.05, momentum: 0.9 }), loss: 'mse', device })
    }
    const step = (model: ReturnType<typeof make>) =>
      model.fit(x, y, { batchSize: 30, epochs: 1, shuffle: false, verbose: 0 })
    using model = make()
    using other = make()
    await step(model)
    await step(other)
    const [first, norm] = model.layers
    if (first === undefined || norm === undefined) return assert.fail('there are layers')
    first.trainable = norm.trainable = false
    assert.equal(model.position.step, 1)
    const before = weightsOf(model)
    await step(model)
    const after = weightsOf(model)
    assert.deepEqual(after.slice(0, 6), before.slice(0, 6))
    assert.notDeepEqual(after.slice(6), before.slice(6))
    assert.equal(model.position.step, 2)

    // If a layer is frozen and unfrozen without a step in between, nothing changes.
    const same = other.layers[0]
    if (same === undefined) return assert.fail('there is a layer')
    same.trainable = false
    same.trainable = true
    using third = make()
    await step(third)
    for (const one of [other, third]) await step(one)
    assert.deepEqual(weightsOf(other), weightsOf(third))
  })

  it('freezes all layers of a model, and sets them free, without compiling again', async () => {
    const random = new Random(8)
    const [x, y] = [array(random.normals(90), [30, 3]), array(random.normals(30), [30, 1])]
    const body = layers.dense({ units: 4, activation: 'tanh', inputShape: [3] })
    const head = layers.dense({ units: 1 })
    using model = sequential([body, layers.batchNormalization(), head])
    model.compile({ optimizer: 'adam', loss: 'mse', device })
    const changesOf = async (epochs = 2) => {
      const before = weightsOf(model)
      await model.fit(x, y, { epochs, verbose: 0 })
      return weightsOf(model).map((weight, i) => weight.some((value, k) => value !== before[i]?.[k]))
    }
    assert.equal(model.trainable, true)
    assert.deepEqual(await changesOf(), Array(8).fill(true))
    model.trainable = false
    assert.deepEqual([model.trainable, ...model.layers.map(({ trainable }) => trainable)], Array(4).fill(false))
    assert.equal(model.summary({ print: false }).trainableParameters, 0)
    const { loss } = await model.evaluate(x, y)
    assert.deepEqual(await changesOf(), Array(8).fill(false))
    assert.equal((await model.evaluate(x, y)).loss, loss)
    head.trainable = true
    assert.equal(model.trainable, true)
    assert.deepEqual(await changesOf(), [...Array(6).fill(false), true, true])
    model.trainable = true
    assert.deepEqual(await changesOf(), Array(8).fill(true))
  })

  it('is not frozen while it trains, nor by what is no boolean', async () => {
    using model = sequential([layers.dense({ units: 1, inputShape: [1] })])
    model.compile({ loss: 'mse', device })
    const frozen = model.fit([[1]], [[1]], {
      verbose: 0,
      callbacks: {
        onBatchEnd: () => {
          model.trainable = false
        },
      },
    })
    await assertRefused(() => frozen, 'ERR_MODEL_BUSY', /frozen/)
    assert.equal(model.trainable, true)
    await assertRefused(() => Object.assign(model, { trainable: 0 }), 'ERR_ARGUMENT', /trainable: expected/)
  })

  it('adapts to arrays, bytes and streams of batches alike, and forgets what it knew', async () => {
    const bytes = new Random(7).bytes(400)
    const whole = array(bytes, [100, 4], { scale: 1 / 255 })
    const expected = Array.from({ length: 4 }, (_, c) => {
      const column = Array.from({ length: 100 }, (_, r) => (bytes[r * 4 + c] as number) / 255)
      const mean = column.reduce((sum, v) => sum + v, 0) / 100
      return [mean, column.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 100]
    })
    const layer = layers.normalization({ inputShape: [4] })
    using model = sequential([layer, layers.dense({ units: 2 })])
    model.compile({ loss: 'mse', device })
    async function* batches() {
      for (let r = 0; r < 100; r += 30) {
        yield {
          x: array(bytes.slice(4 * r, 4 * Math.min(r + 30, 100)), [Math.min(30, 100 - r), 4], { scale: 1 / 255 }),
        }
      }
    }
    async function* refilled() {
      const data = new Uint8Array(20)
      for (let r = 0; r < 100; r += 5) {
        data.set(bytes.subarray(4 * r, 4 * r + 20))
        yield { x: array(data, [5, 4], { scale: 1 / 255 }) }
      }
      data.fill(0)
    }
    const kernel = model.layers[1]?.getWeights()[0]?.data
    for (const data of [
      whole,
      batches,
      refilled,
      [[0, 0, 0, 0]],
      Array.from({ length: 100 }, (_, r) => [...bytes.slice(4 * r, 4 * r + 4)].map((v) => v / 255)),
    ]) {
      await layer.adapt(data as Parameters<typeof layer.adapt>[0])
      if (Array.isArray(data) && data.length === 1) continue
      const [mean, variance] = layer.getWeights()
      const close = { atol: 1e-7, rtol: 1e-5 }
      assertClose(
        mean?.data ?? [],
        expected.map(([m]) => m as number),
        close,
        'mean',
      )
      assertClose(
        variance?.data ?? [],
        expected.map(([, v]) => v as number),
        close,
        'variance',
      )
    }
    assert.deepEqual(model.layers[1]?.getWeights()[0]?.data, kernel)
  })

  it('adapts before it is in a model', async () => {
    const layer = layers.normalization()
    await layer.adapt([
      [1, 10],
      [3, 30],
    ])
    using model = sequential([layers.input({ shape: [2] }), layer])
    model.compile({ loss: 'mse', device })
    assertClose((await model.predict([[3, 10]])).data, [1, -1], rounded, 'output')
  })

  it('refuses data that it cannot adapt to', async () => {
    const given = layers.normalization({ mean: 0, variance: 1 })
    await assertRefused(() => given.adapt([[1]]), 'ERR_ARGUMENT', /was given mean and variance/)
    const layer = layers.normalization({ inputShape: [2] })
    await assertRefused(() => layer.adapt([[1, Number.NaN]]), 'ERR_ARGUMENT', /expected finite numbers/)
    await assertRefused(() => layer.adapt([[1, 2, 3]]), 'ERR_SHAPE', /data: /)
    await assertRefused(() => layer.adapt([] as number[][]), 'ERR_SHAPE', /data/)
    await assertRefused(() => layers.normalization().adapt(Float32Array.of(1, 2)), 'ERR_SHAPE', /rows of a known shape/)
  })

  it('refuses indices that an embedding does not have, before anything changes', async () => {
    using model = sequential([
      layers.embedding({ inputDim: 5, outputDim: 2, inputShape: [3] }),
      layers.flatten(),
      layers.dense({ units: 1 }),
    ])
    model.compile({ loss: 'mse', device })
    const before = weightsOf(model)
    for (const wrong of [5, -1, 1.5, 0.1, Number.NaN, 100000, 1234567, 1e9]) {
      const x = [
        [0, 1, 2],
        [4, wrong, 0],
      ]
      const pattern = new RegExp(`expected integers from 0 to 4, got ${wrong} in row 1 `)
      const acts = [() => model.fit(x, [[0], [0]], { verbose: 0 }), () => model.predict(x), () => model.predictSync(x)]
      for (const act of acts) await assertRefused(act, 'ERR_LABEL_RANGE', pattern)
    }
    assert.deepEqual(weightsOf(model), before)
  })

  it('moves all vectors of an embedding as its optimizer does, named by the batch or not', async () => {
    using model = sequential([
      layers.embedding({ inputDim: 6, outputDim: 40, inputShape: [2], embeddingsInitializer: 'ones' }),
      layers.flatten(),
      layers.dense({ units: 1, useBias: false, kernelInitializer: 'ones' }),
    ])
    const optimizer = optimizers.sgd({ learningRate: 1, weightDecay: 0.5 })
    model.compile({ optimizer, loss: 'meanAbsoluteError', device })
    await model.trainOnBatch(
      [
        [0, 3],
        [3, 3],
      ],
      [[-1], [-1]],
    )
    const table = model.getWeights()[0]?.data ?? new Float32Array()
    const rows = Array.from({ length: 6 }, (_, r) => [...new Set(table.slice(r * 40, r * 40 + 40))])
    // Half of every weight remains. Index 0 occurs once in 2 rows, index 3 three times.
    assert.deepEqual(rows, [[0], [0.5], [0.5], [-1], [0.5], [0.5]])
  })
})
