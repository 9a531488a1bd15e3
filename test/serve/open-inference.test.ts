/** The Open Inference Protocol by its own OpenAPI document: every route, member and error. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { input, layers, model } from 'neurode'
import { type InferenceServer, serve } from 'neurode/serve'
import { parse } from 'yaml'
import { Random } from '../support/random.js'
import { breach, breaches, drawJson, misfits, resolveSchema, type Schema, type Schemas } from '../support/schemas.js'
import { type Answer, ask, randomModel } from '../support/serving.js'

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >
  readonly requestBody?: unknown
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Schemas }
}

const seed = Number(process.env.NEURODE_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32))
const random = Number(process.env.NEURODE_FUZZ_REQUESTS ?? 500)

const document: Document = parse(
  readFileSync(new URL('../../../test/oip/open_inference_rest.yaml', import.meta.url), 'utf8'),
)
const { schemas } = document.components
const [requestSchema, responseSchema, errorSchema] = [
  'inference_request',
  'inference_response',
  'inference_error_response',
].map((name) => resolveSchema({ $ref: `#/components/schemas/${name}` }, schemas)) as [Schema, Schema, Schema]

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods)
    .filter(([method]) => method !== 'parameters')
    .map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
)

/** The path of the document, and the path without a version where its description says that the version is optional. */
const formsOf = (path: string) => [...new Set([path, path.replace(/\/versions\/\$\{MODEL_VERSION\}/, '')])]
const pathOf = (path: string, model: string, version: string) =>
  path.replace(/\$\{MODEL_NAME\}/, model).replace(/\$\{MODEL_VERSION\}/, version)

type Input = { name: string; shape: number[]; datatype: string; data: unknown; parameters?: unknown }
type InferRequest = { inputs: Input[]; id?: unknown; parameters?: unknown; outputs?: unknown[] }

const datatypes = ['FP32', 'FP64', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'INT32', 'INT64']

/** Draws a request that fits the document and the model. */
function drawRequest(draw: Random, isFull = false): InferRequest {
  const has = () => isFull || draw.below(2) === 0
  const rows = 1 + draw.below(3)
  const datatype = draw.pick(datatypes)
  const value = () => (datatype.startsWith('FP') ? draw.uniform(-2, 2) : draw.below(100))
  const nested = Array.from({ length: rows }, () => Array.from({ length: 4 }, value))
  // Unknown parameters are allowed and ignored.
  const parameters = () => ({ own: drawJson(draw) })
  const input: Input = { name: 'input', shape: [rows, 4], datatype, data: draw.below(2) === 0 ? nested : nested.flat() }
  if (has()) input.parameters = parameters()
  const request: InferRequest = { inputs: [input] }
  if (has()) request.id = draw.pick(['42', '', 'ä ☃ "', '__proto__'])
  if (has()) request.parameters = parameters()
  if (has()) request.outputs = [{ name: 'output', ...(has() ? { parameters: parameters() } : {}) }]
  return request
}

/** A model of two inputs and two outputs, and a request for it with all members. */
function severalTensors() {
  const [a, b] = [input({ shape: [2] }), input({ shape: [3] })]
  const joined = layers.concatenate().apply([a, b])
  const [x, y] = [layers.dense({ units: 1 }).apply(joined), layers.dense({ units: 2 }).apply(joined)]
  return model({ inputs: { a, b }, outputs: { x, y } })
}
const requestOfSeveral: InferRequest = {
  id: 'i',
  parameters: { own: 1 },
  inputs: [
    {
      name: 'b',
      shape: [2, 3],
      datatype: 'INT32',
      data: [
        [1, 2, 3],
        [4, 5, 6],
      ],
      parameters: { own: 1 },
    },
    { name: 'a', shape: [2, 2], datatype: 'FP32', data: [1, 2, 3, 4] },
  ],
  outputs: [{ name: 'y', parameters: { own: 1 } }, { name: 'x' }],
}

describe('the Open Inference Protocol', function () {
  this.slow(2000)
  this.timeout(1000 * 60 * 30)
  let server: InferenceServer
  before(async () => {
    const models = { m: randomModel(4, 5, 3), several: severalTensors() }
    server = await serve({ models, port: 0, device: 'cpu', threads: 1 })
  })
  after(() => server.close())

  const infer = (body: unknown, path = '/v2/models/m/versions/1/infer', headers: Record<string, string> = {}) =>
    ask(server.url, path, { body: typeof body === 'string' ? body : JSON.stringify(body), headers })
  const checkJson = (answer: Answer, schema: Schema) => {
    assert.match(String(answer.headers['content-type']), /^application\/json/)
    assert.deepEqual(misfits(answer.json(), schema, schemas), [], answer.body.toString())
  }
  const checkError = (answer: Answer, statuses: readonly number[], context: string) => {
    assert.ok(statuses.includes(answer.status), `${answer.status} for ${context}: ${answer.body}`)
    checkJson(answer, { ...errorSchema, required: ['error'] })
    assert.ok(answer.json().error.length > 0)
  }

  for (const { path, method, responses, requestBody } of operations) {
    for (const form of formsOf(path)) {
      it(`has ${method} ${form}`, async () => {
        const body = requestBody === undefined ? {} : { body: JSON.stringify(drawRequest(new Random(1))) }
        const answer = await ask(server.url, pathOf(form, 'm', '1'), { method, ...body })
        assert.equal(answer.status, 200, answer.body.toString())
        const schema = responses['200']?.content?.['application/json']?.schema
        if (schema !== undefined) checkJson(answer, schema)
        for (const other of ['PUT', 'DELETE', method === 'GET' ? 'POST' : 'GET']) {
          checkError(await ask(server.url, pathOf(form, 'm', '1'), { method: other }), [405], `${other} ${form}`)
        }
        if (!form.includes('MODEL_NAME')) return
        const unknown = [pathOf(form, 'none', '1'), pathOf(form, '__proto__', '1'), pathOf(form, '%00', '1')]
        if (form.includes('MODEL_VERSION'))
          unknown.push(pathOf(form, 'm', '7'), pathOf(form, 'm', 'x'), pathOf(form, 'm', '-1'))
        for (const at of unknown) checkError(await ask(server.url, at, { method, ...body }), [404], at)
      })
    }
  }

  it(`takes every request that fits, and answers as the document says (seed ${seed})`, async () => {
    const draw = new Random(seed)
    for (let i = 0; i < random; i++) {
      const request = drawRequest(draw)
      assert.deepEqual(misfits(request, requestSchema, schemas), [])
      // Most requests use the fast path; the header `te` makes node:http answer the others.
      const answer = await infer(request, undefined, draw.below(4) === 0 ? { te: 'trailers' } : {})
      const context = `request ${i}: ${JSON.stringify(request)}`
      assert.equal(answer.status, 200, `${context}: ${answer.body}`)
      checkJson(answer, responseSchema)
      const { id, model_name: name, model_version: version, outputs } = answer.json()
      assert.deepEqual([id, name, version], [request.id, 'm', '1'], context)
      assert.equal(outputs.length, 1)
      const [{ name: output, datatype, shape, data }] = outputs
      assert.deepEqual([output, datatype, shape], ['output', 'FP32', [request.inputs[0]?.shape[0], 3]], context)
      assert.equal(data.flat(Infinity).length, shape[0] * shape[1], context)
    }
  })

  const requests: Readonly<Record<string, InferRequest>> = {
    m: drawRequest(new Random(3), true),
    several: requestOfSeveral,
  }
  for (const [name, request] of Object.entries(requests)) {
    it(`refuses every member that is not as the document has it: ${name}`, async () => {
      const path = `/v2/models/${name}/infer`
      const answer = await infer(request, path)
      assert.equal(answer.status, 200, answer.body.toString())
      checkJson(answer, responseSchema)
      const all = breaches(request, requestSchema, schemas)
      assert.ok(all.length > 60, `${all.length} breaches`)
      for (const one of all) {
        const broken = breach(request, one)
        const context = JSON.stringify(one)
        assert.notDeepEqual(misfits(broken, requestSchema, schemas), [], context)
        for (const headers of [{}, { te: 'trailers' }]) {
          checkError(await infer(broken ?? '', path, headers), [400], context)
        }
      }
    })
  }

  it(`refuses or answers whatever else is JSON, and nothing else (seed ${seed})`, async () => {
    const draw = new Random(seed + 1)
    for (let i = 0; i < random; i++) {
      const request = drawRequest(draw)
      const places = [
        [],
        ['inputs'],
        ['outputs'],
        ['parameters'],
        ['id'],
        ['more'],
        ...['name', 'shape', 'datatype', 'data', 'parameters', 'more'].map((name) => ['inputs', 0, name]),
      ]
      const broken = breach(request, { place: draw.pick(places), value: drawJson(draw) ?? null })
      const answer = await infer(broken)
      const context = `request ${i}: ${JSON.stringify(broken)}`
      if (answer.status === 200) {
        const wrong = misfits(broken, requestSchema, schemas).filter((misfit) => !misfit.endsWith(': unknown'))
        assert.deepEqual(wrong, [], context)
        checkJson(answer, responseSchema)
      } else {
        checkError(answer, [400], context)
      }
    }
  })
})
