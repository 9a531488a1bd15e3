/** Reads the options of compile() that are given for all outputs of a model, or for each of them. */

import { isMade } from '../checks/made.js'
import { checkNumber, isPlain, refuse } from '../checks/validate.js'
import type { HeadSettings } from '../core/headSetup.js'
import { type OfOutput, ofOutputs } from '../core/ofOutputs.js'
import { toLoss } from '../training/losses.js'
import type { Loss } from '../training/lossOptions.js'
import { toMetricLists, toMetrics } from '../training/metrics.js'
import type { Metric } from '../training/metricTable.js'

/** The options that losses and metrics are read from. */
export interface GivenSettings {
  readonly loss?: unknown
  readonly lossWeights?: unknown
  readonly metrics?: unknown
  readonly weightedMetrics?: unknown
}

/** Settings of the only output of a chain of layers. */
export function readSettings({ loss, metrics, weightedMetrics }: GivenSettings): HeadSettings {
  return { loss: toLoss(loss as Loss, 'loss'), lossWeight: 1, ...toMetricLists(metrics as [], weightedMetrics as []) }
}

/** Settings of the outputs of a graph: one for all, a list in their order, or a record by name. */
export function readHeadSettings(names: readonly string[], given: GivenSettings): HeadSettings[] {
  const losses = lossesOf(names, given.loss)
  const weights = weightsOf(names, given.lossWeights)
  const metrics = metricsOf(names, given.metrics, 'metrics')
  const weighted = metricsOf(names, given.weightedMetrics, 'weightedMetrics')
  return names.map((_, i) => {
    const [plain, others] = [metrics[i], weighted[i]] as [OfOutput, OfOutput]
    const lists = names.length === 1 ? toMetricLists(plain.value as [], others.value as []) : listsOf(plain, others)
    return { loss: losses[i], lossWeight: weights[i] as number, ...lists }
  })
}

function listsOf(plain: OfOutput, weighted: OfOutput) {
  return { metrics: listOf(plain), weightedMetrics: listOf(weighted) }
}

function listOf({ value, argument }: OfOutput): readonly Metric[] {
  return toMetrics(value as [], argument)
}

/** Whether a value is a list or a record, and no object that a factory made. */
const isForEach = (value: unknown): value is object => Array.isArray(value) || (isPlain(value) && !isMade(value))

/** The loss of each output; undefined where it is null. A record must name every output, as in Keras. */
function lossesOf(names: readonly string[], given: unknown): (Loss | undefined)[] {
  if (!isForEach(given)) {
    const loss = toLoss(given as Loss, 'loss')
    return names.map(() => loss)
  }
  return ofOutputs(names, given, 'loss').map(({ value, argument }) => {
    if (value === null) return undefined
    return value === undefined ? refuse(argument, 'a loss, or null for none', value) : toLoss(value as Loss, argument)
  })
}

function weightsOf(names: readonly string[], given: unknown): number[] {
  if (!isForEach(given)) {
    const weight = given === undefined ? 1 : checkNumber(given, 'lossWeights')
    return names.map(() => weight)
  }
  return ofOutputs(names, given, 'lossWeights').map(({ value, argument }) => {
    return value === undefined || value === null ? 1 : checkNumber(value, argument)
  })
}

/** The metrics of each output, as a list that is not checked yet. A list for one output may be that of its metrics. */
function metricsOf(names: readonly string[], given: unknown, argument: string): OfOutput[] {
  const isEmpty = Array.isArray(given) && given.length === 0
  if (given === undefined || isEmpty) return names.map(() => ({ value: [], argument }))
  const isPlainList = Array.isArray(given) && !given.some((each) => each === null || Array.isArray(each))
  if (names.length === 1 && (isPlainList || !isForEach(given))) return [{ value: given, argument }]
  if (!isForEach(given)) refuse(argument, `a list for each output, in order or by name (${names.join(', ')})`, given)
  return ofOutputs(names, given, argument).map(({ value, argument: at }) => {
    return { value: value === undefined || value === null ? [] : Array.isArray(value) ? value : [value], argument: at }
  })
}
