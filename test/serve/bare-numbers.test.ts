/** Inputs of one value in requests: bare numbers, and the name that the graph gives its only input. */

import assert from 'node:assert/strict'
import { input, layers, model } from 'neurode'
import { parseInferRequest, parsePredictRequest, serve, type TensorRequest, type TensorSpec } from 'neurode/serve'
import { ask } from '../support/serving.js'

const spec: TensorSpec = {
  inputShape: [5],
  outputShape: [1],
  inputs: [
    { name: 'a', shape: [1] },
    { name: 'b', shape: [4] },
  ],
}

const bodyOf = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const predict = (value: unknown) => parsePredictRequest(bodyOf(value), spec)

function written(request: TensorRequest): number[] {
  const into = new Float32Array(request.rows * 5)
  request.write(into)
  return [...into]
}

describe('an input of one value', () => {
  const rows = [
    { a: 1, b: [2, 3, 4, 5] },
    { b: [7, 8, 9, 10], a: [6] },
  ]

  it('may be a bare number in each row', () => {
    const values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert.deepEqual(written(predict({ instances: rows })), values)
    assert.deepEqual(written(predict({ inputs: { a: [1, 6], b: rows.map(({ b }) => b) } })), values)
    const flat = { name: 'a', shape: [2], datatype: 'INT64', data: [1, 6] }
    const four = { name: 'b', shape: [2, 4], datatype: 'FP32', data: [2, 3, 4, 5, 7, 8, 9, 10] }
    assert.deepEqual(written(parseInferRequest(bodyOf({ inputs: [flat, four] }), undefined, spec)), values)
  })

  it('is named where it is none', () => {
    const refused = (read: () => unknown, message: string) => assert.throws(read, { code: 'ERR_REQUEST', message })
    for (const [a, expected] of [
      [null, 'instances[1].a: expected a number, got null'],
      ['1', 'instances[1].a: expected a number, got a string'],
      [1e300, 'instances[1].a: expected a number that float32 can hold, got 1e+300'],
      [[1, 2], 'instances[1].a: expected shape [1], got [2]'],
    ] as const) {
      refused(() => predict({ instances: [rows[0], { ...rows[0], a }] }), expected)
    }
    const text = '{"instances":[{"a":01,"b":[1,2,3,4]}]}'
    refused(() => predict(text), 'instances[0].a: expected a number, got 01')
  })

  it('may have the name that it has in its graph', async () => {
    const year = input({ shape: [1], name: 'year' })
    const price = layers.dense({ units: 1, kernelInitializer: 'ones' }).apply(year)
    using cars = model({ inputs: year, outputs: price }).compile({ loss: 'mse', device: 'cpu' })
    await using server = await serve({ models: { cars }, port: 0, device: 'cpu', threads: 1 })
    const answered = async (body: object, path = '/v1/models/cars:predict') => {
      const answer = await ask(server.url, path, { body: JSON.stringify(body) })
      assert.equal(answer.status, 200, answer.body.toString())
      return answer.json()
    }
    const predictions = [[2019], [2020]]
    for (const name of ['year', 'input']) {
      const instances = [{ [name]: 2019 }, { [name]: [2020] }]
      assert.deepEqual(await answered({ instances }), { predictions })
      const tensor = { name, shape: [2, 1], datatype: 'FP32', data: [2019, 2020] }
      assert.deepEqual((await answered({ inputs: [tensor] }, '/v2/models/cars/infer')).outputs[0].data, [2019, 2020])
    }
    assert.deepEqual(await answered({ instances: [2019, 2020] }), { predictions })
    for (const [record, expected] of [
      [{ year: null }, 'instances[0].year: expected a number, got null'],
      [{}, "instances[0]: expected a member 'input', got none"],
      [{ yaer: 1 }, "instances[0]: expected one member, 'input', got 'yaer'"],
      [{ year: 1, input: 1 }, "instances[0]: expected one member, 'input', got 'input'"],
    ] as const) {
      const answer = await ask(server.url, '/v1/models/cars:predict', { body: JSON.stringify({ instances: [record] }) })
      assert.deepEqual([answer.status, answer.json().error], [400, expected])
    }
  })
})
