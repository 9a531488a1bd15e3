/** What StringLookup and IntegerLookup have in common: words and their indices, both ways. */

import { NeurodeError } from '../base/errors.js'
import { guardArity } from '../checks/arity.js'
import { checkBoolean, checkDouble, checkInteger, checkOptions, describe, refuse } from '../checks/validate.js'
import { type AdaptInput, forEachBatch } from './batches.js'
import { checkEncoding, type Encoding, type EncodingMode, type EncodingOptions, encode } from './encoding.js'
import { type Indices, type NumberInput, type Numbers, owned, placeOf, readIntegers, type Texts } from './given.js'
import { PreprocessingLayer, type PreprocessingOptions } from './preprocessingLayer.js'
import type { SparseArray } from './sparseArray.js'
import { WordCounts } from './wordCounts.js'

/** Options of {@link StringLookup} and {@link IntegerLookup}. */
export interface LookupOptions<T extends string | number> extends PreprocessingOptions, EncodingOptions<EncodingMode> {
  /** The most words, with the mask and the unknown indices; the most frequent ones are kept. Default: all. */
  readonly maxTokens?: number | undefined
  /** How many indices unknown words have, by their hash; default 1. With 0, an unknown word is an error. */
  readonly numOovIndices?: number | undefined
  /** A word that stands for nothing: index 0 where `outputMode` is `int`, left out of vectors. Default: none. */
  readonly maskToken?: T | null | undefined
  /** The words, instead of those that `adapt` finds; mask and unknown word may come first. Each may occur once. */
  readonly vocabulary?: readonly (T | null)[] | undefined
  /** For `tfIdf`, a weight for each word of `vocabulary`. Unknown words weigh their mean. */
  readonly idfWeights?: readonly number[] | undefined
  /** Whether `call` takes indices and gives words; default false. */
  readonly invert?: boolean | undefined
  /** Whether vectors have `maxTokens` values even if there are fewer words; default false. */
  readonly padToMaxTokens?: boolean | undefined
}

export const lookupOptionNames = [
  ...['name', 'maxTokens', 'numOovIndices', 'maskToken', 'oovToken', 'vocabulary', 'idfWeights', 'invert'],
  ...['outputMode', 'sparse', 'padToMaxTokens'],
]

/** What tells the two kinds apart. */
export interface WordKind<T> {
  readonly argument: string
  /** Checks a word of the options. */
  readonly check: (value: unknown, argument: string) => T
  readonly oovToken: T
}

const modes: readonly EncodingMode[] = ['int', 'oneHot', 'multiHot', 'count', 'tfIdf']

/** Words that are known, in the order of their indices. */
interface Vocabulary<T> {
  /** With mask and unknown words. */
  readonly all: readonly (T | null)[]
  readonly indices: ReadonlyMap<T, number>
  readonly weights: Float64Array | undefined
}

/** The base class of {@link StringLookup} and {@link IntegerLookup}. `Out` is what `call` gives. */
export abstract class IndexLookup<T extends string | number, In, Out> extends PreprocessingLayer {
  /** The most words, with the mask and the unknown indices. */
  readonly maxTokens: number | undefined
  /** How many indices unknown words have. */
  readonly numOovIndices: number
  /** The word that stands for nothing; null: none. */
  readonly maskToken: T | null
  /** The word that stands for unknown ones in the vocabulary; null: none. */
  readonly oovToken: T | null
  /** Whether `call` takes indices and gives words. */
  readonly invert: boolean
  /** How indices are given. */
  readonly outputMode: EncodingMode
  /** Whether vectors are given as a {@link SparseArray}. */
  readonly sparse: boolean
  /** Whether vectors have `maxTokens` values. */
  readonly padToMaxTokens: boolean
  readonly #isGiven: boolean
  readonly #argument: string
  readonly #kind: WordKind<T>
  #vocabulary: Vocabulary<T> | undefined

  /** `oovToken` is that of the options, where null stands for none. */
  constructor(options: LookupOptions<T>, oovToken: unknown, kind: WordKind<T>) {
    const { argument, check } = kind
    super(options, argument)
    this.#argument = argument
    this.#kind = kind
    const { outputMode, sparse } = checkEncoding(options, modes, argument)
    this.outputMode = outputMode
    this.sparse = sparse
    this.invert = checkBoolean(options.invert ?? false, `${argument}: invert`)
    if (this.invert && outputMode !== 'int') refuse(`${argument}: outputMode`, "'int' where invert is true", outputMode)
    this.numOovIndices = checkInteger(options.numOovIndices ?? 1, `${argument}: numOovIndices`, 0, 2 ** 24)
    this.maskToken = options.maskToken === undefined ? null : check(options.maskToken, `${argument}: maskToken`)
    this.oovToken = oovToken === null ? null : check(oovToken ?? kind.oovToken, `${argument}: oovToken`)
    const least = Math.max(2, this.#special)
    this.maxTokens =
      options.maxTokens === undefined
        ? undefined
        : checkInteger(options.maxTokens, `${argument}: maxTokens`, least, 2 ** 28)
    this.padToMaxTokens = checkBoolean(options.padToMaxTokens ?? false, `${argument}: padToMaxTokens`)
    if (this.padToMaxTokens && this.maxTokens === undefined) {
      refuse(`${argument}: padToMaxTokens`, 'maxTokens beside it', true)
    }
    const { vocabulary, idfWeights } = options
    if (idfWeights !== undefined && (outputMode !== 'tfIdf' || vocabulary === undefined)) {
      refuse(`${argument}: idfWeights`, "none without outputMode 'tfIdf' and a vocabulary", idfWeights)
    }
    this.#isGiven = vocabulary !== undefined
    if (vocabulary !== undefined) this.#vocabulary = this.#given(vocabulary, idfWeights)
  }

  /** Number of words, with mask and unknown indices. Throws `ERR_NOT_BUILT` before `adapt`. */
  get vocabularySize(): number {
    return this.#known.all.length
  }

  /**
   * The words in the order of their indices: the mask, where `outputMode` is `int`, unknown words, and all others. Throws
   * `ERR_NOT_BUILT` before `adapt`.
   */
  getVocabulary(options?: { readonly includeSpecialTokens?: boolean | undefined }): readonly (T | null)[] {
    const { includeSpecialTokens = true } = checkOptions(options, ['includeSpecialTokens'], 'getVocabulary')
    const { all } = this.#known
    return checkBoolean(includeSpecialTokens, 'includeSpecialTokens') ? all : Object.freeze(all.slice(this.#special))
  }

  /** For `tfIdf`, the weight of each index, with zeros up to `maxTokens` where vectors are padded; undefined otherwise. */
  get idfWeights(): Float64Array | undefined {
    const { weights } = this.#known
    if (weights === undefined || !this.padToMaxTokens) return weights?.slice()
    const padded = new Float64Array(this.maxTokens as number)
    padded.set(weights)
    return padded
  }

  /** Whether the layer has a vocabulary, from its options or from `adapt`. */
  get isAdapted(): boolean {
    return this.#vocabulary !== undefined
  }

  /**
   * Learns the vocabulary in one pass: words by how often they occur, the most frequent first; of equally frequent ones the last in the
   * order of UTF-8 bytes, or the largest number, comes first. What was learned before is forgotten. For `tfIdf`, a row of values is a
   * document; each value of a list is one, while in batches each list is.
   *
   * Rejects with `ERR_ARGUMENT` if a vocabulary was given, or for data of another type, with `ERR_SHAPE` for no data. A failure leaves
   * the layer as it was.
   */
  async adapt(data: AdaptInput<In>): Promise<void> {
    this.checkAdaptable()
    const counts = new WordCounts<T>()
    const read = (value: unknown) => owned(this.read(value, 'data'))
    await forEachBatch(data, read, (batch, isWhole) => counts.add(batch, isWhole))
    this.adopt(counts)
  }

  /** @internal Throws if a vocabulary was given. */
  checkAdaptable(): void {
    if (!this.#isGiven) return
    throw new NeurodeError('ERR_ARGUMENT', `layer '${this.name}': it was given a vocabulary, so it cannot be adapted`)
  }

  /** @internal Takes the words of counts as vocabulary. */
  adopt(counts: WordCounts<T>): void {
    const most = this.maxTokens === undefined ? Infinity : this.maxTokens - this.#special
    const { words, idfWeights } = counts.kept(most, [this.maskToken, this.oovToken])
    this.#vocabulary = this.#made(words, this.outputMode === 'tfIdf' ? this.#withMean(idfWeights) : undefined)
  }

  /**
   * Looks values up: a number for each, or vectors of `vocabularySize` numbers, as `outputMode` says; with `invert`, words for indices.
   * A gap (null, or one of a column) is the mask, or an unknown word if there is none.
   *
   * Throws `ERR_NOT_BUILT` before `adapt`, `ERR_ARGUMENT` or `ERR_SHAPE` for what it cannot read, and for unknown words where there is no
   * index for them.
   */
  call(x: In | NumberInput): Out {
    if (this.invert) return this.words(this.#words(readIntegers(x, 'x', 'an index'))) as Out
    return encode(this.#indicesOf(x), this.encoding) as Out
  }

  /** @internal How indices become results. */
  get encoding(): Encoding {
    const { outputMode, sparse } = this
    const { all, weights } = this.#known
    return { outputMode, sparse, depth: this.padToMaxTokens ? (this.maxTokens as number) : all.length, weights }
  }

  /** @internal The function that finds the index of a word. */
  finder(): (word: T | null) => number {
    const { indices } = this.#known
    const { maskToken, numOovIndices } = this
    const first = this.#masks
    const maskIndex = first === 1 ? 0 : -1
    return (word) => {
      if (maskToken !== null && (word === maskToken || word === null)) return maskIndex
      const found = word === null ? undefined : indices.get(word)
      if (found !== undefined) return found
      if (numOovIndices === 0) throw this.#unknown(word)
      return first + (numOovIndices === 1 || word === null ? 0 : this.bucketOf(word, numOovIndices))
    }
  }

  override config(): Readonly<Record<string, unknown>> {
    const { maxTokens, numOovIndices, maskToken, oovToken, invert, outputMode, sparse, padToMaxTokens } = this
    const known = this.#vocabulary
    return {
      ...{ maxTokens, numOovIndices, maskToken, oovToken, invert, outputMode, sparse, padToMaxTokens },
      ...(known && { vocabulary: known.all }),
      ...(known?.weights && { idfWeights: [...known.weights] }),
    }
  }

  protected abstract read(value: unknown, argument: string): Texts | Numbers
  protected abstract indices(value: Texts | Numbers, most: number, of: (word: T | null) => number): Indices
  protected abstract bucketOf(word: T, count: number): number
  protected abstract words(found: { readonly words: readonly (T | null)[]; readonly shape: readonly number[] }): unknown

  #indicesOf(x: unknown): Indices {
    const find = this.finder()
    return this.indices(this.read(x, 'x'), this.vocabularySize, find)
  }

  #words({ values, shape }: Numbers) {
    const { all } = this.#known
    const words = Array.from(values, (index, i) => {
      if (Number.isNaN(index)) refuse(placeOf('x', shape, i), 'an index', null)
      return all[index] ?? this.oovToken
    })
    return { words, shape }
  }

  get #known(): Vocabulary<T> {
    if (this.#vocabulary !== undefined) return this.#vocabulary
    const remedy = 'await layer.adapt(data), or give the option vocabulary'
    throw new NeurodeError('ERR_NOT_BUILT', `layer '${this.name}' has no vocabulary yet: ${remedy}`)
  }

  /** Number of indices of the mask. */
  get #masks(): number {
    return this.maskToken !== null && this.outputMode === 'int' ? 1 : 0
  }

  /** Number of indices before those of words. */
  get #special(): number {
    return this.#masks + this.numOovIndices
  }

  get #specialTokens(): readonly (T | null)[] {
    const unknown = Array.from({ length: this.numOovIndices }, () => this.oovToken)
    return this.#masks === 1 ? [this.maskToken, ...unknown] : unknown
  }

  #unknown(word: T | null): NeurodeError {
    const text = `layer '${this.name}': expected words of the vocabulary, as numOovIndices is 0, got ${describe(word)}`
    return new NeurodeError('ERR_ARGUMENT', text)
  }

  #given(vocabulary: unknown, weights: unknown): Vocabulary<T> {
    const argument = `${this.#argument}: vocabulary`
    if (!Array.isArray(vocabulary) || vocabulary.length === 0) {
      return refuse(argument, 'a list of at least one word', vocabulary)
    }
    const special = this.#specialTokens
    const isWithSpecial = special.length > 0 && special.every((token, i) => token === vocabulary[i])
    const words = vocabulary.slice(isWithSpecial ? special.length : 0)
    for (const [i, word] of words.entries()) {
      const place = `${argument}[${i + vocabulary.length - words.length}]`
      words[i] = this.#kind.check(word, place)
      const isReserved = word === this.maskToken || (this.invert && word === this.oovToken)
      if (isReserved) refuse(place, 'mask and unknown words at the beginning, all of them, or nowhere', word)
    }
    const size = special.length + words.length
    if (this.maxTokens !== undefined && size > this.maxTokens) {
      const all = special.length > 0 ? `, of which ${special.length} are mask and unknown words` : ''
      refuse(argument, `at most maxTokens, ${this.maxTokens} words`, `${size}${all}`)
    }
    if (this.outputMode !== 'tfIdf') return this.#made(words as T[], undefined)
    const checked = this.#checkWeights(weights, vocabulary.length)
    return this.#made(words as T[], isWithSpecial ? checked : this.#withMean(checked))
  }

  #checkWeights(weights: unknown, count: number): Float64Array {
    const argument = `${this.#argument}: idfWeights`
    const isList = Array.isArray(weights) || weights instanceof Float64Array || weights instanceof Float32Array
    if (!isList || weights.length !== count) {
      return refuse(argument, `${count} weights, one for each word of the vocabulary`, weights)
    }
    return Float64Array.from(weights, (weight, i) => checkDouble(weight, `${argument}[${i}]`))
  }

  /** Weights with their mean before them, for unknown words. */
  #withMean(weights: Float64Array): Float64Array {
    const mean = weights.length === 0 ? 0 : weights.reduce((sum, weight) => sum + weight, 0) / weights.length
    const all = new Float64Array(this.#special + weights.length).fill(mean)
    all.set(weights, this.#special)
    return all
  }

  #made(words: readonly T[], weights: Float64Array | undefined): Vocabulary<T> {
    const special = this.#specialTokens
    const indices = new Map<T, number>()
    for (const [i, word] of words.entries()) {
      if (indices.has(word)) refuse(`${this.#argument}: vocabulary[${i}]`, 'words that differ from each other', word)
      indices.set(word, special.length + i)
    }
    return { all: Object.freeze([...special, ...words]), indices, weights }
  }
}

guardArity(IndexLookup.prototype, 'layer')
