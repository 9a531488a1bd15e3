/** Configs for Keras and TensorFlow.js: every layer with Keras' names, compile settings, and what is refused. */

import assert from 'node:assert/strict'
import {
  activations,
  constraints,
  type Functional,
  initializers,
  input,
  type Layer,
  layers,
  model,
  regularizers,
  type SymbolicTensor,
  sequential,
} from 'neurode'
import { coreOf } from '#lib/core/cores.js'
import { kerasConfigOf } from '#lib/interchange/keras/config.js'
import { layerTable } from '#lib/interchange/keras/layerTable.js'
import type { KerasLayer } from '#lib/interchange/keras/types.js'
import { layerKinds } from '#lib/layers/index.js'
import { makeModel } from '#lib/models/loadStructure.js'
import { describeStructure } from '#lib/persistence/graphDescription.js'
import { there, type WrittenEra } from './support/kerasConfigs.js'
import { layerCases } from './support/layerCases.js'
import { Random } from './support/random.js'

// biome-ignore lint/suspicious/noExplicitAny: configs are checked by their values.
type Anything = any

const names = (all: readonly KerasLayer[]): readonly unknown[] =>
  all.map(({ className, name, variables, layers: inner }) => [className, name, variables, inner && names(inner)])

/** A description without what a config does not hold: names that were not given, the seeds of models. */
function essence(net: object): Anything {
  const { layers, models = [], ...rest } = describeStructure(coreOf(net)) as Anything
  return {
    ...rest,
    layers: layers.map(({ kind, options: { name: _, inputShape, ...options } }: Anything) => {
      return { kind, options: kind === 'Input' ? { inputShape } : options }
    }),
    models: models.map(({ seed: _, name: __, ...each }: Anything) => each),
  }
}

/** Asserts that a model is the same after it was written and read. */
function assertSame(net: object, era: WrittenEra = 'keras3') {
  const { written, read } = there(net, era)
  const copy = makeModel(read.model, 1)
  assert.deepEqual(essence(copy), essence(net))
  assert.deepEqual(names(read.layers), names(written.layers))
  assert.deepEqual(
    copy.getWeights().map(({ name, shape }) => [name, shape]),
    (net as Functional).getWeights().map(({ name, shape }) => [name, shape]),
  )
  return { written, copy }
}

/** The config of one layer behind an input. */
function configOfLayer(layer: Layer, shape: readonly number[], era: WrittenEra = 'keras3'): Anything {
  const { written } = there(sequential([layers.input({ shape }), layer]), era)
  return (written.config.config as Anything).layers[1]
}

const l1l2 = { module: 'keras.regularizers', class_name: 'L1L2', config: { l1: 0.5, l2: 0.25 }, registered_name: null }

describe('configs for Keras', () => {
  it('have a row for every layer that Keras has', () => {
    const missing = Object.keys(layerKinds).filter((kind) => !Object.hasOwn(layerTable, kind))
    assert.deepEqual(missing, ['Input', 'EmbeddingBag', 'Slice', 'Take'])
  })

  for (const { title, shape, make } of layerCases) {
    it(`say the same again: ${title}`, () => {
      const net = sequential([make({ inputShape: shape, name: 'tested' }), layers.flatten()])
      if (/^(?:slice|take|embeddingBag|embedding with padding)/.test(title)) {
        const message = /layer 'tested': Keras has no (?:layer (?:Slice|Take|EmbeddingBag)|option like paddingIndex)/
        const expected = { code: 'ERR_ARGUMENT', message }
        assert.throws(() => kerasConfigOf(coreOf(net)), expected)
        return
      }
      const chain = sequential([make({ name: 'tested' }), layers.flatten()]).build(shape)
      assertSame(chain)
      const x = input({ shape })
      assertSame(model({ inputs: x, outputs: layers.flatten().apply(make({ name: 'tested' }).apply(x)) }))
    })
  }

  it("leave out every key at Keras' default", () => {
    const bare: readonly [Layer, readonly number[], object][] = [
      [layers.dense({ units: 3, name: 'd' }), [2], { name: 'd', units: 3 }],
      [layers.batchNormalization({ name: 'b' }), [2], { name: 'b' }],
      [layers.layerNormalization({ name: 'n' }), [2], { name: 'n' }],
      [layers.embedding({ inputDim: 5, outputDim: 2, name: 'e' }), [3], { name: 'e', input_dim: 5, output_dim: 2 }],
      [layers.prelu({ name: 'p' }), [2], { name: 'p' }],
      [layers.reLU({ name: 'r' }), [2], { name: 'r' }],
      [layers.softmax({ name: 's' }), [2], { name: 's' }],
      [layers.dropout({ rate: 0.5, name: 'o' }), [2], { name: 'o', rate: 0.5 }],
      [layers.normalization({ name: 'z' }), [2], { name: 'z' }],
      [layers.groupNormalization({ groups: 32, name: 'g' }), [32], { name: 'g' }],
    ]
    for (const [layer, shape, config] of bare) {
      const written = configOfLayer(layer, shape)
      assert.deepEqual(written.config, config)
      assert.deepEqual([written.module, written.registered_name], ['keras.layers', null])
    }
  })

  it("have Keras' names of options, initializers, regularizers and constraints", () => {
    const dense = layers.dense({
      units: 4,
      name: 'd',
      activation: activations.leakyRelu(0.5),
      useBias: true,
      trainable: false,
      kernelInitializer: initializers.varianceScaling({
        scale: 2,
        mode: 'fanAvg',
        distribution: 'untruncatedNormal',
        seed: 3,
      }),
      biasInitializer: initializers.constant(0.5),
      kernelRegularizer: regularizers.orthogonal({ factor: 0.5, mode: 'columns' }),
      activityRegularizer: regularizers.l1l2({ l1: 0.5, l2: 0.25 }),
      kernelConstraint: constraints.minMaxNorm({ minValue: 0.5, maxValue: 2, rate: 0.5, axis: [0, 1] }),
      biasConstraint: 'nonNeg',
    })
    const part = (module: string, name: string, config: object) => ({
      module: `keras.${module}`,
      class_name: name,
      config,
      registered_name: null,
    })
    const scaling = { scale: 2, mode: 'fan_avg', distribution: 'untruncated_normal', seed: 3 }
    assert.deepEqual(configOfLayer(dense, [3]).config, {
      name: 'd',
      trainable: false,
      units: 4,
      activation: part('layers', 'LeakyReLU', { negative_slope: 0.5 }),
      kernel_initializer: part('initializers', 'VarianceScaling', scaling),
      bias_initializer: part('initializers', 'Constant', { value: 0.5 }),
      kernel_regularizer: part('regularizers', 'OrthogonalRegularizer', { factor: 0.5, mode: 'columns' }),
      activity_regularizer: l1l2,
      kernel_constraint: part('constraints', 'MinMaxNorm', { min_value: 0.5, max_value: 2, rate: 0.5, axis: [0, 1] }),
      bias_constraint: part('constraints', 'NonNeg', {}),
    })
    const given: readonly [Layer, readonly number[], object][] = [
      [
        layers.reLU({ name: 'r', maxValue: 6, negativeSlope: 0.5, threshold: 1 }),
        [2],
        { max_value: 6, negative_slope: 0.5, threshold: 1 },
      ],
      [
        layers.categoryEncoding({ name: 'r', numTokens: 4, outputMode: 'oneHot' }),
        [2],
        { num_tokens: 4, output_mode: 'one_hot' },
      ],
      [layers.reshape({ name: 'r', targetShape: [2, -1] }), [4], { target_shape: [2, -1] }],
      [layers.activation({ name: 'r', activation: 'logSoftmax' }), [4], { activation: 'log_softmax' }],
      [layers.softmax({ name: 'r', axis: [1, 2] }), [4, 2], { axis: [1, 2] }],
      [layers.prelu({ name: 'r', sharedAxes: [1] }), [4, 2], { shared_axes: [1] }],
      [
        layers.normalization({ name: 'r', axis: 1, mean: [1, 2], variance: [3, 4] }),
        [2, 3],
        { axis: 1, mean: [[1], [2]], variance: [[3], [4]] },
      ],
      [
        layers.normalization({ name: 'r', axis: null, mean: 1, variance: 4, invert: true }),
        [2],
        { axis: null, mean: 1, variance: 4, invert: true },
      ],
    ]
    for (const [layer, shape, config] of given)
      assert.deepEqual(configOfLayer(layer, shape).config, { name: 'r', ...config })
  })

  it('write statistics of a Normalization as variables once its weights were set', () => {
    const layer = layers.normalization({ mean: [1, 2], variance: [3, 4], inputShape: [2] })
    const net = sequential([layer, layers.dense(1)])
    assert.deepEqual(
      there(net).read.layers[0]?.constants?.map(({ values }) => values),
      [
        [1, 2],
        [3, 4],
      ],
    )
    layer.setWeights([
      [5, 6],
      [7, 8],
    ])
    const { read, written } = there(net)
    assert.deepEqual(
      read.layers[0]?.variables.map(({ name }) => name),
      ['mean', 'variance', 'count'],
    )
    assert.deepEqual(names(written.layers), names(read.layers))
  })

  it('have several inputs and outputs, nested and shared models, and calls of one layer in their order', () => {
    const [a, b] = [input({ shape: [3], name: 'a' }), input({ shape: [3], name: 'b', dtype: 'int32' })]
    const shared = layers.dense({ units: 3, name: 'shared', activation: 'tanh' })
    const tower = sequential({
      name: 'tower',
      layers: [layers.dense({ units: 3, inputShape: [3] }), layers.batchNormalization()],
    })
    const [p, q] = [input({ shape: [3] }), input({ shape: [3] })]
    const sum = layers.add().apply([p, q])
    const pair = model({
      inputs: [p, q],
      outputs: [layers.dense({ units: 2, name: 'first' }).apply(sum), sum],
      name: 'pair',
    })
    const h = tower.apply(shared.apply(shared.apply(a))) as SymbolicTensor
    const [first, second] = pair.apply([h, tower.apply(shared.apply(b)) as SymbolicTensor]) as unknown as [
      SymbolicTensor,
      SymbolicTensor,
    ]
    const list = model({ inputs: [a, b], outputs: [first, second, h] })
    assertSame(list)
    const record = model({ inputs: { a, b }, outputs: { one: second, two: first } })
    const { written } = assertSame(record)
    assert.deepEqual(written.leftOut, [])
    assert.deepEqual(Object.keys((written.config.config as Anything).output_layers), ['one', 'two'])
    const named = there(model({ inputs: { left: a, right: b }, outputs: { two: first, one: second } }))
    const copy = makeModel(named.read.model, 1) as Functional
    assert.deepEqual(
      [copy.inputNames, copy.outputNames],
      [
        ['left', 'right'],
        ['one', 'two'],
      ],
    )
  })

  it('of random graphs say the same again', () => {
    for (let seed = 1; seed <= 30; seed++) assertSame(randomGraph(new Random(seed)))
  })

  it('refuse layers that are part of two models, by name', () => {
    const shared = layers.dense({ units: 3, name: 'both', inputShape: [3] })
    const inner = sequential({ name: 'inner', layers: [shared] })
    const x = input({ shape: [3] })
    const net = model({ inputs: x, outputs: layers.add().apply([shared.apply(x), inner.apply(x) as SymbolicTensor]) })
    assert.throws(() => kerasConfigOf(coreOf(net)), {
      code: 'ERR_ARGUMENT',
      message: /layer 'both': it is part of two models/,
    })
  })

  it('refuse options of activations that Keras does not have', () => {
    for (const activation of [
      activations.gelu({ approximate: true }),
      activations.celu(2),
      activations.softShrink(0.1),
    ]) {
      const net = sequential([layers.dense({ units: 2, activation, name: 'd', inputShape: [2] })])
      assert.throws(() => kerasConfigOf(coreOf(net)), {
        code: 'ERR_ARGUMENT',
        message: /layer 'd': activation: Keras has no options/,
      })
    }
  })
})

function randomGraph(random: Random): Functional {
  const inputs = Array.from({ length: 1 + random.below(3) }, (_, i) => input({ shape: [4], name: `in${i}` }))
  const tensors: SymbolicTensor[] = [...inputs]
  const shared: Layer[] = [layers.dense(4), layers.layerNormalization(), layers.dropout(0.5)]
  const nested = Array.from({ length: 2 }, (_, i) =>
    sequential({ name: `nested${i}`, layers: [layers.dense({ units: 4, inputShape: [4] }), layers.prelu()] }),
  )
  for (let step = 0; step < 4 + random.below(8); step++) {
    const [one, other] = [random.pick(tensors), random.pick(tensors)]
    const kind = random.below(5)
    if (kind === 0) tensors.push(layers.add().apply([one, other]))
    else if (kind === 1) tensors.push(layers.dense({ units: 4, trainable: random.below(2) === 0 }).apply(one))
    else if (kind === 2) tensors.push(random.pick(nested).apply(one) as SymbolicTensor)
    else if (kind === 3) tensors.push(layers.maximum().apply([one, other]))
    else tensors.push(random.pick(shared).apply(one) as SymbolicTensor)
  }
  const end = layers.concatenate().apply([...inputs, ...tensors.slice(-2)])
  return model({ inputs, outputs: [end, random.pick(tensors.slice(inputs.length))] }) as unknown as Functional
}

describe('configs for TensorFlow.js', () => {
  const configOf = (layer: Layer, shape: readonly number[]) => configOfLayer(layer, shape, 'tfjs')

  it('have the names of Keras 2, without modules', () => {
    const dense = layers.dense({
      units: 2,
      name: 'd',
      activation: 'silu',
      kernelRegularizer: 'l2',
      kernelInitializer: 'lecunNormal',
    })
    assert.deepEqual(configOf(dense, [3]), {
      class_name: 'Dense',
      config: {
        name: 'd',
        units: 2,
        activation: 'swish',
        kernel_initializer: { class_name: 'LeCunNormal', config: {} },
        kernel_regularizer: { class_name: 'L1L2', config: { l1: 0, l2: 0.01 } },
      },
    })
    assert.deepEqual(configOf(layers.leakyReLU({ negativeSlope: 0.5, name: 'l' }), [3]).config, {
      name: 'l',
      alpha: 0.5,
    })
    assert.deepEqual(configOf(layers.identity({ name: 'i' }), [3]), {
      class_name: 'Activation',
      config: { name: 'i', activation: 'linear' },
    })
    const net = sequential([layers.dense({ units: 1, inputShape: [3] })])
    const [first] = (there(net, 'tfjs').written.config.config as Anything).layers
    assert.deepEqual(first.config.batch_input_shape, [null, 3])
  })

  it('say the same again, of nested and shared models too', () => {
    const x = input({ shape: [3], name: 'x' })
    const tower = sequential({
      name: 'tower',
      layers: [layers.dense({ units: 3, inputShape: [3] }), layers.batchNormalization()],
    })
    const p = input({ shape: [3] })
    const inner = model({ inputs: p, outputs: layers.dense({ units: 3, name: 'i' }).apply(p), name: 'inner' })
    const shared = layers.dense({ units: 3, name: 'shared' })
    const h = tower.apply(shared.apply(shared.apply(x))) as SymbolicTensor
    const end = inner.apply(layers.add().apply([h, tower.apply(x) as SymbolicTensor])) as unknown as SymbolicTensor
    const { written } = assertSame(model({ inputs: x, outputs: [end, h] }), 'tfjs')
    assert.deepEqual((written.config.config as Anything).output_layers, [
      ['inner', 1, 0],
      ['tower', 1, 0],
    ])
  })

  it('refuse layers and options that it does not have, by name', () => {
    const cases: readonly Layer[] = [
      layers.unitNormalization({ name: 'bad' }),
      layers.elu({ alpha: 0.5, name: 'bad' }),
      layers.reLU({ negativeSlope: 0.5, name: 'bad' }),
      layers.activation({ activation: 'hardSigmoid', name: 'bad' }),
      layers.dense({ units: 2, activation: activations.leakyRelu(0.5), name: 'bad' }),
      layers.softmax({ axis: [1, 2], name: 'bad' }),
    ]
    for (const layer of cases) {
      const net = sequential([layers.reshape({ targetShape: [2, 2], inputShape: [4] }), layer])
      assert.throws(() => kerasConfigOf(coreOf(net), { era: 'tfjs' }), { code: 'ERR_ARGUMENT', message: /layer 'bad'/ })
    }
  })
})
