/** Invalid data and calls: each throws an error with the right code that names the argument, and changes no weight. */

import assert from 'node:assert/strict'
import { array, type ErrorCode, layers, NeurodeError, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { classifier, clouds } from './support/problems.js'
import { type Anything, assertRefused, shown, wrongNumbers } from './support/refusals.js'
import { assertSameBits } from './support/tolerances.js'

perDevice('a model refuses', (device) => {
  const { x, y } = clouds(20)
  const make = () => classifier({ device })
  type Model = ReturnType<typeof make>
  type ModelRow = readonly [title: string, act: (model: Model) => unknown, code: ErrorCode, message: RegExp]
  const train =
    (given: Anything, targets: Anything, options: Anything = {}) =>
    (model: Model) =>
      model.fit(given, targets, { verbose: 0, ...options })
  const labels = (...values: number[]) => Int32Array.from({ length: 20 }, (_, i) => values[i] ?? 0)
  const option = (name: string, value: unknown, code: ErrorCode = 'ERR_ARGUMENT'): ModelRow => [
    `${name} ${shown(value)}`,
    train(x, y, { [name]: value }),
    code,
    new RegExp(`^${name}: expected `),
  ]

  const rows: readonly ModelRow[] = [
    [
      'x of another width',
      train(new Float32Array(20 * 5), y),
      'ERR_SHAPE',
      /x: expected shape \[n, 6\].*got 100 elements/,
    ],
    [
      'x of another shape',
      train(array(new Float32Array(100), [20, 5]), y),
      'ERR_SHAPE',
      /x: expected shape \[n, 6\].*got shape \[20, 5\]/,
    ],
    [
      'x without rows',
      train(array(new Float32Array(0), [0, 6]), y),
      'ERR_SHAPE',
      /x: expected at least one row, got none/,
    ],
    ['x of one dimension too many', train(array(x.data, [20, 3, 2]), y), 'ERR_SHAPE', /x: expected shape \[n, 6\]/],
    ['x that is a text', train('rows', y), 'ERR_DTYPE', /x: expected a typed array.*got "rows"/],
    ['x that is missing', train(undefined, y), 'ERR_DTYPE', /x: expected .*got undefined/],
    ['x with a hole', train([[1, 2, 3, 4, 5, null]], [0]), 'ERR_DTYPE', /x\[0\]\[5\]: expected a number, got null/],
    ['x whose data do not fit its shape', train({ data: new Float32Array(7), shape: [20, 6] }, y), 'ERR_SHAPE', /x.*7/],
    ['y of another number of rows', train(x, y.subarray(0, 19)), 'ERR_SHAPE', /y: expected 20 rows.*got 19/],
    [
      'y of rows where classes are meant',
      train(x, array(new Float32Array(60), [20, 3])),
      'ERR_SHAPE',
      /y: expected .*\[20, 3\]/,
    ],
    ['y that is missing', train(x, undefined), 'ERR_DTYPE', /y: expected .*got undefined/],
    [
      'a label above the classes',
      train(x, labels(0, 1, 3)),
      'ERR_LABEL_RANGE',
      /y: expected class indices 0 to 2, got 3 in row 2/,
    ],
    [
      'a large label',
      train(x, labels(100000)),
      'ERR_LABEL_RANGE',
      /y: expected class indices 0 to 2, got 100000 in row 0/,
    ],
    ['a negative label', train(x, labels(-1)), 'ERR_LABEL_RANGE', /y: expected class indices 0 to 2, got -1 in row 0/],
    [
      'a label between classes',
      train(
        x,
        Float32Array.from(labels(0), () => 0.5),
      ),
      'ERR_LABEL_RANGE',
      /y: .*got 0.5 in row 0/,
    ],
    [
      'a NaN label',
      train(
        x,
        Float64Array.from(labels(0), () => Number.NaN),
      ),
      'ERR_LABEL_RANGE',
      /y: .*got NaN in row 0/,
    ],
    ...[0, 1.5, ...wrongNumbers.filter((value) => value !== null)].map((value) => option('batchSize', value)),
    ...[-1, 1.5, Number.NaN, '2'].map((value) => option('epochs', value)),
    ...[-1, 0.5, Number.NaN].map((value) => option('initialEpoch', value)),
    ...[-0.1, 1, 2, Number.NaN, '0.5'].map((value) => option('validationSplit', value)),
    ...[-1, 2 ** 53, 0.5, Number.NaN].map((value) => option('seed', value)),
    ...['yes', 1].map((value) => option('shuffle', value)),
    ...[3, -1, 'loud', Number.NaN].map((value) => option('verbose', value)),
    option('validationFreq', 0),
    option('validationBatchSize', -2),
    option('validationData', 5),
    option('signal', 'abort'),
    option('stream', {}),
    option('onProgress', 'print'),
    [
      'an unknown option',
      train(x, y, { batchsize: 3 }),
      'ERR_UNKNOWN_NAME',
      /fit: no option is called 'batchsize'.*'batchSize'/,
    ],
    [
      'a callback that is no object',
      train(x, y, { callbacks: ['log'] }),
      'ERR_ARGUMENT',
      /callbacks\[0\]: expected an object/,
    ],
    [
      'a callback of an unknown name',
      train(x, y, { callbacks: [{ onEpoch() {} }] }),
      'ERR_UNKNOWN_NAME',
      /callbacks\[0\].*'onEpoch'/,
    ],
    [
      'a callback that is no function',
      train(x, y, { callbacks: [{ onEpochEnd: 3 }] }),
      'ERR_ARGUMENT',
      /onEpochEnd: expected a function, got 3/,
    ],
    [
      'validation data of another width',
      train(x, y, { validationData: [new Float32Array(5), y] }),
      'ERR_SHAPE',
      /validationData\[0\]: expected shape/,
    ],
    [
      'validation labels out of range',
      train(x, y, { validationData: [x, labels(7)] }),
      'ERR_LABEL_RANGE',
      /validationData\[1\]: .*got 7/,
    ],
    ['evaluate with labels out of range', (model) => model.evaluate(x, labels(9)), 'ERR_LABEL_RANGE', /y: .*got 9/],
    [
      'evaluate with batchSize 0',
      (model) => model.evaluate(x, y, { batchSize: 0 }),
      'ERR_ARGUMENT',
      /batchSize: expected a positive integer, got 0/,
    ],
    [
      'trainOnBatch with labels out of range',
      (model) => model.trainOnBatch(x, labels(4)),
      'ERR_LABEL_RANGE',
      /y: .*got 4/,
    ],
    [
      'testOnBatch with x of another width',
      (model) => model.testOnBatch(new Float32Array(7), y),
      'ERR_SHAPE',
      /x: expected shape/,
    ],
    ['predict with x of another width', (model) => model.predict([[1, 2]]), 'ERR_SHAPE', /x: expected shape \[n, 6\]/],
    [
      'predictSync with x of another width',
      (model) => model.predictSync(new Float32Array(7)),
      'ERR_SHAPE',
      /x: expected shape \[n, 6\]/,
    ],
    [
      'predict with an out of another size',
      (model) => model.predict(x, { out: new Float32Array(59) }),
      'ERR_SHAPE',
      /out: expected 60 elements.*got 59/,
    ],
    [
      'predictSync with an out of float64',
      (model) => model.predictSync(x, { out: new Float64Array(60) as Anything }),
      'ERR_DTYPE',
      /out: expected a Float32Array, got a Float64Array/,
    ],
    [
      'too few weights',
      (model) => model.setWeights([new Float32Array(96)]),
      'ERR_SHAPE',
      /weights: expected 4 arrays.*got 1/,
    ],
    [
      'weights of another shape',
      (model) => model.setWeights(model.getWeights().map(({ data }, i) => (i === 1 ? new Float32Array(15) : data))),
      'ERR_SHAPE',
      /weights\[1\] \(dense\/bias\): expected shape \[16\], got \[15\]/,
    ],
    [
      'a kernel that is transposed',
      (model) => model.layers[0]?.setWeights([array(new Float32Array(96), [16, 6]), new Float32Array(16)]),
      'ERR_SHAPE',
      /weights\[0\].*\[6, 16\]|weights\[0\].*\[n, 16\]/,
    ],
    ['a layer name it does not have', (model) => model.getLayer('hidden'), 'ERR_UNKNOWN_NAME', /hidden/],
    ['a layer index it does not have', (model) => model.getLayer(5), 'ERR_ARGUMENT', /5/],
    [
      'a stopTraining that is no boolean',
      (model) => {
        ;(model as Anything).stopTraining = 1
      },
      'ERR_ARGUMENT',
      /stopTraining: expected true or false, got 1/,
    ],
    ...[
      ['a generator', () => (function* () {})(), /^y: expected no targets beside batches.*x is a Generator: /],
      ['a Set', () => new Set([1]), /^y: expected no targets beside batches.*x is a Set: .*\[\.\.\.x\]/],
      ['a function', () => () => [], /^y: expected no targets beside batches.*x is a function: /],
      [
        '64-bit integers',
        () => new BigInt64Array(120),
        /^x: expected a typed array.*Float64Array\.from\(array, Number\)/,
      ],
      ['an ArrayBuffer', () => new ArrayBuffer(480), /^x: .*got an ArrayBuffer$/],
    ].flatMap(([what, given, message]): ModelRow[] => {
      const code = String(what).startsWith('a ') ? 'ERR_ARGUMENT' : 'ERR_DTYPE'
      const value = given as () => Anything
      return [
        [`to train on ${what} beside targets`, (model) => model.fit(value(), y), code, message as RegExp],
        [`to evaluate ${what} beside targets`, (model) => model.evaluate(value(), y), code, message as RegExp],
      ]
    }),
    [
      'labels that are BigInt',
      train(
        x,
        Array.from(y, (label) => BigInt(label)),
      ),
      'ERR_DTYPE',
      /^y\[0\]: expected a number, got \dn; convert it: Number\(value\)/,
    ],
    [
      'a learning rate of NaN later on',
      (model) => {
        ;(model.optimizer as Anything).learningRate = Number.NaN
      },
      'ERR_ARGUMENT',
      /learningRate: .*NaN/,
    ],
    [
      'a schedule that gives NaN',
      (model) => {
        ;(model.optimizer as Anything).learningRate = () => Number.NaN
        return model.fit(x, y, { verbose: 0 })
      },
      'ERR_ARGUMENT',
      /learningRate\(0\): .*NaN/,
    ],
  ]
  for (const [title, act, code, message] of rows) {
    it(`${title} with ${code}, and keeps its weights`, async () => {
      using model = make()
      const before = model.getWeights()
      await assertRefused(() => act(model), code, message)
      model.getWeights().forEach(({ name, data }, i) => {
        assertSameBits(data, before[i]?.data ?? new Float32Array(), name)
      })
      // The model still works afterwards.
      if (model.optimizer) model.optimizer.learningRate = 0.01
      const { history } = await model.fit(x, y, { verbose: 0 })
      assert.ok(Number.isFinite(history.loss[0]))
    })
  }

  it('to train before compile with ERR_NOT_COMPILED', async () => {
    using model = sequential([layers.dense({ units: 3, inputShape: [6] })])
    for (const act of [
      () => model.fit(x, y),
      () => model.evaluate(x, y),
      () => model.trainOnBatch(x, y),
      () => model.testOnBatch(x, y),
    ]) {
      await assertRefused(act, 'ERR_NOT_COMPILED', /was not compiled: call compile/)
    }
  })

  it('to give weights before its input is known with ERR_NOT_BUILT', async () => {
    using model = sequential([layers.dense({ units: 3 })])
    for (const act of [
      () => model.getWeights(),
      () => model.countParams(),
      () => model.summary({ print: false }),
      () => model.predict(x.data),
    ]) {
      await assertRefused(act, 'ERR_NOT_BUILT', /not built: .*inputShape/)
    }
  })

  it('everything after dispose with ERR_DISPOSED', async () => {
    const model = make()
    const weights = model.getWeights()
    model.dispose()
    const acts = [
      () => model.fit(x, y),
      () => model.evaluate(x, y),
      () => model.predict(x),
      () => model.predictOnBatch(x),
      () => model.predictSync(x),
      () => model.trainOnBatch(x, y),
      () => model.testOnBatch(x, y),
      () => model.getWeights(),
      () => model.setWeights(weights),
      () => model.compile({ loss: 'mse' }),
      () => model.summary({ print: false }),
      () => model.countParams(),
      () => model.add(layers.dense({ units: 1 })),
    ]
    for (const act of acts) await assertRefused(act, 'ERR_DISPOSED', /'sequential' was disposed/)
    model.dispose()
  })

  it('data whose memory was transferred away', async () => {
    using model = make()
    const data = new Float32Array(x.data)
    structuredClone(data.buffer, { transfer: [data.buffer] })
    await assert.rejects(
      model.fit(array(x.data), y, { verbose: 0, validationData: [{ data, shape: [20, 6] }, y] }),
      (error: unknown) => {
        assert.ok(error instanceof NeurodeError)
        assert.ok(['ERR_SHAPE', 'ERR_DATA_DETACHED'].includes(error.code), error.code)
        return true
      },
    )
  })
})

perDevice('NaN in the data', (device) => {
  it('reaches the loss and the weights instead of stopping anything', async () => {
    const { x, y } = clouds(20)
    using model = classifier({ device })
    const { history } = await model.fit({ ...x, data: x.data.map((v, i) => (i === 3 ? Number.NaN : v)) }, y, {
      verbose: 0,
      epochs: 2,
    })
    assert.ok(Number.isNaN(history.loss[0]))
    assert.equal(history.loss.length, 2)
  })
})
