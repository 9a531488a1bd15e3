/**
 * Makes a second golden folder from the first: rows in another order, layers and networks of other widths. The expected numbers
 * follow by rule from the first. If a suite passes on both folders, it takes all its numbers from the folder.
 */

import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { array, type FileArray, readNpz, writeNpz } from 'neurode'
import { shapeOf } from './golden.js'

// biome-ignore lint/suspicious/noExplicitAny: each file has its own cases
type Anything = any
type Change = (golden: Anything) => Anything

/** Copies the folder and changes the cases that suites read. */
export async function makeSecondGolden(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true })
  for (const [file, change] of Object.entries(changes)) {
    const { setup, cases, ...rest } = JSON.parse(await readFile(join(from, file), 'utf8'))
    const changed = { ...rest, ...(setup && { setup: changeSetup(setup) }), cases: cases.map(change) }
    await writeFile(join(to, file), JSON.stringify(changed))
  }
  await changeArrays(from, to, 'mnist_init.npz', (name, values) => withDeadUnits(name, values))
  await changeArrays(from, to, 'TF_intro.npz', (_, values) => gather(values, inBatches(values.length, 32)))
}

/** Another order of `count` rows. */
const orderOf = (count: number) => Array.from({ length: count }, (_, i) => (count + 1 - i) % count)

/** An order of rows that keeps each in its batch. */
const inBatches = (count: number, size: number) =>
  Array.from({ length: Math.ceil(count / size) }, (_, batch) => {
    const first = batch * size
    return orderOf(Math.min(size, count - first)).map((i) => first + i)
  }).flat()

const gather = (values: Anything, order: readonly number[]) => order.map((i) => values[i])

const reorder = (values: Anything) => gather(values, orderOf(values.length))

/** The members of `object` that are lists, with their rows in another order. */
function withRows(object: Anything, names: readonly string[]): Anything {
  const moved = names.filter((name) => Array.isArray(object[name])).map((name) => [name, reorder(object[name])])
  return { ...object, ...Object.fromEntries(moved) }
}

/** Doubles the last dimension; the copies are changed by `change`. */
function tile(values: Anything, change = (value: Anything) => value): Anything {
  if (Array.isArray(values[0])) return values.map((each: Anything) => tile(each, change))
  return [...values, ...values].map(change)
}

const half = (value: Anything) => (typeof value === 'number' ? value / 2 : value)

function withTiled(object: Anything, names: readonly string[], change = (value: Anything) => value): Anything {
  const tiled = names.filter((name) => Array.isArray(object[name])).map((name) => [name, tile(object[name], change)])
  return { ...object, ...Object.fromEntries(tiled) }
}

const withRule = (golden: Anything) => /regularizer|constraint/.test(JSON.stringify(golden.config))

// Layers

const inputRows = ['x', 'y', 'w', 'data', 'cotangent', 'inference_x']
const outputRows = ['y', 'w', 'dx', 'inference_y', 'inference_on_first_batch']

/** Layers for which a row with all values twice gives all outputs twice. */
const tiledLayers: Readonly<Record<string, (config: Anything) => boolean>> = {
  ReLU: () => true,
  LeakyReLU: () => true,
  ELU: () => true,
  Rescaling: () => true,
  Identity: () => true,
  Dropout: () => true,
  GaussianDropout: () => true,
  GaussianNoise: () => true,
  AlphaDropout: () => true,
  RMSNormalization: () => true,
  Activation: ({ activation }) => activation !== 'softmax',
  PReLU: ({ shared_axes: axes }) => axes === undefined,
  BatchNormalization: ({ axis = -1 }) => axis === -1,
  LayerNormalization: ({ axis = -1 }) => axis === -1,
  Normalization: ({ axis = -1, mean }) => mean === undefined && (axis === -1 || axis === null),
}

/** Layers of several inputs, whose `x` is a list of arrays. */
const merges = ['Add', 'Subtract', 'Multiply', 'Average', 'Maximum', 'Minimum', 'Concatenate', 'Dot']

const changeLayer: Change = (golden) => {
  const { inputs, outputs } = golden
  if (merges.includes(golden.config.class_name)) {
    return { ...golden, inputs: { x: inputs.x.map(reorder) }, outputs: withRows(outputs, outputRows) }
  }
  const moved = {
    ...golden,
    inputs: { ...withRows(inputs, inputRows), ...(inputs.batches && { batches: inputs.batches.map(reorder) }) },
    outputs: {
      ...withRows(outputs, outputRows),
      ...(inputs.batches && { training: outputs.training.map(reorder) }),
    },
  }
  return widenLayer(moved)
}

const widenLayer: Change = (golden) => {
  const { class_name: name, config } = golden.config
  if (withRule(golden)) return golden
  if (name === 'Dense' && golden.inputs.steps === undefined) return widenDense(golden)
  if (!tiledLayers[name]?.(config)) return golden
  const { inputs, outputs } = golden
  const { training, moving_after_each: moving } = outputs
  return {
    ...golden,
    inputs: {
      ...withTiled(inputs, [...inputRows, 'batches']),
      ...(inputs.weights && { weights: inputs.weights.map((weight: Anything) => withTiled(weight, ['value'])) }),
    },
    outputs: {
      ...withTiled(outputs, [...outputRows, 'dweights', ...(config.axis === null ? [] : ['mean', 'variance'])]),
      ...(Array.isArray(training) && { training: tile(training) }),
      ...(moving && { moving_after_each: moving.map((each: Anything) => withTiled(each, Object.keys(each))) }),
    },
  }
}

/** Doubles the inputs and halves their weights: the outputs stay the same. */
const widenDense: Change = (golden) => {
  const { inputs, outputs } = golden
  const [kernel, ...others] = inputs.weights
  const [slopes, ...otherSlopes] = outputs.dweights
  const halves = kernel.value.map((row: Anything) => row.map(half))
  return {
    ...golden,
    inputs: {
      ...withTiled(inputs, ['x']),
      weights: [{ ...kernel, value: [...halves, ...halves] }, ...others],
    },
    outputs: { ...withTiled(outputs, ['dx'], half), dweights: [[...slopes, ...slopes], ...otherSlopes] },
  }
}

// Losses and metrics

/** Losses that are a mean over the outputs of a row. */
const meanLosses = [
  'MeanSquaredError',
  'MeanAbsoluteError',
  'MeanAbsolutePercentageError',
  'MeanSquaredLogarithmicError',
  'LogCosh',
  'Huber',
  'Poisson',
  'Hinge',
  'SquaredHinge',
  'BinaryCrossentropy',
]

const changeLoss: Change = (golden) => {
  const moved = {
    ...golden,
    inputs: withRows(golden.inputs, ['y_true', 'y_pred', 'sample_weight', 'z']),
    outputs: withRows(golden.outputs, ['value', 'grad', 'dz']),
    ...(golden.float32 && { float32: withRows(golden.float32, ['value', 'grad']) }),
  }
  if (!meanLosses.includes(golden.config.class_name) || golden.edge || golden.float32) return moved
  return {
    ...moved,
    inputs: withTiled(moved.inputs, ['y_true', 'y_pred']),
    outputs: withTiled(moved.outputs, ['grad'], half),
  }
}

const changeMetric: Change = (golden) => {
  const names = ['y_true', 'y_pred', 'sample_weight', 'values']
  const { batches } = golden.inputs
  if (batches === undefined) return { ...golden, inputs: withRows(golden.inputs, names) }
  return { ...golden, inputs: { ...golden.inputs, batches: batches.map((each: Anything) => withRows(each, names)) } }
}

// Activations: points in another order, each of them twice

const changeActivation: Change = (golden) => {
  const { inputs, outputs, kinks, float32 } = golden
  const isPoints = !Array.isArray(inputs.x[0])
  const order = isPoints ? [...orderOf(inputs.x.length), ...orderOf(inputs.x.length)] : orderOf(inputs.x.length)
  const all = (object: Anything) =>
    Object.fromEntries(Object.entries(object).map(([name, values]) => [name, gather(values, order)]))
  const placesOf = (points: readonly number[]) => order.flatMap((from, at) => (points.includes(from) ? [at] : []))
  const at = float32?.at && placesOf(float32.at)
  const own = (values: Anything) => at.map((place: number) => values[float32.at.indexOf(order[place])])
  return {
    ...golden,
    inputs: all(inputs),
    outputs: all(outputs),
    ...(kinks && { kinks: placesOf(kinks) }),
    ...(at && {
      float32: { ...float32, at, ...(float32.y && { y: own(float32.y) }), ...(float32.dy && { dy: own(float32.dy) }) },
    }),
  }
}

// Optimizers: one more input, which is 0 and has weights of 0

const withZeroRow = ([kernel, ...others]: Anything) => [[...kernel, kernel[0].map(() => 0)], ...others]

function changeSetup({ sizes: [inputs, ...others], initial_weights: weights, batches, ...rest }: Anything): Anything {
  const widen = ({ x, y }: Anything) => ({ x: reorder(x.map((row: Anything) => [...row, 0])), y: reorder(y) })
  return {
    ...rest,
    sizes: [inputs + 1, ...others],
    initial_weights: withZeroRow(weights),
    batches: batches.map(widen),
  }
}

const changeOptimizer: Change = (golden) => {
  const names = ['weights_after_first_step', 'weights', 'weights_finalized']
  const widened = names.filter((name) => golden.outputs[name]).map((name) => [name, withZeroRow(golden.outputs[name])])
  return { ...golden, outputs: { ...golden.outputs, ...Object.fromEntries(widened) } }
}

// Schedules: other steps. Initializers: kernels of another shape with the same distribution

const changeSchedule: Change = (golden) => {
  const [first, last] = golden.inputs.steps
  const { learning_rate: rates } = golden.outputs
  return { ...golden, inputs: { steps: [first + 7, last - 20] }, outputs: { learning_rate: rates.slice(7, -20) } }
}

const changeInitializer: Change = (golden) =>
  /^(Random|Glorot|Truncated)/.test(golden.config.class_name)
    ? { ...golden, inputs: { ...golden.inputs, shape: golden.inputs.shape.toReversed() } }
    : golden

// Networks of the tutorials: one more input, which is 0 and whose weights do not change

const changeTutorial: Change = (golden) => {
  const { inputs, outputs } = golden
  if (inputs.x === undefined) return golden
  const withInput = (rows: Anything) => rows?.map((row: Anything) => [...row, 0])
  const withWeight = (kernel: Anything) => [...kernel, kernel[0].map(() => 0.25)]
  const first = ([kernel, ...others]: Anything) => [withWeight(kernel), ...others]
  const isNet = inputs.initial_weights !== undefined
  const weights = isNet ? first : withWeight
  return {
    ...golden,
    inputs: withRows(
      {
        ...inputs,
        x: withInput(inputs.x),
        points: withInput(inputs.points),
        ...(isNet ? { initial_weights: first(inputs.initial_weights) } : { weights: withWeight(inputs.weights) }),
      },
      ['x', 'y', 'points'],
    ),
    outputs: withRows(
      {
        ...outputs,
        weights: weights(outputs.weights),
        ...(isNet && { weights_after_100: weights(outputs.weights_after_100) }),
      },
      ['output', 'predictions', 'on_training_rows'],
    ),
  }
}

// Trajectories: more units in the first layer, whose incoming and outgoing weights are all 0 and therefore stay 0

const deadUnits = 4

const changeTraining: Change = (golden) => {
  const { config, inputs, outputs } = golden
  if (outputs.weights === undefined) return golden
  const { batch_size: batchSize, epochs, validation_split: split = 0 } = config.fit
  const steps = epochs * Math.ceil((inputs.first_train_rows - Math.floor(inputs.first_train_rows * split)) / batchSize)
  const [first, ...others] = config.hidden
  // In batch normalization gamma stays 1, and the moving variance decays.
  const norms: Readonly<Record<string, number>> = { gamma: 1, moving_variance: 0.99 ** steps }
  const weights = outputs.weights.map((weight: Anything, i: number) => {
    const each = i < 6 ? (norms[weight.name.split('/').at(-1)] ?? 0) : 0
    return { ...weight, l2_norm: Math.sqrt(weight.l2_norm ** 2 + deadUnits * each ** 2) }
  })
  return { ...golden, config: { ...config, hidden: [first + deadUnits, ...others] }, outputs: { ...outputs, weights } }
}

function withDeadUnits(name: string, values: Anything): Anything {
  const zeros = new Array(deadUnits).fill(0)
  if (name === 'dense_0_kernel') return values.map((row: Anything) => [...row, ...zeros])
  if (name === 'dense_0_bias') return [...values, ...zeros]
  if (name === 'dense_1_kernel') return [...values, ...zeros.map(() => values[0].map(() => 0))]
  return values
}

const changes: Readonly<Record<string, Change>> = {
  'layers.json': changeLayer,
  'losses.json': changeLoss,
  'metrics.json': changeMetric,
  'activations.json': changeActivation,
  'optimizers.json': changeOptimizer,
  'schedules.json': changeSchedule,
  'initializers.json': changeInitializer,
  'tutorials.json': changeTutorial,
  'training.json': changeTraining,
}

async function changeArrays(
  from: string,
  to: string,
  file: string,
  change: (name: string, values: Anything) => Anything,
): Promise<void> {
  const arrays = await readNpz(join(from, file))
  const changed = [...arrays].map(([name, { data, shape, toJSON, ...rest }]: [string, FileArray]) => {
    const values = change(name, JSON.parse(JSON.stringify(arrays.get(name))))
    const flat = Float64Array.from(values.flat(Infinity) as number[])
    const like = data instanceof Float64Array ? flat : Float32Array.from(flat)
    return [name, { ...rest, ...array(like, shapeOf(values)) }]
  })
  await writeNpz(join(to, file), Object.fromEntries(changed))
}
