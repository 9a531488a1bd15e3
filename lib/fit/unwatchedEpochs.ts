/** Trains on many epochs in one range, where there is nothing to tell between them. */

import { deriveSeed } from '../base/seeds.js'
import type { ModelCore } from '../core/core.js'
import { startPosition } from '../core/position.js'
import { totalsOf } from '../feeds/captures.js'
import { ArrayFeed, type Feed } from '../feeds/feed.js'
import { RangePacer } from '../feeds/ranges.js'
import { sumAt } from '../native/sums.js'
import type { Logs } from '../training/context.js'
import { learningRates } from '../training/optimizers.js'
import type { FitSettings } from './fitOptions.js'

/** The most epochs of a range, and the most sums of all of them: to add them up takes the JavaScript thread about a millisecond. */
const mostEpochs = 256
const mostSums = 2 ** 18

/** An epoch that is complete. */
interface CompleteEpoch {
  readonly logs: Logs
  readonly seconds: number
}

export class UnwatchedEpochs {
  readonly #core: ModelCore
  readonly #settings: FitSettings
  readonly #feed: ArrayFeed
  readonly #batches: number
  readonly #pacer: RangePacer

  private constructor(core: ModelCore, settings: FitSettings, feed: ArrayFeed, batches: number) {
    this.#core = core
    this.#settings = settings
    this.#feed = feed
    this.#batches = batches
    this.#pacer = new RangePacer(6 * core.countParameters() * feed.batchSize)
  }

  /** Undefined where somebody is told of each epoch, or it has to begin in TypeScript. `batches`: those of an epoch. */
  static of(core: ModelCore, settings: FitSettings, feed: Feed, validates: boolean, batches: number | undefined) {
    const { callbacks, onProgress, verbose, shuffle, stepsPerEpoch } = settings
    const isWatched = validates || verbose !== 0 || onProgress !== undefined || !callbacks.isEmpty
    if (isWatched || core.ranks !== undefined || core.training().captures || !(feed instanceof ArrayFeed))
      return undefined
    if (batches === undefined || (stepsPerEpoch !== undefined && !shuffle)) return undefined
    return new UnwatchedEpochs(core, settings, feed, batches)
  }

  /**
   * Trains on epochs from this one on, and returns those that are complete, perhaps none. The position of the model tells where
   * training was cancelled.
   */
  async train(epoch: number, givenSeed: number | undefined): Promise<CompleteEpoch[]> {
    const core = this.#core
    const { epochs, shuffle } = this.#settings
    const batches = this.#batches
    const totals = totalsOf(core)
    const most = Math.min(mostEpochs, Math.floor(mostSums / totals.sums.length))
    const wanted = Math.floor(this.#pacer.next(Math.min(most, epochs - epoch) * batches) / batches)
    if (wanted < 2 || core.position.sums.length > 0) return []
    const order = givenSeed === undefined ? core.epochsBegun : epoch
    const seed = givenSeed ?? deriveSeed(core.seed, 0, 'shuffle')
    const rates = learningRates(core.training().settings.optimizer, core.step, wanted * batches)
    const began = performance.now()
    const begun = await this.#feed.trainEpochs({ shuffle, seed, epoch: order }, batches, wanted, rates)
    const complete: CompleteEpoch[] = []
    let done = 0
    for (const { seconds, sums } of begun) {
      const count = sums[sumAt.batches] as number
      if (count === 0) break
      done += count
      core.epochsBegun++
      core.step += count
      totals.clear()
      totals.add(sums)
      const at = complete.length
      if (count < batches) {
        core.position = { epoch: epoch + at, order: order + at, seed: givenSeed, batches, passed: 0, sums: totals.sums }
        break
      }
      complete.push({ logs: totals.logs(), seconds })
      core.position = { ...startPosition, epoch: epoch + at + 1, seed: givenSeed }
    }
    this.#pacer.done(done, (performance.now() - began) / 1000)
    return complete
  }
}
