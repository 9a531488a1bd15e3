/** Written files: they are complete or absent, only at their own paths, and tried before a training that needs them. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type Callback, callbacks, layers, load, sequential, writeNpy } from 'neurode'
import { temporaryPath } from '#lib/files/temporary.js'
import { inFolder, rejects } from './data/files.js'
import { asProcessOne, programPath, runCommand } from './support/children.js'
import { classifier, clouds } from './support/problems.js'

const { x, y } = clouds(48, 6, 3)
const quiet = { verbose: 0, batchSize: 16 } as const

/** All files under a folder, with contents and modification times. */
function traceOf(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  return ['.', ...names].map((name) => {
    const stats = statSync(join(folder, name))
    return `${name} ${stats.mtimeMs} ${stats.isFile() ? readFileSync(join(folder, name), 'utf8') : ''}`
  })
}

describe('files written where there is no room', () => {
  it('are left as they were, every kind of them', async function () {
    if (process.platform === 'win32') this.skip()
    const server = createServer((_, response) => response.end(Buffer.alloc(200_000))).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    await inFolder(async (folder) => {
      // Node ignores the signal of this limit and gets EFBIG, as it would get ENOSPC. The limit is 32 blocks of 512 bytes.
      const program = [process.execPath, programPath('write-limited'), folder, url]
      const { code, stdout, stderr } = await runCommand('sh', ['-c', 'ulimit -f 32 && exec "$@"', 'sh', ...program])
      assert.equal(code, 0, stderr)
      const { left, 'growing.csv': log, download, ...results } = JSON.parse(stdout) as Record<string, string>
      assert.ok(Object.keys(results).length >= 12)
      for (const [name, result] of Object.entries(results)) assert.equal(result, 'ERR_FILE_WRITE, as it was', name)
      assert.equal(download, 'ERR_DOWNLOAD, as it was')
      assert.equal(log, 'ERR_FILE_WRITE, whole lines')
      assert.equal(left, '', 'no temporary file is left')
    })
    server.close()
  })
})

describe('places of files', () => {
  it('are never devices, folders, or the links to files', async () => {
    await inFolder(async (folder) => {
      using model = classifier()
      await rejects(model.save(folder), 'ERR_FILE_WRITE', /expected the name of a file, got a folder/)
      if (process.platform === 'win32') return
      const fifo = join(folder, 'pipe')
      assert.equal(spawnSync('mkfifo', [fifo]).status, 0)
      await rejects(writeNpy(fifo, [1]), 'ERR_FILE_WRITE', /expected the name of a file, got a device or pipe/)
      assert.ok(statSync(fifo).isFIFO())
      const [target, link] = [join(folder, 'target.neurode'), join(folder, 'latest')]
      symlinkSync(target, link)
      await model.save(target)
      const first = readFileSync(target)
      await model.fit(x, y, quiet)
      await model.save(link)
      assert.ok(lstatSync(link).isSymbolicLink())
      assert.notDeepEqual(readFileSync(target), first)
      using loaded = await load(link)
      assert.deepEqual(loaded.getWeights(), model.getWeights())
    })
  })
})

describe('what saving keeps', () => {
  it('is the mode of a file that was there, and a link whose file is not', async function () {
    if (process.platform === 'win32') this.skip()
    await inFolder(async (folder) => {
      const path = join(folder, 'x.npy')
      for (const mode of [0o600, 0o640, 0o755]) {
        writeFileSync(path, 'old')
        chmodSync(path, mode)
        await writeNpy(path, [1])
        assert.equal(statSync(path).mode & 0o777, mode)
      }
      const [first, second, target] = ['first', 'second', 'none.npy'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ]
      symlinkSync('second', first)
      symlinkSync(target, second)
      await writeNpy(first, [1])
      assert.ok(lstatSync(first).isSymbolicLink() && lstatSync(second).isSymbolicLink())
      assert.ok(lstatSync(target).isFile())
    })
  })

  it('is nothing else where a name is as long as names may be', async () => {
    await inFolder(async (folder) => {
      for (const length of [225, 226, 250, 255]) await writeNpy(join(folder, 'n'.repeat(length)), [1])
      await rejects(writeNpy(join(folder, 'n'.repeat(256)), [1]), 'ERR_FILE_WRITE')
      assert.equal(readdirSync(folder).length, 4)
    })
  })
})

describe('temporary files', () => {
  /** The parts of the name that a file has while this process writes it. */
  async function namePart(folder: string): Promise<string[]> {
    return basename(await temporaryPath(folder)).split('-')
  }

  it('are removed where their writer is gone for sure, and stay else', async () => {
    await inFolder(async (folder) => {
      const own = await namePart(folder)
      const gone = spawnSync(process.execPath, ['-e', '']).pid
      const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 1e6)'])
      const [, host = '', space = '', pid = '', start = ''] = own
      const [minute, hour] = [60, 3600]
      const left: readonly [kept: boolean, writer: readonly (string | number)[], ageSeconds: number][] = [
        [true, [host, space, pid, start], 0],
        [true, [host, space, pid, start], 23 * hour],
        [false, [host, space, pid, start], 25 * hour],
        [false, [host, space, gone, start], 0],
        [false, [host, space, pid, Number(start) + 1], 0],
        [true, [host, '00000000', pid, Number(start) + 1], minute],
        [true, [host, '00000000', gone, start], minute],
        [false, [host, '00000000', pid, start], hour],
        [true, ['00000000', space, gone, start], 23 * hour],
        [false, ['00000000', space, gone, start], 25 * hour],
        // Another process now has the writer's id.
        [process.platform !== 'linux', [host, space, other.pid as number, Number(start) + 1e9], 0],
      ]
      const names = left.map(([, writer, age], i) => {
        const name = `.neurode-${writer.join('-')}-${String(i).padStart(32, '0')}.tmp`
        writeFileSync(join(folder, name), '')
        const time = Date.now() / 1000 - age
        utimesSync(join(folder, name), time, time)
        return name
      })
      writeFileSync(join(folder, '.neurode-notes.tmp'), '')
      await writeNpy(join(folder, 'x.npy'), [1])
      other.kill()
      const kept = names.filter((_, i) => left[i]?.[0])
      assert.deepEqual(readdirSync(folder).sort(), [...kept, '.neurode-notes.tmp', 'x.npy'].sort())
    })
  })

  for (const how of ['save', 'backup']) {
    it(`of a process 1 that was killed at them are never in the way of the next: ${how}`, async function () {
      const [command, ...namespaced] = asProcessOne() ?? []
      if (command === undefined) return this.skip()
      await inFolder(async (folder) => {
        const run = (last: number) => {
          const program = [process.execPath, programPath('save-and-die'), folder, how, String(last)]
          return runCommand(command, [...namespaced, ...program])
        }
        for (const last of [1, 1, 2, 2]) {
          const { code, stderr } = await run(last)
          assert.equal(code, 137, stderr)
        }
        const { code, stderr } = await run(0)
        assert.equal(code, 0, stderr)
      })
    })
  }

  it('of workers that write to one path, and are terminated at it, never meet', async () => {
    const terminated = Number(process.env.NEURODE_TERMINATIONS ?? 10)
    await inFolder(async (folder) => {
      const path = join(folder, 'm.neurode')
      const start = (saves: number) => new Worker(programPath('save-often'), { workerData: { path, saves } })
      const whole = [start(30), start(30), start(30)].map((worker) => once(worker, 'exit'))
      for (let i = 0; i < terminated; i++) {
        const worker = start(Number.POSITIVE_INFINITY)
        const failed = once(worker, 'error').then(([error]) => assert.fail(error as Error))
        const saved = (async () => {
          await once(worker, 'message')
          await setTimeout(Math.random() * 20)
        })()
        await Promise.race([saved, failed])
        await worker.terminate()
        using loaded = await load(path)
        assert.ok(loaded.getWeights().length > 0)
      }
      assert.deepEqual(await Promise.all(whole), [[0], [0], [0]])
      using loaded = await load(path)
      assert.deepEqual(loaded.getWeights(), classifier().getWeights())
    })
  })
})

describe('callbacks that write', () => {
  const writers: Readonly<Record<string, (path: string) => Callback>> = {
    modelCheckpoint: (path) => callbacks.modelCheckpoint(path),
    'modelCheckpoint with places for values': (path) =>
      callbacks.modelCheckpoint(`${path}/{epoch}/m-{loss:.3f}-{batch}`),
    'modelCheckpoint after batches': (path) => callbacks.modelCheckpoint(`${path}-{batch}`, { saveFreq: 1 }),
    'modelCheckpoint of weights': (path) => callbacks.modelCheckpoint(`${path}.npz`, { saveWeightsOnly: true }),
    csvLogger: (path) => callbacks.csvLogger(path),
    'csvLogger that appends': (path) => callbacks.csvLogger(path, { append: true }),
    tensorBoard: (path) => callbacks.tensorBoard({ logDir: path }),
    backupAndRestore: (path) => callbacks.backupAndRestore(path),
  }
  /** The number of batches that were trained before the fit failed. */
  async function batchesBefore(callback: Callback | readonly Callback[], code: string, message: RegExp) {
    using model = classifier()
    const before = model.getWeights()
    let batches = 0
    const count: Callback = {
      onBatchEnd() {
        batches++
      },
    }
    await assert.rejects(model.fit(x, y, { ...quiet, callbacks: [count, callback].flat() }), {
      name: 'NeurodeError',
      code,
      message,
    })
    assert.deepEqual(model.getWeights(), before)
    assert.deepEqual(model.position, { epoch: 0, batch: 0, step: 0 })
    return batches
  }

  for (const [name, make] of Object.entries(writers)) {
    it(`make their folders: ${name}`, async () => {
      await inFolder(async (folder) => {
        using model = classifier()
        await model.fit(x, y, { ...quiet, epochs: 2, callbacks: make(join(folder, 'runs', '1', 'a')) })
        assert.ok(readdirSync(join(folder, 'runs', '1')).length > 0)
      })
    })

    it(`find before the first batch that a place cannot be written to, and leave no trace: ${name}`, async () => {
      await inFolder(async (folder) => {
        writeFileSync(join(folder, 'file'), 'x')
        const trace = traceOf(folder)
        assert.equal(
          await batchesBefore(make(join(folder, 'file', 'runs', 'a')), 'ERR_FILE_WRITE', /file.runs.a.*ENOTDIR/),
          0,
        )
        assert.deepEqual(traceOf(folder), trace)
        if (process.platform === 'win32' || process.getuid?.() === 0) return
        chmodSync(folder, 0o555)
        assert.equal(await batchesBefore(make(join(folder, 'runs', 'a')), 'ERR_FILE_WRITE', /EACCES/), 0)
        chmodSync(folder, 0o755)
        assert.deepEqual(traceOf(folder), trace)
      })
    })
  }

  it('leave no trace of what they tried where another callback fails', async () => {
    await inFolder(async (folder) => {
      mkdirSync(join(folder, 'taken'))
      writeFileSync(join(folder, 'log.csv'), 'epoch,loss\n0,1\n')
      writeFileSync(join(folder, 'm.neurode'), 'old')
      const trace = traceOf(folder)
      const at = (...names: readonly string[]) => join(folder, ...names)
      const made = [
        callbacks.csvLogger(at('log.csv')),
        callbacks.csvLogger(at('new', 'log.csv')),
        callbacks.modelCheckpoint(at('m.neurode')),
        callbacks.modelCheckpoint(at('{epoch}', 'm')),
        callbacks.modelCheckpoint(at('taken')),
      ]
      assert.equal(await batchesBefore(made, 'ERR_FILE_WRITE', /taken: expected the name of a file, got a folder/), 0)
      assert.deepEqual(traceOf(folder), trace)
    })
  })

  it('find before the first batch that a path asks for values that never come', async () => {
    await inFolder(async (folder) => {
      for (const options of [{}, { saveFreq: 2 }]) {
        const checkpoint = callbacks.modelCheckpoint(join(folder, '{val_loss}'), options)
        assert.equal(
          await batchesBefore(checkpoint, 'ERR_UNKNOWN_NAME', /no value 'val_loss'; known: loss, accuracy/),
          0,
        )
      }
      using model = classifier()
      const validated = { ...quiet, epochs: 2, validationFreq: 2, validationData: [x, y] } as const
      const checkpoint = callbacks.modelCheckpoint(join(folder, '{epoch}-{val_accuracy:.1f}'))
      await model.fit(x, y, { ...validated, callbacks: checkpoint })
      assert.deepEqual(
        readdirSync(folder)
          .map((name) => name.replace(/[\d.]+$/, '#'))
          .sort(),
        ['1-NA', '2-#'],
      )
      const batches = callbacks.modelCheckpoint(join(folder, '{val_loss}'), { saveFreq: 2 })
      await rejects(model.fit(x, y, { ...validated, callbacks: batches }), 'ERR_UNKNOWN_NAME', /no value 'val_loss'/)
    })
  })

  it('find before the first batch that a callback remembers what no file can hold', async () => {
    await inFolder(async (folder) => {
      const remembers: Callback = { name: 'mine', getState: () => ({ values: { seen: () => 1 } }) }
      for (const saves of [callbacks.modelCheckpoint(join(folder, 'm')), callbacks.backupAndRestore(folder)]) {
        const message = /callback 'mine': getState: values\.seen: expected numbers, texts/
        assert.equal(await batchesBefore([saves, remembers], 'ERR_ARGUMENT', message), 0)
      }
      assert.deepEqual(readdirSync(folder), [])
    })
  })

  it('let a training go on as it was after one that could not begin', async () => {
    await inFolder(async (folder) => {
      const train = async (fails: boolean) => {
        using model = classifier()
        const stop = {
          onBatchEnd() {
            if (model.position.batch === 2) model.stopTraining = true
          },
        }
        await model.fit(x, y, { ...quiet, epochs: 3, callbacks: stop })
        const position = model.position
        const broken = { ...quiet, epochs: 3, callbacks: callbacks.csvLogger(folder) }
        if (fails) {
          await rejects(model.fit(x, y, broken), 'ERR_FILE_WRITE')
          await rejects(model.fit(x, y, { ...broken, resume: true }), 'ERR_FILE_WRITE')
        }
        assert.deepEqual(model.position, position)
        await model.fit(x, y, { ...quiet, epochs: 3, resume: true })
        return model.getWeights()
      }
      assert.deepEqual(await train(true), await train(false))
    })
  })

  it('csvLogger begins a line of its own after a file that ends within one', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'log.csv')
      writeFileSync(path, 'epoch,loss\n0,1')
      using model = sequential([layers.dense({ units: 1, inputShape: [1] })]).compile({ loss: 'mse' })
      const options = { verbose: 0, epochs: 2, initialEpoch: 1 } as const
      await model.fit([[1]], [1], { ...options, callbacks: callbacks.csvLogger(path, { append: true }) })
      assert.match(readFileSync(path, 'utf8'), /^epoch,loss\n0,1\n1,[\d.e-]+\n$/)
    })
  })
})
