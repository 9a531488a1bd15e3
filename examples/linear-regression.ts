/** One Dense unit finds the plane y = 2x − 3z + 5 behind 1,000 noisy points. */

import { join } from 'node:path'
import { array, layers, optimizers, readNpz, sequential, writeNpz } from 'neurode'
import { plot } from 'neurode/plot'
import type { Surroundings } from './main.js'
import { seededUniform } from './random.js'

const observations = 1000

export async function run({ folder, data = join(folder, 'TF_intro.npz') }: Surroundings) {
  if (data === join(folder, 'TF_intro.npz')) await writeObservations(data)
  const arrays = await readNpz(data)
  const inputs = arrays.get('inputs') ?? arrays.get('input')
  const targets = arrays.get('targets')
  if (!inputs || !targets) throw new Error(`${data}: expected the arrays 'inputs' and 'targets'`)

  using model = sequential({ layers: [layers.dense({ units: 1, inputShape: [inputs.shape[1] ?? 1] })], seed: 1 })
  const compiled = model.compile({
    optimizer: optimizers.sgd({ learningRate: 0.02 }),
    loss: 'meanSquaredError',
    metrics: ['rmse'],
  })
  // The rows are already in random order; a fixed order gives the same numbers every time.
  const { history } = await compiled.fit(inputs, targets, { epochs: 100, shuffle: false, verbose: 0 })
  const { loss, rmse } = await compiled.evaluate(inputs, targets)
  const predictions = (await model.predict(inputs)).data

  const [kernel, bias] = model.getWeights().map((weight) => weight.data)
  const [x = 0, z = 0] = kernel ?? []
  console.log(`Loss of epoch 1     ${history.loss[0]?.toFixed(4)}`)
  console.log(`Loss of epoch 100   ${history.loss.at(-1)?.toFixed(4)}`)
  console.log(`Weights             ${x.toFixed(3)}, ${z.toFixed(3)}   (the data were made with 2, -3)`)
  console.log(`Bias                ${bias?.[0]?.toFixed(3)}           (5)`)
  console.log(`RMSE                ${rmse.toFixed(3)}           (the noise alone: 0.577)`)
  return {
    results: { weights: kernel, bias, loss, rmse, history, predictions },
    pictures: {
      predictions: await plot.scatter(targets, predictions, {
        title: 'Linear regression: what comes out against what should',
        xLabel: 'target',
        yLabel: 'prediction',
        diagonal: true,
      }),
      loss: await plot.history(
        { loss: history.loss.slice(0, 20) },
        { title: 'Linear regression: the first 20 epochs' },
      ),
    },
  }
}

/** Writes observations: x and z uniform in ±10, y = 2x − 3z + 5 + noise uniform in ±1. */
async function writeObservations(path: string) {
  const uniform = seededUniform(365)
  const inputs = new Float64Array(2 * observations)
  const targets = new Float64Array(observations)
  for (let i = 0; i < observations; i++) {
    const [x, z] = [uniform(-10, 10), uniform(-10, 10)]
    inputs.set([x, z], 2 * i)
    targets[i] = 2 * x - 3 * z + 5 + uniform(-1, 1)
  }
  await writeNpz(path, { inputs: array(inputs, [observations, 2]), targets: array(targets, [observations, 1]) })
}
