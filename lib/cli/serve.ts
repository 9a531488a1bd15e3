/** The command `neurode serve`: serves models over HTTP until the process gets SIGTERM or SIGINT. */

import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { NeurodeError } from '../base/errors.js'
import { longestMilliseconds } from '../checks/validate.js'
import { readTokens } from '../serve/http/auth.js'
import { Serving } from '../serve/http/serving.js'
import type { ServeEvent } from '../serve/repository/repository.js'
import { type InferenceServer, listen } from '../serve/server/server.js'
import type { WorkerOptions } from '../serve/workers/workerMessages.js'
import {
  describeOptions,
  integerOption,
  manyOption,
  type Options,
  type ParsedArguments,
  parse,
  pathPattern,
  textOption,
  UsageError,
} from './options.js'

const usage = 'neurode serve <file or folder>... [options], or <name>=<file or folder>...'

const options: Options = {
  host: { value: 'ADDRESS', help: 'address to listen on (127.0.0.1, which only this machine can reach)' },
  port: { value: 'N', help: 'port to listen on; 0 takes any free port (8000)' },
  workers: { value: 'N', help: 'number of processes that share the port (1)' },
  watch: { help: 'reload models whose files change; SIGHUP also reloads them' },
  device: { value: 'NAME', help: 'device: auto, cpu, cuda or cuda:N (auto)' },
  threads: { value: 'N', help: 'CPU threads for each model (those of one process, divided among the workers)' },
  'max-batch-size': { value: 'N', help: 'largest number of rows in one batch (256)' },
  'max-queue-delay-micros': {
    value: 'N',
    help: 'microseconds that a row may wait for further rows while the device is idle (0)',
  },
  'max-rows': { value: 'N', help: 'largest number of rows in one request; a request with more gets 400 (4096)' },
  'max-queue-size': {
    value: 'N',
    help: 'largest number of rows that wait for a model; requests beyond it get 503 (16 batches)',
  },
  'timeout-ms': {
    value: 'N',
    help: 'milliseconds that a request may wait for its answer; after that it gets 503 (1000)',
  },
  'body-limit': { value: 'N', help: 'largest body of a request in bytes (16777216)' },
  'max-connections': { value: 'N', help: 'largest number of open connections of a worker (4096)' },
  'request-timeout-ms': { value: 'N', help: 'milliseconds within which a complete request has to arrive (30000)' },
  'token-file': {
    value: 'FILE',
    help: 'file with bearer tokens, one on each line; without it no request needs a token',
  },
  'tls-key': { value: 'FILE', help: 'private key (PEM) for HTTPS' },
  'tls-cert': { value: 'FILE', help: 'certificate of the private key (PEM)' },
  'allowed-host': {
    value: 'NAME',
    many: true,
    help: 'host that the header Host may name, besides localhost (any host if --host is not a loopback address)',
  },
  'no-fast-path': { help: 'answer requests for inference through node:http, as all others' },
  'shutdown-delay-ms': {
    value: 'N',
    help: 'milliseconds from reporting "not ready" to closing, when the server shuts down (0)',
  },
  'shutdown-timeout-ms': { value: 'N', help: 'milliseconds that closing waits for unfinished requests (10000)' },
}

/** A running server, in this process or in worker processes. */
interface Running extends Pick<InferenceServer, 'url' | 'fastPath'> {
  reload(): Promise<void>
  close(delayMs: number): Promise<void>
}

/** Runs the command and returns the exit code: 0 once all requests are answered. */
export async function serve(args: readonly string[]): Promise<number> {
  const parsed = parse(args, options)
  if (parsed.values.help) {
    process.stdout.write(describeOptions(usage, options))
    return 0
  }
  if (parsed.positionals.length === 0) throw new UsageError(`expected '${usage}', got no file or folder`)
  const workers = integerOption(parsed, 'workers', 1) ?? 1
  const delayMs = integerOption(parsed, 'shutdown-delay-ms', 0, longestMilliseconds) ?? 0
  const given = await readOptions(parsed)
  const end = onEnd()
  const starting = start(given, workers).catch((error) => {
    throw error instanceof NeurodeError
      ? error
      : new NeurodeError('ERR_ARGUMENT', `the server failed: ${error.message}`)
  })
  const reload = () => void starting.then((server) => server.reload()).catch(() => {})
  process.on('SIGHUP', reload)
  const running = await starting
  const count = workers === 1 ? '' : ` with ${workers} workers`
  const { used, reason } = running.fastPath
  const way = used ? 'fast path on' : `fast path off: ${reason}`
  log({ level: 'info', message: `listening on ${running.url}${count} (${way})` })
  const signal = await end
  log({ level: 'info', message: `${signal}: answering what was asked, then closing` })
  await running.close(delayMs)
  log({ level: 'info', message: 'closed' })
  process.off('SIGHUP', reload)
  return 0
}

async function start(given: WorkerOptions, workers: number): Promise<Running> {
  if (workers > 1) {
    const { serveInWorkers } = await import('../serve/workers/workers.js')
    return serveInWorkers(given, workers, log)
  }
  const serving = new Serving(given, log)
  const server = await listen(given, serving)
  return {
    url: server.url,
    fastPath: server.fastPath,
    reload: () => server.reload(),
    close: async (delayMs) => {
      serving.draining = true
      await sleep(delayMs)
      await server.close()
    },
  }
}

async function readOptions(parsed: ParsedArguments): Promise<WorkerOptions> {
  const file = (name: string) => textOption(parsed, name, pathPattern, 'the path of a file')
  const [tokenFile, key, cert] = [file('token-file'), file('tls-key'), file('tls-cert')]
  if ((key === undefined) !== (cert === undefined)) throw new UsageError('--tls-key and --tls-cert go together')
  return {
    models: readModels(parsed.positionals),
    host: textOption(parsed, 'host', /./, 'an address'),
    port: integerOption(parsed, 'port', 0),
    watch: parsed.values.watch === true,
    device: textOption(parsed, 'device', /^(auto|cpu|cuda(:\d+)?)$/, 'auto, cpu, cuda or cuda:N'),
    threads: integerOption(parsed, 'threads', 1),
    maxBatchSize: integerOption(parsed, 'max-batch-size', 1),
    maxQueueDelayMicros: integerOption(parsed, 'max-queue-delay-micros', 0),
    maxRows: integerOption(parsed, 'max-rows', 1),
    maxQueueSize: integerOption(parsed, 'max-queue-size', 1),
    timeoutMs: integerOption(parsed, 'timeout-ms', 1, longestMilliseconds),
    bodyLimit: integerOption(parsed, 'body-limit', 1),
    maxConnections: integerOption(parsed, 'max-connections', 1),
    requestTimeoutMs: integerOption(parsed, 'request-timeout-ms', 1, longestMilliseconds),
    shutdownTimeoutMs: integerOption(parsed, 'shutdown-timeout-ms', 0, longestMilliseconds),
    fastPath: parsed.values['no-fast-path'] ? false : undefined,
    allowedHosts: manyOption(parsed, 'allowed-host'),
    tokens: tokenFile === undefined ? undefined : await readTokens(tokenFile),
    tls: key === undefined || cert === undefined ? undefined : { key: resolve(key), cert: resolve(cert) },
  }
}

/** Reads the models to serve: paths, or paths with names such as `digits=/models/7.neurode`. */
function readModels(positionals: readonly string[]): WorkerOptions['models'] {
  const address = positionals.find((text) => !pathPattern.test(text.replace(/^[^/\\=]+=/, '')))
  if (address !== undefined) throw new UsageError(`expected paths of files and folders, got '${address}'`)
  const named = positionals.filter((text) => /^[^/\\=]+=/.test(text))
  if (named.length === 0) return positionals.map((path) => resolve(path))
  if (named.length < positionals.length) throw new UsageError('expected a name for every model or for none')
  const entries = named.map((text): [string, string] => {
    const place = text.indexOf('=')
    return [text.slice(0, place), resolve(text.slice(place + 1))]
  })
  if (new Set(entries.map(([name]) => name)).size < entries.length)
    throw new UsageError('a name is given to two models')
  return Object.fromEntries(entries)
}

/** Under npm, one press of Ctrl-C arrives twice: two within this many milliseconds count as one. */
const samePressMilliseconds = 500

/** Resolves with the first SIGTERM or SIGINT; a second Ctrl-C ends the process without waiting for answers. */
function onEnd(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: number | undefined
    const end = (signal: NodeJS.Signals) => {
      if (first === undefined) first = performance.now()
      else if (signal === 'SIGINT' && performance.now() - first > samePressMilliseconds) process.exit(130)
      resolve(signal)
    }
    process.on('SIGTERM', end).on('SIGINT', end)
  })
}

function log({ level, message }: ServeEvent): void {
  process.stderr.write(`${new Date().toISOString()} ${level === 'error' ? 'error: ' : ''}${message}\n`)
}
