/** Counts words over batches, and keeps the most frequent ones. */

import { setImmediate } from 'node:timers/promises'
import type { Numbers, Texts } from './given.js'
import { compareBytes } from './hashes/utf8.js'

interface Count {
  /** How often the word occurs. */
  count: number
  /** In how many documents it occurs, and the last of them. */
  documents: number
  last: number
}

/** The most frequent words, and for each the weight that a rare word has more of than a frequent one. */
export interface Kept<T> {
  readonly words: readonly T[]
  readonly idfWeights: Float64Array
}

/** Number of words after which the computation yields to other work of the JavaScript thread. */
const wordsAtATime = 1 << 17

const hasSurrogate = (word: unknown) => typeof word === 'string' && /[\ud800-\udfff]/.test(word)

/** Words in falling order of their UTF-8 bytes, or numbers in falling order. */
function falling<T extends string | number>(words: readonly T[]): T[] {
  if (typeof words[0] === 'number') return words.toSorted((a, b) => (b as number) - (a as number))
  const compare = words.some(hasSurrogate) ? (a: T, b: T) => compareBytes(a as string, b as string) : undefined
  return words.toSorted(compare).reverse()
}

/** Counts words and the documents that they are in. */
export class WordCounts<T extends string | number> {
  readonly #counts = new Map<T, Count>()
  #documents = 0

  /** Begins a document. */
  begin(documents = 1): void {
    this.#documents += documents
  }

  /** Counts a word of the current document. */
  count(word: T): void {
    const found = this.#counts.get(word)
    if (found === undefined) {
      this.#counts.set(word, { count: 1, documents: 1, last: this.#documents })
      return
    }
    found.count++
    if (found.last === this.#documents) return
    found.documents++
    found.last = this.#documents
  }

  /**
   * Counts the words of an array. Each of its rows is a document. A list is one, too, unless it `isWhole`, all data at once: then each of
   * its words is.
   */
  async add({ shape, ...given }: Texts | Numbers, isWhole: boolean): Promise<void> {
    const [words, codes] = 'words' in given ? [given.words, given.codes] : [given.values, undefined]
    const count = codes?.length ?? words.length
    const perDocument = shape.length > 1 ? count / (shape[0] as number) : isWhole ? 1 : count
    for (let i = 0; i < count; i++) {
      if (i % perDocument === 0) this.begin()
      const word = words[codes === undefined ? i : (codes[i] as number)]
      if (word !== undefined && word !== null && !Number.isNaN(word)) this.count(word as T)
      if (i % wordsAtATime === wordsAtATime - 1) await setImmediate()
    }
  }

  /** The `most` most frequent words, without some; of equally frequent ones those that come last in the order of bytes or numbers. */
  kept(most: number, without: readonly (T | null)[]): Kept<T> {
    for (const word of without) if (word !== null) this.#counts.delete(word)
    const all = [...this.#counts]
    const order = Uint32Array.from(all, ([, { count }]) => count).sort()
    // Words that are too rare to be kept need not be sorted.
    const least = most < order.length ? (order[order.length - most] ?? Infinity) : 0
    const frequent = all.filter(([, { count }]) => count >= least).map(([word]) => word)
    const countOf = (word: T) => this.#counts.get(word) as Count
    const byCount = new Map<number, T[]>()
    for (const word of falling(frequent)) {
      const { count } = countOf(word)
      const equal = byCount.get(count)
      if (equal === undefined) byCount.set(count, [word])
      else equal.push(word)
    }
    const words = [...byCount].sort(([a], [b]) => b - a).flatMap(([, equal]) => equal)
    words.length = Math.min(words.length, most)
    const weightOf = (word: T) => Math.log(1 + this.#documents / (1 + countOf(word).documents))
    return { words, idfWeights: Float64Array.from(words, weightOf) }
  }
}
