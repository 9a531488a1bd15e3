/** Compiles models: checks the options of compile(). */

import { checkInteger, checkOptions } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { checkPrecision, chooseDevice, deviceFor } from '../core/devices.js'
import { toDataParallel } from '../distribution/dataParallel.js'
import { toOptimizer } from '../training/optimizers.js'
import { type GivenSettings, readHeadSettings, readSettings } from './headSettings.js'
import type { BaseCompileOptions } from './sequentialOptions.js'

const optionNames = [
  'optimizer',
  'loss',
  'metrics',
  'weightedMetrics',
  'device',
  'threads',
  'precision',
  'distribution',
]

/** Sets losses, optimizer, metrics and device of a model, see {@link Sequential.compile} and {@link Functional.compile}. */
export function compileWith(core: ModelCore, options: BaseCompileOptions & GivenSettings): void {
  const heads = core.stack.graph && core.built().heads
  const checked = checkOptions(options, heads ? [...optionNames, 'lossWeights'] : optionNames, 'compile')
  const settings = {
    optimizer: toOptimizer(checked.optimizer ?? 'sgd', 'optimizer'),
    heads: heads
      ? readHeadSettings(
          heads.map(({ name }) => name),
          checked,
        )
      : [readSettings(checked)],
    distribution: toDataParallel(checked.distribution, 'distribution'),
  }
  const threads = checked.threads === undefined ? 0 : checkInteger(checked.threads, 'threads')
  const device = deviceFor(settings.distribution, chooseDevice(checked.device))
  core.compile(settings, { device, threads, precision: checkPrecision(checked.precision, device) })
}
