/** Measures tables: how fast one is read, adapted to and trained on, in memory and in pieces, and how much memory that takes. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { integerOption, type ParsedArguments } from '#lib/cli/options.js'
import { median, type Row, round } from './report.js'
import { threadsOption } from './setup.js'

const columns = 20
const turns = 3
/** What is measured, each in a process of its own, as its memory is. */
const jobs = ['readCsv', 'readTable', 'fit', 'fitStream'] as const

interface Measured {
  readonly readSeconds: number
  readonly adaptSeconds: number | null
  readonly epochSeconds: number | null
  readonly peakBytes: number
}

export async function* tables(args: ParsedArguments): AsyncGenerator<Row> {
  const rows = integerOption(args, 'rows', 100) ?? 1_000_000
  const threads = threadsOption(args)
  const folder = mkdtempSync(join(tmpdir(), 'neurode-tables-'))
  let readTableSeconds = Number.NaN
  try {
    const path = join(folder, 'table.csv')
    await writeRows(path, rows)
    const bytes = statSync(path).size
    const idle = await measure('none', path, threads)
    for (const job of jobs) {
      const measured: Measured[] = []
      for (let turn = 0; turn < turns; turn++) measured.push(await measure(job, path, threads))
      const of = (pick: (each: Measured) => number | null) => {
        const values = measured.map(pick).filter((value) => value !== null)
        return values.length === 0 ? null : median(values)
      }
      const read = of(({ readSeconds }) => readSeconds) as number
      if (job === 'readTable') readTableSeconds = read
      const [adapt, epoch] = [of(({ adaptSeconds }) => adaptSeconds), of(({ epochSeconds }) => epochSeconds)]
      const peak = Math.max(...measured.map(({ peakBytes }) => peakBytes)) - idle.peakBytes
      yield {
        bench: 'tables',
        job,
        rows,
        columns,
        megabytes: round(bytes / 1e6),
        threads,
        readSeconds: round(read),
        readMegabytesPerSecond: round(bytes / 1e6 / read),
        adaptSeconds: adapt === null ? null : round(adapt),
        epochSeconds: epoch === null ? null : round(epoch),
        timesReading: epoch === null || adapt === null ? null : round((adapt + epoch) / readTableSeconds),
        peakMegabytes: round(peak / 1e6),
        timesFile: round(peak / bytes),
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs a job in a process of its own. */
async function measure(job: string, path: string, threads: number): Promise<Measured> {
  const program = fileURLToPath(new URL('tablesJob.js', import.meta.url))
  const child = spawn(process.execPath, [program, job, path, String(threads)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  if (code !== 0) throw new Error(`${job} ended with ${code}`)
  return JSON.parse(output) as Measured
}

const words = Array.from({ length: 500 }, (_, i) => `word${(i * 7919) % 1000}`)

/** Ten columns of numbers and ten of texts, with gaps, and a target of numbers. */
async function writeRows(path: string, rows: number): Promise<void> {
  const file = createWriteStream(path)
  const names = Array.from({ length: columns - 1 }, (_, i) => (i < 9 ? `n${i}` : `t${i}`))
  file.write(`${[...names, 'y'].join(',')}\n`)
  let state = 1
  const draw = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  let lines = ''
  for (let row = 0; row < rows; row++) {
    const numbers = Array.from({ length: 9 }, () => (draw(50) === 0 ? '' : (draw(1e6) / 100).toString()))
    const texts = Array.from({ length: 10 }, (_, i) => words[draw(5 * 2 ** Math.min(6, i))])
    lines += `${numbers.join(',')},${texts.join(',')},${(Number(numbers[0]) / 1e4 + draw(1000) / 1e3).toFixed(3)}\n`
    if (lines.length < 1e6) continue
    if (!file.write(lines)) await once(file, 'drain')
    lines = ''
  }
  file.end(lines)
  await once(file, 'close')
}
