/** The types of what is given for the outputs of a model. `Outputs` is its output, or a list or a record of several. */

import type { ArrayInput } from '../arrays/arrays.js'
import type { SymbolicTensor } from '../layers/layer.js'

/** One for the only output; for several one for each, in their order or by name. */
export type ForOutputs<Outputs, T> = Outputs extends SymbolicTensor
  ? T
  : Outputs extends readonly unknown[]
    ? { readonly [K in keyof Outputs]: T } | Readonly<Record<string, T>>
    : { readonly [K in keyof Outputs]: T } | readonly T[]

/** Targets: those of the only output; for several those of each, or null for an output that has neither a loss nor metrics. */
export type Targets<Outputs, T = ArrayInput> = Outputs extends SymbolicTensor ? T : ForOutputs<Outputs, T | null>

/** Weights of rows: one array for all outputs; for several also an array for each, or null for weights of 1. */
export type SampleWeights<Outputs> =
  | ArrayInput
  | (Outputs extends SymbolicTensor
      ? never
      : Outputs extends readonly unknown[]
        ? readonly (ArrayInput | null)[] | Readonly<Record<string, ArrayInput | null>>
        : { readonly [K in keyof Outputs]?: ArrayInput | null } | readonly (ArrayInput | null)[])
