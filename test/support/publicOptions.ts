/**
 * All options of the factories, each with a valid value, by the name of the factory. A further word in a name tells several
 * calls of one factory apart.
 */

import { losses, metrics } from 'neurode'

/** Options by the name of a factory. A word after a space tells several calls apart. */
type Examples = Readonly<Record<string, object>>

const inputShape = [2]
const scaleAndCenter = {
  center: true,
  scale: true,
  betaInitializer: 'zeros',
  gammaInitializer: 'ones',
  betaRegularizer: 'l1',
  gammaRegularizer: 'l2',
  betaConstraint: 'nonNeg',
  gammaConstraint: 'unitNorm',
}

const ownLayerOptions: Examples = {
  dense: {
    units: 2,
    activation: 'relu',
    useBias: true,
    kernelInitializer: 'heNormal',
    biasInitializer: 'zeros',
    kernelRegularizer: 'l2',
    biasRegularizer: 'l1',
    activityRegularizer: 'l2',
    kernelConstraint: 'nonNeg',
    biasConstraint: 'nonNeg',
  },
  activation: { activation: 'relu' },
  reLU: { maxValue: 6, negativeSlope: 0.1, threshold: 0 },
  leakyReLU: { negativeSlope: 0.1 },
  elu: { alpha: 1 },
  softmax: { axis: -1 },
  dropout: { rate: 0.5, seed: 1 },
  gaussianDropout: { rate: 0.5, seed: 1 },
  gaussianNoise: { stddev: 0.5, seed: 1 },
  alphaDropout: { rate: 0.5, seed: 1 },
  prelu: { alphaInitializer: 'zeros', alphaRegularizer: 'l1', alphaConstraint: 'nonNeg', sharedAxes: [1] },
  batchNormalization: {
    axis: -1,
    momentum: 0.9,
    epsilon: 1e-3,
    movingMeanInitializer: 'zeros',
    movingVarianceInitializer: 'ones',
    ...scaleAndCenter,
  },
  layerNormalization: { axis: -1, epsilon: 1e-3, ...scaleAndCenter },
  rmsNormalization: { axis: -1, epsilon: 1e-3 },
  groupNormalization: { groups: 1, epsilon: 1e-3, ...scaleAndCenter },
  normalization: { axis: -1, mean: [0, 0], variance: [1, 1], invert: false },
  unitNormalization: { axis: -1 },
  activityRegularization: { l1: 0.1, l2: 0.1 },
  flatten: {},
  reshape: { targetShape: [1, 2] },
  permute: { dims: [1] },
  repeatVector: { n: 2 },
  categoryEncoding: { numTokens: 3, outputMode: 'multiHot' },
  identity: {},
  rescaling: { scale: 0.5, offset: 0.1 },
  slice: { begin: 1, size: 1 },
  take: { indices: [0] },
}
const merge = { name: 'a', trainable: true }
const mergeOptions: Examples = {
  add: merge,
  subtract: merge,
  multiply: merge,
  average: merge,
  maximum: merge,
  minimum: merge,
  concatenate: { axis: -1, ...merge },
  dot: { axes: 1, normalize: true, ...merge },
}
const embedding = { inputDim: 3, outputDim: 2, inputShape }

/** Options of the layers that compute on data before a model gets them. */
export const preprocessingOptions: Examples = {
  stringLookup: {
    maxTokens: 9,
    numOovIndices: 2,
    maskToken: 'm',
    oovToken: 'u',
    vocabulary: ['a', 'b'],
    outputMode: 'int',
    padToMaxTokens: true,
    salt: [1, 2],
    name: 'a',
  },
  'stringLookup of indices': { vocabulary: ['a', 'b'], invert: true },
  'stringLookup of vectors': { outputMode: 'count', sparse: true },
  'stringLookup by weights': { vocabulary: ['a', 'b'], idfWeights: [1, 2], outputMode: 'tfIdf' },
  integerLookup: {
    maxTokens: 9,
    numOovIndices: 2,
    maskToken: 0,
    oovToken: -1,
    oovMethod: 'farmhash',
    vocabulary: [1, 2],
    vocabularyDtype: 'int64',
    outputMode: 'int',
    padToMaxTokens: true,
    salt: 1,
    name: 'a',
  },
  'integerLookup of indices': { vocabulary: [1, 2], invert: true },
  'integerLookup of vectors': { outputMode: 'count', sparse: true },
  'integerLookup by weights': { vocabulary: [1, 2], idfWeights: [1, 2], outputMode: 'tfIdf' },
  hashing: { numBins: 3, maskValue: 'a', salt: 1, outputMode: 'int', name: 'a' },
  'hashing to vectors': { numBins: 3, outputMode: 'count', sparse: true },
  hashedCrossing: { numBins: 3, outputMode: 'int', name: 'a' },
  'hashedCrossing to vectors': { numBins: 3, outputMode: 'oneHot', sparse: true },
  discretization: { numBins: 3, epsilon: 0.1, outputMode: 'int', name: 'a' },
  'discretization of boundaries': { binBoundaries: [0, 1], outputMode: 'count', sparse: true },
  textVectorization: {
    maxTokens: 9,
    standardize: 'lower',
    split: 'whitespace',
    ngrams: 2,
    outputMode: 'int',
    outputSequenceLength: 3,
    padToMaxTokens: true,
    vocabulary: ['a', 'b'],
    ragged: true,
    name: 'a',
  },
  'textVectorization of vectors': { outputMode: 'count', sparse: true },
  'textVectorization by weights': { vocabulary: ['a', 'b'], idfWeights: [1, 2], outputMode: 'tfIdf' },
}

export const layerOptions: Examples = {
  ...preprocessingOptions,
  'categoryEncoding without a model': { numTokens: 3, sparse: true },
  input: { shape: [2], name: 'a', trainable: true },
  ...Object.fromEntries(
    Object.entries(ownLayerOptions).flatMap(([name, options]) => [
      [name, { ...options, inputShape, name: 'a', trainable: true }],
      [`${name} of inputDim`, { ...options, inputDim: 2 }],
    ]),
  ),
  ...mergeOptions,
  permute: { dims: [2, 1], inputShape: [2, 3], name: 'a', trainable: true },
  'dense with weights': {
    units: 2,
    inputShape,
    weights: [[new Float32Array(2), new Float32Array(2)].map((row) => [...row]), [0, 0]],
  },
  embedding: {
    ...embedding,
    name: 'a',
    trainable: true,
    embeddingsInitializer: 'randomUniform',
    embeddingsRegularizer: 'l1',
    activityRegularizer: 'l2',
    embeddingsConstraint: 'nonNeg',
    paddingIndex: 1,
  },
  embeddingBag: {
    ...embedding,
    mode: 'sum',
    paddingIndex: 0,
    name: 'a',
    trainable: true,
    embeddingsInitializer: 'randomUniform',
    embeddingsRegularizer: 'l1',
    activityRegularizer: 'l2',
    embeddingsConstraint: 'nonNeg',
  },
  'embeddingBag with weights': {
    ...embedding,
    weights: [
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ],
  },
  'embedding with weights': {
    ...embedding,
    weights: [
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ],
  },
}

export const activationOptions: Examples = {
  relu: { negativeSlope: 0.1, maxValue: 6, threshold: 0 },
  threshold: { threshold: 0, defaultValue: 1 },
}

export const initializerOptions: Examples = {
  constant: { value: 1 },
  randomUniform: { minval: 0, maxval: 1, seed: 1 },
  randomNormal: { mean: 0, stddev: 1, seed: 1 },
  truncatedNormal: { mean: 0, stddev: 1, seed: 1 },
  varianceScaling: { scale: 1, mode: 'fanIn', distribution: 'uniform', seed: 1 },
  glorotUniform: { seed: 1 },
  glorotNormal: { seed: 1 },
  heUniform: { seed: 1 },
  heNormal: { seed: 1 },
  lecunUniform: { seed: 1 },
  lecunNormal: { seed: 1 },
  orthogonal: { gain: 1, seed: 1 },
}

export const regularizerOptions: Examples = {
  l1: { l1: 0.1 },
  l2: { l2: 0.1 },
  l1l2: { l1: 0.1, l2: 0.1 },
  orthogonal: { factor: 0.1, mode: 'rows' },
}

export const constraintOptions: Examples = {
  maxNorm: { maxValue: 2, axis: 0 },
  minMaxNorm: { minValue: 0, maxValue: 1, rate: 1, axis: 0 },
  unitNorm: { axis: 0 },
}

const moments = { beta1: 0.9, beta2: 0.99, epsilon: 1e-7 }
const ownOptimizerOptions: Examples = {
  sgd: { momentum: 0.9, nesterov: true },
  adam: { ...moments, amsgrad: true },
  adamw: { ...moments, amsgrad: false },
  rmsprop: { rho: 0.9, momentum: 0.1, centered: true, epsilon: 1e-7 },
  adagrad: { initialAccumulatorValue: 0.1, epsilon: 1e-7 },
  adadelta: { rho: 0.9, epsilon: 1e-7, previousAverage: true },
  adamax: moments,
  nadam: moments,
  lion: { beta1: 0.9, beta2: 0.99 },
  ftrl: {
    learningRatePower: -0.5,
    initialAccumulatorValue: 0.1,
    l1RegularizationStrength: 0.1,
    l2RegularizationStrength: 0.1,
    l2ShrinkageRegularizationStrength: 0.1,
    beta: 0.1,
  },
}
const updateOptions = {
  learningRate: 0.1,
  weightDecay: 0.1,
  excludeFromWeightDecay: ['bias'],
  clipNorm: 1,
  useEma: true,
  emaMomentum: 0.9,
  emaOverwriteFrequency: 2,
  gradientAccumulationSteps: 2,
}

export const optimizerOptions: Examples = {
  ...Object.fromEntries(
    Object.entries(ownOptimizerOptions).flatMap(([name, options]) => [
      [name, { ...options, ...updateOptions }],
      [`${name} by lr`, { lr: 0.1, globalClipNorm: 1 }],
      [`${name} clipped`, { clipValue: 1 }],
    ]),
  ),
  lazyAdam: { learningRate: 0.1, ...moments },
  'lazyAdam by lr': { lr: 0.1 },
}

const decay = { initialLearningRate: 0.1, decaySteps: 10 }
export const scheduleOptions: Examples = {
  exponentialDecay: { ...decay, decayRate: 0.5, staircase: true },
  inverseTimeDecay: { ...decay, decayRate: 0.5, staircase: true },
  piecewiseConstantDecay: { boundaries: [1, 2], values: [1, 0.5, 0.1] },
  polynomialDecay: { ...decay, endLearningRate: 0, power: 2, cycle: true },
  cosineDecay: { ...decay, alpha: 0.1, warmupTarget: 1, warmupSteps: 2 },
  cosineDecayRestarts: { initialLearningRate: 0.1, firstDecaySteps: 10, tMul: 2, mMul: 1, alpha: 0 },
  oneCycle: {
    maxLearningRate: 0.1,
    totalSteps: 10,
    pctStart: 0.3,
    annealStrategy: 'linear',
    divFactor: 25,
    finalDivFactor: 100,
  },
}

const smoothed = { fromLogits: true, labelSmoothing: 0.1 }
const ownLossOptions: Examples = {
  huber: { delta: 1 },
  binaryCrossentropy: smoothed,
  binaryFocalCrossentropy: { ...smoothed, applyClassBalancing: true, alpha: 0.3, gamma: 2 },
  categoricalCrossentropy: smoothed,
  categoricalFocalCrossentropy: { ...smoothed, alpha: 0.3, gamma: 2 },
  categoricalGeneralizedCrossEntropy: { q: 0.5 },
  sparseCategoricalCrossentropy: { fromLogits: true, ignoreClass: -1 },
}

export const lossOptions: Examples = Object.fromEntries(
  Object.keys(losses)
    .filter((name) => name !== 'custom' && name !== 'sumSquaredError')
    .map((name) => [name, { ...ownLossOptions[name], reduction: 'sum' }]),
)

const counts = { threshold: 0.5, topK: 1, classId: 0 }
const held = { numThresholds: 5, classId: 0 }
const ownMetricOptions: Examples = {
  ...Object.fromEntries(
    ['precision', 'recall', 'truePositives', 'falsePositives', 'trueNegatives', 'falseNegatives'].map((name) => [
      name,
      counts,
    ]),
  ),
  auc: {
    numThresholds: 5,
    curve: 'PR',
    summationMethod: 'minoring',
    multiLabel: true,
    labelWeights: [1],
    fromLogits: true,
  },
  'auc of thresholds': { thresholds: [0.3, 0.5] },
  sensitivityAtSpecificity: { specificity: 0.5, ...held },
  specificityAtSensitivity: { sensitivity: 0.5, ...held },
  precisionAtRecall: { recall: 0.5, ...held },
  recallAtPrecision: { precision: 0.5, ...held },
  f1Score: { average: 'macro', threshold: 0.5 },
  'f1Score of a class': { classId: 0 },
  fBetaScore: { beta: 1, average: 'macro', threshold: 0.5 },
  'fBetaScore of a class': { classId: 0 },
  r2Score: { classAggregation: 'varianceWeightedAverage', numRegressors: 1 },
  'r2Score of a class': { classId: 0 },
  iou: { numClasses: 3, targetClassIds: [0] },
  binaryIoU: { threshold: 0.4, targetClassIds: [0] },
  topKCategoricalAccuracy: { k: 2 },
  sparseTopKCategoricalAccuracy: { k: 2 },
  binaryAccuracy: { threshold: 0.4 },
}

export const metricOptions: Examples = Object.fromEntries(
  [...Object.keys(metrics), ...Object.keys(ownMetricOptions).filter((name) => name.includes(' '))]
    .filter((name) => name !== 'custom')
    .map((name) => [name, { ...ownLossOptions[name], ...ownMetricOptions[name], name: 'a' }]),
)

/** Whether a loss or metric needs a model of several classes. */
export const isOfClasses = (name: string) => /ategorical|^iou$/.test(name)

const ema = { emaMomentum: 'useEma', emaOverwriteFrequency: 'useEma' }
const validation = Object.fromEntries(
  ['validationBatchSize', 'validationFreq', 'validationSteps'].map((name) => [name, 'validationSplit']),
)

const lookupNeeds = { sparse: 'outputMode', padToMaxTokens: 'maxTokens', idfWeights: 'outputMode' }

/** Options that have no effect without another option, which the message names. */
export const needs: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ...Object.fromEntries(
    Object.keys(ownOptimizerOptions).map((name) => [
      `optimizers.${name}`,
      {
        ...ema,
        ...(name === 'sgd' ? { nesterov: 'momentum' } : {}),
        ...(name === 'adamw' ? {} : { excludeFromWeightDecay: 'weightDecay' }),
      },
    ]),
  ),
  'schedules.cosineDecay': { warmupSteps: 'warmupTarget' },
  'losses.binaryFocalCrossentropy': { alpha: 'applyClassBalancing' },
  'metrics.binaryFocalCrossentropy': { alpha: 'applyClassBalancing' },
  'metrics.auc': { labelWeights: 'multiLabel' },
  'layers.normalization': { mean: 'variance', variance: 'mean' },
  'layers.stringLookup': lookupNeeds,
  'layers.stringLookup by weights': { outputMode: 'idfWeights' },
  'layers.integerLookup': { ...lookupNeeds, salt: 'oovMethod' },
  'layers.integerLookup by weights': { outputMode: 'idfWeights' },
  'layers.textVectorization': lookupNeeds,
  'layers.textVectorization by weights': { outputMode: 'idfWeights' },
  'layers.hashing': { sparse: 'outputMode' },
  'layers.hashedCrossing': { sparse: 'outputMode' },
  'layers.discretization': { sparse: 'outputMode' },
  'callbacks.modelCheckpoint': {
    monitor: 'saveBestOnly',
    mode: 'saveBestOnly',
    initialValueThreshold: 'saveBestOnly',
  },
  'callbacks.lambda': { batchInterval: 'onEpochEnd', name: 'onEpochEnd', runsLast: 'onEpochEnd' },
  'model.fit': validation,
  'model.evaluate': { stream: 'verbose' },
  kFold: { seed: 'shuffle' },
  'csv.numbers': { missingCells: 'missing' },
  'plot.decisionBoundary': { y: 'x', classes: 'y' },
}
