/** What the functions for operators are given. */

import type { Attributes } from '../attributes.js'
import { axisOf, type Constant } from '../constants.js'
import { type Origin, problem } from '../problem.js'
import { isConstant, isTerm, type Term, type Terms, type Value } from '../terms.js'

/** A node with the values that it reads. */
export interface Call {
  readonly origin: Origin
  /** Undefined for an optional input that is left out. */
  readonly inputs: readonly (Value | undefined)[]
  readonly attributes: Attributes
  /** The number of outputs, also of those that nothing reads. */
  readonly outputs: number
  readonly make: Terms
  /** The number of rows that the model declares; undefined for any. */
  readonly batch: number | undefined
  /** Makes a constant of others once, so that nodes that share weights go on to share them. */
  readonly derived: (key: string, make: () => Constant) => Constant
}

/** Computes the outputs of a node: one value, or several. */
export type Operator = (call: Call) => Value | readonly Value[] | Promise<Value>

/** The first version in which an operator means what is read, and what computes it. */
export type OperatorRow = readonly [since: number, run: Operator]

export type Operators = Readonly<Record<string, OperatorRow>>

/** Input number `i`. */
export function inputAt({ inputs }: Call, i: number): Value {
  return inputs[i] ?? problem(`it lacks input ${i}`)
}

/** Input number `i`, which depends on the rows. */
export function termAt(call: Call, i: number): Term {
  const value = inputAt(call, i)
  return isTerm(value) ? value : problem(`input ${i} is a constant, which is not read here`)
}

/** Input number `i`, a constant; undefined where it is left out. */
export function constantAt({ inputs }: Call, i: number, what: string): Constant | undefined {
  const value = inputs[i]
  if (value === undefined || isConstant(value)) return value
  return problem(`${what} (input ${i}) is no constant but depends on the model's inputs`)
}

export function neededConstant(call: Call, i: number, what: string): Constant {
  return constantAt(call, i, what) ?? problem(`it lacks ${what} (input ${i})`)
}

/** Throws for more inputs than are read. */
export function checkInputs({ inputs }: Call, most: number): void {
  if (inputs.length > most) problem(`expected at most ${most} inputs, got ${inputs.length}`)
}

/** The place of an axis within a row. Throws for the axis of the rows. */
export function rowAxis(axis: number, x: Term): number {
  const place = axisOf(axis, x.shape.length + 1)
  return place === 0 ? problem('it works along axis 0, where rows of the batch would meet one another') : place - 1
}
