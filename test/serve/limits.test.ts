/** The protection of a server: tokens, TLS, limits of time and size, and its behaviour under more load than it can handle. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent as PlainAgent } from 'node:http'
import { Agent, get as httpsGet } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'
import { type InferenceServer, type ServeEvent, type ServeOptions, serve, servePlugin } from 'neurode/serve'
import { overload } from '../support/overload.js'
import { ask, constantModel, exchange, inferBody, startServer, temporaryFolder } from '../support/serving.js'

const infer = '/v2/models/m/infer'
const body = inferBody([[1, 2, 3, 4]])

describe('limits of a server', function () {
  this.slow(4000)
  let server: InferenceServer | undefined
  afterEach(async () => {
    await server?.close()
    server = undefined
  })
  const start = async (options: Partial<ServeOptions>): Promise<string> => {
    server = await serve({ models: { m: constantModel(1) }, port: 0, device: 'cpu', threads: 1, ...options })
    return server.url
  }

  describe('tokens', () => {
    const url = () => start({ tokens: ['first-token', 'second/token=='] })
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

    it('let in who has one', async () => {
      const at = await url()
      for (const token of ['first-token', 'second/token==']) {
        assert.equal((await ask(at, infer, { body, headers: bearer(token) })).status, 200)
      }
      assert.equal((await ask(at, '/metrics', { headers: { authorization: 'bearer  first-token' } })).status, 200)
    })

    const headers: Readonly<Record<string, Record<string, string>>> = {
      'no header': {},
      'another token': bearer('third'),
      'a part of a token': bearer('first-toke'),
      'a longer token': bearer('first-token1'),
      'an empty token': { authorization: 'Bearer ' },
      'another scheme': { authorization: 'Basic first-token' },
      'two tokens': bearer('first-token second/token=='),
    }
    for (const [name, given] of Object.entries(headers)) {
      it(`answer 401 to ${name}`, async () => {
        const at = await url()
        for (const path of [
          infer,
          '/v1/models/m:predict',
          '/v2',
          '/v2/models/m',
          '/metrics',
          '/v2/models/stats',
          '/none',
        ]) {
          const asked = path.endsWith('infer') || path.endsWith('predict') ? { body } : {}
          const answer = await ask(at, path, { ...asked, headers: given })
          assert.equal(answer.status, 401, path)
          assert.match(String(answer.headers['www-authenticate']), /^Bearer realm="neurode"/)
          assert.match(answer.json().error, /Authorization/)
        }
      })
    }

    it('are not asked for by probes and the page', async () => {
      const at = await url()
      for (const path of ['/v2/health/live', '/v2/health/ready', '/']) assert.equal((await ask(at, path)).status, 200)
    })

    it('cannot hold what a header cannot', async () => {
      await assert.rejects(start({ tokens: ['two words'] }), { code: 'ERR_ARGUMENT' })
    })
  })

  it('TLS: answers over HTTPS', async function () {
    const folder = temporaryFolder()
    try {
      const [key, cert] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')]
      const options = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
      const made = spawnSync('openssl', [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        key,
        '-out',
        cert,
        ...options,
      ])
      if (made.status !== 0) {
        if (this.test) this.test.title += ' (openssl is not there to make a certificate)'
        this.skip()
      }
      const url = await start({ tls: { key, cert } })
      assert.match(url, /^https:/)
      const [response] = await once(httpsGet(`${url}/v2/health/ready`, { ca: readFileSync(cert) }), 'response')
      assert.equal(response.statusCode, 200)
      response.destroy()
      await server?.close()

      // A connection that has shown a token stays open, whichever others come, and silent connections do not delay closing.
      const guarded = await start({ tls: { key, cert }, tokens: ['secret'], maxConnections: 3, shutdownTimeoutMs: 1e9 })
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: readFileSync(cert) })
      const { port, hostname } = new URL(guarded)
      const status = async () => {
        const [answer] = await once(
          httpsGet(`${guarded}/v2`, { agent, headers: { authorization: 'Bearer secret' } }),
          'response',
        )
        answer.resume()
        await once(answer, 'end')
        return [answer.statusCode, answer.req.reusedSocket]
      }
      assert.deepEqual(await status(), [200, false])
      const strangers = Array.from({ length: 8 }, () => connect(Number(port), hostname))
      await Promise.all(strangers.slice(0, 5).map((socket) => once(socket.resume(), 'close')))
      assert.deepEqual(await status(), [200, true])
      await server?.close()
      agent.destroy()
      for (const socket of strangers) socket.destroy()

      await assert.rejects(start({ tls: { key: join(folder.path, 'none'), cert } }), { code: 'ERR_FILE_NOT_FOUND' })
      writeFileSync(key, 'no key')
      await assert.rejects(start({ tls: { key, cert } }))
    } finally {
      folder.remove()
    }
  })

  it('headers that do not come in time end with 408', async () => {
    const url = await start({ headersTimeoutMs: 300, requestTimeoutMs: 500 })
    const answer = await exchange(url, 'GET /v2 HTTP/1.1\r\nHost: localhost\r\n')
    assert.match(answer, /^HTTP\/1\.1 408 .*\{"error":/s)
  })

  it('a body that does not come in time ends with 408, and others are answered meanwhile', async () => {
    const url = await start({ headersTimeoutMs: 300, requestTimeoutMs: 600 })
    const slow = exchange(url, `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{"inputs"`)
    assert.equal((await ask(url, infer, { body })).status, 200)
    assert.match(await slow, /^HTTP\/1\.1 408 .*\{"error":/s)
  })

  it('connections that are refused are ended, whether their peers end them or not', async () => {
    const url = await start({ headersTimeoutMs: 200, requestTimeoutMs: 400, keepAliveTimeoutMs: 300 })
    const { hostname, port } = new URL(url)
    const head = `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n`
    const sockets = ['', 'POST', `${head}\r\n{`, `${head}TE: trailers\r\n\r\n{`, 'hello\r\n\r\n'].map((text) => {
      const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true }).on('error', () => {})
      socket.write(text)
      return socket.resume()
    })
    await Promise.all(sockets.map((socket) => once(socket, 'end')))
    let connections = Number.NaN
    while (connections !== 1) {
      const { body: metrics } = await ask(url, '/metrics', { headers: { connection: 'close' } })
      connections = Number(/^neurode_connections\{worker="1"\} (\d+)$/m.exec(metrics.toString())?.[1])
      await sleep(20)
    }
    for (const socket of sockets) socket.destroy()
  })

  it('bodies that are too large are refused before they are read', async () => {
    const url = await start({ bodyLimit: 1000 })
    const answer = await exchange(
      url,
      `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n`,
    )
    assert.match(answer, /^HTTP\/1\.1 413 .*\{"error":/s)
    const piece = `3e8\r\n${' '.repeat(1000)}\r\n`
    const chunked = `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${piece}${piece}`
    assert.match(await exchange(url, chunked), /^HTTP\/1\.1 413 .*\{"error":/s)
  })

  it('bodies on their way in share a limit', async () => {
    const url = await start({ totalBodyLimit: 100 })
    const { hostname, port } = new URL(url)
    const slow = connect(Number(port), hostname)
    slow.write(`POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n${' '.repeat(200)}`)
    let answer = await ask(url, infer, { body })
    while (answer.status === 200) answer = await ask(url, infer, { body })
    assert.equal(answer.status, 503)
    assert.equal(answer.headers['retry-after'], '1')
    slow.destroy()
    while (answer.status === 503) answer = await ask(url, infer, { body })
    assert.equal(answer.status, 200)
  })

  it('connections have a limit, of which the log tells', async () => {
    const events: ServeEvent[] = []
    const url = await start({ maxConnections: 2, onEvent: (event) => events.push(event) })
    const { hostname, port } = new URL(url)
    const open = [1, 2].map(() => connect(Number(port), hostname))
    await Promise.all(open.map((socket) => once(socket, 'connect')))
    assert.equal(await exchange(url, 'GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n'), '')
    const said = events.filter(({ level }) => level === 'error').map(({ message }) => message)
    assert.deepEqual(said, ['connections beyond the limit of 2, closed: 1'])
    for (const socket of open) socket.destroy()
    let refused: string | undefined
    while (refused === undefined) {
      const metrics = await ask(url, '/metrics').catch(() => undefined)
      refused = /^neurode_connections_refused_total\{worker="1"\} (\d+)$/m.exec(metrics?.body.toString() ?? '')?.[1]
    }
    assert.ok(Number(refused) >= 1, refused)
  })

  for (const tokens of [undefined, ['secret']]) {
    const who = tokens === undefined ? '' : ', and of strangers'
    it(`connections${who} have a limit that the descriptors of the process allow`, async function () {
      if (process.platform !== 'linux') this.skip()
      const folder = temporaryFolder()
      const [path, file] = [join(folder.path, 'm.neurode'), join(folder.path, 'tokens')]
      using model = constantModel(1)
      await model.save(path)
      writeFileSync(file, 'secret\n')
      const options = tokens === undefined ? [] : ['--token-file', file]
      const served = await startServer(
        [path, '--device', 'cpu', '--threads', '1', ...options],
        ['prlimit', '--nofile=192'],
      )
      const { hostname, port } = new URL(served.url)
      const open = Array.from({ length: 300 }, () => connect(Number(port), hostname).on('error', () => {}))
      try {
        assert.match(served.log(), /at most \d+ connections, not 4096: a process may open 192 files here/)
        await served.logged(/connections beyond the limit of \d+, closed: \d+/)
        for (const socket of open.slice(0, 150)) socket.destroy()
        if (tokens === undefined) for (const socket of open) socket.destroy()
        const headers = { authorization: 'Bearer secret' }
        let answer = await ask(served.url, infer, { body, headers }).catch(() => undefined)
        while (tokens === undefined && answer === undefined) {
          answer = await ask(served.url, infer, { body, headers }).catch(() => undefined)
        }
        assert.equal(answer?.status, 200, served.log())
      } finally {
        for (const socket of open) socket.destroy()
        await served.stop()
        folder.remove()
      }
    })
  }

  it('times may be as long as timers know, and no longer', async () => {
    const names = [
      'requestTimeoutMs',
      'headersTimeoutMs',
      'keepAliveTimeoutMs',
      'shutdownTimeoutMs',
      'timeoutMs',
    ] as const
    const longest = 2 ** 31 - 1
    for (const name of names) {
      for (const value of [longest + 1, 2 ** 32, 1e15, Infinity, Number.NaN, -1]) {
        await assert.rejects(start({ [name]: value }), { code: 'ERR_ARGUMENT', message: new RegExp(name) })
      }
    }
    const warnings: Error[] = []
    const listener = (warning: Error) => warnings.push(warning)
    process.on('warning', listener)
    try {
      const url = await start({
        ...Object.fromEntries(names.map((name) => [name, longest])),
        maxQueueDelayMicros: 1000,
      })
      for (const headers of [{}, { TE: 'trailers' }]) {
        const agent = new PlainAgent({ keepAlive: true })
        for (let i = 0; i < 2; i++) assert.equal((await ask(url, infer, { body, headers, agent })).status, 200)
        await sleep(50)
        assert.equal((await ask(url, infer, { body, headers, agent })).status, 200)
        agent.destroy()
      }
      await server?.close()
      assert.deepEqual(warnings, [])
    } finally {
      process.off('warning', listener)
    }
  })

  it('headers have a limit', async () => {
    const url = await start({})
    const answer = await exchange(url, `GET /v2 HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 431 .*\{"error":/s)
  })

  it('what is not HTTP gets 400', async () => {
    const url = await start({})
    assert.match(await exchange(url, 'hello\r\n\r\n'), /^HTTP\/1\.1 400 .*\{"error":/s)
  })

  describe('rows of a request', () => {
    const rows = (count: number, width: number) => Array.from({ length: count }, () => new Array(width).fill(1))
    const flat = (count: number, width: number) => {
      const data = new Array(count * width).fill(1)
      return JSON.stringify({ inputs: [{ name: 'input', shape: [count, width], datatype: 'FP32', data }] })
    }
    /** Headers of requests on the fast path and through node:http. */
    const ways: readonly Record<string, string>[] = [{}, { 'content-encoding': 'identity' }]
    const refusedWith = async (url: string, count: number, width: number, limit: string) => {
      const wanted = `expected at most ${limit}, got ${count}`
      for (const headers of ways) {
        for (const [path, asked, place] of [
          [infer, flat(count, width), 'inputs[0].shape'],
          [infer, inferBody(rows(count, width)), 'inputs[0].shape'],
          ['/v1/models/m:predict', JSON.stringify({ instances: rows(count, width) }), 'instances'],
          ['/v1/models/m:predict', JSON.stringify({ inputs: rows(count, width) }), 'inputs'],
        ] as const) {
          const answer = await ask(url, path, { body: asked, headers })
          assert.deepEqual([answer.status, answer.json().error], [400, `${place}: ${wanted}`])
        }
      }
    }

    it('have a limit that the error names, whatever the width and however many there are', async () => {
      for (const width of [1, 3]) {
        const url = await start({ models: { m: constantModel(1, width, 1) } })
        assert.equal((await ask(url, infer, { body: flat(4096, width) })).status, 200)
        for (const count of [4097, 5000, 6000]) await refusedWith(url, count, width, '4096 rows (maxRows)')
        await server?.close()
      }
    })

    it('have the limit that serve is given, for which the queue has room', async () => {
      const url = await start({ models: { m: constantModel(1, 1, 1) }, maxRows: 5000 })
      assert.equal((await ask(url, infer, { body: flat(5000, 1) })).status, 200)
      await refusedWith(url, 5001, 1, '5000 rows (maxRows)')
      await assert.rejects(start({ maxRows: 0 }), { code: 'ERR_ARGUMENT', message: /maxRows: expected/ })
    })

    it("have the queue's limit where that is less, and the error says so", async () => {
      const limit = "32 rows (maxQueueSize, the queue's size)"
      await refusedWith(await start({ maxQueueSize: 32 }), 33, 4, limit)
      await server?.close()
      await refusedWith(await start({ maxBatchSize: 2 }), 100, 4, limit)
      await server?.close()
      await refusedWith(await start({ maxQueueSize: 32, maxRows: 64 }), 100, 4, limit)
    })
  })

  it('a full queue answers 503 with Retry-After, and later all is well', async () => {
    const url = await start({ maxQueueDelayMicros: 200_000, maxQueueSize: 8 })
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask(url, infer, { body })))
    const refused = answers.filter(({ status }) => status === 503)
    assert.ok(refused.length > 0 && refused.length < 60, `${refused.length} of 60 were refused`)
    for (const { headers, json } of refused) {
      assert.equal(headers['retry-after'], '1')
      assert.match(json().error, /queue is full/)
    }
    assert.equal((await ask(url, infer, { body })).status, 200)
    const metrics = (await ask(url, '/metrics')).body.toString()
    assert.match(metrics, new RegExp(`reason="REJECTED"\\} ${refused.length}\n`))
  })

  it('twice the load that it bears: the surplus gets 503, the others their answer in time, and memory stays', async function () {
    const seconds = Number(process.env.NEURODE_OVERLOAD_SECONDS ?? 3)
    this.slow(60_000)
    const { accepted, refused, other, p99, deadline, grownBytes, before, after } = await overload(seconds)
    console.log(
      `      ${seconds} s: ${accepted} accepted (p99 ${p99.toFixed(0)} ms, deadline ${deadline} ms), ${refused} refused; ` +
        `${before.toFixed(0)} requests/s before and ${after.toFixed(0)} after; memory ${(grownBytes / 2 ** 20).toFixed(1)} MiB more`,
    )
    assert.equal(other, 0, 'answers that are neither 200 nor 503 with Retry-After, or wrong')
    assert.ok(accepted > 0 && refused > 0, `${accepted} accepted, ${refused} refused`)
    assert.ok(grownBytes < 64 * 2 ** 20, `${grownBytes} bytes more`)
  })

  it('the plugin serves below its prefix in an application of its user, whose routes stay as they are', async () => {
    const app = fastify()
    app.post('/echo', async (request) => request.body)
    await app.register(servePlugin, { prefix: '/models', models: { m: constantModel(3) }, device: 'cpu', threads: 1 })
    const echoed = await app.inject({ method: 'POST', url: '/echo', payload: { a: 1 } })
    assert.deepEqual(echoed.json(), { a: 1 })
    const answer = await app.inject({ method: 'POST', url: `/models${infer}`, payload: JSON.parse(body) })
    assert.equal(answer.json().outputs[0].data[0], 3)
    // The memory of the payload belongs to the sender.
    const payload = Buffer.from(new TextEncoder().encode(body).buffer)
    assert.equal((await app.inject({ method: 'POST', url: `/models${infer}`, payload })).statusCode, 200)
    assert.equal(payload.toString(), body)
    assert.equal((await app.inject('/models/v2/models/none')).json().error, 'model: there is none called "none"')
    const moved = await app.inject('/models')
    assert.deepEqual([moved.statusCode, moved.headers.location], [308, './models/'])
    assert.match((await app.inject('/models/')).body, /^<!doctype html>/)
    await app.close()
  })

  it('options that do not exist are named', async () => {
    await assert.rejects(start({ maxBatch: 3 } as object), { code: 'ERR_UNKNOWN_NAME', message: /maxBatch/ })
    const app = fastify()
    const options = { models: { m: constantModel(3) }, bodylimit: 3 } as never
    await assert.rejects(async () => app.register(servePlugin, options), { code: 'ERR_UNKNOWN_NAME' })
  })
})
