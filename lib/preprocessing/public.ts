/** The public names of preprocessing layers. */

export type { AdaptInput } from './batches.js'
export { Discretization, type DiscretizationOptions } from './discretization.js'
export type { CategoryMode, EncodingMode, EncodingOptions } from './encoding.js'
export type {
  NestedCells,
  NestedTexts,
  NumberCells,
  NumberInput,
  TextCells,
  TextInput,
} from './given.js'
export { HashedCrossing, type HashedCrossingOptions } from './hashedCrossing.js'
export type { Salt } from './hashes/buckets.js'
export { type CategoryOutput, Hashing, type HashingOptions } from './hashing.js'
export { IndexLookup, type LookupOptions } from './indexLookup.js'
export { IntegerLookup, type IntegerLookupOptions } from './integerLookup.js'
export { PreprocessingLayer, type PreprocessingOptions } from './preprocessingLayer.js'
export { SparseArray } from './sparseArray.js'
export { StringLookup, type StringLookupOptions, type StringLookupOutput } from './stringLookup.js'
export {
  TextVectorization,
  type TextVectorizationOptions,
  type TextVectorizationOutput,
} from './textVectorization.js'
export type { Standardize, TextSplit } from './tokens.js'
