/** A client that writes what it likes on one connection. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A response that is all there. */
export interface Response {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** One connection, and the responses that come on it, in order. */
export class Client {
  readonly socket: Socket
  #received = ''
  /** What came since. */
  #pieces: string[] = []
  #size = 0
  /** What the response has, as far as that is known. */
  #awaited = 0
  #ended = false
  #look = () => {}

  constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.socket = connect({ port: Number(port), host: hostname, noDelay: true })
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.#pieces.push(text)
      this.#size += text.length
      if (this.#size >= this.#awaited) this.#look()
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.#ended = true
      this.#look()
    })
  }

  send(text: string | Buffer): void {
    this.socket.write(text, 'latin1')
  }

  async response(): Promise<Response> {
    for (;;) {
      this.#take()
      const end = this.#received.indexOf('\r\n\r\n')
      const [first = '', ...fields] = this.#received.slice(0, end).split('\r\n')
      const headers = Object.fromEntries(
        fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 2)]),
      )
      const whole = end + 4 + Number(headers['content-length'])
      if (end >= 0) this.#awaited = whole
      if (end >= 0 && this.#received.length >= whole) {
        const body = this.#received.slice(end + 4, whole)
        this.#received = this.#received.slice(whole)
        this.#size -= whole
        this.#awaited = 0
        return { status: Number(first.split(' ')[1]), headers, body }
      }
      assert.ok(!this.#ended, `the connection ended after ${JSON.stringify(this.#received.slice(0, 200))}`)
      await new Promise<void>((resolve) => {
        this.#look = resolve
      })
    }
  }

  /** Resolves with what was not taken as a response once the server has closed. */
  async end(): Promise<string> {
    if (!this.#ended) await once(this.socket, 'close')
    this.#take()
    return this.#received
  }

  #take(): void {
    this.#received += this.#pieces.splice(0).join('')
  }
}
