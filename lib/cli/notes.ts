/** Collects the warnings of a reader, so that a command reports them in its own words. */

import { setImmediate } from 'node:timers/promises'

/** Runs `work`, and returns its result and what the file holds that the model does not. Other warnings go to stderr. */
export async function withNotes<T>(work: () => Promise<T>): Promise<{ result: T; notes: readonly string[] }> {
  const notes: string[] = []
  const take = (warning: Error & { readonly code?: string }) => {
    if (warning.code === 'NEURODE_NOT_READ') notes.push(warning.message)
    else process.stderr.write(`neurode: ${warning.message}\n`)
  }
  process.removeAllListeners('warning').on('warning', take)
  try {
    const result = await work()
    // Warnings are emitted after the code that gave them.
    await setImmediate()
    return { result, notes }
  } finally {
    process.off('warning', take)
  }
}
