/** Training: TypeScript drives epochs, native code drives ranges of batches. */

import { sliceRows } from '../arrays/arrays.js'
import { ownArray } from '../arrays/lentRows.js'
import { withLists } from '../arrays/shapedArray.js'
import { NeurodeError } from '../base/errors.js'
import { deriveSeed } from '../base/seeds.js'
import { warn } from '../base/warnings.js'
import { describe, refuse } from '../checks/validate.js'
import { adviseOnModel } from '../core/advice.js'
import type { ModelCore } from '../core/core.js'
import { adviseOnSample } from '../core/dataAdvice.js'
import { buildFrom, targetsAndOptions } from '../core/inputs.js'
import { startPosition } from '../core/position.js'
import type { ClassWeights } from '../core/rowWeights.js'
import { closing, isBatchSource, remedy } from '../data/batches.js'
import { type DataInput, RowSource } from '../data/rowSource.js'
import { batchesAtOnce, totalsOf, trainRange } from '../feeds/captures.js'
import { ArrayFeed, type Feed } from '../feeds/feed.js'
import { rowFeed, streamFeed, takeRows } from '../feeds/feeds.js'
import { checkCopy } from '../feeds/memoryOptions.js'
import { abortError, RangePacer, type Totals, unlessAborted, validationLogs } from '../feeds/ranges.js'
import type { NativeTrainRange } from '../native/addon.js'
import type { CallbackList } from '../training/callbacks.js'
import type { Logs, TrainedModel, TrainingContext } from '../training/context.js'
import { learningRates } from '../training/optimizers.js'
import { cancelOnAbort, evaluateFeed, evaluationBatchSize } from './evaluate.js'
import {
  checkFitOptions,
  type FitOptions,
  type FitResult,
  type FitSettings,
  isRowPair,
  type ValidationData,
  type ValidationSource,
} from './fitOptions.js'
import { type Progress, type ProgressView, progressView } from './progress.js'

/** See {@link Sequential.fit}. */
export async function fitModel(
  core: ModelCore,
  model: TrainedModel,
  x: unknown,
  targets: unknown,
  options: FitOptions | undefined,
): Promise<FitResult> {
  const [y, given] = targetsAndOptions(x, targets, options)
  const settings = checkFitOptions(given)
  core.checkCompiled()
  if (core.fitting) throw core.busyError('fit cannot be called')
  if (settings.signal?.aborted) throw abortError('fit', settings.signal)
  const release = settings.callbacks.claim()
  core.fitting = true
  core.stopTraining = false
  const stopListening = cancelOnAbort(core, settings.signal)
  const feeds: Feeds = {}
  const run = async () => {
    const train = await openFeeds(core, x, y, settings, feeds)
    adviseOnModel(core)
    await train.reserve({ trains: true, shuffles: settings.shuffle })
    await feeds.validation?.reserve({ trains: false, shuffles: false })
    return await new Fit(core, settings, train, feeds.validation).run(model)
  }
  try {
    return await closing(run, async () => {
      await Promise.all([feeds.train?.close(), feeds.validation?.close()])
    })
  } finally {
    core.fitting = false
    stopListening()
    release()
  }
}

/** Those that are open. */
interface Feeds {
  train?: Feed
  validation?: Feed
}

/** Opens the feeds, those of arrays before anything is waited for, and gives the one to train on. */
async function openFeeds(core: ModelCore, x: unknown, y: unknown, settings: FitSettings, feeds: Feeds): Promise<Feed> {
  const { batchSize, validationData, validationSplit: split } = settings
  const isStream = isBatchSource(x)
  const copy = checkCopy(settings.givenCopy, x, y)
  if (isStream && settings.givenShuffle === true) {
    refuse('shuffle', 'none with batches, which come in the order of their source', true)
  }
  if (isStream && settings.seed !== undefined) {
    refuse('seed', 'none with batches, which come in the order of their source', settings.seed)
  }
  if (isStream && settings.givenBatchSize !== undefined) {
    refuse('batchSize', 'none with batches, which have their own', settings.givenBatchSize)
  }
  if (split > 0 && validationData === undefined) {
    if (isStream || x instanceof RowSource || y instanceof RowSource) {
      refuse('validationSplit', 'none with batches and files: use validationData', split)
    }
    return splitRows(core, x, y, settings, copy, feeds)
  }
  const { classWeight, sampleWeight } = settings
  if (isStream && sampleWeight !== undefined) {
    refuse('sampleWeight', 'none with batches, which have their own', sampleWeight)
  }
  const held = isStream && isRowPair(validationData) ? ownPair(validationData) : validationData
  const train = isStream
    ? await streamFeed(core, x, 'x', settings.signal, classWeight)
    : rowFeed(core, x, y, batchSize, ['x', 'y'], { sampleWeight, classWeight }, { copy })
  feeds.train = train
  if (held !== undefined) feeds.validation = await validationFeed(core, held, settings, copy)
  return train
}

/** The shape of a model's input may have to be waited for. */
function ownPair([x, y, sampleWeight]: ValidationData): ValidationData {
  const own = (data: DataInput, i: number) =>
    data instanceof RowSource ? data : ownArray(data, `validationData[${i}]`)
  if (sampleWeight === undefined) return [own(x, 0), own(y, 1)]
  return [own(x, 0), own(y, 1), ownArray(sampleWeight, 'validationData[2]')]
}

async function validationFeed(
  core: ModelCore,
  data: ValidationSource,
  settings: FitSettings,
  copy: boolean,
): Promise<Feed> {
  if (!isRowPair(data)) return streamFeed(core, data, 'validationData', settings.signal)
  const size = settings.validationBatchSize ?? evaluationBatchSize(core, settings.batchSize)
  const weights = { sampleWeight: data[2], weightArgument: 'validationData[2]' }
  const names = ['validationData[0]', 'validationData[1]'] as const
  return rowFeed(core, data[0], data[1], size, names, weights, { copy, mayCopy: true })
}

function splitRows(core: ModelCore, x: unknown, y: unknown, settings: FitSettings, copy: boolean, feeds: Feeds): Feed {
  buildFrom(core, x)
  const { sampleWeight } = settings
  // As in Keras, the weights of classes are for training alone.
  const [input, targets] = takeRows(core, x, y, ['x', 'y'], { sampleWeight }, { copy })
  const at = Math.floor(input.rows * (1 - settings.validationSplit))
  if (at === 0 || at === input.rows) {
    const got = `got ${settings.validationSplit}, which leaves ${at} and ${input.rows - at}`
    const expected = `validationSplit: expected a share that leaves rows on both sides of ${input.rows} rows`
    throw new NeurodeError('ERR_ARGUMENT', `${expected}, ${got}`)
  }
  const part = (from: number, to: number, batchSize: number, classWeight?: ClassWeights) => {
    const own = core.weighTargets(sliceRows(targets, from, to), undefined, classWeight)
    return new ArrayFeed(core, sliceRows(input, from, to), own, batchSize)
  }
  const validationBatchSize = settings.validationBatchSize ?? evaluationBatchSize(core, settings.batchSize)
  feeds.train = part(0, at, settings.batchSize, settings.classWeight)
  feeds.validation = part(at, input.rows, validationBatchSize)
  return feeds.train
}

/** Numbers by key as arrays of their own. */
export function historyOf(numbers: ReadonlyMap<string, readonly number[]>): Record<string, Float64Array> {
  return withLists(Object.fromEntries([...numbers].map(([key, values]) => [key, Float64Array.from(values)])))
}

/** How long callbacks may close what they opened once fit was aborted. */
const closeMilliseconds = 1000

/** One call of fit. */
class Fit {
  readonly #core: ModelCore
  readonly #settings: FitSettings
  readonly #feed: Feed
  readonly #validation: Feed | undefined
  readonly #pacer: RangePacer
  readonly #view: ProgressView
  /** Somebody sees or hears within an epoch how far it is. */
  readonly #isFollowed: boolean
  readonly #history = new Map<string, number[]>()
  readonly #epochSeconds: number[] = []
  /** Batches of an epoch, where they are known. */
  readonly #batches: number | undefined
  /** Epochs go on where the one before them ended: they are parts of a pass through data that come in their own order. */
  readonly #sharesPass: boolean
  #dataEnded = false
  /** What failed after steps that count. */
  #failure: { readonly error: unknown } | undefined
  /** The seed given, in this call or in the one that goes on. */
  #givenSeed: number | undefined

  constructor(core: ModelCore, settings: FitSettings, train: Feed, validation: Feed | undefined) {
    this.#core = core
    this.#settings = settings
    this.#feed = train
    this.#validation = validation
    this.#pacer = new RangePacer(6 * core.countParameters() * train.batchSize)
    this.#view = progressView(settings.verbose, settings.stream, ({ epoch, epochs }) => `Epoch ${epoch + 1}/${epochs}`)
    this.#isFollowed = this.#view.isLive || settings.onProgress !== undefined
    this.#givenSeed = settings.seed
    const { stepsPerEpoch } = settings
    this.#batches = Math.min(train.batches ?? Infinity, stepsPerEpoch ?? Infinity)
    if (this.#batches === Infinity) this.#batches = undefined
    this.#sharesPass = stepsPerEpoch !== undefined && !(settings.shuffle && train.rows !== undefined)
    const keys = ['loss', ...core.training().metrics.map(({ key }) => key)]
    for (const key of keys) this.#history.set(key, [])
    if (validation !== undefined) for (const key of keys) this.#history.set(`val_${key}`, [])
    core.history = this.#history
  }

  async run(model: TrainedModel): Promise<FitResult> {
    const { callbacks, epochs } = this.#settings
    const core = this.#core
    let logs: Partial<Logs> = {}
    try {
      const first = await this.#begin(model)
      for (let epoch = first; epoch < epochs && !core.stopTraining; epoch++) {
        if (this.#feed.reader?.isSpent) {
          this.#endData(`after epoch ${epoch}`)
          break
        }
        if (core.position.sums.length === 0) await this.#hook((all) => all.epochBegin(epoch))
        const epochLogs = await this.#epoch(epoch)
        if (epochLogs === undefined) {
          if (!core.stopTraining) this.#endData(`after epoch ${epoch}`)
          break
        }
        logs = epochLogs
        await this.#hook((all) => all.epochEnd(epoch, { ...epochLogs }))
      }
      await adviseOnSample(core)
      core.finalizeAverages()
      await this.#call(callbacks.trainEnd({ ...logs }))
    } catch (error) {
      // What went wrong first is what fit rejects with.
      await this.#close().catch(() => {})
      throw error
    }
    await this.#close()
    return withLists({
      history: historyOf(this.#history),
      epochs: this.#epochSeconds.length,
      epochSeconds: Float64Array.from(this.#epochSeconds),
      stopReason: core.stopTraining ? core.stopReason : this.#dataEnded ? 'dataEnded' : 'completed',
    } as const)
  }

  /** Calls the callbacks, one of which may load a checkpoint, and gives the first epoch. */
  async #begin(model: TrainedModel): Promise<number> {
    const { callbacks, initialEpoch } = this.#settings
    const core = this.#core
    let resume = this.#settings.resume
    let restored = false
    const states = resume ? core.callbackStates() : {}
    const context: TrainingContext = {
      model,
      epochs: this.#settings.epochs,
      keys: [...this.#history.keys()],
      direction: (key) => this.#directionOf(key),
      stop: (reason) => {
        model.stopTraining = true
        core.stopReason = reason
      },
      resume: () => {
        resume = restored = true
      },
    }
    const before = { position: core.position, states: core.callbackStates }
    core.position = resume ? core.position : { ...startPosition, epoch: initialEpoch }
    try {
      await this.#call(callbacks.trainBegin(context))
      if (resume) await this.#call(callbacks.restore(restored ? core.callbackStates() : states))
      core.callbackStates = () => callbacks.states()
      await this.#call(callbacks.tryOut())
    } catch (error) {
      if (!restored) {
        core.position = before.position
        core.callbackStates = before.states
      }
      throw error
    }
    if (!resume) return initialEpoch
    const { epoch, sums, batches, seed } = core.position
    this.#givenSeed ??= seed
    if (sums.length > 0 && batches !== this.#batches) {
      const expected = `expected ${batches} batches in an epoch, as where training is to go on`
      throw new NeurodeError('ERR_ARGUMENT', `resume: ${expected}, got ${describe(this.#batches)}`)
    }
    const { length } = totalsOf(core).sums
    if (sums.length > 0 && sums.length !== length) {
      throw new NeurodeError('ERR_ARGUMENT', 'resume: expected the same metrics as where training is to go on')
    }
    core.undoAverages()
    return epoch
  }

  #directionOf(key: string): 'min' | 'max' {
    const metrics = this.#core.training().metrics
    return metrics.find((metric) => metric.key === key || `val_${metric.key}` === key)?.best ?? 'min'
  }

  /** Trains, validates and shows one epoch; gives its logs, or nothing if it was stopped before its first batch. */
  async #epoch(epoch: number): Promise<Logs | undefined> {
    const core = this.#core
    const totals = totalsOf(core)
    let { order } = core.position
    if (core.position.sums.length > 0) {
      totals.add(core.position.sums)
    } else {
      // A given seed repeats its orders in every fit; else they go on where the last fit ended.
      order = this.#givenSeed === undefined ? core.epochsBegun : epoch
      core.epochsBegun++
    }
    const passed = this.#sharesPass ? core.position.passed : 0
    core.position = { epoch, order, seed: this.#givenSeed, batches: this.#batches, passed, sums: core.position.sums }
    const began = performance.now()
    const callbackSeconds = await this.#batchRanges(epoch, order, totals, began)
    if (totals.rows === 0) {
      if (this.#epochSeconds.length > 0 || core.stopTraining) return undefined
      throw this.#feed.reader?.noBatches() ?? new NeurodeError('ERR_ARGUMENT', 'x: expected batches, got none')
    }
    if (this.#endedWithin(totals, this.#feed, this.#settings.stepsPerEpoch)) this.#endData(`in epoch ${epoch + 1}`)
    const seconds = (performance.now() - began) / 1000 - callbackSeconds
    this.#epochSeconds.push(seconds)
    const validate = this.#validation !== undefined && (epoch + 1) % this.#settings.validationFreq === 0
    const logs = totals.logs()
    this.#remember(logs)
    if (validate) Object.assign(logs, await this.#validate(epoch))
    const progress = this.#progress(epoch, totals, seconds, logs)
    this.#view.finish(progress)
    await this.#tell(progress)
    return logs
  }

  /** Runs the batches of an epoch; gives the seconds that callbacks took. */
  async #batchRanges(epoch: number, order: number, totals: Totals, began: number): Promise<number> {
    const { callbacks, shuffle } = this.#settings
    const core = this.#core
    const feed = this.#feed
    let callbackSeconds = 0
    const call = async (work: Promise<void>) => {
      const from = performance.now()
      await this.#call(work)
      callbackSeconds += (performance.now() - from) / 1000
    }
    const batches = this.#batches ?? Number.POSITIVE_INFINITY
    const seed = this.#givenSeed ?? deriveSeed(core.seed, 0, 'shuffle')
    const passed = await feed.begin({ shuffle, seed, epoch: order, ...this.#whereabouts(epoch, totals) })
    if (passed !== core.position.passed) core.position = { ...core.position, passed }
    let isOver = false
    while (totals.batches < batches && !core.stopTraining) {
      if (callbacks.perBatch) await call(callbacks.batchBegin(totals.batches))
      this.#check()
      const untilCall = callbacks.batchesUntilCall(totals.batches)
      const limit = Math.min(batches - totals.batches, untilCall, batchesAtOnce(core, feed.batchSize))
      const from = performance.now()
      const sums = await this.#trainRange(this.#pacer.next(limit), totals)
      if (sums === undefined) {
        isOver = true
        break
      }
      this.#pacer.done(sums[0] as number, (performance.now() - from) / 1000)
      const done = totals.batches
      totals.add(sums)
      if (totals.batches > done) core.position = { ...core.position, sums: totals.sums }
      this.#check()
      if (totals.batches === done) continue
      if (callbacks.perBatch) await call(callbacks.batchEnd(totals.batches, totals.logs(), totals.batches === batches))
      if (callbacks.perRange) await call(callbacks.rangeEnd(totals.batches - 1, totals.logs()))
      if (totals.batches === batches || !this.#isFollowed) continue
      const progress = this.#progress(epoch, totals, (performance.now() - began) / 1000, totals.logs())
      this.#view.update(progress)
      await call(this.#tell(progress))
    }
    if (!core.stopTraining || totals.batches === batches) {
      const passedNow = this.#sharesPass && !isOver ? passed + totals.batches : 0
      core.position = { ...startPosition, epoch: epoch + 1, seed: this.#givenSeed, passed: passedNow }
    }
    return callbackSeconds
  }

  #whereabouts(epoch: number, { batches: done }: Totals) {
    const { epochs, stepsPerEpoch = Number.POSITIVE_INFINITY } = this.#settings
    const { passed } = this.#core.position
    return { passed, done, wanted: (epochs - epoch) * stepsPerEpoch - done, title: `epoch ${epoch + 1}` }
  }

  #trainRange(limit: number, totals: Totals) {
    const core = this.#core
    const model = core.native()
    const { optimizer } = core.training().settings
    // A feed may queue ranges: the rates of each begin where those of the one before end.
    let step = core.step
    const train = async (native: NativeTrainRange) => {
      this.#check()
      const sums = await model.train(native)
      if (native.update !== false) core.step += sums[0] as number
      return sums
    }
    const fail = (error: unknown) => {
      this.#failure ??= { error }
    }
    return this.#feed.run((range) => {
      this.#check()
      const rates = learningRates(optimizer, step, range.batches)
      step += range.batches
      return trainRange(core, totals, range, rates, train, fail)
    }, limit)
  }

  async #validate(epoch: number): Promise<Record<string, number>> {
    if (this.#validation === undefined) return {}
    const { signal, validationSteps: steps } = this.#settings
    const totals = await evaluateFeed(this.#core, 'fit', this.#validation, {
      signal,
      steps,
      title: `epoch ${epoch + 1}`,
    })
    if (this.#endedWithin(totals, this.#validation, steps)) this.#warn('validationData', `in epoch ${epoch + 1}`)
    const logs = validationLogs(totals.logs())
    this.#remember(logs)
    return logs
  }

  #remember(logs: Record<string, number>): void {
    for (const [key, value] of Object.entries(logs)) this.#history.get(key)?.push(value)
  }

  /** Whether an iterator gave fewer batches than were asked for, and will give no more. */
  #endedWithin({ batches }: Totals, { reader }: Feed, steps: number | undefined): boolean {
    return steps !== undefined && batches < steps && reader?.isSpent === true && !this.#core.stopTraining
  }

  #endData(when: string): void {
    if (!this.#dataEnded) this.#warn('x', when)
    this.#dataEnded = true
  }

  #warn(argument: string, when: string): void {
    const text = `${argument}: the batches ended ${when} of ${this.#settings.epochs}: an iterator cannot begin anew`
    warn('NEURODE_DATA_ENDED', `${text}; ${remedy}`)
  }

  async #tell(progress: Progress): Promise<void> {
    const { onProgress } = this.#settings
    if (onProgress !== undefined) await this.#call(Promise.resolve(onProgress(progress)))
  }

  /** Lets callbacks close what they opened; an abort gives them a second. */
  async #close(): Promise<void> {
    this.#view.close()
    const { callbacks, signal } = this.#settings
    const closed = callbacks.trainClose()
    if (signal === undefined) return closed
    let timer: NodeJS.Timeout | undefined
    let begin = () => {}
    const late = new Promise<never>((_, reject) => {
      begin = () => {
        timer = setTimeout(() => reject(abortError('fit', signal)), closeMilliseconds)
      }
    })
    if (signal.aborted) begin()
    else signal.addEventListener('abort', begin, { once: true })
    try {
      await Promise.race([closed, late])
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', begin)
    }
  }

  #progress(epoch: number, totals: Totals, seconds: number, logs: Logs): Progress {
    const rowsPerSecond = totals.rows / Math.max(seconds, 1e-9)
    const batches = this.#batches ?? totals.batches
    const rows = Math.min(this.#feed.rows ?? Infinity, (totals.rows / totals.batches) * batches)
    return {
      epoch,
      epochs: this.#settings.epochs,
      batch: totals.batches,
      batches,
      rows: totals.rows,
      rowsPerSecond,
      seconds,
      secondsLeft: (rows - totals.rows) / rowsPerSecond,
      logs,
    }
  }

  /** Calls the callbacks, where there are any. */
  #hook(call: (callbacks: CallbackList) => Promise<void>): Promise<void> | void {
    const { callbacks } = this.#settings
    return callbacks.isEmpty ? this.#check() : this.#call(call(callbacks))
  }

  async #call(work: Promise<unknown>): Promise<void> {
    await unlessAborted(work, this.#settings.signal, (signal) => abortError('fit', signal))
    this.#check()
  }

  #check(): void {
    this.#core.checkAlive()
    if (this.#failure !== undefined) throw this.#failure.error
    const { signal } = this.#settings
    if (signal?.aborted) throw abortError('fit', signal)
  }
}
