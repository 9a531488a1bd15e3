/** Trains or evaluates on a single batch: trainOnBatch and testOnBatch. */

import type { GivenTargets, InputRows } from '../arrays/arrays.js'
import { checkOptions } from '../checks/validate.js'
import { adviseOnModel } from '../core/advice.js'
import type { Sized } from '../core/byRanks.js'
import type { ModelCore } from '../core/core.js'
import { adviseOnBatch, adviseOnSample, adviseOnSums } from '../core/dataAdvice.js'
import { buildFrom, takeRowsOf } from '../core/inputs.js'
import { checkClassWeight, type WeightOptions } from '../core/rowWeights.js'
import { readTargets } from '../core/targets.js'
import { behindTurns, inTurn } from '../core/turns.js'
import { evaluateBatchHere, totalsOf, trainBatchHere, trainRange } from '../feeds/captures.js'
import { ArrayFeed } from '../feeds/feed.js'
import { refuseBalanced } from '../feeds/feeds.js'
import type { NativeSums, NativeTrainRange } from '../native/addon.js'
import { sumAt } from '../native/sums.js'
import { learningRates } from '../training/optimizers.js'
import { evaluateFeed } from './evaluate.js'

/** See {@link Sequential.trainOnBatch}. */
export async function trainOnBatch(
  core: ModelCore,
  x: unknown,
  y: unknown,
  weights?: WeightOptions,
): Promise<Record<string, number>> {
  core.checkCompiled()
  if (core.fitting) throw core.busyError('trainOnBatch cannot be called')
  const batch = readBatch(core, x, y, checkOptions(weights, ['sampleWeight', 'classWeight'], 'trainOnBatch'))
  adviseOnModel(core)
  return trainHere(core, batch) ?? trainAway(core, batch)
}

/** Trains at once. Undefined if that is not quick, or the model is busy. */
function trainHere(core: ModelCore, { input, targets }: Batch): Promise<Record<string, number>> | undefined {
  const sums = trainBatchHere(core, input, targets)
  if (sums === undefined) return undefined
  adviseOnBatch(core, input, targets)
  return resultOf(core, { input, targets }, sums)
}

async function resultOf(
  core: ModelCore,
  { input, targets }: Batch,
  sums: Promise<NativeSums>,
): Promise<Record<string, number>> {
  const totals = totalsOf(core)
  const own = await sums
  totals.add(own)
  adviseOnSums(core, own, input, targets)
  if (core.sample !== undefined) await adviseOnSample(core)
  return totals.logs()
}

/**
 * Trains off the JavaScript thread, or in several rounds. The rows are bound, and the step begins, before it waits, so that steps are
 * taken in the order of the calls. With a custom loss it waits for such steps before it: its gradients are those of the weights after them.
 */
async function trainAway(core: ModelCore, { input, targets }: Batch): Promise<Record<string, number>> {
  const feed = new ArrayFeed(core, input, targets, input.rows)
  const train = () => trainOn(core, feed)
  try {
    const run = core.training().hasCustomLoss ? inTurn : behindTurns
    return await run(core, train)
  } finally {
    feed.release()
  }
}

async function trainOn(core: ModelCore, feed: ArrayFeed): Promise<Record<string, number>> {
  let isCounted = false
  let isTrained = false
  try {
    const { settings } = core.training()
    const totals = totalsOf(core)
    core.native()
    const rates = learningRates(settings.optimizer, core.step, 1)
    // Counted before the step is done, so that a step queued behind it takes the learning rate of the step after.
    core.step++
    isCounted = true
    const train = async (native: NativeTrainRange & Sized) => {
      const sums = await core.train(native)
      if (native.update !== false && sums[sumAt.batches] === 1) isTrained = true
      return sums
    }
    const refuse = (error: unknown) => {
      throw error
    }
    // A step is cancelled before it runs when other work of the model is cancelled: then it is tried again.
    while (totals.batches === 0) {
      core.checkAlive()
      const sums = await feed.run((range) => trainRange(core, totals, range, rates, train, refuse), 1)
      totals.add(sums as NativeSums)
    }
    await adviseOnSample(core)
    return totals.logs()
  } finally {
    if (isCounted && !isTrained) core.step--
  }
}

/** See {@link Sequential.testOnBatch}. */
export async function testOnBatch(
  core: ModelCore,
  x: unknown,
  y: unknown,
  weights?: Pick<WeightOptions, 'sampleWeight'>,
): Promise<Record<string, number>> {
  core.checkNotRunning('it cannot evaluate')
  core.checkCompiled()
  const batch = readBatch(core, x, y, checkOptions(weights, ['sampleWeight'], 'testOnBatch'))
  const { input, targets } = batch
  const sums = evaluateBatchHere(core, input, targets)
  if (sums !== undefined) {
    adviseOnBatch(core, input, targets)
    return await resultOf(core, batch, sums)
  }
  const feed = new ArrayFeed(core, input, targets, input.rows)
  try {
    return (await evaluateFeed(core, 'testOnBatch', feed)).logs()
  } finally {
    feed.release()
  }
}

interface Batch {
  readonly input: InputRows
  readonly targets: GivenTargets
}

function readBatch(core: ModelCore, x: unknown, y: unknown, { sampleWeight, classWeight }: WeightOptions): Batch {
  buildFrom(core, x)
  const input = takeRowsOf(core, x, 'x')
  const weights = { sampleWeight, classWeight: checkClassWeight(classWeight, 'classWeight') }
  if (weights.classWeight === 'balanced') refuseBalanced('a single batch')
  return { input, targets: readTargets(core, y, input.rows, 'y', weights) }
}
