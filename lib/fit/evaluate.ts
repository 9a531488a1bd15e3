/** Evaluation: computes loss and metrics over rows, and changes no weights. */

import type { GivenTargets, InputRows } from '../arrays/arrays.js'
import { closing } from '../base/closing.js'
import { NeurodeError } from '../base/errors.js'
import { checkBoolean, checkInteger, checkOptions, checkSignal, refuse, refuseIdle } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { adviseOnSample } from '../core/dataAdvice.js'
import { ownData, takeRowsOf, targetsAndOptions } from '../core/inputs.js'
import type { WeightOptions } from '../core/rowWeights.js'
import { haveFiles, ownTargets, valuesOfTargets } from '../core/targets.js'
import { isBatchSource } from '../data/batches.js'
import { RowSource } from '../data/rowSource.js'
import { batchesAtOnce, evaluateBatchHere, evaluateRange, totalsOf } from '../feeds/captures.js'
import type { Feed } from '../feeds/feed.js'
import { type FeedRange, wholePass } from '../feeds/feedRange.js'
import { rowFeed, streamFeed } from '../feeds/feeds.js'
import { checkCopy, type MemoryOptions } from '../feeds/memoryOptions.js'
import { abortError, RangePacer, type Totals } from '../feeds/ranges.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { sumAt } from '../native/sums.js'
import type { Logs } from '../training/context.js'
import type { Loss } from '../training/lossOptions.js'
import { nextEvaluated } from './inStep.js'
import { type PerClass, perClassOf } from './perClass.js'
import {
  checkStream,
  checkVerbose,
  type Progress,
  type ProgressStream,
  progressView,
  type Verbose,
} from './progress.js'

/** Options of {@link Sequential.evaluate}. */
export interface EvaluateOptions<Outputs = SymbolicTensor>
  extends Pick<WeightOptions<Outputs>, 'sampleWeight'>,
    MemoryOptions {
  /**
   * Rows at a time, a positive integer. Default 1024, as loss and metrics do not depend on it; but 32, as in Keras, where a
   * loss does: with the reduction `sum` or `meanWithSampleWeight`, or with `ignoreClass`.
   */
  readonly batchSize?: number | undefined
  /** Evaluates at most so many batches, a positive integer; default: all. */
  readonly steps?: number | undefined
  /**
   * Adds measures of a classification for each class, or each label; see {@link PerClass}. Of several outputs, those whose loss is
   * one of a classification have them, by name. They take a second pass over the rows, which have to be in memory. Default false.
   */
  readonly perClass?: boolean | undefined
  /** Default 0: nothing is printed. */
  readonly verbose?: Verbose | undefined
  /** Where progress is written; default `process.stdout`. */
  readonly stream?: ProgressStream | undefined
  /** When it aborts, evaluate rejects with `ERR_ABORTED` within about a batch. */
  readonly signal?: AbortSignal | undefined
}

/** Cancels the ranges that run when the signal aborts. Returns a function that stops listening to it. */
export function cancelOnAbort(core: ModelCore, signal: AbortSignal | undefined): () => void {
  if (signal === undefined) return () => {}
  const cancel = () => core.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  return () => signal.removeEventListener('abort', cancel)
}

/**
 * The usual batch size of an evaluation: `asInKeras` where the loss depends on it, as do a sum over the rows of a batch, and a mean that
 * is divided by their weights or by how many of them count.
 */
export function evaluationBatchSize(core: ModelCore, asInKeras: number): number {
  const depends = (loss: Loss) => loss.reduction !== 'mean' || loss.options.ignoreClass !== undefined
  return core.training().heads.some(({ loss }) => loss && depends(loss)) ? asInKeras : 1024
}

/** Evaluates the batches of a feed, in ranges. */
export async function evaluateFeed(
  core: ModelCore,
  what: string,
  feed: Feed,
  { signal, steps = Number.POSITIVE_INFINITY, title, onRange }: EvaluateLimits = {},
): Promise<Totals> {
  if (signal?.aborted) throw abortError(what, signal)
  const totals = totalsOf(core)
  const batches = Math.min(steps, feed.batches ?? Number.POSITIVE_INFINITY)
  const pacer = new RangePacer(2 * core.countParameters() * feed.batchSize)
  const begins = feed.begin({ ...wholePass, wanted: steps, title })
  if (begins instanceof Promise) await begins
  while (totals.batches < batches) {
    core.checkAlive()
    if (signal?.aborted) throw abortError(what, signal)
    const began = performance.now()
    const { ranks } = core
    // Several ranks agree on each batch of a stream.
    const most = ranks !== undefined && feed.reader !== undefined ? 1 : batchesAtOnce(core, feed.batchSize)
    const limit = Math.min(batches - totals.batches, most)
    const wanted = pacer.next(limit)
    const count = ranks === undefined ? wanted : await nextEvaluated(ranks, { wanted, limit })
    const check = () => {
      if (ranks !== undefined) return
      core.checkAlive()
      if (signal?.aborted) throw abortError(what, signal)
    }
    const evaluate = (range: FeedRange) => {
      check()
      return evaluateRange(core, totals, range, (native) => core.evaluate(native))
    }
    const evaluateHere = (input: InputRows, targets: GivenTargets) => {
      check()
      return evaluateBatchHere(core, input, targets)
    }
    const sums = await feed.run(evaluate, count, evaluateHere)
    if (sums === undefined) break
    totals.add(sums)
    pacer.done(sums[sumAt.batches] as number, (performance.now() - began) / 1000)
    onRange?.(totals, batches)
  }
  core.checkAlive()
  if (signal?.aborted) throw abortError(what, signal)
  if (totals.rows === 0) {
    throw feed.reader?.noBatches() ?? new NeurodeError('ERR_ARGUMENT', `${what}: expected batches, got none`)
  }
  await adviseOnSample(core)
  return totals
}

/** What ends an evaluation early, and what it calls meanwhile. */
export interface EvaluateLimits {
  readonly signal?: AbortSignal | undefined
  /** Batches at most. */
  readonly steps?: number | undefined
  /** What messages call the evaluation, such as `epoch 1`. */
  readonly title?: string | undefined
  /** Called after every range, with the batches of the whole evaluation. */
  readonly onRange?: ((totals: Totals, batches: number) => void) | undefined
}

const optionNames = ['sampleWeight', 'copy', 'perClass', 'batchSize', 'steps', 'verbose', 'stream', 'signal']

/** See {@link Sequential.evaluate}. */
export async function evaluateModel(
  core: ModelCore,
  x: unknown,
  targets: unknown,
  last: EvaluateOptions | undefined,
): Promise<Record<string, number> | (Record<string, number> & { readonly perClass: PerClass })> {
  const [y, given] = targetsAndOptions(x, targets, last)
  const options = checkOptions(given, optionNames, 'evaluate')
  const perClass = checkBoolean(options.perClass ?? false, 'perClass')
  const copy = checkCopy(core, options.copy, x, y)
  const signal = checkSignal(options.signal, 'signal')
  const asked = options.batchSize === undefined ? undefined : checkInteger(options.batchSize, 'batchSize')
  const steps = options.steps === undefined ? undefined : checkInteger(options.steps, 'steps')
  const verbose = checkVerbose(options.verbose ?? 0, 'verbose')
  if (options.verbose === undefined) refuseIdle(options, ['stream'], 'evaluate', 'without verbose')
  const view = progressView(verbose, checkStream(options.stream, 'stream'), () => 'Evaluation')
  if (perClass && (isBatchSource(x) || x instanceof RowSource || haveFiles(core, y) || steps !== undefined)) {
    refuse('perClass', 'rows in memory, all of them, where it is asked for', perClass)
  }
  if (perClass && !copy) refuse('copy', 'true with perClass', copy)
  core.checkNotRunning('it cannot evaluate')
  core.checkCompiled()
  const isStream = isBatchSource(x)
  if (isStream && options.sampleWeight !== undefined) {
    refuse('sampleWeight', 'none with batches, which have their own', options.sampleWeight)
  }
  if (isStream && asked !== undefined) refuse('batchSize', 'none with batches, which have their own', asked)
  const size = () => asked ?? evaluationBatchSize(core, 32)
  // A second pass reads them after the evaluation, when the caller's arrays may have changed.
  const rows = perClass ? { x: ownData(core, x, 'x'), y: ownTargets(core, y, 'y') } : { x, y }
  const feed = isStream
    ? await streamFeed(core, x, 'x', signal)
    : rowFeed(core, rows.x, rows.y, size, ['x', 'y'], { sampleWeight: options.sampleWeight }, { copy })
  const stopListening = cancelOnAbort(core, signal)
  const began = performance.now()
  const progress = (totals: Totals, batches: number, logs: Logs) =>
    evaluationProgress(totals, batches, feed.rows ?? totals.rows, began, logs)
  const run = async () => {
    if (signal?.aborted) throw abortError('evaluate', signal)
    const onRange = (sums: Totals, batches: number) => {
      if (view.isLive && sums.batches < batches) view.update(progress(sums, batches, sums.logs()))
    }
    const totals = await evaluateFeed(core, 'evaluate', feed, { signal, steps, onRange })
    const logs = totals.logs()
    view.finish(progress(totals, totals.batches, logs))
    if (!perClass) return logs
    const input = takeRowsOf(core, rows.x, 'x')
    return { ...logs, perClass: await perClassOf(core, input, valuesOfTargets(core, rows.y, 'y')) } as never
  }
  return closing(run, async () => {
    stopListening()
    view.close()
    await feed.close()
  })
}

function evaluationProgress(totals: Totals, batches: number, allRows: number, began: number, logs: Logs): Progress {
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
    logs,
  }
}
