/** Compiles models: checks the options of compile(). */

import { checkInteger, checkOptions } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { checkPrecision, chooseDevice } from '../core/devices.js'
import { toLoss } from '../training/losses.js'
import { type MetricLike, toMetricLists } from '../training/metrics.js'
import { toOptimizer } from '../training/optimizers.js'
import type { CompileOptions } from './sequentialOptions.js'

const optionNames = ['optimizer', 'loss', 'metrics', 'weightedMetrics', 'device', 'threads', 'precision']

/** Sets loss, optimizer, metrics and device of a model, see {@link Sequential.compile}. */
export function compileWith<Metrics extends readonly MetricLike[], Weighted extends readonly MetricLike[]>(
  core: ModelCore,
  options: CompileOptions<Metrics, Weighted>,
): void {
  const checked = checkOptions(options, optionNames, 'compile')
  const settings = {
    optimizer: toOptimizer(checked.optimizer ?? 'sgd', 'optimizer'),
    loss: toLoss(checked.loss, 'loss'),
    ...toMetricLists(checked.metrics, checked.weightedMetrics),
  }
  const threads = checked.threads === undefined ? 0 : checkInteger(checked.threads, 'threads')
  const device = chooseDevice(checked.device)
  core.compile(settings, { device, threads, precision: checkPrecision(checked.precision, device) })
}
