/** Metrics agree with Keras: the result after each of several batches, by evaluate. */

import { type ArrayInput, array, layers, metrics, sequential } from 'neurode'
import { assertGolden, flatten, type GoldenConfig, type GoldenRunner, goldenSuite } from './support/golden.js'
import { identity } from './support/gradients.js'
import { camelCase, optionsOf } from './support/keras.js'
import { assertNear } from './support/tolerances.js'

interface Rows {
  readonly y_true: readonly (number | readonly number[])[]
  readonly y_pred: readonly (number | readonly number[])[]
  readonly sample_weight?: readonly (number | readonly number[])[] | undefined
}

const names: Readonly<Record<string, string>> = {
  LogCoshError: 'logCosh',
  AUC: 'auc',
  IoU: 'iou',
  MeanIoU: 'iou',
  OneHotMeanIoU: 'iou',
  Accuracy: 'exactAccuracy',
}

/** The metric over all rows, from a model whose kernel holds the predictions. */
async function evaluate(name: string, options: object, rows: Rows, batchSize: number, device: string) {
  const { y_true, y_pred, sample_weight: weights } = rows
  const make = metrics[(names[name] ?? camelCase(name)) as keyof typeof metrics] as (options: object) => never
  const kernel = y_pred.map((row) => (typeof row === 'number' ? [row] : [...row]))
  const units = kernel[0]?.length ?? 0
  const sparse = name.startsWith('Sparse')
  using model = sequential([layers.dense({ units, useBias: false, inputShape: [kernel.length] })])
  // A loss for the same kind of targets.
  const loss = sparse ? 'sparseCategoricalCrossentropy' : 'meanSquaredError'
  const list = [make({ ...options, name: 'result' })]
  model.compile({ optimizer: 'sgd', loss, [weights ? 'weightedMetrics' : 'metrics']: list, device })
  model.setWeights([array(kernel)])
  const targets: ArrayInput = sparse
    ? Int32Array.from(flatten(y_true as number[]))
    : array(y_true.map((row) => (typeof row === 'number' ? [row] : [...row])))
  const sampleWeight = weights && array(weights.flat())
  const logs = await model.evaluate(identity(kernel.length), targets, { batchSize, sampleWeight, verbose: 0 })
  return (logs as Readonly<Record<string, number>>).result as number
}

/** A metric of Keras with several thresholds or classes corresponds to as many metrics of Neurode. */
function variants({ class_name: name = '', config = {} }: GoldenConfig, outputs: number): Record<string, unknown>[] {
  const { thresholds, average, class_aggregation, curve, summation_method, num_labels: _, ...rest } = config
  const given: Record<string, unknown> = optionsOf(rest)
  if (curve !== undefined) given.curve = curve
  if (summation_method !== undefined) given.summationMethod = summation_method
  if (class_aggregation) given.classAggregation = camelCase(class_aggregation)
  if (average) given.average = average
  if (name === 'AUC' && thresholds !== undefined) given.thresholds = thresholds
  else if (thresholds !== undefined) return [thresholds].flat().map((threshold) => ({ ...given, threshold }))
  // Keras' F1 and R2 give one value per class unless they average.
  const all = name === 'R2Score' ? class_aggregation === null : name.endsWith('Score') && !average
  return all ? Array.from({ length: outputs }, (_, classId) => ({ ...given, classId })) : [given]
}

const overBatches: GoldenRunner = async (golden, device) => {
  const batches: readonly Rows[] = golden.inputs.batches
  const results: number[] = []
  const [first] = batches[0]?.y_pred ?? []
  const outputs = Array.isArray(first) ? first.length : 1
  for (let count = 1; count <= batches.length; count++) {
    const seen = batches.slice(0, count)
    const rows = {
      y_true: seen.flatMap((batch) => batch.y_true),
      y_pred: seen.flatMap((batch) => batch.y_pred),
      sample_weight: seen[0]?.sample_weight && seen.flatMap((batch) => batch.sample_weight ?? []),
    }
    const size = batches[0]?.y_true.length ?? 0
    for (const options of variants(golden.config, outputs)) {
      results.push(await evaluate(golden.config.class_name ?? '', options, rows, size, device))
    }
  }
  assertGolden(golden, 'result_after_each', results)
}

/** Keras' Mean and Sum have no targets. */
const ofValues: GoldenRunner = (golden, device) => {
  const batches = golden.inputs.batches.map(({ values, ...rest }: { readonly values: readonly number[] }) => ({
    ...rest,
    y_pred: values,
    y_true: values.map(() => 0),
  }))
  return overBatches({ ...golden, inputs: { batches } }, device)
}

const ofTies: GoldenRunner = async (golden, device) => {
  const result = await evaluate('SparseCategoricalAccuracy', {}, golden.inputs as Rows, 32, device)
  assertNear(result, golden.outputs.SparseCategoricalAccuracy, golden, 'SparseCategoricalAccuracy')
  const top = await evaluate('SparseTopKCategoricalAccuracy', {}, golden.inputs as Rows, 32, device)
  assertNear(top, golden.outputs.SparseTopKCategoricalAccuracy, golden, 'SparseTopKCategoricalAccuracy')
}

const covered: Readonly<Record<string, GoldenRunner>> = {
  MeanSquaredError: overBatches,
  RootMeanSquaredError: overBatches,
  MeanAbsoluteError: overBatches,
  BinaryAccuracy: overBatches,
  CategoricalAccuracy: overBatches,
  SparseCategoricalAccuracy: overBatches,
  BinaryCrossentropy: overBatches,
  CategoricalCrossentropy: overBatches,
  SparseCategoricalCrossentropy: overBatches,
  MeanAbsolutePercentageError: overBatches,
  MeanSquaredLogarithmicError: overBatches,
  CosineSimilarity: overBatches,
  LogCoshError: overBatches,
  Hinge: overBatches,
  SquaredHinge: overBatches,
  CategoricalHinge: overBatches,
  KLDivergence: overBatches,
  Poisson: overBatches,
  TopKCategoricalAccuracy: overBatches,
  SparseTopKCategoricalAccuracy: overBatches,
  R2Score: overBatches,
  PearsonCorrelation: overBatches,
  ConcordanceCorrelation: overBatches,
  Precision: overBatches,
  Recall: overBatches,
  TruePositives: overBatches,
  FalsePositives: overBatches,
  TrueNegatives: overBatches,
  FalseNegatives: overBatches,
  AUC: overBatches,
  F1Score: overBatches,
  FBetaScore: overBatches,
  SensitivityAtSpecificity: overBatches,
  SpecificityAtSensitivity: overBatches,
  PrecisionAtRecall: overBatches,
  RecallAtPrecision: overBatches,
  IoU: overBatches,
  BinaryIoU: overBatches,
  MeanIoU: overBatches,
  OneHotMeanIoU: overBatches,
  Accuracy: overBatches,
  Mean: ofValues,
  Sum: ofValues,
  'equal scores': ofTies,
}

goldenSuite('metrics.json', covered)
