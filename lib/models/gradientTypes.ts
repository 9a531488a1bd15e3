/** The types of gradients of a model's weights, inputs and outputs. */

import type { ArrayInput, NdArray } from '../arrays/arrays.js'
import type { Targets } from '../core/outputTypes.js'
import type { Gradients } from '../gradients/gradients.js'
import type { IsUnion, Predictions } from './graphTypes.js'

/** Whether a list, or a record, of data is for one input. */
type IsOfOne<Data> = Data extends readonly [unknown]
  ? true
  : Data extends readonly unknown[]
    ? false
    : string extends keyof Data
      ? false
      : IsUnion<keyof Data> extends true
        ? false
        : true

type ByInput<Data> = Data extends readonly unknown[] ? never : { readonly [K in keyof Data]?: NdArray<Float32Array> }

/**
 * Gradients of a model's inputs: an array for the only one; for several a record by name, without inputs of integers that an embedding
 * or a category encoding reads, also in part: they have no gradient.
 */
export type InputGradients<Data> = unknown extends Data
  ? // biome-ignore lint/suspicious/noExplicitAny: of a model of any data.
    any
  : [Data] extends [ArrayInput]
    ? NdArray<Float32Array>
    : [ArrayInput] extends [Data]
      ? NdArray<Float32Array> | Readonly<Record<string, NdArray<Float32Array>>>
      : true extends IsOfOne<Data>
        ? NdArray<Float32Array>
        : ByInput<Data>

/** Gradients of a model's outputs: of the only one, or of each in a list or a record; null for 0. */
export type OutputGradients<Outputs> = Targets<Outputs>

/** What {@link Model.backward} computes. `Of` are gradients of the inputs, or undefined. */
export interface BackwardResult<Outputs, Of> {
  /** The outputs of the pass, as {@link Model.predict} gives them. */
  readonly outputs: Predictions<Outputs>
  /** Gradients by the names of the weights. */
  readonly gradients: Gradients
  /** Gradients of the inputs, of the inputs' shapes. */
  readonly inputs: Of
}

/** What {@link Model.valueAndGradients} computes. */
export interface ValueAndGradients<Outputs, Of> extends BackwardResult<Outputs, Of> {
  /** The loss with all penalties, as {@link Model.trainOnBatch} gives it. */
  readonly loss: number
}
