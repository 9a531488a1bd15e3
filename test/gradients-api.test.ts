/** Gradients and steps in the user's hands: they are those of trainOnBatch, bit for bit. */

import assert from 'node:assert/strict'
import { array, type Gradients, input, layers, losses, model, optimizers, sequential } from 'neurode'
import { isEmulated, perDevice } from './support/devices.js'
import { everything, make, x, y } from './support/everything.js'
import { bits, numbers, rows } from './support/graphs.js'
import { assertRefused } from './support/refusals.js'
import { compiled as compiledTwo, x as xOfTwo } from './support/severalOutputs.js'
import { assertClose, rounded } from './support/tolerances.js'

const optionSets: readonly object[] = [
  {},
  { clipNorm: 0.05 },
  { globalClipNorm: 0.1, weightDecay: 0.1 },
  { clipValue: 0.01, useEma: true, emaMomentum: 0.75, emaOverwriteFrequency: 2 },
  { gradientAccumulationSteps: 2 },
  { gradientAccumulationSteps: 2, globalClipNorm: 0.1, useEma: true, weightDecay: 0.1 },
]

/** Compares steps of two models, by their losses and weights; the last step of both is one of trainOnBatch. */
async function assertSameSteps(
  whole: ReturnType<typeof everything>,
  parts: ReturnType<typeof everything>,
  step: (net: ReturnType<typeof everything>) => Promise<number | undefined>,
  steps = 3,
): Promise<void> {
  for (let i = 0; i < steps; i++) {
    const { loss } = await whole.trainOnBatch(x, y)
    const own = await step(parts)
    if (own !== undefined) assert.equal(own, loss, `loss of step ${i}`)
    assert.deepEqual(bits(parts), bits(whole), `weights after step ${i}`)
    assert.equal(parts.position.step, i + 1)
  }
  assert.deepEqual(await parts.trainOnBatch(x, y), await whole.trainOnBatch(x, y))
  assert.deepEqual(bits(parts), bits(whole), 'weights after trainOnBatch')
}

const stepOf = async (net: ReturnType<typeof everything>) => {
  const { loss, gradients } = await net.valueAndGradients(x, y)
  await net.applyGradients(gradients)
  return loss
}

perDevice('valueAndGradients and applyGradients', (device) => {
  const sets = isEmulated(device) ? optionSets.slice(-2) : optionSets
  for (const name of Object.keys(optimizers)) {
    it(`are trainOnBatch, bit for bit: ${name}`, async () => {
      // lazyAdam takes no options of all optimizers.
      for (const options of name === 'lazyAdam' ? [{}] : sets) {
        using whole = everything(make(name, options), device)
        using parts = everything(make(name, options), device)
        await assertSameSteps(whole, parts, stepOf)
      }
    })
  }

  it('are the same bits for any number of threads', async () => {
    using whole = everything(make('adam', {}), device)
    for (let i = 0; i < 3; i++) await whole.trainOnBatch(x, y)
    for (const threads of [1, 2, 3, 7]) {
      using parts = everything(make('adam', {}), device, threads)
      for (let i = 0; i < 3; i++) await stepOf(parts)
      assert.deepEqual(bits(parts), bits(whole), `${threads} threads`)
    }
  })

  it('apply weights of rows and of classes, and take a custom loss', async () => {
    const options = { sampleWeight: numbers(1).data.map(Math.abs), classWeight: { 0: 2, 1: 0.5 } }
    const cubes = losses.custom({
      name: 'cubes',
      compute: ({ outputs, targets, weights, shape: [, width] }) => {
        const errors = outputs.map((output, i) => output - (targets[i] as number))
        const weightOf = (i: number) => weights[Math.floor(i / width)] as number
        return {
          loss: errors.reduce((sum, error, i) => sum + weightOf(i) * Math.abs(error) ** 3, 0),
          gradient: errors.map((error, i) => 3 * weightOf(i) * error * Math.abs(error)),
        }
      },
    })
    for (const loss of ['mse', cubes]) {
      using whole = everything(make('adam', {}), device, 1, loss)
      using parts = everything(make('adam', {}), device, 1, loss)
      for (let i = 0; i < 3; i++) {
        const { loss: own, gradients } = await parts.valueAndGradients(x, y, options)
        assert.equal(own, (await whole.trainOnBatch(x, y, options)).loss)
        await parts.applyGradients(gradients)
        assert.deepEqual(bits(parts), bits(whole))
      }
    }
  })

  it('accumulate halves as gradientAccumulationSteps does', async () => {
    const half = rows / 2
    const part = (of: typeof x, from: number) => {
      const size = of.shape[1] as number
      return array(of.data.slice(from * size, (from + half) * size), [half, size])
    }
    for (const name of ['sgd', 'adam']) {
      const plain = (options: object) => {
        const net = sequential(
          [layers.dense({ units: 7, activation: 'tanh', inputShape: [6] }), layers.dense({ units: 3 })],
          { seed: 1 },
        )
        return net.compile({ optimizer: make(name, options), loss: 'mse', device, threads: 1 })
      }
      using accumulated = plain({ gradientAccumulationSteps: 2, learningRate: 0.02 })
      using own = plain({ learningRate: 0.02 })
      for (let step = 0; step < 2; step++) {
        const halves: Gradients[] = []
        for (const from of [0, half]) {
          halves.push((await own.valueAndGradients(part(x, from), part(y, from))).gradients)
          await accumulated.trainOnBatch(part(x, from), part(y, from))
        }
        const [first, second] = halves as [Gradients, Gradients]
        const mean = Object.entries(first).map(([key, { data, shape }]) => {
          return [
            key,
            array(
              data.map((value, i) => (value + (second[key]?.data[i] as number)) / 2),
              shape,
            ),
          ] as const
        })
        await own.applyGradients(Object.fromEntries(mean))
        assert.deepEqual(bits(own), bits(accumulated), name)
      }
    }
  })

  it('change nothing before a step, and move statistics by the record that remembers them alone', async () => {
    using net = everything(make('adam', {}), device)
    const before = bits(net)
    const { gradients, outputs, inputs } = await net.valueAndGradients(x, y)
    await net.backward(x, y, { training: true })
    assert.deepEqual(bits(net), before)
    assert.equal(net.position.step, 0)
    assert.deepEqual([outputs.shape, inputs], [[rows, 3], undefined])
    assert.deepEqual(
      Object.keys(gradients),
      net.getWeights().flatMap(({ name }) => (/frozen|moving/.test(name) ? [] : [name])),
    )
    const moving = () =>
      net
        .getWeights()
        .filter(({ name }) => /moving/.test(name))
        .map(({ data }) => data)
    const still = moving()
    await net.applyGradients({ ...gradients })
    assert.deepEqual(moving(), still)
    await net.applyGradients(gradients)
    assert.notDeepEqual(moving(), still)
  })

  it('compute as a prediction does where asked', async () => {
    using net = everything(make('adam', {}), device)
    const { outputs, gradients } = await net.valueAndGradients(x, y, { training: false })
    assertClose(outputs.data, (await net.predict(x)).data, rounded, 'outputs')
    assert.ok('batch_normalization/gamma' in gradients)
    const noisy = await net.valueAndGradients(x, y)
    assert.notDeepEqual(noisy.outputs.data, outputs.data)
  })

  it('follow a model that is compiled anew, frozen, or given other layers', async () => {
    const head = layers.dense({ units: 3 })
    using net = sequential([layers.dense({ units: 4, inputShape: [6] }), head], { seed: 1 })
    net.compile({ loss: 'mse', device })
    const names = async () => Object.keys((await net.valueAndGradients(x, y)).gradients)
    assert.deepEqual(await names(), ['dense/kernel', 'dense/bias', 'dense_1/kernel', 'dense_1/bias'])
    head.trainable = false
    const { gradients } = await net.valueAndGradients(x, y)
    assert.deepEqual(Object.keys(gradients), ['dense/kernel', 'dense/bias'])
    const before = head.getWeights().map(({ data }) => data)
    await net.applyGradients(gradients)
    assert.deepEqual(
      head.getWeights().map(({ data }) => data),
      before,
    )
    head.trainable = true
    net.compile({ optimizer: 'adam', loss: 'mae', device })
    assert.equal((await names()).length, 4)
    net.pop()
    net.add(layers.dense({ units: 3, useBias: false }))
    assert.deepEqual(await names(), ['dense/kernel', 'dense/bias', 'dense_1/kernel'])
  })

  it('give what other work of the model does not disturb', async () => {
    using net = everything(make('adam', {}), device)
    const alone = await net.valueAndGradients(x, y, { inputs: true })
    const [first, , , second, third] = await Promise.all([
      net.valueAndGradients(x, y, { inputs: true }),
      net.predict(x),
      net.backward(x, y),
      net.valueAndGradients(x, y, { inputs: true }),
      net.valueAndGradients(
        y.data.length === 0 ? x : array(x.data.slice(0, 12), [2, 6]),
        array(y.data.slice(0, 6), [2, 3]),
      ),
    ])
    assert.deepEqual([first, second], [alone, alone])
    assert.deepEqual(third.outputs.shape, [2, 3])
    using whole = everything(make('adam', {}), device)
    await whole.trainOnBatch(x, y)
    await whole.trainOnBatch(x, y)
    using queued = everything(make('adam', {}), device)
    const { gradients } = await queued.valueAndGradients(x, y)
    await Promise.all([queued.applyGradients(gradients), queued.trainOnBatch(x, y), queued.predict(x)])
    assert.deepEqual(bits(queued), bits(whole))
  })

  it('train layers that another model has as well', async () => {
    const body = layers.dense({ units: 4, inputShape: [6] })
    using one = sequential([body, layers.dense({ units: 3 })], { seed: 1 }).compile({ loss: 'mse', device })
    using other = sequential([body], { seed: 1 }).compile({ loss: 'mse', device })
    const before = await other.predict(x)
    await one.applyGradients((await one.valueAndGradients(x, y)).gradients)
    const after = await other.predict(x)
    assert.notDeepEqual(after.data, before.data)
    await other.applyGradients((await other.valueAndGradients(x, numbers(4))).gradients)
    assert.deepEqual(one.layers[0]?.getWeights(), other.layers[0]?.getWeights())
  })

  it('take a step of all weights from gradients of outputs, also of an output without a loss', async () => {
    const build = () => {
      const from = input({ shape: [4] })
      const h = layers.dense({ units: 5, activation: 'tanh' }).apply(from)
      const [price, sold] = [layers.dense({ units: 2 }).apply(h), layers.dense({ units: 1 }).apply(h)]
      const net = model({ inputs: from, outputs: { price, sold }, seed: 4 })
      return net.compile({ optimizer: make('adam', {}), loss: { price: 'mse', sold: null }, device, threads: 1 })
    }
    using whole = build()
    using parts = build()
    const given = { price: numbers(2), sold: numbers(1) }
    for (let step = 0; step < 3; step++) {
      await whole.trainWithOutputGradients(xOfTwo, () => given)
      const { gradients } = await parts.backward(xOfTwo, given, { training: true })
      assert.equal(Object.keys(gradients).length, 6)
      await parts.applyGradients(gradients)
      assert.deepEqual(bits(parts), bits(whole))
    }
    const { gradients } = await parts.valueAndGradients(xOfTwo, { price: given.price, sold: null })
    assert.equal(Object.keys(gradients).length, 4)
    await parts.applyGradients(gradients)
    await whole.trainOnBatch(xOfTwo, { price: given.price, sold: null })
    assert.deepEqual(bits(parts), bits(whole))
    await assertRefused(
      () => parts.applyGradients({ ...gradients, 'dense_2/bias': [0] }),
      'ERR_ARGUMENT',
      /expected an array of shape \[5, 1\] for 'dense_2\/kernel', got none/,
    )
  })

  it('skip gradients that are not finite, and count them', async () => {
    using net = everything(make('adam', {}), device)
    const { gradients } = await net.valueAndGradients(x, y)
    const before = bits(net)
    const bias = gradients['out/bias'] as Gradients[string]
    const wrong = { ...gradients, 'out/bias': array(Float32Array.of(0, Number.NaN, Number.POSITIVE_INFINITY), [3]) }
    assert.deepEqual(await net.applyGradients(wrong, { skipNonFinite: true }), { applied: false, nonFinite: 2 })
    assert.deepEqual([bits(net), net.position.step], [before, 0])
    await assertRefused(
      () => net.applyGradients(wrong),
      'ERR_ARGUMENT',
      /gradients\['out\/bias'\]: expected finite numbers, got NaN as element 1; skipNonFinite/,
    )
    assert.equal(bias.data.length, 3)
    assert.deepEqual(await net.applyGradients(gradients, { skipNonFinite: true }), { applied: true, nonFinite: 0 })
  })
})

perDevice('trainWithOutputGradients', (device) => {
  /** Gradients of the mean squared error. */
  const ofMse = ({ data, shape }: { data: Float32Array; shape: readonly number[] }) =>
    array(
      data.map((output, i) => (2 * (output - (y.data[i] as number))) / data.length),
      shape,
    )

  it('takes the steps of a custom loss, bit for bit', async () => {
    const half = losses.custom({
      name: 'half',
      compute: ({ outputs, targets }) => {
        const errors = outputs.map((output, i) => output - (targets[i] as number))
        return { loss: errors.reduce((sum, error) => sum + error ** 2 / 2, 0), gradient: errors }
      },
    })
    for (const options of isEmulated(device) ? optionSets.slice(-1) : optionSets) {
      using whole = everything(make('adam', options), device, 1, half)
      using parts = everything(make('adam', options), device, 1, half)
      await assertSameSteps(whole, parts, async (net) => {
        await net.trainWithOutputGradients(x, ({ data }) => data.map((output, i) => output - (y.data[i] as number)))
        return undefined
      })
    }
  })

  it('takes the steps of a built-in loss', async () => {
    using whole = everything(make('sgd', {}), device)
    using parts = everything(make('sgd', {}), device)
    for (let i = 0; i < 3; i++) {
      await whole.trainOnBatch(x, y)
      await parts.trainWithOutputGradients(x, async (outputs) => ofMse(outputs))
    }
    const expected = whole.getWeights()
    for (const [i, { data, name }] of parts.getWeights().entries()) {
      assertClose(data, expected[i]?.data ?? [], { atol: 2e-6, rtol: 2e-5 }, name)
    }
  })

  it('takes the same steps whatever the function does with the model meanwhile', async () => {
    using whole = everything(make('adam', {}), device)
    using parts = everything(make('adam', {}), device)
    for (let i = 0; i < 2; i++) {
      await whole.trainWithOutputGradients(x, ofMse)
      await parts.trainWithOutputGradients(x, async (outputs) => {
        await parts.predict(x)
        await parts.valueAndGradients(x, y)
        if (i === 1) parts.setWeights(parts.getWeights())
        return ofMse(outputs)
      })
      assert.deepEqual(bits(parts), bits(whole))
    }
  })

  it('goes on from what the function trains of a shared layer in another model', async () => {
    const g = numbers(3)
    const make = () => {
      const body = layers.dense({ units: 6, inputShape: [6] })
      const compile = { loss: 'mse', device } as const
      const one = sequential([body, layers.dense({ units: 3 })], { seed: 1 }).compile(compile)
      const other = sequential([body, layers.dense({ units: 3 })], { seed: 2 }).compile(compile)
      one.getWeights()
      return { one, other }
    }
    const [inside, before] = [make(), make()]
    await inside.one.trainWithOutputGradients(x, async () => {
      await inside.other.trainOnBatch(x, y)
      return g
    })
    await before.other.trainOnBatch(x, y)
    await before.one.trainWithOutputGradients(x, () => g)
    assert.deepEqual([bits(inside.one), bits(inside.other)], [bits(before.one), bits(before.other)])
  })

  it('computes by the weights that the function sets', async () => {
    using whole = everything(make('sgd', {}), device)
    using parts = everything(make('sgd', {}), device)
    const halves = whole.getWeights().map((weight) => ({ ...weight, data: weight.data.map((value) => value / 2) }))
    const gradient = numbers(3)
    whole.setWeights(halves)
    await whole.trainWithOutputGradients(x, () => gradient)
    await parts.trainWithOutputGradients(x, () => {
      parts.setWeights(halves)
      return gradient
    })
    assert.deepEqual(bits(parts), bits(whole))
  })

  it('takes several outputs in the form of the model', async () => {
    using net = compiledTwo(device)
    const before = net.getWeights()
    await net.trainWithOutputGradients(xOfTwo, ({ price, sold }) => {
      assert.deepEqual(
        [price.shape, sold.shape],
        [
          [rows, 2],
          [rows, 1],
        ],
      )
      return { price: null, sold }
    })
    const moved = net.getWeights().filter(({ data }, i) => data.some((value, at) => value !== before[i]?.data[at]))
    assert.deepEqual(
      moved.map(({ name }) => name),
      ['dense/kernel', 'dense/bias', 'dense_1/kernel', 'dense_1/bias'],
    )
  })
})
