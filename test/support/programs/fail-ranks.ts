/**
 * Trains with the other ranks until something happens to one of them: what, the first argument says. Each rank writes lines of JSON:
 * when it trains, and what became of the training.
 */

import { type Callback, callbacks, distribution, layers, optimizers, sequential } from 'neurode'
import { clouds } from '../problems.js'
import { hashOf } from '../rankedNetworks.js'

const [what = '', folder = '', timeout = '60'] = process.argv.slice(2)
const { rank, size } = await distribution.join()
const isLast = rank === size - 1
const say = (line: object) => process.stdout.write(`${JSON.stringify({ rank, ...line })}\n`)

const data = clouds(400, 6, 3)
const units = isLast && what === 'other-network' ? 23 : 24
const labels = isLast && what === 'other-labels' ? data.y.map((label) => 2 - label) : data.y
const model = sequential({
  layers: [
    layers.dense({ units, activation: 'relu', inputShape: [6] }),
    layers.dropout({ rate: 0.3 }),
    layers.dense({ units: 3, activation: 'softmax' }),
  ],
  seed: isLast && what === 'other-seed' ? 4 : 3,
})
const compile = () =>
  model.compile({
    optimizer: optimizers.adam({ learningRate: isLast && what === 'other-rate' ? 0.2 : 0.01 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    device: 'cpu',
    threads: 1,
    distribution: distribution.dataParallel({ parts: 4, timeoutSeconds: Number(timeout) }),
  })
compile()

const epochs = what === 'resume' || what === 'fit' || what === 'stop' || what === 'drift' ? 12 : 100_000
const happens: Callback = {
  onEpochEnd: async (epoch) => {
    if (epoch === 3) say({ event: 'trains', pid: process.pid })
    if (!isLast || epoch < 4) return
    if (what === 'exit') process.exit(0)
    if (what === 'throw') throw new Error('the callback is broken')
    if (what === 'stop') model.stopTraining = true
    if (what === 'drift')
      model.setWeights(
        model.getWeights().map(({ data, shape }) => ({ data: data.map((value) => value * 2), shape: [...shape] })),
      )
  },
}
const writes = [
  ...(what === 'resume' ? [callbacks.backupAndRestore(folder, { deleteCheckpoint: false })] : []),
  ...(what === 'die' ? [callbacks.backupAndRestore(folder), diesIn(6)] : []),
  ...(what === 'disk' ? [callbacks.csvLogger(`${folder}/log.csv`)] : []),
]
const controller = new AbortController()
if (what === 'abort' && isLast) setTimeout(() => controller.abort(), 500)
try {
  const options = {
    batchSize: 40,
    epochs,
    verbose: 0,
    callbacks: [...writes, happens],
    signal: controller.signal,
  } as const
  const { stopReason, history } = await model.fit(data.x, labels, options)
  say({ event: 'done', stopReason, epochs: history.loss.length, weights: hashOf(model) })
} catch (error) {
  say({ event: 'failed', code: (error as { code?: string }).code, message: (error as Error).message })
  process.exitCode = 1
}

/** Kills the last rank in the middle of an epoch. */
function diesIn(epoch: number): Callback {
  let now = 0
  return {
    onEpochBegin: (begun) => {
      now = begun
    },
    onBatchEnd: (batch) => {
      if (isLast && now === epoch && batch === 4) process.kill(process.pid, 'SIGKILL')
    },
  }
}
