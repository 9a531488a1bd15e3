/** One timer for all deadlines of a queue. It fires at the earliest deadline and then looks for the next. */

import { longestMilliseconds } from '../../checks/validate.js'

export class Deadlines {
  readonly #sweep: (now: number) => number
  #timer: NodeJS.Timeout | undefined
  #at = Infinity

  /** `sweep` ends the requests that are past their deadline at `now`, and returns the earliest deadline that is left, or Infinity. */
  constructor(sweep: (now: number) => number) {
    this.#sweep = sweep
  }

  /** Both times are in milliseconds on the clock of `performance.now()`. */
  add(deadline: number, now: number): void {
    if (deadline >= this.#at) return
    clearTimeout(this.#timer)
    this.#at = deadline
    const wait = Math.min(longestMilliseconds, Math.max(0, Math.ceil(deadline - now)))
    this.#timer = setTimeout(() => this.#fire(), wait)
    this.#timer.unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #fire(): void {
    const now = performance.now()
    this.#at = Infinity
    this.add(this.#sweep(now), now)
  }
}
