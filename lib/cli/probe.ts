/** The child process of `neurode doctor`: it examines one thing with native code, so that a crash does not end the report. */

import type { DeviceName } from '../core/devices.js'
import type { Cluster } from '../distribution/ranks.js'
import { layers } from '../layers/index.js'
import { sequential } from '../models/sequential.js'
import type { DeviceInfo } from '../native/addon.js'
import { addonPath, native } from '../native/native.js'

/** What the addon reports about itself. */
export interface AddonFindings {
  readonly path: string
  readonly version: string
}

/** The result of ten training steps on a device. */
export interface TrainingFindings {
  readonly isa: string
  readonly threads: number
  readonly steps: number
  readonly firstLoss: number
  readonly lastLoss: number
  readonly milliseconds: number
}

const steps = 10
const rows = 32

/** The result of each probe, by its name. */
export interface Probes {
  readonly addon: AddonFindings
  readonly devices: readonly DeviceInfo[]
  readonly train: TrainingFindings
  /** Why a server's requests for inference go through node:http, or null where they take the fast path. */
  readonly fastPath: string | null
  /** This process among those that a launcher of MPI started. */
  readonly ranks: Cluster
}

const probes: { readonly [Name in keyof Probes]: (device: DeviceName) => Probes[Name] | Promise<Probes[Name]> } = {
  addon: () => ({ version: native().version, path: addonPath ?? '' }),
  devices: () => native().devices(),
  train,
  fastPath: async () => {
    const { whyNoFastPath } = await import('../serve/server/fastPath.js')
    return (await whyNoFastPath(undefined)) ?? null
  },
  ranks: async () => (await import('../distribution/join.js')).join(),
}

/** Trains a model to add two numbers. The loss must fall to half, or the device computes wrongly. */
async function train(device: DeviceName): Promise<TrainingFindings> {
  using model = sequential({
    layers: [
      layers.dense({ units: 16, activation: 'relu', kernelInitializer: 'ones', inputShape: [2] }),
      layers.dense({ units: 1, kernelInitializer: 'zeros' }),
    ],
    seed: 1,
  }).compile({ optimizer: 'sgd', loss: 'meanSquaredError', device })
  const x = { data: Float32Array.from({ length: 2 * rows }, (_, i) => (i % 7) / 7), shape: [rows, 2] }
  const y = {
    data: Float32Array.from({ length: rows }, (_, i) => (x.data[2 * i] ?? 0) + (x.data[2 * i + 1] ?? 0)),
    shape: [rows, 1],
  }
  const start = performance.now()
  const losses: number[] = []
  for (let step = 0; step < steps; step++) losses.push((await model.trainOnBatch(x, y)).loss)
  const milliseconds = Number((performance.now() - start).toFixed(3))
  const [firstLoss = Number.NaN] = losses
  const lastLoss = losses.at(-1) ?? Number.NaN
  if (!(lastLoss < firstLoss / 2)) {
    throw new Error(`${steps} steps should halve the loss, but it went from ${firstLoss} to ${lastLoss}`)
  }
  return { isa: model.isa, threads: model.threads, steps, firstLoss, lastLoss, milliseconds }
}

async function main([name, device]: readonly string[]): Promise<void> {
  try {
    const found = await probes[name as keyof Probes](device as DeviceName)
    process.stdout.write(JSON.stringify({ found }))
  } catch (error) {
    process.stdout.write(JSON.stringify({ reason: (error as Error).message }))
  }
}

await main(process.argv.slice(2))
