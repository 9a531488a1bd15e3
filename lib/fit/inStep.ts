/** Keeps the ranks of a distributed training in step: what they do next is the same on all of them. */

import type { ModelCore } from '../core/core.js'
import { hashOf } from '../distribution/hash.js'
import type { Ranks } from '../distribution/ranks.js'
import type { StopReason } from '../training/context.js'

/** How many batches a rank would work on next, and how many it may at most. */
interface Wish {
  readonly wanted: number
  readonly limit: number
}

/** How many batches the ranks train on next: as many as the first one wants. 0 where a rank has stopped the training. */
export async function nextTrained(core: ModelCore, ranks: Ranks, wish: Wish): Promise<number> {
  const all = await ranks.compare('fit', { ...wish, ...stopOf(core) })
  return takeStop(core, all) ? 0 : fewest(all)
}

/** How many batches the ranks evaluate next. */
export async function nextEvaluated(ranks: Ranks, wish: Wish): Promise<number> {
  return fewest(await ranks.compare('evaluate', wish))
}

/** The clock of the first rank says how many, within the limits of all. */
function fewest(all: readonly Wish[]): number {
  return Math.min((all[0] as Wish).wanted, ...all.map(({ limit }) => limit))
}

/** Whether a rank has stopped the training, to be asked between epochs. Checks that the weights are the same as well. */
export async function isStopped(core: ModelCore, ranks: Ranks): Promise<boolean> {
  const all = await ranks.compare('epoch', { weights: weightsOf(core), ...stopOf(core) })
  ranks.refuseDifferent(all.map(({ weights }) => weights))
  return takeStop(core, all)
}

/** Rejects with `ERR_DISTRIBUTED` on all ranks where weights differ: by what a callback did on one rank alone, for instance. */
export async function endTogether(core: ModelCore, ranks: Ranks): Promise<void> {
  await ranks.checkSame('end of fit', weightsOf(core))
}

function weightsOf(core: ModelCore) {
  return { 'its weights': hashOf(core.readWeights().map(({ data }) => data)) }
}

function stopOf(core: ModelCore): { readonly stop?: StopReason } {
  return core.stopTraining ? { stop: core.stopReason } : {}
}

function takeStop(core: ModelCore, all: readonly { readonly stop?: StopReason | undefined }[]): boolean {
  const stop = all.find((said) => said.stop !== undefined)?.stop
  if (stop === undefined) return false
  core.stopTraining = true
  core.stopReason = stop
  return true
}
