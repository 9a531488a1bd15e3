/** Activations agree with Keras: values by predict, slopes by one SGD step of a bias. */

import assert from 'node:assert/strict'
import { array, layers, losses, optimizers, sequential } from 'neurode'
import { assertGolden, flatten, type GoldenCase, type GoldenRunner, goldenSuite } from './support/golden.js'
import { gradientsOf } from './support/gradients.js'
import { activationOf, camelCase } from './support/keras.js'
import { activations as reference } from './support/reference.js'

const pointwise: GoldenRunner = async (golden, device) => {
  const x = flatten(golden.inputs.x)
  assertGolden(golden, 'y', await values(golden, x, device))
  assertGolden(golden, 'dy', await slopes(golden, x, device), { between: (i) => slopesAround(golden, x[i] as number) })
}

const rowwise: GoldenRunner = async (golden, device) => {
  const { class_name: name = '', config } = golden.config
  using model = sequential([
    layers.activation({ activation: activationOf(name), inputShape: [golden.inputs.x[0].length] }),
  ])
  assert.deepEqual(config, {})
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device })
  const { data } = await model.predict(array(golden.inputs.x))
  assertGolden(golden, 'y', data)
  const body = () => [layers.activation({ activation: activationOf(name) })]
  const { inputs } = await gradientsOf(body, [], golden.inputs.x, golden.inputs.cotangent, device)
  assertGolden(golden, 'dx', inputs)
}

const covered: Readonly<Record<string, GoldenRunner>> = {
  linear: pointwise,
  relu: pointwise,
  relu6: pointwise,
  leaky_relu: pointwise,
  elu: pointwise,
  selu: pointwise,
  celu: pointwise,
  gelu: pointwise,
  silu: pointwise,
  swish: pointwise,
  mish: pointwise,
  sigmoid: pointwise,
  hard_sigmoid: pointwise,
  hard_silu: pointwise,
  hard_swish: pointwise,
  log_sigmoid: pointwise,
  tanh: pointwise,
  hard_tanh: pointwise,
  tanh_shrink: pointwise,
  soft_shrink: pointwise,
  hard_shrink: pointwise,
  softplus: pointwise,
  softsign: pointwise,
  squareplus: pointwise,
  exponential: pointwise,
  sparse_plus: pointwise,
  sparse_sigmoid: pointwise,
  threshold: pointwise,
  softmax: rowwise,
  log_softmax: rowwise,
}

goldenSuite('activations.json', covered)

async function values({ config }: GoldenCase, x: readonly number[], device: string): Promise<Float32Array> {
  const activation = activationOf(config.class_name ?? '', config.config)
  using model = sequential([layers.activation({ activation, inputShape: [x.length] })])
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device })
  return (await model.predict(array([x]))).data as Float32Array
}

/**
 * The slopes at the points. The model has one input of 1, the points as kernel and a bias of 0. With absolute errors of known
 * sign, averaged over a power of two of outputs, the bias changes by the slope and nothing is rounded.
 */
async function slopes({ config, outputs }: GoldenCase, x: readonly number[], device: string): Promise<number[]> {
  const units = 2 ** Math.ceil(Math.log2(x.length))
  const kernel = Float32Array.from({ length: units }, (_, i) => x[i] ?? 0)
  const y = flatten(outputs.y)
  const signs = Array.from({ length: units }, (_, i) => ((y[i] ?? 0) > 0 ? 1 : -1))
  const activation = activationOf(config.class_name ?? '', config.config)
  using model = sequential([layers.dense({ units, activation, inputShape: [1] })])
  model.compile({
    optimizer: optimizers.sgd({ learningRate: units }),
    loss: losses.meanAbsoluteError({ reduction: 'sum' }),
    device,
  })
  model.setWeights([array(kernel, [1, units]), new Float32Array(units)])
  await model.trainOnBatch(array([[1]]), array([signs.map((sign) => -100 * sign)]))
  const bias = model.getWeights()[1]?.data ?? []
  return x.map((_, i) => -(bias[i] as number) * (signs[i] as number))
}

/** The slopes on both sides of a kink. */
function slopesAround({ config }: GoldenCase, x: number): readonly [number, number] {
  const { op } = activationOf(config.class_name ?? '', config.config)
  const row = reference[op.name]
  assert.ok(row?.kind === 'pointwise', `${camelCase(op.name)} has a reference`)
  return [row.slope(x - 1e-7, op.params), row.slope(x + 1e-7, op.params)]
}
