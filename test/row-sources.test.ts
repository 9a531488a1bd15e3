/** Rows that stay in files: the training is the same as with arrays, and uses little memory. */

import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { array, layers, openIdx, openNpy, type RowSource, readIdx, readNpy, sequential, writeNpy } from 'neurode'
import { coreOf } from '#lib/core/cores.js'
import { wholePass } from '#lib/feeds/feedRange.js'
import { FileFeed, FileInput, MemoryTargets } from '#lib/feeds/fileFeed.js'
import { idxBytes, inFolder, rejects } from './data/files.js'
import { perDevice } from './support/devices.js'
import { goldenFolder } from './support/golden.js'
import { classifier, clouds } from './support/problems.js'
import { Random } from './support/random.js'
import { bitsOf } from './support/resumable.js'
import { codesOf } from './support/warnings.js'

const quiet = { verbose: 0 } as const

perDevice('rows in files', (device) => {
  const { x, y } = clouds(1000, 6, 3)

  it('train and evaluate as in memory when they are not shuffled', async () => {
    await inFolder(async (folder) => {
      const [xPath, yPath] = [join(folder, 'x.npy'), join(folder, 'y.npy')]
      await writeNpy(yPath, array(y), { dtype: 'int64' })
      using expected = classifier({ device })
      const straight = await expected.fit(x, y, { ...quiet, batchSize: 7, epochs: 2, shuffle: false })
      for (const dtype of ['float32', 'float64'] as const) {
        await writeNpy(xPath, x, { dtype })
        await using files = await openNpy(xPath)
        await using labels = await openNpy(yPath)
        assert.deepEqual([files.rows, files.rowShape, files.dtype], [1000, [6], dtype])
        for (const [input, targets] of [
          [files, labels],
          [files, y],
          [x, labels],
        ] as const) {
          using model = classifier({ device })
          const options = { ...quiet, batchSize: 7, epochs: 2, shuffle: false }
          const { history } = await model.fit(input, targets, options)
          assert.equal(bitsOf(model), bitsOf(expected))
          assert.deepEqual(history, straight.history)
          assert.deepEqual(await model.evaluate(input, targets), await expected.evaluate(x, y))
          const more = await model.fit(x, y, { ...quiet, validationData: [input, targets] })
          assert.equal(more.history.val_loss.length, 1)
        }
      }
    })
  })

  it('learn when they are shuffled, with the same bits for the same seed, also when training goes on', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'x.npy')
      await writeNpy(path, x)
      await using files = await openNpy(path)
      const train = async (stopAt?: number) => {
        using model = classifier({ device, optimizer: { momentum: 0.5 } })
        let batches = 0
        const stop = {
          onBatchEnd() {
            if (++batches === stopAt) model.stopTraining = true
          },
        }
        await model.fit(files, y, { ...quiet, epochs: 4, callbacks: stopAt === undefined ? [] : stop })
        if (stopAt !== undefined) await model.fit(files, y, { ...quiet, epochs: 4, resume: true })
        return { bits: bitsOf(model), accuracy: (await model.evaluate(x, y)).accuracy }
      }
      const { bits, accuracy } = await train()
      assert.ok(accuracy > 0.8, `${accuracy}`)
      assert.equal((await train()).bits, bits)
      assert.equal((await train(45)).bits, bits)
    })
  })

  it('give every row once an epoch, in another order every epoch, over many blocks', async () => {
    await inFolder(async (folder) => {
      // Rows of 64 KB: a block holds 512 of them, a piece 32.
      const [rows, width] = [1100, 65536]
      const path = join(folder, 'x.npy')
      const data = new Uint8Array(rows * width)
      for (let row = 0; row < rows; row++) new DataView(data.buffer).setUint16(row * width, row)
      await writeNpy(path, array(data, [rows, width]))
      await using files = await openNpy(path)
      using model = sequential([layers.dense({ units: 1, inputShape: [width] })]).compile({ loss: 'mse', device })
      const targets = {
        kind: 'rows',
        data: Float32Array.from({ length: rows }, (_, i) => i),
        rows,
        lent: false,
      } as const
      const core = coreOf(model as never)
      const input = new FileInput(files)
      const reads: number[][] = []
      const read = input.read.bind(input)
      input.read = async (pieces, count) => {
        const block = await read(pieces, count)
        const view = new DataView(block.data.buffer, block.data.byteOffset)
        reads.push(Array.from({ length: count }, (_, i) => view.getUint16(i * width)))
        return block
      }
      const feed = new FileFeed(core, input, new MemoryTargets(targets), { rows, rowBytes: width }, 8)
      const orders: string[] = []
      for (const epoch of [0, 1]) {
        reads.length = 0
        let batches = 0
        await feed.begin({ ...wholePass, shuffle: true, seed: 5, epoch })
        for (;;) {
          const sums = await feed.run(async ({ batches: count }) => {
            batches += count
            return Float64Array.of(count, count * 8, 0)
          }, 11)
          if (sums === undefined) break
        }
        assert.equal(batches, Math.ceil(rows / 8))
        const all = reads.flat()
        assert.deepEqual(
          all.toSorted((a, b) => a - b),
          Array.from({ length: rows }, (_, i) => i),
        )
        assert.ok(reads.length === 3 && all.at(-1) === rows - 1, 'the incomplete batch is the last')
        orders.push(all.join())
      }
      assert.notEqual(orders[0], orders[1])
      await feed.close()
    })
  })

  it('come from IDX files, as images too', async () => {
    await inFolder(async (folder) => {
      const random = new Random(3)
      const images = random.bytes(50 * 784)
      const labels = Uint8Array.from({ length: 50 }, () => random.below(10))
      const [xPath, yPath] = [join(folder, 'x.idx'), join(folder, 'y.idx')]
      writeFileSync(xPath, idxBytes(8, [50, 28, 28], images))
      writeFileSync(yPath, idxBytes(8, [50], labels))
      await using files = await openIdx(xPath, { scale: 1 / 255 })
      await using classes = await openIdx(yPath)
      const make = () =>
        sequential({
          layers: [layers.dense({ units: 10, activation: 'softmax', inputShape: [784] })],
          seed: 1,
        }).compile({
          loss: 'categoricalCrossentropy',
          device,
        })
      using model = make()
      using expected = make()
      const options = { ...quiet, epochs: 2, shuffle: false } as const
      await model.fit(files, classes, options)
      await expected.fit(array(images, [50, 784], { scale: 1 / 255 }), labels, options)
      assert.equal(bitsOf(model), bitsOf(expected))
    })
  })

  it('balance classes by all targets, which have to be in memory, and warn of targets as arrays do', async () => {
    await inFolder(async (folder) => {
      const [xPath, yPath] = [join(folder, 'x.npy'), join(folder, 'y.npy')]
      const skewed = y.map((label, row) => (row % 3 ? 0 : label))
      await writeNpy(xPath, x)
      await writeNpy(yPath, array(skewed), { dtype: 'int64' })
      await using files = await openNpy(xPath)
      await using labels = await openNpy(yPath)
      using model = classifier({ device })
      using expected = classifier({ device })
      const options = { ...quiet, classWeight: 'balanced', batchSize: 7, shuffle: false } as const
      await model.fit(files, skewed, options)
      await expected.fit(x, skewed, options)
      assert.equal(bitsOf(model), bitsOf(expected))
      await rejects(model.fit(files, labels, options), 'ERR_ARGUMENT', /'balanced' with targets in a file/)
      await rejects(model.fit(files, skewed, { ...options, classWeight: { 9: 2 } }), 'ERR_ARGUMENT', /got class 9/)
      using binary = sequential([layers.dense({ units: 1, activation: 'sigmoid', inputShape: [6] })])
      binary.compile({ loss: 'binaryCrossentropy', device })
      assert.deepEqual(await codesOf(() => binary.fit(files, labels, quiet)), ['NEURODE_TARGET_RANGE'])
      const sampleWeight = skewed.map((label) => (label > 1 ? 0 : 1))
      binary.compile({ loss: 'binaryCrossentropy', device })
      assert.deepEqual(await codesOf(() => binary.fit(files, labels, { ...quiet, sampleWeight })), [])
    })
  })

  it('refuse what does not fit', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'x.npy')
      await writeNpy(path, x)
      await using files = await openNpy(path)
      using model = classifier({ device, features: 5 })
      await rejects(model.fit(files, y, quiet), 'ERR_SHAPE', /x: expected shape \[n, 5\], got \[1000, 6\]/)
      using right = classifier({ device })
      await rejects(right.fit(files, y.slice(1), quiet), 'ERR_SHAPE', /y: expected 1000 rows/)
      await rejects(right.fit(files, y, { ...quiet, validationSplit: 0.5 }), 'ERR_ARGUMENT', /validationSplit/)
      await rejects(right.fit(x, files, quiet), 'ERR_SHAPE', /y/)
      ftruncateSync(openSync(path, 'r+'), 200)
      await rejects(right.fit(files, y, quiet), 'ERR_FILE_FORMAT', /became shorter/)
    })
  })
})

/** The warnings of Node while garbage is collected. */
async function warningsOf(work: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = []
  const listen = (warning: Error) => warnings.push(warning.message)
  process.on('warning', listen)
  await work()
  for (let i = 0; i < 5; i++) {
    global.gc?.()
    await sleep(5)
  }
  process.off('warning', listen)
  return warnings
}

/** The number of open files of this process with this path. */
function openCount(path: string): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return links.filter((link) => link === path).length
}

describe('files behind row sources', () => {
  const { x, y } = clouds(64, 6, 3)

  it('are closed by whoever opened them: fit, evaluate and read, also where they fail', async () => {
    await inFolder(async (folder) => {
      const [xPath, yPath, short] = ['x.npy', 'y.npy', 'short.npy'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ]
      await writeNpy(xPath, x)
      await writeNpy(yPath, array(y))
      await writeNpy(short, array(y.slice(1)))
      const isOpen = () => (existsSync('/proc/self/fd') ? [xPath, yPath, short].map(openCount) : [0, 0, 0])
      const closed = [0, 0, 0]
      const warnings = await warningsOf(async () => {
        using model = classifier()
        // These files are not closed explicitly.
        const [rows, labels, few] = [await openNpy(xPath), await openNpy(yPath), await openNpy(short)]
        assert.deepEqual(isOpen(), closed)
        assert.equal((await Promise.all([rows.read(0, 2), rows.read(3, 1)])).length, 2)
        assert.deepEqual(isOpen(), closed)
        const seen: number[][] = []
        const look = { onEpochEnd: () => void seen.push(isOpen()) }
        const validationData = [rows, labels] as const
        await model.fit(rows, labels, { ...quiet, epochs: 2, validationData, callbacks: look })
        if (existsSync('/proc/self/fd')) assert.deepEqual(seen.at(-1), [1, 1, 0], 'open once, as long as the fit')
        assert.deepEqual(isOpen(), closed)
        await model.evaluate(rows, labels)
        assert.deepEqual(isOpen(), closed)
        await rejects(model.fit(rows, few, quiet), 'ERR_SHAPE')
        const fails = {
          onBatchEnd() {
            throw new Error('mine')
          },
        }
        await assert.rejects(model.fit(rows, labels, { ...quiet, callbacks: fails }), /mine/)
        const signal = AbortSignal.abort()
        await rejects(model.fit(rows, labels, { ...quiet, signal }), 'ERR_ABORTED')
        assert.deepEqual(isOpen(), closed)
        await openIdx(join(goldenFolder, 'files', 'ubyte.idx3'))
      })
      assert.deepEqual(warnings, [])
    })
  })

  it('are not read any more after close, using and await using', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'x.npy')
      await writeNpy(path, x)
      const ways: readonly ((source: RowSource) => unknown)[] = [
        (source) => source.close(),
        (source) => {
          using ended = source
          return ended.rows
        },
        async (source) => {
          await using ended = source
          return ended.rows
        },
      ]
      for (const end of ways) {
        using model = classifier()
        const source = await openNpy(path)
        await model.fit(source, y, quiet)
        await end(source)
        await source.close()
        await rejects(source.read(0, 1), 'ERR_DISPOSED', /x\.npy: its rows were closed/)
        await rejects(model.fit(source, y, quiet), 'ERR_DISPOSED')
      }
      using model = classifier()
      const source = await openNpy(path)
      const close = { onBatchEnd: () => source.close() }
      await model.fit(source, y, { ...quiet, callbacks: close })
      await rejects(model.fit(source, y, quiet), 'ERR_DISPOSED')
    })
  })

  it('have to be what they were when they are opened again', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'x.npy')
      await writeNpy(path, x)
      using model = classifier()
      using source = await openNpy(path)
      await model.fit(source, y, quiet)
      await writeNpy(path, x, { version: 2 })
      await rejects(model.fit(source, y, quiet), 'ERR_FILE_FORMAT', /changed since it was opened: open it again/)
      appendFileSync(path, 'x')
      await rejects(source.read(0, 1), 'ERR_FILE_FORMAT', /changed since/)
      rmSync(path)
      await rejects(source.read(0, 1), 'ERR_FILE_NOT_FOUND')
    })
  })
})

describe('row sources', () => {
  it('read rows of every type', async () => {
    for (const name of ['byte', 'short', 'int', 'ubyte']) {
      const path = join(goldenFolder, 'files', `${name}.idx3`)
      const whole = await readIdx(path)
      await using source = await openIdx(path)
      assert.deepEqual([source.rows, ...source.rowShape], whole.shape)
      const [, ...rowShape] = whole.shape
      const size = rowShape.reduce((product, each) => product * each, 1)
      assert.deepEqual([...(await source.read(1, 3))], [...whole.data.slice(size, 4 * size)])
    }
    const path = join(goldenFolder, 'files', 'npy', 'big_f4_C_v1.npy')
    await using big = await openNpy(path)
    assert.equal((await big.read(0, 1))[0], (await readNpy(path)).data[0])
  })

  it('refuse files that are not theirs', async () => {
    const files = join(goldenFolder, 'files')
    await rejects(openNpy(join(files, 'npy', 'f4_F_v1.npy')), 'ERR_FILE_FORMAT', /C order/)
    await rejects(openNpy(join(files, 'npy', 'scalar.npy')), 'ERR_FILE_FORMAT', /without any/)
    await rejects(openNpy(join(files, 'npy', 'empty.npy')), 'ERR_FILE_FORMAT', /without any/)
    await rejects(openNpy(join(files, 'bad', 'data_short.npy')), 'ERR_FILE_FORMAT', /bytes of elements/)
    await rejects(openNpy('no/such.npy'), 'ERR_FILE_NOT_FOUND')
    await rejects(openNpy(files), 'ERR_FILE_FORMAT')
    for (const name of ['huge.idx', 'type.idx', 'short.idx', 'wraps.idx', 'magic.idx']) {
      await rejects(openIdx(join(files, 'bad', name)), 'ERR_FILE_FORMAT')
    }
  })

  it('train on a file larger than the memory they take', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'large.npy')
      const rows = 2 ** 20
      const header = Buffer.alloc(128, ' ')
      const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${rows}, 784), }`
      header.write('\x93NUMPY\x01\x00', 'latin1')
      header.writeUInt16LE(118, 8)
      header.write(text, 10)
      header[127] = 10
      appendFileSync(path, header)
      ftruncateSync(openSync(path, 'r+'), 128 + rows * 784)
      await using files = await openNpy(path, { scale: 1 / 255 })
      using model = sequential([layers.dense({ units: 1, inputShape: [784] })]).compile({ loss: 'mse' })
      global.gc?.()
      const before = process.memoryUsage().rss
      let most = 0
      const watch = setInterval(() => {
        most = Math.max(most, process.memoryUsage().rss - before)
      }, 20)
      await model.fit(files, new Float32Array(rows), { ...quiet, batchSize: 4096 })
      clearInterval(watch)
      assert.ok(most < 300e6, `${most} more bytes for a file of ${rows * 784}`)
    })
  })
})
