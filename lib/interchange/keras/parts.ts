/** Activations, initializers, regularizers and constraints of Keras' configs: one table for both directions. */

import { NeurodeError } from '../../base/errors.js'
import { activationFrom, activations } from '../../layers/activations.js'
import { constraintFrom, constraints } from '../../layers/constraints.js'
import { initializerFrom, initializers } from '../../layers/initializers.js'
import { regularizerFrom } from '../../layers/regularizers.js'
import { type Json, type JsonObject, toJson } from '../../persistence/description.js'
import { isObject, isSame, type Reading, toCamel, toSnake } from './reading.js'
import type { Era } from './types.js'

/** How a value of an option is read from a config and written to one. Values are JSON as in Neurode's own descriptions. */
export interface Part {
  readonly read: (value: Json, at: string, reading: Reading) => Json
  readonly write: (value: Json, at: string, era: Era) => Json
}

/** Throws `ERR_ARGUMENT`: the file would compute something else in Keras. */
export function refuseToWrite(at: string, problem: string): never {
  throw new NeurodeError('ERR_ARGUMENT', `${at}: ${problem}, so the file would compute something else`)
}

/** A value that is the same in both. */
export const plain: Part = { read: (value) => value, write: (value) => value }

/** A number that may be infinite, which is null in Keras. */
export const orInfinity: Part = {
  read: (value) => (value === null ? { $number: 'Infinity' } : value),
  write: (value) => (isObject(value) ? null : value),
}

/** A word in camelCase that is snake_case in Keras. */
export const word: Part = {
  read: (value) => (typeof value === 'string' ? toCamel(value) : value),
  write: (value) => (typeof value === 'string' ? toSnake(value) : value),
}

/** An axis, for which older Keras and some layers write a list of one. */
export const axis: Part = {
  read: (value) => (Array.isArray(value) && value.length === 1 ? (value[0] as Json) : value),
  write: (value) => value,
}

/** The axes of Normalization: no axes are null in Neurode. */
export const optionalAxis: Part = {
  read: (value, at, reading) => (Array.isArray(value) && value.length === 0 ? null : axis.read(value, at, reading)),
  write: (value) => value,
}

/** Axes that a parameter is shared along; none are null in Keras. */
export const sharedAxes: Part = {
  read: (value) => value ?? [],
  write: (value) => (isSame(value, []) ? null : value),
}

/** A number, or a list of them in any shape. */
export const numbers: Part = {
  read: (value) => {
    if (!Array.isArray(value)) return value
    const all = value.flat(8) as Json[]
    return all.length === 1 ? (all[0] as Json) : all
  },
  write: (value) => value,
}

/** A seed; a generator of seeds, which is an object, is none. */
export const seed: Part = {
  read: (value) => (isObject(value) ? null : value),
  write: (value) => value,
}

interface Named {
  readonly name: string
  readonly options: JsonObject
  readonly seed?: Json | undefined
}

/** Takes a part of Neurode's descriptions apart: `{ $activation: 'relu', options }`. */
function namedBy(kind: string, value: Json): Named {
  const { [`$${kind}`]: name, options, seed } = value as JsonObject
  return { name: name as string, options: options as JsonObject, seed }
}

const without =
  (...names: string[]) =>
  (id: string) =>
    !names.includes(id) && id !== 'custom'

/** Keras' names of activations that need no options; `threshold` does. */
const activationIds = new Map(
  Object.keys(activations)
    .filter(without('threshold'))
    .map((id) => [toSnake(id), id]),
)
const otherActivations: Readonly<Record<string, readonly [id: string, options: object]>> = {
  swish: ['silu', {}],
  hard_swish: ['hardSilu', {}],
  gelu_new: ['gelu', { approximate: true }],
}

/** Layers that Keras takes as an activation, with the options that both have. */
const activationLayers: Readonly<Record<string, readonly [id: string, keys: Readonly<Record<string, string>>]>> = {
  ReLU: ['relu', { max_value: 'maxValue', negative_slope: 'negativeSlope', threshold: 'threshold' }],
  LeakyReLU: ['leakyRelu', { negative_slope: 'negativeSlope', alpha: 'negativeSlope' }],
  ELU: ['elu', { alpha: 'alpha' }],
  Softmax: ['softmax', {}],
}

/** What the layers that are activations have by default, where the activation has another default. */
const layerDefaults: Readonly<Record<string, object>> = { LeakyReLU: { negativeSlope: 0.3 } }

const layerKeys = ['name', 'trainable', 'dtype']

export const linear = toJson(activations.linear(), 'activation')

/** An activation: a name, a serialized function of Keras, or a layer. */
export const activation: Part = {
  read: (value, at, reading) => {
    if (value === null) return linear
    if (typeof value === 'string') return activationNamed(value, at, reading)
    const { className, config } = reading.serialized(value, at)
    if (className === 'function') {
      if (typeof config !== 'string') return reading.refuse(`${at}: config`, 'the name of a function', config)
      return activationNamed(config, at, reading)
    }
    const options = reading.object(config ?? {}, `${at}: config`)
    if (className === 'Activation' && typeof options.activation === 'string') {
      return activationNamed(options.activation, at, reading)
    }
    const row = Object.hasOwn(activationLayers, className) ? activationLayers[className] : undefined
    if (row === undefined) return reading.fail(`${at}: the layer '${className}' cannot be read as an activation`)
    const [id, keys] = row
    const given = Object.entries(options).flatMap(([key, option]): [string, Json][] => {
      if (Object.hasOwn(keys, key)) return option === null ? [] : [[keys[key] as string, option]]
      const isIdle = option === null || layerKeys.includes(key) || (key === 'axis' && isSame([option].flat(), [-1]))
      return isIdle ? [] : reading.fail(`${at}: ${className} has an option '${key}' that cannot be read`)
    })
    return toJson(
      reading.checked(at, () => activationFrom(id, { ...layerDefaults[className], ...Object.fromEntries(given) }, at)),
      at,
    )
  },
  write: (value, at, era) => {
    const { name, options } = namedBy('activation', value)
    const isUsual = name !== 'threshold' && isSame(value, toJson(activationFrom(name, {}, at), at))
    if (isUsual) return era === 'tfjs' && name === 'silu' ? 'swish' : toSnake(name)
    if (era === 'tfjs') return refuseToWrite(at, `TensorFlow.js has no options for the activation ${name}`)
    const found = Object.entries(activationLayers).find(([, [id, keys]]) => id === name && Object.keys(keys).length > 0)
    if (found === undefined) return refuseToWrite(at, `Keras has no options for the activation ${name}`)
    const [className, [, keys]] = found
    const config = Object.entries(keys).flatMap(([key, option]): [string, Json][] => {
      const given = options[option]
      const isOlder = className === 'LeakyReLU' && key === 'alpha'
      return given === undefined || isObject(given) || isOlder ? [] : [[key, given]]
    })
    return asLayer(className, Object.fromEntries(config))
  },
}

function activationNamed(name: string, at: string, reading: Reading): Json {
  const [id, options] = Object.hasOwn(otherActivations, name)
    ? (otherActivations[name] as readonly [string, object])
    : [activationIds.get(name), {}]
  if (id === undefined) return reading.fail(`${at}: the activation ${JSON.stringify(name.slice(0, 60))} is not known`)
  return toJson(activationFrom(id, options, at), at)
}

/** An object of a class as Keras 3 writes it. */
export function asSerialized(module: string, className: string, config: JsonObject): JsonObject {
  return { module, class_name: className, config, registered_name: null }
}

const asLayer = (className: string, config: JsonObject) => asSerialized('keras.layers', className, config)

/** A family of parts with classes of their own: initializers, regularizers, constraints. */
interface Family {
  readonly kind: string
  readonly module: string
  /** Classes by Neurode's names; the first is written. */
  readonly classes: Readonly<Record<string, readonly string[]>>
  /** The options that Keras has, by Neurode's names; all of them are in Neurode's descriptions as well. */
  readonly options: Readonly<Record<string, readonly string[]>>
  /** Options that are words, in camelCase or snake_case. */
  readonly words?: readonly string[] | undefined
  /** Keras' names of functions and older names, by Neurode's. */
  readonly names: Readonly<Record<string, string>>
  readonly make: (name: string, options: object, seed: Json | undefined, at: string) => unknown
}

const pascal = (id: string) => `${id[0]?.toUpperCase()}${id.slice(1)}`

const classesOf = (ids: readonly string[], more: Readonly<Record<string, readonly string[]>> = {}) =>
  Object.fromEntries(ids.map((id) => [id, more[id] ?? [pascal(id)]]))

const initializerFamily: Family = {
  kind: 'initializer',
  module: 'keras.initializers',
  classes: classesOf(Object.keys(initializers), {
    orthogonal: ['Orthogonal', 'OrthogonalInitializer'],
    lecunUniform: ['LecunUniform', 'LeCunUniform'],
    lecunNormal: ['LecunNormal', 'LeCunNormal'],
  }),
  options: {
    constant: ['value'],
    randomUniform: ['minval', 'maxval'],
    randomNormal: ['mean', 'stddev'],
    truncatedNormal: ['mean', 'stddev'],
    varianceScaling: ['scale', 'mode', 'distribution'],
    orthogonal: ['gain'],
  },
  words: ['mode', 'distribution'],
  names: { uniform: 'randomUniform', normal: 'randomNormal', zero: 'zeros', one: 'ones' },
  make: (name, options, given, at) => initializerFrom(name, options, given, at),
}

const regularizerFamily: Family = {
  kind: 'regularizer',
  module: 'keras.regularizers',
  classes: { l1: ['L1'], l2: ['L2'], l1l2: ['L1L2'], orthogonal: ['OrthogonalRegularizer'] },
  options: { l1: ['l1'], l2: ['l2'], l1l2: ['l1', 'l2'], orthogonal: ['factor', 'mode'] },
  words: ['mode'],
  names: { l1_l2: 'l1l2', orthogonal_regularizer: 'orthogonal' },
  make: (name, options, _, at) => regularizerFrom(name, options, at),
}

const constraintFamily: Family = {
  kind: 'constraint',
  module: 'keras.constraints',
  classes: classesOf(Object.keys(constraints), { nonNeg: ['NonNeg', 'NonNegative'] }),
  options: {
    maxNorm: ['maxValue', 'axis'],
    minMaxNorm: ['minValue', 'maxValue', 'rate', 'axis'],
    unitNorm: ['axis'],
  },
  names: { non_negative: 'nonNeg' },
  make: (name, options, _, at) => constraintFrom(name, options, at),
}

/** Keys that say how random numbers come about, which nothing that is loaded depends on. */
const idleKeys = ['seed', 'dtype', 'name', 'input_axes', 'output_axes', 'partition', 'verify_shape']

/** The id and the options of a serialized object of a family; undefined for one that is not known. */
function readNamed(family: Family, value: Json, at: string, reading: Reading): Named | undefined {
  const ids = Object.keys(family.classes)
  if (typeof value === 'string') {
    const bySnake = ids.find((id) => toSnake(id) === value || family.classes[id]?.includes(value))
    const id = bySnake ?? (Object.hasOwn(family.names, value) ? family.names[value] : undefined)
    return id === undefined ? undefined : { name: id, options: {} }
  }
  const { className, config } = reading.serialized(value, at)
  if (className === 'function' && typeof config === 'string') return readNamed(family, config, at, reading)
  const id = ids.find((one) => family.classes[one]?.includes(className) || toSnake(one) === className)
  if (id === undefined) return undefined
  const given = reading.object(config ?? {}, `${at}: config`)
  const known = family.options[id] ?? []
  const options = Object.entries(given).flatMap(([key, option]): [string, Json][] => {
    const name = toCamel(key)
    if (option === null || idleKeys.includes(key)) return []
    if (!known.includes(name)) return reading.fail(`${at}: ${className} has an option '${key}' that cannot be read`)
    return [[name, family.words?.includes(name) && typeof option === 'string' ? toCamel(option) : option]]
  })
  const seed = Number.isSafeInteger(given.seed) && Number(given.seed) >= 0 ? { seed: given.seed } : {}
  return { name: id, options: Object.fromEntries(options), ...seed }
}

function partOf(family: Family, none: Json, unknown: (what: string, at: string, reading: Reading) => Json): Part {
  return {
    read: (value, at, reading) => {
      if (value === null) return none
      const found = readNamed(family, value, at, reading)
      if (found === undefined) return unknown(JSON.stringify(value).slice(0, 60), at, reading)
      const { name, options, seed: given } = found
      return toJson(
        reading.checked(at, () => family.make(name, options, given, at)),
        at,
      )
    },
    write: (value, _, era) => {
      if (value === null) return null
      const { name, options, seed: given } = namedBy(family.kind, value)
      const known = family.options[name] ?? []
      const config = known.map((key): [string, Json] => {
        const option = options[key] as Json
        const isWord = family.words?.includes(key) && typeof option === 'string'
        return [toSnake(key), isWord ? toSnake(option) : option]
      })
      const [keras, other] = family.classes[name] as readonly [string, string?]
      const hasSeed = given !== undefined && !['zeros', 'ones', 'constant'].includes(name)
      const all = { ...Object.fromEntries(config), ...(hasSeed ? { seed: given } : {}) }
      if (era !== 'tfjs') return asSerialized(family.module, keras, all)
      // Its only class of penalties takes 0.01 for what is not given.
      if (name === 'l1' || name === 'l2') return { class_name: 'L1L2', config: { l1: 0, l2: 0, ...all } }
      return { class_name: name.startsWith('lecun') ? (other as string) : keras, config: all }
    },
  }
}

/** An initializer. One that is not known has no effect on weights that are loaded: the default takes its place, with a note. */
export function initializer(byDefault: Json): Part {
  return partOf(initializerFamily, byDefault, (what, at, reading) => {
    reading.notes.add(`${at}: the initializer ${what} is not known; the default takes its place`)
    return byDefault
  })
}

export const regularizer = partOf(regularizerFamily, null, (what, at, reading) =>
  reading.fail(`${at}: the regularizer ${what} is not known, and training needs it`),
)

export const constraint = partOf(constraintFamily, null, (what, at, reading) =>
  reading.fail(`${at}: the constraint ${what} is not known, and training needs it`),
)

export const defaults = {
  zeros: toJson(initializers.zeros(), 'zeros'),
  ones: toJson(initializers.ones(), 'ones'),
  glorotUniform: toJson(initializers.glorotUniform(), 'glorotUniform'),
  randomUniform: toJson(initializers.randomUniform(), 'randomUniform'),
} as const
