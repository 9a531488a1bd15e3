/** Features that are codes: words and whole numbers that are looked up. */

import { NeurodeError } from '../base/errors.js'
import { checkInteger, describe, refuse, shorten } from '../checks/validate.js'
import { type JsonObject, list } from '../persistence/description.js'
import { fingerprint } from '../preprocessing/hashes/farmHash.js'
import type { Column, ColumnType, NumberColumn, TextColumn } from '../tables/column.js'
import { codesOfTexts, Encoder, type FormFacts, gapCode } from './encoder.js'
import { byCount, Counts } from './statistics.js'

const mostWords = 100

/** What stands for an unknown value in Keras, and is no value itself. */
const [unknownWord, unknownInteger] = ['[UNK]', -1]

/** Values that occurred, looked up: a code for each, after those that unknown values share. */
export abstract class Lookup<T extends string | number> extends Encoder {
  #values: readonly T[] | undefined
  #places = new Map<T, number>()
  #counts = new Counts<T>()
  /** Whether it learned from values that count as unknown. */
  #metUnknown = false

  protected abstract unknownBucket(value: T, buckets: number): number

  get adapted(): boolean {
    return this.#values !== undefined
  }

  get #buckets(): number {
    return this.feature.options.numOovIndices as number
  }

  get codes(): number {
    return this.#buckets + (this.#values?.length ?? 0)
  }

  get values(): readonly T[] {
    return this.#values ?? []
  }

  override get facts(): FormFacts {
    return { words: this.values.slice(0, mostWords).map(String) }
  }

  override get unseen(): readonly number[] {
    return this.#metUnknown ? [] : Array.from({ length: this.#buckets }, (_, i) => i)
  }

  override begin(): void {
    super.begin()
    this.#counts = new Counts()
  }

  protected count(value: T, times: number): void {
    this.#counts.add(value, times)
  }

  override end(): void {
    const { minCount = 1, maxTokens } = this.feature.options
    const all = this.#counts.entries
    const often = all.filter(([, times]) => times >= (minCount as number)).sort(byCount)
    const kept = maxTokens === undefined ? often : often.slice(0, (maxTokens as number) - this.#buckets)
    this.#metUnknown = kept.length < all.length
    this.#set(kept.map(([value]) => value))
    this.#counts = new Counts()
  }

  #set(values: readonly T[]): void {
    this.#values = values
    this.#places = new Map(values.map((value, i) => [value, i + this.#buckets]))
  }

  protected lookUp(value: T): number {
    const place = this.#places.get(value)
    if (place !== undefined) return place
    if (this.#buckets === 0) {
      const text = `column '${shorten(this.name)}': expected a value that it learned from, as numOovIndices is 0`
      throw new NeurodeError('ERR_LABEL_RANGE', `${text}, got ${describe(value)}`)
    }
    return this.#buckets === 1 ? 0 : this.unknownBucket(value, this.#buckets)
  }

  state(): JsonObject {
    return { missing: this.missing, values: this.values, metUnknown: this.#metUnknown }
  }

  protected abstract check(value: unknown): T

  restore(state: JsonObject): void {
    this.missing = checkInteger(state.missing, 'missing', 0)
    const values = list(state.values, 'values').map((value) => this.check(value))
    if (new Set(values).size < values.length) refuse('values', 'different ones', values)
    this.#metUnknown = state.metUnknown === true
    this.#set(values)
  }
}

/** A text among those that occurred. */
export class TextLookup extends Lookup<string> {
  readonly type: ColumnType = 'text'

  override learn(column: Column): void {
    super.learn(column)
    const { codes, words } = column as TextColumn
    const counts = new Float64Array(words.length + 1)
    for (let row = 0; row < codes.length; row++) {
      const place = (codes[row] as number) + 1
      counts[place] = (counts[place] as number) + 1
    }
    words.forEach((word, i) => {
      const times = counts[i + 1] as number
      if (times > 0 && word !== unknownWord) this.count(word, times)
    })
  }

  override codesOf(column: Column, tellsGaps: boolean): Int32Array {
    return codesOfTexts(column as TextColumn, tellsGaps, (word) => this.lookUp(word))
  }

  protected unknownBucket(value: string, buckets: number): number {
    return fingerprint(value).modulo(buckets)
  }

  protected check(value: unknown): string {
    return typeof value === 'string' ? value : refuse('values', 'texts', value)
  }
}

/** A whole number among those that occurred. */
export class IntegerLookup extends Lookup<number> {
  readonly type: ColumnType = 'number'

  override learn(column: Column): void {
    super.learn(column)
    for (const value of (column as NumberColumn).values)
      if (!Number.isNaN(value) && value !== unknownInteger) this.count(Math.trunc(value), 1)
  }

  override codesOf(column: Column, tellsGaps: boolean): Int32Array {
    const { values } = column as NumberColumn
    const codes = new Int32Array(values.length)
    for (let row = 0; row < values.length; row++) {
      const value = values[row] as number
      if (!Number.isNaN(value)) codes[row] = this.lookUp(Math.trunc(value))
      else codes[row] = tellsGaps ? gapCode : this.lookUp(0)
    }
    return codes
  }

  protected unknownBucket(value: number, buckets: number): number {
    return ((value % buckets) + buckets) % buckets
  }

  protected check(value: unknown): number {
    return typeof value === 'number' && Number.isInteger(value) ? value : refuse('values', 'whole numbers', value)
  }
}
