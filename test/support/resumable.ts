/** A training with everything that has a state: momentum, dropout, shuffling, callbacks. Checkpoints must not change its results. */

import { type Callback, callbacks, type FitOptions, layers, optimizers, schedules, sequential } from 'neurode'
import { clouds } from './problems.js'

export const data = clouds(200, 6, 3)

export function resumableModel(seed: number | undefined = 3, rate: 'plateau' | 'schedule' = 'plateau') {
  const learningRate =
    rate === 'plateau' ? 0.05 : schedules.cosineDecayRestarts({ initialLearningRate: 0.1, firstDecaySteps: 20 })
  return sequential({
    layers: [
      layers.dense({ units: 24, activation: 'relu', inputShape: [6] }),
      layers.dropout({ rate: 0.3 }),
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
    ...(seed === undefined ? {} : { seed }),
  }).compile({
    optimizer: optimizers.sgd({ learningRate, momentum: 0.9, nesterov: true }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy', 'auc', 'f1Score'],
    device: 'cpu',
    threads: 1,
  })
}

export function resumableOptions(epochs: number, more: readonly Callback[] = [], plateau = true): FitOptions {
  const reduce = callbacks.reduceLROnPlateau({ monitor: 'val_loss', patience: 1, factor: 0.7, minDelta: 0.05 })
  const stopping = callbacks.earlyStopping({ monitor: 'val_loss', patience: 99, restoreBestWeights: true })
  return {
    batchSize: 16,
    epochs,
    validationSplit: 0.2,
    verbose: 0,
    callbacks: [...more, ...(plateau ? [reduce] : []), stopping],
  }
}

/** The bits of all weights as one text. */
export function bitsOf(model: { getWeights(): { readonly data: Float32Array }[] }): string {
  const arrays = model.getWeights().map(({ data: { buffer, byteOffset, byteLength } }) => {
    return Buffer.from(buffer, byteOffset, byteLength)
  })
  return Buffer.concat(arrays).toString('hex')
}
