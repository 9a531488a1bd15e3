/** CategoryEncoding: turns integers into vectors of zeros and ones, or of counts. */

import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import type { Spelled } from '../base/names.js'
import { checkInteger, checkOptions, lookUp, nameTable, refuse } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
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
}

/**
 * Turns integers into vectors of `numTokens` values: rows of shape [..., n] become [..., numTokens], or with `oneHot`
 * [..., n, numTokens]. The layer reads the model's input, so no layer that computes may come before it. Inputs other than integers from
 * 0 to `numTokens - 1` are refused with `ERR_LABEL_RANGE` before the call changes anything; in a stream or file, before the step of
 * their batch. As in Keras, except that count weights are not supported.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const model = sequential([layers.categoryEncoding({ numTokens: 4, outputMode: 'count', inputShape: [3] })])
 * console.log((await model.predict([[1, 3, 1]])).data) // 0, 2, 0, 1
 * ```
 */
export class CategoryEncoding<const In extends Shape = Shape> extends Layer<In, Shape> {
  readonly kind = 'CategoryEncoding'
  /** Number of categories. */
  readonly numTokens: number
  /** How integers are encoded. */
  readonly outputMode: OutputMode

  constructor(options: CategoryEncodingOptions<In>) {
    const argument = 'layers.categoryEncoding'
    const checked = checkOptions(options, [...layerOptionNames, 'numTokens', 'outputMode'], argument)
    super(checked, argument)
    const most = 2 ** 24
    this.numTokens = checkInteger(checked.numTokens, `${argument}: numTokens`)
    if (this.numTokens > most) refuse(`${argument}: numTokens`, `at most ${most}`, this.numTokens)
    this.outputMode = lookUp(outputModes, checked.outputMode ?? 'multiHot', `${argument}: outputMode`)
  }

  protected override outputFor(input: Shape): Shape {
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

  override config() {
    return { numTokens: this.numTokens, outputMode: this.outputMode }
  }

  override plan(input: Shape, { name }: PlanContext): PlanLayer {
    const rows = this.outputMode === 'oneHot' ? 1 : (input.at(-1) as number)
    return { kind: 'encoding', name, rows, columns: this.numTokens, counts: this.outputMode === 'count' }
  }
}
