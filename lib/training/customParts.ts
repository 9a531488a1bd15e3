/** Custom losses and metrics that are passed to load(), as model files contain only their names. */

import { NeurodeError } from '../base/errors.js'
import { isMade } from '../checks/made.js'
import { checkRecord, refuse } from '../checks/validate.js'
import { type CustomMetricOptions, customId } from './customMetric.js'
import { losses } from './losses.js'
import type { CustomLossOptions, Loss } from './lossOptions.js'
import { metrics } from './metrics.js'
import type { Metric } from './metricTable.js'

/** Custom losses: a list of results of `losses.custom`, or an object by name of such losses or their `compute` functions. */
export type CustomLosses = readonly Loss[] | Readonly<Record<string, Loss | CustomLossOptions['compute']>>

/** Custom metrics: a list of results of `metrics.custom`, or an object by name of such metrics or their `rows` functions. */
export type CustomMetrics =
  | readonly Metric[]
  | Readonly<Record<string, Metric | NonNullable<CustomMetricOptions['rows']>>>

/** Custom losses and metrics by name; there may be more than a model needs. */
export interface CustomParts {
  readonly losses: ReadonlyMap<string, Loss>
  readonly metrics: ReadonlyMap<string, Metric>
}

/** Reads the custom losses and metrics of {@link LoadOptions}. */
export function toCustomParts(given: {
  readonly losses?: CustomLosses | undefined
  readonly metrics?: CustomMetrics | undefined
}): CustomParts {
  const isLoss = (value: Partial<Loss>): value is Loss =>
    isMade(value) && value.kind === 'loss' && value.custom !== undefined && value.missing !== true
  const isMetric = (value: Partial<Metric>): value is Metric =>
    isMade(value) && value.kind === 'metric' && value.id === customId && value.missing !== true
  return {
    losses: byName(given.losses, 'losses', isLoss, (name, compute) => losses.custom({ name, compute } as never)),
    metrics: byName(given.metrics, 'metrics', isMetric, (name, rows) => metrics.custom({ name, rows } as never)),
  }
}

function byName<T extends { readonly name: string }>(
  given: unknown,
  argument: 'losses' | 'metrics',
  isOwn: (value: object) => value is T,
  make: (name: string, compute: unknown) => T,
): Map<string, T> {
  if (given === undefined) return new Map()
  if (typeof given === 'object' && given !== null && isOwn(given)) return new Map([[given.name, given]])
  const own = (value: unknown, at: string, name?: string): [string, T] => {
    const part = typeof value === 'function' && name !== undefined ? make(name, value) : value
    if (typeof part !== 'object' || part === null || !isOwn(part)) {
      return refuse(at, `what ${argument}.custom gives${name === undefined ? '' : ', or its function'}`, value)
    }
    if (name === undefined || part.name === name) return [part.name, part]
    const text = `${at}: expected one whose name is '${name}', got one called '${part.name}'`
    throw new NeurodeError('ERR_ARGUMENT', text)
  }
  if (Array.isArray(given)) return new Map(given.map((value, i) => own(value, `${argument}[${i}]`)))
  const record = checkRecord(given, argument, `a list of ${argument}.custom(…), or functions by name`)
  return new Map(Object.entries(record).map(([name, value]) => own(value, `${argument}['${name}']`, name)))
}
