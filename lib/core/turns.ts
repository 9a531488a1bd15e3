/** Lets work of a model that takes several rounds through native code take turns. */

import type { ModelCore } from './core.js'

const lastTurns = new WeakMap<ModelCore, Promise<unknown>>()

/** Whether work given now waits for other work. */
export const mustWait = (core: ModelCore): boolean => lastTurns.has(core)

/**
 * Runs work when all work of the model that was given before has ended, as a native model keeps the gradients of one pass alone, and
 * steps of several rounds must not mix.
 */
export async function inTurn<T>(core: ModelCore, work: () => Promise<T>): Promise<T> {
  const before = lastTurns.get(core)
  const turn = before === undefined ? work() : before.then(work, work)
  const end = turn.then(
    () => {},
    () => {},
  )
  lastTurns.set(core, end)
  try {
    return await turn
  } finally {
    if (lastTurns.get(core) === end) lastTurns.delete(core)
  }
}
