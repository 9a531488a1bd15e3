/** The types of graph models. tsc compiles this file; it is never run. */

import {
  type Functional,
  input,
  type Loss,
  layers,
  type load,
  metrics,
  model,
  type PerClass,
  type Prediction,
  type SymbolicTensor,
  sequential,
} from 'neurode'
import { type Equal, expectType } from './equal.js'

const rows = [[0, 0]]

// Shapes follow from layers.
const x = input({ shape: [4] })
expectType<Equal<typeof x, SymbolicTensor<readonly [4]>>>()
const h = layers.dense({ units: 3 }).apply(x)
expectType<Equal<(typeof h)['shape'], readonly [3]>>()
const kept = layers.dropout(0.5).apply(layers.reLU().apply(h))
expectType<Equal<(typeof kept)['shape'], readonly [3]>>()
const sum = layers.add().apply([h, kept])
expectType<Equal<(typeof sum)['shape'], readonly [3]>>()
const joined = layers.concatenate().apply([x, sum])
expectType<Equal<(typeof joined)['shape'], readonly [number]>>()
const cosine = layers.dot({ axes: 1 }).apply([h, kept])
expectType<Equal<(typeof cosine)['shape'], readonly [1]>>()
const part = layers.slice({ begin: 1, size: 2 }).apply(x)
expectType<Equal<(typeof part)['shape'], readonly [2]>>()
const some = layers.take({ indices: [3, 0, 1] }).apply(x)
expectType<Equal<(typeof some)['shape'], readonly [3]>>()
const words = layers.dense({ units: 5 }).apply(input({ shape: [7, 3] }))
expectType<Equal<(typeof words)['shape'], readonly [7, 5]>>()

// Of one input, the model takes plain arrays.
const net = model({ inputs: x, outputs: sum })
expectType<Equal<(typeof net)['inputShape'], readonly [4]>>()
expectType<Equal<(typeof net)['outputShape'], readonly [3]>>()
net.predict(rows)
const nested = net.apply(input({ shape: [4] }))
expectType<Equal<(typeof nested)['shape'], readonly [3]>>()
const tower = sequential([layers.dense({ units: 6, inputShape: [4] })])
expectType<Equal<ReturnType<typeof tower.apply>['shape'], readonly [6]>>()

// Of several, it takes an array for each name, or a list.
const z = input({ shape: [4] })
const outputs = layers.subtract().apply([x, z])
const both = model({ inputs: { x, z }, outputs })
expectType<Equal<(typeof both)['inputShape'], readonly [number]>>()
both.predict({ x: rows, z: rows })
both.predict([rows, rows])
const compiled = both.compile({ loss: 'mse', metrics: ['mae'] })
const { history } = await compiled.fit({ x: rows, z: rows }, rows, { validationData: [{ x: rows, z: rows }, rows] })
expectType<Equal<(typeof history)['val_mae'], Float64Array>>()
await compiled.fit(() => [{ x: { x: rows, z: rows }, y: rows }])
const listed = model({ inputs: [x, z], outputs: [outputs] })
listed.predict([rows, rows])
listed.predict({ input: rows, input_1: rows })
expectType<Equal<(typeof listed)['outputShape'], readonly [4]>>()
expectType<Equal<Awaited<ReturnType<typeof load<Functional>>>, Functional>>()

// Of several outputs, predictions are a record or a list, as the outputs were given.
const first = layers.dense({ units: 2 }).apply(x)
const named = model({ inputs: x, outputs: { first, second: sum } })
const predicted = await named.predict(rows)
expectType<Equal<keyof typeof predicted, 'first' | 'second'>>()
expectType<Equal<(typeof predicted)['first'], Prediction<readonly [2]>>>()
expectType<Equal<(typeof predicted.second)['shape'], readonly [rows: number, 3]>>()
expectType<Equal<(typeof named)['outputShape'], readonly [number]>>()
expectType<Equal<ReturnType<typeof named.predictSync>, typeof predicted>>()
expectType<Equal<Awaited<ReturnType<typeof named.predictOnBatch>>, typeof predicted>>()
for await (const { second } of named.predictStream([rows])) expectType<Equal<typeof second, Prediction<readonly [3]>>>()
const applied = named.apply(x)
expectType<Equal<typeof applied.first, SymbolicTensor<readonly [2]>>>()
named.predict(rows, { out: { first: new Float32Array(2), second: new Float32Array(3) } })
named.predict(rows, { out: [new Float32Array(2), new Float32Array(3)] })
expectType<Equal<Awaited<ReturnType<typeof load<typeof named>>>, typeof named>>()

const ordered = model({ inputs: x, outputs: [first, sum, x] })
const [, middle, ...others] = ordered.predictSync(rows)
expectType<Equal<typeof middle, Prediction<readonly [3]>>>()
expectType<Equal<typeof others, [Prediction<readonly [4]>]>>()
expectType<Equal<(typeof ordered.outputs)[0], SymbolicTensor<readonly [2]>>>()
ordered.predict(rows, { out: { dense: new Float32Array(2), add: new Float32Array(3), input: new Float32Array(4) } })

// A list or a record of one acts as its tensor.
expectType<Equal<ReturnType<typeof listed.predictSync>, Prediction<readonly [4]>>>()
const single = model({ inputs: x, outputs: { only: first } })
expectType<Equal<ReturnType<typeof single.predictSync>, Prediction<readonly [2]>>>()
expectType<Equal<ReturnType<typeof single.apply>, SymbolicTensor<readonly [2]>>>()
single.predict(rows, { out: new Float32Array(2) })

// How many tensors a list has may be unknown.
const many: readonly SymbolicTensor[] = [first, sum]
const oneOrMore = model({ inputs: x, outputs: many }).predictSync(rows)
expectType<Equal<typeof oneOrMore, Prediction | readonly Prediction[]>>()

// @ts-expect-error There is no output of this name.
predicted.third
// @ts-expect-error There are three outputs.
ordered.predictSync(rows)[3]
// @ts-expect-error There is one more output.
named.predict(rows, { out: { first: new Float32Array(2) } })
// @ts-expect-error Several outputs are not written into one array.
named.predict(rows, { out: new Float32Array(5) })
// @ts-expect-error One output is written into one array.
single.predict(rows, { out: [new Float32Array(2)] })
// @ts-expect-error Merges take a list.
layers.add().apply(x)
// @ts-expect-error The shapes differ.
layers.add().apply([x, h])
// @ts-expect-error The model has no input of this name.
both.predict({ x: rows, y: rows })
// @ts-expect-error The model has one more input.
both.predict({ x: rows })
// @ts-expect-error A layer is no tensor.
model({ inputs: x, outputs: layers.dense({ units: 1 }) })
// @ts-expect-error There is no such type of numbers.
input({ shape: [1], dtype: 'int64' })
// @ts-expect-error The metric was not compiled.
history.accuracy

// Of several outputs, targets, weights, losses and metrics are given by name, and logs have keys of them.
const price = layers.dense({ units: 1 }).apply(x)
const kind = layers.dense({ units: 3, activation: 'softmax' }).apply(x)
const heads = model({ inputs: x, outputs: { price, kind } })
const trained = heads.compile({
  loss: { price: 'mse', kind: 'sparseCategoricalCrossentropy' },
  lossWeights: { kind: 0.5 },
  metrics: { price: ['mae', metrics.rootMeanSquaredError({ name: 'off' })], kind: 'accuracy' },
  weightedMetrics: { price: ['mae'], kind: ['auc'] },
})
const y = { price: [1], kind: [2] }
const one = await trained.evaluate(rows, y, { sampleWeight: { kind: [1] } })
expectType<
  Equal<
    keyof typeof one,
    | 'loss'
    | 'price_loss'
    | 'kind_loss'
    | 'price_mae'
    | 'price_off'
    | 'kind_accuracy'
    | 'price_weighted_mae'
    | 'kind_auc'
  >
>()
const fitted = await trained.fit(rows, y, { validationSplit: 0.5, sampleWeight: [1, 2] })
expectType<Equal<(typeof fitted)['history']['val_kind_accuracy'], Float64Array>>()
expectType<Equal<(typeof fitted)['history']['price_loss'], Float64Array>>()
await trained.fit(rows, [[1], [2]], { validationData: [rows, y, { price: [1] }] })
await trained.fit([{ x: rows, y, sampleWeight: { price: [1] } }])
await trained.trainOnBatch(rows, y, { sampleWeight: [[1], [2]] })
expectType<Equal<typeof trained.loss, { readonly price: Loss | null; readonly kind: Loss | null } | undefined>>()
const { perClass } = await trained.evaluate(rows, y, { perClass: true })
expectType<Equal<typeof perClass.kind, PerClass | undefined>>()
// One loss alone is that of the model.
const lone = heads.compile({ loss: { price: 'mse', kind: null } })
const logs = await lone.evaluate(rows, { price: [1], kind: null })
expectType<Equal<keyof typeof logs, 'loss'>>()
const same = await heads.compile({ loss: 'mse' }).evaluate(rows, y)
expectType<Equal<keyof typeof same, 'loss' | 'price_loss' | 'kind_loss'>>()
// The names of outputs in a list are not known.
const several = model({ inputs: x, outputs: [price, kind] })
several.compile({ loss: ['mse', 'categoricalCrossentropy'], metrics: [['mae'], null], lossWeights: [1, 2] })
several.compile({ loss: { dense: 'mse', dense_1: null } })
await several.fit(rows, [[1], [2]], { sampleWeight: [null, [1]] })
const any: number = (await several.evaluate(rows, { dense: [1], dense_1: [2] })).dense_loss as number
expectType<Equal<typeof any, number>>()
// How many a list has may be unknown.
const anyNumber: SymbolicTensor[] = [price, kind]
const unknown = model({ inputs: x, outputs: anyNumber }).compile({ loss: 'mse', metrics: ['mae'] })
await unknown.fit(rows, [[1], [2]], { validationSplit: 0.5 })
const either = net as typeof net | typeof tower
either.compile({ loss: 'mse', metrics: ['mae'] })

// @ts-expect-error There is no output of this name.
heads.compile({ loss: { price: 'mse', kind: 'mse', size: 'mse' } })
// @ts-expect-error Each output needs a loss, or null.
heads.compile({ loss: { price: 'mse' } })
// @ts-expect-error There is no output of this name.
heads.compile({ loss: 'mse', metrics: { size: ['mae'] } })
// @ts-expect-error There is no output of this name.
heads.compile({ loss: 'mse', lossWeights: { size: 1 } })
// @ts-expect-error There is no such metric.
heads.compile({ loss: 'mse', metrics: { price: ['meen'] } })
// @ts-expect-error There is no output of this name.
trained.fit(rows, { price: [1], kind: [2], size: [3] })
// @ts-expect-error The model has one more output.
trained.fit(rows, { price: [1] })
// @ts-expect-error There is no output of this name.
trained.fit(rows, y, { sampleWeight: { size: [1] } })
// @ts-expect-error Classes differ from output to output.
trained.fit(rows, y, { classWeight: { 0: 1 } })
// @ts-expect-error A model of one output has no weights of losses by name.
net.compile({ loss: 'mse', lossWeights: { size: 1 }, metrics: { size: [] } })
// @ts-expect-error The metric was not compiled.
one.price_auc
