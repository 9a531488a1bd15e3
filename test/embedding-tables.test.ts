/**
 * Tables of which a batch names few vectors: steps give the bits that they give by gradients of whole tables, and lazyAdam changes what
 * PyTorch's SparseAdam changes.
 */

import assert from 'node:assert/strict'
import { array, type Functional, input, layers, load, model, type NdArray, optimizers, sequential } from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { assertRefused } from './support/refusals.js'
import { assertClose, type Tolerance } from './support/tolerances.js'

const vocabulary = 900
const size = 20
const padding = 4
const features = 5
const shapeOfRow = [features]
const tolerance: Tolerance = { atol: 2e-6, rtol: 2e-5 }

/** Batches of few different integers, other ones in every batch. */
function batchesOf(count: number, rows: number, seed = 5): { x: NdArray; y: NdArray; named: Set<number> }[] {
  const random = new Random(seed)
  return Array.from({ length: count }, (_, b) => {
    const indices = Float32Array.from({ length: rows * features }, () => (random.below(30) * 29 + b * 7) % vocabulary)
    indices[1] = padding
    const targets = random.normals(rows)
    return { x: array(indices, [rows, features]), y: array(targets, [rows, 1]), named: new Set(indices) }
  })
}

/** Two tables, of which two layers read one: all vectors and bags of vectors, some of padding. */
function networkOf(device: string, optimizer: object, threads = 1): Functional {
  const x = input({ shape: shapeOfRow, name: 'x' })
  const shared = layers.embedding({ inputDim: vocabulary, outputDim: size, name: 'shared' })
  const words = layers.take({ indices: [0, 2, 4] }).apply(x)
  const others = layers.take({ indices: [3, 1] }).apply(x)
  const bag = layers.embeddingBag({ inputDim: vocabulary, outputDim: 7, paddingIndex: padding, name: 'bag' }).apply(x)
  const flat = [layers.flatten().apply(shared.apply(words)), layers.flatten().apply(shared.apply(others))]
  const h = layers.dense({ units: 24, activation: 'tanh' }).apply(layers.concatenate().apply([...flat, bag]))
  const net: unknown = model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(h), seed: 8 })
  return (net as Functional).compile({ optimizer, loss: 'mse', device, threads } as never) as Functional
}

const weightsOf = (net: Functional) => net.getWeights().map(({ name, data }) => [name, [...data]] as const)

const optimizersOfAll = {
  sgd: () => optimizers.sgd({ learningRate: 0.1 }),
  'sgd with momentum': () => optimizers.sgd({ learningRate: 0.1, momentum: 0.9 }),
  'sgd with decay': () => optimizers.sgd({ learningRate: 0.1, weightDecay: 0.01 }),
  'sgd with decay of others': () =>
    optimizers.sgd({ learningRate: 0.1, weightDecay: 0.01, excludeFromWeightDecay: ['shared', 'bag'] }),
  'sgd, clipped by value': () => optimizers.sgd({ learningRate: 0.1, clipValue: 0.001 }),
  'sgd, clipped by norm': () => optimizers.sgd({ learningRate: 0.1, clipNorm: 0.001 }),
  adagrad: () => optimizers.adagrad({ learningRate: 0.1 }),
  adam: () => optimizers.adam({ learningRate: 0.01 }),
  'adam, clipped by the norm of all': () => optimizers.adam({ globalClipNorm: 0.01 }),
  'adam of several steps and averages': () => optimizers.adam({ gradientAccumulationSteps: 2, useEma: true }),
  ftrl: () => optimizers.ftrl({ learningRate: 0.1 }),
}

perDevice('large tables', (device) => {
  const batches = batchesOf(4, 40)

  for (const [title, make] of Object.entries(optimizersOfAll)) {
    it(`give the bits of whole gradients, with any number of threads: ${title}`, async () => {
      using whole = networkOf(device, make())
      for (const { x, y } of batches) {
        const { gradients } = await whole.valueAndGradients(x as never, y as never)
        await whole.applyGradients(gradients)
      }
      for (const threads of device === 'cpu' ? [1, 2, 3] : [1]) {
        using net = networkOf(device, make(), threads)
        for (const { x, y } of batches) await net.trainOnBatch(x as never, y as never)
        assert.deepEqual(weightsOf(net), weightsOf(whole), `${threads} threads`)
      }
    })
  }

  it('are changed by lazyAdam as by SparseAdam', async () => {
    const [rate, beta1, beta2, epsilon] = [0.01, 0.8, 0.95, 1e-6]
    using net = networkOf(device, optimizers.lazyAdam({ learningRate: rate, beta1, beta2, epsilon }))
    const expected = new Map(weightsOf(net).map(([name, data]) => [name, Float64Array.from(data)]))
    const states = new Map(
      [...expected].map(([name, { length }]) => [name, [0, 1].map(() => new Float64Array(length))]),
    )
    for (const [index, { x, y, named }] of batches.entries()) {
      const { gradients } = await net.valueAndGradients(x as never, y as never)
      await net.trainOnBatch(x as never, y as never)
      const step = index + 1
      const scale = (rate * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step)
      for (const [name, values] of expected) {
        const [means, squares] = states.get(name) as [Float64Array, Float64Array]
        const table = name.startsWith('shared') ? size : name.startsWith('bag') ? 7 : 0
        const { data } = gradients[name] as NdArray<Float32Array>
        for (let i = 0; i < values.length; i++) {
          const vector = Math.floor(i / table)
          if (table > 0 && (!named.has(vector) || (table === 7 && vector === padding))) continue
          const g = data[i] as number
          means[i] = (means[i] as number) + (g - (means[i] as number)) * (1 - beta1)
          squares[i] = (squares[i] as number) + (g * g - (squares[i] as number)) * (1 - beta2)
          values[i] =
            (values[i] as number) - (scale * (means[i] as number)) / (Math.sqrt(squares[i] as number) + epsilon)
        }
      }
      for (const { name, data } of net.getWeights())
        assertClose(data, expected.get(name) as Float64Array, tolerance, `${name}, step ${step}`)
    }
  })

  it('are changed by lazyAdam with the same bits in any number of threads, in epochs, and after a file', () =>
    inFolder(async (folder) => {
      const x = array(
        batches.flatMap((batch) => [...batch.x.data]),
        [160, features],
      )
      const y = array(
        batches.flatMap((batch) => [...batch.y.data]),
        [160, 1],
      )
      const run = async (threads: number, file?: string) => {
        using net = networkOf(device, optimizers.lazyAdam(0.01), threads)
        const options = { batchSize: 32, shuffle: false, verbose: 0 } as const
        await net.fit(x as never, y as never, { epochs: 1, ...options })
        if (file !== undefined) {
          await net.save(file)
          using loaded = (await load(file, { device, threads })) as Functional
          await loaded.fit(x as never, y as never, { epochs: 1, ...options })
          return weightsOf(loaded)
        }
        await net.fit(x as never, y as never, { epochs: 1, ...options })
        return weightsOf(net)
      }
      const expected = await run(1)
      for (const threads of [2, 3]) assert.deepEqual(await run(threads), expected, `${threads} threads`)
      assert.deepEqual(await run(1, `${folder}/net.safetensors`), expected, 'after a file')
    }))
})

describe('lazyAdam', () => {
  it('refuses what is of all vectors, by the name of the layer', async () => {
    for (const options of [{ weightDecay: 0.1 }, { clipNorm: 1 }, { useEma: true }, { gradientAccumulationSteps: 2 }])
      await assertRefused(
        async () => optimizers.lazyAdam(options as never),
        'ERR_ARGUMENT',
        /optimizers\.lazyAdam: \w+: expected none/,
      )
    const build = (options: object) =>
      sequential([
        layers.embedding({ inputDim: 4, outputDim: 2, name: 'words', inputShape: [2], ...options }),
        layers.flatten(),
        layers.dense({ units: 1, kernelRegularizer: 'l2' }),
      ]).compile({ optimizer: 'lazyAdam', loss: 'mse' })
    for (const rule of ['embeddingsRegularizer', 'embeddingsConstraint'])
      await assertRefused(
        () => build({ [rule]: rule === 'embeddingsRegularizer' ? 'l2' : 'nonNeg' }).trainOnBatch([[0, 1]], [[1]]),
        'ERR_ARGUMENT',
        /layer 'words': expected no (?:regularizer|constraint) of the embeddings with the optimizer lazyAdam/,
      )
    using net = build({})
    const { gradients } = await net.valueAndGradients([[0, 1]], [[1]])
    await assertRefused(
      () => net.applyGradients(gradients),
      'ERR_ARGUMENT',
      /applyGradients: layer 'words': .*lazyAdam/,
    )
  })
})
