/** Models of tables in the Open Inference Protocol: a tensor for each column, in JSON and in bytes. */

import assert from 'node:assert/strict'
import type { TableRecord, TabularModel } from 'neurode'
import { type InferenceServer, serve } from 'neurode/serve'
import { assertSameAnswers } from '../support/answers.js'
import { carRows, oddName, priceModel, soldModel } from '../support/cars.js'
import { ask } from '../support/serving.js'

const count = 5
const rows = carRows(count, 3).map(({ price: _, sold: __, ...row }) => row)
const types = { year: 'INT32', make: 'BYTES', listed: 'BYTES', damaged: 'BOOL', [oddName]: 'FP64', notes: 'BYTES' }
type Name = keyof typeof types

const cellsOf = (name: Name): unknown[] => JSON.parse(JSON.stringify(rows.map((row) => row[name])))
const json = (Object.keys(types) as Name[]).map((name, i) => {
  const shape = i % 2 === 0 ? [count, 1] : [count]
  return { name, shape, datatype: types[name] as string, data: cellsOf(name) }
})

/** A request whose tensors follow its JSON as bytes, except those that have data. */
function binaryRequest(
  tensors: readonly { name: string; datatype: string; bytes?: Buffer; data?: unknown }[],
  more = {},
) {
  const inputs = tensors.map(({ bytes, ...tensor }) => {
    return {
      shape: [count, 1],
      ...tensor,
      ...(bytes === undefined ? {} : { parameters: { binary_data_size: bytes.length } }),
    }
  })
  const head = Buffer.from(JSON.stringify({ inputs, ...more }))
  const headers = { 'inference-header-content-length': String(head.length) }
  return { body: Buffer.concat([head, ...tensors.map(({ bytes }) => bytes ?? Buffer.alloc(0))]), headers }
}

function textBytes(texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.map((text) => {
      const bytes = Buffer.from(text)
      const length = Buffer.alloc(4)
      length.writeUInt32LE(bytes.length)
      return Buffer.concat([length, bytes])
    }),
  )
}

describe('named columns in the Open Inference Protocol', () => {
  let server: InferenceServer
  let models: { price: TabularModel; sold: TabularModel }

  before(async () => {
    models = { price: await priceModel(), sold: await soldModel() }
    server = await serve({ models: { ...models }, port: 0, device: 'cpu', threads: 1 })
  })
  after(async () => {
    await server.close()
    models.price.dispose()
    models.sold.dispose()
  })

  const infer = (body: unknown, headers: Record<string, string> = {}, model = 'sold') => {
    return ask(server.url, `/v2/models/${model}/infer`, {
      body: Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body),
      headers,
    })
  }
  const answered = async (...given: Parameters<typeof infer>) => {
    const answer = await infer(...given)
    assert.equal(answer.status, 200, answer.body.toString())
    return answer
  }

  it('are answered with labels and probabilities, or with numbers', async () => {
    const labels = await models.sold.predict(rows as TableRecord[])
    const shares = labels.flatMap(({ probabilities }) => Object.values(probabilities as Record<string, number>))
    for (const headers of [{}, { te: 'trailers' }]) {
      const answer = (await answered({ id: 'i', inputs: json.toReversed() }, headers)).json()
      assert.deepEqual([answer.model_name, answer.model_version, answer.id], ['sold', '1', 'i'])
      const [label, probabilities] = answer.outputs
      assert.deepEqual(label, {
        name: 'label',
        datatype: 'BYTES',
        shape: [count, 1],
        data: labels.map(({ label }) => label),
      })
      assert.deepEqual(
        { ...probabilities, data: 0 },
        { name: 'probabilities', datatype: 'FP32', shape: [count, 2], data: 0 },
      )
      assertSameAnswers(probabilities.data.map(Math.fround), shares)
    }
    const prices = await models.price.predict(rows as TableRecord[])
    const { outputs } = (await answered({ inputs: json }, {}, 'price')).json()
    const data = prices.map((answer) => (answer as { price: number }).price)
    assertSameAnswers(outputs, [{ name: 'price', datatype: 'FP64', shape: [count, 1], data }])
  })

  it('may be bytes, and so may the answer', async () => {
    const year = [1999, 2001, 2010, 2015, 2020]
    const make = ['Škoda', 'VW', '', 'Fiat', 'another']
    const damaged = [true, false, true, true, false]
    const records = year.map((year, i) => ({ year, make: make[i] as string, damaged: damaged[i] as boolean }))
    const expected = await models.sold.predict(records)
    const years: [string, Buffer][] = [
      ['FP64', Buffer.from(Float64Array.from(year).buffer)],
      ['FP32', Buffer.from(Float32Array.from(year).buffer)],
      ['INT64', Buffer.from(BigInt64Array.from(year.map(BigInt)).buffer)],
      ['UINT64', Buffer.from(BigUint64Array.from(year.map(BigInt)).buffer)],
      ['INT32', Buffer.from(Int32Array.from(year).buffer)],
      ['UINT32', Buffer.from(Uint32Array.from(year).buffer)],
      ['INT16', Buffer.from(Int16Array.from(year).buffer)],
      ['UINT16', Buffer.from(Uint16Array.from(year).buffer)],
    ]
    for (const [datatype, bytes] of years) {
      const tensors = [
        { name: 'make', datatype: 'BYTES', bytes: textBytes(make) },
        { name: 'year', datatype, bytes },
        { name: 'damaged', datatype: 'BOOL', bytes: Buffer.from(damaged.map(Number)) },
      ]
      for (const te of [{}, { te: 'trailers' }]) {
        const { body, headers } = binaryRequest(tensors, { parameters: { binary_data_output: true } })
        const answer = await answered(body, { ...headers, ...te })
        const length = Number(answer.headers['inference-header-content-length'])
        const { outputs } = JSON.parse(answer.body.subarray(0, length).toString())
        const labels = textBytes(expected.map(({ label }) => String(label)))
        assert.deepEqual(outputs[0].parameters, { binary_data_size: labels.length })
        assert.deepEqual(answer.body.subarray(length, length + labels.length), labels)
        const floats = new Float32Array(Uint8Array.from(answer.body.subarray(length + labels.length)).buffer)
        const shares = expected.flatMap(({ probabilities }) => Object.values(probabilities as Record<string, number>))
        assertSameAnswers([...floats], shares)
      }
    }
    const mixed = binaryRequest([
      { name: 'make', datatype: 'BYTES', data: make },
      { name: 'year', datatype: 'FP64', bytes: Buffer.from(Float64Array.from([Number.NaN, 1, 2, 3, 4]).buffer) },
    ])
    const [first] = (await answered(mixed.body, mixed.headers)).json().outputs[0].data
    const [gap] = await models.sold.predict([{ make: make[0] as string }])
    assert.equal(first, gap?.label)
  })

  it('name the outputs that they want', async () => {
    const asked = async (outputs: unknown) => (await answered({ inputs: json, outputs })).json().outputs
    const names = (outputs: { name: string }[]) => outputs.map(({ name }) => name)
    assert.deepEqual(names(await asked([])), ['label', 'probabilities'])
    assert.deepEqual(names(await asked([{ name: 'probabilities' }, { name: 'label' }])), ['probabilities', 'label'])
    assert.deepEqual(names(await asked([{ name: 'label' }])), ['label'])
    const binary = await answered({ inputs: json, outputs: [{ name: 'label', parameters: { binary_data: true } }] })
    assert.ok(Number(binary.headers['inference-header-content-length']) < binary.body.length)
  })

  it('are refused with the member that is wrong', async () => {
    const wrong = async (body: unknown, expected: RegExp, headers: Record<string, string> = {}) => {
      const answer = await infer(body, headers)
      assert.equal(answer.status, 400, answer.body.toString())
      assert.match(answer.json().error, expected)
    }
    const tensor = (change: object) => ({ inputs: [json[1], { ...json[0], ...change }] })
    await wrong(tensor({ name: 'yaer' }), /^inputs\[1\]\.name: expected columns of the model, got 'yaer'; did you mean/)
    await wrong(tensor({ name: undefined }), /^inputs\[1\]\.name: expected a string, got none/)
    await wrong(tensor({ name: 'make' }), /^inputs\[1\]\.name: expected each column once, got "make" twice/)
    await wrong(tensor({ shape: [2, 1] }), /^inputs\[1\]\.shape: expected as many rows as the tensor before, 5, got 2/)
    await wrong(tensor({ shape: [5, 2] }), /^inputs\[1\]\.shape: expected \[n, 1\] or \[n\], got \[5,2\]/)
    await wrong(tensor({ shape: [] }), /^inputs\[1\]\.shape: expected \[n, 1\] or \[n\]/)
    await wrong(tensor({ shape: 5 }), /^inputs\[1\]\.shape: expected an array of whole numbers, got 5/)
    await wrong(
      { inputs: [{ ...json[0], shape: [5000] }] },
      /^inputs\[0\]\.shape: expected at most 4096 rows \(maxRows\)/,
    )
    await wrong({ inputs: [{ ...json[0], shape: [0], data: [] }] }, /^inputs\[0\]\.shape: expected at least one row/)
    await wrong(tensor({ datatype: 'FP8' }), /^inputs\[1\]\.datatype: expected one of FP64, .*, got "FP8"/)
    await wrong(tensor({ data: undefined }), /^inputs\[1\]\.data: expected an array, got none/)
    await wrong(tensor({ data: [1] }), /^inputs\[1\]\.data: expected 5 values as in shape, got 1/)
    await wrong(
      tensor({ data: [1, 2, 3, 4, 'x'] }),
      /^inputs\[1\]\.data\[4\]: expected a whole number of 32 bits, got "x"/,
    )
    await wrong(
      tensor({ data: [1, 2, 3, 4, 1.5] }),
      /^inputs\[1\]\.data\[4\]: expected a whole number of 32 bits, got 1.5/,
    )
    const texts = { datatype: 'BYTES', data: ['1', '2', '3', '4', '5'] }
    await wrong(tensor(texts), /^column 'year' of inputs\[1\]\.data\[0\]: expected a number, got "1"/)
    await wrong({ inputs: [] }, /^inputs: expected a tensor for each column, got none/)
    await wrong({ inputs: {} }, /^inputs: expected an array of tensors, got an object/)
    await wrong({ id: 5, inputs: json }, /^id: expected a string, got 5/)
    await wrong(
      { inputs: json, outputs: [{ name: 'price' }] },
      /^outputs\[0\]\.name: expected one of 'label', 'probabilities', got "price"/,
    )
    await wrong(
      { inputs: json, outputs: [{ name: 'label' }, { name: 'label' }] },
      /^outputs\[1\]\.name: expected each output once/,
    )
    const classification = [{ name: 'label', parameters: { classification: 2 } }]
    await wrong({ inputs: json, outputs: classification }, /^outputs\[0\]\.parameters: expected no classification/)
    await wrong(
      { inputs: json, parameters: { binary_data_output: 1 } },
      /^parameters\.binary_data_output: expected true or false/,
    )

    const bytes = textBytes(['a', 'b', 'c', 'd', 'e'])
    const binary = async (part: Buffer, expected: RegExp, change: object = {}) => {
      const { body, headers } = binaryRequest([{ name: 'make', datatype: 'BYTES', bytes: part, ...change }])
      await wrong(body, expected, headers)
    }
    const size = /^inputs\[0\]\.parameters\.binary_data_size: expected /
    await binary(bytes.subarray(0, -1), size)
    for (const length of [2, 20]) {
      await binary(bytes.subarray(0, length), /expected 5 texts, each behind its length, got the end of the bytes/)
    }
    await binary(Buffer.concat([bytes, Buffer.alloc(1)]), size)
    await binary(Buffer.concat([Buffer.from([255, 255, 255, 255]), bytes]), size)
    await binary(
      Buffer.from(bytes.map((byte) => (byte === 97 ? 255 : byte))),
      /texts in UTF-8, got other bytes in text 0/,
    )
    await binary(bytes, /^inputs\[0\]: expected 'data' or binary data, got both/, { data: [] })
    await binary(bytes, /binary_data_size: expected 5 for this shape, got 25/, { name: 'damaged', datatype: 'BOOL' })
    const { body, headers } = binaryRequest([{ name: 'make', datatype: 'BYTES', bytes }])
    await wrong(
      body.subarray(0, -3),
      /binary_data_size: expected at most 22, the bytes after the JSON, got 25/,
      headers,
    )
    await wrong(Buffer.concat([body, bytes]), /^inputs: expected binary_data_size to count all 50 bytes/, headers)
    await wrong(body, /^Inference-Header-Content-Length: expected at most/, {
      'inference-header-content-length': '99999',
    })
  })
})
