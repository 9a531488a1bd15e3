/** The columns of a FeatureSpace as inputs of a graph, and what the graph makes of them. */

import { array, type NdArray } from '../arrays/arrays.js'
import { layers } from '../layers/index.js'
import { input } from '../layers/inputTensor.js'
import type { SymbolicTensor } from '../layers/layer.js'
import type { Column } from '../tables/column.js'
import type { ColumnSet } from './columnSet.js'
import type { CodeSource, Encoder } from './encoder.js'

/** A part of what a graph gets: a feature or a cross, and how many numbers it is. */
export interface FeaturePart {
  readonly name: string
  readonly width: number
}

/** A feature of numbers in `numbers`, or of codes in `codes`. */
type Place =
  | { readonly encoder: Encoder; readonly begin: number; readonly width: number }
  | { readonly source: CodeSource; readonly at: number; readonly offset: number; readonly width: number }

const nameOf = (place: Place) => ('encoder' in place ? place.encoder : place.source).name

/** Inputs `numbers` and `codes`, and the layers that scale and encode them. */
export class FeatureGraph {
  readonly inputs: Readonly<Record<string, SymbolicTensor>>
  readonly encoded: SymbolicTensor | Readonly<Record<string, SymbolicTensor>>
  readonly #places: readonly Place[]
  readonly #numbers: number
  readonly #codes: number
  /** Whether codes of different features differ, as those of one vector. */
  readonly #areJoined: boolean

  constructor(set: ColumnSet, isConcat: boolean) {
    let [numbers, codes, offset] = [0, 0, 0]
    this.#areJoined = isConcat
    this.#places = [...set.encoders, ...set.crosses].map((source): Place => {
      if (source.codes === 0) {
        const encoder = source as Encoder
        const begin = numbers
        numbers += encoder.scalings.length
        return { encoder, begin, width: encoder.scalings.length }
      }
      const place = { source, at: codes++, offset: isConcat ? offset : 0, width: source.codes }
      offset += source.codes
      return place
    })
    this.#numbers = numbers
    this.#codes = codes
    const inputs: Record<string, SymbolicTensor> = {}
    if (numbers > 0) inputs.numbers = input({ shape: [numbers], name: 'numbers' })
    if (codes > 0) inputs.codes = input({ shape: [codes], name: 'codes', dtype: 'int32' })
    this.inputs = Object.freeze(inputs)
    const scaled = inputs.numbers && this.#scaled(inputs.numbers, set)
    this.encoded = isConcat ? this.#joined(scaled, inputs.codes, offset) : this.#apart(scaled, inputs.codes)
  }

  get parts(): readonly FeaturePart[] {
    return this.#places.map((place) => ({ name: nameOf(place), width: place.width }))
  }

  #scaled(numbers: SymbolicTensor, set: ColumnSet): SymbolicTensor {
    const scalings = set.encoders.flatMap((each) => (each.codes === 0 ? each.scalings : []))
    const [mean, variance] = [scalings.map((each) => each.mean), scalings.map((each) => each.variance)]
    const isAsIs = mean.every((each) => each === 0) && variance.every((each) => each === 1)
    return isAsIs ? numbers : layers.normalization({ mean, variance }).apply(numbers)
  }

  /** All features side by side, in their order. */
  #joined(numbers: SymbolicTensor | undefined, codes: SymbolicTensor | undefined, size: number): SymbolicTensor {
    const encoded = codes && layers.categoryEncoding({ numTokens: size }).apply(codes)
    if (numbers === undefined || encoded === undefined) return (numbers ?? encoded) as SymbolicTensor
    const indices = this.#places.flatMap((place) => {
      const begin = 'encoder' in place ? place.begin : this.#numbers + place.offset
      return Array.from({ length: place.width }, (_, i) => begin + i)
    })
    const joined = layers.concatenate().apply([numbers, encoded])
    return indices.every((index, i) => index === i) ? joined : layers.take({ indices }).apply(joined)
  }

  /** A tensor for each feature. */
  #apart(numbers: SymbolicTensor | undefined, codes: SymbolicTensor | undefined): Record<string, SymbolicTensor> {
    const entries = this.#places.map((place): [string, SymbolicTensor] => {
      if ('encoder' in place) {
        const slice = layers.slice({ begin: place.begin, size: place.width })
        return [place.encoder.name, slice.apply(numbers as SymbolicTensor)]
      }
      const { source, at } = place
      const code = layers.slice({ begin: at, size: 1 }).apply(codes as SymbolicTensor)
      const isCode = source.outputMode === 'int'
      const oneHot = layers.categoryEncoding({ numTokens: source.codes, outputMode: 'oneHot' })
      return [source.name, isCode ? code : oneHot.apply(code)]
    })
    return Object.fromEntries(entries)
  }

  /** Rows as the inputs take them. */
  encode(columns: ReadonlyMap<string, Column>, rows: number): Record<string, NdArray> {
    const [numbers, codes] = [new Float32Array(rows * this.#numbers), new Int32Array(rows * this.#codes)]
    for (const place of this.#places) {
      if ('encoder' in place) {
        const { encoder, begin } = place
        encoder.writeNumbers(columns.get(encoder.name) as Column, begin, {
          data: numbers,
          stride: this.#numbers,
          fills: false,
        })
        continue
      }
      const own = place.source.codesFrom(columns, false)
      const offset = this.#areJoined ? place.offset : 0
      for (let row = 0; row < rows; row++) codes[row * this.#codes + place.at] = (own[row] as number) + offset
    }
    return {
      ...(this.#numbers > 0 ? { numbers: array(numbers, [rows, this.#numbers]) } : {}),
      ...(this.#codes > 0 ? { codes: array(codes, [rows, this.#codes]) } : {}),
    }
  }
}
