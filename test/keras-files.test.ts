/** Files for Keras and from it: what is written is read again, and what the formats cannot hold is said. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  array,
  callbacks,
  type Functional,
  model as graph,
  input,
  layers,
  load,
  losses,
  NeurodeError,
  optimizers,
  type Sequential,
  schedules,
  sequential,
} from 'neurode'
import { readZip } from '#lib/formats/zip.js'
import { inFolder, rejects } from './data/files.js'
import { goldenFolder } from './support/golden.js'
import { layerCases } from './support/layerCases.js'
import { randomGraph } from './support/randomGraphs.js'
import { bitsOf } from './support/resumable.js'
import { assertClose } from './support/tolerances.js'
import { codesOf } from './support/warnings.js'

// biome-ignore lint/suspicious/noExplicitAny: models of files have any number of inputs and outputs.
type AnyNet = Sequential<any> | Functional<any, any, string, any, any>

const count = Number(process.env.NEURODE_RANDOM_GRAPHS ?? 8)
const firstSeed = Number(process.env.NEURODE_FUZZ_SEED ?? 1)
const quiet = { verbose: 0 } as const
const numbers = (shape: readonly number[]) => {
  const size = shape.reduce((product, length) => product * length, 1)
  return array(
    Float32Array.from({ length: size }, (_, i) => Math.sin(3 * i + 1)),
    shape,
  )
}

const bytesOf = (predicted: unknown) => JSON.stringify(predicted)

/** Optimizers by name, all of which have variables of their own. */
const stateful = ['adam', 'adamw', 'rmsprop', 'adagrad', 'adadelta', 'adamax', 'nadam', 'lion', 'ftrl'] as const
/** Their sums of squares hold the initial value in Keras' files, and are rounded with it. */
const summing: readonly string[] = ['adagrad', 'ftrl']

/** Whether Keras has all layers of a model; the error of the others must name the layer. */
async function isWritten(save: () => Promise<unknown>): Promise<boolean> {
  try {
    await save()
    return true
  } catch (error) {
    assert.ok(error instanceof NeurodeError && error.code === 'ERR_ARGUMENT', (error as Error).stack)
    assert.match(error.message, /layer '/)
    return false
  }
}

const small = () =>
  sequential({
    layers: [
      layers.dense({ units: 4, activation: 'tanh', inputShape: [3] }),
      layers.batchNormalization(),
      layers.dense({ units: 2 }),
    ],
    seed: 1,
  })
const x = numbers([6, 3])
const y = numbers([6, 2])

/** A layer that is called at several depths, and whose outputs are joined in turn. */
function shared() {
  const [a, b] = [input({ shape: [3], name: 'a' }), input({ shape: [3], name: 'b' })]
  const [one, two] = [layers.dense({ units: 3, activation: 'tanh' }), layers.dense({ units: 3 })]
  const deep = one.apply(two.apply(one.apply(a)))
  return graph({
    inputs: { b, a },
    outputs: { second: two.apply(one.apply(b)), first: layers.add().apply([deep, a]) },
    seed: 1,
  })
}

describe('files for Keras', function () {
  this.slow(5000)

  it('case 2 (tensorflow#64685): have nothing that Keras 3.0 does not know', async () => {
    await inFolder(async (folder) => {
      using net = small().compile({ optimizer: optimizers.adam({ learningRate: 0.01 }), loss: 'mse', metrics: ['mae'] })
      await net.save(join(folder, 'm.keras'))
      const members = readZip(readFileSync(join(folder, 'm.keras')), 'm.keras', 1e6)
      assert.deepEqual([...members.keys()], ['metadata.json', 'config.json', 'model.weights.h5'])
      const text = Buffer.from(members.get('config.json')?.() ?? []).toString()
      assert.doesNotMatch(text, /quantization_config|optional|renorm|input_axes|output_axes|DTypePolicy|build_config/)
      const [first, dense] = JSON.parse(text).config.layers
      assert.deepEqual(Object.keys(first.config), ['name', 'batch_shape'])
      assert.deepEqual(dense.config, { name: 'dense', units: 4, activation: 'tanh' })
      assert.equal(dense.module, 'keras.layers')
    })
  })

  it('case 3 (keras#11159, tensorflow#50322): have each result of shared layers in its place', async () => {
    await inFolder(async (folder) => {
      using net = shared()
      const rows = {
        b: numbers([4, 3]),
        a: array(
          numbers([4, 3]).data.map((value) => value * value),
          [4, 3],
        ),
      }
      for (const name of ['m.keras', 'm.h5']) {
        await net.save(join(folder, name))
        using loaded = await load<AnyNet>(join(folder, name))
        const [own, predicted] = [await net.predict(rows), await loaded.predict(rows as never)]
        const of = (outputs: typeof own) => [outputs.first.data, outputs.second.data]
        assert.deepEqual(of(predicted as unknown as typeof own), of(own), name)
      }
    })
  })

  it('case 4 (keras#20963): keep the axis of a concatenation in h5', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'm.h5')
      const t = input({ shape: [2, 3] })
      using net = graph({
        inputs: t,
        outputs: layers.concatenate({ axis: 1 }).apply([t, layers.dense({ units: 3 }).apply(t)]),
      })
      await net.save(path)
      assert.ok(readFileSync(path).includes('"axis":1'))
      using loaded = await load<typeof net>(path)
      const [one, two] = [await net.predict(numbers([2, 2, 3])), await loaded.predict(numbers([2, 2, 3]))]
      assert.deepEqual([two.shape, two.data], [one.shape, one.data])
    })
  })

  const trainings = {
    adam: optimizers.adam({ learningRate: 0.01, amsgrad: true, useEma: true, gradientAccumulationSteps: 2 }),
    sgd: optimizers.sgd({
      learningRate: schedules.cosineDecay({ initialLearningRate: 0.1, decaySteps: 9 }),
      momentum: 0.9,
    }),
    rmsprop: optimizers.rmsprop({ momentum: 0.5, centered: true, clipNorm: 1 }),
    nadam: optimizers.nadam(),
    adagrad: optimizers.adagrad({ learningRate: 0.1 }),
    ftrl: optimizers.ftrl(),
  }
  for (const [name, optimizer] of Object.entries(trainings)) {
    it(`case 12 (tensorflow#53064, keras#16983): go on with the steps of ${name}`, async () => {
      await inFolder(async (folder) => {
        const path = join(folder, 'm.keras')
        using net = small().compile({ optimizer, loss: 'mse', device: 'cpu', threads: 1 })
        for (let i = 0; i < 3; i++) await net.trainOnBatch(x, y)
        assert.deepEqual(await net.save(path), { leftOut: [] })
        using loaded = await load<typeof net>(path, { device: 'cpu', threads: 1 })
        assert.equal(bitsOf(loaded as never), bitsOf(net as never))
        for (let i = 0; i < 3; i++) {
          const [own, other] = [await net.trainOnBatch(x, y), await loaded.trainOnBatch(x, y)]
          // The initial value of Adagrad's and FTRL's sums is in the file and not in Neurode, which rounds once.
          if (!['adagrad', 'ftrl'].includes(name)) assert.equal(bytesOf(other), bytesOf(own))
          else assert.ok(Math.abs(other.loss - own.loss) <= 1e-6 * own.loss, `${other.loss} ${own.loss}`)
        }
      })
    })
  }

  it('case 16 (keras#20019): say that weights alone are no model, and what to do', async () => {
    await inFolder(async (folder) => {
      using net = small()
      const path = join(folder, 'm.weights.h5')
      await net.saveWeights(path)
      await rejects(
        load(path),
        'ERR_FILE_FORMAT',
        /m\.weights\.h5: it holds weights alone.*loadWeights\(\).*model\.save\('model\.keras'\)/,
      )
      await rejects(net.save(path), 'ERR_ARGUMENT', /does not end in '\.weights\.h5', which is for saveWeights\(\)/)
    })
  })

  it('have the same bytes for the same model', async () => {
    await inFolder(async (folder) => {
      using net = small()
      for (const name of ['a.keras', 'a.h5']) {
        await net.save(join(folder, name))
        await net.save(join(folder, `b${name}`))
        assert.deepEqual(readFileSync(join(folder, `b${name}`)), readFileSync(join(folder, name)))
      }
    })
  })

  it('say what they leave out', async () => {
    await inFolder(async (folder) => {
      const loss = losses.custom({ name: 'own', compute: () => ({ loss: 0, gradient: [] }) })
      using own = small().compile({ loss, optimizer: 'sgd' })
      assert.match((await own.save(join(folder, 'm.keras'))).leftOut.join(), /own.*the state of the optimizer/)
      using fitted = small().compile({ loss: 'mse', optimizer: 'adam' })
      const stopping = callbacks.earlyStopping({ monitor: 'loss', patience: 9 })
      await fitted.fit(x, y, { epochs: 2, callbacks: [stopping], ...quiet })
      const { leftOut } = await fitted.save(join(folder, 'm.h5'))
      assert.equal(leftOut.length, 3, leftOut.join())
      assert.match(leftOut.join(), /state of the optimizer.*number of epochs.*earlyStopping/s)
      using loaded = await load<typeof fitted>(join(folder, 'm.h5'))
      await loaded.fit(x, y, { epochs: 1, ...quiet })
    })
  })

  it('give each layer its weights', async () => {
    await inFolder(async (folder) => {
      let written = 0
      for (const { title, shape, make } of layerCases) {
        using net = sequential({ layers: [make({ inputShape: shape })], seed: 2 })
        const path = join(folder, 'm.weights.h5')
        if (!(await isWritten(() => net.saveWeights(path)))) continue
        written++
        using other = sequential({ layers: [make({ inputShape: shape })], seed: 3 })
        if (net.getWeights().length === 0) continue
        await other.loadWeights(path)
        assert.equal(bitsOf(other as never), bitsOf(net as never), title)
      }
      assert.ok(written > layerCases.length / 2)
    })
  })

  it(`are read as they were written, for random graphs (seeds from ${firstSeed})`, async () => {
    await inFolder(async (folder) => {
      let written = 0
      for (let seed = firstSeed; seed < firstSeed + count; seed++) {
        const { net, data, outputs, lossWeights, isNoisy } = randomGraph(seed)
        const rows = data(5, seed)
        const targets = outputs.map((shape) => numbers([5, ...shape]))
        const optimizer = stateful[seed % stateful.length] as (typeof stateful)[number]
        net.compile({ loss: 'mse', optimizer, lossWeights: lossWeights as never, device: 'cpu', threads: 1 })
        for (let step = 0; step < 2; step++) await net.trainOnBatch(rows as never, targets as never)
        const predicted = bytesOf(await net.predict(rows as never))
        const copies: { readonly copy: AnyNet; readonly holdsState: boolean }[] = []
        for (const name of ['m.keras', 'm.h5']) {
          if (!(await isWritten(() => net.save(join(folder, name))))) continue
          written++
          const loaded = await load<AnyNet>(join(folder, name), { device: 'cpu', threads: 1 })
          // Keras itself does not read the state of an optimizer from `.h5` files.
          copies.push({ copy: loaded, holdsState: name === 'm.keras' })
          assert.equal(bytesOf(await loaded.predict(rows as never)), predicted, `${seed} ${name}`)
          assert.equal(bitsOf(loaded as never), bitsOf(net as never), `${seed} ${name}`)
        }
        // Keras' files do not hold the seed of noise.
        if (!isNoisy) {
          await net.trainOnBatch(rows as never, targets as never)
          for (const { copy, holdsState } of copies) {
            await copy.trainOnBatch(rows as never, targets as never)
            if (!holdsState) continue
            if (!summing.includes(optimizer))
              assert.equal(bitsOf(copy as never), bitsOf(net as never), `${seed}: ${optimizer}`)
            else {
              for (const [i, { name, data }] of net.getWeights().entries()) {
                assertClose(copy.getWeights()[i]?.data ?? [], data, { rtol: 1e-5, atol: 1e-7 }, `${seed}: ${name}`)
              }
            }
          }
        }
        for (const each of [net, ...copies.map(({ copy }) => copy)]) each.dispose()
      }
      assert.ok(written > 0)
    })
  })

  it('are told by their names where a model within the model has other trainable layers, and some have one name', async () => {
    const inner = (name: string, trainable: boolean) => {
      const x = input({ shape: [3] })
      const first = layers.dense({ units: 3, name: 'first', trainable }).apply(x)
      return graph({ inputs: x, outputs: layers.dense({ units: 3, name: 'second' }).apply(first), name })
    }
    const outer = (trainable: boolean, seed: number) => {
      const x = input({ shape: [3] })
      const both = graph({ inputs: x, outputs: inner('b', true).apply(inner('a', trainable).apply(x)), name: 'both' })
      const y = input({ shape: [3] })
      return graph({ inputs: y, outputs: both.apply(y), seed })
    }
    await inFolder(async (folder) => {
      const path = join(folder, 'm.h5')
      using frozen = outer(false, 1)
      using other = outer(true, 2)
      await frozen.save(path)
      using loaded = await load<AnyNet>(path)
      await other.loadWeights(path)
      const weights = (net: AnyNet) => net.getWeights().map(({ name, data }) => [name, ...data])
      for (const each of [loaded, other]) assert.deepEqual(weights(each), weights(frozen))
    })
  })

  it("have '_' for '/' in names, which Keras refuses", async () => {
    await inFolder(async (folder) => {
      const x = input({ shape: [3], name: 'in/x' })
      const first = layers.dense({ units: 3, name: 'a/b' }).apply(x)
      using net = graph({
        inputs: x,
        outputs: layers.dense({ units: 2, name: 'a_b' }).apply(first),
        name: 'n/m',
        seed: 1,
      })
      using chain = sequential({ layers: [layers.dense({ units: 2, name: 'a/b', inputShape: [3] })], seed: 1 })
      for (const each of [net, chain] as AnyNet[]) {
        for (const name of ['m.keras', 'm.h5']) {
          const { leftOut } = await each.save(join(folder, name))
          assert.match(leftOut.join(), /the name 'a\/b', as Keras takes no '\/' in names; it is 'a_b/)
          using loaded = await load<AnyNet>(join(folder, name))
          assert.ok([loaded.name, ...loaded.layers.map((layer) => layer.name)].every((own) => !own?.includes('/')))
          assert.deepEqual(bytesOf(await loaded.predict(numbers([4, 3]))), bytesOf(await each.predict(numbers([4, 3]))))
        }
      }
    })
  })

  it('are refused where they are of another model, which then stays as it is', async () => {
    await inFolder(async (folder) => {
      using net = small()
      using other = sequential([
        layers.dense({ units: 5, inputShape: [3] }),
        layers.batchNormalization(),
        layers.dense({ units: 2 }),
      ])
      using fewer = sequential([layers.dense({ units: 4, inputShape: [3] })])
      for (const name of ['w.weights.h5', 'w.keras', 'w.h5']) {
        const path = join(folder, name)
        await (name === 'w.weights.h5' ? net.saveWeights(path) : net.save(path))
        const before = bitsOf(other as never)
        await rejects(
          other.loadWeights(path),
          'ERR_SHAPE',
          /layer 'dense': kernel.*expected shape \[3, 5\], got \[3, 4\]/,
        )
        assert.equal(bitsOf(other as never), before)
        if (name === 'w.h5') await rejects(fewer.loadWeights(path), 'ERR_SHAPE', /expected weights of 1 layers, got 3/)
      }
    })
  })

  it('that hold more than a model does are read with a warning', async () => {
    const path = join(goldenFolder, 'interchange', 'bad', 'state_short.keras')
    const codes = await codesOf(async () => {
      using net = await load<AnyNet>(path)
      assert.ok(net.getWeights().length > 0)
    })
    assert.deepEqual(codes, ['NEURODE_NOT_READ'])
  })

  it('are seen by h5py as Keras needs them', async function () {
    const python = spawnSync('/usr/bin/python3', ['-c', 'import h5py'])
    if (python.status !== 0) this.skip()
    await inFolder(async (folder) => {
      using net = small().compile({ loss: 'mse', optimizer: 'adam' })
      await net.save(join(folder, 'm.h5'))
      await net.saveWeights(join(folder, 'm.weights.h5'))
      const script = `
import h5py, json
file = h5py.File('m.h5', 'r')
config = json.loads(file.attrs['model_config'])
group = file['model_weights']
names = [name for name in group.attrs['layer_names']]
weights = {name: [group[name][weight][()].tolist() for weight in group[name].attrs['weight_names']] for name in names}
stored = h5py.File('m.weights.h5', 'r')
kernel = stored['layers/dense/vars/0']
print(json.dumps([config['class_name'], names, weights, kernel.dtype.str, kernel[()].tolist(), 'vars' in stored]))`
      const { stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', script], { cwd: folder, encoding: 'utf8' })
      assert.equal(stderr, '')
      const [kind, names, weights, dtype, kernel, vars] = JSON.parse(stdout)
      assert.deepEqual(
        [kind, names, dtype, vars],
        ['Sequential', ['dense', 'batch_normalization', 'dense_1'], '<f4', true],
      )
      const own = net.getWeights().map((weight) => JSON.parse(JSON.stringify(weight)))
      assert.deepEqual(Object.values(weights).flat(), own)
      assert.deepEqual(kernel, own[0])
    })
  })
})
