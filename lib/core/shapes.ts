/** The shapes of a model: of its inputs, of its output, and of the layers in between. */

import { elementCount, formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkExpected, type Layer, type ParameterSpec, type Placement, type Shape } from '../layers/layer.js'
import { GraphLayer, inputLayerOf, type NamedGraph } from './graph.js'

/** The shapes of a model whose input is known. */
export interface ModelShapes {
  /** Several inputs lie side by side in a row of one dimension. */
  readonly inputShape: Shape
  readonly outputShape: Shape
  /** Numbers in one row of input, and in one row of output. */
  readonly inputSize: number
  readonly outputSize: number
  /** Size of the last dimension of the output, over which the loss is computed, and the product of the others. */
  readonly outputs: number
  readonly positions: number
  readonly inputs: readonly ModelInput[]
  /** Layers in the order of their first calls, those of nested models among them. */
  readonly layers: readonly LayerShapes[]
  /** All calls of layers in the order of computation. */
  readonly calls: readonly LayerCall[]
  /** The number of the tensor that is the output: those of the inputs come first, then those of the calls. */
  readonly output: number
  /** The layers that follow each other up to the output, from the last call that joins several tensors. */
  readonly ending: readonly Layer[]
}

export interface ModelInput {
  readonly name: string
  readonly shape: Shape
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
  return trace.shapes([{ name: 'input', shape: inputShape }], layers.length, shape)
}

/** The layout of a graph. Throws `ERR_SHAPE` for calls of one layer that would need weights of different shapes. */
export function layoutGraph(graph: NamedGraph, inputNames: readonly string[] | undefined): Layout {
  const trace = new Trace()
  const places = new Map<Layer, Placement>()
  const inputs = graph.inputs.map((tensor, i) => {
    const own = graph.names[graph.layers.indexOf(inputLayerOf(tensor))] as string
    return { name: inputNames?.[i] ?? own, shape: tensor.shape }
  })
  for (const { name, shape } of inputs) checkSize(shape, `input '${name}'`)
  const run = (nested: NamedGraph, prefix: string, given: readonly number[]): number => {
    const { calls, layers, names, output } = nested
    const numbers = new Map(nested.inputs.map((tensor, i) => [tensor, given[i] as number]))
    const nameOf = new Map(layers.map((layer, i) => [layer, `${prefix}${names[i]}`]))
    if (prefix === '') {
      for (const tensor of nested.inputs) {
        const layer = inputLayerOf(tensor)
        places.set(layer, { name: nameOf.get(layer) as string, inputShape: tensor.shape, outputShape: tensor.shape })
      }
    }
    for (const tensor of calls) {
      const { sourceLayer: layer, sources, shape } = tensor
      const name = nameOf.get(layer) as string
      const from = sources.map((source) => numbers.get(source) as number)
      if (!places.has(layer)) places.set(layer, { name, inputShape: sources[0]?.shape, outputShape: shape })
      const shapes = sources.map((source) => source.shape)
      const call = () => inputs.length + trace.call(layer, name, from, shapes, shape)
      numbers.set(tensor, layer instanceof GraphLayer ? run(layer.graph, `${name}/`, from) : call())
    }
    return numbers.get(output) as number
  }
  const output = run(graph, '', [...inputs.keys()])
  return { shapes: trace.shapes(inputs, output, graph.output.shape), places }
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

  shapes(inputs: readonly ModelInput[], output: number, outputShape: Shape): ModelShapes {
    const inputSize = inputs.reduce((sum, { shape }) => sum + elementCount(shape), 0)
    checkSize([inputSize], 'inputs')
    return {
      inputShape: inputs.length === 1 ? (inputs[0] as ModelInput).shape : [inputSize],
      outputShape,
      inputSize,
      outputSize: elementCount(outputShape),
      outputs: outputShape.at(-1) ?? 1,
      positions: elementCount(outputShape.slice(0, -1)),
      inputs,
      layers: this.#layers,
      calls: this.#calls,
      output,
      ending: this.#ending(inputs.length, output),
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

/** The most calls of layers: nested models that are called twice each have 2 to the power of their number. */
const mostCalls = 2 ** 16

/** The most values that one row may have. */
const mostValues = 2 ** 28

function checkSize(shape: Shape, what: string): void {
  if (elementCount(shape) <= mostValues) return
  throw new NeurodeError('ERR_SHAPE', `${what}: expected at most ${mostValues} values a row, got ${formatShape(shape)}`)
}
