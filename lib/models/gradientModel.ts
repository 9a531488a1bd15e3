/** The part of the base class of models that gives gradients to the user, and takes them. */

import type { ArrayInput } from '../arrays/arrays.js'
import { guardArity } from '../checks/arity.js'
import type { ModelCore } from '../core/core.js'
import type { Targets } from '../core/outputTypes.js'
import {
  type BackwardOptions,
  backward,
  type ValueAndGradientsOptions,
  valueAndGradients,
} from '../gradients/compute.js'
import {
  type AppliedGradients,
  type ApplyGradientsOptions,
  applyGradients,
  trainWithOutputGradients,
} from '../gradients/steps.js'
import type { Shape, SymbolicTensor } from '../layers/layer.js'
import type { BackwardResult, InputGradients, OutputGradients, ValueAndGradients } from './gradientTypes.js'
import type { Predictions } from './graphTypes.js'
import { ModelBase } from './modelBase.js'

/** The members of every model for gradients; {@link Model} adds training and prediction. */
export abstract class GradientModel<
  In extends Shape = Shape,
  Out extends Shape = Shape,
  Data = never,
  Outputs = SymbolicTensor<Out>,
> extends ModelBase<In, Out, Outputs> {
  readonly #core: ModelCore

  /** @internal Takes a `ModelCore`, which is no part of the public types. */
  protected constructor(core: object, kind: string) {
    super(core, kind)
    this.#core = core as ModelCore
  }

  /**
   * Computes the loss of all rows as one batch, the model's outputs, and the gradients of the loss, with all penalties, with respect to
   * the weights and, with `inputs: true`, to the inputs. Nothing changes. {@link GradientModel.applyGradients} with these gradients
   * takes the step of {@link Model.trainOnBatch}, bit for bit on x86-64 and within rounding on arm64: noise is that of the model's next step, and the record remembers how
   * moving statistics would change.
   *
   * The gradients have the names of {@link Model.getWeights}, without the weights that a step does not change: those of frozen layers,
   * statistics, and those on which no loss depends. The gradient of an input is that of its values: of `element * scale + offset`.
   * Inputs of integers that an embedding or a category encoding reads, also in part, have none: they are absent, and it is an error if
   * the model has no other.
   *
   * Rejects with `ERR_NOT_COMPILED`, `ERR_NOT_BUILT`, `ERR_MODEL_BUSY` during a fit, `ERR_SHAPE`, `ERR_DTYPE`, `ERR_LABEL_RANGE` or
   * `ERR_ARGUMENT`.
   *
   * @param x - Rows of input.
   * @param y - Targets, as {@link Model.fit} takes them.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   *
   * const model = sequential([layers.dense({ units: 1, inputShape: [2] })]).compile({ loss: 'mse' })
   * const { loss, gradients, inputs } = await model.valueAndGradients([[1, 2]], [[3]], { inputs: true })
   * console.log(loss, gradients['dense/kernel']?.data, inputs.data)
   * ```
   */
  valueAndGradients(
    x: ArrayInput | Data,
    y: Targets<Outputs>,
    options: ValueAndGradientsOptions<Outputs> & { readonly inputs: true },
  ): Promise<ValueAndGradients<Outputs, InputGradients<Data>>>
  valueAndGradients(
    x: ArrayInput | Data,
    y: Targets<Outputs>,
    options?: ValueAndGradientsOptions<Outputs> & { readonly inputs?: false | undefined },
  ): Promise<ValueAndGradients<Outputs, undefined>>
  valueAndGradients(
    x: ArrayInput | Data,
    y: Targets<Outputs>,
    options?: ValueAndGradientsOptions<Outputs>,
  ): Promise<ValueAndGradients<Outputs, InputGradients<Data> | undefined>>
  valueAndGradients(x: unknown, y: unknown, options?: unknown): Promise<never> {
    return valueAndGradients(this.#core, x, y, options as ValueAndGradientsOptions) as Promise<never>
  }

  /**
   * Takes one step of the optimizer: clipping, accumulation, decay, learning rate and its schedule, averages and constraints, as in
   * {@link Model.fit}. There must be a gradient for each weight that the loss trains, by its name, or for each that is not frozen, as
   * in a record of {@link GradientModel.backward}, where an output has no loss. Penalties of weights add nothing, as gradients of
   * {@link GradientModel.valueAndGradients} contain them. Moving statistics get the values that such a record remembers;
   * with a record of your own they stay as they are.
   *
   * Rejects with `ERR_ARGUMENT` for a gradient that is missing, that is not finite, or of a weight that has none; `ERR_UNKNOWN_NAME`,
   * `ERR_SHAPE`, `ERR_DTYPE`, `ERR_NOT_COMPILED`, `ERR_NOT_BUILT`, and `ERR_MODEL_BUSY` during a fit. Nothing has changed then.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   *
   * const model = sequential([layers.dense({ units: 1, inputShape: [2] })]).compile({ optimizer: 'adam', loss: 'mse' })
   * const { gradients } = await model.valueAndGradients([[1, 2]], [[3]])
   * const { applied } = await model.applyGradients(gradients, { skipNonFinite: true })
   * ```
   */
  applyGradients(
    gradients: Readonly<Record<string, ArrayInput>>,
    options?: ApplyGradientsOptions,
  ): Promise<AppliedGradients> {
    return applyGradients(this.#core, gradients, options)
  }

  /**
   * Takes one step with a loss of your own: computes the outputs of all rows as one batch, in training mode, passes them to a function,
   * and takes the step of the gradients that it returns. These are derivatives of the whole loss with respect to the outputs, in their
   * shapes; where the loss is a mean, they contain the division. Penalties add theirs. The loss that the model was compiled with, is
   * not used. The function may return a promise.
   *
   * Rejects with what the function throws, `ERR_SHAPE`, `ERR_DTYPE` or `ERR_ARGUMENT` for gradients that do not match the outputs or are
   * not finite, `ERR_MODEL_BUSY` during a fit, or if the model took another step, was compiled or got other layers while
   * the function ran, `ERR_NOT_COMPILED`, and `ERR_NOT_BUILT`. Nothing has changed then.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   *
   * const model = sequential([layers.dense({ units: 1, inputShape: [2] })]).compile({ optimizer: 'adam', loss: 'mse' })
   * const targets = [3, -1]
   * await model.trainWithOutputGradients([[1, 2], [0, 1]], ({ data, shape: [rows] }) => {
   *   return data.map((output, row) => (output - (targets[row] ?? 0)) ** 3 / rows) // of the mean of (output - target)⁴ / 4
   * })
   * ```
   */
  trainWithOutputGradients(
    x: ArrayInput | Data,
    gradientsOf: (outputs: Predictions<Outputs>) => OutputGradients<Outputs> | PromiseLike<OutputGradients<Outputs>>,
  ): Promise<void> {
    return trainWithOutputGradients(this.#core, x, gradientsOf)
  }

  /**
   * Computes the gradients of the weights and, unless `inputs` is false, of the inputs, from those of the outputs: the vector-Jacobian
   * product, summed over all rows as one batch, without penalties. Nothing changes, and the model need not be compiled. By default
   * layers compute as in a prediction; see `training`. For the names of gradients, and inputs without one, see
   * {@link GradientModel.valueAndGradients}.
   *
   * Rejects with `ERR_NOT_BUILT`, `ERR_MODEL_BUSY` during a fit, `ERR_SHAPE`, `ERR_DTYPE` or `ERR_ARGUMENT`.
   *
   * @param x - Rows of input.
   * @param gradientsOfOutputs - In the shape of the outputs; for several outputs a list or a record of arrays, null for 0.
   *
   * @example
   * ```ts
   * import { layers, sequential } from 'neurode'
   *
   * const model = sequential([layers.dense({ units: 2, activation: 'tanh', inputShape: [3] })])
   * const { inputs } = await model.backward([[1, 2, 3]], [[1, 0]])
   * console.log(inputs.data) // how the first output changes with each input
   * ```
   */
  backward(
    x: ArrayInput | Data,
    gradientsOfOutputs: OutputGradients<Outputs>,
    options: BackwardOptions<Outputs> & { readonly inputs: false },
  ): Promise<BackwardResult<Outputs, undefined>>
  backward(
    x: ArrayInput | Data,
    gradientsOfOutputs: OutputGradients<Outputs>,
    options?: BackwardOptions<Outputs> & { readonly inputs?: true | undefined },
  ): Promise<BackwardResult<Outputs, InputGradients<Data>>>
  backward(
    x: ArrayInput | Data,
    gradientsOfOutputs: OutputGradients<Outputs>,
    options?: BackwardOptions<Outputs>,
  ): Promise<BackwardResult<Outputs, InputGradients<Data> | undefined>>
  backward(x: unknown, gradientsOfOutputs: unknown, options?: unknown): Promise<never> {
    return backward(this.#core, x, gradientsOfOutputs, options as BackwardOptions) as Promise<never>
  }
}

guardArity(GradientModel.prototype, 'model', [
  'valueAndGradients',
  'applyGradients',
  'trainWithOutputGradients',
  'backward',
])
