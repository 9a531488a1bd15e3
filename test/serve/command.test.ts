/** The command `neurode serve` as a process: workers, signals, options. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runNode } from '../support/children.js'
import { Client } from '../support/client.js'
import { suiteFolder } from '../support/folders.js'
import { ask, binaryInfer, constantModel, inferBody, loadServer, type Served, startServer } from '../support/serving.js'

const infer = '/v2/models/m/infer'
const body = inferBody([[1, 2, 3, 4]])
const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))

describe('neurode serve', function () {
  this.slow(20_000)
  const folder = suiteFolder()
  let path: string
  let server: Served | undefined
  const save = async (value: number) => {
    using model = constantModel(value)
    await model.save(path)
  }
  const start = async (...args: string[]) => {
    server = await startServer([path, '--device', 'cpu', '--threads', '1', ...args])
    return server
  }
  beforeEach(() => {
    path = join(folder.path, 'm.neurode')
    return save(1)
  })
  afterEach(async () => {
    await server?.stop('SIGKILL')
  })

  const valueAt = async (url: string) => {
    const answer = await ask(url, infer, { body })
    assert.equal(answer.status, 200, answer.body.toString())
    return answer.json().outputs[0].data[0]
  }
  const metric = async (url: string, name: string) => {
    const text = (await ask(url, '/metrics')).body.toString()
    return [...text.matchAll(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'gm'))].map(([, value]) => Number(value))
  }

  for (const args of [[], ['--workers', '2']]) {
    const name = args.length === 0 ? 'one process' : 'two workers'

    it(`${name}: reloads on SIGHUP, and on SIGTERM answers what was asked and exits with 0`, async () => {
      const { url, child, logged, log, stop } = await start(...args)
      assert.equal(await valueAt(url), 1)
      await save(2)
      child.kill('SIGHUP')
      while ((await valueAt(url)) !== 2) await new Promise((resolve) => setTimeout(resolve, 20))
      // Half a request; the other half is sent after SIGTERM.
      const { hostname, port } = new URL(url)
      const socket = connect(Number(port), hostname)
      let answer = ''
      socket.setEncoding('latin1').on('data', (text: string) => {
        answer += text
      })
      const closed = new Promise((resolve) => socket.on('close', resolve))
      const head = `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`
      socket.write(head + body.slice(0, 20))
      while ((await metric(url, 'neurode_connections')).reduce((sum, count) => sum + count, 0) < 2) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      const stopped = stop()
      await logged(/SIGTERM/)
      await new Promise((resolve) => setTimeout(resolve, 200))
      socket.write(body.slice(20))
      assert.equal(await stopped, 0, log())
      await closed
      assert.match(answer, /^HTTP\/1\.1 200 /)
      await assert.rejects(ask(url, '/v2'))
    })

    it(`${name}: ends within its time on SIGTERM, whoever holds a connection`, async () => {
      const { url, logged, log, stop } = await start(...args, '--shutdown-timeout-ms', '300')
      const { hostname, port } = new URL(url)
      const head = `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`
      const sockets = ['', 'P', head + body.slice(0, 20), `${head.slice(0, -2)}TE: trailers\r\n\r\n{`].map((text) => {
        const socket = connect(Number(port), hostname)
        socket.on('error', () => {})
        socket.write(text)
        return socket
      })
      while ((await metric(url, 'neurode_connections')).reduce((sum, count) => sum + count, 0) < 5) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      assert.equal(await stop(), 0, log())
      await logged(/connections not ended 300 ms after closing began, cut off: \d/)
      for (const socket of sockets) socket.destroy()
    })

    it(`${name}: on SIGTERM sends answers to their end that are read late, and ends at once what is idle`, async () => {
      const [rows, units] = [1000, 8000]
      const large = join(folder.path, 'large.neurode')
      using model = constantModel(1, 2, units)
      await model.save(large)
      server = await startServer([large, '--device', 'cpu', ...args, '--shutdown-timeout-ms', '1000000000'])
      const { url, log, stop } = server
      const { headers, body: sent } = binaryInfer(new Float32Array(2 * rows), 2, {
        parameters: { binary_data_output: true },
      })
      // Requests on the fast path and through node:http, two connections with finished requests, and one with a part of a head.
      const clients = ['', 'TE: trailers\r\n', '', 'TE: trailers\r\n', undefined].map((more) => {
        const client = new Client(url)
        if (more === undefined) {
          client.send('POST /v2/')
          return client
        }
        const fields = Object.entries(headers).map(([field, value]) => `${field}: ${value}\r\n`)
        const length = `Content-Length: ${sent.length}\r\n`
        client.send(`POST /v2/models/large/infer HTTP/1.1\r\nHost: localhost\r\n${length}${fields.join('')}${more}\r\n`)
        client.send(sent)
        return client
      })
      const [late, alsoLate, ...others] = clients as [Client, Client, ...Client[]]
      const answered = [late, alsoLate].map(async ({ socket }) => {
        await once(socket, 'data')
        socket.pause()
      })
      for (const client of others.slice(0, 2)) assert.equal((await client.response()).status, 200)
      await Promise.all(answered)
      const stopped = stop()
      for (const client of others) assert.equal(await client.end(), '')
      for (const client of [late, alsoLate]) {
        client.socket.resume()
        const { status, body } = await client.response()
        assert.equal(status, 200)
        assert.ok(body.length > 4 * rows * units)
      }
      assert.equal(await stopped, 0, log())
      assert.doesNotMatch(log(), /cut off/)
    })

    it(`${name}: on Ctrl-C loses no request that has reached it`, async () => {
      const { url, stop } = await start(...args)
      let answered = 0
      let ending = false
      const load = loadServer(
        4,
        () => ending,
        async (agent) => {
          try {
            const answer = await ask(url, infer, { body, agent })
            assert.equal(answer.status, 200, answer.body.toString())
            answered++
          } catch (error) {
            if (error instanceof assert.AssertionError) throw error
            // The connection was refused before the request was read, since the server has ended.
            const { code = '' } = error as NodeJS.ErrnoException
            assert.ok(['ECONNREFUSED', 'ECONNRESET'].includes(code), String(error))
            ending = true
          }
        },
      )
      while (answered < 50) await new Promise((resolve) => setTimeout(resolve, 5))
      assert.equal(await stop('SIGINT'), 0)
      await load
    })
  }

  it('is not ready, and still answers, before it closes', async () => {
    const { url, logged, stop } = await start('--shutdown-delay-ms', '1500')
    assert.equal((await ask(url, '/v2/health/ready')).status, 200)
    const stopped = stop()
    await logged(/SIGTERM/)
    assert.equal((await ask(url, '/v2/health/ready')).status, 503)
    assert.equal((await ask(url, '/v2/health/live')).status, 200)
    assert.equal(await valueAt(url), 1)
    assert.equal(await stopped, 0)
  })

  it('replaces a worker that is killed, whose end is felt by its own requests alone', async function () {
    // Only on Linux does this test know how to find the ids of the worker processes.
    if (process.platform !== 'linux') this.skip()
    const { url, child, logged } = await start('--workers', '2', '--max-queue-delay-micros', '200000')
    const agents = [1, 2, 3, 4].map(() => new Agent({ keepAlive: true, maxSockets: 1 }))
    // The requests are sent one after the other, so that the connections are distributed to free workers in turn, two for each.
    for (const agent of agents) assert.equal((await ask(url, infer, { body, agent })).status, 200)
    const counted = (await metric(url, 'nv_inference_request_success'))[0]
    assert.equal(counted, 4)
    const workers = workersOf(child.pid as number)
    assert.equal(workers.length, 2)
    // The worker is killed while all requests wait for their batch.
    const asked = Promise.allSettled(agents.map((agent) => ask(url, infer, { body, agent })))
    await new Promise((resolve) => setTimeout(resolve, 60))
    process.kill(workers[0] as number, 'SIGKILL')
    const results = await asked
    assert.equal(results.filter(({ status }) => status === 'rejected').length, 2)
    for (const result of results) {
      if (result.status === 'fulfilled') assert.equal(result.value.status, 200)
      else assert.match(result.reason.code, /^ECONNRESET$/)
    }
    await logged(/worker \d ended \(SIGKILL\)/)
    while ((await metric(url, 'process_start_time_seconds')).length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    // Two of the first four requests were counted by the worker that was killed: its counts are kept.
    assert.equal((await metric(url, 'nv_inference_request_success'))[0], 6)
    for (const agent of agents) agent.destroy()
    assert.equal(await valueAt(url), 1)
  })

  it('kills a worker that does not end', async function () {
    if (process.platform !== 'linux') this.skip()
    const { child, log, stop } = await start('--workers', '2', '--shutdown-timeout-ms', '100')
    process.kill(workersOf(child.pid as number)[0] as number, 'SIGSTOP')
    assert.equal(await stop(), 0)
    assert.match(log(), /worker \d does not end, and is killed/)
  })

  it('answers to the names that --allowed-host gives', async () => {
    const { url } = await start('--allowed-host', 'a.example', '--allowed-host', 'b.example', '--workers', '2')
    for (const [host, status] of [
      ['a.example', 200],
      ['b.example:80', 200],
      ['c.example', 421],
    ] as const) {
      assert.equal((await ask(url, infer, { body, headers: { host } })).status, status, host)
    }
  })

  it('serves with a token from a file', async () => {
    const tokens = join(folder.path, 'tokens')
    writeFileSync(tokens, '# of the tests\nsecret\n\n')
    const { url } = await start('--token-file', tokens, '--workers', '2')
    assert.equal((await ask(url, infer, { body })).status, 401)
    assert.equal((await ask(url, infer, { body, headers: { authorization: 'Bearer secret' } })).status, 200)
  })

  /** MODEL stands for the path of a model. */
  const mistakes: Readonly<Record<string, { args: string[]; code: number; message: RegExp }>> = {
    'no model': { args: [], code: 2, message: /expected 'neurode serve <file or folder>/ },
    'a file there is not': { args: ['none.neurode'], code: 1, message: /none\.neurode/ },
    'a file there is not, for workers': { args: ['none.neurode', '--workers', '2'], code: 1, message: /none\.neurode/ },
    'an option there is not': { args: ['MODEL', '--prot', '3'], code: 2, message: /did you mean 'port'/ },
    'a port that is none': { args: ['MODEL', '--port', 'x'], code: 2, message: /--port: expected an integer/ },
    'a name for one model alone': { args: ['MODEL', 'other=MODEL'], code: 2, message: /for every model or for none/ },
    'half of TLS': { args: ['MODEL', '--tls-key', 'k'], code: 2, message: /go together/ },
    'an empty token file': { args: ['MODEL', '--token-file', '/dev/null'], code: 1, message: /expected a token/ },
    'an address that is not here': {
      args: ['MODEL', '--host', '192.0.2.1', '--port', '0'],
      code: 1,
      message: /192\.0\.2\.1/,
    },
  }
  for (const [name, { args, code, message }] of Object.entries(mistakes)) {
    it(`refuses ${name}`, async () => {
      const ended = await runNode([main, 'serve', ...args.map((text) => text.replace('MODEL', path))])
      assert.equal(ended.code, code, ended.stderr)
      assert.match(ended.stderr, message)
      assert.doesNotMatch(ended.stderr, /\n {4}at /)
    })
  }

  it('gives models other names', async () => {
    server = await startServer([`first=${path}`, `second=${path}`, '--device', 'cpu', '--workers', '2'])
    const index = (await ask(server.url, '/v2/repository/index', { method: 'POST' })).json()
    assert.deepEqual(
      index.map(({ name }: { name: string }) => name),
      ['first', 'second'],
    )
  })

  for (const args of [[], ['--workers', '2']]) {
    it(`takes as many rows in a request as --max-rows says${args.length === 0 ? '' : ', in workers too'}`, async () => {
      const { url } = await start('--max-rows', '3', ...args)
      const asked = (rows: number) => ask(url, infer, { body: inferBody(new Array(rows).fill([1, 2, 3, 4])) })
      assert.equal((await asked(3)).status, 200)
      assert.equal((await asked(4)).json().error, 'inputs[0].shape: expected at most 3 rows (maxRows), got 4')
    })
  }

  it('says in its help what it takes', async () => {
    const { code, stdout } = await runNode([main, 'serve', '--help'])
    assert.equal(code, 0)
    assert.match(stdout, /--max-queue-delay-micros N/)
    assert.match(stdout, /--max-rows N/)
  })

  it('serves what `neurode train mnist --save` wrote', async () => {
    const saved = join(folder.path, 'mnist.neurode')
    const args = ['train', 'mnist', '--dataset', 'synthetic', '--epochs', '1', '--device', 'cpu', '--save', saved]
    assert.match(execFileSync(process.execPath, [main, ...args], { encoding: 'utf8' }), /Saved in .*mnist\.neurode/)
    server = await startServer([saved, '--device', 'cpu'])
    const { inputs } = (await ask(server.url, '/v2/models/mnist')).json()
    assert.deepEqual(inputs[0].shape, [-1, 784])
    const ended = await runNode([main, 'train', 'mnist', '--save', join(folder.path, 'none', 'x.neurode')])
    assert.equal(ended.code, 2)
    assert.match(ended.stderr, /--save/)
  })
})

/** The ids of the processes that a process started. */
function workersOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).map(Number)
}
