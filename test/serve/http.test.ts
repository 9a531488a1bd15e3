/** The answers of the server: every route, and every mistake that a client can make. */

import assert from 'node:assert/strict'
import { layers, sequential } from 'neurode'
import { type InferenceServer, serve } from 'neurode/serve'
import { Random } from '../support/random.js'
import { ask, binaryInfer, constantModel, inferBody, randomModel } from '../support/serving.js'

describe('the server', function () {
  this.slow(2000)
  const model = randomModel(6, 5, 3)
  let server: InferenceServer

  before(async () => {
    server = await serve({
      models: { digits: model, constant: constantModel(7) },
      port: 0,
      device: 'cpu',
      bodyLimit: 20_000,
    })
  })
  after(() => server.close())

  const rows = [
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
    [-1, 2e-3, 0, 1, 5, -0.25],
  ]
  const get = (path: string) => ask(server.url, path)
  const post = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    ask(server.url, path, { body, headers })
  const expected = async () => (await model.predict(rows)).data

  describe('describes', () => {
    const routes: readonly [path: string, check: (body: ReturnType<typeof JSON.parse>) => void][] = [
      ['/v2', (body) => assert.ok(body.name === 'neurode' && body.extensions.includes('binary_tensor_data'))],
      ['/v2/', (body) => assert.equal(body.name, 'neurode')],
      ['/v2/health/live', (body) => assert.deepEqual(body, { live: true })],
      ['/v2/health/ready', (body) => assert.deepEqual(body, { ready: true })],
      ['/v2/models/digits/ready', (body) => assert.deepEqual(body, { name: 'digits', ready: true })],
      ['/v2/models/digits/versions/1/ready', (body) => assert.deepEqual(body, { name: 'digits', ready: true })],
      [
        '/v2/models/digits',
        (body) =>
          assert.deepEqual(body, {
            name: 'digits',
            versions: ['1'],
            platform: 'neurode',
            inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 6] }],
            outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, 3] }],
          }),
      ],
      ['/v2/models/digits/versions/1', (body) => assert.equal(body.name, 'digits')],
      ['/v2/models/digits/config', (body) => assert.equal(body.summary.total_parameters, model.countParams())],
      ['/v2/models/digits/versions/1/config', (body) => assert.equal(body.max_batch_size, 256)],
      ['/v2/models/stats', (body) => assert.equal(body.model_stats.length, 2)],
      ['/v2/models/digits/stats', (body) => assert.equal(body.model_stats[0].name, 'digits')],
      ['/v2/models/digits/versions/1/stats', (body) => assert.equal(body.model_stats.length, 1)],
      ['/v1/models/digits', (body) => assert.equal(body.model_version_status[0].state, 'AVAILABLE')],
      ['/v1/models/digits/versions/1', (body) => assert.equal(body.model_version_status[0].version, '1')],
    ]
    for (const [path, check] of routes) {
      it(`GET ${path}`, async () => {
        const answer = await get(path)
        assert.equal(answer.status, 200)
        assert.match(answer.headers['content-type'] ?? '', /^application\/json/)
        check(answer.json())
      })
    }

    it('POST /v2/repository/index', async () => {
      const answer = await post('/v2/repository/index', '{}')
      assert.deepEqual(answer.json(), [
        { name: 'digits', version: '1', state: 'READY', reason: '' },
        { name: 'constant', version: '1', state: 'READY', reason: '' },
      ])
    })
  })

  describe('infers', () => {
    for (const path of ['/v2/models/digits/infer', '/v2/models/digits/versions/1/infer']) {
      it(`from JSON at ${path}`, async () => {
        const answer = await post(path, inferBody(rows, { id: 'a "quoted" id' }))
        assert.equal(answer.status, 200)
        const { model_name: name, model_version: version, id, outputs } = answer.json()
        assert.deepEqual([name, version, id], ['digits', '1', 'a "quoted" id'])
        assert.equal(outputs.length, 1)
        const { data, ...tensor } = outputs[0]
        assert.deepEqual(tensor, { name: 'output', shape: [2, 3], datatype: 'FP32' })
        assert.deepEqual(Float32Array.from(data), await expected())
      })
    }

    it('from binary tensors to binary tensors', async () => {
      const more = { parameters: { binary_data_output: true } }
      const { headers, body } = binaryInfer(Float32Array.from(rows.flat()), 6, more)
      const answer = await post('/v2/models/digits/infer', body, headers)
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['content-type'], 'application/octet-stream')
      const length = Number(answer.headers['inference-header-content-length'])
      const { outputs } = JSON.parse(answer.body.subarray(0, length).toString())
      assert.deepEqual(outputs[0].parameters, { binary_data_size: 24 })
      const bytes = Uint8Array.from(answer.body.subarray(length))
      assert.deepEqual(new Float32Array(bytes.buffer), await expected())
    })

    const outputs: readonly [parameters: object | undefined, byDefault: boolean, isBinary: boolean][] = [
      [undefined, true, true],
      [{}, true, true],
      [{ binary_data: false }, true, false],
      [{ binary_data: true }, true, true],
      [undefined, false, false],
      [{ binary_data: true }, false, true],
    ]
    for (const [parameters, byDefault, isBinary] of outputs) {
      const name = `${JSON.stringify(parameters ?? 'nothing')} of an output, binary_data_output: ${byDefault}`
      it(`to ${isBinary ? 'a binary tensor' : 'JSON'} for ${name}`, async () => {
        const named = { name: 'output', ...(parameters && { parameters }) }
        for (const more of [
          { outputs: [named], parameters: { binary_data_output: byDefault } },
          { parameters: { binary_data_output: byDefault }, outputs: [named] },
        ]) {
          const answer = await post('/v2/models/digits/infer', inferBody(rows, more))
          assert.equal(answer.status, 200, answer.body.toString())
          assert.equal(answer.headers['inference-header-content-length'] !== undefined, isBinary)
        }
      })
    }

    it('from binary tensors to JSON', async () => {
      const { headers, body } = binaryInfer(Float32Array.from(rows.flat()), 6)
      const answer = await post('/v2/models/digits/infer', body, headers)
      assert.deepEqual(Float32Array.from(answer.json().outputs[0].data), await expected())
    })

    const flat = async () => [...(await expected())]
    const predictions: readonly [name: string, body: object, key: string][] = [
      ['rows', { instances: rows }, 'predictions'],
      ['named rows', { instances: rows.map((input) => ({ input })) }, 'predictions'],
      ['one tensor', { inputs: rows }, 'outputs'],
      ['one named tensor', { inputs: { input: rows } }, 'outputs'],
    ]
    for (const [name, body, key] of predictions) {
      it(`V1 from ${name}`, async () => {
        for (const path of ['/v1/models/digits:predict', '/v1/models/digits/versions/1:predict']) {
          const answer = await post(path, JSON.stringify(body))
          assert.equal(answer.status, 200, answer.body.toString())
          assert.deepEqual(Float32Array.from(answer.json()[key].flat()), Float32Array.from(await flat()))
        }
      })
    }

    it('what was sent in pieces, without a length', async () => {
      const text = inferBody(rows)
      const pieces = [text.slice(0, 10), text.slice(10, 60), text.slice(60)]
      const answer = await fetch(`${server.url}/v2/models/digits/infer`, {
        method: 'POST',
        body: new ReadableStream({
          async pull(controller) {
            const piece = pieces.shift()
            if (piece === undefined) controller.close()
            else controller.enqueue(new TextEncoder().encode(piece))
          },
        }),
        duplex: 'half',
      } as RequestInit)
      assert.equal(answer.status, 200)
    })
  })

  it('counts', async () => {
    const before = await metricsOf(server.url)
    await post('/v2/models/constant/infer', inferBody([[1, 2, 3, 4], [5, 6, 7, 8]])) // biome-ignore format: two rows
    await post('/v2/models/constant/infer', '{')
    const after = await metricsOf(server.url)
    const grown = (name: string) => (after.get(name) ?? Number.NaN) - (before.get(name) ?? Number.NaN)
    const of = '{model="constant",version="1"}'
    assert.equal(grown(`nv_inference_request_success${of}`), 1)
    assert.equal(grown('nv_inference_request_failure{model="constant",version="1",reason="OTHER"}'), 1)
    assert.equal(grown(`nv_inference_count${of}`), 2)
    assert.equal(grown(`nv_inference_exec_count${of}`), 1)
    assert.equal(grown('neurode_batch_size_bucket{model="constant",version="1",le="2"}'), 1)
    assert.equal(grown(`neurode_request_duration_seconds_count${of}`), 1)
    for (const name of ['request', 'queue', 'compute_infer']) {
      assert.ok(grown(`nv_inference_${name}_duration_us${of}`) >= 0, name)
    }
    assert.equal(after.get(`nv_inference_pending_request_count${of}`), 0)
    assert.ok((after.get('process_resident_memory_bytes{worker="1"}') ?? 0) > 1e6)
  })

  const infer = '/v2/models/digits/infer'
  const predict = '/v1/models/digits:predict'
  const input = { name: 'input', shape: [1, 6], datatype: 'FP32', data: [1, 2, 3, 4, 5, 6] }
  const withInput = (changes: object) => JSON.stringify({ inputs: [{ ...input, ...changes }] })
  const binary = binaryInfer(new Float32Array(6), 6)

  interface Mistake {
    readonly path: string
    readonly body?: string | Buffer
    readonly headers?: Record<string, string>
    readonly method?: string
    readonly status: number
    readonly error: RegExp
  }
  const mistakes: Readonly<Record<string, Mistake>> = {
    'no body': { path: infer, method: 'POST', status: 400, error: /body/ },
    'not JSON': { path: infer, body: '{"inputs": [', status: 400, error: /JSON|inputs/ },
    'not an object': { path: infer, body: '[1]', status: 400, error: /object/ },
    'no inputs': { path: infer, body: '{}', status: 400, error: /inputs/ },
    'inputs that are no list': { path: infer, body: '{"inputs": 3}', status: 400, error: /inputs/ },
    'two inputs': { path: infer, body: JSON.stringify({ inputs: [input, input] }), status: 400, error: /inputs/ },
    'another name': { path: infer, body: withInput({ name: 'x' }), status: 400, error: /inputs\[0\]\.name/ },
    'no shape': { path: infer, body: withInput({ shape: undefined }), status: 400, error: /inputs\[0\]\.shape/ },
    'rows of another size': {
      path: infer,
      body: withInput({ shape: [2, 3] }),
      status: 400,
      error: /inputs\[0\]\.shape/,
    },
    'no rows': { path: infer, body: withInput({ shape: [0, 6], data: [] }), status: 400, error: /inputs\[0\]\.shape/ },
    'a negative number of rows': { path: infer, body: withInput({ shape: [-1, 6] }), status: 400, error: /shape/ },
    'very many rows': { path: infer, body: withInput({ shape: [2 ** 40, 6] }), status: 400, error: /shape/ },
    'no data': { path: infer, body: withInput({ data: undefined }), status: 400, error: /inputs\[0\]\.data/ },
    'too few numbers': { path: infer, body: withInput({ data: [1, 2] }), status: 400, error: /inputs\[0\]\.data/ },
    'too many numbers': { path: infer, body: withInput({ data: [...input.data, 7] }), status: 400, error: /data/ },
    'texts for numbers': { path: infer, body: withInput({ data: ['1', 2, 3, 4, 5, 6] }), status: 400, error: /data/ },
    'null for a number': { path: infer, body: withInput({ data: [null, 2, 3, 4, 5, 6] }), status: 400, error: /data/ },
    'an unknown datatype': {
      path: infer,
      body: withInput({ datatype: 'FLOAT' }),
      status: 400,
      error: /^inputs\[0\]\.datatype: expected one of FP32, .*, got 'FLOAT'$/,
    },
    'data of an unknown datatype': {
      path: infer,
      body: withInput({ datatype: 'BYTES', data: ['a', 'b'] }),
      status: 400,
      error: /^inputs\[0\]\.datatype: expected one of FP32, .*, got 'BYTES'$/,
    },
    'an output there is not': {
      path: infer,
      body: JSON.stringify({ inputs: [input], outputs: [{ name: 'y' }] }),
      status: 400,
      error: /outputs\[0\]\.name/,
    },
    'very deep JSON': { path: infer, body: `{"inputs": ${'['.repeat(9000)}`, status: 400, error: /./ },
    'a header length that is no number': {
      path: infer,
      body: binary.body,
      headers: { 'inference-header-content-length': '-1' },
      status: 400,
      error: /Inference-Header-Content-Length/,
    },
    'a header longer than the body': {
      path: infer,
      body: binary.body,
      headers: { 'inference-header-content-length': '5000' },
      status: 400,
      error: /Inference-Header-Content-Length/,
    },
    'a binary tensor that is cut': {
      path: infer,
      body: binary.body.subarray(0, -1),
      headers: binary.headers,
      status: 400,
      error: /binary_data_size/,
    },
    'V1 without instances': { path: predict, body: '{}', status: 400, error: /instances/ },
    'V1 with no rows': { path: predict, body: '{"instances": []}', status: 400, error: /instances/ },
    'V1 with a short row': { path: predict, body: '{"instances": [[1, 2]]}', status: 400, error: /instances\[0\]/ },
    'V1 with rows that are too deep': {
      path: predict,
      body: '{"instances": [[[1, 2, 3, 4, 5, 6]]]}',
      status: 400,
      error: /^instances\[0\]: expected shape \[6\], got \[1, 6\]$/,
    },
    'V1 with numbers for rows': {
      path: predict,
      body: '{"instances": [1, 2, 3, 4, 5, 6]}',
      status: 400,
      error: /^instances\[0\]: expected an array, got 1$/,
    },
    'V1 with a tensor that is too deep': {
      path: predict,
      body: '{"inputs": [[[1, 2, 3, 4, 5, 6]]]}',
      status: 400,
      error: /^inputs: expected shape \[n, 6\] with n from 1 to \d+, got \[1, 1, 6\]$/,
    },
    'V1 with a row for a tensor': {
      path: predict,
      body: '{"inputs": [1, 2, 3, 4, 5, 6]}',
      status: 400,
      error: /^inputs: expected shape \[n, 6\] with n from 1 to \d+, got \[6\]$/,
    },
    'V1 without a verb': { path: '/v1/models/digits', body: '{}', status: 404, error: /predict/ },
    'V1 with another verb': { path: '/v1/models/digits:classify', body: '{}', status: 404, error: /predict/ },
    'an encoding': {
      path: infer,
      body: '{}',
      headers: { 'content-encoding': 'gzip' },
      status: 415,
      error: /Content-Encoding/,
    },
    'a content type that is none': {
      path: infer,
      body: '{}',
      headers: { 'content-type': '{}' },
      status: 415,
      error: /./,
    },
    'a body that is too large': { path: infer, body: Buffer.alloc(20_001, ' '), status: 413, error: /20000 bytes/ },
    'a model there is not': { path: '/v2/models/other/infer', body: '{}', status: 404, error: /model/ },
    'a version there is not': { path: '/v2/models/digits/versions/2/infer', body: '{}', status: 404, error: /version/ },
    'a version that is no number': { path: '/v2/models/digits/versions/x', status: 404, error: /version/ },
    'an address there is not': { path: '/v3', status: 404, error: /address/ },
    'an address that leaves': { path: '/../../etc/passwd', status: 404, error: /address/ },
    'a name that leaves': { path: '/v2/models/..%2f..%2fetc%2fpasswd', status: 404, error: /model/ },
    'a name of every object': { path: '/v2/models/__proto__', status: 404, error: /model/ },
    'a constructor': { path: '/v2/models/constructor/versions/prototype', status: 404, error: /model/ },
    'an address that is not encoded': { path: '/v2/models/%zz', status: 400, error: /./ },
    'a long name': { path: `/v2/models/${'a'.repeat(5000)}`, status: 414, error: /address/ },
    'GET for POST': { path: infer, status: 405, error: /POST/ },
    'POST for GET': { path: '/v2', body: '{}', status: 405, error: /GET/ },
    DELETE: { path: '/v2/models/digits', method: 'DELETE', status: 405, error: /GET/ },
  }
  for (const [name, { path, status, error, ...asked }] of Object.entries(mistakes)) {
    it(`answers ${status} to ${name}`, async () => {
      const answer = await ask(server.url, path, asked)
      assert.equal(answer.status, status, answer.body.toString())
      assert.match(answer.headers['content-type'] ?? '', /^application\/json/)
      const body = answer.json()
      assert.deepEqual(Object.keys(body), ['error'])
      assert.match(body.error, error)
    })
  }

  it('is as it was after all that', async () => {
    assert.equal(({} as Record<string, unknown>).polluted, undefined)
    const answer = await post(infer, inferBody(rows))
    assert.deepEqual(Float32Array.from(answer.json().outputs[0].data), await expected())
  })
})

describe('the server', () => {
  it('refuses indices that an embedding does not have', async () => {
    const model = sequential([
      layers.embedding({ inputDim: 5, outputDim: 2, inputShape: [3] }),
      layers.flatten(),
      layers.dense({ units: 2 }),
    ])
    await using server = await serve({ models: { words: model }, port: 0, device: 'cpu' })
    const predict = (instances: number[][]) =>
      ask(server.url, '/v1/models/words:predict', { body: JSON.stringify({ instances }) })
    const infer = (rows: number[][]) => ask(server.url, '/v2/models/words/infer', { body: inferBody(rows) })
    const wrong = [
      [0, 1, 2],
      [4, 5, 0],
    ]
    const error = 'input: expected integers from 0 to 4, got 5 in row 1 at position 1'
    for (const answer of await Promise.all([predict(wrong), infer(wrong)])) {
      assert.equal(answer.status, 400)
      assert.deepEqual(answer.json(), { error })
    }
    const { headers, body } = binaryInfer(Float32Array.of(0, 1, Number.NaN), 3)
    const binary = await ask(server.url, '/v2/models/words/infer', { body, headers })
    assert.deepEqual([binary.status, /got NaN in row 0 at position 2/.test(binary.json().error)], [400, true])
    assert.equal((await predict([[0, 4, 2]])).status, 200)
  })

  it('keeps apart bodies that come in pieces at the same time', async () => {
    const model = randomModel(784, 8, 3)
    await using server = await serve({ models: { model }, port: 0, device: 'cpu' })
    const random = new Random(9)
    const requests = Array.from({ length: 24 }, (_, i) => random.normals((1 + ((i * 7) % 80)) * 784))
    const answers = await Promise.all(
      requests.map((rows) => {
        const { headers, body } = binaryInfer(rows, 784)
        return ask(server.url, '/v2/models/model/infer', { body, headers })
      }),
    )
    using predictor = model.predictor({ device: 'cpu' })
    for (const [i, answer] of answers.entries()) {
      assert.equal(answer.status, 200)
      const expected = predictor.predictSync(requests[i] as Float32Array)
      assert.deepEqual(Float32Array.from(answer.json().outputs[0].data), expected, `request ${i}`)
    }
  })
})

/** All samples of `GET /metrics`; each line is checked against the format. */
async function metricsOf(url: string): Promise<Map<string, number>> {
  const answer = await ask(url, '/metrics')
  assert.match(answer.headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
  const samples = new Map<string, number>()
  for (const line of answer.body.toString().trimEnd().split('\n')) {
    if (/^# (HELP \w+ \S.*|TYPE \w+ (counter|gauge|histogram))$/.test(line)) continue
    const [, name, value] = /^(\w+\{(?:\w+="[^"]*",?)+\}) (\S+)$/.exec(line) ?? assert.fail(line)
    samples.set(name as string, Number(value))
  }
  return samples
}
