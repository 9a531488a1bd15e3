/** Jobs of precision.test.ts: compares 'cuda' at a precision with the CPU in float32. Prints JSON. */

import { createHash } from 'node:crypto'
import { layers, losses, optimizers, type Precision, type Sequential, sequential } from 'neurode'
import { Random } from '../random.js'

const [job = '', precision = ''] = process.argv.slice(2)
const onCpu = { device: 'cpu' } as const
const onCuda = { device: 'cuda', precision: precision as Precision } as const
type Where = typeof onCpu | typeof onCuda

/** Evaluates, predicts and trains one step. Returns all visible results. */
async function results(model: Sequential, x: Rows, y: Rows): Promise<Map<string, Float32Array<ArrayBufferLike>>> {
  const evaluated = await model.evaluate(x, y)
  const predicted = (await model.predict(x)).data
  const { loss } = await model.trainOnBatch(x, y)
  const seen = new Map<string, Float32Array<ArrayBufferLike>>()
  seen.set('losses', Float32Array.of(loss as number, evaluated.loss as number))
  seen.set('predictions', predicted)
  for (const { name, data } of model.getWeights()) seen.set(name, data)
  return seen
}

interface Rows {
  readonly data: Float32Array | Uint8Array
  readonly shape: readonly number[]
}

/** Small integers in few places, so that every product and every sum is exact in any precision. */
function sparse(random: Random, rows: number, columns: number, each: number): Float32Array {
  const data = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < each; i++) {
      data[row * columns + random.below(columns)] = random.below(2) === 0 ? -1 : 1
    }
  }
  return data
}

/** Sizes close to those of tiles; the last one has more rows than a part of a batch. */
const shapes = [
  { inputs: 363, hidden: 362, outputs: 4, rows: 65, bytes: false },
  { inputs: 512, hidden: 256, outputs: 512, rows: 128, bytes: true },
  { inputs: 130, hidden: 1027, outputs: 128, rows: 31, bytes: true },
  { inputs: 367, hidden: 359, outputs: 2, rows: 600, bytes: false },
]

async function exact() {
  const differing: string[] = []
  let compared = 0
  for (const { inputs, hidden, outputs, rows, bytes } of shapes) {
    const random = new Random(inputs)
    const input = sparse(random, rows, inputs, 3)
    const x = { data: bytes ? Uint8Array.from(input, Math.abs) : input, shape: [rows, inputs] }
    const y = { data: sparse(random, rows, outputs, 1), shape: [rows, outputs] }
    const weights = [sparse(random, inputs, hidden, 4), sparse(random, 1, hidden, 9)]
    weights.push(sparse(random, hidden, outputs, 1), sparse(random, 1, outputs, 2))
    const seen = async (where: Where) => {
      using model = sequential([
        layers.dense({ units: hidden, activation: 'relu', inputShape: [inputs] }),
        layers.dense({ units: outputs }),
      ])
      // The slope of this loss is -1, 0 or 1, divided by a power of two.
      const loss = losses.meanAbsoluteError({ reduction: 'sum' })
      model.compile({ optimizer: optimizers.sgd({ learningRate: 0.5 }), loss, ...where })
      model.setWeights(weights.map((data, i) => ({ data, shape: model.getWeights()[i]?.shape ?? [] })))
      return await results(model as unknown as Sequential, x, y)
    }
    const expected = await seen(onCpu)
    for (const [name, actual] of await seen(onCuda)) {
      const other = expected.get(name) as Float32Array
      const wrong = actual.findIndex((value, i) => !Object.is(value + 0, (other[i] as number) + 0))
      if (wrong >= 0)
        differing.push(`${inputs}-${hidden}-${outputs} ${name}[${wrong}]: ${actual[wrong]}, ${other[wrong]}`)
      compared += actual.length
    }
  }
  return { differing, compared }
}

/** Networks with each kind of layer between wide layers. */
function network(kind: string) {
  const wide = (units: number, activation: 'relu' | 'tanh' | 'gelu' | 'linear', inputs?: number) =>
    layers.dense({ units, activation, ...(inputs === undefined ? {} : { inputShape: [inputs] }) })
  const made = {
    relu: [
      wide(384, 'relu', 350),
      wide(400, 'relu'),
      wide(330, 'relu'),
      layers.dense({ units: 7, activation: 'softmax' }),
    ],
    mixed: [
      wide(384, 'gelu', 350),
      layers.dropout({ rate: 0.25 }),
      wide(400, 'tanh'),
      layers.rescaling({ scale: 2, offset: 0.5 }),
      layers.dense({ units: 20, activation: 'tanh' }),
      layers.dense({ units: 7, activation: 'softmax' }),
    ],
  }[kind]
  return sequential({ layers: made ?? [], seed: 3 })
}

async function trained(kind: string, where: Where, rows: number) {
  const random = new Random(rows)
  const x = { data: random.normals(rows * 350), shape: [rows, 350] }
  const y = { data: Float32Array.from(random.classes(rows, 7)), shape: [rows] }
  using model = network(kind)
  model.compile({ optimizer: optimizers.sgd({ learningRate: 1 }), loss: 'sparseCategoricalCrossentropy', ...where })
  const before = new Map(model.getWeights().map(({ name, data }) => [name, data]))
  const seen = await results(model as unknown as Sequential, x, y)
  // The change of the weights in this step is the gradient.
  for (const [name, data] of before)
    seen.set(
      name,
      (seen.get(name) as Float32Array).map((value, i) => value - (data[i] as number)),
    )
  return seen
}

/**
 * The relative error ‖actual - expected‖ / ‖expected‖. Rounding two factors changes each product by at most 2u, and by u ·
 * sqrt(2 / 3) as a root mean square; sums of independent products change by the same ratio. A product of earlier products adds
 * its own error. Twice the root of the number of successive products, at most eight, is allowed.
 */
async function close() {
  const unit = precision === 'tf32' ? 2 ** -11 : 2 ** -9
  const compared: { name: string; error: number; allowed: number }[] = []
  for (const kind of ['relu', 'mixed']) {
    const expected = await trained(kind, onCpu, 70)
    for (const [name, actual] of await trained(kind, onCuda, 70)) {
      // Rounding changes the slope of some units whose sum is near zero, so gradients cannot be compared.
      if (name === 'losses' || (kind === 'relu' && name !== 'predictions')) continue
      const other = expected.get(name) as Float32Array
      const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
      const error = norm(actual.map((value, i) => value - (other[i] as number))) / norm(other)
      compared.push({ name: `${kind} ${name}`, error, allowed: 2 * Math.sqrt(8) * unit })
    }
  }
  return compared
}

async function digest() {
  const hash = createHash('sha256')
  for (const data of (await trained('mixed', onCuda, 40)).values()) hash.update(data)
  return hash.digest('hex')
}

async function weights() {
  const random = new Random(9)
  using model = sequential([layers.dense({ units: 300, useBias: false, inputShape: [500] })])
  model.compile({ optimizer: optimizers.sgd({ learningRate: 2 ** -20 }), loss: 'mse', ...onCuda })
  const values = random.normals(150_000)
  model.setWeights([{ data: values, shape: [500, 300] }])
  const kept = model.getWeights()[0]?.data.every((value, i) => value === values[i]) ?? false
  const x = { data: random.normals(20 * 500), shape: [20, 500] }
  const y = { data: random.normals(20 * 300), shape: [20, 300] }
  const before = (await model.predict(x)).data
  await model.trainOnBatch(x, y)
  // The steps are far smaller than the resolution of the low-precision copies of the weights.
  const after = model.getWeights()[0]?.data as Float32Array
  const small = after.some(
    (value, i) => value !== values[i] && Math.abs(value - (values[i] as number)) < 2 ** -10 * Math.abs(value),
  )
  model.setWeights([{ data: values.map((value) => 2 * value), shape: [500, 300] }])
  const doubled = (await model.predict(x)).data
  return { kept, small, predicted: doubled.every((value, i) => value === 2 * (before[i] as number)) }
}

/** Trains one layer for a number of epochs of four steps. */
async function steps(epochs: number) {
  const random = new Random(5)
  using model = sequential({
    layers: [layers.dense({ units: 300, activation: 'relu', inputShape: [500] })],
    seed: 2,
  })
  model.compile({ optimizer: 'sgd', loss: 'mse', ...onCuda })
  const x = { data: random.normals(256 * 500), shape: [256, 500] }
  const y = { data: random.normals(256 * 300), shape: [256, 300] }
  const { history } = await model.fit(x, y, { batchSize: 64, epochs, verbose: 0, shuffle: false })
  return { losses: [...history.loss] }
}

const jobs: Readonly<Record<string, () => Promise<unknown>>> = {
  exact,
  close,
  digest,
  weights,
  steps: () => steps(2),
  'more steps': () => steps(6),
}
console.log(JSON.stringify(await jobs[job]?.()))
