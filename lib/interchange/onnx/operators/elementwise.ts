/** Operators that compute each element by itself. */

import { type Activation, activations } from '../../../layers/activations.js'
import {
  broadcastShape,
  type Constant,
  constant,
  elementTypeOf,
  isFloating,
  isInteger,
  scalarOf,
} from '../constants.js'
import { foldBinary, foldCast, foldModulo, foldUnary } from '../folding.js'
import { add, choose, divide, logarithm, maximum, multiply } from '../patterns.js'
import { problem } from '../problem.js'
import {
  besideRows,
  floating,
  isConstant,
  isTerm,
  type RowConstant,
  repeated,
  type Term,
  type Terms,
  type Value,
} from '../terms.js'
import { foldEqual, foldWhere } from './choosing.js'
import {
  type Call,
  checkInputs,
  constantAt,
  inputAt,
  neededConstant,
  type Operator,
  type Operators,
  termAt,
} from './operator.js'

const near = (value: number, wanted: number) => Math.abs(value - wanted) <= 1e-6 * Math.abs(wanted)

/** An operator that is an activation. */
function activation(of: (call: Call) => Activation): Operator {
  return (call) => {
    checkInputs(call, 1)
    return call.make.activation(termAt(call, 0), of(call))
  }
}

function selu(call: Call): Term {
  const [alpha, gamma] = [1.6732632, 1.050701] as const
  const given = [call.attributes.float('alpha') ?? alpha, call.attributes.float('gamma') ?? gamma] as const
  const x = termAt(call, 0)
  if (near(given[0], alpha) && near(given[1], gamma)) return call.make.activation(x, activations.selu())
  return call.make.scaled(call.make.activation(x, activations.elu({ alpha: given[0] })), given[1])
}

function hardSigmoid({ attributes, make, inputs: [x] }: Call): Term {
  const [alpha, beta] = [attributes.float('alpha') ?? 0.2, attributes.float('beta') ?? 0.5]
  if (!isTerm(x)) return problem('it is not read for constants')
  if (near(alpha, 1 / 6) && beta === 0.5) return make.activation(x, activations.hardSigmoid())
  return make.clip(make.scaled(x, alpha, beta), 0, 1)
}

function shrink({ attributes }: Call): Activation {
  const [threshold, bias] = [attributes.float('lambd') ?? 0.5, attributes.float('bias') ?? 0]
  if (bias === 0) return activations.hardShrink({ threshold })
  return bias === threshold ? activations.softShrink({ threshold }) : problem('it is read with bias 0 or lambd alone')
}

/** Slopes below 0, which are weights: one for each element of a row, or shared along axes. */
function pRelu(call: Call): Term {
  checkInputs(call, 2)
  const { make, derived } = call
  const [x, slope] = [termAt(call, 0), neededConstant(call, 1, 'slope')]
  floating(x)
  const row = besideRows(slope, x)
  const own = row.shape.flatMap((size, axis) => (size === 1 ? [] : [axis]))
  const [from, to] = [own[0] ?? 0, own.at(-1) ?? -1]
  // Slopes are given for adjacent axes, so that those between are repeated.
  const shape = x.shape.map((size, axis) => (axis >= from && axis <= to ? size : 1))
  const alpha = derived(`slopes ${slope.id} ${shape}`, () =>
    constant('float32', shape, Float32Array.from(repeated(row, shape)), slope.name),
  )
  const sharedAxes = shape.flatMap((_, axis) => (axis >= from && axis <= to ? [] : [axis + 1]))
  return make.layer('PReLU', x, x.shape, { sharedAxes }, [alpha])
}

function gelu({ attributes }: Call): Activation {
  const approximate = attributes.text('approximate') ?? 'none'
  if (approximate !== 'none' && approximate !== 'tanh') problem(`approximate '${approximate}' is not read`)
  return activations.gelu({ approximate: approximate === 'tanh' })
}

function swish(call: Call): Term {
  const alpha = call.attributes.float('alpha') ?? 1
  const { make } = call
  if (alpha === 0) problem('alpha 0 is not read')
  return make.scaled(make.activation(make.scaled(termAt(call, 0), alpha), activations.silu()), 1 / alpha)
}

/** An operator of one input that is also computed for constants. */
function unary(name: string, of: (make: Terms, x: Term) => Term): Operator {
  return (call) => {
    checkInputs(call, 1)
    const x = inputAt(call, 0)
    return isConstant(x) ? foldUnary(name, x) : of(call.make, x)
  }
}

/** A term and a constant beside it; where the constant repeats sizes of 1, the term is repeated. */
function beside(make: Terms, x: Term, c: Constant): [Term, RowConstant] {
  const own = c.shape.length === x.shape.length + 1 && c.shape[0] === 1 ? c.shape.slice(1) : c.shape
  const wide = own.length <= x.shape.length ? make.expand(x, broadcastShape(own, x.shape)) : x
  return [wide, besideRows(c, wide)]
}

const mapped = ({ shape, data }: RowConstant, of: (value: number) => number) => ({ shape, data: data.map(of) })

function inverse(value: number): number {
  const result = 1 / value
  return Number.isFinite(Math.fround(result)) ? result : problem(`it divides by ${value}`)
}

type Arithmetic = 'Add' | 'Sub' | 'Mul' | 'Div'

/** Arithmetic of two values, of which one may be a constant. */
export function arithmetic(make: Terms, name: Arithmetic, a: Value, b: Value): Value {
  if (isConstant(a) && isConstant(b)) return foldBinary(name, a, b)
  if (isTerm(a) && isTerm(b)) {
    if (name === 'Mul') return multiply(make, a, b)
    if (name === 'Div') return divide(make, a, b)
    return name === 'Add' ? add(make, a, b) : make.merge('subtract', [a, b])
  }
  if (isTerm(a)) {
    const [x, c] = beside(make, a, b as Constant)
    if (name === 'Add') return make.affine(x, c, 'offset')
    if (name === 'Sub') return make.affine(x, c, 'shift')
    return make.affine(x, name === 'Mul' ? c : mapped(c, inverse), 'scale')
  }
  const [x, c] = beside(make, b as Term, a)
  if (name === 'Add' || name === 'Mul') return arithmetic(make, name, b, a)
  if (name === 'Sub') return make.affine(make.scaled(x, -1), c, 'offset')
  return make.affine(make.function('reciprocal', x), c, 'scale')
}

const binary =
  (name: Arithmetic): Operator =>
  (call) => {
    checkInputs(call, 2)
    return arithmetic(call.make, name, inputAt(call, 0), inputAt(call, 1))
  }

function power(call: Call): Value {
  const [base, exponent] = [inputAt(call, 0), inputAt(call, 1)]
  if (isConstant(base) && isConstant(exponent)) return foldBinary('Pow', base, foldCast(exponent, base.type))
  if (!isTerm(base) || !isConstant(exponent)) return problem('it is read with a constant exponent alone')
  const wanted = scalarOf(exponent, 'exponent')
  const { make } = call
  besideRows(foldCast(exponent, 'float32'), base)
  if (wanted === 0.5) return make.function('sqrt', base)
  if (wanted === -0.5) return make.function('reciprocal', make.function('sqrt', base))
  if (wanted === -1) return make.function('reciprocal', base)
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= 8) return make.power(base, wanted)
  return problem(`the exponent ${wanted} is not read`)
}

/** The smallest or largest of several values, or their sum or mean. */
function several(name: 'Min' | 'Max' | 'Sum' | 'Mean'): Operator {
  return ({ inputs, make }) => {
    const values = inputs.map((value) => value ?? problem('an input is left out'))
    const terms = values.filter(isTerm)
    const constants = values.filter(isConstant)
    if (values.length === 0) return problem('it has no inputs')
    const operator = name === 'Sum' || name === 'Mean' ? 'Add' : name
    const [first, ...others] = constants
    const folded = first && others.reduce((a, b) => foldBinary(operator, a, b), first)
    if (terms.length === 0) return name === 'Mean' ? problem('it is not read for constants') : (folded as Constant)
    const joined = join(make, name, terms, values.length)
    if (folded === undefined) return joined
    if (name === 'Mean')
      return arithmetic(make, 'Add', joined, foldBinary('Div', folded, numberLike(folded, values.length)))
    if (name === 'Sum') return arithmetic(make, 'Add', joined, folded)
    const bound = scalarOf(folded, 'bound')
    besideRows(folded, joined)
    return name === 'Min' ? make.clip(joined, -Infinity, bound) : make.clip(joined, bound, Infinity)
  }
}

const numberLike = ({ type }: Constant, value: number) => constant(type, [], Float64Array.of(value))

function join(make: Terms, name: 'Min' | 'Max' | 'Sum' | 'Mean', terms: readonly Term[], count: number): Term {
  const [only] = terms as [Term]
  if (terms.length === 1) return name === 'Mean' ? make.scaled(only, 1 / count) : only
  if (name === 'Max') return maximum(make, terms)
  if (name === 'Min') return make.merge('minimum', terms)
  if (name === 'Mean' && terms.length === count) return make.merge('average', terms)
  const sum = make.merge('add', terms)
  return name === 'Mean' ? make.scaled(sum, 1 / count) : sum
}

function clip(call: Call): Term {
  checkInputs(call, 3)
  const bound = (i: number, what: string, none: number) => {
    const value = constantAt(call, i, what)
    if (value !== undefined && !isFloating(value.type)) problem(`${what} is no floating-point number`)
    return value === undefined ? none : scalarOf(value, what)
  }
  return call.make.clip(termAt(call, 0), bound(1, 'min', -Infinity), bound(2, 'max', Infinity))
}

/** Whether a value is above a bound, which patterns make something of. */
function comparison(swapped: boolean, inclusive: boolean): Operator {
  return (call) => {
    const [x, bound] = swapped ? [inputAt(call, 1), inputAt(call, 0)] : [inputAt(call, 0), inputAt(call, 1)]
    if (!isTerm(x) || !isConstant(bound)) return problem('it is read where a value is compared with a number below it')
    besideRows(bound, x)
    const base = call.make.base([x], x.shape, 'boolean')
    return { ...base, op: 'above', bound: scalarOf(bound, 'bound'), inclusive }
  }
}

function where(call: Call): Value {
  const [condition, a, b] = [inputAt(call, 0), inputAt(call, 1), inputAt(call, 2)]
  if (isConstant(condition) && isConstant(a) && isConstant(b)) return foldWhere(condition, a, b)
  if (
    isTerm(condition) &&
    condition.op === 'above' &&
    !condition.inclusive &&
    a === condition.args[0] &&
    isConstant(b)
  ) {
    besideRows(b, a)
    const options = { threshold: condition.bound, defaultValue: scalarOf(b, 'value') }
    return call.make.activation(a, activations.threshold(options))
  }
  const found = isTerm(condition) && isTerm(a) && isTerm(b) ? choose(call.make, condition, a, b) : undefined
  return found ?? problem('it is read where it writes out an activation alone')
}

function cast({ attributes, make, inputs: [x] }: Call): Value {
  const to = attributes.integer('to')
  attributes.ignore('saturate', 'round_mode')
  const type = to === undefined ? undefined : elementTypeOf(to)
  if (type === undefined || x === undefined) return problem(`the element type number ${to} is not read`)
  if (isConstant(x)) return foldCast(x, type)
  if (isFloating(type))
    return x.kind === 'integer'
      ? make.function('float', x)
      : x.kind === 'float'
        ? x
        : problem('booleans are not converted')
  if (isInteger(type) && /^u?int(?:32|64)$/.test(type)) return x.kind === 'float' ? make.function('truncate', x) : x
  return problem(`values are not converted to ${type}`)
}

export const elementwise: Operators = {
  Relu: [6, activation(() => activations.relu())],
  LeakyRelu: [
    6,
    activation(({ attributes }) => activations.leakyRelu({ negativeSlope: attributes.float('alpha') ?? 0.01 })),
  ],
  PRelu: [7, pRelu],
  Elu: [6, activation(({ attributes }) => activations.elu({ alpha: attributes.float('alpha') ?? 1 }))],
  Celu: [12, activation(({ attributes }) => activations.celu({ alpha: attributes.float('alpha') ?? 1 }))],
  Selu: [6, selu],
  Sigmoid: [6, activation(() => activations.sigmoid())],
  HardSigmoid: [6, hardSigmoid],
  HardSwish: [14, activation(() => activations.hardSilu())],
  Tanh: [6, activation(() => activations.tanh())],
  Softplus: [1, activation(() => activations.softplus())],
  Softsign: [1, activation(() => activations.softsign())],
  Mish: [18, activation(() => activations.mish())],
  Gelu: [20, activation(gelu)],
  Swish: [24, swish],
  Shrink: [9, activation(shrink)],
  ThresholdedRelu: [
    10,
    activation(({ attributes }) =>
      activations.threshold({ threshold: attributes.float('alpha') ?? 1, defaultValue: 0 }),
    ),
  ],
  Exp: [6, unary('Exp', (make, x) => make.activation(x, activations.exponential()))],
  Abs: [6, unary('Abs', (make, x) => make.activation(x, activations.leakyRelu({ negativeSlope: -1 })))],
  Neg: [6, unary('Neg', (make, x) => make.scaled(x, -1))],
  Sqrt: [6, unary('Sqrt', (make, x) => make.function('sqrt', x))],
  Reciprocal: [6, unary('Reciprocal', (make, x) => make.function('reciprocal', x))],
  Log: [6, unary('Log', logarithm)],
  Erf: [9, unary('Erf', (make, x) => make.function('erf', x))],
  Add: [7, binary('Add')],
  Sub: [7, binary('Sub')],
  Mul: [7, binary('Mul')],
  Div: [7, binary('Div')],
  Pow: [7, power],
  Sum: [8, several('Sum')],
  Mean: [8, several('Mean')],
  Min: [8, several('Min')],
  Max: [8, several('Max')],
  Clip: [11, clip],
  Greater: [7, comparison(false, false)],
  GreaterOrEqual: [12, comparison(false, true)],
  Less: [7, comparison(true, false)],
  LessOrEqual: [12, comparison(true, true)],
  Where: [9, where],
  Equal: [7, foldEqual],
  Mod: [
    10,
    (call) => {
      const [a, b] = [inputAt(call, 0), inputAt(call, 1)]
      const fmod = call.attributes.flag('fmod') ?? false
      return isConstant(a) && isConstant(b) ? foldModulo(a, b, fmod) : problem('it is read for constants alone')
    },
  ],
  Cast: [6, cast],
}
