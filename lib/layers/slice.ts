/** Slice and Take: layers that take some columns of their input. */

import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkInteger, checkOptions, refuse } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { type LastAxis, Layer, type LayerOptions, layerOptionNames, type PlanContext, type Shape } from './layer.js'

/** Base class of layers that take indices of the last axis. */
abstract class Columns<Size extends number, In extends Shape> extends Layer<In, LastAxis<Size>> {
  /** How many indices are taken, and how many the input needs to have. */
  protected abstract readonly taken: number
  protected abstract readonly needed: number

  protected override outputFor(input: Shape): Shape {
    if (this.needed <= (input.at(-1) ?? 0)) return [...input.slice(0, -1), this.taken]
    const expected = `an input with at least ${this.needed} indices along its last axis`
    throw new NeurodeError('ERR_SHAPE', `layer '${this.name}': expected ${expected}, got shape ${formatShape(input)}`)
  }

  /** @internal */
  override get outputRange() {
    return 'inputs' as const
  }

  /** @internal */
  override get rearranges() {
    return true
  }
}

const rowsOf = (input: Shape) => input.slice(0, -1).reduce((product, size) => product * size, 1)

/** Options of {@link Slice}. */
export interface SliceOptions<Size extends number = number, In extends Shape = Shape> extends LayerOptions<In> {
  /** The first index along the last axis, counted from 0. */
  readonly begin: number
  /** How many indices are taken, a positive integer. */
  readonly size: Size
}

/**
 * Takes `size` indices of the last axis from `begin` on: [10] becomes [size]. With it, the columns of one table go to several branches
 * of a graph. Integers stay integers, so that an embedding may follow.
 *
 * A model throws `ERR_SHAPE` for an input that has fewer indices.
 *
 * @example
 * ```ts
 * import { input, layers } from 'neurode'
 *
 * const table = input({ shape: [13] })
 * const city = layers.slice({ begin: 0, size: 1 }).apply(table)
 * const numbers = layers.slice({ begin: 1, size: 12 }).apply(table)
 * ```
 */
export class Slice<const Size extends number = number, const In extends Shape = Shape> extends Columns<Size, In> {
  readonly kind = 'Slice'
  /** The first index along the last axis. */
  readonly begin: number
  /** How many indices are taken. */
  readonly size: Size

  constructor(options: SliceOptions<Size, In>) {
    const argument = 'layers.slice'
    const { begin, size, ...checked } = checkOptions(options, [...layerOptionNames, 'begin', 'size'], argument)
    super(checked, argument)
    this.begin = checkInteger(begin, `${argument}: begin`, 0)
    this.size = checkInteger(size, `${argument}: size`) as Size
  }

  protected override get taken() {
    return this.size
  }

  protected override get needed() {
    return this.begin + this.size
  }

  override config() {
    return { begin: this.begin, size: this.size }
  }

  override plan(input: Shape, { name }: PlanContext): PlanLayer {
    return { kind: 'take', name, rows: rowsOf(input), begin: this.begin, columns: this.size }
  }
}

/** Options of {@link Take}. */
export interface TakeOptions<Indices extends readonly number[] = readonly number[], In extends Shape = Shape>
  extends LayerOptions<In> {
  /** Indices along the last axis, counted from 0, at least one. They may come in any order, and several times. */
  readonly indices: Indices
}

/**
 * Takes a list of indices of the last axis, in the order of the list: with `indices: [4, 0]`, [10] becomes [2]. Like {@link Slice} for
 * columns that do not lie side by side; integers stay integers as well.
 *
 * A model throws `ERR_SHAPE` for an input that lacks an index. Consecutive indices are copied together, so a list of a few runs is as
 * fast as a few slices.
 *
 * @example
 * ```ts
 * import { input, layers } from 'neurode'
 *
 * const table = input({ shape: [13] })
 * const categories = layers.take({ indices: [0, 3, 12] }).apply(table)
 * console.log(categories.shape) // [3]
 * ```
 */
export class Take<
  const Indices extends readonly number[] = readonly number[],
  const In extends Shape = Shape,
> extends Columns<Indices['length'], In> {
  readonly kind = 'Take'
  /** The indices along the last axis. */
  readonly indices: Indices

  constructor(options: TakeOptions<Indices, In>) {
    const argument = 'layers.take'
    const { indices, ...checked } = checkOptions(options, [...layerOptionNames, 'indices'], argument)
    super(checked, argument)
    const list: unknown = indices
    if (!Array.isArray(list) || list.length === 0)
      refuse(`${argument}: indices`, 'an array of integers, such as [0, 3]', list)
    const checkIndex = (index: unknown, i: number) => checkInteger(index, `${argument}: indices[${i}]`, 0)
    this.indices = Object.freeze(Array.from(list as unknown[], checkIndex)) as unknown as Indices
  }

  protected override get taken() {
    return this.indices.length
  }

  protected override get needed() {
    return this.indices.reduce((most, index) => Math.max(most, index), 0) + 1
  }

  override config() {
    return { indices: this.indices }
  }

  override plan(input: Shape, { name }: PlanContext): readonly PlanLayer[] {
    const rows = rowsOf(input)
    const parts = runsOf(this.indices).map((run): PlanLayer => ({ kind: 'take', name, rows, ...run, from: [0] }))
    if (parts.length === 1) return parts
    return [...parts, { kind: 'concatenation', name, rows, from: parts.map((_, i) => i + 1) }]
  }
}

/** Consecutive indices. */
interface Run {
  readonly begin: number
  readonly columns: number
}

function runsOf(indices: readonly number[]): Run[] {
  const runs: Run[] = []
  for (const index of indices) {
    const last = runs.at(-1)
    if (last !== undefined && last.begin + last.columns === index)
      runs[runs.length - 1] = { ...last, columns: last.columns + 1 }
    else runs.push({ begin: index, columns: 1 })
  }
  return runs
}
