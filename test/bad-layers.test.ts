/** Layers, activations, initializers, regularizers and constraints with invalid options: each error has its code and names the option. */

import { activations, constraints, type ErrorCode, initializers, layers, regularizers, sequential } from 'neurode'
import { type Anything, assertRefused, shown, wrongNumbers } from './support/refusals.js'

/** The call, the error code, and a pattern of the message. */
type Row = readonly [title: string, act: () => unknown, code: ErrorCode, message: RegExp]

describe('layers and their parts refuse', () => {
  const dense = (options: Anything) => () => layers.dense({ units: 3, inputShape: [2], ...options })
  const rows: readonly Row[] = [
    ...[0, 2.5, ...wrongNumbers].map(
      (units): Row => [
        `units ${shown(units)}`,
        dense({ units }),
        'ERR_ARGUMENT',
        /units: expected a positive integer, got /,
      ],
    ),
    [
      'a negative inputShape',
      dense({ inputShape: [-2] }),
      'ERR_ARGUMENT',
      /inputShape\[0\]: expected a positive integer, got -2/,
    ],
    ['an inputShape that is a number', dense({ inputShape: 2 }), 'ERR_ARGUMENT', /inputShape: expected an array/],
    ['an unknown activation', dense({ activation: 'rleu' }), 'ERR_UNKNOWN_NAME', /activation: .*got "rleu".*'relu'/],
    ['a number as activation', dense({ activation: 3 }), 'ERR_ARGUMENT', /activation: expected a name/],
    [
      'an unknown initializer',
      dense({ kernelInitializer: 'glorot' }),
      'ERR_UNKNOWN_NAME',
      /kernelInitializer: .*glorot/,
    ],
    ['an unknown option', dense({ unit: 3 }), 'ERR_UNKNOWN_NAME', /layers\.dense: no option is called 'unit'.*'units'/],
    ['a useBias that is no boolean', dense({ useBias: 1 }), 'ERR_ARGUMENT', /useBias: expected true or false, got 1/],
    ...[1, ...wrongNumbers].map(
      (rate): Row => [
        `a dropout of ${shown(rate)}`,
        () => layers.dropout({ rate: rate as number }),
        'ERR_ARGUMENT',
        /rate: expected a number/,
      ],
    ),
    ...[1, ...wrongNumbers].flatMap((rate): Row[] => [
      [
        `a gaussianDropout of ${shown(rate)}`,
        () => layers.gaussianDropout({ rate: rate as number }),
        'ERR_ARGUMENT',
        /layers\.gaussianDropout: rate: expected a number/,
      ],
      [
        `an alphaDropout of ${shown(rate)}`,
        () => layers.alphaDropout({ rate: rate as number }),
        'ERR_ARGUMENT',
        /layers\.alphaDropout: rate: expected a number/,
      ],
    ]),
    [
      'noise of a negative deviation',
      () => layers.gaussianNoise({ stddev: -1 }),
      'ERR_ARGUMENT',
      /stddev: expected a finite number of at least 0, got -1/,
    ],
    ...[-0.1, ...wrongNumbers.filter((value) => value !== null)].flatMap((factor): Row[] => [
      [
        `an l1 of ${shown(factor)}`,
        () => regularizers.l1({ l1: factor as number }),
        'ERR_ARGUMENT',
        /regularizers\.l1: l1: expected a finite number of at least 0, got/,
      ],
      [
        `an orthogonal regularizer of factor ${shown(factor)}`,
        () => regularizers.orthogonal({ factor: factor as number }),
        'ERR_ARGUMENT',
        /regularizers\.orthogonal: factor: expected a finite number of at least 0, got/,
      ],
    ]),
    [
      'an orthogonal regularizer of diagonals',
      () => regularizers.orthogonal({ mode: 'diagonals' as 'rows' }),
      'ERR_UNKNOWN_NAME',
      /mode: expected a known name, got "diagonals"/,
    ],
    ['an l2 of -1 by itself', () => regularizers.l2(-1), 'ERR_ARGUMENT', /regularizers\.l2: l2: expected .*got -1/],
    [
      'an unknown regularizer',
      () => layers.dense({ units: 1, kernelRegularizer: 'l3' as 'l2' }),
      'ERR_UNKNOWN_NAME',
      /layers\.dense: kernelRegularizer: .*got "l3"; did you mean/,
    ],
    [
      'a constraint for a regularizer',
      () => layers.dense({ units: 1, biasRegularizer: constraints.nonNeg() as never }),
      'ERR_ARGUMENT',
      /biasRegularizer: expected a name or an object of regularizers/,
    ],
    [
      'a regularizer of matrices for outputs',
      () => layers.embedding({ inputDim: 2, outputDim: 2, activityRegularizer: 'orthogonal' }),
      'ERR_ARGUMENT',
      /layers\.embedding: activityRegularizer: expected a regularizer of single values .*got "orthogonal"/,
    ],
    [
      'an activityRegularization of a negative factor',
      () => layers.activityRegularization({ l2: -1 }),
      'ERR_ARGUMENT',
      /layers\.activityRegularization: l2: expected .*got -1/,
    ],
    [
      'an unknown constraint',
      () => layers.prelu({ alphaConstraint: 'maxNrom' as 'maxNorm' }),
      'ERR_UNKNOWN_NAME',
      /alphaConstraint: .*did you mean .*'maxNorm'/,
    ],
    ['a maxNorm of NaN', () => constraints.maxNorm(Number.NaN), 'ERR_ARGUMENT', /maxNorm: maxValue: .*got NaN/],
    [
      'a minMaxNorm whose bounds are the wrong way round',
      () => constraints.minMaxNorm({ minValue: 2 }),
      'ERR_ARGUMENT',
      /maxValue: expected a finite number of at least 2, got 1/,
    ],
    [
      'a minMaxNorm of rate 2',
      () => constraints.minMaxNorm({ rate: 2 }),
      'ERR_ARGUMENT',
      /rate: expected a number from 0 to 1, got 2/,
    ],
    ...[0.5, [], 'rows'].map(
      (axis): Row => [
        `a unitNorm along ${shown(axis)}`,
        () => constraints.unitNorm({ axis: axis as number }),
        'ERR_ARGUMENT',
        /unitNorm: axis: expected a dimension of the parameter/,
      ],
    ),
    [
      'an elu of alpha NaN',
      () => layers.elu({ alpha: Number.NaN }),
      'ERR_ARGUMENT',
      /alpha: expected a finite number, got NaN/,
    ],
    ...[0, 1.5, 'last', []].map(
      (axis): Row => [
        `a softmax along ${shown(axis)}`,
        () => layers.softmax({ axis: axis as number }),
        'ERR_ARGUMENT',
        /layers\.softmax: axis: expected an axis of a row/,
      ],
    ),
    [
      'an axis that the input does not have',
      () => sequential([layers.softmax({ axis: 2, inputShape: [4] })]),
      'ERR_SHAPE',
      /expected different axes of rows of shape \[4\] .*got 2/,
    ],
    [
      'axes that are the same',
      () => sequential([layers.unitNormalization({ axis: [1, -2], inputShape: [4, 2] })]),
      'ERR_SHAPE',
      /expected different axes .*got 1, -2/,
    ],
    [
      'axes that are not adjacent',
      () => sequential([layers.unitNormalization({ axis: [1, 3], inputShape: [4, 2, 3] })]),
      'ERR_SHAPE',
      /adjacent axes, got 1, 3/,
    ],
    [
      'a reshape to two unknown sizes',
      () => layers.reshape({ targetShape: [-1, -1] }),
      'ERR_ARGUMENT',
      /targetShape: expected at most one -1/,
    ],
    [
      'a reshape to a size of 0',
      () => layers.reshape({ targetShape: [0] }),
      'ERR_ARGUMENT',
      /targetShape\[0\]: expected a positive integer, got 0/,
    ],
    ...[[5], [4, -1]].map(
      (targetShape): Row => [
        `a reshape of 6 values to ${shown(targetShape)}`,
        () => sequential([layers.reshape({ targetShape, inputShape: [6] })]),
        'ERR_SHAPE',
        /expected an input of as many values as/,
      ],
    ),
    ...[-0.1, 1.1, ...wrongNumbers.filter((value) => value !== null)].map(
      (momentum): Row => [
        `a batchNormalization of momentum ${shown(momentum)}`,
        () => layers.batchNormalization({ momentum: momentum as number }),
        'ERR_ARGUMENT',
        /layers\.batchNormalization: momentum: expected a number from 0 to 1, got/,
      ],
    ),
    ...[-1, ...wrongNumbers.filter((value) => value !== null)].map(
      (epsilon): Row => [
        `a layerNormalization of epsilon ${shown(epsilon)}`,
        () => layers.layerNormalization({ epsilon: epsilon as number }),
        'ERR_ARGUMENT',
        /layers\.layerNormalization: epsilon: expected a finite number of at least 0, got/,
      ],
    ),
    [
      'a batchNormalization along two axes',
      () => layers.batchNormalization({ axis: [1, 2] as unknown as number }),
      'ERR_ARGUMENT',
      /layers\.batchNormalization: axis: expected an integer/,
    ],
    [
      'a groupNormalization that does not divide',
      () => sequential([layers.groupNormalization({ groups: 4, inputShape: [6] })]),
      'ERR_SHAPE',
      /rows whose last dimension 4 groups share evenly, got shape \[6\]/,
    ],
    [
      'a groupNormalization of 0 groups',
      () => layers.groupNormalization({ groups: 0 }),
      'ERR_ARGUMENT',
      /groups: expected a positive integer or -1, got 0/,
    ],
    [
      'a normalization with a mean alone',
      () => layers.normalization({ mean: 1 }),
      'ERR_ARGUMENT',
      /layers\.normalization: variance: expected both mean and variance/,
    ],
    [
      'a normalization with a negative variance',
      () => layers.normalization({ mean: [1, 2], variance: [1, -1] }),
      'ERR_ARGUMENT',
      /variance\[1\]: expected a finite number of at least 0, got -1/,
    ],
    [
      'a normalization with too few means',
      () => sequential([layers.normalization({ mean: [1, 2], variance: [1, 1], inputShape: [3] })]),
      'ERR_SHAPE',
      /expected 3 means and variances for rows of shape \[3\], got 2/,
    ],
    ...[0, 2.5, 2 ** 25, ...wrongNumbers].map(
      (inputDim): Row => [
        `an embedding of ${shown(inputDim)} integers`,
        () => layers.embedding({ inputDim: inputDim as number, outputDim: 2 }),
        'ERR_ARGUMENT',
        /layers\.embedding: inputDim: expected/,
      ],
    ),
    [
      'an embedding behind a layer that computes',
      () =>
        sequential([
          layers.dense({ units: 2, inputShape: [3] }),
          layers.embedding({ inputDim: 4, outputDim: 2 }),
        ]).getWeights(),
      'ERR_ARGUMENT',
      /layer 'embedding': expected integers, the model's input, got what layer 'dense' computes/,
    ],
    [
      'a second layer of a kind by the name that it would have',
      () =>
        sequential([layers.reshape({ targetShape: [2, 2], inputShape: [4] }), layers.reshape({ targetShape: [5] })]),
      'ERR_SHAPE',
      /layer 'reshape_1': expected an input of as many values as \[5\]/,
    ],
    [
      'an inputShape of a layer further down by the name that it would have',
      () => sequential([layers.dense({ units: 2, inputShape: [4] }), layers.dense({ units: 2, inputShape: [3] })]),
      'ERR_SHAPE',
      /layer 'dense_1': its inputShape is \[3\]/,
    ],
    [
      'weights of a second layer by the name that it would have',
      () =>
        sequential([
          layers.dense({ units: 2, inputShape: [4] }),
          layers.dense({ units: 2, weights: [new Float32Array(3), new Float32Array(2)] }),
        ]),
      'ERR_SHAPE',
      /layer 'dense_1': weights/,
    ],
    [
      'a prelu whose axes are torn apart',
      () => sequential([layers.prelu({ sharedAxes: [2], inputShape: [2, 3, 4] })]),
      'ERR_SHAPE',
      /adjacent axes/,
    ],
    [
      'a layer that is trainable by half',
      () => layers.dense({ units: 1, trainable: 0.5 as unknown as boolean }),
      'ERR_ARGUMENT',
      /layers\.dense: trainable: expected true or false, got 0.5/,
    ],
    [
      'a rescaling by NaN',
      () => layers.rescaling({ scale: Number.NaN }),
      'ERR_ARGUMENT',
      /scale: expected a finite number, got NaN/,
    ],
    [
      'a celu with alpha 0',
      () => activations.celu({ alpha: 0 }),
      'ERR_ARGUMENT',
      /alpha: expected a finite number above 0, got 0/,
    ],
    [
      'a leakyRelu with a NaN slope',
      () => activations.leakyRelu({ negativeSlope: Number.NaN }),
      'ERR_ARGUMENT',
      /negativeSlope: .*NaN/,
    ],
    [
      'an initializer with a NaN deviation',
      () => initializers.randomNormal({ stddev: Number.NaN }),
      'ERR_ARGUMENT',
      /stddev: .*NaN/,
    ],
    [
      'an initializer with a negative seed',
      () => initializers.heNormal({ seed: -1 }),
      'ERR_ARGUMENT',
      /seed: expected an integer of at least 0, got -1/,
    ],
    [
      'a layer that is trainable to a degree',
      () => layers.dense({ units: 1, trainable: 1 as never }),
      'ERR_ARGUMENT',
      /layers.dense: trainable: expected true or false, got 1/,
    ],
    [
      'Dense on rows without dimensions',
      () => sequential([layers.dense({ units: 1, inputShape: [] })]),
      'ERR_SHAPE',
      /at least one dimension per row, got shape \[\]; put layers.flatten/,
    ],
    [
      'a permutation that leaves a dimension out',
      () => layers.permute({ dims: [1, 3] }),
      'ERR_ARGUMENT',
      /permute: dims: expected every dimension from 1 on once.*\[1, 3\]/,
    ],
    ['a permutation from 0', () => layers.permute({ dims: [1, 0] }), 'ERR_ARGUMENT', /permute: dims/],
    ['no permutation', () => layers.permute({ dims: [] }), 'ERR_ARGUMENT', /permute: dims/],
    ['a permutation that is no list', () => layers.permute({ dims: 2 as never }), 'ERR_ARGUMENT', /permute: dims.*2/],
    [
      'a permutation of other dimensions',
      () => sequential([layers.permute({ dims: [2, 1], inputShape: [4] })]),
      'ERR_SHAPE',
      /'permute': expected an input of 2 dimensions per row, got shape \[4\]/,
    ],
    ['no repeats', () => layers.repeatVector({ n: 0 }), 'ERR_ARGUMENT', /repeatVector: n: .*got 0/],
    [
      'repeats of a matrix',
      () => sequential([layers.repeatVector({ n: 2, inputShape: [2, 3] })]),
      'ERR_SHAPE',
      /'repeat_vector': expected an input of one dimension per row, got shape \[2, 3\]/,
    ],
    ['no categories', () => layers.categoryEncoding({ numTokens: 0 }), 'ERR_ARGUMENT', /numTokens: .*got 0/],
    [
      'too many categories',
      () => layers.categoryEncoding({ numTokens: 2 ** 25 }),
      'ERR_ARGUMENT',
      /numTokens: expected at most 16777216/,
    ],
    [
      'an unknown encoding',
      () => layers.categoryEncoding({ numTokens: 2, outputMode: 'binary' as 'count' }),
      'ERR_UNKNOWN_NAME',
      /outputMode: .*"binary"/,
    ],
    [
      'counts of rows without dimensions',
      () => sequential([layers.categoryEncoding({ numTokens: 2, inputShape: [] })]),
      'ERR_SHAPE',
      /expected rows of integers for 'multiHot', got shape \[\]/,
    ],
    [
      'categories behind a layer that computes',
      () =>
        sequential([
          layers.dense({ units: 2, inputShape: [2] }),
          layers.categoryEncoding({ numTokens: 2 }),
          layers.dense({ units: 1 }),
        ]).predictSync([[1, 2]]),
      'ERR_ARGUMENT',
      /'category_encoding': expected integers, the model's input, got what layer 'dense'/,
    ],
    [
      'layers that do not fit',
      () => sequential([layers.dense({ units: 3, inputShape: [2] }), layers.dense({ units: 1, inputShape: [4] })]),
      'ERR_SHAPE',
      /inputShape is \[4\].*gives \[3\]/,
    ],
  ]
  for (const [title, act, code, message] of rows) {
    it(`${title} with ${code}`, () => assertRefused(act, code, message))
  }
})
