/** Refuses options of metrics that do not fit the model, such as a class that it does not have. */

import { refuseUseless } from '../checks/validate.js'
import type { Range } from '../layers/activations.js'
import { deciding, rangeOf } from '../layers/outputRange.js'
import type { Loss } from '../training/lossOptions.js'
import type { Metric } from '../training/metricTable.js'
import type { ModelHead } from './shapes.js'

/** One output of a model, as far as its layers determine it. */
interface Outputs {
  readonly outputs: number
  /** The range of its values, if it is known. */
  readonly range: Range | undefined
}

type Check = (value: unknown, argument: string, model: Outputs, options: Metric['options']) => void

/** Losses for regression, not for classification. */
const regressions: ReadonlySet<string> = new Set([
  ...['meanSquaredError', 'meanAbsoluteError', 'sumSquaredError', 'meanAbsolutePercentageError'],
  ...['meanSquaredLogarithmicError', 'huber', 'logCosh', 'poisson'],
])

/** Checks by the name of an option. A top-k accuracy accepts any `k`: as in Keras, the default is 5 even for 3 classes. */
const checks: Readonly<Record<string, Check>> = {
  classId: (id, argument, { outputs }) => {
    const expected = `a class of this model's, 0 to ${outputs - 1}`
    if ((id as number) >= outputs) refuseUseless(argument, expected, id)
  },
  topK: (k, argument, { outputs }) => {
    if ((k as number) > outputs) refuseUseless(argument, `at most ${outputs}, the outputs of the model`, k)
  },
  threshold: (threshold, argument, { range }) => {
    const [low, high] = range ?? [-Infinity, Infinity]
    const isBounded = Number.isFinite(high - low)
    const isIn = (threshold as number) >= low && (threshold as number) <= high
    if (isBounded && !isIn) refuseUseless(argument, `a number from ${low} to ${high}, as the outputs`, threshold)
  },
  numClasses: (classes, argument, { outputs }) => {
    if (outputs > 1 && classes !== outputs) refuseUseless(argument, `${outputs}, the outputs of the model`, classes)
  },
  targetClassIds: (ids, argument, { outputs }, { numClasses }) => {
    const classes = Number(numClasses ?? Math.max(outputs, 2))
    const wrong = (ids as readonly number[]).find((id) => id >= classes)
    if (wrong !== undefined) refuseUseless(argument, `classes from 0 to ${classes - 1}`, wrong)
  },
  labelWeights: (weights, argument, { outputs }) => {
    const given = (weights as readonly number[]).length
    if (given !== outputs) refuseUseless(argument, `${outputs} numbers, one for each output`, weights)
  },
}

/** Throws `ERR_ARGUMENT` for metrics that have no meaning for an output of these layers with that loss. */
export function checkMetrics(
  metrics: readonly Metric[],
  loss: Loss | undefined,
  { outputs, ending }: ModelHead,
  prefix: string,
): void {
  const last = deciding(ending)
  const model = { outputs, range: last && rangeOf(last) }
  for (const metric of metrics) {
    for (const [name, value] of Object.entries(metric.options)) {
      if (value !== undefined) checks[name]?.(value, `${prefix}metrics.${metric.id}: ${name}`, model, metric.options)
    }
    if (metric.id === 'accuracy' && loss !== undefined) checkAccuracy(metric, loss, model, prefix)
  }
}

function checkAccuracy(metric: Metric, loss: Loss, { outputs, range }: Outputs, prefix: string): void {
  if (outputs > 1 || !regressions.has(loss.name) || range?.[1] !== Infinity) return
  const what = `a model that classifies: one output without an upper bound and loss '${loss.name}' are a regression`
  const remedy = "take 'mae' or 'r2Score', or metrics.binaryAccuracy() where targets are 0 and 1"
  refuseUseless(`${prefix}metric '${metric.name}'`, `${what}; ${remedy}`, metric.id)
}
