/**
 * The load generator of `bench serve`, a separate process. Each of its connections sends the next request as soon as the last
 * is answered.
 */

import { connect, type Socket } from 'node:net'

/** One run of the load generator. */
export interface Load {
  readonly port: number
  readonly connections: number
  /** Duration of the run. With Infinity it ends when `most` requests are answered. */
  readonly seconds: number
  /** Number of requests. Default: as many as the duration allows. */
  readonly most?: number
  /** Complete HTTP requests. */
  readonly requests: readonly Uint8Array[]
  /** The expected outputs of each request. */
  readonly outputs: readonly Float32Array[]
  /** The largest difference from the expected outputs. */
  readonly tolerance: number
  /** Whether answers without outputs count as right. */
  readonly answersNothing: boolean
}

/** The result of a run. */
export interface LoadResult {
  readonly answers: number
  readonly seconds: number
  /** Number of answers with another status than 200, and of broken connections. */
  readonly errors: number
  /** Number of answers with wrong outputs. */
  readonly wrong: number
  readonly p50: number
  readonly p99: number
}

const endOfHeaders = Buffer.from('\r\n\r\n')

class Connection {
  readonly #socket: Socket
  readonly #run: Run
  #at = 0
  #asked = 0
  #asks = true
  #received: Buffer | undefined

  constructor(run: Run, first: number) {
    this.#run = run
    this.#at = first
    this.#socket = connect({ port: run.load.port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('connect', () => this.#ask())
    this.#socket.on('data', (chunk) => this.#receive(chunk))
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => run.closed(this.#asks))
  }

  end(): void {
    this.#socket.destroy()
  }

  #ask(): void {
    this.#asks = this.#run.take()
    if (!this.#asks) {
      this.end()
      return
    }
    this.#asked = performance.now()
    this.#socket.write(this.#run.load.requests[this.#at] as Uint8Array)
  }

  #receive(chunk: Buffer): void {
    const received = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk])
    const headers = received.indexOf(endOfHeaders)
    const head = headers < 0 ? '' : received.toString('latin1', 0, headers).toLowerCase()
    const begin = headers + endOfHeaders.length
    const end = begin + Number(/^content-length: *(\d+)/m.exec(head)?.[1] ?? Number.NaN)
    if (headers < 0 || !(received.length >= end)) {
      this.#received = received
      return
    }
    this.#received = undefined
    const jsonLength = /inference-header-content-length: *(\d+)/.exec(head)?.[1]
    this.#run.answered(
      this.#at,
      performance.now() - this.#asked,
      head,
      received.subarray(begin, end),
      Number(jsonLength ?? 0),
    )
    this.#at = (this.#at + 1) % this.#run.load.requests.length
    this.#ask()
  }
}

class Run {
  readonly load: Load
  over = false
  errors = 0
  wrong = 0
  #asked = 0
  #open = 0
  #finish = () => {}
  readonly #milliseconds: number[] = []
  /** For each request, an answer that was found right: the same bytes need no further comparison. */
  readonly #right: (Buffer | undefined)[] = []

  constructor(load: Load) {
    this.load = load
  }

  async result(): Promise<LoadResult> {
    const { connections, requests, seconds } = this.load
    this.#open = connections
    const began = performance.now()
    const all = Array.from({ length: connections }, (_, i) => new Connection(this, (i * 7) % requests.length))
    await new Promise<void>((resolve) => {
      this.#finish = resolve
      if (seconds < Infinity) setTimeout(resolve, 1000 * seconds)
    })
    this.over = true
    const taken = (performance.now() - began) / 1000
    for (const connection of all) connection.end()
    const sorted = Float64Array.from(this.#milliseconds).sort()
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
    return {
      answers: sorted.length,
      seconds: taken,
      errors: this.errors,
      wrong: this.wrong,
      p50: at(0.5),
      p99: at(0.99),
    }
  }

  /** Whether to send one more request; counts it. */
  take(): boolean {
    if (this.over || this.#asked === this.load.most) return false
    this.#asked++
    return true
  }

  /** Called when a connection has ended. It is `broken` if it was waiting for an answer. */
  closed(broken: boolean): void {
    if (this.over) return
    if (broken) this.errors++
    if (--this.#open === 0) this.#finish()
  }

  answered(request: number, milliseconds: number, head: string, body: Buffer, jsonLength: number): void {
    if (this.over) return
    this.#milliseconds.push(milliseconds)
    if (!head.startsWith('http/1.1 200')) {
      this.errors++
    } else if (!this.load.answersNothing && !this.#right[request]?.equals(body)) {
      if (this.#isRight(body, jsonLength, this.load.outputs[request] as Float32Array))
        this.#right[request] = Buffer.from(body)
      else this.wrong++
    }
  }

  #isRight(body: Buffer, jsonLength: number, expected: Float32Array): boolean {
    const json = jsonLength > 0 ? body.subarray(0, jsonLength) : body
    const { data } = JSON.parse(json.toString()).outputs[0] as { data?: number[] }
    const got = data ?? new Float32Array(Uint8Array.from(body.subarray(jsonLength)).buffer)
    if (got.length !== expected.length) return false
    return expected.every((value, i) => Math.abs(Math.fround(got[i] as number) - value) <= this.load.tolerance)
  }
}

process.on('message', async (load: Load) => {
  process.send?.(await new Run(load).result())
})
