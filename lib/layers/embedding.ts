/** Embedding: integers to vectors that are learnt. */

import type { ArrayInput } from '../arrays/arrays.js'
import { checkInteger, checkOptions, refuse, refuseIdle } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import type { Constraint, ConstraintName } from './constraints.js'
import { type Initializer, type InitializerName, initializers, toInitializer } from './initializers.js'
import {
  Layer,
  type LayerOptions,
  layerOptionNames,
  type ParameterSpec,
  type PlanContext,
  type Shape,
} from './layer.js'
import { planRules, readRules, ruleNames } from './parameters.js'
import { planActivity, type Regularizer, type RegularizerName, toActivityRegularizer } from './regularizers.js'

/** The output of {@link Embedding}: the input's shape with the vectors' size behind it. */
export type Embedded<In extends Shape, Size extends number> = Shape extends In ? Shape : readonly [...In, Size]

/** Options of {@link Embedding}. */
export interface EmbeddingOptions<Size extends number = number, In extends Shape = Shape> extends LayerOptions<In> {
  /** How many vectors: inputs are integers from 0 to below it, at most 2²⁴. */
  readonly inputDim: number
  /** Size of each vector. */
  readonly outputDim: Size
  /** First vectors; default uniform in -0.05 … 0.05. */
  readonly embeddingsInitializer?: InitializerName | Initializer | undefined
  /** Penalty of the vectors, all of them, part of the loss; default none. */
  readonly embeddingsRegularizer?: RegularizerName | Regularizer | null | undefined
  /** Penalty of the outputs, divided by the rows of the batch; part of the loss; default none. */
  readonly activityRegularizer?: RegularizerName | Regularizer | null | undefined
  /** What the vectors are brought back to after every step; default none. */
  readonly embeddingsConstraint?: ConstraintName | Constraint | null | undefined
  /** `[embeddings]` of shape [inputDim, outputDim] instead of the initializer. */
  readonly weights?: readonly ArrayInput[] | undefined
}

/**
 * Turns every integer of a row into a vector: rows of shape [n] become [n, outputDim]. It reads the model's input, so no layer
 * that computes may stand before it. Inputs that are no integers from 0 to below `inputDim` are refused with
 * `ERR_LABEL_RANGE` before anything changes; those of a stream or file, before their batch does.
 *
 * A step updates all vectors, also those that do not occur in its batch: with Adam, RMSprop and the other optimizers that
 * remember earlier gradients these go on moving them, and weight decay shrinks them. So it is in Keras with dense gradients; Keras
 * on TensorFlow updates only the vectors that occur, so its numbers differ there. With SGD without momentum both are the same.
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
export class Embedding<const Size extends number = number, const In extends Shape = Shape> extends Layer<
  In,
  Embedded<In, Size>
> {
  readonly kind = 'Embedding'
  /** How many vectors. */
  readonly inputDim: number
  /** Size of each vector. */
  readonly outputDim: Size
  /** Draws the first vectors. */
  readonly embeddingsInitializer: Initializer
  /** Penalty of the vectors. */
  readonly embeddingsRegularizer: Regularizer | undefined
  /** Penalty of the outputs. */
  readonly activityRegularizer: Regularizer | undefined
  /** What the vectors are brought back to after every step. */
  readonly embeddingsConstraint: Constraint | undefined
  readonly #weights: readonly ArrayInput[] | undefined

  constructor(options: EmbeddingOptions<Size, In>) {
    const argument = 'layers.embedding'
    const rules = [...ruleNames('embeddings'), 'activityRegularizer']
    const own = ['inputDim', 'outputDim', 'embeddingsInitializer', ...rules, 'weights']
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
    if (checked.weights !== undefined && !Array.isArray(checked.weights)) {
      refuse(`${argument}: weights`, 'a list [embeddings]', checked.weights)
    }
    if (checked.weights !== undefined) {
      refuseIdle(checked, ['embeddingsInitializer'], argument, 'with weights, which are the first values')
    }
    this.#weights = checked.weights
  }

  override initialWeights(): readonly ArrayInput[] | undefined {
    return this.#weights
  }

  protected override outputFor(input: Shape): Shape {
    return [...input, this.outputDim]
  }

  override parameters(): readonly ParameterSpec[] {
    return [{ name: 'embeddings', shape: [this.inputDim, this.outputDim] }]
  }

  override config() {
    const { inputDim, outputDim, embeddingsInitializer } = this
    const { embeddingsRegularizer, activityRegularizer, embeddingsConstraint } = this
    const rules = { embeddingsRegularizer, activityRegularizer, embeddingsConstraint }
    return { inputDim, outputDim, embeddingsInitializer, ...rules }
  }

  override plan(_input: Shape, context: PlanContext): readonly PlanLayer[] {
    const shape = [this.inputDim, this.outputDim]
    const layer: PlanLayer = {
      kind: 'embedding',
      name: context.name,
      inputs: this.inputDim,
      units: this.outputDim,
      kernel: {
        initializer: this.embeddingsInitializer.plan(shape, context.seedFor('embeddings')),
        ...planRules(this, 'embeddings', shape, context),
      },
    }
    return [layer, ...planActivity(this.activityRegularizer, context)]
  }
}
