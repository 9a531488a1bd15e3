/** Saved models and weights: everything is restored, and damaged files are refused, whichever byte is wrong. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type AnyModel,
  activations,
  array,
  callbacks,
  initializers,
  layers,
  load,
  losses,
  metrics,
  optimizers,
  schedules,
  sequential,
} from 'neurode'
import { parseModelFile } from '#lib/persistence/modelFile.js'
import { inFolder, rejects } from './data/files.js'
import { recordLoading } from './support/loading.js'
import { redescribed } from './support/mutations.js'
import { drawWeights } from './support/onnxCases.js'
import { classifier, clouds } from './support/problems.js'
import { Random } from './support/random.js'
import { randomGraph } from './support/randomGraphs.js'
import { bitsOf } from './support/resumable.js'

describe('saved models', () => {
  it('come back with every layer, option and weight', async () => {
    await inFolder(async (folder) => {
      using model = sequential({
        name: 'everything',
        seed: 12,
        layers: [
          layers.input({ shape: [2, 3] }),
          layers.rescaling({ scale: 0.5, offset: -0 }),
          layers.flatten({ name: 'flat' }),
          layers.dense({
            units: 4,
            activation: activations.relu({ negativeSlope: 0.1 }),
            kernelInitializer: initializers.varianceScaling({ scale: 3, mode: 'fanAvg', seed: 9 }),
            biasInitializer: initializers.constant({ value: 0.25 }),
          }),
          layers.dropout({ rate: 0.25, seed: 4 }),
          layers.dense({ units: 3, useBias: false, name: 'outputs', kernelInitializer: 'heNormal' }),
          layers.activation('softmax'),
        ],
      })
      const path = join(folder, 'model.neurode')
      await model.save(path)
      using plain = await load(path)
      assert.equal(plain.loss, undefined)
      assert.deepEqual(plain.getWeights(), model.getWeights())
      const compiled = model.compile({
        optimizer: optimizers.sgd({
          learningRate: schedules.exponentialDecay({ initialLearningRate: 0.5, decaySteps: 7, decayRate: 0.5 }),
          momentum: 0.5,
          nesterov: true,
          weightDecay: 0.01,
        }),
        loss: losses.categoricalCrossentropy({ labelSmoothing: 0.1, reduction: 'sum' }),
        metrics: ['acc', metrics.binaryAccuracy({ threshold: 0.3, name: 'hits' }), 'rmse'],
        device: 'cpu',
      })
      const rows = array(clouds(12, 6, 3).x.data, [12, 2, 3])
      const targets = array(
        Float32Array.from({ length: 36 }, (_, i) => Number(i % 4 === 0)),
        [12, 3],
      )
      await compiled.fit(rows, targets, { epochs: 3, batchSize: 5, verbose: 0 })
      await model.save(new URL(`file://${path}`))
      using again = await load(path, { device: 'cpu' })
      assert.deepEqual(again.getWeights(), model.getWeights())
      assert.deepEqual([again.name, again.seed, again.position], ['everything', 12, { epoch: 3, batch: 0, step: 9 }])
      assert.deepEqual(again.summary({ print: false }), model.summary({ print: false }))
      assert.deepEqual(
        again.layers.map((layer) => JSON.stringify(layer)),
        model.layers.map((layer) => JSON.stringify(layer)),
      )
      const { learningRate, ...options } = again.optimizer?.options ?? {}
      const { learningRate: before, ...optionsBefore } = compiled.optimizer?.options ?? {}
      assert.deepEqual(options, optionsBefore)
      assert.deepEqual(JSON.stringify(learningRate), JSON.stringify(before))
      assert.deepEqual(again.loss, compiled.loss)
      assert.deepEqual(await again.evaluate(rows, targets), await compiled.evaluate(rows, targets))
      const more = { epochs: 5, batchSize: 5, verbose: 0, resume: true } as const
      await compiled.fit(rows, targets, more)
      await again.fit(rows, targets, more)
      assert.equal(bitsOf(again), bitsOf(model))
    })
  })

  it('need a learning rate that was a function', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'm')
      using model = classifier({ optimizer: { learningRate: (step) => 1 / (10 + step), momentum: 0.5 } })
      await model.save(path)
      await rejects(load(path), 'ERR_ARGUMENT', /learningRate: expected the function/)
      using again = await load(path, { learningRate: 0.5 })
      assert.deepEqual(again.optimizer?.options, { learningRate: 0.5, momentum: 0.5, nesterov: false, weightDecay: 0 })
    })
  })

  it('are never loaded when a byte is cut or changed', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'm')
      using model = sequential([layers.dense({ units: 2, inputShape: [2] })]).compile({
        optimizer: optimizers.sgd({ momentum: 0.9 }),
        loss: 'mse',
      })
      await model.fit([[1, 2]], [[1, 2]], { verbose: 0 })
      await model.save(path)
      const bytes = readFileSync(path)
      const whole = Buffer.from(Uint8Array.from(bytes).buffer)
      assert.ok(parseModelFile(whole, path).tensors.size === 4)
      const refused = { name: 'NeurodeError', code: 'ERR_FILE_FORMAT' }
      for (let at = 0; at < whole.length; at++) {
        assert.throws(() => parseModelFile(whole.subarray(0, at), path), refused, `cut at ${at}`)
        const byte = whole[at] as number
        for (const changed of [byte ^ 1, byte ^ 0x20, byte ^ 0x80, 0, 0x20, 0xff]) {
          if (changed === byte) continue
          whole[at] = changed
          assert.throws(() => parseModelFile(whole, path), refused, `byte ${at} is ${changed}`)
        }
        whole[at] = byte
      }
      const longer = Buffer.from(Uint8Array.from([...bytes, 0]).buffer)
      assert.throws(() => parseModelFile(longer, path), refused)
      writeFileSync(path, bytes.subarray(0, -1))
      await rejects(load(path), 'ERR_FILE_FORMAT', /checksum/)
      const before = bitsOf(model)
      await rejects(model.restore(path), 'ERR_FILE_FORMAT')
      assert.equal(bitsOf(model), before)
      await rejects(load(join(folder, 'none')), 'ERR_FILE_NOT_FOUND')
      await rejects(model.save(join(folder, 'no', 'folder')), 'ERR_FILE_WRITE')
    })
  })

  it('are read and made by other threads where they are large, as small ones are here', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'large.neurode')
      const compiled = { optimizer: 'adam', loss: 'mse' } as const
      using model = sequential([layers.dense({ units: 1, inputShape: [300_000] })]).compile(compiled)
      await model.fit([new Float32Array(300_000).fill(1e-3)], [1], { verbose: 0 })
      await model.save(path)
      const steps: string[] = []
      const loadAndGoOn = async (noThreads: boolean) => {
        steps.length = 0
        using _ = recordLoading((step) => steps.push(step), { noThreads })
        using again = await load(path)
        assert.deepEqual(again.getWeights(), model.getWeights())
        // The result depends on the optimizer's variables.
        await again.fit([new Float32Array(300_000).fill(1e-3)], [1], { verbose: 0 })
        return bitsOf(again)
      }
      const went = await loadAndGoOn(false)
      assert.deepEqual(steps, ['reading elsewhere', 'making elsewhere', 'making done'])
      assert.equal(await loadAndGoOn(true), went)
      assert.deepEqual(steps, ['reading here', 'making elsewhere', 'making done'])
      await model.fit([new Float32Array(300_000).fill(1e-3)], [1], { verbose: 0 })
      assert.equal(bitsOf(model), went)
      const bytes = readFileSync(path)
      bytes.writeUInt8(bytes.readUInt8(1_000_000) ^ 1, 1_000_000)
      writeFileSync(path, bytes)
      await rejects(load(path), 'ERR_FILE_FORMAT', /large\.neurode: the file is damaged: its checksum is wrong/)
    })
  })

  it('are refused as damaged where the description lacks what restoring reads', async () => {
    await inFolder(async (folder) => {
      const { x, y } = clouds(12, 6, 3)
      using model = classifier({ seed: 1 })
      const backup = () => callbacks.backupAndRestore(folder, { deleteCheckpoint: false })
      const train = () => model.fit(x, y, { epochs: 1, verbose: 0, callbacks: backup() })
      await train()
      const [name = ''] = await readdir(folder)
      const path = join(folder, name)
      const good = readFileSync(path)
      type Anything = Record<string, never>
      const changes: readonly ((description: { model: Anything; training: Anything }) => void)[] = [
        ({ training }) => delete (training as Anything).loss,
        ({ training }) => delete (training as Anything).optimizer,
        ({ model }) => delete (model as Anything).layers,
        ({ model }) => (model as Record<string, unknown[]>).layers?.fill(0),
      ]
      for (const [i, change] of changes.entries()) {
        writeFileSync(path, redescribed(Buffer.from(good), change as never))
        const before = bitsOf(model)
        // Restoring takes the weights, and does not read which layers there were.
        if (i < 2) await rejects(model.restore(path), 'ERR_FILE_FORMAT', /the description of the model is invalid/)
        await rejects(train(), 'ERR_CHECKPOINT_MISMATCH', /the description of the model is invalid/)
        assert.equal(bitsOf(model), before)
      }
    })
  })

  it('are not restored into other models', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'm')
      using model = classifier({ hidden: 4 })
      await model.save(path)
      using wider = classifier({ hidden: 5 })
      await rejects(wider.restore(path), 'ERR_SHAPE', /expected shape \[6, 5\], got \[6, 4\]/)
      using momentum = classifier({ hidden: 4, optimizer: { momentum: 0.5 } })
      await rejects(momentum.restore(path), 'ERR_CHECKPOINT_MISMATCH', /0 variables per weight, but this model's has 1/)
      using other = classifier({ hidden: 4 }).compile({ loss: 'sparseCategoricalCrossentropy', optimizer: 'lion' })
      await rejects(other.restore(path), 'ERR_CHECKPOINT_MISMATCH', /the optimizer sgd, but this model has lion/)
    })
  })

  it('leave no temporary files', async () => {
    await inFolder(async (folder) => {
      using model = classifier()
      await Promise.all([model.save(join(folder, 'a')), model.save(join(folder, 'a')), model.save(join(folder, 'b'))])
      assert.deepEqual((await readdir(folder)).sort(), ['a', 'b'])
    })
  })
})

const graphCount = Number(process.env.NEURODE_RANDOM_GRAPHS ?? 8)
const firstSeed = Number(process.env.NEURODE_FUZZ_SEED ?? 1)
const weightFiles = [
  ['w.safetensors', {}],
  ['w.npz', {}],
  ['w.weights.h5', {}],
  ['t.safetensors', { names: 'torch' }],
] as const

describe('saved weights', () => {
  for (const name of ['weights.safetensors', 'weights.npz']) {
    it(`come back from ${name}`, async () => {
      await inFolder(async (folder) => {
        const path = join(folder, name)
        using model = classifier({ seed: 1 })
        await model.saveWeights(path)
        using other = classifier({ seed: 2 })
        await other.loadWeights(path)
        assert.equal(bitsOf(other), bitsOf(model))
        using wider = classifier({ hidden: 17 })
        const before = bitsOf(wider)
        await rejects(wider.loadWeights(path), 'ERR_SHAPE')
        assert.equal(bitsOf(wider), before)
        using deeper = sequential([layers.dense({ units: 3, inputShape: [6] })])
        await rejects(deeper.loadWeights(path), 'ERR_SHAPE', /expected weights called dense\/kernel, dense\/bias, got/)
      })
    })
  }

  it(`come back from files of every format, for random graphs (seeds from ${firstSeed})`, async () => {
    await inFolder(async (folder) => {
      for (let seed = firstSeed; seed < firstSeed + graphCount; seed++) {
        const { net, data } = randomGraph(seed)
        const { net: other } = randomGraph(seed)
        drawWeights(net as AnyModel, new Random(seed))
        const rows = data(5, seed)
        const predicted = JSON.stringify(await net.predict(rows as never))
        for (const [name, options] of weightFiles) {
          const path = join(folder, name)
          try {
            await net.saveWeights(path, options)
          } catch (error) {
            // A layer that Keras or PyTorch does not have.
            assert.equal((error as { code: string }).code, 'ERR_ARGUMENT', String(error))
            assert.match((error as Error).message, /layer '/)
            continue
          }
          drawWeights(other as AnyModel, new Random(seed + 1))
          await other.loadWeights(path)
          assert.equal(bitsOf(other as never), bitsOf(net as never), `seed ${seed}: ${name}`)
          assert.equal(JSON.stringify(await other.predict(rows as never)), predicted, `seed ${seed}: ${name}`)
        }
        for (const each of [net, other]) each.dispose()
      }
    })
  })

  it('come back from a model file', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'm')
      using model = classifier({ seed: 1, optimizer: { momentum: 0.5 } })
      await model.save(path)
      using other = classifier({ seed: 2 })
      await other.loadWeights(path)
      assert.equal(bitsOf(other), bitsOf(model))
    })
  })
})
