/** Describes graphs as the JSON of model files: layers and nested models in tables, so that what is shared is there once. */

import type { ModelCore } from '../core/core.js'
import { inputLayerOf } from '../core/graph.js'
import { ModelLayer } from '../core/modelLayer.js'
import type { ModelShapes } from '../core/shapes.js'
import type { Layer, SymbolicTensor } from '../layers/layer.js'
import { describeLayers, type Json, type JsonObject } from './description.js'

/** What a file says of a model: a chain of layers, or a graph with its nested models. */
export function describeStructure(core: ModelCore): JsonObject {
  const { name, stack } = core
  const { inputShape } = core.built()
  if (stack.graph === undefined) return { name, inputShape, layers: describeLayers(core.layers) }
  const tables: Tables = { layers: [], models: [], cores: [] }
  describeModel(core, tables)
  return { name, layers: describeLayers(tables.layers), models: tables.models }
}

interface Tables {
  readonly layers: Layer[]
  /** Nested models come before those that they are part of. */
  readonly models: Json[]
  readonly cores: ModelCore[]
}

/** Adds a model to the tables, and returns its index. */
function describeModel(core: ModelCore, tables: Tables): number {
  const known = tables.cores.indexOf(core)
  if (known >= 0) return known
  const layers = core.layers.map((layer) => {
    if (layer instanceof ModelLayer) return { model: describeModel(layer.core as ModelCore, tables) }
    if (!tables.layers.includes(layer)) tables.layers.push(layer)
    return tables.layers.indexOf(layer)
  })
  const { givenName, seed } = core
  const described = { ...(givenName === undefined ? {} : { name: givenName }), seed, layers, ...connectionsOf(core) }
  tables.cores.push(core)
  return tables.models.push(described) - 1
}

/** How the layers are connected: tensors are numbered, those of the inputs first, then those of the calls. */
function connectionsOf(core: ModelCore): JsonObject {
  const { graph, names } = core.stack
  const shapes = core.shapes ?? core.built()
  if (graph === undefined) return { inputShape: shapes.inputShape }
  const tensors = [...graph.inputs, ...graph.calls.flatMap(({ outputs }) => outputs)]
  const numbers = new Map(tensors.map((tensor, i) => [tensor, i]))
  const numberOf = (tensor: SymbolicTensor) => numbers.get(tensor) as number
  const placeOf = (layer: Layer) => graph.layers.indexOf(layer)
  return {
    names,
    inputs: shapes.inputs.map(({ name }, i) => {
      const tensor = graph.inputs[i] as SymbolicTensor
      return { name, dtype: tensor.dtype, layer: placeOf(inputLayerOf(tensor)) }
    }),
    calls: graph.calls.map(({ layer, sources }) => [placeOf(layer), ...sources.map(numberOf)]),
    ...outputsOf(graph.outputs.map(numberOf), shapes),
  }
}

function outputsOf(numbers: readonly number[], { heads, outputForm }: ModelShapes): JsonObject {
  const outputNames = heads.map(({ name }) => name)
  return outputForm === 'single'
    ? { output: numbers[0] as number, outputNames }
    : { output: numbers, outputNames, outputForm }
}
