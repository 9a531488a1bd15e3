/** Training of models of several outputs: losses, weights, metrics, targets from all sources, and files. */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  array,
  callbacks,
  debug,
  input,
  layers,
  load,
  losses,
  metrics,
  model,
  openNpy,
  type SymbolicTensor,
  writeNpy,
} from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { bits, numbers, quiet, rows } from './support/graphs.js'
import { adam, compiled, type Net, twoHeads, weights, x, y, yes } from './support/severalOutputs.js'
import { assertClose, otherTraining, product } from './support/tolerances.js'
import { warningsOf } from './support/warnings.js'

const keys = ['loss', 'price_loss', 'sold_loss', 'price_mae', 'price_weighted_mae', 'sold_accuracy', 'sold_auc']
const options = { batchSize: 5, epochs: 2, ...quiet }

perDevice('training of models of several outputs', (device) => {
  it('logs the losses and metrics of each output, and the weighted sum of the losses', async () => {
    using net = compiled(device)
    const { history } = await net.fit(x, y, { ...options, validationSplit: 0.25 })
    assert.deepEqual(Object.keys(history), [...keys, ...keys.map((key) => `val_${key}`)])
    assert.ok([...Object.values(history)].every((values) => values.length === 2 && values.every(Number.isFinite)))
    const logs = await net.evaluate(x, y)
    assert.deepEqual(Object.keys(logs), keys)
    const [kernel] = net.layers[1]?.getWeights() ?? []
    const penalty = 0.01 * [...(kernel?.data ?? [])].reduce((sum, w) => sum + w * w, 0)
    assertClose([logs.loss], [logs.price_loss + 0.5 * logs.sold_loss + penalty], product(8), 'the sum')
    // A model of one output has the same layers.
    const [price, sold] = net.outputs as unknown as [SymbolicTensor, SymbolicTensor]
    for (const [name, output, loss] of [
      ['price', price, 'mse'],
      ['sold', sold, 'binaryCrossentropy'],
    ] as const) {
      using alone = model({ inputs: net.inputs, outputs: output })
      alone.compile({ loss, metrics: name === 'price' ? ['mae'] : ['accuracy', 'auc'], device })
      const own: Record<string, number> = await alone.evaluate(x, y[name])
      for (const [key, value] of Object.entries(own)) {
        if (key === 'loss') assertClose([value - penalty], [logs[`${name}_loss`]], product(8), name)
        else assert.equal(value, (logs as Record<string, number>)[`${name}_${key}`], `${name}_${key}`)
      }
    }
    const { price: p, sold: s } = await net.predict(x)
    assert.deepEqual(
      [p.shape, s.shape],
      [
        [rows, 2],
        [rows, 1],
      ],
    )
    assert.deepEqual(await net.testOnBatch(x, y), logs)
  })

  it('takes targets by name, in a list, and from batches, with the same bits', async () => {
    using expected = compiled(device)
    const whole = { ...options, batchSize: rows, shuffle: false }
    await expected.fit(x, y, whole)
    using listed = compiled(device)
    await listed.fit(x, [y.price, y.sold], whole)
    using streamed = compiled(device)
    await streamed.fit([{ x, y }], { epochs: 2, ...quiet })
    using stepped = compiled(device)
    for (let step = 0; step < 2; step++) await stepped.trainOnBatch(x, y)
    for (const net of [listed, streamed, stepped]) assert.deepEqual(bits(net), bits(expected))
    const logs = await expected.evaluate(x, y)
    assert.deepEqual(await listed.evaluate([{ x, y: [y.price, y.sold] }]), logs)
  })

  it('takes targets from files, beside those in memory', async () => {
    await inFolder(async (folder) => {
      await writeNpy(join(folder, 'price.npy'), y.price)
      await writeNpy(join(folder, 'x.npy'), x)
      const price = await openNpy(join(folder, 'price.npy'))
      using memory = compiled(device)
      using filed = compiled(device)
      const plain = { ...options, shuffle: false, sampleWeight: weights }
      await memory.fit(x, y, plain)
      await filed.fit(x, { price, sold: y.sold }, plain)
      assert.deepEqual(bits(filed), bits(memory))
      const logs = await memory.evaluate(x, y, { sampleWeight: weights })
      assert.deepEqual(
        await filed.evaluate(
          await openNpy(join(folder, 'x.npy')),
          [price, y.sold],
          plain.sampleWeight && { sampleWeight: weights },
        ),
        logs,
      )
      await assert.rejects(filed.fit(x, { price, sold: y.sold }, { validationSplit: 0.5, ...quiet }), {
        code: 'ERR_ARGUMENT',
        message: /validationSplit/,
      })
    })
  })

  it('applies weights of rows to all outputs, or to each its own', async () => {
    using net = compiled(device)
    const one = await net.evaluate(x, y, { sampleWeight: weights.price })
    assert.deepEqual(await net.evaluate(x, y, { sampleWeight: [weights.price, weights.price] }), one)
    const other = await net.evaluate(x, y, { sampleWeight: { price: weights.price } })
    assert.equal(other.price_loss, one.price_loss)
    assert.equal(other.price_weighted_mae, one.price_weighted_mae)
    assertClose([other.sold_loss], [(await net.evaluate(x, y)).sold_loss], product(8), 'no weights')
    assert.equal((await net.evaluate(x, y, { sampleWeight: weights })).price_loss, one.price_loss)
    assert.notEqual(other.sold_loss, one.sold_loss)
    const batches = [{ x, y, sampleWeight: weights }]
    assert.deepEqual(await net.evaluate(batches), await net.evaluate(x, y, { sampleWeight: weights }))
    const { history } = await net.fit(x, y, { ...options, sampleWeight: weights, validationData: [x, y, weights] })
    assert.ok(history.val_price_weighted_mae.every(Number.isFinite))
  })

  it('weights positions, and leaves a class of one output out', async () => {
    const from = input({ shape: [3, 2], name: 'from' })
    const each = layers.dense({ units: 4, activation: 'softmax', name: 'each' }).apply(from)
    const whole = layers.dense({ units: 2, name: 'whole' }).apply(layers.flatten().apply(from))
    using net = model({ inputs: from, outputs: [each, whole], seed: 2 })
    const loss = losses.sparseCategoricalCrossentropy({ ignoreClass: -1 })
    net.compile({ loss: [loss, 'mse'], metrics: [['accuracy'], ['mae']], device })
    const data = array(numbers(6).data as Float32Array, [rows, 3, 2])
    const labels = array(
      Int32Array.from({ length: rows * 3 }, (_, i) => (i % 5) - 1),
      [rows, 3],
    )
    const targets = [labels, numbers(2)] as const
    const byPosition = array(
      Float32Array.from({ length: rows * 3 }, (_, i) => 1 + (i % 3)),
      [rows, 3],
    )
    const report = await debug.checkGradients(net, data, targets, { sampleWeight: [byPosition, weights.price] })
    assert.ok(report.agrees, JSON.stringify(report.parameters))
    using alone = model({ inputs: from, outputs: each })
    alone.compile({ loss, metrics: ['accuracy'], device })
    const own = await alone.evaluate(data, labels, { sampleWeight: byPosition })
    const both: Record<string, number> = await net.evaluate(data, targets, { sampleWeight: [byPosition, null] })
    assert.deepEqual([both.each_loss, both.each_accuracy], [own.loss, own.accuracy])
  })

  it('computes custom losses and metrics of one output as those of others', async () => {
    const squares = losses.custom({
      name: 'squares',
      compute: ({ outputs, targets, shape: [count, size], weights: of }) => {
        const errors = outputs.map((value, i) => value - (targets[i] as number))
        const weight = (i: number) => (of[Math.floor(i / size)] as number) / (count * size)
        return {
          loss: errors.reduce((sum, e, i) => sum + weight(i) * e * e, 0),
          gradient: errors.map((e, i) => 2 * weight(i) * e),
        }
      },
    })
    const far = metrics.custom({
      name: 'mae',
      rows: ({ outputs, targets, shape: [count, size] }) =>
        Float32Array.from({ length: count }, (_, row) => {
          let total = 0
          for (let i = row * size; i < (row + 1) * size; i++)
            total += Math.abs((outputs[i] as number) - (targets[i] as number))
          return total / size
        }),
    })
    const make = (price: 'mse' | typeof squares, mae: 'mae' | typeof far) => {
      const net: Net = twoHeads() as never
      net.compile({
        optimizer: adam(),
        loss: { price, sold: 'binaryCrossentropy' },
        lossWeights: [2, 0.5],
        metrics: { price: [mae] },
        device,
        threads: 1,
      })
      return net
    }
    using native = make('mse', 'mae')
    using custom = make(squares, far)
    const { agrees, parameters } = await debug.checkGradients(custom, x, y, { sampleWeight: weights })
    assert.ok(agrees, JSON.stringify(parameters))
    for (const net of [native, custom]) await net.fit(x, y, { ...options, sampleWeight: weights })
    const values = (net: Net) => net.getWeights().flatMap(({ data }) => [...data])
    assertClose(values(custom), values(native), otherTraining, 'weights')
    const [own, expected]: Record<string, number>[] = [
      await custom.evaluate(x, y, { batchSize: 7 }),
      await native.evaluate(x, y, { batchSize: 7 }),
    ]
    for (const key of ['loss', 'price_loss', 'price_mae']) {
      assertClose([own?.[key] as number], [expected?.[key] as number], otherTraining, key)
    }
    await inFolder(async (folder) => {
      const path = join(folder, 'custom.neurode')
      await custom.save(path)
      using loaded = await load<Net>(path, { device, losses: [squares], metrics: [far] })
      assert.deepEqual(await loaded.evaluate(x, y, { batchSize: 7 }), own)
      using bare = await load<Net>(path, { device })
      await assert.rejects(bare.evaluate(x, y), { code: 'ERR_NOT_COMPILED', message: /loss 'squares', metric 'mae'/ })
    })
  })

  it('goes on from a file within an epoch, bit for bit', async () => {
    await inFolder(async (folder) => {
      using straight = compiled(device)
      const whole = await straight.fit(x, y, { ...options, epochs: 4, sampleWeight: weights, validationSplit: 0.25 })
      for (const stopAt of [2, 4, 7]) {
        using first = compiled(device)
        const path = join(folder, `${stopAt}.neurode`)
        let batch = 0
        const stop = {
          async onBatchEnd() {
            if (++batch !== stopAt) return
            await first.save(path)
            first.stopTraining = true
          },
        }
        const same = { ...options, epochs: 4, sampleWeight: weights, validationSplit: 0.25 }
        await first.fit(x, y, { ...same, callbacks: stop })
        using second = await load<Net>(path, { device, threads: 1 })
        assert.deepEqual(Object.keys(await second.evaluate(x, y)), keys)
        const rest = await second.fit(x, y, { ...same, resume: true })
        assert.deepEqual(bits(second), bits(straight), `stopped after ${stopAt} batches`)
        for (const [key, values] of Object.entries(rest.history)) {
          assert.deepEqual(values, whole.history[key as 'loss'].slice(-rest.epochs), key)
        }
      }
    })
  })

  it('goes on from a backup, and refuses that of other losses', async () => {
    await inFolder(async (folder) => {
      using straight = compiled(device)
      await straight.fit(x, y, options)
      using first = compiled(device)
      const backup = () => callbacks.backupAndRestore(folder)
      const fail = {
        onEpochEnd(epoch: number) {
          if (epoch === 1) throw new Error('stopped')
        },
      }
      await assert.rejects(first.fit(x, y, { ...options, callbacks: [backup(), fail] }), /stopped/)
      const other = twoHeads().compile({ optimizer: adam(), loss: { price: 'mse', sold: 'mse' }, device })
      const mismatch = { code: 'ERR_CHECKPOINT_MISMATCH', message: /meanSquaredError, binaryCrossentropy/ }
      await assert.rejects(other.fit(x, y, { ...options, callbacks: backup() }), mismatch)
      using second = compiled(device)
      await second.fit(x, y, { ...options, callbacks: backup() })
      assert.deepEqual(bits(second), bits(straight))
    })
  })

  it('tells callbacks the keys of all outputs, and which values are better', async () => {
    using net = compiled(device)
    await inFolder(async (folder) => {
      const path = join(folder, 'logs.csv')
      const directions: string[] = []
      const ask = {
        onTrainBegin(_: object, { direction }: { direction: (key: string) => string }) {
          directions.push(...['loss', 'sold_loss', 'price_mae', 'sold_auc', 'val_sold_auc'].map(direction))
        },
      }
      const stop = callbacks.earlyStopping({ monitor: 'val_sold_auc', patience: 1 })
      const data = { validationData: [x, y] } as const
      await net.fit(x, y, { ...options, ...data, callbacks: [ask, stop, callbacks.csvLogger(path)] })
      assert.deepEqual(directions, ['min', 'min', 'min', 'max', 'max'])
      const [header] = (await readFile(path, 'utf8')).split('\n')
      assert.equal(header?.trim(), ['epoch', ...keys, ...keys.map((key) => `val_${key}`)].join(','))
    })
    const unknown = callbacks.earlyStopping({ monitor: 'val_auc' })
    const error = { code: 'ERR_UNKNOWN_NAME', message: /sold_auc/ }
    await assert.rejects(net.fit(x, y, { ...options, validationSplit: 0.5, callbacks: unknown }), error)
  })

  it('measures the classes of the outputs that classify', async () => {
    using net = compiled(device)
    const { perClass } = await net.evaluate(x, y, { perClass: true })
    assert.deepEqual(Object.keys(perClass), ['sold'])
    const [, sold] = net.outputs as unknown as [SymbolicTensor, SymbolicTensor]
    using alone = model({ inputs: net.inputs, outputs: sold })
    alone.compile({ loss: 'binaryCrossentropy', device })
    const own = await alone.evaluate(x, y.sold, { perClass: true })
    assert.deepEqual(perClass.sold?.confusionMatrix, own.perClass.confusionMatrix)
    const none = twoHeads().compile({ loss: 'mse', device })
    await assert.rejects(none.evaluate(x, y, { perClass: true }), { code: 'ERR_ARGUMENT', message: /perClass/ })
  })

  it('acts as a model of one output where there is a record or a list of one', async () => {
    const from = input({ shape: [4] })
    const make = (outputs: (tensor: SymbolicTensor<readonly [2]>) => SymbolicTensor<readonly [2]>) =>
      model({ inputs: from, outputs: outputs(layers.dense({ units: 2, name: 'only' }).apply(from)), seed: 1 })
    const options = { loss: 'mse', metrics: ['mae'], device } as const
    using plain = make((tensor) => tensor).compile(options)
    using named = make((only) => ({ only }) as never).compile(options)
    using byArray = make((only) => ({ only }) as never).compile(options)
    using listed = make((only) => [only] as never).compile({ ...options, loss: ['mse'], metrics: [['mae']] } as never)
    const expected = await plain.fit(x, y.price, quiet)
    for (const [net, targets] of [
      [named, { only: y.price }],
      [listed, [y.price]],
      [byArray, y.price],
    ] as const) {
      const { history } = await net.fit(x, targets as never, quiet)
      assert.deepEqual(history, expected.history)
    }
  })

  it('reads targets in place, copies others, and reads them before the caller changes them', async () => {
    const shared = (values: ArrayLike<number>) => {
      const floats = new Float32Array(new SharedArrayBuffer(4 * values.length))
      floats.set(Array.from(values))
      return floats
    }
    using expected = compiled(device)
    await expected.fit(x, y, options)
    using net = compiled(device)
    const [own, price, sold] = [shared(x.data), shared(y.price.data), shared(yes)]
    await net.fit(own, { price, sold }, { ...options, copy: false })
    assert.deepEqual(bits(net), bits(expected))
    using changed = compiled(device)
    const given = Float32Array.from(y.price.data)
    const done = changed.fit(x, { price: given, sold: yes }, options)
    given.fill(Number.NaN)
    await done
    assert.deepEqual(bits(changed), bits(expected))
  })

  it('warns of targets and outputs of one output', async () => {
    const warned = await warningsOf(async () => {
      using net = twoHeads()
      net.compile({ loss: { price: 'binaryCrossentropy', sold: 'binaryCrossentropy' }, device })
      await net.fit(
        x,
        {
          price: y.price,
          sold: array(
            yes.map((value) => 3 * value),
            [rows, 1],
          ),
        },
        quiet,
      )
    })
    const messages = warned.map(({ message }) => message)
    assert.ok(messages.some((text) => /layer 'cost': loss 'binaryCrossentropy' is made for probabilities/.test(text)))
    assert.ok(
      messages.some((text) => /output '(price|sold)': loss 'binaryCrossentropy' is made for targets/.test(text)),
    )
  })
})
