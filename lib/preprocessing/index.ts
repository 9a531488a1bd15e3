/** All kinds of preprocessing layers. */

import { Discretization, type DiscretizationOptions } from './discretization.js'
import { HashedCrossing, type HashedCrossingOptions } from './hashedCrossing.js'
import { Hashing, type HashingOptions } from './hashing.js'
import { IntegerLookup, type IntegerLookupOptions } from './integerLookup.js'
import type { PreprocessingLayer } from './preprocessingLayer.js'
import { StringLookup, type StringLookupOptions } from './stringLookup.js'
import { TextVectorization, type TextVectorizationOptions } from './textVectorization.js'

/** Makes a layer of a kind from its `config()`. */
export const preprocessingKinds: Readonly<Record<string, (config: never) => PreprocessingLayer>> = {
  StringLookup: (config: StringLookupOptions) => new StringLookup(config),
  IntegerLookup: (config: IntegerLookupOptions) => new IntegerLookup(config),
  Hashing: (config: HashingOptions) => new Hashing(config),
  HashedCrossing: (config: HashedCrossingOptions) => new HashedCrossing(config),
  Discretization: (config: DiscretizationOptions) => new Discretization(config),
  TextVectorization: (config: TextVectorizationOptions) => new TextVectorization(config),
}
