/** Trainings that several processes do together, and one process with as many parts: weights and logs as hashes. */

import { createHash } from 'node:crypto'
import {
  type Cluster,
  type DataOfRanks,
  distribution,
  type Layer,
  layers,
  losses,
  metrics,
  type Optimizer,
  optimizers,
  sequential,
} from 'neurode'
import { Random } from './random.js'

const features = 12
const rows = 150
const classes = 4

const random = new Random(7)
const x = { data: random.normals(rows * features), shape: [rows, features] }
const labels = random.classes(rows, classes)
const rowWeights = Float32Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? 0 : 0.5 + (i % 3)))

const relu = (units: number, options = {}) => layers.dense({ units, activation: 'relu', ...options })
const sgd = (options: object = {}) => optimizers.sgd({ learningRate: 0.05, momentum: 0.9, ...options })

interface Network {
  readonly body?: Layer[]
  readonly optimizer?: Optimizer
  readonly batchSize?: number
  readonly compile?: object
  readonly fit?: object
  /** It gets batches: the same on all ranks, or some rows of each from each rank. */
  readonly data?: DataOfRanks
}

const squares = losses.custom({
  name: 'squares',
  compute: ({ outputs, targets }) => {
    const difference = outputs.map((value, i) => value - (targets[i] ?? Number.NaN))
    const loss = difference.reduce((sum, each) => sum + each ** 2, 0) / outputs.length
    return { loss, gradient: difference.map((each) => (2 * each) / outputs.length) }
  },
})

/** Made anew for each run: layers keep their weights. */
const networks = (): Readonly<Record<string, Network>> => ({
  plain: {},
  'partial batches': { batchSize: 47 },
  'a last batch of fewer rows than parts': { batchSize: 49 },
  dropout: { body: [relu(30), layers.dropout({ rate: 0.4 }), layers.gaussianNoise({ stddev: 0.1 })] },
  penalties: { body: [relu(30, { kernelRegularizer: 'l2', activityRegularizer: 'l1' })] },
  constraints: { body: [relu(30, { kernelConstraint: 'maxNorm' })] },
  'batch normalization': { body: [layers.dense({ units: 20 }), layers.batchNormalization(), relu(10)] },
  'row weights': { fit: { sampleWeight: rowWeights } },
  'clipped norms': { optimizer: sgd({ clipNorm: 0.05 }) },
  'one norm': { optimizer: sgd({ globalClipNorm: 0.1 }) },
  'accumulated gradients': { optimizer: sgd({ gradientAccumulationSteps: 3 }) },
  averages: { optimizer: sgd({ useEma: true, emaMomentum: 0.9, weightDecay: 0.01 }) },
  'no shuffling': { fit: { shuffle: false } },
  'validation on some rows': { fit: { validationSplit: 0.3, validationBatchSize: 7 } },
  'metrics of captured rows': {
    compile: { metrics: ['accuracy', metrics.fBetaScore()] },
    fit: { validationSplit: 0.3 },
  },
  'a loss of the user': { compile: { loss: squares, metrics: ['mse'] } },
  'a stream': { data: 'replicated' },
  'streams of rows of each rank': {
    data: 'sharded',
    body: [relu(30), layers.dropout({ rate: 0.4 })],
    compile: { metrics: ['accuracy', metrics.fBetaScore()] },
  },
  ...Object.fromEntries(
    (['adam', 'adamw', 'rmsprop', 'adagrad', 'adadelta', 'adamax', 'nadam', 'lion', 'ftrl'] as const).map((name) => [
      name,
      { optimizer: optimizers[name]({ learningRate: 1e-3 }) },
    ]),
  ),
})

type Place = Pick<Cluster, 'rank' | 'size'>

/** The batches of a rank. With `sharded`, their numbers of rows are not all the same on all ranks, and the last rank ends first. */
function* batches(data: DataOfRanks, isOneHot: boolean, { rank, size }: Place) {
  const rowsOf = (from: number, to: number) => ({
    x: { data: x.data.slice(from * features, to * features), shape: [to - from, features] },
    y: isOneHot
      ? { data: oneHot().data.slice(from * classes, to * classes), shape: [to - from, classes] }
      : labels.slice(from, to),
  })
  const most = 31
  for (let row = 0; row < rows; row += most) {
    const count = Math.min(most, rows - row)
    const placeOf = (share: number) => row + Math.floor((count * share) / size)
    yield data === 'replicated' ? rowsOf(row, row + count) : rowsOf(placeOf(rank), placeOf(rank + 1))
  }
  if (data === 'sharded' && rank < size - 1) yield rowsOf(0, 5)
}

/** Trains all networks on a device with so many parts, and returns hashes for each: of its weights, and of its logs and an evaluation. */
export async function trainAll(
  parts: number,
  place: Place = { rank: 0, size: 1 },
  device = 'cpu',
): Promise<Record<string, string>> {
  const results: Record<string, string> = {}
  for (const [title, network] of Object.entries(networks())) {
    const { body = [relu(30), relu(17)], optimizer = sgd(), batchSize = 40, fit = {}, data } = network
    using model = sequential({
      layers: [layers.input({ shape: [features] }), ...body, layers.dense({ units: classes, activation: 'softmax' })],
      seed: 3,
    })
    const isOneHot = network.compile !== undefined
    model.compile({
      optimizer,
      loss: isOneHot ? 'categoricalCrossentropy' : 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
      device,
      threads: 1,
      distribution: distribution.dataParallel({ parts, data }),
      ...network.compile,
    })
    const y = isOneHot ? oneHot() : labels
    const source = () => batches(data ?? 'replicated', isOneHot, place)
    const { history } = data
      ? await model.fit(source, { validationData: source, epochs: 2, verbose: 0 })
      : await model.fit(x, y, { batchSize, epochs: 2, verbose: 0, ...fit })
    const evaluated = await model.evaluate(x, y, { batchSize: 11 })
    const numbers = [...Object.values(history), Object.values(evaluated)].flatMap((values) => [...values])
    results[title] = `${hashOf(model)} ${shortHash([Float64Array.from(numbers)])}`
  }
  return results
}

/** A hash of the bits of all weights. */
export function hashOf(model: { getWeights(): { readonly data: Float32Array }[] }): string {
  return shortHash(model.getWeights().map(({ data }) => data))
}

function shortHash(arrays: readonly (Float32Array | Float64Array)[]): string {
  const hash = createHash('sha256')
  for (const { buffer, byteOffset, byteLength } of arrays) hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  return hash.digest('hex').slice(0, 16)
}

function oneHot() {
  const data = new Float32Array(rows * classes)
  labels.forEach((label, row) => {
    data[row * classes + label] = 1
  })
  return { data, shape: [rows, classes] }
}
