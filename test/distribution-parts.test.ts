/** Batches cut into parts: the bits depend on the number of parts alone, and results are those of whole batches. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  callbacks,
  type DataParallel,
  distribution,
  model as functional,
  input,
  type Layer,
  layers,
  load,
  losses,
  type Model,
  type Optimizer,
  optimizers,
  sequential,
} from 'neurode'
import { perDevice } from './support/devices.js'
import { suiteFolder } from './support/folders.js'
import { Random } from './support/random.js'
import { normalizedStep } from './support/reference-parts.js'
import { assertClose, assertSameBits, type Tolerance } from './support/tolerances.js'

const features = 12
const rows = 150
const classes = 4

/** For two epochs whose sums over rows are in another order. */
const otherOrder: Tolerance = { atol: 1e-5, rtol: 1e-4 }

const random = new Random(7)
const x = { data: random.normals(rows * features), shape: [rows, features] }
const y = random.classes(rows, classes)
const rowWeights = Float32Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? 0 : 0.5 + (i % 3)))

const relu = (units: number, options = {}) => layers.dense({ units, activation: 'relu', ...options })
const softmax = () => layers.dense({ units: classes, activation: 'softmax' })
const momentum = () => optimizers.sgd({ learningRate: 0.05, momentum: 0.9 })

interface Network {
  readonly title: string
  readonly body?: () => Layer[]
  readonly optimizer?: () => Optimizer
  readonly batch?: number
  readonly fit?: object
  /** Whether layers use the statistics of a batch, so that a part is another batch. */
  readonly usesStatistics?: boolean
}

const sgd = (options: object) => () => optimizers.sgd({ learningRate: 0.05, momentum: 0.9, ...options })

const networks: readonly Network[] = [
  { title: 'a plain network' },
  { title: 'partial batches', batch: 47 },
  { title: 'batches of fewer rows than parts', batch: 5 },
  { title: 'a last batch of fewer rows than parts', batch: 49 },
  { title: 'dropout', body: () => [relu(30), layers.dropout({ rate: 0.4 }), layers.gaussianNoise({ stddev: 0.1 })] },
  { title: 'penalties', body: () => [relu(30, { kernelRegularizer: 'l2', activityRegularizer: 'l1' })] },
  { title: 'constraints', body: () => [relu(30, { kernelConstraint: 'maxNorm' })] },
  {
    title: 'activations with parameters',
    body: () => [layers.dense({ units: 9 }), layers.prelu(), layers.layerNormalization()],
  },
  {
    title: 'layers of positions',
    batch: 43,
    body: () => [layers.reshape({ targetShape: [6, 2] }), relu(7), layers.dropout({ rate: 0.2 }), layers.flatten()],
  },
  {
    title: 'batch normalization of positions',
    usesStatistics: true,
    batch: 43,
    body: () => [layers.reshape({ targetShape: [6, 2] }), relu(7), layers.batchNormalization(), layers.flatten()],
  },
  { title: 'a frozen layer', body: () => [relu(10, { trainable: false }), relu(9)] },
  { title: 'row weights', fit: { sampleWeight: rowWeights } },
  { title: 'clipped values', optimizer: sgd({ clipValue: 0.02 }) },
  { title: 'clipped norms', optimizer: sgd({ clipNorm: 0.05 }) },
  { title: 'gradients clipped by one norm', optimizer: sgd({ globalClipNorm: 0.1 }) },
  { title: 'accumulated gradients', optimizer: sgd({ gradientAccumulationSteps: 3 }) },
  { title: 'averages', optimizer: sgd({ useEma: true, emaMomentum: 0.9, weightDecay: 0.01 }) },
  {
    title: 'batch normalization',
    usesStatistics: true,
    body: () => [layers.dense({ units: 20 }), layers.batchNormalization(), relu(10), layers.batchNormalization()],
  },
  {
    title: 'batch normalization of fewer rows than parts',
    usesStatistics: true,
    batch: 13,
    body: () => [layers.dense({ units: 20 }), layers.batchNormalization({ scale: false }), relu(10)],
  },
  ...(['adam', 'adamw', 'rmsprop', 'adagrad', 'adadelta', 'adamax', 'nadam', 'lion', 'ftrl'] as const).map((name) => ({
    title: name,
    // Steps of these do not shrink with their gradients, so neither do differences of those.
    optimizer: () => optimizers[name]({ learningRate: 1e-4 }),
  })),
]

interface Run {
  readonly parts?: number
  readonly threads?: number
  readonly device?: string
}

const dividedInto = (parts: number | undefined): DataParallel | undefined =>
  parts === undefined ? undefined : distribution.dataParallel({ parts })

const defaultBody = () => [relu(30), relu(17)]

async function train(network: Network, { parts, threads = 1, device = 'cpu' }: Run): Promise<Float32Array[]> {
  const { body = defaultBody, optimizer = momentum, batch = 40, fit = {} } = network
  using model = sequential({ layers: [layers.input({ shape: [features] }), ...body(), softmax()], seed: 3 })
  model.compile({
    optimizer: optimizer(),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    device,
    threads,
    distribution: dividedInto(parts),
  })
  const { history } = await model.fit(x, y, { batchSize: batch, epochs: 2, verbose: 0, ...fit })
  return [...weightsOf(model), Float32Array.from([...(history.loss ?? []), ...(history.accuracy ?? [])])]
}

const weightsOf = (model: { getWeights(): { data: Float32Array }[] }) => model.getWeights().map(({ data }) => data)

function assertAllSame(actual: readonly Float32Array[], expected: readonly Float32Array[], what: string): void {
  assert.equal(actual.length, expected.length)
  actual.forEach((values, i) => {
    assertSameBits(values, expected[i] as Float32Array, `${what}: array ${i}`)
  })
}

describe('batches in parts', () => {
  for (const network of networks) {
    it(`have the same bits for any number of threads: ${network.title}`, async () => {
      const expected = await train(network, { parts: 8 })
      for (const threads of [2, 5]) assertAllSame(await train(network, { parts: 8, threads }), expected, `${threads}`)
    })

    it(`have the bits of an ordinary fit if there is one part: ${network.title}`, async () => {
      assertAllSame(await train(network, { parts: 1 }), await train(network, {}), 'one part')
    })

    if (network.usesStatistics) continue
    it(`agree with an ordinary fit: ${network.title}`, async () => {
      const expected = await train(network, {})
      const actual = await train(network, { parts: 8 })
      actual.forEach((values, i) => {
        assertClose(values, expected[i] as Float32Array, otherOrder, `array ${i}`)
      })
    })
  }

  it('have statistics of each part', async () => {
    const make = () => {
      return sequential({
        layers: [
          layers.batchNormalization({ inputShape: [3], momentum: 0.8, epsilon: 0.01 }),
          layers.dense({ units: 1 }),
        ],
        seed: 2,
      })
    }
    const [count, parts, rate] = [11, 4, 0.1]
    const data = random.normals(count * 3)
    const targets = random.normals(count)
    using model = make().compile({
      optimizer: optimizers.sgd({ learningRate: rate }),
      loss: 'mse',
      distribution: dividedInto(parts),
    })
    const weights = weightsOf(model).map((values) => Array.from(values))
    await model.fit(
      { data, shape: [count, 3] },
      { data: targets, shape: [count, 1] },
      {
        batchSize: count,
        epochs: 3,
        shuffle: false,
        verbose: 0,
      },
    )
    for (let step = 0; step < 3; step++) normalizedStep(weights, data, targets, { count, parts, rate })
    weightsOf(model).forEach((values, i) => {
      assertClose(values, Float64Array.from(weights[i] as number[]), otherOrder, `weight ${i}`)
    })
  })
})

describe('models in parts', () => {
  /** Trains a model, and returns its weights. */
  async function fitted(model: Model, data: unknown, targets: unknown, parts: number | undefined, options = {}) {
    using compiled = model
    ;(compiled as unknown as { compile(options: object): void }).compile({
      optimizer: momentum(),
      loss: 'mse',
      device: 'cpu',
      distribution: dividedInto(parts),
      ...options,
    })
    const fit = compiled.fit as (x: unknown, y: unknown, options: object) => Promise<unknown>
    await fit.call(compiled, data, targets, { batchSize: 40, epochs: 2, seed: 5, verbose: 0 })
    return weightsOf(compiled)
  }

  async function assertAgrees(make: () => Model, data: unknown, targets: unknown, options: object = {}) {
    const expected = await fitted(make(), data, targets, undefined, options)
    const actual = await fitted(make(), data, targets, 8, { threads: 1, ...options })
    actual.forEach((values, i) => {
      assertClose(values, expected[i] as Float32Array, otherOrder, `weight ${i}`)
    })
    assertAllSame(await fitted(make(), data, targets, 8, { threads: 3, ...options }), actual, '3 threads')
  }

  it('may have several outputs, and layers that share weights', async () => {
    const make = () => {
      const from = input({ shape: [features] })
      const shared = layers.dense({ units: features, activation: 'tanh' })
      const inner = layers.add().apply([shared.apply(shared.apply(from)), from])
      const outputs = {
        label: layers.dense({ units: classes, activation: 'softmax' }).apply(inner),
        price: layers.dense({ units: 1 }).apply(inner),
      }
      return functional({ inputs: from, outputs, seed: 4 }) as unknown as Model
    }
    const prices = { data: new Random(2).normals(rows), shape: [rows, 1] }
    await assertAgrees(
      make,
      x,
      { label: y, price: prices },
      {
        loss: { label: 'sparseCategoricalCrossentropy', price: 'mse' },
        lossWeights: { label: 1, price: 0.5 },
      },
    )
  })

  it('may have embeddings, whatever the optimizer', async () => {
    const indices = { data: new Random(3).classes(rows * 5, 60), shape: [rows, 5] }
    const targets = { data: new Random(4).normals(rows), shape: [rows, 1] }
    const make = () => {
      return sequential({
        layers: [
          layers.embedding({ inputDim: 60, outputDim: 7, inputShape: [5] }),
          layers.flatten(),
          layers.dense({ units: 1 }),
        ],
        seed: 1,
      }) as unknown as Model
    }
    await assertAgrees(make, indices, targets)
    await assertAgrees(make, indices, targets, { optimizer: optimizers.adagrad({ learningRate: 1e-3 }) })
  })

  it('may have losses of the user', async () => {
    const make = () =>
      sequential({
        layers: [relu(9, { inputShape: [features] }), layers.dense({ units: 2 })],
        seed: 1,
      }) as unknown as Model
    const targets = { data: new Random(6).normals(rows * 2), shape: [rows, 2] }
    const loss = losses.custom({
      name: 'halfSquares',
      compute: ({ outputs, targets }) => {
        const errors = outputs.map((value, i) => value - (targets[i] as number))
        return {
          loss: errors.reduce((sum, error) => sum + error * error, 0) / (2 * errors.length),
          gradient: errors.map((error) => error / errors.length),
        }
      },
    })
    await assertAgrees(make, x, targets, { loss })
  })

  it('refuse what they cannot compute', () => {
    const dataParallel = distribution.dataParallel as (options: object) => DataParallel
    for (const parts of [0, 3, 2048, 1.5, '4']) {
      assert.throws(() => dataParallel({ parts }), { code: 'ERR_ARGUMENT', message: /parts: expected/ })
    }
    assert.throws(() => dataParallel({ timeoutSeconds: 0 }), { code: 'ERR_ARGUMENT', message: /timeoutSeconds/ })
    const model = sequential([layers.embedding({ inputDim: 9, outputDim: 2, inputShape: [2] }), layers.flatten()])
    assert.throws(() => model.compile({ loss: 'mse', distribution: { parts: 4 } as never }), {
      code: 'ERR_ARGUMENT',
      message: /distribution\.dataParallel\(\)/,
    })
    model.compile({ loss: 'mse', optimizer: 'lazyAdam', distribution: dividedInto(4) })
    assert.throws(() => model.device, { code: 'ERR_ARGUMENT', message: /expected another optimizer than lazyAdam/ })
    model.compile({ loss: 'mse', distribution: dividedInto(4), device: 'auto' })
    assert.equal(model.device, 'cpu')
  })
})

describe('a backup of a training in parts', () => {
  const folder = suiteFolder()

  it('is refused by a training with another number of parts', async () => {
    const backup = callbacks.backupAndRestore(folder.path, { deleteCheckpoint: false })
    const fit = async (divided: DataParallel | undefined, epochs: number) => {
      using model = sequential({ layers: [layers.dense({ units: 1, inputShape: [1] })], seed: 1 })
      model.compile({ loss: 'mse', device: 'cpu', distribution: divided })
      return (await model.fit([[1], [2], [3]], [[2], [4], [6]], { epochs, verbose: 0, callbacks: [backup] })).epochs
    }
    assert.equal(await fit(distribution.dataParallel({ parts: 4 }), 2), 2)
    for (const [divided, parts] of [
      [undefined, 1],
      [distribution.dataParallel(), 1],
      [distribution.dataParallel({ parts: 2 }), 2],
    ] as const) {
      const message = new RegExp(`batches were cut into 4 parts, but are cut into ${parts} now`)
      await assert.rejects(fit(divided, 3), { code: 'ERR_CHECKPOINT_MISMATCH', message })
    }
    assert.equal(await fit(distribution.dataParallel({ parts: 4 }), 3), 1)
  })
})

perDevice('a training in parts', (device) => {
  const folder = suiteFolder()

  for (const network of device === 'cpu' ? [] : networks) {
    it(`gives the sums of the CPU: ${network.title}`, async () => {
      const expected = await train(network, { parts: 8 })
      const actual = await train(network, { parts: 8, device })
      actual.forEach((values, i) => {
        assertClose(values, expected[i] as Float32Array, otherOrder, `array ${i}`)
      })
    })
  }

  const make = (...body: Layer[]) => {
    const model = sequential({ layers: [layers.input({ shape: [features] }), ...body, softmax()], seed: 6 })
    return model.compile({
      optimizer: momentum(),
      loss: 'sparseCategoricalCrossentropy',
      device,
      distribution: distribution.dataParallel({ parts: 4, timeoutSeconds: 5 }),
    })
  }

  it('computes gradients of the whole batch, and takes the steps that are made of them', async () => {
    using stepping = make(layers.dense({ units: 9 }), layers.batchNormalization())
    await stepping.trainOnBatch(x, y)
    using applying = make(layers.dense({ units: 9 }), layers.batchNormalization())
    const { gradients } = await applying.valueAndGradients(x, y)
    await applying.applyGradients(gradients)
    assertAllSame(weightsOf(applying), weightsOf(stepping), 'gradients')
  })

  it('goes on with the same bits from a file', async () => {
    using whole = make(relu(9))
    await whole.fit(x, y, { epochs: 2, seed: 1, verbose: 0 })
    using first = make(relu(9))
    await first.fit(x, y, { epochs: 1, seed: 1, verbose: 0 })
    const path = join(folder.path, 'model.neurode')
    await first.save(path)
    using second = await load(path, { device })
    assert.equal(second.device, device)
    await second.fit(x, y, { epochs: 2, resume: true, verbose: 0 })
    assertAllSame(weightsOf(second), weightsOf(whole), 'resumed')
    using anywhere = await load(path)
    assert.equal(anywhere.device, 'cpu')
    assertClose((await anywhere.predict(x)).data, (await first.predict(x)).data, otherOrder, 'predictions')
  })
})
