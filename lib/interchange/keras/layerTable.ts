/** Every kind of layer as Keras has it: its class, its options with Keras' names and defaults, and what TensorFlow.js lacks of it. */

import type { Json, JsonObject } from '../../persistence/description.js'
import {
  activation,
  axis,
  constraint,
  defaults,
  initializer,
  linear,
  numbers,
  optionalAxis,
  orInfinity,
  type Part,
  plain,
  regularizer,
  seed,
  sharedAxes,
  word,
} from './parts.js'
import { isSame } from './reading.js'

/** An option of a layer. Keras' name is that of Neurode in snake_case. */
export interface OptionRow {
  readonly part: Part
  /** Keras' default, as in Neurode's descriptions; undefined for a required option. */
  readonly default?: Json | undefined
  /** An older name, which TensorFlow.js has as well. */
  readonly older?: string | undefined
  /** Whether TensorFlow.js has another default, so that it is always written for it. */
  readonly differs?: boolean | undefined
}

/** How one kind of layer is read and written. */
export interface LayerRow {
  /** Keras' class. */
  readonly keras: string
  /** Older names of the class. */
  readonly older?: readonly string[] | undefined
  /** Options by Neurode's names. */
  readonly options: Readonly<Record<string, OptionRow>>
  /** Keys of Keras that say nothing here, if they have one of these values; `'any'` for any value. */
  readonly idle?: Readonly<Record<string, readonly Json[] | 'any'>> | undefined
  /** Options of Neurode, beside those at their defaults, that Keras and TensorFlow.js have nothing like. */
  readonly lacks?: readonly string[] | undefined
  /** Whether it joins several tensors. */
  readonly joins?: boolean | undefined
  /** Variables that Keras has besides Neurode's weights; it may also have none. */
  readonly variables?: ((names: readonly string[], options: JsonObject) => readonly string[]) | undefined
  /** Why TensorFlow.js cannot compute it with these options, for inputs with `rank` axes; undefined if it can. */
  readonly tfjs?: ((options: JsonObject, rank: number) => string | undefined) | undefined
}

const given = (part: Part): OptionRow => ({ part })
const option = (byDefault: Json, part: Part = plain): OptionRow => ({ part, default: byDefault })
const from = (byDefault: Json): OptionRow => ({ part: initializer(byDefault), default: byDefault })

/** The options of a parameter: its initializer, its regularizer and its constraint. */
const parameter = (name: string, byDefault: Json) => ({
  [`${name}Initializer`]: from(byDefault),
  [`${name}Regularizer`]: option(null, regularizer),
  [`${name}Constraint`]: option(null, constraint),
})

const scaleAndCenter = {
  center: option(true),
  scale: option(true),
  ...parameter('beta', defaults.zeros),
  ...parameter('gamma', defaults.ones),
}

const noise = { seed: option(null, seed) }
const lacksLayer = () => 'it has no such layer'

/** Says of options that TensorFlow.js only takes at their defaults. */
const onlyDefaults =
  (byDefault: JsonObject) =>
  (options: JsonObject): string | undefined => {
    const other = Object.keys(byDefault).find((key) => !isSame(options[key] ?? null, byDefault[key]))
    return other === undefined ? undefined : `it has no option '${other}' for it`
  }

/** Activations by Neurode's names that TensorFlow.js computes in the same way. */
const tfjsActivations = new Set(
  'elu selu relu relu6 linear sigmoid softplus softsign tanh softmax logSoftmax gelu silu mish'.split(' '),
)

const tfjsActivation = ({ activation: given }: JsonObject): string | undefined => {
  const { $activation: name } = (given ?? linear) as JsonObject
  return tfjsActivations.has(String(name)) ? undefined : `it does not have the activation ${name}`
}

const merge = (keras: string, tfjs?: LayerRow['tfjs']): LayerRow => ({
  keras,
  options: {},
  joins: true,
  ...(tfjs === undefined ? {} : { tfjs }),
})

const pooling = (keras: string): LayerRow => ({
  keras,
  options: { keepdims: option(false) },
  idle: { data_format: ['channels_last'] },
  tfjs: onlyDefaults({ keepdims: false }),
})

/** Layers by Neurode's kinds. Those of Neurode that Keras lacks are not here. */
export const layerTable: Readonly<Record<string, LayerRow>> = {
  Dense: {
    keras: 'Dense',
    options: {
      units: given(plain),
      activation: { part: activation, default: linear },
      useBias: option(true),
      kernelInitializer: from(defaults.glorotUniform),
      biasInitializer: from(defaults.zeros),
      kernelRegularizer: option(null, regularizer),
      biasRegularizer: option(null, regularizer),
      activityRegularizer: option(null, regularizer),
      kernelConstraint: option(null, constraint),
      biasConstraint: option(null, constraint),
    },
    idle: { quantization_config: 'any', input_dim: 'any' },
    tfjs: (options) =>
      tfjsActivation(options) ?? onlyDefaults({ activityRegularizer: null })({ activityRegularizer: null, ...options }),
  },
  Embedding: {
    keras: 'Embedding',
    options: {
      inputDim: given(plain),
      outputDim: given(plain),
      embeddingsInitializer: from(defaults.randomUniform),
      embeddingsRegularizer: option(null, regularizer),
      activityRegularizer: option(null, regularizer),
      embeddingsConstraint: option(null, constraint),
    },
    idle: { quantization_config: 'any', input_length: 'any' },
    lacks: ['paddingIndex'],
    tfjs: onlyDefaults({ activityRegularizer: null }),
  },
  Activation: { keras: 'Activation', options: { activation: given(activation) }, tfjs: tfjsActivation },
  ReLU: {
    keras: 'ReLU',
    options: {
      maxValue: option({ $number: 'Infinity' }, orInfinity),
      negativeSlope: option(0),
      threshold: option(0),
    },
    tfjs: onlyDefaults({ negativeSlope: 0, threshold: 0 }),
  },
  LeakyReLU: { keras: 'LeakyReLU', options: { negativeSlope: { ...option(0.3), older: 'alpha' } } },
  ELU: {
    keras: 'ELU',
    options: { alpha: option(1) },
    tfjs: onlyDefaults({ alpha: 1 }),
  },
  Softmax: {
    keras: 'Softmax',
    options: { axis: { ...option(-1, axis), differs: true } },
    tfjs: ({ axis: along = -1 }, rank) =>
      along === -1 || along === rank - 1 ? undefined : 'its softmax is along the last axis',
  },
  PReLU: {
    keras: 'PReLU',
    options: { ...parameter('alpha', defaults.zeros), sharedAxes: option([], sharedAxes) },
  },
  Dropout: { keras: 'Dropout', options: { rate: given(plain), ...noise } },
  GaussianDropout: { keras: 'GaussianDropout', options: { rate: given(plain), ...noise } },
  GaussianNoise: { keras: 'GaussianNoise', options: { stddev: given(plain), ...noise } },
  AlphaDropout: { keras: 'AlphaDropout', options: { rate: given(plain), ...noise } },
  BatchNormalization: {
    keras: 'BatchNormalization',
    older: ['BatchNormalizationV1', 'BatchNormalizationV2'],
    options: {
      axis: option(-1, axis),
      momentum: option(0.99),
      epsilon: option(1e-3),
      movingMeanInitializer: from(defaults.zeros),
      movingVarianceInitializer: from(defaults.ones),
      ...scaleAndCenter,
    },
    idle: { renorm_momentum: 'any', fused: 'any' },
  },
  LayerNormalization: {
    keras: 'LayerNormalization',
    options: { axis: option(-1, axis), epsilon: option(1e-3), ...scaleAndCenter },
  },
  RMSNormalization: {
    keras: 'RMSNormalization',
    options: { axis: option(-1, axis), epsilon: option(1e-6) },
    tfjs: lacksLayer,
  },
  GroupNormalization: {
    keras: 'GroupNormalization',
    options: { groups: option(32), epsilon: option(1e-3), ...scaleAndCenter },
    idle: { axis: [-1, [-1]] },
    tfjs: lacksLayer,
  },
  UnitNormalization: { keras: 'UnitNormalization', options: { axis: option(-1, axis) }, tfjs: lacksLayer },
  Normalization: {
    keras: 'Normalization',
    options: {
      axis: option(-1, optionalAxis),
      mean: option(null, numbers),
      variance: option(null, numbers),
      invert: option(false),
    },
    variables: (names, { mean }) => ((mean ?? null) === null ? [...names, 'count'] : []),
    tfjs: lacksLayer,
  },
  ActivityRegularization: {
    keras: 'ActivityRegularization',
    options: { l1: option(0), l2: option(0) },
    tfjs: lacksLayer,
  },
  Flatten: { keras: 'Flatten', options: {}, idle: { data_format: ['channels_last'] } },
  Reshape: { keras: 'Reshape', options: { targetShape: given(plain) } },
  Permute: { keras: 'Permute', options: { dims: given(plain) } },
  RepeatVector: { keras: 'RepeatVector', options: { n: given(plain) } },
  GlobalAveragePooling1D: { ...pooling('GlobalAveragePooling1D'), older: ['GlobalAvgPool1D'] },
  GlobalMaxPooling1D: { ...pooling('GlobalMaxPooling1D'), older: ['GlobalMaxPool1D'] },
  CategoryEncoding: {
    keras: 'CategoryEncoding',
    tfjs: () => 'its CategoryEncoding changes the shape of the tensor that it reads',
    options: { numTokens: given(plain), outputMode: option('multiHot', word) },
  },
  Identity: { keras: 'Identity', options: {}, tfjs: lacksLayer },
  Add: merge('Add'),
  Subtract: merge('Subtract', lacksLayer),
  Multiply: merge('Multiply'),
  Average: merge('Average'),
  Maximum: merge('Maximum'),
  Minimum: merge('Minimum'),
  Concatenate: { ...merge('Concatenate'), options: { axis: option(-1, axis) } },
  Dot: { ...merge('Dot'), options: { axes: given(plain), normalize: option(false) } },
  Rescaling: { keras: 'Rescaling', options: { scale: given(plain), offset: option(0) } },
}

/** Neurode's kinds by Keras' classes. */
export const kindsByClass: ReadonlyMap<string, string> = new Map(
  Object.entries(layerTable).flatMap(([kind, { keras, older = [] }]) =>
    [keras, ...older].map((name): [string, string] => [name, kind]),
  ),
)
