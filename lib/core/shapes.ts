/** The shapes of a model: of its inputs, of its outputs, and of the layers in between. */

import { elementCount, formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { distinct } from '../base/names.js'
import { checkExpected, type Layer, type ParameterSpec, type Shape, type SymbolicTensor } from '../layers/layer.js'
import type { Placement } from '../layers/places.js'
import { GraphLayer, inputLayerOf, type NamedGraph } from './graph.js'

/** The shapes of a model whose input is known. */
export interface ModelShapes {
  /** Several inputs, and several outputs, lie side by side in a row of one dimension. */
  readonly inputShape: Shape
  readonly outputShape: Shape
  /** Numbers in one row of input, and in one row of output. */
  readonly inputSize: number
  readonly outputSize: number
  readonly inputs: readonly ModelInput[]
  readonly heads: readonly ModelHead[]
  readonly outputForm: OutputForm
  /** Layers in the order of their first calls, those of nested models among them. */
  readonly layers: readonly LayerShapes[]
  /** All calls of layers in the order of computation. */
  readonly calls: readonly LayerCall[]
}

export interface ModelInput {
  readonly name: string
  readonly shape: Shape
}

/** How several outputs, and values for them, are given: a list or a record; `single` for a model of one output. */
export type OutputForm = 'single' | 'list' | 'record'

/** One output of a model. */
export interface ModelHead {
  readonly name: string
  readonly shape: Shape
  /** Size of the last dimension, over which the loss is computed, and the product of the others. */
  readonly outputs: number
  readonly positions: number
  /** Numbers in one row of the output, and where they begin in a row of all outputs. */
  readonly size: number
  readonly begin: number
  /** The number of the tensor that is the output: those of the inputs come first, then those of the calls. */
  readonly output: number
  /** The layers that follow each other up to the output, from the last call that joins several tensors. */
  readonly ending: readonly Layer[]
}

export interface LayerShapes {
  readonly layer: Layer
  /** Name in the model; `model/layer` in a nested one. */
  readonly name: string
  readonly inputShape: Shape
  readonly outputShape: Shape
  readonly parameters: readonly ParameterSpec[]
}

export interface LayerCall {
  /** Index of the layer. */
  readonly at: number
  /** Numbers of the tensors that it takes. */
  readonly from: readonly number[]
  readonly inputShapes: readonly Shape[]
  readonly outputShape: Shape
  /** How often the layer was called before. */
  readonly repetition: number
}

/** Shapes, and the places of layers in the model. */
export interface Layout {
  readonly shapes: ModelShapes
  readonly places: ReadonlyMap<Layer, Placement>
}

/** Infers the shapes of a chain of layers from the input's shape. Throws `ERR_SHAPE` if a layer does not take its input's shape. */
export function inferShapes(layers: readonly Layer[], names: readonly string[], inputShape: Shape): ModelShapes {
  checkSize(inputShape, 'inputShape')
  const trace = new Trace()
  let shape = inputShape
  for (const [i, layer] of layers.entries()) {
    const before = checkExpected(layer, shape)
    shape = layer.computeOutputShape(before)
    trace.call(layer, names[i] as string, [i], [before], shape)
  }
  const output = { name: names.at(-1) ?? 'input', shape, output: layers.length }
  return trace.shapes([{ name: 'input', shape: inputShape }], [output], 'single')
}

/** What the inputs and outputs of a graph are called, and how the outputs are given. */
export interface Naming {
  /** Default: the names of their layers. */
  readonly inputNames?: readonly string[] | undefined
  readonly outputNames?: readonly string[] | undefined
  /** How several outputs are given; default a list. */
  readonly outputForm?: OutputForm | undefined
}

/** The layout of a graph. Throws `ERR_SHAPE` for calls of one layer that would need weights of different shapes. */
export function layoutGraph(graph: NamedGraph, { inputNames, outputNames, outputForm = 'list' }: Naming): Layout {
  const trace = new Trace()
  const places = new Map<Layer, Placement>()
  const isInput = new Set(graph.inputs)
  const ownName = (tensor: SymbolicTensor) => {
    const layer = isInput.has(tensor) ? inputLayerOf(tensor) : tensor.sourceLayer
    return graph.names[graph.layers.indexOf(layer)] as string
  }
  const inputs = graph.inputs.map((tensor, i) => ({ name: inputNames?.[i] ?? ownName(tensor), shape: tensor.shape }))
  for (const { name, shape } of inputs) checkSize(shape, `input '${name}'`)
  const run = (nested: NamedGraph, prefix: string, given: readonly number[]): number[] => {
    const { calls, layers, names, outputs } = nested
    const numbers = new Map(nested.inputs.map((tensor, i) => [tensor, given[i] as number]))
    const nameOf = new Map(layers.map((layer, i) => [layer, `${prefix}${names[i]}`]))
    if (prefix === '') {
      for (const tensor of nested.inputs) {
        const layer = inputLayerOf(tensor)
        places.set(layer, { name: nameOf.get(layer) as string, inputShape: tensor.shape, outputShape: tensor.shape })
      }
    }
    for (const { layer, sources, outputs } of calls) {
      const name = nameOf.get(layer) as string
      const from = sources.map((source) => numbers.get(source) as number)
      const outputShape = sideBySide(outputs.map(({ shape }) => shape))
      if (!places.has(layer)) places.set(layer, { name, inputShape: sources[0]?.shape, outputShape })
      const shapes = sources.map((source) => source.shape)
      const call = () => inputs.length + trace.call(layer, name, from, shapes, outputShape)
      const results = layer instanceof GraphLayer ? run(layer.graph, `${name}/`, from) : [call()]
      for (const [i, tensor] of outputs.entries()) numbers.set(tensor, results[i] as number)
    }
    return outputs.map((tensor) => numbers.get(tensor) as number)
  }
  const numbers = run(graph, '', [...inputs.keys()])
  const names = outputNames ?? distinct(graph.outputs.map(ownName))
  const outputs = graph.outputs.map(({ shape }, i) => {
    return { name: names[i] as string, shape, output: numbers[i] as number }
  })
  return { shapes: trace.shapes(inputs, outputs, outputs.length === 1 ? 'single' : outputForm), places }
}

/** The shape of a row of arrays side by side: that of the only one. */
function sideBySide(shapes: readonly Shape[]): Shape {
  const [only, ...others] = shapes as readonly [Shape, ...Shape[]]
  return others.length === 0 ? only : [shapes.reduce((sum, shape) => sum + elementCount(shape), 0)]
}

/** Notes the calls of layers. */
class Trace {
  readonly #layers: LayerShapes[] = []
  readonly #calls: LayerCall[] = []
  readonly #known = new Map<Layer, { readonly at: number; times: number }>()

  /** Notes a call, and returns its number. */
  call(layer: Layer, name: string, from: readonly number[], inputShapes: readonly Shape[], outputShape: Shape): number {
    checkSize(outputShape, `layer '${name}': its output`)
    if (this.#calls.length === mostCalls) {
      throw new NeurodeError('ERR_ARGUMENT', `a graph: expected at most ${mostCalls} calls of layers, got more`)
    }
    const inputShape = inputShapes[0] as Shape
    const parameters = layer.parameters(inputShape)
    const known = this.#known.get(layer) ?? { at: this.#layers.length, times: 0 }
    if (known.times === 0) {
      this.#layers.push({ layer, name, inputShape, outputShape, parameters })
      this.#known.set(layer, known)
    }
    const first = this.#layers[known.at] as LayerShapes
    const sizes = (specs: readonly ParameterSpec[]) => specs.map(({ shape }) => formatShape(shape)).join()
    if (sizes(parameters) !== sizes(first.parameters)) {
      const text = `layer '${name}': its weights are for inputs of shape ${formatShape(first.inputShape)}`
      throw new NeurodeError('ERR_SHAPE', `${text}, but it was applied to ${formatShape(inputShape)} as well`)
    }
    return this.#calls.push({ at: known.at, from, inputShapes, outputShape, repetition: known.times++ }) - 1
  }

  shapes(
    inputs: readonly ModelInput[],
    outputs: readonly Pick<ModelHead, 'name' | 'shape' | 'output'>[],
    outputForm: OutputForm,
  ): ModelShapes {
    const inputShape = sideBySide(inputs.map(({ shape }) => shape))
    const outputShape = sideBySide(outputs.map(({ shape }) => shape))
    checkSize(inputShape, 'inputs')
    checkSize(outputShape, 'outputs')
    let begin = 0
    const heads = outputs.map((output) => {
      const sizes = sizesOf(output.shape)
      const head = { ...output, ...sizes, begin, ending: this.#ending(inputs.length, output.output) }
      begin += sizes.size
      return head
    })
    return {
      inputShape,
      outputShape,
      inputSize: elementCount(inputShape),
      outputSize: elementCount(outputShape),
      inputs,
      heads,
      outputForm,
      layers: this.#layers,
      calls: this.#calls,
    }
  }

  #ending(inputs: number, output: number): Layer[] {
    const ending: Layer[] = []
    for (let number = output; number >= inputs; ) {
      const { at, from } = this.#calls[number - inputs] as LayerCall
      ending.unshift((this.#layers[at] as LayerShapes).layer)
      if (from.length !== 1) break
      number = from[0] as number
    }
    return ending
  }
}

function sizesOf(shape: Shape): Pick<ModelHead, 'size' | 'outputs' | 'positions'> {
  return {
    size: elementCount(shape),
    outputs: shape.at(-1) ?? 1,
    positions: elementCount(shape.slice(0, -1)),
  }
}

/** The most calls of layers: nested models that are called twice each have 2 to the power of their number. */
const mostCalls = 2 ** 16

/** The most values that one row may have. */
const mostValues = 2 ** 28

function checkSize(shape: Shape, what: string): void {
  if (elementCount(shape) <= mostValues) return
  throw new NeurodeError('ERR_SHAPE', `${what}: expected at most ${mostValues} values a row, got ${formatShape(shape)}`)
}
