/** Metrics of several sums, which native code counts: their definitions, weights, threads, ranges and calls. */

import assert from 'node:assert/strict'
import { array, distribution, layers, metrics, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { customCase, metricCases } from './support/reference-metrics.js'
import { assertNear, fromFloats } from './support/tolerances.js'
import { warningsOf } from './support/warnings.js'

const thresholds = [0, 0.25, 0.26, 0.3, 0.5, 0.7, 0.9, 1, 1 / 199, 50 / 199]

/** Rows of outputs with one-hot targets. Some outputs are equal, outside of 0 to 1, or exactly at a threshold. */
function rowsOf(count: number, outputs: number) {
  const random = new Random(count + outputs)
  const value = () => [random.next(), random.uniform(-0.2, 1.2), random.pick(thresholds), 0.4][random.below(4)] ?? 0
  const x = Float32Array.from({ length: count * outputs }, value)
  const y = new Float32Array(count * outputs)
  for (let row = 0; row < count; row++) y[row * outputs + random.below(outputs)] = 1
  const weights = Float32Array.from({ length: count }, () => random.pick([0, 0.3, 1, 1.7, 3]))
  return { x: array(x, [count, outputs]), y: array(y, [count, outputs]), weights }
}

perDevice('metrics of several sums', (device) => {
  const identity = (outputs: number) => sequential([layers.identity({ inputShape: [outputs] })])

  for (const [count, outputs] of [
    [1, 2],
    [77, 3],
    [300, 5],
    [50, 40],
  ] as const) {
    it(`are what a function of all rows says, for ${count} rows of ${outputs} outputs`, async () => {
      const { x, y, weights } = rowsOf(count, outputs)
      const cases = Object.entries(metricCases(outputs))
      const list = cases.flatMap(([name, { make, reference }]) => [make(name), customCase(`own_${name}`, reference)])
      await warningsOf(async () => {
        for (const kind of ['metrics', 'weightedMetrics'] as const) {
          using model = identity(outputs).compile({ loss: 'mse', optimizer: 'sgd', [kind]: list, device })
          const found: Readonly<Record<string, number>> = await model.evaluate(x, y, { sampleWeight: weights })
          for (const [name] of cases) {
            const own = found[`own_${name}`] as number
            assertNear(found[name] as number, Number.isNaN(own) ? 0 : own, fromFloats, `${kind}: ${name}`)
          }
        }
      })
    })
  }

  const names = ['auc', 'precision', 'f1Score', 'iou', 'r2Score', 'pearsonCorrelation'] as const
  const network = (options: object = {}) =>
    sequential({
      layers: [
        layers.dense({ units: 16, activation: 'tanh', inputShape: [5] }),
        layers.dense({ units: 5, activation: 'softmax' }),
      ],
      seed: 3,
    }).compile({
      loss: 'categoricalCrossentropy',
      optimizer: 'adam',
      metrics: [...names, metrics.recall({ topK: 2 })],
      weightedMetrics: names.map((name) => (metrics[name] as typeof metrics.auc)({ name: `weighted_${name}` })),
      device,
      ...options,
    })
  const { x, y, weights } = rowsOf(400, 5)

  it('have the same bits for any number of threads', async () => {
    const run = async (threads: number, parts?: number) => {
      const divided = parts === undefined ? {} : { distribution: distribution.dataParallel({ parts }) }
      using model = network(device === 'cpu' ? { threads, ...divided } : {})
      const { history } = await model.fit(x, y, { epochs: 2, batchSize: 150, sampleWeight: weights, verbose: 0 })
      return [history, await model.evaluate(x, y, { sampleWeight: weights })]
    }
    const one = await run(1)
    for (const threads of [2, 3]) assert.deepEqual(await run(threads), one)
    const ofParts = await run(1, 4)
    for (const threads of [2, 3]) assert.deepEqual(await run(threads, 4), ofParts)
  })

  it('are those of all rows, however they are cut into calls, streams and epochs', async () => {
    using model = network()
    const whole = await model.evaluate(x, y, { sampleWeight: weights })
    assert.deepEqual(await model.testOnBatch(x, y, { sampleWeight: weights }), whole)
    const cut = await model.evaluate(x, y, { sampleWeight: weights, batchSize: 33 })
    for (const [name, value] of Object.entries(whole)) assertNear(cut[name as 'loss'], value, fromFloats, name)
    const parts = [0, 100, 250, 400]
    const batches = parts.slice(1).map((end, i) => ({
      x: array(x.data.slice((parts[i] as number) * 5, end * 5), [end - (parts[i] as number), 5]),
      y: array(y.data.slice((parts[i] as number) * 5, end * 5), [end - (parts[i] as number), 5]),
      sampleWeight: weights.slice(parts[i], end),
    }))
    const streamed = await model.evaluate(batches)
    for (const [name, value] of Object.entries(whole)) assertNear(streamed[name as 'loss'], value, fromFloats, name)
    const { trained } = { trained: await model.trainOnBatch(x, y, { sampleWeight: weights }) }
    for (const [name, value] of Object.entries(whole)) assertNear(trained[name as 'loss'], value, fromFloats, name)
  })

  it('are the same whether somebody is told of each epoch or nobody is', async () => {
    using told = network()
    using untold = network()
    const options = { epochs: 12, batchSize: 40, sampleWeight: weights, verbose: 0 } as const
    const seen = await told.fit(x, y, { ...options, callbacks: { onEpochEnd: () => {} } })
    assert.deepEqual((await untold.fit(x, y, options)).history, seen.history)
  })

  it('do not depend on metrics of the user beside them', async () => {
    using alone = network()
    const custom = metrics.custom({ name: 'own', rows: ({ shape: [rows] }) => new Float32Array(rows).fill(2) })
    using beside = network({ metrics: ['auc', custom, 'f1Score'], weightedMetrics: [] })
    const options = { epochs: 2, batchSize: 64, verbose: 0 } as const
    const [a, b] = [(await alone.fit(x, y, options)).history, (await beside.fit(x, y, options)).history]
    const { own, auc, f1Score } = b as unknown as Record<string, Float64Array>
    assert.deepEqual([auc, f1Score, [...(own ?? [])]], [a.auc, a.f1Score, [2, 2]])
  })
})
