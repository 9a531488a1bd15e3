/** Metrics with thresholds, for outputs that are not probabilities: Keras' numbers, and one warning. */

import assert from 'node:assert/strict'
import { array, type Loss, layers, losses, type Metric, metrics, optimizers, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { assertNear, fromFloats } from './support/tolerances.js'
import { codesOf, warningsOf } from './support/warnings.js'

perDevice('metrics with thresholds', (device) => {
  /** The metrics of given outputs: the model is the identity. */
  const evaluate = async (outputs: number[][], targets: number[][], list: readonly Metric[], fromLogits = false) => {
    using model = sequential([layers.identity({ inputShape: [outputs[0]?.length ?? 1] })])
    model.compile({ loss: losses.binaryCrossentropy({ fromLogits }), metrics: list, device })
    const results = await model.evaluate(outputs, targets)
    return results as Readonly<Record<string, number>>
  }
  const column = (values: number[]) => values.map((value) => [value])
  const logits = column([2, -1, 0.3, -3])
  const labels = column([1, 0, 0, 1])

  it('clip outputs to 0 … 1 for AUC as Keras does, under a loss of logits too', async () => {
    const list = [metrics.auc(), metrics.auc({ fromLogits: true, name: 'ofLogits' })]
    const perfect = [
      metrics.auc(),
      metrics.auc({ curve: 'PR', name: 'pr' }),
      metrics.auc({ fromLogits: true, name: 'own' }),
    ]
    await warningsOf(async () => {
      for (const fromLogits of [false, true]) {
        const { auc = NaN, ofLogits = NaN } = await evaluate(logits, labels, list, fromLogits)
        assertNear(auc, 0.625, fromFloats, 'auc')
        assertNear(ofLogits, 0.5, fromFloats, 'auc of logits')
        const { loss: _, ...best } = await evaluate(
          column([3, 2, 4, -3, -2, -4]),
          column([1, 1, 1, 0, 0, 0]),
          perfect,
          fromLogits,
        )
        for (const [key, value] of Object.entries(best)) assertNear(value, 1, fromFloats, key)
      }
    })
  })

  it('take as many thresholds as the sharpest curve asks for', async () => {
    const random = new Random(4)
    const targets = Array.from({ length: 500 }, () => random.below(2))
    const outputs = targets.map((target) => random.normal() / 8 + 0.4 + target / 5)
    const pairs = targets.flatMap((positive, i) =>
      targets.flatMap((other, j) =>
        positive === 1 && other === 0 ? [Math.fround(outputs[i] ?? 0) - Math.fround(outputs[j] ?? 0)] : [],
      ),
    )
    const exact = pairs.filter((difference) => difference > 0).length / pairs.length
    const numThresholds = 100_000
    const list = [
      metrics.auc({ numThresholds }),
      metrics.sensitivityAtSpecificity({ specificity: 0.5, numThresholds, name: 'at' }),
    ]
    const { auc = NaN, at = NaN } = await evaluate(column(outputs), column(targets), list)
    assertNear(auc, exact, { rtol: 1e-4, atol: 0 }, 'auc')
    assert.ok(at > 0.5 && at < 1)
  })

  it('clip or compare as Keras does, whatever the outputs are', async () => {
    const random = new Random(8)
    const rows = 80
    const outputs = Array.from({ length: rows }, () => [...random.normals(3)].map((z) => 1.5 * z))
    const targets = outputs.map((row) => row.map((z) => Number(z + (random.normals(1)[0] as number) > 0)))
    const clipping = [
      ...(['ROC', 'PR', 'PRGAIN'] as const).map((curve) => metrics.auc({ curve, name: curve })),
      metrics.auc({ multiLabel: true, name: 'labels' }),
      metrics.auc({ thresholds: [0.1, 0.5, 0.6], name: 'own' }),
      metrics.sensitivityAtSpecificity({ specificity: 0.9 }),
      metrics.specificityAtSensitivity({ sensitivity: 0.6 }),
      metrics.precisionAtRecall({ recall: 0.6 }),
      metrics.recallAtPrecision({ precision: 0.7 }),
    ]
    await warningsOf(async () => {
      const { loss: _, ...got } = await evaluate(outputs, targets, clipping)
      const clipped = outputs.map((row) => row.map((z) => Math.min(Math.max(z, 0), 1)))
      const { loss: __, ...expected } = await evaluate(clipped, targets, clipping)
      assert.deepEqual(got, expected)
      assert.ok(
        Object.values(got).every((value) => value > 0 && value <= 1),
        JSON.stringify(got),
      )
      const threshold = 0.4
      const flat = outputs.flat().map((z, i) => ({ said: z > threshold, truth: targets.flat()[i] === 1 }))
      const count = (said: boolean, truth: boolean) => flat.filter((o) => o.said === said && o.truth === truth).length
      const [tp, fp, fn, tn] = [count(true, true), count(true, false), count(false, true), count(false, false)]
      const plain = await evaluate(outputs, targets, [
        metrics.precision({ threshold }),
        metrics.recall({ threshold }),
        metrics.trueNegatives({ threshold }),
        metrics.f1Score({ threshold, average: 'micro' }),
        metrics.binaryAccuracy({ threshold }),
        metrics.binaryIoU({ threshold, targetClassIds: [1] }),
      ])
      const want = {
        precision: tp / (tp + fp),
        recall: tp / (tp + fn),
        trueNegatives: tn,
        f1Score: (2 * tp) / (2 * tp + fp + fn),
        binaryAccuracy: (tp + tn) / flat.length,
        binaryIoU: tp / (tp + fp + fn),
      }
      for (const [key, value] of Object.entries(want)) assertNear(plain[key] as number, value, fromFloats, key)
    })
  })

  it('warn once of outputs that are no probabilities, by whichever metric', async () => {
    const binary = { loss: 'binaryCrossentropy', optimizer: 'sgd', device } as const
    const x = array(new Float32Array([-5, -2, 3, 4]), [4, 1])
    const warned: readonly Metric[] = [
      metrics.auc(),
      metrics.auc({ thresholds: [0.2] }),
      metrics.precision(),
      metrics.recall({ threshold: 0.7 }),
      metrics.falsePositives(),
      metrics.sensitivityAtSpecificity(),
      metrics.f1Score({ threshold: 0.5 }),
      metrics.binaryIoU(),
    ]
    for (const metric of warned) {
      using model = sequential([layers.identity({ inputShape: [1] })]).compile({ ...binary, metrics: [metric] })
      const warnings = await warningsOf(async () => {
        await model.evaluate(x, [0, 0, 1, 1], { batchSize: 2 })
        await model.evaluate(x, [0, 0, 1, 1])
      })
      assert.deepEqual(
        warnings.map(({ name, code }) => [name, code]),
        [['NeurodeWarning', 'NEURODE_OUTPUT_RANGE']],
        metric.name,
      )
      assert.match(warnings[0]?.message ?? '', new RegExp(`metric '${metric.name}'.*got -5`))
    }
    const silent: readonly Metric[] = [
      metrics.auc({ fromLogits: true }),
      metrics.precision({ threshold: 0 }),
      metrics.precision({ topK: 1, name: 'top' }),
      metrics.f1Score(),
      metrics.binaryIoU({ threshold: 0 }),
      metrics.meanSquaredError(),
    ]
    using model = sequential([layers.identity({ inputShape: [1] })]).compile({ ...binary, metrics: silent.slice(1) })
    assert.deepEqual(await codesOf(() => model.evaluate(x, [0, 0, 1, 1])), [])
    model.compile({ ...binary, metrics: silent.slice(0, 1) })
    assert.deepEqual(await codesOf(() => model.evaluate(x, [0, 0, 1, 1])), [])
    model.compile({ ...binary, metrics: warned.slice(0, 1) })
    assert.deepEqual(await codesOf(() => model.evaluate([0, 0.5, 1, 0.1], [0, 0, 1, 1])), [])
    assert.deepEqual(await codesOf(() => model.evaluate(x, [0, 0, 1, 1])), ['NEURODE_OUTPUT_RANGE'])
  })

  it('warn of accuracies of logits, whose outputs stay in native code', async () => {
    const run = async (loss: Loss, metric: Metric | 'accuracy', last: 'linear' | 'sigmoid', bias: number) => {
      using model = sequential([layers.dense({ units: 1, activation: last, inputShape: [1] })])
      const settings = { loss, optimizer: optimizers.sgd({ learningRate: 0 }), metrics: [metric], device }
      model.setWeights([[[0]], [bias]])
      const works: readonly (() => Promise<unknown>)[] = [
        () => model.fit([1, 2], [0, 1], { verbose: 0 }),
        () => model.fit(() => [{ x: [1, 2], y: [0, 1] }], { verbose: 0 }),
        () => model.evaluate([1, 2], [0, 1]),
        () => model.testOnBatch([1, 2], [0, 1]),
        () => model.trainOnBatch([1, 2], [0, 1]),
      ]
      const found: number[] = []
      for (const work of works) {
        model.compile(settings)
        const codes = await codesOf(async () => {
          await work()
          await work()
        })
        assert.ok(codes.every((code) => code === 'NEURODE_OUTPUT_RANGE'))
        found.push(codes.length)
      }
      return found
    }
    const ofLogits = losses.binaryCrossentropy({ fromLogits: true })
    const once = [1, 1, 1, 1, 1]
    const never = [0, 0, 0, 0, 0]
    assert.deepEqual(await run(ofLogits, 'accuracy', 'linear', -2), once)
    assert.deepEqual(await run(losses.meanSquaredError(), metrics.binaryAccuracy(), 'linear', 1.5), once)
    assert.deepEqual(await run(ofLogits, metrics.binaryAccuracy({ threshold: 0 }), 'linear', -2), never)
    assert.deepEqual(await run(ofLogits, 'accuracy', 'linear', 0.5), never)
    assert.deepEqual(await run(losses.binaryCrossentropy(), 'accuracy', 'sigmoid', -2), never)
  })
})
