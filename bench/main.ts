/** `npm run bench`: the program that measures all figures. It prints JSON Lines with `--json`, else a table. */

import { NeurodeError } from 'neurode'
import { describeOptions, type Options, type ParsedArguments, parse, UsageError } from '#lib/cli/options.js'
import { cliffs } from './cliffs.js'
import { cost } from './cost.js'
import { gemm, ops } from './kernels.js'
import { predict } from './predict.js'
import { type Row, tables as tablesOf } from './report.js'
import { scale } from './scale.js'
import { serve } from './serve.js'
import { strangers } from './strangers.js'
import { tables } from './tables.js'
import { train } from './train.js'

const options: Options = {
  json: { help: 'JSON Lines on stdout' },
  net: {
    value: 'SIZES',
    help: 'sizes of the input and of every layer, for train, cost, predict and scale (784,100,50,10)',
  },
  batch: { value: 'N', help: 'rows per step, for train and cost; of each rank, for scale (128)' },
  epochs: { value: 'N', help: 'measured epochs, after one to warm up, for train, cost and scale (5)' },
  link: {
    value: 'US,GB',
    help: 'microseconds of a message and gigabytes per second between two ranks, for scale, instead of usual networks',
  },
  rows: { value: 'N', help: 'rows to train on (60000; for tables 1000000)' },
  threads: { value: 'N', help: 'threads (NEURODE_THREADS, or the physical cores this process may use; for scale 1)' },
  connections: { value: 'LIST', help: 'open connections, for serve (1,32,128,256)' },
  'request-rows': { value: 'LIST', help: 'rows in a request, for serve (1,32)' },
  formats: { value: 'LIST', help: 'json, binary or both, for serve (json,binary)' },
  rounds: { value: 'N', help: 'turns of every server, for serve and strangers (5), and of both sides, for cliffs (7)' },
  seconds: { value: 'N', help: 'seconds of a turn, for serve and strangers (2)' },
  requests: {
    value: 'N',
    help: 'for serve: no turns and no peers, so many requests in all instead, every one of them answered and compared',
  },
  strangers: { value: 'N', help: 'connections without a token, for strangers (10000)' },
  server: {
    value: 'COMMAND',
    help: 'what Node runs as the server, {folder} with net.neurode, for serve (neurode serve)',
  },
  device: { value: 'NAME', help: 'auto, cpu, cuda or cuda:N (auto)' },
  precision: { value: 'NAME', help: 'float32, tf32 or bfloat16, for train and predict (float32)' },
  baseline: {
    value: 'FILE',
    help: 'earlier JSON Lines of ops: fails where a row became half as slow again, or slower',
  },
}

const benches: Readonly<Record<string, (args: ParsedArguments) => AsyncIterable<Row>>> = {
  train,
  cost,
  predict,
  gemm,
  ops,
  cliffs,
  scale,
  tables,
  serve,
  strangers,
}

async function main(args: readonly string[]): Promise<number> {
  const parsed = parse(args, options)
  const names = Object.keys(benches).join('|')
  if (parsed.values.help) {
    process.stdout.write(describeOptions(`npm run bench -- ${names} [options]`, options))
    return 0
  }
  const [name = '', ...rest] = parsed.positionals
  if (!Object.hasOwn(benches, name) || rest.length > 0) {
    throw new UsageError(`expected one of ${names}, got '${parsed.positionals.join(' ')}'`)
  }
  const rows: Row[] = []
  for await (const row of (benches[name] as (typeof benches)[string])(parsed)) {
    rows.push(row)
    if (parsed.values.json) process.stdout.write(`${JSON.stringify(row)}\n`)
  }
  if (!parsed.values.json) process.stdout.write(tablesOf(rows))
  const slower = rows.filter(({ slower }) => slower)
  if (slower.length > 0) process.stderr.write(`slower than before: ${slower.map(({ name }) => name).join(', ')}\n`)
  return slower.length > 0 ? 1 : 0
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof UsageError || error instanceof NeurodeError)) throw error
  process.stderr.write(`bench: ${error.message}\n`)
  return error instanceof UsageError ? 2 : 1
})
