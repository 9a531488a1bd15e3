/** Checks of a model that are for finding mistakes, not for training. */

import { type ArrayInput, takeInput } from './arrays/arrays.js'
import { guardArity } from './checks/arity.js'
import { checkDouble, checkInteger, checkOptions } from './checks/validate.js'
import { coreOf } from './core/cores.js'
import { buildFrom } from './core/inputs.js'
import { compareGradients, type ParameterCheck } from './gradients/compare.js'
import { copyOf, Probe } from './gradients/probe.js'
import type { Sequential } from './models/sequential.js'

/** Options of {@link debug}.checkGradients. */
export interface CheckGradientsOptions {
  /**
   * Elements of every parameter that are looked at, a positive integer, default 16: a quarter where gradients are largest, the
   * others spread evenly.
   */
  readonly samples?: number | undefined
  /** Largest relative difference that counts as agreement; default 0.01. */
  readonly tolerance?: number | undefined
  /** A weight for each row. */
  readonly sampleWeight?: ArrayInput | undefined
}

/** What {@link debug}.checkGradients found. */
export interface GradientReport {
  /** Whether all parameters agree, in the elements that were compared. */
  readonly agrees: boolean
  /** Elements that were compared, of all parameters. */
  readonly checked: number
  /** Elements that were left out, of all parameters: see {@link ParameterCheck.kinks}. */
  readonly kinks: number
  readonly loss: number
  readonly parameters: readonly ParameterCheck[]
}

/**
 * Compares the gradient of the loss by every parameter that learns with central differences of the loss, on a copy of the
 * model: with dropout as in the training pass, as one batch. Losses are float32, which leaves about three digits. Near a kink, as
 * those of ReLU, differences say nothing: an element is compared only where the loss is smooth around it, and the report says how
 * many were left out (`kinks`), a few of a hundred in most ReLU networks and more of them the more rows and units there are.
 * Changes nothing, and does not throw where gradients differ: the report says which.
 *
 * @param model - Built and compiled.
 * @param x - Rows of input, shape [n, ...inputShape]; a few are enough.
 * @param y - Their targets.
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
  // biome-ignore lint/suspicious/noExplicitAny: a model of any shapes and keys.
  model: Sequential<any, any, any>,
  x: ArrayInput,
  y: ArrayInput,
  given?: CheckGradientsOptions,
): Promise<GradientReport> {
  const options = checkOptions(given, ['samples', 'tolerance', 'sampleWeight'], 'checkGradients')
  const samples = checkInteger(options.samples ?? 16, 'samples')
  const tolerance = checkDouble(options.tolerance ?? 0.01, 'tolerance', 0)
  const core = coreOf(model)
  core.checkCompiled()
  core.checkIdle('its gradients cannot be checked')
  buildFrom(core, x)
  const copy = copyOf(core)
  try {
    const input = takeInput(x, core.built().inputShape, 'x')
    const targets = core.readTargets(y, input.rows, 'y', { sampleWeight: options.sampleWeight })
    const probe = new Probe(core, copy, copy.bind(input, targets), input.rows)
    const parameters = await compareGradients(probe, await probe.gradients(), { samples, tolerance })
    return {
      agrees: parameters.every(({ agrees }) => agrees),
      checked: parameters.reduce((sum, { checked }) => sum + checked, 0),
      kinks: parameters.reduce((sum, { kinks }) => sum + kinks, 0),
      loss: await probe.loss(),
      parameters,
    }
  } finally {
    copy.dispose()
  }
}

/** Tools for finding mistakes. */
export const debug = {
  checkGradients,
} as const

guardArity(debug, 'debug')
