/** Optimizers, losses, metrics, models and arrays with invalid options: each error has the right code and names the option. */

import { array, type ErrorCode, layers, losses, metrics, optimizers, sequential } from 'neurode'
import { type Anything, assertRefused, shown, wrongNumbers } from './support/refusals.js'

/** The call, the error code, and a pattern of the message. */
type Row = readonly [title: string, act: () => unknown, code: ErrorCode, message: RegExp]

describe('descriptions refuse', () => {
  const compile = (options: Anything) => () => {
    sequential([layers.dense({ units: 3, inputShape: [2] })]).compile({ loss: 'mse', ...options })
  }
  const rows: readonly Row[] = [
    ...wrongNumbers
      .filter((value) => value !== null)
      .map(
        (rate): Row => [
          `a learning rate of ${shown(rate)}`,
          () => optimizers.sgd({ learningRate: rate as number }),
          'ERR_ARGUMENT',
          /learningRate: expected a finite number of at least 0, got /,
        ],
      ),
    [
      'a momentum above 1',
      () => optimizers.sgd({ momentum: 1.5 }),
      'ERR_ARGUMENT',
      /momentum: expected a number from 0 to 1, got 1.5/,
    ],
    ['a negative weight decay', () => optimizers.sgd({ weightDecay: -0.1 }), 'ERR_ARGUMENT', /weightDecay: .*got -0.1/],
    [
      'two ways of clipping',
      () => optimizers.adam({ clipNorm: 1, clipValue: 1 }),
      'ERR_ARGUMENT',
      /optimizers.adam: clipValue: expected one way of clipping, and clipNorm is given, got 1/,
    ],
    ['a norm of 0', () => optimizers.sgd({ globalClipNorm: 0 }), 'ERR_ARGUMENT', /globalClipNorm: .*got 0/],
    [
      'half an accumulation',
      () => optimizers.sgd({ gradientAccumulationSteps: 1.5 }),
      'ERR_ARGUMENT',
      /gradientAccumulationSteps: expected .*integer.*got 1.5/,
    ],
    [
      'a momentum of averages above 1',
      () => optimizers.sgd({ emaMomentum: 2 }),
      'ERR_ARGUMENT',
      /emaMomentum: .*got 2/,
    ],
    [
      'one text to exclude',
      () => optimizers.adamw({ excludeFromWeightDecay: 'bias' as never }),
      'ERR_ARGUMENT',
      /excludeFromWeightDecay: expected a list of parts of names/,
    ],
    [
      'a beta of 1',
      () => optimizers.adam({ beta1: 1 }),
      'ERR_ARGUMENT',
      /beta1: expected a number from 0 to below 1, got 1/,
    ],
    [
      'an epsilon of 0',
      () => optimizers.rmsprop({ epsilon: 0 }),
      'ERR_ARGUMENT',
      /optimizers.rmsprop: epsilon: expected a finite number of at least 1e-37, got 0/,
    ],
    [
      'a learningRatePower above 0',
      () => optimizers.ftrl({ learningRatePower: 0.5 }),
      'ERR_ARGUMENT',
      /optimizers.ftrl: learningRatePower: expected a finite number of at most 0, got 0.5/,
    ],
    [
      'an option of another optimizer',
      () => optimizers.lion({ epsilon: 1 } as never),
      'ERR_UNKNOWN_NAME',
      /optimizers.lion: no option is called 'epsilon'/,
    ],
    [
      'both lr and learningRate',
      () => optimizers.sgd({ lr: 1, learningRate: 1 }),
      'ERR_ARGUMENT',
      /lr: expected either/,
    ],
    [
      'a label smoothing of 2',
      () => losses.categoricalCrossentropy({ labelSmoothing: 2 }),
      'ERR_ARGUMENT',
      /labelSmoothing: .*got 2/,
    ],
    ['a negative delta', () => losses.huber({ delta: -1 }), 'ERR_ARGUMENT', /huber: delta: .*at least 0, got -1/],
    [
      'an alpha of 2',
      () => losses.categoricalFocalCrossentropy({ alpha: 2 }),
      'ERR_ARGUMENT',
      /alpha: expected a number from 0 to 1, got 2/,
    ],
    [
      'a q of 1',
      () => losses.categoricalGeneralizedCrossEntropy({ q: 1 }),
      'ERR_ARGUMENT',
      /q: expected a number above 0 and below 1, got 1/,
    ],
    [
      'top 0 classes',
      () => metrics.topKCategoricalAccuracy({ k: 0 }),
      'ERR_ARGUMENT',
      /topKCategoricalAccuracy: k: expected a positive integer, got 0/,
    ],
    [
      'a class to ignore that is no integer',
      () => metrics.sparseCategoricalCrossentropy({ ignoreClass: 0.5 }),
      'ERR_ARGUMENT',
      /sparseCategoricalCrossentropy: ignoreClass: .*got 0.5/,
    ],
    ['an unknown curve', () => metrics.auc({ curve: 'GAIN' as 'PR' }), 'ERR_UNKNOWN_NAME', /auc: curve: .*"GAIN"/],
    [
      'a mean of something',
      () => metrics.mean({ of: 'loss' } as never),
      'ERR_UNKNOWN_NAME',
      /metrics.mean: no option is called 'of'/,
    ],
    [
      'a reduction of a metric',
      () => metrics.huber({ reduction: 'sum' } as never),
      'ERR_UNKNOWN_NAME',
      /metrics.huber: no option is called 'reduction'/,
    ],
    [
      'an unknown reduction',
      () => losses.meanSquaredError({ reduction: 'max' as 'sum' }),
      'ERR_UNKNOWN_NAME',
      /reduction: .*"max"/,
    ],
    ['a threshold of NaN', () => metrics.binaryAccuracy({ threshold: Number.NaN }), 'ERR_ARGUMENT', /threshold: .*NaN/],
    [
      'an unknown loss',
      compile({ loss: 'crossentropy' }),
      'ERR_UNKNOWN_NAME',
      /loss: expected a known name, got "crossentropy"/,
    ],
    ['no loss', compile({ loss: undefined }), 'ERR_ARGUMENT', /loss: expected a name/],
    ['an unknown metric', compile({ metrics: ['acuracy'] }), 'ERR_UNKNOWN_NAME', /metrics.*"acuracy".*'accuracy'/],
    ['an unknown optimizer', compile({ optimizer: 'adamw2' }), 'ERR_UNKNOWN_NAME', /optimizer: .*"adamw2"/],
    ['an unknown device', compile({ device: 'tpu' }), 'ERR_UNKNOWN_NAME', /device: expected 'auto'.*"tpu"/],
    [
      'a device that is not there',
      compile({ device: 'cuda:99' }),
      'ERR_DEVICE_UNAVAILABLE',
      /device: 'cuda:99' is not available/,
    ],
    ...[0, 1.5, ...wrongNumbers.filter((value) => value !== null)].map(
      (threads): Row => [
        `${shown(threads)} threads`,
        compile({ threads }),
        'ERR_ARGUMENT',
        /threads: expected a positive integer, got /,
      ],
    ),
    [
      'a softmax loss on one output',
      () => sequential([layers.dense({ units: 1, inputShape: [2] })]).compile({ loss: 'categoricalCrossentropy' }),
      'ERR_SHAPE',
      /categoricalCrossentropy.*several outputs, got 1/,
    ],
    ['something that is no layer', () => sequential([{} as Anything]), 'ERR_ARGUMENT', /layers\[0\]: expected a layer/],
    [
      'a negative seed',
      () => sequential({ seed: -3 }),
      'ERR_ARGUMENT',
      /seed: expected an integer of at least 0, got -3/,
    ],
    [
      'an array of another size than its shape',
      () => array(new Float32Array(5), [2, 3]),
      'ERR_SHAPE',
      /shape: expected .*5 elements.*\[2, 3\]/,
    ],
    ['rows of different lengths', () => array([[1, 2], [3]]), 'ERR_SHAPE', /\[1\]: expected 2 elements/],
    ['texts among numbers', () => array([[1, 'two' as Anything]]), 'ERR_DTYPE', /\[1\]: expected a number, got "two"/],
    [
      '64-bit integers',
      () => array(new BigInt64Array(4) as Anything),
      'ERR_DTYPE',
      /data: expected a typed array.*BigInt64Array/,
    ],
    ['a scale of NaN', () => array(new Uint8Array(4), [4], { scale: Number.NaN }), 'ERR_ARGUMENT', /scale.*NaN/],
  ]
  for (const [title, act, code, message] of rows) {
    it(`${title} with ${code}`, () => assertRefused(act, code, message))
  }
})
