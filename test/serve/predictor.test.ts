import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { activations, type Layer, layers, type Predictor, sequential } from 'neurode'
import { attachPredictor, batcher } from 'neurode/serve'
import { instructionSets, isEmulated, perDevice } from '../support/devices.js'
import { Random } from '../support/random.js'

perDevice('predictor', (device) => {
  const random = new Random(5)
  const build = (sizes: readonly number[], activation = 'relu', last = 'softmax') => {
    const [inputs = 1, ...units] = sizes
    return sequential({
      layers: units.map((size, i) =>
        layers.dense({
          units: size,
          activation: (i === units.length - 1 ? last : activation) as 'relu',
          biasInitializer: 'randomNormal',
          ...(i === 0 ? { inputShape: [inputs] } : {}),
        }),
      ),
      seed: 3,
    }).compile({ loss: 'mse', device: device as 'cpu' })
  }

  /** Compares outputs with a tolerance for different orders of summation. */
  const assertClose = (got: Float32Array, expected: Float32Array, what: string) => {
    assert.equal(got.length, expected.length)
    got.forEach((value, i) => {
      const error = Math.abs(value - (expected[i] as number))
      assert.ok(error <= 2e-5 * (1 + Math.abs(value)), `${what}: ${value} at ${i}, expected ${expected[i]}`)
    })
  }

  /** On the CPU models and predictors run the same code. */
  const assertSame = (got: Float32Array, expected: Float32Array, what: string) => {
    if (device === 'cpu') assert.deepEqual(got, expected, what)
    else assertClose(got, expected, what)
  }

  it('gives what the model gives, for layers of every width and any number of rows', async () => {
    const widths = isEmulated(device) ? [1, 17] : [1, 2, 7, 15, 16, 17, 31, 33, 64, 100, 127, 129, 145, 260]
    for (const units of widths) {
      using model = build([13, units, 5])
      using predictor = model.predictor()
      for (const rows of [1, 2, 3, 5, 31, 32, 33, 70]) {
        const x = random.normals(rows * 13)
        const { data } = await model.predict(x)
        assertSame(await predictor.predict(x), data, `${units} units, ${rows} rows`)
        assertSame(model.predictSync(x).data, data, `${units} units, ${rows} rows at once`)
      }
    }
  })

  it('gives the same bits with any number of threads and for any number of rows, whichever layers there are', () => {
    if (device !== 'cpu') return
    const dense = (units: number, more = {}) => layers.dense({ units, biasInitializer: 'randomNormal', ...more })
    const bodies: Record<string, () => readonly Layer[]> = {
      wide: () => [
        dense(1500, { activation: 'relu', inputShape: [300] }),
        dense(800),
        dense(9, { activation: 'softmax' }),
      ],
      classes: () => [dense(128, { inputShape: [20] }), dense(14_001, { activation: 'softmax' })],
      parameters: () => [
        dense(900, { inputShape: [300] }),
        layers.prelu(),
        layers.batchNormalization(),
        dense(1500, { activation: 'gelu' }),
        layers.layerNormalization(),
        dense(7),
      ],
      positions: () => [
        dense(130, { activation: 'relu', inputShape: [60, 5] }),
        layers.layerNormalization(),
        dense(33, { activation: 'softmax' }),
        layers.globalAveragePooling1D(),
        dense(3),
      ],
    }
    for (const [name, body] of Object.entries(bodies)) {
      using model = sequential({ layers: body(), seed: 1 }).compile({ loss: 'mse', device, threads: 2 })
      const inputs = name === 'classes' ? 20 : 300
      using alone: Predictor = model.predictor({ threads: 1 })
      for (const threads of [2, 3, 7]) {
        using predictor: Predictor = model.predictor({ threads })
        for (const rows of [1, 2, 13, 25, 33, 70]) {
          const x = random.normals(rows * inputs)
          const expected: Float32Array = alone.predictSync(x)
          assert.ok(expected.every(Number.isFinite))
          assert.deepEqual(predictor.predictSync(x), expected, `${name}: ${rows} rows, ${threads} threads`)
          const last: Float32Array = alone.predictSync(x.slice((rows - 1) * inputs))
          assert.deepEqual(last, expected.slice(-last.length), `${name}: the last of ${rows} rows`)
        }
      }
    }
  })

  it('gives a row the same bits whatever batch it is in, on either thread', async () => {
    const sizes = isEmulated(device) ? [20, 12, 6] : [784, 100, 50, 10]
    const [inputs = 1] = sizes
    using model = build(sizes)
    using predictor = model.predictor({ maxBatchSize: 64 })
    const x = random.uniforms(75 * inputs, 0, 1)
    const all = predictor.predictSync(x)
    const outputs = predictor.outputSize
    for (let row = 0, step = 1; row < 75; row += step, step = (step * 5) % 13) {
      const end = Math.min(75, row + step)
      const part = x.slice(row * inputs, end * inputs)
      const expected = all.slice(row * outputs, end * outputs)
      assert.deepEqual(predictor.predictSync(part), expected)
      assert.deepEqual(await predictor.predict(part), expected)
    }
    assert.deepEqual(await predictor.predict(x), all)
  })

  it('takes every activation, and layers without weights', async () => {
    const names = Object.keys(activations).filter((name) => name !== 'threshold') // needs a number
    const tried = isEmulated(device) ? names.slice(0, 4) : names
    for (const name of tried) {
      using model = build([6, 9, 4], name, name)
      using predictor = model.predictor()
      const x = random.normals(19 * 6)
      assertClose(predictor.predictSync(x), (await model.predict(x)).data, name)
    }
    using plain = sequential({
      layers: [
        layers.input({ shape: [3, 2] }),
        layers.flatten(),
        layers.activation('softmax'),
        layers.rescaling({ scale: 2, offset: 1 }),
        layers.dropout({ rate: 0.5 }),
        layers.dense({ units: 3, useBias: false }),
        layers.activation('tanh'),
      ],
      seed: 1,
    })
    using predictor = plain.predictor({ device })
    const x = random.normals(5 * 6)
    assertClose(predictor.predictSync(x), (await plain.predict(x)).data, 'layers')
    assert.deepEqual([predictor.inputShape, predictor.outputShape], [[3, 2], [3]])
  })

  it('takes normalizations and rescalings with what they learned, before, between and after dense layers', async () => {
    const { dense, batchNormalization, normalization, layerNormalization, rescaling, activation } = layers
    const stacks = {
      'after a dense layer': () => [dense({ units: 9 }), batchNormalization(), activation('relu'), dense({ units: 4 })],
      'before one': () => [batchNormalization(), dense({ units: 9, activation: 'relu' }), dense({ units: 4 })],
      'after an activation': () => [dense({ units: 9, activation: 'relu' }), batchNormalization(), dense({ units: 4 })],
      'at the end': () => [dense({ units: 9, activation: 'tanh' }), batchNormalization(), rescaling({ scale: 3 })],
      'one after the other': () => [
        rescaling({ scale: 0.5, offset: 1 }),
        batchNormalization(),
        rescaling({ scale: -2 }),
        dense({ units: 9, useBias: false }),
        batchNormalization({ scale: false }),
        batchNormalization({ center: false }),
      ],
      'of rows': () => [dense({ units: 9 }), layerNormalization(), dense({ units: 4 })],
      'known before': () => [
        normalization({ mean: [1, 2, 3, 4, 5, 6], variance: [1, 4, 9, 1, 0.25, 2] }),
        dense({ units: 4, activation: 'softmax' }),
      ],
      'far from 0': () => [normalization({ mean: 1e6, variance: 1 }), dense({ units: 4 })],
    }
    for (const [name, stack] of Object.entries(stacks)) {
      using model = sequential({ layers: [layers.input({ shape: [6] }), ...stack()], seed: 2 })
      model.compile({ loss: 'mse', optimizer: 'sgd', device: device as 'cpu' })
      const mean = name === 'far from 0' ? 1e6 : 0.5
      const x = random.normals(40 * 6).map((value) => mean + value)
      const y = random.normals(40 * (model.outputShape.at(-1) as number))
      await model.fit(x, y, { epochs: 2, batchSize: 8, verbose: 0 })
      using predictor = model.predictor()
      const all = predictor.predictSync(x)
      assertSame(all, (await model.predict(x)).data, name)
      assert.deepEqual(predictor.predictSync(x.slice(6, 12)), all.slice(predictor.outputSize, 2 * predictor.outputSize))
    }
  })

  it('counts what all layers do at all positions, and what weights cost from memory', () => {
    if (device !== 'cpu') return
    const count = (given: () => readonly Layer[], rows: number) => {
      using model = sequential(given())
      using predictor = model.predictor({ device })
      return predictor.operations(rows)
    }
    const dense = (units: number, more = {}) => layers.dense({ units, ...more })
    const positions = () => [dense(16, { inputShape: [32, 8] })]
    assert.equal(count(positions, 1), 2 * 32 * 8 * 16 + 20 * 32 * 16)
    assert.equal(count(positions, 17), 17 * count(positions, 1))
    const plain = () => [dense(100, { activation: 'relu', inputShape: [784] }), dense(10, { activation: 'softmax' })]
    assert.equal(count(plain, 256), 256 * (2 * (784 * 100 + 100 * 10) + 80 * 100 + (400 + 20) * 10))
    assert.equal(count(plain, 1), 50 * (784 * 100 + 100 * 10))
    const embedded = () => [
      layers.embedding({ inputDim: 100, outputDim: 8, inputShape: [4] }),
      layers.flatten(),
      dense(2, { useBias: false }),
    ]
    const row = 200 * 4 * 8 + 2 * 4 * 8 * 2 + 20 * 2
    assert.equal(count(embedded, 1), row)
    assert.equal(count(embedded, 2), 2 * row)
    assert.equal(
      count(() => [layers.layerNormalization({ inputShape: [6] })], 1),
      (400 + 60 + 20) * 6,
    )
  })

  it('is quick where that takes half a millisecond with the instruction set, and then alone at once in a batcher', async () => {
    using small = build([20, 12, 6])
    using sequences = sequential([
      layers.embedding({ inputDim: 1000, outputDim: 64, inputShape: [device === 'cpu' ? 2048 : 128] }),
      layers.dense({ units: 256, activation: 'relu' }),
      layers.dense({ units: 64 }),
    ])
    using wide = sequential([layers.dense({ units: 1000, inputShape: [4000] })])
    const choices = async (model: Predictor) => {
      const calls: string[] = []
      const { predictOwn, predictOwnSync } = model
      Object.assign(model, {
        predictOwn: (...given: Parameters<typeof predictOwn>) =>
          calls.push('predict') && predictOwn.apply(model, given),
        predictOwnSync: (...given: Parameters<typeof predictOwnSync>) =>
          calls.push('sync') && predictOwnSync.apply(model, given),
      })
      using queue = batcher(model)
      await queue.run(1, () => {})
      return calls
    }
    const sizes = { device, maxBatchSize: 4, threads: 1 }
    using quick = small.predictor(sizes)
    using slow = sequences.predictor(sizes)
    using slower = wide.predictor(sizes)
    assert.deepEqual(
      [quick, slow, slower].map((each) => each.isQuick(1)),
      [device === 'cpu', false, false],
    )
    assert.deepEqual(await choices(quick), [device === 'cpu' ? 'sync' : 'predict'])
    assert.deepEqual(await choices(slow), ['predict'])
    if (device !== 'cpu') return
    const bounds: Record<string, number> = { avx512: 8.2e7, avx2: 4.9e7, sse42: 1.6e7, neon: 1.6e7 }
    const bound = bounds[process.env.NEURODE_ISA || (instructionSets()[0] ?? '')] ?? assert.fail('no instruction set')
    const most = Math.floor(bound / (quick.operations(1000) / 1000))
    assert.deepEqual([quick.isQuick(most), quick.isQuick(most + 1)], [true, false])
  })

  it('refuses what is no index of an embedding, with its row and position', async () => {
    using model = sequential({
      layers: [
        layers.embedding({ inputDim: 5, outputDim: 2, inputShape: [3] }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
      seed: 1,
    })
    using predictor = model.predictor({ device })
    for (const wrong of [5, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const x = Float32Array.of(0, 1, 2, 4, wrong, 0)
      const expected = { code: 'ERR_LABEL_RANGE', message: /integers from 0 to 4, .* in row 1 at position 1/ }
      assert.throws(() => predictor.predictSync(x), expected)
      await assert.rejects(predictor.predict(x), expected)
    }
    assert.throws(() => predictor.predictSync(Uint8Array.of(0, 1, 255)), {
      code: 'ERR_LABEL_RANGE',
      message: /got 255/,
    })
    const good = Float32Array.of(0, 1, 2, 4, 3, 0)
    assertClose(predictor.predictSync(good), (await model.predict(good)).data, 'indices')
  })

  it('takes bytes as the numbers they are', async () => {
    using model = sequential({
      layers: [layers.rescaling({ scale: 1 / 255, inputShape: [7] }), layers.dense({ units: 3 })],
      seed: 1,
    })
    using predictor = model.predictor({ device })
    const bytes = random.bytes(9 * 7)
    const expected = predictor.predictSync(Float32Array.from(bytes))
    assert.deepEqual(predictor.predictSync(bytes), expected)
    assert.deepEqual(await predictor.predict(bytes), expected)
  })

  it('does not change when the model trains, is disposed of, or is asked at the same time', async () => {
    const model = build([4, 8, 2])
    using predictor = model.predictor()
    const x = random.normals(3 * 4)
    const before = predictor.predictSync(x)
    await model.fit(random.normals(8 * 4), random.normals(8 * 2), { epochs: 2, verbose: 0 })
    model.dispose()
    const pending = predictor.predict(x)
    assert.deepEqual(predictor.predictSync(x), before)
    assert.deepEqual(await pending, before)
  })

  it('writes into the array it is given', async () => {
    using predictor = build([4, 2]).predictor()
    const x = random.normals(3 * 4)
    const out = new Float32Array(6)
    assert.equal(await predictor.predict(x, { out }), out)
    assert.deepEqual(out, predictor.predictSync(x))
    assert.equal(predictor.predictSync(x, { out }), out)
  })

  it('is shared with worker threads', async () => {
    const predictor = build([5, 9, 3]).predictor({ maxBatchSize: 7 })
    const x = random.normals(4 * 5)
    const expected = predictor.predictSync(x)
    const { token } = predictor
    const workers = [1, 2, 3].map(
      () => new Worker(new URL('../support/programs/attach.js', import.meta.url), { workerData: { token, x } }),
    )
    const answers = await Promise.all(
      workers.map(
        (worker) => new Promise<Float32Array>((resolve, reject) => worker.on('message', resolve).on('error', reject)),
      ),
    )
    for (const answer of answers) assert.deepEqual(answer, expected)
    const kept = attachPredictor(token)
    assert.equal(kept.maxBatchSize, 7)
    predictor.dispose()
    assert.deepEqual(kept.predictSync(x), expected)
    assert.throws(() => attachPredictor(token), { code: 'ERR_DISPOSED' })
    kept.dispose()
  })

  it('refuses what is no input, and everything once it is disposed of', async () => {
    const predictor: Predictor = build([4, 2]).predictor()
    const predict = (input: unknown, options?: object) => predictor.predict(input as Float32Array, options)
    await assert.rejects(predict([1, 2, 3, 4]), { code: 'ERR_DTYPE' })
    await assert.rejects(predict(new Float64Array(4)), { code: 'ERR_DTYPE' })
    await assert.rejects(predict(new Float32Array(5)), { code: 'ERR_SHAPE' })
    await assert.rejects(predict(new Float32Array(0)), { code: 'ERR_SHAPE' })
    await assert.rejects(predict(new Float32Array(4), { out: new Float32Array(3) }), { code: 'ERR_SHAPE' })
    await assert.rejects(predict(new Float32Array(4), { out: [0, 0] }), { code: 'ERR_DTYPE' })
    assert.throws(() => predictor.predictSync(new Float32Array(3)), { code: 'ERR_SHAPE' })
    predictor.dispose()
    predictor.dispose()
    await assert.rejects(predict(new Float32Array(4)), { code: 'ERR_DISPOSED' })
    assert.throws(() => predictor.predictSync(new Float32Array(4)), { code: 'ERR_DISPOSED' })
    assert.throws(() => predictor.token, { code: 'ERR_DISPOSED' })
  })

  it('refuses options that make no sense, and models that are not built', () => {
    using model = build([4, 2])
    assert.throws(() => model.predictor({ maxBatchSize: 0 }), { code: 'ERR_ARGUMENT' })
    assert.throws(() => model.predictor({ precision: 'int3' as 'float32' }), { code: 'ERR_ARGUMENT' })
    assert.throws(() => model.predictor({ device: 'tpu' }), { code: 'ERR_UNKNOWN_NAME' })
    assert.throws(() => model.predictor({ batch: 1 } as object), { code: 'ERR_UNKNOWN_NAME' })
    assert.throws(() => sequential([layers.dense({ units: 1 })]).predictor(), { code: 'ERR_NOT_BUILT' })
    assert.throws(() => attachPredictor(5 as never), { code: 'ERR_ARGUMENT' })
  })
})
