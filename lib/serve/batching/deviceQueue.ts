/** Turns on a device: batchers that share one run their ready batches one after the other, round robin. */

/** What a batcher brings. */
export interface Member {
  /** Milliseconds until it has a batch to run: 0 now, Infinity none. */
  ready(now: number): number
  /** Runs one batch; a promise where the device works on it. Never throws or rejects. */
  run(): Promise<void> | undefined
}

/** A batcher's place among the others. */
export interface Turn {
  /** It has, or will have, a batch to run. */
  wake(): void
  /** It has a batch that nothing more can come into. */
  hurry(): void
  leave(): void
}

class DeviceQueue {
  #members: Member[] = []
  #next = 0
  #busy = false
  #scheduled = false
  #timer: NodeJS.Timeout | undefined

  join(member: Member): Turn {
    this.#members.push(member)
    return {
      wake: () => this.#schedule(),
      hurry: this.#turn,
      leave: () => {
        const place = this.#members.indexOf(member)
        if (place < 0) return
        this.#members.splice(place, 1)
        if (place < this.#next) this.#next--
      },
    }
  }

  /** After the event loop has read what is there to read: as much of it as has room comes into one batch. */
  #schedule(): void {
    if (this.#busy || this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#turn)
  }

  #turn = (): void => {
    this.#scheduled = false
    if (this.#busy) return
    clearTimeout(this.#timer)
    const count = this.#members.length
    const now = performance.now()
    let soonest = Infinity
    for (let i = 0; i < count; i++) {
      const place = (this.#next + i) % count
      const member = this.#members[place] as Member
      const wait = member.ready(now)
      if (wait > 0) {
        soonest = Math.min(soonest, wait)
        continue
      }
      this.#next = (place + 1) % count
      const work = member.run()
      if (work === undefined) {
        this.#schedule()
      } else {
        this.#busy = true
        work.then(() => {
          this.#busy = false
          this.#turn()
        })
      }
      return
    }
    if (soonest === Infinity) return
    // Timers know milliseconds only: what remains below one is waited for turn by turn.
    if (soonest >= 1) this.#timer = setTimeout(this.#turn, Math.floor(soonest))
    else this.#schedule()
  }
}

const queues = new Map<string, DeviceQueue>()

/** The queue of a device, by its name. */
export function deviceQueue(device: string): DeviceQueue {
  const known = queues.get(device)
  if (known !== undefined) return known
  const made = new DeviceQueue()
  queues.set(device, made)
  return made
}
