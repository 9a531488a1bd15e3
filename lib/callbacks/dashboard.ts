/** The callback that serves a page about a running training, to browsers on the same machine only. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { NeurodeError } from '../base/errors.js'
import { checkInteger, checkOptions, refuse } from '../checks/validate.js'
import type { Callback } from '../training/callbacks.js'
import type { Logs, TrainingContext } from '../training/context.js'
import { dashboardPage } from './dashboardPage.js'

/** Options of {@link callbacks}.dashboard. */
export interface DashboardOptions {
  /** Port on 127.0.0.1; default 0, which chooses a free port. */
  readonly port?: number | undefined
  /** Called with the address of the page when the server listens; a returned promise is awaited. Default: writes it to stderr. */
  readonly onListening?: ((url: string) => unknown) | undefined
}

/** The state that a page gets when it connects; events update it from then on. */
interface State {
  readonly epochs: number
  readonly keys: readonly string[]
  readonly logs: Logs[]
  /** Batches per second of the last ranges of batches. */
  readonly speeds: number[]
}

const mostSpeeds = 600
/** Events about ranges are at least this far apart, in milliseconds, so that several short epochs share one. */
const eventMilliseconds = 100

/**
 * Serves the page from the beginning of a training to its end. The page's address contains a random token, and requests from other
 * pages or with another Host header are refused, so that no web site can read the training or stop it.
 */
export class Dashboard implements Callback {
  /** @internal */
  readonly firstRankOnly = true
  readonly #port: number
  readonly #onListening: (url: string) => unknown
  #server: Server | undefined
  #url: URL | undefined
  #context: TrainingContext | undefined
  #state: State = { epochs: 0, keys: [], logs: [], speeds: [] }
  #streams = new Set<ServerResponse>()
  /** The time at which the current range of batches began, in milliseconds, and its first batch. */
  #range = { time: 0, batch: 0 }
  /** Number of batches, and milliseconds of training, since the last event. */
  #untold = { batches: 0, time: 0 }

  /** @internal */
  constructor(given?: DashboardOptions) {
    const argument = 'callbacks.dashboard'
    const { port = 0, onListening = announce } = checkOptions(given, ['port', 'onListening'], argument)
    this.#port = checkInteger(port, `${argument}: port`, 0)
    if (port > 65_535) refuse(`${argument}: port`, 'a port below 65536', port)
    if (typeof onListening !== 'function') refuse(`${argument}: onListening`, 'a function', onListening)
    this.#onListening = onListening
  }

  /** The address of the page while a training runs. */
  get url(): string | undefined {
    return this.#url?.href
  }

  async onTrainBegin(_logs: Logs, context: TrainingContext): Promise<void> {
    this.#context = context
    this.#state = { epochs: context.epochs, keys: context.keys, logs: [], speeds: [] }
    this.#untold = { batches: 0, time: 0 }
    await this.#listen()
    await this.#onListening(this.url as string)
  }

  onEpochBegin(): void {
    this.#range = { time: performance.now(), batch: 0 }
  }

  onRangeEnd(batch: number, logs: Logs): void {
    const now = performance.now()
    this.#untold.batches += batch + 1 - this.#range.batch
    this.#untold.time += now - this.#range.time
    this.#range = { time: now, batch: batch + 1 }
    if (this.#untold.time < eventMilliseconds) return
    const speed = (1000 * this.#untold.batches) / this.#untold.time
    this.#untold = { batches: 0, time: 0 }
    const { speeds } = this.#state
    speeds.push(speed)
    if (speeds.length > mostSpeeds) speeds.shift()
    this.#send('range', { epoch: this.#state.logs.length, batch: batch + 1, logs, speed })
  }

  onEpochEnd(_epoch: number, logs: Logs): void {
    this.#state.logs.push(logs)
    this.#send('epoch', logs)
  }

  onTrainEnd(): void {
    this.#send('end', {})
  }

  async onTrainClose(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.#url = undefined
    this.#context = undefined
    for (const stream of this.#streams) stream.end()
    this.#streams.clear()
    if (!server) return
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      // A page that does not read its events must not delay the end of the training.
      setTimeout(() => server.closeAllConnections(), 200).unref()
      server.closeIdleConnections()
    })
  }

  async #listen(): Promise<void> {
    const [{ createServer }, { randomBytes }] = [await import('node:http'), await import('node:crypto')]
    const token = randomBytes(16).toString('hex')
    const server = createServer((request, response) => this.#answer(token, request, response))
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        const got = `got ${this.#port} (${(cause as NodeJS.ErrnoException).code})`
        reject(new NeurodeError('ERR_ARGUMENT', `callbacks.dashboard: port: expected a free port, ${got}`, { cause }))
      })
      server.listen(this.#port, '127.0.0.1', resolve)
    })
    server.unref()
    this.#server = server
    this.#url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${token}/`)
  }

  #answer(token: string, request: IncomingMessage, response: ServerResponse): void {
    const url = this.#url
    response.setHeader('Cache-Control', 'no-store')
    response.setHeader('X-Content-Type-Options', 'nosniff')
    response.setHeader('Referrer-Policy', 'no-referrer')
    const routes: Readonly<Record<string, () => void>> = {
      [`GET /${token}/`]: () => sendPage(response, token),
      [`GET /${token}/events`]: () => this.#openStream(response),
      [`POST /${token}/stop`]: () => {
        this.#context?.stop('stopped')
        finish(response, 204)
      },
    }
    const route = routes[`${request.method} ${request.url}`]
    if (!url || !comesFrom(url, request)) finish(response, 403)
    else if (route) route()
    else finish(response, 404)
  }

  #openStream(response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write(formatEvent('begin', this.#state))
    this.#streams.add(response)
    response.on('close', () => this.#streams.delete(response))
  }

  #send(name: string, data: object): void {
    if (this.#streams.size === 0) return
    const text = formatEvent(name, data)
    for (const stream of this.#streams) {
      // A page that reads too slowly misses events about ranges but gets those about epochs.
      if (name !== 'range' || stream.writableLength < 65_536) stream.write(text)
    }
  }
}

/** Whether a request is for this address and comes from this page or from no page. A Host header with a name is refused (DNS rebinding). */
function comesFrom(url: URL, { headers }: IncomingMessage): boolean {
  if (headers.host !== url.host) return false
  if (headers.origin !== undefined && headers.origin !== url.origin) return false
  const site = headers['sec-fetch-site']
  return site === undefined || site === 'same-origin' || site === 'none'
}

function sendPage(response: ServerResponse, nonce: string): void {
  const sources = `script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; img-src data:`
  response.writeHead(200, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': `default-src 'none'; ${sources}; frame-ancestors 'none'`,
  })
  response.end(dashboardPage(nonce))
}

function finish(response: ServerResponse, status: number): void {
  response.writeHead(status)
  response.end()
}

function formatEvent(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

function announce(url: string): void {
  process.stderr.write(`The training is shown on ${url}\n`)
}
