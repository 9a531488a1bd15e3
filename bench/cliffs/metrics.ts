/** Cliffs of metrics: beside the same work without them. */

import { array, type MetricLike, metrics, type Sequential, sequential } from 'neurode'
import { type Cliff, calls, type Turn } from './cliff.js'
import { net, numbers } from './models.js'

interface Work {
  readonly sizes: readonly number[]
  readonly rows: number
  readonly batchSize: number
  readonly epochs: number
}

const small: Work = { sizes: [20, 32, 32, 2], rows: 3200, batchSize: 32, epochs: 1 }
const manyClasses: Work = { sizes: [64, 64, 1000], rows: 1024, batchSize: 128, epochs: 1 }
const evaluation: Work = { sizes: [100, 64, 64, 1], rows: 32_768, batchSize: 1024, epochs: 0 }

function model({ sizes }: Work, threads: number, list: readonly MetricLike[]): Sequential {
  const isBinary = sizes.at(-1) === 1
  return sequential({ layers: net(sizes, isBinary ? 'sigmoid' : 'softmax'), seed: 1 }).compile({
    loss: isBinary ? 'binaryCrossentropy' : 'categoricalCrossentropy',
    metrics: list,
    threads,
    device: 'cpu',
  })
}

/** A turn of epochs, or of evaluations. */
function turn(own: Sequential, { sizes, rows, batchSize, epochs }: Work): Turn {
  const inputs = sizes[0] as number
  const outputs = sizes.at(-1) as number
  const x = array(numbers(rows * inputs), [rows, inputs])
  const targets = new Float32Array(rows * outputs)
  for (let row = 0; row < rows; row++) targets[row * outputs + ((row * 7919) % outputs)] = outputs === 1 ? row % 2 : 1
  const y = array(targets, [rows, outputs])
  return calls(() =>
    epochs === 0 ? own.evaluate(x, y) : own.fit(x, y, { batchSize, epochs, shuffle: false, verbose: 0 }),
  )
}

function cliff(work: Work, what: string, list: readonly MetricLike[], goal: number): Cliff {
  return {
    name: `${what} of ${work.sizes.join('-')}, ${work.epochs === 0 ? work.rows : work.batchSize} rows`,
    timed: work.epochs === 0 ? 'evaluate' : 'an epoch',
    reference: 'the same without metrics',
    goal,
    open(threads) {
      const [own, without] = [model(work, threads, list), model(work, threads, [])]
      const close = () => {
        own.dispose()
        without.dispose()
      }
      return { timed: turn(own, work), reference: turn(without, work), close }
    },
  }
}

export const ofMetrics: readonly Cliff[] = [
  cliff(small, 'auc', ['auc'], 1.5),
  cliff(small, 'precision and recall', ['precision', 'recall'], 1.5),
  cliff(small, 'f1Score', ['f1Score'], 1.5),
  cliff(manyClasses, 'auc', ['auc'], 2),
  cliff(manyClasses, 'f1Score', ['f1Score'], 2),
  cliff(manyClasses, 'precision', ['precision'], 2),
  cliff(manyClasses, 'precision of the 5 largest', [metrics.precision({ topK: 5 })], 2),
  cliff(evaluation, 'auc', ['auc'], 1.2),
]
