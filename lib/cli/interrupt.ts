/** Handles Ctrl-C and SIGTERM: the first signal asks the work to stop, a second Ctrl-C ends the process. */

/** Under npm, one press arrives twice, from the terminal and from npm: two within this many milliseconds count as one. */
const samePressMilliseconds = 500

export interface Interrupt {
  /** The first signal aborts this one. */
  readonly signal: AbortSignal
  /** The signal that came first. */
  readonly by: NodeJS.Signals | undefined
  /** Stops listening: signals end the process again. */
  [Symbol.dispose](): void
}

/** Listens for Ctrl-C, and for `others`, until the result is disposed. */
export function onInterrupt(...others: readonly NodeJS.Signals[]): Interrupt {
  const controller = new AbortController()
  const names: readonly NodeJS.Signals[] = ['SIGINT', ...others]
  let first = 0
  let by: NodeJS.Signals | undefined
  const listener = (name: NodeJS.Signals) => {
    const now = performance.now()
    if (by === undefined) {
      first = now
      by = name
      controller.abort()
    } else if (name === 'SIGINT' && now - first > samePressMilliseconds) {
      process.exit(130)
    }
  }
  for (const name of names) process.on(name, listener)
  return {
    signal: controller.signal,
    get by() {
      return by
    },
    [Symbol.dispose]() {
      for (const name of names) process.off(name, listener)
    },
  }
}
