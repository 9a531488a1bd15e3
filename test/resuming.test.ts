/** Training that continues from a file after an interruption or a kill has the same bits as one that never stopped. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { callbacks, layers, load, sequential } from 'neurode'
import { inFolder, rejects } from './data/files.js'
import { asProcessOne, programPath, runChild } from './support/children.js'
import { bitsOf, data, resumableModel, resumableOptions } from './support/resumable.js'

const { x, y } = data

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
      // A complete file of a later version must not be skipped or removed.
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
          // The training is killed and restarted until it ends, each time a little later than before.
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

/**
 * Runs the program and kills it some time after its start or its first backup. Returns what it printed, or undefined if it was
 * killed.
 */
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
