/** Writes the structure of a model: the smallest config that every Keras 3 reads, or one that TensorFlow.js reads. */

import type { ModelCore } from '../../core/core.js'
import { inputLayerOf, type NamedGraph } from '../../core/graph.js'
import { ModelLayer } from '../../core/modelLayer.js'
import type { Layer, Shape, SymbolicTensor } from '../../layers/layer.js'
import { Input } from '../../layers/shaping.js'
import type { Json, JsonObject } from '../../persistence/description.js'
import { asSerialized, refuseToWrite } from './parts.js'
import type { KerasLayer } from './types.js'
import { type Writing, writeLayer } from './writeLayer.js'

/** A model as a config has it. */
export interface WrittenModel {
  readonly config: JsonObject
  readonly layers: readonly KerasLayer[]
}

/** Writes a model. `taken` knows the layers of all models that were written, and which model they are part of. */
export function writeModel(core: ModelCore, given: string, writing: Writing, taken: Map<object, string>): WrittenModel {
  const [name] = allowedNames([given], writing) as [string]
  return core.stack.graph === undefined
    ? writeChain(core, name, writing, taken)
    : writeGraph(core, { ...core.stack.graph, names: core.stack.names }, name, writing, taken)
}

/** Throws for a layer that two models share: a file has it twice, and each copy would have weights of its own. */
function take(layer: object, name: string, model: string, taken: Map<object, string>): void {
  const other = taken.get(layer)
  if (other !== undefined) {
    refuseToWrite(
      `layer '${name}'`,
      `it is part of two models, '${other}' and '${model}', which would not share its weights`,
    )
  }
  taken.set(layer, model)
}

function writeChain(core: ModelCore, name: string, writing: Writing, taken: Map<object, string>): WrittenModel {
  const { inputShape } = core.shapes ?? core.built()
  const { layers } = core.stack
  const names = allowedNames(core.stack.names, writing)
  const [first] = layers
  const begin = first instanceof Input ? 1 : 0
  const written = layers.slice(begin).map((layer, i) => {
    const own = names[i + begin] as string
    take(layer, own, name, taken)
    return writeLayer(layer, own, writing)
  })
  const inputName = begin === 1 ? (names[0] as string) : freeName('input', names)
  const input = writeInput(inputName, inputShape, 'float32', writing)
  const config = { name, layers: [input, ...written.map((each) => each.config)] }
  return {
    config: writing.era === 'tfjs' ? { class_name: 'Sequential', config } : asSerialized('keras', 'Sequential', config),
    layers: written.map(({ keras }) => keras),
  }
}

function freeName(base: string, taken: readonly string[]): string {
  for (let count = 0; ; count++) {
    const name = count === 0 ? base : `${base}_${count}`
    if (!taken.includes(name)) return name
  }
}

/** The names with `_` for each `/`, which Keras refuses in the names of layers and models. */
function allowedNames(names: readonly string[], { era, leftOut }: Writing): readonly string[] {
  if (era === 'tfjs') return names
  const taken = [...names]
  return names.map((name) => {
    if (!name.includes('/')) return name
    const free = freeName(name.replaceAll('/', '_'), taken)
    taken.push(free)
    leftOut.add(`the name '${name}', as Keras takes no '/' in names; it is '${free}'`)
    return free
  })
}

function writeInput(name: string, shape: Shape, dtype: string, { era }: Writing): JsonObject {
  if (era === 'tfjs') {
    const config = {
      batch_input_shape: [null, ...shape],
      dtype: dtype === 'float32' ? dtype : 'int32',
      sparse: false,
      name,
    }
    return { class_name: 'InputLayer', config }
  }
  const type = dtype === 'float32' ? {} : { dtype }
  return asSerialized('keras.layers', 'InputLayer', { name, batch_shape: [null, ...shape], ...type })
}

/** Where a tensor comes from: output `tensor` of call `node` of a layer, which may be a model. */
interface Place {
  readonly layer: string
  readonly node: number
  readonly tensor: number
  readonly model?: string | undefined
}

function writeGraph(
  core: ModelCore,
  graph: NamedGraph,
  name: string,
  writing: Writing,
  taken: Map<object, string>,
): WrittenModel {
  const { era, leftOut } = writing
  const { inputs, heads, outputForm } = core.shapes ?? core.built()
  const allowed = allowedNames(graph.names, writing)
  const own = new Map(graph.layers.map((layer, i) => [layer, allowed[i] as string]))
  const places = new Map<SymbolicTensor, Place>()
  graph.inputs.forEach((tensor, i) => {
    const layer = inputLayerOf(tensor)
    const given = (inputs[i] as (typeof inputs)[number]).name
    const before = own.get(layer) as string
    const wanted =
      given === graph.names[graph.layers.indexOf(layer)] ? before : (allowedNames([given], writing)[0] as string)
    if (wanted !== before && ![...own.values()].includes(wanted)) own.set(layer, wanted)
    else if (wanted !== before) leftOut.add(`the name '${wanted}' of an input, as a layer is called so`)
    places.set(tensor, { layer: own.get(layer) as string, node: 0, tensor: 0 })
  })
  const nodes = new Map<Layer, Json[]>()
  for (const { layer, sources, outputs } of graph.calls) {
    const node = writeNode(layer, sources, places, era)
    const known = nodes.get(layer) ?? []
    const model = layer instanceof ModelLayer ? layer.kind : undefined
    for (const [i, tensor] of outputs.entries()) {
      places.set(tensor, { layer: own.get(layer) as string, node: known.length, tensor: i, model })
    }
    known.push(node)
    nodes.set(layer, known)
  }
  const inputLayers = new Map(graph.inputs.map((tensor) => [inputLayerOf(tensor), tensor]))
  const keras: KerasLayer[] = []
  const layers = graph.layers.map((layer): JsonObject => {
    const layerName = own.get(layer) as string
    const input = inputLayers.get(layer)
    const written = input === undefined ? writePart(layer, layerName, name, writing, taken) : undefined
    keras.push(written?.keras ?? { className: 'InputLayer', name: layerName, variables: [], dtype: 'float32' })
    const config =
      written?.config ??
      writeInput(layerName, (input as SymbolicTensor).shape, (input as SymbolicTensor).dtype, writing)
    return { ...config, name: layerName, inbound_nodes: nodes.get(layer) ?? [] }
  })
  const endOf = (tensor: SymbolicTensor): Json => {
    const { layer, node, tensor: at, model } = places.get(tensor) as Place
    // Keras counts the calls of a Functional that is an output from 1; TensorFlow.js counts those of all models so.
    const first = model !== undefined && (era === 'tfjs' || model === 'Functional') ? 1 : 0
    return [layer, node + first, at]
  }
  const twice = graph.outputs.find((tensor, i) => graph.outputs.indexOf(tensor) !== i)
  if (twice !== undefined && era === 'tfjs') {
    refuseToWrite(`model '${name}'`, 'TensorFlow.js does not give one tensor as two outputs')
  }
  const ends = graph.outputs.map(endOf)
  const names = heads.map((head) => head.name)
  if (outputForm === 'single' && names[0] !== own.get((graph.outputs[0] as SymbolicTensor).sourceLayer)) {
    leftOut.add(`the name '${names[0]}' of the output, which is called like its layer`)
  }
  const byName = outputForm === 'record' && era !== 'tfjs'
  if (outputForm === 'record' && !byName) leftOut.add('the names of the outputs, which are a list in TensorFlow.js')
  const config: JsonObject = {
    name,
    layers,
    input_layers: graph.inputs.map((tensor) => [own.get(inputLayerOf(tensor)) as string, 0, 0]),
    output_layers: byName ? Object.fromEntries(names.map((each, i) => [each, ends[i] as Json])) : ends,
  }
  if (era === 'tfjs') return { config: { class_name: 'Model', config }, layers: keras }
  const written = {
    ...asSerialized('keras.src.models.functional', 'Functional', config),
    registered_name: 'Functional',
  }
  return { config: written, layers: keras }
}

function writePart(layer: Layer, name: string, model: string, writing: Writing, taken: Map<object, string>) {
  if (!(layer instanceof ModelLayer)) {
    take(layer, name, model, taken)
    return writeLayer(layer, name, writing)
  }
  take(layer.core, name, model, taken)
  const { config, layers } = writeModel(layer.core as ModelCore, name, writing, taken)
  return { config, keras: { className: config.class_name as string, name, variables: [], dtype: 'float32', layers } }
}

function writeNode(
  layer: Layer,
  sources: readonly SymbolicTensor[],
  places: ReadonlyMap<SymbolicTensor, Place>,
  era: string,
): Json {
  if (era === 'tfjs') {
    return sources.map((tensor) => {
      const { layer: name, node, tensor: at, model } = places.get(tensor) as Place
      return [name, node + (model === undefined ? 0 : 1), at, {}]
    })
  }
  const tensors = sources.map((tensor): JsonObject => {
    const { shape, dtype } = tensor
    const { layer: name, node, tensor: at } = places.get(tensor) as Place
    const config = { shape: [null, ...shape], dtype, keras_history: [name, node, at] }
    return { class_name: '__keras_tensor__', config }
  })
  const isList = tensors.length > 1 || (layer instanceof ModelLayer && layer.graph.inputs.length > 1)
  return { args: [isList ? tensors : (tensors[0] as JsonObject)], kwargs: {} }
}
