/** Trains a layer on 'cuda' for a number of epochs of 100 rows. Each epoch is one range of ten batches. */

import { native } from '#lib/native/native.js'
import type { Plan } from '#lib/native/plan.js'
import { Random } from '../random.js'

const epochs = Number(process.argv[2])
const initializer = { name: 'constant', value: 0.1, seed: 0 } as const
const plan: Plan = {
  inputSize: 3,
  layers: [
    {
      kind: 'dense',
      name: 'dense',
      units: 2,
      useBias: true,
      activation: { name: 'linear', params: [] },
      kernel: { initializer },
      bias: { initializer },
    },
  ],
  training: {
    heads: [{ loss: { name: 'meanSquaredError', params: [] }, reduction: 'mean', metrics: [] }],
    optimizer: { name: 'sgd', params: [] },
    weightDecay: 0,
  },
}
const random = new Random(1)
const model = native().createModel(plan, { device: 'cuda', threads: 0 })
const data = model.bind(
  { data: random.normals(100 * 3), scale: 1, offset: 0 },
  { kind: 'rows', data: random.normals(100 * 2) },
)
const range = { data, batchSize: 10, firstBatch: 0, batches: 10, learningRates: new Float32Array([0.1]) }
for (let epoch = 0; epoch < epochs; epoch++) await model.train({ ...range, epoch, shuffle: true, seed: 1 })
model.dispose()
