/** Where the HDF5 files of Keras have the variables of a model's layers. */

import { NeurodeError } from '../../base/errors.js'
import { damaged } from '../../files/files.js'
import type { Hdf5File } from '../hdf5/hdf5.js'
import type { KerasLayer, KerasVariable } from './types.js'

/** The error for a file with the weights of another model. */
export const otherModel = (path: string, problem: string) => new NeurodeError('ERR_SHAPE', `${path}: ${problem}`)

/** A variable of a model, and the dataset with its values. */
export interface Place {
  readonly layer: KerasLayer
  readonly variable: KerasVariable
  readonly path: string
}

/** A layer, and the group of `.weights.h5` with its variables and its own layers. */
export interface LayerGroup {
  readonly layer: KerasLayer
  readonly path: string
}

/** `p_re_lu` for `PReLU`, as Keras calls the groups of layers. */
function snakeCase(className: string): string {
  return className
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
}

/** The groups of layers in `.weights.h5`: Keras counts the layers of each class. */
export function layerGroups(layers: readonly KerasLayer[], within = ''): LayerGroup[] {
  const counts = new Map<string, number>()
  return layers.flatMap((layer): LayerGroup[] => {
    const name = snakeCase(layer.className)
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    const path = `${within}layers/${name}${count === 0 ? '' : `_${count}`}`
    return [{ layer, path }, ...layerGroups(layer.layers ?? [], `${path}/`)]
  })
}

const oldLayers = '_layer_checkpoint_dependencies'

/** Whether the HDF5 file is one of `.weights.h5`. */
export const isWeightsFile = ({ nodes }: Hdf5File) => nodes.has('layers') || nodes.has(oldLayers)

/** The places of all variables in `.weights.h5`. Throws `ERR_FILE_FORMAT` unless every layer has as many as it should. */
export function storedPlaces(file: Hdf5File, layers: readonly KerasLayer[]): Place[] {
  const groups = file.nodes.has(oldLayers) ? oldGroups(file, layers, '') : layerGroups(layers)
  const seen = new Set<string>()
  return groups.flatMap(({ layer, path }) => {
    const { variables } = layer
    const vars = `${path}/vars`
    const there = file.group(vars)?.children ?? []
    // A layer that several models share is stored with the first of them.
    const isShared =
      variables.length > 0 && there.length === 0 && variables.every(({ weight }) => seen.has(weight ?? ''))
    for (const { weight } of variables) if (weight !== undefined) seen.add(weight)
    if (isShared) return []
    if (there.length !== variables.length || variables.some((_, i) => !there.includes(`${i}`))) {
      const names = variables.map(({ name }) => name)
      throw otherModel(
        file.path,
        `layer '${layer.name}': expected ${names.length} variables (${names.join(', ')}) in '${vars}', got ${there.length}`,
      )
    }
    return variables.map((variable, i) => ({ layer, variable, path: `${vars}/${i}` }))
  })
}

/** Groups of files of TensorFlow 2.13, which counts some layers twice: they are taken in the order of their numbers. */
function oldGroups(file: Hdf5File, layers: readonly KerasLayer[], within: string): LayerGroup[] {
  const folder = `${within}${oldLayers}`
  const children = file.group(folder)?.children ?? []
  const paths = new Map<KerasLayer, string>()
  for (const name of new Set(layers.map(({ className }) => snakeCase(className)))) {
    const own = layers.filter(({ className }) => snakeCase(className) === name)
    const numberOf = (child: string) => (child === name ? 0 : Number(child.slice(name.length + 1)))
    const found = children.filter(
      (child) => child === name || (/^_\d+$/.test(child.slice(name.length)) && child.startsWith(name)),
    )
    found.sort((a, b) => numberOf(a) - numberOf(b))
    if (found.length !== own.length) {
      throw otherModel(file.path, `expected ${own.length} layers '${name}' in '${folder}', got ${found.length}`)
    }
    for (const [i, layer] of own.entries()) paths.set(layer, `${folder}/${found[i]}`)
  }
  return layers.flatMap((layer): LayerGroup[] => {
    const path = paths.get(layer) as string
    return [{ layer, path }, ...(layer.layers === undefined ? [] : oldGroups(file, layer.layers, `${path}/`))]
  })
}

/** A variable, and its name in `.h5`, such as `dense/kernel` or `inner/dense/kernel`. */
interface LegacyVariable {
  readonly layer: KerasLayer
  readonly variable: KerasVariable
  readonly name: string
}

/** The variables of a layer and of those within it, by names that differ. */
function namedVariables(layer: KerasLayer, name: string): LegacyVariable[] {
  const own = layer.variables.map((variable) => ({ layer, variable, name: `${name}/${variable.name}` }))
  return [...own, ...(layer.layers ?? []).flatMap((inner) => namedVariables(inner, `${name}/${inner.name}`))]
}

/** All variables of a layer and of those within it, in the order of `.h5`: the trainable ones, then the others. */
function orderedVariables(layer: KerasLayer): LegacyVariable[] {
  const all = namedVariables(layer, layer.name)
  const known = new Set<string>()
  const different = all.filter(({ variable: { weight } }) => {
    const isKnown = weight !== undefined && known.has(weight)
    if (weight !== undefined) known.add(weight)
    return !isKnown
  })
  return [true, false].flatMap((trainable) => different.filter(({ variable }) => variable.trainable === trainable))
}

function innerLayers({ layers = [] }: KerasLayer): KerasLayer[] {
  return layers.flatMap((layer) => [layer, ...innerLayers(layer)])
}

/** The variables that the optimizer has variables for, in Keras' order. */
export function trainedVariables(layers: readonly KerasLayer[]): KerasVariable[] {
  const all = layers.flatMap((layer) => [layer, ...innerLayers(layer)]).flatMap(({ variables }) => variables)
  const known = new Map(all.filter(({ trainable }) => trainable).map((variable) => [variable.weight, variable]))
  return [...known.values()]
}

/** The layers of a model that have variables, as `.h5` has them: those of a nested model are its own. */
export function legacyLayers(layers: readonly KerasLayer[]) {
  return layers
    .map((layer) => ({ layer, variables: orderedVariables(layer) }))
    .filter(({ variables }) => variables.length > 0)
}

/** The texts of an attribute, which Keras cuts into `name0`, `name1`, … where it is long. */
export function longTexts(file: Hdf5File, path: string, name: string): readonly string[] | undefined {
  const whole = file.texts(path, name)
  if (whole !== undefined) return whole
  const parts: string[] = []
  for (let i = 0; ; i++) {
    const part = file.texts(path, `${name}${i}`)
    if (part === undefined) return i === 0 ? undefined : parts
    parts.push(...part)
  }
}

/** Whether the HDF5 file has the weights of layers at `root` as `.h5` has them. */
export const hasLegacyWeights = (file: Hdf5File, root: string) => longTexts(file, root, 'layer_names') !== undefined

/**
 * The names of a layer's weights in a file in the order of the variables. They are told by their names where these say it, from whole
 * names to those of parameters alone: the order changes with the layers that are trainable. Otherwise they stay as they are.
 */
function inOrderOf(variables: readonly LegacyVariable[], names: readonly string[]): readonly string[] {
  for (const parts of [Number.POSITIVE_INFINITY, 2, 1]) {
    const ending = (name: string) => name.replace(/:\d+$/, '').split('/').slice(-parts).join('/')
    const found = new Map(names.map((name) => [ending(name), name]))
    const ordered = new Set(variables.map(({ name }) => found.get(ending(name))))
    if (ordered.size === names.length && !ordered.has(undefined)) return [...(ordered as Set<string>)]
  }
  return names
}

/** The places of all variables in `.h5`. Layers are taken in their order, as Keras does, whatever their names. */
export function legacyPlaces(file: Hdf5File, root: string, layers: readonly KerasLayer[]): Place[] {
  const names = longTexts(file, root, 'layer_names')
  if (names === undefined) throw damaged(file.path, `'/${root}' of the HDF5 file does not say which layers it has`)
  const within = (name: string) => (root === '' ? name : `${root}/${name}`)
  const groups = names.flatMap((name) => {
    const weights = longTexts(file, within(name), 'weight_names')
    if (weights === undefined)
      throw damaged(file.path, `layer '${name}' of the HDF5 file does not say which weights it has`)
    return weights.length === 0 ? [] : [{ name, weights }]
  })
  const own = legacyLayers(layers)
  if (groups.length !== own.length) {
    throw otherModel(file.path, `expected weights of ${own.length} layers, got ${groups.length}`)
  }
  return own.flatMap(({ layer, variables }, i) => {
    const { name, weights } = groups[i] as { name: string; weights: readonly string[] }
    if (weights.length !== variables.length || new Set(weights).size !== weights.length) {
      const wanted = variables.map(({ variable }) => variable.name).join(', ')
      throw otherModel(file.path, `layer '${layer.name}': expected the weights ${wanted}, got ${weights.join(', ')}`)
    }
    const ordered = inOrderOf(variables, weights)
    return variables.map(({ layer, variable }, k) => ({ layer, variable, path: `${within(name)}/${ordered[k]}` }))
  })
}
