/** A process that works in several threads at once, or makes and frees many models. Prints the results as JSON. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { programPath } from '../children.js'
import { classifier, clouds } from '../problems.js'

const mode = process.argv[2]
const megabyte = 2 ** 20
const gc = (globalThis as { gc?: () => void }).gc

if (mode === 'workers') await workers()
else await cycles()

/** Two workers train, one is terminated in the middle, and the main thread predicts during all that time. */
async function workers(): Promise<void> {
  const start = (kind: string) => new Worker(programPath('worker'), { workerData: kind })
  const { x } = clouds(300)
  const model = classifier()
  const expected = [...model.predictSync(x).data]
  const doomed = start('forever')
  await once(doomed, 'message')
  const survivor = start('train')
  const ended = Promise.all([once(survivor, 'message'), once(survivor, 'exit')])
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  let predictions = 0
  let isRight = true
  do {
    const { data } = await model.predict(x)
    isRight &&= data.every((value, i) => value === expected[i])
    if (++predictions === 3) await doomed.terminate()
  } while (!isOver || predictions < 20)
  const [[losses]] = await ended
  console.log(JSON.stringify({ losses, predictions, isRight }))
}

/** The growth of resident memory from the 200th to the 1,200th model, in megabytes. */
async function cycles(): Promise<void> {
  const { x, y } = clouds(64)
  const run = async (count: number) => {
    for (let i = 0; i < count; i++) {
      using model = classifier({ threads: 2 })
      await model.fit(x, y, { verbose: 0 })
    }
    for (let i = 0; i < 5; i++) {
      gc?.()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return process.memoryUsage.rss() / megabyte
  }
  const before = await run(200)
  const after = await run(1_000)
  console.log(JSON.stringify({ before, after, grown: after - before }))
}
