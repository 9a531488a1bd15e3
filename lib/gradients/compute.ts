/** Computes gradients of one batch without a step: valueAndGradients and backward. */

import type { NdArray } from '../arrays/arrays.js'
import { checkBoolean, checkOptions } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import type { ByOutput } from '../core/heads.js'
import { buildFrom, takeRowsOf } from '../core/inputs.js'
import { checkClassWeight, type WeightOptions } from '../core/rowWeights.js'
import { readTargets } from '../core/targets.js'
import { inTurn } from '../core/turns.js'
import { asGiven, BoundNames } from '../feeds/boundNames.js'
import { customLosses, stride, withLosses } from '../feeds/captures.js'
import { refuseBalanced } from '../feeds/feeds.js'
import { Totals } from '../feeds/ranges.js'
import type { NativeSums } from '../native/addon.js'
import { arraysOfGradients, type GradientArrays, type Gradients, gradientsOf } from './gradients.js'
import { checkInputs, type GradientsOfInputs, splitInputs } from './inputs.js'
import { Destinations, type GradientsOut } from './out.js'
import { capturedOutputs, noTargets, readOutputGradients } from './outputs.js'
import { type Batch, BoundRows, computeOnce } from './pass.js'
import { type Computation, type Sibling, siblingOfLoss, siblingOfOutputs } from './siblings.js'

/** Options of {@link Model.backward}. */
export interface BackwardOptions<Outputs = unknown> {
  /**
   * Whether layers compute as in training: with dropout and noise, by statistics of the batch. False: as in a prediction. Default
   * false for `backward`, true for `valueAndGradients`.
   */
  readonly training?: boolean | undefined
  /**
   * Whether to compute the gradients of the inputs. Default true for `backward`, false for `valueAndGradients`. It is an error if all
   * inputs are integers that an embedding or a category encoding reads.
   */
  readonly inputs?: boolean | undefined
  /** Arrays that results are written into, instead of new ones. */
  readonly out?: GradientsOut<Outputs> | undefined
}

/** Options of {@link Model.valueAndGradients}. */
export interface ValueAndGradientsOptions<Outputs = unknown> extends BackwardOptions<Outputs>, WeightOptions<Outputs> {}

/** What a pass without a step computes. */
export interface Computed {
  readonly outputs: ByOutput<NdArray<Float32Array>>
  readonly gradients: Gradients
  /** Undefined if they were not asked for. */
  readonly inputs: GradientsOfInputs | undefined
}

const optionNames = ['training', 'inputs', 'out']

/** See {@link Model.valueAndGradients}. */
export async function valueAndGradients(
  core: ModelCore,
  x: unknown,
  y: unknown,
  given: ValueAndGradientsOptions | undefined,
): Promise<Computed & { readonly loss: number }> {
  core.checkCompiled()
  checkNoFit(core, 'valueAndGradients')
  const options = checkOptions(given, ['sampleWeight', 'classWeight', ...optionNames], 'valueAndGradients')
  const computation = readComputation(options, { training: true, inputs: false })
  buildFrom(core, x)
  if (computation.inputs) checkInputs(core)
  const input = takeRowsOf(core, x, 'x')
  const classWeight = checkClassWeight(options.classWeight, 'classWeight')
  if (classWeight === 'balanced') refuseBalanced('a single batch')
  const { sampleWeight } = options as WeightOptions
  const targets = readTargets(core, y, input.rows, 'y', { sampleWeight, classWeight })
  const sibling = () => siblingOfLoss(core, computation)
  const into = new Destinations(core, sibling(), input.rows, computation, options.out)
  const { heads, hasCustomLoss } = core.training()
  const batch = {
    sibling,
    input,
    targets,
    makeArrays: () => arraysFor(core, sibling(), input.rows, computation, into),
    resultOf: (arrays: Arrays, sums: NativeSums) => {
      const totals = new Totals(heads.map((head) => ({ ...head, metrics: [] })))
      totals.add(sums)
      return { loss: totals.logs().loss, ...resultsOf(core, arrays, into, input.rows, computation) }
    },
  }
  return hasCustomLoss ? computeByLosses(core, batch) : computeOnce(core, batch)
}

/** Like {@link computeOnce}, where losses of the user's compute the gradients of outputs: two passes over bound rows. */
async function computeByLosses<Result>(core: ModelCore, batch: Batch<Arrays, Result>): Promise<Result> {
  const { sibling, input, targets, makeArrays, resultOf } = batch
  const bound = new BoundRows(core, sibling, input, targets)
  const rows = new BoundNames(targets, asGiven).from(0)
  try {
    return await inTurn(core, async () => {
      const arrays = makeArrays()
      const { captured, ...ofGradients } = arrays
      const sums = await bound.run({ captured })
      const { losses, gradients } = customLosses(core, captured, rows)
      await bound.run({ ...ofGradients, gradients })
      return resultOf(arrays, withLosses(sums, losses))
    })
  } finally {
    bound.release()
  }
}

/** See {@link Model.backward}. */
export async function backward(
  core: ModelCore,
  x: unknown,
  gradientsOfOutputs: unknown,
  given: BackwardOptions | undefined,
): Promise<Computed> {
  core.checkAlive()
  checkNoFit(core, 'backward')
  const options = checkOptions(given, optionNames, 'backward')
  const computation = readComputation(options, { training: false, inputs: true })
  buildFrom(core, x)
  if (computation.inputs) checkInputs(core)
  const input = takeRowsOf(core, x, 'x')
  const gradients = readOutputGradients(core, gradientsOfOutputs, input.rows, 'gradientsOfOutputs')
  const sibling = () => siblingOfOutputs(core, computation)
  const into = new Destinations(core, sibling(), input.rows, computation, options.out)
  return computeOnce(core, {
    sibling,
    input,
    targets: noTargets(core, input.rows),
    makeArrays: () => ({ ...arraysFor(core, sibling(), input.rows, computation, into), gradients }),
    resultOf: (arrays) => resultsOf(core, arrays, into, input.rows, computation),
  })
}

/** Throws `ERR_MODEL_BUSY` during a fit. */
export function checkNoFit(core: ModelCore, method: string): void {
  core.checkAlive()
  if (core.fitting) throw core.busyError(`${method} cannot be called`)
}

function readComputation({ training, inputs }: BackwardOptions, defaults: Computation): Computation {
  return {
    training: checkBoolean(training ?? defaults.training, 'training'),
    inputs: checkBoolean(inputs ?? defaults.inputs, 'inputs'),
  }
}

interface Arrays {
  readonly captured: Float32Array
  readonly inputGradients: Float32Array | undefined
  readonly parameterGradients: GradientArrays
}

function arraysFor(
  core: ModelCore,
  sibling: Sibling,
  rows: number,
  { training, inputs }: Computation,
  into: Destinations,
): Arrays {
  return {
    captured: new Float32Array(rows * stride(core)),
    inputGradients: inputs ? new Float32Array(rows * core.built().inputSize) : undefined,
    parameterGradients: arraysOfGradients(core, sibling, training, into.gradients),
  }
}

function resultsOf(
  core: ModelCore,
  { captured, inputGradients, parameterGradients }: Arrays,
  into: Destinations,
  rows: number,
  { training }: Computation,
): Computed {
  into.checkPresent()
  return {
    outputs: capturedOutputs(core, captured, into.outputs),
    gradients: gradientsOf(core, parameterGradients, training, into.gradients),
    inputs: inputGradients && splitInputs(core, inputGradients, rows, into.inputs),
  }
}
