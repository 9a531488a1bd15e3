/** Keeps the order of a model's work where some of it takes several rounds through native code. */

import type { ModelCore } from './core.js'

const lastTurns = new WeakMap<ModelCore, Promise<unknown>>()

/** Whether work given now waits for other work. */
export const mustWait = (core: ModelCore): boolean => lastTurns.has(core)

/** Runs work of several rounds when all work of the model that was given before and takes turns has ended. */
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

/** Runs work of one round, whose order native models keep: it has to take a turn only behind work of several rounds. */
export function behindTurns<T>(core: ModelCore, work: () => Promise<T>): Promise<T> {
  return mustWait(core) ? inTurn(core, work) : work()
}
