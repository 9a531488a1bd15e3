/** A client that sends any bytes on one connection and reads the responses. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A complete response. */
export interface Response {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** One connection, and its responses in order. */
export class Client {
  readonly socket: Socket
  #received = ''
  /** Pieces of text that arrived since they were last added to `#received`. */
  #pieces: string[] = []
  #size = 0
  /** The size at which the next response is complete, as far as it is known. */
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

  /** Resolves once the server has closed, with the bytes that are not part of a response. */
  async end(): Promise<string> {
    if (!this.#ended) await once(this.socket, 'close')
    this.#take()
    return this.#received
  }

  #take(): void {
    this.#received += this.#pieces.splice(0).join('')
  }
}
