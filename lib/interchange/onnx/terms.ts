/** What a model computes of its inputs: terms, which patterns of several nodes are recognized in and of which layers are made. */

import { type Activation, activations } from '../../layers/activations.js'
import { broadcastPlaces, broadcastShape, type Constant, countOf, isFloating } from './constants.js'
import { type Origin, type Problem, problem } from './problem.js'

export type Kind = 'float' | 'integer' | 'boolean'

interface Base {
  readonly args: readonly Term[]
  /** Shape of one row. */
  readonly shape: readonly number[]
  readonly kind: Kind
  readonly origin: Origin | undefined
}

/** `(x - shift) · scale + offset`, with one number each or as many as `shape`, in which sizes of 1 are repeated, has elements. */
export interface Affine {
  readonly shape: readonly number[]
  readonly shift: Float64Array
  readonly scale: Float64Array
  readonly offset: Float64Array
  /** The constant that is added, where nothing else is done. */
  readonly added?: Constant | undefined
}

export type Term = Base &
  (
    | { readonly op: 'input'; readonly name: string }
    | { readonly op: 'dense'; readonly kernel: Constant; readonly bias: Constant | undefined }
    | { readonly op: 'affine'; readonly affine: Affine }
    /** Element by element, or along the last axis. */
    | { readonly op: 'activation'; readonly activation: Activation }
    | { readonly op: 'clip'; readonly low: number; readonly high: number }
    /** Functions that are no layers by themselves. */
    | { readonly op: 'function'; readonly name: 'erf' | 'sqrt' | 'log' | 'reciprocal' | 'truncate' | 'float' }
    | { readonly op: 'above'; readonly bound: number; readonly inclusive: boolean }
    | { readonly op: 'power'; readonly exponent: number }
    | { readonly op: 'merge'; readonly name: Merge }
    | { readonly op: 'concatenate'; readonly axis: number }
    | { readonly op: 'pool'; readonly name: 'average' | 'max'; readonly axes: readonly number[] }
    /** Sizes of 1 repeated to those of `shape`. */
    | { readonly op: 'expand' }
    /** A layer as it stands in a model file, with its weights. */
    | {
        readonly op: 'layer'
        readonly layer: string
        readonly options: Readonly<Record<string, unknown>>
        readonly weights: readonly Constant[]
      }
    | { readonly op: 'refused'; readonly error: Problem }
  )

export type Merge = 'add' | 'subtract' | 'multiply' | 'divide' | 'average' | 'maximum' | 'minimum'

/** What a node reads and makes: a constant, or something that depends on the inputs. */
export type Value = Constant | Term

export const isConstant = (value: Value | undefined): value is Constant => value !== undefined && 'constant' in value
export const isTerm = (value: Value | undefined): value is Term => value !== undefined && !('constant' in value)

/** The most numbers of one row. */
const mostRow = 2 ** 26

/** Makes terms; all of them remember the node that is read at the moment. */
export class Terms {
  origin: Origin | undefined
  readonly #filled = new Map<string, Float64Array>()

  /** The parts that all terms have. */
  base(args: readonly Term[], shape: readonly number[], kind: Kind = 'float'): Base {
    if (countOf(shape) > mostRow) problem(`a row of shape [${shape}] would be too large`)
    if (shape.includes(0)) problem('rows without elements are not read')
    return { args, shape, kind, origin: this.origin }
  }

  input(name: string, shape: readonly number[], kind: Kind): Term {
    return { ...this.base([], shape, kind), op: 'input', name }
  }

  refused(error: Problem): Term {
    return { args: [], shape: [], kind: 'float', origin: this.origin, op: 'refused', error }
  }

  layer(
    layer: string,
    x: Term,
    shape: readonly number[],
    options: Readonly<Record<string, unknown>>,
    weights: readonly Constant[] = [],
  ): Term {
    return { ...this.base([x], shape, weights.length > 0 ? 'float' : x.kind), op: 'layer', layer, options, weights }
  }

  activation(x: Term, activation: Activation): Term {
    floating(x)
    return { ...this.base([x], x.shape), op: 'activation', activation }
  }

  function(name: (Term & { op: 'function' })['name'], x: Term): Term {
    const kind = name === 'truncate' ? 'integer' : 'float'
    return { ...this.base([x], x.shape, kind), op: 'function', name }
  }

  /** A dense layer along the last axis. The kernel has the shape [inputs, outputs]. */
  dense(x: Term, kernel: Constant, bias: Constant | undefined): Term {
    floating(x)
    const [inputs, outputs = 0] = kernel.shape
    if (x.shape.at(-1) !== inputs)
      problem(`a kernel of shape [${kernel.shape}] does not fit rows of shape [${x.shape}]`)
    return { ...this.base([x], [...x.shape.slice(0, -1), outputs]), op: 'dense', kernel, bias }
  }

  /** `x · scale + offset` with two numbers. */
  scaled(x: Term, scale: number, offset = 0): Term {
    floating(x)
    if (x.op === 'affine' && offset === 0) {
      // Factors such as 2 · 0.5 or 6 · (1 / 6) cancel, also where one of them was rounded to float32.
      const own = factorOf(x.affine)
      if (own !== undefined && Math.abs(own * scale - 1) < 1e-7) return x.args[0] as Term
    }
    if (scale === 1 && offset === 0) return x
    const one = (value: number) => Float64Array.of(value)
    const affine = { shape: x.shape.map(() => 1), shift: one(0), scale: one(scale), offset: one(offset) }
    return { ...this.base([x], x.shape), op: 'affine', affine }
  }

  affine(x: Term, { shape, data, source }: RowConstant, part: 'shift' | 'scale' | 'offset'): Term {
    floating(x)
    if (data.length === 1) {
      const [value] = data as unknown as [number]
      if (part === 'scale') return this.scaled(x, value)
      return this.scaled(x, 1, part === 'shift' ? -value : value)
    }
    const [zeros, ones] = [this.#fill(data.length, 0), this.#fill(data.length, 1)]
    const affine = { shape, shift: zeros, scale: ones, offset: zeros, [part]: data }
    const added = part === 'offset' ? source : undefined
    return { ...this.base([x], x.shape), op: 'affine', affine: { ...affine, added } }
  }

  /** Equal numbers; arrays of one length are one. */
  #fill(length: number, value: number): Float64Array {
    const key = `${value} ${length}`
    const filled = this.#filled.get(key) ?? new Float64Array(length).fill(value)
    this.#filled.set(key, filled)
    return filled
  }

  clip(x: Term, low: number, high: number): Term {
    floating(x)
    if (!(low <= high)) problem(`it clips to ${low} … ${high}`)
    const above = low <= -3.4e38
    const below = high >= 3.4e38
    if (above && below) return x
    if (low === 0 && below) return this.activation(x, activations.relu())
    if (low === 0 && high === 6) return this.activation(x, activations.relu6())
    if (low === -1 && high === 1) return this.activation(x, activations.hardTanh())
    return {
      ...this.base([x], x.shape),
      op: 'clip',
      low: above ? Number.NEGATIVE_INFINITY : low,
      high: below ? Number.POSITIVE_INFINITY : high,
    }
  }

  power(x: Term, exponent: number): Term {
    floating(x)
    return exponent === 1 ? x : { ...this.base([x], x.shape), op: 'power', exponent }
  }

  /** Terms joined element by element. */
  merge(name: Merge, args: readonly Term[]): Term {
    for (const term of args) floating(term)
    const shape = args
      .map((term) => term.shape)
      .reduce((a, b) => {
        // ONNX counts axes from the last on: with another number of them, rows would meet one another.
        if (a.length !== b.length) problem(`rows of shapes [${a}] and [${b}] do not go together`)
        return broadcastShape(a, b)
      })
    return { ...this.base(args, shape), op: 'merge', name }
  }

  pool(name: 'average' | 'max', x: Term, axes: readonly number[]): Term {
    floating(x)
    if (axes.length === 0) return x
    const shape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    return { ...this.base([x], shape), op: 'pool', name, axes: axes.toSorted((a, b) => a - b) }
  }

  expand(x: Term, shape: readonly number[]): Term {
    return shape.join() === x.shape.join() ? x : { ...this.base([x], shape, x.kind), op: 'expand' }
  }

  /** The same values of a row in another shape. */
  reshape(x: Term, shape: readonly number[]): Term {
    if (shape.join() === x.shape.join()) return x
    if (countOf(shape) !== countOf(x.shape)) {
      problem(`rows of shape [${x.shape}] cannot have the shape [${shape}]`)
    }
    const options = shape.length === 1 ? {} : { targetShape: [...shape] }
    return this.layer(shape.length === 1 ? 'Flatten' : 'Reshape', x, shape, options)
  }

  /** The axes of a row in another order. */
  permute(x: Term, order: readonly number[]): Term {
    if (order.every((axis, i) => axis === i)) return x
    const shape = order.map((axis) => x.shape[axis] as number)
    return this.layer('Permute', x, shape, { dims: order.map((axis) => axis + 1) })
  }

  /** Indices along an axis of a row. */
  take(x: Term, axis: number, indices: readonly number[]): Term {
    const size = x.shape[axis] as number
    if (indices.length === size && indices.every((index, i) => index === i)) return x
    if (indices.length === 0) return problem('rows without elements are not read')
    const end = x.shape.length - 1
    const order = x.shape.map((_, i) => i)
    ;[order[axis], order[end]] = [end, axis]
    const moved = this.permute(x, order)
    const shape = [...moved.shape.slice(0, -1), indices.length]
    const [begin = 0] = indices
    const isRun = indices.every((index, i) => index === begin + i)
    const taken = isRun
      ? this.layer('Slice', moved, shape, { begin, size: indices.length })
      : this.layer('Take', moved, shape, { indices: [...indices] })
    return this.permute(taken, order)
  }

  concatenate(args: readonly Term[], axis: number): Term {
    const [first] = args as [Term]
    const rest = ({ shape }: Term) => shape.with(axis, 0).join()
    if (args.some((x) => x.shape.length !== first.shape.length || rest(x) !== rest(first))) {
      problem(`rows of shapes ${args.map(({ shape }) => `[${shape}]`).join(' and ')} do not go together`)
    }
    if (args.length === 1) return first
    const size = args.reduce((sum, { shape }) => sum + (shape[axis] as number), 0)
    const kind = args.every((x) => x.kind === first.kind) ? first.kind : problem('it joins integers with other numbers')
    const base = this.base(args, first.shape.with(axis, size), kind)
    return { ...base, op: 'concatenate', axis }
  }
}

/** Throws unless a term is of floating-point numbers. */
export function floating(term: Term): void {
  if (term.op === 'refused') throw term.error
  if (term.kind !== 'float')
    problem(`it computes with ${term.kind === 'integer' ? 'integers' : 'booleans'}, which is not read`)
}

/** The factor of a map that only multiplies by one number. */
export function factorOf({ shift, scale, offset }: Affine): number | undefined {
  const isFactor = scale.length === 1 && offset[0] === 0 && shift[0] === 0
  return isFactor ? (scale[0] as number) : undefined
}

/** A constant with as many dimensions as a row has, each of the row's size or 1. */
export interface RowConstant {
  readonly shape: readonly number[]
  readonly data: Float64Array
  /** The constant whose numbers these are. */
  readonly source?: Constant | undefined
}

/** A constant that stands beside a term, without the dimension of the rows. */
export function besideRows(source: Constant, term: Term): RowConstant {
  const { shape, data, type } = source
  if (!isFloating(type)) problem(`it computes with ${type}, expected floating-point numbers`)
  const rank = term.shape.length
  if (shape.length > rank + 1)
    problem(`a constant of shape [${shape}] adds dimensions to rows of shape [${term.shape}]`)
  if (shape.length === rank + 1 && shape[0] !== 1) problem(`a constant of shape [${shape}] differs from row to row`)
  const own = shape.length === rank + 1 ? shape.slice(1) : shape
  const padded = [...Array(rank - own.length).fill(1), ...own] as number[]
  if (broadcastShape(padded, term.shape).join() !== term.shape.join()) {
    problem(`a constant of shape [${shape}] does not fit rows of shape [${term.shape}]`)
  }
  return { shape: padded, data: Float64Array.from(data), source }
}

/** The most numbers that fewer are repeated to, and how many times those that there are. */
const mostRepeated = 2 ** 21
const mostTimes = 64

/** The numbers of a row constant, repeated to another shape. */
export function repeated({ shape, data }: RowConstant, target: readonly number[]): Float64Array {
  if (countOf(target) > Math.max(mostRepeated, mostTimes * data.length)) {
    problem(`numbers of shape [${shape}] would be too many if they are repeated to [${target}]`)
  }
  const places = broadcastPlaces(shape, target)
  return places === undefined ? data : Float64Array.from(places, (place) => data[place] as number)
}
