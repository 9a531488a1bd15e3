/** A server of its own: the plugin in a Fastify with limits on connections and times. */

import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { NeurodeError } from '../../base/errors.js'
import { refuseMore } from '../../checks/arity.js'
import { checkInteger, checkOptions, longestMilliseconds, refuse } from '../../checks/validate.js'
import { toPath } from '../../files/paths.js'
import { addServing, refuseUnknownRoutes } from '../http/application.js'
import { hostRule } from '../http/hosts.js'
import { type ClientErrorCode, clientErrors, errorBody, HttpError, jsonType, sendError } from '../http/httpErrors.js'
import type { Timeouts } from '../http/rules.js'
import { pluginOptionNames, type ServePluginOptions, Serving } from '../http/serving.js'
import type { ServeEvent } from '../repository/repository.js'
import { FastPath } from './fastPath.js'
import { OpenConnections } from './openConnections.js'
import { Refusals } from './refusals.js'

/** Options of {@link serve}. */
export interface ServeOptions extends ServePluginOptions {
  /** Address to listen on. Default `127.0.0.1`: this machine alone. */
  readonly host?: string | undefined
  /** Default 8000; 0: a free one. */
  readonly port?: number | undefined
  /** Paths of a key and its certificate (PEM), for HTTPS. */
  readonly tls?: { readonly key: string | URL; readonly cert: string | URL } | undefined
  /** Open connections at most; default 4096. */
  readonly maxConnections?: number | undefined
  /** Milliseconds in which a request has to come in whole; default 30,000. */
  readonly requestTimeoutMs?: number | undefined
  /** Milliseconds in which its headers have to; default 10,000. */
  readonly headersTimeoutMs?: number | undefined
  /** Milliseconds that a connection may be idle between two requests; default 65,000, longer than usual load balancers. */
  readonly keepAliveTimeoutMs?: number | undefined
  /** Milliseconds that {@link InferenceServer.close} waits for requests whose head has come; default 10,000. */
  readonly shutdownTimeoutMs?: number | undefined
  /**
   * Hosts that requests may name in their header `Host`, without ports, besides localhost, loopback addresses and `host`;
   * others get 421. Default: none where it listens on a loopback address, any elsewhere. With `tokens` any is taken.
   */
  readonly allowedHosts?: readonly string[] | undefined
}

/** The names of {@link ServeOptions}. */
export const serveOptionNames = [
  ...pluginOptionNames,
  'host',
  'port',
  'tls',
  'maxConnections',
  'requestTimeoutMs',
  'headersTimeoutMs',
  'keepAliveTimeoutMs',
  'shutdownTimeoutMs',
  'allowedHosts',
] as const

/** Between two looks for connections that are idle while the server closes, in milliseconds. */
const closingMilliseconds = 20

/** A server that runs, made by {@link serve}. */
export interface InferenceServer {
  /** Such as `http://127.0.0.1:8000`. */
  readonly url: string
  readonly host: string
  readonly port: number
  /** Loads models whose files changed, without losing a request. */
  reload(): Promise<void>
  /**
   * Is not ready any more, answers what was asked, then frees everything. Connections on which the head of a request has not
   * come whole end at once, and what is not answered after `shutdownTimeoutMs` is cut off.
   */
  close(): Promise<void>
  /** {@link InferenceServer.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Serves models over HTTP on its own: what `neurode serve` does, in this process.
 *
 * Rejects with `ERR_FILE_NOT_FOUND`, `ERR_FILE_FORMAT`, `ERR_ARGUMENT`, `ERR_DEVICE_UNAVAILABLE`, or the system's error where
 * the address is taken.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 * import { serve } from 'neurode/serve'
 *
 * const model = sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })])
 * const server = await serve({ models: { iris: model }, port: 0 })
 * const answer = await fetch(`${server.url}/v1/models/iris:predict`, {
 *   method: 'POST',
 *   body: JSON.stringify({ instances: [[5.1, 3.5, 1.4, 0.2]] }),
 * })
 * console.log(await answer.json()) // { predictions: [[…]] }
 * await server.close()
 * ```
 */
export function serve(given: ServeOptions): Promise<InferenceServer>
export async function serve(given: ServeOptions, ...more: unknown[]): Promise<InferenceServer> {
  refuseMore(more, 1, 'serve')
  const options = checkOptions(given, serveOptionNames, 'serve')
  const { onEvent = () => {} } = options
  if (typeof onEvent !== 'function') refuse('onEvent', 'a function', onEvent)
  const serving = new Serving(options, onEvent)
  return listen(options, serving)
}

/** The same for what is shared with other workers. */
export async function listen(options: ServeOptions, serving: Serving): Promise<InferenceServer> {
  const { host = '127.0.0.1', port = 8000 } = options
  if (typeof host !== 'string' || host === '') refuse('host', 'an address', host)
  checkInteger(port, 'port', 0, 65_535)
  const times = timeouts(options)
  const maxConnections = checkInteger(options.maxConnections ?? 4096, 'maxConnections')
  const shutdownTimeout = checkInteger(
    options.shutdownTimeoutMs ?? defaultShutdownTimeout,
    'shutdownTimeoutMs',
    0,
    longestMilliseconds,
  )
  const app = await makeApp(options, times)
  let fastPath: FastPath | undefined
  let connections: OpenConnections | undefined
  try {
    refuseUnknownRoutes(app)
    const checkHost = hostRule(app.server, { ...options, host })
    const welcome = (socket: Socket) => connections?.welcome(socket)
    const rules = await addServing(app, serving, options, { checkHost, welcome })
    if (options.tls === undefined) {
      const refuse = (socket: Socket, code: ClientErrorCode) => clientErrorHandler({ code }, socket)
      fastPath = FastPath.open(app.server, { ...rules, ...times, serving, checkHost, refuse })
    }
    const asksTokens = options.tokens !== undefined
    connections = new OpenConnections(app.server, { maxConnections, asksTokens, serving })
    await app.listen({ host, port }).catch((cause: NodeJS.ErrnoException) => {
      const text = `cannot listen on ${host.slice(0, 100)}:${port}: ${refusals[cause.code ?? ''] ?? cause.message}`
      throw new NeurodeError('ERR_ARGUMENT', text, { cause })
    })
  } catch (error) {
    await app.close()
    fastPath?.stop()
    throw error
  }
  const opened = connections
  const address = app.server.address()
  const actualPort = typeof address === 'object' && address !== null ? address.port : port
  let closing: Promise<void> | undefined
  const close = () => {
    serving.draining = true
    closing ??= closeApp(app, opened, fastPath, shutdownTimeout, serving.log)
    return closing
  }
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${actualPort}`,
    host,
    port: actualPort,
    reload: () => serving.repository.reload(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

const refusals: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EACCES: 'this user may not listen there',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'there is no such address',
}

/** In milliseconds. */
export const defaultShutdownTimeout = 10_000

function timeouts(options: ServeOptions): Timeouts {
  const milliseconds = (name: 'requestTimeoutMs' | 'headersTimeoutMs' | 'keepAliveTimeoutMs', otherwise: number) =>
    checkInteger(options[name] ?? otherwise, name, 1, longestMilliseconds)
  const requestTimeout = milliseconds('requestTimeoutMs', 30_000)
  const headersTimeout = Math.min(milliseconds('headersTimeoutMs', 10_000), requestTimeout)
  const keepAliveTimeout = milliseconds('keepAliveTimeoutMs', 65_000)
  return {
    headersTimeout,
    requestTimeout,
    keepAliveTimeout,
    connectionsCheckingInterval: Math.min(1000, headersTimeout),
  }
}

/** node:http keeps this option as a property. */
type HalfOpenServer = FastifyInstance['server'] & { httpAllowHalfOpen: boolean }

async function makeApp(options: ServeOptions, times: Timeouts): Promise<FastifyInstance> {
  const { headersTimeout, requestTimeout, keepAliveTimeout, connectionsCheckingInterval } = times
  const { default: fastify } = await import('fastify')
  const app = fastify({
    http: { headersTimeout, requestTimeout, connectionsCheckingInterval },
    https: await readTls(options.tls),
    requestTimeout,
    // Node waits a second longer than it says.
    keepAliveTimeout: Math.min(keepAliveTimeout, longestMilliseconds - 1000),
    // Connections that were open before the end still get their answer.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler,
    frameworkErrors: (error: Error & { statusCode?: number }, _request: FastifyRequest, reply: FastifyReply) => {
      const status = error.statusCode ?? 400
      sendError(reply, new HttpError(status, `the address: ${error.message.replace(/'.{100,}'/s, 'it')}`))
    },
    onProtoPoisoning: 'ignore',
  } as object) as FastifyInstance
  app.server.headersTimeout = headersTimeout
  // Whoever has said everything still gets an answer.
  ;(app.server as HalfOpenServer).httpAllowHalfOpen = true
  // A second Host is one too many, wherever it stands.
  app.server.maxHeadersCount = 0
  app.server.on('checkExpectation', refuseExpectation)
  return app
}

async function readTls(tls: ServeOptions['tls']): Promise<object | null> {
  if (tls === undefined) return null
  checkOptions(tls, ['key', 'cert'], 'tls')
  const read = (path: string) =>
    readFile(path).catch((error: NodeJS.ErrnoException) => {
      throw new NeurodeError('ERR_FILE_NOT_FOUND', `${path}: cannot be read: ${error.message}`, { cause: error })
    })
  const [key, cert] = await Promise.all([read(toPath(tls.key, 'tls.key')), read(toPath(tls.cert, 'tls.cert'))])
  return { key, cert }
}

/** `Expect` with anything but `100-continue`. */
function refuseExpectation({ headers }: IncomingMessage, response: ServerResponse): void {
  const error = `Expect: expected 100-continue, got ${JSON.stringify(headers.expect)}`
  const body = Buffer.from(errorBody(error))
  response.writeHead(417, { 'content-type': jsonType, 'content-length': body.length, connection: 'close' }).end(body)
}

/** What is not HTTP never becomes a request. */
function clientErrorHandler({ code = '' }: Pick<NodeJS.ErrnoException, 'code'>, socket: Socket): void {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') late.add(socket)
  else refuseSocket(socket, code)
}

/** Thousands may be late at once. */
const late = new Refusals((socket) => refuseSocket(socket, 'ERR_HTTP_REQUEST_TIMEOUT'))

function refuseSocket(socket: Socket, code: string): void {
  if (code === 'ECONNRESET' || !socket.writable || socket.destroyed) return void socket.destroy()
  const [status, message] = Object.hasOwn(clientErrors, code)
    ? clientErrors[code as ClientErrorCode]
    : ['400 Bad Request', 'the request is not HTTP/1.1']
  const body = errorBody(message)
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`
  // A response to an earlier request of this connection may be on its way: then nothing more can be said.
  if (socket.bytesWritten > 0 && hasOpenResponse(socket)) return void socket.destroy()
  socket.end(`${head}Connection: close\r\n\r\n${body}`)
  // Its peer may never end it.
  socket.destroySoon()
}

function hasOpenResponse(socket: Socket): boolean {
  const { _httpMessage: message } = socket as { _httpMessage?: { headersSent: boolean; writableEnded: boolean } | null }
  return message?.headersSent === true && !message.writableEnded
}

/** Ends the connections that nobody waits on, and all that are left once the time is over. */
async function closeApp(
  app: FastifyInstance,
  connections: OpenConnections,
  fastPath: FastPath | undefined,
  shutdownTimeout: number,
  log: (event: ServeEvent) => void,
): Promise<void> {
  const end = performance.now() + shutdownTimeout
  const look = () => {
    fastPath?.closeIdle()
    connections.closeIdle((socket) => fastPath?.holds(socket) ?? false)
    if (performance.now() < end) return
    const count = connections.cut()
    if (count === 0) return
    log({
      level: 'error',
      message: `connections not ended ${shutdownTimeout} ms after closing began, cut off: ${count}`,
    })
  }
  const timer = setInterval(look, closingMilliseconds)
  look()
  try {
    await app.close()
  } finally {
    clearInterval(timer)
    fastPath?.stop()
  }
}
