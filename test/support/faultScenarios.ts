/** Scenarios that run while requests to the system fail: each has a part that runs, and a check of what must hold afterwards. */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  array,
  callbacks,
  layers,
  load,
  NeurodeError,
  openNpy,
  readIdx,
  readNpy,
  readNpz,
  sequential,
  writeNpy,
  writeNpz,
} from 'neurode'
import { serve } from 'neurode/serve'
import { Random } from './random.js'
import { ask, binaryInfer, inferBody } from './serving.js'

interface Scenario {
  /** Runs under the fault. Rejects with the error, after everything that is possible has been done. */
  readonly run: () => Promise<unknown>
  /** Runs without the fault. Returns the problem, if there is one. */
  readonly check: () => Promise<string | undefined>
  readonly end: () => Promise<unknown> | unknown
}

const features = 12
const rows = 40
const batchSize = 8
const random = new Random(5)
const x = { data: random.normals(rows * features), shape: [rows, features] }
const bytes = { data: random.bytes(rows * features), shape: [rows, features], scale: 1 / 255 }
const y = random.classes(rows, 5)
const options = { epochs: 2, batchSize, seed: 2, verbose: 0 } as const

function network() {
  return sequential({
    layers: [
      layers.dense({ units: 30, activation: 'relu', inputShape: [features] }),
      layers.dropout({ rate: 0.2 }),
      layers.dense({ units: 5, activation: 'softmax' }),
    ],
    seed: 1,
  })
}

function compiled(device: string) {
  return network().compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'], device })
}

type Model = ReturnType<typeof compiled>

function digestOf(arrays: Iterable<{ readonly data: ArrayBufferView }>): string {
  const digest = createHash('sha1')
  for (const { data } of arrays) digest.update(data as Float32Array)
  return digest.digest('hex')
}

const weightsOf = (model: Model) => digestOf(model.getWeights())
const more = (model: Model) => model.fit(x, y, { ...options, epochs: 1, seed: 3 })

/** For the weights that a fit leaves after a number of batches: the weights after one more fit. */
const continuations = new Map<string, Map<string, string>>()

async function continuationsOn(device: string): Promise<Map<string, string>> {
  const known = continuations.get(device)
  if (known !== undefined) return known
  const found = new Map<string, string>()
  const batches = (rows / batchSize) * options.epochs
  for (let stop = 0; stop <= batches; stop++) {
    using model = compiled(device)
    let seen = 0
    const onTrainBatchEnd = () => {
      if (++seen === stop) model.stopTraining = true
    }
    if (stop > 0) await model.fit(bytes, y, { ...options, callbacks: { onTrainBatchEnd } })
    const before = weightsOf(model)
    await more(model)
    found.set(before, weightsOf(model))
  }
  continuations.set(device, found)
  return found
}

/** After a fault, the model continues from a batch that it reached, as a model without the fault does. */
async function fitting(device: string): Promise<Scenario> {
  const model = compiled(device)
  return {
    run: () => model.fit(bytes, y, { ...options, validationData: [x, y] }),
    check: async () => {
      const expected = (await continuationsOn(device)).get(weightsOf(model))
      if (expected === undefined) return 'the weights are those of no number of batches'
      await more(model)
      return weightsOf(model) === expected ? undefined : 'training on gives other bits'
    },
    end: () => model.dispose(),
  }
}

const predictions = new Map<string, string>()

async function predicting(device: string): Promise<Scenario> {
  const model = compiled(device)
  const many = { data: new Random(6).normals(600 * features), shape: [600, features] }
  const all = async () => {
    using predictor = model.predictor()
    using other = network().predictor({ device, threads: 4 } as object)
    const results = [
      await model.predict(x),
      await model.predict(bytes),
      model.predictSync(x),
      await predictor.predict(x.data),
      predictor.predictSync(x.data),
      await predictor.predict(many.data),
      predictor.predictSync(many.data),
      await other.predict(many.data),
    ].map((result) => ('data' in result ? result : { data: result }))
    const { loss } = await model.evaluate(x, y)
    return `${digestOf(results)} ${loss}`
  }
  let result: string | undefined
  return {
    run: async () => {
      result = await all()
    },
    check: async () => {
      const now = await all()
      if (!predictions.has(device)) predictions.set(device, now)
      const expected = predictions.get(device)
      return now === expected && (result ?? expected) === expected ? undefined : 'predictions are others'
    },
    end: () => model.dispose(),
  }
}

/** Every request is answered or its connection ends, and the server continues. */
async function serving(device: string): Promise<Scenario> {
  const model = compiled(device)
  const path = '/v2/models/digits/infer'
  const body = inferBody([Array.from({ length: features }, (_, i) => i / 10)])
  const binary = binaryInfer(x.data as Float32Array, features, { parameters: { binary_data_output: true } })
  const statuses: number[] = []
  let server: Awaited<ReturnType<typeof serve>> | undefined
  const send = async (url: string) => {
    const asked = [
      await ask(url, path, { body }),
      await ask(url, path, binary),
      await ask(url, path, { body, headers: { te: 'trailers' } }),
      await ask(url, '/v2/models/digits'),
    ]
    return asked.map(({ status }) => status)
  }
  const start = () => serve({ models: { digits: model }, port: 0, device } as Parameters<typeof serve>[0])
  return {
    run: async () => {
      server = await start()
      const { url } = server
      for (let i = 0; i < 2; i++) statuses.push(...(await send(url).catch(() => [503])))
    },
    check: async () => {
      const odd = statuses.find((status) => status !== 200 && status !== 503)
      if (odd !== undefined) return `a request was answered with ${odd}`
      server ??= await start()
      const after = await send(server.url)
      return after.every((status) => status === 200) ? undefined : `requests are answered with ${after}`
    },
    end: async () => {
      await server?.close()
      model.dispose()
    },
  }
}

/** If cuBLASLt does not load, other kernels compute its products. */
async function fittingWide(device: string): Promise<Scenario> {
  const units = 512
  const wide = { data: new Random(7).normals(2 * units), shape: [2, units] }
  const trained = async () => {
    using model = sequential({ layers: [layers.dense({ units, inputShape: [units] })], seed: 1 })
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device, precision: 'tf32' })
    await model.fit(wide, wide, { epochs: 1, batchSize: 2, verbose: 0 })
    return digestOf(model.getWeights())
  }
  let digest: string | undefined
  return {
    run: async () => {
      digest = await trained()
    },
    check: async () => (digest === (await trained()) ? undefined : 'the weights are others'),
    end: () => {},
  }
}

const folderOf = () => {
  const base = process.env.NEURODE_FAULT_FOLDER ?? tmpdir()
  mkdirSync(base, { recursive: true })
  return mkdtempSync(join(base, 'f-'))
}

async function loading(device: string): Promise<Scenario> {
  const folder = folderOf()
  const model = compiled(device)
  await model.save(join(folder, 'model.neurode'))
  await model.saveWeights(join(folder, 'weights.npz'))
  await writeNpy(join(folder, 'x.npy'), array(x.data, x.shape))
  await writeNpz(join(folder, 'x.npz'), { x: array(x.data, x.shape) })
  writeFileSync(join(folder, 'y.idx'), Uint8Array.of(0, 0, 8, 1, 0, 0, 0, rows, ...y))
  const expected = weightsOf(model)
  const seen = async () => {
    using loaded = await load(join(folder, 'model.neurode'), { device } as object)
    using other = compiled(device)
    await other.loadWeights(join(folder, 'weights.npz'))
    await readNpy(join(folder, 'x.npy'))
    await readNpz(join(folder, 'x.npz'))
    await readIdx(join(folder, 'y.idx'))
    const onDisk = await openNpy(join(folder, 'x.npy'))
    await onDisk.read(0, 2)
    await other.evaluate(onDisk, y)
    return [weightsOf(loaded as Model), weightsOf(other)].every((digest) => digest === expected)
  }
  return {
    run: seen,
    check: async () => ((await seen()) ? undefined : 'what is loaded is something else'),
    end: () => {
      rmSync(folder, { recursive: true })
      model.dispose()
    },
  }
}

/** Each file is completely the old one or the new one, and no other file is left. */
async function saving(device: string): Promise<Scenario> {
  const folder = folderOf()
  const model = compiled(device)
  const large = array(new Float32Array(20_000), [20_000])
  const train = (callback: object) => model.fit(x, y, { epochs: 1, verbose: 0, batchSize: rows, callbacks: callback })
  const writers: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
    'model.neurode': (path) => model.save(path),
    'weights.npz': (path) => model.saveWeights(path),
    'x.npy': (path) => writeNpy(path, large),
    'checkpoint.neurode': (path) => train(callbacks.modelCheckpoint(path)),
    'log.csv': (path) => train(callbacks.csvLogger(path)),
    backups: (path) => train(callbacks.backupAndRestore(path)),
  }
  const before = 'what was there before'
  const said = new Map<string, unknown>()
  for (const name of Object.keys(writers)) if (name !== 'backups') writeFileSync(join(folder, name), before)
  return {
    run: async () => {
      for (const [name, write] of Object.entries(writers)) {
        await write(join(folder, name)).catch((error: unknown) => said.set(name, error))
      }
      for (const error of said.values()) throw error
    },
    check: async () => {
      for (const name of Object.keys(writers)) {
        const path = join(folder, name)
        const error = said.get(name)
        if (error !== undefined && !(error instanceof NeurodeError)) continue
        if (name === 'backups') continue
        const isOld = existsSync(path) && readFileSync(path).equals(Buffer.from(before))
        if (error === undefined && isOld) return `${name} was not written, and nothing was said`
        if (!isOld && name !== 'log.csv') await whole(path)
      }
      // A failed training may leave a backup, which a new training then uses.
      await train(callbacks.backupAndRestore(join(folder, 'backups')))
      await model.save(join(folder, 'model.neurode'))
      const left = readdirSync(folder).filter((name) => !(name in writers))
      return left.length === 0 ? undefined : `left behind: ${left}`
    },
    end: () => {
      rmSync(folder, { recursive: true })
      model.dispose()
    },
  }

  async function whole(path: string): Promise<void> {
    if (path.endsWith('.npy')) await readNpy(path)
    else if (path.endsWith('.npz')) await compiled('cpu').loadWeights(path)
    else (await load(path)).dispose()
  }
}

export const scenarios: Readonly<Record<string, (device: string) => Promise<Scenario>>> = {
  fit: fitting,
  predict: predicting,
  serve: serving,
  load: loading,
  save: saving,
  wide: fittingWide,
}
