/** Gradients and steps in the user's hands: they are those of trainOnBatch, bit for bit. */

import assert from 'node:assert/strict'
import {
  array,
  constraints,
  type Gradients,
  initializers,
  input,
  layers,
  losses,
  model,
  type Optimizer,
  optimizers,
  regularizers,
  schedules,
  sequential,
} from 'neurode'
import { isEmulated, perDevice } from './support/devices.js'
import { bits, numbers, rows } from './support/graphs.js'
import { assertRefused } from './support/refusals.js'
import {
  compiled as compiledTwo,
  twoHeads,
  weights as weightsOfTwo,
  x as xOfTwo,
  y as yOfTwo,
} from './support/severalOutputs.js'
import { assertClose, rounded } from './support/tolerances.js'

// biome-ignore lint/suspicious/noExplicitAny: options of any optimizer, and what is wrong on purpose.
type Anything = any

const x = numbers(6)
const y = numbers(3)

/** Everything that a step can do: dropout, statistics, penalties of all kinds, constraints, shared layers. */
function everything(optimizer: Optimizer, device: string, threads = 1, loss: Anything = 'mse') {
  const from = input({ shape: [6] })
  const shared = layers.dense({ units: 6, activation: 'tanh', name: 'shared' })
  const twice = shared.apply(shared.apply(from))
  const activityRegularizer = regularizers.l1(0.01)
  const wide = layers.dense({ units: 20, kernelRegularizer: 'l2', activityRegularizer, name: 'wide' }).apply(twice)
  const normal = layers.batchNormalization({ momentum: 0.5, gammaRegularizer: 'l1' }).apply(wide)
  const noisy = layers.dropout({ rate: 0.3 }).apply(layers.gaussianNoise({ stddev: 0.1 }).apply(normal))
  const frozen = layers.dense({ units: 5, trainable: false, name: 'frozen' }).apply(layers.prelu().apply(noisy))
  const h = layers.layerNormalization().apply(frozen)
  const out = layers.dense({ units: 3, kernelConstraint: constraints.maxNorm(0.9), name: 'out' }).apply(h)
  return model({ inputs: from, outputs: out, seed: 3 }).compile({ optimizer, loss, device, threads })
}

const make = (name: string, options: object): Optimizer =>
  (optimizers[name as keyof typeof optimizers] as Anything)({
    learningRate: schedules.exponentialDecay({ initialLearningRate: 0.02, decaySteps: 2, decayRate: 0.5 }),
    ...options,
  })

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
      for (const options of sets) {
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

perDevice('gradients of inputs and outputs', (device) => {
  it('take several outputs as lists and records, null for 0', async () => {
    using whole = compiledTwo(device)
    using parts = compiledTwo(device)
    for (let i = 0; i < 3; i++) {
      const { loss } = await whole.trainOnBatch(xOfTwo, yOfTwo, { sampleWeight: weightsOfTwo })
      const own = await parts.valueAndGradients(xOfTwo, yOfTwo, { sampleWeight: weightsOfTwo, inputs: true })
      assert.equal(own.loss, loss)
      assert.deepEqual(
        [own.outputs.price.shape, own.inputs.shape],
        [
          [rows, 2],
          [rows, 4],
        ],
      )
      await parts.applyGradients(own.gradients)
      assert.deepEqual(bits(parts), bits(whole))
    }
    using net = twoHeads()
    const [price, sold] = [numbers(2), numbers(1)]
    const both = await net.backward(xOfTwo, { price, sold })
    const alone = [await net.backward(xOfTwo, { price, sold: null }), await net.backward(xOfTwo, [null, sold])]
    for (const [name, { data }] of Object.entries(both.gradients)) {
      const sums = data.map((_, i) =>
        alone.reduce((sum, { gradients }) => sum + (gradients[name]?.data[i] as number), 0),
      )
      assertClose(sums, data, rounded, name)
    }
    assert.ok(alone[0]?.gradients['dense_1/kernel']?.data.every((value) => value === 0))
  })

  it('are by name for several inputs, without those of integers', async () => {
    const [ids, words, more] = [input({ shape: [2] }), input({ shape: [3] }), input({ shape: [3] })]
    const vectors = layers.flatten().apply(layers.embedding({ inputDim: 5, outputDim: 3 }).apply(ids))
    const h = layers.concatenate().apply([vectors, layers.add().apply([words, more])])
    using net = model({ inputs: { ids, words, more }, outputs: layers.dense({ units: 3 }).apply(h), seed: 1 })
    const data = { ids: Uint8Array.from({ length: 2 * rows }, (_, i) => i % 5), words: numbers(3), more: numbers(3) }
    const { inputs, gradients } = await net.backward(data, y)
    assert.deepEqual(Object.keys(inputs), ['words', 'more'])
    assert.deepEqual(inputs.words?.shape, [rows, 3])
    assert.deepEqual(inputs.words?.data, inputs.more?.data)
    assert.deepEqual(Object.keys(gradients), ['embedding/embeddings', 'dense/kernel', 'dense/bias'])
    using only = sequential([layers.embedding({ inputDim: 5, outputDim: 1, inputShape: [3] }), layers.flatten()])
    const indices = Uint8Array.from({ length: 3 * rows }, (_, i) => i % 5)
    await assertRefused(() => only.backward(indices, y), 'ERR_ARGUMENT', /whose integers layer 'embedding' reads/)
    const { inputs: none } = await only.backward(indices, y, { inputs: false })
    assert.equal(none, undefined)
  })

  it('are those of the scaled values for bytes', async () => {
    const bytes = Uint8Array.from({ length: 6 * rows }, (_, i) => (i * 37) % 256)
    using net = sequential([layers.dense({ units: 3, activation: 'tanh', inputShape: [6] })], { seed: 1 })
    const scaled = await net.backward(array(bytes, [rows, 6], { scale: 1 / 255, offset: -0.5 }), y)
    const floats = await net.backward(
      array(
        Float32Array.from(bytes, (byte) => byte / 255 - 0.5),
        [rows, 6],
      ),
      y,
    )
    assertClose(scaled.inputs.data, floats.inputs.data, rounded, 'inputs')
    using rescaled = sequential([layers.rescaling({ scale: 1 / 255, offset: -0.5, inputShape: [6] }), ...net.layers])
    const { inputs } = await rescaled.backward(bytes, y)
    assertClose(
      inputs.data,
      floats.inputs.data.map((value) => value / 255),
      rounded,
      'rescaled inputs',
    )
  })

  it('pass from one model to another as through the whole', async () => {
    const lower = layers.dense({ units: 5, activation: 'tanh', inputShape: [6] })
    const upper = layers.dense({ units: 3, activation: 'sigmoid', inputShape: [5] })
    using whole = sequential([lower, upper], { seed: 1 })
    using first = sequential([lower], { seed: 1 })
    using second = sequential([upper], { seed: 1 })
    const { data: middle } = await first.predict(x)
    const above = await second.backward(array(middle, [rows, 5]), y)
    const below = await first.backward(x, above.inputs)
    const { inputs, gradients } = await whole.backward(x, y)
    assertClose(below.inputs.data, inputs.data, rounded, 'inputs')
    assertClose(below.gradients['dense/kernel']?.data ?? [], gradients['dense/kernel']?.data ?? [], rounded, 'kernel')
  })

  it('have no penalties', async () => {
    const build = (options: object) =>
      sequential([
        layers.dense({ units: 3, kernelInitializer: initializers.constant(0.5), inputShape: [6], ...options }),
      ])
    using plain = build({})
    using penalized = build({ kernelRegularizer: 'l2', activityRegularizer: 'l1' })
    assert.deepEqual(await penalized.backward(x, y), await plain.backward(x, y))
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

perDevice('mistakes with gradients', (device) => {
  const build = () => everything(make('adam', {}), device)

  it('are errors, and the model is as before', async () => {
    using net = build()
    const { gradients } = await net.valueAndGradients(x, y)
    const before = bits(net)
    const own = gradients as Record<string, Anything>
    const without = (name: string) => Object.fromEntries(Object.entries(own).filter(([key]) => key !== name))
    const wrong: [() => unknown, Anything, RegExp][] = [
      [
        () => net.applyGradients(without('out/bias')),
        'ERR_ARGUMENT',
        /expected an array of shape \[3\] for 'out\/bias', got none/,
      ],
      [
        () => net.applyGradients({ ...own, 'out/bies': [1] }),
        'ERR_UNKNOWN_NAME',
        /no weight is called 'out\/bies'; did you mean 'out\/bias'/,
      ],
      [
        () => net.applyGradients({ ...own, 'out/bias': [1, 2] }),
        'ERR_SHAPE',
        /gradients\['out\/bias'\].*expected shape \[3\], got \[2\]/,
      ],
      [() => net.applyGradients({ ...own, 'out/bias': 'no' as Anything }), 'ERR_DTYPE', /gradients\['out\/bias'\]/],
      [
        () => net.applyGradients({ ...own, 'frozen/bias': new Float32Array(5) }),
        'ERR_ARGUMENT',
        /frozen\/bias'\]: expected none, as its layer is frozen/,
      ],
      [
        () => net.applyGradients({ ...own, 'batch_normalization/moving_mean': new Float32Array(20) }),
        'ERR_ARGUMENT',
        /it is a statistic/,
      ],
      [() => net.applyGradients([] as Anything), 'ERR_ARGUMENT', /gradients: expected a record/],
      [() => net.applyGradients(own, { skip: true } as Anything), 'ERR_UNKNOWN_NAME', /no option is called 'skip'/],
      [() => net.valueAndGradients(x, numbers(2)), 'ERR_SHAPE', /y: expected shape \[n, 3\]/],
      [() => net.valueAndGradients(numbers(5), y), 'ERR_SHAPE', /x: expected shape \[n, 6\]/],
      [() => net.valueAndGradients(x, y, { classWeight: 'balanced' }), 'ERR_ARGUMENT', /balanced/],
      [
        () => net.valueAndGradients(x, y, { training: 1 as Anything }),
        'ERR_ARGUMENT',
        /training: expected true or false/,
      ],
      [() => net.backward(x, numbers(2)), 'ERR_SHAPE', /gradientsOfOutputs: expected shape \[n, 3\]/],
      [() => net.backward(x, array(new Float32Array(6), [2, 3])), 'ERR_SHAPE', /as the output has, got 2 rows/],
      [
        () => net.backward(x, undefined as Anything),
        'ERR_ARGUMENT',
        /expected gradients of the outputs, got undefined/,
      ],
      [
        () =>
          net.backward(
            x,
            y.data.map(() => Number.NaN),
          ),
        'ERR_ARGUMENT',
        /element 0: expected a finite number, got NaN/,
      ],
      [() => net.trainWithOutputGradients(x, undefined as Anything), 'ERR_ARGUMENT', /expected a function/],
      [
        () => net.trainWithOutputGradients(x, () => undefined as Anything),
        'ERR_ARGUMENT',
        /that the function returned: expected gradients/,
      ],
      [() => net.trainWithOutputGradients(x, () => 'no' as Anything), 'ERR_DTYPE', /that the function returned/],
      [() => net.trainWithOutputGradients(x, () => [[1, 2, 3]]), 'ERR_SHAPE', /got 1 rows/],
      [
        () => net.trainWithOutputGradients(x, ({ data }) => data.fill(Number.POSITIVE_INFINITY)),
        'ERR_ARGUMENT',
        /finite/,
      ],
      [
        () =>
          net.trainWithOutputGradients(x, async () => {
            await net.applyGradients(own)
            return y
          }),
        'ERR_MODEL_BUSY',
        /took another step while the function ran/,
      ],
    ]
    for (const [act, code, message] of wrong.slice(0, -1)) {
      await assertRefused(act, code, message)
      assert.deepEqual([bits(net), net.position.step], [before, 0])
    }
    await assert.rejects(
      net.trainWithOutputGradients(x, () => {
        throw new RangeError('my own')
      }),
      { name: 'RangeError', message: 'my own' },
    )
    await assert.rejects(
      net.trainWithOutputGradients(x, () => Promise.reject(new RangeError('later'))),
      { message: 'later' },
    )
    assert.deepEqual([bits(net), net.position.step], [before, 0])
    using same = build()
    assert.deepEqual(await net.trainOnBatch(x, y), await same.trainOnBatch(x, y))
    const [act, code, message] = wrong.at(-1) as (typeof wrong)[number]
    await assertRefused(act, code, message)
  })

  it('are errors before compile, after dispose and during a fit', async () => {
    using bare = sequential([layers.dense({ units: 3, inputShape: [6] })])
    const { gradients, inputs } = await bare.backward(x, y)
    assert.deepEqual(
      [Object.keys(gradients), inputs.shape],
      [
        ['dense/kernel', 'dense/bias'],
        [rows, 6],
      ],
    )
    for (const act of [
      () => bare.valueAndGradients(x, y),
      () => bare.applyGradients(gradients),
      () => bare.trainWithOutputGradients(x, ({ data }) => data),
    ]) {
      await assertRefused(act, 'ERR_NOT_COMPILED', /was not compiled/)
    }
    await assertRefused(() => sequential().backward(1 as Anything, y), 'ERR_NOT_BUILT', /not built/)

    const net = build()
    const all = [
      () => net.valueAndGradients(x, y),
      () => net.applyGradients(gradients),
      () => net.trainWithOutputGradients(x, ({ data }) => data),
      () => net.backward(x, y),
    ]
    const fit = net.fit(x, y, {
      verbose: 0,
      callbacks: [
        {
          onEpochEnd: async () => {
            for (const act of all) await assertRefused(act, 'ERR_MODEL_BUSY', /is training: .* cannot be called/)
          },
        },
      ],
    })
    for (const act of all) await assertRefused(act, 'ERR_MODEL_BUSY', /is training/)
    await fit
    const running = [net.valueAndGradients(x, y), net.backward(x, y)]
    net.dispose()
    for (const result of await Promise.allSettled(running)) {
      if (result.status === 'rejected') assert.equal(result.reason.code, 'ERR_DISPOSED')
    }
    for (const act of all) await assertRefused(act, 'ERR_DISPOSED', /disposed/)
  })
})
