/** Layers that move or repeat the values of a row: permute and repeatVector. */

import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkInteger, checkOptions, refuse } from '../checks/validate.js'
import type { PlanLayer } from '../native/plan.js'
import { Layer, type LayerOptions, layerOptionNames, type PlanContext, type Shape } from './layer.js'

/** Options of {@link Permute}. */
export interface PermuteOptions<Dims extends Shape = Shape, In extends Shape = Shape> extends LayerOptions<In> {
  /** For every dimension of the output, the dimension of the input, counted from 1: `[2, 1]` transposes a matrix. */
  readonly dims: Dims
}

/**
 * Reorders the dimensions of each row, as in Keras: with `dims: [2, 1]`, rows of shape [3, 4] are transposed to [4, 3]. Throws
 * `ERR_ARGUMENT` if `dims` does not contain every dimension, counted from 1, exactly once. A model throws `ERR_SHAPE` for an input with
 * another number of dimensions.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const model = sequential([layers.permute({ dims: [2, 1], inputShape: [3, 4] })])
 * const { shape } = await model.predict(new Float32Array(24))
 * console.log(shape) // [2, 4, 3]
 * ```
 */
export class Permute<const Dims extends Shape = Shape, const In extends Shape = Shape> extends Layer<
  In,
  { readonly [K in keyof Dims]: number }
> {
  readonly kind = 'Permute'
  /** The option `dims`. */
  readonly dims: Dims

  constructor(options: PermuteOptions<Dims, In>) {
    const argument = 'layers.permute'
    const checked = checkOptions(options, [...layerOptionNames, 'dims'], argument)
    super(checked, argument)
    const dims: unknown = checked.dims
    const expected = 'every dimension from 1 on once, such as [2, 1]'
    if (!Array.isArray(dims) || dims.length === 0) refuse(`${argument}: dims`, expected, dims)
    const order = dims as readonly number[]
    const sorted = order.toSorted((a, b) => a - b)
    if (sorted.some((dimension, i) => dimension !== i + 1)) refuse(`${argument}: dims`, expected, formatShape(order))
    this.dims = Object.freeze([...order]) as unknown as Dims
  }

  protected override outputFor(input: Shape): Shape {
    if (input.length === this.dims.length) return this.dims.map((dimension) => input[dimension - 1] as number)
    throw new NeurodeError(
      'ERR_SHAPE',
      `layer '${this.name}': expected an input of ${this.dims.length} dimensions per row, got shape ${formatShape(input)}`,
    )
  }

  /** @internal */
  override get outputRange() {
    return 'inputs' as const
  }

  override config() {
    return { dims: this.dims }
  }

  /** Makes a transposition for each output dimension, which moves it before the dimensions that are not yet placed. */
  override plan(input: Shape, { name }: PlanContext): readonly PlanLayer[] {
    const size = (dimensions: readonly number[]) => dimensions.reduce((all, d) => all * (input[d - 1] as number), 1)
    const steps: PlanLayer[] = []
    let rest = input.map((_, i) => i + 1)
    for (const dimension of this.dims) {
      const at = rest.indexOf(dimension)
      const [before, behind] = [rest.slice(0, at), rest.slice(at + 1)]
      const block = { rows: size(before), columns: size([dimension]), inner: size(behind) }
      if (block.rows > 1 && block.columns > 1) steps.push({ kind: 'transpose', name, ...block })
      rest = [...before, ...behind]
    }
    return steps
  }
}

/** Options of {@link RepeatVector}. */
export interface RepeatVectorOptions<N extends number = number, In extends Shape = Shape> extends LayerOptions<In> {
  /** Number of repetitions, at least 1. */
  readonly n: N
}

/**
 * Repeats a row of one dimension: [features] becomes [n, features]. A model throws `ERR_SHAPE` for rows of several dimensions.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const model = sequential([layers.repeatVector({ n: 3, inputShape: [2] })])
 * console.log((await model.predict([[1, 2]])).data) // 1, 2, 1, 2, 1, 2
 * ```
 */
export class RepeatVector<const N extends number = number, const In extends Shape = Shape> extends Layer<
  In,
  readonly [N, number]
> {
  readonly kind = 'RepeatVector'
  /** Number of repetitions. */
  readonly n: N

  constructor(options: RepeatVectorOptions<N, In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'n'], 'layers.repeatVector')
    super(checked, 'layers.repeatVector')
    this.n = checkInteger(checked.n, 'layers.repeatVector: n') as N
  }

  protected override outputFor(input: Shape): Shape {
    if (input.length === 1) return [this.n, ...input]
    throw new NeurodeError(
      'ERR_SHAPE',
      `layer '${this.name}': expected an input of one dimension per row, got shape ${formatShape(input)}`,
    )
  }

  /** @internal */
  override get outputRange() {
    return 'inputs' as const
  }

  override config() {
    return { n: this.n }
  }

  override plan(_input: Shape, { name }: PlanContext): PlanLayer {
    return { kind: 'repeat', name, rows: this.n }
  }
}
