/** The models that are served: they are found, replaced and removed, and no request is lost or mixed with another version. */

import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ErrorCode } from 'neurode'
import { type ServeEvent, serve } from 'neurode/serve'
import { perDevice } from '../support/devices.js'
import { recordLoading } from '../support/loading.js'
import { ask, constantModel, inferBody, loadServer, randomModel, temporaryFolder } from '../support/serving.js'

describe('served models', function () {
  this.slow(4000)
  let folder: ReturnType<typeof temporaryFolder>
  beforeEach(() => {
    folder = temporaryFolder()
  })
  afterEach(() => folder.remove())

  /** Saves a constant model in the folder. */
  const save = async (value: number, ...names: string[]) => {
    const path = join(folder.path, ...names)
    mkdirSync(join(path, '..'), { recursive: true })
    using model = constantModel(value)
    await model.save(path)
    return path
  }
  const start = (models: Parameters<typeof serve>[0]['models'], events: ServeEvent[] = []) =>
    serve({ models, port: 0, device: 'cpu', threads: 1, onEvent: (event) => events.push(event) })
  const valueAt = async (url: string, path: string) => {
    const answer = await ask(url, `${path}/infer`, { body: inferBody([[1, 2, 3, 4]]) })
    return answer.status === 200 ? answer.json().outputs[0].data[0] : answer.status
  }

  it('have the names of their files', async () => {
    await using server = await start([await save(1, 'one.neurode'), await save(2, 'two.v2.neurode')])
    assert.equal(await valueAt(server.url, '/v2/models/one'), 1)
    assert.equal(await valueAt(server.url, '/v2/models/two.v2'), 2)
  })

  it('have the names that a record gives', async () => {
    const path = await save(1, 'one.neurode')
    await using server = await start({ first: path, memory: constantModel(5) })
    assert.equal(await valueAt(server.url, '/v2/models/first'), 1)
    assert.equal(await valueAt(server.url, '/v2/models/memory'), 5)
    assert.equal(await valueAt(server.url, '/v2/models/one'), 404)
  })

  it('come from folders of files and of numbered versions, the highest first', async () => {
    await save(1, 'single.neurode')
    for (const version of [2, 9, 10]) await save(version, 'many', String(version), 'model.neurode')
    mkdirSync(join(folder.path, 'many', '11')) // a version that is being copied
    writeFileSync(join(folder.path, 'README.md'), '')
    await using server = await start(folder.path)
    assert.equal(await valueAt(server.url, '/v2/models/single'), 1)
    assert.equal(await valueAt(server.url, '/v2/models/many'), 10)
    assert.equal(await valueAt(server.url, '/v2/models/many/versions/9'), 9)
    const { versions } = (await ask(server.url, '/v2/models/many')).json()
    assert.deepEqual(versions, ['2', '9', '10'])
    const status = (await ask(server.url, '/v1/models/many')).json()
    assert.equal(status.model_version_status.length, 3)
  })

  it('come from the folder of one model', async () => {
    await save(3, 'digits', '1', 'any.neurode')
    await using server = await start(join(folder.path, 'digits'))
    assert.equal(await valueAt(server.url, '/v2/models/digits/versions/1'), 3)
  })

  const refusals: Readonly<Record<string, { code: ErrorCode; make: () => Promise<Parameters<typeof start>[0]> }>> = {
    'a file there is not': { code: 'ERR_FILE_NOT_FOUND', make: async () => join(folder.path, 'none.neurode') },
    'an empty folder': { code: 'ERR_FILE_NOT_FOUND', make: async () => folder.path },
    'a file that is no model': {
      code: 'ERR_FILE_FORMAT',
      make: async () => {
        writeFileSync(join(folder.path, 'bad.neurode'), 'text')
        return folder.path
      },
    },
    'one name for two files': {
      code: 'ERR_ARGUMENT',
      make: async () => [await save(1, 'a', 'x.neurode'), await save(2, 'b', 'x.neurode')],
    },
    'two files for one version': {
      code: 'ERR_ARGUMENT',
      make: async () => {
        await save(1, 'x', '1', 'a.neurode')
        await save(1, 'x', '1', 'b.neurode')
        return folder.path
      },
    },
    'a name that no address has': { code: 'ERR_ARGUMENT', make: async () => await save(1, 'a b.neurode') },
    'what is no model': { code: 'ERR_ARGUMENT', make: async () => ({ x: 3 as unknown as string }) },
  }
  for (const [name, { code, make }] of Object.entries(refusals)) {
    it(`are refused at the start: ${name}`, async () => {
      await assert.rejects(start(await make()), { name: 'NeurodeError', code })
    })
  }

  it('follow their files: new, replaced and removed versions', async () => {
    await save(1, 'm', '1', 'model.neurode')
    await using server = await start(folder.path)
    await save(2, 'm', '2', 'model.neurode')
    await save(7, 'other.neurode')
    assert.equal(await valueAt(server.url, '/v2/models/m'), 1)
    await server.reload()
    assert.equal(await valueAt(server.url, '/v2/models/m'), 2)
    assert.equal(await valueAt(server.url, '/v2/models/m/versions/1'), 1)
    assert.equal(await valueAt(server.url, '/v2/models/other'), 7)
    await save(22, 'm', '2', 'model.neurode')
    rmSync(join(folder.path, 'm', '1'), { recursive: true })
    rmSync(join(folder.path, 'other.neurode'))
    await server.reload()
    assert.equal(await valueAt(server.url, '/v2/models/m'), 22)
    assert.equal(await valueAt(server.url, '/v2/models/m/versions/1'), 404)
    assert.equal(await valueAt(server.url, '/v2/models/other'), 404)
  })

  it('stay as they were where a file is bad or gone, which is logged and counted once', async () => {
    const path = await save(1, 'm.neurode')
    const events: ServeEvent[] = []
    await using server = await start(path, events)
    writeFileSync(path, 'half a model')
    for (let i = 0; i < 3; i++) await server.reload()
    assert.equal(await valueAt(server.url, '/v2/models/m'), 1)
    renameSync(path, `${path}.away`)
    for (let i = 0; i < 3; i++) await server.reload()
    assert.equal(await valueAt(server.url, '/v2/models/m'), 1)
    const errors = events.filter(({ level }) => level === 'error')
    assert.equal(errors.length, 2, JSON.stringify(errors))
    const metrics = (await ask(server.url, '/metrics')).body.toString()
    assert.match(metrics, /neurode_model_load_failures_total\{worker="1"\} 2\n/)
    await save(3, 'm.neurode')
    await server.reload()
    assert.equal(await valueAt(server.url, '/v2/models/m'), 3)
  })

  it('are watched', async () => {
    const path = await save(1, 'm.neurode')
    await using server = await serve({ models: path, port: 0, device: 'cpu', threads: 1, watch: true })
    await save(2, 'm.neurode')
    while ((await valueAt(server.url, '/v2/models/m')) !== 2) await new Promise((resolve) => setTimeout(resolve, 50))
  })

  perDevice('of many weights', (device) => {
    it('are read, checked and packed by other threads, while requests are answered', async () => {
      await save(1, 'small.neurode')
      const saveLarge = async (seed: number) => {
        using model = randomModel(1024, 4096, 1, seed)
        await model.save(join(folder.path, 'large.neurode'))
      }
      await saveLarge(1)
      const sizes = { maxBatchSize: 1, maxQueueSize: 1000, timeoutMs: 60_000 }
      await using server = await serve({ models: folder.path, port: 0, device, threads: 1, ...sizes })
      await saveLarge(2)
      const order: string[] = []
      let done = false
      let begin = () => {}
      const begun = new Promise<void>((resolve) => (begin = resolve))
      const load = loadServer(
        2,
        () => done,
        async (agent) => {
          const answer = await ask(server.url, '/v2/models/small/infer', { body: inferBody([[1, 2, 3, 4]]), agent })
          assert.equal(answer.status, 200, answer.body.toString())
          order.push('answer')
          begin()
        },
      )
      using _ = recordLoading((step) => order.push(step))
      const reload = begun.then(() => server.reload()).finally(() => (done = true))
      await Promise.all([load, reload])
      const steps = ['reading elsewhere', 'packing elsewhere', 'packing done']
      const expected = ['answer', ...steps.flatMap((step) => [step, 'answer'])]
      assert.deepEqual(
        order.filter((step, i) => step !== order[i - 1]),
        expected,
      )
      const counts = (await ask(server.url, '/metrics')).body.toString()
      assert.match(counts, /neurode_model_reloads_total\{worker="1"\} 1\n/)
    })
  })

  it('are replaced 100 times under load: no request is lost, no answer is of two versions', async function () {
    this.slow(60_000)
    const path = await save(0, 'm.neurode')
    const spare = await Promise.all([1, 2, 3, 4].map((value) => save(value, `spare-${value}`)))
    // With small batches the rows of one request are computed in several batches.
    const sizes = { maxBatchSize: 4, maxQueueSize: 1000 }
    await using server = await serve({ models: path, port: 0, device: 'cpu', threads: 1, ...sizes, timeoutMs: 60_000 })
    const body = inferBody(Array.from({ length: 10 }, () => [1, 2, 3, 4]))
    const seen = new Set<number>()
    let answers = 0
    let done = false
    const load = loadServer(
      8,
      () => done,
      async (agent) => {
        const answer = await ask(server.url, '/v2/models/m/infer', { body, agent })
        assert.equal(answer.status, 200, answer.body.toString())
        const { data } = answer.json().outputs[0]
        assert.equal(data.length, 80)
        assert.ok(
          data.every((value: number) => value === data[0]),
          `two versions in one answer: ${new Set(data)}`,
        )
        seen.add(data[0])
        answers++
      },
    )
    const reloads = async () => {
      for (let i = 0; i < 100; i++) {
        renameSync(spare[i % 4] as string, path)
        await server.reload()
        spare[i % 4] = await save((i % 4) + 1, `spare-${(i % 4) + 1}`)
        const before = answers
        while (answers < before + 3) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await Promise.all([load, reloads().finally(() => (done = true))])
    assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4])
    const metrics = (await ask(server.url, '/metrics')).body.toString()
    assert.match(metrics, /neurode_model_reloads_total\{worker="1"\} 100\n/)
    assert.match(metrics, new RegExp(`nv_inference_request_success\\{model="m",version="1"\\} ${answers}\n`))
    assert.match(metrics, /nv_inference_request_failure\{model="m",version="1",reason="BACKEND"\} 0\n/)
  })
})
