/** Schedules agree with Keras, one-cycle agrees with the definition of PyTorch's policy, and the rates are applied to the weights. */

import assert from 'node:assert/strict'
import { type Callback, optimizers, schedules } from 'neurode'
import { throws } from './data/files.js'
import { flatten, readGolden } from './support/golden.js'
import { scheduleOf } from './support/keras.js'
import { classifier, clouds } from './support/problems.js'

describe('golden schedules.json', () => {
  for (const { name, config, inputs, outputs, rtol, atol } of readGolden('schedules.json').cases) {
    it(`${name} ${JSON.stringify(config.config)}`, () => {
      const schedule = scheduleOf(config.class_name ?? '', config.config)
      const [first = 0, last = 0] = inputs.steps
      const expected = flatten(outputs.learning_rate)
      assert.equal(expected.length, last - first + 1)
      expected.forEach((rate, i) => {
        const actual = schedule.at(first + i)
        assert.ok(Math.abs(actual - rate) <= atol + rtol * rate, `step ${first + i}: expected ${rate}, got ${actual}`)
        assert.equal(actual, Math.fround(actual), 'a float32')
      })
    })
  }
})

describe('schedules', () => {
  it('cycle once: up to the top, down to the end, and stay there', () => {
    const options = { maxLearningRate: 0.5, totalSteps: 101, pctStart: 0.2, divFactor: 10, finalDivFactor: 100 }
    for (const annealStrategy of ['cos', 'linear'] as const) {
      const { at } = schedules.oneCycle({ ...options, annealStrategy })
      const close = (step: number, rate: number) => assert.ok(Math.abs(at(step) - rate) < 1e-4, `${at(step)}`)
      close(0, 0.05)
      close(19.2 / 2, annealStrategy === 'cos' ? 0.275 : 0.275)
      close(19.2, 0.5)
      close(100, 0.0005)
      close(1000, 0.0005)
      const rates = Array.from({ length: 101 }, (_, step) => at(step))
      const top = rates.indexOf(Math.max(...rates))
      assert.ok(top === 19)
      assert.deepEqual(
        rates.slice(19),
        rates.slice(19).toSorted((a, b) => b - a),
      )
    }
    assert.equal(schedules.oneCycle({ maxLearningRate: 1, totalSteps: 10, pctStart: 0 }).at(0), 1)
    assert.equal(schedules.oneCycle({ maxLearningRate: 1, totalSteps: 1 }).at(0), Math.fround(1 / 25 / 1e4))
  })

  it('refuse what makes no sense', () => {
    const base = { initialLearningRate: 0.1, decaySteps: 5, decayRate: 0.5 }
    throws(() => schedules.exponentialDecay({ ...base, decaySteps: 0 }), 'ERR_ARGUMENT', /decaySteps: .*above 0, got 0/)
    throws(() => schedules.exponentialDecay({ ...base, decayRate: Number.NaN }), 'ERR_ARGUMENT', /decayRate/)
    throws(
      () => schedules.inverseTimeDecay({ ...base, initialLearningRate: -1 }),
      'ERR_ARGUMENT',
      /initialLearningRate/,
    )
    throws(() => schedules.exponentialDecay({ ...base, stair: true } as never), 'ERR_UNKNOWN_NAME', /'staircase'/)
    throws(
      () => schedules.piecewiseConstantDecay({ boundaries: [1, 2], values: [1, 2] }),
      'ERR_ARGUMENT',
      /values: expected 3 rates/,
    )
    throws(
      () => schedules.piecewiseConstantDecay({ boundaries: [2, 2], values: [1, 2, 3] }),
      'ERR_ARGUMENT',
      /boundaries\[1\]: expected increasing steps, got 2/,
    )
    throws(() => schedules.oneCycle({ maxLearningRate: 1, totalSteps: 0.5 }), 'ERR_ARGUMENT', /totalSteps/)
    throws(() => optimizers.sgd({ learningRate: {} as never }), 'ERR_ARGUMENT', /learningRate: expected/)
  })

  it('give every step its rate, however batches are cut into ranges', async () => {
    const { x, y } = clouds(64, 6, 3)
    const train = async (callbacks: Callback[], schedule = true) => {
      const rates = schedules.polynomialDecay({ initialLearningRate: 0.2, decaySteps: 30 })
      using model = classifier({ optimizer: { learningRate: schedule ? rates : rates.at } })
      await model.fit(x, y, { batchSize: 8, epochs: 4, verbose: 0, callbacks })
      return model.getWeights().map(({ data }) => [...data])
    }
    const expected = await train([])
    assert.deepEqual(await train([{ onBatchEnd: () => {} }]), expected)
    assert.deepEqual(await train([], false), expected)
  })

  it('can be replaced while training', async () => {
    const { x, y } = clouds(64, 6, 3)
    using model = classifier({ optimizer: { learningRate: 0.1 } })
    const seen: unknown[] = []
    await model.fit(x, y, {
      epochs: 3,
      verbose: 0,
      callbacks: {
        onEpochBegin(epoch) {
          const { optimizer } = model
          assert.ok(optimizer)
          seen.push(optimizer.learningRate)
          if (epoch === 1) optimizer.learningRate = 0
          else
            optimizer.learningRate = schedules.exponentialDecay({
              initialLearningRate: 0.5,
              decaySteps: 10,
              decayRate: 0.9,
            })
        },
      },
    })
    assert.equal(seen[0], 0.1)
    assert.equal(typeof seen[1], 'object')
    assert.equal(seen[2], 0)
  })
})
