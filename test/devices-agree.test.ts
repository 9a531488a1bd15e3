/** The CPU and a CUDA device compute the same, and a model that was trained on one can be trained further on the other. */

import assert from 'node:assert/strict'
import { devices, layers, optimizers, sequential } from 'neurode'
import type { NativeModel } from '#lib/native/addon.js'
import { native } from '#lib/native/native.js'
import type { Plan } from '#lib/native/plan.js'
import { isEmulated } from './support/devices.js'
import { Random } from './support/random.js'
import { assertClose, assertSameBits, trained } from './support/tolerances.js'

describe('CPU and CUDA agree', function () {
  this.slow(5_000)
  const cuda = devices().some(({ name, available }) => name === 'cuda:0' && available)

  /** Widths from the input on, and rows of a batch: for the tile sizes of each kernel, and for batches that are cut into parts. */
  const networks = [
    { title: 'many rows of few inputs', widths: [5, 800, 7], batch: 520 },
    { title: 'more rows of fewer inputs', widths: [3, 1300, 2], batch: 1300 },
    { title: 'few rows of wide layers', widths: [6, 800, 800, 3], batch: 6 },
    { title: 'fewer rows of wider layers', widths: [3, 1300, 1301, 3], batch: 4 },
    { title: 'more layers than a launch of updates takes', widths: [9, ...Array<number>(14).fill(8), 3], batch: 20 },
    { title: 'a small network and a long batch', widths: [7, 12, 3], batch: 5000 },
  ] as const

  const train = async (widths: readonly number[], batch: number, device: string) => {
    const random = new Random(batch)
    const [inputs = 1, ...units] = widths
    const classes = units.pop() ?? 1
    const x = { data: random.normals(batch * inputs), shape: [batch, inputs] }
    const y = random.classes(batch, classes)
    using model = sequential({
      layers: [
        layers.input({ shape: [inputs] }),
        ...units.map((size) => layers.dense({ units: size, activation: 'silu' })),
        layers.dense({ units: classes, activation: 'softmax' }),
      ],
      seed: 4,
    })
    model.compile({ optimizer: optimizers.sgd({ momentum: 0.5 }), loss: 'sparseCategoricalCrossentropy', device })
    const losses: number[] = []
    for (let step = 0; step < 2; step++) losses.push((await model.trainOnBatch(x, y)).loss)
    losses.push((await model.evaluate(x, y)).loss)
    const { data } = await model.predict(x)
    return [Float32Array.from(losses), data, ...model.getWeights().map((weight) => weight.data)]
  }

  for (const { title, widths, batch } of networks) {
    it(`on ${title}: ${widths.length > 5 ? `${widths.length - 1} layers` : widths.join('-')}, batch ${batch}`, async function () {
      if (!cuda) this.skip()
      const expected = await train(widths, batch, 'cpu')
      const actual = await train(widths, batch, 'cuda:0')
      const widest = Math.max(...widths, batch)
      actual.forEach((values, i) => {
        assertClose(values, expected[i] ?? [], trained(widest, 2), `array ${i}`)
      })
      const again = await train(widths, batch, 'cuda:0')
      again.forEach((values, i) => {
        assertSameBits(values, actual[i] ?? new Float32Array(), `array ${i}`)
      })
    })
  }
})

describe('a model trained on one device', () => {
  const plan: Plan = {
    inputSize: 21,
    layers: [
      ['tanh', 33],
      ['softmax', 4],
    ].map(([activation, units], i) => ({
      kind: 'dense',
      name: `dense_${i}`,
      units: units as number,
      useBias: true,
      activation: { name: activation as string, params: [] },
      kernel: { initializer: { name: 'uniform', low: -0.3, high: 0.3, seed: i } },
      bias: { initializer: { name: 'constant', value: 0.1, seed: 0 } },
    })),
    training: {
      heads: [
        {
          loss: { name: 'sparseCategoricalCrossentropy', params: [0] },
          reduction: 'mean',
          metrics: [{ name: 'categoricalAccuracy', params: [] }],
        },
      ],
      optimizer: { name: 'momentum', params: [0.9, 1] },
      weightDecay: 0.01,
    },
  }
  const layered = { ...plan, layers: [...plan.layers] }
  layered.layers.splice(1, 0, { kind: 'noise', name: 'dropout', noise: { name: 'dropout', params: [0.25] }, seed: 5 })

  const random = new Random(8)
  const input = { data: random.bytes(150 * 21), scale: 1 / 255, offset: -0.5 }
  const targets = { kind: 'classes', data: Int32Array.from(random.classes(150, 4)) } as const
  const learningRates = new Float32Array([0.1])

  const epoch = async (model: NativeModel, number: number) => {
    const data = model.bind(input, targets)
    const range = {
      data,
      batchSize: 32,
      epoch: number,
      shuffle: true,
      seed: 3,
      firstBatch: 0,
      batches: 5,
      learningRates,
    }
    const sums = await model.train(range)
    model.unbind(data)
    return sums
  }

  const state = (model: NativeModel) => model.parameters.flatMap((_, i) => [model.getParameter(i), model.getSlot(0, i)])

  const cuda = devices().find(({ name, available }) => name === 'cuda:0' && available)
  for (const [from, to] of [
    ['cpu', 'cuda:0'],
    ['cuda:0', 'cpu'],
  ] as const) {
    it(`goes on from ${from} on ${to}: weights, optimizer, step and random streams`, async function () {
      if (!cuda) this.skip()
      const open = (device: string) => native().createModel(layered, { device, threads: 1 })
      const [alone, first, second] = [open(from), open(from), open(to)]
      await epoch(alone, 0)
      await epoch(first, 0)
      second.step = first.step
      first.parameters.forEach((_, i) => {
        second.setParameter(i, first.getParameter(i))
        second.setSlot(0, i, first.getSlot(0, i))
        assert.deepEqual(second.getParameter(i), first.getParameter(i))
        assert.deepEqual(second.getSlot(0, i), first.getSlot(0, i))
      })
      assertClose(await epoch(second, 1), await epoch(alone, 1), trained(32, 5), 'sums')
      assert.equal(second.step, 10)
      const expected = state(alone)
      state(second).forEach((values, i) => {
        assertClose(values, expected[i] ?? [], trained(33, 10), `array ${i}`)
      })
      for (const model of [alone, first, second]) model.dispose()
    })
  }

  it('shows what the emulator is', function () {
    if (!cuda || !isEmulated('cuda:0')) this.skip()
    assert.match(cuda.description ?? '', /compute capability 7\.5/)
  })
})
