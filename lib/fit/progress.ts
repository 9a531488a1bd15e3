/** What fit and evaluate show while they work: a bar on a terminal, a line per epoch elsewhere, or nothing. */

import { checkNumber, refuse } from '../checks/validate.js'
import type { Logs } from '../training/context.js'

/** A stream that progress is written to, such as `process.stdout`. */
export interface ProgressStream {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

/** 0: nothing; 1: a bar; 2: a line per epoch; `'auto'`: a bar on a terminal, else lines. */
export type Verbose = 0 | 1 | 2 | 'auto'

/** How far an epoch, or an evaluation, has come. */
export interface Progress {
  /** The number of the epoch, counted from 0. */
  readonly epoch: number
  /** The number of the last epoch, plus 1. */
  readonly epochs: number
  /** Batches that are done, and batches of the whole epoch. */
  readonly batch: number
  readonly batches: number
  /** Rows that are done, and rows in a second. */
  readonly rows: number
  readonly rowsPerSecond: number
  /** Seconds since the epoch began, and an estimate of the seconds until it ends. */
  readonly seconds: number
  readonly secondsLeft: number
  /** Loss and metrics of the rows so far. */
  readonly logs: Logs
}

/** A way to show progress. */
export interface ProgressView {
  /** Whether `update` shows anything. Where it does not, progress within an epoch need not be computed. */
  readonly isLive: boolean
  /** Called within an epoch. */
  update(progress: Progress): void
  /** Called at the end of an epoch; `logs` may hold `val_…`. */
  finish(progress: Progress): void
  /** Called last of all: leaves the cursor of a terminal at the start of a line. */
  close(): void
}

const silent: ProgressView = { isLive: false, update: () => {}, finish: () => {}, close: () => {} }

/** Makes the view for a level of verbosity. Every line begins with what `title` returns. */
export function progressView(
  verbose: Verbose,
  stream: ProgressStream,
  title: (progress: Progress) => string,
): ProgressView {
  const level = verbose === 'auto' ? (stream.isTTY ? 1 : 2) : verbose
  if (level === 0) return silent
  return level === 1 ? new Bar(stream, title) : new Lines(stream, title)
}

export function checkVerbose(value: unknown, argument: string): Verbose {
  if (value === 'auto') return value
  if (typeof value !== 'number' || !Number.isInteger(value)) return refuse(argument, "0, 1, 2 or 'auto'", value)
  return checkNumber(value, argument, 0, 2) as Verbose
}

export function checkStream(value: unknown, argument: string): ProgressStream {
  if (value === undefined) return process.stdout
  if (typeof value === 'object' && value !== null && 'write' in value && typeof value.write === 'function') {
    return value as ProgressStream
  }
  return refuse(argument, 'a stream with write(text)', value)
}

class Lines implements ProgressView {
  readonly isLive = false
  readonly #stream: ProgressStream
  readonly #title: (progress: Progress) => string

  constructor(stream: ProgressStream, title: (progress: Progress) => string) {
    this.#stream = stream
    this.#title = title
  }

  update(): void {}

  finish(progress: Progress): void {
    this.#stream.write(`${[this.#title(progress), ...summaryParts(progress)].join(' - ')}\n`)
  }

  close(): void {}
}

const redrawMilliseconds = 100
const barWidth = 24

class Bar implements ProgressView {
  readonly isLive = true
  readonly #stream: ProgressStream
  readonly #title: (progress: Progress) => string
  #drawn = Number.NEGATIVE_INFINITY
  #open = false

  constructor(stream: ProgressStream, title: (progress: Progress) => string) {
    this.#stream = stream
    this.#title = title
  }

  update(progress: Progress): void {
    const now = performance.now()
    if (now - this.#drawn < redrawMilliseconds) return
    this.#drawn = now
    const { batch, batches, rowsPerSecond, secondsLeft, logs } = progress
    const parts = [`${formatCount(rowsPerSecond)} samples/s`, `ETA ${formatSeconds(secondsLeft)}`, ...formatLogs(logs)]
    const line = `${this.#title(progress)} ${drawBar(batch / batches)} ${batch}/${batches} - ${parts.join(' - ')}`
    const { columns } = this.#stream
    this.#stream.write(`\r${columns ? line.slice(0, columns - 1) : line}\x1b[K`)
    this.#open = true
  }

  finish(progress: Progress): void {
    const { batch, batches } = progress
    const head = `${this.#title(progress)} ${drawBar(batch / batches)} ${batch}/${batches}`
    this.#stream.write(`\r${[head, ...summaryParts(progress)].join(' - ')}\x1b[K\n`)
    this.#open = false
    this.#drawn = Number.NEGATIVE_INFINITY
  }

  close(): void {
    if (this.#open) this.#stream.write('\n')
    this.#open = false
  }
}

function drawBar(share: number): string {
  const done = Math.round(Math.min(1, share) * barWidth)
  return '━'.repeat(done) + '─'.repeat(barWidth - done)
}

function summaryParts({ seconds, rowsPerSecond, logs }: Progress): string[] {
  return [formatSeconds(seconds), `${formatCount(rowsPerSecond)} samples/s`, ...formatLogs(logs)]
}

function formatLogs(logs: Logs): string[] {
  return Object.entries(logs).map(([key, value]) => `${key}: ${formatValue(value)}`)
}

function formatValue(value: number): string {
  const size = Math.abs(value)
  return value === 0 || (size >= 1e-3 && size < 1e5) ? value.toFixed(4) : value.toExponential(3)
}

function formatCount(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toPrecision(3)}M`
  return count >= 1e3 ? `${(count / 1e3).toPrecision(3)}k` : count.toFixed(0)
}

function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  if (seconds < 10) return `${seconds.toFixed(2)}s`
  if (seconds < 60) return `${seconds.toFixed(0)}s`
  const minutes = Math.floor(seconds / 60)
  const rest = Math.floor(seconds % 60)
    .toString()
    .padStart(2, '0')
  return minutes < 60
    ? `${minutes}:${rest}`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${rest}`
}
