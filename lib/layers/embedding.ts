/** Embedding: turns integers into vectors that are learned. */

import type { ArrayInput } from '../arrays/arrays.js'
import { checkInteger, checkOptions, refuse, refuseIdle } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { anyNumber } from './activations.js'
import type { Constraint, ConstraintName } from './constraints.js'
import { type Initializer, type InitializerName, initializers, toInitializer } from './initializers.js'
import {
  type LastAxis,
  Layer,
  type LayerOptions,
  layerOptionNames,
  type ParameterSpec,
  type PlanContext,
  type Shape,
} from './layer.js'
import { planRules, readRules, ruleNames } from './parameters.js'
import { planActivity, type Regularizer, type RegularizerName, toActivityRegularizer } from './regularizers.js'

/** The output shape of {@link Embedding}: the input's shape followed by the size of the vectors. */
export type Embedded<In extends Shape, Size extends number> = Shape extends In ? Shape : readonly [...In, Size]

/** Options of {@link Embedding}, and of all that looks vectors up. */
export interface EmbeddingOptions<Size extends number = number, In extends Shape = Shape> extends LayerOptions<In> {
  /** Number of vectors, at most 2²⁴; inputs are integers from 0 to `inputDim - 1`. */
  readonly inputDim: number
  /** Size of each vector. */
  readonly outputDim: Size
  /** Initializer of the vectors; default uniform in -0.05 … 0.05. */
  readonly embeddingsInitializer?: InitializerName | Initializer | undefined
  /** Penalty on all vectors, added to the loss; default none. */
  readonly embeddingsRegularizer?: RegularizerName | Regularizer | null | undefined
  /** Penalty on the outputs, divided by the number of rows in the batch and added to the loss; default none. */
  readonly activityRegularizer?: RegularizerName | Regularizer | null | undefined
  /** Constraint on the vectors, applied after every step; default none. */
  readonly embeddingsConstraint?: ConstraintName | Constraint | null | undefined
  /**
   * An index whose vector stands for no word: it starts at zero (unless `weights` say otherwise), has no gradient, and no step changes
   * it. So rows of fewer integers can be filled up with it. Default none.
   */
  readonly paddingIndex?: number | undefined
  /** Initial weights `[embeddings]` of shape [inputDim, outputDim], instead of the initializer. */
  readonly weights?: readonly ArrayInput[] | undefined
}

/** A table of vectors that integers name; `argument` is what errors call the factory. */
export abstract class VectorTable<
  Size extends number,
  In extends Shape,
  Out extends Shape | LastAxis<Size>,
> extends Layer<In, Out> {
  /** Number of vectors. */
  readonly inputDim: number
  /** Size of each vector. */
  readonly outputDim: Size
  /** Initializer of the vectors. */
  readonly embeddingsInitializer: Initializer
  /** Penalty on the vectors. */
  readonly embeddingsRegularizer: Regularizer | undefined
  /** Penalty on the outputs. */
  readonly activityRegularizer: Regularizer | undefined
  /** Constraint on the vectors, applied after every step. */
  readonly embeddingsConstraint: Constraint | undefined
  /** The index whose vector does not learn. */
  readonly paddingIndex: number | undefined
  readonly #weights: readonly ArrayInput[] | undefined

  constructor(options: EmbeddingOptions<Size, In>, argument: string, names: readonly string[] = []) {
    const rules = [...ruleNames('embeddings'), 'activityRegularizer']
    const own = ['inputDim', 'outputDim', 'embeddingsInitializer', ...rules, 'paddingIndex', 'weights', ...names]
    const { inputDim, ...checked } = checkOptions(options, [...layerOptionNames, ...own], argument)
    super(checked, argument)
    const most = 2 ** 24
    this.inputDim = checkInteger(inputDim, `${argument}: inputDim`)
    if (this.inputDim > most) refuse(`${argument}: inputDim`, `at most ${most}`, inputDim)
    this.outputDim = checkInteger(checked.outputDim, `${argument}: outputDim`) as Size
    this.embeddingsInitializer = toInitializer(
      checked.embeddingsInitializer ?? initializers.randomUniform(),
      `${argument}: embeddingsInitializer`,
    )
    const { embeddingsRegularizer, embeddingsConstraint } = readRules(checked, 'embeddings', argument)
    this.embeddingsRegularizer = embeddingsRegularizer
    this.embeddingsConstraint = embeddingsConstraint
    this.activityRegularizer = toActivityRegularizer(checked.activityRegularizer, `${argument}: activityRegularizer`)
    this.paddingIndex = this.#readPadding(checked.paddingIndex, argument)
    if (checked.weights !== undefined && !Array.isArray(checked.weights)) {
      refuse(`${argument}: weights`, 'a list [embeddings]', checked.weights)
    }
    if (checked.weights !== undefined) {
      refuseIdle(checked, ['embeddingsInitializer'], argument, 'with weights, which are the initial values')
    }
    this.#weights = checked.weights
  }

  override initialWeights(): readonly ArrayInput[] | undefined {
    return this.#weights
  }

  #readPadding(given: number | undefined, argument: string): number | undefined {
    if (given === undefined) return undefined
    if (this.embeddingsRegularizer?.name === 'orthogonal') {
      refuse(`${argument}: paddingIndex`, 'none beside an orthogonal regularizer, which is of all vectors', given)
    }
    return checkInteger(given, `${argument}: paddingIndex`, 0, this.inputDim - 1)
  }

  override parameters(): readonly ParameterSpec[] {
    return [{ name: 'embeddings', shape: [this.inputDim, this.outputDim] }]
  }

  /** @internal */
  override get outputRange() {
    return anyNumber
  }

  /** @internal */
  override get integersBelow() {
    return this.inputDim
  }

  override config() {
    const { inputDim, outputDim, embeddingsInitializer, paddingIndex } = this
    const { embeddingsRegularizer, activityRegularizer, embeddingsConstraint } = this
    const rules = { embeddingsRegularizer, activityRegularizer, embeddingsConstraint }
    const padding: { readonly paddingIndex?: number | undefined } = paddingIndex === undefined ? {} : { paddingIndex }
    return { inputDim, outputDim, embeddingsInitializer, ...rules, ...padding }
  }

  /** @internal What its part of the Plan has beside the table. */
  protected bagOf(_input: Shape): { readonly bag?: number | undefined; readonly averages?: boolean | undefined } {
    return {}
  }

  override plan(input: Shape, context: PlanContext): readonly PlanLayer[] {
    const shape = [this.inputDim, this.outputDim]
    const layer: PlanLayer = {
      kind: 'embedding',
      name: context.name,
      inputs: this.inputDim,
      units: this.outputDim,
      kernel: {
        name: 'embeddings',
        initializer: this.embeddingsInitializer.plan(shape, context.seedFor('embeddings')),
        ...planRules(this, 'embeddings', shape, context),
      },
      ...(this.paddingIndex === undefined ? {} : { padding: this.paddingIndex }),
      ...this.bagOf(input),
    }
    return [layer, ...planActivity(this.activityRegularizer, context)]
  }
}

/**
 * Turns every integer of a row into a vector: rows of shape [n] become [n, outputDim]. The layer reads the model's input, so no layer
 * that computes may come before it. Inputs other than integers from 0 to `inputDim - 1` are refused with `ERR_LABEL_RANGE` before
 * the call changes anything; in a stream or file, before the step of their batch.
 *
 * A step updates all vectors, also those that do not occur in its batch: Adam, RMSprop and other optimizers with a memory of earlier
 * gradients keep moving them, and weight decay shrinks them. Keras does the same with dense gradients. Keras on TensorFlow updates
 * only the vectors that occur, so its results differ. With SGD without momentum, both are equal, and a step takes as long as its batch
 * is large and not as the table is; so it does with Adagrad, and with {@link optimizers}.lazyAdam, which changes those vectors alone.
 *
 * A vector for `paddingIndex`, as PyTorch's `padding_idx`, does not learn. Where the vectors of a row become one, {@link EmbeddingBag} adds
 * them up without them.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const model = sequential([
 *   layers.embedding({ inputDim: 1000, outputDim: 16, inputShape: [20] }),
 *   layers.flatten(),
 *   layers.dense({ units: 1, activation: 'sigmoid' }),
 * ])
 * ```
 */
export class Embedding<const Size extends number = number, const In extends Shape = Shape> extends VectorTable<
  Size,
  In,
  Embedded<In, Size>
> {
  readonly kind = 'Embedding'

  constructor(options: EmbeddingOptions<Size, In>) {
    super(options, 'layers.embedding')
  }

  protected override outputFor(input: Shape): Shape {
    return [...input, this.outputDim]
  }
}
