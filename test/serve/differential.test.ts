/**
 * Compares the fast path with node:http: the same bytes on a connection to each give the same bytes back, except for the date.
 * NEURODE_FUZZ_SECONDS=1800 runs longer, NEURODE_FUZZ_SEED repeats a run.
 */

import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { type InferenceServer, type ServeOptions, serve } from 'neurode/serve'
import { Client } from '../support/client.js'
import { Random } from '../support/random.js'
import { drawScript, type Script } from '../support/requestScripts.js'
import { ask, constantModel } from '../support/serving.js'

const seconds = Number(process.env.NEURODE_FUZZ_SECONDS ?? 20)
const seed = Number(process.env.NEURODE_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32))
/** The longest wait for the end of a connection, in milliseconds. */
const patience = 30_000
/** The longest wait for an answer, which may never come, in milliseconds. */
const answerPatience = 200

const variants: Readonly<Record<string, Partial<ServeOptions>>> = {
  usual: {},
  tokens: { tokens: ['secret'] },
  'small limits': { bodyLimit: 130, maxRows: 2 },
  hosts: { allowedHosts: ['a.example'] },
  'other bodies on their way': { totalBodyLimit: 100, requestTimeoutMs: 2 ** 31 - 1 },
}

describe('the fast path and node:http', function () {
  this.timeout(1000 * seconds + 60_000)
  this.slow(2000 * seconds)

  const open: InferenceServer[] = []
  const holders: Client[] = []
  const pairs: [name: string, fast: InferenceServer, plain: InferenceServer][] = []
  before(async () => {
    for (const [name, options] of Object.entries(variants)) {
      const fast = await start(options)
      const plain = await start({ ...options, fastPath: false })
      open.push(fast, plain)
      pairs.push([name, fast, plain])
      if (options.totalBodyLimit !== undefined) holders.push(holdBody(fast.url), holdBody(plain.url))
    }
    await sleep(100)
  })
  after(async () => {
    for (const { socket } of holders) socket.destroy()
    for (const server of open) await server.close()
  })

  it(`answer whatever comes alike (seed ${seed})`, async () => {
    const counts = await Promise.all(pairs.map((pair, i) => compare(...pair, seed + i * 2 ** 28)))
    const scripts = counts.reduce((sum, { scripts }) => sum + scripts, 0)
    const fastRequests = counts.reduce((sum, { fastRequests }) => sum + fastRequests, 0)
    console.log(`      ${scripts} connections, ${fastRequests} requests on the fast path`)
    if (process.platform !== 'win32') assert.ok(fastRequests > scripts / 10, `${fastRequests} of ${scripts}`)
  })
})

async function compare(name: string, fast: InferenceServer, plain: InferenceServer, seed: number) {
  const end = performance.now() + 1000 * seconds
  let scripts = 0
  while (performance.now() < end) {
    const number = seed + scripts++
    const script = drawScript(new Random(number))
    const [got, expected] = (await play([fast.url, plain.url], script, new Random(number))) as [Said, Said]
    if (isAlike(got, expected)) continue
    assert.deepEqual(
      { ...got, text: got.text.split('\r\n') },
      { ...expected, text: expected.text.split('\r\n') },
      describeScript(name, number, script),
    )
  }
  assert.equal(await fastRequests(plain.url), 0)
  return { scripts, fastRequests: await fastRequests(fast.url) }
}

/** Everything that a server sent on a connection, and how the connection ended. */
interface Said {
  readonly text: string
  readonly how: 'ended' | 'reset' | 'open'
}

/**
 * Whether two servers behaved alike. If a connection is reset, bytes on their way may be lost. If the bytes after a request are
 * not HTTP, node:http replaces answers that are not sent yet by an error; how many are sent by then depends on time.
 */
function isAlike(got: Said, expected: Said): boolean {
  if ((got.how === 'open') !== (expected.how === 'open')) return false
  if (got.text === expected.text) return true
  const [one, other] = [got.text, expected.text].map(beforeRefusal)
  if (one !== undefined && other !== undefined) return one.startsWith(other) || other.startsWith(one)
  // Nothing can be said while an answer is on its way: then the connection ends without the error.
  if (one === expected.text || other === got.text) return true
  return (
    (got.how === 'reset' && expected.text.startsWith(got.text)) ||
    (expected.how === 'reset' && got.text.startsWith(expected.text))
  )
}

/** The answers before the error that ends a connection, or undefined for a connection that ends otherwise. */
function beforeRefusal(text: string): string | undefined {
  const isRefused = /"the request (is not HTTP\/1\.1|ended before it was whole)"\}$/
  return isRefused.test(text) ? text.slice(0, text.lastIndexOf('HTTP/1.1 ')) : undefined
}

/** Sends the same bytes on one connection to each server. If an answer does not come, the script ends. */
async function play(urls: readonly string[], { steps, methods }: Script, draw: Random): Promise<Said[]> {
  const peers = urls.map((url) => new Peer(url, methods))
  for (const { answers, pieces } of steps) {
    const areThere = await Promise.all(peers.map((peer) => peer.hasAnswered(answers)))
    if (areThere.includes(false)) break
    for (const piece of pieces) {
      for (const { socket } of peers) socket.write(piece)
      const pause = draw.below(8)
      if (pause === 0) await sleep(2)
      else if (pause < 4) await turn()
    }
  }
  return Promise.all(peers.map((peer) => peer.end()))
}

class Peer {
  readonly socket: Socket
  readonly #methods: readonly string[]
  readonly #over: Promise<void>
  #received = ''
  #how: Said['how'] = 'open'
  #look = () => {}

  constructor(url: string, methods: readonly string[]) {
    const { hostname, port } = new URL(url)
    this.#methods = methods
    this.socket = connect({ port: Number(port), host: hostname, noDelay: true, allowHalfOpen: true })
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text
      this.#look()
    })
    this.#over = new Promise((resolve) => {
      const finish = (how: Said['how']) => {
        if (this.#how === 'open') this.#how = how
        this.#look()
        resolve()
      }
      this.socket.on('error', () => finish('reset'))
      this.socket.on('end', () => finish('ended'))
    })
  }

  /** Waits until this number of answers has come; false if they did not come in time. */
  async hasAnswered(count: number): Promise<boolean> {
    const limit = AbortSignal.timeout(answerPatience)
    limit.onabort = () => this.#look()
    while (countAnswers(this.#received, this.#methods) < count) {
      if (this.#how !== 'open' || limit.aborted) return false
      await new Promise<void>((resolve) => {
        this.#look = resolve
      })
    }
    return this.#how === 'open'
  }

  /** Closes the sending side. Returns everything that was received, without dates, once the server has ended the connection. */
  async end(): Promise<Said> {
    this.socket.end()
    const patient = new AbortController()
    await Promise.race([this.#over, sleep(patience, undefined, { signal: patient.signal }).catch(() => {})])
    patient.abort()
    this.socket.destroy()
    return { text: this.#received.replaceAll(/\r\ndate: [^\r]*/gi, ''), how: this.#how }
  }
}

/** The number of complete answers. */
function countAnswers(text: string, methods: readonly string[]): number {
  let count = 0
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n\r\n', at)
    if (end < 0) return count
    const head = text.slice(at, end)
    const isContinue = head.startsWith('HTTP/1.1 100')
    const empty = /\r\ntransfer-encoding: chunked/i.test(head) ? '0\r\n\r\n'.length : 0
    const length =
      methods[count] === 'HEAD' || isContinue ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? empty)
    at = end + 4 + length
    if (at > text.length) return count
    if (!isContinue) count++
  }
}

function describeScript(name: string, seed: number, { steps }: Script): string {
  const sent = steps.map(({ answers, pieces }) => ({
    answers,
    pieces: pieces.map((piece) => piece.toString('latin1').slice(0, 2000)),
  }))
  return `${name}, seed ${seed}: ${JSON.stringify(sent, undefined, 1)}`
}

function start(options: Partial<ServeOptions>): Promise<InferenceServer> {
  return serve({ models: { m: constantModel(1) }, port: 0, device: 'cpu', threads: 1, timeoutMs: 60_000, ...options })
}

/** Opens a connection whose body takes all of the limit for bodies. */
function holdBody(url: string): Client {
  const client = new Client(url)
  client.send('POST /v2/models/m/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n')
  client.send(' '.repeat(200))
  return client
}

async function fastRequests(url: string): Promise<number> {
  const { body } = await ask(url, '/metrics', { headers: { authorization: 'Bearer secret', host: 'localhost' } })
  return Number(/^neurode_fast_path_requests_total\{.*\} (\d+)$/m.exec(body.toString())?.[1])
}
