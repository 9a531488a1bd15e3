/** Connections whose time is over, ended a few at a time: others are answered between. */

import type { Socket } from 'node:net'

/** In one turn of the event loop. */
export const mostAtOnce = 64

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
