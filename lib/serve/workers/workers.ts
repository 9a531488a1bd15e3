/** The first process of a server with several workers: starts workers, replaces those that end, and adds up their statistics. */

import cluster, { type Worker } from 'node:cluster'
import { join } from 'node:path'
import { type ErrorCode, errorCodes, NeurodeError } from '../../base/errors.js'
import { thisPackage } from '../../base/packageRoot.js'
import { longestMilliseconds } from '../../checks/validate.js'
import type { ServerSnapshot } from '../metrics/metrics.js'
import { mergeSnapshots } from '../metrics/statistics.js'
import type { ServeEvent } from '../repository/repository.js'
import { defaultShutdownTimeout, type InferenceServer } from '../server/server.js'
import type { Address, FromWorker, ToWorker, WorkerOptions } from './workerMessages.js'

/**
 * If a worker ends within this time after its start, the pause before the next start doubles, since the start itself may be the
 * cause.
 */
const youngMilliseconds = 2000
const longestPause = 10_000
/** The time in which a worker has to end after it has cut off its remaining requests. */
const endingMilliseconds = 2000
/** If a worker does not send its statistics within this time, its last ones are used. */
const observeMilliseconds = 1000

interface Member {
  readonly worker: Worker
  readonly number: number
  readonly started: number
  listening: boolean
  last: ServerSnapshot
  /** Called once the worker listens or has ended. */
  readonly starting: (() => void)[]
  /** Called, one at a time, once the worker has scanned the files again. */
  readonly reloading: (() => void)[]
}

type FromWorkerOf<T> = Extract<FromWorker, { readonly type: T }>

const nothing: ServerSnapshot = { models: [], workers: [] }

class Workers {
  readonly #options: WorkerOptions
  readonly #count: number
  readonly #log: (event: ServeEvent) => void
  readonly #members = new Map<number, Member>()
  /** The statistics of workers that have ended. */
  #departed: ServerSnapshot['models'] = []
  readonly #observing = new Map<number, (snapshot: ServerSnapshot) => void>()
  #observations = 0
  #failures = 0
  #closing = false
  #allGone: (() => void) | undefined
  /** Called when the first worker listens; `#refuse`, when one cannot. */
  #begin: (address: Address) => void = () => {}
  #refuse: (error: Error) => void = () => {}

  constructor(options: WorkerOptions, count: number, log: (event: ServeEvent) => void) {
    this.#options = options
    this.#count = count
    this.#log = log
  }

  async start(): Promise<Address> {
    cluster.setupPrimary({ exec: join(thisPackage().root, 'dist/serve/workers/worker.js'), args: [] })
    const begun = new Promise<Address>((resolve, reject) => {
      this.#begin = resolve
      this.#refuse = reject
    })
    for (let number = 1; number <= this.#count; number++) this.#fork(number)
    try {
      const address = await begun
      await this.#allListening()
      return address
    } catch (error) {
      await this.close(0)
      throw error
    }
  }

  /** Resolves once every running worker has scanned the files again. */
  async reload(): Promise<void> {
    const members = [...this.#members.values()].filter(({ listening }) => listening)
    await Promise.all(
      members.map((member) => {
        return new Promise<void>((resolve) => {
          member.reloading.push(resolve)
          this.#tell(member, { type: 'reload' })
        })
      }),
    )
  }

  async close(delayMs: number): Promise<void> {
    this.#closing = true
    if (this.#members.size === 0) return
    const gone = new Promise<void>((resolve) => {
      this.#allGone = resolve
    })
    for (const member of this.#members.values()) this.#tell(member, { type: 'close', delayMs })
    const { shutdownTimeoutMs = defaultShutdownTimeout } = this.#options
    const timer = setTimeout(
      () => this.#kill(),
      Math.min(delayMs + shutdownTimeoutMs + endingMilliseconds, longestMilliseconds),
    )
    await gone
    clearTimeout(timer)
  }

  #kill(): void {
    for (const { number, worker } of this.#members.values()) {
      this.#log({ level: 'error', message: `worker ${number} does not end, and is killed` })
      worker.process.kill('SIGKILL')
    }
  }

  #fork(number: number): void {
    const worker = cluster.fork()
    const started = performance.now()
    const member: Member = { worker, number, started, listening: false, last: nothing, starting: [], reloading: [] }
    this.#members.set(number, member)
    worker.on('message', (message: FromWorker) => this.#hear(member, message))
    worker.once('exit', (code, signal) => this.#replace(member, signal ?? `exit code ${code}`))
    // A worker to which no message can be sent ends, and is then replaced.
    worker.on('error', () => {})
  }

  #replace(member: Member, how: string): void {
    const { number, started, last, starting, reloading } = member
    this.#members.delete(number)
    for (const resolve of [...starting, ...reloading]) resolve()
    const past = last.models.map((model) => ({ ...model, pending: 0 }))
    this.#departed = mergeSnapshots([...this.#departed, ...past])
    if (this.#closing) {
      if (this.#members.size === 0) this.#allGone?.()
      return
    }
    this.#failures = performance.now() - started < youngMilliseconds ? this.#failures + 1 : 0
    const pause = this.#failures === 0 ? 0 : Math.min(longestPause, 100 * 2 ** this.#failures)
    this.#log({ level: 'error', message: `worker ${number} ended (${how}); another takes its place` })
    setTimeout(() => {
      if (!this.#closing) this.#fork(number)
    }, pause)
  }

  readonly #actions: { readonly [T in FromWorker['type']]: (of: Member, message: FromWorkerOf<T>) => void } = {
    born: (member) => {
      if (this.#closing) this.#tell(member, { type: 'close', delayMs: 0 })
      else this.#tell(member, { type: 'start', worker: member.number, workers: this.#count, options: this.#options })
    },
    listening: (member, address) => {
      member.listening = true
      for (const resolve of member.starting) resolve()
      this.#begin(address)
    },
    failed: (member, { code, message }) => {
      this.#log({ level: 'error', message: `worker ${member.number}: ${message}` })
      this.#refuse(toError(code, message))
    },
    event: ({ number }, { event: { level, message } }) => {
      // All workers load the same files, so only the events of the first one are logged.
      if (level === 'error') this.#log({ level, message: `worker ${number}: ${message}` })
      else if (number === 1) this.#log({ level, message })
    },
    reloaded: ({ reloading }) => reloading.shift()?.(),
    observed: (member, { id, snapshot }) => {
      member.last = snapshot
      this.#observing.get(id)?.(snapshot)
    },
    collect: (member, { id }) => {
      void this.#collect().then((snapshot) => this.#tell(member, { type: 'collected', id, snapshot }))
    },
  }

  #hear(member: Member, message: FromWorker): void {
    const action = this.#actions[message.type] as (of: Member, message: FromWorker) => void
    action(member, message)
  }

  async #collect(): Promise<ServerSnapshot> {
    const members = [...this.#members.values()]
    const snapshots = await Promise.all(members.map((member) => this.#observe(member)))
    return {
      models: mergeSnapshots([...this.#departed, ...snapshots.flatMap(({ models }) => models)]),
      workers: snapshots.flatMap(({ workers }) => workers),
    }
  }

  async #observe(member: Member): Promise<ServerSnapshot> {
    const id = this.#observations++
    try {
      return await new Promise((resolve) => {
        const timer = setTimeout(() => resolve(member.last), observeMilliseconds)
        this.#observing.set(id, (snapshot) => {
          clearTimeout(timer)
          resolve(snapshot)
        })
        this.#tell(member, { type: 'observe', id })
      })
    } finally {
      this.#observing.delete(id)
    }
  }

  async #allListening(): Promise<void> {
    const waiting = [...this.#members.values()].filter(({ listening }) => !listening)
    await Promise.all(waiting.map(({ starting }) => new Promise<void>((resolve) => starting.push(resolve))))
  }

  #tell({ worker }: Member, message: ToWorker): void {
    if (worker.isConnected()) worker.send(message, () => {})
  }
}

function toError(code: string | undefined, message: string): Error {
  if (code !== undefined && code in errorCodes) return new NeurodeError(code as ErrorCode, message)
  return Object.assign(new Error(message), { code })
}

/** Starts a server of `count` processes on one port. All else is as for {@link serve}. */
export async function serveInWorkers(
  options: WorkerOptions,
  count: number,
  log: (event: ServeEvent) => void,
): Promise<InferenceServer & { close(delayMs?: number): Promise<void> }> {
  const workers = new Workers(options, count, log)
  const { url, host, port, fastPath } = await workers.start()
  const close = (delayMs = 0) => workers.close(delayMs)
  return { url, host, port, fastPath, reload: () => workers.reload(), close, [Symbol.asyncDispose]: () => close() }
}
