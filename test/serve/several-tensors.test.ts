/** Models of several inputs and outputs in a server: a tensor for each, in both protocols, and what is refused of them. */

import assert from 'node:assert/strict'
import { array, input, layers, load, model, NeurodeError } from 'neurode'
import {
  batcher,
  formatInferResponse,
  formatPredictResponse,
  type InferenceServer,
  parseInferRequest,
  parsePredictRequest,
  serve,
  type TensorRequest,
  type TensorSpec,
} from 'neurode/serve'
import { perDevice } from '../support/devices.js'
import { Random } from '../support/random.js'
import { ask, temporaryFolder } from '../support/serving.js'

const spec: TensorSpec = {
  inputShape: [5],
  outputShape: [3],
  inputs: [
    { name: 'a', shape: [2] },
    { name: 'b', shape: [1, 3] },
  ],
  outputs: [
    { name: 'x', shape: [1] },
    { name: 'y', shape: [2] },
  ],
  maxRows: 4,
}

const a = { name: 'a', shape: [2, 2], datatype: 'FP32', data: [1, 2, 6, 7] }
const b = { name: 'b', shape: [2, 1, 3], datatype: 'INT32', data: [[[3, 4, 5]], [[8, 9, 10]]] }
const joined = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

const bodyOf = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const infer = (value: unknown) => parseInferRequest(bodyOf(value), undefined, spec)
const predict = (value: unknown) => parsePredictRequest(bodyOf(value), spec)

function written(request: TensorRequest): number[] {
  const into = new Float32Array(request.rows * 5).fill(-1)
  request.write(into)
  return [...into]
}

function refuses(parse: () => unknown, ...expected: string[]): void {
  assert.throws(parse, (error: unknown) => {
    assert.ok(error instanceof NeurodeError && error.code === 'ERR_REQUEST', String(error))
    for (const text of expected) assert.ok(error.message.includes(text), `${error.message}\ndoes not say ${text}`)
    return true
  })
}

/** A request whose tensors follow its JSON as bytes, except those that have data. */
function binaryRequest(tensors: readonly (object & { bytes?: Uint8Array })[], more: object = {}) {
  const inputs = tensors.map(({ bytes, ...tensor }) =>
    bytes === undefined ? tensor : { ...tensor, parameters: { binary_data_size: bytes.length } },
  )
  const json = bodyOf({ inputs, ...more })
  return { body: Buffer.concat([json, ...tensors.map(({ bytes }) => bytes ?? Buffer.alloc(0))]), length: json.length }
}

const bytesOf = ({ buffer }: Float32Array | Int16Array | Int32Array) => new Uint8Array(buffer)

describe('requests with several tensors', () => {
  it('give rows of all inputs side by side, in any order of tensors', () => {
    assert.deepEqual(written(infer({ inputs: [a, b] })), joined)
    assert.deepEqual(written(infer({ inputs: [b, a] })), joined)
    assert.deepEqual(written(infer({ inputs: [{ ...b, shape: [2, 3], data: b.data.flat() }, a] })), joined)
  })

  it('may have binary tensors, or binary ones and others', () => {
    const [binaryA, binaryB] = [
      { name: 'a', shape: [2, 2], datatype: 'INT16', bytes: bytesOf(Int16Array.of(1, 2, 6, 7)) },
      { name: 'b', shape: [2, 3], datatype: 'FP32', bytes: bytesOf(Float32Array.of(3, 4, 5, 8, 9, 10)) },
    ]
    for (const tensors of [
      [binaryA, binaryB],
      [binaryB, binaryA],
      [binaryA, b],
      [b, binaryA],
      [a, binaryB],
    ]) {
      const { body, length } = binaryRequest(tensors)
      assert.deepEqual(written(parseInferRequest(body, length, spec)), joined)
    }
    const { body, length } = binaryRequest([binaryA, binaryB])
    const size = 'binary_data_size'
    refuses(() => parseInferRequest(body.subarray(0, -1), length, spec), `inputs[1].parameters.${size}`, '24', '23')
    const longer = Buffer.concat([body, Buffer.alloc(2)])
    refuses(() => parseInferRequest(longer, length, spec), `inputs: expected ${size}`, '34', '32')
  })

  it('of TensorFlow Serving have an object for each row, or one of columns', () => {
    const rows = [
      { a: [1, 2], b: [[3, 4, 5]] },
      { b: [8, 9, 10], a: [6, 7] },
    ]
    const request = predict({ instances: rows })
    assert.deepEqual([request.rows, request.outputKey, written(request)], [2, 'predictions', joined])
    for (const columns of [
      { a: [a.data.slice(0, 2), a.data.slice(2)], b: b.data },
      { b: b.data.flat(), a: [a.data.slice(0, 2), a.data.slice(2)] },
    ]) {
      const request = predict({ signature_name: 's', inputs: columns })
      assert.deepEqual([request.rows, request.outputKey, written(request)], [2, 'outputs', joined])
    }
  })

  it('are refused with the member that is wrong', () => {
    refuses(() => infer({ inputs: [a] }), "inputs: expected 2 tensors, 'a', 'b', got no 'b'")
    refuses(() => infer({ inputs: [] }), "2 tensors, 'a', 'b'", 'none')
    refuses(() => infer({ inputs: [a, a] }), "inputs[1].name: expected each tensor once, got 'a' twice")
    refuses(() => infer({ inputs: [a, { ...b, name: 'c' }] }), "inputs[1].name: expected one of 'a', 'b', got 'c'")
    refuses(() => infer({ inputs: [a, b, a] }), 'inputs[2]', '2 tensors', 'more')
    refuses(() => infer({ inputs: [a, { ...b, shape: [2, 2] }] }), 'inputs[1].shape', '[n, 1, 3]', '[2, 2]')
    const one = { ...b, shape: [1, 3], data: [3, 4, 5] }
    refuses(() => infer({ inputs: [a, one] }), 'inputs[1].shape: expected as many rows as the tensor before, 2, got 1')
    refuses(() => infer({ inputs: [{ ...a, shape: [5, 2] }, b] }), 'inputs[0].shape', '4 rows (maxRows)', '5')
    refuses(() => infer({ inputs: [a, { ...b, data: [1.5, 2, 3, 4, 5, 6] }] }), 'inputs[1].data', 'INT32', '1.5 at 0')
    refuses(() => infer({ inputs: [{ ...a, data: [1, 2, 3] }, b] }), 'inputs[0].data', '[4]', '[3]')
    refuses(() => infer({ inputs: { a, b } }), 'inputs: expected an array of tensors')
    refuses(() => infer({}), 'inputs', 'none')

    const row = { a: [1, 2], b: [3, 4, 5] }
    const rows = (...instances: unknown[]) => predict({ instances })
    refuses(() => rows(row, { a: [1, 2] }), "instances[1]: expected a member 'b', got none")
    refuses(() => rows({ ...row, c: [1] }), 'instances[0]', "2 members, 'a', 'b'", "'c'")
    refuses(() => predict('{"instances":[{"a":[1,2],"a":[1,2]}]}'), 'instances[0]', 'once', "'a' twice")
    refuses(() => rows([1, 2, 3, 4, 5]), "instances[0]: expected an object with 'a', 'b', got an array")
    refuses(() => rows(row, { ...row, b: [1, 2] }), 'instances[1].b: expected shape [1, 3], got [2]')
    refuses(() => rows({ ...row, a: 1 }), 'instances[0].a', 'an array')
    refuses(() => rows({ ...row, a: [] }), 'instances[0].a', '[0]')
    refuses(() => rows(row, row, row, row, row), 'instances: expected at most 4 rows (maxRows), got 5')
    refuses(() => rows(), 'instances', 'at least one row', 'none')
    const columns = (inputs: unknown) => predict({ inputs })
    refuses(() => columns({ a: [[1, 2]] }), "inputs: expected a member 'b', got none")
    refuses(() => columns([[1, 2, 3, 4, 5]]), "inputs: expected an object with 'a', 'b'")
    refuses(() => columns({ a: [[1, 2]], b: [row.b, row.b] }), 'inputs.b: expected as many rows', '1', '2')
    refuses(() => columns({ a: [[1, 2]], b: [[1]] }), 'inputs.b: expected shape [n, 1, 3]', '[1, 1]')
    refuses(() => columns({ a: [], b: [] }), 'inputs.a', 'at least one row')
    refuses(() => predict({ instances: [row], inputs: row }), "'inputs' too")
  })

  it('name the outputs that they want', () => {
    const asked = (outputs: unknown, more: object = {}) => infer({ inputs: [a, b], outputs, ...more })
    assert.equal(infer({ inputs: [a, b] }).outputs, undefined)
    assert.equal(asked([]).outputs, undefined)
    assert.deepEqual(asked([{ name: 'y' }]).outputs, [{ name: 'y', binary: false }])
    const mixed = asked([{ name: 'y', parameters: { binary_data: true } }, { name: 'x' }])
    assert.deepEqual(mixed.outputs, [
      { name: 'y', binary: true },
      { name: 'x', binary: false },
    ])
    assert.ok(mixed.binaryOutput)
    const parameters = { binary_data_output: true }
    assert.ok(asked([{ name: 'x' }], { parameters }).outputs?.[0]?.binary)
    refuses(() => asked([{ name: 'z' }]), "outputs[0].name: expected one of 'x', 'y', got 'z'")
    refuses(() => asked([{ name: 'x' }, { name: 'x' }]), "outputs[1].name: expected each output once, got 'x' twice")
    refuses(() => asked([{ name: 'x' }, { name: 'y' }, { name: 'x' }]), 'outputs[2]', '2 outputs', 'more')
  })
})

describe('responses with several tensors', () => {
  const output = Float32Array.of(1, 2, 3, 4, 5, 6)
  const identity = { name: 'm', version: '1' }

  it('name the outputs that were asked for', () => {
    const answer = (more: object) => {
      const { body, headerLength } = formatInferResponse(infer({ inputs: [a, b], ...more }), output, spec, identity)
      const json = JSON.parse(body.slice(0, headerLength).toString())
      const bytes = headerLength === undefined ? undefined : Buffer.from(body.slice(headerLength) as Buffer)
      return { outputs: json.outputs, floats: bytes && [...new Float32Array(Uint8Array.from(bytes).buffer)] }
    }
    const x = { name: 'x', datatype: 'FP32', shape: [2, 1], data: [1, 4] }
    const y = { name: 'y', datatype: 'FP32', shape: [2, 2], data: [2, 3, 5, 6] }
    assert.deepEqual(answer({}).outputs, [x, y])
    assert.deepEqual(answer({ outputs: [{ name: 'y' }] }).outputs, [y])
    assert.deepEqual(answer({ outputs: [{ name: 'y' }, { name: 'x' }] }).outputs, [y, x])
    const { data: _x, ...ofX } = x
    const { data: _y, ...ofY } = y
    const binary = (size: number) => ({ parameters: { binary_data_size: size } })
    const all = answer({ parameters: { binary_data_output: true } })
    assert.deepEqual(all, {
      outputs: [
        { ...ofX, ...binary(8) },
        { ...ofY, ...binary(16) },
      ],
      floats: [1, 4, 2, 3, 5, 6],
    })
    const mixed = answer({ outputs: [{ name: 'y', parameters: { binary_data: true } }, { name: 'x' }] })
    assert.deepEqual(mixed, { outputs: [{ ...ofY, ...binary(16) }, x], floats: [2, 3, 5, 6] })
  })

  it('of TensorFlow Serving have objects by name', () => {
    const row = { a: [1, 2], b: [3, 4, 5] }
    const answer = (body: unknown) => JSON.parse(formatPredictResponse(predict(body), output, spec))
    const rows = [
      { x: [1], y: [2, 3] },
      { x: [4], y: [5, 6] },
    ]
    assert.deepEqual(answer({ instances: [row, row] }), { predictions: rows })
    const columns = { a: [row.a, row.a], b: [row.b, row.b] }
    assert.deepEqual(answer({ inputs: columns }), {
      outputs: {
        x: [[1], [4]],
        y: [
          [2, 3],
          [5, 6],
        ],
      },
    })
  })

  it('and specs are checked', () => {
    const wrong = (change: object, expected: RegExp) => {
      const body = bodyOf({ inputs: [a, b] })
      assert.throws(
        () => parseInferRequest(body, undefined, { ...spec, ...change }),
        (error: unknown) => {
          assert.ok(error instanceof NeurodeError, String(error))
          assert.match(error.message, expected)
          return true
        },
      )
    }
    wrong({ inputShape: [4] }, /inputShape: expected \[5\]/)
    wrong({ inputName: 'input' }, /inputName/)
    wrong({ outputs: [] }, /outputs: expected a list/)
    wrong(
      {
        outputs: [
          { name: 'x', shape: [1] },
          { name: 'x', shape: [2] },
        ],
      },
      /different names/,
    )
    wrong({ inputs: [{ name: 'a', shape: [0] }] }, /inputs\[0\]\.shape/)
    wrong({ inputs: [5] }, /inputs\[0\]: expected an object/)
    const request = { ...infer({ inputs: [a, b] }), outputs: [{ name: 'z', binary: false }] }
    assert.throws(() => formatInferResponse(request, output, spec, identity), { code: 'ERR_ARGUMENT' })
  })
})

/** A model of three numbers and an integer. */
function houses(device: string) {
  const numeric = input({ shape: [3], name: 'numeric' })
  const city = input({ shape: [1], dtype: 'int32', name: 'city' })
  const vector = layers.flatten().apply(layers.embedding({ inputDim: 9, outputDim: 4 }).apply(city))
  const h = layers.dense({ units: 6, activation: 'tanh' }).apply(layers.concatenate().apply([numeric, vector]))
  const outputs = layers.dense({ units: 2 }).apply(h)
  return model({ inputs: { numeric, city }, outputs, seed: 3 }).compile({ loss: 'mse', device, threads: 1 })
}

const rowCount = 7
const numbers = new Random(5).normals(3 * rowCount)
const cities = Int32Array.from({ length: rowCount }, (_, i) => (5 * i) % 9)
const numeric = { name: 'numeric', shape: [rowCount, 3], datatype: 'FP32' }
const city = { name: 'city', shape: [rowCount, 1], datatype: 'INT32' }
const json = [
  { ...city, data: [...cities] },
  { ...numeric, data: [...numbers] },
]

perDevice('a served model of several inputs', (device) => {
  let server: InferenceServer
  let expected: number[]
  let folder: ReturnType<typeof temporaryFolder>
  const net = houses(device)

  before(async () => {
    folder = temporaryFolder()
    expected = [...(await net.predict({ numeric: array(numbers, [rowCount, 3]), city: array(cities) })).data]
    const path = `${folder.path}/file.neurode`
    await net.save(path)
    server = await serve({ models: { net, file: path }, port: 0, device, threads: 1 })
  })
  after(async () => {
    await server.close()
    folder.remove()
  })

  const send = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    ask(server.url, path, { body, headers })
  // The header `te` makes node:http answer instead of the fast path.
  const ways: readonly Record<string, string>[] = [{}, { te: 'trailers' }]
  const assertAnswers = (got: readonly number[]) =>
    got.forEach((value, i) => {
      assert.ok(Math.abs(value - (expected[i] as number)) < 1e-5, `${value} at ${i}`)
    })

  it('says which tensors it takes', async () => {
    for (const name of ['net', 'file']) {
      const { inputs, outputs } = (await ask(server.url, `/v2/models/${name}`)).json()
      assert.deepEqual(inputs, [
        { name: 'numeric', datatype: 'FP32', shape: [-1, 3] },
        { name: 'city', datatype: 'INT32', shape: [-1, 1] },
      ])
      assert.deepEqual(outputs, [{ name: 'output', datatype: 'FP32', shape: [-1, 2] }])
      const config = (await ask(server.url, `/v2/models/${name}/config`)).json()
      assert.deepEqual(config.input[1], { name: 'city', data_type: 'TYPE_INT32', dims: [1] })
    }
  })

  it('answers with what the model gives, in JSON and in bytes', async () => {
    const binary = binaryRequest([
      { ...numeric, bytes: bytesOf(numbers) },
      { ...city, bytes: bytesOf(cities) },
    ])
    const instances = Array.from({ length: rowCount }, (_, i) => ({
      city: [cities[i]],
      numeric: [...numbers.subarray(3 * i, 3 * i + 3)],
    }))
    const columns = { numeric: instances.map((row) => row.numeric), city: instances.map((row) => row.city) }
    for (const headers of ways) {
      for (const name of ['net', 'file']) {
        const one = await send(`/v2/models/${name}/infer`, JSON.stringify({ inputs: json }), headers)
        assert.equal(one.status, 200, one.body.toString())
        assert.deepEqual(one.json().outputs[0].shape, [rowCount, 2])
        assertAnswers(one.json().outputs[0].data)
        const length = { 'inference-header-content-length': String(binary.length) }
        assertAnswers(
          (await send(`/v2/models/${name}/infer`, binary.body, { ...headers, ...length })).json().outputs[0].data,
        )
        const rows = await send(`/v1/models/${name}:predict`, JSON.stringify({ instances }), headers)
        assertAnswers(rows.json().predictions.flat())
        const byColumn = await send(`/v1/models/${name}:predict`, JSON.stringify({ inputs: columns }), headers)
        assertAnswers(byColumn.json().outputs.flat())
      }
    }
  })

  it('refuses what is wrong with 400, and says what', async () => {
    const wrong = async (body: unknown, expected: RegExp, path = '/v2/models/net/infer') => {
      for (const headers of ways) {
        const answer = await send(path, JSON.stringify(body), headers)
        assert.equal(answer.status, 400, answer.body.toString())
        assert.match(answer.json().error, expected)
      }
    }
    await wrong({ inputs: json.slice(0, 1) }, /no 'numeric'/)
    await wrong({ inputs: [{ ...json[0], name: 'input' }, json[1]] }, /one of 'numeric', 'city', got 'input'/)
    await wrong(
      {
        inputs: [
          {
            ...json[0],
            data: cities
              .map(() => 9)
              .join()
              .split(',')
              .map(Number),
          },
          json[1],
        ],
      },
      /9/,
    )
    await wrong({ inputs: [{ ...json[0], shape: [1, 1], data: [0] }, json[1]] }, /as many rows as the tensor before, 1/)
    await wrong({ instances: [[1, 2, 3, 4]] }, /an object with 'numeric', 'city'/, '/v1/models/net:predict')
  })

  it('answers requests of many clients at once', async () => {
    const rows = Array.from({ length: rowCount }, (_, i) => [
      { ...numeric, shape: [1, 3], data: [...numbers.subarray(3 * i, 3 * i + 3)] },
      { ...city, shape: [1, 1], data: [cities[i]] },
    ])
    const answers = await Promise.all(
      rows.map((inputs) => send('/v2/models/net/infer', JSON.stringify({ inputs: inputs.reverse() }))),
    )
    assertAnswers(answers.flatMap((answer) => answer.json().outputs[0].data))
  })

  it('has batchers and predictors that take data by name and in a list', async () => {
    using loaded = await load(`${folder.path}/file.neurode`, { device, threads: 1 })
    using predictor = loaded.predictor()
    using queue = batcher(predictor)
    const [numbersAsked, citiesAsked] = [array(numbers, [rowCount, 3]), array(cities)]
    assertAnswers([...(await queue.predict({ city: citiesAsked, numeric: numbersAsked }))])
    assertAnswers([...(await queue.predict([numbersAsked, citiesAsked]))])
    await assert.rejects(queue.predict([numbersAsked]), { code: 'ERR_SHAPE', message: /a list of 2 arrays/ })
    await assert.rejects(queue.predict({ numeric: numbersAsked }), { code: 'ERR_ARGUMENT', message: /'city'/ })

    const x = input({ shape: [2], name: 'x' })
    using single = model({ inputs: { x }, outputs: layers.dense({ units: 1 }).apply(x) }).predictor()
    using one = batcher(single)
    const rows = array(Float32Array.of(1, 2, 3, 4), [2, 2])
    const alone = await single.predict(Float32Array.of(1, 2, 3, 4))
    for (const given of [{ x: rows }, [rows]]) {
      assert.deepEqual(await single.predict(given), alone)
      assert.deepEqual(single.predictSync(given), alone)
      assert.deepEqual(await one.predict(given), alone)
    }
  })
})
