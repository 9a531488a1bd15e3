/**
 * Names of Keras, TensorFlow.js and PyTorch: each is accepted, or the error gives the name in Neurode or the reason why there
 * is none.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  activations,
  callbacks,
  constraints,
  initializers,
  layers,
  losses,
  metrics,
  NeurodeError,
  optimizers,
  regularizers,
  schedules,
  sequential,
} from 'neurode'
import { answersTo, foreign } from './support/foreignNames.js'
import { ownFolder } from './support/golden.js'

// biome-ignore lint/suspicious/noExplicitAny: names are those of others
type Loose = any

const tables: Readonly<Record<string, Loose>> = {
  layers,
  losses,
  metrics,
  optimizers,
  schedules,
  activations,
  initializers,
  regularizers,
  constraints,
  callbacks,
}

/** By kind of name: passes a name to a function that accepts names of the kind as texts. */
const byText: Readonly<Record<string, (name: Loose) => unknown>> = {
  losses: (loss) => sequential([layers.dense({ units: 3, inputShape: [1] })]).compile({ loss }),
  metrics: (name) =>
    sequential([layers.dense({ units: 3, inputShape: [1] })]).compile({ loss: 'mse', metrics: [name] }),
  optimizers: (optimizer) =>
    sequential([layers.dense({ units: 1, inputShape: [1] })]).compile({ loss: 'mse', optimizer }),
  activations: (activation) => layers.activation({ activation }),
  initializers: (kernelInitializer) => layers.dense({ units: 1, kernelInitializer }),
  regularizers: (kernelRegularizer) => layers.dense({ units: 1, kernelRegularizer }),
  constraints: (kernelConstraint) => layers.dense({ units: 1, kernelConstraint }),
}

const answer = /(?:in Neurode it is|Neurode does not have it:) \S/

/** The problem with the answer to a name, or undefined: a name must be accepted, or the error must say what it is called in Neurode. */
function problemOf(what: string, read: () => unknown): string | undefined {
  try {
    return read() === undefined ? `${what} is undefined` : undefined
  } catch (error) {
    if (!(error instanceof NeurodeError)) return `${what}: ${error}`
    return error.code === 'ERR_UNKNOWN_NAME' && !answer.test(error.message) ? error.message : undefined
  }
}

function problems(kind: string, names: readonly string[]): (string | undefined)[] {
  const found = names.flatMap((name) => [
    problemOf(`${kind}.${name}`, () => tables[kind][name]),
    byText[kind] && problemOf(`'${name}' of ${kind}`, () => byText[kind]?.(name) ?? true),
  ])
  return found.filter((problem) => problem !== undefined)
}

const message = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof NeurodeError && error.code === 'ERR_UNKNOWN_NAME', String(error))
    return error.message
  }
  return assert.fail('expected an error')
}

describe('names of others', () => {
  const { modules } = JSON.parse(readFileSync(join(ownFolder, 'keras-names.json'), 'utf8')) as {
    readonly modules: Readonly<Record<string, readonly string[]>>
  }
  for (const [module, names] of Object.entries(modules)) {
    const kind = module === 'optimizers.schedules' ? 'schedules' : module
    it(`of keras.${module} are met`, () => assert.deepEqual(problems(kind, names), []))
  }

  for (const [library, kinds] of Object.entries(foreign)) {
    for (const [kind, names] of Object.entries(kinds)) {
      it(`of ${library} are met among ${kind}`, () => assert.deepEqual(problems(kind, names.split(/\s+/)), []))
    }
  }

  const model = () => sequential([layers.dense({ units: 1, inputShape: [1] })], { seed: 1 }).compile({ loss: 'mse' })
  const optimizer = optimizers.sgd as (options: object) => unknown
  const adam = optimizers.adam as (options: object) => unknown
  const dense = layers.dense as (options: object) => unknown
  const compile = (options: object) => model().compile({ loss: 'mse', ...options })

  /** Messages that users see. */
  const samples: readonly (readonly [act: () => unknown, text: string])[] = [
    [
      () => compile({ loss: 'softmaxCrossEntropy' }),
      'in Neurode it is losses.categoricalCrossentropy({ fromLogits: true })',
    ],
    [() => compile({ loss: 'huberLoss' }), "in Neurode it is 'huber'"],
    [() => compile({ loss: 'nll_loss' }), "in Neurode it is 'sparseCategoricalCrossentropy', which takes the softmax"],
    [
      () => compile({ loss: 'CrossEntropyLoss' }),
      'in Neurode it is losses.categoricalCrossentropy({ fromLogits: true })',
    ],
    [() => compile({ loss: 'BCEWithLogitsLoss' }), 'in Neurode it is losses.binaryCrossentropy({ fromLogits: true })'],
    [() => compile({ loss: 'mse_loss' }), "in Neurode it is 'meanSquaredError'"],
    [() => compile({ optimizer: 'momentum' }), 'in Neurode it is optimizers.sgd({ learningRate, momentum })'],
    [() => compile({ lr: 0.1 }), 'in Neurode it is an option of the optimizer'],
    [() => compile({ run_eagerly: true }), 'Neurode does not have it: everything runs as native code'],
    [() => adam({ betas: [0.9, 0.99] }), "in Neurode it is 'beta1' and 'beta2'"],
    [() => adam({ momentum: 0.9 }), "in Neurode it is 'beta1'"],
    [() => adam({ learning_rate: 0.1 }), "in Neurode it is 'learningRate'"],
    [() => adam({ weight_decay: 0.1 }), "in Neurode it is 'weightDecay'"],
    [() => optimizer({ dampening: 0.1 }), 'Neurode does not have it'],
    [() => dense({ units: 1, kernel_initializer: 'zeros' }), "in Neurode it is 'kernelInitializer'"],
    [() => dense({ units: 1, input_shape: [1] }), "in Neurode it is 'inputShape'"],
    [() => dense({ units: 1, in_features: 3 }), "in Neurode it is 'inputShape', without the number of rows"],
    [() => dense({ units: 1, bias: false }), "in Neurode it is 'useBias'"],
    [() => layers.leakyReLU({ alpha: 0.1 } as object), "in Neurode it is 'negativeSlope'"],
    [() => layers.dropout({ p: 0.1 } as never), "in Neurode it is 'rate'"],
    [() => callbacks.reduceLROnPlateau({ min_lr: 0 } as object), "in Neurode it is 'minLearningRate'"],
    [() => sequential([], { optimizer: 'sgd' } as object), 'in Neurode it is an option of compile'],
    [() => (layers as Loose).conv2d({}), 'layers.conv2d: Neurode does not have it: layers compute on rows'],
    [() => (layers as Loose).Dense(3), 'layers.Dense: in Neurode it is layers.dense'],
    [
      () => (layers as Loose).GlobalAvgPool1D(),
      'layers.GlobalAvgPool1D: in Neurode it is layers.globalAveragePooling1D',
    ],
    [() => (schedules as Loose).ReduceLROnPlateau, 'in Neurode it is callbacks.reduceLROnPlateau'],
    [() => (callbacks as Loose).TensorBoard(), 'in Neurode it is callbacks.tensorBoard'],
    [() => (model() as Loose).fitDataset, 'model.fitDataset: in Neurode it is model.fit(batches)'],
    [() => (model() as Loose).train_on_batch, 'in Neurode it is model.trainOnBatch'],
    [() => (model() as Loose).state_dict(), 'in Neurode it is model.getWeights(), or model.saveWeights(path)'],
    [() => (optimizers.adam() as Loose).lr, 'optimizer.lr: in Neurode it is optimizer.learningRate'],
    [() => (layers.dense(1) as Loose).kernel, 'in Neurode it is layer.getWeights()'],
  ]

  it('are answered with what is there', () => {
    for (const [act, text] of samples) assert.ok(message(act).includes(text), `${message(act)}: ${text}`)
  })

  it('that differ from one here in their spelling are answered with it', () => {
    for (const [kind, table] of Object.entries(tables)) {
      for (const name of Object.keys(table)) {
        const other = name.toUpperCase()
        if (Object.hasOwn(table, other)) continue
        assert.equal(
          message(() => table[other]),
          `${kind}.${other}: in Neurode it is ${kind}.${name}`,
        )
      }
    }
  })

  it('are answered in what takes options later', async () => {
    const later: readonly (readonly [options: object, text: RegExp])[] = [
      [{ batch_size: 1 }, /^fit: no option is called 'batch_size'; in Neurode it is 'batchSize'$/],
      [{ batch: 1 }, /in Neurode it is 'batchSize'$/],
      [{ validation_split: 0.1 }, /in Neurode it is 'validationSplit'$/],
      [{ batchesPerEpoch: 1 }, /in Neurode it is 'stepsPerEpoch'$/],
      [{ yieldEvery: 'auto' }, /Neurode does not have it: training runs off the JavaScript thread$/],
      [{ use_multiprocessing: true }, /Neurode does not have it: batches are always read ahead$/],
      [{ metrics: ['mae'] }, /in Neurode it is an option of compile$/],
      [{ callbacks: { onYield: () => {} } }, /^callbacks.*'onYield'; Neurode does not have it: training runs off/],
      [{ callbacks: { onTestBegin: () => {} } }, /Neurode does not have it: evaluate and predict call no callbacks/],
      [{ callbacks: { onTrainEpochEnd: () => {} } }, /in Neurode it is 'onEpochEnd'$/],
      [{ lr: 0.1 }, /in Neurode it is an option of the optimizer, /],
    ]
    for (const [options, text] of later) {
      await assert.rejects(model().fit([1], [1], options), { code: 'ERR_UNKNOWN_NAME', message: text })
    }
  })

  it('that nobody has stay undefined, and objects are what they were', async () => {
    const made = model()
    for (const object of [...Object.values(tables), made, optimizers.adam(), made.layers[0]] as Loose[]) {
      for (const name of ['then', 'nodeType', '$$typeof', 'asymmetricMatch', '__esModule', 'inspect', 'nameOfNobody']) {
        assert.equal(object[name], undefined, name)
        assert.ok(!(name in object))
      }
      assert.ok(object instanceof Object)
      assert.equal(typeof object.hasOwnProperty, 'function')
      assert.equal(await object, object)
      assert.doesNotThrow(() => [
        inspect(object, { showHidden: true }),
        JSON.stringify(object),
        { ...object },
        String(object),
      ])
      assert.ok(!('conv2d' in object) && !Object.keys(object).includes('conv2d'))
    }
  })

  it('are answered with names that exist', () => {
    const wrong = answersTo().filter((text) =>
      [...text.matchAll(/\b(\w+)\.(\w+)\b/g)].some(
        ([, table = '', name = '']) => table in tables && !Object.hasOwn(tables[table], name),
      ),
    )
    assert.deepEqual(wrong, [])
  })
})
