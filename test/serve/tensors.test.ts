import assert from 'node:assert/strict'
import { errorCodes, NeurodeError } from 'neurode'
import {
  formatInferResponse,
  formatPredictResponse,
  parseInferRequest,
  parsePredictRequest,
  type TensorRequest,
} from 'neurode/serve'
import { nearestFloat32 } from '../support/nearestFloat32.js'
import { Random } from '../support/random.js'

const spec = { inputShape: [2, 3], outputShape: [2], maxRows: 4 }
const six = [1, -2, 0.5, 4e-3, 5, 6]
const tensor = { name: 'input', shape: [1, 2, 3], datatype: 'FP32', data: six }

const bodyOf = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const infer = (value: unknown) => parseInferRequest(bodyOf(value), undefined, spec)
const predict = (value: unknown) => parsePredictRequest(bodyOf(value), spec)

function written(request: TensorRequest, size = 6): number[] {
  const into = new Float32Array(request.rows * size)
  request.write(into)
  return [...into]
}

const rounded = (values: readonly number[]) => [...Float32Array.from(values)]

function refuses(parse: () => unknown, ...expected: string[]): void {
  assert.throws(parse, (error: unknown) => {
    assert.ok(error instanceof NeurodeError, String(error))
    assert.equal(error.code, 'ERR_REQUEST')
    for (const text of expected) assert.ok(error.message.includes(text), `${error.message}\ndoes not say ${text}`)
    return true
  })
}

describe('requests of the Open Inference Protocol', () => {
  it('give their rows, flat or nested, in any order of members and with any white space', () => {
    assert.deepEqual(written(infer({ inputs: [tensor] })), rounded(six))
    const nested = { ...tensor, data: [[six.slice(0, 3), six.slice(3)]] }
    assert.deepEqual(written(infer({ inputs: [nested] })), rounded(six))
    const { data, ...rest } = tensor
    assert.deepEqual(written(infer({ inputs: [{ data, ...rest }] })), rounded(six))
    assert.deepEqual(written(infer(JSON.stringify({ inputs: [tensor] }, null, '\t\r\n '))), rounded(six))
    assert.equal(infer({ inputs: [{ ...tensor, shape: [2, 6], data: [...six, ...six] }] }).rows, 2)
  })

  it('say how they are to be answered', () => {
    const plain = infer({ inputs: [tensor] })
    assert.deepEqual([plain.rows, plain.id, plain.binaryOutput], [1, undefined, false])
    const id = 'é"\\\u{1f600}\n'
    assert.equal(infer({ id, inputs: [tensor] }).id, id)
    assert.equal(infer(`{"id":"\\u00e9\\ud83d\\ude00","inputs":[${JSON.stringify(tensor)}]}`).id, 'é\u{1f600}')
    assert.ok(infer({ parameters: { binary_data_output: true, more: {} }, inputs: [tensor] }).binaryOutput)
    const outputs = [{ name: 'output', parameters: { binary_data: true } }]
    assert.ok(infer({ outputs, inputs: [tensor] }).binaryOutput)
    const parameters = { binary_data_output: true }
    assert.ok(infer({ parameters, outputs: [{ name: 'output' }], inputs: [tensor] }).binaryOutput)
    const asJson = [{ name: 'output', parameters: { binary_data: false } }]
    assert.ok(!infer({ parameters, outputs: asJson, inputs: [tensor] }).binaryOutput)
  })

  it('may have binary tensors of every numeric datatype', () => {
    const arrays = {
      FP32: Float32Array.of(...six),
      FP64: Float64Array.of(...six),
      UINT8: Uint8Array.of(1, 2, 3, 4, 5, 255),
      UINT16: Uint16Array.of(1, 2, 3, 4, 5, 65535),
      UINT32: Uint32Array.of(1, 2, 3, 4, 5, 4294967295),
      INT8: Int8Array.of(1, -2, 3, 4, 5, -128),
      INT16: Int16Array.of(1, -2, 3, 4, 5, -32768),
      INT32: Int32Array.of(1, -2, 3, 4, 5, -2147483648),
      INT64: BigInt64Array.of(1n, -2n, 3n, 4n, 5n, -(2n ** 40n)),
      UINT64: BigUint64Array.of(1n, 2n, 3n, 4n, 5n, 2n ** 63n),
      FP16: Uint16Array.of(0x3c00, 0xc000, 0x3800, 0, 0x8000, 0x7bff),
      BF16: Uint16Array.of(0x3f80, 0xc000, 0x3f00, 0, 0x8000, 0x4780),
    }
    const halves = [1, -2, 0.5, 0, -0, 65504]
    const values: Record<string, number[]> = { FP16: halves, BF16: [...halves.slice(0, 5), 65536] }
    for (const [datatype, array] of Object.entries(arrays)) {
      const parameters = { binary_data_size: array.byteLength }
      const json = bodyOf({ inputs: [{ name: 'input', shape: [1, 6], datatype, parameters }] })
      const body = Buffer.concat([json, Buffer.from(array.buffer)])
      const request = parseInferRequest(body, json.length, spec)
      assert.deepEqual(written(request), values[datatype] ?? rounded(Array.from(array, Number)), datatype)
    }
  })

  it('are refused with the member that is wrong', () => {
    const wrong = (change: object, ...expected: string[]) =>
      refuses(() => infer({ inputs: [{ ...tensor, ...change }] }), ...expected)
    wrong({ name: 'x' }, 'inputs[0].name', "'input'", "'x'")
    wrong({ shape: [1, 3, 2] }, 'inputs[0].shape', '[n, 2, 3]', '[1, 3, 2]')
    wrong({ shape: [5, 6] }, 'inputs[0].shape: expected at most 4 rows (maxRows), got 5')
    wrong({ shape: [0, 6] }, 'inputs[0].shape')
    wrong({ shape: [1, -6] }, 'inputs[0].shape[1]', 'a whole number', '-6')
    wrong({ shape: [1, 6.5] }, 'inputs[0].shape[1]')
    wrong({ shape: [1e300, 6] }, 'inputs[0].shape[0]')
    wrong({ shape: [] }, 'inputs[0].shape')
    wrong({ shape: undefined }, 'inputs[0].shape', 'none')
    wrong({ datatype: 'BYTES' }, 'inputs[0].datatype', 'FP32', "'BYTES'")
    wrong({ datatype: 'FP16' }, 'inputs[0].data', 'binary')
    wrong({ datatype: 'UINT8' }, 'inputs[0].data', 'UINT8', '-2')
    const whole = (value: number, text: string) =>
      wrong({ datatype: 'INT8', data: [1, value, 3, 4, 5, 6] }, `values of INT8, got ${text} at 1`)
    for (const value of [1.5, -0.1, 100000, 1234567, 16777216.0, 2 ** 40]) whole(value, String(value))
    wrong({ data: six.slice(1) }, 'inputs[0].data', '[6]', '[5]')
    wrong({ data: [...six, ...six] }, 'inputs[0].data', '[12]')
    wrong({ data: [six] }, 'inputs[0].data', '[1, 6]')
    wrong(
      {
        data: [
          [1, 2, 3],
          [4, 5],
        ],
      },
      'inputs[0].data[1]',
      '3',
      '2',
    )
    wrong({ data: [[1, 2, 3], 4, 5, 6] }, 'inputs[0].data[1]', 'an array')
    wrong({ data: [1, 2, 3, [4, 5, 6]] }, 'inputs[0].data[3]', 'a number')
    wrong({ data: [1, '2', 3, 4, 5, 6] }, 'inputs[0].data[1]', 'a number', 'a string')
    wrong({ data: [1, null, 3, 4, 5, 6] }, 'inputs[0].data[1]', 'null')
    wrong({ data: [] }, 'inputs[0].data', '[0]')
    wrong({ data: [[]] }, 'inputs[0].data[0]', 'empty')
    wrong({ shape: [0, 6], data: [] }, 'inputs[0].shape')
    wrong({ data: {} }, 'inputs[0].data', 'an array', 'an object')
    wrong({ data: undefined }, 'inputs[0].data', 'none')
    refuses(() => infer({ inputs: [] }), 'inputs', 'none')
    refuses(() => infer({ inputs: [tensor, tensor] }), 'inputs[1]', 'one tensor')
    refuses(() => infer({ inputs: tensor }), 'inputs', 'an array')
    refuses(() => infer({}), 'inputs', 'none')
    refuses(() => infer({ id: 5, inputs: [tensor] }), 'id', 'a string', '5')
    refuses(() => infer({ inputs: [tensor], outputs: [{ name: 'x' }] }), 'outputs[0].name', "'output'")
    const classification = [{ name: 'output', parameters: { classification: 3 } }]
    refuses(() => infer({ inputs: [tensor], outputs: classification }), 'outputs[0].parameters.classification')
    refuses(() => infer('{"inputs":[],"inputs":[]}'), 'inputs')
    refuses(() => infer(`{"id":"a","id":"b","inputs":[${JSON.stringify(tensor)}]}`), "'id' twice")
    refuses(
      () => infer(JSON.stringify({ inputs: [tensor] }).replace('0.5', '1e39')),
      'inputs[0].data[2]',
      'float32',
      '1e39',
    )
    for (const word of ['NaN', 'Infinity', '+1', '01', '.5', '5.', '0x1', '1e', '- 1']) {
      refuses(() => infer(JSON.stringify({ inputs: [tensor] }).replace('0.5', word)), 'inputs[0].data[2]')
    }
  })

  it('are refused where binary data does not fit', () => {
    const send = (size: number, bytes: number, headerLength = 0, more = {}) => {
      const parameters = { binary_data_size: size }
      const json = bodyOf({ inputs: [{ name: 'input', shape: [1, 6], datatype: 'FP32', parameters, ...more }] })
      return () => parseInferRequest(Buffer.concat([json, Buffer.alloc(bytes)]), json.length + headerLength, spec)
    }
    assert.equal(send(24, 24)().rows, 1)
    refuses(send(23, 23), 'inputs[0].parameters.binary_data_size', '24', '23')
    refuses(send(24, 23), 'inputs[0].parameters.binary_data_size', '24', '23')
    refuses(send(24, 25), 'binary_data_size', '24', '25')
    refuses(send(24, 24, 30), 'Inference-Header-Content-Length')
    refuses(send(24, 24, -1), 'binary_data_size', '24', '25')
    refuses(send(24, 24, 0, { data: six }), 'both')
    refuses(send(2 ** 60, 24), 'binary_data_size')
    const json = bodyOf({ inputs: [tensor] })
    refuses(() => parseInferRequest(Buffer.concat([json, Buffer.alloc(1)]), json.length, spec), 'binary_data_size')
  })

  it('are refused where they are no JSON', () => {
    const valid = JSON.stringify({ inputs: [tensor] })
    for (const text of ['', ' ', '[', 'null', '5', `${valid}}`, `${valid},`, `${valid}\0`, '{"a":01}', '{"a":"\t"}']) {
      refuses(() => infer(text))
    }
    for (const text of [
      '{"a" 1}',
      '{a:1}',
      "{'a':1}",
      '{"a":1,}',
      '{"a":[1,]}',
      '{"a":tru}',
      '{"a":"\\x"}',
      '{"a":"\\ud800"}',
    ]) {
      refuses(() => infer(text), 'JSON')
    }
    refuses(() => parseInferRequest(Buffer.from([0x7b, 0x22, 0xc0, 0x80, 0x22]), undefined, spec), 'UTF-8')
    refuses(() => infer(`{"a":${'['.repeat(100_000)}`), '64 levels')
    refuses(() => infer(`{"inputs":[{"data":${'['.repeat(100_000)}`), '32 dimensions')
  })

  it('cannot touch prototypes', () => {
    const text = JSON.stringify({ inputs: [tensor] })
    assert.equal(infer(`{"__proto__":{"polluted":1},"constructor":{"prototype":{}},${text.slice(1)}`).rows, 1)
    assert.equal(({} as { polluted?: number }).polluted, undefined)
  })
})

describe('requests of TensorFlow Serving', () => {
  it('give their rows', () => {
    const rows = [
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      [
        [7, 8, 9],
        [10, 11, 12],
      ],
    ]
    const flat = rows.flat(2)
    for (const body of [
      { instances: rows },
      { instances: rows.map((row) => row.flat()) },
      { instances: rows.map((input) => ({ input })) },
      { inputs: rows },
      { inputs: { input: rows } },
      { signature_name: 'serving_default', inputs: { input: rows.map((row) => row.flat()) } },
    ]) {
      const request = predict(body)
      assert.equal(request.rows, 2)
      assert.equal(request.outputKey, 'instances' in body ? 'predictions' : 'outputs')
      assert.deepEqual(written(request), flat)
    }
  })

  it('are refused with the member that is wrong', () => {
    refuses(() => predict({}), "'instances' or 'inputs'")
    refuses(() => predict({ instances: [six], inputs: [six] }), "'inputs' too")
    refuses(() => predict({ instances: [] }), 'instances', 'none')
    refuses(() => predict({ instances: [six, six.slice(1)] }), 'instances[1]', '6', '5')
    refuses(() => predict({ instances: [six.slice(1)] }), 'instances[0]', '[2, 3]', '[5]')
    refuses(() => predict({ inputs: [] }), 'inputs', 'at least one row', 'none')
    refuses(() => predict({ instances: Array(5).fill(six) }), 'instances: expected at most 4 rows (maxRows), got 5')
    refuses(() => predict({ instances: six }), 'instances[0]', 'an array', '1')
    refuses(() => predict({ instances: [{ x: six }] }), 'instances[0]', "'input'", "'x'")
    refuses(() => predict({ instances: [{}] }), 'instances[0]', "'input'")
    refuses(() => predict({ inputs: { input: [six], x: 1 } }), 'inputs', "'x'")
    refuses(() => predict({ instances: [[1, 2, 3, 4, 5, true]] }), 'instances[0][5]', 'a boolean')
    refuses(() => predict('{"instances":[[1,2,3,4,5,6]]'), 'JSON')
  })
})

describe('numbers of requests', () => {
  const read = (texts: readonly string[]) => {
    const wide = { inputShape: [texts.length], outputShape: [1] }
    return written(parsePredictRequest(Buffer.from(`{"instances":[[${texts}]]}`), wide), texts.length)
  }

  function assertNearest(texts: readonly string[]): void {
    const got = read(texts)
    texts.forEach((text, i) => {
      if (Object.is(got[i], Math.fround(Number(text))) && !isHalfway(Number(text))) return
      assert.ok(Object.is(got[i], nearestFloat32(text)), `${text} became ${got[i]}`)
    })
  }

  /** Whether rounding to float64 may have moved a number to or from the middle between two float32 numbers. */
  function isHalfway(value: number): boolean {
    const [bits] = new BigUint64Array(Float64Array.of(value).buffer) as unknown as [bigint]
    return Math.abs(value) < 2 ** -120 || bits % 2n ** 29n === 2n ** 28n
  }

  it('become the float32 that is nearest', () => {
    const random = new Random(7)
    for (let round = 0; round < 300; round++) {
      const texts = Array.from({ length: 1000 }, () => {
        const value = random.normal() * 10 ** random.below(12 - 6)
        const forms = [String(value), value.toFixed(random.below(12)), value.toPrecision(1 + random.below(17))]
        return random.pick([...forms, value.toExponential(random.below(17)), String(Math.fround(value))])
      })
      assertNearest(texts)
    }
  })

  it('become the float32 that is nearest where digits exceed 64 bits', () => {
    const powers = Array.from({ length: 128 }, (_, exponent) => String(2n ** BigInt(exponent)))
    assertNearest(powers)
    assertNearest(powers.slice(0, 127).flatMap((power) => [`${power}.5`, `-${power}`, `${power}e-20`, `${power}0e-1`]))
    const [exact, fraction] = read(['18446744073709551616', '18446744073709551616.5'])
    assert.deepEqual([exact, fraction], [2 ** 64, 2 ** 64])
  })

  it('become the float32 that is nearest where one is halfway between two', () => {
    const random = new Random(8)
    const texts = Array.from({ length: 20_000 }, () => {
      const exponent = random.below(253) - 149
      const odd = 2n * BigInt(2 ** 23 + random.below(2 ** 23)) + 1n
      const twice = exponent - 1
      const middle = twice >= 0 ? `${odd * 2n ** BigInt(twice)}` : `${odd * 5n ** BigInt(-twice)}`
      const power = twice >= 0 ? 0 : twice
      const off = random.pick(['', `${'0'.repeat(random.below(30))}1`])
      return `${random.pick(['', '-'])}${middle}${off}e${power - off.length}`
    })
    assertNearest([...texts, '1.000000059604644775390625', '1.000000059604644775390625000001'])
  })
})

describe('responses', () => {
  const output = Float32Array.of(0.1, 1e-7, -3, Number.NaN)
  const model = { name: 'digits "1"', version: '2' }
  const two = { inputs: [{ ...tensor, shape: [2, 6], data: [...six, ...six] }] }

  it('of the Open Inference Protocol are JSON with the shortest numbers', () => {
    const { body, headerLength } = formatInferResponse(infer({ id: 'a"b', ...two }), output, spec, model)
    assert.equal(headerLength, undefined)
    assert.deepEqual(JSON.parse(body as string), {
      model_name: model.name,
      model_version: '2',
      id: 'a"b',
      outputs: [{ name: 'output', datatype: 'FP32', shape: [2, 2], data: [0.1, 1e-7, -3, null] }],
    })
    const anonymous = formatInferResponse(infer(two), output, spec, { name: 'm' }).body as string
    assert.deepEqual(Object.keys(JSON.parse(anonymous)), ['model_name', 'outputs'])
  })

  it('of the Open Inference Protocol may be binary', () => {
    const request = infer({ parameters: { binary_data_output: true }, ...two })
    const { body, headerLength } = formatInferResponse(request, output, spec, { name: 'é' })
    const { model_name, outputs } = JSON.parse((body as Buffer).subarray(0, headerLength).toString())
    assert.equal(model_name, 'é')
    const parameters = { binary_data_size: 16 }
    assert.deepEqual(outputs, [{ name: 'output', datatype: 'FP32', shape: [2, 2], parameters }])
    const bytes = Uint8Array.from((body as Buffer).subarray(headerLength))
    assert.deepEqual(new Float32Array(bytes.buffer), output)
  })

  it('of TensorFlow Serving have a row for each row', () => {
    const rows = predict({ instances: [six, six] })
    assert.deepEqual(JSON.parse(formatPredictResponse(rows, output, spec)), {
      predictions: [
        [0.1, 1e-7],
        [-3, null],
      ],
    })
    const columns = predict({ inputs: [six, six] })
    const deep = { ...spec, outputShape: [1, 2, 1] }
    assert.deepEqual(JSON.parse(formatPredictResponse(columns, output, deep)), {
      outputs: [[[[0.1], [1e-7]]], [[[-3], [null]]]],
    })
  })
})

describe('error codes', () => {
  it('of requests and queues are documented', () => {
    for (const code of ['ERR_REQUEST', 'ERR_QUEUE_FULL', 'ERR_TIMEOUT'] as const)
      assert.ok(errorCodes[code].length > 10)
  })
})
