/** Keeps the list of a server's open connections, limits their number, and ends them when the server closes. */

import { readFileSync } from 'node:fs'
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Serving } from '../http/serving.js'
import { connectionOf, keepIdleConnections } from './undocumented.js'

export interface ConnectionOptions {
  /** The largest number of open connections. */
  readonly maxConnections: number
  /** Whether the server asks for tokens. If it does, connections that have shown no token are closed to make room for others. */
  readonly asksTokens: boolean
  /** Counts and logs the connections beyond the limit. */
  readonly serving: Serving
}

/** The largest number of connections that the system accepts before the server looks at them: Node's default. */
const backlog = 511
/** The shortest time between two log lines about connections beyond the limit, in milliseconds. */
const tellingMilliseconds = 10_000
/** File descriptors that are reserved for other purposes than connections. */
const otherFiles = 96

interface Open {
  /** Responses that are not sent completely yet, of requests whose head has arrived. */
  readonly answers: Set<ServerResponse>
  /** Whether the connection had no request in progress at the last check. */
  wasIdle: boolean
}

export class OpenConnections {
  readonly #serving: Serving
  readonly #asksTokens: boolean
  readonly #most: number
  /** In the order in which the connections were accepted. */
  readonly #open = new Map<Socket, Open>()
  /** Connections that have shown no token yet. */
  readonly #strangers = new Set<Socket>()
  #beyond = 0
  #isTelling = false
  #makesRoom = false

  /**
   * `door` accepts the connections, and `server` answers the requests on them. Construct this object last, after all other
   * listeners of the connections are in place.
   */
  constructor(door: Server, server: HttpServer, options: ConnectionOptions) {
    const { maxConnections, asksTokens, serving } = options
    this.#serving = serving
    this.#asksTokens = asksTokens
    const files = mostOpenFiles()
    const possible = Math.max(files - otherFiles, 2)
    // Connections beyond the limit are accepted first, so that they can show a token before one without a token is closed.
    const waiting = asksTokens ? Math.min(backlog, Math.floor(possible / 2)) : 0
    this.#most = Math.min(maxConnections, possible - waiting)
    door.maxConnections = this.#most + waiting
    if (this.#most < maxConnections) {
      const message = `at most ${this.#most} connections, not ${maxConnections}: a process may open ${files} files here`
      serving.log({ level: 'info', message })
    }
    door.on('connection', (socket) => this.#enter(socket))
    door.on('drop', () => this.#tell(1))
    server.prependListener('request', (request, response) => this.#count(request, response))
    keepIdleConnections(server)
  }

  /** The same method as a server of Node has, for {@link Serving.observe}. */
  getConnections(done: (error: null, count: number) => void): void {
    done(null, this.#open.size)
  }

  /** Whether node:http has sent a part of a response on this connection and not yet all of it. */
  isAnswered(socket: Socket): boolean {
    if (socket.bytesWritten === 0) return false
    const answers = this.#open.get(connectionOf(socket))?.answers ?? []
    return [...answers].some(({ headersSent, writableEnded }) => headersSent && !writableEnded)
  }

  /** Records that the connection has shown a valid token. */
  welcome(socket: Socket): void {
    this.#strangers.delete(connectionOf(socket))
  }

  /**
   * Ends the connections that had no request in progress at two successive checks. `isElsewhere` names the connections that the
   * fast path looks after.
   */
  closeIdle(isElsewhere: (socket: Socket) => boolean): void {
    for (const [socket, open] of this.#open) {
      const isIdle = open.answers.size === 0 && !isElsewhere(socket)
      if (isIdle && open.wasIdle) socket.destroy()
      open.wasIdle = isIdle
    }
  }

  /** Ends all connections and returns their number. */
  cut(): number {
    const sockets = [...this.#open.keys()]
    for (const socket of sockets) this.#end(socket)
    return sockets.length
  }

  #enter(socket: Socket): void {
    this.#open.set(socket, { answers: new Set(), wasIdle: false })
    socket.once('close', () => this.#forget(socket))
    if (!this.#asksTokens) return
    this.#strangers.add(socket)
    if (this.#open.size <= this.#most || this.#makesRoom) return
    this.#makesRoom = true
    // Two turns of the event loop, so that tokens that have already arrived are read first.
    setImmediate(() => setImmediate(() => this.#makeRoom()))
  }

  #makeRoom(): void {
    this.#makesRoom = false
    const before = this.#open.size
    for (const socket of this.#strangers) {
      if (this.#open.size <= this.#most) break
      this.#end(socket)
    }
    for (const socket of [...this.#open.keys()].slice(this.#most)) this.#end(socket)
    this.#tell(before - this.#open.size)
  }

  #end(socket: Socket): void {
    socket.destroy()
    this.#forget(socket)
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket)
    this.#strangers.delete(socket)
  }

  #count({ socket }: IncomingMessage, response: ServerResponse): void {
    const open = this.#open.get(connectionOf(socket))
    if (open === undefined) return
    open.answers.add(response)
    open.wasIdle = false
    response.once('close', () => open.answers.delete(response))
  }

  #tell(count: number): void {
    this.#beyond += count
    this.#serving.refusedConnections += count
    if (this.#isTelling || this.#beyond === 0) return
    const message = `connections beyond the limit of ${this.#most}, closed: ${this.#beyond}`
    this.#serving.log({ level: 'error', message })
    this.#beyond = 0
    this.#isTelling = true
    setTimeout(() => {
      this.#isTelling = false
      this.#tell(0)
    }, tellingMilliseconds).unref()
  }
}

/** The largest number of files that this process may open; Infinity if the system does not tell. */
function mostOpenFiles(): number {
  try {
    return Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity)
  } catch {
    return Infinity
  }
}
