/** Lets the JavaScript thread do quick work at once, behind a promise, without holding the event loop. */

import { setImmediate } from 'node:timers'

/** How long work that is done at once may hold the event loop. */
const mostMilliseconds = 0.5

// Kept, as test runners replace or remove what the module has, and the global function.
const inNextTurn = setImmediate

/** When the event loop last had its turn, as far as is known. */
let lastTurn = 0
let turn: Promise<void> | undefined

/** Whether quick work may be done at once. If not, the event loop is to have its turn before. */
export const mayWorkHere = (): boolean => turn === undefined

/**
 * To be awaited after work that was done at once, and began at `began` by `performance.now()`: the event loop has its turn now if there
 * is no time for more such work.
 */
export function afterWorkHere(began: number): Promise<void> | undefined {
  const now = performance.now()
  if (now - lastTurn + (now - began) < mostMilliseconds) return undefined
  turn ??= new Promise((resolve) => {
    inNextTurn(() => {
      lastTurn = performance.now()
      turn = undefined
      resolve()
    })
  })
  return turn
}
