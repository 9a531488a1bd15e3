/** Connections whose requests never become one: what is said to them, and how they end. */

import type { Socket } from 'node:net'
import { type ClientErrorCode, clientErrors, errorBody } from '../http/httpErrors.js'

/** In one turn of the event loop. */
export const mostAtOnce = 64

/** Ends connections a few at a time, in their order: others are answered between. */
export class Refusals {
  readonly #refuse: (socket: Socket) => void
  readonly #waiting: Socket[] = []

  constructor(refuse: (socket: Socket) => void) {
    this.#refuse = refuse
  }

  add(socket: Socket): void {
    if (this.#waiting.push(socket) === 1) setImmediate(this.#turn)
  }

  #turn = (): void => {
    for (const socket of this.#waiting.splice(0, mostAtOnce)) this.#refuse(socket)
    if (this.#waiting.length > 0) setImmediate(this.#turn)
  }
}

/** Handles an error of a client, by the code of Node's error. */
export type RefuseClient = (socket: Socket, code: string) => void

/** `isAnswered` tells whether a part of an answer to an earlier request is sent: then nothing more can be said. */
export function refuseClients(isAnswered: (socket: Socket) => boolean): RefuseClient {
  const refuse = (socket: Socket, code: string) => {
    if (code === 'ECONNRESET' || !socket.writable || isAnswered(socket)) socket.destroy()
    else sayWhy(socket, code)
  }
  // Thousands may be late at once.
  const late = new Refusals((socket) => refuse(socket, 'ERR_HTTP_REQUEST_TIMEOUT'))
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
