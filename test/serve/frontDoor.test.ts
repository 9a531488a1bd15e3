/** Properties of a server's connections, whether a front door accepts them or node:http itself; and which of the two does. */

import assert from 'node:assert/strict'
import dns from 'node:dns'
import { once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type InferenceServer, type ServeEvent, type ServeOptions, serve } from 'neurode/serve'
import { beforeClose, checksTimeouts, connectionOf, descriptorOf } from '#lib/serve/server/undocumented.js'
import { runNode } from '../support/children.js'
import { Client } from '../support/client.js'
import { suiteFolder } from '../support/folders.js'
import { ask, constantModel, exchange, hasRead, inferBody, metricOf, startServer } from '../support/serving.js'

const infer = '/v2/models/m/infer'
const body = inferBody([[1, 2, 3, 4]])
const live = 'GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'
const isWatched = process.platform !== 'win32'

function post(fields: readonly string[] = []): string {
  const lines = [`POST ${infer} HTTP/1.1`, 'Host: localhost', `Content-Length: ${body.length}`, ...fields]
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}

/** A request that node:http answers, in both cases. */
const other = post(['TE: trailers'])

const ways: readonly [name: string, options: Partial<ServeOptions>][] = [
  ['a front door', {}],
  ['node:http itself', { fastPath: false }],
]

/** Does `work` while a lookup of all addresses of localhost gives these. */
async function withLocalhost<T>(addresses: readonly string[], work: () => Promise<T>): Promise<T> {
  const found = addresses.map((address) => ({ address, family: 4 }))
  const { lookup } = dns
  const { lookup: lookUp } = dns.promises
  const isAll = (host: string, options: unknown) => host === 'localhost' && (options as { all?: boolean })?.all === true
  const replace = (all: object, one: object) => {
    Object.assign(dns, { lookup: one })
    Object.assign(dns.promises, { lookup: all })
    syncBuiltinESMExports()
  }
  replace(
    async (host: string, options: object) => (isAll(host, options) ? found : lookUp(host, options)),
    (host: string, options: object, done: (error: null, found: object) => void) =>
      isAll(host, options) ? done(null, found) : Reflect.apply(lookup, dns, [host, options, done]),
  )
  try {
    return await work()
  } finally {
    replace(lookUp, lookup)
  }
}

describe('connections of a server', function () {
  this.slow(4000)
  this.timeout(60_000)
  const clients: Client[] = []
  let server: InferenceServer | undefined
  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy()
    await server?.close()
    server = undefined
  })
  const client = (url: string) => {
    const made = new Client(url)
    clients.push(made)
    return made
  }

  for (const [name, way] of ways) {
    describe(`that ${name} accepts`, () => {
      const start = async (options: Partial<ServeOptions> = {}) => {
        const all = { models: { m: constantModel(1) }, port: 0, device: 'cpu', threads: 1, ...way, ...options } as const
        server = await serve(all)
        return server.url
      }

      it('say whether the fast path is used', async () => {
        const url = await start()
        const isFast = way.fastPath !== false && isWatched
        assert.equal(server?.fastPath.used, isFast)
        assert.equal(typeof server?.fastPath.reason, isFast ? 'undefined' : 'string')
        const asks = client(url)
        asks.send(post())
        assert.equal((await asks.response()).status, 200)
        assert.equal(await metricOf(url, 'neurode_fast_path_requests_total'), isFast ? 1 : 0)
      })

      const late: readonly [what: string, before: string, sent: string][] = [
        ['its first head', '', 'GET /v2 HTTP/1.1\r\nHost: loc'],
        ['a later head', live, 'GET /v2 HTTP/1.1\r\nHost: loc'],
        ['its first body', '', other.slice(0, -1)],
        ['a later body', live, other.slice(0, -1)],
      ]
      for (const [what, before, sent] of late) {
        it(`get 408 where ${what} does not come whole in time`, async () => {
          const asks = client(await start({ headersTimeoutMs: 300, requestTimeoutMs: 600 }))
          if (before !== '') {
            asks.send(before)
            assert.equal((await asks.response()).status, 200)
          }
          asks.send(sent)
          const { status, body: said } = await asks.response()
          assert.equal(status, 408)
          assert.match(said, /"error"/)
          assert.equal(await asks.end(), '')
        })
      }

      const broken: readonly [what: string, sent: string, says: RegExp][] = [
        ['no beginning of a head', 'hello', /is not HTTP/],
        ['no beginning of a field', `GET /v2 HTTP/1.1\r\nHost: localhost\r\n: `, /is not HTTP/],
      ]
      for (const [what, sent, says] of broken) {
        it(`get 400 at once for ${what}`, async () => {
          const asks = client(await start())
          asks.send(sent)
          const { status, body: said } = await asks.response()
          assert.equal(status, 400)
          assert.match(said, says)
        })
      }

      it('get 400 where they end within a request', async () => {
        const url = await start()
        for (const sent of ['P', 'GET /v2 HTTP/1.1\r\nHost: loc', post().slice(0, -1), other.slice(0, -1)]) {
          const asks = client(url)
          asks.send(sent)
          await hasRead(url)
          asks.socket.end()
          const { status, body: said } = await asks.response()
          assert.equal(status, 400)
          assert.match(said, /ended before it was whole/)
          assert.equal(await asks.end(), '')
        }
      })

      it('get one answer to a request that asks to close, whatever follows it', async () => {
        const url = await start()
        const closing = (request: string) => request.replace('Host:', 'Connection: close\r\nHost:')
        for (const request of [closing(live), closing(post()), closing(other)]) {
          for (const rest of ['x', live, post()]) {
            const asks = client(url)
            asks.send(request + rest)
            assert.equal((await asks.response()).status, 200)
            assert.equal(await asks.end(), '')
          }
        }
      })

      it('end where nothing is asked for long', async () => {
        const url = await start({ keepAliveTimeoutMs: 300 })
        const ends = async (request: string) => {
          const asks = client(url)
          asks.send(request)
          assert.equal((await asks.response()).headers.connection, 'keep-alive')
          assert.equal(await asks.end(), '')
        }
        await Promise.all([live, post(), other].map(ends))
      })

      it('have a limit, of which log and metrics tell', async () => {
        const events: ServeEvent[] = []
        const url = await start({ maxConnections: 2, onEvent: (event) => events.push(event) })
        const asks = client(url)
        // node:http has the first connection; the fast path, if there is one, has the second.
        asks.send(live)
        assert.equal((await asks.response()).status, 200)
        await once(client(url).socket, 'connect')
        assert.equal(await exchange(url, live), '')
        asks.send('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n')
        const { body: metrics } = await asks.response()
        assert.match(metrics, /^neurode_connections\{.*\} 2$/m)
        assert.match(metrics, /^neurode_connections_refused_total\{.*\} 1$/m)
        assert.ok(events.some(({ message }) => message === 'connections beyond the limit of 2, closed: 1'))
      })

      it('come to the address that the server says', async () => {
        const url = await start()
        const { hostname, port } = new URL(url)
        assert.deepEqual([hostname, Number(port)], [server?.host, server?.port])
        assert.notEqual(server?.port, 0)
        const again = { models: { m: constantModel(1) }, port: Number(port), ...way }
        await assert.rejects(serve(again), { code: 'ERR_ARGUMENT', message: /another program listens there/ })
        const nowhere = { models: { m: constantModel(1) }, host: '192.0.2.1', ...way }
        await assert.rejects(serve(nowhere), { code: 'ERR_ARGUMENT', message: /does not have that address/ })
      })

      it('come to each address of localhost', async () => {
        // On Linux all of 127.0.0.0/8 is this machine; elsewhere localhost has the addresses that it has.
        const localhost = process.platform === 'linux' ? ['127.0.0.1', '127.0.0.2'] : ['127.0.0.1']
        const url = await withLocalhost(localhost, () => start({ host: 'localhost' }))
        const { port } = new URL(url)
        for (const host of localhost) {
          assert.equal((await ask(`http://${host}:${port}`, infer, { body })).status, 200, host)
        }
      })

      it('are no more once the server closes, which answers what was asked', async () => {
        const url = await start({ shutdownTimeoutMs: 1e9 })
        const asks = [post(), other].map((request) => ({ request, on: client(url) }))
        for (const { request, on } of asks) on.send(request.slice(0, -1))
        await hasRead(url)
        const idle = client(url)
        idle.send(live)
        assert.equal((await idle.response()).status, 200)
        const closed = server?.close()
        assert.equal(await idle.end(), '')
        const [error] = await once(connect(Number(new URL(url).port), '127.0.0.1'), 'error')
        assert.equal(error.code, 'ECONNREFUSED')
        for (const { request, on } of asks) {
          on.send(request.slice(-1))
          const { status, headers } = await on.response()
          assert.deepEqual([status, headers.connection], [200, 'close'])
          assert.equal(await on.end(), '')
        }
        await closed
      })
    })
  }

  it('take no option of the fast path that says neither yes nor no', async () => {
    for (const fastPath of [1, 'yes']) {
      const options = { models: { m: constantModel(1) }, port: 0, fastPath: fastPath as unknown as boolean }
      await assert.rejects(serve(options), { code: 'ERR_ARGUMENT', message: /fastPath/ })
    }
  })
})

describe('the way of requests', function () {
  this.slow(10_000)
  this.timeout(60_000)
  if (!isWatched) return
  const folder = suiteFolder()
  let path: string
  const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))
  before(async () => {
    path = join(folder.path, 'm.neurode')
    using model = constantModel(1)
    await model.save(path)
  })

  /** Makes a separate process of Node run this source first. */
  const preloaded = (source: string) => `NODE_OPTIONS=--import=data:text/javascript,${encodeURIComponent(source)}`
  const withoutChecks = preloaded(`
    import { EventEmitter } from 'node:events'
    import { Server } from 'node:http'
    Server.prototype.emit = function (name, ...about) {
      return name === 'listening' && !this.listening ? false : EventEmitter.prototype.emit.call(this, name, ...about)
    }`)
  const withoutDescriptors = preloaded(`
    Object.defineProperty(process.binding('tcp_wrap').TCP.prototype, 'fd', { get: () => undefined })`)

  const ways: readonly [name: string, environment: string, args: readonly string[], says: string, fast: number][] = [
    ['the fast path', 'X=', [], 'fast path on', 1],
    ['the fast path, in workers', 'X=', ['--workers', '2'], 'fast path on', 1],
    ['none, by an option', 'X=', ['--no-fast-path'], 'fast path off: it is switched off', 0],
    ['none, by an option, in workers', 'X=', ['--no-fast-path', '--workers', '2'], 'fast path off: it is', 0],
    ['none, by the environment', 'NEURODE_FAST_PATH=off', [], 'fast path off: NEURODE_FAST_PATH=off', 0],
    ['none, without time-outs', withoutChecks, [], 'fast path off: Node checks no time-outs', 0],
    ['none, without descriptors', withoutDescriptors, [], 'fast path on', 0],
  ]
  for (const [name, environment, args, says, fast] of ways) {
    it(`is logged at the start: ${name}`, async () => {
      const served = await startServer([path, '--device', 'cpu', '--threads', '1', ...args], ['env', environment])
      try {
        assert.match(served.log(), new RegExp(`listening on http://127.0.0.1:\\d+( with 2 workers)? \\(${says}`))
        const asks = new Client(served.url)
        asks.send(post())
        assert.equal((await asks.response()).status, 200)
        asks.socket.destroy()
        const metrics = (await ask(served.url, '/metrics')).body.toString()
        const counts = [...metrics.matchAll(/^neurode_fast_path_requests_total\{.*\} (\d+)$/gm)].map(([, n]) =>
          Number(n),
        )
        assert.equal(
          counts.reduce((sum, count) => sum + count, 0),
          fast,
        )
        assert.equal(await served.stop(), 0, served.log())
      } finally {
        await served.stop('SIGKILL')
      }
    })
  }

  it('is what the doctor says', async () => {
    for (const [value, found, row] of [
      ['', { found: true }, /\nfast path of servers {2,}on\n/],
      [
        'off',
        { found: false, reason: 'NEURODE_FAST_PATH=off' },
        /\nfast path of servers {2,}off: NEURODE_FAST_PATH=off\n/,
      ],
    ] as const) {
      const environment = { NEURODE_FAST_PATH: value, NEURODE_CUDA: 'off' }
      const { stdout } = await runNode([main, 'doctor', '--json'], environment)
      assert.deepEqual(JSON.parse(stdout).fastPath, found)
      assert.match((await runNode([main, 'doctor'], environment)).stdout, row)
    }
  })
})

describe('what Node does not document', () => {
  it('is there in this version', async () => {
    assert.equal(await checksTimeouts(), true)
    if (!isWatched) return
    const door = createServer().listen(0, '127.0.0.1')
    await once(door, 'listening')
    const socket = connect((door.address() as AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    assert.ok(descriptorOf(socket) >= 0)
    let count = 0
    assert.equal(
      beforeClose(socket, () => count++),
      true,
    )
    socket.destroy()
    assert.equal(count, 1)
    await once(socket, 'close')
    door.close()
  })

  it('is done without where it is missing', () => {
    for (const socket of [{}, { _handle: null }, { _handle: {} }]) assert.equal(descriptorOf(socket as Socket), -1)
    assert.equal(
      beforeClose({} as Socket, () => {}),
      false,
    )
    const socket = {} as Socket
    assert.equal(connectionOf(socket), socket)
  })
})
