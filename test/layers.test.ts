/**
 * Properties of every layer: gradients agree with finite differences, results have the same bits for any number of threads, and
 * models can be saved and resumed.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { array, layers, load, losses, optimizers, sequential } from 'neurode'
import { coreOf } from '#lib/core/cores.js'
import { isParameter } from '#lib/core/planLayers.js'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { gradientsOf } from './support/gradients.js'
import { activationCases, type LayerCase, layerCases } from './support/layerCases.js'
import { clouds } from './support/problems.js'
import { preprocessingOptions } from './support/publicOptions.js'
import { Random } from './support/random.js'
import { bitsOf } from './support/resumable.js'
import { rowsThatDiffer } from './support/rowBits.js'
import { assertClose, assertNear, lossDifferences, lossStep, otherTraining } from './support/tolerances.js'

/** The layer behind a Dense layer of `inputs` units, or in front if it takes integers. */
function bodyOf({ make, shape, indices }: LayerCase, inputs: number, activation: 'tanh' | 'linear', name: string) {
  if (indices !== undefined) return [make({ name, inputShape: shape }), layers.flatten()]
  const units = shape.reduce((product, size) => product * size, 1)
  const first = layers.dense({ units, activation, inputShape: [inputs] })
  return [first, layers.reshape({ targetShape: shape }), make({ name }), layers.flatten()]
}

/** Rows of input for such a network. */
function inputsFor({ shape, indices }: LayerCase, x: Float32Array, inputs: number) {
  if (indices === undefined) return { data: x, shape: [x.length / inputs, inputs] }
  const size = shape.reduce((product, each) => product * each, 1)
  const rows = Math.floor(x.length / inputs)
  const value = (i: number) => Math.abs(Math.round(3 * (x[i % x.length] as number))) % indices
  return { data: Uint8Array.from({ length: rows * size }, (_, i) => value(i)), shape: [rows, ...shape] }
}

/** A classifier of 12 numbers with the layer in its middle, between two trainable Dense layers. */
function classifierWith(tested: LayerCase, device: string, threads = 1) {
  const model = sequential({
    seed: 8,
    layers: [...bodyOf(tested, 6, 'tanh', 'tested'), layers.dense({ units: 3, activation: 'softmax' })],
  })
  return model.compile({
    optimizer: optimizers.sgd({ learningRate: 0.1, momentum: 0.9 }),
    loss: 'sparseCategoricalCrossentropy',
    device,
    threads,
  })
}

/** Layers that no chain of layers has; golden-graphs.test.ts and graphs.test.ts are for them. */
const graphOnly = new Set([
  'input',
  'add',
  'subtract',
  'multiply',
  'average',
  'maximum',
  'minimum',
  'concatenate',
  'dot',
])

perDevice('every layer', (device) => {
  const { x: points, y } = clouds(101, 6, 3)

  it('is among the cases', () => {
    const titles = layerCases.map(({ title }) => title.split(' ')[0])
    const missing = Object.keys(layers).filter(
      (name) => !titles.includes(name) && !graphOnly.has(name) && !(name in preprocessingOptions),
    )
    assert.deepEqual(missing, [])
  })

  it('gives a row the same bits alone and in a batch: activations', async () => {
    for (const tested of activationCases) assert.deepEqual(await rowsThatDiffer(tested, device), [])
  })

  it('shares the gradient of equal largest values, and keeps NaN: globalMaxPooling1D', async () => {
    const body = () => [layers.reshape({ targetShape: [3, 2] }), layers.globalMaxPooling1D()]
    const inputs = await gradientsOf(body, [[2, -1, 2, -3, 1, -1]], [[0.5, 4]], device)
    assert.ok(
      [0.25, 2, 0.25, 0, 0, 2].every((expected, i) => inputs[i] === expected),
      String(inputs),
    )
    using model = sequential([layers.globalMaxPooling1D({ inputShape: [3, 1] })]).compile({ loss: 'mse', device })
    for (const at of [0, 1, 2]) {
      const row = Float32Array.of(1, 2, 3).fill(Number.NaN, at, at + 1)
      assert.deepEqual((await model.predict(array(row, [1, 3, 1]))).data, Float32Array.of(Number.NaN))
    }
  })

  for (const tested of layerCases) {
    it(`gives a row the same bits alone and in a batch: ${tested.title}`, async () => {
      assert.deepEqual(await rowsThatDiffer(tested, device), [])
    })

    const x = inputsFor(tested, points.data, 6)
    it(`gives the same bits with 1, 2, 3 and 7 threads: ${tested.title}`, async () => {
      const seen = new Set<string>()
      for (const threads of [1, 2, 3, 7]) {
        using model = classifierWith(tested, device, threads)
        const { history } = await model.fit(x, y, { batchSize: 37, epochs: 2, verbose: 0 })
        const { data } = await model.predict(x)
        assert.ok(data.every(Number.isFinite))
        seen.add(`${bitsOf(model)} ${[...history.loss]} ${[...data]}`)
      }
      assert.equal(seen.size, 1)
    })

    it(`goes on from a file as if nothing had happened: ${tested.title}`, async () => {
      await inFolder(async (folder) => {
        const path = join(folder, 'model.neurode')
        using model = classifierWith(tested, device)
        await model.fit(x, y, { batchSize: 16, epochs: 2, verbose: 0 })
        await model.save(path)
        using loaded = await load(path, { device, threads: 1 })
        const [one, other] = [model, loaded].map((each) => JSON.stringify(each.getLayer('tested').config()))
        assert.equal(other, one)
        assert.deepEqual(loaded.summary({ print: false }), model.summary({ print: false }))
        for (const each of [model, loaded]) await each.fit(x, y, { batchSize: 16, epochs: 4, resume: true, verbose: 0 })
        using straight = classifierWith(tested, device)
        await straight.fit(x, y, { batchSize: 16, epochs: 4, verbose: 0 })
        assert.equal(bitsOf(loaded), bitsOf(straight))
        assert.equal(bitsOf(model), bitsOf(straight))
      })
    })

    it(`gives the gradients of all that learns, and their step: ${tested.title}`, async () => {
      using whole = classifierWith(tested, device)
      using parts = classifierWith(tested, device)
      for (let step = 0; step < 3; step++) {
        const { loss } = await whole.trainOnBatch(x, y)
        const own = await parts.valueAndGradients(x, y)
        await parts.applyGradients(own.gradients)
        if (process.arch !== 'arm64') {
          assert.equal(own.loss, loss)
          assert.equal(bitsOf(parts), bitsOf(whole))
          continue
        }
        // Compilers round an update in its gradient's loop otherwise than one in a loop of its own.
        assertClose([own.loss], [loss], otherTraining, 'the loss')
        const [a, b] = [parts, whole].map((model) => model.getWeights().flatMap(({ data }) => [...data]))
        assertClose(a as number[], b as number[], otherTraining, 'weights')
      }
    })

    it(`has a Plan with the names of its weights: ${tested.title}`, () => {
      using model = classifierWith(tested, device)
      const names = new Set(model.getWeights().map(({ name }) => name))
      for (const layer of coreOf(model).plan().layers) {
        if (layer.name !== 'tested') continue
        for (const [key, member] of Object.entries(layer) as [string, unknown][]) {
          if (!isParameter(member)) continue
          // The Plan of a layer without a bias describes one nevertheless.
          const name = `tested/${member.name ?? key}`
          assert.ok(names.has(name) || key === 'bias', name)
        }
      }
    })

    it(`has the gradients that finite differences have: ${tested.title}`, async () => {
      await checkGradients(tested, device)
    })
  }
})

/** Checks the gradients of a step on a few rows with respect to every parameter before, in and behind the layer. */
async function checkGradients(tested: LayerCase, device: string): Promise<void> {
  const random = new Random(17)
  const rows = 5
  using model = sequential({ seed: 2, layers: [...bodyOf(tested, 4, 'linear', 'tested'), layers.dense({ units: 2 })] })
  const x = inputsFor(tested, random.normals(rows * 4), 4)
  const y = array(random.normals(rows * 2), [rows, 2])
  const weights = model.getWeights().map(({ data }) => data.slice())
  // The model is made anew for each step, so that it draws the same noise.
  const step = async (values: readonly Float32Array[], learningRate: number) => {
    model.compile({
      optimizer: optimizers.sgd({ learningRate }),
      loss: losses.meanSquaredError({ reduction: 'sum' }),
      device,
      threads: 1,
    })
    model.setWeights(values)
    const { loss } = await model.trainOnBatch(x, y)
    return loss
  }
  const rate = 2 ** 10
  await step(weights, rate)
  const moved = model.getWeights().map(({ data }) => data)
  const learns = model.getWeights().map(({ name }) => {
    const [layer = '', parameter = ''] = name.split('/')
    return model.getLayer(layer).trainable && !/mean|variance/.test(parameter)
  })
  for (const [k, values] of weights.entries()) {
    if (!learns[k]) continue
    for (const i of [0, Math.floor(values.length / 2), values.length - 1]) {
      const analytic = ((values[i] as number) - (moved[k]?.[i] as number)) / rate
      const at = (delta: number) => {
        const changed = weights.map((array) => array.slice())
        ;(changed[k] as Float32Array)[i] = (values[i] as number) + delta
        return step(changed, 0)
      }
      const numeric = ((await at(lossStep)) - (await at(-lossStep))) / (2 * lossStep)
      assertNear(analytic, numeric, lossDifferences, `gradient of weight ${k}[${i}]`)
    }
  }
}
