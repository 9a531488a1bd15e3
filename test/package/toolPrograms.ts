/** Programs that a user writes for test runners, and for a Fastify application. */

const cases = `
  test('trains, predicts, saves and loads', async () => {
    const model = sequential({
      layers: [
        layers.dense({ units: 8, activation: 'relu', inputShape: [2] }),
        layers.dense({ units: 1, activation: 'sigmoid' }),
      ],
      seed: 1,
    }).compile({ optimizer: 'adam', loss: 'binaryCrossentropy', device: 'cpu' })
    const x = [[0, 0], [0, 1], [1, 0], [1, 1]]
    const { history } = await model.fit(x, [0, 1, 1, 0], { epochs: 3, verbose: 0 })
    expect(history.loss.length).toBe(3)
    const { data } = await model.predict(x)
    expect(data).toBeInstanceOf(Float32Array)
    const out = new Float32Array(4)
    await model.predict(new Float32Array(x.flat()), { out })
    expect([...out]).toEqual([...data])
    expect([...(await model.predict(array(new Uint8Array(x.flat()), [4, 2]))).data]).toEqual([...data])
    const folder = mkdtempSync(join(tmpdir(), 'neurode-'))
    try {
      await model.save(join(folder, 'model.neurode'))
      const again = await load(join(folder, 'model.neurode'))
      expect([...(await again.predict(x)).data]).toEqual([...data])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('throws errors of its own, the addon too', async () => {
    expect(() => layers.dense({ units: -1 })).toThrow(NeurodeError)
    const model = sequential([layers.embedding({ inputDim: 3, outputDim: 2, inputShape: [1] })])
    await expect(model.predict([[7]])).rejects.toThrow(NeurodeError)
  })

  test('serves', async () => {
    const model = sequential([layers.dense({ units: 2, inputShape: [3], kernelInitializer: 'zeros' })])
    const server = await serve({ models: { model }, port: 0 })
    try {
      const body = '{"instances":[[1,2,3]]}'
      const answer = await fetch(server.url + '/v1/models/model:predict', { method: 'POST', body })
      expect(await answer.json()).toEqual({ predictions: [[0, 0]] })
    } finally {
      await server.close()
    }
  })
`

const names = [
  ['{ mkdtempSync, rmSync }', 'node:fs'],
  ['{ tmpdir }', 'node:os'],
  ['{ join }', 'node:path'],
  ['{ array, layers, load, NeurodeError, sequential }', 'neurode'],
  ['{ serve }', 'neurode/serve'],
]
const required = names.map(([list, name]) => `const ${list} = require('${name}')`).join('\n')
const imported = names.map(([list, name]) => `import ${list} from '${name}'`).join('\n')

export const toolFiles = {
  'required.test.js': `${required}\n${cases}`,
  'imported.test.mjs': `${imported}\n${cases}`,
  'vitest.spec.mjs': `import { expect, test } from 'vitest'\n${imported}\n${cases}`,
  'plugin.mts': `
    import fastify from 'fastify'
    import { sequential } from 'neurode'
    import { servePlugin } from 'neurode/serve'
    const app = fastify()
    await app.register(servePlugin, { prefix: '/models', models: { empty: sequential() }, watch: true })
    // @ts-expect-error: no such option
    await app.register(servePlugin, { models: {}, wach: true })
    // @ts-expect-error: what is served is missing
    await app.register(servePlugin, { prefix: '/models' })
    // @ts-expect-error: no Fastify
    await servePlugin({}, { models: {} })
  `,
  'plugin.cjs': `
    const fastify = require('fastify')
    const { layers, sequential } = require('neurode')
    const { servePlugin } = require('neurode/serve')
    async function main() {
      const model = sequential([layers.dense({ units: 2, inputShape: [3], kernelInitializer: 'zeros' })])
      const app = fastify()
      app.get('/own', () => 'mine')
      app.register(servePlugin, { prefix: '/models', models: { model } })
      const url = await app.listen({ port: 0 })
      const body = JSON.stringify({ instances: [[1, 2, 3]] })
      const answer = await (await fetch(url + '/models/v1/models/model:predict', { method: 'POST', body })).json()
      console.log(JSON.stringify([answer, await (await fetch(url + '/own')).text(), app.hasPlugin('neurode')]))
      await app.close()
    }
    main()
  `,
}
