/** The tutorials' networks give the tutorials' numbers: linear regression, a two-layer network, single neurons. */

import { join } from 'node:path'
import { type ActivationName, array, layers, losses, optimizers, sequential } from 'neurode'
import { assertGolden, type GoldenRunner, goldenFolder, goldenSuite } from './support/golden.js'
import { optionsOf } from './support/keras.js'
import { readNpz } from './support/npz.js'

const linearRegression: GoldenRunner = async (golden, device) => {
  const { optimizer, loss, fit } = golden.config
  const data = readNpz(join(goldenFolder, golden.inputs.file))
  const x = data.get('input')
  const y = data.get('targets')
  if (!x || !y) throw new Error(`${golden.inputs.file} has input and targets`)
  using model = sequential([layers.dense({ units: y.shape[1] as number, inputShape: [x.shape[1] as number] })])
  model.compile({ optimizer: optimizers.sgd(optionsOf(optimizer.config)), loss, device })
  model.setWeights(golden.inputs.initial_weights.map((values: number[]) => array(values)))
  const { history } = await model.fit(array(x.data, x.shape), array(y.data, y.shape), {
    batchSize: fit.batch_size,
    epochs: fit.epochs,
    shuffle: fit.shuffle,
    verbose: 0,
  })
  assertGolden(golden, 'loss', history.loss)
  assertGolden(
    golden,
    'weights',
    model.getWeights().flatMap((weight) => [...weight.data]),
  )
}

/** Compiles a network as in the tutorials, whose steps follow the gradient of the sum of squared errors, or of half of it. */
function compileNet(
  activation: ActivationName,
  widths: readonly number[],
  useBias: boolean,
  learningRate: number,
  device: string,
) {
  const [inputs = 0, ...units] = widths
  const model = sequential([
    layers.input({ shape: [inputs] }),
    ...units.map((width) => layers.dense({ units: width, activation, useBias })),
  ])
  model.compile({
    optimizer: optimizers.sgd({ learningRate }),
    loss: losses.meanSquaredError({ reduction: 'sum' }),
    device,
  })
  return model
}

const twoLayerNet: GoldenRunner = async (golden, device) => {
  const { hidden, iterations, learning_rate: rate, use_bias: useBias, activation } = golden.config
  const [x, y] = [array(golden.inputs.x), array(golden.inputs.y)]
  const widths = [golden.inputs.x[0].length, hidden, golden.inputs.y[0].length]
  using model = compileNet(activation, widths, useBias, rate, device)
  model.setWeights(golden.inputs.initial_weights.map((values: number[][]) => array(values)))
  const weights = () => model.getWeights().flatMap(({ data }) => [...data])
  const errors: number[] = []
  for (let done = 0; done < iterations; done += 100) {
    errors.push((await model.testOnBatch(x, y)).loss)
    const epochs = Math.min(100, iterations - done)
    await model.fit(x, y, { batchSize: golden.inputs.x.length, epochs, shuffle: false, verbose: 0 })
    if (done === 0) assertGolden(golden, 'weights_after_100', weights())
  }
  assertGolden(golden, 'error_before_every_100th', errors)
  assertGolden(golden, 'weights', weights())
  assertGolden(golden, 'output', (await model.predict(x)).data)
}

const neuron: GoldenRunner = async (golden, device) => {
  const { learning_rate: rate, iterations, use_bias: useBias } = golden.config
  const { x, y, weights, bias, points } = golden.inputs
  using model = compileNet('sigmoid', [x[0].length, y[0].length], useBias, rate / 2, device)
  model.setWeights([array(weights), ...(useBias ? [array([bias])] : [])])
  await model.fit(array(x), array(y), { batchSize: x.length, epochs: iterations, shuffle: false, verbose: 0 })
  const [kernel, offset] = model.getWeights()
  assertGolden(golden, 'weights', kernel?.data ?? [])
  if (useBias) assertGolden(golden, 'bias', offset?.data ?? [])
  assertGolden(golden, 'predictions', (await model.predict(array(points))).data)
  assertGolden(golden, 'on_training_rows', (await model.predict(array(x))).data)
}

goldenSuite('tutorials.json', {
  linear_regression: linearRegression,
  two_layer_net: twoLayerNet,
  'gate bias true': neuron,
  'gate no bias true': neuron,
  'virus bias true': neuron,
})
