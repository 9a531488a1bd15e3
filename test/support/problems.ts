/** Small models and data sets that many suites share. */

import { layers, optimizers, type SgdOptions, sequential } from 'neurode'
import { isEmulated } from './devices.js'
import { Random } from './random.js'

export interface Problem {
  readonly x: { readonly data: Float32Array; readonly shape: readonly number[] }
  readonly y: Int32Array
}

/** `rows` points around the centres of `classes` clusters, which a small network can tell apart. */
export function clouds(rows: number, features = 6, classes = 3, seed = 1): Problem {
  const random = new Random(seed)
  const centres = random.normals(classes * features, 2)
  const y = random.classes(rows, classes)
  const data = new Float32Array(rows * features)
  for (let i = 0; i < data.length; i++) {
    const label = y[Math.floor(i / features)] as number
    data[i] = (centres[label * features + (i % features)] as number) + random.normal()
  }
  return { x: { data, shape: [rows, features] }, y }
}

export interface ClassifierOptions {
  readonly features?: number
  readonly hidden?: number
  readonly classes?: number
  readonly device?: string
  readonly threads?: number
  readonly seed?: number
  readonly optimizer?: SgdOptions
}

/** A compiled classifier with one hidden layer, loss and accuracy. */
export function classifier(options: ClassifierOptions = {}) {
  const { features = 6, hidden = 16, classes = 3, device = 'cpu', threads = 1, seed = 1, optimizer = {} } = options
  const model = sequential({
    layers: [
      layers.dense({ units: hidden, activation: 'relu', inputShape: [features] }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    seed,
  })
  return model.compile({
    optimizer: optimizers.sgd({ learningRate: 0.1, ...optimizer }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    device,
    threads,
  })
}

/** A classifier whose epoch takes long enough to be stopped in the middle. */
export function slowClassifier(device = 'cpu') {
  const rows = isEmulated(device) ? 2_000 : 20_000
  return { model: classifier({ features: 256, hidden: 512, classes: 10, device }), ...clouds(rows, 256, 10) }
}
