/** Graph models: equal to chains where they are chains, trained, saved and frozen as those, and models that share layers. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  type AnyModel,
  array,
  debug,
  Functional,
  input,
  layers,
  load,
  model,
  type SymbolicTensor,
  sequential,
} from 'neurode'
import { serve } from 'neurode/serve'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { bits, compiled, numbers, quiet } from './support/graphs.js'
import { assertNear, rounded } from './support/tolerances.js'

const x4 = numbers(4)
const y1 = numbers(1)

/** A graph with much of what graphs have: skips, a shared layer, noise, a nested model that is used twice, statistics of batches. */
function richGraph(seed = 3) {
  const block = sequential(
    [layers.dense({ units: 4, activation: 'tanh', inputShape: [4] }), layers.dropout({ rate: 0.2 })],
    {
      name: 'block',
    },
  )
  const x = input({ shape: [4], name: 'x' })
  const shared = layers.dense({ units: 4, activation: 'tanh', name: 'shared' })
  const a = block.apply(shared.apply(x))
  const b = layers.batchNormalization().apply(block.apply(x))
  const sum = layers.add().apply([a, b, shared.apply(a)])
  const joined = layers.concatenate().apply([sum, x])
  return model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(joined), seed })
}

perDevice('graph models', (device) => {
  it('have the bits of a chain where they are one', async () => {
    const parts = () => [
      layers.dense({ units: 6, activation: 'tanh' }),
      layers.dropout(0.3),
      layers.dense({ units: 1 }),
    ]
    const x = input({ shape: [4] })
    let h: SymbolicTensor = x
    for (const layer of parts()) h = layer.apply(h)
    using graph = compiled(model({ inputs: x, outputs: h, seed: 7 }) as Functional, device)
    using chain = compiled(
      sequential([layers.dense({ units: 6, activation: 'tanh', inputShape: [4] }), ...parts().slice(1)], { seed: 7 }),
      device,
    )
    assert.deepEqual(bits(graph), bits(chain))
    for (const each of [graph, chain] as AnyModel[]) await each.fit(x4, y1, { batchSize: 8, epochs: 2, ...quiet })
    assert.deepEqual(bits(graph), bits(chain))
    assert.deepEqual((await graph.predict(x4)).data, (await chain.predict(x4)).data)
  })

  it('have the gradients that finite differences have', async () => {
    const x = input({ shape: [4] })
    const shared = layers.dense({ units: 4, activation: 'tanh' })
    const h = shared.apply(shared.apply(x))
    const product = layers.multiply().apply([h, layers.dense({ units: 4 }).apply(x), x])
    const other = layers.subtract().apply([layers.maximum().apply([x, h]), layers.minimum().apply([product, h])])
    const mean = layers.average().apply([other, h])
    const cosine = layers.dot({ axes: 1, normalize: true }).apply([mean, h])
    const joined = layers.concatenate().apply([layers.slice({ begin: 1, size: 2 }).apply(mean), cosine, h])
    using net = model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(joined), seed: 11 })
    net.compile({ loss: 'mse', device, threads: 1 })
    const report = await debug.checkGradients(net, x4, y1)
    assert.ok(report.agrees, JSON.stringify(report))
    assert.ok(report.checked > 20)
  })

  it('take columns in any order, and integers for an embedding', async () => {
    const table = input({ shape: [2, 5] })
    const indices = [4, 0, 1, 1, 3]
    using columns = compiled(model({ inputs: table, outputs: layers.take({ indices }).apply(table) }), device)
    const rows = Float32Array.from({ length: 30 }, (_, i) => i)
    const { data, shape } = await columns.predict(array(rows, [3, 2, 5]))
    assert.deepEqual(shape, [3, 2, 5])
    const expected = Array.from({ length: 6 }, (_, row) => indices.map((index) => 5 * row + index))
    assert.deepEqual(Array.from(data), expected.flat())

    const x = input({ shape: [5], dtype: 'int32' })
    const words = layers.take({ indices: [0, 2, 4] }).apply(x)
    assert.equal(words.dtype, 'int32')
    const embeddings = array(
      Float32Array.from({ length: 16 }, (_, i) => i / 4),
      [8, 2],
    )
    const vectors = layers.embedding({ inputDim: 8, outputDim: 2, weights: [embeddings] }).apply(words)
    using net = compiled(model({ inputs: x, outputs: layers.flatten().apply(vectors) }), device)
    const found = await net.predict(array(Int32Array.of(7, 99, 3, 99, 0), [1, 5]))
    const vector = (word: number) => Array.from(embeddings.data.subarray(2 * word, 2 * word + 2))
    assert.deepEqual(Array.from(found.data), [7, 3, 0].flatMap(vector))
    const wrong = array(Int32Array.of(7, 0, 8, 0, 0), [1, 5])
    await assert.rejects(net.predict(wrong), { code: 'ERR_LABEL_RANGE' })
  })

  it('take hundreds of columns that do not lie side by side', async () => {
    const x = input({ shape: [1000] })
    const indices = Array.from({ length: 500 }, (_, i) => 999 - 2 * i)
    const sum = layers.dense({ units: 1, kernelInitializer: 'ones' }).apply(layers.take({ indices }).apply(x))
    using net = compiled(model({ inputs: x, outputs: sum }), device)
    const row = Float32Array.from({ length: 1000 }, (_, i) => i % 2)
    assert.deepEqual(Array.from((await net.predict(array(row, [1, 1000]))).data), [500])
    await net.fit(array(row, [1, 1000]), [[0]], quiet)
  })

  it('train to the same bits with any number of threads', async () => {
    const results: string[] = []
    for (const threads of [1, 2, 3, 7]) {
      using net = compiled(richGraph(), device, threads)
      await net.fit(x4, y1, { batchSize: 8, epochs: 2, ...quiet })
      results.push(JSON.stringify(bits(net)))
    }
    assert.equal(new Set(results).size, 1)
  })

  it('go on from a file as if nothing had happened', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'graph.neurode')
      using net = compiled(richGraph(), device)
      await net.fit(x4, y1, { batchSize: 8, epochs: 1, ...quiet })
      await net.save(path)
      using again = await load<Functional>(path, { device, threads: 1 })
      assert.ok(again instanceof Functional)
      assert.deepEqual(again.summary({ print: false }), net.summary({ print: false }))
      assert.deepEqual(again.inputNames, ['x'])
      for (const each of [net, again]) await each.fit(x4, y1, { batchSize: 8, epochs: 3, resume: true, ...quiet })
      using straight = compiled(richGraph(), device)
      await straight.fit(x4, y1, { batchSize: 8, epochs: 3, ...quiet })
      assert.deepEqual(bits(again), bits(straight))
      assert.deepEqual(bits(net), bits(straight))
      const weights = join(folder, 'graph.safetensors')
      await net.saveWeights(weights)
      using other = compiled(richGraph(8), device)
      await other.loadWeights(weights)
      assert.deepEqual(bits(other), bits(net))
    })
  })

  it('are saved and loaded from the middle of another graph', async () => {
    await inFolder(async (folder) => {
      const x = input({ shape: [4] })
      const code = layers.dense({ units: 2, name: 'code' }).apply(x)
      const outputs = layers.add().apply([code, layers.dense({ units: 2 }).apply(code)])
      using decoder = compiled(model({ inputs: code, outputs }) as Functional, device)
      const path = join(folder, 'decoder.neurode')
      await decoder.save(path)
      using again = await load<Functional>(path, { device, threads: 1 })
      assert.deepEqual(again.inputNames, ['code'])
      assert.deepEqual((await again.predict([[1, 2]])).data, (await decoder.predict([[1, 2]])).data)
    })
  })

  it('live on where a model that is part of them was disposed', async () => {
    const tower = sequential([layers.dense({ units: 3, inputShape: [4] })], { name: 'tower', seed: 1 })
    const x = input({ shape: [4] })
    using net = compiled(
      model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(tower.apply(x)) }) as Functional,
      device,
    )
    tower.compile({ loss: 'mse', device, threads: 1 })
    await tower.fit(x4, numbers(3), quiet)
    const trained = bits(tower)
    tower.dispose()
    assert.deepEqual(bits(net).slice(0, 2), trained)
    assert.equal(net.summary({ print: false }).layers[1]?.name, 'tower')
    assert.equal(net.getLayer('tower').getWeights().length, 2)
    net.getLayer('tower').trainable = false
    await net.fit(x4, y1, quiet)
    assert.deepEqual(bits(net).slice(0, 2), trained)
    await inFolder(async (folder) => {
      await net.save(join(folder, 'a.neurode'))
      using again = await load<Functional>(join(folder, 'a.neurode'))
      assert.deepEqual(bits(again), bits(net))
      assert.equal(again.getLayer('tower').trainable, false)
    })
  })

  it('predict the same alone, as a predictor, and in any batch', async () => {
    using net = compiled(richGraph(), device)
    const { data } = await net.predict(x4)
    using predictor = net.predictor()
    assert.deepEqual(await predictor.predict(x4.data as Float32Array), data)
    for (const row of [0, 7]) {
      const one = (x4.data as Float32Array).slice(4 * row, 4 * row + 4)
      assert.deepEqual([...net.predictSync(one).data], [data[row]])
    }
  })

  it('are served, from memory and from a file', async () => {
    await inFolder(async (folder) => {
      using net = compiled(richGraph(), device)
      const path = join(folder, 'filed.neurode')
      await net.save(path)
      await using server = await serve({ models: { net, filed: path }, port: 0, device, threads: 1 })
      const expected = net.predictSync([[1, 2, 3, 4]]).data[0] as number
      for (const name of ['net', 'filed']) {
        const body = JSON.stringify({ instances: [[1, 2, 3, 4]] })
        const answer = await fetch(`${server.url}/v1/models/${name}:predict`, { method: 'POST', body })
        const { predictions } = (await answer.json()) as { predictions: number[][] }
        assertNear(predictions[0]?.[0] as number, expected, rounded, name)
      }
    })
  })

  it('share the weights of layers with models that have them too', async () => {
    const x = input({ shape: [4], name: 'x' })
    const code = layers.dense({ units: 2, activation: 'tanh', name: 'code' }).apply(x)
    const copy = layers.dense({ units: 4, name: 'copy' }).apply(code)
    using net = compiled(model({ inputs: x, outputs: copy, seed: 1 }) as Functional, device)
    using encoder = model({ inputs: x, outputs: net.getLayer('code').output })
    using decoder = model({ inputs: code, outputs: copy })
    assert.deepEqual(decoder.inputNames, ['code'])
    const through = async () => (await decoder.predict(await encoder.predict(x4))).data
    const same = async (what: string) => {
      const [whole, parts] = [(await net.predict(x4)).data, await through()]
      const gap = Math.max(...whole.map((value, i) => Math.abs(value - (parts[i] as number))))
      assert.ok(gap < 1e-5, `${what}: ${gap}`)
    }
    await same('before training')
    const before = bits(encoder)
    await net.fit(x4, x4, { epochs: 2, batchSize: 8, ...quiet })
    assert.notDeepEqual(bits(encoder), before)
    await same('after training')
    compiled(encoder as Functional, device)
    await encoder.fit(x4, numbers(2), { epochs: 1, batchSize: 8, ...quiet })
    await same('after training the encoder')
    net.setWeights(
      net.getWeights().map(({ data, shape }) =>
        array(
          data.map((value) => value / 2),
          shape,
        ),
      ),
    )
    await same('after setWeights')
    net.getLayer('code').setWeights([array(new Float32Array(8), [4, 2]), [0, 0]])
    assert.ok((await encoder.predict(x4)).data.every((value) => value === 0))
  })

  it('see the weights of a training that runs between its batches', async () => {
    const net = compiled(sequential([layers.dense({ units: 1, name: 'out', inputShape: [4] })], { seed: 1 }), device)
    using part = model({ inputs: net.inputs, outputs: net.getLayer('out').output })
    const seen: string[][] = []
    await net.fit(x4, y1, {
      epochs: 3,
      batchSize: 8,
      ...quiet,
      callbacks: { onEpochEnd: () => void seen.push(bits(part)) },
    })
    assert.equal(new Set(seen.map(String)).size, 3)
    assert.deepEqual(seen.at(-1), bits(net))
    net.dispose()
    assert.deepEqual(bits(part), seen.at(-1))
  })

  it('take turns where both train a layer at the same time', async () => {
    const make = () => {
      const shared = layers.dense({ units: 3, activation: 'tanh', inputShape: [4] })
      const chain = compiled(sequential([shared, layers.dense({ units: 1 })], { seed: 4 }), device)
      const x = input({ shape: [4] })
      const outputs = layers.dense({ units: 4 }).apply(shared.apply(x))
      return [chain, compiled(model({ inputs: x, outputs, seed: 5 }) as Functional, device)] as const
    }
    const [a, b] = make()
    const [c, d] = make()
    for (let step = 0; step < 4; step++) {
      await Promise.all([a.trainOnBatch(x4, y1), b.trainOnBatch(x4, x4)])
      await c.trainOnBatch(x4, y1)
      await d.trainOnBatch(x4, x4)
    }
    assert.deepEqual([bits(a), bits(b)], [bits(c), bits(d)])
    await Promise.all([a.fit(x4, y1, quiet), b.fit(x4, x4, quiet)])
    assert.deepEqual(bits(a).slice(0, 2), bits(b).slice(0, 2))
    for (const each of [a, b, c, d]) each.dispose()
  })

  it('have initial weights that do not depend on which model is used first', () => {
    const make = () => {
      const shared = layers.dense({ units: 3, inputShape: [4] })
      const first = sequential([shared], { seed: 4 })
      const x = input({ shape: [4] })
      return [first, model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(shared.apply(x)), seed: 9 })] as const
    }
    const [a, netA] = make()
    const [b, netB] = make()
    const [first, second] = [bits(a), bits(netA)]
    assert.deepEqual(bits(netB), second)
    assert.deepEqual(bits(b), first)
    assert.deepEqual(second.slice(0, 2), first)
    for (const each of [a, netA, b, netB]) each.dispose()
  })

  it('freeze a layer in all models that have it', async () => {
    const shared = layers.dense({ units: 3, inputShape: [4] })
    using chain = compiled(sequential([shared, layers.dense({ units: 1 })], { seed: 4 }), device)
    const x = input({ shape: [4] })
    using net = compiled(
      model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(shared.apply(x)) }) as Functional,
      device,
    )
    await chain.fit(x4, y1, quiet)
    await net.fit(x4, y1, quiet)
    shared.trainable = false
    const before = shared.getWeights().map(({ data }) => [...data])
    for (const each of [chain, net] as AnyModel[]) await each.fit(x4, y1, quiet)
    assert.deepEqual(
      shared.getWeights().map(({ data }) => [...data]),
      before,
    )
  })
})

describe('graph models', () => {
  it('name their layers as Keras does, and weights of nested models after those', () => {
    using net = richGraph()
    assert.deepEqual(
      net.layers.map(({ name }) => name),
      ['x', 'shared', 'block', 'batch_normalization', 'add', 'concatenate', 'dense'],
    )
    assert.deepEqual(
      net.layers.map(({ kind }) => kind),
      ['Input', 'Dense', 'Sequential', 'BatchNormalization', 'Add', 'Concatenate', 'Dense'],
    )
    const names = net.getWeights().map(({ name }) => name)
    assert.deepEqual(names.slice(0, 4), ['shared/kernel', 'shared/bias', 'block/dense/kernel', 'block/dense/bias'])
    assert.equal(names.length, 10)
    assert.deepEqual(
      net
        .getLayer('block')
        .getWeights()
        .map(({ name }) => name),
      ['block/dense/kernel', 'block/dense/bias'],
    )
    assert.equal(net.countParams(), 4 * 5 * 2 + 4 * 4 + 9)
  })

  it('say in their summary what is connected to what', () => {
    using net = richGraph()
    const { layers: all, text } = net.summary({ print: false })
    assert.deepEqual(
      all.map(({ connectedTo }) => connectedTo?.join(' ')),
      ['', 'x block', 'shared x', 'block', 'block batch_normalization shared', 'add x', 'concatenate'],
    )
    assert.match(text, /Connected to/)
    using chain = sequential([layers.dense({ units: 1, inputShape: [2] })])
    assert.doesNotMatch(chain.summary({ print: false }).text, /Connected/)
  })

  it('keep names of nested models and inputs apart', () => {
    const [a, b] = [input({ shape: [2] }), input({ shape: [2] })]
    const tower = () => sequential([layers.dense({ units: 2, inputShape: [2] })])
    const outputs = layers.add().apply([tower().apply(a), tower().apply(b)])
    using net = model({ inputs: [a, b], outputs })
    assert.deepEqual(net.inputNames, ['input', 'input_1'])
    const names = net.getWeights().map(({ name }) => name)
    assert.deepEqual(
      names.filter((name) => name.endsWith('kernel')),
      ['sequential/dense/kernel', 'sequential_1/dense/kernel'],
    )
  })

  it('freeze all layers of a nested model through the layer that stands for it', () => {
    using net = richGraph()
    const block = net.getLayer('block')
    assert.equal(block.trainable, true)
    block.trainable = false
    assert.equal(net.summary({ print: false }).trainableParameters, net.countParams() - 20 - 8)
  })

  it('give the tensors of each call of a layer', () => {
    const x = input({ shape: [4] })
    const shared = layers.dense({ units: 4 })
    const once = shared.apply(x)
    assert.equal(shared.output, once)
    assert.equal(shared.input, x)
    const twice = shared.apply(once)
    assert.throws(() => shared.output, { code: 'ERR_ARGUMENT', message: /applied 2 times; getOutputAt\(i\)/ })
    assert.throws(() => shared.input, { code: 'ERR_ARGUMENT', message: /getInputAt\(i\)/ })
    assert.deepEqual([shared.getOutputAt(0), shared.getOutputAt(1), shared.getInputAt(1)], [once, twice, once])
    assert.throws(() => shared.getOutputAt(2), { code: 'ERR_ARGUMENT', message: /from 0 to 1/ })
    assert.throws(() => layers.dense({ units: 1 }).output, { code: 'ERR_NOT_BUILT' })
    const add = layers.add()
    add.apply([x, once])
    assert.deepEqual(add.input, [x, once])
  })
})
