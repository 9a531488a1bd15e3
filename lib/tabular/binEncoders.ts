/** Features that are codes without a vocabulary: bins of numbers, and hashes. */

import { checkDouble, checkInteger, refuse } from '../checks/validate.js'
import { type JsonObject, list } from '../persistence/description.js'
import { fingerprint } from '../preprocessing/hashes/farmHash.js'
import { Quantiles } from '../preprocessing/quantiles.js'
import type { Column, ColumnType, NumberColumn, TextColumn } from '../tables/column.js'
import { codesOfTexts, type DefaultSizes, Encoder, gapCode } from './encoder.js'
import type { Feature } from './feature.js'

/** How finely the shares of values are learned, as Keras does. */
const epsilon = 0.01

/** The bin of a number. */
export class BinEncoder extends Encoder {
  readonly type: ColumnType = 'number'
  readonly codes: number
  readonly #learns: boolean
  #boundaries: Float32Array | undefined
  #quantiles = new Quantiles(epsilon)

  constructor(name: string, feature: Feature, { bins }: DefaultSizes) {
    super(name, feature)
    const { numBins, quantiles, binBoundaries, boundaries } = feature.options
    const given = (binBoundaries ?? boundaries) as readonly number[] | undefined
    this.#learns = given === undefined
    this.#boundaries = given && Float32Array.from(given)
    this.codes = given === undefined ? ((numBins ?? quantiles ?? bins) as number) : given.length + 1
  }

  get adapted(): boolean {
    return this.#boundaries !== undefined
  }

  get boundaries(): Float32Array {
    return this.#boundaries ?? new Float32Array()
  }

  override begin(): void {
    super.begin()
    this.#quantiles = new Quantiles(epsilon)
  }

  override learn(column: Column): void {
    super.learn(column)
    if (this.#learns) this.#quantiles.add((column as NumberColumn).values)
  }

  override end(): void {
    const quantiles = this.#quantiles
    if (this.#learns) this.#boundaries = quantiles.isEmpty ? new Float32Array() : quantiles.boundaries(this.codes)
    this.#quantiles = new Quantiles(epsilon)
  }

  override codesOf(column: Column, tellsGaps: boolean): Int32Array {
    const { boundaries } = this
    return Int32Array.from((column as NumberColumn).values, (value) => {
      if (Number.isNaN(value)) return tellsGaps ? gapCode : boundaries.length
      const exact = Math.fround(value)
      let [low, high] = [0, boundaries.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if ((boundaries[middle] as number) <= exact) low = middle + 1
        else high = middle
      }
      return low
    })
  }

  state(): JsonObject {
    return { missing: this.missing, boundaries: [...this.boundaries] }
  }

  restore(state: JsonObject): void {
    this.missing = checkInteger(state.missing, 'missing', 0)
    const boundaries = list(state.boundaries, 'boundaries').map((each) => checkDouble(each, 'boundaries'))
    const falls = boundaries.some((each, i) => i > 0 && each < (boundaries[i - 1] as number))
    if (falls || boundaries.length >= this.codes) {
      refuse('boundaries', `fewer than ${this.codes} rising numbers`, boundaries)
    }
    this.#boundaries = Float32Array.from(boundaries)
  }
}

/** The hash of a text or of a number's text. */
export class HashEncoder extends Encoder {
  readonly type: ColumnType = 'text'
  readonly adapted = true
  readonly codes: number

  constructor(name: string, feature: Feature, { hashingDim }: DefaultSizes) {
    super(name, feature)
    const { numBins, bins } = feature.options
    this.codes = (numBins ?? bins ?? hashingDim) as number
  }

  override codesOf(column: Column, tellsGaps: boolean): Int32Array {
    return codesOfTexts(column as TextColumn, tellsGaps, (word) => fingerprint(word).modulo(this.codes))
  }

  state(): JsonObject {
    return { missing: this.missing }
  }

  restore(state: JsonObject): void {
    this.missing = checkInteger(state.missing, 'missing', 0)
  }
}
