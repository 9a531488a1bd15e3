/**
 * Trains with the other ranks until something happens to the last of them: what, the first argument says; several things, with commas
 * between them, happen to trainings one after the other. Each rank writes lines of JSON: when it trains, and what became of the training.
 */

import { spawnSync } from 'node:child_process'
import { type Callback, callbacks, distribution, layers, optimizers, sequential } from 'neurode'
import { clouds } from '../problems.js'
import { hashOf } from '../rankedNetworks.js'

const [events = '', folder = '', timeout = '60'] = process.argv.slice(2)
const { rank, size } = await distribution.join()
const isLast = rank === size - 1
const data = clouds(400, 6, 3)
for (const what of events.split(',')) await trainUntil(what)

async function trainUntil(what: string): Promise<void> {
  const say = (line: object) => process.stdout.write(`${JSON.stringify({ rank, what, ...line })}\n`)
  const happensHere = (event: string) => isLast && what === event
  const units = happensHere('other-network') ? 23 : 24
  const labels = happensHere('other-labels') ? data.y.map((label) => 2 - label) : data.y
  const model = sequential({
    layers: [
      layers.dense({ units, activation: 'relu', inputShape: [6] }),
      layers.dropout({ rate: 0.3 }),
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
    seed: happensHere('other-seed') ? 4 : 3,
  })
  model.compile({
    optimizer: optimizers.adam({ learningRate: happensHere('other-rate') ? 0.2 : 0.01 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    device: 'cpu',
    threads: 1,
    distribution: distribution.dataParallel({
      parts: 4,
      timeoutSeconds: Number(timeout),
      data: what === 'other-share' ? 'sharded' : 'replicated',
    }),
  })

  const controller = new AbortController()
  const happens: Callback = {
    onEpochEnd: async (epoch) => {
      if (epoch === 3) say({ event: 'trains', pid: process.pid })
      if (!isLast || epoch < 4) return
      if (what === 'exit') process.exit(0)
      if (what === 'throw') throw new Error('the callback is broken')
      if (what === 'stop') model.stopTraining = true
      if (what === 'abort') setTimeout(() => controller.abort(), 100)
      if (what === 'drift')
        model.setWeights(
          model.getWeights().map(({ data, shape }) => ({ data: data.map((value) => value * 2), shape: [...shape] })),
        )
    },
  }
  const writes = [
    ...(what === 'resume' ? [callbacks.backupAndRestore(folder, { deleteCheckpoint: false })] : []),
    ...(what === 'die' || what === 'cut' ? [callbacks.backupAndRestore(folder), happensIn(6, what)] : []),
    ...(what === 'disk' ? [callbacks.csvLogger(`${folder}/log.csv`)] : []),
  ]
  const isShort = ['resume', 'fit', 'stop', 'drift'].includes(what)
  const options = {
    epochs: isShort ? 12 : 100_000,
    verbose: 0,
    callbacks: [...writes, happens],
    signal: controller.signal,
  } as const
  const rows = isLast ? 7 : 5
  const shares = () => [{ x: { data: data.x.data.slice(0, rows * 6), shape: [rows, 6] }, y: labels.slice(0, rows) }]
  try {
    const { stopReason, history } =
      what === 'other-share'
        ? await model.fit(shares, options)
        : await model.fit(data.x, labels, { batchSize: 40, ...options })
    say({ event: 'done', stopReason, epochs: history.loss.length, weights: hashOf(model) })
  } catch (error) {
    say({ event: 'failed', code: (error as { code?: string }).code, message: (error as Error).message })
    process.exitCode = 1
  }
}

/** Kills the last rank, or cuts its cable, in the middle of an epoch. */
function happensIn(epoch: number, what: 'die' | 'cut'): Callback {
  let now = 0
  return {
    onEpochBegin: (begun) => {
      now = begun
    },
    onBatchEnd: (batch) => {
      if (!isLast || now !== epoch || batch !== 4) return
      if (what === 'die') process.kill(process.pid, 'SIGKILL')
      else spawnSync('ip', ['link', 'set', 'cable', 'down'])
    },
  }
}
