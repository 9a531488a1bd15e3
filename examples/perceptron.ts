/** A single neuron: what it learns, what its bias is for, and what it cannot learn. */

import { array, layers, optimizers, sequential } from 'neurode'
import { plot } from 'neurode/plot'
import { trainByHand } from './by-hand.js'

const corners = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]
const or = [0, 1, 1, 1]
const xor = [0, 1, 1, 0]

const symptoms = ['loss of smell', 'weight loss', 'runny nose', 'body pain']
const patients = [
  [1, 0, 0, 1],
  [1, 0, 0, 0],
  [0, 0, 1, 1],
  [0, 1, 0, 0],
  [1, 1, 0, 0],
  [0, 0, 1, 1],
  [0, 0, 0, 1],
  [0, 0, 1, 0],
]
const hasVirus = [1, 1, 0, 0, 1, 1, 0, 0]
const strangers = [
  [1, 0, 0, 1],
  [0, 0, 1, 0],
  [1, 0, 1, 0],
]

export async function run() {
  const gate = await trainNeuron(corners, or, [0.1, 0.2], 0.3)
  console.log('OR, with a bias')
  printTable(corners, or, gate.predictions)

  const biasless = await trainNeuron(corners, or, [0.1, 0.2])
  console.log('\nOR, without a bias: (0, 0) gives sigmoid(0·w1 + 0·w2) = sigmoid(0) = 0.5 whatever the weights are')
  printTable(corners, or, biasless.predictions)

  const slip = trainByHand(corners, or, [0.1, 0.2], 0.3, 'as printed')
  console.log(`\nThe same with the slip that tutorials print: weights ${show(slip.weights)}, not ${show(gate.weights)}`)

  const virus = await trainNeuron(patients, hasVirus, [0.1, 0.2, 0.3, 0.4], 0.3, strangers)
  console.log('\nThe virus: eight patients')
  for (const [i, symptom] of symptoms.entries()) {
    console.log(`  ${symptom.padEnd(14)} ${virus.weights[i]?.toFixed(2).padStart(6)}`)
  }
  const heaviest = symptoms[virus.weights.indexOf(Math.max(...virus.weights))]
  console.log(`It is ${heaviest} that weighs most. Three strangers: ${show(virus.points)}`)

  const oneLayer = await learnXor('XOR by one layer: ½ everywhere', [])
  const twoLayers = await learnXor('XOR by two layers', [4])
  console.log('\nXOR, one layer: no line has both 1s on one side and both 0s on the other')
  printTable(corners, xor, oneLayer.predictions)
  console.log('\nXOR, two layers')
  printTable(corners, xor, twoLayers.predictions)

  return {
    results: {
      gate,
      biasless,
      virus,
      heaviest,
      slip,
      xor: { oneLayer: oneLayer.predictions, twoLayers: twoLayers.predictions },
    },
    pictures: {
      'xor-one-layer': oneLayer.picture,
      'xor-two-layers': twoLayers.picture,
      'or-gate': await drawGate(gate.weights, gate.bias),
      sigmoid: await sigmoidCurves('The sigmoid', { 'sigmoid(x)': [1, 0] }),
      bias: await sigmoidCurves('The bias shifts the sigmoid', {
        'sigmoid(x − 3)': [1, -3],
        'sigmoid(x)': [1, 0],
        'sigmoid(x + 3)': [1, 3],
      }),
      weight: await sigmoidCurves('The weight makes the sigmoid steep', {
        'sigmoid(½ x)': [0.5, 0],
        'sigmoid(x)': [1, 0],
        'sigmoid(3 x)': [3, 0],
      }),
    },
  }
}

/**
 * Trains one sigmoid unit for 10,000 steps on all rows, with learning rate 0.05 along error × slope × input. That is half the
 * gradient of the sum of squared errors, so the optimizer gets half of that learning rate.
 */
async function trainNeuron(
  inputs: readonly number[][],
  targets: readonly number[],
  weights: readonly number[],
  bias?: number,
  points = inputs,
) {
  const useBias = bias !== undefined
  using model = sequential([layers.dense({ units: 1, activation: 'sigmoid', useBias, inputShape: [weights.length] })])
  model.compile({ optimizer: optimizers.sgd({ learningRate: 0.05 / 2 }), loss: 'sumSquaredError' })
  model.setWeights([array(weights, [weights.length, 1]), ...(useBias ? [array([bias])] : [])])
  await model.fit(inputs, targets, { batchSize: inputs.length, epochs: 10_000, shuffle: false, verbose: 0 })
  const [kernel, offset] = model.getWeights()
  return {
    weights: [...(kernel?.data ?? [])],
    bias: offset?.data[0],
    predictions: (await model.predict(inputs)).data,
    points: (await model.predict(points)).data,
  }
}

/** Draws how a neuron with these weights divides the plane of inputs. */
async function drawGate(weights: readonly number[], bias = 0) {
  using model = sequential([layers.dense({ units: 1, activation: 'sigmoid', inputShape: [2] })])
  model.setWeights([array(weights, [2, 1]), [bias]])
  return await plot.decisionBoundary(model, { title: 'OR by one neuron', x: corners, y: or })
}

/** Trains a network with hidden layers of these sizes on the exclusive or. */
async function learnXor(title: string, hidden: readonly number[]) {
  using model = sequential({
    layers: [
      layers.input({ shape: [2] }),
      ...hidden.map((units) => layers.dense({ units, activation: 'sigmoid' })),
      layers.dense({ units: 1, activation: 'sigmoid' }),
    ],
    seed: 2,
  })
  model.compile({ optimizer: optimizers.sgd({ learningRate: 1 }), loss: 'sumSquaredError' })
  await model.fit(corners, xor, { batchSize: 4, epochs: 5000, shuffle: false, verbose: 0 })
  return {
    predictions: (await model.predict(corners)).data,
    picture: await plot.decisionBoundary(model, { title, x: corners, y: xor }),
  }
}

/** Draws the output of a neuron for inputs from -8 to 8, for each of these pairs of weight and bias. */
async function sigmoidCurves(
  title: string,
  neurons: Readonly<Record<string, readonly [weight: number, bias: number]>>,
) {
  const x = Float32Array.from({ length: 161 }, (_, i) => (i - 80) / 10)
  const curves: Record<string, Float32Array> = {}
  for (const [name, [weight, bias]] of Object.entries(neurons)) {
    using model = sequential([layers.dense({ units: 1, activation: 'sigmoid', inputShape: [1] })])
    model.setWeights([[[weight]], [bias]])
    curves[name] = (await model.predict(array(x, [x.length, 1]))).data
  }
  return plot.line(curves, { title, x, xLabel: 'x', yLabel: 'output' })
}

function printTable(inputs: readonly number[][], targets: readonly number[], predictions: ArrayLike<number>) {
  console.log('  inputs  fact  prediction')
  for (const [i, row] of inputs.entries()) {
    console.log(`  ${row.join(', ')}     ${targets[i]}    ${predictions[i]?.toFixed(4)}`)
  }
}

function show(values: ArrayLike<number>): string {
  return `[${Array.from(values, (value) => value.toFixed(2)).join(', ')}]`
}
