/** Models of several outputs: predictors and batchers give an array for each, and servers name them. */

import assert from 'node:assert/strict'
import { array, type Functional, input, layers, load, model } from 'neurode'
import { attachPredictor, batcher, type InferenceServer, type Predictor, serve } from 'neurode/serve'
import { perDevice } from '../support/devices.js'
import { Random } from '../support/random.js'
import { ask, temporaryFolder } from '../support/serving.js'

const rows = 5
const x4 = new Random(9).normals(4 * rows)
const z2 = new Random(10).normals(2 * rows)
const x = array(x4, [rows, 4])
const z = array(z2, [rows, 2])

/** Two inputs, and three outputs of different shapes, one of which is an inner tensor. */
function graph(device: string) {
  const a = input({ shape: [4], name: 'a' })
  const b = input({ shape: [2], name: 'b' })
  const h = layers.dense({ units: 4, activation: 'tanh', name: 'h' }).apply(layers.concatenate().apply([a, b]))
  const kind = layers.dense({ units: 3, activation: 'softmax', name: 'kind' }).apply(h)
  const places = layers.reshape({ targetShape: [2, 2], name: 'places' }).apply(layers.add().apply([a, h]))
  const inputs = { a, b }
  const given = { device, threads: 1 }
  return { inputs, outputs: { kind, places, h }, given }
}

type Served = ReturnType<typeof byName>
const byName = (inputs: ReturnType<typeof graph>['inputs'], outputs: ReturnType<typeof graph>['outputs']) =>
  model({ inputs, outputs, seed: 4 })

const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string) => {
  assert.equal(actual.length, expected.length, what)
  for (let i = 0; i < expected.length; i++) {
    assert.ok(Math.abs((actual[i] as number) - (expected[i] as number)) < 1e-5, `${what}: ${actual[i]} at ${i}`)
  }
}

perDevice('a model of several outputs', (device) => {
  let net: Served
  let expected: Record<'kind' | 'places' | 'h', Float32Array>
  let folder: ReturnType<typeof temporaryFolder>
  let server: InferenceServer
  let predictor: Predictor<Record<'kind' | 'places' | 'h', Float32Array>>

  before(async () => {
    folder = temporaryFolder()
    const { inputs, outputs } = graph(device)
    const path = `${folder.path}/net.neurode`
    await byName(inputs, outputs).save(path)
    net = await load<Served>(path, { device, threads: 1 })
    const { kind, places, h } = await net.predict({ a: x, b: z })
    expected = { kind: kind.data, places: places.data, h: h.data }
    predictor = net.predictor({ device })
    server = await serve({ models: { net: net as unknown as Functional, file: path }, port: 0, device, threads: 1 })
  })
  after(async () => {
    await server.close()
    predictor.dispose()
    net.dispose()
    folder.remove()
  })

  const closeAll = (actual: Readonly<Record<string, ArrayLike<number>>>) => {
    assert.deepEqual(Object.keys(actual), ['kind', 'places', 'h'])
    for (const [name, values] of Object.entries(expected)) close(actual[name] as ArrayLike<number>, values, name)
  }

  it('has predictors that give a record, a list, or what they are given', async () => {
    closeAll(await predictor.predict({ a: x, b: z }))
    closeAll(predictor.predictSync([x, z]))
    const out = { kind: new Float32Array(15), places: new Float32Array(20), h: new Float32Array(20) }
    const into = await predictor.predict({ a: x, b: z }, { out })
    assert.equal(into.kind, out.kind)
    closeAll(out)
    out.h.fill(0)
    assert.equal(predictor.predictSync({ a: x, b: z }, { out }).h, out.h)
    closeAll(out)
    using attached = attachPredictor<typeof out>(structuredClone(predictor.token))
    closeAll(attached.predictSync({ a: x, b: z }))
    assert.deepEqual([predictor.outputShape, predictor.outputSize], [[11], 11])

    const { inputs, outputs, given } = graph(device)
    using listed = model({ inputs, outputs: [outputs.h, outputs.kind], seed: 4 })
    using list = listed.predictor(given)
    const [h, kind] = await list.predict([x, z])
    assert.deepEqual([h.length, kind.length], [20, 15])
    const shapes = (await listed.predict([x, z])).map(({ data }) => data)
    close(h, shapes[0] as Float32Array, 'h')
    close(kind, shapes[1] as Float32Array, 'kind')
    using attachedList = attachPredictor<Float32Array[]>(structuredClone(list.token))
    close(attachedList.predictSync([x, z])[1] as Float32Array, kind, 'kind')
  })

  it('has predictors that refuse arrays that do not fit', async () => {
    const into = (out: unknown) => predictor.predict({ a: x, b: z }, { out: out as never })
    const [kind, places, h] = [new Float32Array(15), new Float32Array(20), new Float32Array(20)]
    await assert.rejects(into(new Float32Array(55)), { code: 'ERR_ARGUMENT', message: /out.*kind, places, h/ })
    await assert.rejects(into({ kind, places }), {
      code: 'ERR_DTYPE',
      message: /out\.h: expected a Float32Array, got undefined/,
    })
    await assert.rejects(into({ kind, places, h, more: h }), { code: 'ERR_UNKNOWN_NAME', message: /'more'/ })
    await assert.rejects(into({ kind: h, places, h }), { code: 'ERR_SHAPE', message: /out\.kind/ })
    await assert.rejects(into([kind, places]), { code: 'ERR_SHAPE', message: /a list of 3/ })
    const { token } = predictor
    const [first, ...others] = token.outputs ?? []
    for (const wrong of [
      { outputForm: 'set' as 'list' },
      { outputs: [] },
      { outputs: others },
      { outputs: [first, first, ...others] as never },
    ]) {
      assert.throws(() => attachPredictor({ ...token, ...wrong }), { code: 'ERR_ARGUMENT' })
    }
  })

  it('has batchers that give each call its rows of each output', async () => {
    using queue = batcher(predictor, { maxBatchSize: 2 })
    closeAll(await queue.predict({ a: x, b: z }))
    const one = (row: number) => {
      return queue.run(1, (into) => {
        into.set(x4.subarray(4 * row, 4 * row + 4))
        into.set(z2.subarray(2 * row, 2 * row + 2), 4)
      })
    }
    const answers = await Promise.all(Array.from({ length: rows }, (_, row) => one(row)))
    for (const name of ['kind', 'places', 'h'] as const) {
      close(
        answers.flatMap((answer) => [...answer[name]]),
        expected[name],
        name,
      )
    }
  })

  // The header `te` makes node:http answer instead of the fast path.
  const ways: readonly Record<string, string>[] = [{}, { te: 'trailers' }]
  const inputs = [
    { name: 'a', shape: [rows, 4], datatype: 'FP32', data: [...x4] },
    { name: 'b', shape: [rows, 2], datatype: 'FP32', data: [...z2] },
  ]
  const infer = (body: unknown, headers: Record<string, string> = {}, name = 'net') =>
    ask(server.url, `/v2/models/${name}/infer`, { body: JSON.stringify(body), headers })

  it('is served with the names of its outputs', async () => {
    for (const name of ['net', 'file']) {
      const { outputs } = (await ask(server.url, `/v2/models/${name}`)).json()
      assert.deepEqual(outputs, [
        { name: 'kind', datatype: 'FP32', shape: [-1, 3] },
        { name: 'places', datatype: 'FP32', shape: [-1, 2, 2] },
        { name: 'h', datatype: 'FP32', shape: [-1, 4] },
      ])
      for (const headers of ways) {
        const answer = await infer({ id: 'i', inputs }, headers, name)
        assert.equal(answer.status, 200, answer.body.toString())
        const all = answer.json().outputs as { name: string; shape: number[]; data: number[] }[]
        closeAll(Object.fromEntries(all.map((output) => [output.name, output.data])))
        assert.deepEqual(all[1]?.shape, [rows, 2, 2])
      }
    }
  })

  it('answers with the outputs that were asked for, in JSON and in bytes', async () => {
    const outputs = [{ name: 'h', parameters: { binary_data: true } }, { name: 'kind' }]
    for (const headers of ways) {
      const mixed = await infer({ inputs, outputs }, headers)
      const length = Number(mixed.headers['inference-header-content-length'])
      const json = JSON.parse(mixed.body.subarray(0, length).toString())
      assert.deepEqual(
        json.outputs.map(({ name }: { name: string }) => name),
        ['h', 'kind'],
      )
      close(new Float32Array(Uint8Array.from(mixed.body.subarray(length)).buffer), expected.h, 'h')
      close(json.outputs[1].data, expected.kind, 'kind')

      const binary = await infer({ inputs, parameters: { binary_data_output: true } }, headers)
      const bytes = binary.body.subarray(Number(binary.headers['inference-header-content-length']))
      const all = [...expected.kind, ...expected.places, ...expected.h]
      close(new Float32Array(Uint8Array.from(bytes).buffer), all, 'all')

      const unknown = await infer({ inputs, outputs: [{ name: 'output' }] }, headers)
      assert.equal(unknown.status, 400)
      assert.match(unknown.json().error, /outputs\[0\]\.name: expected one of 'kind', 'places', 'h'/)
    }
  })

  it('answers TensorFlow Serving with objects by name', async () => {
    const instances = Array.from({ length: rows }, (_, row) => ({
      a: [...x4.subarray(4 * row, 4 * row + 4)],
      b: [...z2.subarray(2 * row, 2 * row + 2)],
    }))
    const columns = { a: instances.map(({ a }) => a), b: instances.map(({ b }) => b) }
    for (const headers of ways) {
      const send = (body: object) => ask(server.url, '/v1/models/net:predict', { body: JSON.stringify(body), headers })
      const { predictions } = (await send({ instances })).json()
      assert.equal(predictions.length, rows)
      assert.equal(predictions[0].places.length, 2)
      const flat = (name: string) => predictions.flatMap((row: Record<string, number[]>) => row[name]?.flat())
      closeAll({ kind: flat('kind'), places: flat('places'), h: flat('h') })
      const { outputs } = (await send({ inputs: columns })).json()
      assert.equal(outputs.places[0].length, 2)
      closeAll({ kind: outputs.kind.flat(), places: outputs.places.flat(2), h: outputs.h.flat() })
    }
  })

  it('says 400 to whatever is wrong, and answers the next request', async () => {
    const wrong: unknown[] = [
      { inputs: inputs.slice(1) },
      { inputs: [...inputs, inputs[0]] },
      { inputs: [inputs[0], inputs[0]] },
      { inputs: [inputs[0], { ...inputs[1], shape: [rows - 1, 2], data: [...z2].slice(2) }] },
      { inputs: [inputs[0], { ...inputs[1], data: [...z2].slice(1) }] },
      { inputs, outputs: [{ name: 'h' }, { name: 'h' }] },
      { inputs, outputs: {} },
    ]
    for (const body of wrong) {
      for (const headers of ways) {
        const answer = await infer(body, headers)
        assert.equal(answer.status, 400, answer.body.toString())
        assert.ok(answer.json().error.length > 0)
      }
    }
    assert.equal((await infer({ inputs })).status, 200)
  })
})
