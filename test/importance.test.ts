/** The importance of columns by permutation: by how much scores fall, in which order, and what is refused. */

import assert from 'node:assert/strict'
import {
  array,
  layers,
  type NdArray,
  permutationImportance,
  regressionReport,
  sequential,
  table,
  tabular,
} from 'neurode'
import { plot } from 'neurode/plot'
import { rejects } from './data/files.js'

const rows = 400
/** Columns of which the target is 3 a + b; c has nothing to do with it. */
const x = array(
  Float64Array.from({ length: rows * 3 }, (_, i) => Math.sin(i * 12.9898) * 2),
  [rows, 3],
)
const sum = ({ data, shape: [count = 0] }: NdArray) =>
  Float64Array.from({ length: count }, (_, i) => 3 * (data[3 * i] as number) + (data[3 * i + 1] as number))
const y = sum(x)
const mse = (targets: Float64Array, predictions: Float64Array) => -(regressionReport(targets, predictions).rmse ** 2)
const variance = (column: number) => {
  const values = Array.from({ length: rows }, (_, row) => x.data[3 * row + column] as number)
  const mean = values.reduce((a, b) => a + b) / rows
  return values.reduce((total, each) => total + (each - mean) ** 2, 0) / rows
}

describe('permutation importance', () => {
  it('of a linear function is twice the variance of each term', async () => {
    const names = ['a', 'b', 'c']
    const { score, columns } = await permutationImportance(sum, x, y, { score: mse, names, repeats: 40, seed: 1 })
    assert.equal(score, -0)
    assert.deepEqual(
      columns.map(({ name }) => name),
      names,
    )
    const expected = [2 * 9 * variance(0), 2 * variance(1), 0]
    for (const [i, { mean, std, decreases }] of columns.entries()) {
      assert.ok(Math.abs(mean - (expected[i] as number)) <= 0.05 * (expected[i] as number), `${mean} ${expected[i]}`)
      assert.equal(decreases.length, 40)
      const squares = decreases.map((each) => (each - mean) ** 2).reduce((a, b) => a + b)
      assert.ok(Math.abs(std - Math.sqrt(squares / 40)) < 1e-12)
    }
    assert.deepEqual(
      columns[2]?.decreases.filter((each) => each !== 0),
      [],
    )
  })

  it('puts the columns in order and gives them to a picture by name', async () => {
    const names = ['constructor', '__proto__', 'b']
    const result = await permutationImportance(sum, x, y, { score: mse, names, seed: 2 })
    assert.deepEqual(Object.keys(result.byName), ['constructor', '__proto__', 'b'])
    assert.deepEqual(
      Object.values(result.byName),
      result.columns.map(({ decreases }) => decreases),
    )
    assert.match((await plot.importance(result.byName)).svg, /__proto__/)
  })

  it('is that of its seed, and leaves the rows as they are', async () => {
    const before = x.data.slice()
    const at = async (seed?: number) => (await permutationImportance(sum, x, y, { score: mse, seed })).byName
    assert.deepEqual(await at(3), await at(3))
    assert.notDeepEqual(await at(3), await at(4))
    assert.notDeepEqual(await at(), await at())
    assert.deepEqual(x.data, before)
  })

  it('is measured on models, functions and scaled bytes', async () => {
    const bytes = array(
      Uint8Array.from({ length: 200 }, (_, i) => (i * 7919) % 251),
      [100, 2],
      { scale: 1 / 255, offset: -0.5 },
    )
    using model = sequential({ layers: [layers.dense({ units: 1, inputShape: [2] })], seed: 1 }).compile({
      loss: 'mse',
    })
    model.setWeights([array([2, 0], [2, 1]), array([0])])
    const targets = await model.predict(bytes)
    const score = (wanted: NdArray, got: NdArray) => regressionReport(wanted, got).r2
    for (const predicts of [model, (given: NdArray) => model.predictSync(given)]) {
      const { columns, score: whole } = await permutationImportance(predicts, bytes, targets, { score, seed: 1 })
      assert.equal(whole, 1)
      assert.deepEqual(
        columns.map(({ name }) => name),
        ['0', '1'],
      )
      assert.ok((columns[0]?.mean as number) > 1.5 && columns[1]?.mean === 0)
    }
  })

  it('takes lists, and scores that are promises', async () => {
    const list = [
      [1, 5],
      [2, 6],
      [3, 7],
    ]
    const score = async (targets: readonly string[], predictions: readonly string[]) =>
      targets.filter((each, i) => each === predictions[i]).length
    const { score: whole } = await permutationImportance(
      ({ data }) => Array.from({ length: 3 }, (_, i) => `${data[2 * i]}`),
      list,
      ['1', '2', '3'],
      { score },
    )
    assert.equal(whole, 3)
  })

  it('of a table is measured on what its model reads, in R² or accuracy or a score of its own', async () => {
    const records = Array.from({ length: 200 }, (_, i) => ({
      kind: i % 2 ? 'flat' : 'house',
      size: (i * 37) % 50,
      noise: (i * 7919) % 13,
      price: 40 * (i % 2) + ((i * 37) % 50),
      isLarge: (i * 37) % 50 > 25,
    }))
    const rows = table(records)
    for (const target of ['price', 'isLarge']) {
      const data = rows.without(target === 'price' ? 'isLarge' : 'price')
      const net = tabular({ target, hidden: [16], seed: 1, device: 'cpu', threads: 1 })
      await net.fit(data, { epochs: 30, verbose: 0 })
      const { score, columns, byName } = await permutationImportance(net, data, { seed: 1, repeats: 3 })
      const report = await net.evaluate(data)
      assert.equal(score, report.task === 'regression' ? report.r2 : report.accuracy)
      assert.deepEqual(Object.keys(byName).sort(), ['kind', 'noise', 'size'])
      assert.ok((columns.find(({ name }) => name === 'size')?.mean as number) > 0.1)
      assert.ok((byName.noise?.[0] as number) < 0.1)
      const own = await permutationImportance(net, data, { seed: 1, repeats: 1, score: ({ loss }) => -loss })
      assert.equal(own.score, -report.loss)
      await rejects(permutationImportance(net, data.without('size'), {}), 'ERR_UNKNOWN_NAME', /'size'/)
      net.dispose()
    }
    await rejects(permutationImportance(sum as never, rows, {}), 'ERR_ARGUMENT', /model: expected a model of a table/)
  })

  it('is refused where nothing can be measured, and stops when it is asked to', async () => {
    const score = () => 1
    const call = (...args: unknown[]) => (permutationImportance as (...given: unknown[]) => Promise<unknown>)(...args)
    await rejects(call(sum, x, y), 'ERR_ARGUMENT', /score: expected a function of targets and predictions/)
    await rejects(call({}, x, y, { score }), 'ERR_ARGUMENT', /model: expected a model/)
    await rejects(call(sum, [1, 2], y, { score }), 'ERR_SHAPE', /x: expected shape \[n, width\], got \[2\]/)
    await rejects(
      call(sum, x, y, { score, names: ['a'] }),
      'ERR_SHAPE',
      /names: expected 3, one for each column, got 1/,
    )
    await rejects(call(sum, x, y, { score, names: ['a', 'b', 'a'] }), 'ERR_ARGUMENT', /names that differ/)
    await rejects(call(sum, x, y, { score: () => Number.NaN }), 'ERR_ARGUMENT', /score: .* finite number, got NaN/)
    await rejects(call(sum, x, y, { score, repeats: 0 }), 'ERR_ARGUMENT', /repeats/)
    await rejects(call(sum, x, y, { score, signal: AbortSignal.abort() }), 'ERR_ABORTED')
    await assert.rejects(call(sum, x, y, { score: () => assert.fail('mine') }), /mine/)
  })
})
