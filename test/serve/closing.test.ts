/** Closing a server: requests that have arrived are answered, and no client can delay the end. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { layers, sequential } from 'neurode'
import { type InferenceServer, type ServeEvent, type ServeOptions, serve } from 'neurode/serve'
import { Client } from '../support/client.js'
import { binaryInfer, hasAnswered, hasRead } from '../support/serving.js'

const never = 1e9
/** The answer is larger than the buffers of a connection. */
const [rows, units] = [1000, 8000]
const answerBytes = 4 * rows * units

const { headers, body } = binaryInfer(new Float32Array(2 * rows), 2, { parameters: { binary_data_output: true } })
function request(more: readonly string[] = []): Buffer {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const lines = [
    'POST /v2/models/m/infer HTTP/1.1',
    'Host: localhost',
    `Content-Length: ${body.length}`,
    ...fields,
    ...more,
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body])
}

const ways: readonly [name: string, request: Buffer, options?: Partial<ServeOptions>][] = [
  ['the fast path', request()],
  ['node:http', request(['TE: trailers'])],
  ['node:http alone', request(), { fastPath: false }],
]

describe('a server that closes', function () {
  this.slow(4000)
  this.timeout(60_000)
  const clients: Client[] = []
  afterEach(() => {
    for (const { socket } of clients.splice(0)) socket.destroy()
  })
  const start = async (shutdownTimeoutMs: number, options: Partial<ServeOptions> = {}) => {
    const model = sequential([layers.dense({ units, inputShape: [2] })])
    const events: ServeEvent[] = []
    const onEvent = (event: ServeEvent) => events.push(event)
    const own = { port: 0, device: 'cpu', threads: 1, shutdownTimeoutMs, onEvent } as const
    const server = await serve({ models: { m: model }, ...own, ...options })
    model.dispose()
    return { server, log: () => events.map(({ message }) => message).join('\n') }
  }
  const connect = async (url: string) => {
    const made = new Client(url)
    clients.push(made)
    await once(made.socket, 'connect')
    return made
  }

  /** Begins to close a server that does not cut off requests. Resolves once the server has ended an idle connection. */
  const beginClosing = async ({ url, close }: InferenceServer): Promise<{ readonly closed: Promise<void> }> => {
    const idle = await connect(url)
    idle.send('GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
    assert.equal((await idle.response()).status, 200)
    const closed = close()
    assert.equal(await idle.end(), '')
    return { closed }
  }

  type Unasked = readonly [
    name: string,
    bytes: readonly (string | Buffer)[],
    options?: Partial<ServeOptions> | undefined,
  ]
  const unasked: readonly Unasked[] = [
    ['nothing', []],
    ['a byte of a head', ['P']],
    ['a part of a head', ['POST /v2/models/m/infer HTTP/1.1\r\nHost: loc']],
    ['a part of another head', ['GET /v2 HTTP/1.1\r\nHost: localhost\r\n']],
    ['a part of a head to node:http alone', ['POST /v2/models/m/infer HTTP/1.1\r\nHost: loc'], { fastPath: false }],
    ...ways.map(([name, whole, options]): Unasked => [`a request by ${name}`, [whole], options]),
    ...ways.map(([name, whole, options]): Unasked => {
      return [`a request by ${name} and a part of the next`, [whole, 'POST /v2'], options]
    }),
  ]
  for (const [name, pieces, options] of unasked) {
    it(`ends at once a connection that sent ${name}`, async () => {
      const { server, log } = await start(never, options)
      const asks = await connect(server.url)
      for (const piece of pieces) {
        asks.send(piece)
        if (typeof piece !== 'string') assert.equal((await asks.response()).status, 200)
      }
      await hasRead(server.url)
      await server.close()
      assert.equal(await asks.end(), '')
      assert.doesNotMatch(log(), /cut off/)
    })
  }

  for (const [name, whole, options] of ways) {
    it(`answers a request whose body is on its way: ${name}`, async () => {
      const { server, log } = await start(never, options)
      const asks = await connect(server.url)
      asks.send(whole.subarray(0, -1))
      await hasRead(server.url)
      const { closed } = await beginClosing(server)
      asks.send(whole.subarray(-1))
      const { status, headers } = await asks.response()
      assert.deepEqual([status, headers.connection], [200, 'close'])
      await closed
      assert.doesNotMatch(log(), /cut off/)
    })

    it(`sends an answer that is read late to its end: ${name}`, async () => {
      const { server, log } = await start(never, options)
      const asks = await connect(server.url)
      asks.socket.pause()
      asks.send(whole)
      await hasAnswered(server.url, 1)
      const { closed } = await beginClosing(server)
      asks.socket.resume()
      const { status, body } = await asks.response()
      assert.equal(status, 200)
      assert.ok(body.length > answerBytes)
      await closed
      assert.doesNotMatch(log(), /cut off/)
    })

    it(`cuts off what does not end: ${name}`, async () => {
      const { server, log } = await start(300, options)
      const [stuck, deaf] = [await connect(server.url), await connect(server.url)]
      stuck.send(whole.subarray(0, -1))
      deaf.socket.pause()
      deaf.send(whole)
      await hasRead(server.url)
      await hasAnswered(server.url, 1)
      await server.close()
      assert.match(log(), /connections not ended 300 ms after closing began, cut off: 2/)
      assert.equal(await stuck.end(), '')
    })
  }
})
