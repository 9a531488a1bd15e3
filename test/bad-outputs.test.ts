/** What models of several outputs refuse: losses, metrics, targets and weights that do not fit the outputs. */

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Functional, input, layers, load, losses, metrics, model, type NeurodeError, sequential } from 'neurode'
import { inFolder } from './data/files.js'
import { bits, numbers, quiet } from './support/graphs.js'
import { redescribed } from './support/mutations.js'
import { compiled, twoHeads, x, y, yes } from './support/severalOutputs.js'

describe('bad settings and targets of several outputs', () => {
  type Options = Parameters<ReturnType<typeof twoHeads>['compile']>[0]
  const bad: [string, unknown, string, RegExp][] = [
    ['a missing loss', { loss: { price: 'mse' } }, 'ERR_ARGUMENT', /loss\.sold: expected a loss, or null for none/],
    ['an unknown output', { loss: { prise: 'mse', sold: 'mse' } }, 'ERR_UNKNOWN_NAME', /did you mean 'price'/],
    ['too few losses', { loss: ['mse'] }, 'ERR_ARGUMENT', /a list of 2, for the outputs price, sold, got 1/],
    ['an unknown loss', { loss: ['mse', 'mze'] }, 'ERR_UNKNOWN_NAME', /loss\[1\]: .*'mse'/],
    ['no loss at all', { loss: [null, null] }, 'ERR_ARGUMENT', /loss: expected a loss of one output at least/],
    ['no loss', {}, 'ERR_ARGUMENT', /loss: expected .*, got undefined/],
    ['one list of metrics', { loss: 'mse', metrics: ['mae'] }, 'ERR_ARGUMENT', /metrics: expected a list of 2/],
    ['metrics as a text', { loss: 'mse', metrics: 'mae' }, 'ERR_ARGUMENT', /a list for each output/],
    ['metrics of no output', { loss: 'mse', metrics: { size: [] } }, 'ERR_UNKNOWN_NAME', /no output is called 'size'/],
    ['an unknown metric', { loss: 'mse', metrics: { sold: ['ack'] } }, 'ERR_UNKNOWN_NAME', /metrics\.sold\[0\]/],
    ['a metric twice', { loss: 'mse', metrics: { sold: ['mse', 'mse'] } }, 'ERR_ARGUMENT', /metrics\.sold\[1\]/],
    ['too many weights', { loss: 'mse', lossWeights: [1, 2, 3] }, 'ERR_ARGUMENT', /lossWeights: expected a list of 2/],
    ['weights of no output', { loss: 'mse', lossWeights: { size: 1 } }, 'ERR_UNKNOWN_NAME', /lossWeights/],
    ['a weight that is none', { loss: 'mse', lossWeights: { sold: 'a' } }, 'ERR_ARGUMENT', /lossWeights\.sold/],
    [
      'a loss that needs more values',
      { loss: { price: 'mse', sold: 'categoricalCrossentropy' } },
      'ERR_SHAPE',
      /output 'sold': loss 'categoricalCrossentropy'/,
    ],
    [
      'an accuracy of a regression',
      { loss: { price: 'mse', sold: 'mse' }, metrics: { sold: [metrics.topKCategoricalAccuracy({ k: 1 })] } },
      'ERR_SHAPE',
      /output 'sold': metric 'sold_topKCategoricalAccuracy'/,
    ],
  ]
  for (const [name, options, code, message] of bad) {
    it(`refuses to compile with ${name}`, () => {
      using net = twoHeads()
      assert.throws(() => net.compile(options as Options), { code, message })
    })
  }

  it('refuses names whose keys in the logs would be the same', () => {
    const from = input({ shape: [2] })
    const dense = () => layers.dense({ units: 1 }).apply(from)
    const named = (names: readonly string[]) =>
      model({ inputs: from, outputs: Object.fromEntries(names.map((name) => [name, dense()])) })
    const error = { code: 'ERR_ARGUMENT', message: /whose keys in the logs differ/ }
    const two = named(['a', 'a_b'])
    const custom = metrics.custom({ name: 'b_mae', rows: () => [] })
    assert.throws(() => two.compile({ loss: 'mse', metrics: { a: [custom], a_b: ['mae'] } }), error)
    assert.throws(() => named(['val', 'b']).compile({ loss: 'mse' }), error)
    assert.throws(() => named(['a', 'val_a']).compile({ loss: 'mse' }), error)
  })

  const targets: [string, unknown, unknown, string, RegExp][] = [
    ['an array for all', y.price, {}, 'ERR_ARGUMENT', /y: expected targets for each output, in a list or by name/],
    ['too few', [y.price], {}, 'ERR_SHAPE', /y: expected a list of 2, for the outputs price, sold, got 1/],
    ['a missing output', { price: y.price }, {}, 'ERR_ARGUMENT', /y\.sold: expected targets/],
    ['an unknown output', { ...y, size: y.price }, {}, 'ERR_UNKNOWN_NAME', /no output is called 'size'/],
    ['other rows', { ...y, sold: yes.subarray(1) }, {}, 'ERR_SHAPE', /y\.sold: expected 24 rows/],
    ['another shape', [numbers(3), y.sold], {}, 'ERR_SHAPE', /y\[0\]: expected shape \[n, 2\]/],
    ['texts', { ...y, sold: 'no' }, {}, 'ERR_DTYPE', /y\.sold/],
    ['weights of no output', y, { sampleWeight: { size: yes } }, 'ERR_UNKNOWN_NAME', /sampleWeight/],
    ['too few weights', y, { sampleWeight: { sold: yes.subarray(1) } }, 'ERR_SHAPE', /sampleWeight\.sold/],
    ['weights of classes', y, { classWeight: { 0: 1, 1: 2 } }, 'ERR_ARGUMENT', /classWeight: expected none/],
    ['balanced classes', y, { classWeight: 'balanced' }, 'ERR_ARGUMENT', /classWeight/],
  ]
  for (const [name, given, options, code, message] of targets) {
    it(`refuses targets: ${name}`, async () => {
      using net = compiled('cpu')
      const before = bits(net)
      const train = net.fit.bind(net) as (x: unknown, y: unknown, options: unknown) => Promise<unknown>
      await assert.rejects(train(x, given, { ...quiet, ...(options as object) }), { code, message })
      const batches = [{ x, y: given, ...('sampleWeight' in (options as object) ? (options as object) : {}) }]
      const rest = 'classWeight' in (options as object) ? (options as object) : {}
      await assert.rejects(train(batches, { ...quiet, ...rest }, undefined), { code })
      assert.deepEqual(bits(net), before)
    })
  }

  it('refuses lists and names for a Sequential model', () => {
    const net = sequential([layers.dense({ units: 1, inputShape: [2] })])
    assert.throws(() => net.compile({ loss: ['mse'] } as never), { code: 'ERR_ARGUMENT' })
    assert.throws(() => net.compile({ loss: 'mse', lossWeights: 1 } as never), { code: 'ERR_UNKNOWN_NAME' })
  })

  it('refuses files whose losses and metrics do not fit the outputs, and names them', async () => {
    type Head = { loss: { name: string }; metrics: { id: string; name: string }[] }
    type Described = { training: { heads: [Head, Head] } }
    const cases: readonly (readonly [(heads: [Head, Head]) => unknown, RegExp])[] = [
      [(heads) => heads.pop(), /expected a model of 1 outputs, as it was compiled, got 2/],
      [(heads) => heads.push(heads[0]), /a model of 3 outputs, as it was compiled, got 2/],
      [([price]) => Object.assign(price.metrics[0] as object, { name: 'loss' }), /whose keys .* got 'price_loss'/],
      [([, sold]) => sold.metrics.push(...sold.metrics), /whose keys .* got 'sold_accuracy'/],
      [([, sold]) => Object.assign(sold.loss, { name: 'categoricalHinge', options: {} }), /output 'sold': loss/],
      [([price]) => Object.assign(price.loss, { name: 'nope' }), /loss: expected a known name/],
      [([price]) => Object.assign(price, { metrics: null }), /metrics: expected a list/],
      [(heads) => heads.map((head) => Object.assign(head, { loss: null })), /a loss of one output at least/],
    ]
    await inFolder(async (folder) => {
      const path = join(folder, 'm.neurode')
      using net = compiled('cpu')
      await net.save(path)
      const bytes = await readFile(path)
      for (const [change, reason] of cases) {
        await writeFile(
          path,
          redescribed(bytes, ({ training }: Described) => void change(training.heads)),
        )
        for (const options of [{}, { learningRate: 0.1 }]) {
          await assert.rejects(load(path, options), (error: NeurodeError) => {
            assert.equal(error.code, 'ERR_FILE_FORMAT')
            assert.ok(error.message.startsWith(path))
            assert.match(error.message, reason)
            return true
          })
        }
      }
      await writeFile(
        path,
        redescribed(bytes, () => {}),
      )
      using same = await load<Functional>(path)
      assert.deepEqual(bits(same), bits(net))
    })
  })

  it('names a custom loss of several outputs once where it was not passed again', async () => {
    const quartic = losses.custom({ name: 'quartic', compute: () => ({ loss: 0, gradient: new Float32Array(0) }) })
    await inFolder(async (folder) => {
      const path = join(folder, 'm.neurode')
      using net = twoHeads().compile({ loss: quartic })
      await net.save(path)
      using bare = await load<Functional>(path)
      const message = /was its own: loss 'quartic'; load/
      await assert.rejects(bare.evaluate(x, y as never), { code: 'ERR_NOT_COMPILED', message })
    })
  })

  it('keeps losses as they were given', () => {
    using net = twoHeads()
    net.compile({ loss: { sold: null, price: 'mse' } })
    const { loss } = net
    assert.deepEqual(Object.keys(loss ?? {}), ['price', 'sold'])
    assert.deepEqual([loss?.price?.name, loss?.sold], ['meanSquaredError', null])
  })
})
