/** Types that follow from what a model is made of: shapes from layers, result keys from metrics. */

import type { PerClass } from '../fit/perClass.js'
import type { LastAxis, Layer, Shape } from '../layers/layer.js'
import type { MetricKey, MetricLike } from '../training/metrics.js'

/** The shape of one row of input, as far as the first layer says it. */
export type InputShapeOf<Layers> = Layers extends readonly [Layer<infer In>, ...unknown[]] ? In : Shape

/** The shape of one row of output, as far as the layers say it. */
export type OutputShapeOf<Layers> = Layers extends readonly [...infer Before, Layer<infer In, infer Out>]
  ? Out extends 'same'
    ? ShapeBefore<Before, In>
    : Out extends LastAxis<infer Size>
      ? WithLastAxis<ShapeBefore<Before, In>, Size>
      : Out
  : Shape

type ShapeBefore<Before, In> = Before extends readonly [] ? In : OutputShapeOf<Before>

/** Where the number of dimensions is not known, there is one. */
type WithLastAxis<Before, Size extends number> = Before extends readonly [...infer Others extends Shape, number]
  ? readonly [...Others, Size]
  : readonly [Size]

/** The keys that metrics have in logs and results. */
export type MetricKeys<Metrics extends readonly MetricLike[]> = MetricKey<Metrics[number]>

/** Loss and metrics by key. */
export type Results<Keys extends string> = { readonly loss: number } & { readonly [K in Keys]: number }

/** The same, with what a classification does class by class. */
export type PerClassResults<Keys extends string> = {
  readonly loss: number
  readonly perClass: PerClass
} & (string extends Keys ? unknown : Results<Keys>)

type Series<Keys extends string> = { readonly [K in Keys]: Float64Array }
type Validation<Keys extends string> = Series<`val_${Keys | 'loss'}`>

/**
 * One number per epoch, by key. `val_…` is there when validation data were given (`true`), missing when not
 * (`false`), possible when that is not known (`boolean`).
 */
export type History<Keys extends string, Validated extends boolean> = { readonly loss: Float64Array } & Series<Keys> &
  (string extends Keys
    ? unknown
    : boolean extends Validated
      ? Partial<Validation<Keys>>
      : Validated extends true
        ? Validation<Keys>
        : unknown)
