/** Graph models: equal to chains where they are chains, trained, saved and frozen as those, with several inputs and shared layers. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  type ArrayInput,
  array,
  debug,
  Functional,
  input,
  type Layer,
  layers,
  load,
  type Model,
  model,
  optimizers,
  type Sequential,
  type SymbolicTensor,
  sequential,
} from 'neurode'
import { attachPredictor, serve } from 'neurode/serve'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { Random } from './support/random.js'

const quiet = { verbose: 0 } as const

// biome-ignore lint/suspicious/noExplicitAny: a model of any shapes.
type AnyModel = Model<any, any, any, any>

const bits = (net: AnyModel) =>
  net.getWeights().map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'))

const rows = 24
const random = new Random(5)
const numbers = (columns: number) => array(random.normals(rows * columns), [rows, columns])
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

const compiled = <T extends Functional | Sequential>(net: T, device: string, threads = 1): T => {
  net.compile({ optimizer: optimizers.adam({ learningRate: 0.01 }), loss: 'mse', device, threads })
  return net
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

  it('take several inputs by name, in a list, and side by side', async () => {
    using net = twoInputs(device)
    const [a, b] = [numbers(3), numbers(2)]
    const whole = new Float32Array(rows * 5)
    for (let r = 0; r < rows; r++) {
      whole.set((a.data as Float32Array).subarray(3 * r, 3 * r + 3), 5 * r)
      whole.set((b.data as Float32Array).subarray(2 * r, 2 * r + 2), 5 * r + 3)
    }
    const { data, shape } = await net.predict({ b, a })
    assert.deepEqual(shape, [rows, 1])
    assert.deepEqual((await net.predict([a, b])).data, data)
    assert.deepEqual((await net.predict(array(whole, [rows, 5]))).data, data)
    assert.deepEqual(net.predictSync(whole).data, data)
    assert.deepEqual((await net.predictOnBatch({ a, b })).data, data)
    assert.deepEqual(net.inputShape, [5])
    using predictor = net.predictor()
    assert.deepEqual(await predictor.predict({ a, b }), data)
    assert.deepEqual(predictor.predictSync([a, b]), data)
    assert.deepEqual(await predictor.predict(whole), data)
    using attached = attachPredictor(structuredClone(predictor.token))
    assert.deepEqual(attached.predictSync({ a, b }), data)
    const { loss } = await net.evaluate({ a, b }, y1)
    assert.equal((await net.testOnBatch([a, b], y1)).loss, loss)
    const results = await net.fit({ a, b }, y1, { validationData: [{ a, b }, y1], batchSize: 8, epochs: 2, ...quiet })
    assert.equal(results.history.val_loss.length, 2)
    await net.fit({ a, b }, y1, { validationSplit: 0.25, ...quiet })
    await net.trainOnBatch({ a, b }, y1)
  })

  it('take batches of several inputs from a source', async () => {
    const [a, b] = [numbers(3), numbers(2)]
    using memory = twoInputs(device)
    using streamed = twoInputs(device)
    await memory.fit({ a, b }, y1, { batchSize: rows, shuffle: false, epochs: 2, ...quiet })
    await streamed.fit([{ x: { a, b }, y: y1 }], { epochs: 2, ...quiet })
    assert.deepEqual(bits(streamed), bits(memory))
    for await (const { shape } of streamed.predictStream([{ x: { a, b } }])) assert.deepEqual(shape, [rows, 1])
  })

  it('feed embeddings from an input of integers beside numbers', async () => {
    const city = input({ shape: [1], dtype: 'int32', name: 'city' })
    const size = input({ shape: [2], name: 'size' })
    const vector = layers.flatten().apply(layers.embedding({ inputDim: 5, outputDim: 3 }).apply(city))
    const joined = layers.concatenate().apply([size, vector])
    using net = model({ inputs: { size, city }, outputs: layers.dense({ units: 1 }).apply(joined), seed: 2 })
    net.compile({ loss: 'mse', optimizer: 'adam', device, threads: 1 })
    const cities = Int32Array.from({ length: rows }, (_, i) => i % 5)
    await net.fit({ size: numbers(2), city: cities }, y1, quiet)
    const bad = cities.with(3, 9)
    const error = { code: 'ERR_LABEL_RANGE' }
    await assert.rejects(net.fit({ size: numbers(2), city: bad }, y1, quiet), error)
    await assert.rejects(net.predict({ size: numbers(2), city: bad }), error)
    using predictor = net.predictor()
    await assert.rejects(predictor.predict({ size: numbers(2), city: bad }), error)
  })

  it('take bytes of several inputs', async () => {
    const [a, b] = [input({ shape: [3], dtype: 'uint8' }), input({ shape: [2], dtype: 'uint8' })]
    const scaled = layers.rescaling(1 / 255).apply(layers.concatenate().apply([a, b]))
    using net = model({ inputs: [a, b], outputs: layers.dense({ units: 1 }).apply(scaled), seed: 2 })
    net.compile({ loss: 'mse', device, threads: 1 })
    const bytes = [Uint8Array.from({ length: 6 }, (_, i) => 40 * i), Uint8Array.from({ length: 4 }, (_, i) => 60 * i)]
    const { data } = await net.predict(bytes)
    assert.deepEqual((await net.predict(bytes.map((each) => Float32Array.from(each)))).data, data)
  })
})

function twoInputs(device: string) {
  const [a, b] = [input({ shape: [3], name: 'a' }), input({ shape: [2], name: 'b' })]
  const h = layers.add().apply([layers.dense({ units: 4 }).apply(a), layers.dense({ units: 4 }).apply(b)])
  const net = model({ inputs: { a, b }, outputs: layers.dense({ units: 1 }).apply(h), seed: 6 })
  return net.compile({ loss: 'mse', optimizer: 'adam', device, threads: 1 })
}

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

describe('graph models refuse', () => {
  const x = input({ shape: [4], name: 'x' })
  const z = input({ shape: [3], name: 'z' })
  const dense = (units = 4) => layers.dense({ units })
  const cases: Readonly<Record<string, readonly [() => unknown, string, RegExp]>> = {
    'an output of another input': [
      () => model({ inputs: x, outputs: layers.concatenate().apply([x, z]) }),
      'ERR_ARGUMENT',
      /needs the input 'z' as well/,
    ],
    'an input that is not used': [
      () => model({ inputs: [x, z], outputs: dense().apply(x) }),
      'ERR_ARGUMENT',
      /got 'z', which it does not need/,
    ],
    'several outputs': [
      () => model({ inputs: x, outputs: [dense().apply(x), dense().apply(x)] }),
      'ERR_ARGUMENT',
      /several outputs are not supported yet/,
    ],
    'one tensor as two inputs': [() => model({ inputs: [x, x], outputs: dense().apply(x) }), 'ERR_ARGUMENT', /twice/],
    'names twice': [
      () => {
        const [a, b] = [layers.dense({ units: 4, name: 'a' }), layers.dense({ units: 4, name: 'a' })]
        return model({ inputs: x, outputs: b.apply(a.apply(x)) })
      },
      'ERR_ARGUMENT',
      /different names, got 'a' twice/,
    ],
    'no tensors': [() => model({ inputs: [], outputs: dense().apply(x) }), 'ERR_ARGUMENT', /at least one tensor/],
    'layers as tensors': [() => model({ inputs: x, outputs: dense() as never }), 'ERR_ARGUMENT', /a tensor/],
    'numbers as tensors': [() => dense().apply([1, 2] as never), 'ERR_ARGUMENT', /a tensor, as input\(\)/],
    'two tensors for a layer of one': [() => dense().apply([x, x]), 'ERR_ARGUMENT', /one tensor/],
    'one tensor for a merge': [() => layers.add().apply([x]), 'ERR_ARGUMENT', /at least two tensors/],
    'three tensors for a difference': [() => layers.subtract().apply([x, x, x]), 'ERR_ARGUMENT', /two tensors/],
    'shapes that differ': [() => layers.add().apply([x, z as never]), 'ERR_SHAPE', /one shape.*got \[4\] and \[3\]/],
    'shapes that do not join': [
      () => layers.concatenate({ axis: 1 }).apply([input({ shape: [2, 3] }), input({ shape: [2, 4] })]),
      'ERR_SHAPE',
      /differ along axis 1 alone/,
    ],
    'products of matrices': [
      () => layers.dot({ axes: 1 }).apply([input({ shape: [2, 3] }), input({ shape: [2, 3] })]),
      'ERR_SHAPE',
      /one dimension per row/,
    ],
    'columns that are not there': [() => layers.slice({ begin: 3, size: 2 }).apply(x), 'ERR_SHAPE', /at least 5/],
    'merges in a chain': [
      () => sequential([layers.add() as never, dense()]).build([4]),
      'ERR_ARGUMENT',
      /apply\(\[a, b\]\)/,
    ],
    'one layer for inputs of two sizes': [
      () => {
        const shared = dense()
        return model({ inputs: [x, z], outputs: layers.add().apply([shared.apply(x), shared.apply(z)]) })
      },
      'ERR_SHAPE',
      /its weights are for inputs of shape \[4\]/,
    ],
    'one layer for inputs of two sizes in two models': [
      () => {
        const shared = layers.dense({ units: 4 })
        sequential([shared]).build([3])
        return model({ inputs: x, outputs: shared.apply(x) })
      },
      'ERR_SHAPE',
      /as in another model/,
    ],
    'integers behind computed values': [
      () => {
        const h = layers.embedding({ inputDim: 3, outputDim: 2 }).apply(dense().apply(x))
        return model({ inputs: x, outputs: h }).getWeights()
      },
      'ERR_ARGUMENT',
      /expected integers, the model's input, got what layer 'dense' computes/,
    ],
    'another shape for a nested model': [
      () => sequential([layers.dense({ units: 1, inputShape: [3] })]).apply(x),
      'ERR_SHAPE',
      /expected a tensor of shape \[3\], got \[4\]/,
    ],
    'a name that no input of a nested model has': [
      () => model({ inputs: x, outputs: dense().apply(x) }).apply({ y: x }),
      'ERR_UNKNOWN_NAME',
      /no input is called 'y'/,
    ],
    'no options': [() => (model as (options?: unknown) => unknown)(), 'ERR_ARGUMENT', /\{ inputs, outputs \}/],
  }
  for (const [what, [make, code, message]] of Object.entries(cases)) {
    it(what, () => {
      assert.throws(make, { code, message })
    })
  }

  it('data that do not fit the inputs', async () => {
    using net = twoInputs('cpu')
    const [a, b] = [numbers(3), numbers(2)]
    const predict = (x: unknown) => net.predict(x as ArrayInput)
    await assert.rejects(predict({ a, c: b }), { code: 'ERR_UNKNOWN_NAME', message: /no input is called 'c'/ })
    await assert.rejects(predict({ a }), { code: 'ERR_ARGUMENT', message: /none for 'b'/ })
    await assert.rejects(predict([a]), { code: 'ERR_SHAPE', message: /a list of 2 arrays, for the inputs a, b/ })
    await assert.rejects(predict({ a, b: [[1, 2]] }), { code: 'ERR_SHAPE', message: /x\.b: expected 24 rows/ })
    await assert.rejects(predict({ a: b, b: a }), { code: 'ERR_SHAPE', message: /x\.a/ })
    await assert.rejects(net.fit({ a, b }, y1, { ...quiet, copy: false }), { code: 'ERR_ARGUMENT', message: /copy/ })
  })

  it('to be served with several inputs', async () => {
    using net = twoInputs('cpu')
    const error = { code: 'ERR_ARGUMENT', message: /several inputs cannot be served yet/ }
    await assert.rejects(serve({ models: { net }, port: 0 }), error)
  })

  it('a checkpoint of a graph whose layers are connected in another way', async () => {
    await inFolder(async (folder) => {
      const x = input({ shape: [4] })
      const connect = (join: (a: SymbolicTensor, b: SymbolicTensor) => SymbolicTensor[]) => {
        const [first, second] = [layers.dense({ units: 4 }), layers.dense({ units: 4 })]
        const h = first.apply(x)
        const outputs = layers.add().apply(join(h, second.apply(h)))
        return compiled(model({ inputs: x, outputs }) as Functional, 'cpu')
      }
      const path = join(folder, 'a.neurode')
      using one = connect((a, b) => [a, b])
      using other = connect((a, b) => [b, b, a])
      await one.save(path)
      const { callbacks } = await import('neurode')
      const backup = join(folder, 'backup')
      await one.fit(x4, x4, { ...quiet, callbacks: callbacks.backupAndRestore(backup, { deleteCheckpoint: false }) })
      await assert.rejects(
        other.fit(x4, x4, { ...quiet, callbacks: callbacks.backupAndRestore(backup, { deleteCheckpoint: false }) }),
        { code: 'ERR_CHECKPOINT_MISMATCH', message: /connected in another way/ },
      )
    })
  })

  it('nothing that a layer in two models of one name would need', () => {
    const shared: Layer = layers.dense({ units: 2, inputShape: [2] })
    using one = sequential([shared])
    using two = sequential([layers.dense({ units: 2, inputShape: [2] }), shared])
    assert.equal(one.getWeights().length, 2)
    assert.deepEqual(
      two.getWeights().map(({ name }) => name),
      ['dense_1/kernel', 'dense_1/bias', 'dense/kernel', 'dense/bias'],
    )
  })
})
