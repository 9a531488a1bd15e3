/** Trains one small network and prints its instruction set and final weights as JSON. */

import { layers, optimizers, sequential } from 'neurode'
import { Random } from '../random.js'

const random = new Random(2)
const rows = 150
const x = { data: random.normals(rows * 37), shape: [rows, 37] }
const y = random.classes(rows, 10)
const model = sequential({
  layers: [
    layers.dense({ units: 65, activation: 'relu', inputShape: [37] }),
    layers.dense({ units: 33, activation: 'tanh' }),
    layers.dense({ units: 10, activation: 'softmax' }),
  ],
  seed: 4,
})
model.compile({
  optimizer: optimizers.sgd({ learningRate: 0.05, momentum: 0.9 }),
  loss: 'sparseCategoricalCrossentropy',
  device: 'cpu',
})
await model.fit(x, y, { batchSize: 64, epochs: 3, verbose: 0 })
console.log(JSON.stringify({ isa: model.isa, weights: model.getWeights().flatMap(({ data }) => [...data]) }))
