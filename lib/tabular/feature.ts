/** Features: what becomes of the columns of a table. */

import { guardArity } from '../checks/arity.js'
import { checkMade, sealed } from '../checks/made.js'
import {
  checkBoolean,
  checkDouble,
  checkInteger,
  checkName,
  checkOptions,
  lookUp,
  nameTable,
  refuse,
} from '../checks/validate.js'

/** What becomes of a column: Keras' kinds of features in camelCase, and the short ones of {@link feature}. */
export type FeatureKind =
  | 'float'
  | 'floatRescaled'
  | 'floatNormalized'
  | 'floatDiscretized'
  | 'stringCategorical'
  | 'integerCategorical'
  | 'stringHashed'
  | 'integerHashed'
  | 'number'
  | 'category'
  | 'hash'
  | 'bins'
  | 'date'
  | 'boolean'
  | 'text'

/** The settings of a feature, with defaults filled in. */
export type FeatureSettings = Readonly<Record<string, string | number | boolean | readonly number[]>>

/** A feature, made by {@link feature}. */
export interface Feature {
  readonly kind: 'feature'
  /** What becomes of the column. */
  readonly name: FeatureKind
  /** All options, with defaults filled in. */
  readonly options: FeatureSettings
}

/** Several columns as one, made by {@link feature}.cross. */
export interface FeatureCross {
  readonly kind: 'cross'
  /** Names of the features whose values are combined. */
  readonly features: readonly string[]
  /** How many bins the combinations are hashed to; undefined: the `crossingDim` of the {@link FeatureSpace}. */
  readonly bins: number | undefined
  /** Whether a graph gets a vector or the number of the bin. */
  readonly outputMode: 'oneHot' | 'int'
}

/** Whether a graph gets a vector with a single 1, or the number alone. */
export interface CodeOptions {
  /** `oneHot` (default): a vector with a 1 at the place of the value; `int`: the place. {@link tabular} has its own rule. */
  readonly outputMode?: 'oneHot' | 'int' | undefined
}

/** Options of {@link feature}.number. */
export interface NumberFeatureOptions {
  /** Whether the logarithm is taken, `sign(x) · ln(1 + |x|)`, as for prices and counts; default false. */
  readonly log?: boolean | undefined
}

/** Options of {@link feature}.category. */
export interface CategoryFeatureOptions extends CodeOptions {
  /** Words that occur less often count as unknown; default 1. */
  readonly minCount?: number | undefined
  /** The most places, those of unknown words included: the most frequent words get them. Default: as many as there are words. */
  readonly maxTokens?: number | undefined
  /** How many places unknown words share; default 1. */
  readonly numOovIndices?: number | undefined
}

/** Options of {@link feature}.hash. */
export interface HashFeatureOptions extends CodeOptions {
  /** How many bins the values are hashed to. */
  readonly bins: number
}

/** Options of {@link feature}.bins. */
export interface BinsFeatureOptions extends CodeOptions {
  /** How many bins, each with about as many rows; default 10. */
  readonly quantiles?: number | undefined
  /** The boundaries between bins, rising, instead of learned ones; a value on a boundary belongs to the bin above. */
  readonly boundaries?: readonly number[] | undefined
}

/** Options of {@link feature}.text. */
export interface TextFeatureOptions {
  /** The most words, those unknown included: the most frequent get a place. Default 2000. */
  readonly maxTokens?: number | undefined
  /** What a word counts in a {@link FeatureSpace}: how often it occurs (`count`, default), whether it does, or its tf-idf. */
  readonly outputMode?: 'count' | 'multiHot' | 'tfIdf' | undefined
}

const codeModes = nameTable(['oneHot', 'int'] as const, () => [])
const bagModes = nameTable(['count', 'multiHot', 'tfIdf'] as const, () => [])

type Check = (value: unknown, argument: string) => string | number | boolean | readonly number[]

const most = 2 ** 24
const count: Check = (value, argument) => checkInteger(value, argument, 1, most)
const mode: Check = (value, argument) => lookUp(codeModes, value, argument)
const bag: Check = (value, argument) => lookUp(bagModes, value, argument)
const integer: Check = (value, argument) => checkInteger(value, argument, 0, most)
const real: Check = (value, argument) => checkDouble(value, argument)
const flag: Check = (value, argument) => checkBoolean(value, argument)
const rising: Check = (value, argument) => {
  if (!Array.isArray(value) || value.length === 0) return refuse(argument, 'a list of rising numbers', value)
  const numbers = value.map((each, i) => checkDouble(each, `${argument}[${i}]`))
  const falls = numbers.findIndex((each, i) => i > 0 && each <= (numbers[i - 1] as number))
  return falls < 0
    ? Object.freeze(numbers)
    : refuse(`${argument}[${falls}]`, 'a number above that before', numbers[falls])
}

const codes = { outputMode: mode }
const vocabulary = { maxTokens: count, numOovIndices: integer, ...codes }
const vocabularyDefaults = { numOovIndices: 1, outputMode: 'oneHot' }

/** The options of each kind, and their defaults. */
const kinds: Readonly<
  Record<FeatureKind, readonly [options: Readonly<Record<string, Check>>, defaults: FeatureSettings]>
> = {
  float: [{}, {}],
  floatRescaled: [
    { scale: real, offset: real },
    { scale: 1, offset: 0 },
  ],
  floatNormalized: [{}, {}],
  floatDiscretized: [{ numBins: count, binBoundaries: rising, ...codes }, { outputMode: 'oneHot' }],
  stringCategorical: [vocabulary, vocabularyDefaults],
  integerCategorical: [vocabulary, vocabularyDefaults],
  stringHashed: [{ numBins: count, ...codes }, { outputMode: 'oneHot' }],
  integerHashed: [{ numBins: count, ...codes }, { outputMode: 'oneHot' }],
  number: [{ log: flag }, { log: false }],
  category: [
    { minCount: count, ...vocabulary },
    { minCount: 1, ...vocabularyDefaults },
  ],
  hash: [{ bins: count, ...codes }, { outputMode: 'oneHot' }],
  bins: [{ quantiles: count, boundaries: rising, ...codes }, { outputMode: 'oneHot' }],
  date: [{}, {}],
  boolean: [{}, {}],
  text: [
    { maxTokens: count, outputMode: bag },
    { maxTokens: 2000, outputMode: 'count' },
  ],
}

const kindNames = nameTable(Object.keys(kinds) as FeatureKind[], () => [])

function make(name: FeatureKind, given: object | undefined, argument = `feature.${name}`): Feature {
  const [checks, defaults] = kinds[name]
  const options = checkOptions(given, Object.keys(checks), argument) as Readonly<Record<string, unknown>>
  const settings: Record<string, FeatureSettings[string]> = { ...defaults }
  for (const [key, check] of Object.entries(checks)) {
    if (options[key] !== undefined) settings[key] = check(options[key], `${argument}: ${key}`)
  }
  if (settings.numOovIndices !== undefined && settings.maxTokens !== undefined) {
    const least = (settings.numOovIndices as number) + 1
    if ((settings.maxTokens as number) < least)
      refuse(`${argument}: maxTokens`, `at least ${least}`, settings.maxTokens)
  }
  const [bins, boundaries] = name === 'bins' ? ['quantiles', 'boundaries'] : ['numBins', 'binBoundaries']
  if (settings[bins] !== undefined && settings[boundaries] !== undefined) {
    refuse(`${argument}: ${bins}`, `none with ${boundaries}`, settings[bins])
  }
  return sealed({ kind: 'feature', name, options: Object.freeze(settings) })
}

/** A feature of its name or of an object that {@link feature} made. */
export function toFeature(value: unknown, argument: string): Feature {
  if (typeof value === 'string') return make(lookUp(kindNames, value, argument), undefined, argument)
  return checkMade<Feature>(value, 'feature', argument, "the name of a kind, such as 'number', or what feature returns")
}

/** A feature that a file describes. */
export function featureFrom(name: unknown, options: object, argument: string): Feature {
  return make(lookUp(kindNames, name, argument), options, argument)
}

/** A cross of two or more names, or of an object that {@link feature} made. */
export function toCross(value: unknown, argument: string): FeatureCross {
  if (Array.isArray(value)) return cross(value)
  return checkMade<FeatureCross>(value, 'cross', argument, 'a list of names or what feature.cross returns')
}

export function cross(
  features: readonly string[],
  given?: CodeOptions & { readonly bins?: number | undefined },
): FeatureCross {
  const argument = 'feature.cross'
  if (!Array.isArray(features) || features.length < 2) refuse(argument, 'a list of at least two names', features)
  const options = checkOptions(given, ['bins', 'outputMode'], argument)
  const names = Array.from(features, (name, i) => checkName(name, `${argument}[${i}]`))
  if (new Set(names).size < names.length) refuse(argument, 'different names', names)
  return sealed({
    kind: 'cross',
    features: Object.freeze(names),
    bins: options.bins === undefined ? undefined : checkInteger(options.bins, `${argument}: bins`, 1, most),
    outputMode: lookUp(codeModes, options.outputMode ?? 'oneHot', `${argument}: outputMode`),
  })
}

/**
 * What becomes of a column, for {@link featureSpace} and {@link tabular}. The members from `float` to `integerHashed` are Keras' kinds
 * of features with its defaults; the others are short ones. A kind without options may be given by its name: `'number'`.
 *
 * @example
 * ```ts
 * import { feature, featureSpace } from 'neurode'
 *
 * const features = featureSpace({
 *   features: { mileage: feature.number({ log: true }), make: feature.category({ minCount: 2 }), year: 'number' },
 * })
 * ```
 */
export const feature = {
  /** A number as it is. */
  float: (): Feature => make('float', undefined),
  /** A number times `scale` (default 1) plus `offset` (default 0). */
  floatRescaled: (options?: { readonly scale?: number | undefined; readonly offset?: number | undefined }): Feature =>
    make('floatRescaled', options),
  /** A number scaled to mean 0 and variance 1. */
  floatNormalized: (): Feature => make('floatNormalized', undefined),
  /** The bin of a number: `numBins` learned ones with about as many rows each, or those between `binBoundaries`. */
  floatDiscretized: (
    options?: CodeOptions & {
      readonly numBins?: number | undefined
      readonly binBoundaries?: readonly number[] | undefined
    },
  ): Feature => make('floatDiscretized', options),
  /** A text, looked up among the words that occurred. */
  stringCategorical: (options?: Omit<CategoryFeatureOptions, 'minCount'>): Feature =>
    make('stringCategorical', options),
  /** A whole number, looked up among those that occurred. */
  integerCategorical: (options?: Omit<CategoryFeatureOptions, 'minCount'>): Feature =>
    make('integerCategorical', options),
  /** The hash of a text; without `numBins` the `hashingDim` of the {@link FeatureSpace}. */
  stringHashed: (options?: CodeOptions & { readonly numBins?: number | undefined }): Feature =>
    make('stringHashed', options),
  /** The hash of a whole number, likewise. */
  integerHashed: (options?: CodeOptions & { readonly numBins?: number | undefined }): Feature =>
    make('integerHashed', options),
  /** A number scaled to mean 0 and variance 1, or its logarithm. */
  number: (options?: NumberFeatureOptions): Feature => make('number', options),
  /** A word among others, or a number that stands for one. */
  category: (options?: CategoryFeatureOptions): Feature => make('category', options),
  /** The hash of a text or number with too many values to learn each, such as a zip code. */
  hash: (options: HashFeatureOptions): Feature => make('hash', options),
  /** The bin of a number. */
  bins: (options?: BinsFeatureOptions): Feature => make('bins', options),
  /** Day, month and weekday of a date, and the hour where dates have one, scaled to mean 0 and variance 1. */
  date: (): Feature => make('date', undefined),
  /** True or false. */
  boolean: (): Feature => make('boolean', undefined),
  /** The words of a text, without order. */
  text: (options?: TextFeatureOptions): Feature => make('text', options),
  /** Combinations of the values of several features, hashed to `bins`; none of them may be a plain number. */
  cross,
}

guardArity(feature, 'feature', [])
