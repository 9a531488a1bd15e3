/** The names of weights in TensorFlow.js' files: those of a nested model have none before the layer's. */

import type { Shape } from '../../layers/layer.js'
import { trainedVariables } from '../keras/places.js'
import type { KerasLayer, KerasVariable } from '../keras/types.js'

/** A variable under the name that files give it. */
export interface NamedVariable {
  /** Such as `dense/kernel`. */
  readonly name: string
  readonly shape: Shape
  /** The name of Neurode's weight. */
  readonly weight: string
}

/** All variables that are weights of Neurode, each once, and those of them that are trained. */
export function namedVariables(layers: readonly KerasLayer[]): { all: NamedVariable[]; trained: NamedVariable[] } {
  const all = new Map<string, NamedVariable>()
  const add = (layer: KerasLayer) => {
    if (layer.layers !== undefined) for (const inner of layer.layers) add(inner)
    else for (const variable of layer.variables) addOne(layer, variable)
  }
  const addOne = ({ name: owner }: KerasLayer, { name, shape = [], weight }: KerasVariable) => {
    if (weight !== undefined && !all.has(weight)) all.set(weight, { name: `${owner}/${name}`, shape, weight })
  }
  for (const layer of layers) add(layer)
  const trained = trainedVariables(layers).map(({ weight }) => all.get(weight as string) as NamedVariable)
  return { all: [...all.values()], trained }
}
