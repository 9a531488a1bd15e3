/** Trains small and large networks on 'cuda' for so many epochs, evaluates and predicts; prints losses, or an error's code. */

import { devices, layers, NeurodeError, optimizers, sequential } from 'neurode'
import { Random } from '../random.js'

const [kind = 'all', epochs = '1'] = process.argv.slice(2)
const random = new Random(3)

/** The shape of the tutorial: ten whole batches an epoch. */
function tutorial() {
  const relu = (units: number) => layers.dense({ units, activation: 'relu' })
  const model = sequential({
    layers: [layers.input({ shape: [784] }), relu(100), relu(50), layers.dense({ units: 10, activation: 'softmax' })],
    seed: 1,
  })
  const x = { data: random.bytes(1280 * 784), shape: [1280, 784], scale: 1 / 255 }
  return { model, x, y: random.classes(1280, 10), batchSize: 128 }
}

/** Odd sizes, every kind of layer; a wide one is beyond what one block can hold. */
function odd(units: number) {
  const model = sequential({
    layers: [
      layers.dense({ units, activation: 'tanh', inputShape: [13] }),
      layers.dropout({ rate: 0.3 }),
      layers.dense({ units: 31, activation: 'gelu', useBias: false }),
      layers.rescaling({ scale: 2, offset: 0.5 }),
      layers.dense({ units: 5, activation: 'softmax' }),
    ],
    seed: 1,
  })
  const x = { data: random.normals(111 * 13), shape: [111, 13] }
  return { model, x, y: random.classes(111, 5), batchSize: 37 }
}

const jobs = { tutorial: [tutorial], all: [() => odd(17), () => odd(1100)] }[kind] ?? []
const losses: number[] = []
try {
  for (const make of jobs) {
    const { model, x, y, batchSize } = make()
    using _ = model
    model.compile({
      optimizer: kind === 'all' ? optimizers.sgd({ learningRate: 0.05, momentum: 0.9 }) : 'sgd',
      loss: 'categoricalCrossentropy',
      metrics: ['accuracy'],
      device: 'cuda',
    })
    const { history } = await model.fit(x, y, { batchSize, epochs: Number(epochs), verbose: 0 })
    losses.push(...history.loss)
    if (kind !== 'all') continue
    const { loss } = await model.evaluate(x, y)
    losses.push(loss)
    await model.predict(x)
    model.predictSync(x)
  }
  console.log(JSON.stringify({ losses, devices: devices() }))
} catch (error) {
  if (!(error instanceof NeurodeError)) throw error
  // The process and its other models live on.
  using model = sequential([layers.dense({ units: 1, kernelInitializer: 'ones', useBias: false, inputShape: [2] })])
  model.compile({ loss: 'mse', device: 'cpu' })
  const [sum] = model.predictSync([[1, 2]]).data
  console.log(JSON.stringify({ code: error.code, message: error.message, sum }))
}
