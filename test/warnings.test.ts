/** Warnings about targets and layers that are probably mistakes: one each, however often the case occurs. */

import assert from 'node:assert/strict'
import { type ActivationName, array, type Loss, layers, losses, sequential } from 'neurode'
import { isEmulated, perDevice } from './support/devices.js'
import { codesOf, warningsOf } from './support/warnings.js'

perDevice('warnings', (device) => {
  const build = (loss: Loss, units = 1, activation: ActivationName = 'sigmoid') =>
    sequential({ layers: [layers.dense({ units, activation, inputShape: [1] })], seed: 1 }).compile({
      loss,
      optimizer: 'sgd',
      device,
    })
  const x = [[1], [2], [3], [4]]
  const train = (model: ReturnType<typeof build>, y: readonly number[], sampleWeight?: number[]) =>
    model.fit(x, y, { epochs: 2, batchSize: 2, verbose: 0, sampleWeight })

  it('tell of targets that a loss is not made for', async () => {
    const cases: readonly (readonly [loss: Loss, targets: number[], good: number[], last?: ActivationName])[] = [
      [losses.binaryCrossentropy(), [1, 2, 1, 2], [0, 1, 0, 0.5]],
      [losses.binaryCrossentropy({ fromLogits: true }), [-1, 1, -1, 1], [0, 1, 1, 1], 'linear'],
      [losses.binaryFocalCrossentropy(), [0, 255, 0, 255], [0, 1, 0, 1]],
      [losses.poisson(), [3, -1, 2, 0], [3, 0, 2, 100]],
      [losses.meanSquaredLogarithmicError(), [3, -2, 2, 0], [3, 0, 2, 100]],
      [losses.klDivergence(), [0, 2, 0, 1], [0, 1, 0, 0.5]],
      [losses.hinge(), [1, 2, 1, 2], [-1, 1, 0, 1], 'tanh'],
      [losses.squaredHinge(), [1, 2, 1, 2], [0, 1, 0, 1], 'tanh'],
    ]
    for (const [loss, bad, good, last] of cases) {
      using model = build(loss, 1, last)
      assert.deepEqual(await codesOf(() => train(model, good)), [], loss.name)
      const warnings = await warningsOf(async () => {
        await train(model, bad)
        await model.evaluate(x, bad)
        await model.trainOnBatch(x, bad)
      })
      assert.deepEqual(
        warnings.map(({ name, code }) => [name, code]),
        [['NeurodeWarning', 'NEURODE_TARGET_RANGE']],
        loss.name,
      )
      assert.match(warnings[0]?.message ?? '', new RegExp(`loss '${loss.name}' is made for .*in row \\d`))
    }
    for (const loss of [losses.meanSquaredError(), losses.meanAbsolutePercentageError(), losses.logCosh()]) {
      using model = build(loss)
      assert.deepEqual(await codesOf(() => train(model, [-7, 300, 0, 1])), [], loss.name)
    }
  })

  it('tell of them wherever they come from, and not of rows that weigh nothing', async () => {
    const bad = [1, 0, 1, -1]
    const tell = async (work: (model: ReturnType<typeof build>) => Promise<unknown>) => {
      using model = build(losses.binaryCrossentropy())
      return await codesOf(() => work(model))
    }
    const once = ['NEURODE_TARGET_RANGE']
    assert.deepEqual(await tell((model) => train(model, bad)), once)
    assert.deepEqual(
      await tell((model) =>
        model.fit(
          () => [
            { x, y: bad },
            { x, y: bad },
          ],
          { verbose: 0 },
        ),
      ),
      once,
    )
    assert.deepEqual(await tell((model) => model.fit(x, bad, { validationSplit: 0.5, verbose: 0 })), once)
    assert.deepEqual(
      await tell((model) =>
        model.fit(
          x,
          x.map(() => 1),
          { validationData: [x, bad], verbose: 0 },
        ),
      ),
      once,
    )
    assert.deepEqual(await tell((model) => model.testOnBatch(x, bad)), once)
    assert.deepEqual(await tell((model) => train(model, bad, [1, 1, 1, 0])), [])
    assert.deepEqual(
      await tell((model) => model.fit(() => [{ x, y: bad, sampleWeight: [1, 1, 1, 0] }], { verbose: 0 })),
      [],
    )
    using several = build(losses.categoricalCrossentropy(), 2, 'softmax')
    assert.deepEqual(await codesOf(() => several.fit(x, Int32Array.of(0, 1, 0, 1), { verbose: 0 })), [])
    const rows = [
      [1, 0],
      [0, 1],
      [0.5, 0.5],
      [-1, 1],
    ]
    assert.deepEqual(await codesOf(() => several.fit(x, rows, { verbose: 0 })), once)
  })

  it('tell of them in any column of many rows', async () => {
    const [rows, units] = [4096, 8]
    for (let column = isEmulated(device) ? units - 1 : 0; column < units; column++) {
      using model = build(losses.categoricalCrossentropy(), units, 'softmax')
      const y = Float32Array.from({ length: rows * units }, (_, i) => (i % units === column ? -1 : 1))
      const many = new Float32Array(rows)
      assert.deepEqual(
        await codesOf(() => model.evaluate(many, array(y, [rows, units]))),
        ['NEURODE_TARGET_RANGE'],
        `column ${column}`,
      )
    }
  })

  it('tell of a softmax over a single output when it is trained, and not of one over several', async () => {
    using model = build(losses.binaryCrossentropy(), 1, 'softmax')
    const warnings = await warningsOf(async () => {
      await model.predict(x)
      await train(model, [0, 1, 0, 1])
      await train(model, [0, 1, 0, 1])
      await model.trainOnBatch(x, [0, 1, 0, 1])
    })
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['NEURODE_CONSTANT_OUTPUT'],
    )
    assert.match(warnings[0]?.message ?? '', /layer 'dense': softmax.*'sigmoid'/)
    const after = async (
      last: ReturnType<typeof layers.softmax> | ReturnType<typeof layers.activation>,
      units: number,
    ) => {
      using stacked = sequential([layers.dense({ units, inputShape: [1] }), last])
      stacked.compile({ loss: 'mse', optimizer: 'sgd', device })
      const y = x.map(() => new Array<number>(units).fill(0.5))
      return await codesOf(() => stacked.fit(x, y, { verbose: 0 }))
    }
    assert.deepEqual(await after(layers.softmax(), 1), ['NEURODE_CONSTANT_OUTPUT'])
    assert.deepEqual(await after(layers.activation('logSoftmax'), 1), ['NEURODE_CONSTANT_OUTPUT'])
    assert.deepEqual(await after(layers.softmax(), 2), [])
    assert.deepEqual(await after(layers.activation('sigmoid'), 1), [])
  })
})
