/** Layers agree with Keras: outputs by predict, gradients of Σ cotangent·output by SGD steps, dropout by its statistics. */

import assert from 'node:assert/strict'
import {
  type ArrayInput,
  array,
  type Constraint,
  input,
  type Layer,
  layers,
  losses,
  model,
  optimizers,
  type SymbolicTensor,
  sequential,
} from 'neurode'
import {
  assertGolden,
  flatten,
  type GoldenCase,
  type GoldenRunner,
  type GoldenValue,
  goldenSuite,
  shapeOf,
} from './support/golden.js'
import { batchGradientsOf, gradientRate } from './support/gradients.js'
import { activationOf, optionsOf, ruleOf } from './support/keras.js'
import { assertNear, rounded } from './support/tolerances.js'

/** Makes a layer from options in Neurode's spelling. */
type Make = (options: Anything, golden: GoldenCase) => Layer

// biome-ignore lint/suspicious/noExplicitAny: the options of any layer.
type Anything = any

/** Compares the output, the gradient with respect to the input and, if there are any, to the weights. */
const layer =
  (make: Make): GoldenRunner =>
  async (golden, device) => {
    const { x, weights = [], cotangent } = golden.inputs
    const [rows = 0, ...shape] = shapeOf(x)
    const options = optionsOf(golden.config.config)
    const values = weights.map(({ value }: { value: number[][] }) => array(value))
    using model = sequential([make({ ...options, inputShape: shape }, golden), layers.flatten()])
    model.compile({ loss: 'mse', device })
    if (values.length > 0) model.setWeights(values)
    assert.deepEqual([rows, ...(model.layers[0]?.outputShape ?? [])], shapeOf(golden.outputs.y))
    const { data: outputsOf } = await model.predict(array(x))
    assertGolden(golden, 'y', outputsOf)
    if (golden.outputs.penalties !== undefined) await checkPenalties(golden, model, array(x), outputsOf)
    if (cotangent === undefined) return

    const rowsOf = (value: GoldenValue) =>
      Array.from({ length: rows }, (_, r) => flatten((value as GoldenValue[])[r] as GoldenValue))
    const body = () => [layers.reshape({ targetShape: shape }), make(options, golden), layers.flatten()]
    const [inputs, outputs, cotangents] = [rowsOf(x), rowsOf(golden.outputs.y), rowsOf(cotangent)]
    const gradients = await batchGradientsOf(body, values, inputs, outputs, cotangents, device)
    assertGolden(golden, 'dx', gradients.inputs)
    if (weights.length > 0) assertGolden(golden, 'dweights', gradients.weights.flat())
  }

/** Compares the penalties: they are the whole loss if the targets are the outputs themselves, in evaluation and training. */
async function checkPenalties(golden: GoldenCase, model: Anything, x: ArrayInput, outputs: Float32Array) {
  const [rows = 0] = shapeOf(golden.inputs.x)
  const y = array(outputs.slice(), [rows, outputs.length / rows])
  const expected = golden.outputs.penalties.reduce((sum: number, penalty: number) => sum + penalty, 0)
  const { loss } = await model.evaluate(x, y, { verbose: 0 })
  assertNear(loss, expected, golden, 'penalties')
  assert.equal((await model.testOnBatch(x, y)).loss, loss)
  assertNear((await model.trainOnBatch(x, y)).loss, expected, golden, 'penalties while training')
}

/** Dense: outputs and gradients, or some steps of training under constraints. */
async function dense(golden: GoldenCase, device: string): Promise<void> {
  const { x, y, weights, optimizer, steps } = golden.inputs
  if (steps === undefined) return layer((options) => layers.dense(options))(golden, device)
  const [, inputs = 0] = shapeOf(x)
  using model = sequential([layers.dense({ ...(optionsOf(golden.config.config) as Anything), inputShape: [inputs] })])
  model.compile({ optimizer: optimizers.sgd(optionsOf(optimizer.config)), loss: 'mse', device })
  model.setWeights(weights.map((value: number[][]) => array(value)))
  const after: number[] = []
  for (let step = 0; step < steps; step++) {
    await model.trainOnBatch(array(x), array(y))
    for (const { data } of model.getWeights()) after.push(...data)
  }
  assertGolden(golden, 'weights_after_each_step', after)
}

/** A constraint: the kernel after a step with a gradient of 0. */
async function constraint(golden: GoldenCase, device: string): Promise<void> {
  const { w } = golden.inputs
  const [inputs = 0, units = 0] = shapeOf(w)
  const kernelConstraint = ruleOf(golden.config as Anything) as Constraint
  using model = sequential([layers.dense({ units, useBias: false, kernelConstraint, inputShape: [inputs] })])
  model.compile({ optimizer: optimizers.sgd({ learningRate: 0 }), loss: 'mse', device })
  model.setWeights([array(w)])
  await model.trainOnBatch(array(new Float32Array(inputs), [1, inputs]), array(new Float32Array(units), [1, units]))
  assertGolden(golden, 'w', model.getWeights()[0]?.data ?? [])
}

const covered: Readonly<Record<string, GoldenRunner>> = {
  Dense: dense,
  NonNeg: constraint,
  MaxNorm: constraint,
  UnitNorm: constraint,
  MinMaxNorm: constraint,
  ActivityRegularization: layer((options) => layers.activityRegularization(options)),
  Activation: layer(({ activation, ...options }) =>
    layers.activation({ activation: activationOf(activation), ...options }),
  ),
  ReLU: layer((options) => layers.reLU(options)),
  LeakyReLU: layer((options) => layers.leakyReLU(options)),
  ELU: layer((options) => layers.elu(options)),
  Softmax: layer((options) => layers.softmax(options)),
  PReLU: layer((options) => layers.prelu(options)),
  BatchNormalization: batchNormalization,
  LayerNormalization: layer((options) => layers.layerNormalization(options)),
  RMSNormalization: layer((options) => layers.rmsNormalization(options)),
  GroupNormalization: layer((options) => layers.groupNormalization(options)),
  UnitNormalization: layer((options) => layers.unitNormalization(options)),
  Normalization: normalization,
  Embedding: embedding,
  Rescaling: layer((options) => layers.rescaling(options)),
  Flatten: layer((options) => layers.flatten(options)),
  Reshape: layer((options) => layers.reshape(options)),
  Permute: layer((options) => layers.permute(options)),
  RepeatVector: layer((options) => layers.repeatVector(options)),
  CategoryEncoding: layer((options) => layers.categoryEncoding(options)),
  Identity: layer((options) => layers.identity(options)),
  Dropout: noise((options) => layers.dropout(options)),
  GaussianDropout: noise((options) => layers.gaussianDropout(options)),
  GaussianNoise: noise((options) => layers.gaussianNoise(options)),
  AlphaDropout: noise((options) => layers.alphaDropout(options)),
  Add: merge((options) => layers.add(options)),
  Subtract: merge((options) => layers.subtract(options)),
  Multiply: merge((options) => layers.multiply(options)),
  Average: merge((options) => layers.average(options)),
  Maximum: merge((options) => layers.maximum(options)),
  Minimum: merge((options) => layers.minimum(options)),
  Concatenate: merge((options) => layers.concatenate(options)),
  Dot: merge((options) => layers.dot(options)),
}

goldenSuite('layers.json', covered)

goldenSuite('pooling.json', {
  GlobalAveragePooling1D: layer((options) => layers.globalAveragePooling1D(options)),
  GlobalMaxPooling1D: layer((options) => layers.globalMaxPooling1D(options)),
})

/** Merges: the outputs of a graph of one layer; golden-graphs.test.ts compares gradients. */
function merge(
  make: (options: Anything) => { apply(tensors: readonly SymbolicTensor[]): SymbolicTensor },
): GoldenRunner {
  return async (golden, device) => {
    const given = golden.inputs.x as GoldenValue[]
    const inputs = given.map((x) => input({ shape: shapeOf(x).slice(1) }))
    using net = model({ inputs, outputs: make(optionsOf(golden.config.config)).apply(inputs) })
    net.compile({ loss: 'mse', device })
    const data = given.map((x) => array(x as number[]))
    assertGolden(golden, 'y', (await net.predict(data)).data)
  }
}

/** Noise layers: they do nothing in inference. In training a kernel of zeros behind the layer shows what the layer let through. */
function noise(make: Make): GoldenRunner {
  return async (golden, device) => {
    const { inference_x: x, training_value: value, training_count: count } = golden.inputs
    const options = optionsOf(golden.config.config)
    const [, ...shape] = shapeOf(x)
    using idle = sequential([make({ ...options, inputShape: shape }, golden)])
    idle.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device })
    assertGolden(golden, 'inference_y', (await idle.predict(array(x))).data)

    using model = sequential([
      make({ ...options, seed: 7, inputShape: [count] }, golden),
      layers.dense({ units: 1, useBias: false, kernelInitializer: 'zeros' }),
    ])
    model.compile({
      optimizer: optimizers.sgd({ learningRate: 1 }),
      loss: losses.meanAbsoluteError({ reduction: 'sum' }),
      device,
    })
    await model.trainOnBatch(array(new Float32Array(count).fill(value), [1, count]), array([[1]]))
    const passed = model.getWeights()[0]?.data ?? new Float32Array()
    const { mean, std, zero_fraction: zeros, distinct_values: distinct } = golden.outputs.training
    const average = passed.reduce((sum, v) => sum + v, 0) / count
    const deviation = Math.sqrt(passed.reduce((sum, v) => sum + (v - average) ** 2, 0) / count)
    assertNear(average, mean, golden, 'mean')
    assertNear(deviation, std, golden, 'std')
    assertNear(passed.filter((v) => v === 0).length / count, zeros, golden, 'share of zeros')
    if (distinct === undefined) return
    const values = [...new Set(passed)].sort((a, b) => a - b)
    assert.equal(values.length, distinct.length)
    values.forEach((v, i) => {
      assertNear(v, distinct[i], rounded, 'distinct value')
    })
  }
}

interface GoldenWeight {
  readonly name: string
  readonly value: GoldenValue[]
}

const valuesOf = (weights: readonly GoldenWeight[]) => weights.map(({ value }) => array(value as number[]))

/** Batch normalization: histories of the statistics, gradients in training and inference, and a frozen layer. */
async function batchNormalization(golden: GoldenCase, device: string): Promise<void> {
  const options = optionsOf(golden.config.config)
  const make = (more: Anything) => layers.batchNormalization({ ...options, ...more })
  const { batches, x, cotangent, training, weights = [] } = golden.inputs
  if (batches !== undefined) return batchHistory(golden, make, device)
  const [rows = 0, ...shape] = shapeOf(x)
  const rowsOf = (value: GoldenValue) =>
    Array.from({ length: rows }, (_, r) => flatten((value as GoldenValue[])[r] ?? []))
  const learns = training && options.trainable !== false
  if (learns) {
    assertGolden(
      golden,
      'y',
      (await trainingOutputs(make({ inputShape: shape }), valuesOf(weights), x, device)).outputs,
    )
  } else {
    using model = sequential([make({ inputShape: shape }), layers.flatten()])
    model.compile({ loss: 'mse', device })
    model.setWeights(valuesOf(weights))
    assertGolden(golden, 'y', (await model.predict(array(x))).data)
  }
  // In inference mode the layer's weights get no gradient: only the gradient of the input can be measured.
  const body = () => [
    layers.reshape({ targetShape: shape }),
    make(learns ? {} : { trainable: false }),
    layers.flatten(),
  ]
  const outputs = rowsOf(golden.outputs.y)
  const gradients = await batchGradientsOf(body, valuesOf(weights), rowsOf(x), outputs, rowsOf(cotangent), device)
  assertGolden(golden, 'dx', gradients.inputs)
  if (!learns || golden.outputs.dweights === undefined) return
  const count = golden.outputs.dweights.length
  assertGolden(golden, 'dweights', gradients.weights.slice(0, count).flat())
}

/** Compares outputs and moving statistics batch by batch, and the first batch in inference. */
async function batchHistory(golden: GoldenCase, make: (more: Anything) => Layer, device: string): Promise<void> {
  const { batches, weights } = golden.inputs
  const [, , ...shape] = shapeOf(batches)
  let values = valuesOf(weights)
  const outputs: number[] = []
  const moving: number[] = []
  for (const batch of batches) {
    const step = await trainingOutputs(make({ inputShape: shape }), values, batch, device)
    outputs.push(...step.outputs)
    values = step.weights
    moving.push(...step.weights.slice(-2).flatMap(({ data }) => [...data]))
  }
  assertGolden(golden, 'training', outputs)
  const expected = golden.outputs.moving_after_each.flatMap((each: Anything) =>
    flatten(Object.values(each) as GoldenValue),
  )
  assert.equal(moving.length, expected.length)
  moving.forEach((v, i) => {
    assertNear(v, expected[i], golden, `moving statistic ${i}`)
  })
  using model = sequential([make({ inputShape: shape }), layers.flatten()])
  model.compile({ loss: 'mse', device })
  model.setWeights(values)
  assertGolden(golden, 'inference_on_first_batch', (await model.predict(array(batches[0]))).data)
}

/** The outputs of a layer in training: a kernel of zeros behind the layer changes by them, if the slope is 1 for one row at a time. */
async function trainingOutputs(
  tested: Layer,
  weights: readonly ReturnType<typeof array>[],
  x: Anything,
  device: string,
) {
  const rows = x.length
  using model = sequential([
    tested,
    layers.flatten(),
    layers.dense({ units: rows, useBias: false, kernelInitializer: 'zeros' }),
  ])
  model.compile({
    optimizer: optimizers.sgd({ learningRate: 1 }),
    loss: losses.meanSquaredError({ reduction: 'sum' }),
    device,
  })
  const kernel = model.getWeights().at(-1) as { data: Float32Array; shape: readonly number[] }
  model.setWeights([...weights, kernel])
  const targets = new Float32Array(rows * rows)
  for (let r = 0; r < rows; r++) targets[r * rows + r] = rows / 2
  await model.trainOnBatch(array(x), array(targets, [rows, rows]))
  const after = model.getWeights()
  const moved = after.at(-1)?.data as Float32Array
  const size = moved.length / rows
  const outputs = Array.from(
    { length: rows * size },
    (_, i) => moved[(i % size) * rows + Math.floor(i / size)] as number,
  )
  return { outputs, weights: after.slice(0, -1).map(({ data, shape }) => array(data, shape)) }
}

/** Normalization: with given statistics it is tested as any layer; else the statistics of adapt() are compared. */
async function normalization(golden: GoldenCase, device: string): Promise<void> {
  if (golden.inputs.data === undefined) return layer((options) => layers.normalization(options))(golden, device)
  const tested = layers.normalization(optionsOf(golden.config.config))
  await tested.adapt(golden.inputs.data)
  const [, ...shape] = shapeOf(golden.inputs.x)
  using model = sequential([layers.input({ shape }), tested])
  model.compile({ loss: 'mse', device })
  assertGolden(golden, 'y', (await model.predict(array(golden.inputs.x))).data)
  const [mean, variance] = tested.getWeights()
  assertGolden(golden, 'mean', mean?.data ?? [])
  assertGolden(golden, 'variance', variance?.data ?? [])
}

/** Embedding of rows of integers. Keras' rows without a dimension become rows of one integer. */
async function embedding(golden: GoldenCase, device: string): Promise<void> {
  const { x, weights, cotangent } = golden.inputs
  const rows: number = x.length
  const shape = [flatten(x).length / rows]
  const input = array(Float32Array.from(flatten(x)), [rows, ...shape])
  using model = sequential([
    layers.embedding({ ...optionsOf(golden.config.config), inputShape: shape } as Anything),
    layers.flatten(),
  ])
  model.compile({
    optimizer: optimizers.sgd({ learningRate: gradientRate }),
    loss: losses.meanSquaredError({ reduction: 'sum' }),
    device,
  })
  model.setWeights(valuesOf(weights))
  assertGolden(golden, 'y', (await model.predict(input)).data)
  const before = model.getWeights()[0]?.data as Float32Array
  const slopes = flatten(cotangent)
  const size = slopes.length / rows
  const targets = flatten(golden.outputs.y).map((v, i) => v - ((slopes[i] as number) * size) / 2)
  await model.trainOnBatch(input, array(Float32Array.from(targets), [rows, size]))
  const after = model.getWeights()[0]?.data as Float32Array
  assertGolden(
    golden,
    'dweights',
    Array.from(before, (v, i) => (v - (after[i] as number)) / gradientRate),
  )
}
