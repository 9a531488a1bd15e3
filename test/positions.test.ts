/** Dense layers of rows of several dimensions: against the same layers of as many single rows. */

import assert from 'node:assert/strict'
import { array, type Layer, layers, optimizers, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { assertRefused } from './support/refusals.js'
import { assertClose, assertSameBits, product, trained } from './support/tolerances.js'

const positions = 6
const features = 7
const rows = 37

perDevice('rows of several dimensions', (device) => {
  const random = new Random(3)
  const data = random.normals(rows * positions * features)
  const goals = random.normals(rows * positions * 3)

  /** The same layers of rows of some shape. */
  const build = (inputShape: readonly number[], behind: readonly Layer[], optimizer: string, threads = 1) =>
    sequential({
      seed: 4,
      layers: [
        layers.dense({ units: 9, activation: 'relu', inputShape }),
        layers.dense({ units: 8, activation: 'softmax' }),
        layers.dropout({ rate: 0 }),
        layers.dense({ units: 3 }),
        ...behind,
      ],
    }).compile({ optimizer: optimizer as 'sgd', loss: 'mse', device, threads })

  for (const shape of [
    [positions, features],
    [2, 3, features],
  ]) {
    it(`gives what single rows give: [${shape.join(', ')}]`, async () => {
      using grouped = build(shape, [layers.flatten()], 'sgd')
      using single = build([features], [], 'sgd')
      const result = await grouped.predict(array(data, [rows, ...shape]))
      assert.deepEqual(grouped.layers.at(-2)?.outputShape, [...shape.slice(0, -1), 3])
      const { data: expected } = await single.predict(array(data, [rows * positions, features]))
      assertClose(result.data, expected, product(features), 'outputs')
    })

    for (const optimizer of ['sgd', 'adam']) {
      it(`learns as from single rows with ${optimizer}: [${shape.join(', ')}]`, async () => {
        using grouped = build(shape, [layers.flatten()], optimizer)
        using single = build([features], [], optimizer)
        const options = { epochs: 3, shuffle: false, verbose: 0 } as const
        const y = array(goals, [rows, positions * 3])
        const one = await grouped.fit(array(data, [rows, ...shape]), y, { ...options, batchSize: 16 })
        const other = await single.fit(array(data, [rows * positions, features]), array(goals, [rows * positions, 3]), {
          ...options,
          batchSize: 16 * positions,
        })
        assertClose(one.history.loss, other.history.loss, trained(positions, 9), 'losses')
        other.history.loss.forEach((loss, epoch, all) => {
          assert.ok(epoch === 0 || loss < (all[epoch - 1] as number))
        })
        for (const [i, { name, data: values }] of grouped.getWeights().entries()) {
          assertClose(values, single.getWeights()[i]?.data ?? [], trained(rows * positions, 9), name)
        }
      })
    }
  }

  it('reads bytes where they are bound, scaled', async () => {
    const bytes = random.bytes(rows * positions * features)
    const floats = Float32Array.from(bytes, (byte) => byte / 256)
    using one = build([positions, features], [layers.flatten()], 'sgd')
    using other = build([positions, features], [layers.flatten()], 'sgd')
    const y = array(goals, [rows, positions * 3])
    const shape = [rows, positions, features]
    await one.fit(array(bytes, shape, { scale: 1 / 256 }), y, { batchSize: 10, epochs: 2, verbose: 0 })
    await other.fit(array(floats, shape), y, { batchSize: 10, epochs: 2, verbose: 0 })
    for (const [i, { name, data: values }] of one.getWeights().entries()) {
      assertSameBits(values, other.getWeights()[i]?.data ?? new Float32Array(), name)
    }
  })

  it('gives a row the same bits alone, in any batch, from a predictor, and beside what is not finite', async () => {
    using model = build([positions, features], [layers.flatten()], 'sgd')
    using predictor = model.predictor()
    const { data: all } = await model.predict(array(data, [rows, positions, features]))
    assertSameBits(await predictor.predict(data), all, 'by a predictor')
    const size = positions * features
    for (const row of [0, 1, rows - 1]) {
      const expected = all.slice(row * positions * 3, (row + 1) * positions * 3)
      const alone = array(data.slice(row * size, (row + 1) * size), [1, positions, features])
      assertSameBits(model.predictSync(alone).data, expected, `row ${row}`)
      assertSameBits(predictor.predictSync(alone.data), expected, `row ${row} by a predictor`)
    }
    const broken = data.slice(0, size).fill(Number.NaN, features, 2 * features)
    const outputs = model.predictSync(array(broken, [1, positions, features])).data
    const positionsOf = (values: Float32Array) => Array.from({ length: positions }, (_, p) => values[p * 3])
    assert.deepEqual(
      positionsOf(outputs).map((value, p) => (p === 1 ? Number.isNaN(value) : value === all[p * 3])),
      new Array(positions).fill(true),
    )
  })

  it('reads what permutations, repeats and embeddings give', async () => {
    using model = sequential({
      seed: 2,
      layers: [
        layers.embedding({ inputDim: 9, outputDim: 5, embeddingsInitializer: 'randomNormal', inputShape: [4] }),
        layers.permute({ dims: [2, 1] }),
        layers.dense({ units: 3 }),
        layers.flatten(),
        layers.repeatVector({ n: 2 }),
        layers.dense({ units: 1 }),
        layers.flatten(),
      ],
    }).compile({ optimizer: optimizers.adam({ learningRate: 0.02 }), loss: 'mse', device })
    assert.deepEqual(model.outputShape, [2])
    const x = array(
      Uint8Array.from({ length: 80 }, () => random.below(9)),
      [20, 4],
    )
    const y = array(random.normals(40), [20, 2])
    const { history } = await model.fit(x, y, { batchSize: 8, epochs: 20, verbose: 0 })
    assert.ok((history.loss.at(-1) as number) < 0.9 * (history.loss[0] as number))
    const { data: outputs } = await model.predict(x)
    outputs.forEach((value, i) => {
      assert.equal(value, outputs[i - (i % 2)])
    })
  })

  it('refuses integers that are no categories, before anything changes', async () => {
    using model = sequential([
      layers.categoryEncoding({ numTokens: 4, inputShape: [2] }),
      layers.dense({ units: 1 }),
    ]).compile({ loss: 'mse', device })
    const before = model.getWeights()
    for (const wrong of [4, -1, 0.5, Number.NaN]) {
      const x = [
        [0, 3],
        [wrong, 1],
      ]
      const pattern = /expected integers from 0 to 3, got .* in row 1/
      const acts = [() => model.fit(x, [[0], [0]], { verbose: 0 }), () => model.predict(x), () => model.predictSync(x)]
      for (const act of acts) await assertRefused(act, 'ERR_LABEL_RANGE', pattern)
    }
    assert.deepEqual(model.getWeights(), before)
  })
})
