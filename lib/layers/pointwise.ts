/** Layers without parameters that keep the shape: activation, dropout, rescaling. */

import { NeurodeError } from '../errors.js'
import type { PlanLayer } from '../native.js'
import { checkNumber, checkOptions, checkSeed, refuse } from '../validate.js'
import { type Activation, type ActivationName, toActivation } from './activations.js'
import { Layer, type LayerOptions, layerOptionNames, type PlanContext, type Shape } from './layer.js'

/** Options of {@link ActivationLayer}. */
export interface ActivationLayerOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** A name, or an object of `activations`. */
  readonly activation: ActivationName | Activation
}

/** Applies an activation to every value; softmax and logSoftmax to every row. */
export class ActivationLayer<const In extends Shape = Shape> extends Layer<In, 'same'> {
  readonly kind = 'Activation'
  /** What is applied. */
  readonly activation: Activation

  constructor(options: ActivationLayerOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'activation'], 'layers.activation')
    super(checked, 'layers.activation')
    if (checked.activation === undefined) refuse('layers.activation: activation', 'a name or an object', undefined)
    this.activation = toActivation(checked.activation, 'layers.activation: activation')
  }

  override computeOutputShape(input: Shape): Shape {
    if (!this.activation.wholeRow || input.length === 1) return input
    throw new NeurodeError(
      'ERR_SHAPE',
      `layer '${this.name}': ${this.activation.name} expects an input of one dimension per row, ` +
        `got shape [${input.join(', ')}]; put layers.flatten() before it`,
    )
  }

  override config() {
    return { activation: this.activation }
  }

  override plan(_input: Shape, context: PlanContext): PlanLayer {
    return { kind: 'activation', name: context.name, activation: this.activation.op }
  }
}

/** Options of {@link Dropout}. */
export interface DropoutOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Share of the values set to 0, at least 0 and below 1. */
  readonly rate: number
  /** A non-negative integer; default: derived from the model's seed. */
  readonly seed?: number
}

/** While training, sets a share of the values to 0 and divides the others by `1 - rate`; else it does nothing. */
export class Dropout<const In extends Shape = Shape> extends Layer<In, 'same'> {
  readonly kind = 'Dropout'
  /** Share of the values set to 0. */
  readonly rate: number
  /** The seed given, if any. */
  readonly seed: number | undefined

  constructor(options: DropoutOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'rate', 'seed'], 'layers.dropout')
    super(checked, 'layers.dropout')
    this.rate = checkNumber(checked.rate, 'layers.dropout: rate', 0, 1)
    if (this.rate === 1) refuse('layers.dropout: rate', 'a number of at least 0 and below 1', this.rate)
    this.seed = checkSeed(checked.seed, 'layers.dropout: seed')
  }

  override computeOutputShape(input: Shape): Shape {
    return input
  }

  override config() {
    return { rate: this.rate, seed: this.seed }
  }

  override plan(_input: Shape, context: PlanContext): PlanLayer {
    return { kind: 'dropout', name: context.name, rate: this.rate, seed: this.seed ?? context.seedFor('dropout') }
  }
}

/** Options of {@link Rescaling}. */
export interface RescalingOptions<In extends Shape = Shape> extends LayerOptions<In> {
  /** Factor of every value. */
  readonly scale: number
  /** Added to every scaled value; default 0. */
  readonly offset?: number
}

/** `x · scale + offset`: pixels from 0 … 255 to 0 … 1, for example. */
export class Rescaling<const In extends Shape = Shape> extends Layer<In, 'same'> {
  readonly kind = 'Rescaling'
  /** Factor of every value. */
  readonly scale: number
  /** Added to every scaled value. */
  readonly offset: number

  constructor(options: RescalingOptions<In>) {
    const checked = checkOptions(options, [...layerOptionNames, 'scale', 'offset'], 'layers.rescaling')
    super(checked, 'layers.rescaling')
    this.scale = checkNumber(checked.scale, 'layers.rescaling: scale')
    this.offset = checkNumber(checked.offset ?? 0, 'layers.rescaling: offset')
  }

  override computeOutputShape(input: Shape): Shape {
    return input
  }

  override config() {
    return { scale: this.scale, offset: this.offset }
  }

  override plan(_input: Shape, context: PlanContext): PlanLayer {
    return { kind: 'rescaling', name: context.name, scale: this.scale, offset: this.offset }
  }
}
