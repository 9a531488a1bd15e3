/** Outputs and gradients go into the user's own arrays, where they are given. */

import assert from 'node:assert/strict'
import { input, layers, model } from 'neurode'
import { perDevice } from './support/devices.js'
import { everything, make, x, y } from './support/everything.js'
import { bits, numbers, rows } from './support/graphs.js'
import { ResizableBuffer } from './support/memories.js'
import { assertRefused } from './support/refusals.js'
import { compiled as compiledTwo, x as xOfTwo, y as yOfTwo } from './support/severalOutputs.js'

// biome-ignore lint/suspicious/noExplicitAny: what is wrong on purpose.
type Anything = any

const floats = (count: number) => new Float32Array(count).fill(7)

perDevice('arrays for gradients', (device) => {
  it('get what new arrays would have, and steps take them', async () => {
    using net = everything(make('adam', {}), device)
    using same = everything(make('adam', {}), device)
    const expected = await same.valueAndGradients(x, y, { inputs: true })
    const gradients = Object.fromEntries(
      Object.entries(expected.gradients).map(([name, { data }]) => [name, floats(data.length)]),
    )
    const out = { outputs: floats(3 * rows), gradients, inputs: floats(6 * rows) }
    for (let step = 0; step < 2; step++) {
      const own = await net.valueAndGradients(x, y, { inputs: true, out })
      assert.equal(own.outputs.data, out.outputs)
      assert.equal(own.inputs.data, out.inputs)
      for (const [name, array] of Object.entries(gradients)) assert.equal(own.gradients[name]?.data, array)
      if (step === 0) assert.deepEqual(own, expected)
      await net.applyGradients(own.gradients)
      await same.trainOnBatch(x, y)
      assert.deepEqual(bits(net), bits(same))
    }
    const some = { 'out/bias': floats(3) }
    const back = await net.backward(x, y, { out: { gradients: some } })
    assert.equal(back.gradients['out/bias']?.data, some['out/bias'])
    assert.deepEqual(back, await net.backward(x, y))
  })

  it('are lists and records for several outputs and inputs', async () => {
    using two = compiledTwo(device)
    const expected = await two.valueAndGradients(xOfTwo, yOfTwo)
    const [price, sold] = [floats(2 * rows), floats(rows)]
    for (const outputs of [{ price, sold }, [price, sold]] as const) {
      const own = await two.valueAndGradients(xOfTwo, yOfTwo, { out: { outputs } })
      assert.deepEqual([own.outputs.price.data, own.outputs.sold.data], [price, sold])
      assert.equal(own.outputs.price.data, price)
      assert.deepEqual(own, expected)
      price.fill(0)
    }
    const [a, b] = [input({ shape: [3] }), input({ shape: [1], dtype: 'int32' })]
    const words = layers.flatten().apply(layers.embedding({ inputDim: 4, outputDim: 2 }).apply(b))
    const sum = layers.concatenate().apply([a, words])
    using net = model({ inputs: { a, b }, outputs: layers.dense({ units: 2 }).apply(sum), seed: 1 })
    const data = { a: numbers(3), b: new Int32Array(rows) }
    const given = numbers(2)
    const own = await net.backward(data, given, { out: { inputs: { a: floats(3 * rows) } } })
    assert.deepEqual(own, await net.backward(data, given))
    await assertRefused(
      () => net.backward(data, given, { out: { inputs: { b: floats(rows) } } }),
      'ERR_ARGUMENT',
      /out\.inputs\.b: expected none, as layer 'embedding' reads integers/,
    )
  })

  it('are refused by name if they do not fit, and none is written', async () => {
    using net = everything(make('adam', {}), device)
    using two = compiledTwo(device)
    const outputs = floats(3 * rows)
    const refused: readonly [out: Anything, code: Anything, says: RegExp][] = [
      [{ outputs: floats(3) }, 'ERR_SHAPE', /out\.outputs: expected 72 elements for shape \[24, 3\], got 3/],
      [{ outputs: [1, 2] }, 'ERR_DTYPE', /out\.outputs: expected a Float32Array/],
      [{ outputs, inputs: new Float64Array(6 * rows) }, 'ERR_DTYPE', /out\.inputs: expected a Float32Array/],
      [{ outputs, inputs: floats(5) }, 'ERR_SHAPE', /out\.inputs: expected 144 elements/],
      [{ outputs, gradients: { 'out/bias': floats(2) } }, 'ERR_SHAPE', /gradients\['out\/bias'\]: expected 3 elements/],
      [{ outputs, gradients: { 'out/bies': floats(3) } }, 'ERR_UNKNOWN_NAME', /no weight is called 'out\/bies'/],
      [{ outputs, gradients: { 'frozen/bias': floats(5) } }, 'ERR_ARGUMENT', /expected none, as its layer is frozen/],
      [{ outputs, gradients: floats(3) }, 'ERR_ARGUMENT', /out\.gradients: expected a record/],
      [{ outputs, grads: {} }, 'ERR_UNKNOWN_NAME', /out: no option is called 'grads'/],
      [outputs, 'ERR_ARGUMENT', /out: expected an object of options/],
    ]
    for (const [out, code, says] of refused) {
      await assertRefused(() => net.valueAndGradients(x, y, { inputs: true, out }), code, says)
      await assertRefused(() => net.backward(x, y, { out }), code, says)
    }
    await assertRefused(
      () => net.valueAndGradients(x, y, { out: { inputs: floats(6 * rows) } }),
      'ERR_ARGUMENT',
      /out\.inputs: expected none with inputs: false/,
    )
    await assertRefused(
      () => two.backward(xOfTwo, yOfTwo, { out: { outputs: { price: floats(2 * rows) } } as Anything }),
      'ERR_DTYPE',
      /out\.outputs\.sold: expected a Float32Array/,
    )
    const inputs = floats(6 * rows)
    const work = net.backward(x, y, { out: { outputs, inputs } })
    structuredClone(inputs.buffer, { transfer: [inputs.buffer] })
    await assertRefused(() => work, 'ERR_DATA_DETACHED', /out\.inputs/)
    assert.deepEqual(outputs, floats(3 * rows))
    const kinds = { outputs: 3 * rows, inputs: 6 * rows, gradients: 3 }
    for (const [kind, length] of Object.entries(kinds)) {
      for (const [bytes, how] of [
        [8, 'shrunk'],
        [4 * length + 4, 'resized'],
      ] as const) {
        const memory = new ResizableBuffer(4 * length, { maxByteLength: 4 * length + 4 })
        const own = new Float32Array(memory).fill(7)
        const out: Anything = { outputs, [kind]: kind === 'gradients' ? { 'out/bias': own } : own }
        const running = net.backward(x, y, { out })
        memory.resize(bytes)
        await assertRefused(() => running, 'ERR_DATA_DETACHED', new RegExp(`out\\.${kind}.* or ${how}`))
        assert.deepEqual([outputs, own.slice(0, 2)], [floats(3 * rows), floats(2)])
      }
    }
  })
})
