/**
 * Trains with the other ranks, saves on all of them into a folder of each, restores, and goes on. Reports what each rank has written,
 * and hashes of the weights. Only rank 0 sees the file that is restored.
 */

import { readdirSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { distribution, layers, sequential } from 'neurode'
import { clouds } from '../problems.js'
import { hashOf } from '../rankedNetworks.js'

const [, , parent = ''] = process.argv
const { rank } = await distribution.join()
const folder = join(parent, `rank ${rank}`)
await mkdir(folder)
const { x, y } = clouds(100, 6, 3)

function makeModel(seed: number) {
  return sequential({ layers: [layers.dense({ units: 3, activation: 'softmax', inputShape: [6] })], seed }).compile({
    optimizer: 'adam',
    loss: 'sparseCategoricalCrossentropy',
    device: 'cpu',
    threads: 1,
    distribution: distribution.dataParallel({ parts: 4 }),
  })
}

const options = { batchSize: 40, verbose: 0 } as const
const model = makeModel(3)
await model.fit(x, y, { ...options, epochs: 2 })
await model.save(join(folder, 'model.neurode'))
await model.save(join(folder, 'model.keras'))
await model.saveWeights(join(folder, 'weights.safetensors'))
await model.fit(x, y, { ...options, epochs: 4, resume: true })
const whole = hashOf(model)

const again = makeModel(4)
const missing = await again.restore(join(folder, 'nothing.neurode')).catch((error: Error) => error.message)
await again.restore(join(folder, 'model.neurode'))
const restored = hashOf(again)
await again.fit(x, y, { ...options, epochs: 4, resume: true })
const line = { rank, files: readdirSync(folder).toSorted(), whole, restored, missing, resumed: hashOf(again) }
process.stdout.write(`${JSON.stringify(line)}\n`)
