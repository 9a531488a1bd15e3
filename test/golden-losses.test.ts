/** Losses agree with Keras: values by evaluate, gradients by one SGD step of a kernel that is the predictions. */

import assert from 'node:assert/strict'
import { type ArrayInput, array, type Loss, layers, losses, optimizers, sequential } from 'neurode'
import { assertGolden, flatten, type GoldenCase, type GoldenRunner, goldenSuite, shapeOf } from './support/golden.js'
import { gradientRate, identity } from './support/gradients.js'
import { camelCase, optionsOf } from './support/keras.js'
import { type LossReference, losses as reference } from './support/reference.js'
import { warningsOf } from './support/warnings.js'

/** A reduction in Neurode's or Keras' spelling. */
type Kind = 'sum' | 'mean' | 'sum_over_batch_size' | 'mean_with_sample_weight'

interface Predictions {
  readonly rows: readonly (readonly number[])[]
  readonly targets: readonly (number | readonly number[])[]
  readonly weights?: readonly (number | readonly number[])[] | undefined
  readonly loss: (reduction: string) => unknown
  readonly activation?: 'softmax' | 'sigmoid'
}

/** Compares the value (one number, or one per row for the reduction `none`) and the gradient with respect to the predictions. */
const ofPredictions: GoldenRunner = async (golden, device) => {
  // The model is a linear layer, so losses of probabilities give a warning.
  await warningsOf(() => comparePredictions(golden, device))
}

const comparePredictions: GoldenRunner = async (golden, device) => {
  const { class_name: name = '', config } = golden.config
  const { reduction = 'sum_over_batch_size', ...settings } = config
  const make = losses[camelCase(name) as keyof typeof losses] as (options: object) => unknown
  const given: Predictions = {
    rows: golden.inputs.y_pred,
    targets: golden.inputs.y_true,
    weights: golden.inputs.sample_weight,
    loss: (kind) => make({ ...optionsOf(settings), reduction: kind }),
  }
  if (reduction === 'none') {
    assertGolden(golden, 'value', await rowValues(given, device))
  } else {
    assertGolden(golden, 'value', [await value(given, reduction, device)])
  }
  const kind: Kind = reduction === 'none' ? 'sum' : reduction
  assertGolden(golden, 'grad', await gradient(given, kind, device), {
    between: (i) => gradientsAround(golden, i, kind),
  })
}

/** Compares the last layer's activation and the loss together, as functions of the logits: one value per row. */
const ofModelOutput: GoldenRunner = async (golden, device) => {
  const { activation, loss } = golden.config
  const make = losses[camelCase(loss) as keyof typeof losses] as (options: object) => unknown
  const given: Predictions = {
    rows: golden.inputs.z,
    targets: golden.inputs.y_true,
    loss: (kind) => make({ reduction: kind }),
    activation,
  }
  assertGolden(golden, 'value', await rowValues(given, device))
  assertGolden(golden, 'dz', await gradient(given, 'sum', device))
}

const covered: Readonly<Record<string, GoldenRunner>> = {
  MeanAbsolutePercentageError: ofPredictions,
  MeanSquaredLogarithmicError: ofPredictions,
  Huber: ofPredictions,
  LogCosh: ofPredictions,
  Poisson: ofPredictions,
  Hinge: ofPredictions,
  SquaredHinge: ofPredictions,
  CategoricalHinge: ofPredictions,
  KLDivergence: ofPredictions,
  CosineSimilarity: ofPredictions,
  BinaryFocalCrossentropy: ofPredictions,
  CategoricalFocalCrossentropy: ofPredictions,
  CategoricalGeneralizedCrossEntropy: ofPredictions,
  MeanSquaredError: ofPredictions,
  MeanAbsoluteError: ofPredictions,
  BinaryCrossentropy: ofPredictions,
  CategoricalCrossentropy: ofPredictions,
  SparseCategoricalCrossentropy: ofPredictions,
  'model output softmax + CategoricalCrossentropy': ofModelOutput,
  'model output sigmoid + BinaryCrossentropy': ofModelOutput,
}

goldenSuite('losses.json', covered)

/** A model whose kernel holds the predictions and whose input is the identity matrix. */
function build({ rows, loss, activation }: Predictions, reduction: Kind, device: string) {
  const [, ...shape] = shapeOf(rows)
  const units = shape.reduce((product, size) => product * size, 1)
  const model = sequential([
    layers.dense({ units, useBias: false, inputShape: [rows.length], ...(activation ? { activation } : {}) }),
    layers.reshape({ targetShape: shape }),
  ])
  model.compile({ optimizer: optimizers.sgd({ learningRate: gradientRate }), loss: loss(reduction) as never, device })
  model.setWeights([array(Float32Array.from(flatten(rows)), [rows.length, units])])
  return model
}

/** Targets for fit: class indices stay a flat list or a column, other targets become rows. */
function toTargets(targets: Predictions['targets']): ArrayInput {
  return typeof targets[0] === 'number' ? Int32Array.from(targets as number[]) : array(targets as number[][])
}

function toWeights({ weights }: Predictions) {
  if (weights === undefined) return {}
  const isColumn = shapeOf(weights)[1] === 1
  return { sampleWeight: array(isColumn ? flatten(weights) : (weights as number[])) }
}

async function value(given: Predictions, reduction: Kind, device: string): Promise<number> {
  using model = build(given, reduction, device)
  return (await model.testOnBatch(identity(given.rows.length), toTargets(given.targets), toWeights(given))).loss
}

async function rowValues(given: Predictions, device: string): Promise<number[]> {
  const values: number[] = []
  for (const [i, row] of given.rows.entries()) {
    const weights = given.weights && [given.weights[i] as number]
    const targets = [given.targets[i] as number | number[]]
    values.push(await value({ ...given, rows: [row], targets, weights }, 'mean', device))
  }
  return values
}

async function gradient(given: Predictions, reduction: Kind, device: string): Promise<number[]> {
  using model = build(given, reduction, device)
  const before = model.getWeights()[0]?.data ?? []
  await model.trainOnBatch(identity(given.rows.length), toTargets(given.targets), toWeights(given))
  const after = model.getWeights()[0]?.data ?? []
  return Array.from(before, (w, i) => (w - (after[i] as number)) / gradientRate)
}

/** The gradients on both sides of a kink or a clip. */
function gradientsAround({ config, inputs }: GoldenCase, index: number, kind: Kind): readonly [number, number] {
  const name = camelCase(config.class_name ?? '')
  const row = reference[name] as LossReference
  const make = losses[name as keyof typeof losses] as (options: object) => Loss
  const { reduction, ...settings } = config.config
  const numbers = make(optionsOf(settings)).op.params
  const units = inputs.y_pred[0].length
  const r = Math.floor(index / units)
  const weights: number[] = flatten(inputs.sample_weight ?? inputs.y_pred.map(() => 1))
  const sum = kind === 'mean_with_sample_weight' ? weights.reduce((a, b) => a + b, 0) : inputs.y_pred.length
  const scale = (weights[r] as number) / (kind === 'sum' ? 1 : sum)
  const targets = inputs.y_true[r]
  const t =
    typeof targets === 'number' ? inputs.y_pred[r].map((_: number, i: number) => (i === targets ? 1 : 0)) : targets
  const slope = (step: number): number => {
    const y = [...inputs.y_pred[r]]
    y[index % units] += step
    return (row.value(y, t, numbers) - row.value(inputs.y_pred[r], t, numbers)) / step
  }
  assert.ok(flatten(inputs.y_pred).length > index)
  return [slope(-1e-8) * scale, slope(1e-8) * scale]
}
