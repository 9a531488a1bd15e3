/** The threads that read and write HDF5 files: one is kept for a while for the next file, unless it has grown or something failed. */

import type { Worker } from 'node:worker_threads'
import { NeurodeError } from '../../base/errors.js'
import { findFile, missing } from '../../base/packageRoot.js'
import type { H5Answer, H5Request } from './messages.js'

const program = 'dist/interchange/hdf5/worker.js'
/** How long a thread waits for another file, and how much memory it may have kept, in bytes. */
const idleMs = 1000
const keptBytes = 2 ** 26
const mostUses = 64
/** The most threads at a time. */
const mostThreads = 4
const startMs = 60_000
/** Time limit of a request: this, and more for large files. */
const leastMs = 4000
const bytesPerMs = 10_000

/** A thread that answers one request after the other. */
export class Thread {
  uses = 0
  #worker: Worker
  #idle: NodeJS.Timeout | undefined
  #take: ((answer: H5Answer | 'ready') => void) | undefined

  private constructor(file: string) {
    const { Worker } = process.getBuiltinModule('node:worker_threads')
    // The thread must not inherit options of Node's command line, such as --import.
    this.#worker = new Worker(file, { execArgv: [], name: 'neurode: HDF5' })
    this.#worker.on('message', (answer) => this.#take?.(answer))
    this.#worker.on('error', ({ message }) => this.#take?.({ problem: message }))
    this.#worker.on('exit', () => this.#take?.({ problem: 'the thread that reads it has ended' }))
  }

  static async start(): Promise<Thread> {
    const file = findFile(program)
    if (file === undefined) throw missing(program)
    try {
      const thread = new Thread(file)
      const answer = await thread.#wait(startMs)
      if (answer === 'ready') return thread
      throw new Error('problem' in answer ? answer.problem : 'another answer')
    } catch (error) {
      const text = `the thread that reads and writes HDF5 files does not start (${(error as Error).message})`
      throw new NeurodeError('ERR_INTERNAL', text, { cause: error })
    }
  }

  /** Resolves with the answer; `bytes` are those that the request is about, for its time limit. */
  async ask(request: H5Request, bytes: number, transfer: readonly ArrayBuffer[] = []): Promise<H5Answer> {
    const answered = this.#wait(leastMs + bytes / bytesPerMs)
    this.#worker.postMessage(request, transfer)
    return (await answered) as H5Answer
  }

  /** Whether the process waits for the thread; `whenIdle` is called if it is not used for a while. */
  rest(whenIdle: () => void): void {
    this.#worker.unref()
    this.#idle = setTimeout(whenIdle, idleMs)
    this.#idle.unref()
  }

  wake(): void {
    clearTimeout(this.#idle)
    this.#worker.ref()
  }

  async end(): Promise<void> {
    this.#take = undefined
    clearTimeout(this.#idle)
    await this.#worker.terminate()
  }

  #wait(limitMs: number): Promise<H5Answer | 'ready'> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#take?.({ problem: `reading it took more than ${limitMs} ms` }), limitMs)
      this.#take = (answer) => {
        this.#take = undefined
        clearTimeout(timer)
        resolve(answer)
      }
    })
  }
}

let spare: Thread | undefined
let running = 0
const waiting: (() => void)[] = []

/** Calls `use` with a thread. It ends unless `use` resolves with the memory that the library has, which must be little. */
export async function withThread<T>(use: (thread: Thread) => Promise<{ result: T; memory: number }>): Promise<T> {
  if (running >= mostThreads) await new Promise<void>((resolve) => waiting.push(resolve))
  else running++
  let thread: Thread | undefined
  let keep = false
  try {
    thread = spare
    spare = undefined
    thread?.wake()
    thread ??= await Thread.start()
    const { result, memory } = await use(thread)
    keep = memory < keptBytes && ++thread.uses < mostUses && spare === undefined
    return result
  } finally {
    if (thread !== undefined && keep) keepFor(thread)
    else await thread?.end()
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }
}

function keepFor(thread: Thread): void {
  spare = thread
  thread.rest(() => {
    if (spare === thread) spare = undefined
    void thread.end()
  })
}
