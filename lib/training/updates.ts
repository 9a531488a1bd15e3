/** Options of every optimizer besides its formula: accumulation, clipping, weight decay, averaging of weights. */

import { checkBoolean, checkInteger, checkNumber, refuse, refuseIdle } from '../checks/validate.js'
import type { PlanUpdate } from '../native/plan.js'

/** Options of every optimizer besides the learning rate. They are applied in the order in which they are listed here. */
export interface UpdateOptions {
  /**
   * Number of batches whose gradients are averaged for one update; default 1. Schedules still count batches; the optimizer's own step
   * counts updates.
   */
  readonly gradientAccumulationSteps?: number | undefined
  /** Upper bound of the norm of each parameter's gradient; a gradient with a larger norm is scaled down. Above 0; default none. */
  readonly clipNorm?: number | undefined
  /** Upper bound of the norm of all gradients together. Above 0; default none. */
  readonly globalClipNorm?: number | undefined
  /** Upper bound of the absolute value of each gradient element. Above 0; default none. At most one way of clipping may be given. */
  readonly clipValue?: number | undefined
  /**
   * Fraction of every parameter, biases included, that is subtracted per update, times the learning rate; at least 0, default 0.
   * https://arxiv.org/abs/1711.05101
   */
  readonly weightDecay?: number | undefined
  /** Weight decay is not applied to parameters whose names contain one of these texts, such as `['bias', 'dense_1/']`. */
  readonly excludeFromWeightDecay?: readonly string[] | undefined
  /**
   * Whether to keep an exponential moving average of the weights, which replaces the weights when fit ends; default false. A fit with
   * `resume` continues from the weights before they were replaced.
   */
  readonly useEma?: boolean | undefined
  /** Decay rate of the average per step, 0 to 1; default 0.99. */
  readonly emaMomentum?: number | undefined
  /** The weights are replaced by their averages every time this number of updates is done; default: only when fit ends. */
  readonly emaOverwriteFrequency?: number | undefined
}

/** {@link UpdateOptions} after they were checked; options that were not given are absent. */
export type UpdateSettings = Readonly<Omit<UpdateOptions, 'weightDecay'>>

/** Names of {@link UpdateOptions}. */
export const updateOptionNames = [
  'weightDecay',
  'excludeFromWeightDecay',
  'clipNorm',
  'globalClipNorm',
  'clipValue',
  'useEma',
  'emaMomentum',
  'emaOverwriteFrequency',
  'gradientAccumulationSteps',
] as const

const limits = ['clipNorm', 'globalClipNorm', 'clipValue'] as const
const smallest = 1.2e-38 // Smaller numbers are subnormal in float32 and have fewer digits.

type Check = (value: unknown, argument: string) => unknown

const checks: Readonly<Record<keyof UpdateSettings, Check>> = {
  gradientAccumulationSteps: (value, argument) => checkInteger(value, argument),
  clipNorm: (value, argument) => checkNumber(value, argument, smallest),
  globalClipNorm: (value, argument) => checkNumber(value, argument, smallest),
  clipValue: (value, argument) => checkNumber(value, argument, smallest),
  excludeFromWeightDecay: checkTexts,
  useEma: (value, argument) => checkBoolean(value, argument),
  emaMomentum: (value, argument) => checkNumber(value, argument, 0, 1),
  emaOverwriteFrequency: (value, argument) => checkInteger(value, argument),
}

function checkTexts(value: unknown, argument: string): readonly string[] {
  const fits = Array.isArray(value) && value.every((text) => typeof text === 'string' && text !== '')
  return fits ? Object.freeze([...value]) : refuse(argument, "a list of parts of names, as in ['bias']", value)
}

/** Checks the options of {@link UpdateOptions}; throws `ERR_ARGUMENT`. */
export function checkUpdateOptions(given: UpdateOptions, argument: string): UpdateSettings {
  const settings: Record<string, unknown> = {}
  for (const [key, check] of Object.entries(checks) as [keyof UpdateSettings, Check][]) {
    if (given[key] !== undefined) settings[key] = check(given[key], `${argument}: ${key}`)
  }
  const [first, second] = limits.filter((key) => settings[key] !== undefined)
  if (first !== undefined && second !== undefined) {
    refuse(`${argument}: ${second}`, `one way of clipping, and ${first} is given`, settings[second])
  }
  if (settings.useEma !== true) {
    refuseIdle(settings, ['emaMomentum', 'emaOverwriteFrequency'], argument, 'without useEma: true')
  }
  return Object.freeze(settings)
}

/** Throws for options of all updates where there are none, and returns their names. */
export function refuseOfUpdates(given: UpdateOptions | undefined, argument: string): readonly [] {
  for (const name of updateOptionNames) {
    const value = given?.[name] ?? undefined
    if (value !== undefined) refuse(`${argument}: ${name}`, 'none, as it is of all vectors of a table', value)
  }
  return []
}

/** Converts the options to the Plan. */
export function planUpdate(settings: UpdateSettings): Omit<PlanUpdate, 'optimizer' | 'weightDecay'> {
  const { clipNorm = 0, globalClipNorm = 0, clipValue = 0, gradientAccumulationSteps = 1 } = settings
  const { useEma = false, emaMomentum = 0.99, emaOverwriteFrequency = 0 } = settings
  return {
    clipNorm,
    globalClipNorm,
    clipValue,
    accumulationSteps: gradientAccumulationSteps,
    averages: useEma,
    averageMomentum: emaMomentum,
    overwriteFrequency: useEma ? emaOverwriteFrequency : 0,
  }
}

/** Whether weight decay is applied to a parameter. */
export function decays({ excludeFromWeightDecay = [] }: UpdateSettings, parameter: string): boolean {
  return !excludeFromWeightDecay.some((text) => parameter.includes(text))
}
