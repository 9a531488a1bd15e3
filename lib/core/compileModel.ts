/** Compiles layers, loss and optimizer to the Plan, the description that the native code runs. */

import { NeurodeError } from '../base/errors.js'
import type { Plan, PlanOp } from '../native/plan.js'
import type { Loss, TargetKinds } from '../training/lossOptions.js'
import type { Metric, ResolvedMetric } from '../training/metricTable.js'
import type { Optimizer } from '../training/optimizers.js'
import { planUpdate } from '../training/updates.js'
import { checkMetrics } from './metricChecks.js'
import { type PlanSeeds, planLayers } from './planLayers.js'
import type { ModelShapes } from './shapes.js'

/** The checked arguments of compile(). */
export interface CompileSettings {
  readonly loss: Loss
  readonly optimizer: Optimizer
  readonly metrics: readonly Metric[]
  /** Metrics that apply the weights of rows. */
  readonly weightedMetrics: readonly Metric[]
}

/** Throws `ERR_NOT_COMPILED` if a custom loss or metric was not passed to load(). */
export function checkNoneMissing(model: string, { loss, metrics, weightedMetrics }: CompileSettings): void {
  const own = [...metrics, ...weightedMetrics].filter(({ missing }) => missing)
  if (!loss.missing && own.length === 0) return
  const parts = [...(loss.missing ? [loss] : []), ...own].map(({ kind, name }) => `${kind} '${name}'`).join(', ')
  const options = [...(loss.missing ? ['losses'] : []), ...(own.length > 0 ? ['metrics'] : [])]
  const remedy = `load(path, { ${options.map((option) => `${option}: […]`).join(', ')} }) gives them back`
  const text = `model '${model}' was loaded without what was its own: ${parts}`
  throw new NeurodeError('ERR_NOT_COMPILED', `${text}; ${remedy}, and compile() replaces them`)
}

/** Loss and metrics, fitted to the outputs of one model. */
export interface TrainingSetup {
  readonly settings: CompileSettings
  /** All metrics; those that apply the weights of rows come last. */
  readonly metrics: readonly ResolvedMetric[]
  /** Whether native code returns the rows of outputs, as the loss or a metric is computed from them in TypeScript. */
  readonly captures: boolean
  /** The kinds of targets that the loss and all metrics accept. */
  readonly targets: TargetKinds
  /** Whether class indices are converted to one-hot rows: the loss takes class indices but a metric does not. */
  readonly oneHot: boolean
}

/** Fits loss and metrics to a model's outputs. Throws `ERR_SHAPE` or `ERR_ARGUMENT` if they do not match the outputs or each other. */
export function setUpTraining(settings: CompileSettings, shapes: ModelShapes): TrainingSetup {
  if (shapes.heads.length > 1) {
    const text = `compile: expected a model of one output, got ${shapes.heads.length}`
    throw new NeurodeError('ERR_ARGUMENT', `${text}: several outputs cannot be trained yet`)
  }
  const { loss } = settings
  if (shapes.outputShape.length === 0) {
    const got = `got shape []; put layers.flatten() at the end`
    throw new NeurodeError('ERR_SHAPE', `loss: expected a model whose output has dimensions, ${got}`)
  }
  const { outputs } = shapes
  const own = [...settings.metrics, ...settings.weightedMetrics]
  const resolve = (weighted: boolean) => (metric: Metric) => ({ ...metric.resolve(outputs, loss), weighted })
  const metrics = [...settings.metrics.map(resolve(false)), ...settings.weightedMetrics.map(resolve(true))]
  const parts = [
    { text: `loss '${loss.name}'`, ...loss },
    ...metrics.map((metric) => ({ text: `metric '${metric.key}'`, ...metric })),
  ]
  for (const { text, leastOutputs } of parts) {
    if (outputs >= leastOutputs) continue
    const hint = "; for one output use 'binaryCrossentropy' and 'binaryAccuracy'"
    throw new NeurodeError('ERR_SHAPE', `${text}: expected a model with several outputs, got 1${hint}`)
  }
  checkMetrics(own, loss, shapes.heads[0]?.ending ?? [], outputs)
  const onlyRows = parts.find(({ targets }) => !targets.classes)
  const onlyClasses = parts.find(({ targets }) => !targets.rows)
  if (onlyRows && onlyClasses) {
    const text = `${onlyClasses.text} reads class indices and ${onlyRows.text} rows of outputs`
    throw new NeurodeError('ERR_ARGUMENT', `metrics: ${text}: no targets serve both`)
  }
  return {
    settings,
    metrics,
    captures: loss.custom !== undefined || metrics.some(({ state }) => state !== undefined),
    targets: { rows: onlyClasses === undefined, classes: loss.targets.classes },
    oneHot: onlyRows !== undefined && loss.targets.classes,
  }
}

/** The Plan of a model; without `training` it can only predict. */
export function compileModel(shapes: ModelShapes, seeds: PlanSeeds, training: TrainingSetup | undefined): Plan {
  const plan = { inputSize: shapes.inputSize, ...planLayers(shapes, seeds, training?.settings.optimizer.update ?? {}) }
  if (training === undefined) return plan
  const { loss, optimizer } = training.settings
  const rows = training.metrics.filter(({ op }) => op !== undefined)
  return {
    ...plan,
    training: {
      heads: [
        {
          loss: loss.op,
          reduction: loss.reduction === 'meanWithSampleWeight' ? 'weightedMean' : loss.reduction,
          metrics: rows.map(({ op }) => op as PlanOp),
          ...(shapes.positions > 1 ? { positions: shapes.positions } : {}),
          weightedFrom: rows.filter(({ weighted }) => !weighted).length,
        },
      ],
      captures: training.captures,
      optimizer: optimizer.op,
      weightDecay: optimizer.weightDecay,
      ...planUpdate(optimizer.update),
    },
  }
}
