/**
 * Names that every JavaScript object has, such as `constructor`: wherever users give names, these are treated as all others or
 * refused.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  callbacks,
  layers,
  load,
  losses,
  metrics,
  readCsv,
  readNpz,
  readSafetensors,
  sequential,
  writeNpz,
  writeSafetensors,
} from 'neurode'
import { plot } from 'neurode/plot'
import { serve } from 'neurode/serve'
import { inFolder, rejects, throws } from './data/files.js'

const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']
/** An object with properties of its own by these names. */
const own = <T>(value: (name: string) => T): Record<string, T> =>
  Object.fromEntries(names.map((name) => [name, value(name)]))

const rows = [
  [0, 1],
  [1, 0],
]

describe("JavaScript's own names", () => {
  it('are names of layers, weights and models', async () => {
    await inFolder(async (folder) => {
      for (const name of names) {
        using model = sequential({ name, layers: [layers.dense({ units: 1, inputShape: [2], name })] })
        assert.deepEqual(
          model.getWeights().map((weight) => weight.name),
          [`${name}/kernel`, `${name}/bias`],
        )
        assert.equal(model.getLayer(name), model.layers[0])
        for (const ending of ['safetensors', 'npz']) {
          await model.saveWeights(join(folder, `w.${ending}`))
          await model.loadWeights(join(folder, `w.${ending}`))
        }
        await model.save(join(folder, 'm.neurode'))
        using again = await load(join(folder, 'm.neurode'))
        assert.deepEqual([again.name, again.layers[0]?.name], [name, name])
        throws(() => model.getLayer('hasOwn'), 'ERR_UNKNOWN_NAME')
      }
    })
  })

  it('are names of metrics, but for the one that no object can have as a property like others', async () => {
    await inFolder(async (folder) => {
      const kept = names.filter((name) => name !== '__proto__')
      using model = sequential([layers.dense({ units: 1, activation: 'sigmoid', inputShape: [2] })]).compile({
        loss: 'mse',
        metrics: kept.map((name) => metrics.meanAbsoluteError({ name })),
      })
      const path = join(folder, 'log.csv')
      const { history } = await model.fit(rows, [0, 1], {
        validationData: [rows, [0, 1]],
        verbose: 0,
        callbacks: [
          callbacks.csvLogger(path),
          callbacks.tensorBoard({ logDir: folder }),
          callbacks.earlyStopping({ monitor: 'val_constructor' }),
          callbacks.modelCheckpoint(join(folder, 'm-{constructor:.1f}-{toString:.1f}.neurode')),
        ],
      })
      const keys = ['loss', ...kept, 'val_loss', ...kept.map((name) => `val_${name}`)]
      assert.deepEqual(Object.keys(history), keys)
      assert.deepEqual(Object.keys(await model.evaluate(rows, [0, 1])), ['loss', ...kept])
      assert.deepEqual((await readCsv(path)).header, ['epoch', ...keys])
      assert.match((await plot.history(history)).svg, /hasOwnProperty/)
      throws(() => metrics.auc({ name: '__proto__' }), 'ERR_ARGUMENT', /name: /)
      throws(() => metrics.custom({ name: '__proto__', rows: () => [] }), 'ERR_ARGUMENT', /name: /)
    })
  })

  it('are not looked up where nothing has them', async () => {
    await inFolder(async (folder) => {
      using model = sequential([layers.dense({ units: 1, inputShape: [2] })]).compile({ loss: 'mse' })
      for (const name of names) {
        const train = (callback: object) => model.fit(rows, [0, 1], { verbose: 0, callbacks: [callback] })
        await rejects(train(callbacks.earlyStopping({ monitor: name })), 'ERR_UNKNOWN_NAME')
        await rejects(train(callbacks.modelCheckpoint(join(folder, `m-{${name}}.neurode`))), 'ERR_UNKNOWN_NAME')
        for (const options of [{ loss: name }, { loss: 'mse', optimizer: name }, { loss: 'mse', metrics: [name] }]) {
          throws(() => model.compile(options as never), 'ERR_UNKNOWN_NAME')
        }
        for (const option of ['activation', 'kernelInitializer', 'kernelRegularizer', 'kernelConstraint']) {
          throws(() => layers.dense({ units: 1, [option]: name }), 'ERR_UNKNOWN_NAME')
        }
      }
    })
  })

  it('do not stand beside what is in logs, results and paths already', () => {
    for (const name of ['loss', 'epoch', 'batch', 'perClass', 'val_loss', 'val_x']) {
      throws(() => metrics.auc({ name }), 'ERR_ARGUMENT', /name: expected a name but 'loss', 'epoch'/)
      throws(() => metrics.custom({ name, rows: () => [] }), 'ERR_ARGUMENT', /name: expected a name but/)
    }
    assert.equal(metrics.auc({ name: 'valLoss' }).name, 'valLoss')
  })

  it('are names of losses and metrics of the user’s, where a model is loaded', async () => {
    await inFolder(async (folder) => {
      for (const name of names.slice(1)) {
        const compute = () => ({ loss: 0, gradient: [0, 0] })
        const metric = metrics.custom({ name, rows: () => [0, 0] })
        using model = sequential([layers.dense({ units: 1, inputShape: [2] })])
        model.compile({ loss: losses.custom({ name, compute }), metrics: [metric] })
        await model.save(join(folder, 'm.neurode'))
        using without = await load(join(folder, 'm.neurode'))
        await rejects(without.fit(rows, [0, 1], { verbose: 0 }), 'ERR_NOT_COMPILED')
        using again = await load(join(folder, 'm.neurode'), {
          losses: Object.fromEntries([[name, compute]]),
          metrics: [metric],
        })
        await again.fit(rows, [0, 1], { verbose: 0 })
      }
    })
  })

  it('are columns of tables, members of archives, tensors and metadata of files', async () => {
    await inFolder(async (folder) => {
      const table = await readCsv(Buffer.from(`${names.join(',')}\n${names.map((_, i) => i).join(',')}\n`))
      assert.deepEqual([...table.numbers(['constructor', '__proto__']).data], [1, 0])
      assert.deepEqual(table.texts('toString'), ['2'])
      await rejects((async () => table.texts('isPrototypeOf'))(), 'ERR_UNKNOWN_NAME')

      const arrays = own((name) => Float32Array.of(name.length))
      await writeNpz(join(folder, 'a.npz'), arrays)
      await writeSafetensors(join(folder, 'a.safetensors'), arrays, { metadata: own((name) => name) })
      const npz = await readNpz(join(folder, 'a.npz'))
      const { tensors, metadata } = await readSafetensors(join(folder, 'a.safetensors'))
      for (const name of names) {
        assert.deepEqual([...(npz.get(name)?.data ?? [])], [name.length], name)
        assert.deepEqual([...(tensors.get(name)?.data ?? [])], [name.length], name)
        assert.equal(metadata.get(name), name)
      }
      // `__proto__` in an object literal sets the prototype; it is not a property.
      const prototype = { __proto__: { a: [1] } } as never
      await rejects(writeNpz(join(folder, 'b.npz'), prototype), 'ERR_ARGUMENT', /arrays: /)
      await rejects(writeSafetensors(join(folder, 'b.safetensors'), prototype), 'ERR_ARGUMENT', /tensors: /)
      await rejects(plot.line(prototype), 'ERR_ARGUMENT', /lines: /)
    })
  })

  it('are models of a server', async () => {
    const model = () => sequential([layers.dense({ units: 1, inputShape: [2] })])
    const served = names.filter((name) => /^[a-z]/.test(name))
    await using server = await serve({ models: Object.fromEntries(served.map((name) => [name, model()])), port: 0 })
    const status = async (name: string) =>
      (
        await fetch(`${server.url}/v1/models/${name}:predict`, {
          method: 'POST',
          body: JSON.stringify({ instances: [[1, 2]] }),
        })
      ).status
    for (const name of served) assert.equal(await status(name), 200, name)
    for (const name of ['isPrototypeOf', 'toLocaleString']) assert.equal(await status(name), 404, name)
    await rejects(serve({ models: own(model), port: 0 }), 'ERR_ARGUMENT', /the name of a model: .*"__proto__"/)
    await rejects(serve({ models: { __proto__: { a: model() } } as never, port: 0 }), 'ERR_ARGUMENT', /models: /)
  })
})
