/** The same seed gives the same bits for any number of threads; other instruction sets give nearly the same numbers. */

import assert from 'node:assert/strict'
import { type Layer, layers, optimizers, sequential } from 'neurode'
import { runChild } from './support/children.js'
import { instructionSets, perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { assertClose, assertSameBits, otherInstructions } from './support/tolerances.js'

interface Network {
  readonly title: string
  readonly inputs: number
  readonly rows: number
  readonly batch: number
  readonly bytes?: boolean
  readonly momentum?: number
  readonly nesterov?: boolean
  readonly body: () => Layer[]
  readonly classes: number
}

const relu = (units: number, useBias = true) => layers.dense({ units, activation: 'relu', useBias })
const softmax = (units: number) => layers.dense({ units, activation: 'softmax' })

const networks: readonly Network[] = [
  { title: 'odd widths', inputs: 13, rows: 96, batch: 32, classes: 3, body: () => [relu(7), relu(5), softmax(3)] },
  { title: 'partial batches', inputs: 20, rows: 101, batch: 17, classes: 4, body: () => [relu(33), softmax(4)] },
  {
    title: 'dropout',
    inputs: 31,
    rows: 150,
    batch: 50,
    classes: 5,
    body: () => [relu(65), layers.dropout({ rate: 0.4 }), relu(17), layers.dropout({ rate: 0.1 }), softmax(5)],
  },
  {
    title: 'momentum',
    inputs: 64,
    rows: 130,
    batch: 64,
    momentum: 0.9,
    classes: 10,
    body: () => [relu(63), softmax(10)],
  },
  {
    title: "Nesterov's momentum and bytes",
    inputs: 50,
    rows: 200,
    batch: 67,
    bytes: true,
    momentum: 0.8,
    nesterov: true,
    classes: 7,
    body: () => [relu(31, false), softmax(7)],
  },
  {
    title: 'batches above 128',
    inputs: 28,
    rows: 777,
    batch: 257,
    classes: 10,
    body: () => [relu(100), relu(50), softmax(10)],
  },
  {
    title: 'wide layers',
    inputs: 300,
    rows: 140,
    batch: 129,
    classes: 11,
    body: () => [relu(515), relu(259), softmax(11)],
  },
  {
    title: 'few rows of wide layers',
    inputs: 530,
    rows: 15,
    batch: 7,
    bytes: true,
    classes: 6,
    body: () => [relu(300), layers.dense({ units: 401, activation: 'tanh', useBias: false }), relu(260), softmax(6)],
  },
  {
    title: 'two panels of wide layers with dropout',
    inputs: 270,
    rows: 50,
    batch: 25,
    classes: 4,
    body: () => [relu(301), layers.dropout({ rate: 0.3 }), relu(277), softmax(4)],
  },
  { title: 'batches of one row', inputs: 9, rows: 19, batch: 1, classes: 2, body: () => [relu(16), softmax(2)] },
  {
    title: 'a smooth net with the shape of the tutorial',
    inputs: 784,
    rows: 512,
    batch: 128,
    bytes: true,
    classes: 10,
    body: () => [
      layers.dense({ units: 100, activation: 'tanh' }),
      layers.dense({ units: 50, activation: 'gelu' }),
      softmax(10),
    ],
  },
]

/** Returns the weights and predictions after two epochs. */
async function run(network: Network, device: string, threads: number, seed: number): Promise<Float32Array[]> {
  const { inputs, rows, batch, bytes, momentum = 0, nesterov = false, body, classes } = network
  const random = new Random(inputs * rows)
  const x = bytes ? random.bytes(rows * inputs) : random.normals(rows * inputs)
  const y = random.classes(rows, classes)
  using model = sequential({ layers: [layers.input({ shape: [inputs] }), ...body()], seed })
  model.compile({
    optimizer: optimizers.sgd({ learningRate: 0.05, momentum, nesterov }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    device,
    threads,
  })
  if (device === 'cpu') assert.equal(model.threads, threads)
  const image = bytes ? { data: x, shape: [rows, inputs], scale: 1 / 255 } : { data: x, shape: [rows, inputs] }
  const { history } = await model.fit(image, y, { batchSize: batch, epochs: 2, verbose: 0 })
  const { data } = await model.predict(image)
  return [...model.getWeights().map((weight) => weight.data), data as Float32Array, Float32Array.from(history.loss)]
}

perDevice('training is deterministic', (device) => {
  for (const network of networks) {
    it(`gives the same bits with 1, 2, 3 and 7 threads for ${network.title}`, async () => {
      const expected = await run(network, device, 1, 5)
      for (const threads of [2, 3, 7]) {
        const actual = await run(network, device, threads, 5)
        assert.equal(actual.length, expected.length)
        actual.forEach((values, i) => {
          assertSameBits(values, expected[i] ?? new Float32Array(), `array ${i} with ${threads} threads`)
        })
      }
    })
  }

  it('gives other weights for another seed', async () => {
    const network = networks[0] as Network
    const [one, two] = [await run(network, device, 1, 5), await run(network, device, 1, 6)]
    assert.notDeepEqual(one[0], two[0])
  })

  it('shuffles differently in every epoch and the same again with the same seed', async () => {
    const losses = async (seed: number) => {
      const random = new Random(1)
      const x = { data: random.normals(400), shape: [100, 4] }
      const y = random.classes(100, 3)
      using model = sequential({
        layers: [layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })],
        seed: 1,
      })
      model.compile({ optimizer: optimizers.sgd({ learningRate: 0 }), loss: 'sparseCategoricalCrossentropy', device })
      const seen: number[] = []
      const onBatchEnd = (batch: number, logs: Readonly<Record<string, number>>) => {
        if (batch === 0) seen.push(logs.loss as number)
      }
      await model.fit(x, y, { batchSize: 10, epochs: 3, seed, verbose: 0, callbacks: [{ onBatchEnd }] })
      return seen
    }
    const first = await losses(3)
    assert.equal(new Set(first).size, 3, 'the first batch of each epoch has other rows')
    assert.deepEqual(await losses(3), first)
    assert.notDeepEqual(await losses(4), first)
  })
})

describe('instruction sets of the CPU', () => {
  const sets = instructionSets()
  it('has at least one', () => {
    assert.ok(sets.length > 0)
  })
  for (const isa of sets) {
    it(`gives nearly the same numbers with NEURODE_ISA=${isa}`, async function () {
      this.slow(5_000)
      const { stdout } = await runChild('train-one', [], { NEURODE_ISA: isa })
      const { isa: used, weights } = JSON.parse(stdout) as { isa: string; weights: number[] }
      assert.equal(used, isa)
      const { stdout: usual } = await runChild('train-one', [])
      assertClose(weights, (JSON.parse(usual) as { weights: number[] }).weights, otherInstructions, 'weights')
    })

    it(`gives a row the same bits alone and in a batch with NEURODE_ISA=${isa}`, async () => {
      const { stdout } = await runChild('row-bits', [], { NEURODE_ISA: isa })
      assert.deepEqual(JSON.parse(stdout), [])
    })
  }
})
