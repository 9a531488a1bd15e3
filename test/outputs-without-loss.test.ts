/** Outputs without a loss: what they train, and which targets they read. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { array, input, layers, model, openNpy, optimizers, writeNpy } from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { bits, quiet, rows } from './support/graphs.js'
import { adam, twoHeads, x, y, yes } from './support/severalOutputs.js'
import { warningsOf } from './support/warnings.js'

const options = { batchSize: 5, epochs: 2, ...quiet }

perDevice('outputs without a loss', (device) => {
  it('trains no weights that only an output without a loss needs, and asks for no targets of it', async () => {
    using net = twoHeads()
    net.compile({ optimizer: adam(), loss: { price: 'mse', sold: null }, device })
    const own = () => net.layers.slice(-2).map((layer) => layer.getWeights().map(({ data }) => [...data]))
    const [price, sold] = own()
    const { history } = await net.fit(x, { price: y.price, sold: null }, options)
    assert.deepEqual(Object.keys(history), ['loss'])
    assert.notDeepEqual(own()[0], price)
    assert.deepEqual(own()[1], sold)
    using same = twoHeads()
    same.compile({ optimizer: adam(), loss: ['mse', null], metrics: { sold: ['accuracy'] }, device })
    const logs = await same.fit(x, y, options)
    assert.deepEqual(Object.keys(logs.history), ['loss', 'sold_accuracy'])
    assert.deepEqual(bits(same), bits(net))
    const missing = { code: 'ERR_ARGUMENT', message: "y.sold: expected targets of output 'sold', got none" }
    await assert.rejects(same.fit(x, { price: y.price, sold: null }, options), missing)
  })

  it('leaves weights that no loss leads to as they are, also where averages are kept', async () => {
    const tensor = input({ shape: [1] })
    const head = (name: string) =>
      layers.dense({ units: 1, kernelInitializer: 'ones', biasInitializer: 'ones', name }).apply(tensor)
    using net = model({ inputs: tensor, outputs: { a: head('a'), b: layers.batchNormalization().apply(head('b')) } })
    net.compile({ optimizer: optimizers.adam({ useEma: true }), loss: { a: 'mse', b: null }, device })
    await net.fit(new Float32Array(4), { a: new Float32Array(4), b: null }, { ...quiet, batchSize: 2 })
    const changed = net.getWeights().filter(({ name, data }) => !name.includes('moving') && data[0] !== 1)
    assert.deepEqual(changed.map(({ name }) => name).sort(), ['a/bias', 'batch_normalization/beta'])
    assert.equal(net.getWeights().find(({ name }) => name === 'batch_normalization/beta')?.data[0], 0)
  })

  it('reads targets of an output without a loss as its metrics do', async () => {
    const from = input({ shape: [4] })
    const a = layers.dense({ units: 2 }).apply(from)
    const b = layers.dense({ units: 2, activation: 'softmax' }).apply(from)
    using net = model({ inputs: from, outputs: { a, b }, seed: 3 })
    const flat = y.price.data
    const labels = Uint8Array.from(yes)
    const hot = array(
      Float32Array.from({ length: 2 * rows }, (_, i) => Number(yes[i >> 1] === (i & 1))),
      [rows, 2],
    )
    const all = ['mae', 'rootMeanSquaredError', 'r2Score', 'pearsonCorrelation', 'accuracy', 'categoricalCrossentropy']
    const evaluate = async (metric: readonly string[], loss: string | null, targets: unknown) => {
      net.compile({ loss: { a: 'mse', b: loss as 'mse' }, metrics: { b: metric as ['mae'] }, device })
      const {
        loss: _,
        a_loss,
        b_loss,
        ...own
      } = (await net.evaluate(x, {
        a: y.price,
        b: targets as Float32Array,
      })) as Record<string, number>
      return own
    }
    for (const metric of all) {
      const isOfClasses = all.indexOf(metric) > 3
      const expected = await evaluate(
        [metric],
        isOfClasses ? 'categoricalCrossentropy' : 'mse',
        isOfClasses ? hot : flat,
      )
      const forms = isOfClasses ? [hot, labels] : [flat, array(flat, [rows, 2])]
      for (const form of forms) assert.deepEqual(await evaluate([metric], null, form), expected, metric)
      if (!isOfClasses) await assert.rejects(evaluate([metric], null, labels), { code: 'ERR_SHAPE' }, metric)
    }
    const mixed = ['accuracy', 'mae', 'r2Score']
    assert.deepEqual(await evaluate(mixed, null, labels), await evaluate(mixed, 'categoricalCrossentropy', hot))
    // Nothing reads these.
    const nothing = await evaluate([], null, null)
    await inFolder(async (folder) => {
      const path = join(folder, 'labels.npy')
      await writeNpy(path, Float32Array.of(7))
      for (const targets of [labels, flat, Int32Array.of(-1), await openNpy(path)]) {
        assert.deepEqual(await evaluate([], null, targets), nothing)
        await net.fit(x, { a: y.price, b: targets as Float32Array }, options)
      }
    })
  })

  it('warns of NaN in targets of an output with a loss', async () => {
    const bad = y.price.data.map((value, i) => (i === 6 ? Number.NaN : value))
    const price = array(bad, [rows, 2])
    const messagesOf = async (loss: 'mse' | null) => {
      const warned = await warningsOf(async () => {
        using net = twoHeads().compile({
          loss: { price: loss as 'mse', sold: 'mse' },
          metrics: { price: ['mae'] },
          device,
        })
        await net.evaluate(x, { price, sold: y.sold })
      })
      return warned.filter(({ code }) => code === 'NEURODE_NOT_FINITE').map(({ message }) => message)
    }
    const [message] = await messagesOf('mse')
    assert.match(message as string, /y of output 'price' has NaN in row 3/)
    assert.deepEqual(await messagesOf(null), [])
  })
})
