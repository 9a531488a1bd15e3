/** Single batches: trainOnBatch and testOnBatch. */

import { toInput } from '../data/arrays.js'
import type { NativeSums } from '../native.js'
import { learningRates } from '../training/optimizers.js'
import type { ModelCore } from './core.js'
import { evaluateFeed } from './evaluate.js'
import { ArrayFeed } from './feed.js'
import { buildFrom } from './inputs.js'
import { Totals } from './ranges.js'

/** See {@link Sequential.trainOnBatch}. */
export async function trainOnBatch(core: ModelCore, x: unknown, y: unknown): Promise<Record<string, number>> {
  core.checkCompiled()
  if (core.fitting) throw core.busyError('trainOnBatch cannot be called')
  const feed = oneBatch(core, x, y)
  const { settings, metrics } = core.training()
  const totals = new Totals(metrics)
  try {
    await feed.begin({ shuffle: false, seed: 0, epoch: 0 }, 0)
    const model = core.native()
    const rates = learningRates(settings.optimizer, core.step, 1)
    core.step++
    // Cancelled on behalf of other work before it ran: once more.
    while (totals.batches === 0) {
      core.checkAlive()
      const sums = await feed.run((range) => model.train({ ...range, learningRates: rates }), 1)
      totals.add(sums as NativeSums)
    }
    return totals.logs()
  } finally {
    feed.release()
  }
}

/** See {@link Sequential.testOnBatch}. */
export async function testOnBatch(core: ModelCore, x: unknown, y: unknown): Promise<Record<string, number>> {
  core.checkNotRunning('it cannot evaluate')
  core.checkCompiled()
  const feed = oneBatch(core, x, y)
  try {
    return (await evaluateFeed(core, 'testOnBatch', feed)).logs()
  } finally {
    feed.release()
  }
}

function oneBatch(core: ModelCore, x: unknown, y: unknown): ArrayFeed {
  buildFrom(core, x)
  const input = toInput(x, core.built().inputShape, 'x')
  return new ArrayFeed(core, input, core.readTargets(y, input.rows, 'y'), input.rows)
}
