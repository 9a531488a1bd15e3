/** Sample weights and class weights: they have the same effect in every form, and agree with Keras. */

import assert from 'node:assert/strict'
import { array, type ClassWeight, type FitOptions, layers, losses, metrics, optimizers, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { assertNear, pointwise } from './support/tolerances.js'

const rows = 150
const random = new Random(5)
const x = array(Float32Array.from(random.normals(rows * 6)), [rows, 6])
const labels = Int32Array.from({ length: rows }, () => random.below(3))
const sampleWeight = Float32Array.from(random.uniforms(rows, 0, 2))
const classWeight = { 0: 1, 1: 3, 2: 0.25 }

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
      assertNear(got.loss, sum(({ loss, weight }) => loss * weight) / rows, pointwise, 'loss')
      assertNear(got.accuracy, sum(({ hit }) => hit) / rows, pointwise, 'accuracy')
      assertNear(
        got.weighted,
        sum(({ hit, weight }) => hit * weight) / sum(({ weight }) => weight),
        pointwise,
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
    assertNear(history.val_loss[0] as number, expected.loss, pointwise, 'val_loss')
    using split = build()
    const result = await split.fit(x, labels, { epochs: 1, verbose: 0, sampleWeight, validationSplit: 0.2 })
    const tail = array(slice(120, rows), [30, 6])
    const own = await split.evaluate(tail, labels.slice(120), { sampleWeight: sampleWeight.slice(120) })
    assertNear(result.history.val_loss[0] as number, own.loss, pointwise, 'val_loss of the split')
  })

  it('divides by the weights, or by the rows that count', async () => {
    const weighted = losses.sparseCategoricalCrossentropy({ reduction: 'meanWithSampleWeight' })
    using model = build(weighted)
    const one = await model.testOnBatch(x, labels, { sampleWeight })
    const twice = await model.testOnBatch(x, labels, { sampleWeight: sampleWeight.map((w) => 2 * w) })
    assertNear(twice.loss, one.loss, pointwise, 'loss')
    using ignoring = build(losses.sparseCategoricalCrossentropy({ ignoreClass: -1 }))
    const masked = labels.map((label, row) => (row < 100 ? label : -1))
    const some = await ignoring.evaluate(x, masked, { batchSize: rows })
    const first = await ignoring.evaluate(array(slice(0, 100), [100, 6]), labels.slice(0, 100))
    assertNear(some.loss, first.loss, pointwise, 'loss without the class')
    assertNear(some.accuracy, first.accuracy, pointwise, 'accuracy without the class')
  })

  it('evaluates in the batches of Keras where a loss depends on them', async () => {
    const masked = labels.map((label, row) => (row < 100 ? label : -1))
    const crossentropy = losses.sparseCategoricalCrossentropy
    for (const [loss, targets, asInKeras] of [
      [crossentropy({ reduction: 'sum' }), labels, true],
      [crossentropy({ reduction: 'meanWithSampleWeight' }), labels, true],
      [crossentropy({ ignoreClass: -1 }), masked, true],
      [crossentropy(), labels, false],
    ] as const) {
      using model = build(loss)
      const usual = await model.evaluate(x, targets, { sampleWeight })
      const of = (batchSize: number) => model.evaluate(x, targets, { sampleWeight, batchSize })
      assert.deepEqual(usual, await of(asInKeras ? 32 : 1024))
      if (asInKeras) assert.notEqual(usual.loss, (await of(1024)).loss)
      const validationData = [x, targets, sampleWeight] as const
      const { history } = await model.fit(x, targets, { validationData, batchSize: 40, epochs: 1, verbose: 0 })
      assert.equal(history.val_loss[0], (await of(asInKeras ? 40 : 1024)).loss)
    }
  })

  it('makes 0 of metrics and losses where nothing counts, by every way in', async () => {
    const names = [
      'meanSquaredError',
      'rootMeanSquaredError',
      'cosineSimilarity',
      'exactAccuracy',
      'mean',
      'sum',
    ] as const
    const counted = ['auc', 'precision', 'f1Score', 'r2Score', 'pearsonCorrelation', 'binaryIoU'] as const
    const weightedMetrics = [
      ...names,
      ...counted,
      metrics.r2Score({ classAggregation: 'varianceWeightedAverage', name: 'variance' }),
      metrics.auc({ multiLabel: true, labelWeights: [0, 0], name: 'labels' }),
      metrics.custom({ name: 'own', rows: ({ shape }) => new Float32Array(shape[0]).fill(3) }),
    ]
    const inputs = [[1], [2], [3]]
    const targets = [
      [1, 4],
      [0, 1],
      [1, 0],
    ]
    const none = [0, 0, 0]
    for (const reduction of ['mean', 'sum', 'meanWithSampleWeight'] as const) {
      using model = sequential({
        layers: [layers.dense({ units: 2, activation: 'sigmoid', inputShape: [1] })],
        seed: 1,
      })
      model.compile({ loss: losses.meanSquaredError({ reduction }), optimizer: 'adam', weightedMetrics, device })
      const before = model.getWeights()
      const seen: Readonly<Record<string, number>>[] = []
      const batches = () => [{ x: inputs, y: targets, sampleWeight: none }]
      const { history } = await model.fit(inputs, targets, {
        sampleWeight: none,
        batchSize: 2,
        verbose: 0,
        validationData: [inputs, targets, none],
        callbacks: { onBatchEnd: (_, logs) => void seen.push(logs) },
      })
      const streamed = await model.fit(batches, { verbose: 0, validationData: batches() })
      for (const logs of [
        await model.evaluate(inputs, targets, { sampleWeight: none }),
        await model.evaluate(batches()),
        await model.testOnBatch(inputs, targets, { sampleWeight: none }),
        await model.trainOnBatch(inputs, targets, { sampleWeight: none }),
        ...seen,
      ]) {
        assert.equal(Object.keys(logs).length, weightedMetrics.length + 1)
        for (const [key, value] of Object.entries(logs)) assert.equal(value, 0, `${key} with ${reduction}`)
      }
      assert.equal(seen.length, 2)
      for (const [key, values] of [...Object.entries(history), ...Object.entries(streamed.history)]) {
        assert.deepEqual([...values], [0], `${key} with ${reduction}`)
      }
      assert.deepEqual(model.getWeights(), before)
    }
  })

  it('makes 0 of metrics where every row is of the class that does not count', async () => {
    using model = build(losses.sparseCategoricalCrossentropy({ ignoreClass: -1 }))
    assert.deepEqual(
      await model.evaluate(
        x,
        labels.map(() => -1),
      ),
      { loss: 0, accuracy: 0, weighted: 0 },
    )
  })

  it('rounds soft labels of one output to classes, halves to the even one', async () => {
    const loss = async (targets: number[], given: ClassWeight | 'balanced') => {
      using model = sequential([
        layers.dense({ units: 1, activation: 'sigmoid', kernelInitializer: 'zeros', inputShape: [1] }),
      ]).compile({ loss: 'binaryCrossentropy', device })
      const zeros = targets.map(() => [0])
      const { history } = await model.fit(zeros, targets, { verbose: 0, classWeight: given })
      return history.loss[0] as number
    }
    // Every row has a loss of log(2) before the first step.
    const weigh = (...weights: number[]) => (weights.reduce((a, b) => a + b) * Math.LN2) / weights.length
    assertNear(await loss([0.95, 0.05, 0.9], { 0: 1, 1: 10 }), 4.85203, pointwise, "Keras' number")
    assertNear(await loss([0.5, 0.5000001, 0.4999999], { 0: 1, 1: 10 }), weigh(1, 10, 1), pointwise, 'halves')
    assertNear(await loss([1, 0, 1], new Map([[1, 10]])), weigh(10, 1, 10), pointwise, 'a Map')
    assertNear(await loss([1, 0, 1, 1], 'balanced'), weigh(4 / 6, 2, 4 / 6, 4 / 6), pointwise, 'balanced')
  })

  it('balances the classes that are there, of the rows that are trained on', async () => {
    const skewed = labels.map((label, row) => (row % 5 ? 2 : label % 2))
    const count = (wanted: number, of: Int32Array) => of.filter((label) => label === wanted).length
    const weightsOf = (of: Int32Array) =>
      new Map([0, 1, 2].map((label) => [label, of.length / (3 * count(label, of))] as const))
    const train = async (options: FitOptions) => {
      using model = build()
      await model.fit(x, skewed, { ...options, epochs: 2, shuffle: false, verbose: 0 })
      return bits(model)
    }
    assert.deepEqual(await train({ classWeight: 'balanced' }), await train({ classWeight: weightsOf(skewed) }))
    const validationSplit = 0.4
    assert.deepEqual(
      await train({ classWeight: 'balanced', validationSplit }),
      await train({ classWeight: weightsOf(skewed.subarray(0, 90)), validationSplit }),
    )
    using some = build(losses.sparseCategoricalCrossentropy({ ignoreClass: 2 }))
    const { history } = await some.fit(x, skewed, { classWeight: 'balanced', verbose: 0, epochs: 1 })
    assert.ok((history.loss[0] as number) > 0)
  })

  it('refuses classes that the model does not have, and weights that are no such table', async () => {
    const refused = async (work: Promise<unknown>, message: RegExp) =>
      assert.rejects(work, { code: 'ERR_ARGUMENT', message })
    using model = build()
    const batches = () => [{ x, y: labels }]
    for (const classWeight of [{ 3: 2 }, new Map([[-1, 2]])]) {
      const text = /classWeight: expected classes from 0 to 2, got class (3|-1)/
      await refused(model.fit(x, labels, { classWeight, verbose: 0 }), text)
      await refused(model.fit(x, labels, { classWeight, validationSplit: 0.2, verbose: 0 }), text)
      await refused(model.fit(batches, { classWeight, verbose: 0 }), text)
      await refused(model.trainOnBatch(x, labels, { classWeight }), text)
    }
    for (const classWeight of [new Map([['1', 2]]), new Map([[1, '2']]), new Set([1]), { a: 1 }, new Float32Array(3)]) {
      await refused(model.fit(x, labels, { classWeight: classWeight as never, verbose: 0 }), /classWeight: expected/)
    }
    await refused(model.fit(batches, { classWeight: 'balanced', verbose: 0 }), /'balanced' with batches/)
    await refused(model.trainOnBatch(x, labels, { classWeight: 'balanced' }), /'balanced' with a single batch/)
    const one = (loss: 'binaryCrossentropy' | 'hinge' | 'mse') =>
      sequential([layers.dense({ units: 1, inputShape: [6] })]).compile({ loss, device })
    const targets = labels.map((label) => Number(label > 0))
    using binary = one('binaryCrossentropy')
    await refused(binary.fit(x, targets, { classWeight: { 7: 100 }, verbose: 0 }), /from 0 to 1, got class 7/)
    using signs = one('hinge')
    await refused(signs.fit(x, targets, { classWeight: { [-2]: 2 }, verbose: 0 }), /from -1 to 1, got class -2/)
    await signs.fit(
      x,
      targets.map((t) => 2 * t - 1),
      { classWeight: { [-1]: 2 }, verbose: 0 },
    )
    using values = one('mse')
    await values.fit(x, labels, { classWeight: { 7: 100 }, verbose: 0 })
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
