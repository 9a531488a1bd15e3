/** Options and results of a Sequential model. */

import type { NdArray, NestedNumbers } from '../arrays/arrays.js'
import type { DeviceName } from '../core/devices.js'
import type { DataParallel } from '../distribution/dataParallel.js'
import type { BaseFitOptions, ValidationSource } from '../fit/fitOptions.js'
import type { Layer, Shape, SymbolicTensor } from '../layers/layer.js'
import type { Precision } from '../native/plan.js'
import type { LossName } from '../training/losses.js'
import type { Loss } from '../training/lossOptions.js'
import type { MetricLike } from '../training/metrics.js'
import type { Optimizer, OptimizerName } from '../training/optimizers.js'

/** Options of {@link sequential} after a list of layers. */
export interface ModelOptions {
  /** Name of the model; default `sequential`. */
  readonly name?: string | undefined
  /**
   * Seed of initial weights, of dropout and, if fit gets no seed, of shuffling: a non-negative integer. The same seed gives the same
   * results, bit for bit, on the same machine. Default: random.
   */
  readonly seed?: number | undefined
}

/** Options of {@link sequential} with the layers among them. */
export interface SequentialOptions<Layers extends readonly Layer[] = readonly Layer[]> extends ModelOptions {
  readonly layers?: Layers | undefined
}

/** Options of every `compile`. */
export interface BaseCompileOptions {
  /** Name or object of the optimizer; default `sgd` with a learning rate of 0.01. */
  readonly optimizer?: OptimizerName | Optimizer | undefined
  /** The device to run on. Default `auto`: the one that `NEURODE_DEVICE` names, else a working CUDA device, else the CPU. */
  readonly device?: DeviceName | undefined
  /**
   * The type that the factors of matrix products in large layers are rounded to: `float32` (default: no rounding), `tf32` (10 bits of
   * fraction) or `bfloat16` (7 bits). Weights, sums, updates and everything else are float32, as are layers of fewer than 131,072
   * weights, which would not become faster. `tf32` and `bfloat16` need a CUDA device of compute capability 8.0 or newer; other
   * devices throw `ERR_ARGUMENT`.
   */
  readonly precision?: Precision | undefined
  /**
   * Number of CPU threads, a positive integer; default `NEURODE_THREADS`, or the number of physical cores that the process may use.
   * There are no more than processors that it may use.
   */
  readonly threads?: number | undefined
  /** How batches are divided into parts: {@link distribution.dataParallel}. Default: a batch is computed as a whole. */
  readonly distribution?: DataParallel | undefined
}

/** Options of {@link Sequential.compile}. */
export interface CompileOptions<
  Metrics extends readonly MetricLike[] = readonly MetricLike[],
  Weighted extends readonly MetricLike[] = readonly MetricLike[],
  Losses extends LossName | Loss = LossName | Loss,
> extends BaseCompileOptions {
  readonly loss: Losses
  /** Names or objects of metrics; default none. A name, as it is written here, is the key in logs and results. */
  readonly metrics?: Metrics | undefined
  /** Metrics that apply `sampleWeight` and `classWeight`, which `metrics` ignore; default none. */
  readonly weightedMetrics?: Weighted | undefined
}

/** Outputs for rows of input, row-major. */
export interface Prediction<Out extends Shape = Shape> extends NdArray<Float32Array> {
  readonly shape: readonly [rows: number, ...features: Out]
  /** Returns the outputs as nested lists, for `JSON.stringify`. */
  readonly toJSON: () => NestedNumbers
}

/** Options of a fit with validation. */
export type ValidatedFitOptions<Outputs = SymbolicTensor> = BaseFitOptions<Outputs> &
  (
    | { readonly validationData: ValidationSource<Outputs>; readonly validationSplit?: number | undefined }
    | { readonly validationSplit: number; readonly validationData?: undefined }
  )

/** Options of a fit without validation. */
export type PlainFitOptions<Outputs = SymbolicTensor> = BaseFitOptions<Outputs> & {
  readonly validationData?: undefined
  readonly validationSplit?: undefined
}
