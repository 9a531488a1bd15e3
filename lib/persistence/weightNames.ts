/** Assigns the tensors of a weights file to a model's weights, by name or, for names of other libraries, by order. */

import type { ArrayInput } from '../arrays/arrays.js'
import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import type { FileArray } from '../formats/npy.js'
import type { Shape } from '../layers/layer.js'

/** The weights of one layer, in order. */
export interface LayerWeights {
  readonly name: string
  readonly kind: string
  readonly parameters: readonly { readonly name: string; readonly shape: Shape }[]
}

/** The tensors of a file, by name. */
export interface WeightTensors {
  readonly path: string
  readonly tensors: ReadonlyMap<string, FileArray>
  /** Whether the tensors are in the order in which they were written; false if the writer sorted them by name. */
  readonly keepsOrder: boolean
}

/** The tensors of one layer in a file. */
interface Group {
  readonly layer: string
  readonly parameters: ReadonlyMap<string, { readonly value: ArrayInput; readonly shape: Shape }>
}

interface Naming {
  readonly owner: string
  readonly pattern: RegExp
  /** At least one name must match this, as the other names are common to several libraries. */
  readonly telling: RegExp
}

/** The patterns of weight names in other libraries, which contain a layer and a parameter. */
const namings = {
  torch: {
    owner: "PyTorch's",
    pattern: /^(?:(.*)\.)?(weight|bias|running_mean|running_var|num_batches_tracked|(?:weight|bias|in_proj)_\w+)$/,
    telling: /(?:^|\.)(?:weight|in_proj_weight|weight_\w+)$/,
  },
  keras: {
    owner: "Keras' or Neurode's",
    pattern:
      /^(?:(.*?)[/._])?(kernel|bias|gamma|beta|moving_mean|moving_variance|embeddings|alpha|mean|variance)(?::0)?$/,
    telling: /[/._]?(?:kernel|gamma|beta|moving_mean|moving_variance|embeddings|alpha|variance)(?::0)?$/,
  },
} as const satisfies Record<string, Naming>

/** The tensors in the order of the weights. Throws `ERR_SHAPE`, with advice, if that order cannot be determined. */
export function arrangeWeights(file: WeightTensors, layers: readonly LayerWeights[]): ArrayInput[] {
  const { tensors } = file
  const expected = layers.flatMap(({ name, parameters }) => parameters.map((parameter) => `${name}/${parameter.name}`))
  const known = expected.filter((name) => tensors.has(name))
  if (known.length === expected.length && tensors.size === expected.length) {
    return expected.map((name) => tensors.get(name) as FileArray)
  }
  const names = [...tensors.keys()]
  const fail = (why: string) => {
    const text = `${file.path}: expected weights called ${listed(expected)}, got ${listed(names)}`
    return new NeurodeError('ERR_SHAPE', `${text}${why}`)
  }
  if (known.length > 0) throw fail(': some of the names fit, and others do not')
  const numbered = names.map((_, i) => tensors.get(`arr_${i}`))
  if (names.length > 0 && numbered.every((array) => array !== undefined)) {
    if (numbered.length !== expected.length) throw fail(': arrays without names are taken in the order of getWeights()')
    return numbered
  }
  const style = (['torch', 'keras'] as const).find((key) => {
    const { pattern, telling } = namings[key]
    return names.every((name) => pattern.test(name)) && names.some((name) => telling.test(name))
  })
  if (style === undefined) {
    const whose = "names of neither Neurode, Keras ('dense/kernel'), PyTorch ('0.weight') nor numpy.savez ('arr_0')"
    throw fail(`: ${whose}. Rename them, or give the arrays to model.setWeights() in the order of getWeights()`)
  }
  const { owner } = namings[style]
  const withWeights = layers.filter(({ parameters }) => parameters.length > 0)
  if (style === 'torch') checkDense(file, withWeights)
  const groups = groupTensors(file, style)
  if (groups.length !== withWeights.length) {
    throw fail(
      `: the names are ${owner}, of ${groups.length} layers with weights, but this model has ${withWeights.length}`,
    )
  }
  const ordered = orderGroups(file, style, groups, withWeights)
  return withWeights.flatMap(({ name, parameters }, i) => {
    const group = ordered[i] as Group
    const found = parameters.map((parameter) => group.parameters.get(parameter.name)?.value)
    if (found.length === group.parameters.size && found.every((value) => value !== undefined)) return found
    const got = `${group.layer === '' ? 'the file' : `'${group.layer}'`} has ${[...group.parameters.keys()].join(' and ')}`
    throw fail(
      `: the names are ${owner}, but ${got} where layer '${name}' has ${parameters.map((p) => p.name).join(' and ')}`,
    )
  })
}

function checkDense({ path }: WeightTensors, layers: readonly LayerWeights[]): void {
  const other = layers.find(({ kind }) => kind !== 'Dense')
  if (other === undefined) return
  const text = `${path}: the names are PyTorch's, which are read for Dense layers only, but layer '${other.name}' is of the kind ${other.kind}`
  throw new NeurodeError('ERR_SHAPE', `${text}: give the arrays to model.setWeights() in the order of getWeights()`)
}

function groupTensors({ path, tensors }: WeightTensors, style: keyof typeof namings): Group[] {
  const groups = new Map<string, Map<string, { value: ArrayInput; shape: Shape }>>()
  for (const [name, tensor] of tensors) {
    const [, layer = '', parameter = ''] = namings[style].pattern.exec(name) ?? []
    const group = groups.get(layer) ?? new Map()
    groups.set(layer, group)
    const [key, value] = style === 'torch' ? fromTorch(path, name, parameter, tensor) : [parameter, tensor]
    group.set(key, { value, shape: value.shape })
  }
  return [...groups].map(([layer, parameters]) => ({ layer, parameters: new Map([...parameters].sort(kernelFirst)) }))
}

const kernelFirst = ([a]: [string, unknown], [b]: [string, unknown]) => Number(a === 'bias') - Number(b === 'bias')

/** Converts a weight or bias of PyTorch's Linear, `y = x·Wᵀ + b`, whose weight of shape (out, in) is transposed. */
function fromTorch(path: string, name: string, parameter: string, tensor: FileArray): [string, FileArray] {
  const { data, shape, dtype } = tensor
  const [outputs = 0, inputs = 0] = shape
  if (parameter === 'bias' && shape.length === 1) return ['bias', tensor]
  if (parameter !== 'weight' || shape.length !== 2) {
    const text = `${path}: the names are PyTorch's, of which the weights and biases of Linear layers are read`
    throw new NeurodeError('ERR_SHAPE', `${text}, got '${name}' of shape ${formatShape(shape)}`)
  }
  const kernel = data.slice()
  for (let output = 0; output < outputs; output++) {
    for (let input = 0; input < inputs; input++) {
      kernel[input * outputs + output] = data[output * inputs + input] as number
    }
  }
  return ['kernel', { data: kernel, shape: [inputs, outputs], dtype }]
}

/** Sorts the groups into the order of the layers. */
function orderGroups(
  file: WeightTensors,
  style: keyof typeof namings,
  groups: readonly Group[],
  layers: readonly LayerWeights[],
): readonly Group[] {
  const byName = new Map(groups.map((group) => [group.layer.replace(/^.*\//, ''), group]))
  const named = layers.map(({ name }) => byName.get(name))
  if (named.every((group) => group !== undefined)) return named
  return file.keepsOrder ? groups : orderByNumbers(file, style, groups, layers)
}

/** Assigns groups to layers by their shapes; groups of equal shapes are ordered by the numbers in their names. Otherwise it throws. */
function orderByNumbers(
  { path }: WeightTensors,
  style: keyof typeof namings,
  groups: readonly Group[],
  layers: readonly LayerWeights[],
): readonly Group[] {
  const left = groups.map((group) => ({ group, key: shapesOf(group), ...numbersOf(group.layer, style) }))
  left.sort((a, b) => compareNumbers(a.numbers, b.numbers))
  const taken = layers.map(({ parameters }) => {
    const key = shapesOf({ parameters: new Map(parameters.map(({ name, shape }) => [name, { shape }])) })
    const alike = left.filter((item) => item.key === key)
    const [first] = alike
    const other = alike.find(({ family }) => family !== first?.family)
    if (other !== undefined) throw ambiguous(path, [first?.group.layer as string, other.group.layer])
    // If no shapes match, take the next group: the later check of its shapes throws an error that names it.
    return left.splice(first === undefined ? 0 : left.indexOf(first), 1)[0] as (typeof left)[number]
  })
  for (const [i, later] of taken.entries()) {
    const earlier = taken
      .slice(0, i)
      .find((item) => item.family === later.family && compareNumbers(item.numbers, later.numbers) > 0)
    if (earlier !== undefined) throw ambiguous(path, [earlier.group.layer, later.group.layer])
  }
  return taken.map(({ group }) => group)
}

function ambiguous(path: string, layers: readonly [string, string]): NeurodeError {
  const text = `${path}: the file has its tensors in the order of their names, which does not say whether '${layers[0]}' or '${layers[1]}' comes first`
  return new NeurodeError('ERR_SHAPE', `${text}: call the model's layers by those names, or use model.setWeights()`)
}

function shapesOf({ parameters }: { readonly parameters: ReadonlyMap<string, { readonly shape: Shape }> }): string {
  return [...parameters].map(([name, { shape }]) => `${name} ${formatShape(shape)}`).join(', ')
}

/** The family and the numbers of a layer's name: `fc10` is number 10 of `fc#`; Keras' first `dense` is number 0 of `dense_#`. */
function numbersOf(layer: string, style: keyof typeof namings) {
  const name = style === 'keras' && !/_\d+$/.test(layer) ? `${layer}_0` : layer
  return { family: name.replace(/\d+/g, '#'), numbers: (name.match(/\d+/g) ?? []).map(Number) }
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((number, i) => number !== b[i])
  return at < 0 ? 0 : (a[at] as number) - (b[at] ?? 0)
}

/** Whether tensors are in the order in which Python's safetensors sorts them: by element type, then by name. */
export function isSortedByName(tensors: ReadonlyMap<string, FileArray>): boolean {
  const last = new Map<string, string>()
  for (const [name, { dtype }] of tensors) {
    const before = last.get(dtype)
    if (before !== undefined && before > name) return false
    last.set(dtype, name)
  }
  return true
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none'
  return names.length > 12 ? `${names.slice(0, 12).join(', ')}, … (${names.length})` : names.join(', ')
}
