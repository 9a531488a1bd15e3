/** A standalone server: the plugin in a Fastify application of its own, with limits on connections and times. */

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
  /** Address to listen on. Default `127.0.0.1`, which only programs on this machine can reach. */
  readonly host?: string | undefined
  /** Port to listen on. Default 8000; 0 takes any free port. */
  readonly port?: number | undefined
  /** Paths of a private key and its certificate (PEM). With them the server speaks HTTPS. */
  readonly tls?: { readonly key: string | URL; readonly cert: string | URL } | undefined
  /** The largest number of open connections. Default 4096. */
  readonly maxConnections?: number | undefined
  /** Milliseconds within which a complete request has to arrive. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined
  /** Milliseconds within which the head of a request has to arrive. Default 10,000. */
  readonly headersTimeoutMs?: number | undefined
  /**
   * Milliseconds that a connection may be idle between two requests. Default 65,000, which is longer than load balancers
   * usually wait.
   */
  readonly keepAliveTimeoutMs?: number | undefined
  /** Milliseconds that {@link InferenceServer.close} waits for requests whose head has arrived. Default 10,000. */
  readonly shutdownTimeoutMs?: number | undefined
  /**
   * Hosts that requests may name in their header `Host`, without ports, in addition to localhost, loopback addresses and
   * `host`. A request that names another host gets 421. Default: no further hosts if the server listens on a loopback address,
   * and any host otherwise. With `tokens` any host is accepted, and this option is an error.
   */
  readonly allowedHosts?: readonly string[] | undefined
  /**
   * Whether native code reads and answers requests for inference in their usual form, without node:http. The answers are the
   * same and take less time. Default: true where possible, unless the environment has `NEURODE_FAST_PATH=off`. It is not
   * possible with `tls`.
   */
  readonly fastPath?: boolean | undefined
}

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

/** The time between two checks for idle connections while the server closes, in milliseconds. */
const closingMilliseconds = 20

/** A running server, made by {@link serve}. */
export interface InferenceServer {
  /** The address of the server, such as `http://127.0.0.1:8000`. */
  readonly url: string
  readonly host: string
  readonly port: number
  /** Whether native code answers requests for inference, without node:http, and the reason if it does not. */
  readonly fastPath: { readonly used: boolean; readonly reason?: string | undefined }
  /** Loads the models whose files changed. No request is lost. */
  reload(): Promise<void>
  /**
   * Closes the server: it reports that it is not ready, answers the requests that have arrived, and then frees all memory.
   * Connections on which the head of a request is incomplete end at once. Requests that are not answered after
   * `shutdownTimeoutMs` are cut off.
   */
  close(): Promise<void>
  /** Calls {@link InferenceServer.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a standalone HTTP server for models in this process, as the command `neurode serve` does.
 *
 * Rejects with `ERR_FILE_NOT_FOUND`, `ERR_FILE_FORMAT`, `ERR_ARGUMENT` (also if the address is taken) or
 * `ERR_DEVICE_UNAVAILABLE`.
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

/** Starts a server with the given state. A worker passes state that collects the statistics of all workers. */
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

/** The part of a server that accepts connections. */
interface Entrance {
  readonly server: Server
  listen(host: string, port: number): Promise<void>
  /** Accepts no more connections. Resolves once all connections have ended and all memory is freed. */
  close(): Promise<void>
}

/** With the fast path: a {@link FrontDoor} accepts the connections, and node:http is handed some of them. */
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

/** Without the fast path: node:http accepts the connections itself. */
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

/** Closes the entrance, ends idle connections meanwhile, and cuts off all that are left after `shutdownTimeout` milliseconds. */
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
