/** Splits, curves and scores: what scikit-learn has no numbers for, forms of data, and what is refused. */

import assert from 'node:assert/strict'
import {
  array,
  averagePrecision,
  classificationReport,
  classWeights,
  confusionMatrix,
  kFold,
  layers,
  logLoss,
  regressionReport,
  rocAuc,
  rocCurve,
  sampleWeights,
  sequential,
  takeRows,
  timeSeriesSplit,
  topKAccuracy,
  trainTestSplit,
  windows,
} from 'neurode'
import { throws } from './data/files.js'
import { codesOf } from './support/warnings.js'

const lists = (rows: ArrayLike<number>) => Array.from(rows)
const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']

describe('splits', () => {
  it('are those of their seed, and others without one', () => {
    const at = (seed?: number) => lists(trainTestSplit(1000, { seed }).test)
    assert.deepEqual(at(3), at(3))
    assert.notDeepEqual(at(3), at(4))
    assert.notDeepEqual(at(), at())
    const folds = (seed: number) => kFold(100, { shuffle: true, seed }).map(({ test }) => lists(test))
    assert.deepEqual(folds(2 ** 40), folds(2 ** 40))
    assert.notDeepEqual(folds(2 ** 40), folds(2 ** 40 + 1))
  })

  it('of rows in order train on the first ones', () => {
    const { train, test } = trainTestSplit(10, { shuffle: false, testSize: 3 })
    assert.deepEqual(
      [lists(train), lists(test)],
      [
        [0, 1, 2, 3, 4, 5, 6],
        [7, 8, 9],
      ],
    )
  })

  it('leave rows out where both sizes are given', () => {
    const { train, test } = trainTestSplit(100, { trainSize: 0.5, testSize: 0.2, seed: 1 })
    assert.deepEqual([train.length, test.length, new Set([...train, ...test]).size], [50, 20, 70])
    assert.deepEqual(trainTestSplit(100, { trainSize: 0.6 }).test.length, 40)
  })

  it('keep rows of a group together and classes even', () => {
    const groups = Array.from({ length: 300 }, (_, i) => `g${Math.floor((i * 7919) % 60)}`)
    const stratify = groups.map((group) => Number(Number(group.slice(1)) % 3 === 0))
    for (const shuffle of [false, true]) {
      const folds = kFold(groups, { folds: 4, groups, stratify, shuffle, seed: shuffle ? 1 : undefined })
      const shares = folds.map(({ train, test }) => {
        const inTrain = new Set(takeRows(groups, train))
        assert.ok(takeRows(groups, test).every((group) => !inTrain.has(group)))
        return takeRows(stratify, test).reduce((a, b) => a + b, 0)
      })
      assert.equal(
        shares.reduce((a, b) => a + b),
        100,
      )
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 5, `${shares}`)
    }
  })

  it('warn of a class with fewer rows than folds', async () => {
    assert.deepEqual(await codesOf(() => kFold(8, { folds: 3, stratify: [0, 0, 0, 0, 0, 0, 1, 1] })), [
      'NEURODE_FEW_ROWS',
    ])
  })

  it('are refused where they make no sense', () => {
    throws(() => trainTestSplit(10, { testSize: 1 }), 'ERR_ARGUMENT', /testSize: expected a share between 0 and 1, or/)
    throws(() => trainTestSplit(10, { testSize: 8, trainSize: 4 }), 'ERR_ARGUMENT', /at most 2 rows beside the 8/)
    throws(() => trainTestSplit(10, { stratify: [1, 2] }), 'ERR_SHAPE', /stratify: expected shape \[10\]/)
    throws(() => trainTestSplit(4, { stratify: [1, 2, 1, 2], shuffle: false }), 'ERR_ARGUMENT', /stratify: .*shuffle/)
    throws(() => trainTestSplit([], {}), 'ERR_ARGUMENT', /data.length/)
    throws(() => kFold(10, { seed: 1 }), 'ERR_ARGUMENT', /seed: expected none without shuffle/)
    throws(() => timeSeriesSplit(10, { folds: 3, testSize: 3, gap: 1 }), 'ERR_ARGUMENT', /more than 10 rows/)
  })
})

describe('takeRows', () => {
  it('keeps the kind of data', () => {
    assert.deepEqual(takeRows(['a', 'b', 'c'], [2, 0, 2]), ['c', 'a', 'c'])
    assert.deepEqual(takeRows([[1], [2]], Uint32Array.of(1)), [[2]])
    assert.deepEqual(takeRows(Uint8Array.of(1, 2, 3), [1]), Uint8Array.of(2))
    const images = array(Uint8Array.of(0, 1, 2, 3, 4, 5), [3, 1, 2], { scale: 0.5, offset: 1 })
    const taken = takeRows(images, [2, 1])
    assert.deepEqual(
      [taken.data, taken.shape, taken.scale, taken.offset],
      [Uint8Array.of(4, 5, 2, 3), [2, 1, 2], 0.5, 1],
    )
    throws(() => takeRows([1, 2], [2]), 'ERR_ARGUMENT', /rows\[0\]: expected an integer from 0 to 1, got 2/)
    throws(() => takeRows(3 as never, [0]), 'ERR_ARGUMENT', /data: /)
  })
})

describe('windows', () => {
  it('are followed by what comes next', () => {
    const series = Float64Array.from({ length: 12 }, (_, i) => i)
    const { x, y, starts } = windows(series, { size: 3, horizon: 2, step: 2, sampling: 2, gap: 1 })
    assert.ok(x.data instanceof Float64Array)
    assert.deepEqual(JSON.parse(JSON.stringify(x)), [[0, 2, 4]].concat([[2, 4, 6]]))
    assert.deepEqual(JSON.parse(JSON.stringify(y)), [[7, 9]].concat([[9, 11]]))
    assert.deepEqual(lists(starts), [0, 2])
  })

  it('have the rows of several columns, and targets of another series', () => {
    const series = array(Uint8Array.of(1, 2, 3, 4, 5, 6), [3, 2], { scale: 2 })
    const { x, y } = windows(series, { size: 2, targets: ['a', 'b', 'c'].map((_, i) => i * 10) })
    assert.deepEqual([x.shape, x.scale, lists(x.data)], [[1, 2, 2], 2, [1, 2, 3, 4]])
    assert.deepEqual([y.shape, lists(y.data)], [[1, 1], [20]])
    const { shape } = windows([1, 2, 3], { size: 3, horizon: 0 }).x
    assert.deepEqual(shape, [1, 3])
    throws(() => windows([1, 2, 3], { size: 3 }), 'ERR_SHAPE', /series: expected at least 4 rows, got 3/)
    throws(() => windows([1, 2], { size: 1, targets: [1] }), 'ERR_SHAPE', /targets: expected 2 rows/)
  })
})

describe('curves and scores', () => {
  it('take what predict returns, in rows of one output or of several', async () => {
    using one = sequential({ layers: [layers.dense({ units: 1, activation: 'sigmoid', inputShape: [1] })], seed: 1 })
    one.setWeights([[[4]], [-2]])
    const outputs = await one.predict([[0], [0.4], [0.6], [1]])
    const labels = [0, 1, 0, 1]
    assert.equal(rocAuc(labels, outputs), 0.75)
    assert.deepEqual(lists(confusionMatrix(labels, outputs).matrix.data), [1, 1, 1, 1])
    assert.equal(classificationReport(labels, outputs).accuracy, 0.5)
    const several = array(Float32Array.of(0.9, 0.1, 0, 0.2, 0.5, 0.3), [2, 3])
    assert.deepEqual(
      confusionMatrix(
        [
          [1, 0, 0],
          [0, 0, 1],
        ],
        several,
      ).classes,
      [0, 1, 2].slice(0, 3),
    )
    assert.equal(topKAccuracy([0, 2], several), 1)
    assert.equal(topKAccuracy(['x', 'z'], several, { classes: ['x', 'y', 'z'], k: 1 }), 0.5)
  })

  it('keep numbers apart that float32 does not', () => {
    assert.equal(rocCurve([0, 1], [0.1, 0.1 + 1e-12]).thresholds.length, 3)
    assert.equal(rocCurve([0, 1], Float32Array.of(0.1, 0.1 + 1e-12)).thresholds.length, 2)
  })

  it('clip probabilities at the precision of their type', () => {
    assert.equal(logLoss([1], [0]), -Math.log(2 ** -52))
    assert.equal(logLoss([1], Float32Array.of(0)), -Math.log(2 ** -23))
  })

  it('of one class are NaN or 0, with a warning', async () => {
    const codes = await codesOf(() => {
      assert.ok(Number.isNaN(rocAuc([1, 1], [0.1, 0.2])))
      assert.ok(Number.isNaN(rocCurve([false, false], [0.1, 0.2]).tpr[1]))
      assert.equal(averagePrecision([0, 0], [0.1, 0.2]), 0)
      const several = [
        [0, 0],
        [0, 0],
        [0, 1],
      ]
      averagePrecision(several, several, { average: 'samples' })
    })
    assert.deepEqual(codes, Array(4).fill('NEURODE_FEW_ROWS'))
  })

  it('are written as JSON in lists', () => {
    const text = JSON.stringify(rocCurve([0, 1], [0.25, 0.75]))
    assert.equal(text, '{"fpr":[0,0,1],"tpr":[0,1,1],"thresholds":[null,0.75,0.25]}')
  })

  it("have classes with JavaScript's own names", () => {
    assert.deepEqual([...classWeights(names).values()], [1, 1, 1, 1])
    assert.deepEqual(lists(sampleWeights(names)), [1, 1, 1, 1])
    assert.equal(
      confusionMatrix(names, names).matrix.data.reduce((a, b) => a + b),
      4,
    )
    assert.equal(rocAuc(names, [1, 0, 0, 0], { positive: '__proto__' }), 1)
    assert.equal(kFold(8, { folds: 2, stratify: [...names, ...names] }).length, 2)
  })

  it('are refused where labels or scores are unclear', () => {
    throws(() => rocAuc(['a', 'b'], [1, 2]), 'ERR_ARGUMENT', /got "a", "b"; name the positive class: \{ positive: … \}/)
    throws(() => rocAuc([0, 1], [1, Number.NaN]), 'ERR_ARGUMENT', /scores\[1\]: expected a finite number/)
    throws(() => rocAuc([0, 1, 1], [1, 2]), 'ERR_SHAPE', /scores: expected 3 rows/)
    throws(
      () =>
        rocAuc(
          [0, 5, 2],
          [
            [1, 2],
            [1, 2],
            [1, 2],
          ],
        ),
      'ERR_LABEL_RANGE',
      /classes: expected 2/,
    )
    throws(
      () =>
        rocCurve(
          [0, 1],
          [
            [1, 2],
            [1, 2],
          ],
        ),
      'ERR_SHAPE',
      /one number for each row/,
    )
    throws(() => rocCurve([0, 1], [1, 2], { sampleWeight: [1, -1] }), 'ERR_ARGUMENT', /sampleWeight\[1\]/)
    throws(() => confusionMatrix(['a'], [1]), 'ERR_ARGUMENT', /predictions: /)
    throws(() => confusionMatrix([0.5, 1], [1, 1]), 'ERR_ARGUMENT', /labels\[0\]: expected a label/)
    throws(() => classWeights(['a', 1 as never]), 'ERR_ARGUMENT', /labels\[1\]: expected a string/)
    throws(() => logLoss([0, 1], [0, 1.5]), 'ERR_ARGUMENT', /probabilities\[1\]/)
    throws(() => regressionReport([[1, 2]], [[1, 2]]), 'ERR_SHAPE', /targets: expected one number for each row/)
  })
})
