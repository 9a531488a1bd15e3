/** The history of one fit: loss and metrics of every epoch. */

import { withLists } from '../arrays/shapedArray.js'

/** Numbers by key, one for each epoch; validation metrics have one for each validated epoch. */
export class History {
  /** The numbers so far. Other readers of the map see it grow. */
  readonly numbers: ReadonlyMap<string, readonly number[]>
  readonly #numbers = new Map<string, number[]>()

  /** `keys`: those of training; `validates`: each of them has a `val_` key too. */
  constructor(keys: readonly string[], validates: boolean) {
    this.numbers = this.#numbers
    for (const key of keys) this.#numbers.set(key, [])
    if (validates) for (const key of keys) this.#numbers.set(`val_${key}`, [])
  }

  get keys(): string[] {
    return [...this.#numbers.keys()]
  }

  add(logs: Readonly<Record<string, number>>): void {
    for (const [key, value] of Object.entries(logs)) this.#numbers.get(key)?.push(value)
  }
}

/** Copies the numbers of a history into arrays by key. */
export function historyOf(numbers: ReadonlyMap<string, readonly number[]>): Record<string, Float64Array> {
  return withLists(Object.fromEntries([...numbers].map(([key, values]) => [key, Float64Array.from(values)])))
}
