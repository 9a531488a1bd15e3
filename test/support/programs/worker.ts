/** A worker thread that trains: to the end, without end, or until it exits or throws in the middle. */

import { parentPort, workerData } from 'node:worker_threads'
import { classifier, clouds, slowClassifier } from '../problems.js'

const mode = workerData as string

if (mode === 'train') {
  const { x, y } = clouds(300)
  const model = classifier()
  const { history } = await model.fit(x, y, { epochs: 5, verbose: 0 })
  parentPort?.postMessage([...history.loss])
} else {
  const { model, x, y } = slowClassifier()
  const fit = model.fit(x, y, { epochs: 1000, verbose: 0 })
  parentPort?.postMessage('training')
  if (mode === 'exit') setTimeout(() => process.exit(7), 30)
  if (mode === 'throw') {
    setTimeout(() => {
      throw new Error('on purpose')
    }, 30)
  }
  await fit
}
