/** Compiles layers, loss and optimizer to the Plan, the description that the native code runs. Shapes are inferred here. */

import { elementCount, formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { deriveSeed } from '../base/seeds.js'
import type { Layer, ParameterSpec, Shape } from '../layers/layer.js'
import type { Plan, PlanLayer, PlanOp } from '../native/plan.js'
import type { Loss, TargetKinds } from '../training/lossOptions.js'
import type { Metric, ResolvedMetric } from '../training/metricTable.js'
import type { Optimizer } from '../training/optimizers.js'
import { decays, planUpdate } from '../training/updates.js'
import { checkMetrics } from './metricChecks.js'

/** The shapes of a model whose input is known. */
export interface ModelShapes {
  readonly inputShape: Shape
  readonly outputShape: Shape
  /** Numbers in one row of input, and in one row of output. */
  readonly inputSize: number
  readonly outputSize: number
  /** Size of the last dimension of the output, over which the loss is computed, and the product of the others. */
  readonly outputs: number
  readonly positions: number
  readonly layers: readonly LayerShapes[]
}

interface LayerShapes {
  readonly layer: Layer
  readonly inputShape: Shape
  readonly outputShape: Shape
  readonly parameters: readonly ParameterSpec[]
}

/** Infers the shapes of all layers from the input's shape. Throws `ERR_SHAPE` if a layer does not take its input's shape. */
export function inferShapes(layers: readonly Layer[], inputShape: Shape): ModelShapes {
  let shape = inputShape
  checkSize(inputShape, 'inputShape')
  const shapes = layers.map((layer): LayerShapes => {
    const expected = layer.inputShape
    if (expected !== undefined && formatShape(expected) !== formatShape(shape)) {
      const text = `layer '${layer.name}': its inputShape is ${formatShape(expected)}`
      throw new NeurodeError('ERR_SHAPE', `${text}, but what comes before it gives ${formatShape(shape)}`)
    }
    const input = shape
    shape = layer.computeOutputShape(input)
    checkSize(shape, `layer '${layer.name}': its output`)
    return { layer, inputShape: input, outputShape: shape, parameters: layer.parameters(input) }
  })
  return {
    inputShape,
    outputShape: shape,
    inputSize: elementCount(inputShape),
    outputSize: elementCount(shape),
    outputs: shape.at(-1) ?? 1,
    positions: elementCount(shape.slice(0, -1)),
    layers: shapes,
  }
}

/** The most values that one row may have. */
const mostValues = 2 ** 28

function checkSize(shape: Shape, what: string): void {
  if (elementCount(shape) <= mostValues) return
  throw new NeurodeError('ERR_SHAPE', `${what}: expected at most ${mostValues} values a row, got ${formatShape(shape)}`)
}

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
  checkMetrics(
    own,
    loss,
    shapes.layers.map(({ layer }) => layer),
    outputs,
  )
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
export function compileModel(shapes: ModelShapes, seed: number, training: TrainingSetup | undefined): Plan {
  const settings = training?.settings.optimizer.update ?? {}
  const layers = shapes.layers.flatMap(({ layer, inputShape }, place) => {
    const { name, trainable } = layer
    const plan = layer.plan(inputShape, { name, seedFor: (purpose) => deriveSeed(seed, place, purpose) }) ?? []
    return [plan].flat().map((part) => {
      return { ...withDecay(part, (parameter) => decays(settings, `${name}/${parameter}`)), trainable }
    })
  })
  const embedding = layers.findIndex(({ kind }) => kind === 'embedding' || kind === 'encoding')
  if (embedding > 0) {
    const text = `layer '${layers[embedding]?.name}': expected integers, the model's input`
    throw new NeurodeError('ERR_ARGUMENT', `${text}, got what layer '${layers[embedding - 1]?.name}' computes`)
  }
  const plan = { inputSize: shapes.inputSize, layers: layers.length > 0 ? layers : [passThrough] }
  if (training === undefined) return plan
  const { loss, optimizer } = training.settings
  const rows = training.metrics.filter(({ op }) => op !== undefined)
  return {
    ...plan,
    training: {
      loss: loss.op,
      reduction: loss.reduction === 'meanWithSampleWeight' ? 'weightedMean' : loss.reduction,
      metrics: rows.map(({ op }) => op as PlanOp),
      ...(shapes.positions > 1 ? { positions: shapes.positions } : {}),
      weightedFrom: rows.filter(({ weighted }) => !weighted).length,
      captures: training.captures,
      optimizer: optimizer.op,
      weightDecay: optimizer.weightDecay,
      ...planUpdate(optimizer.update),
    },
  }
}

/** Marks every parameter of a layer's plan with whether weight decay applies to it. */
function withDecay(plan: PlanLayer, decays: (parameter: string) => boolean): PlanLayer {
  const entries = Object.entries(plan).map(([key, value]: [string, unknown]) => {
    const isParameter = typeof value === 'object' && value !== null && 'initializer' in value
    const name = isParameter && 'name' in value ? String(value.name) : key
    return [key, isParameter ? { ...value, decays: decays(name) } : value]
  })
  return Object.fromEntries(entries) as PlanLayer
}

const passThrough: PlanLayer = { kind: 'activation', name: 'linear', activation: { name: 'linear', params: [] } }
