/** The types of losses and metrics of a graph's outputs, and of the keys that they have in logs. */

import type { ForOutputs } from '../core/outputTypes.js'
import type { PerClass } from '../fit/perClass.js'
import type { SymbolicTensor } from '../layers/layer.js'
import type { LossName } from '../training/losses.js'
import type { Loss } from '../training/lossOptions.js'
import type { MetricKey, MetricLike } from '../training/metrics.js'
import type { IsUnion } from './graphTypes.js'
import type { BaseCompileOptions } from './sequentialOptions.js'

/** The losses of a model's outputs: one for all, or one for each; null for none. */
export type GraphLosses<Outputs> =
  | LossName
  | Loss
  | (Outputs extends SymbolicTensor ? never : ForOutputs<Outputs, LossName | Loss | null>)

/** The metrics of one of several outputs: a list, one alone, or null for none. */
export type MetricsOfOne = readonly MetricLike[] | MetricLike | null

/** The metrics of a model's outputs: those of the only one, or of each. */
export type GraphMetrics<Outputs> =
  | readonly MetricLike[]
  | (Outputs extends SymbolicTensor
      ? never
      : Outputs extends readonly unknown[]
        ? readonly MetricsOfOne[] | Readonly<Record<string, MetricsOfOne>>
        : { readonly [K in keyof Outputs]?: MetricsOfOne } | readonly MetricsOfOne[])

/** Refuses the keys of a record that are no names of outputs. */
type Named<Outputs, Given> = Outputs extends SymbolicTensor | readonly unknown[]
  ? unknown
  : Given extends string | Loss | readonly unknown[]
    ? unknown
    : { readonly [K in Exclude<keyof Given, keyof Outputs>]: never }

/** Options of {@link Functional.compile}. For several outputs they are given in the order of the outputs, or by name. */
export interface GraphCompileOptions<Outputs = unknown, Metrics = unknown, Weighted = unknown, Losses = unknown>
  extends BaseCompileOptions {
  /** The loss of all outputs, or one for each: a list, or a record that names all. Null: the output has no loss. */
  readonly loss: Losses & Named<Outputs, Losses>
  /** What each loss counts in the loss of the model, which is their weighted sum; default 1. */
  readonly lossWeights?:
    | number
    | (Outputs extends SymbolicTensor | readonly unknown[]
        ? readonly number[] | Readonly<Record<string, number>>
        : { readonly [K in keyof Outputs]?: number | undefined } | readonly number[])
    | undefined
  /**
   * Names or objects of metrics: a list for the only output; for several outputs a list of them for each. A name, as it is written
   * here, is the key in logs and results: `mae`, or `price_mae` of one of several outputs. Default none.
   */
  readonly metrics?: (Metrics & Named<Outputs, Metrics>) | undefined
  /**
   * Metrics that apply `sampleWeight` and `classWeight`, which `metrics` ignore; default none. One of several outputs that has the
   * name of an unweighted one is called `price_weighted_mae`.
   */
  readonly weightedMetrics?: (Weighted & Named<Outputs, Weighted>) | undefined
}

type NamesWithLoss<Outputs, Losses> = {
  [K in keyof Outputs & keyof Losses]: Losses[K] extends null ? never : K
}[keyof Outputs & keyof Losses]

type LossKeys<Names> = IsUnion<Names> extends true ? `${Names & string}_loss` : never

type ElementOf<Given> = Given extends readonly (infer Element)[] ? Element : Given

type KeysOf<Metrics, Name> = Name extends keyof Metrics ? MetricKey<ElementOf<Metrics[Name]>> : never

type PlainKeys<Metrics> = Metrics extends readonly []
  ? never
  : Metrics extends readonly unknown[]
    ? string
    : { [Name in keyof Metrics & string]: `${Name}_${KeysOf<Metrics, Name>}` }[keyof Metrics & string]

type WeightedKeys<Metrics, Weighted> = Weighted extends readonly []
  ? never
  : Weighted extends readonly unknown[]
    ? string
    : {
        [Name in keyof Weighted & string]: KeyOfWeighted<Name, KeysOf<Weighted, Name>, KeysOf<Metrics, Name>>
      }[keyof Weighted & string]

type KeyOfWeighted<Name extends string, Key extends string, Plain> = Key extends Plain
  ? `${Name}_weighted_${Key}`
  : `${Name}_${Key}`

/** The keys of logs besides `loss`: those of metrics, and of the losses of several outputs. Any where names of outputs are not known. */
export type GraphKeys<Outputs, Metrics, Weighted, Losses> = Outputs extends SymbolicTensor
  ? MetricKey<ElementOf<Metrics>> | MetricKey<ElementOf<Weighted>>
  : Outputs extends readonly unknown[]
    ? string
    :
        | (Losses extends string | Loss | readonly (LossName | Loss)[]
            ? LossKeys<keyof Outputs>
            : Losses extends readonly unknown[]
              ? string
              : LossKeys<NamesWithLoss<Outputs, Losses>>)
        | PlainKeys<Metrics>
        | WeightedKeys<Metrics, Weighted>

/** The loss that a model was compiled with: that of the only output; for several a list or a record of them, null for none. */
export type LossOf<Outputs> = Outputs extends SymbolicTensor
  ? Loss
  : Outputs extends readonly unknown[]
    ? readonly (Loss | null)[]
    : { readonly [K in keyof Outputs]: Loss | null }

/** Measures of a classification for each class; of several outputs by name, for those that classify. */
export type PerClassOf<Outputs> = Outputs extends SymbolicTensor
  ? PerClass
  : Outputs extends readonly unknown[]
    ? Readonly<Record<string, PerClass>>
    : { readonly [K in keyof Outputs]?: PerClass }
