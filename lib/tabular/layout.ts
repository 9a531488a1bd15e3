/** How the columns of a table lie in the inputs of its network. */

import { array, type NdArray } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import type { Functional } from '../models/functional.js'
import type { Column, NumberColumn } from '../tables/column.js'
import type { CodeSource, Encoder, Scaling } from './encoder.js'
import type { FeatureSpace } from './featureSpace.js'
import { setOf } from './featureSpace.js'
import { TextEncoder } from './textEncoder.js'

/** A feature of numbers: where its numbers begin, and the column that says whether its cell was a gap. */
interface NumberPlace {
  readonly encoder: Encoder
  readonly begin: number
  readonly flag: number | undefined
}

/** A feature of codes: the code that stands for its first one. Its last code is that of a gap. */
interface CodePlace {
  readonly source: CodeSource
  readonly offset: number
  readonly gap: number
}

/** Codes of several features in one input, with codes of their own for each. */
export interface CodeBlock {
  readonly places: readonly CodePlace[]
  /** How many codes there are in all. */
  readonly size: number
  /** The codes that no row had which the features learned from. */
  readonly unseen: readonly number[]
}

/** The words of several texts in one input: places of words, and 0 where a text has no more. */
export interface TextBlock {
  readonly places: readonly { readonly encoder: TextEncoder; readonly begin: number; readonly offset: number }[]
  /** How many words of a row there are at most. */
  readonly length: number
  /** How many different codes there are in all. */
  readonly size: number
  /** The codes that no row had which the features learned from. */
  readonly unseen: readonly number[]
}

/** What the network takes, by the name of the input. */
export type NetworkInputs = Readonly<Record<string, NdArray>>

/** What is done with gaps in numbers. */
export interface GapRules {
  /** Whether a gap becomes the median. */
  readonly fillGaps: boolean
  /** Whether a number says that there was a gap, for columns that had one in training. */
  readonly markGaps: boolean
}

/** Features with more codes than this are learned as vectors of an embedding; the others are one-hot. */
const mostOneHot = 64

/** The places of features in the inputs `numbers`, `categories` (one-hot), `words` (vectors) and `texts` (counts of words). */
export class Layout {
  readonly scalings: readonly Scaling[]
  readonly categories: CodeBlock
  readonly words: CodeBlock
  readonly texts: TextBlock
  readonly #numbers: readonly NumberPlace[]
  readonly #fills: boolean

  constructor(features: FeatureSpace, { fillGaps, markGaps }: GapRules) {
    const { encoders, coded } = setOf(features)
    const scalings: Scaling[] = []
    this.#fills = fillGaps
    this.#numbers = encoders
      .filter((encoder) => encoder.codes === 0 && !(encoder instanceof TextEncoder))
      .map((encoder) => {
        const begin = scalings.length
        // A column of one value says nothing: it becomes 0.
        scalings.push(
          ...encoder.scalings.map(({ mean, variance }) => ({ mean, variance: variance === 0 ? 1 : variance })),
        )
        if (!markGaps || encoder.missing === 0) return { encoder, begin, flag: undefined }
        return { encoder, begin, flag: scalings.push({ mean: 0, variance: 1 }) - 1 }
      })
    this.scalings = scalings
    this.categories = blockOf(coded.filter(({ codes }) => codes <= mostOneHot))
    this.texts = textBlockOf(encoders.filter((encoder) => encoder instanceof TextEncoder))
    this.words = blockOf(coded.filter(({ codes }) => codes > mostOneHot))
  }

  /** Throws `ERR_SHAPE` for a network that takes other inputs, or gives other outputs. */
  checkInputs(network: Functional, outputs: number): void {
    const widths: [string, number][] = [
      ['numbers', this.scalings.length],
      ['categories', this.categories.places.length],
      ['texts', this.texts.length],
      ['words', this.words.places.length],
    ]
    const expected = widths.filter(([, width]) => width > 0)
    const own = network.inputs.map(({ shape }, i) => `${network.inputNames[i]} [${shape.join(', ')}]`)
    const text = [...expected.map(([name, width]) => `${name} [${width}]`), `→ [${outputs}]`].join(', ')
    const got = [...own, `→ [${network.outputShape.join(', ')}]`].join(', ')
    if (text !== got) throw new NeurodeError('ERR_SHAPE', `the network of the columns: expected ${text}, got ${got}`)
  }

  /** Rows as the network takes them. */
  encode(columns: ReadonlyMap<string, Column>, rows: number): NetworkInputs {
    const inputs: Record<string, NdArray> = {}
    const stride = this.scalings.length
    if (stride > 0) {
      const data = new Float32Array(rows * stride)
      for (const { encoder, begin, flag } of this.#numbers) {
        const column = columns.get(encoder.name) as NumberColumn
        encoder.writeNumbers(column, begin, { data, stride, fills: this.#fills })
        if (flag === undefined || column.missing === 0) continue
        for (let row = 0; row < rows; row++) if (Number.isNaN(column.values[row])) data[row * stride + flag] = 1
      }
      inputs.numbers = array(data, [rows, stride])
    }
    if (this.categories.places.length > 0) inputs.categories = encodeBlock(this.categories, columns, rows)
    if (this.words.places.length > 0) inputs.words = encodeBlock(this.words, columns, rows)
    if (this.texts.length > 0) inputs.texts = encodeTexts(this.texts, columns, rows)
    return inputs
  }
}

function textBlockOf(encoders: readonly TextEncoder[]): TextBlock {
  let [length, size] = [0, 1]
  const unseen: number[] = []
  const places = encoders.map((encoder) => {
    const place = { encoder, begin: length, offset: size }
    unseen.push(...encoder.unseen.map((code) => size + code))
    length += encoder.length
    size += encoder.size
    return place
  })
  return { places, length, size, unseen }
}

function encodeTexts({ places, length }: TextBlock, columns: ReadonlyMap<string, Column>, rows: number): NdArray {
  const data = new Float32Array(rows * length)
  for (const { encoder, begin, offset } of places) {
    let at = begin
    for (const words of encoder.placesOf(columns.get(encoder.name) as Column)) {
      for (let i = 0; i < words.length && i < encoder.length; i++) data[at + i] = (words[i] as number) + offset
      at += length
    }
  }
  return array(data, [rows, length])
}

function blockOf(sources: readonly CodeSource[]): CodeBlock {
  let size = 0
  const unseen: number[] = []
  const places = sources.map((source) => {
    const offset = size
    size += source.codes + 1
    unseen.push(...source.unseen.map((code) => offset + code))
    if (source.missing === 0) unseen.push(size - 1)
    return { source, offset, gap: size - 1 }
  })
  return { places, size, unseen }
}

function encodeBlock({ places }: CodeBlock, columns: ReadonlyMap<string, Column>, rows: number): NdArray {
  const stride = places.length
  const data = new Float32Array(rows * stride)
  places.forEach(({ source, offset, gap }, place) => {
    const codes = source.codesFrom(columns, true)
    for (let row = 0, to = place; row < rows; row++, to += stride) {
      const code = codes[row] as number
      data[to] = code < 0 ? gap : code + offset
    }
  })
  return array(data, [rows, stride])
}
