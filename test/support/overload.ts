/** Puts more load on a server than it can handle, from a separate process, and measures the results. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { programPath } from './children.js'
import { randomModel, startServer, temporaryFolder } from './serving.js'

export interface OverloadResult {
  readonly accepted: number
  readonly refused: number
  /** Number of answers that are neither right nor a refusal. */
  readonly other: number
  /** The time within which 99 % of the accepted requests were answered, in milliseconds. */
  readonly p99: number
  /** The longest time that a request may wait, in milliseconds. */
  readonly deadline: number
  /** Growth of the server's resident memory from the middle of the load until after it. */
  readonly grownBytes: number
  /** Answers per second at a load that the server can handle, before and after the overload. */
  readonly before: number
  readonly after: number
}

/** The message that starts the load generator, and its reply. */
export interface LoadOrder {
  readonly url: string
  readonly clients: number
  readonly seconds: number
  /** Requests per second of all clients together. Default: every client sends its next request as soon as the last is answered. */
  readonly rate?: number
}

export interface LoadReport {
  readonly accepted: number
  readonly refused: number
  readonly other: number
  readonly p99: number
}

/** Finds out how many requests a server can handle, sends twice as many for some seconds, then the first number again. */
export async function overload(seconds: number): Promise<OverloadResult> {
  const deadline = 200
  const folder = temporaryFolder()
  const path = join(folder.path, 'm.neurode')
  {
    using model = randomModel(64, 60_000, 128)
    await model.save(path)
  }
  const sizes = ['--max-batch-size', '8', '--max-queue-size', '16', '--timeout-ms', String(deadline), '--threads', '1']
  const server = await startServer([path, '--device', 'cpu', ...sizes])
  const generator = fork(programPath('load-generator'), { execArgv: [] })
  try {
    const order = { url: server.url, clients: 8, seconds: 1 }
    await tell(generator, order)
    const measured = Math.max(1, seconds / 10)
    const before = await tell(generator, { ...order, seconds: measured })
    const rate = (2 * before.accepted) / measured
    const first = await tell(generator, { ...order, clients: 256, seconds: seconds / 2, rate })
    const middle = await residentBytes(server.url)
    const second = await tell(generator, { ...order, clients: 256, seconds: seconds / 2, rate })
    const end = await residentBytes(server.url)
    const after = await tell(generator, { ...order, seconds: measured })
    return {
      accepted: first.accepted + second.accepted,
      refused: first.refused + second.refused,
      other: first.other + second.other + before.other + after.other,
      p99: Math.max(first.p99, second.p99),
      deadline,
      grownBytes: end - middle,
      before: before.accepted / measured,
      after: after.accepted / measured,
    }
  } finally {
    generator.kill()
    await server.stop()
    folder.remove()
  }
}

async function tell(generator: ChildProcess, order: LoadOrder): Promise<LoadReport> {
  generator.send(order)
  const [report] = await once(generator, 'message')
  return report as LoadReport
}

async function residentBytes(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^process_resident_memory_bytes\{worker="1"\} (\d+)/m.exec(text)?.[1])
}
