/**
 * Very many malformed requests: the answers are all 4xx, and the server neither crashes nor grows. NEURODE_FUZZ_REQUESTS=100000
 * runs longer.
 */

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { join } from 'node:path'
import { suiteFolder } from '../support/folders.js'
import { drawMalformed, type Malformed } from '../support/malformed.js'
import { Random } from '../support/random.js'
import { ask, inferBody, randomModel, type Served, startServer } from '../support/serving.js'

const wanted = process.env.NEURODE_FUZZ_REQUESTS === undefined ? Infinity : Number(process.env.NEURODE_FUZZ_REQUESTS)
const seconds = wanted === Infinity ? 5 : Infinity
const seed = Number(process.env.NEURODE_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32))
const clients = 16
const patience = 20_000
const body = inferBody([[1, 2, 3, 4]])

interface Response {
  readonly status: number
  readonly body: string
}

describe('malformed requests', function () {
  this.timeout(20 * 60_000)
  this.slow(60_000)
  const folder = suiteFolder()
  let server: Served

  before(async () => {
    const path = join(folder.path, 'm.neurode')
    using model = randomModel(4, 8, 3)
    await model.save(path)
    const limits = ['--body-limit', '100000', '--request-timeout-ms', '1000']
    server = await startServer([path, '--device', 'cpu', '--threads', '1', ...limits])
  })
  after(async () => {
    await server.stop()
  })

  it(`yield 4xx alone, and leave the server as it was (seed ${seed})`, async () => {
    const expected = (await ask(server.url, '/v2/models/m/infer', { body })).body.toString()
    const began = performance.now()
    const statuses = new Map<number, number>()
    let sent = 0
    let settled = await residentBytes(server.url)
    let isSettled = false
    const isDone = () => sent >= wanted || performance.now() - began > 1000 * seconds
    const client = async () => {
      while (!isDone()) {
        const number = sent++
        const malformed = drawMalformed(new Random(seed + number))
        const responses = await exchange(server.url, malformed)
        check(malformed, responses, seed + number)
        for (const { status } of responses) statuses.set(status, (statuses.get(status) ?? 0) + 1)
        // By now the server has allocated all that it allocates only once.
        if (isSettled || number < Math.min(wanted / 10, 2000)) continue
        isSettled = true
        settled = await residentBytes(server.url)
      }
    }
    await Promise.all(Array.from({ length: clients }, client))
    assert.equal(server.child.exitCode, null, server.log())
    assert.equal((await ask(server.url, '/v2/models/m/infer', { body })).body.toString(), expected)
    assert.doesNotMatch(server.log(), /error|ended/)
    const grown = (await residentBytes(server.url)) - settled
    const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`)
    console.log(`      ${sent} requests; ${counts.join(', ')}; memory ${(grown / 2 ** 20).toFixed(1)} MiB more`)
    assert.ok(grown < 48 * 2 ** 20, `${grown} bytes more`)
  })
})

function check({ name, bytes, mayBeRight }: Malformed, responses: readonly Response[], seed: number): void {
  const context = `${name}, seed ${seed}: ${JSON.stringify(bytes.toString('latin1').slice(0, 300))}`
  for (const { status, body } of responses) {
    const isRight = status >= 400 && status < 500 ? status !== 401 : mayBeRight && status === 200
    assert.ok(isRight, `${status} for ${context}: ${body}`)
    if (status === 200 || body === '') continue
    const answer = JSON.parse(body)
    assert.deepEqual(Object.keys(answer), ['error'], context)
    assert.ok(typeof answer.error === 'string' && answer.error.length > 0 && answer.error.length < 1000, context)
    assert.doesNotMatch(answer.error, /node_modules|root:/, context)
    assert.ok(!answer.error.includes(process.cwd()), context)
  }
}

/** Sends the bytes and returns the responses. Fails if the server does not end the connection in time. */
function exchange(url: string, { bytes, end, name }: Malformed): Promise<Response[]> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    let received = ''
    const finish = () => {
      clearTimeout(timer)
      // A reset avoids the state TIME_WAIT, which lasts a minute for each closed connection.
      socket.resetAndDestroy()
      resolve(responsesIn(received))
    }
    const timer = setTimeout(() => {
      socket.destroy()
      reject(
        new Error(`${name}: no end after ${patience} ms: ${JSON.stringify(bytes.toString('latin1').slice(0, 300))}`),
      )
    }, patience)
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text
      // A pipeline ends with bytes that are not HTTP, after which the server closes the connection.
      if (name !== 'pipeline' && responsesIn(received).length > 0) finish()
    })
    socket.on('error', () => {})
    socket.on('close', finish)
    socket.write(bytes, () => {
      if (end === 'close') finish()
    })
  })
}

/** The complete responses, without `100 Continue`. */
function responsesIn(text: string): Response[] {
  const found: Response[] = []
  for (let at = 0; ; ) {
    const head = text.indexOf('\r\n\r\n', at)
    if (head < 0) return found
    const [, status] =
      /^HTTP\/1\.1 (\d{3}) /.exec(text.slice(at)) ?? assert.fail(`no response: ${text.slice(at, at + 100)}`)
    const headers = text.slice(at, head)
    // Node's own answer to a request without Host has an empty body of chunks.
    const empty = /\r\ntransfer-encoding: chunked/i.test(headers) ? '0\r\n\r\n'.length : 0
    at = head + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(headers)?.[1] ?? empty)
    if (at > text.length) return found
    if (status !== '100') found.push({ status: Number(status), body: empty ? '' : text.slice(head + 4, at) })
  }
}

async function residentBytes(url: string): Promise<number> {
  const text = (await ask(url, '/metrics')).body.toString()
  return Number(/^process_resident_memory_bytes\{worker="1"\} (\d+)/m.exec(text)?.[1])
}
