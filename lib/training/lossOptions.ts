/** The types of losses and of their options. */

import type { Spelled } from '../base/names.js'
import type { PlanOp } from '../native/plan.js'
import type { CapturedBatch } from './captured.js'
import type { Options } from './options.js'

/**
 * How the weighted losses of a batch's rows are reduced to one number: their sum divided by the number of rows (`mean`,
 * `sumOverBatchSize`), their sum divided by the sum of the weights (`meanWithSampleWeight`; the same without weights), or their sum
 * (`sum`).
 */
export type Reduction = Spelled<'mean' | 'sum' | 'sumOverBatchSize' | 'meanWithSampleWeight'>

/** Which targets a loss or metric accepts: rows of values, class indices, or both. */
export interface TargetKinds {
  readonly rows: boolean
  readonly classes: boolean
}

/** A loss with its options filled in. */
export interface Loss {
  readonly kind: 'loss'
  /** Name in camelCase, such as `meanSquaredError`. */
  readonly name: string
  /** All options except the reduction, with defaults filled in. */
  readonly options: Options
  /** How the losses of a batch's rows are reduced to one number. */
  readonly reduction: 'mean' | 'sum' | 'meanWithSampleWeight'
  /** The kinds of targets that it accepts. */
  readonly targets: TargetKinds
  /** The smallest number of outputs that it accepts. */
  readonly leastOutputs: number
  /** The range of targets that it expects; undefined for any. */
  readonly targetRange?: readonly [lowest: number, highest: number] | undefined
  /** The range of outputs that it expects; undefined for any. */
  readonly outputRange?: readonly [lowest: number, highest: number] | undefined
  /** For losses in which every output is a label of its own: the output above which the label is predicted; otherwise undefined. */
  readonly threshold?: number | undefined
  /** The row of the native op table that computes it. */
  readonly op: PlanOp
  /** The numbers in a row of targets of a custom loss; undefined for as many as there are outputs. */
  readonly targetWidth?: number | undefined
  /** The function that computes a custom loss, see {@link CustomLossOptions}. */
  readonly custom?: ((batch: CapturedBatch) => CustomLossResult) | undefined
  /** True for a custom loss that was not passed to load(): the model can predict but not train. */
  readonly missing?: boolean | undefined
}

/** The result of a custom loss for a batch. */
export interface CustomLossResult {
  /** The loss of the batch, a mean or a sum over its rows. */
  readonly loss: number
  /** The derivative of `loss` with respect to every output, as many numbers as `outputs` has. */
  readonly gradient: ArrayLike<number>
}

/**
 * Options of a custom loss, which is computed in TypeScript. The function returns the loss and its derivative with respect to the
 * outputs; backpropagation through the layers is native. It is slower than a built-in loss: each batch is passed from native code to
 * TypeScript and back, and the forward pass is computed twice. Model files contain its name only; pass it to
 * `load(path, { losses: [quartic] })` again.
 *
 * @example
 * ```ts
 * import { layers, losses, sequential } from 'neurode'
 *
 * const quartic = losses.custom({
 *   name: 'quartic',
 *   compute({ outputs, targets }) {
 *     const errors = outputs.map((y, i) => y - (targets[i] ?? 0))
 *     return {
 *       loss: errors.reduce((sum, e) => sum + e ** 4, 0) / errors.length,
 *       gradient: errors.map((e) => (4 * e ** 3) / errors.length),
 *     }
 *   },
 * })
 * const model = sequential([layers.dense({ units: 1, inputShape: [2] })]).compile({ loss: quartic })
 * await model.fit([[0, 1], [1, 0]], [[1], [2]], { epochs: 2, verbose: 0 })
 * ```
 */
export interface CustomLossOptions {
  /** Name of the loss in messages and in model files. */
  readonly name: string
  /**
   * How many numbers there are in a row of targets, or for each position, whatever the number of outputs: a positive integer. The loss gets
   * them as float32, as they were given: 1 for class indices or one value for several outputs, more for quantiles, actions with their advantages, or
   * the outputs of a teacher. Default: a row of as many targets as there are outputs; class indices of several outputs are an error
   * then.
   *
   * Custom metrics get the same rows. Where they are not as wide as the outputs, built-in metrics cannot read them, which compile refuses,
   * but for two kinds: those that read no targets, and with `targets: 1` those of classes, for class indices.
   */
  readonly targets?: number | undefined
  /** Computes loss and derivative for one batch. */
  readonly compute: (batch: CapturedBatch) => CustomLossResult
}

/** Options of every loss. */
export interface LossOptions {
  /** How the losses of rows are reduced to one number; default `mean`. */
  readonly reduction?: Reduction | undefined
}

/** Options of the cross-entropies. */
export interface CrossentropyOptions extends LossOptions {
  /** Whether the outputs are logits, to which sigmoid or softmax is not yet applied; default false. */
  readonly fromLogits?: boolean | undefined
}

/** Options of {@link losses}.sparseCategoricalCrossentropy. */
export interface SparseCrossentropyOptions extends CrossentropyOptions {
  /**
   * Rows whose target is this class are left out of the loss and of metrics, and of the number of rows in means; any integer. Default:
   * all rows count.
   */
  readonly ignoreClass?: number | undefined
}

/** Options of {@link losses}.huber. */
export interface HuberOptions extends LossOptions {
  /** Errors up to this count quadratically, larger ones linearly; at least 0, default 1. */
  readonly delta?: number | undefined
}

/** Options of the cross-entropies whose targets can be smoothed. */
export interface SmoothedCrossentropyOptions extends CrossentropyOptions {
  /** Fraction of every target that is spread over all classes, 0 to 1; default 0. */
  readonly labelSmoothing?: number | undefined
}

/** Options of {@link losses}.categoricalFocalCrossentropy. */
export interface CategoricalFocalOptions extends SmoothedCrossentropyOptions {
  /** Weight of every class, 0 to 1; default 0.25. */
  readonly alpha?: number | undefined
  /** Exponent that reduces the weight of rows that are predicted well; at least 0, default 2. */
  readonly gamma?: number | undefined
}

/** Options of {@link losses}.categoricalGeneralizedCrossEntropy. */
export interface GeneralizedCrossEntropyOptions extends LossOptions {
  /** Near 0 the loss is cross-entropy, near 1 the mean absolute error of the class; above 0 and below 1, default 0.5. */
  readonly q?: number | undefined
}

/** Options of {@link losses}.binaryFocalCrossentropy. */
export interface BinaryFocalOptions extends SmoothedCrossentropyOptions {
  /** Whether targets of 1 are weighted by `alpha` and targets of 0 by `1 - alpha`; default false. */
  readonly applyClassBalancing?: boolean | undefined
  /** Weight of targets of 1, only with `applyClassBalancing`; 0 to 1, default 0.25. */
  readonly alpha?: number | undefined
  /** Exponent that reduces the weight of outputs that are predicted well; at least 0, default 2. */
  readonly gamma?: number | undefined
}
