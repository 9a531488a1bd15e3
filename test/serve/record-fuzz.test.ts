/**
 * Very many requests with wrong records and columns: each is answered or refused with a reason, and the model answers as before.
 * NEURODE_FUZZ_REQUESTS=100000 runs longer.
 */

import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import type { TabularModel } from 'neurode'
import { type InferenceServer, serve } from 'neurode/serve'
import { carRows, oddName, soldModel } from '../support/cars.js'
import { mutate } from '../support/mutations.js'
import { Random } from '../support/random.js'
import { drawJson } from '../support/schemas.js'
import { ask } from '../support/serving.js'

const requests = Number(process.env.NEURODE_FUZZ_REQUESTS ?? 600)
const seed = Number(process.env.NEURODE_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32))
const rows = JSON.parse(JSON.stringify(carRows(3))).map(({ price: _, ...row }: Record<string, unknown>) => row)
const predictPath = '/v1/models/m:predict'
const inferPath = '/v2/models/m/infer'
const valid = JSON.stringify({ instances: rows })
const names = [
  'year',
  'make',
  'listed',
  'damaged',
  oddName,
  'notes',
  'sold',
  '__proto__',
  'constructor',
  'toString',
  '',
]
const values = [
  0,
  -1,
  1e308,
  1.5,
  '',
  'VW',
  '2024-02-30',
  '9999-12-31',
  '\u0000',
  true,
  null,
  {},
  [],
  [1],
  [[1]],
  { year: 1 },
]

const drawCell = (draw: Random) => (draw.below(4) === 0 ? drawJson(draw) : draw.pick(values))
const drawRecord = (draw: Random) => {
  const members = Array.from({ length: draw.below(5) }, () => {
    return `${JSON.stringify(draw.pick(names))}:${JSON.stringify(drawCell(draw)) ?? 'null'}`
  })
  return `{${members}}`
}
const drawTensor = (draw: Random) => {
  const count = draw.below(4)
  return {
    name: draw.pick(names),
    shape: draw.pick([[count], [count, 1], [count, 2], [], [1e9], [-1], [0.5], 'x']),
    datatype: draw.pick(['FP64', 'BYTES', 'BOOL', 'INT8', 'UINT64', 'FP8', 5]),
    data: Array.from({ length: count }, () => drawCell(draw)),
    ...(draw.below(4) === 0 ? { parameters: { binary_data_size: draw.pick([0, 5, -1, '5', 2 ** 53]) } } : {}),
  }
}

type Drawn = readonly [path: string, body: string | Buffer, headers?: Record<string, string>]
const kinds: readonly ((draw: Random) => Drawn)[] = [
  (draw) => [predictPath, mutate(Buffer.from(valid), draw)],
  (draw) => [predictPath, `{"instances":[${Array.from({ length: 1 + draw.below(3) }, () => drawRecord(draw))}]}`],
  (draw) => [predictPath, `{"inputs":${drawRecord(draw)}}`],
  (draw) => {
    const columns = [draw.pick(names), draw.pick(names)].map((name) => [name, [drawCell(draw), drawCell(draw)]])
    return [predictPath, JSON.stringify({ inputs: Object.fromEntries(columns) })]
  },
  (draw) => [predictPath, JSON.stringify({ [draw.pick(['instances', 'inputs', 'x'])]: drawJson(draw, 4) })],
  (draw) => [inferPath, JSON.stringify({ inputs: [drawTensor(draw), drawTensor(draw)].slice(draw.below(2)) })],
  (draw) => {
    const head = JSON.stringify({ inputs: [drawTensor(draw)] })
    const bytes = Buffer.from(Array.from({ length: draw.below(20) }, () => draw.below(256)))
    return [
      inferPath,
      Buffer.concat([Buffer.from(head), bytes]),
      { 'inference-header-content-length': `${head.length}` },
    ]
  },
]

describe('wrong records', () => {
  let server: InferenceServer
  let model: TabularModel
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })

  before(async () => {
    model = await soldModel()
    server = await serve({ models: { m: model }, port: 0, device: 'cpu', threads: 1 })
  })
  after(async () => {
    agent.destroy()
    await server.close()
    model.dispose()
  })

  it(`are answered or refused with a reason (seed ${seed})`, async () => {
    const right = async () => (await ask(server.url, predictPath, { body: valid })).body.toString()
    const expected = await right()
    const counts = new Map<number, number>()
    const one = async (number: number) => {
      const draw = new Random(seed + number)
      const [path, body, headers = {}] = draw.pick(kinds)(draw)
      const answer = await ask(server.url, path, {
        body,
        agent,
        headers: draw.below(2) ? headers : { ...headers, te: 'trailers' },
      })
      const context = `seed ${seed + number}: ${body.toString().slice(0, 300)}: ${answer.body.toString().slice(0, 300)}`
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1)
      assert.ok(answer.status === 200 || answer.status === 400, `${answer.status} for ${context}`)
      if (answer.status === 200) return
      const { error } = answer.json()
      assert.ok(typeof error === 'string' && error.length > 0 && error.length < 1000, context)
      assert.match(error, /: expected |there is no /, context)
    }
    for (let i = 0; i < requests; i += 4) await Promise.all([i, i + 1, i + 2, i + 3].map(one))
    assert.ok(
      (counts.get(200) ?? 0) > requests / 50 && (counts.get(400) ?? 0) > requests / 4,
      JSON.stringify([...counts]),
    )
    assert.equal(await right(), expected)
    assert.equal(Object.hasOwn(Object.prototype, 'year'), false)
  })
})
