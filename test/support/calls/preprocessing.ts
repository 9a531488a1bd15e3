/** Calls of layers that compute on data before a model gets them. */

import { layers } from 'neurode'
import { call, type Loose, type PublicCall } from './call.js'

const texts = () => [
  ['a', 'b'],
  ['b', 'c'],
]
const numbers = () => [
  [1, 2],
  [2, 0],
]
const lookup = (): Loose => layers.stringLookup({ vocabulary: ['a', 'b'] })
const vectorization = (): Loose => layers.textVectorization({ vocabulary: ['a', 'b'] })
const sparse = (): Loose => layers.hashing({ numBins: 3, outputMode: 'count', sparse: true }).call(texts())
const bins = (): Loose => layers.discretization({ binBoundaries: [0, 1] })

/** A call of a method of what `make` gives. */
const of = (name: string, make: () => Loose, args: () => unknown[] = () => []): PublicCall =>
  call(name, args, (...given) => make()[name.replace(/^\w+\.| .*/g, '')](...given))

export const preprocessingCalls: readonly PublicCall[] = [
  of('lookup.call', lookup, () => [texts()]),
  of('lookup.adapt', layers.stringLookup, () => [texts()]),
  of('lookup.getVocabulary', lookup, () => [{ includeSpecialTokens: false }]),
  of('lookup.config', lookup),
  of('vectorization.call', vectorization, () => [['a b', 'b c']]),
  of('vectorization.adapt', layers.textVectorization, () => [['a b', 'b c']]),
  of('vectorization.getVocabulary', vectorization, () => [{ includeSpecialTokens: false }]),
  of('vectorization.config', vectorization),
  of(
    'lookup.call of integers',
    () => layers.integerLookup({ vocabulary: [1, 2] }),
    () => [numbers()],
  ),
  of('lookup.adapt of integers', layers.integerLookup, () => [numbers()]),
  of(
    'hashing.call',
    () => layers.hashing(3),
    () => [texts()],
  ),
  of(
    'crossing.call',
    () => layers.hashedCrossing(3),
    () => [
      [
        ['a', 'b'],
        [1, 2],
      ],
    ],
  ),
  of('bins.call', bins, () => [numbers()]),
  of(
    'bins.adapt',
    () => layers.discretization(3),
    () => [numbers()],
  ),
  of('bins.config', bins),
  of('sparse.toDense', sparse),
  of('sparse.toJSON', sparse),
  of(
    'normalization.call',
    () => layers.normalization({ mean: 1, variance: 2 }),
    () => [numbers()],
  ),
  of(
    'rescaling.call',
    () => layers.rescaling({ scale: [1, 2] }),
    () => [numbers()],
  ),
  of(
    'encoding.call',
    () => layers.categoryEncoding({ numTokens: 3, outputMode: 'count' }),
    () => [numbers(), { countWeights: numbers() }],
  ),
]
