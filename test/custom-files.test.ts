/** Models with custom losses and metrics in files: saved by name, given again when loaded, or left out. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { callbacks, debug, type LoadOptions, layers, load, losses, metrics, optimizers, sequential } from 'neurode'
import { serve } from 'neurode/serve'
import { inFolder, rejects } from './data/files.js'
import { perDevice } from './support/devices.js'
import { clouds } from './support/problems.js'
import { bitsOf } from './support/resumable.js'

const { x } = clouds(60, 4)
const y = Float32Array.from({ length: 60 }, (_, i) => Math.sin(i))

const compute: Parameters<typeof losses.custom>[0]['compute'] = ({ outputs, targets }) => {
  const errors = outputs.map((value, i) => value - (targets[i] as number))
  return {
    loss: errors.reduce((sum, e) => sum + e ** 4, 0) / errors.length,
    gradient: errors.map((e) => (4 * e ** 3) / errors.length),
  }
}
const quartic = losses.custom({ name: 'quartic', compute })
const rowsOf: NonNullable<Parameters<typeof metrics.custom>[0]['rows']> = ({ outputs, targets }) =>
  outputs.map((value, i) => value - (targets[i] as number))
const bias = metrics.custom({ name: 'bias', rows: rowsOf, best: 'max' })
const weighted = metrics.custom({ name: 'weighted', rows: rowsOf })

perDevice('a model with a loss and metrics of its own', (device) => {
  const make = () =>
    sequential({
      layers: [layers.dense({ units: 3, activation: 'tanh', inputShape: [4] }), layers.dense({ units: 1 })],
      seed: 4,
    }).compile({
      loss: quartic,
      metrics: ['mae', bias],
      weightedMetrics: [weighted],
      optimizer: optimizers.adam({ learningRate: 0.02 }),
      device,
    })
  const options = { batchSize: 16, verbose: 0, seed: 2 } as const

  it('is saved by name and goes on, bit for bit, when they are given again in any form', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'm.neurode')
      using straight = make()
      await straight.fit(x, y, { ...options, epochs: 4 })
      using model = make()
      await model.fit(x, y, { ...options, epochs: 2 })
      await model.save(path)
      const forms: readonly LoadOptions[] = [
        { losses: [quartic], metrics: [bias, weighted] },
        { losses: { quartic, other: compute }, metrics: { bias, weighted } },
        { losses: { quartic: compute }, metrics: { bias: rowsOf, weighted: rowsOf } },
      ]
      for (const form of forms) {
        using again = await load(path, { device, ...form })
        assert.equal(again.loss?.name, 'quartic')
        assert.deepEqual(await again.evaluate(x, y), await model.evaluate(x, y))
        const { history } = await again.fit(x, y, { ...options, epochs: 4, resume: true })
        assert.equal(bitsOf(again), bitsOf(straight as never))
        assert.deepEqual(Object.keys(history), ['loss', 'mae', 'bias', 'weighted'])
      }
    })
  })

  it('goes on in the middle of an epoch, from a checkpoint', async () => {
    await inFolder(async (folder) => {
      using straight = make()
      const expected = await straight.fit(x, y, { ...options, epochs: 3 })
      using model = make()
      const checkpoint = callbacks.modelCheckpoint(join(folder, '{epoch}-{batch}'), { saveFreq: 1 })
      await model.fit(x, y, { ...options, epochs: 2, callbacks: checkpoint })
      using again = await load(join(folder, '2-3'), { device, losses: [quartic], metrics: [bias, weighted] })
      const { history } = await again.fit(x, y, { ...options, epochs: 3, resume: true })
      assert.equal(bitsOf(again), bitsOf(straight as never))
      assert.deepEqual(history.bias, expected.history.bias.slice(1))
    })
  })

  it('predicts and is served without them, and says what is missing when it is trained', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'm.neurode')
      using model = make()
      await model.fit(x, y, { ...options, epochs: 2 })
      await model.save(path)
      using bare = await load(path, { device })
      assert.deepEqual(await bare.predict(x), await model.predict(x))
      assert.deepEqual(bare.predictSync(x), model.predictSync(x))
      using predictor = bare.predictor()
      assert.equal((await predictor.predict(x.data.subarray(0, 4))).length, 1)
      assert.deepEqual([bare.loss?.name, bare.loss?.missing], ['quartic', true])
      const missing = /loaded without what was its own: loss 'quartic', metric 'bias', metric 'weighted'; load\(path/
      const calls: readonly (() => Promise<unknown>)[] = [
        () => bare.fit(x, y, options),
        () => bare.evaluate(x, y),
        () => bare.trainOnBatch(x, y),
        () => bare.testOnBatch(x, y),
        () => debug.checkGradients(bare, x, y),
      ]
      for (const call of calls) await rejects(call(), 'ERR_NOT_COMPILED', missing)
      using half = await load(path, { device, losses: [quartic], metrics: [weighted] })
      await rejects(
        half.evaluate(x, y),
        'ERR_NOT_COMPILED',
        /its own: metric 'bias'; load\(path, \{ metrics: \[…\] \}\)/,
      )
      const server = await serve({ models: path, port: 0, device: device as 'cpu' })
      const body = JSON.stringify({ instances: [[...x.data.subarray(0, 4)]] })
      const answer = await fetch(`${server.url}/v1/models/m:predict`, { method: 'POST', body })
      assert.equal(answer.status, 200)
      await server.close()
      bare.compile({ loss: 'mse', optimizer: 'sgd', device: device as 'cpu' })
      await bare.fit(x, y, options)
    })
  })

  it('is saved with all it had by one who loaded it without them', async () => {
    await inFolder(async (folder) => {
      const [first, second] = [join(folder, 'first'), join(folder, 'second')]
      using straight = make()
      await straight.fit(x, y, { ...options, epochs: 4 })
      using model = make()
      await model.fit(x, y, { ...options, epochs: 2 })
      await model.save(first)
      using bare = await load(first, { device })
      await bare.save(second)
      assert.deepEqual(readFileSync(second), readFileSync(first))
      using again = await load(second, { device, losses: [quartic], metrics: [bias, weighted] })
      await again.fit(x, y, { ...options, epochs: 4, resume: true })
      assert.equal(bitsOf(again), bitsOf(straight as never))
    })
  })
})

describe('losses and metrics given to load', () => {
  it('are refused where they are something else', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'm')
      using model = sequential([layers.dense({ units: 1, inputShape: [1] })]).compile({
        loss: quartic,
        metrics: [bias],
      })
      await model.save(path)
      using bare = await load(path)
      // biome-ignore lint/suspicious/noExplicitAny: what is passed is wrong on purpose.
      const wrong: readonly [options: any, RegExp][] = [
        [{ losses: 'quartic' }, /losses: expected a list of losses\.custom/],
        [{ losses: ['mse'] }, /losses\[0\]: expected what losses\.custom gives, got "mse"/],
        [{ losses: [losses.meanSquaredError()] }, /losses\[0\]: expected what losses\.custom gives/],
        [{ losses: [bare.loss] }, /losses\[0\]/],
        [{ losses: [compute] }, /losses\[0\]/],
        [
          { losses: { mine: quartic } },
          /losses\['mine'\]: expected one whose name is 'mine', got one called 'quartic'/,
        ],
        [{ metrics: [quartic] }, /metrics\[0\]: expected what metrics\.custom gives/],
        [{ metrics: { bias: 3 } }, /metrics\['bias'\]: expected what metrics\.custom gives, or its function, got 3/],
      ]
      for (const [options, message] of wrong) await rejects(load(path, options), 'ERR_ARGUMENT', message)
    })
  })

  it('keep which values are better where the metric itself is missing', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'm')
      using model = sequential([layers.dense({ units: 1, inputShape: [1] })]).compile({ loss: 'mse', metrics: [bias] })
      await model.save(path)
      using bare = await load(path)
      await bare.save(path)
      assert.match(
        readFileSync(path, 'latin1'),
        /\\"id\\":\\"custom\\",\\"name\\":\\"bias\\",\\"options\\":\{\\"best\\":\\"max\\"\}/,
      )
      assert.deepEqual(readdirSync(folder), ['m'])
    })
  })
})
