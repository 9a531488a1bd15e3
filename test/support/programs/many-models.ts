/** Makes many models on a device, or fits one on much data, and prints as JSON by how many MB resident memory grew. */

import { setTimeout as sleep } from 'node:timers/promises'
import { input, layers, model, sequential } from 'neurode'
import { isEmulated } from '../devices.js'
import { classifier } from '../problems.js'

const [device = 'cpu', mode = ''] = process.argv.slice(2)
const quiet = { verbose: 0 } as const
const megabyte = 2 ** 20
/** The number of models or fits in a round. */
const count = isEmulated(device) ? 6 : 25
/** The allowed growth in MB. Each model has 4 MB, so it is much less than the memory of three rounds. */
const most = 4 * count

// Finalizers run in later turns of the event loop.
async function collect(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.()
    await sleep(1)
  }
}

const make = () =>
  sequential([layers.dense({ units: 1024, inputShape: [1024] })]).compile({ loss: 'mse', device, threads: 2 })
const row = new Float32Array(1024)
const shared = layers.dense({ units: 1024 })
const fitted = classifier({ device, features: 1024, hidden: 4 })

const works: Readonly<Record<string, () => Promise<unknown>>> = {
  disposed: async () => {
    using net = make()
    await net.trainOnBatch(row, row)
  },
  collected: () => make().trainOnBatch(row, row),
  shared: () => {
    const x = input({ shape: [1024] })
    const net = model({ inputs: x, outputs: shared.apply(x) })
    return net.compile({ loss: 'mse', device, threads: 2 }).predict(row)
  },
  fits: () => {
    const x = { data: new Float32Array(1024 * 1024), shape: [1024, 1024] }
    return fitted.fit(x, new Int32Array(1024), { ...quiet, batchSize: 1024 })
  },
}

async function round(): Promise<number> {
  for (let i = 0; i < count; i++) await works[mode]?.()
  await collect()
  return process.memoryUsage.rss()
}

// The first rounds fill caches and stacks.
await round()
let before = await round()
let grown = Infinity
// Memory varies on a busy machine. What is never given back grows every time.
for (let i = 0; i < 3 && grown >= most; i++) {
  let after = before
  for (let i = 0; i < 3; i++) after = await round()
  grown = (after - before) / megabyte
  before = after
}
console.log(JSON.stringify({ grown, most, count }))
