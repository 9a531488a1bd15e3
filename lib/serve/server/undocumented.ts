/**
 * All that serving takes from Node beyond its documentation, in one place: what for, how it is tried, and what is done without it.
 * The addon has a file of its own for functions of libuv, which are documented and are looked up by name: native/addon/uv_poll.cc.
 */

import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/**
 * The descriptor of a connection, which the fast path watches; Node documents no way to it. -1 where there is none: then
 * node:http gets the connection.
 */
export function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: unknown } | null }
  return typeof handle?.fd === 'number' ? handle.fd : -1
}

/**
 * Calls `listener` right before the socket closes its descriptor, which the event loop must not watch any more by then. The event
 * `close` comes later, when another connection may have the same descriptor. False where that cannot be: then node:http gets the
 * connection.
 */
export function beforeClose(socket: Socket, listener: () => void): boolean {
  const { _destroy: destroy } = socket
  if (typeof destroy !== 'function') return false
  socket._destroy = (error, done) => {
    listener()
    destroy.call(socket, error, done)
  }
  return true
}

/**
 * Has a server of node:http check the time-outs of connections that it is handed. Node starts to check them when a server listens,
 * which one behind a front door never does. Where {@link checksTimeouts} says no, there is no front door.
 */
export function startTimeouts(server: Server): void {
  server.emit('listening')
}

/** What a check of time-outs that works takes a hundred times over, in milliseconds. */
const patience = 1000

let checked: Promise<boolean> | undefined

/** Whether {@link startTimeouts} works: tried once, with a connection on which nothing comes. */
export function checksTimeouts(): Promise<boolean> {
  checked ??= new Promise((resolve) => {
    const server = createServer({ headersTimeout: 1, requestTimeout: 1, connectionsCheckingInterval: 1 })
    const silent = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    const end = (works: boolean) => {
      clearTimeout(timer)
      server.close()
      silent.destroy()
      resolve(works)
    }
    const timer = setTimeout(end, patience, false)
    server.on('clientError', () => end(true))
    startTimeouts(server)
    server.emit('connection', silent)
  })
  return checked
}

/**
 * Lets clients that have said everything still have their answer from node:http, as they do from the fast path. Without it
 * node:http ends their connections.
 */
export function answerHalfClosed(server: Server): void {
  if ('httpAllowHalfOpen' in server) server.httpAllowHalfOpen = true
}

/**
 * Keeps a server that closes from ending connections by itself. For Node an answer that is not all sent is over; OpenConnections
 * knows better. Where `close` did not call this method, Node would end them.
 */
export function keepIdleConnections(server: Server): void {
  server.closeIdleConnections = () => {}
}

/**
 * The connection that a TLS socket was made of: what the server accepted. Without it a TLS connection that has shown a token would
 * count as one that has not.
 */
export function connectionOf(socket: Socket): Socket {
  const { _parent: parent } = socket as { readonly _parent?: Socket | null }
  return parent ?? socket
}
