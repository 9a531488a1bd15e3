/**
 * Random graphs of layers that branch, join and repeat, with frozen parts and statistics of batches: gradients, threads, devices, files,
 * predictors. NEURODE_RANDOM_GRAPHS is their number, and NEURODE_FUZZ_SEED their seed.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  array,
  debug,
  devices,
  type Functional,
  initializers,
  input,
  type Layer,
  layers,
  load,
  model,
  type NdArray,
  optimizers,
  type SymbolicTensor,
} from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { bits, quiet } from './support/graphs.js'
import { Random } from './support/random.js'
import { assertClose, otherTraining, product } from './support/tolerances.js'

const count = Number(process.env.NEURODE_RANDOM_GRAPHS ?? 6)
const firstSeed = Number(process.env.NEURODE_FUZZ_SEED ?? 1)
const rows = 12

// biome-ignore lint/suspicious/noExplicitAny: a graph of one output, or of two in a list.
type AnyGraph = Functional<any, any, string, any, any>

type Apply = (tensors: readonly SymbolicTensor[]) => SymbolicTensor

/** A graph with many uses of each tensor. Noise and kinks would spoil finite differences, so there are none. */
function randomGraph(seed: number): AnyGraph {
  const random = new Random(seed)
  const width = 2 + random.below(4)
  const inputs = Array.from({ length: 1 + random.below(2) }, (_, i) =>
    input({ shape: [2 + random.below(4)], name: `x${i}` }),
  )
  // A bias behind each difference: where tensors are equal it is 0 or rounding, and a cosine of that means nothing.
  const biasInitializer = initializers.randomNormal({ stddev: 0.5 })
  const dense = (units: number, trainable = true) =>
    layers.dense({ units, activation: 'tanh', trainable, biasInitializer })
  const tensors = inputs.map((tensor) => dense(width).apply(tensor) as SymbolicTensor)
  const shared: Layer[] = [dense(width), layers.layerNormalization(), layers.batchNormalization({ momentum: 0.8 })]
  const merges: readonly Apply[] = [
    (all) => layers.add().apply(all),
    (all) => layers.multiply().apply(all),
    (all) => layers.average().apply(all),
    ([a, b]) => dense(width).apply(layers.subtract().apply([a as SymbolicTensor, b as SymbolicTensor])),
    (all) => dense(width).apply(layers.concatenate().apply(all)),
    ([a, b]) => {
      const cosine = layers.dot({ axes: 1, normalize: true }).apply([a as SymbolicTensor, b as SymbolicTensor])
      return dense(width).apply(layers.concatenate().apply([cosine, a as SymbolicTensor]))
    },
  ]
  const single: readonly Apply[] = [
    ([a]) => dense(width, random.below(4) > 0).apply(a as SymbolicTensor),
    ([a]) => random.pick(shared).apply(a as SymbolicTensor),
    ([a]) => layers.activation('sigmoid').apply(a as SymbolicTensor),
    ([a]) => dense(width).apply(layers.slice({ begin: 1, size: width - 1 }).apply(a as SymbolicTensor)),
  ]
  for (let step = 0; step < 3 + random.below(6); step++) {
    const from = Array.from({ length: 2 + random.below(2) }, () => random.pick(tensors))
    tensors.push(random.pick(random.below(2) === 0 ? merges : single)(from))
  }
  const ends = [...new Set([...tensors.slice(0, inputs.length), ...tensors.slice(-2)])]
  const end = ends.length > 1 ? layers.concatenate().apply(ends) : (ends[0] as SymbolicTensor)
  const output = layers.dense({ units: 2 }).apply(end)
  if (random.below(2) === 0) return model({ inputs, outputs: output, seed }) as unknown as AnyGraph
  // An inner tensor, which other layers read as well, or a second output layer of one.
  const inner = random.pick(tensors)
  const second = random.below(2) === 0 ? inner : layers.dense({ units: 3 }).apply(inner)
  return model({ inputs, outputs: [output, second], seed }) as unknown as AnyGraph
}

function dataOf(net: AnyGraph, seed: number) {
  const random = new Random(seed + 1)
  const x = net.inputs.map(({ shape }) =>
    array(random.normals(rows * (shape[0] as number)), [rows, shape[0] as number]),
  )
  const y = net.outputs.map((output: SymbolicTensor) => {
    const size = output.shape[0] as number
    return array(random.normals(rows * size), [rows, size])
  })
  return { x, y }
}

function prepared(seed: number, device: string, threads = 1): AnyGraph {
  const net = randomGraph(seed)
  const several = net.outputs.length > 1 ? { loss: ['mse', 'logCosh'], lossWeights: [1, 0.5] } : { loss: 'mse' }
  net.compile({ optimizer: optimizers.adam({ learningRate: 0.01 }), ...several, device, threads } as never)
  return net
}

/** The predictions of all outputs, in one list. */
const valuesOf = (predicted: unknown) =>
  [predicted as NdArray | readonly NdArray[]].flat().flatMap(({ data }) => [...data])

perDevice('random graphs', (device) => {
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    it(`have right gradients, and the same bits however they are computed: ${seed}`, async () => {
      using net = prepared(seed, device)
      const { x, y } = dataOf(net, seed)
      const report = await debug.checkGradients(net, x, y, { tolerance: 0.02 })
      assert.ok(report.agrees, JSON.stringify(report.parameters.filter(({ agrees }) => !agrees)))
      const options = { batchSize: 5, ...quiet }
      await net.fit(x, y, { epochs: 2, ...options })
      for (const threads of [2, 3, 7]) {
        using other = prepared(seed, device, threads)
        await other.fit(x, y, { epochs: 2, ...options })
        assert.deepEqual(bits(other), bits(net), `${threads} threads`)
      }
      const predictions = valuesOf(await net.predict(x))
      using predictor = net.predictor()
      const predicted: unknown = await predictor.predict(x.length === 1 ? (x[0]?.data as Float32Array) : x)
      const values = [predicted as Float32Array | readonly Float32Array[]].flat().flatMap((each) => [...each])
      if (device === 'cpu') assert.deepEqual(values, predictions, 'the predictor')
      else assertClose(values, predictions, product(64), 'the predictor')
      await inFolder(async (folder) => {
        const path = join(folder, 'graph.neurode')
        await net.save(path)
        using loaded = await load<AnyGraph>(path, { device, threads: 1 })
        for (const each of [net, loaded]) await each.fit(x, y, { epochs: 3, resume: true, ...options })
        assert.deepEqual(bits(loaded), bits(net))
      })
    })
  }
})

describe('random graphs', () => {
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    it(`train to the same on the CPU and on CUDA: ${seed}`, async function () {
      if (!devices().some(({ name, available }) => name === 'cuda:0' && available)) this.skip()
      const [one, other] = await Promise.all(
        ['cpu', 'cuda:0'].map(async (device) => {
          using net = prepared(seed, device)
          const { x, y } = dataOf(net, seed)
          await net.fit(x, y, { epochs: 3, batchSize: 5, ...quiet })
          return valuesOf(await net.predict(x))
        }),
      )
      assertClose(other as number[], one as number[], otherTraining, 'predictions')
    })
  }
})
