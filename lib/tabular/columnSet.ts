/** The columns of a model: its features, what they have learned, and how rows become numbers and codes. */

import { NeurodeError } from '../base/errors.js'
import { describe, refuse, shorten } from '../checks/validate.js'
import { compareBytes } from '../preprocessing/hashes/utf8.js'
import type { Column } from '../tables/column.js'
import { BinEncoder, HashEncoder } from './binEncoders.js'
import { cellError } from './cells.js'
import { IntegerLookup, TextLookup } from './codeEncoders.js'
import { Cross } from './cross.js'
import type { CodeSource, DefaultSizes, Encoder } from './encoder.js'
import type { Feature, FeatureCross, FeatureKind } from './feature.js'
import { DateEncoder, NumberEncoder } from './numberEncoders.js'
import { checkNames, type ReadRows } from './rows.js'
import { TextEncoder } from './textEncoder.js'

const makers: Readonly<Record<FeatureKind, new (name: string, feature: Feature, sizes: DefaultSizes) => Encoder>> = {
  float: NumberEncoder,
  floatRescaled: NumberEncoder,
  floatNormalized: NumberEncoder,
  number: NumberEncoder,
  boolean: NumberEncoder,
  date: DateEncoder,
  stringCategorical: TextLookup,
  category: TextLookup,
  integerCategorical: IntegerLookup,
  stringHashed: HashEncoder,
  integerHashed: HashEncoder,
  hash: HashEncoder,
  floatDiscretized: BinEncoder,
  bins: BinEncoder,
  text: TextEncoder,
}

/**
 * The column of a feature. The words of a file that were read as booleans, dates or fractions are lost: where the feature knows such
 * words, or knows none of them, every cell would be an unknown word in silence. Whole numbers are written in one way.
 */
function columnFor({ name, type, from }: Encoder, rows: ReadRows): Column {
  const given = from === undefined ? undefined : rows.typeOf?.(name)
  const areWords = [given, from].every((each) => each === 'text' || each === 'number')
  const areSame = given === from || (areWords && (given === 'text' || !hasFractions(rows.column(name, 'number'))))
  if (from !== undefined && given !== undefined && !areSame) {
    const remedy = `; the option types: { '${shorten(name)}': '${from}' } of readTable says so`
    throw cellError(name, '', `a column of type ${from}, as in training`, `one of type ${given}${remedy}`)
  }
  return rows.column(name, type)
}

function hasFractions(column: Column): boolean {
  return column.type !== 'text' && column.values.some((value) => value % 1 !== 0 && !Number.isNaN(value))
}

/** Features by name. */
export class ColumnSet {
  readonly encoders: readonly Encoder[]
  readonly crosses: readonly Cross[]
  readonly names: readonly string[]
  /** Columns that were there when it learned, and that it does not read. */
  ignored: ReadonlySet<string> = new Set()

  /** Sizes that features and crosses have which say nothing else. */
  readonly sizes: DefaultSizes
  readonly #renewed: () => ColumnSet

  constructor(features: ReadonlyMap<string, Feature>, crosses: readonly FeatureCross[], sizes: DefaultSizes) {
    this.sizes = sizes
    this.#renewed = () => new ColumnSet(features, crosses, sizes)
    this.names = [...features.keys()].sort(compareBytes)
    this.encoders = this.names.map((name) => {
      const feature = features.get(name) as Feature
      const Maker = makers[feature.name]
      return new Maker(name, feature, sizes)
    })
    this.crosses = crosses
      .map((each) => new Cross(each, this.encoders, sizes.crossingDim))
      .sort((a, b) => compareBytes(a.name, b.name))
  }

  /** What has codes: features in their order, and then crosses. */
  get coded(): readonly CodeSource[] {
    return [...this.encoders.filter(({ codes }) => codes > 0), ...this.crosses]
  }

  get adapted(): boolean {
    return this.encoders.every(({ adapted }) => adapted)
  }

  /** The same features, which begin to learn. What this set has learned stays with those that have it. */
  begun(): ColumnSet {
    const set = this.#renewed()
    for (const encoder of set.encoders) encoder.begin()
    return set
  }

  /** Learns from rows; columns that no feature reads are noted. */
  learn(rows: ReadRows, argument: string): void {
    this.ignore(rows)
    checkNames(rows, this.names, this.ignored, argument)
    for (const encoder of this.encoders) {
      const column = columnFor(encoder, rows)
      if (encoder.type === 'text') encoder.from ??= rows.typeOf?.(encoder.name)
      encoder.learn(column)
    }
  }

  /** Notes columns that no feature reads. */
  ignore({ names }: Pick<ReadRows, 'names'>): void {
    const own = new Set(this.names)
    this.ignored = new Set([...this.ignored, ...names.filter((name) => !own.has(name))])
  }

  end(): void {
    for (const encoder of this.encoders) encoder.end()
  }

  checkAdapted(): void {
    if (this.adapted) return
    const name = this.encoders.find(({ adapted }) => !adapted)?.name as string
    throw new NeurodeError('ERR_NOT_BUILT', `feature '${shorten(name)}' has learned nothing yet: call adapt first`)
  }

  /** The columns that features read, by name. */
  read(rows: ReadRows, argument: string, allowed: readonly string[] = []): ReadonlyMap<string, Column> {
    this.checkAdapted()
    checkNames(rows, this.names, new Set([...this.ignored, ...allowed]), argument)
    return new Map(this.encoders.map((encoder) => [encoder.name, columnFor(encoder, rows)]))
  }

  encoder(name: string): Encoder {
    return this.encoders.find((each) => each.name === name) ?? refuse('name', 'the name of a feature', describe(name))
  }
}
