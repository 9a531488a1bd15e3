/** Hashing: puts texts and whole numbers into buckets, without a vocabulary. */

import type { NdArray } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { guardArity } from '../checks/arity.js'
import { checkInteger, checkOptions, refuse } from '../checks/validate.js'
import { type CategoryMode, checkEncoding, type EncodingOptions, encode } from './encoding.js'
import {
  checkIntegers,
  type Indices,
  mapNumbers,
  mapTexts,
  type NumberInput,
  readEither,
  type TextInput,
} from './given.js'
import { type Buckets, bucketsBy, checkSalt, type Salt } from './hashes/buckets.js'
import { PreprocessingLayer, type PreprocessingOptions } from './preprocessingLayer.js'
import type { SparseArray } from './sparseArray.js'

/** Options of {@link Hashing}. */
export interface HashingOptions extends PreprocessingOptions, EncodingOptions<CategoryMode> {
  /** Number of buckets, with that of the mask. */
  readonly numBins: number
  /** A value that gets bucket 0; all others get the buckets from 1. Default: none. */
  readonly maskValue?: string | number | null | undefined
  /** One or two integers that change the buckets: SipHash-2-4 is the hash then, and FarmHash64 without. */
  readonly salt?: Salt | null | undefined
}

/** What `call` of a layer with options `O` gives: an array, or a sparse one where `sparse` is true. */
export type CategoryOutput<O> = 'sparse' extends keyof O
  ? true extends O['sparse']
    ? O['sparse'] extends true
      ? SparseArray
      : SparseArray | NdArray
    : NdArray
  : NdArray

const modes: readonly CategoryMode[] = ['int', 'oneHot', 'multiHot', 'count']

/**
 * Gives texts and whole numbers, and booleans, buckets from 0 to `numBins - 1` by a hash, as TensorFlow does: numbers are hashed as
 * their digits. It learns nothing.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const hashing = layers.hashing({ numBins: 3 })
 * console.log(hashing.call(['A', 'Volvo', 'fiat']).data) // 1, 2, 2
 * ```
 */
export class Hashing<Out = NdArray | SparseArray> extends PreprocessingLayer {
  readonly kind = 'Hashing'
  /** Number of buckets. */
  readonly numBins: number
  /** The value that gets bucket 0; undefined: none. */
  readonly maskValue: string | number | undefined
  /** What changes the buckets. */
  readonly salt: Salt | undefined
  /** How buckets are given. */
  readonly outputMode: CategoryMode
  /** Whether vectors are given as a {@link SparseArray}. */
  readonly sparse: boolean
  readonly #bucketOf: Buckets

  constructor(options: HashingOptions) {
    const argument = 'layers.hashing'
    const names = ['name', 'numBins', 'maskValue', 'salt', 'outputMode', 'sparse']
    const checked = checkOptions(options, names, argument)
    super(checked, argument)
    this.numBins = checkInteger(checked.numBins, `${argument}: numBins`)
    this.maskValue = checkMask(checked.maskValue, `${argument}: maskValue`)
    this.salt = checkSalt(checked.salt, `${argument}: salt`)
    const { outputMode, sparse } = checkEncoding(checked, modes, argument)
    this.outputMode = outputMode
    this.sparse = sparse
    this.#bucketOf = bucketsBy(this.salt)
  }

  /**
   * A bucket for each value, or vectors of `numBins` numbers, as `outputMode` says. Gaps get bucket 0 where there is a `maskValue`, and are
   * refused otherwise. Throws `ERR_ARGUMENT` or `ERR_SHAPE` for what it cannot read.
   */
  call(x: TextInput | NumberInput): Out {
    const { outputMode, sparse, numBins } = this
    return encode(this.#buckets(x), { outputMode, sparse, depth: numBins }) as Out
  }

  override config(): Readonly<Record<string, unknown>> {
    const { numBins, maskValue, salt, outputMode, sparse } = this
    return { numBins, maskValue, salt, outputMode, sparse }
  }

  #buckets(x: unknown): Indices {
    const given = readEither(x, 'x')
    const { maskValue, numBins } = this
    const first = maskValue !== undefined && numBins > 1 ? 1 : 0
    const bucketOf = remembering((text) => first + this.#bucketOf(text, numBins - first))
    const gap = () => (maskValue === undefined ? this.#refuseGap() : 0)
    if ('words' in given) {
      return mapTexts(given, numBins, (text) => (text === null ? gap() : text === maskValue ? 0 : bucketOf(text)))
    }
    checkIntegers(given, 'x')
    const of = (value: number) => (value === maskValue ? 0 : bucketOf(String(value)))
    return mapNumbers(given, numBins, (value) => (Number.isNaN(value) ? gap() : of(value)))
  }

  #refuseGap(): never {
    const remedy = "maskValue gives gaps bucket 0, or put a text in their place, such as ''"
    throw new NeurodeError('ERR_ARGUMENT', `layer '${this.name}': expected no gaps in x, got one; ${remedy}`)
  }
}

guardArity(Hashing.prototype, 'layer')

const mostRemembered = 1 << 16

/** A function of texts that is asked once for the same text, as long as there are not too many. */
function remembering(of: (text: string) => number): (text: string) => number {
  const known = new Map<string, number>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    const value = of(text)
    if (known.size < mostRemembered) known.set(text, value)
    return value
  }
}

function checkMask(value: unknown, argument: string): string | number | undefined {
  if (value === undefined || typeof value === 'string') return value
  return Number.isSafeInteger(value) ? (value as number) : refuse(argument, 'a text or a whole number', value)
}
