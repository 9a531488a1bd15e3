/** Calls of all factories. */

import {
  activations,
  callbacks,
  constraints,
  distribution,
  Functional,
  initializers,
  input,
  layers,
  losses,
  metrics,
  model,
  optimizers,
  RowOptimizer,
  regularizers,
  Sequential,
  Sgd,
  schedules,
} from 'neurode'
import { initializerOptions, preprocessingOptions, regularizerOptions } from '../publicOptions.js'
import { call, file, type Loose, type PublicCall, small, step, useIn, useLayer, x, y } from './call.js'

/** Calls of every factory of a table, with its options, and of a function that uses the result. */
function factories(
  table: string,
  made: Readonly<Record<string, object | readonly unknown[] | undefined>>,
  from: Loose,
  use: (made: Loose, name: string) => unknown,
): PublicCall[] {
  return Object.entries(made).map(([name, given]) => {
    const args = () => (Array.isArray(given) ? structuredClone(given) : given === undefined ? [{}] : [{ ...given }])
    return call(`${table}.${name}`, args, (...args) => use(from[name](...args), name))
  })
}

/** The members of a table that have no calls of their own. */
function withoutOptions(table: object): Record<string, undefined> {
  const names = Object.keys(table).filter((name) => name !== 'custom')
  return Object.fromEntries(names.map((name) => [name, undefined]))
}

/** The main options of layers that compute on data before a model gets them; titles with a word more are other calls. */
const ofData = Object.fromEntries(Object.entries(preprocessingOptions).filter(([title]) => !title.includes(' ')))

const layerOptions = {
  ...ofData,
  input: { shape: [2], name: 'a' },
  dense: {
    units: 2,
    activation: 'relu',
    useBias: true,
    inputShape: [2],
    name: 'a',
    kernelInitializer: 'heNormal',
    trainable: true,
    kernelRegularizer: 'l2',
    kernelConstraint: 'nonNeg',
    biasInitializer: 'zeros',
    weights: undefined,
  },
  activation: { activation: 'relu', inputShape: [2] },
  reLU: { maxValue: 6, negativeSlope: 0.1, threshold: 0, inputShape: [2] },
  leakyReLU: { negativeSlope: 0.1, inputShape: [2] },
  elu: { alpha: 1, inputShape: [2] },
  softmax: { axis: -1, inputShape: [2] },
  dropout: { rate: 0.5, seed: 1, inputShape: [2] },
  gaussianDropout: { rate: 0.5, inputShape: [2] },
  gaussianNoise: { stddev: 0.5, inputShape: [2] },
  alphaDropout: { rate: 0.5, inputShape: [2] },
  prelu: { alphaInitializer: 'zeros', sharedAxes: [1], inputShape: [2] },
  batchNormalization: { axis: -1, momentum: 0.9, epsilon: 1e-3, center: true, scale: true, inputShape: [2] },
  layerNormalization: { axis: -1, epsilon: 1e-3, center: true, scale: true, inputShape: [2] },
  rmsNormalization: { axis: -1, epsilon: 1e-3, inputShape: [2] },
  groupNormalization: { groups: 1, epsilon: 1e-3, inputShape: [2] },
  normalization: { axis: -1, mean: [0, 0], variance: [1, 1], invert: false, inputShape: [2] },
  embedding: {
    inputDim: 3,
    outputDim: 2,
    inputShape: [2],
    embeddingsInitializer: 'zeros',
    embeddingsRegularizer: 'l2',
    embeddingsConstraint: 'nonNeg',
    weights: undefined,
  },
  embeddingBag: { inputDim: 3, outputDim: 2, mode: 'sum', paddingIndex: 0, inputShape: [2] },
  unitNormalization: { axis: -1, inputShape: [2] },
  activityRegularization: { l1: 0.1, l2: 0.1, inputShape: [2] },
  flatten: { inputShape: [2] },
  reshape: { targetShape: [1, 2], inputShape: [2] },
  permute: { dims: [2, 1], inputShape: [2, 3] },
  repeatVector: { n: 2, inputShape: [2] },
  globalAveragePooling1D: { inputShape: [2, 3] },
  globalMaxPooling1D: { inputShape: [2, 3] },
  categoryEncoding: { numTokens: 3, outputMode: 'multiHot', inputShape: [2] },
  identity: { inputShape: [2] },
  rescaling: { scale: 0.5, offset: 0.1, inputShape: [2] },
  slice: { begin: 0, size: 1, inputShape: [2] },
  take: { indices: [1, 0], inputShape: [2] },
  add: { name: 'a', trainable: true },
  subtract: { name: 'a' },
  multiply: { name: 'a' },
  average: { name: 'a' },
  maximum: { name: 'a' },
  minimum: { name: 'a' },
  concatenate: { axis: -1, name: 'a' },
  dot: { axes: 1, normalize: true, name: 'a' },
}

const optionsOf = {
  initializers: { zeros: undefined, ones: undefined, ...initializerOptions },
  regularizers: regularizerOptions,
  constraints: {
    maxNorm: { maxValue: 2, axis: 0 },
    minMaxNorm: { minValue: 0, maxValue: 1, rate: 1, axis: 0 },
    nonNeg: undefined,
    unitNorm: { axis: 0 },
  },
  optimizers: {
    sgd: {
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: true,
      weightDecay: 0.1,
      clipNorm: 1,
      useEma: true,
      emaMomentum: 0.9,
    },
    adam: {
      learningRate: 0.1,
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-7,
      amsgrad: true,
      globalClipNorm: 1,
      gradientAccumulationSteps: 2,
      useEma: true,
      emaOverwriteFrequency: 1,
    },
    adamw: { weightDecay: 0.1 },
    rmsprop: { rho: 0.9, momentum: 0.1, centered: true },
    adagrad: { initialAccumulatorValue: 0.1 },
    adadelta: { rho: 0.9, previousAverage: true },
    adamax: { beta1: 0.9 },
    nadam: { beta1: 0.9 },
    lion: { beta1: 0.9 },
    lazyAdam: { beta1: 0.9 },
    ftrl: { learningRatePower: -0.5, l1RegularizationStrength: 0.1 },
  },
  schedules: {
    exponentialDecay: { initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.5, staircase: true },
    inverseTimeDecay: { initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.5 },
    piecewiseConstantDecay: { boundaries: [1, 2], values: [1, 0.5, 0.1] },
    polynomialDecay: { initialLearningRate: 0.1, decaySteps: 10, endLearningRate: 0, power: 2, cycle: true },
    cosineDecay: { initialLearningRate: 0.1, decaySteps: 10, alpha: 0.1, warmupTarget: 1, warmupSteps: 2 },
    cosineDecayRestarts: { initialLearningRate: 0.1, firstDecaySteps: 10, tMul: 2, mMul: 1, alpha: 0 },
    oneCycle: { maxLearningRate: 0.1, totalSteps: 10 },
  },
  losses: { ...withoutOptions(losses), huber: { delta: 1, reduction: 'sum' } },
  metrics: {
    ...withoutOptions(metrics),
    precision: { threshold: 0.5, name: 'a' },
    auc: { numThresholds: 5, curve: 'PR', summationMethod: 'minoring', fromLogits: true },
    sensitivityAtSpecificity: { specificity: 0.5, numThresholds: 5 },
    iou: { numClasses: 2, targetClassIds: [0] },
  },
}

const unitsFor = (name: string) => (/categorical/i.test(name) ? 3 : 1)
const useMetric = async (metric: Loose, name = '') => {
  using model = small(
    { metrics: [metric], loss: unitsFor(name) > 1 ? 'sparseCategoricalCrossentropy' : 'mse' },
    unitsFor(name),
  )
  await model.evaluate(x(), y())
}

/** The options of a graph that adds its input to what a layer makes of it. */
function graphOptions() {
  const x = input({ shape: [2] })
  return { inputs: x, outputs: layers.add().apply([x, layers.dense({ units: 2 }).apply(x)]), name: 'a', seed: 1 }
}

/** Constructors that users may call instead of factories, with the same options. */
function constructors(): PublicCall[] {
  return Object.entries(layerOptions).map(([name, options]) => {
    const Class = (layers as Loose)[name]({ ...options }).constructor
    return call(
      `new ${Class.name}`,
      () => [{ ...options }],
      (...args) => useLayer(new Class(...args)),
    )
  })
}

export const factoryCalls: readonly PublicCall[] = [
  ...constructors(),
  call(
    'new Sequential',
    () => [{ layers: [layers.dense({ units: 1, inputShape: [2] })], name: 'a', seed: 1 }],
    (...args) => new (Sequential as Loose)(...args),
  ),
  call(
    'new Functional',
    () => [graphOptions()],
    (...args) => new (Functional as Loose)(...args),
  ),
  call(
    'model',
    () => [graphOptions()],
    (...args) => (model as Loose)(...args),
  ),
  call(
    'input',
    () => [{ shape: [2], name: 'a', dtype: 'int32' }],
    (...args) => (input as Loose)(...args),
  ),
  call(
    'new Sgd',
    () => [{ learningRate: 0.1 }],
    (...args) => step({ optimizer: new (Sgd as Loose)(...args) }),
  ),
  call(
    'new RowOptimizer',
    () => ['adam', { learningRate: 0.1 }],
    (...args) => step({ optimizer: new (RowOptimizer as Loose)(...args) }),
  ),
  call(
    'schedule.at',
    () => [1],
    (...args) => (schedules.cosineDecay({ initialLearningRate: 1, decaySteps: 10 }).at as Loose)(...args),
  ),
  ...factories('layers', layerOptions, layers, useLayer),
  ...factories(
    'activations',
    Object.fromEntries(
      Object.keys(activations).map((name) => [
        name,
        name === 'threshold' ? { threshold: 0, defaultValue: 1 } : undefined,
      ]),
    ),
    activations,
    (made) => useLayer(layers.activation({ activation: made, inputShape: [2] })),
  ),
  ...factories('initializers', optionsOf.initializers, initializers, useIn({ kernelInitializer: 1 })),
  ...factories('regularizers', optionsOf.regularizers, regularizers, useIn({ kernelRegularizer: 1 })),
  ...factories('constraints', optionsOf.constraints, constraints, useIn({ kernelConstraint: 1 })),
  ...factories('optimizers', optionsOf.optimizers, optimizers, (optimizer) => step({ optimizer })),
  ...factories('schedules', optionsOf.schedules, schedules, (learningRate) =>
    step({ optimizer: optimizers.sgd({ learningRate }) }),
  ),
  ...factories('losses', optionsOf.losses, losses, (loss, name) => small({ loss }, unitsFor(name)).dispose()),
  ...factories('metrics', optionsOf.metrics, metrics, useMetric),
  call(
    'distribution.dataParallel',
    () => [{ parts: 2, timeoutSeconds: 1, data: 'sharded' }],
    (options) => step({ distribution: distribution.dataParallel(options) }),
  ),
  call(
    'distribution.join',
    () => [],
    (...args) => (distribution.join as Loose)(...args),
  ),
  call(
    'losses.custom',
    () => [{ name: 'a', targets: 1, compute: () => ({ loss: 0, gradient: [0, 0, 0] }) }],
    (options) => step({ loss: losses.custom(options) }),
  ),
  call(
    'metrics.custom',
    () => [{ name: 'a', rows: () => [0, 0, 0], best: 'max' }],
    (options) => useMetric(metrics.custom(options)),
  ),
  call(
    'callbacks.earlyStopping',
    () => [
      {
        monitor: 'loss',
        mode: 'min',
        minDelta: 0,
        patience: 1,
        baseline: 1,
        restoreBestWeights: true,
        startFromEpoch: 0,
      },
    ],
    (o) => useCallback(callbacks.earlyStopping(o)),
  ),
  call(
    'callbacks.reduceLROnPlateau',
    () => [{ monitor: 'loss', factor: 0.1, patience: 1, minDelta: 0, cooldown: 0, minLearningRate: 0 }],
    (o) => useCallback(callbacks.reduceLROnPlateau(o)),
  ),
  call(
    'callbacks.learningRateScheduler',
    () => [(_: number, rate: number) => rate],
    (o) => useCallback(callbacks.learningRateScheduler(o)),
  ),
  call(
    'callbacks.modelCheckpoint',
    () => [
      file('neurode'),
      { monitor: 'loss', saveBestOnly: true, saveWeightsOnly: false, saveFreq: 'epoch', initialValueThreshold: 1 },
    ],
    (p, o) => useCallback(callbacks.modelCheckpoint(p, o)),
  ),
  call(
    'callbacks.backupAndRestore',
    () => ['backups', { saveFreq: 'epoch', keep: 2, deleteCheckpoint: true }],
    (p, o) => useCallback(callbacks.backupAndRestore(p, o)),
  ),
  call(
    'callbacks.csvLogger',
    () => [file('csv'), { append: false, separator: ',' }],
    (p, o) => useCallback(callbacks.csvLogger(p, o)),
  ),
  call(
    'callbacks.tensorBoard',
    () => [
      {
        logDir: 'logs',
        histogramFreq: 1,
        writeGraph: true,
        writeImages: false,
        writeStepsPerSecond: false,
        updateFreq: 'epoch',
        hparams: { units: 1 },
      },
    ],
    (o) => useCallback(callbacks.tensorBoard(o)),
  ),
  call(
    'callbacks.terminateOnNaN',
    () => [],
    () => useCallback(callbacks.terminateOnNaN()),
  ),
  call(
    'callbacks.dashboard',
    () => [{ port: 0, onListening: () => {} }],
    (o) => useCallback(callbacks.dashboard(o)),
  ),
  call(
    'callbacks.lambda',
    () => [{ onBatchEnd: () => {}, batchInterval: 1 }],
    (o) => useCallback(callbacks.lambda(o)),
  ),
]

async function useCallback(callback: Loose): Promise<void> {
  using model = small()
  await model.fit(x(), y(), { epochs: 2, verbose: 0, callbacks: [callback] })
}
