/** Collects the warnings of the process while something runs. */

import { setImmediate } from 'node:timers/promises'

/** A warning that was given to `process.emitWarning`. */
export interface Warned extends Error {
  readonly code?: string
}

/** Runs `work` and returns its warnings, which are not shown. */
export async function warningsOf(work: () => unknown): Promise<readonly Warned[]> {
  const warnings: Warned[] = []
  const others = process.rawListeners('warning') as ((warning: Error) => void)[]
  process.removeAllListeners('warning')
  process.on('warning', (warning: Warned) => warnings.push(warning))
  try {
    await work()
    await setImmediate()
  } finally {
    process.removeAllListeners('warning')
    for (const listener of others) process.on('warning', listener)
  }
  return warnings
}

/** Runs `work` and returns the codes of its warnings. */
export async function codesOf(work: () => unknown): Promise<readonly (string | undefined)[]> {
  return (await warningsOf(work)).map(({ code }) => code)
}
