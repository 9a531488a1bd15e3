/** A server of its own: the plugin in a Fastify with limits on connections and times. */

import type { Server, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { NeurodeError } from '../../base/errors.js'
import { refuseMore } from '../../checks/arity.js'
import { checkInteger, checkOptions, longestMilliseconds, refuse } from '../../checks/validate.js'
import { addServing, refuseUnknownRoutes } from '../http/application.js'
import { hostRule } from '../http/hosts.js'
import type { Timeouts } from '../http/rules.js'
import { pluginOptionNames, type ServePluginOptions, Serving } from '../http/serving.js'
import type { ServeEvent } from '../repository/repository.js'
import { FastPath, whyNoFastPath } from './fastPath.js'
import { FrontDoor } from './frontDoor.js'
import { makeApp } from './nodeServer.js'
import { OpenConnections } from './openConnections.js'
import { refuseClients } from './refusals.js'
import { startTimeouts } from './undocumented.js'

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
  /**
   * Whether requests for inference in their usual form are read and answered natively, past node:http: the same answers, in less
   * time. Default: where it can be, unless the environment says `NEURODE_FAST_PATH=off`; with `tls` it cannot.
   */
  readonly fastPath?: boolean | undefined
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
  'fastPath',
] as const

/** Between two looks for connections that are idle while the server closes, in milliseconds. */
const closingMilliseconds = 20

/** A server that runs, made by {@link serve}. */
export interface InferenceServer {
  /** Such as `http://127.0.0.1:8000`. */
  readonly url: string
  readonly host: string
  readonly port: number
  /** Whether requests for inference are answered past node:http, and if not, why. */
  readonly fastPath: { readonly used: boolean; readonly reason?: string | undefined }
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
  const { host = '127.0.0.1', port = 8000, tls } = options
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
  const reason = await whyNoFastPath(options.fastPath, tls !== undefined)
  let fastPath: FastPath | undefined
  let connections: OpenConnections | undefined
  const refuseClient = refuseClients((socket) => connections?.isAnswered(socket) ?? false)
  const app = await makeApp(times, tls, refuseClient)
  const entrance = reason === undefined ? throughDoor(app) : throughNode(app)
  try {
    refuseUnknownRoutes(app)
    const checkHost = hostRule(entrance.server, { ...options, host })
    const welcome = (socket: Socket) => connections?.welcome(socket)
    const rules = await addServing(app, serving, options, { checkHost, welcome })
    if (reason === undefined) {
      const fastPathOptions = { ...rules, ...times, serving, checkHost, refuse: refuseClient }
      fastPath = new FastPath(entrance.server, app.server, fastPathOptions)
    }
    const asksTokens = options.tokens !== undefined
    connections = new OpenConnections(entrance.server, app.server, { maxConnections, asksTokens, serving })
    serving.observe(connections)
    await entrance.listen(host, port).catch((cause: NodeJS.ErrnoException) => {
      const text = `cannot listen on ${host.slice(0, 100)}:${port}: ${refusals[cause.code ?? ''] ?? cause.message}`
      throw new NeurodeError('ERR_ARGUMENT', text, { cause })
    })
  } catch (error) {
    await app.close()
    fastPath?.stop()
    throw error
  }
  const opened = connections
  const address = entrance.server.address()
  const actualPort = typeof address === 'object' && address !== null ? address.port : port
  let closing: Promise<void> | undefined
  const close = () => {
    serving.draining = true
    closing ??= closeAll(entrance, opened, fastPath, shutdownTimeout, serving.log)
    return closing
  }
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${actualPort}`,
    host,
    port: actualPort,
    fastPath: reason === undefined ? { used: true } : { used: false, reason },
    reload: () => serving.repository.reload(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** What accepts the connections. */
interface Entrance {
  readonly server: Server
  listen(host: string, port: number): Promise<void>
  /** Accepts no more. Resolves once all connections have ended and all is freed. */
  close(): Promise<void>
}

/** A front door, which the fast path stands behind; node:http is handed connections. */
function throughDoor(app: FastifyInstance): Entrance {
  const door = new FrontDoor()
  return {
    server: door.server,
    listen: async (host, port) => {
      await app.ready()
      await door.listen(host, port)
      startTimeouts(app.server)
    },
    close: async () => {
      await door.close()
      await app.close()
    },
  }
}

/** node:http itself. */
function throughNode(app: FastifyInstance): Entrance {
  return {
    server: app.server,
    listen: async (host, port) => {
      await app.listen({ host, port })
    },
    close: async () => {
      await app.close()
    },
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

/** Ends the connections that nobody waits on, and all that are left once the time is over. */
async function closeAll(
  entrance: Entrance,
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
    await entrance.close()
  } finally {
    clearInterval(timer)
    fastPath?.stop()
  }
}
