/**
 * Trains, predicts, loads and serves on 'cuda' while each time another request for memory is refused, and tries again. Prints
 * error codes and differences.
 */

import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layers, load, NeurodeError, type Sequential, sequential } from 'neurode'
import { serve } from 'neurode/serve'
import { Random } from '../random.js'

const rows = 200
const features = 60
const random = new Random(5)
const bytes = { data: random.bytes(rows * features), shape: [rows, features], scale: 1 / 255 }
const floats = { data: random.normals(rows * features), shape: [rows, features] }
const y = random.classes(rows, 5)
const refused: string[] = []
const folder = mkdtempSync(join(tmpdir(), 'neurode-'))
const path = join(folder, 'model.neurode')

/** Runs `run`, a second time if memory was short, and returns its result. */
async function twice<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof NeurodeError)) throw error
    refused.push(error.code)
    return await run()
  }
}

/** Runs a training and predictions of bytes, then of floats of equal rows. Returns a digest of all visible results. */
async function scenario(): Promise<string> {
  const digest = createHash('sha1')
  using model = sequential({
    layers: [
      layers.dense({ units: 30, activation: 'relu', inputShape: [features] }),
      layers.dense({ units: 5, activation: 'softmax' }),
    ],
    seed: 1,
  })
  await twice(() => model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', device: 'cuda' }))
  const options = { epochs: 2, batchSize: 16, seed: 2, verbose: 0, validationData: [floats, y] } as const
  const { history } = await twice(() => model.fit(bytes, y, options))
  const { loss } = await twice(() => model.evaluate(bytes, y))
  digest.update(JSON.stringify([history.loss, history.valLoss, loss]))
  for (const x of [bytes, floats]) digest.update((await twice(() => model.predict(x))).data)
  for (const x of [bytes, floats]) digest.update(twiceHere(() => model.predictSync(x).data))
  for (const { data } of model.getWeights()) digest.update(data)
  await model.save(path)
  using loaded = await twice(() => load(path, { device: 'cuda' }))
  digest.update((await twice(() => loaded.predict(floats))).data)
  digest.update(await served(loaded))
  return digest.digest('hex')
}

/** The answer of a server with the model. */
async function served(model: Sequential): Promise<string> {
  await using server = await twice(() => serve({ models: { model }, port: 0, device: 'cuda' }))
  return await twice(async () => {
    const body = JSON.stringify({ instances: [[...floats.data.subarray(0, features)]] })
    const response = await fetch(`${server.url}/v1/models/model:predict`, { method: 'POST', body })
    if (response.status === 503) throw new NeurodeError('ERR_OUT_OF_MEMORY', await response.text())
    return response.text()
  })
}

function twiceHere<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof NeurodeError)) throw error
    refused.push(error.code)
    return run()
  }
}

/** Refuses the first request, then the second, and so on, until a scenario makes fewer requests. Returns the scenarios' results. */
async function sweep(variable: string, requests: (n: number) => string): Promise<string[]> {
  const results: string[] = []
  for (let n = 1, before = -1; refused.length > before; n++) {
    before = refused.length
    process.env[variable] = requests(n)
    results.push(await scenario())
    process.env[variable] = ''
  }
  return results
}

const results = [
  ...(await sweep('NEURODE_EMULATOR_FAIL_PINNED', String)),
  // The device repeats a refused request once, so the repetition is refused, too.
  ...(await sweep('NEURODE_EMULATOR_FAIL_MEMORY', (n) => `${n}-${n + 1}`)),
]
const expected = await scenario()
rmSync(folder, { recursive: true })
const different = results.flatMap((result, i) => (result === expected ? [] : [i]))
console.log(JSON.stringify({ scenarios: results.length, refused, different }))
