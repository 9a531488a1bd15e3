/** Handles Ctrl-C: the first press asks the work to stop, a second one ends the process. */

/** Under npm, one press arrives twice, from the terminal and from npm: two within this many milliseconds count as one. */
const samePressMilliseconds = 500

export interface Interrupt {
  /** The first Ctrl-C aborts this signal. */
  readonly signal: AbortSignal
  /** Stops listening: Ctrl-C ends the process again. */
  [Symbol.dispose](): void
}

/** Listens for Ctrl-C until the result is disposed. */
export function onInterrupt(): Interrupt {
  const controller = new AbortController()
  let first = 0
  const listener = () => {
    const now = performance.now()
    if (!controller.signal.aborted) {
      first = now
      controller.abort()
    } else if (now - first > samePressMilliseconds) {
      process.exit(130)
    }
  }
  process.on('SIGINT', listener)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      process.off('SIGINT', listener)
    },
  }
}
