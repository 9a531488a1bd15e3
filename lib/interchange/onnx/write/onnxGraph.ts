/** A graph of ONNX while it is being made: nodes, constants, and the names of both. */

import { elementCount } from '../../../arrays/arrays.js'
import type { Shape } from '../../../layers/layer.js'

/** The types of elements that graphs have here; `int64` and `bool` are of constants and conditions alone. */
export type ElementType = 'float32' | 'uint8' | 'int32' | 'int64' | 'bool'

/** A tensor of the graph. */
export interface Value {
  readonly type: ElementType
  /** An output of the model gives its tensor another name. */
  name: string
}

/** The value of an attribute, by its type. */
export type Attribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly text: string }

export type Attributes = Readonly<Record<string, Attribute>>

/** One computation. */
export interface OnnxNode {
  readonly name: string
  readonly op: string
  readonly inputs: readonly Value[]
  readonly output: Value
  readonly attributes: Attributes
}

/** A constant of the graph: a weight, or a number that an operator takes as a tensor. */
export interface Initializer {
  readonly value: Value
  readonly shape: Shape
  readonly data: Float32Array | Int32Array | BigInt64Array
}

/** An input or an output: a tensor of any number of rows. */
export interface Port {
  readonly value: Value
  /** Shape of one row. */
  readonly shape: Shape
}

export class OnnxGraph {
  readonly name: string
  readonly opset: number
  readonly nodes: OnnxNode[] = []
  readonly initializers: Initializer[] = []
  readonly inputs: Port[] = []
  readonly outputs: Port[] = []
  readonly #names = new Set<string>()
  readonly #constants = new Map<string, Value>()
  readonly #casts = new Map<Value, Map<ElementType, Value>>()

  constructor(name: string, opset: number) {
    this.name = name
    this.opset = opset
  }

  /** A name that nothing else in the graph has: the wished one, with a number if it is taken. */
  unique(wished: string): string {
    // Two names that differ in halves of surrogate pairs alone would be one in the file.
    const whole = Buffer.from(wished).toString()
    let name = whole
    for (let count = 1; this.#names.has(name); count++) name = `${whole}_${count}`
    this.#names.add(name)
    return name
  }

  /** Adds a node, and returns its output. */
  add(scope: string, op: string, inputs: readonly Value[], attributes: Attributes, type: ElementType): Value {
    const name = this.unique(`${scope}/${op}`)
    const output: Value = { type, name }
    this.nodes.push({ name, op, inputs, output, attributes })
    return output
  }

  /** Adds a constant under a name, or one like it. */
  initializer(wished: string, shape: Shape, data: Initializer['data'], type: ElementType): Value {
    const value: Value = { type, name: this.unique(wished) }
    this.initializers.push({ value, shape, data })
    return value
  }

  /** A number as a tensor without dimensions. Equal ones are one constant. */
  number(value: number): Value {
    return this.#constant(`float/${Object.is(value, -0) ? '-0' : value}`, [], () => Float32Array.of(value), 'float32')
  }

  /** A list of integers, such as a shape or axes. Equal ones are one constant. */
  integers(values: readonly number[]): Value {
    const data = () => BigInt64Array.from(values.map(BigInt))
    return this.#constant(`int/${values.join()}`, [values.length], data, 'int64')
  }

  /** A single int32 in a list. */
  integer(value: number): Value {
    return this.#constant(`int32/${value}`, [1], () => Int32Array.of(value), 'int32')
  }

  /** A list of numbers. */
  floats(values: readonly number[]): Value {
    return this.#constant(`floats/${values.join()}`, [values.length], () => Float32Array.from(values), 'float32')
  }

  /** A tensor of one number. */
  filled(value: number, shape: Shape): Value {
    const data = () => new Float32Array(elementCount(shape)).fill(value)
    return this.#constant(`filled/${value}/${shape.join()}`, shape, data, 'float32')
  }

  /** The same numbers as another type. */
  cast(value: Value, type: ElementType, scope: string): Value {
    if (value.type === type) return value
    const known = this.#casts.get(value) ?? new Map<ElementType, Value>()
    this.#casts.set(value, known)
    const done = known.get(type) ?? this.add(scope, 'Cast', [value], { to: { int: typeNumbers[type] } }, type)
    known.set(type, done)
    return done
  }

  #constant(name: string, shape: Shape, data: () => Initializer['data'], type: ElementType): Value {
    const value = this.#constants.get(name) ?? this.initializer(name, shape, data(), type)
    this.#constants.set(name, value)
    return value
  }

  /** The bytes of all constants. */
  get bytes(): number {
    return this.initializers.reduce((sum, { data }) => sum + data.byteLength, 0)
  }
}

/** ONNX' numbers of the types of elements. */
export const typeNumbers: Readonly<Record<ElementType, number>> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 }
