/** StringLookup: texts and their indices in a vocabulary. */

import type { NdArray } from '../arrays/arrays.js'
import { checkOptions, refuse } from '../checks/validate.js'
import {
  type Indices,
  mapTexts,
  type NestedTexts,
  type Numbers,
  readTexts,
  type TextInput,
  type Texts,
} from './given.js'
import { bucketsBy, checkSalt, type Salt } from './hashes/buckets.js'
import type { CategoryOutput } from './hashing.js'
import { IndexLookup, type LookupOptions, lookupOptionNames, type WordKind } from './indexLookup.js'
import type { SparseArray } from './sparseArray.js'

/** Options of {@link StringLookup}. */
export interface StringLookupOptions extends LookupOptions<string> {
  /** What stands for unknown texts in the vocabulary, and for unknown indices with `invert`; default `[UNK]`, null: nothing. */
  readonly oovToken?: string | null | undefined
  /** One or two integers that change the buckets of unknown texts. */
  readonly salt?: Salt | null | undefined
}

/** What `call` gives: texts with `invert`, a sparse array with `sparse`, an array otherwise. */
export type StringLookupOutput<O> = 'invert' extends keyof O
  ? true extends O['invert']
    ? O['invert'] extends true
      ? NestedTexts
      : NestedTexts | CategoryOutput<O>
    : CategoryOutput<O>
  : CategoryOutput<O>

const kind: WordKind<string> = {
  argument: 'layers.stringLookup',
  check: (value, argument) => (typeof value === 'string' ? value : refuse(argument, 'a text', value)),
  oovToken: '[UNK]',
}

/** What messages call the options that another layer made. */
const argumentsOf = new WeakMap<object, string>()

/** Makes a lookup for another layer, which messages about options name. */
export function lookupFor(argument: string, options: StringLookupOptions): StringLookup {
  argumentsOf.set(options, argument)
  return new StringLookup(options)
}

/**
 * Gives texts their indices in a vocabulary, or vectors of them, as Keras' StringLookup does; with `invert`, texts for indices. The
 * vocabulary is an option, or learned by {@link StringLookup.adapt}. With several unknown indices, unknown texts go by FarmHash64.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const lookup = layers.stringLookup()
 * await lookup.adapt(['red', 'green', 'red'])
 * console.log(lookup.getVocabulary()) // [UNK], red, green
 * console.log(lookup.call(['green', 'blue']).data) // 2, 0
 * ```
 */
export class StringLookup<Out = NdArray | SparseArray | NestedTexts> extends IndexLookup<string, TextInput, Out> {
  readonly kind = 'StringLookup'
  /** What changes the buckets of unknown texts. */
  readonly salt: Salt | undefined
  readonly #bucketOf

  constructor(options?: StringLookupOptions) {
    const argument = argumentsOf.get(options as object) ?? kind.argument
    const checked = checkOptions(options, [...lookupOptionNames, 'salt'], argument)
    super(checked, options?.oovToken, { ...kind, argument })
    this.salt = checkSalt(checked.salt, `${argument}: salt`)
    this.#bucketOf = bucketsBy(this.salt)
  }

  override config(): Readonly<Record<string, unknown>> {
    return { ...super.config(), salt: this.salt }
  }

  protected override read(value: unknown, argument: string): Texts {
    return readTexts(value, argument)
  }

  protected override indices(value: Texts | Numbers, most: number, of: (word: string | null) => number): Indices {
    return mapTexts(value as Texts, most, of)
  }

  protected override bucketOf(word: string, count: number): number {
    return this.#bucketOf(word, count)
  }

  protected override words(found: {
    readonly words: readonly (string | null)[]
    readonly shape: readonly number[]
  }): NestedTexts {
    let at = 0
    const nest = (depth: number): NestedTexts =>
      depth === found.shape.length
        ? (found.words[at++] as string | null)
        : Object.freeze(Array.from({ length: found.shape[depth] as number }, () => nest(depth + 1)))
    return nest(0)
  }
}
