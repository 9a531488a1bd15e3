/** Graphs: the tensors between a model's inputs and its output, in the order of computation. */

import { NeurodeError } from '../base/errors.js'
import { Layer, type SymbolicTensor } from '../layers/layer.js'
import { Input } from '../layers/shaping.js'

/** The calls of layers between tensors that are a model's inputs and one that is its output. */
export interface Graph {
  readonly inputs: readonly SymbolicTensor[]
  readonly output: SymbolicTensor
  /** Results of the calls, each after those that it is computed from. */
  readonly calls: readonly SymbolicTensor[]
  /** All layers in Keras' order, with one for each input: those far from the output come first. */
  readonly layers: readonly Layer[]
}

/** A graph with the names of its layers. */
export interface NamedGraph extends Graph {
  readonly names: readonly string[]
}

/** A layer that stands for a whole model. */
export abstract class GraphLayer extends Layer {
  /** @internal */
  abstract readonly graph: NamedGraph
}

/** Finds the calls between inputs and output. Throws `ERR_ARGUMENT` if the output needs another input, or does not need one of these. */
export function traceGraph(inputs: readonly SymbolicTensor[], output: SymbolicTensor): Graph {
  const found = walkBack(inputs, output)
  const unused = inputs.findIndex((tensor) => !found.finished.has(tensor))
  if (unused >= 0) {
    const text = `inputs: expected tensors that the output is computed from, got '${inputs[unused]?.name}', which it does not need`
    throw new NeurodeError('ERR_ARGUMENT', text)
  }
  const nodes = [...found.finished]
  const isInput = new Set(inputs)
  // Inner tensors that are inputs stand for themselves: the layers that made them are not part of the graph.
  const layerOf = new Map(nodes.map((node) => [node, isInput.has(node) ? inputLayerOf(node) : node.sourceLayer]))
  const { depths, layerDepths } = depthsOf(nodes, isInput, layerOf)
  const rank = new Map(
    [...new Set(found.begun.map((node) => layerOf.get(node) as Layer))].map((layer, i) => [layer, i]),
  )
  const rankOf = (node: SymbolicTensor) => rank.get(layerOf.get(node) as Layer) as number
  const depthOf = (node: SymbolicTensor) => depths.get(node) as number
  const calls = nodes.filter((node) => !isInput.has(node))
  return {
    inputs,
    output,
    calls: calls.sort((a, b) => depthOf(b) - depthOf(a) || rankOf(a) - rankOf(b)),
    layers: [...rank.keys()].sort((a, b) => (layerDepths.get(b) as number) - (layerDepths.get(a) as number)),
  }
}

const inputLayers = new WeakMap<SymbolicTensor, Layer>()
const innerTensors = new WeakMap<Layer, SymbolicTensor>()

/** The layer that stands for a tensor which is a model's input. */
export function inputLayerOf(tensor: SymbolicTensor): Layer {
  if (tensor.sourceLayer instanceof Input) return tensor.sourceLayer
  const layer = inputLayers.get(tensor) ?? new Input({ shape: tensor.shape })
  inputLayers.set(tensor, layer)
  innerTensors.set(layer, tensor)
  return layer
}

/** The name of the inner tensor that a layer of {@link inputLayerOf} stands for. */
export function wishedName(layer: Layer): string | undefined {
  return innerTensors.get(layer)?.name
}

/** The tensors from the output back to the inputs, in the order in which they were begun, and in which all before them were finished. */
function walkBack(inputs: readonly SymbolicTensor[], output: SymbolicTensor) {
  const isInput = new Set(inputs)
  const begun = new Set([output])
  const finished = new Set<SymbolicTensor>()
  const way = [{ node: output, next: 0 }]
  for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
    const { node } = top
    const source = isInput.has(node) ? undefined : node.sources[top.next++]
    if (source === undefined) {
      if (!isInput.has(node) && node.sources.length === 0) {
        const text = `outputs: expected a tensor that is computed from the inputs alone`
        throw new NeurodeError(
          'ERR_ARGUMENT',
          `${text}, got '${output.name}', which needs the input '${node.name}' as well`,
        )
      }
      finished.add(node)
      way.pop()
    } else if (!begun.has(source)) {
      begun.add(source)
      way.push({ node: source, next: 0 })
    }
  }
  return { begun: [...begun], finished }
}

/** The number of calls on the longest way to the output, of each tensor and of each layer, as Keras counts them. */
function depthsOf(
  nodes: readonly SymbolicTensor[],
  isInput: ReadonlySet<SymbolicTensor>,
  layerOf: ReadonlyMap<SymbolicTensor, Layer>,
) {
  const depths = new Map<SymbolicTensor, number>()
  const layerDepths = new Map<Layer, number>()
  for (const node of nodes.toReversed()) {
    const layer = layerOf.get(node) as Layer
    const depth = Math.max(depths.get(node) ?? 0, layerDepths.get(layer) ?? 0)
    depths.set(node, depth)
    layerDepths.set(layer, depth)
    for (const source of isInput.has(node) ? [] : node.sources) {
      depths.set(source, Math.max(depths.get(source) ?? 0, depth + 1))
    }
  }
  return { depths, layerDepths }
}
