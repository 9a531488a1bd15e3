/** Features that all optimizers share: clipping, accumulation, averages, exclusions, frozen layers; also when saved and resumed. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { array, layers, load, type Optimizer, optimizers, type Sequential, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { suiteFolder } from './support/folders.js'
import { Random } from './support/random.js'
import { bitsOf } from './support/resumable.js'

const random = new Random(4)
const rows = 48
const x = array(random.normals(rows * 6), [rows, 6])
const y = array(random.normals(rows * 3), [rows, 3])

type Options = Readonly<Record<string, unknown>>

function makeModel(optimizer: Optimizer, device: string, threads = 1): Sequential {
  return sequential({
    layers: [
      layers.dense({ units: 40, activation: 'tanh', inputShape: [6], name: 'hidden' }),
      layers.dense({ units: 3, name: 'output' }),
    ],
    seed: 3,
  }).compile({ optimizer, loss: 'mse', device, threads }) as unknown as Sequential
}

const make = (name: string, options: Options = {}): Optimizer =>
  (optimizers[name as keyof typeof optimizers] as (options: object) => Optimizer)({ learningRate: 0.05, ...options })

const train = (model: Sequential, epochs: number, options = {}) =>
  model.fit(x, y, { batchSize: 16, epochs, verbose: 0, shuffle: true, ...options })

const optionSets: readonly Options[] = [
  {},
  { clipNorm: 0.05 },
  { globalClipNorm: 0.1 },
  { clipValue: 0.01 },
  { useEma: true, emaMomentum: 0.75, emaOverwriteFrequency: 4 },
  { gradientAccumulationSteps: 2 },
  { gradientAccumulationSteps: 4, globalClipNorm: 0.1, useEma: true, weightDecay: 0.1 },
  { useEma: true, emaMomentum: 0.5, weightDecay: 0.1, excludeFromWeightDecay: ['bias'] },
]

/** Options that every optimizer has, from an error message. */
const sharedOptions = ['weightDecay', 'excludeFromWeightDecay', ...updateOptions()]

function updateOptions(): string[] {
  const known = refusalOf(() => make('lion', { unknown: 1 })).replace(/^.*known: /, '')
  return known.split(', ').filter((name) => !(name in make('lion').options) && name !== 'lr')
}

function refusalOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

/** Options that have no effect alone, with those that they need. */
const together: Readonly<Record<string, readonly string[]>> = { nesterov: ['momentum'] }

/** Sets of options of an optimizer: each of its own options with those that it needs, and all together. */
function ownOptionSets(name: string): Options[] {
  const own = Object.entries(make(name).options).filter(([key]) => key !== 'weightDecay')
  const added = own.flatMap(([key, value]): [string, unknown][] =>
    value === false ? [[key, true]] : value === 0 ? [[key, 0.25]] : [],
  )
  const only = (names: readonly string[]) => Object.fromEntries(added.filter(([key]) => names.includes(key)))
  return [Object.fromEntries(added), ...added.map(([key]) => only([key, ...(together[key] ?? [])]))]
}

/** Sets of options of all optimizers: lazyAdam takes none of those. */
const sharedSets = (name: string) => (name === 'lazyAdam' ? [{}] : optionSets)

const titleOf = (options: Options) => Object.keys(options).join(', ') || 'no options'

perDevice('updates', (device) => {
  const folder = suiteFolder()

  for (const name of Object.keys(optimizers)) {
    it(`${name}: saved amid an accumulation, loaded and continued, gives the bits of one training`, async () => {
      for (const options of sharedSets(name)) {
        using whole = makeModel(make(name, options), device)
        using begun = makeModel(make(name, options), device)
        const path = join(folder.path, 'model')
        for (let step = 0; step < 5; step++) {
          await whole.trainOnBatch(x, y)
          await begun.trainOnBatch(x, y)
        }
        await begun.save(path)
        using loaded = await load(path, { device, threads: 1 })
        assert.deepEqual(loaded.optimizer?.options, begun.optimizer?.options)
        for (let step = 0; step < 6; step++) {
          await whole.trainOnBatch(x, y)
          await loaded.trainOnBatch(x, y)
        }
        assert.equal(bitsOf(loaded), bitsOf(whole), titleOf(options))
      }
    })
  }

  it('have all their options among the sets', () => {
    const tried = new Set(optionSets.flatMap((options) => Object.keys(options)))
    assert.deepEqual(
      sharedOptions.filter((name) => !tried.has(name)),
      [],
    )
  })

  for (const name of Object.keys(optimizers)) {
    it(`${name}: stopped after some epochs and continued, from a file or not, gives the bits of one fit`, async () => {
      for (const options of [...sharedSets(name), ...ownOptionSets(name)]) {
        const path = join(folder.path, 'stopped')
        using whole = makeModel(make(name, options), device)
        await train(whole, 4)
        using stopped = makeModel(make(name, options), device)
        await train(stopped, 2)
        await stopped.save(path)
        using loaded = await load(path, { device, threads: 1 })
        assert.equal(bitsOf(loaded), bitsOf(stopped), titleOf(options))
        for (const each of [stopped, loaded]) {
          await train(each, 4, { resume: true })
          assert.equal(bitsOf(each), bitsOf(whole), titleOf(options))
        }
      }
    })
  }

  it('go on from averages where these were changed, or without resume', async () => {
    const averaging = () => makeModel(make('sgd', { useEma: true, emaMomentum: 0.5 }), device)
    using resumed = averaging()
    await train(resumed, 2)
    await train(resumed, 4, { resume: true })
    using changed = averaging()
    await train(changed, 2)
    changed.setWeights(changed.getWeights().map(({ data }) => data.map((value) => value + 1)))
    await train(changed, 4, { resume: true })
    const distance = (changed.getWeights()[0]?.data[0] as number) - (resumed.getWeights()[0]?.data[0] as number)
    assert.ok(distance > 0.5, `${distance}`)
    using anew = averaging()
    await train(anew, 2)
    await train(anew, 2)
    assert.notEqual(bitsOf(anew), bitsOf(resumed))
  })

  it('become averages when fit ends, not between its epochs', async () => {
    using averaged = makeModel(make('sgd', { useEma: true, emaMomentum: 0.5 }), device)
    using plain = makeModel(make('sgd'), device)
    await train(plain, 2)
    const compared: number[] = []
    const onEpochEnd = (epoch: number) => {
      if (epoch !== 1) return
      assertNear(averaged, plain)
      compared.push(epoch)
    }
    await train(averaged, 2, { callbacks: [{ onEpochEnd }] })
    assert.deepEqual(compared, [1])
    assert.throws(() => assertNear(averaged, plain), /expected/)
  })

  it('change nothing where a limit is never reached or an average is never used', async () => {
    using plain = makeModel(make('adam'), device)
    await train(plain, 2)
    for (const options of [{ clipValue: 1e6 }, { globalClipNorm: 1e6 }, { clipNorm: 1e6 }]) {
      using clipped = makeModel(make('adam', options), device)
      await train(clipped, 2)
      assertNear(clipped, plain)
    }
  })

  it('leave out of weight decay what is excluded from it', async () => {
    using model = makeModel(make('sgd', { weightDecay: 0.5, excludeFromWeightDecay: ['bias', 'output/'] }), device)
    using plain = makeModel(make('sgd'), device)
    await model.trainOnBatch(x, y)
    await plain.trainOnBatch(x, y)
    const [decayed, others] = [model.getWeights(), plain.getWeights()]
    const same = decayed.map(({ data }, i) => bytesOf(data).equals(bytesOf(others[i]?.data)))
    assert.deepEqual(same, [false, true, true, true])
  })

  it('leave frozen layers as they are, and keep the state that they had', async () => {
    const optimizer = make('adam', { gradientAccumulationSteps: 2, useEma: true })
    using model = makeModel(optimizer, device)
    const [hidden, output] = model.layers
    assert.ok(hidden && output)
    await model.trainOnBatch(x, y)
    const before = bitsOf(hidden)
    const position = model.position.step
    hidden.trainable = false
    await model.trainOnBatch(x, y)
    await model.trainOnBatch(x, y)
    assert.equal(bitsOf(hidden), before)
    assert.equal(model.position.step, position + 2)
    hidden.trainable = true
    await model.trainOnBatch(x, y)
    assert.notEqual(bitsOf(hidden), before)
  })

  it('go on with the same bits after a layer was frozen and set free again', async () => {
    using touched = makeModel(make('adam'), device)
    using plain = makeModel(make('adam'), device)
    await touched.trainOnBatch(x, y)
    await plain.trainOnBatch(x, y)
    const layer = touched.layers[0]
    assert.ok(layer)
    layer.trainable = false
    await touched.predict(x)
    layer.trainable = true
    await touched.trainOnBatch(x, y)
    await plain.trainOnBatch(x, y)
    assert.equal(bitsOf(touched), bitsOf(plain))
  })

  it('save that a layer is frozen', async () => {
    using model = makeModel(make('sgd'), device)
    const path = join(folder.path, 'frozen')
    ;(model.layers[0] as { trainable: boolean }).trainable = false
    await model.save(path)
    using loaded = await load(path, { device })
    assert.deepEqual(
      loaded.layers.map(({ trainable }) => trainable),
      [false, true],
    )
  })

  it('train a model whose layers are all frozen, which changes nothing', async () => {
    using model = makeModel(make('sgd', { globalClipNorm: 1 }), device)
    for (const layer of model.layers) layer.trainable = false
    const before = bitsOf(model)
    const { history } = await train(model, 1)
    assert.ok(Number.isFinite(history.loss?.[0]))
    assert.equal(bitsOf(model), before)
  })

  it('change nothing where FTRL would divide by 0: at a rate of 0, and before the first gradient of a weight', async () => {
    using still = makeModel(make('ftrl', { learningRate: 0, beta: 0.5 }), device)
    const before = bitsOf(still)
    await still.trainOnBatch(x, y)
    assert.equal(bitsOf(still), before)

    using model = makeModel(make('ftrl', { initialAccumulatorValue: 0 }), device)
    const [kernel] = model.getWeights()
    await model.trainOnBatch(array(Float32Array.of(0, 1, 0, 0, 0, 0), [1, 6]), array(Float32Array.of(1, 2, 3), [1, 3]))
    const [trained] = model.getWeights()
    const changed = Array.from({ length: 6 }, (_, row) => {
      const bytes = (weights: typeof kernel) => bytesOf(weights?.data.subarray(row * 40, row * 40 + 40))
      return !bytes(trained).equals(bytes(kernel))
    })
    assert.deepEqual(changed, [false, true, false, false, false, false])
    assert.ok(trained?.data.every(Number.isFinite))
  })

  it('cannot freeze a layer while it trains', async () => {
    using model = makeModel(make('sgd'), device)
    const training = train(model, 3)
    assert.throws(() => ((model.layers[0] as { trainable: boolean }).trainable = false), { code: 'ERR_MODEL_BUSY' })
    await training
  })
})

describe('updates of several threads', () => {
  for (const options of optionSets) {
    it(`give the bits of one thread: ${titleOf(options)}`, async () => {
      const bits: string[] = []
      for (const threads of [1, 2, 3, 7]) {
        const model = sequential({
          layers: [layers.dense({ units: 300, activation: 'relu', inputShape: [40] }), layers.dense({ units: 3 })],
          seed: 1,
        }).compile({ optimizer: make('adam', options), loss: 'mse', device: 'cpu', threads })
        const wide = array(new Random(2).normals(128 * 40), [128, 40])
        const targets = array(new Random(3).normals(128 * 3), [128, 3])
        await model.fit(wide, targets, { batchSize: 64, epochs: 3, verbose: 0 })
        bits.push(bitsOf(model))
        model.dispose()
      }
      assert.deepEqual(new Set(bits).size, 1)
    })
  }
})

function bytesOf(data: Float32Array = new Float32Array()): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

function assertNear(got: Sequential, expected: Sequential): void {
  const values = expected.getWeights().flatMap(({ data }) => [...data])
  got
    .getWeights()
    .flatMap(({ data }) => [...data])
    .forEach((value, i) => {
      assert.ok(Math.abs(value - (values[i] as number)) < 1e-5, `${value}, expected ${values[i]}`)
    })
}
