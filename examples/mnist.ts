/** Keras' tutorial on MNIST: 784-100-50-10, SGD, 20 epochs of batches of 128. */

import { array, type DatasetPart, layers, sequential } from 'neurode'
import { plot } from 'neurode/plot'
import { loadDigits } from './digits.js'
import type { Surroundings } from './main.js'

export async function run({ dataset }: Surroundings) {
  const { name, train, test } = await loadDigits(dataset)
  using model = sequential({
    layers: [
      layers.dense({ units: 100, activation: 'relu', inputShape: [784] }),
      layers.dense({ units: 50, activation: 'relu' }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
    seed: 3,
  })
  model.summary()
  const compiled = model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
  const { history } = await compiled.fit(train.images, train.labels, {
    batchSize: 128,
    epochs: 20,
    validationData: [test.images, test.labels],
    verbose: 2,
  })
  const { loss, accuracy } = await compiled.evaluate(test.images, test.labels)
  console.log(`\n[loss, accuracy] on ${name}: [${loss.toFixed(4)}, ${accuracy.toFixed(4)}]`)
  const outputs = await model.predict(test.images)
  return {
    results: { dataset: name, loss, accuracy, history },
    pictures: {
      history: await plot.history(history, { title: `784-100-50-10 on ${name}` }),
      confusion: await plot.confusionMatrix(test.labels, outputs),
      mistakes: await drawMistakes(test, outputs.data),
      weights: await plot.weights(model, { title: 'What the 100 units of the first layer look for' }),
    },
  }
}

/** Draws the first digits that the model classifies wrongly. */
async function drawMistakes({ images, labels }: DatasetPart, outputs: Float32Array) {
  const guesses = Array.from(labels.data, (_, row) => {
    const chances = outputs.subarray(10 * row, 10 * row + 10)
    return chances.indexOf(Math.max(...chances))
  })
  const wrong = guesses.flatMap((guess, row) => (guess === labels.data[row] ? [] : [row]))
  const shown = wrong.slice(0, 30)
  const pixels = shown.flatMap((row) => [...images.data.subarray(784 * row, 784 * row + 784)])
  return plot.images(array(Uint8Array.from(pixels), [shown.length, 784]), {
    title: `${wrong.length} of ${guesses.length} are wrong; the first ${shown.length}`,
    labels: shown.map((row) => `${labels.data[row]} as ${guesses[row]}`),
    columns: 10,
  })
}
