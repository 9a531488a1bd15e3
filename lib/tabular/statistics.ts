/** What is learned of columns: moments, middles and counts, in one pass over a table or a stream of tables. */

import { compareBytes } from '../preprocessing/hashes/utf8.js'

/** Mean, variance, range and median of numbers; gaps do not count. */
export class NumberStatistics {
  count = 0
  missing = 0
  mean = 0
  min = Number.POSITIVE_INFINITY
  max = Number.NEGATIVE_INFINITY
  #squares = 0
  readonly #sample = new Sample()

  get variance(): number {
    return this.count === 0 ? 0 : this.#squares / this.count
  }

  get median(): number {
    return this.#sample.median()
  }

  /** Adds numbers; `of` says what mean and variance are of, where that is not the number itself. */
  add(values: Float64Array, of?: (value: number) => number): void {
    let count = 0
    let sum = 0
    let { min, max } = this
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number
      if (Number.isNaN(value)) continue
      count++
      sum += of === undefined ? value : of(value)
      if (value < min) min = value
      if (value > max) max = value
    }
    this.min = min
    this.max = max
    this.missing += values.length - count
    if (count === 0) return
    const mean = sum / count
    let squares = 0
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number
      if (!Number.isNaN(value)) squares += ((of === undefined ? value : of(value)) - mean) ** 2
    }
    // Two sets of numbers are joined by the formula of Chan, Golub and LeVeque.
    const total = this.count + count
    const apart = mean - this.mean
    this.#squares += squares + (apart * apart * this.count * count) / total
    this.mean += (apart * count) / total
    this.count = total
    this.#sample.add(values)
  }
}

const mostKept = 1 << 20

/** Numbers for a median: all of up to a million, and of more every second, fourth, … */
class Sample {
  #kept = new Float64Array(1024)
  #size = 0
  #every = 1
  #skip = 0

  add(values: Float64Array): void {
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number
      if (Number.isNaN(value)) continue
      if (this.#skip > 0) {
        this.#skip--
        continue
      }
      this.#skip = this.#every - 1
      if (this.#size === this.#kept.length) this.#makeRoom()
      this.#kept[this.#size++] = value
    }
  }

  #makeRoom(): void {
    if (this.#kept.length < mostKept) {
      const kept = new Float64Array(this.#kept.length * 4)
      kept.set(this.#kept)
      this.#kept = kept
      return
    }
    for (let i = 0; i < this.#size; i += 2) this.#kept[i / 2] = this.#kept[i] as number
    this.#size /= 2
    this.#every *= 2
    this.#skip = this.#every - 1
  }

  median(): number {
    if (this.#size === 0) return Number.NaN
    const values = this.#kept.subarray(0, this.#size)
    const upper = select(values, this.#size >> 1)
    if (this.#size % 2 === 1) return upper
    const lower = values.subarray(0, this.#size >> 1).reduce((most, value) => Math.max(most, value))
    return lower + (upper - lower) / 2
  }
}

/** The value that has `place` smaller ones before it; those come to stand before it (Hoare's quickselect). */
function select(values: Float64Array, place: number): number {
  let low = 0
  let high = values.length - 1
  while (low < high) {
    const pivot = values[(low + high) >> 1] as number
    let i = low
    let j = high
    while (i <= j) {
      while ((values[i] as number) < pivot) i++
      while ((values[j] as number) > pivot) j--
      if (i > j) break
      const value = values[i] as number
      values[i++] = values[j] as number
      values[j--] = value
    }
    if (place <= j) high = j
    else if (place >= i) low = i
    else break
  }
  return values[place] as number
}

/** How often each value occurs. */
export class Counts<T extends string | number> {
  readonly #counts = new Map<T, number>()
  missing = 0

  add(value: T, times = 1): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + times)
  }

  get entries(): [T, number][] {
    return [...this.#counts]
  }
}

/** The most frequent first; of equally frequent ones the greater first, texts by their bytes as UTF-8. */
export function byCount<T extends string | number>([a, often]: [T, number], [b, times]: [T, number]): number {
  return times - often || (typeof a === 'string' ? compareBytes(b as string, a) : (b as number) - (a as number))
}
