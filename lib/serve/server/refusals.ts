/** Answers clients whose bytes never become a complete HTTP request, and ends their connections. */

import type { Socket } from 'node:net'
import { type ClientErrorCode, clientErrors, errorBody } from '../http/httpErrors.js'

/** The number of items that {@link InTurns} handles in one turn of the event loop. */
export const mostAtOnce = 8

/** Handles many items in order, a few in each turn of the event loop, so that requests are answered in between. */
export class InTurns<T> {
  readonly #run: (item: T) => void
  #waiting: T[] = []
  #done = 0

  constructor(run: (item: T) => void) {
    this.#run = run
  }

  add(item: T): void {
    if (this.#waiting.push(item) === 1) setImmediate(this.#turn)
  }

  #turn = (): void => {
    const end = Math.min(this.#done + mostAtOnce, this.#waiting.length)
    while (this.#done < end) this.#run(this.#waiting[this.#done++] as T)
    if (end < this.#waiting.length) {
      setImmediate(this.#turn)
    } else {
      this.#waiting = []
      this.#done = 0
    }
  }
}

/** Handles an error of a client's connection. `code` is the code of Node's error. */
export type RefuseClient = (socket: Socket, code: string) => void

/**
 * Makes the handler of client errors. `isAnswered` tells whether a part of an earlier response is sent already: then no error
 * can be sent any more, and the connection just ends.
 */
export function refuseClients(isAnswered: (socket: Socket) => boolean): RefuseClient {
  const refuse = (socket: Socket, code: string) => {
    // Bytes behind a request that asked to close the connection count for nothing: the answer to it is the last.
    if (code === 'HPE_CLOSED_CONNECTION') return
    if (code === 'ECONNRESET' || !socket.writable || isAnswered(socket)) socket.destroy()
    else sayWhy(socket, code)
  }
  // A few at a time, since thousands of connections may time out at once.
  const late = new InTurns<Socket>((socket) => refuse(socket, 'ERR_HTTP_REQUEST_TIMEOUT'))
  return (socket, code) => {
    if (code === 'ERR_HTTP_REQUEST_TIMEOUT') late.add(socket)
    else refuse(socket, code)
  }
}

function sayWhy(socket: Socket, code: string): void {
  const [status, message] = Object.hasOwn(clientErrors, code)
    ? clientErrors[code as ClientErrorCode]
    : ['400 Bad Request', 'the request is not HTTP/1.1']
  const body = errorBody(message)
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`
  socket.end(`${head}Connection: close\r\n\r\n${body}`)
  // The client may never close its side of the connection.
  socket.destroySoon()
}
