/** Training: TypeScript drives epochs, native code drives ranges of batches. */

import { withLists } from '../arrays/shapedArray.js'
import { closing } from '../base/closing.js'
import { NeurodeError } from '../base/errors.js'
import { warn } from '../base/warnings.js'
import { describe } from '../checks/validate.js'
import { adviseOnModel } from '../core/advice.js'
import type { ModelCore } from '../core/core.js'
import { adviseOnSample } from '../core/dataAdvice.js'
import { targetsAndOptions } from '../core/inputs.js'
import { startPosition } from '../core/position.js'
import { remedy } from '../data/batches.js'
import type { Ranks } from '../distribution/ranks.js'
import { totalsOf } from '../feeds/captures.js'
import type { Feed } from '../feeds/feed.js'
import { abortError, type Totals, validationLogs } from '../feeds/ranges.js'
import { native } from '../native/native.js'
import type { Logs, TrainedModel, TrainingContext } from '../training/context.js'
import { beginTogether } from './beginTogether.js'
import { EpochBatches } from './epochBatches.js'
import { cancelOnAbort, evaluateFeed } from './evaluate.js'
import { type Feeds, openFeeds } from './fitFeeds.js'
import { checkFitOptions, type FitOptions, type FitResult, type FitSettings } from './fitOptions.js'
import { History, historyOf } from './history.js'
import { FitHooks } from './hooks.js'
import { endTogether, isStopped } from './inStep.js'
import { type ProgressView, progressView } from './progress.js'
import { UnwatchedEpochs } from './unwatchedEpochs.js'

/** See {@link Sequential.fit}. */
export async function fitModel(
  core: ModelCore,
  model: TrainedModel,
  x: unknown,
  targets: unknown,
  options: FitOptions | undefined,
): Promise<FitResult> {
  const { ranks } = core
  const run = () => fitHere(core, model, x, targets, options)
  if (ranks === undefined) warnIfLaunched()
  return ranks === undefined || core.fitting ? run() : fitTogether(ranks, run)
}

/** Fits with other ranks, which learn why where it fails here. */
async function fitTogether(ranks: Ranks, run: () => Promise<FitResult>): Promise<FitResult> {
  if (ranks.unfinished > 0) {
    const text = 'another model of this process trains with the other ranks: they train one model at a time'
    throw new NeurodeError('ERR_MODEL_BUSY', text)
  }
  ranks.unfinished++
  try {
    return await run()
  } catch (error) {
    await ranks.fail(error)
    throw error
  } finally {
    ranks.unfinished--
  }
}

async function fitHere(
  core: ModelCore,
  model: TrainedModel,
  x: unknown,
  targets: unknown,
  options: FitOptions | undefined,
): Promise<FitResult> {
  const [y, given] = targetsAndOptions(x, targets, options)
  const checked = checkFitOptions(given)
  const settings: FitSettings = core.isFirst
    ? checked
    : { ...checked, callbacks: checked.callbacks.onOtherRanks(), verbose: 0 }
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

/** One call of fit. */
class Fit {
  readonly #core: ModelCore
  readonly #settings: FitSettings
  readonly #feed: Feed
  readonly #validation: Feed | undefined
  readonly #hooks: FitHooks
  readonly #view: ProgressView
  readonly #batches: EpochBatches
  readonly #unwatched: UnwatchedEpochs | undefined
  readonly #history: History
  readonly #epochSeconds: number[] = []
  #dataEnded = false
  /** The seed that this call was given, or the one that it resumes. */
  #givenSeed: number | undefined

  constructor(core: ModelCore, settings: FitSettings, train: Feed, validation: Feed | undefined) {
    this.#core = core
    this.#settings = settings
    this.#feed = train
    this.#validation = validation
    this.#givenSeed = settings.seed
    this.#hooks = new FitHooks(core, settings)
    this.#view = progressView(settings.verbose, settings.stream, ({ epoch, epochs }) => `Epoch ${epoch + 1}/${epochs}`)
    this.#batches = new EpochBatches(core, settings, train, this.#hooks, this.#view)
    this.#unwatched = UnwatchedEpochs.of(core, settings, train, validation !== undefined, this.#batches.count)
    this.#history = new History(core.training().keys, validation !== undefined)
    core.history = this.#history.numbers
  }

  async run(model: TrainedModel): Promise<FitResult> {
    const { epochs } = this.#settings
    const core = this.#core
    const hooks = this.#hooks
    let logs: Partial<Logs> = {}
    await closing(
      async () => {
        for (let epoch = await this.#begin(model); epoch < epochs && !(await this.#isStopped()); epoch++) {
          for (const complete of (await this.#unwatched?.train(epoch, this.#givenSeed)) ?? []) {
            this.#epochSeconds.push(complete.seconds)
            this.#history.add(complete.logs)
            logs = complete.logs
            epoch++
          }
          hooks.check()
          const isCut = core.position.sums.length > 0
          if (epoch === epochs || (core.ranks === undefined && core.stopTraining && !isCut)) break
          if (this.#feed.reader?.isSpent) {
            this.#endData(`after epoch ${epoch}`)
            break
          }
          if (core.position.sums.length === 0) await hooks.run((all) => all.epochBegin(epoch))
          const epochLogs = await this.#epoch(epoch)
          if (epochLogs === undefined) {
            if (!core.stopTraining) this.#endData(`after epoch ${epoch}`)
            break
          }
          logs = epochLogs
          await hooks.run((all) => all.epochEnd(epoch, { ...epochLogs }))
        }
        await adviseOnSample(core)
        core.finalizeAverages()
        await hooks.run((all) => all.trainEnd({ ...logs }))
        if (core.ranks !== undefined) await endTogether(core, core.ranks)
      },
      () => this.#close(),
    )
    return withLists({
      history: historyOf(this.#history.numbers),
      epochs: this.#epochSeconds.length,
      epochSeconds: Float64Array.from(this.#epochSeconds),
      stopReason: core.stopTraining ? core.stopReason : this.#dataEnded ? 'dataEnded' : 'completed',
    } as const)
  }

  #isStopped(): Promise<boolean> | boolean {
    const { ranks, stopTraining } = this.#core
    return ranks === undefined ? stopTraining : isStopped(this.#core, ranks)
  }

  /** Calls the callbacks, one of which may load a checkpoint, and returns the first epoch. */
  async #begin(model: TrainedModel): Promise<number> {
    const { callbacks, epochs, initialEpoch } = this.#settings
    const core = this.#core
    const hooks = this.#hooks
    let resume = this.#settings.resume
    let restored = false
    const states = resume ? core.callbackStates() : {}
    const context: TrainingContext = {
      model,
      epochs,
      keys: this.#history.keys,
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
      await hooks.run((all) => all.trainBegin(context))
      if (core.ranks !== undefined) {
        resume = await beginTogether(core, core.ranks, this.#settings, [this.#feed, this.#validation], resume)
        restored = resume
      }
      if (resume) await hooks.run((all) => all.restore(restored ? core.callbackStates() : states))
      core.callbackStates = () => callbacks.states()
      await hooks.run((all) => all.tryOut())
    } catch (error) {
      if (!restored) {
        core.position = before.position
        core.callbackStates = before.states
      }
      throw error
    }
    return resume ? this.#resume() : initialEpoch
  }

  /** Checks that this fit can go on from the model's position, and returns the epoch there. */
  #resume(): number {
    const core = this.#core
    const { epoch, sums, batches, seed } = core.position
    const { count } = this.#batches
    this.#givenSeed ??= seed
    if (sums.length > 0 && batches !== count) {
      const expected = `expected ${batches} batches in an epoch, as where training is to go on`
      throw new NeurodeError('ERR_ARGUMENT', `resume: ${expected}, got ${describe(count)}`)
    }
    const { length } = totalsOf(core).sums
    if (sums.length > 0 && sums.length !== length) {
      throw new NeurodeError('ERR_ARGUMENT', 'resume: expected the same metrics as where training is to go on')
    }
    core.undoAverages()
    return epoch
  }

  #directionOf(key: string): 'min' | 'max' {
    const metrics = this.#core.training().heads.flatMap((head) => head.metrics)
    return metrics.find((metric) => metric.key === key || `val_${metric.key}` === key)?.best ?? 'min'
  }

  /** Trains, validates and shows one epoch. Returns its logs, or nothing where it ended before its first batch. */
  async #epoch(epoch: number): Promise<Logs | undefined> {
    const core = this.#core
    const givenSeed = this.#givenSeed
    const { count, sharePass } = this.#batches
    const totals = totalsOf(core)
    let { order } = core.position
    const { sums } = core.position
    if (sums.length > 0) {
      totals.restore(sums)
    } else {
      // With a given seed every fit repeats its orders; without one, orders go on from where the last fit ended.
      order = givenSeed === undefined ? core.epochsBegun : epoch
      core.epochsBegun++
    }
    const passed = sharePass ? core.position.passed : 0
    core.position = { epoch, order, seed: givenSeed, batches: count, passed, sums }
    const began = performance.now()
    const hookSeconds = await this.#batches.train({ epoch, order, givenSeed, began }, totals)
    if (totals.rows === 0) {
      if (this.#epochSeconds.length > 0 || core.stopTraining) return undefined
      throw this.#feed.reader?.noBatches() ?? new NeurodeError('ERR_ARGUMENT', 'x: expected batches, got none')
    }
    if (this.#endedWithin(totals, this.#feed, this.#settings.stepsPerEpoch)) this.#endData(`in epoch ${epoch + 1}`)
    const seconds = (performance.now() - began) / 1000 - hookSeconds
    this.#epochSeconds.push(seconds)
    const logs = totals.logs()
    this.#history.add(logs)
    const validation = (epoch + 1) % this.#settings.validationFreq === 0 ? this.#validation : undefined
    if (validation !== undefined) Object.assign(logs, await this.#validate(validation, epoch))
    const progress = this.#batches.progress(epoch, totals, seconds, logs)
    this.#view.finish(progress)
    await this.#hooks.tell(progress)
    return logs
  }

  async #validate(feed: Feed, epoch: number): Promise<Record<string, number>> {
    const { signal, validationSteps: steps } = this.#settings
    const totals = await evaluateFeed(this.#core, 'fit', feed, { signal, steps, title: `epoch ${epoch + 1}` })
    if (this.#endedWithin(totals, feed, steps)) this.#warn('validationData', `in epoch ${epoch + 1}`)
    const logs = validationLogs(totals.logs())
    this.#history.add(logs)
    return logs
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

  #close(): Promise<void> {
    this.#view.close()
    return this.#hooks.close()
  }
}

let hasWarned = false

/** Warns once where a launcher started several processes, and each of them trains for itself. */
function warnIfLaunched(): void {
  if (hasWarned) return
  const ranks = native().launchedRanks()
  if (ranks < 2) return
  hasWarned = true
  const text = `fit: this is one of ${ranks} processes that a launcher started, and each of them trains a model of its own`
  const advice =
    'call distribution.join(), and then compile with distribution: distribution.dataParallel(), to train one together'
  warn('NEURODE_NOT_DISTRIBUTED', `${text}; ${advice}, or set NEURODE_MPI=off`)
}
