/** Metrics against Keras: the result after each of several batches, by evaluate. */

import { type ArrayInput, array, layers, metrics, sequential } from 'neurode'
import { assertGolden, flatten, type GoldenRunner, goldenSuite } from './support/golden.js'
import { identity } from './support/gradients.js'
import { camelCase, optionsOf } from './support/keras.js'
import { assertNear } from './support/tolerances.js'

interface Rows {
  readonly y_true: readonly (number | readonly number[])[]
  readonly y_pred: readonly (number | readonly number[])[]
}

/** The metric over all rows, from a model whose kernel is the predictions. */
async function evaluate(name: string, options: object, { y_true, y_pred }: Rows, batchSize: number, device: string) {
  const id = name === 'LogCoshError' ? 'logCosh' : camelCase(name)
  const make = metrics[id as keyof typeof metrics] as (options: object) => { readonly name: string }
  const kernel = y_pred.map((row) => (typeof row === 'number' ? [row] : [...row]))
  const units = kernel[0]?.length ?? 0
  const sparse = name.startsWith('Sparse')
  using model = sequential([layers.dense({ units, useBias: false, inputShape: [kernel.length] })])
  // A loss that takes the same targets.
  const loss = sparse ? 'sparseCategoricalCrossentropy' : 'meanSquaredError'
  model.compile({ optimizer: 'sgd', loss, metrics: [make({ ...options, name: 'result' }) as never], device })
  model.setWeights([array(kernel)])
  const targets: ArrayInput = sparse
    ? Int32Array.from(flatten(y_true as number[]))
    : array(y_true.map((row) => (typeof row === 'number' ? [row] : [...row])))
  const logs = await model.evaluate(identity(kernel.length), targets, { batchSize, verbose: 0 })
  return (logs as Readonly<Record<string, number>>).result as number
}

const overBatches: GoldenRunner = async (golden, device) => {
  const batches: readonly Rows[] = golden.inputs.batches
  const results: number[] = []
  for (let count = 1; count <= batches.length; count++) {
    const seen = batches.slice(0, count)
    const rows = { y_true: seen.flatMap((batch) => batch.y_true), y_pred: seen.flatMap((batch) => batch.y_pred) }
    const size = batches[0]?.y_true.length ?? 0
    results.push(await evaluate(golden.config.class_name ?? '', optionsOf(golden.config.config), rows, size, device))
  }
  assertGolden(golden, 'result_after_each', results)
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
  'equal scores': ofTies,
}

goldenSuite('metrics.json', covered)
