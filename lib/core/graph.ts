/** Graphs: the tensors between a model's inputs and its outputs, in the order of computation. */

import { NeurodeError } from '../base/errors.js'
import { Layer, type SymbolicCall, type SymbolicTensor } from '../layers/layer.js'
import { Input } from '../layers/shaping.js'

/** The calls of layers between tensors that are a model's inputs and those that are its outputs. */
export interface Graph {
  readonly inputs: readonly SymbolicTensor[]
  /** A tensor may be several outputs, and an input may be one. */
  readonly outputs: readonly SymbolicTensor[]
  /** The calls of layers, each after those that it reads. */
  readonly calls: readonly SymbolicCall[]
  /** All layers in Keras' order, with one for each input: those far from the outputs come first. */
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

/** Finds the calls between inputs and outputs. Throws `ERR_ARGUMENT` if an output needs another input, or none needs one of these. */
export function traceGraph(inputs: readonly SymbolicTensor[], outputs: readonly SymbolicTensor[]): Graph {
  // Inner tensors that are inputs stand for themselves: the layers that made them are not part of the graph.
  const isInput = new Map(
    inputs.map((tensor) => [tensor, { layer: inputLayerOf(tensor), sources: [], outputs: [tensor] }]),
  )
  const callOf = (tensor: SymbolicTensor): SymbolicCall => isInput.get(tensor) ?? tensor.call
  const { begun, finished } = walkBack(outputs, callOf)
  const unused = inputs.find((tensor) => !finished.has(callOf(tensor)))
  if (unused !== undefined) {
    const text = `inputs: expected tensors that an output is computed from, got '${unused.name}', which none needs`
    throw new NeurodeError('ERR_ARGUMENT', text)
  }
  const isCall = (call: SymbolicCall) => call.sources.length > 0
  const { depths, layerDepths } = depthsOf([...finished], callOf)
  const rank = new Map([...new Set([...begun].map(({ layer }) => layer))].map((layer, i) => [layer, i]))
  const rankOf = ({ layer }: SymbolicCall) => rank.get(layer) as number
  const depthOf = (call: SymbolicCall) => depths.get(call) as number
  return {
    inputs,
    outputs,
    calls: [...finished].filter(isCall).sort((a, b) => depthOf(b) - depthOf(a) || rankOf(a) - rankOf(b)),
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

type CallOf = (tensor: SymbolicTensor) => SymbolicCall

/** The calls from the outputs back to the inputs, in the order in which they were begun, and in which all before them were finished. */
function walkBack(outputs: readonly SymbolicTensor[], callOf: CallOf) {
  const begun = new Set<SymbolicCall>()
  const finished = new Set<SymbolicCall>()
  for (const output of outputs) {
    const way: { tensor: SymbolicTensor; next: number }[] = []
    const begin = (tensor: SymbolicTensor) => {
      if (begun.has(callOf(tensor))) return
      begun.add(callOf(tensor))
      way.push({ tensor, next: 0 })
    }
    begin(output)
    for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
      const call = callOf(top.tensor)
      const source = call.sources[top.next++]
      if (source !== undefined) begin(source)
      else {
        if (call === top.tensor.call && call.sources.length === 0) refuseSource(output, top.tensor)
        finished.add(call)
        way.pop()
      }
    }
  }
  return { begun, finished }
}

function refuseSource(output: SymbolicTensor, input: SymbolicTensor): never {
  const text = `outputs: expected tensors that are computed from the inputs alone`
  throw new NeurodeError('ERR_ARGUMENT', `${text}, got '${output.name}', which needs the input '${input.name}' as well`)
}

/** The number of calls on the longest way to an output, of each call and of each layer, as Keras counts them. */
function depthsOf(calls: readonly SymbolicCall[], callOf: CallOf) {
  const depths = new Map<SymbolicCall, number>()
  const layerDepths = new Map<Layer, number>()
  for (const call of calls.toReversed()) {
    const depth = Math.max(depths.get(call) ?? 0, layerDepths.get(call.layer) ?? 0)
    depths.set(call, depth)
    layerDepths.set(call.layer, depth)
    for (const source of call.sources.map(callOf)) {
      depths.set(source, Math.max(depths.get(source) ?? 0, depth + 1))
    }
  }
  return { depths, layerDepths }
}
