/**
 * A worker that saves a small model to one path again and again, and sends a message after each save. It ends when a message
 * tells it to.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { classifier } from '../problems.js'

const { path, saves } = workerData as { path: string; saves: number }
const model = classifier()
for (let save = 0; save < saves; save++) {
  await model.save(path)
  parentPort?.postMessage(save)
}
model.dispose()
