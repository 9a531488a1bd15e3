/** Trains small and large networks on 'cuda' for a number of epochs, evaluates and predicts. Prints losses, or an error's code. */

import { devices, layers, NeurodeError, optimizers, sequential } from 'neurode'
import { Random } from '../random.js'

const [kind = 'all', epochs = '1'] = process.argv.slice(2)
const random = new Random(3)

/** The tutorial's network, with ten full batches in an epoch. */
function tutorial() {
  const relu = (units: number) => layers.dense({ units, activation: 'relu' })
  const model = sequential({
    layers: [layers.input({ shape: [784] }), relu(100), relu(50), layers.dense({ units: 10, activation: 'softmax' })],
    seed: 1,
  })
  const x = { data: random.bytes(1280 * 784), shape: [1280, 784], scale: 1 / 255 }
  return { model, x, y: random.classes(1280, 10), batchSize: 128 }
}

/** A network of odd sizes with every kind of layer. A wide layer exceeds what one block can hold. */
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

/** Trains, fails because memory is short, and continues training; and trains the same without the failure. */
async function short() {
  const x = { data: random.normals(256 * 13), shape: [256, 13] }
  const y = random.classes(256, 5)
  const started: number[] = []
  const epochs = async (fails: boolean) => {
    using model = odd(17).model
    model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', device: 'cuda' })
    const options = { epochs: 2, verbose: 0, batchSize: 32, seed: 2 } as const
    const losses = [...(await model.fit(x, y, options)).history.loss]
    let error: NeurodeError | undefined
    if (fails) {
      const large = { data: random.normals(65536 * 13), shape: [65536, 13] }
      const callbacks = [{ onTrainBegin: () => void started.push(1) }]
      error = await model.fit(large, random.classes(65536, 5), { ...options, batchSize: 65536, callbacks }).then(
        () => undefined,
        (reason) => reason as NeurodeError,
      )
    }
    losses.push(...(await model.fit(x, y, { ...options, seed: 3 })).history.loss)
    return { losses, error }
  }
  const { losses, error } = await epochs(true)
  const { losses: expected } = await epochs(false)
  console.log(
    JSON.stringify({ losses, expected, code: error?.code, message: error?.message, trainBegan: started.length }),
  )
}

/** Trains a model on each of two devices, with alternating steps, on the devices' threads and on this one. */
async function two() {
  const losses: number[][] = []
  const { x, y } = odd(17)
  const models = ['cuda:0', 'cuda:1'].map((device) =>
    odd(17).model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', device }),
  )
  for (let step = 0; step < 5; step++) {
    for (const [i, model] of models.entries()) {
      const { loss } = await model.trainOnBatch(x, y)
      losses[i] = [...(losses[i] ?? []), loss, ...model.predictSync(x).data.slice(0, 5)]
    }
  }
  for (const model of models) model.dispose()
  console.log(JSON.stringify({ losses, devices: devices().length }))
}

/** Predicts batches of every size several times, and compares with predict. Prints the sizes whose results differ. */
async function predictor() {
  using model = sequential({
    layers: [layers.dense({ units: 9, activation: 'relu', inputShape: [7] }), layers.dense({ units: 3 })],
    seed: 1,
  })
  model.compile({ loss: 'mse', device: 'cuda' })
  using frozen = model.predictor()
  const different = new Set<number>()
  const compare = (rows: number, got: Float32Array, expected: Float32Array) => {
    if (Buffer.compare(Buffer.from(got.buffer), Buffer.from(expected.buffer)) !== 0) different.add(rows)
  }
  const floats = random.normals(2500 * 7)
  const bytes = random.bytes(2500 * 7)
  const expected = (await model.predict({ data: floats, shape: [2500, 7] })).data.slice()
  const ofBytes = (await model.predict({ data: bytes, shape: [2500, 7] })).data.slice()
  const sizes = [
    ...Array.from({ length: 25 }, (_, i) => i + 1),
    63,
    64,
    65,
    100,
    255,
    257,
    400,
    513,
    700,
    1024,
    1025,
    2500,
  ]
  for (let time = 0; time < 3; time++) {
    for (const rows of sizes) {
      compare(rows, await frozen.predict(floats.slice(0, rows * 7)), expected.slice(0, rows * 3))
      compare(rows, frozen.predictSync(bytes.slice(0, rows * 7)), ofBytes.slice(0, rows * 3))
    }
  }
  console.log(JSON.stringify({ different: [...different] }))
}

const jobs = { tutorial: [tutorial], validated: [() => odd(17)], all: [() => odd(17), () => odd(1100)] }[kind] ?? []
const losses: number[] = []
try {
  if (kind === 'short') await short()
  if (kind === 'two') await two()
  if (kind === 'predictor') await predictor()
  for (const make of jobs) {
    const { model, x, y, batchSize } = make()
    using _ = model
    model.compile({
      optimizer: kind === 'all' ? optimizers.sgd({ learningRate: 0.05, momentum: 0.9 }) : 'sgd',
      loss: 'categoricalCrossentropy',
      metrics: ['accuracy'],
      device: 'cuda',
    })
    const validationData = kind === 'validated' ? ([x, y] as const) : undefined
    const { history } = await model.fit(x, y, { batchSize, epochs: Number(epochs), verbose: 0, validationData })
    losses.push(...history.loss)
    if (kind !== 'all') continue
    const { loss } = await model.evaluate(x, y)
    losses.push(loss)
    await model.predict(x)
    model.predictSync(x)
  }
  if (jobs.length > 0) console.log(JSON.stringify({ losses, devices: devices() }))
} catch (error) {
  if (!(error instanceof NeurodeError)) throw error
  // The process and its other models continue to work.
  using model = sequential([layers.dense({ units: 1, kernelInitializer: 'ones', useBias: false, inputShape: [2] })])
  model.compile({ loss: 'mse', device: 'cpu' })
  const [sum] = model.predictSync([[1, 2]]).data
  console.log(JSON.stringify({ code: error.code, message: error.message, sum }))
}
