/**
 * Regularizers and constraints: what they add to losses and gradients, and how they change weights. golden-layers.test.ts has
 * Keras' numbers.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  array,
  constraints,
  debug,
  layers,
  load,
  losses,
  type Optimizer,
  optimizers,
  regularizers,
  type Sequential,
  sequential,
} from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { assertRefused } from './support/refusals.js'
import { bitsOf } from './support/resumable.js'
import { assertNear, pointwise } from './support/tolerances.js'

const rows = 48
const x = array(new Random(4).normals(rows * 6), [rows, 6])
const y = array(new Random(5).normals(rows * 3), [rows, 3])

/** A model with a regularizer or constraint for every parameter. */
function ruled(device: string, optimizer: Optimizer = optimizers.sgd({ learningRate: 0.05 }), threads = 1): Sequential {
  return sequential({
    layers: [
      layers.dense({
        units: 40,
        inputShape: [6],
        name: 'hidden',
        kernelRegularizer: regularizers.l1l2({ l1: 0.001, l2: 0.002 }),
        kernelConstraint: constraints.maxNorm(0.7),
        activityRegularizer: 'l2',
      }),
      layers.batchNormalization({ gammaConstraint: 'nonNeg', betaRegularizer: 'l1' }),
      layers.prelu({ alphaConstraint: constraints.minMaxNorm({ minValue: 0.5, rate: 0.5 }), alphaRegularizer: 'l2' }),
      layers.dense({
        units: 3,
        name: 'output',
        kernelRegularizer: regularizers.orthogonal({ mode: 'columns' }),
        kernelConstraint: constraints.maxNorm({ maxValue: 0.5, axis: 1 }),
        biasRegularizer: 'l2',
        biasConstraint: 'unitNorm',
      }),
    ],
    seed: 3,
  }).compile({ optimizer, loss: 'mse', device, threads }) as unknown as Sequential
}

const train = (model: Sequential, epochs: number, options = {}) =>
  model.fit(x, y, { batchSize: 13, epochs, verbose: 0, shuffle: true, ...options })

const updates = [
  {},
  { globalClipNorm: 0.1 },
  { gradientAccumulationSteps: 3 },
  { useEma: true, emaMomentum: 0.75, emaOverwriteFrequency: 2 },
]

/** A model with one layer, whose kernel holds small integers. */
function one(options: object, device: string, compile: object = {}) {
  const model = sequential([layers.dense({ units: 2, useBias: false, inputShape: [3], ...options })])
  model.compile({ optimizer: optimizers.sgd({ learningRate: 0.5 }), loss: 'mse', device, ...compile })
  model.setWeights([
    array([
      [1, -2],
      [0, 3],
      [-1, 1],
    ]),
  ])
  return model as unknown as Sequential
}
const zeros = (count: number, width: number) => array(new Float32Array(count * width), [count, width])

perDevice('regularizers', (device) => {
  it('add to the loss of fit, evaluate and single batches alike, once for every batch', async () => {
    using model = one({ kernelRegularizer: regularizers.l2(0.25) }, device, {
      optimizer: optimizers.sgd({ learningRate: 0 }),
    })
    const [input, targets] = [zeros(7, 3), zeros(7, 2)]
    const options = { verbose: 0, batchSize: 3 } as const
    const { history } = await model.fit(input, targets, { ...options, epochs: 2, validationData: [input, targets] })
    assert.deepEqual([...(history.loss ?? []), ...(history.val_loss ?? [])], [4, 4, 4, 4])
    assert.equal((await model.evaluate(input, targets, options)).loss, 4)
    assert.equal((await model.trainOnBatch(input, targets)).loss, 4)
    assert.equal((await model.testOnBatch(input, targets)).loss, 4)
  })

  it('count once whatever the reduction, and whatever the weights of rows', async () => {
    for (const reduction of ['sum', 'mean', 'meanWithSampleWeight'] as const) {
      const loss = losses.meanSquaredError({ reduction })
      using model = one({ kernelRegularizer: regularizers.l1(1), activityRegularizer: 'l1' }, device, { loss })
      const input = array([
        [1, 0, 0],
        [0, 0, 0],
      ])
      const targets = array([
        [1, -2],
        [0, 0],
      ])
      const { loss: weighted } = await model.evaluate(input, targets, { verbose: 0, sampleWeight: [0.5, 3] })
      assertNear(weighted, 8 + (0.01 * 3) / 2, pointwise, reduction)
    }
  })

  it('are what moves weights where nothing else does', async () => {
    using model = one({ kernelRegularizer: regularizers.l1l2({ l1: 0.5, l2: 0.25 }) }, device)
    await model.trainOnBatch(zeros(4, 3), zeros(4, 2))
    assert.deepEqual([...(model.getWeights()[0]?.data ?? [])], [0.5, -1.25, 0, 2, -0.5, 0.5])
  })

  it('of frozen weights do not count, those of their outputs do', async () => {
    using model = one({ kernelRegularizer: 'l2', activityRegularizer: regularizers.l1(1) }, device)
    const input = array([[1, 1, 1]])
    const targets = array([[0, 2]])
    assertNear((await model.evaluate(input, targets, { verbose: 0 })).loss, 2 + 0.16, pointwise, 'free')
    ;(model.layers[0] as { trainable: boolean }).trainable = false
    assertNear((await model.evaluate(input, targets, { verbose: 0 })).loss, 2, pointwise, 'frozen')
    assertNear((await model.trainOnBatch(input, targets)).loss, 2, pointwise, 'frozen, training')
  })

  it('compute the mean cosine of rows and columns as Keras does', async () => {
    const weights = new Random(9).normals(70 * 90)
    for (const mode of ['rows', 'columns'] as const) {
      const kernelRegularizer = regularizers.orthogonal({ factor: 0.5, mode })
      using model = sequential([layers.dense({ units: 90, useBias: false, inputShape: [70], kernelRegularizer })])
      model.compile({ loss: 'mse', device })
      model.setWeights([array(weights, [70, 90])])
      const { loss } = await model.evaluate(zeros(2, 70), zeros(2, 90), { verbose: 0 })
      assertNear(loss, 0.5 * meanCosine(weights, 70, 90, mode), pointwise, mode)
    }
  })

  it('make rows orthogonal in time', async () => {
    const kernelRegularizer = regularizers.orthogonal({ factor: 1 })
    const layer = layers.dense({ units: 20, useBias: false, inputShape: [6], kernelRegularizer })
    using model = sequential({ layers: [layer], seed: 1 })
    model.compile({ optimizer: optimizers.sgd({ learningRate: 0.02 }), loss: 'mse', device })
    const [input, targets] = [zeros(4, 6), zeros(4, 20)]
    const before = await model.evaluate(input, targets, { verbose: 0 })
    await model.fit(input, targets, { epochs: 150, verbose: 0 })
    const after = await model.evaluate(input, targets, { verbose: 0 })
    assert.ok(after.loss < before.loss / 2, `${before.loss} became ${after.loss}`)
  })

  it('come on top of a loss of the user', async () => {
    const custom = losses.custom({
      name: 'nothing',
      compute: ({ outputs }) => ({ loss: 1, gradient: new Float32Array(outputs.length) }),
    })
    using model = one({ kernelRegularizer: regularizers.l2(0.25), activityRegularizer: regularizers.l1(1) }, device, {
      loss: custom,
    })
    const input = array([[1, 0, 0]])
    const targets = zeros(1, 2)
    assertNear((await model.evaluate(input, targets, { verbose: 0 })).loss, 1 + 4 + 3, pointwise, 'evaluated')
    assertNear((await model.trainOnBatch(input, targets)).loss, 1 + 4 + 3, pointwise, 'trained')
    assert.deepEqual([...(model.getWeights()[0]?.data ?? [])], [0.25, -1, 0, 2.25, -0.75, 0.75])
  })

  it('have gradients that debug.checkGradients finds right, constraints or not', async () => {
    using model = sequential({
      layers: [
        layers.dense({
          units: 8,
          activation: 'tanh',
          inputShape: [6],
          kernelRegularizer: regularizers.l1l2({ l1: 0.01, l2: 0.02 }),
          biasRegularizer: regularizers.l2(0.1),
          activityRegularizer: regularizers.l2(0.05),
          kernelConstraint: 'nonNeg',
        }),
        layers.dense({
          units: 3,
          kernelRegularizer: regularizers.orthogonal({ factor: 1, mode: 'columns' }),
          kernelConstraint: constraints.maxNorm(0.1),
        }),
      ],
      seed: 4,
    }).compile({ loss: 'mse', device })
    const report = await debug.checkGradients(model, x, y, { samples: 6 })
    assert.ok(report.agrees, JSON.stringify(report.parameters))
  })

  it('before and behind a layer that rescales its input leave predictions and training alike', async () => {
    for (const before of [layers.activityRegularization({ l1: 0 }), layers.dropout({ rate: 1e-30 })]) {
      using model = sequential([
        layers.input({ shape: [3] }),
        before,
        layers.rescaling({ scale: 0.5, offset: 1 }),
        layers.dense({ units: 2, useBias: false }),
      ])
      model.compile({ loss: 'mse', device, optimizer: optimizers.sgd({ learningRate: 0 }) })
      const input = array([[2, 4, 6]])
      const { data } = await model.predict(input)
      const { loss } = await model.trainOnBatch(input, array(data.slice(), [1, 2]))
      assertNear(loss, 0, pointwise, 'loss')
    }
  })
})

perDevice('constraints', (device) => {
  it('hold after every step, also where it only accumulates', async () => {
    for (const options of updates) {
      using model = ruled(device, optimizers.adam({ learningRate: 0.1, ...options }))
      for (let step = 0; step < 4; step++) {
        await model.trainOnBatch(x, y)
        const [kernel, , gamma] = model.getWeights().map(({ data }) => data)
        const normsOf = (data: Float32Array, width: number) =>
          Array.from({ length: width }, (_, c) => Math.hypot(...data.filter((_, i) => i % width === c)))
        assert.ok(normsOf(kernel as Float32Array, 40).every((norm) => norm < 0.7 + 1e-5))
        assert.ok((gamma as Float32Array).every((value) => value >= 0))
        const [output, bias] = model
          .getLayer('output')
          .getWeights()
          .map(({ data }) => data) as [Float32Array, Float32Array]
        // A bias of zeros cannot be scaled to norm 1 yet.
        if (step >= 2) assertNear(Math.hypot(...bias), 1, pointwise, 'norm of the bias')
        for (let r = 0; r < 40; r++) assert.ok(Math.hypot(...output.subarray(r * 3, r * 3 + 3)) < 0.5 + 1e-5)
      }
    }
  })

  it('change nothing of frozen layers', async () => {
    using model = one({ kernelConstraint: 'unitNorm' }, device)
    ;(model.layers[0] as { trainable: boolean }).trainable = false
    const before = bitsOf(model)
    await model.trainOnBatch(zeros(2, 3), zeros(2, 2))
    assert.equal(bitsOf(model), before)
  })

  it('take the norms of vectors, of all weights, and of an axis counted from the end', async () => {
    const norms: readonly [object, readonly number[]][] = [
      [{ axis: 0 }, [2 ** -0.5, -2 / 14 ** 0.5, 0, 3 / 14 ** 0.5, -(2 ** -0.5), 1 / 14 ** 0.5]],
      [{ axis: -1 }, [5 ** -0.5, -2 / 5 ** 0.5, 0, 1, -(2 ** -0.5), 2 ** -0.5]],
      [{ axis: [1, 0] }, [1, -2, 0, 3, -1, 1].map((value) => value / 4)],
    ]
    for (const [options, expected] of norms) {
      using model = one({ kernelConstraint: constraints.unitNorm(options) }, device)
      await model.trainOnBatch(zeros(2, 3), zeros(2, 2))
      expected.forEach((value, i) => {
        assertNear(model.getWeights()[0]?.data[i] as number, value, pointwise, `${JSON.stringify(options)} ${i}`)
      })
    }
  })

  it('work on slopes of several dimensions and on embeddings', async () => {
    using model = sequential([
      layers.embedding({
        inputDim: 5,
        outputDim: 4,
        inputShape: [3],
        embeddingsConstraint: constraints.unitNorm({ axis: 1 }),
      }),
      layers.prelu({ alphaInitializer: 'ones', alphaConstraint: constraints.unitNorm({ axis: 1 }) }),
      layers.flatten(),
    ])
    model.compile({ optimizer: optimizers.sgd({ learningRate: 0 }), loss: 'mse', device })
    await model.trainOnBatch(array([[0, 1, 2]]), zeros(1, 12))
    const [table, alpha] = model.getWeights().map(({ data }) => data)
    for (let r = 0; r < 5; r++)
      assertNear(Math.hypot(...(table?.subarray(4 * r, 4 * r + 4) ?? [])), 1, pointwise, 'vector')
    for (const value of alpha ?? []) assertNear(value, 0.5, pointwise, 'slope')
  })

  it('are saved with regularizers, and training goes on with the same bits', async () => {
    await inFolder(async (folder) => {
      for (const options of updates) {
        using whole = ruled(device, optimizers.adam(options))
        await train(whole, 2)
        const path = join(folder, 'model')
        await whole.save(path)
        using loaded = await load(path, { device, threads: 1 })
        const configs = [whole, loaded].map((model) => JSON.stringify(model.layers.map((layer) => layer.config())))
        assert.equal(configs[1], configs[0])
        const logs = []
        for (const model of [whole, loaded]) logs.push((await train(model as Sequential, 4, { resume: true })).history)
        assert.deepEqual(logs[1], logs[0])
        assert.equal(bitsOf(loaded), bitsOf(whole))
      }
    })
  })

  it('are refused where a parameter has no such axis, as are regularizers of matrices', async () => {
    const build = (options: object) => () =>
      sequential([layers.dense({ units: 1, inputShape: [3], ...options })])
        .compile({ loss: 'mse', device })
        .getWeights()
    const kernelConstraint = constraints.maxNorm({ axis: 2 })
    await assertRefused(build({ kernelConstraint }), 'ERR_SHAPE', /kernelConstraint: .*\[3, 1\], got axis 2/)
    await assertRefused(
      build({ biasConstraint: constraints.unitNorm({ axis: 1 }) }),
      'ERR_SHAPE',
      /biasConstraint.*\[1\]/,
    )
    await assertRefused(build({ biasRegularizer: 'orthogonal' }), 'ERR_SHAPE', /several rows, got \[1\]/)
    const columns = regularizers.orthogonal({ mode: 'columns' })
    await assertRefused(build({ kernelRegularizer: columns }), 'ERR_SHAPE', /several columns, got \[3, 1\]/)
  })
})

describe('regularizers and constraints of several threads', () => {
  for (const options of updates) {
    it(`give the bits of one thread: ${Object.keys(options).join(', ') || 'no options'}`, async () => {
      const seen = new Set<string>()
      for (const threads of [1, 2, 3, 7]) {
        using model = ruled('cpu', optimizers.adam(options), threads)
        const { history } = await train(model, 3)
        const { loss } = await model.evaluate(x, y, { verbose: 0 })
        seen.add(`${bitsOf(model)} ${[...(history.loss ?? [])]} ${loss}`)
      }
      assert.equal(seen.size, 1)
    })
  }
})

/** The mean of |cos| of the angle over all pairs of rows or columns. */
function meanCosine(data: ArrayLike<number>, height: number, width: number, mode: 'rows' | 'columns'): number {
  const [count, size] = mode === 'rows' ? [height, width] : [width, height]
  const vectors = Array.from({ length: count }, (_, v) => {
    const at = (e: number) => data[mode === 'rows' ? v * width + e : e * width + v] as number
    const vector = Array.from({ length: size }, (_, e) => at(e))
    const norm = Math.hypot(...vector)
    return vector.map((value) => value / norm)
  })
  let sum = 0
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < i; j++) {
      sum += Math.abs((vectors[i] ?? []).reduce((dot, value, e) => dot + value * (vectors[j]?.[e] as number), 0))
    }
  }
  return sum / ((count * (count - 1)) / 2)
}
