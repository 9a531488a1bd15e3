/** Compile settings in the configs of Keras and TensorFlow.js: what they say, and back. */

import assert from 'node:assert/strict'
import { input, layers, losses, metrics, model, optimizers, schedules, sequential } from 'neurode'
import { coreOf } from '#lib/core/cores.js'
import { kerasConfigOf, kerasModel } from '#lib/interchange/keras/config.js'
import { describeSettings, type Json } from '#lib/persistence/description.js'
import { there } from './support/kerasConfigs.js'

// biome-ignore lint/suspicious/noExplicitAny: configs are checked by their values.
type Anything = any

describe('compile settings for Keras', () => {
  const settingsOf = (net: object): Anything => describeSettings(coreOf(net).settings as Anything)
  const net = () => sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [2] })])

  const optimizerCases = [
    optimizers.sgd({ learningRate: 0.5, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
    optimizers.adam({ amsgrad: true, beta1: 0.8, clipNorm: 1, gradientAccumulationSteps: 3 }),
    optimizers.adamw({ globalClipNorm: 2, useEma: true, emaMomentum: 0.9, emaOverwriteFrequency: 5 }),
    optimizers.rmsprop({ centered: true, momentum: 0.5, rho: 0.8, clipValue: 0.5 }),
    optimizers.adagrad({ initialAccumulatorValue: 0.2 }),
    optimizers.adadelta(1),
    optimizers.adamax({ epsilon: 1e-5 }),
    optimizers.nadam(0.02),
    optimizers.lion({ beta2: 0.9 }),
    optimizers.ftrl({ l1RegularizationStrength: 0.1, learningRatePower: -0.4, beta: 0.2 }),
    ...[
      schedules.exponentialDecay({ initialLearningRate: 0.1, decaySteps: 3, decayRate: 0.5, staircase: true }),
      schedules.inverseTimeDecay({ initialLearningRate: 0.1, decaySteps: 3, decayRate: 0.5 }),
      schedules.piecewiseConstantDecay({ boundaries: [2, 6], values: [0.1, 0.05, 0.01] }),
      schedules.polynomialDecay({ initialLearningRate: 0.1, decaySteps: 3, power: 2, cycle: true }),
      schedules.cosineDecay({ initialLearningRate: 0, decaySteps: 9, warmupTarget: 0.1, warmupSteps: 3 }),
      schedules.cosineDecayRestarts({ initialLearningRate: 0.1, firstDecaySteps: 3, mMul: 0.5 }),
    ].map((learningRate) => optimizers.adam({ learningRate })),
  ]

  for (const optimizer of optimizerCases) {
    it(`are the same again: ${optimizer.name} ${JSON.stringify(optimizer.options).slice(0, 60)}`, () => {
      const trained = net().compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
      const { written, read } = there(trained)
      assert.deepEqual(written.leftOut, [])
      assert.deepEqual(read.notes, [])
      assert.deepEqual(read.training, settingsOf(trained))
      assert.deepEqual(read.optimizer, { ...written.optimizer, config: read.optimizer?.config })
      assert.equal(read.optimizer?.scheduled, typeof optimizer.learningRate === 'object')
    })
  }

  it('have losses and metrics with their options', () => {
    const all = [
      losses.categoricalCrossentropy({ fromLogits: true, labelSmoothing: 0.1, reduction: 'sum' }),
      losses.categoricalFocalCrossentropy({ alpha: 0.5 }),
      losses.sparseCategoricalCrossentropy({ ignoreClass: 1 }),
      losses.huber({ delta: 2 }),
      'klDivergence',
      'logCosh',
      'mse',
    ] as const
    for (const loss of all) {
      const trained = net().compile({
        loss,
        weightedMetrics: [metrics.auc({ name: 'area', curve: 'PR', numThresholds: 50 })],
      })
      assert.deepEqual(there(trained).read.training, settingsOf(trained))
    }
    const trained = net().compile({
      loss: 'categoricalCrossentropy',
      metrics: [
        'mae',
        metrics.topKCategoricalAccuracy({ k: 2, name: 'top2' }),
        metrics.precision({ threshold: 0.25, topK: 2, classId: 1, name: 'p' }),
        metrics.f1Score({ average: 'micro', name: 'f' }),
        metrics.fBetaScore({ beta: 2, name: 'f2' }),
        metrics.r2Score({ classAggregation: 'varianceWeightedAverage', name: 'r' }),
        metrics.exactAccuracy({ name: 'exact' }),
        metrics.recallAtPrecision({ precision: 0.25, classId: 0, name: 'rp' }),
      ],
    })
    assert.deepEqual(there(trained).read.training, settingsOf(trained))
  })

  it('of several outputs are lists, or objects by name', () => {
    const x = input({ shape: [2] })
    const [p, s] = [
      layers.dense({ units: 1, name: 'p' }).apply(x),
      layers.dense({ units: 1, activation: 'sigmoid', name: 's' }).apply(x),
    ]
    const options = { loss: ['mse', 'binaryCrossentropy'], lossWeights: [1, 0.5], metrics: [[], ['accuracy']] } as const
    const list = model({ inputs: x, outputs: [p, s] }).compile(options as Anything)
    assert.deepEqual(there(list).read.training, settingsOf(list))
    assert.deepEqual(there(list).written.compileConfig?.metrics, [null, ['accuracy']])
    const record = model({ inputs: x, outputs: { s, p } }).compile({ loss: { s: 'mse', p: 'mae' } } as Anything)
    assert.deepEqual(there(record).written.compileConfig?.loss, { s: 'mean_squared_error', p: 'mean_absolute_error' })
  })

  it('that Keras cannot have are left out, and named', () => {
    const quartic = losses.custom({ name: 'quartic', compute: () => ({ loss: 0, gradient: [] }) })
    const oneCycle = schedules.oneCycle({ maxLearningRate: 0.1, totalSteps: 10 })
    const whole: readonly [object, RegExp][] = [
      [{ loss: quartic }, /the compile settings: the loss 'quartic' is a function/],
      [{ loss: 'mse', optimizer: optimizers.sgd({ learningRate: () => 0.1 }) }, /the learning rate is a function/],
      [{ loss: 'mse', optimizer: optimizers.sgd({ learningRate: oneCycle }) }, /the schedule oneCycle/],
      [
        { loss: 'mse', optimizer: optimizers.adamw({ excludeFromWeightDecay: ['bias'] }) },
        /excluded from weight decay/,
      ],
    ]
    for (const [options, said] of whole) {
      const { compileConfig, optimizer, leftOut } = kerasConfigOf(coreOf(net().compile(options as Anything)))
      assert.deepEqual([compileConfig, optimizer], [undefined, undefined])
      assert.match(leftOut.join(), said)
    }
    const own = metrics.custom({ name: 'own', rows: () => 0, best: 'max' } as Anything)
    const { leftOut, compileConfig } = kerasConfigOf(
      coreOf(net().compile({ loss: 'mse', metrics: ['mae', own, 'iou'] })),
    )
    assert.deepEqual(compileConfig?.metrics, ['mae'])
    assert.equal(leftOut.length, 2)
  })
})

describe('compile settings for TensorFlow.js', () => {
  it('are written as far as it has them', () => {
    const compiled = (options: Anything) => sequential([layers.dense({ units: 2, inputShape: [2] })]).compile(options)
    const momentum = optimizers.sgd({ learningRate: 0.5, momentum: 0.25, nesterov: true })
    const { written } = there(compiled({ loss: 'mse', optimizer: momentum, metrics: ['mae'] }), 'tfjs')
    assert.deepEqual(written.compileConfig, {
      optimizer_config: { class_name: 'Momentum', config: { learningRate: 0.5, momentum: 0.25, useNesterov: true } },
      loss: 'mean_squared_error',
      metrics: ['mae'],
    })
    for (const name of ['sgd', 'adam', 'adamax', 'rmsprop', 'adagrad', 'adadelta'] as const) {
      const net = compiled({ loss: 'mae', optimizer: name })
      const { read } = there(net, 'tfjs')
      assert.deepEqual(read.training, describeSettings(coreOf(net).settings as Anything))
    }
    for (const optimizer of [optimizers.lion(), optimizers.adam({ clipNorm: 1 }), optimizers.adam({ amsgrad: true })]) {
      const { leftOut, compileConfig } = there(compiled({ loss: 'mse', optimizer }), 'tfjs').written
      assert.equal(compileConfig, undefined)
      assert.match(leftOut.join(), /the compile settings: .*TensorFlow\.js does not have/)
    }
  })
})

describe('compile settings of Keras', () => {
  const chain = {
    class_name: 'Sequential',
    config: [{ class_name: 'Dense', config: { name: 'd', units: 2, batch_input_shape: [null, 3] } }],
  }
  const read = (training: Json, version = '3.15.1') => kerasModel(chain, 'config', { training, version })

  it('of older Keras and TensorFlow.js have other names', () => {
    const legacy = {
      optimizer_config: { class_name: 'SGD', config: { lr: 0.5, decay: 0.25, nesterov: false } },
      loss: 'mse',
    }
    const { optimizer } = read(legacy, '2.2.4').training as Anything
    const initial = { initialLearningRate: 0.5, decaySteps: 1, decayRate: 0.25, staircase: false }
    assert.deepEqual(optimizer.options.learningRate, { $schedule: 'inverseTimeDecay', options: initial })
    const rmsprop = {
      class_name: 'RMSProp',
      config: { learningRate: 0.5, decay: 0.8, momentum: 0, epsilon: null, centered: false },
    }
    const tfjs = read({ optimizer_config: rmsprop, loss: 'cosine_proximity' }, 'tfjs-layers 4.22.0')
    assert.equal((tfjs.training as Anything).optimizer.options.rho, 0.8)
    assert.deepEqual(tfjs.optimizer?.config, { learning_rate: 0.5, rho: 0.8, momentum: 0, centered: false })
    const custom = read(
      { optimizer_config: { class_name: 'Custom>Adam', config: { learning_rate: 0.5 } }, loss: 'mae' },
      '2.15.0',
    )
    assert.equal(custom.optimizer?.className, 'Adam')
    const adagrad = { class_name: 'Adagrad', config: { lr: 0.5, decay: 0, epsilon: 1e-7 } }
    const early = read({ optimizer_config: adagrad, loss: 'mse' }, '2.2.4').training as Anything
    assert.equal(early.optimizer.options.initialAccumulatorValue, 0)
    for (const slowed of [{ decay: 0.004 }, { schedule_decay: 0.004 }]) {
      const nadam = read(
        { optimizer_config: { class_name: 'Nadam', config: { lr: 0.5, ...slowed } }, loss: 'mse' },
        '2.2.4',
      )
      assert.equal((nadam.training as Anything).optimizer.options.learningRate, 0.5)
      assert.match(nadam.notes.join(), /Nadam of older Keras takes other steps/)
    }
    const scaled = { class_name: 'LossScaleOptimizer', config: { inner_optimizer: { class_name: 'Adam', config: {} } } }
    assert.equal(read({ optimizer: scaled, loss: 'mae' }).optimizer?.lossScaled, true)
  })

  it('of functions and classes of its author leave the model not compiled, with a note', () => {
    const own = { module: 'builtins', class_name: 'function', config: 'own', registered_name: 'function' }
    const adam = { class_name: 'Adam', config: {} }
    const cases: readonly [Json, RegExp][] = [
      [{ optimizer: adam, loss: own }, /the loss 'own' is not known/],
      [{ optimizer: adam, loss: 'mse', metrics: [own] }, /the metric 'own' is not known/],
      [{ optimizer: { class_name: 'Muon', config: {} }, loss: 'mse' }, /'Muon' is not known/],
      [{ optimizer: { class_name: 'Adam', config: { learning_rate: own } }, loss: 'mse' }, /the schedule 'function'/],
      [{ optimizer: { class_name: 'Adam', config: { banana: 1 } }, loss: 'mse' }, /'banana'/],
      [{ optimizer: adam, loss: { class_name: 'MeanSquaredError', config: { reduction: 'none' } } }, /reduction/],
      [
        { optimizer: adam, loss: 'mse', metrics: [{ class_name: 'F1Score', config: { average: null } }] },
        /one value for each class/,
      ],
      [{ optimizer: adam }, /it has no loss/],
      ['adam', /expected an object/],
    ]
    for (const [training, said] of cases) {
      const { notes, training: none, optimizer } = read(training)
      assert.deepEqual([none, optimizer], [undefined, undefined])
      assert.match(notes.join(), said)
      assert.match(notes.join(), /the model is not compiled/)
    }
    assert.deepEqual(read({}).notes, [])
  })
})
