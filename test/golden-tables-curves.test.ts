/** Curves, scores, weights and splits agree with scikit-learn. */

import assert from 'node:assert/strict'
import {
  averagePrecision,
  brierScore,
  calibrationCurve,
  classificationReport,
  classWeights,
  confusionMatrix,
  kFold,
  logLoss,
  precisionRecallCurve,
  regressionReport,
  rocAuc,
  rocCurve,
  type Split,
  sampleWeights,
  timeSeriesSplit,
  topKAccuracy,
  trainTestSplit,
} from 'neurode'
import { gapOf } from './golden-coverage.js'
import { assertGolden, classOf, type GoldenCase, ownFolder, readGolden } from './support/golden.js'
import { warningsOf } from './support/warnings.js'

// biome-ignore lint/suspicious/noExplicitAny: data of golden cases
type Anything = any

const file = 'tables/curves.json'

/** scikit-learn's options that are called otherwise here. */
const renamed: Readonly<Record<string, string>> = {
  pos_label: 'positive',
  labels: 'classes',
  n_bins: 'bins',
  n_splits: 'folds',
  max_fpr: 'maxFpr',
  drop_intermediate: 'dropIntermediate',
  multi_class: 'multiClass',
  test_size: 'testSize',
  max_train_size: 'maxTrainSize',
}

/** The options of a case; `random_state` and others that the inputs stand for are added by the caller. */
function optionsOf({ config, inputs }: GoldenCase, left: readonly string[] = []): Anything {
  const entries = Object.entries(config.config as object).filter(([key]) => !left.includes(key))
  const weight = inputs.sample_weight === undefined ? {} : { sampleWeight: numbers(inputs.sample_weight) }
  return { ...Object.fromEntries(entries.map(([key, value]) => [renamed[key] ?? key, value])), ...weight }
}

/** Numbers of a case, of which those that JSON has not are texts. */
function numbers(value: Anything): Anything {
  if (Array.isArray(value)) return value.map(numbers)
  return typeof value === 'string' ? Number(value) : value
}

const scored = ({ inputs }: GoldenCase) => [inputs.y_true, numbers(inputs.score)] as [Anything, Anything]

function assertAll(golden: GoldenCase, results: Readonly<Record<string, ArrayLike<number> | number>>): void {
  const { error, warns, ...expected } = golden.outputs
  for (const [key, actual] of Object.entries(results)) {
    if (expected[key] !== undefined) assertGolden(golden, key, typeof actual === 'number' ? [actual] : actual)
  }
  const left = Object.keys(expected).filter((key) => !(key in results))
  assert.deepEqual(left, [], 'outputs that nothing was compared with')
}

/** A case without the outputs that are labels, which are compared as they are. */
function withoutNames(golden: GoldenCase): GoldenCase {
  const { labels: _, classes: __, ...outputs } = golden.outputs
  return { ...golden, outputs }
}

/** The area under points by trapezes. */
function trapezes(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let sum = 0
  for (let i = 1; i < x.length; i++) {
    sum += (((x[i - 1] as number) - (x[i] as number)) * ((y[i] as number) + (y[i - 1] as number))) / 2
  }
  return sum
}

/** Asserts that every row is in one test fold, and in the train rows of all others. */
function assertFolds(folds: readonly Split[], rows: number): void {
  const all = Array.from({ length: rows }, (_, row) => row)
  assert.deepEqual(
    folds.flatMap(({ test }) => [...test]).sort((a, b) => a - b),
    all,
  )
  for (const { train, test } of folds) {
    assert.deepEqual(
      [...train, ...test].sort((a, b) => a - b),
      all,
    )
  }
}

const sizesOf = (folds: readonly Split[]) => folds.map(({ test }) => test.length)
const lists = (folds: readonly Split[]) => folds.map(({ test }) => [...test])
const countsIn = (rows: Uint32Array, labels: readonly unknown[], classes: readonly unknown[]) =>
  classes.map((each) => [...rows].filter((row) => labels[row] === each).length)

const runners: Readonly<Record<string, (golden: GoldenCase) => void>> = {
  roc_curve(golden) {
    const options = optionsOf(golden)
    const { fpr, tpr, thresholds } = rocCurve(...scored(golden), options)
    const { dropIntermediate: _, ...rest } = options
    const auc = golden.outputs.auc === undefined ? {} : { auc: rocAuc(...scored(golden), rest) }
    assertAll(golden, { fpr, tpr, thresholds, ...auc })
  },
  precision_recall_curve(golden) {
    const options = optionsOf(golden)
    const { precision, recall, thresholds } = precisionRecallCurve(...scored(golden), options)
    const { dropIntermediate: _, ...rest } = options
    assertAll(golden, {
      precision,
      recall,
      thresholds,
      average_precision: averagePrecision(...scored(golden), rest),
      area_by_trapezes: trapezes(recall, precision),
    })
  },
  roc_auc_score: (golden) => assertAll(golden, { auc: rocAuc(...scored(golden), optionsOf(golden)) }),
  average_precision_score: (golden) =>
    assertAll(golden, { average_precision: averagePrecision(...scored(golden), optionsOf(golden)) }),
  log_loss: (golden) => assertAll(golden, { loss: logLoss(...scored(golden), optionsOf(golden)) }),
  brier_score_loss: (golden) => assertAll(golden, { loss: brierScore(...scored(golden), optionsOf(golden)) }),
  top_k_accuracy_score: (golden) => assertAll(golden, { accuracy: topKAccuracy(...scored(golden), optionsOf(golden)) }),
  calibration_curve(golden) {
    const { y_true: labels, prob } = golden.inputs
    const { observed, predicted, edges, counts, expectedCalibrationError } = calibrationCurve(
      labels,
      numbers(prob),
      optionsOf(golden),
    )
    const errors = { expected_calibration_error: expectedCalibrationError }
    assertAll(golden, { prob_true: observed, prob_pred: predicted, edges, counts, ...errors })
  },
  confusion_matrix(golden) {
    const { y_true: labels, y_pred: predictions } = golden.inputs
    const { normalize, ...options } = optionsOf(golden)
    const { classes, matrix } = confusionMatrix(labels, predictions, { ...options, normalize: normalize ?? undefined })
    if (golden.outputs.labels) assert.deepEqual(classes, golden.outputs.labels)
    assertAll(withoutNames(golden), { matrix: matrix.data })
  },
  classification_report(golden) {
    const { labels, macro, weighted, micro, ...outputs } = golden.outputs
    const options = optionsOf(golden, ['zero_division'])
    const report = classificationReport(golden.inputs.y_true, golden.inputs.y_pred, options)
    assert.deepEqual(
      report.classes.map(({ label }) => label),
      labels,
    )
    for (const [key, expected] of Object.entries({ macro, weighted, micro })) {
      const part = { ...golden, outputs: expected as Anything }
      assertAll(part, { ...report[key as 'macro'] })
    }
    const each = (key: 'precision' | 'recall' | 'f1' | 'support') => report.classes.map((one) => one[key])
    assertAll(
      { ...golden, outputs },
      {
        precision: each('precision'),
        recall: each('recall'),
        f1: each('f1'),
        support: each('support'),
        accuracy: report.accuracy,
        balanced_accuracy: report.balancedAccuracy,
        cohen_kappa: report.cohenKappa,
        matthews: report.matthews,
      },
    )
  },
  regression(golden) {
    const { y_true: targets, y_pred: predictions } = golden.inputs
    const report = regressionReport(numbers(targets), numbers(predictions), optionsOf(golden))
    const { medianAbsoluteError, maxError, explainedVariance, ...rest } = report
    assertAll(golden, {
      ...rest,
      median_absolute_error: medianAbsoluteError,
      max_error: maxError,
      explained_variance: explainedVariance,
    })
  },
  compute_class_weight(golden) {
    const weights = classWeights(golden.inputs.y, optionsOf(golden, ['class_weight']))
    assert.deepEqual([...weights.keys()], golden.outputs.classes)
    assertAll(withoutNames(golden), { weights: [...weights.values()] })
  },
  compute_sample_weight: (golden) => assertAll(golden, { weights: sampleWeights(golden.inputs.y) }),
  KFold(golden) {
    const options = optionsOf(golden)
    const make = () => kFold(golden.inputs.n, { ...options, ...(options.shuffle && { seed: 7 }) })
    const folds = make()
    assertFolds(folds, golden.inputs.n)
    assert.deepEqual(make(), folds, 'the same seed gives the same folds')
    const { test, sizes } = golden.outputs
    if (test) assert.deepEqual(lists(folds), test)
    if (sizes) assert.deepEqual(sizesOf(folds), sizes)
  },
  StratifiedKFold(golden) {
    const { y } = golden.inputs
    const options = optionsOf(golden)
    for (const shuffled of [{}, { shuffle: true, seed: 3 }]) {
      const folds = kFold(y, { ...options, ...shuffled, stratify: y })
      assertFolds(folds, y.length)
      const classes = [...new Set<unknown>(y)]
      const counts = folds.map(({ test }) => countsIn(test, y, classes))
      const range = (values: readonly number[]) => Math.max(...values) - Math.min(...values)
      for (const [i] of classes.entries()) assert.ok(range(counts.map((each) => each[i] as number)) <= 1)
      assert.ok(range(sizesOf(folds)) <= classes.length)
      if (golden.outputs.sizes) assert.deepEqual(sizesOf(folds), golden.outputs.sizes)
    }
    if (golden.outputs.test) assert.deepEqual(lists(kFold(y, { ...options, stratify: y })), golden.outputs.test)
  },
  GroupKFold(golden) {
    const { groups } = golden.inputs
    for (const shuffled of [{}, { shuffle: true, seed: 3 }]) {
      const folds = kFold(groups, { ...optionsOf(golden), ...shuffled, groups })
      assertFolds(folds, groups.length)
      for (const { train, test } of folds) {
        const inTrain = new Set(Array.from(train, (row) => groups[row]))
        assert.ok(Array.from(test, (row) => groups[row]).every((group) => !inTrain.has(group)))
      }
      assert.deepEqual(
        sizesOf(folds).sort((a, b) => a - b),
        (golden.outputs.sizes as number[]).toSorted((a, b) => a - b),
      )
    }
  },
  TimeSeriesSplit(golden) {
    const folds = timeSeriesSplit(golden.inputs.n, optionsOf(golden))
    assert.deepEqual(
      folds.map(({ train, test }) => ({ train: [...train], test: [...test] })),
      golden.outputs.folds,
    )
  },
  train_test_split(golden) {
    const { n, y } = golden.inputs
    const { stratify, ...options } = optionsOf(golden)
    const given = { ...options, seed: 5, ...(stratify && { stratify: y }) }
    const split = trainTestSplit(n ?? y, given)
    assertFolds([split, { train: split.test, test: split.train }], n ?? y.length)
    assert.deepEqual(trainTestSplit(n ?? y, given), split, 'the same seed gives the same split')
    const { train, test, classes } = golden.outputs
    if (classes === undefined) assert.deepEqual([split.train.length, split.test.length], [train, test])
    else {
      for (const [key, expected] of Object.entries({ train, test })) {
        const actual = countsIn(split[key as 'train'], y, classes)
        const share = split[key as 'train'].length / y.length
        for (const [i, size] of countsIn(Uint32Array.from(y.keys()), y, classes).entries()) {
          assert.ok(Math.abs((actual[i] as number) - size * share) < 1)
        }
        assert.equal(
          actual.reduce((a, b) => a + b, 0),
          (expected as number[]).reduce((a, b) => a + b, 0),
        )
      }
    }
  },
}

describe('golden tables curves', () => {
  const { cases } = readGolden(file)
  const own = new Set(readGolden(file, ownFolder).cases.map(classOf))
  for (const name of Object.keys(runners)) it(`has a case of ${name}`, () => assert.ok(own.has(name)))
  it('has a test or a reason for every case', () => {
    const orphans = cases.filter((golden) => !(classOf(golden) in runners) && gapOf(file, golden) === undefined)
    assert.deepEqual(orphans, [])
  })
  for (const golden of cases) {
    if (gapOf(file, golden) !== undefined) continue
    it(golden.name, async () => {
      const run = runners[classOf(golden)] as (golden: GoldenCase) => void
      if (golden.outputs.error) {
        assert.throws(() => run(golden), { name: 'NeurodeError', code: /^ERR_(ARGUMENT|SHAPE|LABEL_RANGE|DTYPE)$/ })
      } else await warningsOf(async () => run(golden))
    })
  }
})
