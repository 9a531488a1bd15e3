/** What every feature does with its column: it learns from the column, and makes numbers or codes of it. */

import type { JsonObject } from '../persistence/description.js'
import type { Column, ColumnType, TextColumn } from '../tables/column.js'
import type { Feature } from './feature.js'

/** Numbers of rows, `stride` apart, of which a feature writes some. */
export interface NumberRows {
  readonly data: Float32Array
  readonly stride: number
  /** Whether a gap becomes the middle of what was learned; otherwise it stays NaN. */
  readonly fills: boolean
}

/** How the network scales a number: `(x - mean) / √variance`. */
export interface Scaling {
  readonly mean: number
  readonly variance: number
}

/** What a form needs to know, see {@link TabularColumn}. */
export interface FormFacts {
  readonly words?: readonly string[] | undefined
  readonly min?: number | undefined
  readonly max?: number | undefined
  readonly median?: number | undefined
}

/** The code of a gap, where gaps are told apart. */
export const gapCode = -1

/** Stands for the code of a text that was not asked for yet. */
const unknown = -2

/** The codes of the rows of a column; each different text is asked for once, and a gap that is not told apart is the empty text. */
export function codesOfTexts(
  { codes, words }: TextColumn,
  tellsGaps: boolean,
  codeOf: (text: string) => number,
): Int32Array {
  // The first place is that of gaps.
  const known = new Int32Array(words.length + 1).fill(unknown)
  if (tellsGaps) known[0] = gapCode
  const found = new Int32Array(codes.length)
  for (let row = 0; row < codes.length; row++) {
    const place = (codes[row] as number) + 1
    if (known[place] === unknown) known[place] = codeOf(place === 0 ? '' : (words[place - 1] as string))
    found[row] = known[place] as number
  }
  return found
}

/** How many bins features have that say nothing else. */
export interface DefaultSizes {
  readonly hashingDim: number
  readonly crossingDim: number
  readonly bins: number
}

/** Where the codes of rows come from: a feature or a cross. */
export interface CodeSource {
  readonly name: string
  /** How many different codes there are. */
  readonly codes: number
  /** How many gaps there were in what it learned from. */
  readonly missing: number
  /** The codes that no row had which it learned from. */
  readonly unseen: readonly number[]
  /** Whether a graph gets a vector or the code. */
  readonly outputMode: 'oneHot' | 'int'
  /** The codes of rows; gaps are {@link gapCode} if `tellsGaps`. */
  codesFrom(columns: ReadonlyMap<string, Column>, tellsGaps: boolean): Int32Array
}

/** A feature of one column. */
export abstract class Encoder implements CodeSource {
  /** The name of feature and column. */
  readonly name: string
  readonly feature: Feature
  /** How many gaps there were in what it learned from. */
  missing = 0
  /** The type of the column of a table that it learned words of. */
  from: ColumnType | undefined

  constructor(name: string, feature: Feature) {
    this.name = name
    this.feature = feature
  }

  /** The type of cells that it reads. */
  abstract readonly type: ColumnType
  /** Whether it has learned all that it needs. */
  abstract readonly adapted: boolean
  /** How each of its numbers is scaled; empty for a feature of codes. */
  get scalings(): readonly Scaling[] {
    return []
  }

  /** How many different codes there are; 0 for a feature of numbers. */
  abstract readonly codes: number
  /** What a form needs to know. */
  get facts(): FormFacts {
    return {}
  }

  get outputMode(): 'oneHot' | 'int' {
    return this.feature.options.outputMode === 'int' ? 'int' : 'oneHot'
  }

  /** Forgets what it has learned. */
  begin(): void {
    this.missing = 0
    this.from = undefined
  }

  /** Learns from a part of the column. */
  learn(column: Column): void {
    this.missing += column.missing
  }

  /** Ends the learning. */
  end(): void {}

  /** Writes the numbers of rows, the first at `begin`. */
  writeNumbers(_column: Column, _begin: number, _rows: NumberRows): void {}

  /** The codes of rows; gaps are {@link gapCode} if `tellsGaps`. */
  codesOf(_column: Column, _tellsGaps: boolean): Int32Array {
    return new Int32Array()
  }

  codesFrom(columns: ReadonlyMap<string, Column>, tellsGaps: boolean): Int32Array {
    return this.codesOf(columns.get(this.name) as Column, tellsGaps)
  }

  get unseen(): readonly number[] {
    return []
  }

  /** What it has learned. */
  abstract state(): JsonObject
  /** Takes over what {@link Encoder.state} gave. Throws for anything else. */
  abstract restore(state: JsonObject): void
}
