/** Every kind of layer at least once, with options, for tests that run over all of them. */

import { type ActivationName, activations, initializers, type Layer, layers, regularizers } from 'neurode'

export interface LayerCase {
  readonly title: string
  /** The shape of one row of input. */
  readonly shape: readonly number[]
  /** If given, inputs are integers from 0 to below this number, and the layer is the first. */
  readonly indices?: number
  readonly make: (options?: object) => Layer
}

const flat = [12]
const matrix = [3, 4]

export const layerCases: readonly LayerCase[] = [
  { title: 'slice', shape: matrix, make: (options) => layers.slice({ begin: 1, size: 2, ...options }) },
  { title: 'take', shape: matrix, make: (options) => layers.take({ indices: [2, 3, 0, 0], ...options }) },
  { title: 'take of one run', shape: flat, make: (options) => layers.take({ indices: [3, 4, 5], ...options }) },
  { title: 'reLU', shape: flat, make: (options) => layers.reLU({ maxValue: 2, negativeSlope: 0.25, ...options }) },
  { title: 'leakyReLU', shape: flat, make: (options) => layers.leakyReLU(options) },
  { title: 'elu', shape: flat, make: (options) => layers.elu({ alpha: 0.5, ...options }) },
  { title: 'softmax', shape: flat, make: (options) => layers.softmax(options) },
  { title: 'softmax along axis 1', shape: matrix, make: (options) => layers.softmax({ axis: 1, ...options }) },
  { title: 'softmax along the last axis', shape: matrix, make: (options) => layers.softmax(options) },
  { title: 'activation', shape: matrix, make: (options) => layers.activation({ activation: 'tanh', ...options }) },
  { title: 'dropout', shape: flat, make: (options) => layers.dropout({ rate: 0.3, ...options }) },
  { title: 'gaussianDropout', shape: flat, make: (options) => layers.gaussianDropout({ rate: 0.3, ...options }) },
  { title: 'gaussianNoise', shape: matrix, make: (options) => layers.gaussianNoise({ stddev: 0.2, ...options }) },
  { title: 'alphaDropout', shape: flat, make: (options) => layers.alphaDropout({ rate: 0.3, ...options }) },
  { title: 'unitNormalization', shape: flat, make: (options) => layers.unitNormalization(options) },
  {
    title: 'unitNormalization of rows and columns',
    shape: matrix,
    make: (options) => layers.unitNormalization({ axis: [1, 2], ...options }),
  },
  { title: 'prelu', shape: flat, make: (options) => layers.prelu({ alphaInitializer: 'heNormal', ...options }) },
  {
    title: 'prelu with a shared axis',
    shape: matrix,
    make: (options) => layers.prelu({ sharedAxes: [2], alphaInitializer: 'heNormal', ...options }),
  },
  { title: 'batchNormalization', shape: flat, make: (options) => layers.batchNormalization(options) },
  {
    title: 'batchNormalization of columns',
    shape: matrix,
    make: (options) => layers.batchNormalization({ axis: 1, momentum: 0.5, ...options }),
  },
  {
    title: 'batchNormalization of the last axis, without gamma and beta',
    shape: matrix,
    make: (options) => layers.batchNormalization({ scale: false, center: false, ...options }),
  },
  {
    title: 'batchNormalization that is frozen',
    shape: flat,
    make: (options) =>
      layers.batchNormalization({
        trainable: false,
        movingVarianceInitializer: initializers.constant({ value: 0.5 }),
        ...options,
      }),
  },
  { title: 'layerNormalization', shape: flat, make: (options) => layers.layerNormalization(options) },
  {
    title: 'layerNormalization along axis 1',
    shape: matrix,
    make: (options) => layers.layerNormalization({ axis: 1, epsilon: 1e-5, ...options }),
  },
  { title: 'rmsNormalization', shape: matrix, make: (options) => layers.rmsNormalization(options) },
  {
    title: 'groupNormalization',
    shape: flat,
    make: (options) => layers.groupNormalization({ groups: 3, ...options }),
  },
  {
    title: 'groupNormalization of positions',
    shape: matrix,
    make: (options) => layers.groupNormalization({ groups: 2, ...options }),
  },
  {
    title: 'normalization',
    shape: matrix,
    make: (options) => layers.normalization({ mean: [1, 2, 3, 4], variance: [4, 3, 2, 1], ...options }),
  },
  {
    title: 'embedding',
    shape: [4],
    indices: 9,
    make: (options) =>
      layers.embedding({ inputDim: 9, outputDim: 3, embeddingsInitializer: 'randomNormal', ...options }),
  },
  {
    title: 'embedding with padding',
    shape: [4],
    indices: 9,
    make: (options) =>
      layers.embedding({
        inputDim: 9,
        outputDim: 3,
        paddingIndex: 2,
        embeddingsInitializer: 'randomNormal',
        embeddingsRegularizer: 'l2',
        ...options,
      }),
  },
  {
    title: 'embeddingBag',
    shape: [2, 4],
    indices: 9,
    make: (options) =>
      layers.embeddingBag({
        inputDim: 9,
        outputDim: 3,
        embeddingsInitializer: 'randomNormal',
        ...options,
      }),
  },
  {
    title: 'embeddingBag of sums',
    shape: [4],
    indices: 9,
    make: (options) =>
      layers.embeddingBag({
        inputDim: 9,
        outputDim: 70,
        mode: 'sum',
        paddingIndex: 0,
        embeddingsInitializer: 'randomNormal',
        ...options,
      }),
  },
  {
    title: 'dense with penalties of all that it has',
    shape: flat,
    make: (options) =>
      layers.dense({
        units: 5,
        activation: 'tanh',
        kernelRegularizer: regularizers.l1l2({ l1: 0.02, l2: 0.03 }),
        biasRegularizer: regularizers.l2(0.1),
        activityRegularizer: 'l1',
        ...options,
      }),
  },
  {
    title: 'dense with orthogonal rows',
    shape: flat,
    make: (options) =>
      layers.dense({ units: 70, kernelRegularizer: regularizers.orthogonal({ factor: 0.5 }), ...options }),
  },
  {
    title: 'dense with orthogonal columns',
    shape: flat,
    make: (options) =>
      layers.dense({
        units: 70,
        kernelRegularizer: regularizers.orthogonal({ factor: 0.5, mode: 'columns' }),
        ...options,
      }),
  },
  {
    title: 'embedding with orthogonal vectors',
    shape: [4],
    indices: 9,
    make: (options) =>
      layers.embedding({
        inputDim: 9,
        outputDim: 20,
        embeddingsInitializer: 'randomNormal',
        embeddingsRegularizer: 'orthogonal',
        activityRegularizer: 'l2',
        ...options,
      }),
  },
  {
    title: 'layerNormalization with penalties',
    shape: matrix,
    make: (options) =>
      layers.layerNormalization({ gammaRegularizer: 'l2', betaRegularizer: regularizers.l2(0.1), ...options }),
  },
  {
    title: 'batchNormalization with penalties',
    shape: flat,
    make: (options) => layers.batchNormalization({ gammaRegularizer: 'l1', betaRegularizer: 'l2', ...options }),
  },
  {
    title: 'prelu with a penalty',
    shape: flat,
    make: (options) => layers.prelu({ alphaInitializer: 'heNormal', alphaRegularizer: 'l2', ...options }),
  },
  {
    title: 'activityRegularization',
    shape: matrix,
    make: (options) => layers.activityRegularization({ l1: 0.01, l2: 0.02, ...options }),
  },
  { title: 'rescaling', shape: flat, make: (options) => layers.rescaling({ scale: 0.5, offset: 0.1, ...options }) },
  { title: 'reshape', shape: flat, make: (options) => layers.reshape({ targetShape: [2, -1], ...options }) },
  { title: 'flatten', shape: matrix, make: (options) => layers.flatten(options) },
  { title: 'permute', shape: matrix, make: (options) => layers.permute({ dims: [2, 1], ...options }) },
  {
    title: 'permute of four dimensions',
    shape: [2, 3, 1, 5],
    make: (options) => layers.permute({ dims: [4, 2, 1, 3], ...options }),
  },
  { title: 'repeatVector', shape: flat, make: (options) => layers.repeatVector({ n: 3, ...options }) },
  {
    title: 'globalAveragePooling1D',
    shape: matrix,
    make: (options) => layers.globalAveragePooling1D(options),
  },
  {
    title: 'globalAveragePooling1D that keeps its dimensions',
    shape: [9, 5],
    make: (options) => layers.globalAveragePooling1D({ keepdims: true, ...options }),
  },
  { title: 'globalMaxPooling1D', shape: matrix, make: (options) => layers.globalMaxPooling1D(options) },
  {
    title: 'categoryEncoding',
    shape: [3, 4],
    indices: 5,
    make: (options) => layers.categoryEncoding({ numTokens: 5, outputMode: 'count', ...options }),
  },
  {
    title: 'categoryEncoding of each integer',
    shape: [4],
    indices: 5,
    make: (options) => layers.categoryEncoding({ numTokens: 5, outputMode: 'oneHot', ...options }),
  },
  {
    title: 'dense of positions',
    shape: matrix,
    make: (options) => layers.dense({ units: 5, activation: 'tanh', ...options }),
  },
  {
    title: 'dense of positions in three dimensions, with softmax',
    shape: [2, 3, 7],
    make: (options) => layers.dense({ units: 6, activation: 'softmax', ...options }),
  },
  {
    title: 'dense of positions with penalties of all that it has',
    shape: [5, 3],
    make: (options) =>
      layers.dense({
        units: 4,
        activation: 'sigmoid',
        kernelRegularizer: 'l2',
        biasRegularizer: 'l1',
        activityRegularizer: 'l2',
        ...options,
      }),
  },
  { title: 'identity', shape: flat, make: (options) => layers.identity(options) },
]

/** Every activation that a name alone makes, applied to a row and along the last axis of several. */
export const activationCases: readonly LayerCase[] = Object.keys(activations)
  .filter((name) => name !== 'threshold')
  .flatMap((name) =>
    [flat, matrix].map((shape) => ({
      title: `${name} of ${shape.length} dimensions`,
      shape,
      make: (options?: object) => layers.activation({ activation: name as ActivationName, ...options }),
    })),
  )
