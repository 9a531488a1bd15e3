// The reference job in TensorFlow.js on its WebAssembly backend: one epoch of 60,000 rows, 784-100-50-10, batches of 128.
//   npm install --no-save @tensorflow/tfjs @tensorflow/tfjs-backend-wasm && node bench/peers/tfjs.mjs
import * as tf from '@tensorflow/tfjs'
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm'
import { datasets } from 'neurode'

setThreadsCount(Number(process.env.THREADS ?? 2))
await tf.setBackend('wasm')
const { train } = datasets.syntheticDigits()
const pixels = Float32Array.from(train.images.data, (byte) => byte / 255)
const x = tf.tensor2d(pixels, [60_000, 784])
const y = tf.oneHot(tf.tensor1d(Int32Array.from(train.labels.data), 'int32'), 10).toFloat()
const model = tf.sequential({
  layers: [
    tf.layers.dense({ units: 100, activation: 'relu', inputShape: [784] }),
    tf.layers.dense({ units: 50, activation: 'relu' }),
    tf.layers.dense({ units: 10, activation: 'softmax' }),
  ],
})
model.compile({ optimizer: tf.train.sgd(0.01), loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
const seconds = []
for (let epoch = 0; epoch < 3; epoch++) {
  const began = performance.now()
  await model.fit(x, y, { batchSize: 128, epochs: 1, verbose: 0, yieldEvery: 'never' })
  seconds.push((performance.now() - began) / 1000)
}
seconds.sort((a, b) => a - b)
console.log(JSON.stringify({ bench: 'train', peer: `tfjs ${tf.version_core} wasm`, medianEpochSeconds: seconds[1] }))
