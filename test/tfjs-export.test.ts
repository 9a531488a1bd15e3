/** Files of TensorFlow.js: what is written computes the same there, and trains on; what it does not have is named or refused. */

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type AnyModel,
  array,
  callbacks,
  type Functional,
  input,
  layers,
  load,
  model,
  type NdArray,
  NeurodeError,
  optimizers,
  sequential,
} from 'neurode'
import { inFolder } from './data/files.js'
import { layerCases } from './support/layerCases.js'
import { Random } from './support/random.js'
import { randomGraph } from './support/randomGraphs.js'
import { loadInTfjs, type TfTensor, tf } from './support/tfjs.js'
import { assertClose, product } from './support/tolerances.js'

const graphCount = Number(process.env.NEURODE_TFJS_MODELS ?? 10)
const firstSeed = Number(process.env.NEURODE_FUZZ_SEED ?? 1)

/** What TensorFlow.js 4.22 says of some graphs where a tensor is used twice, or a normalization for tensors of other ranks. */
const theirFaults =
  /^(?:Tensor is disposed|Cannot read properties of undefined \(reading 'backend'\)|Size\(\d+\) must match)/

const listOf = <T>(one: T | readonly T[]): readonly T[] => (Array.isArray(one) ? one : [one as T])

/** The outputs of a model, in order. */
async function predictAll(net: AnyModel, data: unknown): Promise<readonly NdArray[]> {
  const predicted = (await net.predict(data as never)) as NdArray | Record<string, NdArray>
  return 'data' in predicted ? [predicted as NdArray] : Object.values(predicted)
}

/** Saves a model; undefined if TensorFlow.js does not have what it needs, by an error that names the layer. */
async function saved(net: AnyModel, path: string): Promise<readonly string[] | undefined> {
  try {
    return (await net.save(path)).leftOut
  } catch (error) {
    assert.ok(error instanceof NeurodeError && error.code === 'ERR_ARGUMENT', (error as Error).stack)
    assert.match(error.message, /^(?:layer|weights|model|input|output)s? '/)
    return undefined
  }
}

async function assertSame(net: AnyModel, path: string, data: unknown, title: string): Promise<void> {
  const expected = await predictAll(net, data)
  using again = await load<never>(path)
  for (const [i, { data: actual }] of (await predictAll(again, data)).entries()) {
    assert.deepEqual(actual, expected[i]?.data, `${title}: loaded again`)
  }
  if (tf === undefined) return
  const theirs = await loadInTfjs(path)
  const inputs = 'data' in (data as object) ? [data as NdArray] : (Object.values(data as object) as NdArray[])
  const tensors = inputs.map(({ data: rows, shape }) =>
    (tf as NonNullable<typeof tf>).tensor(Float32Array.from(rows), shape),
  )
  let outputs: readonly TfTensor[]
  try {
    outputs = listOf(theirs.predict(tensors.length === 1 ? (tensors[0] as TfTensor) : tensors))
  } catch (error) {
    assert.match((error as Error).message, theirFaults, title)
    return
  }
  assert.equal(outputs.length, expected.length)
  for (const [i, output] of outputs.entries()) {
    const own = expected[i] as NdArray
    assert.deepEqual(output.shape, own.shape, title)
    assertClose(own.data as Float32Array, [...output.dataSync()], product(20), `${title}: output ${i}`)
  }
}

describe('files of TensorFlow.js that are written', () => {
  it('compute what each layer does, or are refused by name', () =>
    inFolder(async (folder) => {
      const refused = new Set<string>()
      for (const [i, { title, shape, indices, make }] of layerCases.entries()) {
        const random = new Random(i + 1)
        using net = sequential({ layers: [make({ inputShape: shape })], seed: i })
        const path = join(folder, `${i}.json`)
        const count = shape.reduce((product, size) => product * size, 3)
        const value = () => (indices === undefined ? random.uniform(-2, 2) : random.below(indices))
        const rows = array(Float32Array.from({ length: count }, value), [3, ...shape])
        if ((await saved(net, path)) === undefined) refused.add(title)
        else await assertSame(net, path, rows, title)
      }
      assert.ok(refused.size < layerCases.length / 2, [...refused].join())
      assert.ok(!refused.has('batchNormalization') && !refused.has('dropout'))
    }))

  it('compute what random graphs do, or are refused by name', () =>
    inFolder(async (folder) => {
      let written = 0
      for (let seed = firstSeed; seed < firstSeed + graphCount; seed++) {
        const { net, data } = randomGraph(seed)
        const path = join(folder, `${seed}.json`)
        if ((await saved(net as AnyModel, path)) !== undefined) {
          written++
          await assertSame(net as AnyModel, path, data(3, seed), `seed ${seed}`)
        }
        net.dispose()
      }
      assert.ok(written > 0)
    }))

  const x = array(
    Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)),
    [6, 4],
  )
  const y = array(
    Float32Array.from({ length: 12 }, (_, i) => Math.cos(i)),
    [6, 2],
  )
  const own = {
    sgd: optimizers.sgd({ learningRate: 0.1 }),
    momentum: optimizers.sgd({ learningRate: 0.05, momentum: 0.8 }),
    nesterov: optimizers.sgd({ learningRate: 0.05, momentum: 0.8, nesterov: true }),
    adam: optimizers.adam({ learningRate: 0.02, beta1: 0.8 }),
    rmsprop: optimizers.rmsprop({ learningRate: 0.005 }),
    'rmsprop with momentum': optimizers.rmsprop({ learningRate: 0.005, momentum: 0.7 }),
    adagrad: optimizers.adagrad({ learningRate: 0.1 }),
    adadelta: optimizers.adadelta({ learningRate: 1, previousAverage: true }),
  }
  for (const [name, optimizer] of Object.entries(own)) {
    it(`train on where they were: ${name}`, () =>
      inFolder(async (folder) => {
        using net = sequential({
          layers: [layers.dense({ units: 5, activation: 'tanh', inputShape: [4] }), layers.dense({ units: 2 })],
          seed: 3,
        }).compile({ loss: 'meanSquaredError', optimizer })
        for (let step = 0; step < 3; step++) await net.trainOnBatch(x, y)
        const path = join(folder, 'model.json')
        assert.deepEqual(await net.save(path), { leftOut: [] })
        using again = await load(path)
        const theirs = tf && (await loadInTfjs(path))
        for (let step = 0; step < 3; step++) {
          const { loss } = await net.trainOnBatch(x, y)
          assertClose([(await again.trainOnBatch(x, y)).loss], [loss], { rtol: 1e-6, atol: 0 }, `step ${step}`)
          if (tf === undefined || theirs === undefined) continue
          const [their] = listOf(await theirs.trainOnBatch(tf.tensor(x.data, x.shape), tf.tensor(y.data, y.shape)))
          assertClose([loss], [their as number], { rtol: 1e-5, atol: 0 }, `step ${step} of TensorFlow.js`)
        }
      }))
  }

  it('are refused where the weights beside them are of another model', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'net.json')
      const make = (name: string) => sequential([layers.dense({ units: 2, name, inputShape: [2] })])
      using before = make('before')
      await before.save(path)
      const old = await readFile(path)
      using after = make('after')
      await after.save(path)
      await writeFile(path, old)
      await assert.rejects(load(path), { code: 'ERR_FILE_FORMAT', message: /its files are of another model/ })
    }))

  it('may have layers of one name in models within models, if the names of the weights tell them apart', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'net.json')
      const x = input({ shape: [3] })
      const inner = model({ inputs: x, outputs: layers.dense({ units: 3, name: 'one' }).apply(x), name: 'inner' })
      const y = input({ shape: [3] })
      const outputs = layers.dense({ units: 3, name: 'two' }).apply(inner.apply(y))
      using net = model({ inputs: y, outputs }).compile({ loss: 'mse', optimizer: 'adam' })
      await net.save(path)
      const text = (await readFile(path, 'utf8')).replaceAll('"two"', '"one"')
      const values = net.getWeights().map(({ data }) => data)
      for (const prefix of ['', 'outer/']) {
        const named = text.replaceAll('"one/', `"${prefix}inner/one/`).replaceAll('"two/', `"${prefix}one/`)
        await writeFile(path, named)
        using loaded = await load<Functional>(path)
        assert.deepEqual(
          loaded.getWeights().map(({ data }) => data),
          values,
        )
      }
      await writeFile(path, text.replaceAll('"two/', '"outer/one/'))
      await assert.rejects(load(path), {
        code: 'ERR_FILE_FORMAT',
        message: /there are no weights 'inner\/one\/kernel'/,
      })
    }))

  it('name what they do not hold', () =>
    inFolder(async (folder) => {
      using net = sequential([layers.dense({ units: 1, inputShape: [2] })]).compile({ loss: 'mse', optimizer: 'lion' })
      const { leftOut } = await net.save(join(folder, 'net.json'))
      assert.match(
        leftOut.join('; '),
        /the optimizer lion, which TensorFlow\.js does not have.*the state of the optimizer/,
      )
      net.compile({ loss: 'mse', optimizer: 'adam' })
      await net.fit([[1, 2]], [[1]], {
        epochs: 1,
        verbose: 0,
        callbacks: [callbacks.earlyStopping({ monitor: 'loss' })],
      })
      const fitted = await net.save(join(folder, 'fitted.json'))
      assert.match(fitted.leftOut.join('; '), /^the number of epochs.*what the callbacks remember \(earlyStopping\)$/)
      using again = await load(join(folder, 'net.json'))
      await assert.rejects(again.trainOnBatch([[1, 2]], [[1]]), { code: 'ERR_NOT_COMPILED' })
    }))
})
