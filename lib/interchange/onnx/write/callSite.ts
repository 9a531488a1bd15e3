/** What a row of the tables of layers and activations is given: the inputs of one call, and ways to add nodes for it. */

import type { Layer, Shape, Weight } from '../../../layers/layer.js'
import type { Attribute, Attributes, ElementType, OnnxGraph, Value } from './onnxGraph.js'

export const int = (value: number): Attribute => ({ int: value })
export const ints = (values: readonly number[]): Attribute => ({ ints: values })
export const float = (value: number): Attribute => ({ float: value })

/** The weights of a model by name, and the constants that they became. */
export class Weights {
  readonly #byName: ReadonlyMap<string, Weight>
  readonly #values = new Map<string, Value>()

  constructor(weights: readonly Weight[]) {
    this.#byName = new Map(weights.map((weight) => [weight.name, weight]))
  }

  get(name: string): Weight {
    return this.#byName.get(name) as Weight
  }

  /** A weight as a constant of the graph. Calls of one layer share it. */
  value(graph: OnnxGraph, name: string): Value {
    const { shape, data } = this.get(name)
    const value = this.#values.get(name) ?? graph.initializer(name, shape, data, 'float32')
    this.#values.set(name, value)
    return value
  }
}

/** One call of a layer. */
export interface Called<L extends Layer = Layer> {
  readonly layer: L
  /** Name of the layer in the model; `model/layer` in a nested one. */
  readonly name: string
  readonly inputs: readonly Value[]
  /** Shapes of one row of each input, and of the output. */
  readonly inputShapes: readonly Shape[]
  readonly outputShape: Shape
}

export class CallSite<L extends Layer = Layer> {
  readonly layer: L
  readonly name: string
  readonly inputs: readonly Value[]
  /** Shape of one row of the first input. */
  readonly shape: Shape
  readonly outputShape: Shape
  readonly #graph: OnnxGraph
  readonly #weights: Weights

  constructor(graph: OnnxGraph, weights: Weights, { layer, name, inputs, inputShapes, outputShape }: Called<L>) {
    this.#graph = graph
    this.#weights = weights
    this.layer = layer
    this.name = name
    this.inputs = inputs
    this.shape = inputShapes[0] as Shape
    this.outputShape = outputShape
  }

  get opset(): number {
    return this.#graph.opset
  }

  /** The first input with the type that it has. */
  get input(): Value {
    return this.inputs[0] as Value
  }

  /** The first input as float32. */
  get x(): Value {
    return this.asFloats(this.input)
  }

  asFloats(value: Value): Value {
    return this.#graph.cast(value, 'float32', this.name)
  }

  /** The first input as integers. */
  get indices(): Value {
    return this.#graph.cast(this.input, 'int32', this.name)
  }

  /** Adds a node, and returns its output. */
  node(op: string, inputs: readonly Value[], attributes: Attributes = {}, type: ElementType = 'float32'): Value {
    return this.#graph.add(this.name, op, inputs, attributes, type)
  }

  /** Adds a node without attributes. */
  plain(op: string, ...inputs: readonly Value[]): Value {
    return this.node(op, inputs)
  }

  /** Reduces axes, counted with that of the rows. */
  reduce(op: string, x: Value, axes: readonly number[], keepdims: boolean): Value {
    const keeps = { keepdims: int(Number(keepdims)) }
    const takesInput = this.opset >= (op === 'ReduceSum' ? 13 : 18)
    return takesInput
      ? this.node(op, [x, this.integers(axes)], keeps)
      : this.node(op, [x], { axes: ints(axes), ...keeps })
  }

  /** Gives rows another shape. */
  reshape(x: Value, shape: Shape): Value {
    // In the shape of Reshape, 0 stands for the size that is there: that of the batch.
    return this.node('Reshape', [x, this.integers([0, ...shape])], {}, x.type)
  }

  /** Reorders the dimensions of rows: for every dimension of the output, the one of the input, counted from 0. */
  transpose(x: Value, order: readonly number[]): Value {
    if (order.every((place, i) => place === i)) return x
    return this.node('Transpose', [x], { perm: ints([0, ...order.map((place) => place + 1)]) }, x.type)
  }

  /** A weight of the layer as a constant. */
  weight(parameter: string): Value {
    return this.#weights.value(this.#graph, `${this.name}/${parameter}`)
  }

  /** The numbers of a weight of the layer. */
  numbersOf(parameter: string): Float32Array {
    return this.#weights.get(`${this.name}/${parameter}`).data
  }

  /** A constant of the layer that is no weight as it is. */
  constant(name: string, shape: Shape, data: Float32Array): Value {
    return this.#graph.initializer(`${this.name}/${name}`, shape, data, 'float32')
  }

  number(value: number): Value {
    return this.#graph.number(value)
  }

  floats(values: readonly number[]): Value {
    return this.#graph.floats(values)
  }

  filled(value: number, shape: Shape): Value {
    return this.#graph.filled(value, shape)
  }

  integer(value: number): Value {
    return this.#graph.integer(value)
  }

  integers(values: readonly number[]): Value {
    return this.#graph.integers(values)
  }
}
