/**
 * The fast path: native code reads and answers requests for inference in their usual form, without node:http. All other
 * requests go to the server of node:http.
 */

import { type Server as HttpServer, STATUS_CODES } from 'node:http'
import type { Server, Socket } from 'node:net'
import { checkBoolean } from '../../checks/validate.js'
import type { NativeConnections, NativeRequestListener } from '../../native/addon.js'
import { native } from '../../native/native.js'
import type { CheckHost } from '../http/hosts.js'
import { type ClientErrorCode, errorBody, type HttpError, jsonType, toHttpError } from '../http/httpErrors.js'
import { answerInference, findModel, type InferenceAnswer } from '../http/inference.js'
import type { RequestRules, Timeouts } from '../http/rules.js'
import type { Serving } from '../http/serving.js'
import { withTensor } from '../protocol/tensors.js'
import { InTurns } from './refusals.js'
import { beforeClose, checksTimeouts, descriptorOf } from './undocumented.js'

export interface FastPathOptions extends RequestRules, Timeouts {
  readonly serving: Serving
  /** If undefined, every host is accepted. */
  readonly checkHost: CheckHost | undefined
  /** Answers a request that did not arrive completely, by the code of Node's error, and ends its connection. */
  readonly refuse: (socket: Socket, code: ClientErrorCode) => void
}

/** In bytes. A larger body takes so long to transfer that the fast path would not shorten its time much. */
const largestBody = 2 ** 20

/** The reason why this server cannot use the fast path, or undefined if it can. `wanted` is the server's option `fastPath`. */
export async function whyNoFastPath(wanted: boolean | undefined, speaksTls = false): Promise<string | undefined> {
  if (!checkBoolean(wanted ?? true, 'fastPath')) return 'it is switched off'
  if (speaksTls) return 'the server speaks TLS'
  if (wanted === undefined && process.env.NEURODE_FAST_PATH === 'off') return 'NEURODE_FAST_PATH=off'
  if (native().Connections === undefined) return 'the event loop cannot watch connections on this system'
  if (!(await checksTimeouts())) return 'Node checks no time-outs of connections that it is handed'
  return undefined
}

/** A connection of the fast path. While native code reads the connection (`isHere`), its socket reads nothing. */
interface Client {
  id: number
  readonly socket: Socket
  isHere: boolean
  /** Whether the token of the next request was already checked, before the body of the request arrived. */
  isAdmitted: boolean
}

export class FastPath {
  readonly #server: HttpServer
  readonly #options: FastPathOptions
  readonly #connections: NativeConnections
  readonly #clients: (Client | undefined)[] = []
  readonly #sockets = new Set<Socket>()
  readonly #timer: NodeJS.Timeout
  /** Ends connections a few at a time, since thousands may end at once. */
  readonly #ends = new InTurns<() => void>((end) => end())
  readonly #keepAlive: string
  /** The header `Date` for responses; the timer renews it. */
  #date = ''

  /**
   * Takes every connection that `door` accepts, paused, and hands a connection over to `server` when another kind of request
   * arrives on it.
   */
  constructor(door: Server, server: HttpServer, options: FastPathOptions) {
    const { Connections } = native()
    if (Connections === undefined) throw new Error('whyNoFastPath was not asked')
    const { arriving, bodyLimit, totalLimit, keepAliveTimeout, connectionsCheckingInterval } = options
    this.#server = server
    this.#options = options
    const limits = { bodyLimit: Math.min(bodyLimit, largestBody), totalLimit }
    this.#connections = new Connections(limits, arriving, {
      admitsHost: (host) => passes(() => options.checkHost?.(host)),
      admitsBody: this.#admitsBody,
      onRequest: this.#onRequest,
      onForeign: (id) => this.#handOver(this.#leave(id)),
      // node:http says what is wrong with the head. One turn hands over a few connections only, since thousands may be cut at
      // once.
      onCutHead: (id) => {
        const client = this.#leave(id)
        this.#ends.add(() => client.socket.destroyed || this.#handOver(client))
      },
      onEnd: (id, isCut) => {
        const { socket } = this.#leave(id)
        const { refuse } = this.#options
        this.#ends.add(isCut ? () => refuse(socket, 'HPE_INVALID_EOF_STATE') : () => socket.destroy())
      },
    })
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeout / 1000)}\r\n`
    this.#look()
    door.on('connection', (socket) => this.#enter(socket))
    this.#timer = setInterval(() => this.#look(), connectionsCheckingInterval).unref()
  }

  /** Ends the connections that have no request in progress. */
  closeIdle(): void {
    for (const id of this.#connections.quiet()) this.#take(id).socket.destroy()
  }

  /** Whether the fast path reads this connection. */
  holds(socket: Socket): boolean {
    return this.#sockets.has(socket)
  }

  /** Stops the timer. Call it after the last connection has ended. */
  stop(): void {
    clearInterval(this.#timer)
  }

  /** Starts to watch a descriptor and gives the number of the connection, or -1 if watching is impossible or memory is short. */
  #watch(fd: number): number {
    try {
      return this.#connections.add(fd)
    } catch {
      return -1
    }
  }

  #enter(socket: Socket): void {
    const client: Client = { id: -1, socket, isHere: false, isAdmitted: false }
    const fd = descriptorOf(socket)
    const mayWatch = fd >= 0 && beforeClose(socket, () => client.isHere && this.#take(client.id))
    const id = mayWatch ? this.#watch(fd) : -1
    if (id < 0) {
      this.#handOver(client)
      return
    }
    Object.assign(client, { id, isHere: true })
    this.#clients[id] = client
    this.#sockets.add(socket)
    socket.on('error', () => {})
  }

  /** Forgets a connection that native code no longer watches, and returns it. */
  #leave(id: number): Client {
    const client = this.#clients[id] as Client
    this.#clients[id] = undefined
    client.isHere = false
    this.#sockets.delete(client.socket)
    return client
  }

  #take(id: number): Client {
    this.#connections.remove(id)
    return this.#leave(id)
  }

  #handOver({ socket }: Client): void {
    this.#server.emit('connection', socket)
    socket.resume()
  }

  #look(): void {
    this.#date = `Date: ${new Date().toUTCString()}\r\n`
    const { headersTimeout, requestTimeout, keepAliveTimeout, refuse } = this.#options
    const end = (limits: [number, number, number], how: (socket: Socket) => void) => {
      for (const id of this.#connections.overdue(...limits)) {
        const client = this.#clients[id] as Client
        this.#ends.add(() => client.isHere && how(this.#take(id).socket))
      }
    }
    end([headersTimeout, requestTimeout, Infinity], (socket) => refuse(socket, 'ERR_HTTP_REQUEST_TIMEOUT'))
    end([Infinity, Infinity, keepAliveTimeout], (socket) => socket.destroy())
  }

  /**
   * Whether native code should wait for the body of a request. The server of node:http answers a request that is refused here;
   * it does not wait for the body either.
   */
  #admitsBody = (
    id: number,
    model: string,
    version: string | undefined,
    authorization: string | undefined,
  ): boolean => {
    const client = this.#clients[id] as Client
    const { authorize, serving } = this.#options
    client.isAdmitted = passes(() => {
      authorize?.(authorization, client.socket)
      findModel(serving.repository, model, version)
    })
    return client.isAdmitted
  }

  #onRequest: NativeRequestListener = (id, isV1, model, version, headerLength, authorization, buffer, begin, end) => {
    const client = this.#clients[id] as Client
    const { authorize, serving } = this.#options
    serving.fastRequests++
    const fail = (error: HttpError) => {
      this.#respond(client, error.status, error.headers, { type: jsonType, json: errorBody(error.message) })
    }
    try {
      if (!client.isAdmitted) authorize?.(authorization, client.socket)
      client.isAdmitted = false
      const served = findModel(serving.repository, model, version)
      const tensorHeaderLength = headerLength < 0 ? undefined : headerLength
      answerInference(
        isV1 ? 'v1' : 'v2',
        served,
        (parse) => parse(buffer.subarray(begin, end), tensorHeaderLength, served),
        { send: (answer) => this.#respond(client, 200, undefined, answer), fail },
      )
    } catch (error) {
      fail(toHttpError(error))
    }
  }

  #respond(
    client: Client,
    status: number,
    headers: Readonly<Record<string, string>> | undefined,
    { type, json, tensor }: InferenceAnswer,
  ): void {
    if (!client.isHere) return
    const isLast = this.#options.serving.draining
    const jsonLength = Buffer.byteLength(json)
    const length = jsonLength + (tensor?.byteLength ?? 0)
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`
    for (const name in headers) head += `${name}: ${headers[name]}\r\n`
    head += `content-type: ${type}\r\n`
    if (tensor !== undefined) head += `inference-header-content-length: ${jsonLength}\r\n`
    head += `content-length: ${length}\r\n${this.#date}${isLast ? 'Connection: close\r\n' : this.#keepAlive}\r\n`
    const { id, socket } = client
    const sent = this.#connections.respond(id, head, json, tensor)
    if (sent < head.length + length) {
      const all = withTensor(head + json, tensor ?? new Float32Array(0))
      socket.write(all.subarray(sent), (error) => {
        if (!client.isHere || error) return
        if (isLast) this.#take(id).socket.destroySoon()
        // The socket itself still watches the descriptor until this callback returns.
        else setImmediate(() => client.isHere && this.#connections.resume(id))
      })
    } else if (isLast) {
      this.#take(id).socket.destroySoon()
    }
  }
}

function passes(check: () => void): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}
