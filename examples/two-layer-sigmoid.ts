/** Four hidden sigmoid units learn the exclusive or of two inputs; the third is always 1 and stands in for a bias. */

import { layers, optimizers, sequential } from 'neurode'
import { plot } from 'neurode/plot'

const inputs = [
  [0, 0, 1],
  [0, 1, 1],
  [1, 0, 1],
  [1, 1, 1],
]
const targets = [[0], [1], [1], [0]]

/** The results of one call of `rand`, written down so that the numbers are the same every time. */
const initialWeights = [
  [
    [0.216796875, 0.62109375, 0.1201171875, 0.01953125],
    [0.7802734375, 0.0498046875, 0.197265625, 0.75390625],
    [0.966796875, 0.177734375, 0.1181640625, 0.798828125],
  ],
  [[0.59375], [0.509765625], [0.4931640625], [0.1982421875]],
]

export async function run() {
  using model = sequential([
    layers.dense({ units: 4, activation: 'sigmoid', useBias: false, inputShape: [3] }),
    layers.dense({ units: 1, activation: 'sigmoid', useBias: false }),
  ])
  model.compile({ optimizer: optimizers.sgd({ learningRate: 1 }), loss: 'sumSquaredError' })
  model.setWeights(initialWeights)

  const { history } = await model.fit(inputs, targets, { batchSize: 4, epochs: 1500, shuffle: false, verbose: 0 })
  const predictions = (await model.predict(inputs)).data
  console.log('inputs    fact   prediction')
  for (const [i, row] of inputs.entries()) {
    console.log(`${row.join(', ')}    ${targets[i]}     ${predictions[i]?.toFixed(4)}`)
  }
  console.log(
    `\nSum of squared errors: ${history.loss[0]?.toFixed(4)} at first, ${history.loss.at(-1)?.toFixed(4)} at last`,
  )
  return {
    results: { predictions, loss: history.loss, weights: model.getWeights().map(({ data }) => data) },
    pictures: {
      loss: await plot.line(
        { 'sum of squared errors': history.loss },
        { title: 'Two layers of sigmoids learn XOR', xLabel: 'iteration' },
      ),
    },
  }
}
