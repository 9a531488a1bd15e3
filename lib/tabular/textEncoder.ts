/** Features that are the words of a text. */

import { checkDouble, checkInteger, refuse } from '../checks/validate.js'
import { type JsonObject, list } from '../persistence/description.js'
import { splitters, standardizers } from '../preprocessing/tokens.js'
import type { Column, ColumnType, TextColumn } from '../tables/column.js'
import { Encoder, type NumberRows, type Scaling } from './encoder.js'
import { byCount, Counts } from './statistics.js'

type Standardize = (text: string) => string
type Split = (text: string) => readonly string[]

const standardize = standardizers.get('lowerAndStripPunctuation') as Standardize
const split = splitters.get('whitespace') as Split

/** The most words of a text that become inputs of `tabular`. */
const mostRead = 256

/** The words of a text, without order. Word 0 stands for all that are unknown. */
export class TextEncoder extends Encoder {
  readonly type: ColumnType = 'text'
  readonly codes = 0
  #words: readonly string[] | undefined
  #places = new Map<string, number>()
  /** What each word weighs as tf-idf. */
  #weights: readonly number[] = []
  #counts = new Counts<string>()
  #documents = new Counts<string>()
  #rows = 0
  #longest = 1
  /** Whether it learned from words that have no place. */
  #metUnknown = false

  get adapted(): boolean {
    return this.#words !== undefined
  }

  /** How many words have a place, the unknown one included. */
  get size(): number {
    return 1 + this.words.length
  }

  get words(): readonly string[] {
    return this.#words ?? []
  }

  get weights(): readonly number[] {
    return this.#weights
  }

  /** How many words of a text become inputs of `tabular`. */
  get length(): number {
    return Math.min(mostRead, this.#longest)
  }

  override get scalings(): readonly Scaling[] {
    return Array.from({ length: this.size }, () => ({ mean: 0, variance: 1 }))
  }

  override get unseen(): readonly number[] {
    return this.#metUnknown ? [] : [0]
  }

  override begin(): void {
    super.begin()
    this.#counts = new Counts()
    this.#documents = new Counts()
    this.#rows = 0
    this.#longest = 1
  }

  override learn(column: Column): void {
    super.learn(column)
    const { codes, words } = column as TextColumn
    const often = new Float64Array(words.length)
    for (const code of codes) if (code >= 0) often[code] = (often[code] as number) + 1
    this.#rows += codes.length
    words.forEach((text, i) => {
      const times = often[i] as number
      if (times === 0) return
      const parts = split(standardize(text))
      this.#longest = Math.max(this.#longest, parts.length)
      for (const word of parts) this.#counts.add(word, times)
      for (const word of new Set(parts)) this.#documents.add(word, times)
    })
  }

  override end(): void {
    const most = this.feature.options.maxTokens as number
    const all = this.#counts.entries.sort(byCount)
    const words = all.slice(0, Math.max(0, most - 1))
    this.#metUnknown = words.length < all.length
    const documents = new Map(this.#documents.entries)
    const weights = words.map(([word]) => Math.log(1 + this.#rows / (1 + (documents.get(word) as number))))
    const mean = weights.reduce((sum, each) => sum + each, 0) / Math.max(1, weights.length)
    this.#set(
      words.map(([word]) => word),
      [mean, ...weights],
    )
    this.#counts = new Counts()
    this.#documents = new Counts()
  }

  #set(words: readonly string[], weights: readonly number[]): void {
    this.#words = words
    this.#weights = weights
    this.#places = new Map(words.map((word, i) => [word, i + 1]))
  }

  /** The places of the words of a row's text. */
  *placesOf(column: Column): Generator<readonly number[]> {
    const { codes, words } = column as TextColumn
    const known: (readonly number[] | undefined)[] = []
    for (const code of codes) {
      const places =
        code < 0
          ? []
          : (known[code] ?? split(standardize(words[code] as string)).map((word) => this.#places.get(word) ?? 0))
      if (code >= 0) known[code] = places
      yield places
    }
  }

  override writeNumbers(column: Column, begin: number, { data, stride }: NumberRows): void {
    const { outputMode } = this.feature.options
    let at = begin
    for (const places of this.placesOf(column)) {
      for (const place of places) {
        const add = outputMode === 'tfIdf' ? (this.#weights[place] as number) : 1
        data[at + place] = outputMode === 'multiHot' ? 1 : (data[at + place] as number) + add
      }
      at += stride
    }
  }

  state(): JsonObject {
    return {
      missing: this.missing,
      words: this.words,
      weights: this.#weights,
      longest: this.#longest,
      metUnknown: this.#metUnknown,
    }
  }

  restore(state: JsonObject): void {
    this.missing = checkInteger(state.missing, 'missing', 0)
    this.#longest = checkInteger(state.longest, 'longest')
    this.#metUnknown = state.metUnknown === true
    const words = list(state.words, 'words').map((word) => {
      return typeof word === 'string' ? word : refuse('words', 'texts', word)
    })
    if (new Set(words).size < words.length) refuse('words', 'different ones', words)
    const weights = list(state.weights, 'weights').map((weight) => checkDouble(weight, 'weights', 0))
    if (weights.length !== words.length + 1) refuse('weights', `${words.length + 1} numbers`, weights)
    this.#set(words, weights)
  }
}
