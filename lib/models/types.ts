/** Types that are computed from a model's layers (shapes) and metrics (keys of results). */

import type { PerClass } from '../fit/perClass.js'
import type { Layer, Shape, TypesOf } from '../layers/layer.js'
import type { Applied } from '../layers/types.js'
import type { MetricKey, MetricLike } from '../training/metrics.js'

/** The shape of one row of input, as far as the type of the first layer determines it. */
export type InputShapeOf<Layers> = Layers extends readonly [infer First extends Layer, ...unknown[]]
  ? TypesOf<First>['in']
  : Shape

/** The shape of one row of output, as far as the types of the layers determine it. */
export type OutputShapeOf<Layers> = Layers extends readonly [...infer Before, infer Last extends Layer]
  ? Applied<TypesOf<Last>['out'], ShapeBefore<Before, TypesOf<Last>['in']>>
  : Shape

type ShapeBefore<Before, In extends Shape> = Before extends readonly [] ? In : OutputShapeOf<Before>

/** The keys of metrics in logs and results. */
export type MetricKeys<Metrics extends readonly MetricLike[]> = MetricKey<Metrics[number]>

/** Loss and metrics by key. */
export type Results<Keys extends string> = { readonly loss: number } & { readonly [K in Keys]: number }

/** {@link Results} with the results of a classification for each class. */
export type PerClassResults<Keys extends string, Measures = PerClass> = {
  readonly loss: number
  readonly perClass: Measures
} & (string extends Keys ? unknown : Results<Keys>)

type Series<Keys extends string> = { readonly [K in Keys]: Float64Array }
type Validation<Keys extends string> = Series<`val_${Keys | 'loss'}`>

/**
 * One number per epoch, by key. Keys `val_…` exist if validation data were given (`Validated` is `true`), do not exist if not
 * (`false`), and may exist if that is unknown (`boolean`).
 */
export type History<Keys extends string, Validated extends boolean> = { readonly loss: Float64Array } & Series<Keys> &
  (string extends Keys
    ? unknown
    : boolean extends Validated
      ? Partial<Validation<Keys>>
      : Validated extends true
        ? Validation<Keys>
        : unknown)
