/** Assigns the tensors of a weights file to a model's weights, by name or as other libraries name them. */

import type { ArrayInput } from '../arrays/arrays.js'
import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import type { FileArray } from '../formats/npy.js'
import type { Shape } from '../layers/layer.js'
import type { LayerWeights } from './layerWeights.js'
import { areTorchNames, arrangeTorch } from './torchNames.js'

/** The tensors of a file, by name. */
export interface WeightTensors {
  readonly path: string
  readonly tensors: ReadonlyMap<string, FileArray>
  /** Names of tensors that were left out, as they are the same as others: those by these. */
  readonly same?: ReadonlyMap<string, string> | undefined
  /** Whether the tensors are in the order in which they were written; false if the writer sorted them by name. */
  readonly keepsOrder: boolean
}

/** The tensors of one layer in a file. */
interface Group {
  readonly layer: string
  readonly parameters: ReadonlyMap<string, { readonly value: ArrayInput; readonly shape: Shape }>
}

/** Names of Keras and of older files of Neurode, which contain a layer and a parameter. */
const kerasPattern =
  /^(?:(.*?)[/._])?(kernel|bias|gamma|beta|moving_mean|moving_variance|embeddings|alpha|mean|variance)(?::0)?$/
/** At least one name must match this, as the other names are common to several libraries. */
const kerasTelling = /[/._]?(?:kernel|gamma|beta|moving_mean|moving_variance|embeddings|alpha|variance)(?::0)?$/

/** Arrays of scikit-learn's MLPClassifier and MLPRegressor: `coefs_` and `intercepts_` by their places. */
const scikitPattern = /^(coef|intercept)_(0|[1-9]\d*)$/

/**
 * The tensors in the order of the weights. `named` are the modules of layers, for names of PyTorch. Throws `ERR_SHAPE`, with advice, if
 * the order cannot be determined.
 */
export function arrangeWeights(
  file: WeightTensors,
  layers: readonly LayerWeights[],
  named: ReadonlyMap<string, string> = new Map(),
): ArrayInput[] {
  const { tensors } = file
  const expected = layers.flatMap(({ name, parameters }) => parameters.map((parameter) => `${name}/${parameter.name}`))
  const known = expected.filter((name) => tensors.has(name))
  if (named.size > 0) return arrangeTorch(file, layers, named)
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
  if (names.length > 0 && names.every((name) => scikitPattern.test(name))) return arrangeScikit(file, layers, fail)
  if (areTorchNames(names)) return arrangeTorch(file, layers, named)
  if (!names.every((name) => kerasPattern.test(name)) || !names.some((name) => kerasTelling.test(name))) {
    const whose =
      "names of neither Neurode, Keras ('dense/kernel'), PyTorch ('0.weight'), scikit-learn ('coef_0') nor numpy.savez ('arr_0')"
    throw fail(`: ${whose}. Rename them, or give the arrays to model.setWeights() in the order of getWeights()`)
  }
  const withWeights = layers.filter(({ parameters }) => parameters.length > 0)
  const groups = groupTensors(file)
  if (groups.length !== withWeights.length) {
    throw fail(
      `: the names are Keras' or Neurode's, of ${groups.length} layers with weights, but this model has ${withWeights.length}`,
    )
  }
  const ordered = orderGroups(file, groups, withWeights)
  return withWeights.flatMap(({ name, parameters }, i) => {
    const group = ordered[i] as Group
    const found = parameters.map((parameter) => group.parameters.get(parameter.name)?.value)
    if (found.length === group.parameters.size && found.every((value) => value !== undefined)) return found
    const got = `${group.layer === '' ? 'the file' : `'${group.layer}'`} has ${[...group.parameters.keys()].join(' and ')}`
    throw fail(
      `: the names are Keras' or Neurode's, but ${got} where layer '${name}' has ${parameters.map((p) => p.name).join(' and ')}`,
    )
  })
}

/** The arrays of scikit-learn, whose layers are numbered from 0. */
function arrangeScikit(
  { tensors }: WeightTensors,
  layers: readonly LayerWeights[],
  fail: (why: string) => NeurodeError,
): ArrayInput[] {
  const own = layers.filter(({ parameters }) => parameters.length > 0)
  const other = own.find(({ kind, parameters }) => kind !== 'Dense' || parameters.length !== 2)
  if (other !== undefined) throw fail(`: scikit-learn's layers are Dense with a bias, and layer '${other.name}' is not`)
  const arrays = own.flatMap((_, i) => [tensors.get(`coef_${i}`), tensors.get(`intercept_${i}`)])
  if (tensors.size !== arrays.length || arrays.includes(undefined)) {
    throw fail(`: the names are those of scikit-learn's layers, of which this model has ${own.length}`)
  }
  return arrays as FileArray[]
}

function groupTensors({ tensors }: WeightTensors): Group[] {
  const groups = new Map<string, Map<string, { value: ArrayInput; shape: Shape }>>()
  for (const [name, tensor] of tensors) {
    const [, layer = '', parameter = ''] = kerasPattern.exec(name) ?? []
    const group = groups.get(layer) ?? new Map()
    groups.set(layer, group)
    group.set(parameter, { value: tensor, shape: tensor.shape })
  }
  return [...groups].map(([layer, parameters]) => ({ layer, parameters: new Map([...parameters].sort(kernelFirst)) }))
}

const kernelFirst = ([a]: [string, unknown], [b]: [string, unknown]) => Number(a === 'bias') - Number(b === 'bias')

/** Sorts the groups into the order of the layers. */
function orderGroups(file: WeightTensors, groups: readonly Group[], layers: readonly LayerWeights[]): readonly Group[] {
  const byName = new Map(groups.map((group) => [group.layer.replace(/^.*\//, ''), group]))
  const named = layers.map(({ name }) => byName.get(name))
  if (named.every((group) => group !== undefined)) return named
  return file.keepsOrder ? groups : orderByNumbers(file, groups, layers)
}

/** Assigns groups to layers by their shapes; groups of equal shapes are ordered by the numbers in their names. Otherwise it throws. */
function orderByNumbers(
  { path }: WeightTensors,
  groups: readonly Group[],
  layers: readonly LayerWeights[],
): readonly Group[] {
  const left = groups.map((group) => ({ group, key: shapesOf(group), ...numbersOf(group.layer) }))
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
function numbersOf(layer: string) {
  const name = !/_\d+$/.test(layer) ? `${layer}_0` : layer
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
