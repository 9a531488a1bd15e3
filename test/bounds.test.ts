/** Numbers that would need unbounded work or memory are refused, and the message names the bound. */

import assert from 'node:assert/strict'
import { array, layers, NeurodeError, sequential } from 'neurode'
import { plot } from 'neurode/plot'
import { batcher, serve } from 'neurode/serve'

const dense = (units = 1, inputShape = [1]) => layers.dense({ units, inputShape })
const model = () => sequential([dense()]).compile({ loss: 'mse' })
const points = {
  x: [
    [0, 0],
    [1, 1],
  ],
  y: [0, 1],
}
const huge = 2 ** 40

/** Each call gets numbers that are too large: from the smallest such number to the largest number of all. */
const cases: readonly [name: string, call: (value: number) => unknown, above: number][] = [
  ['the scale of a picture', async (value) => (await plot.line({ a: [1, 2] })).png({ scale: value }), 100],
  [
    'the resolution of a boundary',
    (value) => plot.decisionBoundary(sequential([dense(1, [2])]), { ...points, resolution: value }),
    2001,
  ],
  [
    'the pictures that are shown',
    (value) => plot.images(array(new Uint8Array(4), [1, 2, 2]), { limit: value }),
    10_001,
  ],
  ['the columns of pictures', (value) => plot.images(array(new Uint8Array(4), [1, 2, 2]), { columns: value }), 10_001],
  ['the units of a layer', (value) => sequential([dense(value)]), 2 ** 28 + 1],
  ['the width of rows', (value) => sequential([dense(1, [value])]), 2 ** 28 + 1],
  ['the shape of rows', (value) => sequential([layers.flatten({ inputShape: [2 ** 15, value] })]), 2 ** 14],
  ['the repeats of a vector', (value) => sequential([layers.repeatVector({ n: value, inputShape: [1] })]), 2 ** 28 + 1],
  [
    'the rows of an embedding',
    (value) => sequential([layers.embedding({ inputDim: value, outputDim: 1, inputShape: [1] })]),
    2 ** 24 + 1,
  ],
  [
    'the tokens of an encoding',
    (value) => sequential([layers.categoryEncoding({ numTokens: value, inputShape: [1] })]),
    2 ** 24 + 1,
  ],
  [
    'the threads of a model',
    (value) =>
      model()
        .compile({ loss: 'mse', threads: value })
        .predict([[1]]),
    1025,
  ],
  ["the rows of a predictor's batch", (value) => model().predictor({ maxBatchSize: value }), 2 ** 28 + 1],
  ["the rows of a batcher's batch", (value) => batcher(model().predictor(), { maxBatchSize: value }), 2 ** 28 + 1],
  [
    'the rows of a request',
    (value) => batcher(model().predictor(), { maxQueueSize: huge }).run(value, () => {}),
    2 ** 28 + 1,
  ],
  ['the time for an answer', (value) => batcher(model().predictor(), { timeoutMs: value }), 2 ** 31],
  ['the time for one answer', (value) => batcher(model().predictor()).run(1, () => {}, { timeoutMs: value }), 2 ** 31],
  ['the wait for others', (value) => batcher(model().predictor(), { maxQueueDelayMicros: value }), 2 ** 31 * 1000],
  ...(['requestTimeoutMs', 'headersTimeoutMs', 'keepAliveTimeoutMs', 'timeoutMs'] as const).map(
    (name): [string, (value: number) => unknown, number] => [
      `the server's ${name}`,
      async (value) => (await serve({ models: { a: model() }, port: 0, [name]: value })).close(),
      2 ** 31,
    ],
  ),
]

describe('bounds', () => {
  for (const [name, call, above] of cases) {
    it(`are named where a number is too large: ${name}`, async () => {
      for (const value of [above, huge * 4, Number.MAX_SAFE_INTEGER]) {
        await assert.rejects(
          async () => call(value),
          (error) => {
            assert.ok(error instanceof NeurodeError, String(error))
            assert.ok(['ERR_ARGUMENT', 'ERR_SHAPE'].includes(error.code), error.message)
            assert.match(error.message, /(?:at most|from \S+ to) \d+|expected a number from [\d.]+ to \d/)
            assert.doesNotMatch(error.message, /\.0{3}/)
            return true
          },
        )
      }
    })
  }
})
