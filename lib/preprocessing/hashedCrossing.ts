/** HashedCrossing: puts combinations of columns into buckets. */

import { formatShape, type NdArray } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { guardArity } from '../checks/arity.js'
import { checkInteger, checkOptions, refuse } from '../checks/validate.js'
import { checkEncoding, type EncodingOptions, encode } from './encoding.js'
import { checkIntegers, type NumberInput, type Numbers, readEither, type TextInput, type Texts } from './given.js'
import { crossed, fingerprint } from './hashes/farmHash.js'
import { Int64 } from './hashes/int64.js'
import { PreprocessingLayer, type PreprocessingOptions } from './preprocessingLayer.js'
import type { SparseArray } from './sparseArray.js'

type CrossingMode = 'int' | 'oneHot'

/** Options of {@link HashedCrossing}. */
export interface HashedCrossingOptions extends PreprocessingOptions, EncodingOptions<CrossingMode> {
  /** Number of buckets. */
  readonly numBins: number
}

/**
 * Gives combinations of values in several columns buckets from 0 to `numBins - 1` by a hash, as TensorFlow does. Columns are texts or
 * whole numbers; a number is not the text of its digits. It learns nothing.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const crossing = layers.hashedCrossing({ numBins: 5 })
 * console.log(crossing.call([['fiat', 'Fiat'], [1, 102]]).data) // 2, 4
 * ```
 */
export class HashedCrossing<Out = NdArray | SparseArray> extends PreprocessingLayer {
  readonly kind = 'HashedCrossing'
  /** Number of buckets. */
  readonly numBins: number
  /** How buckets are given. */
  readonly outputMode: CrossingMode
  /** Whether vectors are given as a {@link SparseArray}. */
  readonly sparse: boolean

  constructor(options: HashedCrossingOptions) {
    const argument = 'layers.hashedCrossing'
    const checked = checkOptions(options, ['name', 'numBins', 'outputMode', 'sparse'], argument)
    super(checked, argument)
    this.numBins = checkInteger(checked.numBins, `${argument}: numBins`)
    const { outputMode, sparse } = checkEncoding<CrossingMode>(checked, ['int', 'oneHot'], argument)
    this.outputMode = outputMode
    this.sparse = sparse
  }

  /**
   * A bucket for each row of the columns, or vectors of `numBins` numbers where `outputMode` is `oneHot`. There are at least two columns
   * of one shape: a value, `[n]` or `[n, 1]`. Gaps are refused. Throws `ERR_ARGUMENT` or `ERR_SHAPE` for what it cannot read.
   */
  call(columns: readonly (TextInput | NumberInput)[]): Out {
    if (!Array.isArray(columns) || columns.length < 2) refuse('columns', 'a list of at least two columns', columns)
    const given = Array.from(columns, (column, i) => readEither(column, `columns[${i}]`))
    const { shape } = given[0] as Texts | Numbers
    for (const [i, { shape: other }] of given.entries()) {
      const isLike = other.length === shape.length && other.every((size, d) => size === shape[d])
      if (isLike && (shape.length < 2 || (shape.length === 2 && shape[1] === 1))) continue
      const want = isLike ? 'shape [n] or [n, 1]' : `shape ${formatShape(shape)} as of columns[0]`
      throw new NeurodeError('ERR_SHAPE', `columns[${i}]: expected ${want}, got ${formatShape(other)}`)
    }
    const { numBins, outputMode, sparse } = this
    const prints = given.map((column, i) => fingerprintsOf(column, `columns[${i}]`))
    const count = shape[0] ?? 1
    const values = numBins < 2 ** 31 ? new Int32Array(count) : new Float64Array(count)
    for (let i = 0; i < count; i++) values[i] = crossed(prints.map((of) => of(i))).modulo(numBins)
    return encode({ values, shape }, { outputMode, sparse, depth: numBins }) as Out
  }

  override config(): Readonly<Record<string, unknown>> {
    const { numBins, outputMode, sparse } = this
    return { numBins, outputMode, sparse }
  }
}

guardArity(HashedCrossing.prototype, 'layer')

/** The function that gives the fingerprint of each row. Texts are hashed once each. */
function fingerprintsOf(column: Texts | Numbers, argument: string): (row: number) => Int64 {
  if ('values' in column) {
    checkIntegers(column, argument)
    const { values } = column
    return (row) => (Number.isNaN(values[row]) ? refuseGap(argument, row) : Int64.of(values[row] as number))
  }
  const { words, codes } = column
  const known = new Map<string, Int64>()
  return (row) => {
    const text = words[codes === undefined ? row : (codes[row] as number)] ?? refuseGap(argument, row)
    let print = known.get(text)
    if (print === undefined) {
      print = fingerprint(text)
      known.set(text, print)
    }
    return print
  }
}

function refuseGap(argument: string, row: number): never {
  return refuse(`${argument}[${row}]`, 'a text or a whole number', null)
}
