/** EmbeddingBag: the sum or mean of the vectors that a row's integers name. */

import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { lookUp, nameTable } from '../checks/validate.js'
import { type EmbeddingOptions, VectorTable } from './embedding.js'
import type { LastAxis, Shape } from './layer.js'

/** What becomes of the vectors of a bag. */
export type BagMode = 'sum' | 'mean'

const modes = nameTable<BagMode>(['sum', 'mean'], () => [])

/** Options of {@link EmbeddingBag}. */
export interface EmbeddingBagOptions<Size extends number = number, In extends Shape = Shape>
  extends EmbeddingOptions<Size, In> {
  /** What becomes of the vectors of a bag; default `'mean'`. Vectors of `paddingIndex` are not counted. */
  readonly mode?: BagMode | undefined
}

/**
 * Turns the integers of a row into one vector, the sum or the mean of theirs: rows of shape [..., n] become [..., outputDim]. The same as
 * {@link Embedding} followed by a pooling of positions, without the vectors in between. Integers that are `paddingIndex` are left out, so
 * that rows of fewer integers can be filled up; a row of nothing else gives zeros. As PyTorch's `EmbeddingBag`, without `max`.
 *
 * What is said of {@link Embedding}'s inputs and steps holds here too. A model throws `ERR_SHAPE` for rows without dimensions.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const weights = [[[0, 0], [1, 2], [10, 20]]]
 * const bag = layers.embeddingBag({ inputDim: 3, outputDim: 2, mode: 'sum', paddingIndex: 0, weights, inputShape: [3] })
 * const model = sequential([bag])
 * console.log((await model.predict([[1, 2, 0], [2, 2, 2]])).data) // 11, 22, 30, 60
 * ```
 */
export class EmbeddingBag<const Size extends number = number, const In extends Shape = Shape> extends VectorTable<
  Size,
  In,
  LastAxis<Size>
> {
  readonly kind = 'EmbeddingBag'
  /** What becomes of the vectors of a bag. */
  readonly mode: BagMode

  constructor(options: EmbeddingBagOptions<Size, In>) {
    const argument = 'layers.embeddingBag'
    super(options, argument, ['mode'])
    this.mode = lookUp(modes, options.mode ?? 'mean', `${argument}: mode`)
  }

  protected override outputFor(input: Shape): Shape {
    if (input.length > 0) return [...input.slice(0, -1), this.outputDim]
    const text = `layer '${this.name}': expected rows of integers`
    throw new NeurodeError('ERR_SHAPE', `${text}, got shape ${formatShape(input)}`)
  }

  override config() {
    return { ...super.config(), mode: this.mode }
  }

  protected override bagOf(input: Shape) {
    return { bag: input.at(-1) as number, averages: this.mode === 'mean' }
  }
}
