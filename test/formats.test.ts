/** Files of other formats, and URLs in place of paths: the errors name the format and a function that reads it. */

import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import {
  callbacks,
  datasets,
  encodeNpy,
  layers,
  load,
  openIdx,
  openNpy,
  readCsv,
  readEvents,
  readIdx,
  readNpy,
  readNpz,
  readSafetensors,
  sequential,
  writeNpy,
  writeNpz,
  writeSafetensors,
} from 'neurode'
import { Picture, plot } from 'neurode/plot'
import { serve } from 'neurode/serve'
import { writeZip } from '#lib/formats/zip.js'
import { inFolder, rejects, throws } from './data/files.js'
import { goldenFolder } from './support/golden.js'
import { bitsOf } from './support/resumable.js'

const tiny = () => sequential([layers.dense({ units: 1, inputShape: [2] })])
const latin1 = (text: string) => Buffer.from(text, 'latin1')

/** The relevant parts of a file of torch.save: a zip whose members are in a folder. */
const torchZip = Buffer.concat(
  writeZip(
    new Map(['data.pkl', 'byteorder', 'data/0'].map((name) => [`archive/${name}`, latin1('\x80\x02}q\0.')])),
    false,
  ),
)

/** By file name: its content, the pattern of its format's name, and whether load() and loadWeights() know the format themselves. */
const foreign: Readonly<Record<string, readonly [content: string | Buffer, RegExp, known?: 'known']>> = {
  'empty.neurode': ['', /got an empty file/],
  'w.h5': [readGolden('interchange', 'h5', 'stored_latest.weights.h5'), /an HDF5 file.*load\(\) and loadW/, 'known'],
  'user-block.h5': [`${'\0'.repeat(512)}\x89HDF\r\n\x1a\n`, /an HDF5 file/, 'known'],
  'model.keras': [readGolden('interchange', 'keras', 'deflated.keras'), /a Keras file.*load\(\) and loadW/, 'known'],
  'model.pt': [torchZip, /a PyTorch file.*safetensors\.torch\.save_file/],
  'legacy.pt': ['\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.', /a PyTorch file.*may run code/],
  'model.pkl': ['\x80\x04\x95\x10\0\0\0', /a Python pickle.*may run code/],
  'model.json': ['{"format": "layers-model", "modelTopology": {}}', /a TensorFlow\.js model, for load\(\)/, 'known'],
  'keras.json': ['{"class_name": "Sequential", "config": {}}', /layers of a Keras model as JSON.*no weights/],
  'other.json': ['{"a": 1}', /got JSON/],
  'model.tflite': ['\x1c\0\0\0TFL3', /a TensorFlow Lite model/],
  'saved_model.pb': ['\x08\x01\x12\xff\x01', /a TensorFlow SavedModel/],
  'x.idx': [readGolden('files', 'byte.idx3'), /an IDX file, for readIdx\(\) and openIdx\(\)/],
  'plot.png': ['\x89PNG\r\n\x1a\n', /a PNG image/],
  'model.gz': [gzipSync('x'), /gzip data: unpack it first/],
  'pointer.neurode': ['version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n', /Git LFS.*git lfs pull/],
  'page.neurode': ['<!DOCTYPE html><title>404</title>', /an HTML page/],
  'notes.txt': ['weights go here\n', /got text/],
}

function readGolden(...names: readonly string[]): Buffer {
  return readFileSync(join(goldenFolder, ...names))
}

describe('files of other formats', () => {
  for (const [name, [content, message, known]] of Object.entries(foreign)) {
    it(`are called what they are: ${name}`, async () => {
      await inFolder(async (folder) => {
        const path = join(folder, name)
        writeFileSync(path, typeof content === 'string' ? latin1(content) : content)
        using model = tiny()
        const before = bitsOf(model as never)
        const readers: readonly ((path: string) => Promise<unknown>)[] = [
          ...(known === undefined ? [load, (file: string) => model.loadWeights(file)] : []),
          (file) => model.restore(file),
          readNpz,
          readNpy,
          readSafetensors,
        ]
        for (const read of readers) {
          const named = new RegExp(`${name.replaceAll('.', '\\.')}: expected a.*${message.source}`)
          await rejects(read(path), 'ERR_FILE_FORMAT', named)
        }
        assert.equal(bitsOf(model as never), before)
      })
    })
  }

  it('are sent to what reads them', async () => {
    await inFolder(async (folder) => {
      using model = tiny()
      const at = (name: string) => join(folder, name)
      await model.save(at('m.neurode'))
      await model.saveWeights(at('w.safetensors'))
      await model.saveWeights(at('w.npz'))
      writeFileSync(at('x.npy'), encodeNpy([1]))
      await rejects(load(at('w.safetensors')), 'ERR_FILE_FORMAT', /safetensors file, for loadWeights\(\)/)
      await rejects(load(at('w.npz')), 'ERR_FILE_FORMAT', /an npz file, for loadWeights\(\) and readNpz\(\)/)
      await rejects(load(at('x.npy')), 'ERR_FILE_FORMAT', /an npy file, for readNpy\(\) and openNpy\(\)/)
      await rejects(model.loadWeights(at('x.npy')), 'ERR_FILE_FORMAT', /an npy file, for readNpy\(\)/)
      await rejects(readNpz(at('m.neurode')), 'ERR_FILE_FORMAT', /a file that save\(\) wrote, for load\(\)/)
      writeFileSync(at('m.onnx'), readGolden('files', 'dense.onnx'))
      await rejects(model.loadWeights(at('m.onnx')), 'ERR_FILE_FORMAT', /an ONNX model, for load\(\)/)
      await rejects(openNpy(at('w.safetensors')), 'ERR_FILE_FORMAT')
      await model.loadWeights(at('m.neurode'))
      assert.equal((await readSafetensors(at('m.neurode'))).tensors.size, 2)
    })
  })

  it('are folders, too', async () => {
    await inFolder(async (folder) => {
      using model = tiny()
      const at = (name: string, file: string) => {
        mkdirSync(join(folder, name))
        writeFileSync(join(folder, name, file), '')
        return join(folder, name)
      }
      await rejects(load(at('a', 'saved_model.pb')), 'ERR_FILE_FORMAT', /expected a file, got a TensorFlow SavedModel/)
      await rejects(model.loadWeights(at('b', 'model.json')), 'ERR_FILE_FORMAT', /got a TensorFlow\.js model/)
      await rejects(load(at('c', 'm.neurode')), 'ERR_FILE_FORMAT', /got a folder; a file in it is m\.neurode/)
      await rejects(readNpz(at('d', 'x')), 'ERR_FILE_FORMAT', /got a folder$/)
    })
  })
})

/** Every function that takes a path. */
function takers(model: ReturnType<typeof tiny>): Readonly<Record<string, (path: string | URL) => unknown>> {
  const picture = new Picture('p', '<svg xmlns="http://www.w3.org/2000/svg"/>', 1, 1)
  return {
    'model.neurode': (path) => model.save(path),
    load: (path) => load(path),
    restore: (path) => model.restore(path),
    'weights.safetensors': (path) => model.saveWeights(path),
    loadWeights: (path) => model.loadWeights(path),
    'x.npy': (path) => writeNpy(path, [[1, 2]]),
    readNpy: (path) => readNpy(path),
    openNpy: (path) => openNpy(path),
    'x.npz': (path) => writeNpz(path, { x: [1] }),
    readNpz: (path) => readNpz(path),
    'y.safetensors': (path) => writeSafetensors(path, { x: [1] }),
    readSafetensors: (path) => readSafetensors(path),
    readCsv: (path) => readCsv(path),
    readIdx: (path) => readIdx(path),
    openIdx: (path) => openIdx(path),
    'picture.svg': (path) => picture.save(path),
    'report.html': (path) => plot.report(path, [picture]),
    readEvents: (path) => readEvents(path),
    csvLogger: (path) => callbacks.csvLogger(path),
    tensorBoard: (logDir) => callbacks.tensorBoard({ logDir }),
    modelCheckpoint: (path) => callbacks.modelCheckpoint(path),
    backupAndRestore: (path) => callbacks.backupAndRestore(path),
    mnist: (path) => datasets.mnist({ dir: path }),
    'serve models': (path) => serve({ models: path, port: 0 }),
    'serve a list': (path) => serve({ models: [path], port: 0 }),
    'serve by name': (path) => serve({ models: { m: path }, port: 0 }),
    'serve tls': (path) => serve({ models: { m: model as never }, port: 0, tls: { key: path, cert: path } }),
  }
}

describe('paths', () => {
  it('are no addresses, and the message says what was meant', async () => {
    using model = tiny().compile({ loss: 'mse' })
    for (const [name, take] of Object.entries(takers(model))) {
      const cases: readonly [string | URL, RegExp][] = [
        [
          'file:///x/y.neurode',
          /expected a path or a URL object, got "file:\/\/\/x\/y\.neurode"; as a path it is "\/x\/y\.neurode"/,
        ],
        ['file://./m', /expected a path or a URL object, got "file:\/\/\.\/m"; as a path it is "\.\/m"/],
        [
          'https://example.com/m',
          /expected a path or a URL object, got "https:.*only files are read.*await fetch\(url\)/,
        ],
        [
          new URL('https://example.com/m'),
          /expected a URL of a file, got "https:.*only files are read.*await fetch\(url\)/,
        ],
        ['data:text/csv,a', /expected a path or a URL object, got "data:.*await fetch\(url\)/],
        [new URL('file:///a%2Fb'), /expected a URL of a file.*encoded/],
        ['a\0b', /without NUL/],
      ]
      for (const [path, message] of cases) {
        const act = async () => take(path)
        await assert.rejects(act, { name: 'NeurodeError', code: 'ERR_ARGUMENT', message }, `${name}: ${path}`)
      }
    }
  })

  it('that are addresses of data may be read as the message says', async () => {
    const bytes = encodeNpy([1, 2])
    const address = (content: Uint8Array) =>
      `data:,${[...content].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}`
    const readers = { readNpy, readCsv, readIdx, readSafetensors, readNpz } as const
    for (const [name, read] of Object.entries(readers)) {
      const advice = /give the bytes instead: new Uint8Array\(await \(await fetch\(url\)\)\.arrayBuffer\(\)\)$/
      await assert.rejects(async () => read(address(bytes)), { code: 'ERR_ARGUMENT', message: advice }, name)
    }
    for (const act of [load, openNpy, openIdx]) {
      const advice =
        /first save it: await writeFile\(path, new Uint8Array\(await \(await fetch\(url\)\)\.arrayBuffer\(\)\)\)$/
      await assert.rejects(async () => act('http://127.0.0.1/x'), { code: 'ERR_ARGUMENT', message: advice })
    }
    const url = address(bytes)
    assert.deepEqual([...(await readNpy(new Uint8Array(await (await fetch(url)).arrayBuffer()))).data], [1, 2])
    const table = address(new TextEncoder().encode('a,b\n1,2\n'))
    const { header } = await readCsv(new Uint8Array(await (await fetch(table)).arrayBuffer()))
    assert.deepEqual(header, ['a', 'b'])
  })

  it('may be URL objects, of other realms as well', async () => {
    const OtherUrl = runInContext(
      '(class URL { constructor(href) { this.href = href; this.protocol = "file:" } })',
      createContext(),
    )
    await inFolder(async (folder) => {
      using model = tiny().compile({ loss: 'mse' })
      const all = takers(model)
      const files = Object.keys(all).filter((name) => name.includes('.'))
      for (const name of files) await all[name]?.(pathToFileURL(join(folder, name)))
      assert.deepEqual(readdirSync(folder).sort(), [...files].sort())
      await all['model.neurode']?.(new OtherUrl(pathToFileURL(join(folder, 'other.neurode')).href))
      using loaded = await load(new OtherUrl(pathToFileURL(join(folder, 'other.neurode')).href))
      assert.equal(bitsOf(loaded), bitsOf(model as never))
      copyFileSync(join(goldenFolder, 'files', 'ubyte.idx3'), join(folder, 'x.idx'))
      const url = (name: string) => pathToFileURL(join(folder, name))
      assert.deepEqual((await readIdx(url('x.idx'))).shape, (await readIdx(join(folder, 'x.idx'))).shape)
      assert.equal((await openIdx(url('x.idx'))).path, join(folder, 'x.idx'))
      for (const models of [url('model.neurode'), [url('model.neurode')], { model: url('model.neurode') }]) {
        const server = await serve({ models, port: 0 })
        const answer = await fetch(`${server.url}/v2/models/model`)
        assert.equal(answer.status, 200)
        await server.close()
      }
      const log = callbacks.csvLogger(url('log.csv'))
      const save = callbacks.modelCheckpoint(url('m-{epoch}.neurode'))
      await model.fit([[1, 2]], [1], { verbose: 0, callbacks: [log, save] })
      assert.ok(['log.csv', 'm-1.neurode'].every((name) => readdirSync(folder).includes(name)))
    })
  })

  it('are refused where they are something else', () => {
    for (const value of [3, null, undefined, '', Buffer.from('x'), {}]) {
      throws(() => callbacks.csvLogger(value as never), 'ERR_ARGUMENT', /csvLogger: path: expected a path, got/)
    }
  })
})

describe('names of files that are written', () => {
  const model = () => sequential([layers.dense({ units: 1, inputShape: [2] })])
  const writers: Readonly<
    Record<string, readonly [write: (path: string) => Promise<unknown>, own: readonly string[]]>
  > = {
    'model.save': [
      (path) => model().save(path),
      ['a.neurode', 'a.onnx', 'a.keras', 'a.h5', 'a.H5', 'a.json', 'a', 'a.model', 'a.safetensors'],
    ],
    'model.saveWeights': [(path) => model().saveWeights(path), ['a.safetensors', 'a.npz', 'a', 'a.weights.h5']],
    'plot.report': [(path) => plot.report(path, []), ['a.html']],
  }
  const foreign = ['h5', 'keras', 'onnx', 'pt', 'H5', 'json', 'npy', 'pdf', 'npz', 'csv']
  for (const [name, [write, own]] of Object.entries(writers)) {
    it(`say the format that is written: ${name}`, async () => {
      await inFolder(async (folder) => {
        for (const file of own) await write(join(folder, file))
        const before = readdirSync(folder).sort()
        for (const ending of foreign.filter((ending) => !own.includes(`a.${ending}`))) {
          await rejects(write(join(folder, `b.${ending}`)), 'ERR_ARGUMENT', /path: expected a name that ends in \.\w+/)
        }
        assert.deepEqual(readdirSync(folder).sort(), before)
      })
    })
  }

  it('keep a model from being replaced by its weights', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'a')
      await model().save(path)
      const before = readFileSync(path)
      await rejects(model().saveWeights(path), 'ERR_ARGUMENT', /holds no model/)
      assert.deepEqual(readFileSync(path), before)
      await model().save(path)
    })
  })
})
