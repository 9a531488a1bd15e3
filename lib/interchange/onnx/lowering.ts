/** Makes layers of terms. */

import { NeurodeError } from '../../base/errors.js'
import { activations } from '../../layers/activations.js'
import type { SymbolicTensor } from '../../layers/layer.js'
import { type Affine3, affineLayers, composed, denseOf, normalizationOf } from './affine.js'
import { type Constant, constant } from './constants.js'
import { newCount } from './folding.js'
import type { LayerMaker } from './layers.js'
import { nodeProblem, Problem, problem } from './problem.js'
import type { Merge, Term } from './terms.js'

type Tensor = SymbolicTensor

/** How a term is computed: what it needs, and how its tensor is made of theirs. */
interface Step {
  readonly needs: readonly Term[]
  readonly make: (tensors: readonly Tensor[]) => Tensor
}

const mergeLayers: Readonly<Record<Exclude<Merge, 'divide'>, string>> = {
  add: 'Add',
  subtract: 'Subtract',
  multiply: 'Multiply',
  average: 'Average',
  maximum: 'Maximum',
  minimum: 'Minimum',
}

/** The tensors of the wanted terms, made of those of the inputs. */
export function lower(wanted: readonly Term[], inputs: ReadonlyMap<Term, Tensor>, maker: LayerMaker): Tensor[] {
  const uses = usesOf(wanted)
  const lowering = new Lowering(maker, (term) => uses.get(term) ?? 0)
  const tensors = new Map<Term, Tensor>(inputs)
  const steps = new Map<Term, Step>()
  for (const output of wanted) {
    const way = [output]
    for (let term = way.at(-1); term !== undefined; term = way.at(-1)) {
      if (tensors.has(term)) {
        way.pop()
        continue
      }
      const step = steps.get(term) ?? within(term, () => lowering.step(term as Term))
      const missing = step.needs.filter((need) => !tensors.has(need))
      if (missing.length > 0 && steps.has(term)) problem('a value depends on itself')
      steps.set(term, step)
      if (missing.length > 0) way.push(...missing)
      else {
        const made = within(term, () => step.make(step.needs.map((need) => tensors.get(need) as Tensor)))
        tensors.set(
          term,
          within(term, () => lowering.reshaped(made, (term as Term).shape)),
        )
        way.pop()
      }
    }
  }
  return wanted.map((term) => tensors.get(term) as Tensor)
}

/** Problems of a term name the node that it comes from. */
function within<T>({ origin }: Term, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof NeurodeError || error instanceof Problem)) throw error
    throw origin === undefined || error.message.startsWith('node ') ? error : nodeProblem(origin, error.message)
  }
}

/** How often each term is read, by other terms or as an output. */
function usesOf(wanted: readonly Term[]): Map<Term, number> {
  const uses = new Map<Term, number>()
  const way = [...wanted]
  for (let term = way.pop(); term !== undefined; term = way.pop()) {
    const before = uses.get(term) ?? 0
    uses.set(term, before + 1)
    if (before === 0) way.push(...term.args)
  }
  return uses
}

class Lowering {
  readonly #maker: LayerMaker
  readonly #uses: (term: Term) => number

  constructor(maker: LayerMaker, uses: (term: Term) => number) {
    this.#maker = maker
    this.#uses = uses
  }

  step(term: Term): Step {
    const [x] = term.args as [Term]
    switch (term.op) {
      case 'refused':
        throw term.error
      case 'input':
        return problem('it is no input of the model')
      case 'dense':
      case 'affine':
        return this.#linear(term)
      case 'activation':
        return this.#activation(term, x)
      case 'clip':
        return { needs: [x], make: ([tensor]) => this.#clip(tensor as Tensor, term.low, term.high) }
      case 'function':
        if (term.name === 'float') return { needs: [x], make: ([tensor]) => tensor as Tensor }
        return problem(`no layer computes ${term.name} by itself, only as a part of an activation or a normalization`)
      case 'above':
        return problem('no layer compares values')
      case 'power':
        return { needs: [x], make: ([tensor]) => this.#maker.apply('Multiply', {}, Array(term.exponent).fill(tensor)) }
      case 'merge':
        return this.#merge(term.args, term.name, term.shape)
      case 'concatenate':
        return { needs: term.args, make: (all) => this.#maker.apply('Concatenate', { axis: term.axis + 1 }, all) }
      case 'pool':
        return { needs: [x], make: ([tensor]) => this.#pool(tensor as Tensor, term.name, term.axes) }
      case 'expand':
        return { needs: [x], make: ([tensor]) => this.#expand(tensor as Tensor, term.shape) }
      case 'layer':
        return this.#layer(term, x)
    }
  }

  /** A tensor in another shape of a row; rows of single numbers have the shape [1]. */
  reshaped(tensor: Tensor, wanted: readonly number[]): Tensor {
    const shape = wanted.length === 0 ? [1] : wanted
    if (tensor.shape.join() === shape.join()) return tensor
    if (shape.length === 1) return this.#maker.apply('Flatten', {}, tensor)
    return this.#maker.apply('Reshape', { targetShape: [...shape] }, tensor)
  }

  #layer(term: Term & { op: 'layer' }, x: Term): Step {
    const { layer, options, weights, origin, shape } = term
    if (layer === 'Flatten' || layer === 'Reshape') {
      return { needs: [x], make: ([tensor]) => this.reshaped(tensor as Tensor, shape) }
    }
    // The layer refuses numbers that are no integers, so that it does not matter how they would be rounded.
    const readsIntegers = layer === 'Embedding' || layer === 'CategoryEncoding'
    const source = readsIntegers && x.op === 'function' && x.name === 'truncate' ? (x.args[0] as Term) : x
    if (layer === 'RMSNormalization') {
      const size = newCount((options.axis as number[]).map((axis) => shape[axis - 1] as number))
      const ones = constant('float32', [size], new Float32Array(size).fill(1))
      return {
        needs: [x],
        make: ([tensor]) => this.#maker.apply(layer, options, tensor as Tensor, { weights: [ones], origin }),
      }
    }
    const key = weights.length === 0 ? undefined : `${layer} ${JSON.stringify(options)} ${weights.map(({ id }) => id)}`
    return {
      needs: [source],
      make: ([tensor]) => this.#maker.apply(layer, options, tensor as Tensor, { weights, origin, key }),
    }
  }

  /** A dense layer or maps by constants: a dense layer with what is multiplied and added behind it, or layers of their own. */
  #linear(term: Term, activation = activations.linear()): Step {
    const { inner, affine, added } = this.#chain(term)
    const isInner = inner === term || this.#uses(inner) === 1
    const dense = inner.op === 'dense' && isInner ? denseOf(inner, affine, added) : undefined
    if (dense !== undefined) {
      const { kernel, bias } = dense
      const weights = bias === undefined ? [kernel] : [kernel, bias]
      const options = { units: kernel.shape[1], useBias: bias !== undefined, activation }
      const key = `Dense ${activation.name} ${JSON.stringify(activation.options)} ${kernel.id} ${bias?.id}`
      const applying = { weights, origin: inner.origin, key }
      return {
        needs: [inner.args[0] as Term],
        make: ([x]) => this.#maker.apply('Dense', options, x as Tensor, applying),
      }
    }
    if (affine === undefined) return problem('a dense layer cannot be made')
    const normalization = inner.op === 'layer' && isInner ? normalizationOf(inner, affine) : undefined
    if (normalization !== undefined && inner.op === 'layer') {
      const { options, weights } = normalization
      const [x] = inner.args as [Term]
      const applying = { weights, origin: inner.origin, named: [added] }
      return { needs: [x], make: ([tensor]) => this.#maker.apply(inner.layer, options, tensor as Tensor, applying) }
    }
    return { needs: [inner], make: ([x]) => affineLayers(this.#maker, x as Tensor, affine, term.shape) }
  }

  /** Maps by constants that are used once, as one; and what they are of. */
  #chain(term: Term): { inner: Term; affine: Affine3 | undefined; added: Constant | undefined } {
    const maps: Affine3[] = []
    let [inner, added] = [term, undefined as Constant | undefined]
    while (inner.op === 'affine' && (inner === term || this.#uses(inner) === 1)) {
      maps.push(inner.affine)
      added = maps.length === 1 ? inner.affine.added : undefined
      inner = inner.args[0] as Term
    }
    const [first, ...others] = maps.toReversed()
    return { inner, affine: first && others.reduce(composed, first), added }
  }

  #activation({ activation, shape }: Term & { op: 'activation' }, x: Term): Step {
    const { inner } = this.#chain(x)
    const isOnly = this.#uses(x) === 1 && (inner === x || this.#uses(inner) === 1)
    // Of a row of single numbers, the last axis is that of the rows.
    if (activation.wholeRow && shape.length === 0) return problem('it works along the axis of the rows')
    if (isOnly && inner.op === 'dense' && denseOf(inner, this.#chain(x).affine, undefined) !== undefined) {
      return this.#linear(x, activation)
    }
    return { needs: [x], make: ([tensor]) => this.#activate(tensor as Tensor, activation) }
  }

  #activate(tensor: Tensor, activation: unknown): Tensor {
    return this.#maker.apply('Activation', { activation }, tensor)
  }

  #rescale(tensor: Tensor, scale: number, offset = 0): Tensor {
    return this.#maker.apply('Rescaling', { scale, offset }, tensor)
  }

  /** Values within bounds, exactly where the bounds are on both sides of 0. */
  #clip(x: Tensor, low: number, high: number): Tensor {
    const capped = (tensor: Tensor, bound: number) =>
      this.#activate(tensor, activations.relu({ negativeSlope: 1, maxValue: bound }))
    if (low > 0 && low !== Infinity) {
      const shifted = this.#rescale(x, 1, -low)
      return this.#rescale(this.#activate(shifted, activations.relu({ maxValue: high - low })), 1, low)
    }
    if (high < 0 && high !== -Infinity) {
      const shifted = this.#rescale(x, -1, high)
      return this.#rescale(this.#activate(shifted, activations.relu({ maxValue: high - low })), -1, high)
    }
    if (low === 0) return this.#activate(x, activations.relu({ maxValue: high }))
    const below = high === Infinity ? x : capped(x, high)
    return low === -Infinity ? below : this.#rescale(capped(this.#rescale(below, -1), -low), -1)
  }

  #merge(args: readonly Term[], name: Merge, shape: readonly number[]): Step {
    if (name === 'divide') return problem('no layer divides by a value that depends on the inputs')
    return {
      needs: args,
      make: (all) => {
        const wide = all.map((tensor, i) => this.#expand(this.reshaped(tensor, args[i]?.shape ?? []), shape))
        return this.#maker.apply(mergeLayers[name], {}, wide)
      },
    }
  }

  #permuted(tensor: Tensor, order: readonly number[]): Tensor {
    if (order.every((axis, i) => axis === i)) return tensor
    return this.#maker.apply('Permute', { dims: order.map((axis) => axis + 1) }, tensor)
  }

  #pool(tensor: Tensor, name: 'average' | 'max', axes: readonly number[]): Tensor {
    const others = tensor.shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]))
    const size = (places: readonly number[]) => places.reduce((all, axis) => all * (tensor.shape[axis] as number), 1)
    const kind = name === 'average' ? 'GlobalAveragePooling1D' : 'GlobalMaxPooling1D'
    const order = [...axes, ...others]
    const isLast = others.every((axis) => axes.every((one) => axis < one)) && size(others) === 1
    const moved = isLast ? tensor : this.#permuted(tensor, order)
    return this.#maker.apply(kind, {}, this.reshaped(moved, [size(axes), size(others)]))
  }

  /** Repeats sizes of 1. */
  #expand(tensor: Tensor, wanted: readonly number[]): Tensor {
    return wanted.reduce((x, count, axis) => {
      if (x.shape[axis] === count) return x
      const all = x.shape.reduce((product, size) => product * size, 1)
      const repeated = this.#maker.apply('RepeatVector', { n: count }, this.reshaped(x, [all]))
      const [before, behind] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)]
      const order = [...before.map((_, i) => i + 1), 0, ...behind.map((_, i) => axis + 1 + i)]
      return this.#permuted(this.reshaped(repeated, [count, ...before, ...behind]), order)
    }, tensor)
  }
}
