/** Trains on the batches of epochs, in ranges that native code runs on its own. */

import type { GivenTargets, InputRows } from '../arrays/arrays.js'
import { deriveSeed } from '../base/seeds.js'
import type { Sized } from '../core/byRanks.js'
import type { ModelCore } from '../core/core.js'
import { startPosition } from '../core/position.js'
import { batchesAtOnce, trainBatchHere, trainRange } from '../feeds/captures.js'
import type { Feed } from '../feeds/feed.js'
import type { FeedRange } from '../feeds/feedRange.js'
import { RangePacer, type Totals } from '../feeds/ranges.js'
import type { NativeSums, NativeTrainRange } from '../native/addon.js'
import { sumAt } from '../native/sums.js'
import type { CallbackList } from '../training/callbacks.js'
import type { Logs } from '../training/context.js'
import { learningRates } from '../training/optimizers.js'
import type { FitSettings } from './fitOptions.js'
import type { FitHooks } from './hooks.js'
import { nextTrained } from './inStep.js'
import type { Progress, ProgressView } from './progress.js'

/** An epoch that begins, or goes on. */
export interface Epoch {
  /** From 0. */
  readonly epoch: number
  /** Picks the order of rows, together with the seed. */
  readonly order: number
  /** The seed that fit was given, if any. */
  readonly givenSeed: number | undefined
  /** When it began, by `performance.now()`. */
  readonly began: number
}

/** The batches of all epochs of one fit. */
export class EpochBatches {
  /** Batches of an epoch, where the number is known. */
  readonly count: number | undefined
  /** Each epoch goes on where the one before ended: together they are one pass through data that keep their own order. */
  readonly sharePass: boolean
  readonly #core: ModelCore
  readonly #settings: FitSettings
  readonly #feed: Feed
  readonly #hooks: FitHooks
  readonly #view: ProgressView
  /** Somebody sees or hears within an epoch how far it is. */
  readonly #isFollowed: boolean
  readonly #pacer: RangePacer

  constructor(core: ModelCore, settings: FitSettings, feed: Feed, hooks: FitHooks, view: ProgressView) {
    this.#core = core
    this.#settings = settings
    this.#feed = feed
    this.#hooks = hooks
    this.#view = view
    this.#isFollowed = view.isLive || settings.onProgress !== undefined
    this.#pacer = new RangePacer(6 * core.countParameters() * feed.batchSize)
    const { stepsPerEpoch, shuffle } = settings
    const count = Math.min(feed.batches ?? Infinity, stepsPerEpoch ?? Infinity)
    this.count = count === Infinity ? undefined : count
    this.sharePass = stepsPerEpoch !== undefined && !(shuffle && feed.rows !== undefined)
  }

  /** Trains on the batches of an epoch that are left, adds up their sums in `totals`, and returns the seconds that hooks took. */
  async train(at: Epoch, totals: Totals): Promise<number> {
    const { epoch, order, givenSeed, began } = at
    const { callbacks, shuffle } = this.#settings
    const core = this.#core
    const feed = this.#feed
    const hooks = this.#hooks
    const batches = this.count ?? Infinity
    let hookSeconds = 0
    const timed = async (hook: (callbacks: CallbackList) => Promise<void>) => {
      const from = performance.now()
      await hooks.run(hook)
      hookSeconds += (performance.now() - from) / 1000
    }
    const seed = givenSeed ?? deriveSeed(core.seed, 0, 'shuffle')
    const passed = await feed.begin({ shuffle, seed, epoch: order, ...this.#whereabouts(epoch, totals) })
    if (passed !== core.position.passed) core.position = { ...core.position, passed }
    let isOver = false
    const { ranks } = core
    // Several ranks agree on the end of a training.
    const isStopped = () => core.stopTraining && ranks === undefined
    while (totals.batches < batches && !isStopped()) {
      if (callbacks.beginsBatches && !core.stopTraining) await timed((all) => all.batchBegin(totals.batches))
      hooks.check()
      const untilCall = callbacks.batchesUntilCall(totals.batches)
      // Several ranks agree on each batch of a stream.
      const most = ranks !== undefined && feed.reader !== undefined ? 1 : batchesAtOnce(core, feed.batchSize)
      const limit = Math.min(batches - totals.batches, untilCall, most)
      const wanted = this.#pacer.next(limit)
      const next = ranks === undefined ? wanted : await nextTrained(core, ranks, { wanted, limit })
      if (next === 0) break
      const from = performance.now()
      const sums = await this.#trainRange(next, totals)
      if (sums === undefined) {
        isOver = true
        break
      }
      this.#pacer.done(sums[sumAt.batches] as number, (performance.now() - from) / 1000)
      const done = totals.batches
      totals.add(sums)
      if (totals.batches > done) core.position = { ...core.position, sums: totals.sums }
      hooks.check()
      if (totals.batches === done) continue
      const isLast = totals.batches === batches
      // Each gets a copy of its own; the metrics are computed once, and only if somebody gets one.
      let computed: Logs | undefined
      const logs = () => {
        computed ??= totals.logs()
        return { ...computed }
      }
      if (callbacks.endsBatches) await timed((all) => all.batchEnd(totals.batches, logs(), isLast))
      if (callbacks.perRange) await timed((all) => all.rangeEnd(totals.batches - 1, logs()))
      if (isLast || !this.#isFollowed) continue
      const progress = this.progress(epoch, totals, (performance.now() - began) / 1000, logs())
      this.#view.update(progress)
      const told = performance.now()
      await hooks.tell(progress)
      hookSeconds += (performance.now() - told) / 1000
    }
    if (!core.stopTraining || totals.batches === batches) {
      const passedNow = this.sharePass && !isOver ? passed + totals.batches : 0
      core.position = { ...startPosition, epoch: epoch + 1, seed: givenSeed, passed: passedNow }
    }
    return hookSeconds
  }

  progress(epoch: number, totals: Totals, seconds: number, logs: Logs): Progress {
    const rowsPerSecond = totals.rows / Math.max(seconds, 1e-9)
    const batches = this.count ?? totals.batches
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

  /** Where in the data an epoch begins, how many batches are wanted from there on, and what messages call it. */
  #whereabouts(epoch: number, { batches: done }: Totals) {
    const { epochs, stepsPerEpoch = Infinity } = this.#settings
    const { passed } = this.#core.position
    return { passed, done, wanted: (epochs - epoch) * stepsPerEpoch - done, title: `epoch ${epoch + 1}` }
  }

  /** Trains on at most `limit` batches. */
  #trainRange(limit: number, totals: Totals): Promise<NativeSums | undefined> {
    const core = this.#core
    const hooks = this.#hooks
    const { optimizer } = core.training().settings
    // A feed may queue several ranges: the learning rates of each go on from the last step of the one before.
    let step = core.step
    // Other ranks wait for what this one has agreed to do.
    const check = () => {
      if (core.ranks === undefined) hooks.check()
    }
    const trainNative = async (native: NativeTrainRange & Sized) => {
      check()
      const sums = await core.train(native)
      if (native.update !== false) core.step += sums[sumAt.batches] as number
      return sums
    }
    const trainHere = (input: InputRows, targets: GivenTargets) => {
      hooks.check()
      const sums = trainBatchHere(core, input, targets)
      if (sums !== undefined) step++
      return sums
    }
    const train = (range: FeedRange) => {
      check()
      const rates = learningRates(optimizer, step, range.batches)
      step += range.batches
      return trainRange(core, totals, range, rates, trainNative, hooks.fail)
    }
    return this.#feed.run(train, limit, trainHere)
  }
}
