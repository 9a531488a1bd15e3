/** Recognizes what exporters write out as several nodes: activations and normalizations. */

import { activations } from '../../layers/activations.js'
import { factorOf, floating, type Term, type Terms } from './terms.js'

interface Line {
  readonly scale: number
  readonly offset: number
}

const near = (value: number, wanted: number) => Math.abs(value - wanted) <= 1e-5 * Math.abs(wanted)

/** The most maps in a row of which patterns are made. */
const mostMaps = 16

/** Goes down through a few maps by two numbers until `isEnd`; undefined where another term comes before. */
function below(term: Term, isEnd: (term: Term) => boolean): (Line & { readonly end: Term }) | undefined {
  let [scale, offset] = [1, 0]
  let end = term
  for (let maps = 0; maps <= mostMaps; maps++, end = argOf(end)) {
    if (isEnd(end)) return { end, scale, offset }
    if (end.op !== 'affine' || end.affine.scale.length !== 1) return undefined
    const { affine } = end
    const [own, shift, add] = [affine.scale[0], affine.shift[0], affine.offset[0]] as [number, number, number]
    offset += scale * (add - shift * own)
    scale *= own
  }
  return undefined
}

/** The two numbers by which a term is computed of `x`. */
const relative = (term: Term, x: Term): Line | undefined => below(term, (end) => end === x)

/** A term and a factor before it. */
function factored(term: Term): readonly [number, Term] {
  const factor = term.op === 'affine' ? factorOf(term.affine) : undefined
  return factor === undefined ? [1, term] : [factor, term.args[0] as Term]
}

const isFunction = (name: string) => (term: Term) => term.op === 'function' && term.name === name
const isActivation = (name: string) => (term: Term) => term.op === 'activation' && term.activation.name === name
const argOf = (term: Term) => term.args[0] as Term

/** A product, as an activation where it is one. */
export function multiply(make: Terms, a: Term, b: Term): Term {
  for (const term of [a, b]) floating(term)
  const [as, ax] = factored(a)
  const [bs, bx] = factored(b)
  const tries = [
    [1, a, b],
    [as, ax, b],
    [bs, a, bx],
    [as * bs, ax, bx],
  ] as const
  for (const [factor, x, y] of tries) {
    const found = gated(make, x, y) ?? gated(make, y, x)
    if (found !== undefined) return make.scaled(found, factor)
  }
  for (const [x, y] of [
    [a, b],
    [b, a],
  ] as const) {
    const { term, least } = guarded(y, ofReciprocal)
    const quotient = below(term, isFunction('reciprocal'))
    if (quotient?.offset !== 0 || (least > 0 && quotient.scale <= 0)) continue
    return make.scaled(divide(make, x, argOf(quotient.end), quotient.scale * least), quotient.scale)
  }
  for (const [factor, x, y] of [...tries, [1, b, a], [as * bs, bx, ax]] as const) {
    if (x === y) return make.scaled(make.power(x, 2), factor)
    if (x.op === 'power' && argOf(x) === y) return make.scaled(make.power(y, x.exponent + 1), factor)
  }
  return make.scaled(make.merge('multiply', [ax, bx]), as * bs)
}

/** `x · gate(x)` where it is an activation, perhaps with a factor. */
function gated(make: Terms, x: Term, gate: Term): Term | undefined {
  const given = (term: Term | undefined) => (term === undefined ? undefined : relative(argOf(term), x))
  if (isActivation('sigmoid')(gate) && argOf(gate) === x) return make.activation(x, activations.silu())
  if (isActivation('hardSigmoid')(gate) && argOf(gate) === x) return make.activation(x, activations.hardSilu())
  if (isActivation('tanh')(gate) && isActivation('softplus')(argOf(gate)) && argOf(argOf(gate)) === x) {
    return make.activation(x, activations.mish())
  }
  const capped = below(gate, isActivation('relu6'))
  const line = given(capped?.end)
  if (capped?.offset === 0 && line?.scale === 1 && near(line.offset, 3)) {
    return make.scaled(make.activation(x, activations.hardSilu()), 6 * capped.scale)
  }
  const error = below(gate, isFunction('erf'))
  const inner = given(error?.end)
  if (error !== undefined && inner?.offset === 0 && near(inner.scale, Math.SQRT1_2) && error.scale === error.offset) {
    return make.scaled(make.activation(x, activations.gelu()), 2 * error.scale)
  }
  const tangent = below(gate, isActivation('tanh'))
  if (tangent !== undefined && tangent.scale === tangent.offset && isCubic(argOf(tangent.end), x)) {
    return make.scaled(make.activation(x, activations.gelu({ approximate: true })), 2 * tangent.scale)
  }
  return undefined
}

/** Whether a term is `√(2 / π) · (x + 0.044715 · x³)`, in one of the ways in which it is written. */
function isCubic(term: Term, x: Term): boolean {
  const [scale, sum] = [Math.sqrt(2 / Math.PI), 0.044715]
  const merged = below(term, ({ op }) => op === 'merge')
  if (merged === undefined || merged.offset !== 0 || merged.end.op !== 'merge') return false
  const [a, b] = merged.end.args as [Term, Term]
  const isPower = (exponent: number) => (end: Term) =>
    end.op === 'power' && end.exponent === exponent && argOf(end) === x
  return [
    [a, b],
    [b, a],
  ].some(([first, second]) => {
    const line = relative(first as Term, x)
    if (line === undefined || line.offset !== 0) return false
    const outer = line.scale * merged.scale
    if (merged.end.op === 'merge' && merged.end.name === 'add') {
      const cube = below(second as Term, isPower(3))
      return cube?.offset === 0 && near(outer, scale) && near(cube.scale * merged.scale, scale * sum)
    }
    const square = below(second as Term, isPower(2))
    if (merged.end.op !== 'merge' || merged.end.name !== 'multiply' || square === undefined) return false
    return near(square.offset * outer, scale) && near(square.scale * outer, scale * sum)
  })
}

interface Guarded {
  readonly term: Term
  /** The bound below which a divisor does not fall; 0 where there is none. */
  readonly least: number
}

type Clip = Term & { readonly op: 'clip' }

/** The bound of a divisor that a limit of it, or of its reciprocal, sets; undefined where the limit does something else, too. */
const ofDivisor = ({ low, high }: Clip) => (high === Number.POSITIVE_INFINITY ? low : undefined)
const ofReciprocal = ({ low, high }: Clip) => (low <= 0 && high > 0 ? 1 / high : undefined)

/** What is repeated along axes and limited: what norms are divided by. */
function guarded(term: Term, boundOf: (clip: Clip) => number | undefined): Guarded {
  let least = 0
  for (let inner = term; ; inner = argOf(inner)) {
    const bound = inner.op === 'clip' ? boundOf(inner) : undefined
    if (bound !== undefined) least = Math.max(least, bound)
    else if (inner.op !== 'expand') return { term: inner, least }
  }
}

/** A quotient, as softsign or a normalization where it is one; the divisor counts as `least` at least. */
export function divide(make: Terms, x: Term, by: Term, least = 0): Term {
  const sign = below(by, isActivation('leakyRelu'))
  if (least === 0 && sign?.end.op === 'activation' && sign.scale === 1 && sign.offset === 1 && argOf(sign.end) === x) {
    if (sign.end.activation.options.negativeSlope === -1) return make.activation(x, activations.softsign())
  }
  return normalized(make, x, by, least) ?? make.merge('divide', [x, by])
}

/** The norm that a row counts as at least in UnitNormalization, with what float32 rounds of it. */
const leastNorm = 1.000001e-6

/** `x / sqrt(mean(x²) + ε)`, `x / sqrt(Σx²)`, or with x minus its mean, along axes of a row. */
function normalized(make: Terms, x: Term, by: Term, given: number): Term | undefined {
  const { term: root, least: leastRoot } = guarded(by, ofDivisor)
  if (root.op !== 'function' || root.name !== 'sqrt') return undefined
  const { term: inner, least: leastInner } = guarded(argOf(root), ofDivisor)
  const least = Math.max(given, leastRoot, Math.sqrt(leastInner))
  const mean = below(inner, ({ op }) => op === 'pool')
  if (mean === undefined || mean.end.op !== 'pool' || mean.end.name !== 'average') return undefined
  const square = argOf(mean.end)
  if (square.op !== 'power' || square.exponent !== 2 || argOf(square) !== x) return undefined
  const { axes } = mean.end
  const count = axes.reduce((product, axis) => product * (x.shape[axis] as number), 1)
  const axis = axes.map((place) => place + 1)
  if (near(mean.scale, count) && mean.offset >= 0 && mean.offset <= 1e-12 && least <= leastNorm) {
    return make.layer('UnitNormalization', x, x.shape, { axis })
  }
  const epsilon = mean.offset
  // These normalizations have no bound: one that the ε keeps the root above does nothing.
  if (mean.scale !== 1 || epsilon < 0 || least ** 2 > epsilon) return undefined
  const centre = x.op === 'merge' && x.name === 'subtract' ? (x.args[1] as Term) : undefined
  const isCentred = centre?.op === 'pool' && centre.name === 'average' && argOf(centre) === argOf(x)
  if (isCentred && centre.axes.join() === axes.join()) return layerNormalization(make, argOf(x), axes, epsilon)
  return make.layer('RMSNormalization', x, x.shape, { axis, epsilon }, [])
}

/** LayerNormalization along axes of a row, without scale and offset, which are made parts of it where layers are made. */
export function layerNormalization(make: Terms, x: Term, axes: readonly number[], epsilon: number): Term {
  const options = { axis: axes.map((place) => place + 1), epsilon, center: false, scale: false }
  floating(x)
  return make.layer('LayerNormalization', x, x.shape, options)
}

/** A logarithm, as that of softmax or sigmoid, or as softplus, where it is one. */
export function logarithm(make: Terms, x: Term): Term {
  if (isActivation('softmax')(x)) return make.activation(argOf(x), activations.logSoftmax())
  if (isActivation('sigmoid')(x)) return make.activation(argOf(x), activations.logSigmoid())
  const grown = below(x, isActivation('exponential'))
  if (grown?.scale === 1 && grown.offset === 1) return make.activation(argOf(grown.end), activations.softplus())
  return make.function('log', x)
}

/** A sum of two values, as squareplus where it is one. */
export function add(make: Terms, a: Term, b: Term): Term {
  for (const [x, y] of [
    [a, b],
    [b, a],
  ] as const) {
    const root = squareRoot(y, x)
    if (root !== undefined) return make.scaled(make.activation(x, activations.squareplus({ b: root })), 2)
    const quotient = below(y, isFunction('reciprocal'))
    if (!isActivation('relu')(x) || quotient === undefined || quotient.offset !== 0) continue
    const inner = argOf(x)
    const [one, other] = argOf(quotient.end).op === 'merge' ? argOf(quotient.end).args : []
    for (const [sum, size] of [
      [one, other],
      [other, one],
    ]) {
      const square = sum === undefined ? undefined : squareRoot(sum, inner)
      const isSize = size !== undefined && isActivation('leakyRelu')(size) && argOf(size) === inner
      const isAbsolute = isSize && size.op === 'activation' && size.activation.options.negativeSlope === -1
      // relu(x) + b / 2 / (√(x² + b) + |x|) is (x + √(x² + b)) / 2.
      if (square === undefined || !isAbsolute || !near(quotient.scale, square / 2)) continue
      return make.activation(inner, activations.squareplus({ b: square }))
    }
  }
  return make.merge('add', [a, b])
}

/** The b of `√(x² + b)`. */
function squareRoot(term: Term, x: Term): number | undefined {
  if (!isFunction('sqrt')(term)) return undefined
  const square = below(argOf(term), ({ op }) => op === 'power')
  if (square?.end.op !== 'power' || square.end.exponent !== 2 || argOf(square.end) !== x) return undefined
  return square.scale === 1 && square.offset >= 0 ? square.offset : undefined
}

/** The larger of two values, as a leaky rectifier where it is one. */
export function maximum(make: Terms, args: readonly Term[]): Term {
  const [a, b] = args as [Term, Term]
  for (const [x, y] of [
    [a, b],
    [b, a],
  ] as const) {
    const line = args.length === 2 ? relative(y, x) : undefined
    if (line?.offset === 0 && line.scale >= 0 && line.scale <= 1) return leaky(make, x, line.scale)
  }
  return make.merge('maximum', args)
}

function leaky(make: Terms, x: Term, negativeSlope: number): Term {
  if (negativeSlope === 1) return x
  return make.activation(x, negativeSlope === 0 ? activations.relu() : activations.leakyRelu({ negativeSlope }))
}

/** `condition ? a : b` where the condition is that x is above a bound; undefined where it is no activation. */
export function choose(make: Terms, condition: Term, a: Term, b: Term): Term | undefined {
  if (condition.op !== 'above') return undefined
  const x = argOf(condition)
  const { bound } = condition
  const line = relative(b, x)
  const limit = limitOf(a, x)
  // Where x is the bound, both are 0.
  if (limit !== undefined && line !== undefined && line.offset === 0 - bound * line.scale && (bound !== 0 || a !== x)) {
    return make.activation(x, activations.relu({ negativeSlope: line.scale, maxValue: limit, threshold: bound }))
  }
  if (a !== x) return undefined
  // Above 15, softplus is the same number as x in float32.
  if (bound >= 15 && isActivation('softplus')(b) && argOf(b) === x) return b
  if (bound !== 0) return undefined
  if (isActivation('elu')(b) && argOf(b) === x) return b
  return line?.offset === 0 ? leaky(make, x, line.scale) : undefined
}

/** The number to which values are limited from 0 on: Infinity for x itself. */
function limitOf(term: Term, x: Term): number | undefined {
  if (term === x) return Number.POSITIVE_INFINITY
  if (isActivation('relu6')(term) && argOf(term) === x) return 6
  return term.op === 'clip' && term.low === 0 && argOf(term) === x ? term.high : undefined
}
