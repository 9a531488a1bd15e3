/** The head of a request decides: clients that show no token, or that name an unknown model, take nothing from others. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type InferenceServer, type ServeEvent, type ServeOptions, serve } from 'neurode/serve'
import { InTurns, mostAtOnce } from '#lib/serve/server/refusals.js'
import { Client } from '../support/client.js'
import { ask, constantModel, hasRead, inferBody } from '../support/serving.js'

const infer = '/v2/models/m/infer'
const body = inferBody([[1, 2, 3, 4]])
const token = { authorization: 'Bearer secret' }

describe('strangers', function () {
  this.slow(4000)
  this.timeout(60_000)
  let server: InferenceServer | undefined
  const clients: Client[] = []
  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy()
    await server?.close()
    server = undefined
  })
  const start = async (options: Partial<ServeOptions>): Promise<string> => {
    server = await serve({ models: { m: constantModel(1) }, port: 0, device: 'cpu', threads: 1, ...options })
    return server.url
  }
  const client = (url: string) => {
    const made = new Client(url)
    clients.push(made)
    return made
  }

  /** The size of a body, just small enough for the fast path. The clients send all of it but one byte. */
  const size = 2 ** 20 - 1
  const head = (path: string, fields: readonly string[]) => {
    return [`POST ${path} HTTP/1.1`, 'Host: localhost', `Content-Length: ${size}`, ...fields, '', ''].join('\r\n')
  }
  const authorization = 'Authorization: Bearer secret'
  const refused: readonly [name: string, path: string, fields: readonly string[], status: number][] = [
    ['no token', infer, [], 401],
    ['another token', infer, ['Authorization: Bearer other'], 401],
    ['no token, past the fast path', infer, ['TE: trailers'], 401],
    ['no such model', '/v2/models/none/infer', [authorization], 404],
    ['no such version', '/v1/models/m/versions/7:predict', [authorization], 404],
    ['no such model, past the fast path', '/v1/models/none:predict', [authorization, 'TE: trailers'], 404],
    ['another verb', '/v1/models/m:classify', [authorization], 404],
    ['a type that is none', infer, [authorization, 'Content-Type: {}'], 415],
  ]
  for (const [name, path, fields, status] of refused) {
    it(`are answered before their body has come, which is kept nowhere: ${name}`, async () => {
      const url = await start({ tokens: ['secret'], totalBodyLimit: size })
      for (let i = 0; i < 4; i++) {
        const asks = client(url)
        asks.send(head(path, fields))
        assert.equal((await asks.response()).status, status)
        asks.send(Buffer.alloc(size - 1, ' '))
      }
      await hasRead(url)
      const answer = await ask(url, infer, { body, headers: token })
      assert.equal(answer.status, 200, answer.body.toString())
    })
  }

  it('whose body is not whole do not use up what others need', async () => {
    const url = await start({ tokens: ['secret'], totalBodyLimit: size })
    for (let i = 0; i < 4; i++) {
      const asks = client(url)
      asks.send(head(infer, []))
      asks.send(Buffer.alloc(size - 1, ' '))
    }
    await hasRead(url)
    const answer = await ask(url, infer, { body, headers: token })
    assert.equal(answer.status, 200, answer.body.toString())
  })

  it('make room for whoever has a token', async () => {
    const events: ServeEvent[] = []
    const options = { tokens: ['secret'], maxConnections: 64, onEvent: (event: ServeEvent) => events.push(event) }
    const url = await start(options)
    const { hostname, port } = new URL(url)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    assert.equal((await ask(url, infer, { body, headers: token, agent })).status, 200)
    let isOver = false
    const sockets = new Set<Socket>()
    const stranger = async (_: unknown, number: number) => {
      while (!isOver) {
        const socket = connect(Number(port), hostname)
        sockets.add(socket)
        socket.on('error', () => {})
        // Strangers send nothing, a part of a head, or a request without a token.
        if (number % 3 === 1) socket.write('POST ')
        if (number % 3 === 2) socket.write(`GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n`)
        socket.resume()
        await once(socket, 'close')
        sockets.delete(socket)
        await sleep(20)
      }
    }
    const strangers = Array.from({ length: 200 }, stranger)
    await sleep(200)
    for (let i = 0; i < 30; i++) {
      // One request on a new connection, and one on a connection that showed its token long ago.
      assert.equal((await ask(url, infer, { body, headers: token })).status, 200)
      assert.equal((await ask(url, infer, { body, headers: token, agent })).status, 200)
      await sleep(5)
    }
    isOver = true
    for (const socket of sockets) socket.destroy()
    await Promise.all(strangers)
    agent.destroy()
    assert.match(events.map(({ message }) => message).join('\n'), /connections beyond the limit of 64, closed: \d+/)
  })
})

describe('connections whose time is over', () => {
  it('are ended a few at a time, in their order, and all of them', async () => {
    const ended: number[] = []
    const refusals = new InTurns<number>((i) => ended.push(i))
    const all = Array.from({ length: 3 * mostAtOnce + 1 }, (_, i) => i)
    for (const i of all) refusals.add(i)
    for (const turns of [0, 1, 2, 3]) {
      assert.equal(ended.length, turns * mostAtOnce)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(ended, all)
  })
})

describe('the header Host', function () {
  this.slow(2000)
  let server: InferenceServer | undefined
  const clients: Client[] = []
  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy()
    await server?.close()
    server = undefined
  })

  /** The statuses of several requests: one in the usual form, one that only node:http answers, and two of other kinds. */
  async function statuses(options: Partial<ServeOptions>, hosts: readonly string[], fields: readonly string[] = []) {
    server ??= await serve({ models: { m: constantModel(1) }, port: 0, device: 'cpu', threads: 1, ...options })
    const found = new Set<number>()
    for (const [first, sent, ...more] of [
      [`POST ${infer}`, body],
      [`POST ${infer}`, body, 'TE: trailers'],
      ['GET /v2/health/live', ''],
      ['GET /none', ''],
    ] as const) {
      const asks = new Client(server.url)
      clients.push(asks)
      const lines = [...hosts.map((host) => `Host: ${host}`), `Content-Length: ${sent.length}`, ...fields, ...more]
      asks.send(`${first} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${sent}`)
      const { status, body: answer } = await asks.response()
      if (status >= 400) assert.match(answer, /^\{"error":/)
      if (status !== 404) found.add(status)
    }
    return [...found]
  }

  const strange = [
    'elsewhere.example',
    'elsewhere.example:8000',
    '10.0.0.1',
    'localhost.example',
    '127.0.0.1.example',
    'x@localhost',
  ]
  for (const host of strange) {
    it(`may not be ${host} on loopback`, async () => assert.deepEqual(await statuses({}, [host]), [421]))
  }
  for (const host of ['localhost', 'LOCALHOST:1', 'localhost.', '127.0.0.1:8000', '127.1.2.3', '[::1]:80']) {
    it(`may be ${host} on loopback`, async () => assert.deepEqual(await statuses({}, [host]), [200]))
  }

  it('may be what allowedHosts names', async () => {
    const options = { allowedHosts: ['Models.example', '10.0.0.1'] }
    for (const host of ['models.example', 'models.example:80', '10.0.0.1:1', 'localhost']) {
      assert.deepEqual(await statuses(options, [host]), [200], host)
    }
    assert.deepEqual(await statuses(options, ['other.example']), [421])
  })

  it('may be any where tokens are asked for', async () => {
    const options = { tokens: ['secret'] }
    assert.deepEqual(await statuses(options, ['elsewhere.example'], ['Authorization: Bearer secret']), [200])
  })

  it('may be any on other addresses, until hosts are named', async () => {
    const everywhere = { host: '0.0.0.0' }
    assert.deepEqual(await statuses(everywhere, ['elsewhere.example']), [200])
    await server?.close()
    server = undefined
    assert.deepEqual(await statuses({ ...everywhere, allowedHosts: ['m.example'] }, ['elsewhere.example']), [421])
    for (const host of ['m.example', '10.0.0.1:80']) assert.deepEqual(await statuses({}, [host]), [200])
  })

  for (const [name, options, fields] of [
    ['', {}, []],
    [', with a token too', { tokens: ['secret'] }, ['Authorization: Bearer secret']],
  ] as const) {
    it(`comes once${name}`, async () => {
      assert.deepEqual(await statuses(options, ['localhost', 'localhost'], fields), [400])
      assert.deepEqual(await statuses(options, ['localhost', 'elsewhere.example'], fields), [400])
    })
  }

  it('is named without a port in allowedHosts', async () => {
    for (const allowedHosts of [['a:80'], [''], [3], 'a', ['http://a']]) {
      const options = { models: { m: constantModel(1) }, port: 0, allowedHosts: allowedHosts as string[] }
      await assert.rejects(serve(options), { code: 'ERR_ARGUMENT', message: /allowedHosts/ })
    }
  })
})
