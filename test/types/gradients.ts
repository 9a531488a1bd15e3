/** The types of gradients. tsc compiles this file; it is never run. */

import {
  type ArrayInput,
  type Functional,
  input,
  layers,
  model,
  type NdArray,
  type Prediction,
  sequential,
} from 'neurode'
import { type Equal, expectType } from './equal.js'

type Floats = NdArray<Float32Array>

// One input has an array, if it was asked for.
const chain = sequential([layers.dense({ units: 3, inputShape: [2] })])
const { inputs: none, outputs, gradients, loss } = await chain.valueAndGradients([[1, 2]], [[1, 2, 3]])
expectType<Equal<typeof none, undefined>>()
expectType<Equal<typeof outputs, Prediction<readonly [3]>>>()
expectType<Equal<typeof loss, number>>()
const { inputs: one } = await chain.valueAndGradients([[1, 2]], [[1, 2, 3]], { inputs: true })
expectType<Equal<typeof one, Floats>>()
const { inputs: back } = await chain.backward([[1, 2]], [[1, 2, 3]])
expectType<Equal<typeof back, Floats>>()
const { inputs: off } = await chain.backward([[1, 2]], [[1, 2, 3]], { inputs: false })
expectType<Equal<typeof off, undefined>>()
const { applied } = await chain.applyGradients(gradients, { skipNonFinite: true })
expectType<Equal<typeof applied, boolean>>()
// @ts-expect-error: a single output has no list of gradients by name.
chain.backward([[1, 2]], { dense: [[1, 2, 3]] })

// Results go into arrays of the user.
const floats = new Float32Array(3)
await chain.backward([[1, 2]], [[1, 2, 3]], {
  out: { outputs: floats, gradients: { 'dense/bias': floats }, inputs: floats },
})
// @ts-expect-error: a single output has one array.
await chain.valueAndGradients([[1, 2]], [[1, 2, 3]], { out: { outputs: { dense: floats } } })
// @ts-expect-error: results are float32.
await chain.valueAndGradients([[1, 2]], [[1, 2, 3]], { out: { inputs: new Float64Array(2) } })

// Several inputs and outputs have names.
const [a, b] = [input({ shape: [2] }), input({ shape: [2] })]
const sum = layers.add().apply([a, b])
const two = model({ inputs: { a, b }, outputs: { sum, part: layers.dense({ units: 1 }).apply(sum) } })
const data = { a: [[1, 2]], b: [[3, 4]] }
const result = await two.backward(data, { sum: null, part: [[1]] })
expectType<Equal<typeof result.inputs, { readonly a?: Floats; readonly b?: Floats }>>()
expectType<Equal<typeof result.outputs.part, Prediction<readonly [1]>>>()
await two.trainWithOutputGradients(data, ({ part }) => ({ sum: null, part: part.data }))
await two.backward(
  data,
  { sum: null, part: [[1]] },
  { out: { outputs: { sum: floats, part: floats }, inputs: { a: floats } } },
)
// @ts-expect-error: the array of one output is missing.
await two.backward(data, { sum: null, part: [[1]] }, { out: { outputs: { sum: floats } } })
// @ts-expect-error: gradients of one output are missing.
await two.trainWithOutputGradients(data, ({ part }) => ({ part: part.data }))
// @ts-expect-error: there is no such output.
two.backward(data, { sum: null, part: [[1]], other: null })

// A list or a record of one is one.
const listed = model({ inputs: [a], outputs: [layers.dense({ units: 1 }).apply(a)] })
const { inputs: ofList } = await listed.backward([[1, 2]], [[1]])
expectType<Equal<typeof ofList, Floats>>()
const named = model({ inputs: { a }, outputs: { out: layers.dense({ units: 1 }).apply(a) } })
const { inputs: ofRecord } = await named.backward([[1, 2]], [[1]])
expectType<Equal<typeof ofRecord, Floats>>()

// A model of any inputs may have one or several.
async function anyInputs(net: Functional, x: ArrayInput) {
  const { inputs } = await net.backward(x, x)
  expectType<Equal<typeof inputs, Floats | Readonly<Record<string, Floats>>>>()
}
anyInputs(two as never, [[1]])
