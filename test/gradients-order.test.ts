/** Calls with gradients that are made before others are done take effect in the order of the calls. */

import assert from 'node:assert/strict'
import { array, type Gradients, layers, losses, optimizers, schedules, sequential } from 'neurode'
import { isEmulated, perDevice } from './support/devices.js'
import { bits } from './support/graphs.js'

const rowsOf = (rows: number, columns: number) =>
  array(
    Float32Array.from({ length: rows * columns }, (_, i) => ((i * 37) % 16) / 8 - 1),
    [rows, columns],
  )

const squares = losses.custom({
  name: 'squares',
  compute({ outputs, targets }) {
    const gradient = outputs.map((output, i) => (output - (targets[i] as number)) / outputs.length)
    return { loss: gradient.reduce((sum, each) => sum + each * each, 0), gradient }
  },
})

perDevice('the order of calls with gradients', (device) => {
  const [x, y] = [rowsOf(8, 4), rowsOf(8, 2)]
  const many = isEmulated(device) ? 64 : 20_000
  const [largeX, largeY] = [rowsOf(many, 4), rowsOf(many, 2)]

  const make = (loss: 'mse' | typeof squares) => {
    const learningRate = schedules.exponentialDecay({ initialLearningRate: 0.1, decaySteps: 1, decayRate: 0.5 })
    return sequential({ layers: [layers.dense({ units: 8, inputShape: [4] }), layers.dense({ units: 2 })], seed: 1 }) //
      .compile({ loss, optimizer: optimizers.adam({ learningRate }), device })
  }
  type Model = ReturnType<typeof make>

  /** Takes a step, and changes the arrays as soon as the call has returned. */
  const apply = (model: Model) => {
    const gradients: Gradients = Object.fromEntries(
      model.getWeights().map(({ name, data, shape }) => [
        name,
        array(
          data.map((_, i) => (i % 7) / 7 - 0.4),
          shape,
        ),
      ]),
    )
    const applied = model.applyGradients(gradients)
    for (const { data } of Object.values(gradients)) data.fill(9)
    return applied
  }

  for (const [name, loss] of [['a loss of Neurode', 'mse'] as const, ['a custom loss', squares] as const]) {
    it(`is that of their effects, whatever becomes of their arrays: ${name}`, async () => {
      using alone = make(loss)
      using together = make(loss)
      const works: readonly ((model: Model) => Promise<unknown>)[] = [
        apply,
        apply,
        (model) => model.trainOnBatch(x, y),
        (model) => model.trainOnBatch(largeX, largeY),
        apply,
        (model) => model.valueAndGradients(x, y),
        apply,
        (model) => model.backward(x, y),
        (model) => model.valueAndGradients(largeX, largeY),
        (model) => model.trainOnBatch(x, y),
      ]
      const expected: unknown[] = []
      for (const work of works) expected.push(await work(alone))
      assert.deepEqual(await Promise.all(works.map((work) => work(together))), expected)
      assert.deepEqual(bits(together), bits(alone))
      assert.equal(together.position.step, 7)
    })
  }

  it('holds where arrays for the results are given', async () => {
    using alone = make('mse')
    using together = make('mse')
    const { gradients } = await alone.valueAndGradients(x, y)
    const outs = [0, 1].map(() => ({
      gradients: Object.fromEntries(Object.entries(gradients).map(([name, { data }]) => [name, data.map(() => 9)])),
    }))
    const both = await Promise.all(outs.map((out) => together.valueAndGradients(x, y, { out })))
    for (const [i, result] of both.entries()) {
      assert.deepEqual(result.gradients, gradients)
      for (const [name, { data }] of Object.entries(result.gradients)) assert.equal(data, outs[i]?.gradients[name])
    }
    const later = await together.valueAndGradients(largeX, largeY, { out: outs[0] as (typeof outs)[0] })
    assert.notDeepEqual(later.gradients, gradients)
    assert.deepEqual(both[1]?.gradients, gradients)
  })
})
