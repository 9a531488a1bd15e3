/** CategoryEncoding: turns integers into vectors of zeros and ones, or of counts. */

import { formatShape, type NdArray } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import type { Spelled } from '../base/names.js'
import { guardArity } from '../checks/arity.js'
import { checkBoolean, checkInteger, checkOptions, lookUp, nameTable, refuse } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { encode } from '../preprocessing/encoding.js'
import { type NumberInput, placeOf, readNumbers } from '../preprocessing/given.js'
import type { SparseArray } from '../preprocessing/sparseArray.js'
import { Layer, type LayerOptions, layerOptionNames, type PlanContext, type Shape } from './layer.js'

type OutputMode = 'multiHot' | 'oneHot' | 'count'

const outputModes = nameTable<OutputMode>(['multiHot', 'oneHot', 'count'], () => [])

/** Options of {@link CategoryEncoding}. */
export interface CategoryEncodingOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Number of categories, at most 2²⁴; inputs are integers from 0 to `numTokens - 1`. */
  readonly numTokens: number
  /**
   * `multiHot` (default): the integers along the last dimension become one vector with 1 for each category that occurs. `count`: the
   * vector counts how often each category occurs. `oneHot`: every integer becomes a vector; a last dimension of 1 is dropped.
   */
  readonly outputMode?: Spelled<OutputMode> | undefined
  /** Whether {@link CategoryEncoding.call} gives a {@link SparseArray}; default false. A model computes on dense rows alone. */
  readonly sparse?: boolean | undefined
}

/** Options of {@link CategoryEncoding.call}. */
export interface CategoryCallOptions {
  /** With `count`, what each integer counts instead of 1: an array like `x`. */
  readonly countWeights?: NumberInput | undefined
}

/**
 * Turns integers into vectors of `numTokens` values: rows of shape [..., n] become [..., numTokens], or with `oneHot`
 * [..., n, numTokens]. The layer reads the model's input, so no layer that computes may come before it. Inputs other than integers from
 * 0 to `numTokens - 1` are refused with `ERR_LABEL_RANGE` before the call changes anything; in a stream or file, before the step of
 * their batch. {@link CategoryEncoding.call} encodes at once, without a model.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const model = sequential([layers.categoryEncoding({ numTokens: 4, outputMode: 'count', inputShape: [3] })])
 * console.log((await model.predict([[1, 3, 1]])).data) // 0, 2, 0, 1
 * ```
 */
export class CategoryEncoding<const In extends Shape = Shape, Out = NdArray | SparseArray> extends Layer<In, Shape> {
  readonly kind = 'CategoryEncoding'
  /** Number of categories. */
  readonly numTokens: number
  /** How integers are encoded. */
  readonly outputMode: OutputMode
  /** Whether `call` gives a {@link SparseArray}. */
  readonly sparse: boolean

  constructor(options: CategoryEncodingOptions<In>) {
    const argument = 'layers.categoryEncoding'
    const checked = checkOptions(options, [...layerOptionNames, 'numTokens', 'outputMode', 'sparse'], argument)
    super(checked, argument)
    const most = 2 ** 24
    this.numTokens = checkInteger(checked.numTokens, `${argument}: numTokens`)
    if (this.numTokens > most) refuse(`${argument}: numTokens`, `at most ${most}`, this.numTokens)
    this.outputMode = lookUp(outputModes, checked.outputMode ?? 'multiHot', `${argument}: outputMode`)
    this.sparse = checkBoolean(checked.sparse ?? false, `${argument}: sparse`)
  }

  /**
   * Encodes integers at once, without a model, as float32. Throws `ERR_LABEL_RANGE` for integers outside of 0 to `numTokens - 1`,
   * `ERR_ARGUMENT` for `countWeights` unless `outputMode` is `count`, `ERR_SHAPE` if they are not as many as the integers.
   *
   * @example
   * ```ts
   * import { layers } from 'neurode'
   *
   * const layer = layers.categoryEncoding({ numTokens: 4, outputMode: 'count' })
   * console.log(layer.call([[1, 3, 1]], { countWeights: [[0.5, 1, 2]] }).data) // 0, 2.5, 0, 1
   * ```
   */
  call(x: NumberInput, options?: CategoryCallOptions): Out {
    const { countWeights } = checkOptions(options, ['countWeights'], 'call')
    const { values, shape } = readNumbers(x, 'x')
    const { numTokens, outputMode, sparse } = this
    const bad = values.findIndex((value) => !Number.isInteger(value) || value < 0 || value >= numTokens)
    if (bad >= 0) {
      const expected = `expected an integer from 0 to ${numTokens - 1}`
      throw new NeurodeError('ERR_LABEL_RANGE', `${placeOf('x', shape, bad)}: ${expected}, got ${values[bad]}`)
    }
    if (countWeights === undefined) return encode({ values, shape }, { outputMode, sparse, depth: numTokens }) as Out
    if (outputMode !== 'count') refuse('countWeights', "none unless outputMode is 'count'", countWeights)
    const weights = readNumbers(countWeights, 'countWeights')
    if (weights.shape.join() !== shape.join()) {
      const text = `countWeights: expected shape ${formatShape(shape)} as of x, got ${formatShape(weights.shape)}`
      throw new NeurodeError('ERR_SHAPE', text)
    }
    const encoding = { outputMode, sparse, depth: numTokens, countWeights: weights.values }
    return encode({ values, shape }, encoding) as Out
  }

  protected override outputFor(input: Shape): Shape {
    if (this.sparse) {
      const text = `layer '${this.name}': sparse results are for call(x), since a model computes on dense rows`
      throw new NeurodeError('ERR_ARGUMENT', `${text}; leave sparse out`)
    }
    if (this.outputMode === 'oneHot' && input.at(-1) !== 1) return [...input, this.numTokens]
    if (input.length > 0) return [...input.slice(0, -1), this.numTokens]
    throw new NeurodeError(
      'ERR_SHAPE',
      `layer '${this.name}': expected rows of integers for '${this.outputMode}', got shape ${formatShape(input)}`,
    )
  }

  /** @internal */
  override get integersBelow() {
    return this.numTokens
  }

  override config(): Readonly<Record<string, unknown>> {
    const { numTokens, outputMode, sparse } = this
    return { numTokens, outputMode, ...(sparse ? { sparse } : {}) }
  }

  override plan(input: Shape, { name }: PlanContext): PlanLayer {
    const rows = this.outputMode === 'oneHot' ? 1 : (input.at(-1) as number)
    return { kind: 'encoding', name, rows, columns: this.numTokens, counts: this.outputMode === 'count' }
  }
}

guardArity(CategoryEncoding.prototype, 'layer')
