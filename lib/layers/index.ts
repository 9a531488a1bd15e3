/** The factories of all layers. */

import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { withMain } from '../checks/validate.js'
import { Discretization, type DiscretizationOptions } from '../preprocessing/discretization.js'
import { HashedCrossing, type HashedCrossingOptions } from '../preprocessing/hashedCrossing.js'
import { type CategoryOutput, Hashing, type HashingOptions } from '../preprocessing/hashing.js'
import { IntegerLookup, type IntegerLookupOptions } from '../preprocessing/integerLookup.js'
import { StringLookup, type StringLookupOptions, type StringLookupOutput } from '../preprocessing/stringLookup.js'
import {
  TextVectorization,
  type TextVectorizationOptions,
  type TextVectorizationOutput,
} from '../preprocessing/textVectorization.js'
import {
  ActivationLayer,
  type ActivationLayerOptions,
  ELU,
  type ELUOptions,
  LeakyReLU,
  type LeakyReLUOptions,
  ReLU,
  type ReLUOptions,
  Softmax,
  type SoftmaxOptions,
} from './activationLayers.js'
import type { Activation, ActivationName } from './activations.js'
import { ActivityRegularization, type ActivityRegularizationOptions } from './activityRegularization.js'
import { BatchNormalization, type BatchNormalizationOptions } from './batchNormalization.js'
import { CategoryEncoding, type CategoryEncodingOptions } from './categoryEncoding.js'
import { Dense, type DenseOptions } from './dense.js'
import { Embedding, type EmbeddingOptions } from './embedding.js'
import { EmbeddingBag, type EmbeddingBagOptions } from './embeddingBag.js'
import { Normalization, type NormalizationOptions } from './inputNormalization.js'
import type { Layer, LayerOptions, Shape } from './layer.js'
import {
  Add,
  Average,
  Concatenate,
  type ConcatenateOptions,
  Dot,
  type DotOptions,
  Maximum,
  type MergeOptions,
  Minimum,
  Multiply,
  Subtract,
} from './merging.js'
import {
  AlphaDropout,
  type AlphaDropoutOptions,
  Dropout,
  type DropoutOptions,
  GaussianDropout,
  type GaussianDropoutOptions,
  GaussianNoise,
  type GaussianNoiseOptions,
} from './noise.js'
import {
  GroupNormalization,
  type GroupNormalizationOptions,
  LayerNormalization,
  type LayerNormalizationOptions,
  RMSNormalization,
  type RMSNormalizationOptions,
  UnitNormalization,
  type UnitNormalizationOptions,
} from './normalization.js'
import { GlobalAveragePooling1D, GlobalMaxPooling1D, type GlobalPoolingOptions } from './pooling.js'
import { PReLU, type PReLUOptions } from './prelu.js'
import { Permute, type PermuteOptions, RepeatVector, type RepeatVectorOptions } from './rearranging.js'
import { Rescaling, type RescalingOptions } from './rescaling.js'
import { Flatten, Identity, Input, type InputOptions, Reshape, type ReshapeOptions } from './shaping.js'
import { Slice, type SliceOptions, Take, type TakeOptions } from './slice.js'

/** Options that were left out. */
type NoOptions = Record<never, never>

/**
 * Makes layers for {@link sequential}. For layers with one main numeric option, a number is short for the options: `dense(10)`,
 * `dropout(0.2)`.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const model = sequential([
 *   layers.flatten({ inputShape: [28, 28] }),
 *   layers.dense({ units: 100, activation: 'relu' }),
 *   layers.dropout({ rate: 0.2 }),
 *   layers.dense({ units: 10, activation: 'softmax' }),
 * ])
 * ```
 */
export const layers = {
  /** Makes a layer, see {@link Input}. */
  input: <const In extends Shape>(options: InputOptions<In>): Input<In> => new Input(options),
  /** Makes a layer, see {@link Dense}. */
  dense: <const Units extends number, const In extends Shape = Shape>(
    options: Units | DenseOptions<Units, In>,
  ): Dense<Units, In> => new Dense(withMain<DenseOptions<Units, In>>(options, 'units')),
  /** Makes a layer, see {@link ActivationLayer}; the name of an activation is short for the options. */
  activation: <const In extends Shape = Shape>(
    options: ActivationLayerOptions<In> | ActivationName | Activation,
  ): ActivationLayer<In> => new ActivationLayer(isBare(options) ? { activation: options } : options),
  /** Makes a layer, see {@link ReLU}. */
  reLU: <const In extends Shape = Shape>(options?: ReLUOptions<In>): ReLU<In> => new ReLU(options),
  /** Makes a layer, see {@link LeakyReLU}. */
  leakyReLU: <const In extends Shape = Shape>(options?: number | LeakyReLUOptions<In>): LeakyReLU<In> =>
    new LeakyReLU(withMain(options, 'negativeSlope')),
  /** Makes a layer, see {@link ELU}. */
  elu: <const In extends Shape = Shape>(options?: number | ELUOptions<In>): ELU<In> =>
    new ELU(withMain(options, 'alpha')),
  /** Makes a layer, see {@link Softmax}. */
  softmax: <const In extends Shape = Shape>(options?: SoftmaxOptions<In>): Softmax<In> => new Softmax(options),
  /** Makes a layer, see {@link Dropout}. */
  dropout: <const In extends Shape = Shape>(options: number | DropoutOptions<In>): Dropout<In> =>
    new Dropout(withMain(options, 'rate')),
  /** Makes a layer, see {@link GaussianDropout}. */
  gaussianDropout: <const In extends Shape = Shape>(
    options: number | GaussianDropoutOptions<In>,
  ): GaussianDropout<In> => new GaussianDropout(withMain(options, 'rate')),
  /** Makes a layer, see {@link GaussianNoise}. */
  gaussianNoise: <const In extends Shape = Shape>(options: number | GaussianNoiseOptions<In>): GaussianNoise<In> =>
    new GaussianNoise(withMain(options, 'stddev')),
  /** Makes a layer, see {@link AlphaDropout}. */
  alphaDropout: <const In extends Shape = Shape>(options: number | AlphaDropoutOptions<In>): AlphaDropout<In> =>
    new AlphaDropout(withMain(options, 'rate')),
  /** Makes a layer, see {@link PReLU}. */
  prelu: <const In extends Shape = Shape>(options?: PReLUOptions<In>): PReLU<In> => new PReLU(options),
  /** Makes a layer, see {@link BatchNormalization}. */
  batchNormalization: <const In extends Shape = Shape>(
    options?: BatchNormalizationOptions<In>,
  ): BatchNormalization<In> => new BatchNormalization(options),
  /** Makes a layer, see {@link LayerNormalization}. */
  layerNormalization: <const In extends Shape = Shape>(
    options?: LayerNormalizationOptions<In>,
  ): LayerNormalization<In> => new LayerNormalization(options),
  /** Makes a layer, see {@link RMSNormalization}. */
  rmsNormalization: <const In extends Shape = Shape>(options?: RMSNormalizationOptions<In>): RMSNormalization<In> =>
    new RMSNormalization(options),
  /** Makes a layer, see {@link GroupNormalization}. */
  groupNormalization: <const In extends Shape = Shape>(
    options?: number | GroupNormalizationOptions<In>,
  ): GroupNormalization<In> => new GroupNormalization(withMain(options, 'groups')),
  /** Makes a layer, see {@link Normalization}. */
  normalization: <const In extends Shape = Shape>(options?: NormalizationOptions<In>): Normalization<In> =>
    new Normalization(options),
  /** Makes a layer, see {@link Embedding}. */
  embedding: <const Size extends number, const In extends Shape = Shape>(
    options: EmbeddingOptions<Size, In>,
  ): Embedding<Size, In> => new Embedding(options),
  /** Makes a layer, see {@link EmbeddingBag}. */
  embeddingBag: <const Size extends number, const In extends Shape = Shape>(
    options: EmbeddingBagOptions<Size, In>,
  ): EmbeddingBag<Size, In> => new EmbeddingBag(options),
  /** Makes a layer, see {@link UnitNormalization}. */
  unitNormalization: <const In extends Shape = Shape>(options?: UnitNormalizationOptions<In>): UnitNormalization<In> =>
    new UnitNormalization(options),
  /** Makes a layer, see {@link ActivityRegularization}. */
  activityRegularization: <const In extends Shape = Shape>(
    options?: ActivityRegularizationOptions<In>,
  ): ActivityRegularization<In> => new ActivityRegularization(options),
  /** Makes a layer, see {@link Flatten}. */
  flatten: <const In extends Shape = Shape>(options?: LayerOptions<In>): Flatten<In> => new Flatten(options),
  /** Makes a layer, see {@link Reshape}. */
  reshape: <const Target extends Shape, const In extends Shape = Shape>(
    options: ReshapeOptions<Target, In>,
  ): Reshape<Target, In> => new Reshape(options),
  /** Makes a layer, see {@link Permute}. */
  permute: <const Dims extends Shape, const In extends Shape = Shape>(
    options: PermuteOptions<Dims, In>,
  ): Permute<Dims, In> => new Permute(options),
  /** Makes a layer, see {@link RepeatVector}. */
  repeatVector: <const N extends number, const In extends Shape = Shape>(
    options: N | RepeatVectorOptions<N, In>,
  ): RepeatVector<N, In> => new RepeatVector(withMain<RepeatVectorOptions<N, In>>(options, 'n')),
  /** Makes a layer, see {@link GlobalAveragePooling1D}. */
  globalAveragePooling1D: <const In extends Shape = Shape>(
    options?: GlobalPoolingOptions<In>,
  ): GlobalAveragePooling1D<In> => new GlobalAveragePooling1D(options),
  /** Makes a layer, see {@link GlobalMaxPooling1D}. */
  globalMaxPooling1D: <const In extends Shape = Shape>(options?: GlobalPoolingOptions<In>): GlobalMaxPooling1D<In> =>
    new GlobalMaxPooling1D(options),
  /** Makes a layer, see {@link CategoryEncoding}. */
  categoryEncoding: <const In extends Shape = Shape, const Sparse extends boolean = false>(
    options: number | (CategoryEncodingOptions<In> & { readonly sparse?: Sparse | undefined }),
  ): CategoryEncoding<In, CategoryOutput<{ readonly sparse: Sparse }>> =>
    new CategoryEncoding(withMain<CategoryEncodingOptions<In>>(options, 'numTokens')),
  /** Makes a layer, see {@link Identity}. */
  identity: <const In extends Shape = Shape>(options?: LayerOptions<In>): Identity<In> => new Identity(options),
  /** Makes a layer, see {@link Slice}. */
  slice: <const Size extends number, const In extends Shape = Shape>(
    options: SliceOptions<Size, In>,
  ): Slice<Size, In> => new Slice(options),
  /** Makes a layer, see {@link Take}. */
  take: <const Indices extends readonly number[], const In extends Shape = Shape>(
    options: TakeOptions<Indices, In>,
  ): Take<Indices, In> => new Take(options),
  /** Makes a layer, see {@link Add}. */
  add: (options?: MergeOptions): Add => new Add(options),
  /** Makes a layer, see {@link Subtract}. */
  subtract: (options?: MergeOptions): Subtract => new Subtract(options),
  /** Makes a layer, see {@link Multiply}. */
  multiply: (options?: MergeOptions): Multiply => new Multiply(options),
  /** Makes a layer, see {@link Average}. */
  average: (options?: MergeOptions): Average => new Average(options),
  /** Makes a layer, see {@link Maximum}. */
  maximum: (options?: MergeOptions): Maximum => new Maximum(options),
  /** Makes a layer, see {@link Minimum}. */
  minimum: (options?: MergeOptions): Minimum => new Minimum(options),
  /** Makes a layer, see {@link Concatenate}. */
  concatenate: (options?: ConcatenateOptions): Concatenate => new Concatenate(options),
  /** Makes a layer, see {@link Dot}. */
  dot: (options: DotOptions): Dot => new Dot(options),
  /** Makes a layer, see {@link Rescaling}. */
  rescaling: <const In extends Shape = Shape>(options: number | RescalingOptions<In>): Rescaling<In> =>
    new Rescaling(withMain(options, 'scale')),
  /** Makes a preprocessing layer, see {@link StringLookup}. */
  stringLookup: <const O extends StringLookupOptions = NoOptions>(options?: O): StringLookup<StringLookupOutput<O>> =>
    new StringLookup(options),
  /** Makes a preprocessing layer, see {@link IntegerLookup}. */
  integerLookup: <const O extends IntegerLookupOptions = NoOptions>(options?: O): IntegerLookup<CategoryOutput<O>> =>
    new IntegerLookup(options),
  /** Makes a preprocessing layer, see {@link Hashing}; a number is short for `numBins`. */
  hashing: <const O extends number | HashingOptions>(options: O): Hashing<CategoryOutput<O>> =>
    new Hashing(withMain<HashingOptions>(options, 'numBins')),
  /** Makes a preprocessing layer, see {@link HashedCrossing}; a number is short for `numBins`. */
  hashedCrossing: <const O extends number | HashedCrossingOptions>(options: O): HashedCrossing<CategoryOutput<O>> =>
    new HashedCrossing(withMain<HashedCrossingOptions>(options, 'numBins')),
  /** Makes a preprocessing layer, see {@link Discretization}; a number is short for `numBins`. */
  discretization: <const O extends number | DiscretizationOptions>(options: O): Discretization<CategoryOutput<O>> =>
    new Discretization(withMain<DiscretizationOptions>(options, 'numBins')),
  /** Makes a preprocessing layer, see {@link TextVectorization}. */
  textVectorization: <const O extends TextVectorizationOptions = NoOptions>(
    // The intersection gives the parameters of functions their types.
    options?: O & TextVectorizationOptions,
  ): TextVectorization<TextVectorizationOutput<O>> => new TextVectorization(options),
} as const
answerForeignNames(layers, 'layers')

guardArity(layers, 'layers')

function isBare(options: object | string): options is ActivationName | Activation {
  if (typeof options !== 'object' || options === null) return options !== null
  return 'kind' in options && options.kind === 'activation'
}

/** Makes a layer of a kind from its options, as a model file describes them. */
export const layerKinds: Readonly<Record<string, (options: never) => Layer>> = {
  Input: ({ inputShape, ...options }: LayerOptions) => new Input({ shape: inputShape as Shape, ...options }),
  Dense: (options: DenseOptions) => new Dense(options),
  Activation: (options: ActivationLayerOptions) => new ActivationLayer(options),
  ReLU: (options: ReLUOptions) => new ReLU(options),
  LeakyReLU: (options: LeakyReLUOptions) => new LeakyReLU(options),
  ELU: (options: ELUOptions) => new ELU(options),
  Softmax: (options: SoftmaxOptions) => new Softmax(options),
  Dropout: (options: DropoutOptions) => new Dropout(options),
  GaussianDropout: (options: GaussianDropoutOptions) => new GaussianDropout(options),
  GaussianNoise: (options: GaussianNoiseOptions) => new GaussianNoise(options),
  AlphaDropout: (options: AlphaDropoutOptions) => new AlphaDropout(options),
  PReLU: (options: PReLUOptions) => new PReLU(options),
  BatchNormalization: (options: BatchNormalizationOptions) => new BatchNormalization(options),
  LayerNormalization: (options: LayerNormalizationOptions) => new LayerNormalization(options),
  RMSNormalization: (options: RMSNormalizationOptions) => new RMSNormalization(options),
  GroupNormalization: (options: GroupNormalizationOptions) => new GroupNormalization(options),
  Normalization: (options: NormalizationOptions) => new Normalization(options),
  Embedding: (options: EmbeddingOptions) => new Embedding(options),
  EmbeddingBag: (options: EmbeddingBagOptions) => new EmbeddingBag(options),
  UnitNormalization: (options: UnitNormalizationOptions) => new UnitNormalization(options),
  ActivityRegularization: (options: ActivityRegularizationOptions) => new ActivityRegularization(options),
  Flatten: (options: LayerOptions) => new Flatten(options),
  Reshape: (options: ReshapeOptions) => new Reshape(options),
  Permute: (options: PermuteOptions) => new Permute(options),
  RepeatVector: (options: RepeatVectorOptions) => new RepeatVector(options),
  GlobalAveragePooling1D: (options: GlobalPoolingOptions) => new GlobalAveragePooling1D(options),
  GlobalMaxPooling1D: (options: GlobalPoolingOptions) => new GlobalMaxPooling1D(options),
  CategoryEncoding: (options: CategoryEncodingOptions) => new CategoryEncoding(options),
  Identity: (options: LayerOptions) => new Identity(options),
  Slice: (options: SliceOptions) => new Slice(options),
  Take: (options: TakeOptions) => new Take(options),
  Add: (options: MergeOptions) => new Add(options),
  Subtract: (options: MergeOptions) => new Subtract(options),
  Multiply: (options: MergeOptions) => new Multiply(options),
  Average: (options: MergeOptions) => new Average(options),
  Maximum: (options: MergeOptions) => new Maximum(options),
  Minimum: (options: MergeOptions) => new Minimum(options),
  Concatenate: (options: ConcatenateOptions) => new Concatenate(options),
  Dot: (options: DotOptions) => new Dot(options),
  Rescaling: (options: RescalingOptions) => new Rescaling(options),
}
