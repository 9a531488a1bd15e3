/**
 * Everything in lib/serve that relies on undocumented behaviour of Node, in one place. Each comment says what it is for, how
 * its presence is checked, and what happens without it. Functions of libuv are documented; native/addon/uv_poll.cc looks them
 * up by name.
 */

import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/**
 * The file descriptor of a connection, which the fast path watches; Node has no documented way to get it. Returns -1 if there
 * is none: then node:http gets the connection.
 */
export function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: unknown } | null }
  return typeof handle?.fd === 'number' ? handle.fd : -1
}

/**
 * Calls `listener` immediately before the socket closes its descriptor: the event loop must have stopped watching it by then.
 * The event `close` comes too late, when another connection may already have the same descriptor. Returns false if this is
 * impossible: then node:http gets the connection.
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
 * Makes a server of node:http check the time-outs of connections that it is handed. Node starts these checks when a server
 * listens, which a server behind a front door never does. If {@link checksTimeouts} gives false, no front door is used.
 */
export function startTimeouts(server: Server): void {
  server.emit('listening')
}

/** The longest wait for the first check of time-outs, in milliseconds: about a hundred times what a working check takes. */
const patience = 1000

let checked: Promise<boolean> | undefined

/** Whether {@link startTimeouts} works. It is tried once per process, with a connection on which no data arrives. */
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
 * Makes node:http answer clients that have already closed their sending side, as the fast path does. Without this setting
 * node:http ends their connections.
 */
export function answerHalfClosed(server: Server): void {
  if ('httpAllowHalfOpen' in server) server.httpAllowHalfOpen = true
}

/**
 * Keeps a closing server of node:http from ending idle connections itself: Node counts a connection as idle as soon as its
 * response has ended, even if it is not all sent, and OpenConnections waits for that. If `close` did not call this method, Node
 * would end the connections early.
 */
export function keepIdleConnections(server: Server): void {
  server.closeIdleConnections = () => {}
}

/**
 * The underlying connection of a TLS socket, which is what the server accepted. Without it a TLS connection that has shown a
 * token would count as one that has not.
 */
export function connectionOf(socket: Socket): Socket {
  const { _parent: parent } = socket as { readonly _parent?: Socket | null }
  return parent ?? socket
}
