/** Fits loss and metrics to one output of a model. */

import { NeurodeError } from '../base/errors.js'
import type { Loss, TargetKinds } from '../training/lossOptions.js'
import type { Metric, ResolvedMetric } from '../training/metricTable.js'
import { checkMetrics } from './metricChecks.js'
import type { ModelHead } from './shapes.js'

/** What one output was compiled with. */
export interface HeadSettings {
  readonly loss: Loss | undefined
  /** What the loss counts in that of the model. */
  readonly lossWeight: number
  readonly metrics: readonly Metric[]
  /** Metrics that apply the weights of rows. */
  readonly weightedMetrics: readonly Metric[]
}

/** A metric of one output. */
export interface HeadMetric extends ResolvedMetric {
  /** Which metric it is, as {@link Metric.id}. */
  readonly id: string
}

/** One output with its loss and its metrics. */
export interface HeadSetup {
  readonly head: ModelHead
  readonly loss: Loss | undefined
  readonly lossWeight: number
  /** The key of its loss in the logs; undefined for the only loss, which is that of the model. */
  readonly lossKey: string | undefined
  /** All metrics; those that apply the weights of rows come last. */
  readonly metrics: readonly HeadMetric[]
  /** The kinds of targets that the loss and all metrics accept. */
  readonly targets: TargetKinds
  /** Whether class indices are converted to one-hot rows: the loss takes class indices but a metric does not. */
  readonly oneHot: boolean
  /** The width of targets that native code does not read, as the loss takes others than there are outputs. */
  readonly rawWidth: number | undefined
  /** What messages begin with that are about one of several outputs. */
  readonly prefix: string
}

/** How many outputs a model has, and how many losses. */
interface Others {
  readonly several: boolean
  readonly losses: number
}

/** Whether metrics read class indices where there is no loss: if one is of classes, or none of values. */
function areOfClasses(metrics: readonly HeadMetric[]): boolean {
  const isOfClasses = ({ targets, leastOutputs }: HeadMetric) => targets.classes && leastOutputs > 1
  return metrics.some(isOfClasses) || metrics.every(({ targets, ofValues }) => targets.classes && !ofValues)
}

/** Whether nothing reads the targets of an output. */
export function readsNoTargets({ loss, metrics }: HeadSetup): boolean {
  return loss === undefined && metrics.length === 0
}

/** Throws `ERR_SHAPE` or `ERR_ARGUMENT` if loss and metrics do not match the output or each other. */
export function setUpHead(settings: HeadSettings, head: ModelHead, { several, losses }: Others): HeadSetup {
  const { loss, lossWeight } = settings
  const { outputs, name } = head
  const prefix = several ? `output '${name}': ` : ''
  if (head.shape.length === 0) {
    const expected = several ? 'an output with dimensions' : 'a model whose output has dimensions'
    const got = `got shape []; put layers.flatten() at the end`
    throw new NeurodeError('ERR_SHAPE', `${prefix}loss: expected ${expected}, ${got}`)
  }
  const plain = new Set(settings.metrics.map((metric) => metric.name))
  const keyOf = (key: string, weighted: boolean) =>
    several ? `${name}_${weighted && plain.has(key) ? `weighted_${key}` : key}` : key
  const resolve =
    (weighted: boolean) =>
    (metric: Metric): HeadMetric => {
      const resolved = metric.resolve(outputs)
      return { ...resolved, id: metric.id, key: keyOf(resolved.key, weighted), weighted }
    }
  const metrics = [...settings.metrics.map(resolve(false)), ...settings.weightedMetrics.map(resolve(true))]
  const parts = [
    ...(loss === undefined ? [] : [{ text: `loss '${loss.name}'`, ...loss }]),
    ...metrics.map((metric) => ({ text: `metric '${metric.key}'`, ...metric })),
  ]
  for (const { text, leastOutputs } of parts) {
    if (outputs >= leastOutputs) continue
    const expected = several ? 'several values in a row' : 'a model with several outputs'
    const hint = "; for one output use 'binaryCrossentropy' and 'binaryAccuracy'"
    throw new NeurodeError('ERR_SHAPE', `${prefix}${text}: expected ${expected}, got 1${hint}`)
  }
  checkMetrics([...settings.metrics, ...settings.weightedMetrics], loss, head, prefix)
  const common = { head, loss, lossWeight, metrics, prefix }
  const lossKey = several && loss !== undefined && losses > 1 ? `${name}_loss` : undefined
  if (loss?.targetWidth !== undefined && loss.targetWidth !== outputs) {
    const rawWidth = loss.targetWidth
    const classes = readClasses(metrics, loss, head, prefix)
    return { ...common, lossKey, targets: { rows: false, classes }, oneHot: false, rawWidth }
  }
  const onlyRows = parts.find(({ targets }) => !targets.classes)
  const onlyClasses = parts.find(({ targets }) => !targets.rows)
  if (onlyRows && onlyClasses) {
    const text = `${onlyClasses.text} reads class indices and ${onlyRows.text} rows of outputs`
    throw new NeurodeError('ERR_ARGUMENT', `${prefix}metrics: ${text}: no targets serve both`)
  }
  const classes = loss?.targets.classes ?? areOfClasses(metrics)
  return {
    ...common,
    lossKey,
    targets: { rows: onlyClasses === undefined, classes },
    oneHot: onlyRows !== undefined && classes,
    rawWidth: undefined,
  }
}

/** Whether built-in metrics read class indices beside a loss of other targets than there are outputs. Throws `ERR_ARGUMENT` for others. */
function readClasses(
  metrics: readonly HeadMetric[],
  { name, targetWidth }: Loss,
  { outputs }: ModelHead,
  prefix: string,
): boolean {
  const readers = metrics.filter(({ isCustom, ofOutputs }) => !isCustom && !ofOutputs)
  const wrong = readers.find(({ targets, ofValues }) => targetWidth !== 1 || !targets.classes || ofValues)
  if (wrong === undefined) return readers.length > 0
  const text = `metric '${wrong.key}': expected one that reads the targets of loss '${name}', ${targetWidth} a row`
  const advice = 'metrics.custom gets them as they are'
  throw new NeurodeError(
    'ERR_ARGUMENT',
    `${prefix}${text}, got one that reads ${outputs}, as many as outputs; ${advice}`,
  )
}
