/** Activations agree with Keras: values by predict, slopes by backward. */

import assert from 'node:assert/strict'
import { array, layers, sequential } from 'neurode'
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
  assertGolden(golden, 'dx', await gradientsOf(body, golden.inputs.x, golden.inputs.cotangent, device))
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

/** The slopes at the points. */
async function slopes({ config }: GoldenCase, x: readonly number[], device: string): Promise<Float32Array> {
  const activation = activationOf(config.class_name ?? '', config.config)
  return gradientsOf(() => [layers.activation({ activation })], [x], [x.map(() => 1)], device)
}

/** The slopes on both sides of a kink. */
function slopesAround({ config }: GoldenCase, x: number): readonly [number, number] {
  const { op } = activationOf(config.class_name ?? '', config.config)
  const row = reference[op.name]
  assert.ok(row?.kind === 'pointwise', `${camelCase(op.name)} has a reference`)
  return [row.slope(x - 1e-7, op.params), row.slope(x + 1e-7, op.params)]
}
