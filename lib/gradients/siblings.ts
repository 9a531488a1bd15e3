/** Native models that compute gradients: siblings of a model's own, over the same weights. */

import type { TrainingSetup } from '../core/compileModel.js'
import type { ModelCore } from '../core/core.js'
import { isParameter } from '../core/planLayers.js'
import type { NativeModel } from '../native/addon.js'
import type { Plan, PlanLayer } from '../native/plan.js'
import { losses } from '../training/losses.js'
import { optimizers } from '../training/optimizers.js'

/** How gradients are computed. */
export interface Computation {
  /** Whether layers compute as in training: with noise, by statistics of the batch. */
  readonly training: boolean
  /** Whether gradients of the inputs are computed as well. */
  readonly inputs: boolean
}

/** A native model that computes gradients, and of which parameters: those that its steps change. */
export interface Sibling {
  readonly model: NativeModel
  readonly learns: readonly boolean[]
}

const learnedBy = new WeakMap<NativeModel, readonly boolean[]>()

function sibling(core: ModelCore, purpose: string, plan: () => Plan): Sibling {
  const model = core.sibling(purpose, plan)
  let learns = learnedBy.get(model)
  if (learns === undefined) {
    learns = model.parameters.map((parameter) => parameter.learns)
    learnedBy.set(model, learns)
  }
  return { model, learns }
}

/** Computes gradients of the loss that the model was compiled with, and takes steps from gradients. */
export function siblingOfLoss(core: ModelCore, computation: Computation): Sibling {
  return sibling(core, purposeOf('loss', computation), () => withGradients(planOfLoss(core), computation))
}

/** The Plan that the model was compiled to, without metrics. */
export function planOfLoss(core: ModelCore): Plan {
  const training = core.training()
  const heads = training.heads.map((head) => ({ ...head, metrics: [] }))
  return core.plan({ ...training, heads, captures: true })
}

/** Computes gradients of the weights and the inputs from gradients of the outputs, without penalties. */
export function siblingOfOutputs(core: ModelCore, computation: Computation): Sibling {
  return sibling(core, purposeOf('outputs', computation), () => {
    return withGradients(withoutPenalties(core.plan(setupOfOutputs(core))), computation)
  })
}

/** Takes steps by gradients of the outputs. Penalties add theirs. */
export function steppingSibling(core: ModelCore): Sibling {
  return sibling(core, 'steps', () => core.plan(setupOfOutputs(core)))
}

/** Takes steps from gradients of all weights that are trained, also of those on which no loss depends. */
export function siblingOfAll(core: ModelCore): Sibling {
  return sibling(core, 'all', () => {
    return withGradients(core.plan(setupOfOutputs(core)), { training: true, inputs: false })
  })
}

function purposeOf(of: string, { training, inputs }: Computation): string {
  return `${of}${training ? '' : ', inference'}${inputs ? ', inputs' : ''}`
}

/** Gradients of the outputs are given: each output has the loss whose gradient they are. */
const given = losses.custom({ name: 'given', compute: () => ({ loss: 0, gradient: [] }) })

function setupOfOutputs(core: ModelCore): TrainingSetup {
  const heads = core.built().heads.map((head) => ({
    head,
    loss: given,
    lossWeight: 1,
    lossKey: undefined,
    metrics: [],
    targets: given.targets,
    oneHot: false,
    rawWidth: undefined,
    prefix: '',
  }))
  const settings = core.settings ?? { optimizer: optimizers.sgd(), heads: [] }
  return { settings, heads, keys: [], captures: true, hasCustomLoss: true }
}

/** The Plan of a model that computes gradients. */
export function withGradients(plan: Plan, { training, inputs }: Computation): Plan {
  return {
    ...plan,
    training: {
      ...(plan.training as NonNullable<Plan['training']>),
      gradients: true,
      inputGradients: inputs,
      inference: !training,
    },
  }
}

function withoutPenalties(plan: Plan): Plan {
  const layers = plan.layers.map((layer): PlanLayer => {
    if (layer.kind === 'activityPenalty') {
      const { regularizer: _, ...rest } = layer
      return { ...rest, kind: 'activation', activation: { name: 'linear', params: [] } }
    }
    const members = Object.entries(layer).map(([key, value]: [string, unknown]) => {
      return [key, isParameter(value) ? { ...value, regularizer: undefined } : value]
    })
    return Object.fromEntries(members) as PlanLayer
  })
  return { ...plan, layers }
}
