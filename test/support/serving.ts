/** Models, servers and clients for the tests of serving. All traffic stays on the loopback interface. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { layers, type Sequential, sequential } from 'neurode'

const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))

/** Makes a temporary folder, which `remove` removes. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'neurode-serving-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** A model whose outputs are all `value`, for any input. */
export function constantModel(value: number, inputs = 4, outputs = 8): Sequential {
  const layer = layers.dense({ units: outputs, kernelInitializer: 'zeros', inputShape: [inputs] })
  const model = sequential([layer])
  model.setWeights([new Array(inputs).fill(new Array(outputs).fill(0)), new Array(outputs).fill(value)])
  return model as unknown as Sequential
}

/** A model of the given sizes with random weights. */
export function randomModel(inputs = 784, units = 64, outputs = 10, seed = 1): Sequential {
  return sequential({
    layers: [
      layers.dense({ units, activation: 'relu', inputShape: [inputs] }),
      layers.dense({ units: outputs, activation: 'softmax' }),
    ],
    seed,
  }) as unknown as Sequential
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every kind
  json(): any
}

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  readonly agent?: Agent
}

/** Sends one request. Unlike fetch, it does not change the path. */
export function ask(url: string, path: string, { method, headers, body, agent }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const options = { hostname, port, path, method: method ?? (body === undefined ? 'GET' : 'POST') }
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const sent = httpRequest({ ...options, headers: { ...length, ...headers }, agent: agent ?? false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const all = Buffer.concat(chunks)
        const { statusCode = 0, headers } = response
        resolve({ status: statusCode, headers, body: all, json: () => JSON.parse(all.toString()) })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/**
 * Resolves once the server has read everything that was sent to it before. Connections are accepted in order, and bytes on an
 * earlier one are read before a later one is answered. It asks twice, since the fast path may hand a connection over.
 */
export async function hasRead(url: string): Promise<void> {
  for (let i = 0; i < 2; i++) await ask(url, '/v2/health/live')
}

/** Reads the value of a metric, of the first worker or of a model. */
export async function metricOf(url: string, name: string, headers = {}): Promise<number> {
  const { body } = await ask(url, '/metrics', { headers })
  return Number(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'm').exec(body.toString())?.[1])
}

/** Resolves once the models of a server have answered this number of requests. */
export async function hasAnswered(url: string, requests: number): Promise<void> {
  while ((await metricOf(url, 'nv_inference_request_success')) < requests);
}

/** The body of a V2 request in JSON. */
export function inferBody(rows: readonly (readonly number[])[], more: object = {}): string {
  const shape = [rows.length, rows[0]?.length ?? 0]
  return JSON.stringify({ inputs: [{ name: 'input', shape, datatype: 'FP32', data: rows.flat() }], ...more })
}

/** The body and headers of a V2 request with a binary tensor. */
export function binaryInfer(rows: Float32Array, width: number, more: object = {}) {
  const shape = [rows.length / width, width]
  const parameters = { binary_data_size: rows.byteLength }
  const header = Buffer.from(
    JSON.stringify({ inputs: [{ name: 'input', shape, datatype: 'FP32', parameters }], ...more }),
  )
  const bytes = Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength)
  return {
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(header.length),
    },
    body: Buffer.concat([header, bytes]),
  }
}

/** Sends bytes unchanged. Returns everything that is received until the connection closes or `until` matches. */
export function exchange(url: string, bytes: string | Buffer, until?: RegExp): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    let received = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text
      if (until?.test(received)) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(received))
    socket.write(bytes)
  })
}

export interface Served {
  readonly url: string
  readonly child: ChildProcess
  /** Everything that the server has logged so far. */
  log(): string
  /** Resolves once the log matches. */
  logged(pattern: RegExp): Promise<void>
  /** Ends the server and returns its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts `neurode serve` as a process and waits until it listens. `wrapper` is a command that starts it. */
export async function startServer(args: readonly string[], wrapper: readonly string[] = []): Promise<Served> {
  const [command = '', ...given] = [...wrapper, process.execPath, main, 'serve', ...args, '--port', '0']
  const child = spawn(command, given, {
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  let text = ''
  const waiting = new Set<() => void>()
  child.stderr?.setEncoding('utf8').on('data', (more: string) => {
    text += more
    for (const look of waiting) look()
  })
  const logged = (pattern: RegExp) => {
    return new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!pattern.test(text) && child.exitCode === null) return
        waiting.delete(look)
        if (pattern.test(text)) resolve()
        else reject(new Error(`it ended before it logged ${pattern}: ${text}`))
      }
      waiting.add(look)
      child.once('close', look)
      look()
    })
  }
  await logged(/listening on /)
  const url = /listening on (\S+)/.exec(text)?.[1] ?? assert.fail(text)
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    const closed = once(child, 'close')
    child.kill(signal)
    const [code] = await closed
    return code as number | null
  }
  return { url, child, log: () => text, logged, stop }
}

/** Runs `clients` loops of requests at the same time until `done`; each loop waits for an answer before its next request. */
export async function loadServer(
  clients: number,
  done: () => boolean,
  once: (agent: Agent, client: number) => Promise<void>,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const loop = async (_: unknown, client: number) => {
    while (!done()) await once(agent, client)
  }
  try {
    await Promise.all(Array.from({ length: clients }, loop))
  } finally {
    agent.destroy()
  }
}

/** A port that nothing listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
