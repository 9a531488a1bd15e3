/** Schedules the batchers that share a device: they run their ready batches one after the other, round robin. */

/** The functions of a batcher that the schedule calls. */
export interface Member {
  /** Milliseconds until the batcher has a batch to run: 0 if it has one now, Infinity if it has none. */
  ready(now: number): number
  /** Runs one batch. Returns a promise if the device is still working on the batch. Never throws or rejects. */
  run(): Promise<void> | undefined
}

/** The functions of the schedule that a batcher calls. */
export interface Turn {
  /** Says that the batcher has a batch to run, or will have one. */
  wake(): void
  /** Says that the batcher has a full batch, which can start at once. */
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

  /** Waits until the event loop has read all requests that have arrived, so that they share one batch if they fit. */
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
    // Timers count whole milliseconds: a remainder below one millisecond is waited for in turns of the event loop.
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
