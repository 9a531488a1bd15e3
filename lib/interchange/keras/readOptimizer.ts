/** Reads optimizers and their learning rates. */

import { checkNumber } from '../../checks/validate.js'
import { fromJson, type Json, type JsonObject } from '../../persistence/description.js'
import { type Optimizer, optimizerFrom } from '../../training/optimizers.js'
import { type Schedule, scheduleFrom } from '../../training/schedules.js'
import {
  idleOptimizerKeys,
  kerasKey,
  optimizerClasses,
  optimizerNames,
  optionOf,
  scheduleClasses,
} from './optimizerTable.js'
import { isObject, type Reading, toCamel } from './reading.js'
import type { KerasOptimizer } from './types.js'

/** An optimizer of a config. */
export interface ReadOptimizer {
  readonly made: Optimizer
  readonly keras: KerasOptimizer
}

/** Reads an optimizer: a name, or a serialized object. */
export function readOptimizer(value: Json, reading: Reading, lossScaled = false): ReadOptimizer {
  const at = 'optimizer'
  if (value === null) return reading.fail('it has no optimizer')
  if (typeof value === 'string') return made(nameOfText(value, reading), {}, lossScaled, reading)
  const { className, config } = reading.serialized(withoutCustom(value), at)
  const given = reading.object(config ?? {}, `${at}: config`)
  if (className === 'LossScaleOptimizer' && !lossScaled) {
    reading.notes.add('losses are not scaled, as Neurode computes in float32')
    return readOptimizer(given.inner_optimizer ?? null, reading, true)
  }
  const name = optimizerNames.get(className)
  if (name === undefined) return reading.fail(`${at}: '${className.slice(0, 60)}' is not known`)
  return made(name, renamed(className, given, reading), lossScaled, reading)
}

/** Keras 2 calls its own optimizers `Custom>Adam`. */
function withoutCustom(value: Json): Json {
  if (!isObject(value) || typeof value.class_name !== 'string') return value
  return { ...value, class_name: value.class_name.replace(/^Custom>/, '') }
}

function nameOfText(text: string, reading: Reading): string {
  const names = Object.entries(optimizerClasses)
  const found = names.find(([name, className]) => name === text || className === text)
  return found?.[0] ?? reading.fail(`optimizer: '${text.slice(0, 60)}' is not known`)
}

/** Options that TensorFlow.js and older Keras call otherwise: the decay of RMSProp in TensorFlow.js is what others call rho. */
function renamed(className: string, given: JsonObject, reading: Reading): JsonObject {
  const { decay = null, schedule_decay: slowed = null, ...config }: Record<string, Json> = given
  if (className === 'Nadam' && (decay ?? slowed) !== null) {
    reading.notes.add('Nadam of older Keras takes other steps: its momentum grows more slowly')
    return config
  }
  // Before tf.keras, the sum of squares began with 0, and nothing said so.
  if (className === 'Adagrad' && reading.era === 'keras2') config.initial_accumulator_value ??= 0
  if (decay === null || decay === 0) return config
  if (className === 'RMSProp') return { ...config, rho: decay }
  // In Keras 2, the rate is divided by 1 + decay · step.
  const rate = config.lr ?? config.learning_rate
  if (typeof rate !== 'number') return reading.fail(`optimizer: a decay of this learning rate cannot be read`)
  const { lr: _, ...others } = config
  const schedule = { initial_learning_rate: rate, decay_steps: 1, decay_rate: decay }
  return { ...others, learning_rate: { class_name: 'InverseTimeDecay', config: schedule } }
}

/** Keys that have no effect at these values. */
const idleValues: Readonly<Record<string, readonly Json[]>> = {
  loss_scale_factor: [1],
  gradient_accumulation_steps: [1],
}

function made(name: string, config: JsonObject, lossScaled: boolean, reading: Reading): ReadOptimizer {
  const read = Object.entries(config).flatMap(([key, value]): [string, Json][] => {
    if (value === null || idleOptimizerKeys.includes(key)) return []
    if (Object.hasOwn(idleValues, key) && idleValues[key]?.includes(value)) return []
    return [[optionOf(key), value]]
  })
  const { learningRate, emaMomentum, emaOverwriteFrequency, ...others }: Record<string, Json | undefined> =
    Object.fromEntries(read)
  const averages = others.useEma === true ? { emaMomentum, emaOverwriteFrequency } : {}
  const rate = learningRate === undefined ? undefined : rateOf(learningRate, reading)
  const options = { ...others, ...averages, ...(rate === undefined ? {} : { learningRate: rate }) }
  const optimizer = optimizerFrom(name, options, 'optimizer')
  const keras = read.map(([key, value]): [string, Json] => [kerasKey(key), value])
  return {
    made: optimizer,
    keras: {
      className: optimizerClasses[name] as string,
      name,
      config: Object.fromEntries(keras),
      scheduled: typeof rate === 'object',
      lossScaled,
    },
  }
}

function rateOf(value: Json, reading: Reading): number | Schedule {
  const at = 'learning_rate'
  if (!isObject(value)) return checkNumber(value, at, 0)
  const { className, config } = reading.serialized(value, at)
  const name = Object.entries(scheduleClasses).find(([, each]) => each === className)?.[0]
  if (name === undefined) return reading.fail(`${at}: the schedule '${className.slice(0, 60)}' is not known`)
  const options = Object.entries(reading.object(config, `${at}: config`)).flatMap(
    ([key, option]): [string, unknown][] => {
      return key === 'name' || option === null ? [] : [[toCamel(key), fromJson(option, `${at}: ${key}`)]]
    },
  )
  return scheduleFrom(name, Object.fromEntries(options), at)
}
