/** Optimizers agree with Keras: losses and weights of a small network over some steps. */

import { array, layers, type Optimizer, optimizers, sequential } from 'neurode'
import { assertGolden, type GoldenCase, type GoldenRunner, goldenSuite, readGolden } from './support/golden.js'
import { optionsOf, scheduleOf } from './support/keras.js'

const file = 'optimizers.json'
const { setup } = readGolden(file)

function makeModel(golden: GoldenCase, device: string) {
  const [inputs, ...sizes] = setup.sizes
  const outputs = sizes.pop()
  const model = sequential([
    layers.input({ shape: [inputs] }),
    ...sizes.map((units: number) => layers.dense({ units, activation: setup.hidden_activation })),
    layers.dense({ units: outputs }),
  ])
  const { class_name: name = '', config } = golden.config
  const { learning_rate: rate, ...options } = config
  const learningRate = typeof rate === 'object' ? scheduleOf(rate.class_name, rate.config) : rate
  const make = optimizers[name.toLowerCase() as keyof typeof optimizers] as (options: object) => Optimizer
  const optimizer = make({ ...optionsOf(options), ...(rate === undefined ? {} : { learningRate }) })
  model.compile({ optimizer, loss: setup.loss, device })
  model.setWeights(setup.initial_weights.map((values: number[][]) => array(values)))
  return model
}

function* batches() {
  for (let step = 0; step < setup.steps; step++) {
    const { x, y } = setup.batches[step % setup.batches.length]
    yield { x: array(x), y: array(y) }
  }
}

const steps: GoldenRunner = async (golden, device) => {
  using model = makeModel(golden, device)
  const history: number[] = []
  for (const { x, y } of batches()) {
    history.push((await model.trainOnBatch(x, y)).loss)
    if (history.length === 1) assertWeights(golden, 'weights_after_first_step', model.getWeights())
  }
  assertGolden(golden, 'loss', history)
  assertWeights(golden, 'weights', model.getWeights())
  if (golden.outputs.weights_finalized === undefined) return
  using fitted = makeModel(golden, device)
  await fitted.fit(batches, { verbose: 0 })
  assertWeights(golden, 'weights_finalized', fitted.getWeights())
}

goldenSuite(file, {
  SGD: steps,
  Adam: steps,
  AdamW: steps,
  RMSprop: steps,
  Adagrad: steps,
  Adadelta: steps,
  Adamax: steps,
  Nadam: steps,
  Lion: steps,
  Ftrl: steps,
})

function assertWeights(golden: GoldenCase, key: string, weights: readonly { readonly data: Float32Array }[]): void {
  assertGolden(
    golden,
    key,
    weights.flatMap(({ data }) => [...data]),
  )
}
