/** The layers of a model with their names, shapes and initial weights. */

import { NeurodeError } from '../base/errors.js'
import { defaultName, type Layer, type LayerHost, place, placementOf, type Shape, withNames } from '../layers/layer.js'
import { inferShapes, type ModelShapes } from './compileModel.js'
import { toParameters } from './weights.js'

export interface LayerStack {
  readonly layers: readonly Layer[]
  readonly names: readonly string[]
  /** Undefined until the shape of the input is known. */
  readonly shapes: ModelShapes | undefined
  /** Initial weights that the user passed to layers, by layer. */
  readonly initialWeights: ReadonlyMap<Layer, readonly Float32Array[]>
}

export const noLayers: LayerStack = { layers: [], names: [], shapes: undefined, initialWeights: new Map() }

/** Names layers, infers their shapes and checks their initial weights, without changing the layers. */
export function stackLayers(layers: readonly Layer[], inputShape: Shape | undefined): LayerStack {
  const names = nameLayers(layers)
  return withNames(layers, names, () => {
    const shapes = inputShape && inferShapes(layers, inputShape)
    return { layers: Object.freeze([...layers]), names, shapes, initialWeights: initialWeightsOf(shapes) }
  })
}

/** Makes the layers of a stack part of a model; the layers of its previous stack can be used in other models again. */
export function placeLayers(host: LayerHost, before: LayerStack, { layers, names, shapes }: LayerStack): void {
  for (const layer of before.layers) place(layer, undefined)
  layers.forEach((layer, i) => {
    const shape = shapes?.layers[i]
    const name = names[i] as string
    place(layer, { host, name, inputShape: shape?.inputShape, outputShape: shape?.outputShape })
  })
}

/** Throws `ERR_ARGUMENT` for a layer that is in the list twice, or in another model than `host`. */
export function checkUnplaced(layers: readonly Layer[], host: LayerHost): void {
  for (const [i, layer] of layers.entries()) {
    const owner = placementOf(layer)?.host
    if (layers.indexOf(layer) === i && (owner === undefined || owner === host)) continue
    const other = owner === undefined || owner === host ? 'this model' : `model '${owner.name}'`
    const text = `layers[${i}]: layer '${layer.name}' is part of ${other} already`
    throw new NeurodeError('ERR_ARGUMENT', `${text}; make a new layer, then copy weights where they should be equal`)
  }
}

function initialWeightsOf(shapes: ModelShapes | undefined): LayerStack['initialWeights'] {
  const initial = new Map<Layer, readonly Float32Array[]>()
  for (const { layer, inputShape, parameters } of shapes?.layers ?? []) {
    const values = layer.initialWeights(inputShape)
    if (values !== undefined) initial.set(layer, toParameters(values, parameters, `layer '${layer.name}': weights`))
  }
  return initial
}

/** The names of layers: those that the user chose, or the kind with a number. Throws `ERR_ARGUMENT` for two layers of one name. */
function nameLayers(layers: readonly Layer[]): string[] {
  const taken = new Set<string>()
  for (const [i, { givenName }] of layers.entries()) {
    if (givenName === undefined) continue
    if (taken.has(givenName)) {
      throw new NeurodeError('ERR_ARGUMENT', `layers[${i}]: expected different names, got '${givenName}' twice`)
    }
    taken.add(givenName)
  }
  const counts = new Map<string, number>()
  return layers.map((layer) => {
    if (layer.givenName !== undefined) return layer.givenName
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
