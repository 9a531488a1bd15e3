/** Ctrl-C: the first asks for an end, a second one is the end. */

/** Under npm one press arrives twice: from the terminal, and handed on. */
const samePressMilliseconds = 500

export interface Interrupt {
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal
  /** Ctrl-C ends the process again, as without this. */
  [Symbol.dispose](): void
}

/** Listens for Ctrl-C until it is disposed of. */
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
