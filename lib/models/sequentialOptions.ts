/** Options and results of a Sequential model. */

import type { NdArray, NestedNumbers } from '../arrays/arrays.js'
import type { DeviceName } from '../core/devices.js'
import type { BaseFitOptions, ValidationSource } from '../fit/fitOptions.js'
import type { Layer, Shape } from '../layers/layer.js'
import type { Precision } from '../native/plan.js'
import type { LossName } from '../training/losses.js'
import type { Loss } from '../training/lossOptions.js'
import type { MetricLike } from '../training/metrics.js'
import type { Optimizer, OptimizerName } from '../training/optimizers.js'

/** Options of {@link sequential} beside a list of layers. */
export interface ModelOptions {
  /** Default `sequential`. */
  readonly name?: string | undefined
  /**
   * Decides initial weights, dropout and, where fit has no seed of its own, the orders of rows: a non-negative integer.
   * The same seed gives the same run, bit for bit, on one machine. Default: random.
   */
  readonly seed?: number | undefined
}

/** Options of {@link sequential} with the layers among them. */
export interface SequentialOptions<Layers extends readonly Layer[] = readonly Layer[]> extends ModelOptions {
  readonly layers?: Layers | undefined
}

/** Options of {@link Sequential.compile}. */
export interface CompileOptions<
  Metrics extends readonly MetricLike[] = readonly MetricLike[],
  Weighted extends readonly MetricLike[] = readonly MetricLike[],
> {
  /** Default `sgd` with a learning rate of 0.01. */
  readonly optimizer?: OptimizerName | Optimizer | undefined
  readonly loss: LossName | Loss
  /** Default none. Names become keys as they are written here. */
  readonly metrics?: Metrics | undefined
  /** Metrics that weigh rows by `sampleWeight` and `classWeight`, which the others do not; default none. */
  readonly weightedMetrics?: Weighted | undefined
  /** Default `auto`: what `NEURODE_DEVICE` names, or a CUDA device that works, or the CPU. */
  readonly device?: DeviceName | undefined
  /**
   * What the factors of the large layers' matrix products are rounded to: `float32` (the default: not at all), `tf32` (10
   * bits after the point) or `bfloat16` (7). Weights, sums, updates and everything else stay float32, and so do layers of
   * fewer than 131,072 weights, which would not gain. The other two take a CUDA device of compute capability 8.0 or
   * newer; elsewhere they throw `ERR_ARGUMENT`.
   */
  readonly precision?: Precision | undefined
  /** Threads on the CPU, a positive integer; default `NEURODE_THREADS`, or the physical cores the process may use. */
  readonly threads?: number | undefined
}

/** Outputs for rows of input, row-major. */
export interface Prediction<Out extends Shape = Shape> extends NdArray<Float32Array> {
  readonly shape: readonly [rows: number, ...features: Out]
  /** The outputs in nested lists, which `JSON.stringify` takes. */
  readonly toJSON: () => NestedNumbers
}

/** Options of a fit that validates. */
export type ValidatedFitOptions = BaseFitOptions &
  (
    | { readonly validationData: ValidationSource; readonly validationSplit?: number | undefined }
    | { readonly validationSplit: number; readonly validationData?: undefined }
  )

/** Options of a fit that does not validate. */
export type PlainFitOptions = BaseFitOptions & {
  readonly validationData?: undefined
  readonly validationSplit?: undefined
}
