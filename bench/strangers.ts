/** Measures how long authenticated requests take while thousands of connections (strangers) show no token. */

import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { integerOption, type ParsedArguments, positiveOption } from '#lib/cli/options.js'
import { median, type Row, round } from './report.js'
import type { Load, LoadResult } from './serveLoad.js'
import { buildNet, netOption } from './setup.js'
import type { StrangersDone } from './strangersLoad.js'

const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))
/** Number of connections with a token. */
const connections = 4

export async function* strangers(args: ParsedArguments): AsyncGenerator<Row> {
  const net = netOption(args)
  const rounds = integerOption(args, 'rounds', 1) ?? 5
  const seconds = positiveOption(args, 'seconds') ?? 2
  const count = integerOption(args, 'strangers', 1) ?? 10_000
  const folder = await mkdtemp(join(tmpdir(), 'neurode-bench-'))
  const [path, tokens] = [join(folder, 'net.neurode'), join(folder, 'tokens')]
  using model = buildNet(net, args)
  await model.save(path)
  await writeFile(tokens, 'secret\n')
  const options = ['--port', '0', '--device', 'cpu', '--max-connections', String(2 * count), '--token-file', tokens]
  const server = spawn(process.execPath, [main, 'serve', path, ...options], { stdio: ['ignore', 'ignore', 'pipe'] })
  const generator = fork(new URL('serveLoad.js', import.meta.url), { serialization: 'advanced' })
  try {
    let log = ''
    server.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
    while (!/listening on/.test(log)) await once(server.stderr, 'data')
    const port = Number(/listening on \S+:(\d+)/.exec(log)?.[1])
    const generate = async (): Promise<LoadResult> => {
      generator.send({ ...loadOf(net[0] as number), port, seconds } satisfies Load)
      const [result] = await once(generator, 'message')
      return result as LoadResult
    }
    await generate()
    const idle: LoadResult[] = []
    const crowded: LoadResult[] = []
    const done: StrangersDone[] = []
    for (let turn = 0; turn < rounds; turn++) {
      idle.push(await generate())
      const crowd = fork(new URL('strangersLoad.js', import.meta.url))
      crowd.send({ port, connections: count })
      await once(crowd, 'message')
      const ask = async (): Promise<StrangersDone> => {
        crowd.send('done')
        return (await once(crowd, 'message'))[0]
      }
      await ask()
      crowded.push(await generate())
      done.push(await ask())
      crowd.disconnect()
      await once(crowd, 'exit')
      // The server still has to handle the end of the strangers' connections.
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
    const errors = [...idle, ...crowded].reduce((sum, result) => sum + result.errors, 0)
    yield {
      bench: 'strangers',
      strangers: count,
      connections,
      rounds,
      seconds,
      idleP99: round(median(idle.map(({ p99 }) => p99))),
      p99: round(median(crowded.map(({ p99 }) => p99))),
      // Median over the rounds.
      p99Times: round(median(crowded.map(({ p99 }, turn) => p99 / (idle[turn] as LoadResult).p99))),
      idleP50: round(median(idle.map(({ p50 }) => p50))),
      p50: round(median(crowded.map(({ p50 }) => p50))),
      strangersBytesPerSecond: round(median(done.map(({ bytes }) => bytes / seconds))),
      strangersConnectsPerSecond: round(median(done.map(({ connects }) => connects / seconds))),
      requestsPerSecond: round(median(crowded.map((result) => result.answers / result.seconds))),
      errors,
    }
  } finally {
    server.kill('SIGKILL')
    generator.kill()
    await rm(folder, { recursive: true })
  }
}

function loadOf(inputs: number): Omit<Load, 'port' | 'seconds'> {
  const data = Array.from({ length: inputs }, (_, i) => (i % 7) / 7)
  const body = JSON.stringify({ inputs: [{ name: 'input', shape: [1, inputs], datatype: 'FP32', data }] })
  const fields = ['Host: localhost', 'Authorization: Bearer secret', `Content-Length: ${body.length}`]
  const request = Buffer.from(`POST /v2/models/net/infer HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n${body}`)
  return { connections, requests: [request], outputs: [new Float32Array(0)], tolerance: 0, answersNothing: true }
}
