/** Tools for finding mistakes in a model. */

import type { ArrayInput } from './arrays/arrays.js'
import { guardArity } from './checks/arity.js'
import { checkDouble, checkInteger, checkOptions } from './checks/validate.js'
import { coreOf } from './core/cores.js'
import { buildFrom, takeRowsOf } from './core/inputs.js'
import { readTargets } from './core/targets.js'
import { compareGradients, type ParameterCheck } from './gradients/compare.js'
import { Probe } from './gradients/probe.js'
import type { AnyModel } from './models/model.js'

/** Options of {@link debug}.checkGradients. */
export interface CheckGradientsOptions {
  /**
   * Number of elements of every parameter to examine, a positive integer, default 16: a quarter have the largest gradients, the others
   * are spaced evenly.
   */
  readonly samples?: number | undefined
  /** Largest relative difference that counts as agreement; default 0.01. */
  readonly tolerance?: number | undefined
  /** A weight for each row; for several outputs also in a list or a record with an array for each. */
  readonly sampleWeight?:
    | ArrayInput
    | readonly (ArrayInput | null)[]
    | Readonly<Record<string, ArrayInput | null>>
    | undefined
}

/** The result of {@link debug}.checkGradients. */
export interface GradientReport {
  /** Whether all parameters agree in the elements that were compared. */
  readonly agrees: boolean
  /** Number of elements of all parameters that were compared. */
  readonly checked: number
  /** Number of elements of all parameters that were left out, see {@link ParameterCheck.kinks}. */
  readonly kinks: number
  readonly loss: number
  readonly parameters: readonly ParameterCheck[]
}

/**
 * Compares the gradients of the loss with respect to all trainable parameters with finite differences of the loss. The rows are one
 * batch, with dropout as in training. Losses are float32, so that about three digits can be compared. Near a kink, such as that of
 * ReLU, finite differences are meaningless: an element is compared only if the loss is smooth around it. The report says how many were
 * left out (`kinks`): a few of a hundred in most ReLU networks, more with more rows and units.
 *
 * It works on a copy of the model, and does not throw if gradients differ: see `agrees` in the report.
 *
 * @param model - A model that is built and compiled.
 * @param x - Rows of input, shape [n, ...inputShape]; a few are enough.
 * @param y - Their targets; for several outputs those of each, in a list or a record.
 *
 * Rejects with `ERR_NOT_COMPILED`, `ERR_NOT_BUILT`, `ERR_SHAPE`, `ERR_DTYPE`, `ERR_ARGUMENT` or `ERR_MODEL_BUSY`.
 *
 * @example
 * ```ts
 * import { debug, layers, sequential } from 'neurode'
 *
 * const model = sequential([layers.dense({ units: 2, activation: 'tanh', inputShape: [3] })]).compile({ loss: 'mse' })
 * const { agrees, parameters } = await debug.checkGradients(model, [[1, 2, 3]], [[0, 1]])
 * console.log(agrees, parameters.map(({ name, largestError }) => `${name}: ${largestError}`))
 * ```
 */
async function checkGradients(
  model: AnyModel,
  x: ArrayInput | readonly ArrayInput[] | Readonly<Record<string, ArrayInput>>,
  y: ArrayInput | readonly (ArrayInput | null)[] | Readonly<Record<string, ArrayInput | null>>,
  given?: CheckGradientsOptions,
): Promise<GradientReport> {
  const options = checkOptions(given, ['samples', 'tolerance', 'sampleWeight'], 'checkGradients')
  const samples = checkInteger(options.samples ?? 16, 'samples')
  const tolerance = checkDouble(options.tolerance ?? 0.01, 'tolerance', 0)
  const core = coreOf(model)
  core.checkCompiled()
  core.checkIdle('its gradients cannot be checked')
  buildFrom(core, x)
  const input = takeRowsOf(core, x, 'x')
  const targets = readTargets(core, y, input.rows, 'y', {
    sampleWeight: options.sampleWeight as ArrayInput,
  })
  const probe = new Probe(core, input, targets)
  try {
    const parameters = await compareGradients(probe, await probe.gradients(), { samples, tolerance })
    return {
      agrees: parameters.every(({ agrees }) => agrees),
      checked: parameters.reduce((sum, { checked }) => sum + checked, 0),
      kinks: parameters.reduce((sum, { kinks }) => sum + kinks, 0),
      loss: await probe.loss(),
      parameters,
    }
  } finally {
    probe.dispose()
  }
}

/** Tools for finding mistakes. */
export const debug = {
  checkGradients,
} as const

guardArity(debug, 'debug')
