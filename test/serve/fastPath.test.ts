/** Requests on the fast path: they get the same answers, whatever comes before, between and after them. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { layers, sequential } from 'neurode'
import { type InferenceServer, type ServeOptions, serve } from 'neurode/serve'
import { runChild } from '../support/children.js'
import { Client } from '../support/client.js'
import {
  ask,
  binaryInfer,
  constantModel,
  hasAnswered,
  hasRead,
  inferBody,
  randomModel,
  startServer,
  temporaryFolder,
} from '../support/serving.js'

const isWatched = process.platform !== 'win32'
const infer = '/v2/models/digits/infer'
const rows = [
  [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
  [-1, 2e-3, 0, 1, 5, -0.25],
]
const body = inferBody(rows)

interface Post {
  readonly path?: string
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, string | undefined>>
}

function post({ path = infer, body: sent = body, headers = {} }: Post = {}): Buffer {
  const all = {
    host: 'localhost',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(sent),
    ...headers,
  }
  const fields = Object.entries(all).map(([name, value]) => (value === undefined ? '' : `${name}: ${value}\r\n`))
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${fields.join('')}\r\n`), Buffer.from(sent)])
}

/** A header that only node:http handles. */
const slow = { TE: 'trailers' }

describe('the fast path', function () {
  this.slow(2000)
  const model = randomModel(6, 5, 3)
  let server: InferenceServer
  const clients: Client[] = []
  const open: InferenceServer[] = []

  before(async () => {
    server = await start({ models: { digits: model, constant: constantModel(7) } })
  })
  afterEach(() => {
    for (const client of clients.splice(0)) client.socket.destroy()
  })
  after(async () => {
    for (const each of open) await each.close()
  })

  async function start(options: Omit<ServeOptions, 'models'> & Partial<Pick<ServeOptions, 'models'>>) {
    const made = await serve({ models: { digits: model }, port: 0, device: 'cpu', ...options })
    open.push(made)
    return made
  }

  function client(to = server): Client {
    const made = new Client(to.url)
    clients.push(made)
    return made
  }

  async function fastRequests(of = server, headers = {}): Promise<number> {
    const { body } = await ask(of.url, '/metrics', { headers })
    return Number(/^neurode_fast_path_requests_total\{.*\} (\d+)$/m.exec(body.toString())?.[1])
  }

  const { headers: binaryHeaders, body: binaryBody } = binaryInfer(Float32Array.from(rows.flat()), 6, {
    parameters: { binary_data_output: true },
  })
  const requests: readonly [name: string, request: Post, status: number][] = [
    ['JSON', {}, 200],
    ['JSON with an id', { body: inferBody(rows, { id: 'ä "quoted" id ☃' }) }, 200],
    ['a version', { path: '/v2/models/digits/versions/1/infer' }, 200],
    ['binary tensors', { body: binaryBody, headers: binaryHeaders }, 200],
    ['V1', { path: '/v1/models/digits:predict', body: JSON.stringify({ instances: rows }) }, 200],
    ['V1 and a version', { path: '/v1/models/digits/versions/1:predict', body: JSON.stringify({ inputs: rows }) }, 200],
    ['another type', { headers: { 'content-type': 'text/plain; charset=utf-8' } }, 200],
    ['no such model', { path: '/v2/models/none/infer' }, 404],
    ['no such version', { path: '/v1/models/digits/versions/2:predict' }, 404],
    ['a body that is no JSON', { body: '{"inputs"' }, 400],
    ['an empty body', { body: '' }, 400],
    ['an empty body of no type', { body: '', headers: { 'content-type': undefined } }, 400],
    ['rows of another width', { body: inferBody([[1, 2]]) }, 400],
    ['a tensor that is cut off', { body: binaryBody.subarray(0, -1), headers: binaryHeaders }, 400],
  ]
  for (const [name, request, status] of requests) {
    it(`answers as node:http does: ${name}`, async () => {
      const before = await fastRequests()
      const [fast, other] = [client(), client()]
      fast.send(post(request))
      other.send(post({ ...request, headers: { ...request.headers, ...slow } }))
      const [got, expected] = [await fast.response(), await other.response()]
      assert.equal((await fastRequests()) - before, isWatched ? 1 : 0)
      assert.equal(got.status, status, got.body)
      assert.match(got.headers.date ?? '', /GMT$/)
      assert.deepEqual(
        { ...got, headers: { ...got.headers, date: '' } },
        { ...expected, headers: { ...expected.headers, date: '' } },
      )
    })
  }

  it('asks for a token', async () => {
    const guarded = await start({ tokens: ['secret'] })
    const asks = client(guarded)
    const statuses: number[] = []
    for (const headers of [{}, { Authorization: 'Bearer other' }, { Authorization: 'Bearer secret' }]) {
      asks.send(post({ headers }))
      const { status, headers: answered } = await asks.response()
      if (status === 401) assert.match(answered['www-authenticate'] ?? '', /^Bearer/)
      statuses.push(status)
    }
    assert.deepEqual(statuses, [401, 401, 200])
    const headers = { authorization: 'Bearer secret' }
    assert.equal(await fastRequests(guarded, headers), isWatched ? 3 : 0)
  })

  it('leaves a connection to node:http from the first other request on', async () => {
    const asks = client()
    const before = await fastRequests()
    for (const [request, expected] of [
      [post(), /"outputs"/],
      [post(), /"outputs"/],
      [Buffer.from('GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'), /"live":true/],
      [post(), /"outputs"/],
      [Buffer.from('GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n'), /"error"/],
    ] as const) {
      asks.send(request)
      assert.match((await asks.response()).body, expected)
    }
    assert.equal((await fastRequests()) - before, isWatched ? 2 : 0)
  })

  it('answers requests that come at once in their order', async () => {
    const asks = client()
    const seven = post({ path: '/v2/models/constant/infer', body: inferBody([[1, 2, 3, 4]]) })
    const live = Buffer.from('GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
    asks.send(Buffer.concat([post(), seven, post({ path: '/v2/models/none/infer' }), seven, live, post()]))
    const texts: string[] = []
    for (let i = 0; i < 6; i++) texts.push((await asks.response()).body)
    const expected = [/"digits"/, /"constant"/, /"error"/, /"constant"/, /"live"/, /"digits"/]
    for (const [i, pattern] of expected.entries()) assert.match(texts[i] ?? '', pattern)
  })

  it('takes requests that come in pieces', async () => {
    const whole = post({ body: binaryBody, headers: binaryHeaders })
    const headLength = whole.indexOf('\r\n\r\n') + 4
    const beginning = Array.from({ length: 8 }, (_, i) => i + 1)
    for (const cuts of [
      beginning,
      [headLength - 3, headLength - 2, headLength - 1],
      [headLength],
      [headLength + 10, headLength + 50, whole.length - 1],
    ]) {
      const before = await fastRequests()
      const asks = client()
      for (let request = 0; request < 2; request++) {
        let from = 0
        for (const cut of [...cuts, whole.length]) {
          asks.send(whole.subarray(from, cut))
          from = cut
          await hasRead(server.url)
        }
        assert.equal((await asks.response()).status, 200)
      }
      assert.equal((await fastRequests()) - before, isWatched ? 2 : 0)
    }
  })

  it('leaves other requests that come in pieces to node:http, whole', async () => {
    const asks = client()
    const live = 'GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'
    for (let i = 0; i < 2; i++) {
      for (const piece of ['G', 'ET /v2', live.slice(7, -2)]) {
        asks.send(piece)
        await hasRead(server.url)
      }
      asks.send('\r\n')
      assert.match((await asks.response()).body, /"live":true/)
    }
  })

  it('keeps apart requests that come in pieces at the same time', async () => {
    const seven = post({
      path: '/v1/models/constant/versions/1:predict',
      body: JSON.stringify({ instances: [[1, 2, 3, 4]] }),
    })
    const pairs = [post(), seven, post({ path: '/v2/models/none/infer' })].map((whole) => ({ whole, asks: client() }))
    for (const { whole, asks } of pairs) asks.send(whole.subarray(0, -3))
    await hasRead(server.url)
    for (const { whole, asks } of pairs) asks.send(whole.subarray(-3))
    const expected = [/"model_name":"digits"/, /"predictions":\[\[7,/, /none called \\"none\\"/]
    for (const [i, { asks }] of pairs.entries()) assert.match((await asks.response()).body, expected[i] as RegExp)
  })

  for (const [name, headers] of [
    ['here', {}],
    ['by node:http', slow],
  ] as const) {
    it(`answers whoever has said everything: ${name}`, async () => {
      // The client closes its sending side before the answer comes.
      const asks = client(await start({ maxQueueDelayMicros: 200_000 }))
      asks.socket.end(post({ headers }))
      assert.equal((await asks.response()).status, 200)
      assert.equal(await asks.end(), '')
    })
  }

  for (const name of ['Connection', 'Proxy-Connection']) {
    it(`ends the connection where it is asked to: ${name}`, async () => {
      const asks = client()
      asks.send(post({ headers: { [name]: 'close' } }))
      const { status, headers } = await asks.response()
      assert.deepEqual([status, headers.connection], [200, 'close'])
      assert.equal(await asks.end(), '')
    })
  }

  it('takes bodies of all sizes', async () => {
    const wide = randomModel(1000, 4, 2)
    const large = await start({ models: { wide } })
    const asks = client(large)
    for (const count of [1, 40, 250, 300, 700, 2, 262]) {
      const input = Float32Array.from({ length: count * 1000 }, (_, i) => ((i * 7) % 13) / 13)
      const { headers, body } = binaryInfer(input, 1000, { parameters: { binary_data_output: true } })
      asks.send(post({ path: '/v2/models/wide/infer', headers, body }))
      const response = await asks.response()
      assert.equal(response.status, 200, response.body)
      const bytes = Buffer.from(response.body, 'latin1').subarray(
        Number(response.headers['inference-header-content-length']),
      )
      const got = new Float32Array(Uint8Array.from(bytes).buffer)
      assert.deepEqual(got, (await wide.predict(input)).data, `${count} rows`)
    }
    wide.dispose()
  })

  it('keeps answers for clients that read late', async () => {
    // The answer is larger than the buffers of a connection.
    const broad = sequential([layers.dense({ units: 4000, inputShape: [2] })])
    const large = await start({ models: { broad } })
    const asks = client(large)
    await once(asks.socket, 'connect')
    asks.socket.pause()
    const input = Float32Array.from({ length: 1000 }, (_, i) => i / 500 - 1)
    const { headers, body } = binaryInfer(input, 2, { parameters: { binary_data_output: true } })
    asks.send(post({ path: '/v2/models/broad/infer', headers, body }))
    asks.send(post({ path: '/v2/models/broad/infer', headers, body }))
    await hasAnswered(large.url, 1)
    asks.socket.resume()
    const expected = (await broad.predict(input)).data
    for (let i = 0; i < 2; i++) {
      const { body, headers } = await asks.response()
      const bytes = Buffer.from(body, 'latin1').subarray(Number(headers['inference-header-content-length']))
      assert.deepEqual(new Float32Array(Uint8Array.from(bytes).buffer), expected)
    }
    broad.dispose()
  })

  it('goes on with a connection whose answer was read late', async () => {
    const broad = sequential([layers.dense({ units: 4000, inputShape: [2] })])
    const hasty = await start({ models: { broad }, headersTimeoutMs: 200 })
    const asks = client(hasty)
    await once(asks.socket, 'connect')
    asks.socket.pause()
    const { headers, body } = binaryInfer(new Float32Array(1000), 2, { parameters: { binary_data_output: true } })
    const request = post({ path: '/v2/models/broad/infer', headers, body })
    asks.send(request)
    await sleep(600)
    asks.socket.resume()
    assert.equal((await asks.response()).headers.connection, 'keep-alive')
    await sleep(600)
    asks.send(request)
    assert.equal((await asks.response()).status, 200)
    assert.equal(await fastRequests(hasty), isWatched ? 2 : 0)
    broad.dispose()
  })

  it('outlives clients that leave at any time', async () => {
    const before = await connections()
    const whole = post()
    for (let length = 0; length <= whole.length; length += 7) {
      const asks = client()
      asks.send(whole.subarray(0, length))
      await once(asks.socket, 'connect')
      if (length % 2 === 0) asks.socket.resetAndDestroy()
      else asks.socket.destroy()
    }
    while ((await connections()) > before) await sleep(10)
    const asks = client()
    asks.send(whole)
    assert.equal((await asks.response()).status, 200)
  })

  it('costs a connection one descriptor', async function () {
    if (process.platform !== 'linux') this.skip()
    const folder = temporaryFolder()
    const path = join(folder.path, 'digits.neurode')
    await model.save(path)
    const served = await startServer([path, '--device', 'cpu', '--threads', '1'])
    try {
      const openFiles = () => metric(served.url, 'process_open_fds')
      const before = await openFiles()
      for (let i = 0; i < 20; i++) {
        const asks = new Client(served.url)
        clients.push(asks)
        asks.send(post())
        assert.equal((await asks.response()).status, 200)
      }
      assert.equal((await openFiles()) - before, 20)
    } finally {
      await served.stop()
      folder.remove()
    }
  })

  it('keeps no memory of its largest answer', async () => {
    const { stdout, stderr } = await runChild('large-answer')
    const { grown, answer } = JSON.parse(stdout || assert.fail(stderr))
    assert.ok(grown < answer / 2, `${grown} bytes more after an answer of ${answer}`)
  })

  const connections = () => metric(server.url, 'neurode_connections')

  async function metric(url: string, name: string): Promise<number> {
    const { body } = await ask(url, '/metrics')
    return Number(new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'm').exec(body.toString())?.[1])
  }

  it('ends connections that stay silent, or stop within a request', async () => {
    const hasty = await start({ headersTimeoutMs: 200, requestTimeoutMs: 400, keepAliveTimeoutMs: 300 })
    const [silent, stuck, idle] = [client(hasty), client(hasty), client(hasty)]
    stuck.send(post().subarray(0, -1))
    idle.send(post())
    assert.equal((await idle.response()).status, 200)
    assert.equal(await idle.end(), '')
    for (const late of [silent, stuck]) {
      const { status, body } = await late.response()
      assert.equal(status, 408)
      assert.match(body, /"error"/)
      assert.equal(await late.end(), '')
    }
  })

  it('says that it closes, once it does', async () => {
    const brief = await start({})
    const [idle, busy] = [client(brief), client(brief)]
    for (const asks of [idle, busy]) {
      asks.send(post())
      assert.equal((await asks.response()).headers.connection, 'keep-alive')
    }
    busy.send(post().subarray(0, -1))
    await hasRead(brief.url)
    const closed = brief.close()
    assert.equal(await idle.end(), '')
    busy.send(post().subarray(-1))
    assert.equal((await busy.response()).headers.connection, 'close')
    assert.equal(await busy.end(), '')
    await closed
  })

  it('lets a thread end while connections are open', async () => {
    const source = `
      const { parentPort } = require('node:worker_threads')
      const load = new Function('name', 'return import(name)')
      Promise.all([load('neurode'), load('neurode/serve')]).then(async ([{ layers, sequential }, { serve }]) => {
        const model = sequential([layers.dense({ units: 3, inputShape: [6] })])
        parentPort.postMessage((await serve({ models: { digits: model }, port: 0, device: 'cpu' })).url)
      })`
    const worker = new Worker(source, { eval: true })
    const [url] = (await once(worker, 'message')) as [string]
    const [idle, stuck] = [new Client(url), new Client(url)]
    clients.push(idle, stuck)
    idle.send(post())
    assert.equal((await idle.response()).status, 200)
    stuck.send(post().subarray(0, -1))
    await hasRead(url)
    await worker.terminate()
    assert.deepEqual([await idle.end(), await stuck.end()], ['', ''])
  })
})
