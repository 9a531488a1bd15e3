/** Layers that disturb values while training and do nothing else: dropout and noise. */

import type { PlanLayer, PlanOp } from '../native.js'
import { checkNumber, checkOptions, checkSeed, refuse } from '../validate.js'
import { Layer, type LayerOptions, layerOptionNames, type PlanContext, type Shape } from './layer.js'

/** Options of layers that draw random numbers. */
interface NoiseOptions<In extends Shape> extends LayerOptions<In> {
  /** A non-negative integer; default: derived from the model's seed. */
  readonly seed?: number
}

/** What the noise layers share: a row of the op table, a number and a seed. */
abstract class Noise<In extends Shape> extends Layer<In, 'same'> {
  /** The seed given, if any. */
  readonly seed: number | undefined

  constructor(checked: NoiseOptions<In>, argument: string) {
    super(checked, argument)
    this.seed = checkSeed(checked.seed, `${argument}: seed`)
  }

  override computeOutputShape(input: Shape): Shape {
    return input
  }

  /** The row of the op table. */
  protected abstract get noise(): PlanOp

  override plan(_input: Shape, context: PlanContext): PlanLayer {
    return { kind: 'noise', name: context.name, noise: this.noise, seed: this.seed ?? context.seedFor('dropout') }
  }
}

function checkRate(value: unknown, argument: string): number {
  const rate = checkNumber(value, argument, 0, 1)
  return rate === 1 ? refuse(argument, 'a number of at least 0 and below 1', rate) : rate
}

/** Options of {@link Dropout}. */
export interface DropoutOptions<In extends Shape = Shape> extends NoiseOptions<In> {
  /** Share of the values set to 0, at least 0 and below 1. */
  readonly rate: number
}

/**
 * While training, sets a share of the values to 0 and divides the others by `1 - rate`; else it does nothing.
 * https://jmlr.org/papers/v15/srivastava14a.html
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.dropout({ rate: 0.2 })
 * ```
 */
export class Dropout<const In extends Shape = Shape> extends Noise<In> {
  readonly kind = 'Dropout'
  /** Share of the values set to 0. */
  readonly rate: number

  constructor(options: DropoutOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'rate', 'seed'], 'layers.dropout')
    super(checked, 'layers.dropout')
    this.rate = checkRate(checked.rate, 'layers.dropout: rate')
  }

  override config() {
    return { rate: this.rate, seed: this.seed }
  }

  protected override get noise() {
    return { name: 'dropout', params: [this.rate] }
  }
}

/** Options of {@link GaussianDropout}. */
export interface GaussianDropoutOptions<In extends Shape = Shape> extends NoiseOptions<In> {
  /** As for dropout of the same variance: at least 0 and below 1. */
  readonly rate: number
}

/**
 * While training, multiplies values by normal numbers of mean 1 and standard deviation `sqrt(rate / (1 - rate))`; else it
 * does nothing.
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.gaussianDropout({ rate: 0.2 })
 * ```
 */
export class GaussianDropout<const In extends Shape = Shape> extends Noise<In> {
  readonly kind = 'GaussianDropout'
  /** As for dropout of the same variance. */
  readonly rate: number

  constructor(options: GaussianDropoutOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'rate', 'seed'], 'layers.gaussianDropout')
    super(checked, 'layers.gaussianDropout')
    this.rate = checkRate(checked.rate, 'layers.gaussianDropout: rate')
  }

  override config() {
    return { rate: this.rate, seed: this.seed }
  }

  protected override get noise() {
    return { name: 'gaussianDropout', params: [this.rate] }
  }
}

/** Options of {@link GaussianNoise}. */
export interface GaussianNoiseOptions<In extends Shape = Shape> extends NoiseOptions<In> {
  /** Standard deviation, at least 0. */
  readonly stddev: number
}

/**
 * While training, adds normal numbers of mean 0; else it does nothing.
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
  /** Share of the values set to selu's lowest, at least 0 and below 1. */
  readonly rate: number
}

/**
 * Dropout for selu: while training, sets a share of the values to the lowest that selu gives and scales all so that mean 0
 * and variance 1 stay; else it does nothing. https://arxiv.org/abs/1706.02515
 *
 * @example
 * ```ts
 * import { layers } from 'neurode'
 *
 * const layer = layers.alphaDropout({ rate: 0.1 })
 * ```
 */
export class AlphaDropout<const In extends Shape = Shape> extends Noise<In> {
  readonly kind = 'AlphaDropout'
  /** Share of the values set to selu's lowest. */
  readonly rate: number

  constructor(options: AlphaDropoutOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'rate', 'seed'], 'layers.alphaDropout')
    super(checked, 'layers.alphaDropout')
    this.rate = checkRate(checked.rate, 'layers.alphaDropout: rate')
  }

  override config() {
    return { rate: this.rate, seed: this.seed }
  }

  protected override get noise() {
    return { name: 'alphaDropout', params: [this.rate] }
  }
}
