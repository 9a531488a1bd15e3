/** Serving: requests per second and latencies of `neurode serve` over loopback, beside servers on onnxruntime-node. */

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Predictor } from 'neurode'
import { integerOption, type ParsedArguments, textOption } from '#lib/cli/options.js'
import { toOnnx } from './onnx.js'
import { median, type Row, round } from './report.js'
import type { Load, LoadResult } from './serveLoad.js'
import { benchRows, buildNet, netOption } from './setup.js'

/** Sums of float32 in other orders. */
const peersTolerance = 1e-5
const distinctRequests = 61
const warmUpSeconds = 0.5

interface Cell {
  readonly format: 'json' | 'binary'
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
  const seconds = integerOption(args, 'seconds', 1) ?? 2
  const connections = numbers(args, 'connections', '1,32,128,256')
  const cells: Cell[] = numbers(args, 'requests', '1,32').flatMap((rows) =>
    (['json', 'binary'] as const).flatMap((format) =>
      connections.map((count) => ({ format, rows, connections: count })),
    ),
  )
  const folder = await mkdtemp(join(tmpdir(), 'neurode-bench-'))
  const servers: Server[] = []
  const generator = fork(new URL('serveLoad.js', import.meta.url), { serialization: 'advanced' })
  try {
    using model = buildNet(net, args)
    using predictor = model.predictor()
    await model.save(join(folder, 'net.neurode'))
    await writeFile(join(folder, 'net.onnx'), toOnnx(net, model.getWeights()))
    servers.push(...(await startServers(folder, args)))
    const images = (await benchRows(net, distinctRequests * 32)).images.data
    for (const cell of cells) yield* measure(cell, { net, predictor, images, servers, generator, rounds, seconds })
  } finally {
    for (const server of servers) server.process.kill('SIGKILL')
    generator.kill()
    await rm(folder, { recursive: true })
  }
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

/** All servers in turn, round after round: what else the machine does meets them alike. */
async function* measure(cell: Cell, setting: Setting): AsyncGenerator<Row> {
  const { predictor, servers, generator, rounds, seconds } = setting
  const inputs = Array.from({ length: distinctRequests }, (_, i) => digits(setting, i * cell.rows, cell.rows))
  const requests = inputs.map((input) => requestOf(cell, input))
  const outputs = inputs.map((input) => predictor.predictSync(input))
  const results = servers.map((): LoadResult[] => [])
  const batches = servers.map(() => 0)
  for (let round = 0; round < rounds; round++) {
    for (const [i, { name, port }] of servers.entries()) {
      const load = {
        port,
        connections: cell.connections,
        requests,
        outputs,
        tolerance: name === 'neurode' ? 0 : peersTolerance,
        answersNothing: name === 'none',
      }
      await generate(generator, { ...load, seconds: warmUpSeconds })
      const before = await batchCounts(name, port)
      const result = await generate(generator, { ...load, seconds })
      const after = await batchCounts(name, port)
      results[i]?.push(result)
      if (before && after) batches[i] = (after.rows - before.rows) / (after.batches - before.batches)
    }
  }
  for (const [i, { name }] of servers.entries()) {
    const ofServer = results[i] as LoadResult[]
    const sum = (key: 'answers' | 'errors' | 'wrong') => ofServer.reduce((total, result) => total + result[key], 0)
    const perSecond = median(ofServer.map(({ answers, seconds }) => answers / seconds))
    yield {
      bench: 'serve',
      server: name,
      net: setting.net,
      format: cell.format,
      rowsPerRequest: cell.rows,
      connections: cell.connections,
      requestsPerSecond: round(perSecond),
      rowsPerSecond: round(perSecond * cell.rows),
      p50Milliseconds: round(median(ofServer.map(({ p50 }) => p50))),
      p99Milliseconds: round(median(ofServer.map(({ p99 }) => p99))),
      meanBatch: batches[i] ? round(batches[i] as number) : null,
      answers: sum('answers'),
      errors: sum('errors'),
      wrong: sum('wrong'),
    }
  }
}

async function generate(generator: ChildProcess, load: Load): Promise<LoadResult> {
  generator.send(load)
  const [result] = (await once(generator, 'message')) as [LoadResult]
  return result
}

/** Digits as clients send them that were trained in Python: standardised, so that no pixel is a plain zero. */
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

async function startServers(folder: string, args: ParsedArguments): Promise<Server[]> {
  const command =
    textOption(args, 'server', /./, 'a command') ?? `dist/cli/main.js serve ${join(folder, 'net.neurode')} --port 0`
  const commands: [name: string, command: string][] = [['neurode', command.replaceAll('{folder}', folder)]]
  const peer = (mode: string) => `bench/peers/serve.mjs ${mode} ${join(folder, 'net.onnx')}`
  if (existsSync('node_modules/onnxruntime-node')) commands.push(['plain', peer('plain')], ['batch', peer('batch')])
  else
    process.stderr.write('bench: without onnxruntime-node: npm install --no-save --ignore-scripts onnxruntime-node\n')
  commands.push(['none', peer('none')])
  return Promise.all(commands.map(([name, text]) => start(name, text.split(' '))))
}

/** Resolves once the server has said where it listens. */
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

/** From the counters that `neurode serve` shows; peers have none. */
async function batchCounts(name: string, port: number): Promise<{ rows: number; batches: number } | undefined> {
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
