/** Vectors that stand for no word, and bags of vectors: what they compute, learn and leave alone, and which files can hold them. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { array, layers, load, optimizers, sequential } from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { ort, runOnnx } from './support/onnxRuntime.js'
import { Random } from './support/random.js'
import { assertRefused } from './support/refusals.js'
import { assertClose, pointwise } from './support/tolerances.js'

const vocabulary = 50
const size = 5
const padding = 3

/** Rows of `bags` bags of `length` integers, of which many are padding; the last row has no other. */
function indices(rows: number, length: number): number[][] {
  const random = new Random(11)
  return Array.from({ length: rows }, (_, r) =>
    Array.from({ length }, () => (r === rows - 1 || random.next() < 0.4 ? padding : random.below(vocabulary))),
  )
}

const table = () => {
  const numbers = new Random(7).normals(vocabulary * size)
  return array(numbers, [vocabulary, size])
}

const vectorsOf = (model: { getWeights(): { readonly data: Float32Array }[] }) => {
  const { data } = model.getWeights()[0] as { readonly data: Float32Array }
  return Array.from({ length: vocabulary }, (_, v) => [...data.subarray(v * size, v * size + size)])
}

perDevice('embeddings with padding', (device) => {
  const x = indices(70, 6)
  const y = x.map((_, i) => [i % 3])

  for (const kind of ['embedding', 'embeddingBag'] as const) {
    for (const [title, optimizer] of [
      ['Adam with decay and an average', optimizers.adam({ weightDecay: 0.1, useEma: true, emaOverwriteFrequency: 2 })],
      ['momentum and clipping', optimizers.sgd({ learningRate: 0.01, momentum: 0.9, globalClipNorm: 0.5 })],
      ['accumulated steps', optimizers.rmsprop({ gradientAccumulationSteps: 2, clipValue: 0.01 })],
      ['plain steps', optimizers.sgd({ learningRate: 0.01 })],
    ] as const) {
      it(`leave its vector as it is: ${kind}, ${title}`, async () => {
        for (const weights of [undefined, [table()]]) {
          using model = sequential([
            layers[kind]({
              inputDim: vocabulary,
              outputDim: size,
              paddingIndex: padding,
              embeddingsRegularizer: weights === undefined ? 'l1' : undefined,
              inputShape: [6],
              weights,
            }),
            layers.flatten(),
            layers.dense({ units: 1 }),
          ])
          model.compile({ optimizer, loss: 'mse', device })
          const before = vectorsOf(model)
          if (weights === undefined) assert.deepEqual(before[padding], new Array(size).fill(0))
          await model.fit(x, y, { epochs: 3, batchSize: 16, verbose: 0 })
          const after = vectorsOf(model)
          assert.deepEqual(after[padding], before[padding])
          assert.notDeepEqual(after[padding - 1], before[padding - 1])
        }
      })
    }
  }

  it('have no gradient, not even of a penalty', async () => {
    using model = sequential([
      layers.embedding({
        inputDim: vocabulary,
        outputDim: size,
        paddingIndex: padding,
        embeddingsRegularizer: 'l2',
        weights: [table()],
        inputShape: [6],
      }),
      layers.flatten(),
      layers.dense({ units: 1 }),
    ])
    model.compile({ optimizer: 'adam', loss: 'mse', device })
    const { gradients } = await model.valueAndGradients(x, y)
    const { data } = Object.values(gradients)[0] as { readonly data: Float32Array }
    assert.deepEqual([...data.subarray(padding * size, padding * size + size)], new Array(size).fill(0))
    assert.ok(data.subarray(0, size).every((value) => value !== 0))
  })

  for (const mode of ['sum', 'mean'] as const) {
    it(`add up the other vectors of a bag: ${mode}`, async () => {
      const numbers = table().data
      using model = sequential([
        layers.embeddingBag({
          inputDim: vocabulary,
          outputDim: size,
          mode,
          paddingIndex: padding,
          weights: [table()],
          inputShape: [2, 3],
        }),
      ])
      model.compile({ loss: 'mse', device })
      const rows = array(x.flat(), [x.length, 2, 3])
      const predicted = await model.predict(rows)
      assert.deepEqual(predicted.shape, [x.length, 2, size])
      const expected = x.flatMap((row) =>
        [row.slice(0, 3), row.slice(3)].flatMap((bag) => {
          const words = bag.filter((index) => index !== padding)
          return Array.from({ length: size }, (_, d) => {
            const sum = words.reduce((total, index) => total + (numbers[index * size + d] as number), 0)
            return mode === 'sum' ? sum : sum / Math.max(words.length, 1)
          })
        }),
      )
      assertClose(predicted.data, expected, pointwise, 'vectors')
      assert.deepEqual(model.predictor().predictSync(rows.data), predicted.data)
    })
  }

  it('learn in bags as behind a pooling', async () => {
    const trained = await Promise.all(
      [
        [layers.embedding({ inputDim: vocabulary, outputDim: size, weights: [table()], inputShape: [6] })],
        [layers.embeddingBag({ inputDim: vocabulary, outputDim: size, weights: [table()], inputShape: [6] })],
      ].map(async ([layer], i) => {
        const pooling = i === 0 ? [layers.globalAveragePooling1D()] : []
        using model = sequential({
          layers: [layer as never, ...pooling, layers.dense({ units: 1, kernelInitializer: 'ones' })],
        })
        model.compile({ optimizer: 'adam', loss: 'mse', device })
        await model.fit(x, y, { epochs: 2, batchSize: 16, shuffle: false, verbose: 0 })
        return vectorsOf(model).flat()
      }),
    )
    assertClose(trained[1] as number[], trained[0] as number[], pointwise, 'vectors')
  })
})

describe('embeddings with padding', () => {
  const make = (options: object) =>
    sequential([
      layers.embeddingBag({ inputDim: 4, outputDim: 2, name: 'words', inputShape: [3], ...options } as never),
      layers.dense({ units: 1 }),
    ]).compile({ loss: 'mse', optimizer: 'adam' })

  it('refuse options that mean nothing', async () => {
    const refused = (options: object, pattern: RegExp) =>
      assertRefused(async () => layers.embedding({ inputDim: 4, outputDim: 2, ...options }), 'ERR_ARGUMENT', pattern)
    for (const paddingIndex of [-1, 4, 1.5, '0']) await refused({ paddingIndex }, /paddingIndex: expected an integer/)
    await refused(
      { paddingIndex: 0, embeddingsRegularizer: 'orthogonal' },
      /paddingIndex: expected none beside an orth/,
    )
    await assertRefused(async () => make({ mode: 'max' }), 'ERR_UNKNOWN_NAME', /layers\.embeddingBag: mode: .*"max"/)
  })

  it('are in ONNX files what they are here, as ONNX Runtime says', async function () {
    if (ort === undefined) this.skip()
    await inFolder(async (folder) => {
      for (const mode of ['sum', 'mean']) {
        for (const paddingIndex of [undefined, padding]) {
          using bag = sequential([
            layers.embeddingBag({
              inputDim: vocabulary,
              outputDim: size,
              weights: [table()],
              inputShape: [2, 3],
              mode,
              paddingIndex,
            } as never),
          ])
          const x = array(indices(9, 6).flat(), [9, 2, 3])
          const path = join(folder, 'bag.onnx')
          await bag.save(path)
          const [computed] = Object.values(await runOnnx(path, { input: x }))
          const { data } = (await bag.predict(x)) as { readonly data: Float32Array }
          assertClose(Float32Array.from(computed?.data ?? []), data, pointwise, `${mode} ${paddingIndex}`)
        }
      }
    })
  })

  it('are refused by files that cannot hold them, by the name of the layer', () =>
    inFolder(async (folder) => {
      const refuses = (model: { save(path: string): Promise<unknown> }, file: string, message: RegExp) =>
        assert.rejects(model.save(join(folder, file)), { code: 'ERR_ARGUMENT', message })
      using bag = make({ paddingIndex: 0 })
      await refuses(bag, 'net.keras', /layer 'words': Keras has no layer EmbeddingBag/)
      await refuses(bag, 'net.json', /layer 'words': TensorFlow\.js has no layer EmbeddingBag/)
      using words = sequential([
        layers.embedding({ inputDim: 4, outputDim: 2, paddingIndex: 0, name: 'words', inputShape: [3] }),
        layers.flatten(),
        layers.dense({ units: 1 }),
      ]).compile({ loss: 'mse', optimizer: 'adam' })
      await refuses(words, 'net.keras', /layer 'words': Keras has no option like paddingIndex/)
      await refuses(words, 'net.json', /layer 'words': TensorFlow\.js has no option like paddingIndex/)
      const path = join(folder, 'bag.safetensors')
      await bag.save(path)
      using loaded = await load(path)
      const x = [[0, 1, 3]]
      assert.deepEqual((await loaded.predict(x as never)).data, (await bag.predict(x)).data)
      assert.equal((loaded.layers[0] as unknown as { paddingIndex: number }).paddingIndex, 0)
    }))
})
