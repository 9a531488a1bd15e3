/** Steps of the optimizer by gradients that callers give: applyGradients and trainWithOutputGradients. */

import { NeurodeError } from '../base/errors.js'
import { checkBoolean, checkOptions, refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { buildFrom, takeRowsOf } from '../core/inputs.js'
import { behindTurns, mustWait } from '../core/turns.js'
import { stride } from '../feeds/captures.js'
import { VectorTable } from '../layers/embedding.js'
import { working } from '../native/working.js'
import { learningRates } from '../training/optimizers.js'
import { checkNoFit } from './compute.js'
import { arraysOfStep, readGradients, siblingOfStep } from './gradients.js'
import { capturedOutputs, noTargets, readOutputGradients } from './outputs.js'
import { BoundRows } from './pass.js'
import { steppingSibling } from './siblings.js'

/** Options of {@link Model.applyGradients}. */
export interface ApplyGradientsOptions {
  /**
   * Whether gradients that are not finite leave out the step, and are no error; default false. No weight, no variable of the optimizer
   * and no count of steps changes then.
   */
  readonly skipNonFinite?: boolean | undefined
}

/** What {@link Model.applyGradients} did. */
export interface AppliedGradients {
  /** Whether the step was taken. */
  readonly applied: boolean
  /** How many values of the gradients were NaN or infinite. */
  readonly nonFinite: number
}

/** See {@link Model.applyGradients}. */
export async function applyGradients(
  core: ModelCore,
  gradients: unknown,
  given: ApplyGradientsOptions | undefined,
): Promise<AppliedGradients> {
  core.checkCompiled()
  checkNoFit(core, 'applyGradients')
  const options = checkOptions(given, ['skipNonFinite'], 'applyGradients')
  const skips = checkBoolean(options.skipNonFinite ?? false, 'skipNonFinite')
  core.training()
  refuseLazy(core)
  // Without a wait the native model takes or copies them within this call.
  const read = readGradients(core, gradients, mustWait(core))
  const { nonFinite } = read
  if (nonFinite > 0) {
    if (skips) return { applied: false, nonFinite }
    throw new NeurodeError('ERR_ARGUMENT', `${read.complaint}; skipNonFinite leaves out such steps`)
  }
  const arrays = arraysOfStep(core, gradients, read)
  await behindTurns(core, () =>
    countStep(core, async ([rate]) => {
      core.checkAlive()
      const { model } = siblingOfStep(core, read.ofAll)
      core.trains()
      await working(model, (here) => model.applyGradients(arrays, rate as number, here))
    }),
  )
  return { applied: true, nonFinite }
}

/** Gradients of a whole table do not say which of its vectors occurred. */
function refuseLazy(core: ModelCore): void {
  if (core.settings?.optimizer.lazy !== true) return
  const table = core.built().layers.find(({ layer }) => layer instanceof VectorTable)
  if (table === undefined) return
  const text = `applyGradients: layer '${table.name}': expected an optimizer that changes all vectors, got lazyAdam`
  throw new NeurodeError('ERR_ARGUMENT', `${text}, which has to know those that occur in a batch`)
}

/** See {@link Model.trainWithOutputGradients}. */
export async function trainWithOutputGradients(core: ModelCore, x: unknown, gradientsOf: unknown): Promise<void> {
  core.checkCompiled()
  checkNoFit(core, 'trainWithOutputGradients')
  if (typeof gradientsOf !== 'function') {
    refuse('trainWithOutputGradients', 'a function of the outputs that returns their gradients', gradientsOf)
  }
  buildFrom(core, x)
  core.training()
  const input = takeRowsOf(core, x, 'x')
  const bound = new BoundRows(core, () => steppingSibling(core), input, noTargets(core, input.rows))
  try {
    const change = changesOf(core)
    const captured = new Float32Array(input.rows * stride(core))
    await bound.run({ captured })
    const returned: unknown = await gradientsOf(capturedOutputs(core, captured))
    checkNoFit(core, 'trainWithOutputGradients')
    const changed = change()
    if (changed !== undefined) {
      const text = `model '${core.name}' ${changed} while the function ran`
      throw new NeurodeError('ERR_MODEL_BUSY', `${text}: its gradients are those of outputs before that`)
    }
    const gradients = readOutputGradients(core, returned, input.rows, 'the gradients that the function returned')
    await countStep(core, (rates) => {
      core.trains()
      return bound.run({ gradients, update: true }, rates)
    })
  } finally {
    bound.release()
  }
}

/** Tells what happened to a model since, after which gradients of its outputs are no longer those of the model. */
function changesOf(core: ModelCore): () => string | undefined {
  const { step, stack, settings } = core
  return () => {
    if (core.stack !== stack) return 'got other layers'
    if (core.settings !== settings) return 'was compiled'
    return core.step === step ? undefined : 'took another step'
  }
}

/** Runs a step with its learning rate. It counts before it is done, so that a step queued behind it takes the rate of the step after. */
async function countStep(core: ModelCore, step: (rates: Float32Array) => Promise<unknown>): Promise<void> {
  const rates = learningRates(core.training().settings.optimizer, core.step, 1)
  core.step++
  let isDone = false
  try {
    await step(rates)
    isDone = true
  } finally {
    if (!isDone) core.step--
  }
}
