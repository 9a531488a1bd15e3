/** Dense: a fully connected layer. */

import type { ArrayInput } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkBoolean, checkInteger, checkOptions, refuse, refuseIdle } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { type Activation, type ActivationName, activationRange, toActivation } from './activations.js'
import type { Constraint, ConstraintName } from './constraints.js'
import { type Initializer, type InitializerName, toInitializer } from './initializers.js'
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

/** Options of {@link Dense}. */
export interface DenseOptions<Units extends number = number, In extends Shape = Shape> extends LayerOptions<In> {
  /** Number of outputs, a positive integer. */
  readonly units: Units
  /** Applied to every output; default none (`linear`). */
  readonly activation?: ActivationName | Activation | null | undefined
  /** Whether a bias is added to every output; default true. */
  readonly useBias?: boolean | undefined
  /** Initializer of the kernel; default `glorotUniform`. */
  readonly kernelInitializer?: InitializerName | Initializer | undefined
  /** Initializer of the bias; default `zeros`. */
  readonly biasInitializer?: InitializerName | Initializer | undefined
  /** Penalty on the kernel, added to the loss; default none. */
  readonly kernelRegularizer?: RegularizerName | Regularizer | null | undefined
  /** Penalty on the bias, added to the loss; default none. */
  readonly biasRegularizer?: RegularizerName | Regularizer | null | undefined
  /** Penalty on the outputs after the activation, divided by the number of rows in the batch and added to the loss; default none. */
  readonly activityRegularizer?: RegularizerName | Regularizer | null | undefined
  /** Constraint on the kernel, applied after every step; default none. */
  readonly kernelConstraint?: ConstraintName | Constraint | null | undefined
  /** Constraint on the bias, applied after every step; default none. */
  readonly biasConstraint?: ConstraintName | Constraint | null | undefined
  /** Short for `inputShape: [inputDim]`. */
  readonly inputDim?: number | undefined
  /** Initial weights `[kernel, bias]`, or `[kernel]` without bias, instead of the initializers. */
  readonly weights?: readonly ArrayInput[] | undefined
}

const optionNames = [
  ...layerOptionNames,
  'units',
  'activation',
  'useBias',
  'kernelInitializer',
  'biasInitializer',
  ...ruleNames('kernel'),
  ...ruleNames('bias'),
  'activityRegularizer',
  'weights',
]

/**
 * A fully connected layer: `activation(x · kernel + bias)` with a kernel of shape [inputs, units] and a bias of shape [units]. For rows
 * of several dimensions, [..., inputs], the same kernel is applied at every position, and the output has the shape [..., units].
 *
 * Throws `ERR_ARGUMENT` for options out of range and `ERR_UNKNOWN_NAME` for names that do not exist.
 *
 * @example
 * ```ts
 * import { Dense, sequential } from 'neurode'
 *
 * const model = sequential([new Dense({ units: 10, activation: 'softmax', inputShape: [784] })])
 * ```
 */
export class Dense<const Units extends number = number, const In extends Shape = Shape> extends Layer<
  In,
  LastAxis<Units>
> {
  readonly kind = 'Dense'
  /** Number of outputs. */
  readonly units: Units
  /** Applied to every output. */
  readonly activation: Activation
  /** Whether there is a bias. */
  readonly useBias: boolean
  /** Initializer of the kernel. */
  readonly kernelInitializer: Initializer
  /** Initializer of the bias. */
  readonly biasInitializer: Initializer
  /** Penalty on the kernel. */
  readonly kernelRegularizer: Regularizer | undefined
  /** Penalty on the bias. */
  readonly biasRegularizer: Regularizer | undefined
  /** Penalty on the outputs. */
  readonly activityRegularizer: Regularizer | undefined
  /** Constraint on the kernel, applied after every step. */
  readonly kernelConstraint: Constraint | undefined
  /** Constraint on the bias, applied after every step. */
  readonly biasConstraint: Constraint | undefined
  readonly #weights: readonly ArrayInput[] | undefined

  constructor(options: DenseOptions<Units, In>) {
    const checked = checkOptions(options, optionNames, 'layers.dense')
    super(checked, 'layers.dense')
    this.units = checkInteger(checked.units, 'layers.dense: units') as Units
    this.activation = toActivation(checked.activation, 'layers.dense: activation')
    this.useBias = checkBoolean(checked.useBias ?? true, 'layers.dense: useBias')
    this.kernelInitializer = toInitializer(
      checked.kernelInitializer ?? 'glorotUniform',
      'layers.dense: kernelInitializer',
    )
    this.biasInitializer = toInitializer(checked.biasInitializer ?? 'zeros', 'layers.dense: biasInitializer')
    const { kernelRegularizer, kernelConstraint } = readRules(checked, 'kernel', 'layers.dense')
    this.kernelRegularizer = kernelRegularizer
    this.kernelConstraint = kernelConstraint
    const { biasRegularizer, biasConstraint } = readRules(checked, 'bias', 'layers.dense')
    this.biasRegularizer = biasRegularizer
    this.biasConstraint = biasConstraint
    this.activityRegularizer = toActivityRegularizer(checked.activityRegularizer, 'layers.dense: activityRegularizer')
    if (checked.weights !== undefined && !Array.isArray(checked.weights)) {
      refuse('layers.dense: weights', 'a list [kernel, bias]', checked.weights)
    }
    if (!this.useBias) {
      refuseIdle(checked, ['biasInitializer', ...ruleNames('bias')], 'layers.dense', 'with useBias: false')
    }
    if (checked.weights !== undefined) {
      refuseIdle(
        checked,
        ['kernelInitializer', 'biasInitializer'],
        'layers.dense',
        'with weights, which are the initial values',
      )
    }
    this.#weights = checked.weights
  }

  override initialWeights(): readonly ArrayInput[] | undefined {
    return this.#weights
  }

  protected override outputFor(input: Shape): Shape {
    if (input.length > 0) return [...input.slice(0, -1), this.units]
    throw new NeurodeError(
      'ERR_SHAPE',
      `layer '${this.name}': expected an input of at least one dimension per row, got shape []; put layers.flatten() before it`,
    )
  }

  override parameters(input: Shape): readonly ParameterSpec[] {
    const kernel = { name: 'kernel', shape: [input.at(-1) as number, this.units] }
    return this.useBias ? [kernel, { name: 'bias', shape: [this.units] }] : [kernel]
  }

  /** @internal */
  override get outputRange() {
    return activationRange(this.activation)
  }

  override config() {
    const { units, activation, useBias, kernelInitializer, biasInitializer } = this
    const { kernelRegularizer, biasRegularizer, activityRegularizer, kernelConstraint, biasConstraint } = this
    return {
      units,
      activation,
      useBias,
      kernelInitializer,
      biasInitializer,
      kernelRegularizer,
      biasRegularizer,
      activityRegularizer,
      kernelConstraint,
      biasConstraint,
    }
  }

  override plan(input: Shape, context: PlanContext): readonly PlanLayer[] {
    const { name } = context
    const inputs = input.at(-1) as number
    const [kernel, bias] = [[inputs, this.units], [this.units]]
    const layer: PlanLayer = {
      kind: 'dense',
      name,
      units: this.units,
      ...(input.length > 1 ? { inputs } : {}),
      useBias: this.useBias,
      activation: this.activation.op,
      kernel: {
        initializer: this.kernelInitializer.plan(kernel, context.seedFor('kernel')),
        ...planRules(this, 'kernel', kernel, context),
      },
      bias: {
        initializer: this.biasInitializer.plan(bias, context.seedFor('bias')),
        ...planRules(this, 'bias', bias, context),
      },
    }
    return [layer, ...planActivity(this.activityRegularizer, context)]
  }
}
