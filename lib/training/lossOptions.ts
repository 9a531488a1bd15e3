/** What a loss is, and the options of each. */

import type { Spelled } from '../base/names.js'
import type { PlanOp } from '../native/plan.js'
import type { CapturedBatch } from './captured.js'
import type { Options } from './options.js'

/**
 * How the weighted losses of a batch's rows become one number: divided by the number of rows (`mean`, `sumOverBatchSize`),
 * by the sum of their weights (`meanWithSampleWeight`, the same where there are none), or not at all (`sum`).
 */
export type Reduction = Spelled<'mean' | 'sum' | 'sumOverBatchSize' | 'meanWithSampleWeight'>

/** Which targets a loss or metric can read: rows of outputs, class indices, or both. */
export interface TargetKinds {
  readonly rows: boolean
  readonly classes: boolean
}

/** A loss with its options filled in. */
export interface Loss {
  readonly kind: 'loss'
  /** In camelCase: `meanSquaredError`. */
  readonly name: string
  /** All options but the reduction, defaults filled in. */
  readonly options: Options
  /** How the losses of a batch's rows become one number. */
  readonly reduction: 'mean' | 'sum' | 'meanWithSampleWeight'
  /** The targets it can read. */
  readonly targets: TargetKinds
  /** Fewest outputs it makes sense with. */
  readonly leastOutputs: number
  /** The lowest and the highest target that it is made for; none where any will do. */
  readonly targetRange?: readonly [lowest: number, highest: number] | undefined
  /** The lowest and the highest output that it is made for; none where any will do. */
  readonly outputRange?: readonly [lowest: number, highest: number] | undefined
  /** Every output answers for itself, with yes above this number; none where it is no such loss. */
  readonly threshold?: number | undefined
  /** The row of the native op table it becomes. */
  readonly op: PlanOp
  /** Computes it in TypeScript, see {@link CustomLossOptions}. */
  readonly custom?: ((batch: CapturedBatch) => CustomLossResult) | undefined
  /** True for a loss of your own in a model that was loaded without it: the model predicts, and does not train. */
  readonly missing?: boolean | undefined
}

/** What a loss of your own gives for a batch. */
export interface CustomLossResult {
  /** Of the batch: a number, already a mean or a sum as you like it. */
  readonly loss: number
  /** Its derivative by every output, as many numbers as `outputs` has. */
  readonly gradient: ArrayLike<number>
}

/**
 * A loss of your own, computed in TypeScript: you give its value and its derivative by the outputs, and everything below
 * is differentiated as ever. A batch's outputs cross from native code and the gradient goes back, so a step computes its
 * forward pass twice: the slow path. Files hold its name; `load(path, { losses: [quartic] })` gives it back to the model.
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
  /** Shown in messages; what files call it. */
  readonly name: string
  /** Value and derivative for one batch. */
  readonly compute: (batch: CapturedBatch) => CustomLossResult
}

/** Options of every loss. */
export interface LossOptions {
  /** Default `mean`. */
  readonly reduction?: Reduction | undefined
}

/** Options of the cross-entropies. */
export interface CrossentropyOptions extends LossOptions {
  /** The outputs are logits, before sigmoid or softmax; default false. */
  readonly fromLogits?: boolean | undefined
}

/** Options of {@link losses}.sparseCategoricalCrossentropy. */
export interface SparseCrossentropyOptions extends CrossentropyOptions {
  /**
   * Rows of this class count neither in the loss nor in metrics, and the mean is over the others; any integer. Default:
   * all rows count.
   */
  readonly ignoreClass?: number | undefined
}

/** Options of {@link losses}.huber. */
export interface HuberOptions extends LossOptions {
  /** Errors up to it count squared, larger ones linearly; at least 0, default 1. */
  readonly delta?: number | undefined
}

/** Options of the cross-entropies whose targets can be smoothed. */
export interface SmoothedCrossentropyOptions extends CrossentropyOptions {
  /** Share of every target spread over all classes, 0 to 1; default 0. */
  readonly labelSmoothing?: number | undefined
}

/** Options of {@link losses}.categoricalFocalCrossentropy. */
export interface CategoricalFocalOptions extends SmoothedCrossentropyOptions {
  /** Weight of every class, 0 to 1; default 0.25. */
  readonly alpha?: number | undefined
  /** How fast outputs that are right already lose weight; at least 0, default 2. */
  readonly gamma?: number | undefined
}

/** Options of {@link losses}.categoricalGeneralizedCrossEntropy. */
export interface GeneralizedCrossEntropyOptions extends LossOptions {
  /** From cross-entropy, near 0, to the mean absolute error of the class, near 1; above 0 and below 1, default 0.5. */
  readonly q?: number | undefined
}

/** Options of {@link losses}.binaryFocalCrossentropy. */
export interface BinaryFocalOptions extends SmoothedCrossentropyOptions {
  /** Weighs targets of 1 by `alpha` and those of 0 by `1 - alpha`; default false. */
  readonly applyClassBalancing?: boolean | undefined
  /** Only with `applyClassBalancing`; 0 to 1, default 0.25. */
  readonly alpha?: number | undefined
  /** How fast outputs that are right already lose weight; at least 0, default 2. */
  readonly gamma?: number | undefined
}
