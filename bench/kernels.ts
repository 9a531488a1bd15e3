/** Measures single kernels: matrix products in comparison with the peak, and every row of the op table. */

import { readFileSync } from 'node:fs'
import { type ParsedArguments, UsageError } from '#lib/cli/options.js'
import type { OpRow } from '#lib/native/addon.js'
import { native } from '#lib/native/native.js'
import { median, type Row, round } from './report.js'
import { measurePeak, threadsOption } from './setup.js'

const repeats = 5
const milliseconds = 20
/** m: units, n: rows of a batch, k: inputs. */
const shapes = [
  [100, 128, 784],
  [50, 128, 100],
  [10, 128, 50],
  [1024, 1024, 784],
  [1024, 1024, 1024],
  [2048, 2048, 2048],
] as const

export async function* gemm(args: ParsedArguments): AsyncGenerator<Row> {
  const { device } = args.values
  if (typeof device === 'string' && device.startsWith('cuda')) {
    yield* gemmOnCuda(device)
    return
  }
  const threads = threadsOption(args)
  for (const [m, n, k] of shapes) {
    const { seconds, peakGflops } = await besidePeak(threads, () =>
      native().measureGemm({ m, n, k, threads, milliseconds }),
    )
    const gflops = (2e-9 * m * n * k) / seconds
    yield {
      bench: 'gemm',
      isa: isa(),
      threads,
      m,
      n,
      k,
      microseconds: round(1e6 * seconds),
      gflops: round(gflops),
      peakGflops: round(peakGflops),
      percentOfPeak: round((100 * gflops) / peakGflops),
    }
  }
}

/** Bytes of one copy: far more than any cache holds. */
const copyBytes = 512 * 2 ** 20
/** Rows of a batch, inputs and units. Trainings of large layers are compared with the last product. */
const cudaShapes = [
  [128, 784, 100],
  [1024, 1024, 1024],
  [8192, 4096, 4096],
] as const

async function* gemmOnCuda(device: string): AsyncGenerator<Row> {
  const info = native()
    .devices()
    .find(({ name }) => name === device || (device === 'cuda' && name === 'cuda:0'))
  const emulated = info?.description?.startsWith('Emulated') ?? false
  const bytes = emulated ? 2 ** 20 : copyBytes
  const common = { bench: 'gemm', device: info?.description ?? device }
  const seconds = await native().measureDevice({ device, precision: 'float32', m: 0, n: 0, k: 0, bytes })
  // A copy reads each byte once and writes it once.
  yield { ...common, copiedBytes: bytes, copyGigabytesPerSecond: round((2e-9 * bytes) / seconds) }
  for (const precision of info?.precisions ?? []) {
    for (const [m, k, n] of emulated ? cudaShapes.slice(0, 1) : cudaShapes) {
      const seconds = await native().measureDevice({ device, precision, m, n, k, bytes: 0 })
      const teraflops = round((2e-12 * m * n * k) / seconds)
      yield { ...common, precision, m, n, k, microseconds: round(1e6 * seconds), teraflops }
    }
  }
}

/** Elements per pass: 256 KB, which fits into an L2 cache. */
const size = 65_536
const slowerBy = 1.5

export async function* ops(args: ParsedArguments): AsyncGenerator<Row> {
  const before = baseline(args)
  for (const [kinds, rows] of Object.entries(native().ops()) as [string, readonly OpRow[]][]) {
    const kind = kinds.slice(0, -1).replace(/losse$/, 'loss')
    for (const { name } of rows) {
      const { seconds, peakGflops } = await besidePeak(1, () => native().measureOp({ kind, name, size, milliseconds }))
      const peakFlops = (1e9 * seconds * peakGflops) / size
      const expected = before.get(`${kind} ${name}`)
      yield {
        bench: 'ops',
        isa: isa(),
        threads: 1,
        kind,
        name,
        nanosecondsPerElement: round((1e9 * seconds) / size),
        peakFlopsPerElement: round(peakFlops),
        ...(expected === undefined ? {} : { before: expected, slower: peakFlops > slowerBy * expected }),
      }
    }
  }
}

/** What each row cost in an earlier file, in peak operations per element, which can be compared between machines. */
function baseline({ values }: ParsedArguments): ReadonlyMap<string, number> {
  if (typeof values.baseline !== 'string') return new Map()
  try {
    const lines = readFileSync(values.baseline, 'utf8').trim().split('\n')
    const rows = lines.map((line) => JSON.parse(line)).filter(({ bench }) => bench === 'ops')
    return new Map(rows.map(({ kind, name, peakFlopsPerElement }) => [`${kind} ${name}`, peakFlopsPerElement]))
  } catch (error) {
    throw new UsageError(
      `--baseline: expected a file of JSON Lines, got '${values.baseline}' (${(error as Error).message})`,
    )
  }
}

/** Medians of a measurement and of the peak, which are measured alternately. */
async function besidePeak(
  threads: number,
  measure: () => Promise<number>,
): Promise<{ readonly seconds: number; readonly peakGflops: number }> {
  const seconds: number[] = []
  const peaks: number[] = []
  for (let i = 0; i < repeats; i++) {
    peaks.push(await measurePeak(threads))
    seconds.push(await measure())
  }
  return { seconds: median(seconds), peakGflops: median(peaks) }
}

function isa(): string {
  const forced = process.env.NEURODE_ISA
  return (
    forced ||
    (native()
      .devices()
      .find(({ name }) => name === 'cpu')?.isas?.[0] ??
      '')
  )
}
