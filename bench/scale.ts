/**
 * Measures what it costs to train by several ranks: steps and exchanges of gradients where it runs, the link's latency and bandwidth, and
 * the efficiency that follow from them for more ranks and other links.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { distribution } from 'neurode'
import { integerOption, type ParsedArguments, textOption } from '#lib/cli/options.js'
import { severalRanks } from '#lib/distribution/join.js'
import type { Ranks } from '#lib/distribution/ranks.js'
import { native } from '#lib/native/native.js'
import { median, type Row, round } from './report.js'
import { exchangeSeconds, fitLink, type Gradients, type Link, type Sample, usualLinks } from './scale/link.js'
import { benchRows, buildNet, netOption } from './setup.js'

interface Job {
  readonly args: ParsedArguments
  readonly net: readonly number[]
  readonly parameters: number
  /** Rows of a step of each rank. */
  readonly batch: number
  readonly threads: number
  readonly links: readonly Link[]
}

const floatBytes = 4
const rankCounts = [2, 4, 8, 16] as const

export async function* scale(args: ParsedArguments): AsyncGenerator<Row> {
  const net = netOption(args)
  const job: Job = {
    args,
    net,
    parameters: net.slice(1).reduce((sum, units, i) => sum + ((net[i] as number) + 1) * units, 0),
    batch: integerOption(args, 'batch', 1) ?? 128,
    threads: integerOption(args, 'threads', 1) ?? 1,
    links: linkOption(args),
  }
  if (native().launchedRanks() > 1) return yield* byRanks(job)
  const rows = await launch()
  yield* rows ?? alone(job)
}

/** The link that `--link` describes, else the usual ones. */
function linkOption(args: ParsedArguments): readonly Link[] {
  const number = String.raw`(\d+|\d*\.\d+)`
  const text = textOption(args, 'link', new RegExp(`^${number},(?!0*\\.?0*$)${number}$`), 'two numbers such as 30,1.1')
  if (text === undefined) return usualLinks
  const [latency = 0, bandwidth = 0] = text.split(',').map(Number)
  return [{ name: 'as given', latency: 1e-6 * latency, bandwidth: 1e9 * bandwidth }]
}

/** Runs this program as two ranks of this host, and returns their rows; nothing where that is not possible, which is said. */
async function launch(): Promise<readonly Row[] | undefined> {
  const own = process.argv.slice(2).filter((arg) => arg !== '--json')
  const child = spawn('mpirun', ['-n', '2', process.execPath, process.argv[1] as string, ...own, '--json'], {
    // Two ranks may share a core, and threads of a rank may use all.
    env: {
      OMPI_ALLOW_RUN_AS_ROOT: '1',
      OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
      OMPI_MCA_rmaps_base_oversubscribe: '1',
      OMPI_MCA_hwloc_base_binding_policy: 'none',
      PRTE_MCA_rmaps_default_mapping_policy: ':oversubscribe',
      PRTE_MCA_hwloc_default_binding_policy: 'none',
      ...process.env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  const why = await once(child, 'close').then(
    ([code, signal]) => (code === 0 ? undefined : `it ended with ${code ?? signal}`),
    (error: Error) => error.message,
  )
  if (why !== undefined) {
    process.stderr.write(
      `bench: no exchange is measured, as 'mpirun -n 2' did not run here (${why}): what follows is computed for links of other machines, ` +
        'from the step of one process and an assumed 20 GB/s of additions\n',
    )
    return undefined
  }
  const lines = text.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => JSON.parse(line) as Row)
}

async function* alone(job: Job): AsyncGenerator<Row> {
  const { plain } = await measureSteps(job, undefined)
  yield { ...describe(job), ranks: 1, stepMicroseconds: round(1e6 * plain) }
  const gradients = { bytes: floatBytes * job.parameters, additionRate: 20e9 }
  for (const link of job.links) yield efficiency(link, plain, gradients)
}

async function* byRanks(job: Job): AsyncGenerator<Row> {
  const { rank, size, hosts, library = '' } = await distribution.join()
  const ranks = severalRanks() as Ranks
  const samples: Sample[] = []
  for (const floats of sizesFor(job.parameters)) samples.push(await measureExchange(ranks, floats))
  const { plain, together } = await measureSteps(job, size)
  if (rank !== 0) return
  const link = fitLink('measured', size, samples)
  const largest = samples.at(-1) as Sample
  const additionRate = largest.bytes / largest.additionSeconds
  const gradients: Gradients = { bytes: floatBytes * job.parameters, additionRate }
  const exchange = exchangeSeconds(link, size, gradients)
  const fitted = samples.map(({ bytes }) => exchangeSeconds(link, size, { bytes, additionRate }))
  yield {
    ...describe(job),
    ranks: size,
    hosts,
    library,
    bytesExchanged: samples.map(({ bytes }) => bytes),
    measuredMicroseconds: samples.map(({ exchangeSeconds }) => round(1e6 * exchangeSeconds)),
    fittedMicroseconds: fitted.map((seconds) => round(1e6 * seconds)),
    ...fields(link),
    additionsGigabytesPerSecond: round(1e-9 * additionRate),
    stepMicroseconds: round(1e6 * plain),
    exchangeMicroseconds: round(1e6 * exchange),
    predictedStepMicroseconds: round(1e6 * (plain + exchange)),
    stepOfRanksMicroseconds: round(1e6 * together),
    timesPredicted: round(together / (plain + exchange)),
  }
  for (const each of [link, ...job.links]) yield efficiency(each, plain, gradients)
}

function describe({ net, batch, threads, parameters }: Job) {
  return { bench: 'scale', net, batch, threads, parameters } as const
}

function fields({ latency, bandwidth }: Link) {
  return { latencyMicroseconds: round(1e6 * latency), gigabytesPerSecond: round(1e-9 * bandwidth) }
}

/** What share of the speed of so many single processes as many ranks have, where each has as many rows as the process. */
function efficiency(link: Link, step: number, gradients: Gradients): Row {
  const percent = rankCounts.map((count) => {
    const share = step / (step + exchangeSeconds(link, count, gradients))
    return [`percentOf${count}`, round(100 * share)] as const
  })
  return { bench: 'scale', link: link.name, ...fields(link), ...Object.fromEntries(percent) }
}

/** Four sizes, up to all gradients, in floats; those of small networks would tell little of the bandwidth. */
function sizesFor(parameters: number): readonly number[] {
  const most = Math.max(parameters, 16_384)
  return [64, 16, 4, 1].map((divisor) => Math.ceil(most / divisor))
}

const secondsOfSize = 0.3

/** Medians of exchanges for a third of a second, at least five. Rank 0 says how many. */
async function measureExchange(ranks: Ranks, floats: number): Promise<Sample> {
  const first = await native().measureExchange(floats, 3)
  const wanted = Math.ceil(secondsOfSize / median(Array.from(first.exchange)))
  const [repetitions = 5] = await ranks.compare('repetitions', Math.min(Math.max(wanted, 5), 2000))
  const { exchange, additions } = await native().measureExchange(floats, repetitions)
  return {
    bytes: floatBytes * floats,
    exchangeSeconds: median(Array.from(exchange)),
    additionSeconds: median(Array.from(additions)),
  }
}

/**
 * The seconds of a step of each rank by itself, all at the same time, and of all together, in turns of an epoch. A lone process has the
 * first of them alone.
 */
async function measureSteps({ args, net, batch, threads }: Job, size: number | undefined) {
  const epochs = integerOption(args, 'epochs', 1) ?? 5
  const steps = Math.max(Math.floor((integerOption(args, 'rows', 1) ?? 60_000) / (batch * (size ?? 1))), 1)
  const { images, labels } = await benchRows(net, steps * batch * (size ?? 1))
  const options = { device: 'cpu', threads } as const
  const models = [{ model: buildNet(net, args, options), share: 1 }]
  if (size !== undefined) {
    const model = buildNet(net, args, { ...options, distribution: distribution.dataParallel() })
    models.push({ model, share: size })
  }
  const seconds = models.map(() => [] as number[])
  for (let turn = 0; turn <= epochs; turn++) {
    for (const [i, { model, share }] of models.entries()) {
      const rows = steps * batch * share
      const x = { ...images, data: images.data.subarray(0, (rows * images.data.length) / labels.length) }
      // Each rank trains the first model for itself on purpose, which is otherwise warned of.
      if (i === 0) process.env.NEURODE_MPI = 'off'
      const fit = model.fit({ ...x, shape: [rows, ...images.shape.slice(1)] }, labels.subarray(0, rows), {
        batchSize: batch * share,
        verbose: 0,
      })
      delete process.env.NEURODE_MPI
      const { epochSeconds } = await fit
      if (turn > 0) seconds[i]?.push((epochSeconds[0] as number) / steps)
    }
  }
  for (const { model } of models) model.dispose()
  const [plain = [], together = []] = seconds
  return { plain: median(plain), together: median(together) }
}
