/** The layers of a model with their names, shapes and initial weights. */

import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { defaultName } from '../base/names.js'
import type { Layer, ParameterSpec, Shape } from '../layers/layer.js'
import {
  hostsOf,
  type LayerHost,
  otherPlacements,
  type Placement,
  place,
  placementOf,
  withNames,
} from '../layers/places.js'
import { type Graph, wishedName } from './graph.js'
import { inferShapes, layoutGraph, type ModelShapes, type Naming } from './shapes.js'
import { toParameters } from './weights.js'

export interface LayerStack {
  /** The layers as users see them; one may stand for a whole model. */
  readonly layers: readonly Layer[]
  readonly names: readonly string[]
  /** Undefined if the layers are a chain. */
  readonly graph: Graph | undefined
  /** Undefined until the shape of the input is known. */
  readonly shapes: ModelShapes | undefined
  /** The places of all layers, those of nested models among them. */
  readonly places: ReadonlyMap<Layer, Placement>
  /** Initial weights that the user passed to layers, by layer. */
  readonly initialWeights: ReadonlyMap<Layer, readonly Float32Array[]>
}

export const noLayers: LayerStack = {
  layers: [],
  names: [],
  graph: undefined,
  shapes: undefined,
  places: new Map(),
  initialWeights: new Map(),
}

/** Names the layers of a chain, infers their shapes and checks their initial weights, without changing the layers. */
export function stackLayers(layers: readonly Layer[], inputShape: Shape | undefined, host: LayerHost): LayerStack {
  const names = nameLayers(layers, host)
  return withNames(layers, names, () => {
    const shapes = inputShape && inferShapes(layers, names, inputShape)
    const places = layers.map((layer, i): [Layer, Placement] => {
      const shape = shapes?.layers[i]
      return [layer, { name: names[i] as string, inputShape: shape?.inputShape, outputShape: shape?.outputShape }]
    })
    checkShared(shapes, host)
    const initialWeights = initialWeightsOf(shapes)
    return {
      layers: Object.freeze([...layers]),
      names,
      graph: undefined,
      shapes,
      places: new Map(places),
      initialWeights,
    }
  })
}

/** Like {@link stackLayers}, for a graph. `names` are those that the layers had in a file. */
export function stackGraph(
  graph: Graph,
  naming: Naming,
  host: LayerHost,
  names: readonly string[] = nameLayers(graph.layers, host),
): LayerStack {
  const { layers } = graph
  if (names.length !== layers.length || new Set(names).size !== names.length) {
    throw new NeurodeError('ERR_ARGUMENT', `names: expected ${layers.length} different ones, got ${names.join(', ')}`)
  }
  return withNames(layers, names, () => {
    const { shapes, places } = layoutGraph({ ...graph, names }, naming)
    checkShared(shapes, host)
    return {
      layers: Object.freeze([...layers]),
      names,
      graph,
      shapes,
      places,
      initialWeights: initialWeightsOf(shapes),
    }
  })
}

/** Makes the layers of a stack part of a model, and no longer those of its previous stack. */
export function placeLayers(host: LayerHost, before: LayerStack, { places }: LayerStack): void {
  for (const layer of before.places.keys()) if (!places.has(layer)) place(layer, host, undefined)
  for (const [layer, placement] of places) place(layer, host, placement)
}

/** Throws `ERR_ARGUMENT` for a layer that is in the list twice. */
export function checkOnce(layers: readonly Layer[]): void {
  const twice = layers.findIndex((layer, i) => layers.indexOf(layer) !== i)
  if (twice < 0) return
  const text = `layers[${twice}]: layer '${layers[twice]?.name}' is part of this model already`
  throw new NeurodeError('ERR_ARGUMENT', `${text}; make a new layer, or apply it several times in a graph for model()`)
}

/** Throws `ERR_SHAPE` for a layer whose weights have another shape in another model. */
function checkShared(shapes: ModelShapes | undefined, host: LayerHost): void {
  const sizesOf = (parameters: readonly ParameterSpec[]) => parameters.map(({ shape }) => formatShape(shape)).join()
  for (const { layer, name, inputShape, parameters } of shapes?.layers ?? []) {
    for (const { inputShape: other } of otherPlacements(layer, host)) {
      if (other === undefined || sizesOf(layer.parameters(other)) === sizesOf(parameters)) continue
      const text = `layer '${name}': its weights are for inputs of shape ${formatShape(other)}, as in another model`
      throw new NeurodeError('ERR_SHAPE', `${text}, got ${formatShape(inputShape)}`)
    }
  }
}

function initialWeightsOf(shapes: ModelShapes | undefined): LayerStack['initialWeights'] {
  const initial = new Map<Layer, readonly Float32Array[]>()
  for (const { layer, name, inputShape, parameters } of shapes?.layers ?? []) {
    const values = layer.initialWeights(inputShape)
    if (values !== undefined) initial.set(layer, toParameters(values, parameters, `layer '${name}': weights`))
  }
  return initial
}

/**
 * The names of layers: those that the user chose, those that another model gave them, or the kind with a number. Throws
 * `ERR_ARGUMENT` for two layers of one name.
 */
function nameLayers(layers: readonly Layer[], host: LayerHost): string[] {
  const taken = new Set<string>()
  for (const [i, { givenName }] of layers.entries()) {
    if (givenName === undefined) continue
    if (taken.has(givenName)) {
      throw new NeurodeError('ERR_ARGUMENT', `layers[${i}]: expected different names, got '${givenName}' twice`)
    }
    taken.add(givenName)
  }
  const kept = layers.map((layer) => {
    const name = layer.givenName === undefined ? nameBefore(layer, host) : undefined
    if (name === undefined || taken.has(name)) return layer.givenName
    taken.add(name)
    return name
  })
  const counts = new Map<string, number>()
  return layers.map((layer, i) => {
    if (kept[i] !== undefined) return kept[i]
    const base = defaultName(layer.kind)
    for (let count = counts.get(base) ?? 0; ; count++) {
      const name = count === 0 ? base : `${base}_${count}`
      if (taken.has(name)) continue
      taken.add(name)
      counts.set(base, count + 1)
      return name
    }
  })
}

/** The name that a layer has outside of this model: in the first model that it is part of, or as a tensor that is an input. */
function nameBefore(layer: Layer, host: LayerHost): string | undefined {
  const [first] = hostsOf(layer)
  if (first === host) return undefined
  return first === undefined ? wishedName(layer) : placementOf(layer)?.name
}
