/** Weights under the names and in the layouts of PyTorch's modules: `encoder.fc1.weight`, whose kernels are (out, in). */

import { elementCount, formatShape } from '../arrays/arrays.js'
import { shapedArray } from '../arrays/shapedArray.js'
import { toFloats } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import type { FileArray } from '../formats/npy.js'
import type { Shape } from '../layers/layer.js'
import type { LayerWeights } from './layerWeights.js'

/** The modules of a state dict: for each module, its tensors by the names of its parameters. */
type Modules = ReadonlyMap<string, ReadonlyMap<string, FileArray>>

/** The parameters of PyTorch's modules by the weights of a layer. */
const parameterNames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Dense: { kernel: 'weight', bias: 'bias' },
  Embedding: { embeddings: 'weight' },
  EmbeddingBag: { embeddings: 'weight' },
  PReLU: { alpha: 'weight' },
  LayerNormalization: { gamma: 'weight', beta: 'bias' },
  GroupNormalization: { gamma: 'weight', beta: 'bias' },
  RMSNormalization: { scale: 'weight' },
  BatchNormalization: { gamma: 'weight', beta: 'bias', moving_mean: 'running_mean', moving_variance: 'running_var' },
}

/** The number of training steps, which PyTorch's normalizations count and nothing reads. */
const counter = 'num_batches_tracked'

/** What state dicts call the parameters of modules, those that are not read included. */
const parameterPattern =
  /^(?:(.+)\.)?(weight|bias|running_mean|running_var|num_batches_tracked|(?:weight|bias|in_proj|lora)_\w+|_packed_params\..+)$/

/** Whether the names are those of PyTorch's parameters. */
export function areTorchNames(names: readonly string[]): boolean {
  const isTelling = (name: string) => /(?:^|\.)(?:weight|in_proj_weight|weight_\w+)$/.test(name)
  return names.some(isTelling) && names.every((name) => parameterPattern.test(name))
}

/** A state dict and where it comes from. */
export interface StateDict {
  readonly path: string
  readonly tensors: ReadonlyMap<string, FileArray>
  /** Names of tensors that were left out, as they are the same as others: those by these. */
  readonly same?: ReadonlyMap<string, string> | undefined
}

/**
 * The tensors of a state dict in the order of the weights. Modules are those that `named` gives for layers, or that are called like the
 * layers; or they are taken in order, if their names are numbers. Throws `ERR_SHAPE`, which lists layers and modules.
 */
export function arrangeTorch(
  { path, tensors, same = new Map() }: StateDict,
  layers: readonly LayerWeights[],
  named: ReadonlyMap<string, string>,
): FileArray[] {
  const own = layers.filter(({ parameters }) => parameters.length > 0)
  const tied = [...same].flatMap(([name, kept]) => {
    const tensor = tensors.get(kept)
    return tensor === undefined || tensors.has(name) ? [] : [[name, tensor] as const]
  })
  const modules = modulesOf(new Map([...tensors, ...tied]), path)
  const fail = (problem: string) => {
    const texts = [`layers: ${listed(own.map(({ name }) => name))}`, `modules: ${listed([...modules.keys()])}`]
    const advice = "loadWeights(path, { layers: { dense: 'encoder.fc1' } }) says which module belongs to a layer"
    return new NeurodeError(
      'ERR_SHAPE',
      `${path}: the names are PyTorch's, but ${problem}; ${texts.join('; ')}. ${advice}`,
    )
  }
  const chosen = choose(modules, own, named, fail)
  const left = [...modules.keys()].filter((name) => !chosen.includes(name))
  if (left.length > 0) throw fail(`no layer takes ${listed(left)}`)
  return own.flatMap((layer, i) => {
    const name = chosen[i] as string
    return weightsOf(layer, modules.get(name) as ReadonlyMap<string, FileArray>, (problem) =>
      fail(`module '${name}' does not fit layer '${layer.name}' (${layer.kind}): ${problem}`),
    )
  })
}

/** The name of the module for each layer. */
function choose(
  modules: Modules,
  layers: readonly LayerWeights[],
  named: ReadonlyMap<string, string>,
  fail: (problem: string) => NeurodeError,
): readonly string[] {
  for (const [layer, module] of named) {
    if (!layers.some(({ name }) => name === layer)) throw fail(`the model has no layer '${layer}' with weights`)
    if (!modules.has(module)) throw fail(`there is no module '${module}'`)
  }
  const prefix = commonPrefix([...modules.keys()])
  const byName = layers.map(({ name }) => {
    const plain = name.replaceAll('/', '.')
    return named.get(name) ?? [plain, prefix + plain].find((each) => modules.has(each))
  })
  if (byName.every((name) => name !== undefined)) {
    const twice = byName.find((name, i) => byName.indexOf(name) !== i)
    if (twice === undefined || named.size > 0) return byName
  }
  if (named.size > 0) throw fail(`layer '${layers[byName.indexOf(undefined)]?.name}' is called like no module`)
  if (modules.size !== layers.length) {
    throw fail(`there are ${modules.size} modules with weights, and ${layers.length} layers`)
  }
  // One module can only be that of the one layer.
  if (modules.size === 1) return [...modules.keys()]
  const numbers = [...modules.keys()].map((name) => ({ name, number: name.slice(prefix.length) }))
  if (!numbers.every(({ number }) => /^(?:0|[1-9]\d*)$/.test(number))) {
    throw fail('they are neither those of the layers nor numbers, which would say their order')
  }
  return numbers.sort((a, b) => Number(a.number) - Number(b.number)).map(({ name }) => name)
}

/** What all names begin with, up to a dot: modules that hold the whole net put their own names there. */
function commonPrefix(names: readonly string[]): string {
  const [first = ''] = names
  const parts = first.split('.').slice(0, -1)
  for (let count = parts.length; count > 0; count--) {
    const prefix = `${parts.slice(0, count).join('.')}.`
    if (names.every((name) => name.startsWith(prefix))) return prefix
  }
  return ''
}

function modulesOf(tensors: ReadonlyMap<string, FileArray>, path: string): Modules {
  const modules = new Map<string, Map<string, FileArray>>()
  for (const [name, tensor] of tensors) {
    const [, module = '', parameter = ''] = parameterPattern.exec(name) ?? []
    const known = modules.get(module) ?? new Map<string, FileArray>()
    modules.set(module, known.set(parameter, tensor))
    if (parameter === counter) continue
    if (!['float32', 'float16', 'bfloat16', 'float64'].includes(tensor.dtype)) {
      throw new NeurodeError('ERR_SHAPE', `${path}: tensor '${name}': expected floats, got ${tensor.dtype}`)
    }
  }
  return modules
}

function weightsOf(
  { kind, parameters }: LayerWeights,
  module: ReadonlyMap<string, FileArray>,
  fail: (problem: string) => NeurodeError,
): FileArray[] {
  const names = parameterNames[kind]
  if (names === undefined) throw fail('PyTorch has no such module')
  const wanted = parameters.map(({ name }) => names[name] as string)
  const given = [...module.keys()].filter((name) => name !== counter)
  const missing = wanted.filter((name) => !given.includes(name))
  const more = given.filter((name) => !wanted.includes(name))
  if (missing.length > 0) throw fail(`it has no ${missing.join(' and ')}`)
  if (more.length > 0) throw fail(`it has ${more.join(' and ')} as well`)
  return parameters.map(({ name, shape }, i) => {
    const tensor = module.get(wanted[i] as string) as FileArray
    const expected = kind === 'Dense' && name === 'kernel' ? shape.toReversed() : shape
    const isSpread = kind === 'PReLU' && formatShape(tensor.shape) === '[1]'
    // PyTorch has one slope for each channel, and layers have axes of 1 where they share one.
    const isSame = formatShape(tensor.shape) === formatShape(kind === 'PReLU' ? withoutOnes(expected) : expected)
    if (!isSame && !isSpread) {
      throw fail(`expected ${wanted[i]} of shape ${formatShape(expected)}, got ${formatShape(tensor.shape)}`)
    }
    const floats = toFloats(tensor.data)
    if (kind === 'Dense' && name === 'kernel') return asArray(transposed(floats, tensor.shape), shape)
    return asArray(isSpread ? new Float32Array(elementCount(shape)).fill(floats[0] as number) : floats, shape)
  })
}

const withoutOnes = (shape: Shape): Shape => {
  const others = shape.filter((size) => size !== 1)
  return others.length === 0 ? [1] : others
}

const asArray = (data: Float32Array, shape: Shape): FileArray => shapedArray(data, shape, { dtype: 'float32' as const })

function transposed(values: Float32Array, [rows = 0, columns = 0]: Shape): Float32Array {
  const result = new Float32Array(values.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = values[row * columns + column] as number
    }
  }
  return result
}

/** A weight to write. */
export interface NamedWeight {
  readonly name: string
  readonly data: Float32Array
  readonly shape: Shape
}

/** The weights as a state dict that `load_state_dict` takes. Throws `ERR_ARGUMENT` for a layer that PyTorch has no module for. */
export function toTorch(weights: readonly NamedWeight[], layers: readonly LayerWeights[]): Map<string, FileArray> {
  const values = new Map(weights.map((weight) => [weight.name, weight]))
  const tensors = new Map<string, FileArray>()
  for (const { name: layer, kind, parameters } of layers) {
    if (parameters.length === 0) continue
    const names = parameterNames[kind]
    const module = layer.replaceAll('/', '.')
    if (names === undefined) {
      throw new NeurodeError('ERR_ARGUMENT', `layer '${layer}': PyTorch has no module for the weights of a ${kind}`)
    }
    for (const { name, shape } of parameters) {
      const { data } = values.get(`${layer}/${name}`) as NamedWeight
      const isKernel = kind === 'Dense' && name === 'kernel'
      const own = kind === 'PReLU' ? withoutOnes(shape) : isKernel ? shape.toReversed() : shape
      if (kind === 'PReLU' && own.length > 1) {
        const text = `layer '${layer}': PyTorch has one slope for each channel, and this layer has slopes of shape ${formatShape(shape)}`
        throw new NeurodeError('ERR_ARGUMENT', text)
      }
      tensors.set(`${module}.${names[name]}`, asArray(isKernel ? transposed(data, shape) : data, own))
    }
    if (kind === 'BatchNormalization') {
      tensors.set(`${module}.${counter}`, shapedArray(Int32Array.of(0), [], { dtype: 'int64' as const }))
    }
  }
  return tensors
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none'
  const few = names.slice(0, 12).map((name) => `'${name}'`)
  return names.length > few.length ? `${few.join(', ')}, … (${names.length})` : few.join(', ')
}
