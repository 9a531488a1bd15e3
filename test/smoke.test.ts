/** `npm run test:smoke`: a simple use of each part of Neurode, on the CPU. If a test fails here, Neurode fails for everybody. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  array,
  callbacks,
  devices,
  layers,
  load,
  losses,
  optimizers,
  readCsv,
  readNpz,
  readSafetensors,
  schedules,
  sequential,
  writeNpz,
  writeSafetensors,
} from 'neurode'
import { plot } from 'neurode/plot'
import { batcher, serve } from 'neurode/serve'
import { runNode } from './support/children.js'
import { suiteFolder } from './support/folders.js'
import { layerCases } from './support/layerCases.js'
import { classifier, clouds } from './support/problems.js'
import { bitsOf } from './support/resumable.js'
import { ask, inferBody } from './support/serving.js'

const { x, y } = clouds(120)
const quiet = { verbose: 0 } as const

describe('smoke', function () {
  this.slow(2000)
  const folder = suiteFolder()

  it('finds the CPU and its instruction sets', () => {
    const cpu = devices().find(({ name }) => name === 'cpu')
    assert.ok(cpu?.available && (cpu.isas?.length ?? 0) > 0)
  })

  it('fits, evaluates and predicts', async () => {
    using model = classifier()
    const { history } = await model.fit(x, y, { ...quiet, epochs: 20, validationSplit: 0.2 })
    assert.ok((history.loss.at(-1) as number) < (history.loss[0] as number) / 2, String(history.loss))
    const { accuracy } = await model.evaluate(x, y)
    const { data } = await model.predict(x)
    const hits = Array.from(y, (label, row) => {
      const outputs = data.subarray(3 * row, 3 * row + 3)
      return Number(outputs.indexOf(Math.max(...outputs)) === label)
    })
    const share = hits.reduce((sum, hit) => sum + hit, 0) / y.length
    assert.equal(Math.fround(accuracy), Math.fround(share))
  })

  for (const { title, shape, indices, make } of layerCases) {
    it(`trains ${title}`, async () => {
      const size = shape.reduce((product, n) => product * n, 1)
      const values = Float32Array.from({ length: 8 * size }, (_, i) => (indices ? i % indices : Math.sin(i)))
      using model = sequential([make({ inputShape: shape }), layers.flatten(), layers.dense({ units: 1 })])
      model.compile({ loss: 'mse', optimizer: 'adam', device: 'cpu' })
      const { history } = await model.fit(array(values, [8, ...shape]), new Float32Array(8).fill(1), quiet)
      assert.ok(Number.isFinite(history.loss[0]))
    })
  }

  it('trains with every optimizer, a schedule and a loss that is written in TypeScript', async () => {
    const loss = losses.custom({
      name: 'squares',
      compute: ({ outputs, targets }) => {
        const gradient = outputs.map((value, i) => value - (targets[i] as number))
        return { loss: gradient.reduce((sum, g) => sum + (g * g) / 2, 0), gradient }
      },
    })
    const learningRate = schedules.cosineDecay({ initialLearningRate: 0.1, decaySteps: 10 })
    for (const make of Object.values(optimizers)) {
      using model = sequential([layers.dense({ units: 1, inputShape: [6] })])
      model.compile({ loss, optimizer: make({ learningRate }), device: 'cpu' })
      await model.fit(x, Float32Array.from(y), quiet)
      assert.ok(model.getWeights().every(({ data }) => data.every(Number.isFinite)))
    }
  })

  it('saves a training, and goes on with it bit for bit', async () => {
    const path = join(folder.path, 'model.neurode')
    using whole = classifier()
    await whole.fit(x, y, { ...quiet, epochs: 4 })
    using begun = classifier()
    await begun.fit(x, y, { ...quiet, epochs: 2, callbacks: callbacks.modelCheckpoint(path) })
    using resumed = await load(path, { device: 'cpu' })
    await resumed.fit(x, y, { ...quiet, epochs: 4, resume: true })
    assert.equal(bitsOf(resumed), bitsOf(whole))
  })

  it('reads what it wrote, and CSV', async () => {
    const path = (name: string) => join(folder.path, name)
    await writeNpz(path('a.npz'), { x })
    assert.deepEqual((await readNpz(path('a.npz'))).get('x')?.data, x.data)
    await writeSafetensors(path('a.safetensors'), { x })
    assert.deepEqual((await readSafetensors(path('a.safetensors'))).tensors.get('x')?.data, x.data)
    writeFileSync(path('a.csv'), 'a,b\n1,2\n3,4\n')
    assert.deepEqual([...(await readCsv(path('a.csv'))).numbers().data], [1, 2, 3, 4])
  })

  it('predicts row by row and in batches as predict does', async () => {
    using model = classifier()
    const { data } = await model.predict(x)
    using predictor = model.predictor({ device: 'cpu' })
    using queue = batcher(predictor)
    const row = x.data.subarray(0, 6)
    const expected = data.slice(0, 3)
    assert.deepEqual(predictor.predictSync(row), expected)
    assert.deepEqual(await Promise.all([queue.predict(row), queue.predict(row)]), [expected, expected])
  })

  it('serves over HTTP', async () => {
    using model = classifier()
    const { data } = await model.predict(x)
    await using server = await serve({ models: { m: model }, port: 0, device: 'cpu' })
    const rows = [[...x.data.subarray(0, 6)]]
    const answer = await ask(server.url, '/v2/models/m/infer', { body: inferBody(rows) })
    assert.equal(answer.status, 200)
    assert.deepEqual(Float32Array.from(answer.json().outputs[0].data), data.slice(0, 3))
    assert.equal((await ask(server.url, '/v2/health/ready')).status, 200)
  })

  it('draws', async () => {
    const picture = await plot.line({ loss: [3, 2, 1] })
    assert.match(picture.svg, /^<svg .*<\/svg>$/s)
  })

  it('runs on the command line', async () => {
    const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))
    const { code, stdout } = await runNode([main, 'doctor', '--json'])
    assert.equal(code, 0)
    assert.equal(typeof JSON.parse(stdout), 'object')
  })
})
