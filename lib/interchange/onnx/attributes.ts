/** The attributes of a node. Every attribute of a node must be read: one that nobody asks for would be a meaning that is lost. */

import { type AttributeProto, type TensorProto, AttributeProto_AttributeType as Type } from './onnx-ml_pb.js'
import { problem, shortName } from './problem.js'

const utf8 = new TextDecoder('utf-8', { fatal: true })

export class Attributes {
  readonly #attributes = new Map<string, AttributeProto>()
  readonly #read = new Set<string>()

  constructor(attributes: readonly AttributeProto[]) {
    for (const attribute of attributes) {
      const name = shortName(attribute.name)
      if (this.#attributes.has(attribute.name)) problem(`attribute '${name}' is there twice`)
      if (attribute.refAttrName !== '') problem(`attribute '${name}' is that of a function`)
      this.#attributes.set(attribute.name, attribute)
    }
  }

  float(name: string): number | undefined {
    const attribute = this.#get(name, Type.FLOAT)
    return attribute === undefined ? undefined : shortest(attribute.f)
  }

  floats(name: string): readonly number[] | undefined {
    return this.#get(name, Type.FLOATS)?.floats
  }

  integer(name: string): number | undefined {
    const attribute = this.#get(name, Type.INT)
    return attribute === undefined ? undefined : Number(attribute.i)
  }

  integers(name: string): readonly number[] | undefined {
    return this.#get(name, Type.INTS)?.ints.map(Number)
  }

  flag(name: string): boolean | undefined {
    const value = this.integer(name)
    if (value === undefined || value === 0 || value === 1) return value === undefined ? undefined : value === 1
    return problem(`expected 0 or 1 as attribute '${name}', got ${value}`)
  }

  text(name: string): string | undefined {
    const attribute = this.#get(name, Type.STRING)
    return attribute === undefined ? undefined : utf8.decode(attribute.s)
  }

  tensor(name: string): TensorProto | undefined {
    return this.#get(name, Type.TENSOR)?.t
  }

  /** Passes over attributes that change no result. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name)
  }

  /** Throws if there is an attribute that nobody read. */
  finish(): void {
    const unread = [...this.#attributes.keys()].find((name) => !this.#read.has(name))
    if (unread !== undefined) problem(`the attribute '${shortName(unread)}' is not read`)
  }

  #get(name: string, type: Type): AttributeProto | undefined {
    this.#read.add(name)
    const attribute = this.#attributes.get(name)
    if (attribute === undefined || attribute.type === type) return attribute
    return problem(`expected ${Type[type]} as attribute '${name}', got ${Type[attribute.type] ?? 'another type'}`)
  }
}

/** The decimal number with the fewest digits that float32 rounds to `value`: 0.1 instead of 0.10000000149011612. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const number = Number(value.toPrecision(digits))
    if (Math.fround(number) === value) return number
  }
  return value
}
