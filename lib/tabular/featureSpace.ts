/** FeatureSpace: the columns of a table as inputs of a graph. */

import type { NdArray } from '../arrays/arrays.js'
import { guardArity, refuseMore } from '../checks/arity.js'
import { checkInteger, checkOptions, checkRecord, lookUp, nameTable, refuse } from '../checks/validate.js'
import type { SymbolicTensor } from '../layers/layer.js'
import type { TableRecord } from '../tables/column.js'
import type { Table } from '../tables/table.js'
import { ColumnSet } from './columnSet.js'
import { type Feature, type FeatureCross, type FeatureKind, toCross, toFeature } from './feature.js'
import { FeatureGraph, type FeaturePart } from './featureGraph.js'
import { type LearnedFeature, learnedOf } from './learned.js'
import { type ColumnRecord, partsOf, readRows } from './rows.js'

/** Options of {@link featureSpace}. */
export interface FeatureSpaceOptions {
  /** What becomes of each column: the name of a kind, or what {@link feature} returns, by the column's name. */
  readonly features: Readonly<Record<string, FeatureKind | Feature>>
  /** Features to combine: lists of names, or what {@link feature}.cross returns. */
  readonly crosses?: readonly (readonly string[] | FeatureCross)[] | undefined
  /** `concat` (default): one tensor of all features side by side; `dict`: a tensor for each. */
  readonly outputMode?: 'concat' | 'dict' | undefined
  /** How many bins a cross has that says nothing else; default 32. */
  readonly crossingDim?: number | undefined
  /** How many bins a hashed feature has that says nothing else; default 32. */
  readonly hashingDim?: number | undefined
  /** How many bins a discretized feature has that says nothing else; default 32. */
  readonly numDiscretizationBins?: number | undefined
}

/** Rows that a {@link FeatureSpace} reads: a table, a record, a list of records, or columns by name. */
export type FeatureRows = Table | TableRecord | readonly TableRecord[] | ColumnRecord

/** Rows that it learns from: such rows, or a stream of them. */
export type FeatureData =
  | FeatureRows
  | Iterable<FeatureRows>
  | AsyncIterable<FeatureRows>
  | (() => Iterable<FeatureRows> | AsyncIterable<FeatureRows>)

const optionNames = ['features', 'crosses', 'outputMode', 'crossingDim', 'hashingDim', 'numDiscretizationBins']
const outputModes = nameTable(['concat', 'dict'] as const, () => [])

/** The columns of a table and what becomes of them, as Keras' `FeatureSpace`. Made by {@link featureSpace}. */
export class FeatureSpace {
  /** The features by the names of their columns. */
  readonly features: Readonly<Record<string, Feature>>
  /** The combined features. */
  readonly crosses: readonly FeatureCross[]
  /** Whether a graph gets one tensor or one for each feature. */
  readonly outputMode: 'concat' | 'dict'

  constructor(options: FeatureSpaceOptions) {
    const argument = 'featureSpace'
    const checked = checkOptions(options, optionNames, argument)
    const given = checkRecord(checked.features, `${argument}: features`, 'features by the names of their columns')
    const sizes = {
      hashingDim: checkInteger(checked.hashingDim ?? 32, `${argument}: hashingDim`),
      crossingDim: checkInteger(checked.crossingDim ?? 32, `${argument}: crossingDim`),
      bins: checkInteger(checked.numDiscretizationBins ?? 32, `${argument}: numDiscretizationBins`),
    }
    const entries = Object.entries(given).map(([name, value]): [string, Feature] => {
      return [name, toFeature(value, `${argument}: features.${name}`)]
    })
    if (entries.length === 0) refuse(`${argument}: features`, 'at least one', given)
    this.features = Object.freeze(Object.fromEntries(entries))
    this.outputMode = lookUp(outputModes, checked.outputMode ?? 'concat', `${argument}: outputMode`)
    const crosses = checked.crosses ?? []
    if (!Array.isArray(crosses)) refuse(`${argument}: crosses`, 'a list', crosses)
    this.crosses = Object.freeze(crosses.map((each, i) => toCross(each, `${argument}: crosses[${i}]`)))
    const set = new ColumnSet(new Map(entries), this.crosses, sizes)
    const whole = this.outputMode === 'concat' && set.coded.find(({ outputMode }) => outputMode === 'int')
    if (whole) refuse(`${argument}: outputMode`, `'dict', as feature '${whole.name}' gives integers`, 'concat')
    sets.set(this, set)
    Object.freeze(this)
  }

  get #set(): ColumnSet {
    return setOf(this)
  }

  /** Whether {@link FeatureSpace.adapt} has learned all that the features need. */
  get isAdapted(): boolean {
    return this.#set.adapted
  }

  /**
   * Learns words, means and boundaries from rows, in one pass. What was learned before is forgotten, except by models that were trained
   * with it. A gap in a number is left out. A failure leaves the space as it was.
   *
   * @throws NeurodeError `ERR_UNKNOWN_NAME` for a column that is missing, `ERR_DTYPE` with column and row for a cell of another type.
   */
  async adapt(data: FeatureData): Promise<this> {
    const set = this.#set.begun()
    for await (const rows of partsOf(data, 'adapt')) set.learn(rows, 'adapt')
    set.end()
    adoptSet(this, set)
    return this
  }

  /**
   * Rows as the inputs of a graph take them: `numbers` and `codes`, as far as there are such features. Texts are looked up, and gaps in
   * numbers stay NaN.
   *
   * @throws NeurodeError `ERR_NOT_BUILT` before {@link FeatureSpace.adapt}; `ERR_UNKNOWN_NAME` for a column that is missing, or that was
   * not there when the features learned; `ERR_DTYPE` with column and row for a cell of another type.
   */
  encode(rows: FeatureRows): Readonly<Record<string, NdArray>> {
    const given = readRows(rows, 'encode')
    return this.#graph().encode(this.#set.read(given, 'encode'), given.rows)
  }

  /** The inputs of a graph by name: what {@link FeatureSpace.encode} gives fits them. */
  get inputs(): Readonly<Record<string, SymbolicTensor>> {
    return this.#graph().inputs
  }

  /**
   * What layers make of {@link FeatureSpace.inputs}: numbers scaled, codes as vectors. With `concat` one tensor, whose parts are those of
   * {@link FeatureSpace.parts}; with `dict` a tensor for each feature.
   */
  get encoded(): SymbolicTensor | Readonly<Record<string, SymbolicTensor>> {
    return this.#graph().encoded
  }

  /** The features in the order of their names, then the crosses, and how many numbers each is when it is encoded. */
  get parts(): readonly FeaturePart[] {
    return this.#graph().parts
  }

  /** What a feature has learned. */
  learned(name: string): LearnedFeature {
    return learnedOf(this.#set.encoder(name))
  }

  #graph(): FeatureGraph {
    this.#set.checkAdapted()
    const graph = graphs.get(this.#set) ?? new FeatureGraph(this.#set, this.outputMode === 'concat')
    graphs.set(this.#set, graph)
    return graph
  }
}

const graphs = new WeakMap<ColumnSet, FeatureGraph>()

const sets = new WeakMap<object, ColumnSet>()

/** The columns behind a {@link FeatureSpace}. Throws `ERR_ARGUMENT` for anything else. */
export function setOf(features: unknown): ColumnSet {
  const set = typeof features === 'object' && features !== null ? sets.get(features) : undefined
  return set ?? refuse('features', 'what featureSpace returns', features)
}

/** Gives a space what was learned. */
export function adoptSet(features: FeatureSpace, set: ColumnSet): void {
  sets.set(features, set)
}

/** A space with what this one has learned, and that forgets it not when this one learns anew. */
export function keptOf(given: FeatureSpace): FeatureSpace {
  const { features, crosses, outputMode } = given
  const set = setOf(given)
  const { hashingDim, crossingDim, bins: numDiscretizationBins } = set.sizes
  const kept = new FeatureSpace({ features, crosses, outputMode, hashingDim, crossingDim, numDiscretizationBins })
  adoptSet(kept, set)
  return kept
}

guardArity(FeatureSpace.prototype, 'features')

/**
 * Makes a {@link FeatureSpace}: what becomes of the columns of a table. It learns from rows, and is then part of a {@link tabular}
 * model, or gives the inputs of a graph of one's own.
 *
 * @throws NeurodeError `ERR_UNKNOWN_NAME` for a kind of feature that there is not, or a cross of columns that there are not.
 *
 * @example
 * ```ts
 * import { feature, featureSpace } from 'neurode'
 *
 * const features = featureSpace({ features: { year: 'number', make: feature.category({ minCount: 1 }) } })
 * await features.adapt([{ year: 2019, make: 'Fiat' }, { year: 2021, make: 'Volvo' }])
 * console.log(features.isAdapted) // true
 * ```
 */
export function featureSpace(options: FeatureSpaceOptions, ...more: unknown[]): FeatureSpace {
  refuseMore(more, 1, 'featureSpace')
  return new FeatureSpace(options)
}
