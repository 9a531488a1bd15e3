/** The connections of a server: how many there may be, and how they end. */

import { readFileSync } from 'node:fs'
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Serving } from '../http/serving.js'
import { connectionOf, keepIdleConnections } from './undocumented.js'

export interface ConnectionOptions {
  /** Open connections at most. */
  readonly maxConnections: number
  /** Connections that have shown no token make room for others. */
  readonly asksTokens: boolean
  /** Told of connections that are too many. */
  readonly serving: Serving
}

/** Connections that the system accepts before the server looks at them, at most: Node's default. */
const backlog = 511
/** Between two lines of the log that tell of connections beyond the limit, in milliseconds. */
const tellingMilliseconds = 10_000
/** What the process may open besides connections. */
const otherFiles = 96

interface Open {
  /** To requests whose head is here; those that are not all sent. */
  readonly answers: Set<ServerResponse>
  /** Nothing was asked at the last look. */
  wasIdle: boolean
}

export class OpenConnections {
  readonly #serving: Serving
  readonly #asksTokens: boolean
  readonly #most: number
  /** In the order in which they came. */
  readonly #open = new Map<Socket, Open>()
  /** Those that have shown no token. */
  readonly #strangers = new Set<Socket>()
  #beyond = 0
  #isTelling = false
  #makesRoom = false

  /**
   * `door` accepts the connections, `server` answers requests on them. After everybody else has said what happens to a
   * connection.
   */
  constructor(door: Server, server: HttpServer, options: ConnectionOptions) {
    const { maxConnections, asksTokens, serving } = options
    this.#serving = serving
    this.#asksTokens = asksTokens
    const files = mostOpenFiles()
    const possible = Math.max(files - otherFiles, 2)
    // Whoever waits is let in, and may show a token before one of them has to go.
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

  /** As of a server, for {@link Serving.observe}. */
  getConnections(done: (error: null, count: number) => void): void {
    done(null, this.#open.size)
  }

  /** Whether a part of an answer of node:http is sent, and not all of it written. */
  isAnswered(socket: Socket): boolean {
    if (socket.bytesWritten === 0) return false
    const answers = this.#open.get(connectionOf(socket))?.answers ?? []
    return [...answers].some(({ headersSent, writableEnded }) => headersSent && !writableEnded)
  }

  /** The connection has shown a token. */
  welcome(socket: Socket): void {
    this.#strangers.delete(connectionOf(socket))
  }

  /** Ends connections on which nothing was asked at two looks, apart from those that are looked after elsewhere. */
  closeIdle(isElsewhere: (socket: Socket) => boolean): void {
    for (const [socket, open] of this.#open) {
      const isIdle = open.answers.size === 0 && !isElsewhere(socket)
      if (isIdle && open.wasIdle) socket.destroy()
      open.wasIdle = isIdle
    }
  }

  /** Ends all of them, and gives how many there were. */
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
    // What has come in with the connections is read first.
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

/** Of this process; Infinity where the system does not say. */
function mostOpenFiles(): number {
  try {
    return Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity)
  } catch {
    return Infinity
  }
}
