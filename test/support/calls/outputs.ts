/** Calls of models with several outputs. */

import { debug, distribution, input, layers, model } from 'neurode'
import { call, type Loose, type PublicCall, x, y } from './call.js'

const several = (): Loose => {
  const from = input({ shape: [2] })
  const h = layers.dense({ units: 3 }).apply(from)
  const a = layers.dense({ units: 1, activation: 'sigmoid' }).apply(h)
  const b = layers.dense({ units: 1 }).apply(h)
  const net: Loose = model({ inputs: from, outputs: { a, b }, seed: 1 })
  return net.compile({
    loss: { a: 'binaryCrossentropy', b: 'mse' },
    metrics: [['auc'], null],
    device: 'cpu',
    threads: 1,
  })
}

function onSeveral(name: string, args: () => unknown[], run: (net: Loose, args: Loose[]) => unknown): PublicCall {
  return call(name, args, async (...given) => {
    using net = several()
    return await run(net, given)
  })
}

const targets = () => ({ a: y(), b: [[1], [2], [3]] })
const weights = () => ({ a: [1, 1, 2], b: [2, 1, 1] })
const limited = () => ({ verbose: 0, signal: AbortSignal.timeout(500) })

export const outputCalls: readonly PublicCall[] = [
  onSeveral(
    'functional.compile',
    () => [
      {
        loss: { a: 'binaryCrossentropy', b: null },
        lossWeights: { a: 1, b: 2 },
        metrics: { a: ['accuracy'], b: 'mae' },
        weightedMetrics: [['mse'], ['mae', 'mse']],
        optimizer: 'sgd',
        device: 'cpu',
        threads: 1,
        precision: 'float32',
        distribution: distribution.dataParallel({ parts: 2 }),
      },
    ],
    (net, args) => net.compile(...args),
  ),
  onSeveral(
    'functional.fit',
    () => [
      x(),
      targets(),
      {
        ...limited(),
        sampleWeight: weights(),
        validationData: [x(), [y(), y()], [[1, 1, 1], null]],
        classWeight: null,
      },
    ],
    (net, args) => net.fit(...args),
  ),
  onSeveral(
    'functional.fit of batches',
    () => [() => [{ x: x(), y: targets(), sampleWeight: [[1, 1, 1], null] }], limited()],
    (net, args) => net.fit(...args),
  ),
  onSeveral(
    'functional.fit of one batch',
    () => [{ x: x(), y: [y(), y()], sampleWeight: weights() }],
    (net, [batch]) => net.fit([batch], { verbose: 0 }),
  ),
  onSeveral(
    'functional.evaluate',
    () => [x(), targets(), { perClass: true, sampleWeight: weights() }],
    (net, args) => net.evaluate(...args),
  ),
  onSeveral(
    'functional.trainOnBatch',
    () => [x(), targets(), { sampleWeight: weights() }],
    (net, args) => net.trainOnBatch(...args),
  ),
  call(
    'debug.checkGradients of several outputs',
    () => [several(), x(), targets(), { samples: 2, sampleWeight: weights() }],
    (...args) => (debug.checkGradients as Loose)(...args),
  ),
]
