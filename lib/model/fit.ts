/** Training: TypeScript drives epochs, native code drives ranges of batches. */

import type { ArrayInput } from '../data/arrays.js'
import { type InputRows, sliceRows, type TargetRows, toInput } from '../data/arrays.js'
import { NeurodeError } from '../errors.js'
import { type Callback, CallbackList } from '../training/callbacks.js'
import { learningRates } from '../training/optimizers.js'
import { checkBoolean, checkInteger, checkNumber, checkOptions, checkSeed, checkSignal, refuse } from '../validate.js'
import type { ModelCore } from './core.js'
import { abortError, cancelOnAbort, evaluateBound, evaluationBatchSize, withBound } from './evaluate.js'
import { buildFrom } from './inputs.js'
import {
  checkStream,
  checkVerbose,
  type Progress,
  type ProgressStream,
  type ProgressView,
  progressView,
  type Verbose,
} from './progress.js'
import { RangePacer, Totals, unlessAborted, validationLogs } from './ranges.js'
import { deriveSeed } from './seeds.js'

/** Rows and targets to validate on after epochs. */
export type ValidationData = readonly [x: ArrayInput, y: ArrayInput]

/** Options of {@link Sequential.fit} but for those that ask for validation. */
export interface BaseFitOptions {
  /** Rows per step, a positive integer; default 32. The last batch of an epoch may be smaller. */
  readonly batchSize?: number | undefined
  /** Where to end: the number of epochs in all, counted from 0; default 1. */
  readonly epochs?: number | undefined
  /** First epoch, for training that goes on; default 0. */
  readonly initialEpoch?: number | undefined
  /** Visits the rows in a new random order every epoch; default true. */
  readonly shuffle?: boolean | undefined
  /**
   * Decides the orders of rows, together with the epoch. Default: derived from the model's seed, with new orders in
   * every further call of fit.
   */
  readonly seed?: number | undefined
  /** Rows at a time in validation; means do not depend on it. */
  readonly validationBatchSize?: number | undefined
  /** Validates after every so many epochs; default 1. */
  readonly validationFreq?: number | undefined
  /** 0: print nothing; 1: a bar; 2: a line per epoch; `'auto'` (default): a bar on a terminal, else lines. */
  readonly verbose?: Verbose | undefined
  /** Where progress is written; default `process.stdout`. */
  readonly stream?: ProgressStream | undefined
  /** One callback or several. */
  readonly callbacks?: Callback | readonly Callback[] | undefined
  /** Called about ten times a second and at the end of every epoch. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Aborting rejects with `ERR_ABORTED` within about a batch; the weights are those after the last batch. */
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link Sequential.fit}. */
export interface FitOptions extends BaseFitOptions {
  /** Rows to validate on after epochs; goes before `validationSplit`. */
  readonly validationData?: ValidationData | undefined
  /** Share of the rows, above 0 and below 1, taken from the end before any shuffling to validate on. */
  readonly validationSplit?: number | undefined
}

/** What {@link Sequential.fit} did. */
export interface FitResult<H = Readonly<Record<string, Float64Array>>> {
  /** Loss, metrics and `val_…`, one number per epoch (`val_…`: per validated epoch). */
  readonly history: H
  /** Number of epochs this call ran. */
  readonly epochs: number
  /** Seconds of training per epoch, without validation and callbacks on epochs. */
  readonly epochSeconds: Float64Array
  /** `stopped`: `model.stopTraining` was set before the last epoch was over. */
  readonly stopReason: 'completed' | 'stopped'
}

const optionNames = [
  'batchSize',
  'epochs',
  'initialEpoch',
  'shuffle',
  'seed',
  'validationData',
  'validationSplit',
  'validationBatchSize',
  'validationFreq',
  'verbose',
  'stream',
  'callbacks',
  'onProgress',
  'signal',
]

type Settings = ReturnType<typeof checkFitOptions>

function checkFitOptions(given: FitOptions | undefined) {
  const options = checkOptions(given, optionNames, 'fit')
  const split = options.validationSplit
  if (options.onProgress !== undefined && typeof options.onProgress !== 'function') {
    refuse('onProgress', 'a function', options.onProgress)
  }
  return {
    batchSize: checkInteger(options.batchSize ?? 32, 'batchSize'),
    epochs: checkInteger(options.epochs ?? 1, 'epochs'),
    initialEpoch: checkInteger(options.initialEpoch ?? 0, 'initialEpoch', 0),
    shuffle: checkBoolean(options.shuffle ?? true, 'shuffle'),
    seed: checkSeed(options.seed, 'seed'),
    validationData: checkValidationData(options.validationData),
    validationSplit: split === undefined ? 0 : checkNumber(split, 'validationSplit', 0, 1),
    validationBatchSize:
      options.validationBatchSize === undefined
        ? undefined
        : checkInteger(options.validationBatchSize, 'validationBatchSize'),
    validationFreq: checkInteger(options.validationFreq ?? 1, 'validationFreq'),
    verbose: checkVerbose(options.verbose ?? 'auto', 'verbose'),
    stream: checkStream(options.stream, 'stream'),
    callbacks: new CallbackList(options.callbacks, 'callbacks'),
    onProgress: options.onProgress,
    signal: checkSignal(options.signal, 'signal'),
  }
}

function checkValidationData(value: ValidationData | undefined): ValidationData | undefined {
  if (value === undefined || (Array.isArray(value) && value.length === 2)) return value
  return refuse('validationData', '[x, y]', value)
}

/** See {@link Sequential.fit}. */
export async function fitModel(
  core: ModelCore,
  x: unknown,
  y: unknown,
  given: FitOptions | undefined,
): Promise<FitResult> {
  const settings = checkFitOptions(given)
  core.checkCompiled()
  if (core.fitting) throw core.busyError('fit cannot be called')
  if (settings.signal?.aborted) throw abortError('fit', settings.signal)
  buildFrom(core, x)
  const data = readData(core, x, y, settings)
  core.native()
  core.fitting = true
  core.stopTraining = false
  const stopListening = cancelOnAbort(core, settings.signal)
  try {
    return await withBound(core, ...data.train, async (train) => {
      const rows = data.train[0].rows
      if (data.validation === undefined) return new Fit(core, settings, { handle: train, rows }, undefined).run()
      const [input, targets] = data.validation
      return withBound(core, input, targets, (handle) => {
        const batchSize = settings.validationBatchSize ?? evaluationBatchSize(core, settings.batchSize)
        const validation = { handle, rows: input.rows, batchSize: Math.min(batchSize, input.rows) }
        return new Fit(core, settings, { handle: train, rows }, validation).run()
      })
    })
  } finally {
    core.fitting = false
    stopListening()
  }
}

type Rows = readonly [InputRows, TargetRows]

function readData(core: ModelCore, x: unknown, y: unknown, settings: Settings): { train: Rows; validation?: Rows } {
  const { inputShape } = core.built()
  const input = toInput(x, inputShape, 'x')
  const targets = core.readTargets(y, input.rows, 'y')
  if (settings.validationData !== undefined) {
    const validationInput = toInput(settings.validationData[0], inputShape, 'validationData[0]')
    const validationTargets = core.readTargets(settings.validationData[1], validationInput.rows, 'validationData[1]')
    return { train: [input, targets], validation: [validationInput, validationTargets] }
  }
  if (settings.validationSplit === 0) return { train: [input, targets] }
  const at = Math.floor(input.rows * (1 - settings.validationSplit))
  if (at === 0 || at === input.rows) {
    const got = `got ${settings.validationSplit}, which leaves ${at} and ${input.rows - at}`
    const expected = `validationSplit: expected a share that leaves rows on both sides of ${input.rows} rows`
    throw new NeurodeError('ERR_ARGUMENT', `${expected}, ${got}`)
  }
  return {
    train: [sliceRows(input, 0, at), sliceRows(targets, 0, at)],
    validation: [sliceRows(input, at, input.rows), sliceRows(targets, at, input.rows)],
  }
}

interface Bound {
  readonly handle: number
  readonly rows: number
}

/** One call of fit. */
class Fit {
  readonly #core: ModelCore
  readonly #settings: Settings
  readonly #train: Bound
  readonly #validation: (Bound & { readonly batchSize: number }) | undefined
  readonly #batches: number
  readonly #batchSize: number
  readonly #pacer: RangePacer
  readonly #view: ProgressView
  readonly #seed: number
  readonly #history = new Map<string, number[]>()
  readonly #epochSeconds: number[] = []

  constructor(
    core: ModelCore,
    settings: Settings,
    train: Bound,
    validation: (Bound & { batchSize: number }) | undefined,
  ) {
    this.#core = core
    this.#settings = settings
    this.#train = train
    this.#validation = validation
    this.#batchSize = Math.min(settings.batchSize, train.rows)
    this.#batches = Math.ceil(train.rows / this.#batchSize)
    this.#pacer = new RangePacer(6 * core.countParameters() * this.#batchSize)
    this.#view = progressView(settings.verbose, settings.stream, ({ epoch, epochs }) => `Epoch ${epoch + 1}/${epochs}`)
    this.#seed = settings.seed ?? deriveSeed(core.seed, 0, 'shuffle')
    const keys = ['loss', ...core.training().metrics.map(({ key }) => key)]
    for (const key of keys) this.#history.set(key, [])
    if (validation !== undefined) for (const key of keys) this.#history.set(`val_${key}`, [])
  }

  async run(): Promise<FitResult> {
    const { callbacks, initialEpoch, epochs } = this.#settings
    let logs: Record<string, number> = {}
    try {
      await this.#call(callbacks.trainBegin())
      for (let epoch = initialEpoch; epoch < epochs && !this.#core.stopTraining; epoch++) {
        await this.#call(callbacks.epochBegin(epoch))
        const epochLogs = await this.#epoch(epoch)
        if (epochLogs === undefined) break
        logs = epochLogs
        await this.#call(callbacks.epochEnd(epoch, { ...logs }))
      }
      await this.#call(callbacks.trainEnd({ ...logs }))
    } finally {
      this.#view.close()
    }
    return {
      history: Object.fromEntries([...this.#history].map(([key, values]) => [key, Float64Array.from(values)])),
      epochs: this.#epochSeconds.length,
      epochSeconds: Float64Array.from(this.#epochSeconds),
      stopReason: this.#core.stopTraining ? 'stopped' : 'completed',
    }
  }

  /** Trains, validates and shows one epoch; gives its logs, or nothing if it was stopped before its first batch. */
  async #epoch(epoch: number): Promise<Record<string, number> | undefined> {
    const totals = new Totals(this.#core.training().metrics)
    // A given seed repeats its orders in every fit; else they go on where the last fit ended.
    const order = this.#settings.seed === undefined ? this.#core.epochsBegun : epoch
    this.#core.epochsBegun++
    const began = performance.now()
    const callbackSeconds = await this.#batchRanges(epoch, order, totals, began)
    if (totals.rows === 0) return undefined
    const seconds = (performance.now() - began) / 1000 - callbackSeconds
    this.#epochSeconds.push(seconds)
    const validate = this.#validation !== undefined && (epoch + 1) % this.#settings.validationFreq === 0
    const logs = { ...totals.logs(), ...(validate ? await this.#validate() : {}) }
    for (const [key, value] of Object.entries(logs)) this.#history.get(key)?.push(value)
    const progress = this.#progress(epoch, totals, seconds, logs)
    this.#view.finish(progress)
    this.#settings.onProgress?.(progress)
    return logs
  }

  /** Runs the batches of an epoch; gives the seconds that callbacks took. */
  async #batchRanges(epoch: number, order: number, totals: Totals, began: number): Promise<number> {
    const { callbacks, shuffle } = this.#settings
    const core = this.#core
    let callbackSeconds = 0
    const call = async (work: Promise<void>) => {
      const from = performance.now()
      await this.#call(work)
      callbackSeconds += (performance.now() - from) / 1000
    }
    while (totals.batches < this.#batches && !core.stopTraining) {
      if (callbacks.perBatch) await call(callbacks.batchBegin(totals.batches))
      this.#check()
      const model = core.native()
      const batches = callbacks.perBatch ? 1 : this.#pacer.next(this.#batches - totals.batches)
      const rates = learningRates(core.training().settings.optimizer, core.step, batches)
      const from = performance.now()
      const sums = await model.train({
        data: this.#train.handle,
        batchSize: this.#batchSize,
        epoch: order,
        shuffle,
        seed: this.#seed,
        firstBatch: totals.batches,
        batches,
        learningRates: rates,
      })
      this.#pacer.done(sums[0] as number, (performance.now() - from) / 1000)
      const done = totals.batches
      totals.add(sums)
      core.step += sums[0] as number
      this.#check()
      if (totals.batches === done) continue
      if (callbacks.perBatch) await call(callbacks.batchEnd(done, totals.logs()))
      if (totals.batches < this.#batches) this.#show(epoch, totals, (performance.now() - began) / 1000)
    }
    return callbackSeconds
  }

  async #validate(): Promise<Record<string, number>> {
    if (this.#validation === undefined) return {}
    const totals = await evaluateBound(this.#core, 'fit', this.#validation, this.#settings.signal)
    return validationLogs(totals.logs())
  }

  #show(epoch: number, totals: Totals, seconds: number): void {
    const progress = this.#progress(epoch, totals, seconds, totals.logs())
    this.#view.update(progress)
    this.#settings.onProgress?.(progress)
  }

  #progress(epoch: number, totals: Totals, seconds: number, logs: Record<string, number>): Progress {
    const rowsPerSecond = totals.rows / Math.max(seconds, 1e-9)
    return {
      epoch,
      epochs: this.#settings.epochs,
      batch: totals.batches,
      batches: this.#batches,
      rows: totals.rows,
      rowsPerSecond,
      seconds,
      secondsLeft: (this.#train.rows - totals.rows) / rowsPerSecond,
      logs,
    }
  }

  async #call(work: Promise<void>): Promise<void> {
    await unlessAborted(work, this.#settings.signal, (signal) => abortError('fit', signal))
    this.#check()
  }

  #check(): void {
    this.#core.checkAlive()
    const { signal } = this.#settings
    if (signal?.aborted) throw abortError('fit', signal)
  }
}

/** See {@link Sequential.trainOnBatch}. */
export async function trainOnBatch(core: ModelCore, x: unknown, y: unknown): Promise<Record<string, number>> {
  core.checkCompiled()
  if (core.fitting) throw core.busyError('trainOnBatch cannot be called')
  buildFrom(core, x)
  const input = toInput(x, core.built().inputShape, 'x')
  const targets = core.readTargets(y, input.rows, 'y')
  const model = core.native()
  const { settings, metrics } = core.training()
  const rates = learningRates(settings.optimizer, core.step, 1)
  return withBound(core, input, targets, async (data) => {
    const range = { data, batchSize: input.rows, epoch: 0, shuffle: false, seed: 0, firstBatch: 0, batches: 1 }
    const totals = new Totals(metrics)
    core.step++
    // Cancelled on behalf of other work before it ran: once more.
    while (totals.batches === 0) {
      core.checkAlive()
      totals.add(await model.train({ ...range, learningRates: rates }))
    }
    return totals.logs()
  })
}
