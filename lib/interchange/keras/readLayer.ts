/** Reads the config of one layer. */

import { checkRowShape } from '../../checks/validate.js'
import type { Layer, Shape } from '../../layers/layer.js'
import { type Json, type JsonObject, makeLayers } from '../../persistence/description.js'
import { kindsByClass, type LayerRow, layerTable } from './layerTable.js'
import { optionalAxis } from './parts.js'
import { isObject, isSame, type Reading, toSnake } from './reading.js'
import type { KerasConstant, KerasLayer, KerasVariable } from './types.js'

/** A layer of a config in Neurode's terms. */
export interface ReadLayer {
  readonly name: string
  readonly className: string
  readonly kind: string
  /** What Neurode computes for it, one after the other; the first has the weights. */
  readonly made: readonly MadeLayer[]
  readonly policy: Policy
  readonly frozen: boolean
}

/** A layer and its description. */
export interface MadeLayer {
  readonly description: JsonObject
  readonly layer: Layer
}

/** How Keras stores the variables of a layer. */
export interface Policy {
  readonly dtype: string
  readonly quantized?: 'int8' | undefined
}

/** Keys that all layers may have and that say nothing here; the input's shape is read apart. */
const common = ['name', 'trainable', 'dtype', 'batch_input_shape', 'batch_shape', 'input_dtype', 'batch_size']

/** Makes the layer of a config. `frozen` says that a model that it is part of is not trainable. */
export function readLayer(
  className: string,
  config: JsonObject,
  name: string,
  frozen: boolean,
  reading: Reading,
): ReadLayer {
  const at = `layer '${name}'`
  if (className === 'ThresholdedReLU')
    return { ...readLayer('ReLU', thresholded(config), name, frozen, reading), className }
  const kind = kindsByClass.get(className)
  if (kind === undefined) return reading.unknown(at, "Keras' class", className)
  const row = layerTable[kind] as LayerRow
  const trainable = config.trainable ?? true
  if (typeof trainable !== 'boolean') return reading.refuse(`${at}: trainable`, 'true or false', trainable)
  const policy = readPolicy(config.dtype ?? null, at, reading)
  if (policy.quantized !== undefined && !['Dense', 'Embedding'].includes(kind)) {
    return reading.fail(`${at}: a quantized ${className} cannot be read`)
  }
  const [own, after] = withOldActivation(kind, config, at, reading)
  refuseUnknownKeys(row, className, own, at, reading)
  const stays = trainable && !frozen ? {} : { trainable: false }
  const options = { name, ...stays, ...readOptions(row, own, at, reading) }
  const make = (kind: string, options: JsonObject): MadeLayer => {
    const description = { kind, options }
    const [layer] = reading.checked(at, () => makeLayers([description])) as [Layer]
    return { description, layer }
  }
  const made = [make(kind, options), ...after(name).map(({ kind, options }) => make(kind, options))]
  return { name, className, kind, made, policy, frozen: frozen || !trainable }
}

function readOptions(row: LayerRow, config: JsonObject, at: string, reading: Reading): JsonObject {
  const options = Object.entries(row.options).flatMap(
    ([option, { part, default: byDefault, older }]): [string, Json][] => {
      const key = toSnake(option)
      const isOlder = !Object.hasOwn(config, key) && older !== undefined && Object.hasOwn(config, older)
      const given = isOlder ? config[older] : config[key]
      if (given === undefined && byDefault === undefined) return reading.fail(`${at}: '${key}' is not there`)
      const value = given === undefined ? (byDefault as Json) : part.read(given, `${at}: ${key}`, reading)
      if (value !== null || (option === 'axis' && part === optionalAxis)) return [[option, value]]
      return byDefault === null ? [] : reading.refuse(`${at}: ${key}`, 'a value', value)
    },
  )
  return Object.fromEntries(options)
}

/** Throws for keys whose meaning is not known; null and false mean nothing. */
function refuseUnknownKeys(
  { options, idle = {} }: LayerRow,
  className: string,
  config: JsonObject,
  at: string,
  reading: Reading,
) {
  const known = new Set(Object.entries(options).flatMap(([option, { older }]) => [toSnake(option), older ?? '']))
  for (const [key, value] of Object.entries(config)) {
    if (known.has(key) || common.includes(key) || value === null || value === false) continue
    const allowed = Object.hasOwn(idle, key) ? idle[key] : []
    if (allowed === 'any' || allowed?.some((one) => isSame(one, value))) continue
    reading.fail(`${at}: ${className} has an option '${key.slice(0, 60)}' that cannot be read`)
  }
}

/** The config of a ReLU that computes what this layer of older Keras does. */
function thresholded({ theta = 1, ...config }: JsonObject): JsonObject {
  return { ...config, threshold: theta }
}

interface Described {
  readonly kind: string
  readonly options: JsonObject
}

/** Before Keras 3, hard_sigmoid was `clip(0.2·x + 0.5, 0, 1)`, which two layers after this one compute. */
function withOldActivation(
  kind: string,
  config: JsonObject,
  at: string,
  reading: Reading,
): [JsonObject, (name: string) => Described[]] {
  const hasActivation = kind === 'Dense' || kind === 'Activation'
  if (reading.era === 'keras3' || !hasActivation || !isHardSigmoid(config.activation)) return [config, () => []]
  if ((config.activity_regularizer ?? null) !== null)
    reading.fail(`${at}: a penalty on outputs of the hard_sigmoid of older Keras cannot be read`)
  const after = (name: string) => [
    { kind: 'Rescaling', options: { name: `${name}_scaled`, scale: 0.2, offset: 0.5 } },
    { kind: 'ReLU', options: { name: `${name}_bounded`, maxValue: 1 } },
  ]
  return [{ ...config, activation: 'linear' }, after]
}

function isHardSigmoid(activation: Json | undefined): boolean {
  if (!isObject(activation)) return activation === 'hard_sigmoid'
  const { config } = activation
  return isObject(config) ? isHardSigmoid(config.activation) : config === 'hard_sigmoid'
}

const floats = ['float32', 'float16', 'bfloat16', 'float64']

/** Reads the type of a layer's variables: a name, or the policy that has one. */
export function readPolicy(value: Json, at: string, reading: Reading): Policy {
  if (value === null) return { dtype: 'float32' }
  const name = typeof value === 'string' ? value : policyName(value, at, reading)
  if (floats.includes(name)) return { dtype: name }
  if (name === 'mixed_float16' || name === 'mixed_bfloat16') return { dtype: 'float32' }
  const [mode, source] = name.split('_from_')
  if (mode === 'int8' && source !== undefined && (floats.includes(source) || source.startsWith('mixed_'))) {
    reading.notes.add(
      'int8 kernels become float32; Keras also rounds what the layers read to int8, and Neurode does not',
    )
    return { dtype: floats.includes(source) ? source : 'float32', quantized: 'int8' }
  }
  return reading.fail(`${at}: the dtype ${JSON.stringify(name.slice(0, 60))} cannot be read`)
}

function policyName(value: Json, at: string, reading: Reading): string {
  const { className, config } = reading.serialized(value, `${at}: dtype`)
  const { name, mode, source_name: source } = reading.object(config, `${at}: dtype`)
  if (className === 'QuantizedDTypePolicy' && typeof mode === 'string') return `${mode}_from_${source ?? 'float32'}`
  const known = ['DTypePolicy', 'FloatDTypePolicy', 'QuantizedDTypePolicy', 'Policy', 'PolicyV1'].includes(className)
  if (known && typeof name === 'string') return name
  return reading.fail(`${at}: the dtype policy '${className.slice(0, 60)}' cannot be read`)
}

/** The variables of a layer that reads rows of these shapes. Weights are named from the layer's name on. */
export function variablesOf(read: ReadLayer, inputs: readonly Shape[]): KerasLayer {
  const { name, className, kind, policy, frozen } = read
  const [{ layer, description }] = read.made as [MadeLayer]
  const parameters = inputs[0] === undefined ? [] : layer.parameters(inputs[0])
  const names = parameters.map(({ name }) => name)
  const { variables = () => names } = layerTable[kind] as LayerRow
  const options = description.options as JsonObject
  const own = variables(names, options).map((each): KerasVariable => {
    const known = parameters.find((parameter) => parameter.name === each)
    const trainable = known !== undefined && known.trainable !== false && !frozen
    return { name: each, shape: known?.shape ?? [], trainable, weight: known && `${name}/${each}` }
  })
  const scale = { name: `${names[0]}_scale`, shape: undefined, trainable: false, weight: undefined }
  const constants =
    own.length > 0
      ? []
      : parameters.map((parameter) => constantOf(`${name}/${parameter.name}`, parameter.shape, options[parameter.name]))
  return {
    className,
    name,
    variables: policy.quantized === undefined ? own : [...own, scale],
    ...(constants.length === 0 ? {} : { constants }),
    ...policy,
  }
}

function constantOf(weight: string, shape: Shape, value: Json | undefined): KerasConstant {
  const count = shape.reduce((product, size) => product * size, 1)
  const values = Array.isArray(value) ? (value as number[]) : Array.from({ length: count }, () => Number(value))
  return { weight, shape, values }
}

/** Reads the shape of a batch, `[null, …]`, and returns that of a row. */
export function readBatchShape(value: Json | undefined, at: string, reading: Reading): Shape {
  const [batch, ...row] = reading.list(value, at) as [Json | undefined, ...Json[]]
  const isBatch = batch === null || (Number.isSafeInteger(batch) && Number(batch) > 0)
  if (!isBatch) return reading.refuse(at, 'the shape of a batch, such as [null, 4]', value)
  if (row.includes(null)) return reading.fail(`${at}: expected the size of every dimension of a row, got null`)
  return reading.checked(at, () => checkRowShape(row, at))
}
