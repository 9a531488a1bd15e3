/** The graph of ONNX that computes what a model computes in inference. */

import { refuse } from '../../../checks/validate.js'
import type { ModelCore } from '../../../core/core.js'
import type { LayerShapes, ModelShapes } from '../../../core/shapes.js'
import type { Layer } from '../../../layers/layer.js'
import type { InputType } from '../../../layers/types.js'
import { CallSite, Weights } from './callSite.js'
import { layerRows } from './layerRows.js'
import { OnnxGraph, type Value } from './onnxGraph.js'

/** Makes the graph. Throws `ERR_ARGUMENT` for a layer that has no row. */
export function graphOf(core: ModelCore, opset: number): OnnxGraph {
  const shapes = core.built()
  const graph = new OnnxGraph(core.name, opset)
  const types = inputTypes(core, shapes)
  const tensors = shapes.inputs.map(({ name, shape }, i): Value => {
    const value = { type: types[i] as InputType, name: graph.unique(name) }
    graph.inputs.push({ value, shape })
    return value
  })
  const outputNames = shapes.heads.map(({ name }) => graph.unique(name))
  const weights = new Weights(core.readWeights())
  for (const { at, from, inputShapes, outputShape } of shapes.calls) {
    const { layer, name } = shapes.layers[at] as LayerShapes
    const inputs = from.map((number) => tensors[number] as Value)
    tensors.push(rowOf(layer, name)(new CallSite(graph, weights, { layer, name, inputs, inputShapes, outputShape })))
  }
  shapes.heads.forEach(({ output, shape }, i) => {
    const value = asOutput(graph, tensors[output] as Value, outputNames[i] as string)
    graph.outputs.push({ value, shape })
  })
  return graph
}

function rowOf(layer: Layer, name: string): (site: CallSite) => Value {
  const row = Object.hasOwn(layerRows, layer.kind) ? layerRows[layer.kind] : undefined
  return (row ?? refuse(`save: layer '${name}'`, 'a kind of layer that ONNX can hold', layer.kind)) as (
    site: CallSite,
  ) => Value
}

/** Gives the tensor of an output its name. Inputs, and tensors that are several outputs, are passed on under another name. */
function asOutput(graph: OnnxGraph, tensor: Value, name: string): Value {
  const value = graph.cast(tensor, 'float32', name)
  const isTaken = [...graph.inputs, ...graph.outputs].some((port) => port.value === value)
  const own = isTaken ? graph.add(name, 'Identity', [value], {}, 'float32') : value
  own.name = name
  return own
}

/** The types of the inputs: those that the user gave them, and int32 where all layers that read an input take integers. */
function inputTypes({ stack }: ModelCore, { inputs, calls, layers }: ModelShapes): readonly InputType[] {
  // Whether tensors are read as integers alone; undefined where no layer reads them.
  const areIntegers: (boolean | undefined)[] = []
  for (const [i, { at, from }] of [...calls.entries()].reverse()) {
    const { layer } = layers[at] as LayerShapes
    const takes = layer.integersBelow !== undefined || (layer.rearranges && areIntegers[inputs.length + i] === true)
    for (const number of from) areIntegers[number] = takes && areIntegers[number] !== false
  }
  return inputs.map((_, i) => {
    const type = stack.graph?.inputs[i]?.dtype ?? 'float32'
    return type === 'float32' && areIntegers[i] === true ? 'int32' : type
  })
}
