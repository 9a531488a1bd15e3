/** Compiles layers, losses and optimizer to the Plan, the description that the native code runs. */

import { NeurodeError } from '../base/errors.js'
import { type DataParallel, partsOf } from '../distribution/dataParallel.js'
import type { Cluster } from '../distribution/ranks.js'
import type { Plan, PlanHead, PlanLayer, PlanOp, PlanParts } from '../native/plan.js'
import type { Loss } from '../training/lossOptions.js'
import type { Metric } from '../training/metricTable.js'
import type { Optimizer } from '../training/optimizers.js'
import { planUpdate } from '../training/updates.js'
import { type HeadSettings, type HeadSetup, setUpHead } from './headSetup.js'
import { type PlanSeeds, planLayers } from './planLayers.js'
import type { ModelShapes } from './shapes.js'

/** The checked arguments of compile(). */
export interface CompileSettings {
  readonly optimizer: Optimizer
  /** What each output was compiled with, in the order of the outputs. */
  readonly heads: readonly HeadSettings[]
  /** How batches are divided, if they are. */
  readonly distribution?: DataParallel | undefined
}

/** Throws `ERR_NOT_COMPILED` if a custom loss or metric was not passed to load(). */
export function checkNoneMissing(model: string, { heads }: CompileSettings): void {
  const missing = (parts: readonly (Loss | Metric | undefined)[]) =>
    new Set(parts.flatMap((part) => (part?.missing ? `${part.kind} '${part.name}'` : [])))
  const losses = missing(heads.map(({ loss }) => loss))
  const own = missing(heads.flatMap(({ metrics, weightedMetrics }) => [...metrics, ...weightedMetrics]))
  if (losses.size === 0 && own.size === 0) return
  const parts = [...losses, ...own].join(', ')
  const options = [...(losses.size > 0 ? ['losses'] : []), ...(own.size > 0 ? ['metrics'] : [])]
  const remedy = `load(path, { ${options.map((option) => `${option}: […]`).join(', ')} }) gives them back`
  const text = `model '${model}' was loaded without what was its own: ${parts}`
  throw new NeurodeError('ERR_NOT_COMPILED', `${text}; ${remedy}, and compile() replaces them`)
}

/** Losses and metrics, fitted to the outputs of one model. */
export interface TrainingSetup {
  readonly settings: CompileSettings
  readonly heads: readonly HeadSetup[]
  /** The keys of logs: `loss`, the losses of the outputs where there are several, and all metrics. */
  readonly keys: readonly string[]
  /** Whether native code returns the rows of outputs, as a loss or a metric is computed from them in TypeScript. */
  readonly captures: boolean
  /** Whether a loss is computed in TypeScript. */
  readonly hasCustomLoss: boolean
}

/** Fits losses and metrics to a model's outputs. Throws `ERR_SHAPE` or `ERR_ARGUMENT` if they do not match the outputs or each other. */
export function setUpTraining(settings: CompileSettings, shapes: ModelShapes): TrainingSetup {
  const { heads: outputs } = shapes
  if (settings.heads.length !== outputs.length) {
    const text = `expected a model of ${settings.heads.length} outputs, as it was compiled, got ${outputs.length}`
    throw new NeurodeError('ERR_ARGUMENT', text)
  }
  const losses = settings.heads.filter(({ loss }) => loss !== undefined).length
  if (losses === 0) throw new NeurodeError('ERR_ARGUMENT', 'loss: expected a loss of one output at least, got none')
  const heads = settings.heads.map((own, i) => {
    return setUpHead(own, outputs[i] as (typeof outputs)[number], { several: outputs.length > 1, losses })
  })
  const lossKeys = heads.flatMap(({ lossKey }) => lossKey ?? [])
  const keys = ['loss', ...lossKeys, ...heads.flatMap(({ metrics }) => metrics.map(({ key }) => key))]
  const bad = keys.find((key, i) => keys.indexOf(key) < i || key.startsWith('val_'))
  if (bad !== undefined) {
    const text = "compile: expected outputs and metrics whose keys in the logs differ, and do not begin with 'val_'"
    throw new NeurodeError('ERR_ARGUMENT', `${text}, which validation has, got '${bad}'`)
  }
  const hasCustomLoss = heads.some(({ loss }) => loss?.custom !== undefined)
  const hasStates = heads.some(({ metrics }) => metrics.some(({ state }) => state !== undefined))
  return { settings, heads, keys, captures: hasCustomLoss || hasStates, hasCustomLoss }
}

/** The Plan of a model; without `training` it can only predict. */
export function compileModel(
  shapes: ModelShapes,
  seeds: PlanSeeds,
  training: TrainingSetup | undefined,
  { rank, size }: Pick<Cluster, 'rank' | 'size'> = { rank: 0, size: 1 },
): Plan {
  const { values, ...layers } = planLayers(shapes, seeds, training?.settings.optimizer.update ?? {})
  const plan = { inputSize: shapes.inputSize, ...layers }
  if (training === undefined) return plan
  const { optimizer, distribution } = training.settings
  const parts = distribution && partsOf(distribution, rank, size)
  if (optimizer.lazy) for (const layer of plan.layers) refuseRules(layer, parts)
  return {
    ...plan,
    training: {
      heads: training.heads.map((head, i) => planHead(head, training.heads.length > 1 ? values[i] : undefined)),
      captures: training.captures,
      optimizer: optimizer.op,
      weightDecay: optimizer.weightDecay,
      ...planUpdate(optimizer.update),
      ...(optimizer.lazy ? { lazy: true } : {}),
      ...(parts === undefined ? {} : { parts }),
    },
  }
}

/** Steps that change only the vectors that their batches name know no rule of all vectors, and not what other parts name. */
function refuseRules(layer: PlanLayer, parts: PlanParts | undefined): void {
  if (layer.kind !== 'embedding') return
  if (parts !== undefined) {
    const text = `layer '${layer.name}': expected another optimizer than lazyAdam with parts of a batch`
    throw new NeurodeError(
      'ERR_ARGUMENT',
      `${text}, as each part knows only the vectors that occur in it; got lazyAdam`,
    )
  }
  for (const rule of ['regularizer', 'constraint'] as const) {
    if (layer.kernel[rule] === undefined) continue
    const text = `layer '${layer.name}': expected no ${rule} of the embeddings with the optimizer lazyAdam`
    throw new NeurodeError('ERR_ARGUMENT', `${text}, which changes only the vectors that occur in a batch`)
  }
}

/** Describes one of several outputs by its value in the Plan; that of an only output is known. */
function planHead({ head, loss, lossWeight, metrics }: HeadSetup, value: number | undefined): PlanHead {
  const rows = metrics.filter(({ op }) => op !== undefined)
  const tallies = metrics.flatMap(({ tally, weighted }) => (tally ? { ...tally.plan, weighted } : []))
  const { reduction = 'mean' } = loss ?? {}
  return {
    ...(value === undefined ? {} : { value }),
    ...(head.positions > 1 ? { positions: head.positions } : {}),
    ...(loss === undefined ? {} : { loss: loss.op }),
    ...(lossWeight === 1 ? {} : { lossWeight }),
    reduction: reduction === 'meanWithSampleWeight' ? 'weightedMean' : reduction,
    metrics: rows.map(({ op }) => op as PlanOp),
    ...(tallies.length === 0 ? {} : { tallies }),
    weightedFrom: rows.filter(({ weighted }) => !weighted).length,
  }
}
