/** Connections whose requests never become one: what is said to them, and how they end. */

import type { Socket } from 'node:net'
import { type ClientErrorCode, clientErrors, errorBody } from '../http/httpErrors.js'

/** In one turn of the event loop. */
export const mostAtOnce = 8

/** Does something for thousands, a few at a time and in their order: requests are answered between. */
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

/** Handles an error of a client, by the code of Node's error. */
export type RefuseClient = (socket: Socket, code: string) => void

/** `isAnswered` tells whether a part of an answer to an earlier request is sent: then nothing more can be said. */
export function refuseClients(isAnswered: (socket: Socket) => boolean): RefuseClient {
  const refuse = (socket: Socket, code: string) => {
    // Bytes behind a request that asked to close the connection count for nothing: the answer to it is the last.
    if (code === 'HPE_CLOSED_CONNECTION') return
    if (code === 'ECONNRESET' || !socket.writable || isAnswered(socket)) socket.destroy()
    else sayWhy(socket, code)
  }
  // Thousands may be late at once.
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
  // Its peer may never end it.
  socket.destroySoon()
}
