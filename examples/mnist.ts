/** Keras' tutorial on MNIST: 784-100-50-10, SGD, 20 epochs of batches of 128. */

import { datasets, layers, NeurodeError, sequential } from 'neurode'
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
  return { dataset: name, loss, accuracy, history }
}

/** MNIST, or digits drawn by code where it cannot be had. */
async function loadDigits(dataset: string | undefined) {
  if (dataset === 'synthetic') return datasets.syntheticDigits()
  try {
    return await datasets.mnist()
  } catch (error) {
    if (dataset === 'mnist' || !(error instanceof NeurodeError && error.code === 'ERR_DOWNLOAD')) throw error
    console.log('MNIST is neither here nor can it be downloaded: synthetic digits instead.\n')
    return datasets.syntheticDigits()
  }
}
