/** Before the first batch of a distributed training: all ranks agree on what they train, and begin with the state of the first. */

import { describe } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { hashOfText } from '../distribution/hash.js'
import type { Ranks } from '../distribution/ranks.js'
import type { Feed } from '../feeds/feed.js'
import { native } from '../native/native.js'
import { shareState } from '../persistence/sharedState.js'
import { learningRates } from '../training/optimizers.js'
import type { FitSettings } from './fitOptions.js'

/**
 * Checks that all ranks have the same network, data and options, and gives all of them the state of the first rank: weights,
 * variables of the optimizer, seed, position and states of callbacks. Returns whether the first rank goes on with a training.
 */
export async function beginTogether(
  core: ModelCore,
  ranks: Ranks,
  settings: FitSettings,
  [train, validation]: readonly [Feed, Feed | undefined],
  resumes: boolean,
): Promise<boolean> {
  native().setRankTimeout(core.settings?.distribution?.timeoutSeconds ?? 600)
  await ranks.checkSame('beginning of fit', {
    'the network or its optimizer': planHash(core, ['seed', 'first']),
    ...factsOf(core, settings),
    'its training data': train.fingerprint,
    'its validation data': validation?.fingerprint,
  })
  const firstResumes = await shareState(core, ranks, 'state', resumes)
  await ranks.checkSame('seeds', { 'the seeds of its layers': planHash(core, ['first']) })
  return firstResumes
}

function factsOf(core: ModelCore, settings: FitSettings): Record<string, unknown> {
  const { epochs, initialEpoch, shuffle, seed, stepsPerEpoch, validationSteps, validationFreq } = settings
  const { optimizer } = core.training().settings
  const { device, isa } = core.native()
  return {
    'the seed of its model': core.isSeeded ? core.seed : undefined,
    'the instruction set': `${device.replace(/:.*/, '')} ${isa}`,
    'the option data of its distribution': core.settings?.distribution?.data,
    'the learning rate': [0, 1, 1000].map((step) => describe(learningRates(optimizer, step, 1)[0])),
    epochs,
    initialEpoch,
    shuffle,
    seed,
    stepsPerEpoch,
    validationSteps,
    validationFreq,
  }
}

/** A hash of the Plan without these members. */
function planHash(core: ModelCore, without: readonly string[]): string {
  return hashOfText(JSON.stringify(core.plan(), (key, value) => (without.includes(key) ? undefined : value)))
}
