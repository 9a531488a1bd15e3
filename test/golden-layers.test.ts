/** Layers against Keras: outputs by predict, gradients of Σ cotangent·output by SGD steps, dropout by its statistics. */

import assert from 'node:assert/strict'
import { array, type Layer, layers, losses, optimizers, sequential } from 'neurode'
import { assertGolden, flatten, type GoldenCase, type GoldenRunner, goldenSuite, shapeOf } from './support/golden.js'
import { gradientsOf } from './support/gradients.js'
import { activationOf, optionsOf } from './support/keras.js'
import { assertNear } from './support/tolerances.js'

type Make = (golden: GoldenCase, inputShape?: readonly number[]) => Layer

/** Output, gradient by the input and, where it has weights, by them. */
const layer =
  (make: Make): GoldenRunner =>
  async (golden, device) => {
    const { x, weights = [], cotangent } = golden.inputs
    const [rows = 0, ...shape] = shapeOf(x)
    const values = weights.map(({ value }: { value: number[][] }) => array(value))
    using model = sequential([make(golden, shape)])
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device })
    if (values.length > 0) model.setWeights(values)
    const { data } = await model.predict(array(x))
    assertGolden(golden, 'y', data)

    const flat = Array.from({ length: rows }, (_, r) => flatten(x[r]))
    const body = () => [make(golden)]
    const cotangents = Array.from({ length: rows }, (_, r) => flatten(cotangent[r]))
    const gradients = await gradientsOf(body, values, flat, cotangents, device)
    assertGolden(golden, 'dx', gradients.inputs)
    if (weights.length > 0) assertGolden(golden, 'dweights', gradients.weights.flat())
  }

const dense: Make = ({ config }, inputShape) =>
  layers.dense({ ...(optionsOf(config.config) as { units: number }), ...(inputShape ? { inputShape } : {}) })

/** Keras' layers of one activation, with the function's name. */
const activation =
  (name: string, defaults: object = {}): Make =>
  ({ config }, inputShape) => {
    const { axis, ...options } = config.config
    assert.ok(axis === undefined || axis === 1 || axis === -1)
    return layers.activation({
      activation: activationOf(name, { ...defaults, ...options }),
      ...(inputShape ? { inputShape } : {}),
    })
  }

const covered: Readonly<Record<string, GoldenRunner>> = {
  Dense: layer(dense),
  Activation: layer((golden, inputShape) =>
    layers.activation({
      activation: activationOf(golden.config.config.activation),
      ...(inputShape ? { inputShape } : {}),
    }),
  ),
  ReLU: layer(activation('relu')),
  LeakyReLU: layer(activation('leaky_relu', { negative_slope: 0.3 })),
  ELU: layer(activation('elu')),
  Softmax: layer(activation('softmax')),
  Rescaling: layer(({ config }, inputShape) =>
    layers.rescaling({ ...config.config, ...(inputShape ? { inputShape } : {}) }),
  ),
  Flatten: layer((_, inputShape) => layers.flatten(inputShape ? { inputShape } : {})),
  Dropout: dropout,
}

goldenSuite('layers.json', covered)

/** Nothing happens in inference; in training a kernel of zeros moves by what the layer let through. */
async function dropout(golden: GoldenCase, device: string): Promise<void> {
  const { inference_x: x, training_value: value, training_count: count } = golden.inputs
  const { rate } = golden.config.config
  using idle = sequential([layers.dropout({ rate, inputShape: [x[0].length] })])
  idle.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device })
  assertGolden(golden, 'inference_y', (await idle.predict(array(x))).data)

  using model = sequential([
    layers.dropout({ rate, seed: 7, inputShape: [count] }),
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
  const values = [...new Set(passed)].sort((a, b) => a - b)
  assert.equal(values.length, distinct.length)
  values.forEach((v, i) => {
    assertNear(v, distinct[i], { atol: 1e-6, rtol: 1e-6 }, 'distinct value')
  })
}
