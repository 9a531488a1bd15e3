/** IntegerLookup: whole numbers and their indices in a vocabulary. */

import type { NdArray } from '../arrays/arrays.js'
import { checkOptions, refuse } from '../checks/validate.js'
import { integers } from './encoding.js'
import { type Indices, mapNumbers, type NumberInput, type Numbers, readIntegers, type Texts } from './given.js'
import { bucketsBy, checkSalt, type Salt } from './hashes/buckets.js'
import { IndexLookup, type LookupOptions, lookupOptionNames, type WordKind } from './indexLookup.js'
import type { SparseArray } from './sparseArray.js'

/** Options of {@link IntegerLookup}. */
export interface IntegerLookupOptions extends LookupOptions<number> {
  /** What stands for unknown numbers in the vocabulary, and for unknown indices with `invert`; default -1, null: nothing. */
  readonly oovToken?: number | null | undefined
  /** How unknown numbers get one of several unknown indices: `floormod` (default), the remainder, or `farmhash`, a hash of the digits. */
  readonly oovMethod?: 'floormod' | 'farmhash' | undefined
  /** With `farmhash`, one or two integers that change the buckets. */
  readonly salt?: Salt | null | undefined
  /** The type of the numbers, `int64`: numbers are whole, up to 2⁵³ - 1. */
  readonly vocabularyDtype?: 'int64' | undefined
}

const expected = 'a whole number of at most 2^53 - 1'
const kind: WordKind<number> = {
  argument: 'layers.integerLookup',
  check: (value, argument) =>
    Number.isSafeInteger(value) ? (value as number) : refuse(argument, `${expected}; larger ones can be texts`, value),
  oovToken: -1,
}

/**
 * Gives whole numbers their indices in a vocabulary, or vectors of them, as Keras' IntegerLookup does; with `invert`, numbers for
 * indices. The vocabulary is an option, or learned by {@link IntegerLookup.adapt}. Fractions are refused.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const lookup = layers.integerLookup({ vocabulary: [12, 36, 1138], outputMode: 'oneHot' })
 * console.log(lookup.call([36, 7]).data) // 0, 0, 1, 0 and 1, 0, 0, 0
 * ```
 */
export class IntegerLookup<Out = NdArray | SparseArray> extends IndexLookup<number, NumberInput, Out> {
  readonly kind = 'IntegerLookup'
  /** How unknown numbers get one of several unknown indices. */
  readonly oovMethod: 'floormod' | 'farmhash'
  /** What changes the buckets of `farmhash`. */
  readonly salt: Salt | undefined
  readonly #bucketOf

  constructor(options?: IntegerLookupOptions) {
    const { argument } = kind
    const names = [...lookupOptionNames, 'oovMethod', 'salt', 'vocabularyDtype']
    const checked = checkOptions(options, names, argument)
    super(checked, options?.oovToken, kind)
    const { oovMethod = 'floormod', vocabularyDtype = 'int64' } = checked
    if (vocabularyDtype !== 'int64') refuse(`${argument}: vocabularyDtype`, "'int64'", vocabularyDtype)
    if (oovMethod !== 'floormod' && oovMethod !== 'farmhash') {
      refuse(`${argument}: oovMethod`, "'floormod' or 'farmhash'", oovMethod)
    }
    this.oovMethod = oovMethod
    this.salt = checkSalt(checked.salt, `${argument}: salt`)
    if (this.salt !== undefined && oovMethod !== 'farmhash') {
      refuse(`${argument}: salt`, "none unless oovMethod is 'farmhash'", this.salt)
    }
    this.#bucketOf = bucketsBy(this.salt)
  }

  override config(): Readonly<Record<string, unknown>> {
    return { ...super.config(), oovMethod: this.oovMethod, salt: this.salt }
  }

  protected override read(value: unknown, argument: string): Numbers {
    return readIntegers(value, argument)
  }

  protected override indices(value: Texts | Numbers, most: number, of: (word: number | null) => number): Indices {
    return mapNumbers(value as Numbers, most, (number) => of(Number.isNaN(number) ? null : number))
  }

  protected override bucketOf(word: number, count: number): number {
    return this.oovMethod === 'floormod' ? ((word % count) + count) % count : this.#bucketOf(String(word), count)
  }

  protected override words(found: {
    readonly words: readonly (number | null)[]
    readonly shape: readonly number[]
  }): NdArray {
    return integers({ values: Float64Array.from(found.words, (word) => word ?? Number.NaN), shape: found.shape })
  }
}
