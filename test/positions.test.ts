/** Dense layers on rows of several dimensions agree with the same layers on as many single rows. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  array,
  debug,
  type Layer,
  type Loss,
  layers,
  losses,
  metrics,
  openNpy,
  optimizers,
  regularizers,
  sequential,
  writeNpy,
} from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { assertRefused } from './support/refusals.js'
import { assertClose, assertSameBits, product, trained } from './support/tolerances.js'

const positions = 6
const features = 7
const rows = 37

perDevice('rows of several dimensions', (device) => {
  const random = new Random(3)
  const data = random.normals(rows * positions * features)
  const goals = random.normals(rows * positions * 3)

  /** The same layers on rows of the given shape. */
  const build = (inputShape: readonly number[], behind: readonly Layer[], optimizer: string, threads = 1) =>
    sequential({
      seed: 4,
      layers: [
        layers.dense({ units: 9, activation: 'relu', inputShape }),
        layers.dense({ units: 8, activation: 'softmax' }),
        layers.dropout({ rate: 0 }),
        layers.dense({ units: 3 }),
        ...behind,
      ],
    }).compile({ optimizer: optimizer as 'sgd', loss: 'mse', device, threads })

  for (const shape of [
    [positions, features],
    [2, 3, features],
  ]) {
    it(`gives what single rows give: [${shape.join(', ')}]`, async () => {
      using grouped = build(shape, [layers.flatten()], 'sgd')
      using single = build([features], [], 'sgd')
      const result = await grouped.predict(array(data, [rows, ...shape]))
      assert.deepEqual(grouped.layers.at(-2)?.outputShape, [...shape.slice(0, -1), 3])
      const { data: expected } = await single.predict(array(data, [rows * positions, features]))
      assertClose(result.data, expected, product(features), 'outputs')
    })

    for (const optimizer of ['sgd', 'adam']) {
      it(`learns as from single rows with ${optimizer}: [${shape.join(', ')}]`, async () => {
        using grouped = build(shape, [layers.flatten()], optimizer)
        using single = build([features], [], optimizer)
        const options = { epochs: 3, shuffle: false, verbose: 0 } as const
        const y = array(goals, [rows, positions * 3])
        const one = await grouped.fit(array(data, [rows, ...shape]), y, { ...options, batchSize: 16 })
        const other = await single.fit(array(data, [rows * positions, features]), array(goals, [rows * positions, 3]), {
          ...options,
          batchSize: 16 * positions,
        })
        assertClose(one.history.loss, other.history.loss, trained(positions, 9), 'losses')
        other.history.loss.forEach((loss, epoch, all) => {
          assert.ok(epoch === 0 || loss < (all[epoch - 1] as number))
        })
        for (const [i, { name, data: values }] of grouped.getWeights().entries()) {
          assertClose(values, single.getWeights()[i]?.data ?? [], trained(rows * positions, 9), name)
        }
      })
    }
  }

  it('reads bytes where they are bound, scaled', async () => {
    const bytes = random.bytes(rows * positions * features)
    const floats = Float32Array.from(bytes, (byte) => byte / 256)
    using one = build([positions, features], [layers.flatten()], 'sgd')
    using other = build([positions, features], [layers.flatten()], 'sgd')
    const y = array(goals, [rows, positions * 3])
    const shape = [rows, positions, features]
    await one.fit(array(bytes, shape, { scale: 1 / 256 }), y, { batchSize: 10, epochs: 2, verbose: 0 })
    await other.fit(array(floats, shape), y, { batchSize: 10, epochs: 2, verbose: 0 })
    for (const [i, { name, data: values }] of one.getWeights().entries()) {
      assertSameBits(values, other.getWeights()[i]?.data ?? new Float32Array(), name)
    }
  })

  it('gives a row the same bits alone, in any batch, from a predictor, and beside what is not finite', async () => {
    using model = build([positions, features], [layers.flatten()], 'sgd')
    using predictor = model.predictor()
    const { data: all } = await model.predict(array(data, [rows, positions, features]))
    assertSameBits(await predictor.predict(data), all, 'by a predictor')
    const size = positions * features
    for (const row of [0, 1, rows - 1]) {
      const expected = all.slice(row * positions * 3, (row + 1) * positions * 3)
      const alone = array(data.slice(row * size, (row + 1) * size), [1, positions, features])
      assertSameBits(model.predictSync(alone).data, expected, `row ${row}`)
      assertSameBits(predictor.predictSync(alone.data), expected, `row ${row} by a predictor`)
    }
    const broken = data.slice(0, size).fill(Number.NaN, features, 2 * features)
    const outputs = model.predictSync(array(broken, [1, positions, features])).data
    const positionsOf = (values: Float32Array) => Array.from({ length: positions }, (_, p) => values[p * 3])
    assert.deepEqual(
      positionsOf(outputs).map((value, p) => (p === 1 ? Number.isNaN(value) : value === all[p * 3])),
      new Array(positions).fill(true),
    )
  })

  const batch = { batchSize: 16, shuffle: false, verbose: 0 } as const
  const ofSingle = { ...batch, batchSize: 16 * positions }
  const inputs = array(data, [rows, positions, features])
  const singles = array(data, [rows * positions, features])
  const labels = random.classes(rows * positions, 4)
  const perPosition = random.uniforms(rows * positions, 0, 2)
  const repeated = (perRow: Float32Array) =>
    Float32Array.from(perPosition, (_, i) => perRow[Math.floor(i / positions)] ?? 0)

  /** A classifier of every position, with a loss over positions or over as many single rows. */
  const classifier = (inputShape: readonly number[], loss: Loss, learningRate = 0.2) =>
    sequential({
      seed: 6,
      layers: [
        layers.dense({ units: 10, activation: 'tanh', inputShape }),
        layers.dense({ units: 4, activation: 'softmax' }),
      ],
    }).compile({
      loss,
      optimizer: optimizers.sgd({ learningRate, momentum: 0.5 }),
      metrics: ['accuracy', 'auc', metrics.topKCategoricalAccuracy({ k: 2 }), metrics.precision({ classId: 1 })],
      weightedMetrics: [metrics.categoricalAccuracy({ name: 'weighed' }), 'f1Score'],
      device,
    })

  const given = [
    { title: 'class indices', loss: losses.sparseCategoricalCrossentropy() },
    { title: 'a class that is ignored', loss: losses.sparseCategoricalCrossentropy({ ignoreClass: 2 }) },
    { title: 'weights of positions', loss: losses.categoricalCrossentropy(), weights: perPosition },
    {
      title: 'weights of rows, their mean',
      loss: losses.sparseCategoricalCrossentropy({ reduction: 'meanWithSampleWeight' }),
      weights: random.uniforms(rows, 0, 2),
    },
    { title: 'weights of classes', loss: losses.categoricalCrossentropy(), classWeight: { 1: 3, 2: 0.5 } },
    { title: 'a sum', loss: losses.categoricalCrossentropy({ reduction: 'sum' }), learningRate: 0.002 },
  ]
  for (const { title, loss, weights, classWeight, learningRate } of given) {
    it(`has the losses and metrics of single rows: ${title}`, async () => {
      using grouped = classifier([positions, features], loss, learningRate)
      using single = classifier([features], loss, learningRate)
      assert.deepEqual(grouped.outputShape, [positions, 4])
      const byPosition = weights && array(weights, weights.length === rows ? [rows] : [rows, positions])
      const byRow = weights && (weights.length === rows ? repeated(weights) : weights)
      const y = array(labels, [rows, positions])
      const one = await grouped.fit(inputs, y, { ...batch, epochs: 3, sampleWeight: byPosition, classWeight })
      const other = await single.fit(singles, labels, { ...ofSingle, epochs: 3, sampleWeight: byRow, classWeight })
      for (const [key, values] of Object.entries(other.history)) {
        assertClose((one.history as typeof other.history)[key as 'loss'], values, trained(rows, 9), key)
      }
      const a = await grouped.evaluate(inputs, y, { batchSize: 10, sampleWeight: byPosition })
      const b = await single.evaluate(singles, labels, { batchSize: 10 * positions, sampleWeight: byRow })
      assertClose(Object.values(a), Object.values(b), trained(rows, 9), 'evaluated')
      assert.deepEqual(await grouped.evaluate(inputs, y, { batchSize: 10, sampleWeight: byPosition }), a)
    })
  }

  it('takes one-hot targets, batches that come by themselves, and tells class by class', async () => {
    const loss = losses.categoricalCrossentropy()
    using model = classifier([positions, features], loss)
    using single = classifier([features], loss)
    const oneHot = new Float32Array(rows * positions * 4)
    labels.forEach((label, i) => {
      oneHot[i * 4 + label] = 1
    })
    const whole = await model.evaluate(inputs, array(oneHot, [rows, positions, 4]), { batchSize: rows })
    assert.deepEqual(await model.evaluate(inputs, array(labels, [rows, positions]), { batchSize: rows }), whole)
    const batches = [
      { x: inputs, y: array(labels, [rows, positions]), sampleWeight: array(perPosition, [rows, positions]) },
    ]
    const streamed = await model.evaluate(batches)
    const weighed = await model.evaluate(inputs, array(labels, [rows, positions]), {
      batchSize: rows,
      sampleWeight: array(perPosition, [rows, positions]),
    })
    assert.deepEqual(streamed, weighed)
    const { perClass } = await model.evaluate(inputs, array(labels, [rows, positions]), { perClass: true })
    assert.deepEqual(perClass, (await single.evaluate(singles, labels, { perClass: true })).perClass)
  })

  it('reads targets of positions from files, with weights', async () => {
    await inFolder(async (folder) => {
      const [xPath, yPath] = [join(folder, 'x.npy'), join(folder, 'y.npy')]
      const y = array(labels, [rows, positions])
      await writeNpy(xPath, inputs)
      await writeNpy(yPath, y)
      await using x = await openNpy(xPath)
      await using targets = await openNpy(yPath)
      const options = { ...batch, epochs: 2, sampleWeight: array(perPosition, [rows, positions]) }
      using one = classifier([positions, features], losses.sparseCategoricalCrossentropy())
      using other = classifier([positions, features], losses.sparseCategoricalCrossentropy())
      const fromFiles = await one.fit(x, targets, options)
      const inMemory = await other.fit(inputs, y, options)
      assert.deepEqual(fromFiles.history, inMemory.history)
      assert.deepEqual(one.getWeights(), other.getWeights())
    })
  })

  it('has the gradients that finite differences have, of built-in losses and of its own', async () => {
    const own = losses.custom({
      name: 'quartic',
      compute: ({ outputs, targets }) => {
        const errors = outputs.map((value, i) => value - (targets[i] ?? 0))
        return {
          loss: errors.reduce((sum, e) => sum + e ** 4, 0) / errors.length,
          gradient: errors.map((e) => (4 * e ** 3) / errors.length),
        }
      },
    })
    for (const loss of [losses.categoricalCrossentropy({ labelSmoothing: 0.1 }), losses.meanSquaredError(), own]) {
      using model = sequential({
        seed: 6,
        layers: [
          layers.dense({ units: 10, activation: 'tanh', inputShape: [positions, features] }),
          layers.dense({ units: 4, activation: 'softmax' }),
        ],
      }).compile({ loss, device })
      const targets = new Float32Array(5 * positions * 4)
      labels.subarray(0, 5 * positions).forEach((label, i) => {
        targets[i * 4 + label] = 1
      })
      const x = array(data.slice(0, 5 * positions * features), [5, positions, features])
      const report = await debug.checkGradients(model, x, array(targets, [5, positions, 4]))
      assert.ok(report.agrees, `${loss.name}: ${JSON.stringify(report)}`)
    }
  })

  it('refuses targets and weights of other shapes', async () => {
    using model = classifier([positions, features], losses.sparseCategoricalCrossentropy())
    const y = array(labels, [rows, positions])
    const evaluate = (targets: unknown, sampleWeight?: unknown) => () =>
      model.evaluate(
        inputs,
        targets as typeof y,
        sampleWeight === undefined ? {} : { sampleWeight: sampleWeight as typeof y },
      )
    await assertRefused(
      evaluate(labels.subarray(0, rows)),
      'ERR_SHAPE',
      /y: expected class indices, one per position \(shape \[n, 6\] or \[n, 6, 1\]\), got shape \[37\]/,
    )
    await assertRefused(evaluate(array(labels, [positions, rows])), 'ERR_SHAPE', /y: expected class indices/)
    await assertRefused(evaluate(array(labels.with(3, 4), [rows, positions])), 'ERR_LABEL_RANGE', /y/)
    await assertRefused(evaluate(y, array(perPosition, [positions, rows])), 'ERR_SHAPE', /sampleWeight/)
    await assertRefused(evaluate(y, perPosition), 'ERR_SHAPE', /sampleWeight: expected 37 weights, one a row, got 222/)
  })

  /** All layers that treat each position alone, between layers that do not. */
  const manyLayers = (threads: number, inputShape = [11, 8]) =>
    sequential({
      seed: 8,
      layers: [
        layers.dense({ units: 8, activation: 'relu', inputShape }),
        layers.layerNormalization(),
        layers.dense({ units: 8, activityRegularizer: regularizers.l2(0.01) }),
        layers.prelu({ sharedAxes: [1] }),
        layers.dropout({ rate: 0.3, seed: 2 }),
        layers.batchNormalization(),
        layers.dense({ units: 4, activation: 'softmax' }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    }).compile({ loss: 'mse', optimizer: optimizers.adam(), device, threads })

  for (const batchSize of [1, 16, 100]) {
    it(`learns the same bits with any number of threads, ${batchSize} rows a step`, async () => {
      const x = array(random.normals(100 * 88), [100, 11, 8])
      const y = array(random.normals(200), [100, 2])
      const options = { batchSize, epochs: batchSize === 1 ? 1 : 2, verbose: 0 } as const
      using one = manyLayers(1)
      const { history } = await one.fit(x, y, options)
      for (const threads of [2, 3]) {
        using other = manyLayers(threads)
        assert.deepEqual((await other.fit(x, y, options)).history, history)
        for (const [i, { name, data: values }] of other.getWeights().entries())
          assertSameBits(values, one.getWeights()[i]?.data ?? new Float32Array(), `${name}, ${threads} threads`)
      }
      const evaluated = await one.evaluate(x, y, { batchSize: 7 })
      assert.deepEqual(await one.evaluate(x, y, { batchSize: 7 }), evaluated)
    })
  }

  it('has the gradients that finite differences have, of layers by position and of their input', async () => {
    using model = sequential({
      seed: 8,
      layers: [
        layers.dense({ units: 8, activation: 'tanh', inputShape: [11, 8] }),
        layers.layerNormalization(),
        layers.dense({ units: 4, activityRegularizer: regularizers.l2(0.01) }),
        layers.batchNormalization(),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    }).compile({ loss: 'mse', device })
    const x = array(random.normals(5 * 88), [5, 11, 8])
    const report = await debug.checkGradients(model, x, array(random.normals(10), [5, 2]))
    assert.ok(report.agrees, JSON.stringify(report))
  })

  it('draws the same noise whether or not other layers keep a row together', async () => {
    const x = array(random.normals(50 * 88), [50, 11, 8])
    const y = array(random.normals(50 * 33), [50, 33])
    const weights: Float32Array[] = []
    for (const joins of [[], [layers.permute({ dims: [2, 1] }), layers.permute({ dims: [2, 1] })]]) {
      using model = sequential({
        seed: 5,
        layers: [
          layers.dropout({ rate: 0.4, seed: 3, inputShape: [11, 8] }),
          ...joins,
          layers.dense({ units: 3, kernelInitializer: 'ones' }),
          layers.flatten(),
        ],
      }).compile({ loss: 'mse', optimizer: 'sgd', device, threads: 2 })
      await model.fit(x, y, { batchSize: 20, epochs: 2, verbose: 0 })
      weights.push(model.getWeights()[0]?.data ?? new Float32Array())
    }
    assertSameBits(weights[0] as Float32Array, weights[1] as Float32Array, 'kernel')
  })

  it('reads what permutations, repeats and embeddings give', async () => {
    using model = sequential({
      seed: 2,
      layers: [
        layers.embedding({ inputDim: 9, outputDim: 5, embeddingsInitializer: 'randomNormal', inputShape: [4] }),
        layers.permute({ dims: [2, 1] }),
        layers.dense({ units: 3 }),
        layers.flatten(),
        layers.repeatVector({ n: 2 }),
        layers.dense({ units: 1 }),
        layers.flatten(),
      ],
    }).compile({ optimizer: optimizers.adam({ learningRate: 0.02 }), loss: 'mse', device })
    assert.deepEqual(model.outputShape, [2])
    const x = array(
      Uint8Array.from({ length: 80 }, () => random.below(9)),
      [20, 4],
    )
    const y = array(random.normals(40), [20, 2])
    const { history } = await model.fit(x, y, { batchSize: 8, epochs: 20, verbose: 0 })
    assert.ok((history.loss.at(-1) as number) < 0.9 * (history.loss[0] as number))
    const { data: outputs } = await model.predict(x)
    outputs.forEach((value, i) => {
      assert.equal(value, outputs[i - (i % 2)])
    })
  })

  it('refuses integers that are no categories, before anything changes', async () => {
    using model = sequential([
      layers.categoryEncoding({ numTokens: 4, inputShape: [2] }),
      layers.dense({ units: 1 }),
    ]).compile({ loss: 'mse', device })
    const before = model.getWeights()
    for (const wrong of [4, -1, 0.5, Number.NaN]) {
      const x = [
        [0, 3],
        [wrong, 1],
      ]
      const pattern = /expected integers from 0 to 3, got .* in row 1/
      const acts = [() => model.fit(x, [[0], [0]], { verbose: 0 }), () => model.predict(x), () => model.predictSync(x)]
      for (const act of acts) await assertRefused(act, 'ERR_LABEL_RANGE', pattern)
    }
    assert.deepEqual(model.getWeights(), before)
  })
})
