/** Saved models: everything comes back, training goes on bit for bit, and no damaged byte is loaded. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
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
import { asProcessOne, programPath, runChild } from './support/children.js'
import { recordLoading } from './support/loading.js'
import { classifier, clouds } from './support/problems.js'
import { bitsOf, data, resumableModel, resumableOptions } from './support/resumable.js'

const { x, y } = data

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
        // The optimizer's variables have a part in it.
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

  it('are not restored into other models', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'm')
      using model = classifier({ hidden: 4 })
      await model.save(path)
      using wider = classifier({ hidden: 5 })
      await rejects(wider.restore(path), 'ERR_SHAPE', /expected shape \[6, 5\], got \[6, 4\]/)
      using momentum = classifier({ hidden: 4, optimizer: { momentum: 0.5 } })
      await rejects(momentum.restore(path), 'ERR_CHECKPOINT_MISMATCH', /0 variables per weight, and this model's has 1/)
      using other = classifier({ hidden: 4 }).compile({ loss: 'sparseCategoricalCrossentropy', optimizer: 'lion' })
      await rejects(other.restore(path), 'ERR_CHECKPOINT_MISMATCH', /the optimizer sgd, and this model is with lion/)
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

describe('training that goes on', () => {
  for (const rate of ['plateau', 'schedule'] as const) {
    it(`has the bits of one that never stopped, from any batch: ${rate}`, async () => {
      await inFolder(async (folder) => {
        const plateau = rate === 'plateau'
        using straight = resumableModel(3, rate)
        const expected = await straight.fit(x, y, resumableOptions(6, [], plateau))
        for (const stopAt of [1, 9, 10, 11, 25, 30, 47]) {
          const path = join(folder, `${stopAt}`)
          using first = resumableModel(3, rate)
          let batches = 0
          const stopper = {
            async onBatchEnd() {
              if (++batches === stopAt) await first.save(path)
            },
            runsLast: true,
          }
          await first.fit(x, y, resumableOptions(6, [stopper], plateau))
          assert.equal(bitsOf(first), bitsOf(straight), 'saving changes nothing')
          using second = await load(path, { device: 'cpu', threads: 1 })
          assert.deepEqual(
            [second.position.epoch, second.position.batch],
            [Math.floor((stopAt - 1) / 10), ((stopAt - 1) % 10) + 1],
          )
          const rest = await second.fit(x, y, { ...resumableOptions(6, [], plateau), resume: true })
          assert.equal(bitsOf(second), bitsOf(straight), `stopped after ${stopAt} batches`)
          for (const [key, values] of Object.entries(rest.history)) {
            assert.deepEqual(values, expected.history[key as 'loss'].slice(-rest.epochs), key)
          }
        }
      })
    })
  }

  it('goes on after stopTraining, an abort, and with other orders after the end', async () => {
    using straight = resumableModel()
    await straight.fit(x, y, resumableOptions(4, [], false))
    for (const how of ['stop', 'abort'] as const) {
      using model = resumableModel()
      const abort = new AbortController()
      const interrupt = {
        onBatchEnd(batch: number) {
          if (batch !== 6 || model.position.epoch !== 2) return
          if (how === 'stop') model.stopTraining = true
          else abort.abort()
        },
      }
      const options = { ...resumableOptions(4, [interrupt], false), signal: abort.signal }
      if (how === 'stop') await model.fit(x, y, { ...options, callbacks: interrupt })
      else await rejects(model.fit(x, y, { ...options, callbacks: interrupt }), 'ERR_ABORTED')
      assert.deepEqual([model.position.epoch, model.position.batch], [2, 7])
      await model.fit(x, y, { batchSize: 16, validationSplit: 0.2, verbose: 0, epochs: 4, resume: true })
      using plain = resumableModel()
      await plain.fit(x, y, { batchSize: 16, validationSplit: 0.2, verbose: 0, epochs: 4 })
      assert.equal(bitsOf(model), bitsOf(plain), how)
    }
  })

  it('refuses options that do not fit the position', async () => {
    using model = resumableModel()
    await rejects(model.fit(x, y, { verbose: 0, resume: true, initialEpoch: 1 }), 'ERR_ARGUMENT', /initialEpoch/)
    const stop = {
      onBatchEnd() {
        model.stopTraining = true
      },
    }
    await model.fit(x, y, { verbose: 0, batchSize: 16, callbacks: stop })
    await rejects(model.fit(x, y, { verbose: 0, resume: true }), 'ERR_ARGUMENT', /expected 13 batches.*got 7/)
    await inFolder(async (folder) => {
      const path = join(folder, 'm.neurode')
      await model.save(path)
      const { optimizer } = model
      model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy', device: 'cpu' })
      await model.restore(path)
      const resumed = model.fit(x, y, { verbose: 0, batchSize: 16, resume: true })
      await rejects(resumed, 'ERR_ARGUMENT', /expected the same metrics/)
    })
  })

  it('begins anew once the model is compiled again', async () => {
    using model = resumableModel()
    await model.fit(x, y, { verbose: 0, epochs: 3 })
    const start = { epoch: 0, step: 0 }
    assert.notEqual(model.position.step, 0)
    model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', device: 'cpu' })
    assert.deepEqual({ epoch: model.position.epoch, step: model.position.step }, start)
    const { epochs } = await model.fit(x, y, { verbose: 0, epochs: 3, resume: true })
    assert.equal(epochs, 3)
  })

  it('passes a damaged backup over for the one before', async () => {
    await inFolder(async (folder) => {
      using straight = resumableModel()
      await straight.fit(x, y, resumableOptions(5))
      using first = resumableModel()
      await first.fit(x, y, resumableOptions(3, [callbacks.backupAndRestore(folder, { deleteCheckpoint: false })]))
      const names = (await readdir(folder)).sort()
      assert.deepEqual(names, ['backup-00000001.neurode', 'backup-00000002.neurode'])
      const newest = join(folder, names[1] as string)
      const bytes = readFileSync(newest)
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
      await writeFile(newest, bytes)
      using second = resumableModel(77)
      const { epochs } = await second.fit(x, y, resumableOptions(5, [callbacks.backupAndRestore(folder)]))
      assert.equal(epochs, 3)
      assert.equal(bitsOf(second), bitsOf(straight))
      assert.deepEqual(await readdir(folder), [], 'removed at the end')
    })
  })

  it('stops at a backup of another training, and leaves it where it is', async () => {
    const dense = (units: number, activation: 'relu' | 'tanh') =>
      layers.dense({ units, activation, inputShape: [x.shape[1] as number] })
    const make = (hidden: number, activation: 'relu' | 'tanh', loss: 'mse' | 'mae', optimizer: 'adagrad' | 'lion') =>
      sequential([dense(hidden, activation), layers.dense({ units: 1 })]).compile({ loss, optimizer })
    const targets = Float32Array.from(y)
    await inFolder(async (folder) => {
      const options = () => ({
        verbose: 0 as const,
        epochs: 2,
        callbacks: [callbacks.backupAndRestore(folder, { deleteCheckpoint: false })],
      })
      using first = make(4, 'relu', 'mse', 'adagrad')
      await first.fit(x, targets, options())
      const others = [
        make(5, 'relu', 'mse', 'adagrad'),
        make(4, 'tanh', 'mse', 'adagrad'),
        make(4, 'relu', 'mae', 'adagrad'),
        make(4, 'relu', 'mse', 'lion'),
        sequential([dense(1, 'relu')]).compile({ loss: 'mse', optimizer: 'adagrad' }),
      ]
      const names = (await readdir(folder)).sort()
      for (const other of others) {
        const before = bitsOf(other)
        await rejects(
          other.fit(x, targets, options()),
          'ERR_CHECKPOINT_MISMATCH',
          /backup-00000001\.neurode.*another folder/,
        )
        assert.equal(bitsOf(other), before)
        assert.deepEqual((await readdir(folder)).sort(), names)
        other.dispose()
      }
      // Whole, and of a version that is not known yet: nothing to be passed over, or removed.
      const newest = join(folder, names[1] as string)
      const newer = Buffer.from(readFileSync(newest).toString('latin1').replace('"neurode-1"', '"neurode-2"'), 'latin1')
      const at = newer.indexOf('"sha256":"') + 10
      newer.fill('0', at, at + 64)
      newer.write(createHash('sha256').update(newer).digest('hex'), at)
      await writeFile(newest, newer)
      using again = make(4, 'relu', 'mse', 'adagrad')
      await rejects(again.fit(x, targets, options()), 'ERR_CHECKPOINT_MISMATCH', /newer Neurode/)
      assert.deepEqual((await readdir(folder)).sort(), names)
    })
  })

  for (const isFirst of [false, true]) {
    const where = isFirst ? ', as process 1 of namespaces of their own' : ''
    it(`survives SIGKILL at random moments${where}`, async function () {
      const prefix = isFirst ? asProcessOne() : []
      // Some containers refuse namespaces.
      if (prefix === undefined) return this.skip()
      const run = [...prefix, process.execPath, programPath('train-backed-up')]
      const kills = Number(process.env.NEURODE_KILLS ?? 20)
      const epochs = '40'
      const { stdout: expected, stderr } = await runChild('train-backed-up', ['none', epochs, 'epoch'])
      assert.ok(expected.length > 0, stderr)
      await inFolder(async (folder) => {
        for (let killed = 0, round = 0; killed < kills; round++) {
          const backups = join(folder, String(round))
          const saveFreq = round % 2 === 0 ? '3' : 'epoch'
          // Killed until it comes to its end: after each kill, a little later than before.
          for (let patience = 0; ; patience++) {
            const delay = Math.random() * (250 + 40 * patience)
            const output = await killedAfter(delay, [...run, backups, epochs, saveFreq], backups)
            if (output === undefined) {
              killed++
              if (killed < kills || patience < 3) continue
            }
            const done = output ?? (await runChild('train-backed-up', [backups, epochs, saveFreq])).stdout
            assert.equal(done, expected, `round ${round}, after ${patience} kills`)
            break
          }
        }
      })
    })
  }
})

/** What the program prints, or nothing if it was killed: some time after its first backup is there, or its start. */
function killedAfter(milliseconds: number, [command = '', ...args]: readonly string[], folder: string) {
  return new Promise<string | undefined>((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    let timer: NodeJS.Timeout | undefined
    const before = countOf(folder)
    const watch = setInterval(() => {
      if (countOf(folder) === before && before === 0) return
      clearInterval(watch)
      timer = setTimeout(() => child.kill('SIGKILL'), milliseconds)
    }, 5)
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearInterval(watch)
      clearTimeout(timer)
      if (code !== 0 && signal !== 'SIGKILL') reject(new Error(`the program ended with ${code}`))
      else resolve(signal === 'SIGKILL' ? undefined : output)
    })
  })
}

function countOf(folder: string): number {
  try {
    return readdirSync(folder).length
  } catch {
    return 0
  }
}
