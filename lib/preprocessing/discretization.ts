/** Discretization: puts numbers into bins. */

import type { NdArray } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { guardArity } from '../checks/arity.js'
import { checkInteger, checkNumber, checkOptions, refuse, refuseIdle } from '../checks/validate.js'
import { type AdaptInput, forEachBatch } from './batches.js'
import { type CategoryMode, checkEncoding, type EncodingOptions, encode } from './encoding.js'
import { mapNumbers, type NumberInput, placeOf, readNumbers } from './given.js'
import { PreprocessingLayer, type PreprocessingOptions } from './preprocessingLayer.js'
import { Quantiles } from './quantiles.js'
import type { SparseArray } from './sparseArray.js'

/** Options of {@link Discretization}: `binBoundaries`, or `numBins` and later `adapt`. */
export interface DiscretizationOptions extends PreprocessingOptions, EncodingOptions<CategoryMode> {
  /** Numbers between the bins, in rising order. One bin more than boundaries. */
  readonly binBoundaries?: readonly number[] | undefined
  /** Number of bins, whose boundaries `adapt` finds so that each has about as many values. */
  readonly numBins?: number | undefined
  /** With a larger number, `adapt` keeps less and boundaries are coarser; default 0.01, above 0 and up to 1. */
  readonly epsilon?: number | undefined
}

const modes: readonly CategoryMode[] = ['int', 'oneHot', 'multiHot', 'count']

/**
 * Gives numbers the index of their bin, or vectors of them, as Keras' Discretization does. A value on a boundary belongs to the bin
 * above; values and boundaries are compared as float32. A gap (`NaN` or null) is in the last bin.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const bins = layers.discretization({ binBoundaries: [0, 1, 2] })
 * console.log(bins.call([-1, 0, 1.5, 7]).data) // 0, 1, 2, 3
 * const quarters = layers.discretization({ numBins: 4 })
 * await quarters.adapt([1, 2, 3, 4, 5, 6, 7, 8])
 * ```
 */
export class Discretization<Out = NdArray | SparseArray> extends PreprocessingLayer {
  readonly kind = 'Discretization'
  /** Number of bins that `adapt` makes; undefined where boundaries were given. */
  readonly numBins: number | undefined
  /** How much `adapt` keeps. */
  readonly epsilon: number
  /** How bins are given. */
  readonly outputMode: CategoryMode
  /** Whether vectors are given as a {@link SparseArray}. */
  readonly sparse: boolean
  #boundaries: Float32Array | undefined

  constructor(options: DiscretizationOptions) {
    const argument = 'layers.discretization'
    const names = ['name', 'binBoundaries', 'numBins', 'epsilon', 'outputMode', 'sparse']
    const checked = checkOptions(options, names, argument)
    super(checked, argument)
    const { binBoundaries, numBins, epsilon = 0.01 } = checked
    if (numBins === undefined && binBoundaries === undefined) {
      refuse(`${argument}: numBins`, 'numBins or binBoundaries', undefined)
    }
    if (binBoundaries !== undefined) refuseIdle(checked, ['epsilon'], argument, 'where binBoundaries are given')
    if (numBins !== undefined && binBoundaries !== undefined) {
      refuse(`${argument}: numBins`, 'either numBins or binBoundaries', numBins)
    }
    this.numBins = numBins === undefined ? undefined : checkInteger(numBins, `${argument}: numBins`, 1, 2 ** 24)
    this.epsilon = checkNumber(epsilon, `${argument}: epsilon`, 1e-7, 1)
    const { outputMode, sparse } = checkEncoding(checked, modes, argument)
    this.outputMode = outputMode
    this.sparse = sparse
    if (binBoundaries !== undefined) this.#boundaries = checkBoundaries(binBoundaries, `${argument}: binBoundaries`)
  }

  /** The numbers between the bins, as float32 holds them; undefined before `adapt`. */
  get binBoundaries(): readonly number[] | undefined {
    return this.#boundaries && Object.freeze([...this.#boundaries])
  }

  /** Whether the layer has boundaries, from its options or from `adapt`. */
  get isAdapted(): boolean {
    return this.#boundaries !== undefined
  }

  /**
   * Learns boundaries, so that each bin has about as many values, in one pass, and forgets those of earlier calls. All values are one
   * pool, whatever their shape; gaps are left out. Few different values give fewer or equal boundaries. Rejects with `ERR_ARGUMENT` if
   * boundaries were given, or for data of another type, with `ERR_SHAPE` for no data.
   */
  async adapt(data: AdaptInput<NumberInput>): Promise<void> {
    const { numBins } = this
    if (numBins === undefined) {
      throw new NeurodeError('ERR_ARGUMENT', `layer '${this.name}': it was given boundaries, so it cannot be adapted`)
    }
    const quantiles = new Quantiles(this.epsilon)
    await forEachBatch(
      data,
      (value) => {
        const { values, shape } = readNumbers(value, 'data')
        const bad = values.findIndex((each) => Math.abs(Math.fround(each)) === Infinity)
        if (bad >= 0) refuse(placeOf('data', shape, bad), 'a number that float32 holds', values[bad])
        quantiles.add(values)
        return values.length
      },
      () => {},
    )
    if (quantiles.isEmpty) throw new NeurodeError('ERR_SHAPE', 'data: expected at least one number, got gaps alone')
    this.#boundaries = quantiles.boundaries(numBins)
  }

  /**
   * The bin of each value, or vectors of as many numbers as there are bins, as `outputMode` says. Throws `ERR_NOT_BUILT` before `adapt`,
   * `ERR_ARGUMENT`, `ERR_SHAPE` or `ERR_DTYPE` for what it cannot read.
   */
  call(x: NumberInput): Out {
    const boundaries = this.#boundaries
    if (boundaries === undefined) {
      const remedy = 'await layer.adapt(data), or give the option binBoundaries'
      throw new NeurodeError('ERR_NOT_BUILT', `layer '${this.name}' has no boundaries yet: ${remedy}`)
    }
    const { outputMode, sparse } = this
    const depth = boundaries.length + 1
    const bins = mapNumbers(readNumbers(x, 'x'), depth, (value) => binOf(Math.fround(value), boundaries))
    return encode(bins, { outputMode, sparse, depth }) as Out
  }

  override config(): Readonly<Record<string, unknown>> {
    const { numBins, epsilon, outputMode, sparse, binBoundaries } = this
    return { ...(binBoundaries === undefined ? { numBins, epsilon } : { binBoundaries }), outputMode, sparse }
  }
}

guardArity(Discretization.prototype, 'layer')

/** The number of boundaries that are not above the value. */
function binOf(value: number, boundaries: Float32Array): number {
  let [low, high] = [0, boundaries.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((boundaries[middle] as number) > value) high = middle
    else low = middle + 1
  }
  return low
}

function checkBoundaries(value: unknown, argument: string): Float32Array {
  if (!Array.isArray(value)) return refuse(argument, 'a list of numbers in rising order', value)
  const numbers = Float32Array.from(value, (one, i) => checkNumber(one, `${argument}[${i}]`))
  const falls = numbers.findIndex((one, i) => one < (numbers[i - 1] ?? -Infinity))
  return falls < 0 ? numbers : refuse(`${argument}[${falls}]`, 'numbers in rising order', value[falls])
}
