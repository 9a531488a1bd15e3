/** Dropout and noise: layers that change values at random during training and pass them on unchanged otherwise. */

import { checkNumber, checkOptions, checkSeed, refuse } from '../checks/validate.js'
import type { PlanLayer, PlanOp } from '../native/plan.js'
import { Layer, type LayerOptions, layerOptionNames, type PlanContext, type Shape } from './layer.js'

/** Options of layers that draw random numbers. */
interface NoiseOptions<In extends Shape> extends LayerOptions<In> {
  /** Seed, a non-negative integer; default: derived from the model's seed. */
  readonly seed?: number | undefined
}

/** Base class of the noise layers, which have a row of the native op table, a numeric parameter and a seed. */
abstract class Noise<In extends Shape> extends Layer<In, 'same'> {
  /** The option `seed`, if it was given. */
  readonly seed: number | undefined

  constructor(checked: NoiseOptions<In>, argument: string) {
    super(checked, argument)
    this.seed = checkSeed(checked.seed, `${argument}: seed`)
  }

  protected override outputFor(input: Shape): Shape {
    return input
  }

  /** The row of the native op table. */
  protected abstract get noise(): PlanOp

  /** @internal */
  override get outputRange() {
    return 'inputs' as const
  }

  override plan(_input: Shape, context: PlanContext): PlanLayer {
    return { kind: 'noise', name: context.name, noise: this.noise, seed: context.noiseSeed(this.seed) }
  }
}

/** Base class of the noise layers that have a rate. */
abstract class RateNoise<In extends Shape> extends Noise<In> {
  /** The rate, at least 0 and below 1. */
  readonly rate: number
  readonly #row: string

  /** `row` is the name of the row in the native op table and of the function in `layers`. */
  constructor(options: NoiseOptions<In> & { readonly rate: number }, row: string) {
    const argument = `layers.${row}`
    const checked = checkOptions(options, [...layerOptionNames, 'rate', 'seed'], argument)
    super(checked, argument)
    this.rate = checkNumber(checked.rate, `${argument}: rate`, 0, 1)
    if (this.rate === 1) refuse(`${argument}: rate`, 'a number of at least 0 and below 1', this.rate)
    this.#row = row
  }

  override config() {
    return { rate: this.rate, seed: this.seed }
  }

  protected override get noise() {
    return { name: this.#row, params: [this.rate] }
  }
}

/** Options of {@link Dropout}. */
export interface DropoutOptions<In extends Shape = Shape> extends NoiseOptions<In> {
  /** Fraction of the values that are set to 0, at least 0 and below 1. */
  readonly rate: number
}

/**
 * During training, sets a random fraction of the values to 0 and divides the others by `1 - rate`; otherwise values are unchanged.
 * https://jmlr.org/papers/v15/srivastava14a.html
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.dropout({ rate: 0.2 })
 * ```
 */
export class Dropout<const In extends Shape = Shape> extends RateNoise<In> {
  readonly kind = 'Dropout'

  constructor(options: DropoutOptions<In>) {
    super(options, 'dropout')
  }
}

/** Options of {@link GaussianDropout}. */
export interface GaussianDropoutOptions<In extends Shape = Shape> extends NoiseOptions<In> {
  /** The rate of a dropout with the same variance, at least 0 and below 1. */
  readonly rate: number
}

/**
 * During training, multiplies values by normally distributed numbers of mean 1 and standard deviation `sqrt(rate / (1 - rate))`;
 * otherwise values are unchanged.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.gaussianDropout({ rate: 0.2 })
 * ```
 */
export class GaussianDropout<const In extends Shape = Shape> extends RateNoise<In> {
  readonly kind = 'GaussianDropout'

  constructor(options: GaussianDropoutOptions<In>) {
    super(options, 'gaussianDropout')
  }
}

/** Options of {@link GaussianNoise}. */
export interface GaussianNoiseOptions<In extends Shape = Shape> extends NoiseOptions<In> {
  /** Standard deviation, at least 0. */
  readonly stddev: number
}

/**
 * During training, adds normally distributed numbers of mean 0; otherwise values are unchanged.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.gaussianNoise({ stddev: 0.1 })
 * ```
 */
export class GaussianNoise<const In extends Shape = Shape> extends Noise<In> {
  readonly kind = 'GaussianNoise'
  /** Standard deviation. */
  readonly stddev: number

  constructor(options: GaussianNoiseOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'stddev', 'seed'], 'layers.gaussianNoise')
    super(checked, 'layers.gaussianNoise')
    this.stddev = checkNumber(checked.stddev, 'layers.gaussianNoise: stddev', 0)
  }

  override config() {
    return { stddev: this.stddev, seed: this.seed }
  }

  protected override get noise() {
    return { name: 'gaussianNoise', params: [this.stddev] }
  }
}

/** Options of {@link AlphaDropout}. */
export interface AlphaDropoutOptions<In extends Shape = Shape> extends NoiseOptions<In> {
  /** Fraction of the values that are set to the lowest value of selu, at least 0 and below 1. */
  readonly rate: number
}

/**
 * Dropout for selu. During training, sets a random fraction of the values to the lowest value of selu and scales all values so that
 * mean 0 and variance 1 are preserved; otherwise values are unchanged. https://arxiv.org/abs/1706.02515
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.alphaDropout({ rate: 0.1 })
 * ```
 */
export class AlphaDropout<const In extends Shape = Shape> extends RateNoise<In> {
  readonly kind = 'AlphaDropout'

  constructor(options: AlphaDropoutOptions<In>) {
    super(options, 'alphaDropout')
  }
}
