/** The state of the first rank, which the others take over: files are read by the first one alone. */

import type { ModelCore } from '../core/core.js'
import type { Ranks } from '../distribution/ranks.js'
import { encodeModel, parseModelFile, readModelFile, restoreFile } from './modelFile.js'

/** Restores a model from a file, see {@link Sequential.restore}. */
export async function restoreModel(core: ModelCore, path: string | URL): Promise<void> {
  const { ranks, isFirst } = core
  try {
    if (isFirst) restoreFile(core, await readModelFile(path))
  } catch (error) {
    await ranks?.fail(error)
    throw error
  }
  if (ranks !== undefined) await shareState(core, ranks, 'restore')
}

/**
 * Gives all ranks the state of the first: weights, variables of the optimizer, seed, position and states of callbacks. Returns what the
 * first one says beside it.
 */
export async function shareState(core: ModelCore, ranks: Ranks, topic: string, says = false): Promise<boolean> {
  const isFirst = ranks.cluster.rank === 0
  const state = isFirst ? Buffer.concat([...encodeModel(core), Uint8Array.of(Number(says))]) : undefined
  const received = await ranks.broadcast(topic, state)
  if (!isFirst) restoreFile(core, parseModelFile(Buffer.from(received.subarray(0, -1)), 'the state of rank 0'))
  return received.at(-1) === 1
}
