/** Initializers agree with Keras: mean, deviation and bounds of one draw. */

import assert from 'node:assert/strict'
import { initializers, layers, sequential } from 'neurode'
import { type GoldenRunner, goldenSuite } from './support/golden.js'
import { camelCase, optionsOf } from './support/keras.js'
import { assertNear } from './support/tolerances.js'

/** Whether the distribution has no bounds, so that the extremes of a draw are random. */
const unbounded = (name: string, distribution: unknown) =>
  name === 'RandomNormal' || name === 'Orthogonal' || distribution === 'untruncated_normal'

const draw: GoldenRunner = (golden, device) => {
  const { class_name: name = '', config } = golden.config
  const [inputs, units] = golden.inputs.shape
  const make = initializers[camelCase(name) as keyof typeof initializers] as (options: object) => never
  const kernelInitializer = make({ ...optionsOf(config), seed: 20 })
  using model = sequential([layers.dense({ units, kernelInitializer, useBias: false, inputShape: [inputs] })])
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device })
  const data = model.getWeights()[0]?.data ?? new Float32Array()
  assert.equal(data.length, inputs * units)
  const { mean, std, min, max, gram_error: gram } = golden.outputs
  const average = data.reduce((sum, v) => sum + v, 0) / data.length
  const deviation = Math.sqrt(data.reduce((sum, v) => sum + (v - average) ** 2, 0) / data.length)
  const { atol, rtol } = golden
  assertNear(average, mean, { atol, rtol: 0 }, 'mean')
  assertNear(deviation, std, { atol: 0, rtol }, 'std')
  const lowest = data.reduce((a, b) => Math.min(a, b))
  const highest = data.reduce((a, b) => Math.max(a, b))
  if (!unbounded(name, config.distribution)) {
    // A truncated distribution does not reach its bounds as closely as a uniform one, but never exceeds them.
    assertNear(lowest, min, { atol: 0, rtol }, 'min')
    assertNear(highest, max, { atol: 0, rtol }, 'max')
  }
  if (gram !== undefined) assertOrthogonal(data, inputs, units, config.gain ?? 1)
}

const covered: Readonly<Record<string, GoldenRunner>> = {
  GlorotUniform: draw,
  GlorotNormal: draw,
  HeUniform: draw,
  HeNormal: draw,
  LecunUniform: draw,
  LecunNormal: draw,
  RandomUniform: draw,
  RandomNormal: draw,
  TruncatedNormal: draw,
  VarianceScaling: draw,
  Orthogonal: draw,
}

goldenSuite('initializers.json', covered)

/** Asserts that the rows are orthogonal, or the columns if there are fewer of these, each of length `gain`. */
function assertOrthogonal(data: Float32Array, rows: number, columns: number, gain: number): void {
  const short = Math.min(rows, columns)
  const long = Math.max(rows, columns)
  const at =
    rows <= columns ? (i: number, j: number) => data[i * columns + j] : (i: number, j: number) => data[j * columns + i]
  for (let a = 0; a < short; a++) {
    for (let b = a; b < short; b += 7) {
      let dot = 0
      for (let k = 0; k < long; k++) dot += (at(a, k) as number) * (at(b, k) as number)
      assertNear(
        dot,
        a === b ? gain * gain : 0,
        { atol: 1e-5 * gain * gain, rtol: 0 },
        `product of vectors ${a} and ${b}`,
      )
    }
  }
}
