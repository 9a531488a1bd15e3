/** A worker of `neurode serve --workers`: a server that shares its port with other workers. The first process controls it by messages. */

import { setTimeout as sleep } from 'node:timers/promises'
import { NeurodeError } from '../../base/errors.js'
import { devices } from '../../core/devices.js'
import { Serving } from '../http/serving.js'
import type { ServerSnapshot } from '../metrics/metrics.js'
import { type InferenceServer, listen } from '../server/server.js'
import type { FromWorker, ToWorker, WorkerOptions } from './workerMessages.js'

/** Sends a message to the first process. If that process has ended, the message is dropped; this worker then ends soon, too. */
function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}

let server: InferenceServer | undefined
let serving: Serving | undefined
let asked = 0
const waiting = new Map<number, (snapshot: ServerSnapshot) => void>()

async function start(worker: number, workers: number, given: WorkerOptions): Promise<void> {
  const options = { ...given, threads: given.threads ?? shareOfThreads(workers) }
  serving = new Serving(options, (event) => tell({ type: 'event', event }), worker)
  serving.collect = () => {
    const id = asked++
    tell({ type: 'collect', id })
    return new Promise((resolve) => waiting.set(id, resolve))
  }
  server = await listen(options, serving)
  const { url, host, port, fastPath } = server
  tell({ type: 'listening', url, host, port, fastPath })
}

/** This worker's share of the threads that a single process would use. */
function shareOfThreads(workers: number): number {
  const threads = devices().find(({ name }) => name === 'cpu')?.threads ?? 1
  return Math.max(1, Math.floor(threads / workers))
}

/** Answers the requests that have arrived, then ends the process. */
async function close(delayMs = 0): Promise<void> {
  if (serving !== undefined) serving.draining = true
  await sleep(delayMs)
  await server?.close()
  process.exit(0)
}

function fail(error: unknown): void {
  const { message } = error as Error
  const code = error instanceof NeurodeError ? error.code : (error as NodeJS.ErrnoException).code
  if (!process.connected) process.exit(1)
  process.send?.({ type: 'failed', message, code } satisfies FromWorker, undefined, undefined, () => process.exit(1))
}

const actions: { readonly [T in ToWorker['type']]: (message: Extract<ToWorker, { type: T }>) => Promise<void> } = {
  start: ({ worker, workers, options }) => start(worker, workers, options),
  reload: async () => {
    await server?.reload()
    tell({ type: 'reloaded' })
  },
  close: ({ delayMs }) => close(delayMs),
  observe: async ({ id }) => {
    if (serving !== undefined) tell({ type: 'observed', id, snapshot: await serving.snapshot() })
  },
  collected: async ({ id, snapshot }) => {
    waiting.get(id)?.(snapshot)
    waiting.delete(id)
  },
}

process.on('message', (message: ToWorker) => {
  const action = actions[message.type] as (message: ToWorker) => Promise<void>
  action(message).catch(fail)
})
// Ctrl-C reaches every process of a terminal. Workers ignore it: the first process tells them what to do.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => void close())
process.on('SIGHUP', () => void server?.reload())
process.on('disconnect', () => void close())

tell({ type: 'born' })
