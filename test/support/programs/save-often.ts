/** As a worker: saves a small model to one path, again and again, and says so after each; ends when it is told to. */

import { parentPort, workerData } from 'node:worker_threads'
import { classifier } from '../problems.js'

const { path, saves } = workerData as { path: string; saves: number }
const model = classifier()
for (let save = 0; save < saves; save++) {
  await model.save(path)
  parentPort?.postMessage(save)
}
model.dispose()
