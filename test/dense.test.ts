/** Dense networks of random shapes agree with a float64 network: predictions, loss, and weights after some steps. */

import { array, layers, optimizers, type Sequential, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { Random } from './support/random.js'
import { type ReferenceLayer, ReferenceNetwork, type ReferenceTraining } from './support/reference-network.js'
import { assertClose, assertNear, mean, product, trained } from './support/tolerances.js'

const widths = [1, 2, 3, 7, 13, 15, 16, 17, 31, 33, 63, 64, 65, 100, 257]
const batches = [1, 3, 16, 17, 64, 65, 128, 129, 200]
const hidden = ['linear', 'relu', 'tanh', 'sigmoid', 'elu', 'softplus', 'silu', 'gelu', 'leakyRelu'] as const

interface Drawn {
  readonly inputs: number
  readonly layers: readonly ReferenceLayer[]
  readonly batch: number
  readonly bytes: boolean
  readonly loss: string
  readonly threads: number
  readonly training: Omit<ReferenceTraining, 'loss'>
}

/** Last layers of networks, with suitable losses. */
const ends = [
  { activation: 'linear', loss: 'meanSquaredError', least: 1 },
  { activation: 'tanh', loss: 'meanAbsoluteError', least: 1 },
  { activation: 'sigmoid', loss: 'binaryCrossentropy', least: 1 },
  { activation: 'softmax', loss: 'categoricalCrossentropy', least: 2 },
  { activation: 'softmax', loss: 'sparseCategoricalCrossentropy', least: 2 },
  { activation: 'softmax', loss: 'meanSquaredError', least: 2 },
] as const

function draw(seed: number): Drawn {
  const random = new Random(seed)
  const end = random.pick(ends)
  const depth = 1 + random.below(4)
  // The sizes are bounded so that the float64 reference stays fast.
  const width = () => random.pick(depth > 2 ? widths.filter((size) => size <= 100) : widths)
  const drawn = Array.from({ length: depth }, (_, i) => {
    const last = i === depth - 1
    const units = last ? Math.max(end.least, width()) : width()
    return { units, useBias: random.next() < 0.7, activation: last ? end.activation : random.pick(hidden) }
  })
  const momentum = random.pick([0, 0, 0.9])
  return {
    inputs: width(),
    layers: drawn,
    batch: random.pick(batches),
    bytes: random.next() < 0.4,
    loss: end.loss,
    threads: 1 + random.below(3),
    training: {
      learningRate: Math.fround(0.05),
      reduction: 'mean',
      momentum,
      nesterov: momentum > 0 && random.next() < 0.5,
      weightDecay: random.pick([0, 0.01]),
    },
  }
}

function title({ inputs, layers: drawn, batch, bytes, loss, threads, training }: Drawn): string {
  const sizes = drawn.map(({ units, useBias, activation }) => `${units}${useBias ? '' : ' no bias'} ${activation}`)
  const kind = training.momentum ? (training.nesterov ? 'nesterov' : 'momentum') : 'sgd'
  return `${inputs}${bytes ? ' bytes' : ''} → ${sizes.join(' → ')}, ${loss}, ${kind}, batch ${batch}, ${threads} threads`
}

function build({ inputs, layers: drawn, loss, threads, training }: Drawn, device: string): Sequential {
  const model = sequential([
    layers.input({ shape: [inputs] }),
    ...drawn.map(({ units, useBias, activation }) =>
      layers.dense({ units, useBias, activation: activation as 'relu' }),
    ),
  ])
  const { learningRate, momentum = 0, nesterov = false, weightDecay = 0 } = training
  model.compile({
    optimizer: optimizers.sgd({ learningRate, momentum, nesterov, weightDecay }),
    loss: loss as 'mse',
    device,
    threads,
  })
  return model
}

interface Rows {
  /** The inputs as the model takes them; `values` and `targets` hold plain numbers. */
  readonly x: Parameters<Sequential['predict']>[0]
  readonly values: Float64Array
  readonly y: Parameters<Sequential['testOnBatch']>[1]
  readonly targets: Float64Array
}

function rows({ inputs, layers: drawn, bytes, loss }: Drawn, count: number, random: Random): Rows {
  const units = drawn.at(-1)?.units ?? 1
  const scale = Math.fround(1 / 255)
  const data = bytes ? random.bytes(count * inputs) : random.normals(count * inputs)
  const shape = [count, inputs]
  const x = bytes ? array(data, shape, { scale, offset: -0.5 }) : array(data, shape)
  const values = Float64Array.from(data, (v) => (bytes ? v * scale - 0.5 : v))
  if (loss.endsWith('ategoricalCrossentropy')) {
    const labels = random.classes(count, units)
    const targets = new Float64Array(count * units)
    labels.forEach((label, r) => {
      targets[r * units + label] = 1
    })
    const asRows = loss === 'categoricalCrossentropy' && random.next() < 0.5
    return { x, values, targets, y: asRows ? array(targets, [count, units]) : labels }
  }
  const targets =
    loss === 'binaryCrossentropy'
      ? Float64Array.from(random.classes(count * units, 2))
      : Float64Array.from(random.normals(count * units))
  return { x, values, targets, y: array(targets, [count, units]) }
}

perDevice('Dense networks agree with float64', (device) => {
  for (let seed = 1; seed <= 60; seed++) {
    const drawn = draw(seed)
    it(`for ${title(drawn)}`, async () => {
      const random = new Random(seed + 1000)
      using model = build(drawn, device)
      const training: ReferenceTraining = { ...drawn.training, loss: drawn.loss }
      const weights = model.getWeights().map(({ data }) => data)
      const reference = new ReferenceNetwork(drawn.inputs, drawn.layers, weights)
      const widest = Math.max(drawn.inputs, ...drawn.layers.map(({ units }) => units))

      const first = rows(drawn, drawn.batch, random)
      const { data } = await model.predict(first.x)
      assertClose(data, reference.predict(first.values), product(widest), 'predictions')
      const { loss } = await model.testOnBatch(first.x, first.y)
      assertNear(loss, reference.loss(first.values, first.targets, training), mean, 'loss')

      const steps = 3
      for (let step = 0; step < steps; step++) {
        const batch = rows(drawn, drawn.batch, random)
        const logs = await model.trainOnBatch(batch.x, batch.y)
        assertNear(logs.loss, reference.step(batch.values, batch.targets, training), mean, `loss of step ${step}`)
      }
      model.getWeights().forEach(({ name, data: values }, k) => {
        assertClose(values, reference.weights[k] ?? [], trained(Math.max(widest, drawn.batch), steps), name)
      })
    })
  }

  for (const rowsOfLast of [1, 31, 128]) {
    it(`when the last batch of an epoch has ${rowsOfLast} rows`, async () => {
      const drawn: Drawn = {
        inputs: 33,
        layers: [
          { units: 17, useBias: true, activation: 'relu' },
          { units: 5, useBias: true, activation: 'softmax' },
        ],
        batch: 129,
        bytes: true,
        loss: 'categoricalCrossentropy',
        threads: 2,
        training: { learningRate: Math.fround(0.1), reduction: 'mean', momentum: 0.9 },
      }
      using model = build(drawn, device)
      const reference = new ReferenceNetwork(
        33,
        drawn.layers,
        model.getWeights().map(({ data }) => data),
      )
      const count = drawn.batch + rowsOfLast
      const all = rows(drawn, count, new Random(count))
      const { history } = await model.fit(all.x, all.y, {
        batchSize: drawn.batch,
        epochs: 2,
        shuffle: false,
        verbose: 0,
      })
      const training: ReferenceTraining = { ...drawn.training, loss: drawn.loss }
      const expected = [0, 1].map(() => {
        let sum = 0
        for (const [from, to] of [
          [0, drawn.batch],
          [drawn.batch, count],
        ] as const) {
          const step = reference.step(
            all.values.slice(from * 33, to * 33),
            all.targets.slice(from * 5, to * 5),
            training,
          )
          sum += step * (to - from)
        }
        return sum / count
      })
      assertClose(history.loss, expected, mean, 'loss of epochs')
      model.getWeights().forEach(({ name, data }, k) => {
        assertClose(data, reference.weights[k] ?? [], trained(drawn.batch, 4), name)
      })
    })
  }
})
