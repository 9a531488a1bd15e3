/** Custom losses and metrics, and metrics over whole epochs, agree with those that native code computes. */

import assert from 'node:assert/strict'
import { array, type CapturedBatch, debug, type Loss, layers, losses, metrics, optimizers, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { assertClose, assertNear, otherTraining, rowwise } from './support/tolerances.js'

const rows = 90
const random = new Random(8)
const x = array(Float32Array.from(random.normals(rows * 4)), [rows, 4])
const y = array(Float32Array.from(random.normals(rows * 2)), [rows, 2])
const labels = Int32Array.from({ length: rows }, () => random.below(3))

const squares = losses.custom({
  name: 'squares',
  compute: ({ outputs, targets }) => {
    const errors = outputs.map((value, i) => value - (targets[i] as number))
    return {
      loss: errors.reduce((sum, e) => sum + e * e, 0) / errors.length,
      gradient: errors.map((e) => (2 * e) / errors.length),
    }
  },
})

/** A custom metric that computes what a built-in metric computes, batch by batch. */
const bias = metrics.custom({
  name: 'bias',
  rows: ({ outputs, targets, shape: [count, size] }: CapturedBatch) =>
    Array.from({ length: count }, (_, row) =>
      [...outputs.subarray(row * size, (row + 1) * size)].reduce(
        (sum, value, o) => sum + (value - (targets[row * size + o] as number)) ** 2 / size,
        0,
      ),
    ),
})

perDevice('custom losses and metrics', (device) => {
  const build = (loss: ReturnType<typeof losses.meanSquaredError>) =>
    sequential({
      layers: [
        layers.dense({ units: 8, activation: 'tanh', inputShape: [4] }),
        layers.batchNormalization(),
        layers.dropout({ rate: 0.25 }),
        layers.dense({ units: 2 }),
      ],
      seed: 2,
    }).compile({
      loss,
      optimizer: optimizers.adam({ learningRate: 0.01 }),
      metrics: ['mse', bias],
      device,
    })

  it('train as the native loss of the same formula does, with dropout and shuffling', async () => {
    using own = build(squares)
    using native = build(losses.meanSquaredError())
    const options = { epochs: 3, batchSize: 20, seed: 6, verbose: 0 } as const
    const [a, b] = [await own.fit(x, y, options), await native.fit(x, y, options)]
    assertClose(a.history.loss, b.history.loss, rowwise, 'loss')
    assertClose(a.history.mse, b.history.mse, rowwise, 'mse')
    assertClose(a.history.bias, a.history.mse, rowwise, 'the metric in TypeScript')
    own.getWeights().forEach(({ data, name }, i) => {
      assertClose(data, native.getWeights()[i]?.data ?? [], otherTraining, name)
    })
    const [c, d] = [await own.evaluate(x, y), await native.evaluate(x, y, { batchSize: 7 })]
    assertNear(c.loss, d.loss, otherTraining, 'loss of evaluate')
    assert.equal(own.position.step, native.position.step)
  })

  it('see the weights after the batch before, in streams as in arrays', async () => {
    using whole = build(squares)
    using stream = build(squares)
    const batches = Array.from({ length: 6 }, (_, i) => ({
      x: array(x.data.slice(i * 60, (i + 1) * 60), [15, 4]),
      y: array(y.data.slice(i * 30, (i + 1) * 30), [15, 2]),
    }))
    const { history } = await whole.fit(x, y, { epochs: 2, batchSize: 15, shuffle: false, verbose: 0 })
    assert.deepEqual((await stream.fit(batches, { epochs: 2, verbose: 0 })).history, history)
    assert.deepEqual(stream.getWeights(), whole.getWeights())
  })

  it('keep what they are given of each batch', async () => {
    const kept: CapturedBatch[] = []
    const seen: number[][] = []
    const compute = (batch: CapturedBatch) => {
      kept.push(batch)
      seen.push([...batch.outputs, ...batch.targets, ...batch.weights])
      return squares.custom?.(batch) as never
    }
    using model = build(losses.custom({ name: 'keeping', compute }))
    // The last batch has fewer rows.
    await model.fit(x, y, { batchSize: 20, epochs: 2, verbose: 0 })
    assert.deepEqual(
      kept.map(({ shape: [count] }) => count),
      [20, 20, 20, 20, 10, 20, 20, 20, 20, 10],
    )
    kept.forEach(({ outputs, targets, weights }, i) => {
      assert.deepEqual([...outputs, ...targets, ...weights], seen[i])
    })
  })

  it('count the steps that were taken before they failed, and no other', async () => {
    let calls = 0
    const compute = (batch: CapturedBatch) => {
      if (++calls === 3) throw new Error('no loss')
      return squares.custom?.(batch) as never
    }
    using model = build(losses.custom({ name: 'failing', compute }))
    await assert.rejects(model.fit(x, y, { batchSize: 15, verbose: 0 }), /no loss/)
    assert.deepEqual(model.position, { epoch: 0, batch: 2, step: 2 })
    calls = 2
    await assert.rejects(model.trainOnBatch(x, y), /no loss/)
    assert.equal(model.position.step, 2)
    await model.trainOnBatch(x, y)
    assert.equal(model.position.step, 3)
  })

  it('refuse results of another size, and leave the weights as they were', async () => {
    using model = build(losses.custom({ name: 'short', compute: () => ({ loss: 1, gradient: [1] }) }))
    const before = model.getWeights()
    await assert.rejects(model.fit(x, y, { verbose: 0 }), { code: 'ERR_ARGUMENT', message: /'short'.*gradient/ })
    assert.deepEqual(model.getWeights(), before)
  })

  it('say the same for any cut of an epoch, and count a classification class by class', async () => {
    using model = sequential({ layers: [layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })], seed: 1 })
    model.compile({
      loss: 'sparseCategoricalCrossentropy',
      metrics: [
        'auc',
        'f1Score',
        'precision',
        'iou',
        'mean',
        'sum',
        metrics.sparseCategoricalCrossentropy({ ignoreClass: 1, name: 'others' }),
        metrics.auc({ curve: 'PRGAIN', name: 'gains' }),
      ],
      device,
    })
    const whole = await model.evaluate(x, labels)
    assert.deepEqual(await model.evaluate(x, labels, { batchSize: 11 }), whole)
    const { perClass } = await model.evaluate(x, labels, { perClass: true })
    const { data } = await model.predict(x)
    const matrix = [0, 1, 2].map(() => [0, 0, 0])
    labels.forEach((label, row) => {
      const out = [...data.subarray(row * 3, row * 3 + 3)]
      const line = matrix[label] as number[]
      line[out.indexOf(Math.max(...out))] = (line[out.indexOf(Math.max(...out))] as number) + 1
    })
    assert.deepEqual(perClass.confusionMatrix, matrix)
    perClass.accuracy.forEach((value, c) => {
      assertNear(value, (matrix[c]?.[c] as number) / (perClass.support[c] as number), rowwise, `class ${c}`)
    })
  })

  it('count labels one by one where they do not exclude each other', async () => {
    const outputs = [
      [0.9, 0.2, 0.6],
      [0.1, 0.7, 0.4],
      [0.8, 0.9, 0.2],
      [0.3, 0.1, 0.7],
    ]
    const targets = [
      [1, 0, 1],
      [1, 1, 1],
      [0, 1, 0],
      [0, 0, 1],
    ]
    // The results of scikit-learn's multilabel_confusion_matrix for these data.
    const matrices = [
      [
        [1, 1],
        [1, 1],
      ],
      [
        [2, 0],
        [0, 2],
      ],
      [
        [1, 0],
        [1, 2],
      ],
    ]
    const build = (loss: Loss) => sequential([layers.identity({ inputShape: [3] })]).compile({ loss, device })
    using model = build(losses.binaryCrossentropy())
    const { perClass } = await model.evaluate(outputs, targets, { perClass: true })
    assert.deepEqual(perClass.confusionMatrices, matrices)
    assert.deepEqual(perClass.confusionMatrix, [])
    assert.deepEqual([...perClass.support], [2, 2, 3])
    assert.deepEqual([...perClass.accuracy], [0.5, 1, 2 / 3])
    assert.deepEqual([...perClass.precision], [0.5, 1, 1])
    assert.deepEqual([...perClass.f1], [0.5, 1, 0.8])
    // Logits and margins are above 0 exactly if the probabilities are above a half.
    const logits = outputs.map((row) => row.map((p) => Math.log(p / (1 - p))))
    const signs = targets.map((row) => row.map((t) => 2 * t - 1))
    using ofLogits = build(losses.binaryFocalCrossentropy({ fromLogits: true }))
    assert.deepEqual((await ofLogits.evaluate(logits, targets, { perClass: true })).perClass, perClass)
    using margins = build(losses.hinge())
    assert.deepEqual((await margins.evaluate(logits, signs, { perClass: true })).perClass, perClass)
    const soft = targets.map((row) => row.map((t) => t / 2))
    await assert.rejects(model.evaluate(outputs, soft, { perClass: true }), /targets of 0 and 1, got 0.5 in row 0/)
    using squares = build(losses.meanSquaredError())
    await assert.rejects(squares.evaluate(outputs, targets, { perClass: true }), {
      code: 'ERR_ARGUMENT',
      message: /one largest value a row, got several in row 0/,
    })
  })

  it('count classes against the rest, of one output and of a softmax under a binary loss', async () => {
    using one = sequential([layers.identity({ inputShape: [1] })])
    one.compile({ loss: losses.binaryCrossentropy({ fromLogits: true }), device })
    const { perClass } = await one.evaluate([[-1], [0.2], [3], [0.4]], [0, 0, 1, 1], { perClass: true })
    assert.deepEqual(perClass.confusionMatrix, [
      [1, 1],
      [0, 2],
    ])
    assert.deepEqual(perClass.confusionMatrices, [
      [
        [2, 0],
        [1, 1],
      ],
      [
        [1, 1],
        [0, 2],
      ],
    ])
    using softmax = sequential([layers.softmax({ inputShape: [3] })]).compile({ loss: 'binaryCrossentropy', device })
    const three = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]
    const { perClass: ofThree } = await softmax.evaluate(three, three, { perClass: true })
    assert.deepEqual(ofThree.confusionMatrix, three)
    assert.deepEqual(ofThree.confusionMatrices[0], [
      [2, 0],
      [0, 1],
    ])
  })

  it('are found right by debug.checkGradients, which finds a wrong one', async () => {
    for (const loss of [losses.meanSquaredError(), losses.huber(), squares]) {
      using model = build(loss)
      const before = model.getWeights()
      const report = await debug.checkGradients(model, x, y, { samples: 6 })
      assert.ok(report.agrees, `${loss.name}: ${JSON.stringify(report.parameters)}`)
      assert.deepEqual(
        report.parameters.map(({ checked, kinks }) => checked + kinks),
        [6, 6, 6, 6, 6, 2],
      )
      assert.deepEqual(model.getWeights(), before)
    }
    const wrong = losses.custom({
      name: 'wrong',
      compute: (batch) => {
        const { loss, gradient } = squares.custom?.(batch) ?? assert.fail()
        return { loss, gradient: Array.from(gradient, (g) => 1.5 * g) }
      },
    })
    using model = build(wrong)
    const report = await debug.checkGradients(model, x, y, { samples: 4 })
    assert.equal(report.agrees, false)
    assert.ok(report.parameters.some(({ worst }) => worst !== undefined))
  })
})
