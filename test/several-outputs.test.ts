/** Models of several outputs: their names, their predictions, models as layers, files, summaries. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Functional,
  input,
  layers,
  load,
  model,
  type NdArray,
  type SymbolicTensor,
  sequential,
  type Tensors,
} from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { numbers, rows } from './support/graphs.js'
import { sealed } from './support/mutations.js'

/** A model of two outputs, of three numbers and of two positions of two. */
function twoOutputs() {
  const x = input({ shape: [4], name: 'x' })
  const h = layers.dense({ units: 4, activation: 'tanh', name: 'h' }).apply(x)
  const kind = layers.dense({ units: 3, activation: 'softmax', name: 'kind' }).apply(h)
  const places = layers.reshape({ targetShape: [2, 2], name: 'places' }).apply(layers.add().apply([x, h]))
  return { x, h, kind, places, net: model({ inputs: x, outputs: { kind, places }, seed: 3 }) }
}

type Outputs = { kind: SymbolicTensor; places: SymbolicTensor }
type Loaded = Functional<readonly number[], readonly number[], string, never, Outputs>

const x4 = numbers(4)
const namesOf = (outputs: Tensors, x: SymbolicTensor) => model({ inputs: x, outputs }).outputNames

/** The predictions of a model for each output, of a model of that output alone. */
async function alone(x: SymbolicTensor, outputs: readonly SymbolicTensor[]) {
  const results: NdArray[] = []
  for (const output of outputs) {
    using net = model({ inputs: x, outputs: output })
    results.push(await net.predict(x4))
  }
  return results
}

const close = (actual: NdArray, expected: NdArray) => {
  assert.deepEqual(actual.shape, expected.shape)
  assert.deepEqual(actual.data, expected.data)
}

perDevice('models of several outputs', (device) => {
  /** The model of {@link twoOutputs} on the device. */
  async function onDevice(work: (net: Loaded, expected: NdArray[]) => Promise<void>) {
    const { x, kind, places, net } = twoOutputs()
    await inFolder(async (folder) => {
      const path = join(folder, 'two.neurode')
      await net.save(path)
      using loaded = await load<Loaded>(path, { device })
      const expected: NdArray[] = []
      for (const output of [kind, places]) {
        using one = model({ inputs: x, outputs: output })
        one.compile({ loss: 'mse', device })
        expected.push(await one.predict(x4))
      }
      await work(loaded, expected)
    })
  }

  it('predict a record of what each output would be alone', async () => {
    await onDevice(async (net, [kind, places]) => {
      for (const result of [
        await net.predict(x4),
        await net.predict(x4, { batchSize: 5 }),
        await net.predict(x4, { signal: new AbortController().signal, batchSize: 7 }),
        await net.predictOnBatch(x4),
        net.predictSync(x4),
      ]) {
        assert.deepEqual(Object.keys(result), ['kind', 'places'])
        close(result.kind, kind as NdArray)
        close(result.places, places as NdArray)
      }
      const one = net.predictSync(x4.data.slice(0, 4))
      assert.deepEqual(one.places.shape, [1, 2, 2])
      assert.deepEqual(one.places.data, places?.data.slice(0, 4))
      for await (const result of net.predictStream([x4, { x: x4 }])) close(result.kind, kind as NdArray)
    })
  })

  it('write into the arrays of the caller', async () => {
    await onDevice(async (net, [kind, places]) => {
      const arrays = () => ({ kind: new Float32Array(3 * rows), places: new Float32Array(4 * rows) })
      const calls = [
        (out: ReturnType<typeof arrays>) => net.predict(x4, { out, batchSize: 5 }),
        (out: ReturnType<typeof arrays>) => net.predictOnBatch(x4, { out: [out.kind, out.places] }),
        async (out: ReturnType<typeof arrays>) => net.predictSync(x4, { out }),
      ]
      for (const call of calls) {
        const out = arrays()
        const result = await call(out)
        assert.equal(result.kind.data, out.kind)
        assert.equal(result.places.data, out.places)
        assert.deepEqual(out.kind, kind?.data)
        assert.deepEqual(out.places, places?.data)
      }
    })
  })
})

describe('models of several outputs', () => {
  it('give a list where the outputs are one, and a plain array where there is one', async () => {
    const { x, kind, places } = twoOutputs()
    using net = model({ inputs: x, outputs: [kind, x, places, kind] })
    const result = await net.predict(x4)
    const [first, second, third] = await alone(x, [kind, x, places])
    assert.equal(result.length, 4)
    close(result[0], first as NdArray)
    close(result[1], second as NdArray)
    assert.deepEqual(result[1].data, x4.data)
    close(result[2], third as NdArray)
    close(result[3], first as NdArray)
    for (const outputs of [[kind], { kind }] as const) {
      using one = model({ inputs: x, outputs })
      close(await one.predict(x4), first as NdArray)
      assert.deepEqual(one.outputNames, ['kind'])
      assert.deepEqual(one.outputShape, [3])
    }
  })

  it('have the names of a record, or of layers with a number', () => {
    const { x, h, kind, places, net } = twoOutputs()
    assert.deepEqual(net.outputNames, ['kind', 'places'])
    assert.deepEqual(net.outputs, [kind, places])
    assert.deepEqual(net.outputShape, [7])
    assert.deepEqual(namesOf([h, kind, h, h], x), ['h', 'kind', 'h_1', 'h_2'])
    assert.deepEqual(namesOf({ b: h, a: x }, x), ['b', 'a'])
    const next = layers.dense({ units: 1, name: 'h_1' }).apply(h)
    assert.deepEqual(namesOf([h, h, next], x), ['h', 'h_2', 'h_1'])
    assert.deepEqual(namesOf({ sum: kind }, x), ['sum'])
    const chain = sequential([layers.dense({ units: 2, inputShape: [4], name: 'last' })])
    assert.deepEqual(namesOf(chain.outputs, chain.inputs[0] as SymbolicTensor), ['last'])
  })

  it('have the layers of a record in the order of its sorted names, as in Keras', async () => {
    const x = input({ shape: [2], name: 'x' })
    const [a, b] = ['a', 'b'].map((name) =>
      layers.dense({ units: 1, useBias: false, name }).apply(x),
    ) as SymbolicTensor[]
    const order = (outputs: Tensors) =>
      model({ inputs: x, outputs })
        .getWeights()
        .map(({ name }) => name)
    assert.deepEqual(order([b, a] as Tensors), ['b/kernel', 'a/kernel'])
    assert.deepEqual(order({ zeta: b, alpha: a } as Tensors), ['a/kernel', 'b/kernel'])
    using net = model({ inputs: x, outputs: { zeta: b, alpha: a } as Tensors })
    assert.deepEqual(net.outputNames, ['zeta', 'alpha'])
    await inFolder(async (folder) => {
      await net.save(join(folder, 'record.neurode'))
      using loaded = await load<typeof net>(join(folder, 'record.neurode'))
      assert.deepEqual(loaded.getWeights(), net.getWeights())
      assert.deepEqual(loaded.outputNames, net.outputNames)
    })
  })

  it('are layers that return a list or a record', async () => {
    const { x, net, kind, places } = twoOutputs()
    const again = input({ shape: [4] })
    const applied = net.apply(again)
    assert.deepEqual(Object.keys(applied), ['kind', 'places'])
    assert.deepEqual(applied.places.shape, [2, 2])
    using listed = model({ inputs: x, outputs: [places, kind], name: 'listed' })
    const [p, k] = listed.apply(net.apply(again).places.sourceLayer === applied.places.sourceLayer ? again : x)
    using whole = model({
      inputs: again,
      outputs: { k: layers.dense({ units: 1, name: 'end' }).apply(k), p, first: applied.kind },
    })
    const [expected, both] = await alone(x, [kind, places])
    const result = await whole.predict(x4)
    close(result.first, expected as NdArray)
    close(result.p, both as NdArray)
    const layer = whole.getLayer('listed')
    assert.deepEqual(layer.outputs, [p, k])
    assert.throws(() => layer.output, { code: 'ERR_ARGUMENT', message: /a call of it returns 2/ })
    assert.throws(() => layer.getOutputAt(0), { code: 'ERR_ARGUMENT' })
    assert.equal(layer.input, again)
    await inFolder(async (folder) => {
      const path = join(folder, 'nested.neurode')
      await whole.save(path)
      using loaded = await load<typeof whole>(path)
      const same = await loaded.predict(x4)
      assert.deepEqual(Object.keys(same), ['k', 'p', 'first'])
      for (const name of ['k', 'p', 'first'] as const) close(same[name], result[name])
    })
  })

  it('begin at inner tensors, and at one output of a model', async () => {
    const { x, net } = twoOutputs()
    const { kind, places } = net.apply(x)
    const flat = layers.flatten().apply(places)
    using tail = model({ inputs: [kind, places], outputs: { flat, kind } })
    const [a, b] = [numbers(3), { data: numbers(4).data, shape: [rows, 2, 2] }]
    const result = await tail.predict([a, b])
    assert.deepEqual(result.flat.data, b.data)
    assert.deepEqual(result.kind.data, a.data)
    // The call that returned one input is needed for its other output.
    using mixed = model({
      inputs: [x, kind],
      outputs: [layers.add().apply([kind, layers.dense({ units: 3 }).apply(kind)]), places],
    })
    const [, expected] = await alone(x, [kind, places])
    close((await mixed.predict([x4, a]))[1], expected as NdArray)
  })

  it('are summarized with their outputs', () => {
    const { net } = twoOutputs()
    const { text, outputs } = net.summary({ print: false })
    assert.deepEqual(outputs, [
      { name: 'kind', layer: 'kind', shape: [3] },
      { name: 'places', layer: 'places', shape: [2, 2] },
    ])
    assert.match(text, /Outputs: kind \[n, 3\], places \[n, 2, 2\]/)
  })

  it('refuse what does not fit', async () => {
    const { x, h, net } = twoOutputs()
    const [kind, places] = [new Float32Array(3 * rows), new Float32Array(4 * rows)]
    const predict = (out: unknown) => net.predict(x4, { out: out as never })
    const cases: readonly (readonly [unknown, string, RegExp])[] = [
      [kind, 'ERR_ARGUMENT', /out: expected a list or a record for the outputs kind, places/],
      [[kind], 'ERR_SHAPE', /out: expected a list of 2, for the outputs kind, places, got 1/],
      [{ kind }, 'ERR_DTYPE', /out\.places: expected a Float32Array, got undefined/],
      [{ kind, places, h: places }, 'ERR_UNKNOWN_NAME', /out: no output is called 'h'/],
      [{ kind: places, places }, 'ERR_SHAPE', /out\.kind: expected 72 elements for shape \[24, 3\], got 96/],
      [[kind, new Float64Array(4 * rows)], 'ERR_DTYPE', /out\[1\]: expected a Float32Array/],
    ]
    for (const [out, code, message] of cases) {
      await assert.rejects(predict(out), { code, message })
      assert.throws(() => net.predictSync(x4, { out: out as never }), { code, message })
    }
    const out = { kind, places: structuredClone(places) }
    const running = net.predict(x4, { out })
    structuredClone(out.places, { transfer: [out.places.buffer] })
    await assert.rejects(running, { code: 'ERR_DATA_DETACHED', message: /out\.places/ })
    const error = {
      code: 'ERR_ARGUMENT',
      message: /outputs are computed from|needs the input|at least one tensor|none needs/,
    }
    const z = input({ shape: [4], name: 'z' })
    assert.throws(() => model({ inputs: [x, z], outputs: [h, x] }), error)
    assert.throws(() => model({ inputs: h, outputs: [h, layers.add().apply([x, h])] }), error)
    assert.throws(() => model({ inputs: x, outputs: {} }), error)
    assert.throws(() => model({ inputs: x, outputs: [h, 1 as never] }), { message: /outputs\[1\]: expected a tensor/ })
    // biome-ignore lint/suspicious/noSparseArray: this is about holes
    assert.throws(() => model({ inputs: x, outputs: [h, , x] as never }), {
      message: /outputs\[1\]: expected a tensor/,
    })
    // biome-ignore lint/suspicious/noSparseArray: this is about holes
    assert.throws(() => layers.add().apply([h, , h] as never), { message: /apply\[1\]: expected a tensor/ })
    assert.throws(() => model({ inputs: x, outputs: { h, k: null as never } }), {
      message: /outputs\.k: expected a tensor/,
    })
  })

  it('are loaded from files of before, which had one output without a name', async () => {
    const { x, kind } = twoOutputs()
    using net = model({ inputs: x, outputs: kind })
    await inFolder(async (folder) => {
      const path = join(folder, 'one.neurode')
      await net.save(path)
      const names = Buffer.from(String.raw`,\"outputNames\":[\"kind\"]`)
      const bytes = readFileSync(path)
      bytes.fill(' ', bytes.indexOf(names), bytes.indexOf(names) + names.length)
      writeFileSync(path, sealed(bytes))
      using loaded = await load<Functional>(path)
      assert.deepEqual(loaded.outputNames, ['kind'])
      close(await loaded.predict(x4), await net.predict(x4))
    })
  })
})
