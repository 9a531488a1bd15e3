/** Has native models work: at once if the work is quick, else off the JavaScript thread. */

import { afterWorkHere, mayWorkHere } from '../base/atOnce.js'
import type { NativeModel } from './addon.js'

/** Calls a method of a native model that may do quick work at once. The model is busy until the promise settles. */
export function working<T>(model: NativeModel, call: (here: boolean) => Promise<T> | T): Promise<T> {
  const began = performance.now()
  const result = call(mayWorkHere())
  return result instanceof Promise ? result : settle(model, result, began)
}

/** Like {@link working}, for a method that only works at once, and gives undefined where it may not. Then the result is undefined. */
export function workingHere<T>(model: NativeModel, call: () => T | undefined): Promise<T> | undefined {
  if (!mayWorkHere()) return undefined
  const began = performance.now()
  const result = call()
  return result === undefined ? undefined : settle(model, result, began)
}

async function settle<T>(model: NativeModel, result: T, began: number): Promise<T> {
  try {
    await afterWorkHere(began)
    return result
  } finally {
    model.settled()
  }
}
