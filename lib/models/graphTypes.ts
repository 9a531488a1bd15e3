/** The types of graph models: what data their inputs take, and what their outputs give. */

import type { ArrayInput } from '../arrays/arrays.js'
import type { ForOutputs } from '../core/outputTypes.js'
import type { SymbolicTensor } from '../layers/layer.js'
import type { Prediction } from './sequentialOptions.js'

/** Tensors of a graph: one, a list, or a record by name. */
export type Tensors = SymbolicTensor | readonly SymbolicTensor[] | Readonly<Record<string, SymbolicTensor>>

/** Whether a type is a union of several. */
export type IsUnion<T, U = T> = [T] extends [never]
  ? false
  : T extends unknown
    ? [U] extends [T]
      ? false
      : true
    : never

/** The tensors as a model gives them back: that of a list or a record of one alone. How many a list has may be unknown. */
export type GraphOutputs<Given> = Given extends SymbolicTensor
  ? Given
  : Given extends readonly [infer One extends SymbolicTensor]
    ? One
    : Given extends readonly unknown[]
      ? number extends Given['length']
        ? Given | Given[number]
        : Given
      : string extends keyof Given
        ? Given | Given[keyof Given]
        : IsUnion<keyof Given> extends true
          ? Given
          : Given[keyof Given]

type ShapeOf<Tensor> = [Tensor] extends [SymbolicTensor<infer S>] ? S : readonly [number]

/** The shape of one row of input: that of the only input, or `[n]` for several, which lie side by side. */
export type GraphInput<Inputs> = ShapeOf<GraphOutputs<Inputs>>

/** The shape of one row of output: that of the only output, or `[n]` for several, which lie side by side. */
export type GraphOutput<Outputs> = ShapeOf<GraphOutputs<Outputs>>

/**
 * The data for a graph's inputs: an array by name for each tensor, or a list in their order. One tensor
 * takes its array alone, too.
 */
export type GraphData<Tensors> = Tensors extends SymbolicTensor
  ? ArrayInput
  : Tensors extends readonly unknown[]
    ? { readonly [K in keyof Tensors]: ArrayInput } | Readonly<Record<string, ArrayInput>>
    : { readonly [K in keyof Tensors]: ArrayInput } | readonly ArrayInput[]

/** What a model predicts: an array for its only output; for several a list or a record of them, as the outputs were given. */
export type Predictions<Outputs> =
  Outputs extends SymbolicTensor<infer S>
    ? Prediction<S>
    : Outputs extends readonly unknown[]
      ? PredictionList<Outputs>
      : { readonly [K in keyof Outputs]: PredictionOf<Outputs[K]> }

type PredictionOf<Output> = Output extends SymbolicTensor<infer S> ? Prediction<S> : never

/** A list, also for outputs of any type. */
type PredictionList<Outputs extends readonly unknown[]> = {
  readonly [K in keyof Outputs]: PredictionOf<Outputs[K]>
}

/** Arrays for a model's outputs to be written into: one, or a list or a record of them for several outputs. */
export type PredictedInto<Outputs> = ForOutputs<Outputs, Float32Array>

/** What a predictor computes: an array, or a list or a record of them for several outputs. */
export type PredictedArrays<Outputs> = 0 extends 1 & Outputs
  ? // biome-ignore lint/suspicious/noExplicitAny: of outputs that may be anything
    any
  : Outputs extends SymbolicTensor
    ? Float32Array
    : { readonly [K in keyof Outputs]: Float32Array }

/** The outputs of a model as a list. */
export type OutputList<Outputs> = Outputs extends SymbolicTensor
  ? readonly Outputs[]
  : Outputs extends readonly SymbolicTensor[]
    ? Outputs
    : readonly Outputs[keyof Outputs][]
