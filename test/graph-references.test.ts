/** Random graphs of all kinds of layers, nested models and inputs: they compute what a float64 reference computes, in all ways. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  array,
  debug,
  type Functional,
  load,
  type NdArray,
  type Optimizer,
  optimizers,
  type ParameterCheck,
} from 'neurode'
import { inFolder } from './data/files.js'
import { isEmulated, perDevice } from './support/devices.js'
import { sizeOf, sum } from './support/graphReference.js'
import { bits, quiet } from './support/graphs.js'
import { Random } from './support/random.js'
import { type RandomGraph, randomGraph } from './support/randomGraphs.js'

/** Set it to 200 for a search by hand. */
const graphs = Number(process.env.NEURODE_RANDOM_GRAPHS ?? 12)
const first = Number(process.env.NEURODE_FUZZ_SEED ?? 0)
const rows = 20

function compiled(
  { net, lossWeights }: RandomGraph,
  device: string,
  threads = 1,
  optimizer: Optimizer = optimizers.adam({ learningRate: 0.01 }),
): Functional {
  const weights = lossWeights.length === 1 ? undefined : lossWeights
  net.compile({ optimizer, loss: 'mse', lossWeights: weights as never, device, threads })
  return net
}

/** Rows of all inputs, and targets for each output. */
function dataOf(graph: RandomGraph, seed: number) {
  const random = new Random(seed)
  const targets = graph.outputs.map((shape) => array(random.normals(rows * sizeOf(shape)), [rows, ...shape]))
  return [graph.data(rows, seed), targets as unknown as NdArray] as const
}

/** The numbers of each output. */
const arraysOf = (predicted: unknown) =>
  (Array.isArray(predicted) ? predicted : [predicted]).map((each: Float32Array | NdArray) =>
    'data' in each ? [...each.data] : [...each],
  )

/** Tests each graph, on the emulator fewer; the message of a failure names its seed. */
function eachGraph(title: string, device: string, test: (seed: number) => Promise<void>): void {
  const count = isEmulated(device) ? Math.ceil(graphs / 4) : graphs
  it(`${title}: ${count} graphs`, async function () {
    this.timeout(0)
    this.slow(30_000)
    const failed: string[] = []
    for (let seed = first; seed < first + count; seed++) {
      try {
        await test(seed)
      } catch (error) {
        failed.push(`graph ${seed}: ${(error as Error).stack?.slice(0, 1500)}`)
      }
    }
    assert.deepEqual(failed, [])
  })
}

function assertNear(actual: ArrayLike<number>, expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length)
  expected.forEach((value, i) => {
    const gap = Math.abs((actual[i] as number) - value)
    assert.ok(gap <= tolerance * Math.max(1, Math.abs(value)), `${what} ${i}: ${actual[i]}, expected ${value}`)
  })
}

perDevice('graphs and their reference', (device) => {
  eachGraph('have the outputs and the loss of the reference', device, async (seed) => {
    const graph = randomGraph(seed)
    using net = compiled(graph, device)
    const [x, y] = dataOf(graph, seed)
    await net.fit(x, y, { epochs: 2, batchSize: 8, ...quiet })
    const predicted = arraysOf(await net.predict(x))
    for (const [i, output] of graph.reference(x, false).outputs.entries()) {
      assertNear(predicted[i] as number[], output.flat(), 2e-4, `output ${i}`)
    }
    if (graph.isNoisy) return
    const { outputs, penalty } = graph.reference(x, true)
    const losses = outputs.map((output, i) => {
      const targets = arraysOf(y)[i] as number[]
      const squares = output.flat().map((value, j) => (value - (targets[j] as number)) ** 2)
      return ((graph.lossWeights[i] as number) * sum(squares)) / squares.length
    })
    const results = await net.trainOnBatch(x, y)
    assertNear([results.loss], [sum(losses) + penalty], 2e-4, 'loss')
  })

  if (device !== 'cpu') {
    eachGraph('train as on the CPU', device, async (seed) => {
      const weights: number[][] = []
      for (const each of ['cpu', device]) {
        const graph = randomGraph(seed)
        using net = compiled(graph, each, 1, optimizers.sgd({ learningRate: 0.01 }))
        await net.fit(...dataOf(graph, seed), { epochs: 2, batchSize: 8, ...quiet })
        weights.push(net.getWeights().flatMap(({ data }) => [...data]))
      }
      assertNear(weights[1] as number[], weights[0] as number[], 1e-4, 'weight')
    })
  }

  eachGraph('have the gradients that finite differences have', device, async (seed) => {
    const graph = randomGraph(seed)
    using net = compiled(graph, device)
    const [x, y] = dataOf(graph, seed)
    await net.fit(x, y, { epochs: 1, batchSize: 8, ...quiet })
    const { parameters } = await debug.checkGradients(net, x, y, {
      samples: isEmulated(device) ? 3 : 16,
      tolerance: 0.03,
    })
    // Of gradients that are 0 in theory, little is left but rounding.
    const isZero = ({ worst }: ParameterCheck) => Math.abs((worst?.gradient ?? 0) - (worst?.difference ?? 0)) < 1e-5
    const wrong = parameters.filter((parameter) => !parameter.agrees && !isZero(parameter))
    assert.deepEqual(wrong, [])
  })

  eachGraph('train to the same bits with any number of threads', device, async (seed) => {
    const results = new Map<string, number>()
    for (const threads of isEmulated(device) ? [1, 3] : [1, 2, 3, 7]) {
      const graph = randomGraph(seed)
      using net = compiled(graph, device, threads)
      await net.fit(...dataOf(graph, seed), { epochs: 2, batchSize: 8, ...quiet })
      results.set(JSON.stringify(bits(net)), threads)
    }
    assert.equal(results.size, 1)
  })

  eachGraph('go on from a file as if nothing had happened', device, async (seed) => {
    const graph = randomGraph(seed)
    using straight = compiled(graph, device)
    const [x, y] = dataOf(graph, seed)
    await straight.fit(x, y, { epochs: 3, batchSize: 8, ...quiet })
    using net = compiled(randomGraph(seed), device)
    await net.fit(x, y, { epochs: 1, batchSize: 8, ...quiet })
    await inFolder(async (folder) => {
      const path = join(folder, 'graph.neurode')
      await net.save(path)
      using again = await load<Functional>(path, { device, threads: 1 })
      assert.deepEqual(again.summary({ print: false }), net.summary({ print: false }))
      assert.deepEqual(arraysOf(await again.predict(x)), arraysOf(await net.predict(x)))
      await again.fit(x, y, { epochs: 3, batchSize: 8, resume: true, ...quiet })
      assert.deepEqual(bits(again), bits(straight))
    })
  })

  eachGraph('predict the same by all ways', device, async (seed) => {
    const graph = randomGraph(seed)
    using net = compiled(graph, device)
    const [x, y] = dataOf(graph, seed)
    await net.fit(x, y, { epochs: 1, batchSize: 8, ...quiet })
    const expected = arraysOf(await net.predict(x))
    assert.deepEqual(arraysOf(net.predictSync(x)), expected)
    assert.deepEqual(arraysOf(await net.predict(x, { batchSize: 3 })), expected)
    using predictor = net.predictor()
    const input = Object.keys(x).length > 1 ? x : (Object.values(x)[0]?.data as Float32Array)
    const values = await predictor.predict(input)
    // Predictors fold what normalization multiplies by into the weights of dense layers, which rounds differently.
    assertNear(arraysOf(values).flat(), expected.flat(), 1e-5, 'output')
    assert.deepEqual(predictor.predictSync(input), values)
  })
})
