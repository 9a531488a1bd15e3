/** What features have learned, for users. */

import { BinEncoder } from './binEncoders.js'
import { Lookup } from './codeEncoders.js'
import type { Encoder } from './encoder.js'
import { NumberEncoder } from './numberEncoders.js'
import { TextEncoder } from './textEncoder.js'

/** What a feature has learned, as far as its kind learns it. */
export interface LearnedFeature {
  /** How many gaps there were. */
  readonly missing: number
  /** The mean of the numbers, or of their logarithms. */
  readonly mean?: number | undefined
  /** Their variance. */
  readonly variance?: number | undefined
  /** The smallest number, or date in milliseconds since 1970 in UTC. */
  readonly min?: number | undefined
  /** The largest. */
  readonly max?: number | undefined
  /** The median. */
  readonly median?: number | undefined
  /** The boundaries between bins. */
  readonly boundaries?: readonly number[] | undefined
  /** The words or whole numbers, the most frequent first. */
  readonly vocabulary?: readonly (string | number)[] | undefined
  /** The weights of tf-idf: that of unknown words, then those of the vocabulary. */
  readonly weights?: readonly number[] | undefined
}

export function learnedOf(encoder: Encoder): LearnedFeature {
  const { missing } = encoder
  if (encoder instanceof Lookup) return { missing, vocabulary: encoder.values }
  if (encoder instanceof TextEncoder) return { missing, vocabulary: encoder.words, weights: encoder.weights }
  if (encoder instanceof BinEncoder) return { missing, boundaries: [...encoder.boundaries] }
  return { missing, ...(encoder instanceof NumberEncoder ? encoder.moments : {}), ...encoder.facts }
}
