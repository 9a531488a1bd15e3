/** The types of graph models. tsc compiles this file; it is never run. */

import { type Functional, input, layers, type load, model, type SymbolicTensor, sequential } from 'neurode'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function expectType<T extends true>(): T {
  return true as T
}

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
