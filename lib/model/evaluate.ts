/** Evaluation: loss and metrics over rows, without any change of weights. */

import { type InputRows, type TargetRows, toInput } from '../data/arrays.js'
import { NeurodeError } from '../errors.js'
import { checkInteger, checkOptions, checkSignal } from '../validate.js'
import type { ModelCore } from './core.js'
import { buildFrom } from './inputs.js'
import {
  checkStream,
  checkVerbose,
  type ProgressStream,
  type ProgressView,
  progressView,
  type Verbose,
} from './progress.js'
import { RangePacer, Totals } from './ranges.js'

/** Options of {@link Sequential.evaluate}. */
export interface EvaluateOptions {
  /**
   * Rows at a time, a positive integer. Means do not depend on it: default 1024, or 32 as in Keras where the loss is a
   * sum over the rows of a batch.
   */
  readonly batchSize?: number | undefined
  /** Default 0: nothing is printed. */
  readonly verbose?: Verbose | undefined
  /** Where progress is written; default `process.stdout`. */
  readonly stream?: ProgressStream | undefined
  /** Aborting rejects with `ERR_ABORTED` within about a batch. */
  readonly signal?: AbortSignal | undefined
}

/** Rows with targets under a native handle, for the time of `work`. */
export async function withBound<T>(
  core: ModelCore,
  input: InputRows,
  targets: TargetRows,
  work: (handle: number) => Promise<T>,
): Promise<T> {
  const model = core.native()
  const handle = model.bind(input, targets)
  try {
    return await work(handle)
  } finally {
    if (!core.disposed) model.unbind(handle)
  }
}

/** The error of work that a signal stopped. */
export function abortError(what: string, signal: AbortSignal): NeurodeError {
  return new NeurodeError('ERR_ABORTED', `${what} was aborted`, { cause: signal.reason })
}

/** Ends running ranges when the signal aborts; the function given back stops listening. */
export function cancelOnAbort(core: ModelCore, signal: AbortSignal | undefined): () => void {
  if (signal === undefined) return () => {}
  const cancel = () => core.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  return () => signal.removeEventListener('abort', cancel)
}

/** A batch size that makes no difference to means, but is Keras' where the loss is a sum over a batch. */
export function evaluationBatchSize(core: ModelCore, asInKeras: number): number {
  return core.training().settings.loss.reduction === 'sum' ? asInKeras : 1024
}

/** Evaluates bound rows in ranges. */
export async function evaluateBound(
  core: ModelCore,
  what: string,
  bound: { readonly handle: number; readonly rows: number; readonly batchSize: number },
  signal?: AbortSignal,
  onRange?: (totals: Totals, batches: number) => void,
): Promise<Totals> {
  const { handle, rows, batchSize } = bound
  const totals = new Totals(core.training().metrics)
  const batches = Math.ceil(rows / batchSize)
  const pacer = new RangePacer(2 * core.countParameters() * Math.min(rows, batchSize))
  while (totals.batches < batches) {
    core.checkAlive()
    if (signal?.aborted) throw abortError(what, signal)
    const began = performance.now()
    const count = pacer.next(batches - totals.batches)
    const range = { data: handle, batchSize, firstBatch: totals.batches, batches: count }
    const sums = await core.native().evaluate(range)
    totals.add(sums)
    pacer.done(sums[0] as number, (performance.now() - began) / 1000)
    onRange?.(totals, batches)
  }
  if (signal?.aborted) throw abortError(what, signal)
  return totals
}

const optionNames = ['batchSize', 'verbose', 'stream', 'signal']

/** See {@link Sequential.evaluate}. */
export async function evaluateModel(
  core: ModelCore,
  x: unknown,
  y: unknown,
  given: EvaluateOptions | undefined,
): Promise<Record<string, number>> {
  const options = checkOptions(given, optionNames, 'evaluate')
  const signal = checkSignal(options.signal, 'signal')
  const asked = options.batchSize === undefined ? undefined : checkInteger(options.batchSize, 'batchSize')
  const verbose = checkVerbose(options.verbose ?? 0, 'verbose')
  const view = progressView(verbose, checkStream(options.stream, 'stream'), () => 'Evaluation')
  core.checkNotRunning('it cannot evaluate')
  core.checkCompiled()
  buildFrom(core, x)
  const input = toInput(x, core.built().inputShape, 'x')
  const targets = core.readTargets(y, input.rows, 'y')
  const batchSize = Math.min(asked ?? evaluationBatchSize(core, 32), input.rows)
  if (signal?.aborted) throw abortError('evaluate', signal)
  const stopListening = cancelOnAbort(core, signal)
  const began = performance.now()
  const show = (totals: Totals, batches: number) => evaluationProgress(totals, batches, input.rows, began)
  try {
    const totals = await withBound(core, input, targets, (handle) =>
      evaluateBound(core, 'evaluate', { handle, rows: input.rows, batchSize }, signal, (sums, batches) =>
        showUnlessDone(view, show(sums, batches)),
      ),
    )
    view.finish(show(totals, totals.batches))
    return totals.logs()
  } finally {
    stopListening()
    view.close()
  }
}

function showUnlessDone(view: ProgressView, progress: ReturnType<typeof evaluationProgress>): void {
  if (progress.batch < progress.batches) view.update(progress)
}

function evaluationProgress(totals: Totals, batches: number, allRows: number, began: number) {
  const seconds = (performance.now() - began) / 1000
  const rowsPerSecond = totals.rows / Math.max(seconds, 1e-9)
  return {
    epoch: 0,
    epochs: 1,
    batch: totals.batches,
    batches,
    rows: totals.rows,
    rowsPerSecond,
    seconds,
    secondsLeft: (allRows - totals.rows) / rowsPerSecond,
    logs: totals.logs(),
  }
}

/** See {@link Sequential.testOnBatch}. */
export async function testOnBatch(core: ModelCore, x: unknown, y: unknown): Promise<Record<string, number>> {
  core.checkNotRunning('it cannot evaluate')
  core.checkCompiled()
  buildFrom(core, x)
  const input = toInput(x, core.built().inputShape, 'x')
  const targets = core.readTargets(y, input.rows, 'y')
  const totals = await withBound(core, input, targets, (handle) =>
    evaluateBound(core, 'testOnBatch', { handle, rows: input.rows, batchSize: input.rows }),
  )
  return totals.logs()
}
