/** Models of tables in a server: records and named columns in, labels and numbers out. */

import assert from 'node:assert/strict'
import { rename } from 'node:fs/promises'
import { feature, featureSpace, type TableRecord, type TabularModel, table, tabular } from 'neurode'
import { type InferenceServer, serve } from 'neurode/serve'
import { assertSameAnswers } from '../support/answers.js'
import { carRows, oddName, oddWord, priceModel, soldModel } from '../support/cars.js'
import { perDevice } from '../support/devices.js'
import { ask, hasRead, startServer, temporaryFolder } from '../support/serving.js'

const count = 7
const rows = carRows(count, 2)
/** Dates as JSON has them. */
const records: Record<string, unknown>[] = JSON.parse(JSON.stringify(rows))
const [price, sold] = ['price', 'sold'].map((target) =>
  records.map((record) =>
    Object.fromEntries(Object.entries(record).filter(([name]) => !['price', 'sold'].includes(name) || name === target)),
  ),
) as [Record<string, unknown>[], Record<string, unknown>[]]
const asRows = (given: readonly object[]) => given as TableRecord[]
// The header `te` makes node:http answer instead of the fast path.
const ways: readonly Record<string, string>[] = [{}, { te: 'trailers' }]

perDevice('a served model of a table', (device) => {
  let server: InferenceServer
  let folder: ReturnType<typeof temporaryFolder>
  let models: { price: TabularModel; sold: TabularModel }

  before(async () => {
    folder = temporaryFolder()
    models = { price: await priceModel(device), sold: await soldModel(device) }
    const file = `${folder.path}/file.neurode`
    await models.sold.save(file)
    server = await serve({ models: { ...models, file }, port: 0, device, threads: 1 })
  })
  after(async () => {
    await server.close()
    models.price.dispose()
    models.sold.dispose()
    folder.remove()
  })

  const send = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const isBody = typeof body === 'string' || Buffer.isBuffer(body)
    return await ask(server.url, path, { body: isBody ? body : JSON.stringify(body), headers })
  }
  const answered = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await send(path, body, headers)
    assert.equal(answer.status, 200, answer.body.toString())
    return answer
  }

  it('answers records as the model itself does', async () => {
    const expected = { price: await models.price.predict(asRows(price)), sold: await models.sold.predict(asRows(sold)) }
    for (const headers of ways) {
      const prices = (await answered('/v1/models/price:predict', { instances: price }, headers)).json()
      assertSameAnswers(prices, { predictions: expected.price })
      for (const name of ['sold', 'file']) {
        const labels = (await answered(`/v1/models/${name}:predict`, { instances: sold }, headers)).json()
        assertSameAnswers(labels, { predictions: expected.sold })
      }
    }
    assert.deepEqual(Object.keys(expected.sold[0] as object), ['label', 'probabilities'])
  })

  it('takes absent keys and null for gaps, and the target or not', async () => {
    const gaps = sold.map((record) => Object.fromEntries(Object.entries(record).filter(([, cell]) => cell !== null)))
    const bare = gaps.map(({ sold: _, ...record }) => record)
    const both = await Promise.all(
      [sold, gaps, bare].map(async (instances) => (await answered('/v1/models/sold:predict', { instances })).json()),
    )
    assert.deepEqual(both[1], both[0])
    assert.deepEqual(both[2], both[0])
    const [nothing] = await models.sold.predict([{}])
    assertSameAnswers((await answered('/v1/models/sold:predict', { instances: [{}] })).json().predictions, [nothing])
    const inLists = { instances: [{ year: [2001], make: ['VW'] }] }
    const [one] = await models.sold.predict([{ year: 2001, make: 'VW' }])
    assertSameAnswers((await answered('/v1/models/sold:predict', inLists)).json().predictions, [one])
  })

  it('answers columns with columns', async () => {
    const columns = (of: typeof sold) =>
      Object.fromEntries(Object.keys(of[0] as object).map((name) => [name, of.map((record) => record[name])]))
    const labels = await models.sold.predict(asRows(sold))
    assertSameAnswers((await answered('/v1/models/sold:predict', { inputs: columns(sold) })).json(), {
      outputs: {
        label: labels.map(({ label }) => label),
        probabilities: labels.map(({ probabilities }) => probabilities),
      },
    })
    const prices = await models.price.predict(asRows(price))
    assertSameAnswers((await answered('/v1/models/price:predict', { inputs: columns(price) })).json(), {
      outputs: { price: prices.map((answer) => (answer as { price: number }).price) },
    })
  })

  it('names what is wrong, and where', async () => {
    const wrong = async (body: unknown, expected: RegExp, path = '/v1/models/sold:predict') => {
      for (const headers of ways) {
        const answer = await send(path, body, headers)
        assert.equal(answer.status, 400, answer.body.toString())
        assert.match(answer.json().error, expected)
      }
    }
    const after = (record: unknown) => ({ instances: [{}, {}, record] })
    await wrong(
      after({ yaer: 2001 }),
      /^instances\[2\]: expected columns of the model, got 'yaer'; did you mean 'year'\?$/,
    )
    await wrong(after({ year: '2001' }), /^column 'year' of instances\[2\]: expected a number, got "2001"$/)
    await wrong(after({ year: {} }), /^instances\[2\]\.year: expected a value, got an object$/)
    await wrong(after({ year: [1, 2] }), /^instances\[2\]\.year: expected a value, got an array$/)
    await wrong('{"instances":[{},{"year":1e999}]}', /^instances\[1\]\.year: expected a number that float64 can hold/)
    await wrong(
      after({ damaged: 'perhaps' }),
      /^column 'damaged' of instances\[2\]: expected true or false, got "perhaps"$/,
    )
    await wrong(
      after({ listed: '31.12.2024' }),
      /^column 'listed' of instances\[2\]: expected a date.*got "31.12.2024"$/,
    )
    await wrong(after({ listed: '2024-02-30' }), /^column 'listed' of instances\[2\]: expected a date/)
    await wrong(after([1, 2]), /^instances\[2\]: expected an object, got an array$/)
    await wrong(after(null), /^instances\[2\]: expected an object, got null$/)
    await wrong({ instances: [] }, /^instances: expected at least one row, got none$/)
    await wrong({ instances: {} }, /^instances: expected an array of records, got an object$/)
    await wrong(
      { instances: new Array(4097).fill({}) },
      /^instances: expected at most 4096 rows \(maxRows\), got 4097$/,
    )
    await wrong({}, /^request: expected a member 'instances' or 'inputs', got none$/)
    await wrong([], /^request: expected an object, got an array$/)
    await wrong({ instances: [{}], inputs: { year: [1] } }, /^request: expected 'instances' or 'inputs', got both$/)
    await wrong({ inputs: {} }, /^inputs: expected at least one column, got none$/)
    await wrong({ inputs: { year: 5 } }, /^inputs\.year: expected an array of values, got 5$/)
    await wrong({ inputs: { year: [1, 2], make: ['VW'] } }, /^inputs\.make: expected as many rows .*, 2, got 1$/)
    await wrong({ inputs: { year: [1, 'x'] } }, /^column 'year' of inputs\.year\[1\]: expected a number, got "x"$/)
    await wrong('{"instances":[{"year":1,"year":2}]}', /^instances\[0\]: expected each member once, got 'year' twice$/)
    await wrong(
      '{"instances":[{"__proto__":{"year":1}}]}',
      /^instances\[0\]: expected columns of the model, got '__proto__'/,
    )
    await wrong('{"__proto__":{"instances":[{}]}}', /^request: expected a member 'instances'/)
    await wrong(
      '{"instances":[{"constructor":1}]}',
      /^instances\[0\]: expected columns of the model, got 'constructor'/,
    )
    await wrong(`{"instances":[{"year":${'['.repeat(5000)}1${']'.repeat(5000)}}]}`, /at most 64 levels/)
    await wrong('{"instances":[{"year":1}', /not JSON/)
    await wrong(Buffer.from('{"instances":[{"make":"\xff"}]}', 'latin1'), /not JSON: expected UTF-8/)
    const long = { instances: [{ notes: 'long '.repeat(2_000_000) }] }
    await wrong(long, /^instances\[0\]\.notes: expected a text of at most 1048576 characters, got 10000000$/)
    await wrong(after({ [oddName]: oddWord }), /^column '<b>"km" & 'x'' of instances\[2\]: expected a number, got "/)
  })

  it('describes its columns and its answers', async () => {
    const of = async (path: string) => (await ask(server.url, path)).json()
    const { inputs, outputs, properties } = await of('/v2/models/sold')
    const types = Object.fromEntries(inputs.map(({ name, datatype }: Record<string, string>) => [name, datatype]))
    assert.deepEqual(types, {
      year: 'FP64',
      make: 'BYTES',
      listed: 'BYTES',
      damaged: 'BOOL',
      [oddName]: 'FP64',
      notes: 'BYTES',
    })
    assert.deepEqual(inputs[0].shape, [-1, 1])
    assert.deepEqual(outputs, [
      { name: 'label', datatype: 'BYTES', shape: [-1, 1] },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, 2] },
    ])
    assert.deepEqual(properties, { task: 'classification', target: 'sold' })
    assert.deepEqual((await of('/v2/models/price')).outputs, [{ name: 'price', datatype: 'FP64', shape: [-1, 1] }])
    const { table: described, input } = await of('/v2/models/sold/config')
    assert.deepEqual(described.classes, ['no', 'yes, sold'])
    assert.deepEqual(described.columns, JSON.parse(JSON.stringify(models.sold.columns)))
    assert.deepEqual(input[0], { name: inputs[0].name, data_type: `TYPE_${inputs[0].datatype}`, dims: [1] })
  })

  it('answers many clients at once, each its own row', async () => {
    const expected = await models.sold.predict(asRows(sold))
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        return (await answered('/v1/models/sold:predict', { instances: [sold[i % count]] })).json().predictions[0]
      }),
    )
    answers.forEach((answer, i) => {
      assertSameAnswers(answer, expected[i % count])
    })
  })

  it('answers large requests, and others between', async () => {
    const many = Array.from({ length: 4096 }, (_, i) => sold[i % count])
    const large = answered('/v1/models/sold:predict', { instances: many })
    const [expected, answer] = [await models.sold.predict(asRows(sold)), await large]
    const { predictions } = answer.json()
    assert.equal(predictions.length, 4096)
    for (const i of [0, 1, 255, 256, 2000, 4095]) assertSameAnswers(predictions[i], expected[i % count])
    const bad = await send('/v1/models/sold:predict', { instances: [...many.slice(0, 4000), { year: 'x' }] })
    assert.equal(bad.status, 400)
    assert.match(bad.json().error, /^column 'year' of instances\[4000\]: expected a number, got "x"$/)
  })
})

describe('a server of models of tables', () => {
  it('answers from a file, in several workers', async () => {
    const folder = temporaryFolder()
    const net = await soldModel()
    const path = `${folder.path}/cars.neurode`
    await net.save(path)
    const server = await startServer([path, '--device', 'cpu', '--workers', '2', '--threads', '1'])
    try {
      assert.match(
        server.log(),
        /model 'cars' version 1 from .*: 6 columns → sold \(2 classes\), \d+ parameters, on cpu/,
      )
      const expected = await net.predict(asRows(sold))
      const body = JSON.stringify({ instances: sold })
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => ask(server.url, '/v1/models/cars:predict', { body })),
      )
      for (const answer of answers) assertSameAnswers(answer.json().predictions, expected)
    } finally {
      await server.stop()
      net.dispose()
      folder.remove()
    }
  })

  it('limits the rows of a request where they are wide', async () => {
    const width = 500
    const cells = (row: number) => Array.from({ length: width }, (_, i) => [`c${i}`, (i * row) % 7])
    const rows = Array.from(
      { length: 20 },
      (_, row): TableRecord => ({ ...Object.fromEntries(cells(row)), y: row * 1.5 }),
    )
    const features = featureSpace({ features: Object.fromEntries(cells(1).map(([name]) => [name, feature.number()])) })
    const net = tabular({ target: 'y', features, hidden: [], seed: 1, device: 'cpu' })
    await net.fit(table(rows), { epochs: 1, verbose: 0 })
    await using server = await serve({
      models: { net },
      port: 0,
      device: 'cpu',
      maxRows: 2 ** 24,
      maxQueueSize: 2 ** 24,
    })
    const instances = new Array(40_000).fill({})
    const answer = await ask(server.url, '/v1/models/net:predict', { body: JSON.stringify({ instances }) })
    assert.equal(answer.status, 400)
    assert.match(answer.json().error, /^instances: expected at most 33554 rows \(500 numbers each\), got 40000$/)
    net.dispose()
  })

  it('take names of JavaScript for columns, targets and classes', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => {
      return JSON.parse(
        `{"__proto__":${i % 5},"constructor":"${i % 2 ? 'toString' : 'valueOf'}","hasOwnProperty":${i}}`,
      )
    }) as TableRecord[]
    const numbers = tabular({ target: '__proto__', task: 'regression', hidden: [], seed: 1, device: 'cpu' })
    const classes = tabular({ target: 'constructor', hidden: [], seed: 1, device: 'cpu' })
    for (const net of [numbers, classes]) await net.fit(table(rows), { epochs: 1, verbose: 0 })
    await using server = await serve({ models: { numbers, classes }, port: 0, device: 'cpu', threads: 1 })
    for (const [name, net] of Object.entries({ numbers, classes })) {
      const body = JSON.stringify({ instances: rows.slice(0, 3) })
      const answer = await ask(server.url, `/v1/models/${name}:predict`, { body })
      assertSameAnswers(answer.json().predictions, await net.predict(rows.slice(0, 3)))
      net.dispose()
    }
  })

  it('reloads a model that has other columns', async () => {
    const folder = temporaryFolder()
    const path = `${folder.path}/m.neurode`
    const write = async (rows: TableRecord[]) => {
      const net = tabular({ target: 'y', hidden: [], seed: 1, device: 'cpu' })
      await net.fit(table(rows), { epochs: 1, verbose: 0 })
      await net.save(`${folder.path}/new.neurode`)
      net.dispose()
      await rename(`${folder.path}/new.neurode`, path)
    }
    const numbers = Array.from({ length: 20 }, (_, i) => ({ a: (i * 7) % 5, y: i * 1.5 }))
    await write(numbers)
    await using server = await serve({ models: path, port: 0, device: 'cpu', threads: 1 })
    const predict = (record: object) =>
      ask(server.url, '/v1/models/m:predict', { body: JSON.stringify({ instances: [record] }) })
    assert.equal((await predict({ a: 1 })).status, 200)
    await write(numbers.map(({ a, y }) => ({ b: a % 2 ? 'odd' : 'even', y })))
    // Its rows are encoded in many turns of the event loop, and the model that it asked answers it.
    const large = JSON.stringify({ instances: new Array(4000).fill({ a: 1, y: 0 }) })
    const asked = ask(server.url, '/v1/models/m:predict', { body: large })
    await hasRead(server.url)
    await server.reload()
    assert.equal((await asked).status, 200)
    const refused = await predict({ a: 1 })
    assert.equal(refused.status, 400)
    assert.match(refused.json().error, /^instances\[0\]: expected columns of the model, got 'a'; did you mean 'b'\?$/)
    assert.equal(typeof (await predict({ b: 'odd' })).json().predictions[0].y, 'number')
    folder.remove()
  })
})
