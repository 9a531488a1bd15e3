/**
 * Measures serving: requests per second and latencies of `neurode serve` over loopback, in comparison with servers on
 * onnxruntime-node.
 */

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Predictor } from 'neurode'
import { integerOption, type ParsedArguments, positiveOption, textOption } from '#lib/cli/options.js'
import { median, type Row, round } from './report.js'
import type { Load, LoadResult } from './serveLoad.js'
import { benchRows, buildNet, netOption } from './setup.js'

/** The peers sum float32 numbers in other orders. */
const peersTolerance = 1e-5
const distinctRequests = 61
const warmUpSeconds = 0.5
const formats = ['json', 'binary'] as const

interface Cell {
  readonly format: (typeof formats)[number]
  readonly rows: number
  readonly connections: number
}

interface Server {
  readonly name: string
  readonly port: number
  readonly process: ChildProcess
}

export async function* serve(args: ParsedArguments): AsyncGenerator<Row> {
  const net = netOption(args)
  const rounds = integerOption(args, 'rounds', 1) ?? 5
  const seconds = positiveOption(args, 'seconds') ?? 2
  const requests = integerOption(args, 'requests', 1)
  const cells = cellsOf(args)
  const folder = await mkdtemp(join(tmpdir(), 'neurode-bench-'))
  const servers: Server[] = []
  const generator = fork(new URL('serveLoad.js', import.meta.url), { serialization: 'advanced' })
  try {
    using model = buildNet(net, args)
    using predictor = model.predictor()
    await model.save(join(folder, 'net.neurode'))
    await model.save(join(folder, 'net.onnx'))
    servers.push(...(await startServers(folder, args, requests === undefined)))
    const images = (await benchRows(net, distinctRequests * 32)).images.data
    const setting = { net, predictor, images, servers, generator, rounds, seconds }
    for (const [i, cell] of cells.entries()) {
      if (requests === undefined) yield* measure(cell, setting)
      else yield await check(cell, share(requests, cells.length, i), setting)
    }
  } finally {
    for (const server of servers) server.process.kill('SIGKILL')
    generator.kill()
    await rm(folder, { recursive: true })
  }
}

function cellsOf(args: ParsedArguments): Cell[] {
  const connections = numbers(args, 'connections', '1,32,128,256')
  const asked = textOption(args, 'formats', /^(json|binary)(,(json|binary))*$/, 'json, binary or both') ?? 'json,binary'
  return numbers(args, 'request-rows', '1,32').flatMap((rows) =>
    formats
      .filter((format) => asked.split(',').includes(format))
      .flatMap((format) => connections.map((count) => ({ format, rows, connections: count }))),
  )
}

/** The size of one of nearly equal parts. The sizes add up to the whole. */
function share(whole: number, parts: number, part: number): number {
  return Math.floor((whole * (part + 1)) / parts) - Math.floor((whole * part) / parts)
}

interface Setting {
  readonly net: readonly number[]
  readonly predictor: Predictor
  readonly images: Uint8Array
  readonly servers: readonly Server[]
  readonly generator: ChildProcess
  readonly rounds: number
  readonly seconds: number
}

/** Measures all servers alternately, in several rounds, so that other load on the machine affects all of them alike. */
async function* measure(cell: Cell, setting: Setting): AsyncGenerator<Row> {
  const { servers, generator, rounds, seconds } = setting
  const load = loadOf(cell, setting)
  const results = servers.map((): LoadResult[] => [])
  const batches = servers.map(() => 0)
  for (let round = 0; round < rounds; round++) {
    for (const [i, server] of servers.entries()) {
      const own = { ...load, ...expectations(server) }
      await generate(generator, { ...own, seconds: warmUpSeconds })
      const before = await batchCounts(server)
      const result = await generate(generator, { ...own, seconds })
      const after = await batchCounts(server)
      results[i]?.push(result)
      if (before && after) batches[i] = (after.rows - before.rows) / (after.batches - before.batches)
    }
  }
  const [ofNeurode = []] = results
  for (const [i, { name }] of servers.entries()) {
    const ofServer = results[i] as LoadResult[]
    const ratio = (of: (result: LoadResult) => number) =>
      round(median(ofNeurode.map((result, turn) => of(result) / of(ofServer[turn] as LoadResult))))
    yield {
      ...describe(cell, setting, name, ofServer),
      meanBatch: batches[i] ? round(batches[i] as number) : null,
      // Medians over the rounds: Neurode's figure divided by this server's.
      neurodeTimes: ratio(({ answers, seconds }) => answers / seconds),
      neurodeP99Times: ratio(({ p99 }) => p99),
    }
  }
}

/** Sends this number of requests to Neurode alone, and checks each answer. */
async function check(cell: Cell, requests: number, setting: Setting): Promise<Row> {
  const [server] = setting.servers as [Server]
  const load = { ...loadOf(cell, setting), ...expectations(server), seconds: Number.POSITIVE_INFINITY, most: requests }
  const before = await batchCounts(server)
  const result = await generate(setting.generator, load)
  const after = await batchCounts(server)
  const batches = before && after ? (after.rows - before.rows) / (after.batches - before.batches) : 0
  const row = describe(cell, setting, server.name, [result])
  return { ...row, meanBatch: batches ? round(batches) : null, requests, lost: requests - result.answers }
}

function loadOf(cell: Cell, setting: Setting): Pick<Load, 'connections' | 'requests' | 'outputs'> {
  const inputs = Array.from({ length: distinctRequests }, (_, i) => digits(setting, i * cell.rows, cell.rows))
  return {
    connections: cell.connections,
    requests: inputs.map((input) => requestOf(cell, input)),
    outputs: inputs.map((input) => setting.predictor.predictSync(input)),
  }
}

function expectations({ name, port }: Server): Pick<Load, 'port' | 'tolerance' | 'answersNothing'> {
  return { port, tolerance: name === 'neurode' ? 0 : peersTolerance, answersNothing: name === 'none' }
}

function describe(cell: Cell, { net }: Setting, server: string, results: readonly LoadResult[]): Row {
  const sum = (key: 'answers' | 'errors' | 'wrong') => results.reduce((total, result) => total + result[key], 0)
  const perSecond = median(results.map(({ answers, seconds }) => answers / seconds))
  return {
    bench: 'serve',
    server,
    net,
    format: cell.format,
    rowsPerRequest: cell.rows,
    connections: cell.connections,
    requestsPerSecond: round(perSecond),
    rowsPerSecond: round(perSecond * cell.rows),
    p50Milliseconds: round(median(results.map(({ p50 }) => p50))),
    p99Milliseconds: round(median(results.map(({ p99 }) => p99))),
    answers: sum('answers'),
    errors: sum('errors'),
    wrong: sum('wrong'),
  }
}

async function generate(generator: ChildProcess, load: Load): Promise<LoadResult> {
  generator.send(load)
  const [result] = (await once(generator, 'message')) as [LoadResult]
  return result
}

/** Digits as clients send them whose model was trained in Python: standardised, so that no pixel is exactly zero. */
function digits({ images, net }: Setting, first: number, rows: number): Float32Array {
  const size = net[0] as number
  return Float32Array.from(
    images.subarray(first * size, (first + rows) * size),
    (byte) => (byte / 255 - 0.1307) / 0.3081,
  )
}

function requestOf({ format, rows }: Cell, input: Float32Array): Buffer {
  const tensor = { name: 'input', shape: [rows, input.length / rows], datatype: 'FP32' }
  const head = (type: string, length: number, more = '') =>
    `POST /v2/models/net/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n${more}\r\n`
  if (format === 'json') {
    const body = JSON.stringify({ inputs: [{ ...tensor, data: Array.from(input) }] })
    return Buffer.from(head('application/json', body.length) + body)
  }
  const parameters = { binary_data_size: input.byteLength }
  const json = JSON.stringify({ inputs: [{ ...tensor, parameters }], parameters: { binary_data_output: true } })
  const more = `Inference-Header-Content-Length: ${json.length}\r\n`
  const header = head('application/octet-stream', json.length + input.byteLength, more)
  return Buffer.concat([Buffer.from(header + json), Buffer.from(input.buffer)])
}

async function startServers(folder: string, args: ParsedArguments, withPeers: boolean): Promise<Server[]> {
  const command =
    textOption(args, 'server', /./, 'a command') ?? `dist/cli/main.js serve ${join(folder, 'net.neurode')} --port 0`
  const commands: [name: string, command: string][] = [['neurode', command.replaceAll('{folder}', folder)]]
  if (!withPeers) return Promise.all(commands.map(([name, text]) => start(name, text.split(' '))))
  const peer = (mode: string) => `bench/peers/serve.mjs ${mode} ${join(folder, 'net.onnx')}`
  if (existsSync('node_modules/onnxruntime-node')) commands.push(['plain', peer('plain')], ['batch', peer('batch')])
  else
    process.stderr.write('bench: without onnxruntime-node: npm install --no-save --ignore-scripts onnxruntime-node\n')
  commands.push(['none', peer('none')])
  return Promise.all(commands.map(([name, text]) => start(name, text.split(' '))))
}

/** Starts a server. Resolves once it has printed its address. */
async function start(name: string, command: readonly string[]): Promise<Server> {
  const server = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] })
  return new Promise((resolve, reject) => {
    let said = ''
    const listen = (chunk: Buffer) => {
      said += chunk.toString()
      const port = /listening on http:\/\/[^:"]+:(\d+)/.exec(said)?.[1]
      if (port !== undefined) resolve({ name, port: Number(port), process: server })
    }
    server.stdout.on('data', listen)
    server.stderr.on('data', listen)
    server.on('exit', () => reject(new Error(`the server '${name}' ended:\n${said}`)))
  })
}

/** Reads the counters of `neurode serve`; peers have no counters. */
async function batchCounts({ name, port }: Server): Promise<{ rows: number; batches: number } | undefined> {
  if (name !== 'neurode') return undefined
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const sum = (metric: string) =>
    [...text.matchAll(new RegExp(`^${metric}(?:{[^}]*})? (\\S+)`, 'gm'))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    )
  return { rows: sum('nv_inference_count'), batches: sum('nv_inference_exec_count') }
}

function numbers(args: ParsedArguments, option: string, otherwise: string): number[] {
  const text = textOption(args, option, /^\d+(,\d+)*$/, 'numbers such as 1,32') ?? otherwise
  return text.split(',').map(Number)
}
