/** What every optimizer does around its formula: clipping, weight decay, accumulation, averages of the weights. */

import { checkBoolean, checkInteger, checkNumber, refuse, refuseIdle } from '../checks/validate.js'
import type { PlanUpdate } from '../native/plan.js'

/** Options that every optimizer has, besides its learning rate. Steps run in the order in which they stand here. */
export interface UpdateOptions {
  /**
   * Batches whose gradients are averaged for one update; default 1. Schedules still count batches, and the optimizer
   * counts updates.
   */
  readonly gradientAccumulationSteps?: number | undefined
  /** Largest norm of each parameter's gradient: a longer one is scaled down to it. Above 0; default none. */
  readonly clipNorm?: number | undefined
  /** Largest norm of all gradients together. Above 0; default none. */
  readonly globalClipNorm?: number | undefined
  /** Largest absolute value of every element of the gradients. Above 0; default none. One of the three at most. */
  readonly clipValue?: number | undefined
  /**
   * Share of every parameter, biases included, taken away per update, times the learning rate; at least 0, default 0.
   * https://arxiv.org/abs/1711.05101
   */
  readonly weightDecay?: number | undefined
  /** Parameters that do not decay: texts that their names contain, as in `['bias', 'dense_1/']`. */
  readonly excludeFromWeightDecay?: readonly string[] | undefined
  /**
   * Keeps an exponential average of the weights, which they become when fit ends; a fit with `resume` goes on from what they were
   * before. Default false.
   */
  readonly useEma?: boolean | undefined
  /** Share of the average that is kept per step, 0 to 1; default 0.99. */
  readonly emaMomentum?: number | undefined
  /** Updates after which, again and again, the weights become their averages; default never. */
  readonly emaOverwriteFrequency?: number | undefined
}

/** The options, checked; absent where they were not given. */
export type UpdateSettings = Readonly<Omit<UpdateOptions, 'weightDecay'>>

/** Names of the options. */
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
const smallest = 1.2e-38 // Below it, float32 has fewer digits.

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

/** The options as the Plan has them. */
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

/** Whether a parameter takes part in weight decay. */
export function decays({ excludeFromWeightDecay = [] }: UpdateSettings, parameter: string): boolean {
  return !excludeFromWeightDecay.some((text) => parameter.includes(text))
}
