/** TextVectorization: turns texts into indices of their words, or into vectors of counts. */

import { setImmediate } from 'node:timers/promises'
import { elementCount, formatShape, type NdArray } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import type { Spelled } from '../base/names.js'
import { guardArity } from '../checks/arity.js'
import { checkBoolean, checkInteger, checkOptions, lookUp, nameTable, refuse } from '../checks/validate.js'
import { type AdaptInput, forEachBatch } from './batches.js'
import { checkSize, type EncodingMode, type EncodingOptions, encodeRows, integers } from './encoding.js'
import { owned, placeOf, readTexts, type TextInput, type Texts } from './given.js'
import type { CategoryOutput } from './hashing.js'
import { PreprocessingLayer, type PreprocessingOptions } from './preprocessingLayer.js'
import type { SparseArray } from './sparseArray.js'
import { lookupFor, type StringLookup } from './stringLookup.js'
import { checkWords, ngramsOf, type Standardize, splitters, standardizers, type TextSplit } from './tokens.js'
import { WordCounts } from './wordCounts.js'

type TextMode = Exclude<EncodingMode, 'oneHot'>

/** Options of {@link TextVectorization}. */
export interface TextVectorizationOptions extends PreprocessingOptions, EncodingOptions<TextMode> {
  /** The most words, with the places for padding and for unknown words; the most frequent ones are kept. Default: all. */
  readonly maxTokens?: number | undefined
  /**
   * What is done to a text before it is split: `lowerAndStripPunctuation` (default), `lower`, `stripPunctuation`, a function, or null for
   * nothing. The letters and the 32 marks are those of ASCII; marks leave no space.
   */
  readonly standardize?: Spelled<Extract<Standardize, string>> | Exclude<Standardize, string> | null | undefined
  /** How texts become words: at `whitespace` of ASCII (default), by `character`, by a function, or not at all: null. */
  readonly split?: TextSplit | null | undefined
  /** How many neighbours are joined, with a space, to words of their own: up to a number, or the numbers of a list. Default: none. */
  readonly ngrams?: number | readonly number[] | null | undefined
  /** For `int`, the length of all rows, which are cut or padded with 0. Default: that of the longest row. */
  readonly outputSequenceLength?: number | undefined
  /** Whether vectors have `maxTokens` values even if there are fewer words; default false. */
  readonly padToMaxTokens?: boolean | undefined
  /** The words, instead of those that `adapt` finds; they are not standardized. */
  readonly vocabulary?: readonly string[] | undefined
  /** For `tfIdf`, a weight for each word of `vocabulary`. Unknown words weigh their mean. */
  readonly idfWeights?: readonly number[] | undefined
  /** For `int`, whether rows are lists of unequal length, without padding; default false. */
  readonly ragged?: boolean | undefined
}

/** What `call` gives: lists with `ragged`, a sparse array with `sparse`, an array otherwise. */
export type TextVectorizationOutput<O> = 'ragged' extends keyof O
  ? true extends O['ragged']
    ? O['ragged'] extends true
      ? readonly (readonly number[])[]
      : readonly (readonly number[])[] | CategoryOutput<O>
    : CategoryOutput<O>
  : CategoryOutput<O>

const argument = 'layers.textVectorization'
const names = [
  ...['name', 'maxTokens', 'standardize', 'split', 'ngrams', 'outputMode', 'outputSequenceLength'],
  ...['padToMaxTokens', 'vocabulary', 'idfWeights', 'sparse', 'ragged'],
]
const modes = nameTable<TextMode>(['int', 'multiHot', 'count', 'tfIdf'], () => [])

/** Number of texts after which the computation yields to other work of the JavaScript thread. */
const textsAtATime = 1 << 14

/** The most neighbours that are joined. */
const mostJoined = 1000

/** Words of texts, made row by row. */
interface Rows {
  readonly count: number
  readonly row: (index: number) => readonly string[]
  /** The shape of the rows. */
  readonly shape: readonly number[]
}

/**
 * Turns texts into the indices of their words, in rows of one length, or into vectors that count words, as Keras' TextVectorization
 * does. Index 0 pads, index 1 is an unknown word; vectors begin with unknown words. The vocabulary is an option, or learned by
 * {@link TextVectorization.adapt}.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const vectorization = layers.textVectorization({ outputMode: 'count' })
 * await vectorization.adapt(['The fox jumps', 'the dog'])
 * console.log(vectorization.getVocabulary()) // [UNK], the, jumps, fox, dog
 * console.log(vectorization.call(['The dog, the cat!']).data) // 1, 2, 0, 0, 1
 * ```
 */
export class TextVectorization<
  Out = NdArray | SparseArray | readonly (readonly number[])[],
> extends PreprocessingLayer {
  readonly kind = 'TextVectorization'
  /** What is done to a text before it is split. */
  readonly standardize: Standardize | null
  /** How texts become words. */
  readonly split: TextSplit | null
  /** How many neighbours are joined; undefined: none. */
  readonly ngrams: readonly number[] | undefined
  /** The length of all rows; undefined: that of the longest. */
  readonly outputSequenceLength: number | undefined
  /** Whether rows are lists of unequal length. */
  readonly ragged: boolean
  readonly #lookup: StringLookup
  readonly #standardized: (text: string) => string
  readonly #wordsOf: ((text: string) => readonly string[]) | undefined

  constructor(options?: TextVectorizationOptions) {
    const checked = checkOptions(options, names, argument)
    super(checked, argument)
    const outputMode = lookUp(modes, checked.outputMode ?? 'int', `${argument}: outputMode`)
    // For these options null is a value and does not mean "not given".
    this.standardize = options?.standardize === null ? null : checkStandardize(checked.standardize)
    this.split = options?.split === null ? null : checkSplit(checked.split)
    this.ngrams = checkNgrams(checked.ngrams)
    this.ragged = checkBoolean(checked.ragged ?? false, `${argument}: ragged`)
    const { outputSequenceLength: length } = checked
    this.outputSequenceLength =
      length === undefined ? undefined : checkInteger(length, `${argument}: outputSequenceLength`)
    for (const [key, isGiven] of [
      ['ragged', this.ragged],
      ['outputSequenceLength', length !== undefined],
    ] as const) {
      if (isGiven && outputMode !== 'int')
        refuse(`${argument}: ${key}`, "none unless outputMode is 'int'", checked[key])
    }
    const { maxTokens, padToMaxTokens, vocabulary, idfWeights, sparse } = checked
    const words = { maxTokens, padToMaxTokens, vocabulary, idfWeights, sparse, outputMode }
    this.#lookup = lookupFor(argument, { ...words, maskToken: '', name: this.name })
    const { standardize, split } = this
    this.#standardized = ofStandardize(standardize)
    this.#wordsOf = split === null ? undefined : ofSplit(split)
  }

  /** Number of words, with the places for padding and for unknown words. Throws `ERR_NOT_BUILT` before `adapt`. */
  get vocabularySize(): number {
    return this.#lookup.vocabularySize
  }

  /** The words in the order of their indices. Throws `ERR_NOT_BUILT` before `adapt`. */
  getVocabulary(options?: { readonly includeSpecialTokens?: boolean | undefined }): readonly (string | null)[] {
    return this.#lookup.getVocabulary(options)
  }

  /** For `tfIdf`, the weight of each index; undefined otherwise. */
  get idfWeights(): Float64Array | undefined {
    return this.#lookup.idfWeights
  }

  /** How words are given. */
  get outputMode(): TextMode {
    return this.#lookup.outputMode as TextMode
  }

  /** Whether vectors are given as a {@link SparseArray}. */
  get sparse(): boolean {
    return this.#lookup.sparse
  }

  /** The most words. */
  get maxTokens(): number | undefined {
    return this.#lookup.maxTokens
  }

  /** Whether vectors have `maxTokens` values. */
  get padToMaxTokens(): boolean {
    return this.#lookup.padToMaxTokens
  }

  /** Whether the layer has a vocabulary, from its options or from `adapt`. */
  get isAdapted(): boolean {
    return this.#lookup.isAdapted
  }

  /**
   * Learns the vocabulary in one pass, and forgets that of earlier calls: words by how often they occur, the most frequent first; of
   * equally frequent ones the last in the order of UTF-8 bytes comes first. For `tfIdf`, a text is a document. A gap of a column is an
   * empty text.
   *
   * Rejects with `ERR_ARGUMENT` if a vocabulary was given, or for data of another type, with `ERR_SHAPE` for no data. A failure leaves
   * the layer as it was.
   */
  async adapt(data: AdaptInput<TextInput>): Promise<void> {
    this.#lookup.checkAdaptable()
    const counts = new WordCounts<string>()
    await forEachBatch(
      data,
      (value) => owned(readTexts(value, 'data')),
      async (texts, isWhole) => {
        if (this.#wordsOf === undefined && this.ngrams === undefined) {
          const { shape } = texts
          return counts.add({ words: this.#standardTexts(texts, 'data'), shape }, isWhole)
        }
        const of = this.#rowsOf(texts, 'data')
        for (let row = 0; row < of.count; row++) {
          counts.begin()
          for (const word of of.row(row)) counts.count(word)
          if (row % textsAtATime === textsAtATime - 1) await setImmediate()
        }
      },
    )
    this.#lookup.adopt(counts)
  }

  /**
   * The words of each text as indices, `[n, longest]` or `[n, outputSequenceLength]`, or a vector of `vocabularySize` numbers for each
   * text, as `outputMode` says. A list with one text in each row is a list of texts; where texts are not split, the last dimension holds
   * the words of a row. A gap of a column is an empty text.
   *
   * Throws `ERR_NOT_BUILT` before `adapt`, `ERR_ARGUMENT` or `ERR_SHAPE` for what it cannot read.
   */
  call(x: TextInput): Out {
    const find = this.#lookup.finder()
    const { count, row, shape } = this.#rowsOf(readTexts(x, 'x'), 'x')
    const rows = Array.from({ length: count }, (_, i) => row(i).map(find))
    if (this.outputMode !== 'int') return this.#vectors(rows, shape) as Out
    const cut = this.outputSequenceLength
    if (this.ragged) return Object.freeze(rows.map((each) => Object.freeze(each.slice(0, cut)))) as Out
    const width = cut ?? rows.reduce((longest, each) => Math.max(longest, each.length), 0)
    const values = new Int32Array(checkSize([...shape, width], 'outputSequenceLength, or ragged: true'))
    for (const [i, each] of rows.entries()) values.set(each.length > width ? each.slice(0, width) : each, i * width)
    return integers({ values, shape: [...shape, width] }) as Out
  }

  override config(): Readonly<Record<string, unknown>> {
    const { standardize, split, ngrams, outputSequenceLength, ragged } = this
    for (const [key, value] of Object.entries({ standardize, split })) {
      if (typeof value === 'function')
        refuse(`layer '${this.name}': ${key}`, 'a name, as a file holds no function', value)
    }
    const { maxTokens, outputMode, sparse, padToMaxTokens, vocabulary, idfWeights } = this.#lookup.config()
    const words = { maxTokens, outputMode, sparse, padToMaxTokens, vocabulary, idfWeights }
    return { ...words, standardize, split, ngrams, outputSequenceLength, ragged }
  }

  #vectors(rows: readonly (readonly number[])[], shape: readonly number[]): NdArray | SparseArray {
    const offsets = new Float64Array(rows.length + 1)
    for (const [i, row] of rows.entries()) offsets[i + 1] = (offsets[i] as number) + row.length
    const values = new Int32Array(offsets[rows.length] as number)
    for (const [i, row] of rows.entries()) values.set(row, offsets[i])
    const encoding = this.#lookup.encoding
    return encodeRows({ values, offsets, shape: [...shape, encoding.depth] }, encoding)
  }

  #rowsOf(texts: Texts, place: string): Rows {
    const { shape } = texts
    const { ngrams } = this
    const joined = (words: readonly string[]) => (ngrams === undefined ? words : ngramsOf(words, ngrams))
    const wordsOf = this.#wordsOf
    if (wordsOf === undefined) {
      const words = this.#standardTexts(texts, place)
      const width = shape.at(-1) ?? 1
      const row = (i: number) => joined(words.slice(i * width, (i + 1) * width))
      return { count: words.length / width, row, shape: shape.slice(0, -1) }
    }
    if (shape.length > 2 || (shape.length === 2 && shape[1] !== 1)) {
      const text = `${place}: expected texts of shape [n] or [n, 1], which are split, got ${formatShape(shape)}`
      throw new NeurodeError('ERR_SHAPE', `${text}; with split: null, a row is a list of words`)
    }
    const row = (i: number) => joined(wordsOf(this.#standardized(textAt(texts, i, place))))
    return { count: elementCount(shape), row, shape: shape.slice(0, 1) }
  }

  #standardTexts(texts: Texts, place: string): string[] {
    return Array.from({ length: elementCount(texts.shape) }, (_, i) => this.#standardized(textAt(texts, i, place)))
  }
}

guardArity(TextVectorization.prototype, 'layer')

function textAt({ words, codes, shape }: Texts, i: number, place: string): string {
  if (codes !== undefined) return words[codes[i] as number] ?? ''
  return words[i] ?? refuse(placeOf(place, shape, i), 'a text', null)
}

const standardizes = nameTable([...standardizers.keys()], () => [])
const splits = nameTable([...splitters.keys()], () => [])

function checkStandardize(value: TextVectorizationOptions['standardize']): Standardize {
  if (typeof value === 'function') return value
  return lookUp(standardizes, value ?? 'lowerAndStripPunctuation', `${argument}: standardize`) as Standardize
}

function checkSplit(value: TextVectorizationOptions['split']): TextSplit {
  if (typeof value === 'function') return value
  return lookUp(splits, value ?? 'whitespace', `${argument}: split`) as TextSplit
}

function checkNgrams(value: unknown): readonly number[] | undefined {
  if (value === undefined) return undefined
  const place = `${argument}: ngrams`
  if (Array.isArray(value) && value.length > 0) {
    return Object.freeze(value.map((length, i) => checkInteger(length, `${place}[${i}]`, 1, mostJoined)))
  }
  if (typeof value !== 'number') return refuse(place, 'a positive integer, or a list of them', value)
  return Object.freeze(Array.from({ length: checkInteger(value, place, 1, mostJoined) }, (_, i) => i + 1))
}

function ofStandardize(standardize: Standardize | null): (text: string) => string {
  if (standardize === null) return (text) => text
  if (typeof standardize === 'string') return standardizers.get(standardize) as (text: string) => string
  return (text) => {
    const standard: unknown = standardize(text)
    if (typeof standard === 'string') return standard
    return refuse(`${argument}: standardize`, 'a function that gives a text', standard)
  }
}

function ofSplit(split: TextSplit): (text: string) => readonly string[] {
  if (typeof split === 'function') return (text) => checkWords(split(text), `${argument}: split`)
  return splitters.get(split) as (text: string) => readonly string[]
}
