/** The types of predictors and batchers. tsc compiles this file; it is never run. */

import { input, layers, model, sequential } from 'neurode'
import { attachPredictor, batcher } from 'neurode/serve'
import { type Equal, expectType } from './equal.js'

const rows = new Float32Array(4)
const x = input({ shape: [4], name: 'x' })
const h = layers.dense({ units: 3 }).apply(x)
const y = layers.dense({ units: 2 }).apply(h)

// Of one output, results are arrays.
const one = sequential([layers.dense({ units: 1, inputShape: [4] })]).predictor()
const array = one.predictSync(rows, { out: new Float32Array(1) })
expectType<Equal<typeof array, Float32Array>>()
const answer = await batcher(one).run(1, (into) => into.fill(1))
expectType<Equal<typeof answer, Float32Array>>()
const attached = attachPredictor(one.token).predictSync(rows)
expectType<Equal<typeof attached, Float32Array>>()

// Of several, they are as the outputs are.
const named = model({ inputs: x, outputs: { h, y } }).predictor()
const record = await named.predict({ x: [[1, 2, 3, 4]] })
expectType<Equal<typeof record, { readonly h: Float32Array; readonly y: Float32Array }>>()
const queued = await batcher(named).predict(rows)
expectType<Equal<typeof queued, { readonly h: Float32Array; readonly y: Float32Array }>>()
const list = await model({ inputs: x, outputs: [h, y] })
  .predictor()
  .predict(rows)
expectType<Equal<typeof list, readonly [Float32Array, Float32Array]>>()

// @ts-expect-error There is no such output.
record.z
// @ts-expect-error Results go into an array for each output.
named.predictSync(rows, { out: rows })
