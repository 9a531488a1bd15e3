/** Parts of Keras' configs that its own files here do not have: older spellings, calls by name, and what is refused by name. */

import assert from 'node:assert/strict'
import type { Functional } from 'neurode'
import { kerasModel } from '#lib/interchange/keras/config.js'
import { makeModel } from '#lib/models/loadStructure.js'
import type { JsonObject } from '#lib/persistence/description.js'

// biome-ignore lint/suspicious/noExplicitAny: configs are put together by hand.
type Anything = any

const layer = (className: string, config: object): Anything => ({ class_name: className, config })
const chain = (...all: readonly Anything[]): JsonObject => {
  return { class_name: 'Sequential', config: { name: 'net', layers: [input('in', 3), ...all] } }
}
const input = (name: string, size: number) => layer('InputLayer', { name, batch_shape: [null, size] })
const dense = (name: string, config: object = {}) => layer('Dense', { name, units: 2, ...config })
const node = (entry: Anything, ...calls: readonly Anything[]) => ({
  ...entry,
  name: entry.config.name,
  inbound_nodes: calls.map((args) => ({ args: [args], kwargs: {} })),
})
const tensor = (name: string, call = 0, at = 0) => ({
  class_name: '__keras_tensor__',
  config: { keras_history: [name, call, at] },
})

const optionsOf = (config: JsonObject, version?: string): Anything => {
  const { layers } = kerasModel(config, 'config', { version }).model as Anything
  return layers[0].options
}
const ones = (count: number) => new Float32Array(count).fill(1)

describe('reading configs of Keras', () => {
  it('takes an activation in all its forms', () => {
    const forms: readonly (readonly [Anything, string, object])[] = [
      [null, 'linear', {}],
      ['swish', 'silu', {}],
      [
        { module: 'builtins', class_name: 'function', config: 'hard_swish', registered_name: 'function' },
        'hardSilu',
        {},
      ],
      [{ module: 'keras.layers', class_name: 'LeakyReLU', config: { name: 'l' } }, 'leakyRelu', { negativeSlope: 0.3 }],
      [{ module: 'keras.layers', class_name: 'Activation', config: { activation: 'mish' } }, 'mish', {}],
      [{ class_name: 'Softmax', config: { axis: -1 } }, 'softmax', {}],
    ]
    for (const [activation, name, options] of forms) {
      const read = optionsOf(chain(dense('d', { activation })))
      assert.deepEqual(read.activation, { $activation: name, options })
    }
  })

  it('takes older names of layers and options', () => {
    assert.equal(optionsOf(chain(layer('LeakyReLU', { alpha: 0.5 }))).negativeSlope, 0.5)
    assert.equal(optionsOf(chain(layer('ThresholdedReLU', { theta: 0.5 }))).threshold, 0.5)
    assert.equal(optionsOf(chain(layer('BatchNormalization', { axis: [1] }))).axis, 1)
    const scaling = layer('VarianceScaling', { scale: 1, mode: 'fan_avg', distribution: 'normal', seed: null })
    const { kernelInitializer } = optionsOf(chain(dense('d', { kernel_initializer: scaling })))
    assert.deepEqual(kernelInitializer.options, { scale: 1, mode: 'fanAvg', distribution: 'truncatedNormal' })
  })

  it('computes hard_sigmoid as before Keras 3, of layers that are called twice too', () => {
    const config = {
      class_name: 'Model',
      config: {
        name: 'old',
        layers: [
          node(layer('InputLayer', { name: 'x', batch_input_shape: [null, 2] })),
          {
            ...node(dense('h', { activation: 'hard_sigmoid' })),
            inbound_nodes: [[['x', 0, 0, {}]], [['h', 0, 0, {}]]],
          },
          {
            ...node(layer('Add', { name: 's' })),
            inbound_nodes: [
              [
                ['h', 0, 0, {}],
                ['h', 1, 0, {}],
              ],
            ],
          },
        ],
        input_layers: [['x', 0, 0]],
        output_layers: [['s', 0, 0]],
      },
    }
    const { model, layers } = kerasModel(config as Anything, 'config', { version: '2.2.4' })
    const net = makeModel(model, 1) as Anything
    assert.deepEqual(
      layers.map(({ name }) => name),
      ['x', 'h', 's'],
    )
    net.setWeights([
      [
        [1, 0],
        [0, 1],
      ],
      [0, 0],
    ])
    const once = [0.2 * 1 + 0.5, 0]
    const twice = once.map((value) => 0.2 * value + 0.5)
    const { data } = net.predictSync([[1, -3]])
    once.forEach((value, i) => {
      assert.ok(Math.abs(data[i] - (value + (twice[i] as number))) < 1e-6, String(data))
    })
    const now = kerasModel(config as Anything, 'config', { version: '3.15.1' })
    assert.equal((now.model as Anything).layers.length, 3)
  })

  it('gives tensors by name to the inputs of a nested model', () => {
    const inner = {
      class_name: 'Functional',
      config: {
        name: 'pair',
        layers: [
          node(input('p', 1)),
          node(input('q', 1)),
          node(layer('Subtract', { name: 'd' }), [tensor('p'), tensor('q')]),
        ],
        input_layers: { p: ['p', 0, 0], q: ['q', 0, 0] },
        output_layers: ['d', 0, 0],
      },
    }
    const config = (keys: object) => ({
      class_name: 'Functional',
      config: {
        name: 'outer',
        layers: [node(input('a', 1)), node(input('b', 1)), node(inner, keys)],
        input_layers: [
          ['a', 0, 0],
          ['b', 0, 0],
        ],
        // Keras counts the calls of a Functional that is an output from 1.
        output_layers: ['pair', 1, 0],
      },
    })
    const net = makeModel(
      kerasModel(config({ q: tensor('a'), p: tensor('b') }) as Anything, 'config').model,
      1,
    ) as Functional
    const { data } = net.predictSync([Float32Array.of(1), Float32Array.of(5)] as Anything) as Anything
    assert.deepEqual([...data], [4])
    assert.throws(() => kerasModel(config({ p: tensor('a'), z: tensor('b') }) as Anything, 'config'), {
      code: 'ERR_FILE_FORMAT',
    })
  })

  it('freezes the layers of models that are not trainable', () => {
    const inner = layer('Sequential', {
      name: 'inner',
      trainable: false,
      layers: [dense('d', { batch_input_shape: [null, 3] })],
    })
    const { model, layers } = kerasModel(chain(inner, dense('e')), 'config')
    const net = makeModel(model, 1)
    assert.deepEqual(
      net.layers.slice(1).map(({ trainable }) => trainable),
      [false, true],
    )
    assert.deepEqual(
      layers[0]?.layers?.[0]?.variables.map(({ trainable }) => trainable),
      [false, false],
    )
  })

  it('refuses by name what would not be computed as Keras does', () => {
    const table = { name: 'e', input_dim: 5, output_dim: 2 }
    const cases: readonly (readonly [JsonObject, RegExp])[] = [
      [
        chain(layer('Embedding', { ...table, mask_zero: true })),
        /config: layer 'e': Embedding has an option 'mask_zero'/,
      ],
      [chain(layer('Masking', { name: 'm', mask_value: 0 })), /layer 'm': Keras' class 'Masking' cannot be read/],
      [
        chain(layer('Dropout', { name: 'd', rate: 0.5, noise_shape: [1, 3] })),
        /layer 'd': Dropout has an option 'noise_shape'/,
      ],
      [chain(layer('BatchNormalization', { name: 'b', renorm: true })), /'renorm'/],
      [chain(layer('LayerNormalization', { name: 'l', rms_scaling: true })), /'rms_scaling'/],
      [chain(layer('Flatten', { name: 'f', data_format: 'channels_first' })), /'data_format'/],
      [chain(layer('GroupNormalization', { name: 'g', groups: 1, axis: 1 })), /'axis'/],
      [
        chain(
          dense('d', {
            batch_input_shape: [null, 3],
            activation: { class_name: 'Activation', config: { activation: 'hard_sigmoid' } },
            activity_regularizer: { class_name: 'L1L2', config: { l1: 0.5, l2: 0 } },
          }),
        ),
        /layer 'd': a penalty on outputs of the hard_sigmoid of older Keras/,
      ],
      [
        chain(dense('d', { activation: { class_name: '__lambda__', config: {} } })),
        /layer 'd': activation: the layer '__lambda__'/,
      ],
      [
        chain(dense('d', { kernel_constraint: { class_name: 'RadialConstraint', config: {} } })),
        /the constraint .*RadialConstraint/,
      ],
      [chain({ ...dense('d'), registered_name: 'mine>Dense' }), /"mine>Dense" is a class of its author's own/],
      [chain({ ...dense('d'), module: 'keras_hub.layers' }), /'Dense' of "keras_hub.layers" is not a class of Keras/],
      [
        chain(dense('d', { dtype: { class_name: 'QuantizedDTypePolicy', config: { mode: 'int4' } } })),
        /the dtype "int4_from_float32"/,
      ],
      [{ class_name: 'Sequential', config: [dense('d')] }, /the shape of its input is not known, as it was not built/],
    ]
    for (const [config, message] of cases) {
      assert.throws(() => kerasModel(config, 'config'), { code: 'ERR_FILE_FORMAT', message })
    }
  })

  it('ignores keys that are null or false, and notes what has no effect on weights', () => {
    const config = chain(dense('d', { lora_rank: null, new_option: false, kernel_initializer: layer('Mine', {}) }))
    const { notes, model } = kerasModel(config, 'config')
    assert.match(
      notes.join(),
      /layer 'd': kernel_initializer: the initializer .*Mine.* is not known; the default takes its place/,
    )
    assert.equal((makeModel(model, 1) as Anything).predictSync([ones(3)]).data.length, 2)
  })
})
