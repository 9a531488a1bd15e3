/** What a cliff is, and how both of its sides are timed. */

import { measurePeak } from '../setup.js'

/** One turn of a side: resolves to the seconds of what is timed. */
export type Turn = () => number | Promise<number>

/** Something slow beside something that ought to take about as long. */
export interface Cliff {
  readonly name: string
  /** What is timed. */
  readonly timed: string
  /** What it is compared with. */
  readonly reference: string
  /** The most that the time may be, divided by that of the reference. */
  readonly goal: number
  /** Makes both sides, or nothing where the reference is not installed. */
  open(threads: number): Promise<Sides | undefined> | Sides | undefined
}

export interface Sides {
  readonly timed: Turn
  readonly reference: Turn
  close?(): void
}

const secondsOfTurn = 0.06
const warmUpCalls = 3

/** A turn of calls, one after the other: the seconds of a call. */
export function calls(call: () => unknown): Turn {
  return async () => {
    const start = performance.now()
    for (let i = 0; i < warmUpCalls && performance.now() - start < 1000 * secondsOfTurn; i++) await call()
    const begin = performance.now()
    let count = 0
    let now = begin
    for (; now - begin < 1000 * secondsOfTurn; now = performance.now()) {
      // What is not a promise is not waited for: that would let other work of the event loop run.
      const result = call()
      if (result instanceof Promise) await result
      count++
    }
    return (now - begin) / 1000 / count
  }
}

/** A turn of work that takes so many steps: the seconds of a step. */
export function steps(count: number, work: () => Promise<unknown>): Turn {
  return async () => {
    const begin = performance.now()
    await work()
    return (performance.now() - begin) / 1000 / count
  }
}

/**
 * The turns of a peer that is not here: its seconds as they were recorded, on a machine with this peak in GFLOP/s, where they would be
 * with the peak of this machine, which is measured anew in each turn.
 */
export function recorded(seconds: number, peak: number, threads: number): Turn {
  return async () => (seconds * peak) / (await measurePeak(threads))
}
