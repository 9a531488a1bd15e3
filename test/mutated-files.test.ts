/**
 * Damaged files: they are read, or refused as damaged, and nothing else happens.
 * NEURODE_FUZZ_FILES=100000 sets the number of files of each kind, NEURODE_FUZZ_KINDS=onnx|csv is a pattern of the kinds that are read,
 * NEURODE_FUZZ_SEED repeats a run.
 */

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import {
  type Functional,
  model as graph,
  input,
  layers,
  load,
  NeurodeError,
  openIdx,
  openNpy,
  optimizers,
  type RowSource,
  readCsv,
  readEvents,
  readIdx,
  readNpy,
  readNpz,
  readSafetensors,
  type Sequential,
  sequential,
  writeNpz,
  writeSafetensors,
} from 'neurode'
import { writeZip } from '#lib/formats/zip.js'
import { inFolder } from './data/files.js'
import { eventFile, mutateEvents } from './support/eventFiles.js'
import { goldenFolder } from './support/golden.js'
import { mutate, sealed } from './support/mutations.js'
import { Random } from './support/random.js'
import { bitsOf } from './support/resumable.js'
import { readTableModel, saveTableModel } from './support/tableModels.js'
import { warningsOf } from './support/warnings.js'

const wanted = process.env.NEURODE_FUZZ_FILES === undefined ? Infinity : Number(process.env.NEURODE_FUZZ_FILES)
/** The time for all kinds of files together, if their number is not given. */
const seconds = 20
const wantedKinds = new RegExp(process.env.NEURODE_FUZZ_KINDS ?? '', 'i')
const seed = Number(process.env.NEURODE_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32))

/** Files with the weights of another model are refused with ERR_SHAPE, not as damaged. */
const weightCodes = ['ERR_FILE_FORMAT', 'ERR_SHAPE']

interface Kind {
  readonly good: readonly Uint8Array[]
  /** How a good file is mutated. Default: anywhere. */
  readonly mutate?: (good: Uint8Array, draw: Random) => Uint8Array
  readonly read: (bytes: Uint8Array, path: string, draw: Random) => Promise<void>
  /** The codes with which a reader may refuse a file. Default: `ERR_FILE_FORMAT`. */
  readonly codes?: readonly string[]
}

const golden = (...names: readonly string[]) => names.map((name) => readFileSync(join(goldenFolder, 'files', name)))

function checkArray({ data, shape }: { readonly data: ArrayLike<unknown>; readonly shape: readonly number[] }): void {
  assert.ok(shape.every((size) => Number.isSafeInteger(size) && size >= 0))
  assert.equal(
    data.length,
    shape.reduce((product, size) => product * size, 1),
  )
}

async function checkRows(file: RowSource): Promise<void> {
  const rows = Math.min(file.rows, 3)
  const data = rows === 0 ? [] : await file.read(0, rows)
  checkArray({ data, shape: [rows, ...file.rowShape] })
}

const model = () =>
  sequential({
    layers: [
      layers.dense({ units: 3, activation: 'relu', kernelRegularizer: 'l2', inputShape: [4] }),
      layers.dropout(0.25),
      layers.batchNormalization(),
      layers.dense({ units: 2, activation: 'softmax' }),
    ],
    seed: 1,
  }).compile({
    optimizer: optimizers.adam({ learningRate: 0.01, useEma: true }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  })

/** A model that TensorFlow.js can have. */
const plain = () =>
  sequential({
    layers: [layers.dense({ units: 3, activation: 'tanh', inputShape: [4] }), layers.dense({ units: 2 })],
    seed: 1,
  }).compile({ optimizer: 'adam', loss: 'meanSquaredError', metrics: ['mae'] })

function graphModel() {
  const x = input({ shape: [4], name: 'x' })
  const shared = layers.dense({ units: 4, activation: 'tanh' })
  const block = sequential([layers.dense({ units: 4, inputShape: [4] })])
  const t = input({ shape: [4] })
  const both = graph({ inputs: t, outputs: { wide: layers.dense({ units: 4 }).apply(t), same: t } })
  const { wide, same } = both.apply(block.apply(shared.apply(x)))
  const sum = layers.add().apply([wide, shared.apply(block.apply(same))])
  return graph({ inputs: { x }, outputs: { y: layers.dense({ units: 2 }).apply(sum), sum }, seed: 1 }).compile({
    loss: { y: 'huber', sum: null },
    lossWeights: { y: 0.5 },
    metrics: { y: ['mae'], sum: ['r2Score'] },
  })
}

async function kerasFiles(trained: ReturnType<typeof model>, folder: string): Promise<Kind> {
  const paths = ['m.keras', 'm.h5'].map((name) => join(folder, name))
  for (const path of paths) await trained.save(path)
  return {
    good: paths.map((path) => readFileSync(path)),
    read: async (bytes, path) => {
      writeFileSync(path, bytes)
      using loaded = await load(path)
      await loaded.predict([[1, 2, 3, 4]]).catch((error) => assert.equal(error.code, 'ERR_SHAPE'))
    },
  }
}

async function kinds(folder: string): Promise<Readonly<Record<string, Kind>>> {
  const at = (name: string) => join(folder, name)
  using trained = model()
  await trained.fit(
    [
      [1, 2, 3, 4],
      [4, 3, 2, 1],
    ],
    [0, 1],
    { epochs: 2, batchSize: 1, verbose: 0 },
  )
  await trained.save(at('m.neurode'))
  await graphModel().save(at('g.neurode'))
  await saveTableModel(at('t.neurode'))
  await trained.saveWeights(at('w.safetensors'))
  await trained.saveWeights(at('w.npz'))
  await trained.saveWeights(at('t.safetensors'), { names: 'torch' })
  mkdirSync(at('tfjs'))
  await plain().save(join(at('tfjs'), 'model.json'))
  await writeNpz(
    at('a.npz'),
    {
      x: [
        [1, 2],
        [3, 4],
      ],
      y: Int32Array.of(1, 2),
    },
    { compress: true },
  )
  await writeSafetensors(
    at('a.safetensors'),
    {
      x: [
        [1, 2],
        [3, 4],
      ],
      y: [1],
    },
    { metadata: { a: 'b' } },
  )
  const saved = (...names: readonly string[]) => names.map((name) => readFileSync(at(name)))

  mkdirSync(at('sharded'))
  for (const name of ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']) {
    writeFileSync(join(at('sharded'), name), golden(name)[0] as Buffer)
  }

  const target = model()
  const [bits, weights] = [bitsOf(target), target.getWeights()]
  const npys = golden(
    'npy/f4_C_v1.npy',
    'npy/f8_F_v1.npy',
    'npy/i8_C_v2.npy',
    'npy/b1_C_v1.npy',
    'npy/f2_F_v1.npy',
    'npy/scalar.npy',
  )
  const idxs = golden('byte.idx3', 'double.idx2', 'float.idx2', 'int.idx3', 'short.idx3', 'ubyte.idx3')
  const readArray: Kind['read'] = async (bytes, path, draw) => {
    if (draw.below(8) > 0) return checkArray(await readNpy(bytes))
    writeFileSync(path, bytes)
    await checkRows(await openNpy(path))
  }
  const readArrays: Kind['read'] = async (bytes) => {
    const arrays = await readNpz(bytes)
    for (const array of arrays.values()) checkArray(array)
  }
  const readImages: Kind['read'] = async (bytes, path, draw) => {
    if (draw.below(8) > 0) return checkArray(await readIdx(bytes))
    writeFileSync(path, bytes)
    await checkRows(await openIdx(path))
  }
  const loadInto =
    (ending: string): Kind['read'] =>
    async (bytes, path) => {
      writeFileSync(`${path}${ending}`, bytes)
      try {
        await target.loadWeights(`${path}${ending}`)
      } catch (error) {
        assert.equal(bitsOf(target), bits)
        throw error
      }
      target.setWeights(weights)
    }
  const modelFiles = {
    good: saved('m.neurode'),
    // Most files get a right checksum, so that the reader gets past that check.
    mutate: (good: Uint8Array, draw: Random) => (draw.below(4) === 0 ? mutate(good, draw) : sealed(mutate(good, draw))),
  }
  return {
    npy: { good: npys, read: readArray },
    npz: { good: [...golden('stored.npz', 'compressed.npz'), ...saved('a.npz')], read: readArrays },
    'members of npz': {
      good: npys,
      mutate: (good, draw) =>
        Buffer.concat(
          writeZip(
            new Map([
              ['a.npy', mutate(good, draw)],
              ['b.npy', mutate(draw.pick(npys), draw)],
            ]),
            draw.below(2) === 0,
          ),
        ),
      read: readArrays,
    },
    safetensors: {
      good: [...golden('model.safetensors', 'dtypes.safetensors'), ...saved('a.safetensors')],
      read: async (bytes) => {
        for (const tensor of (await readSafetensors(bytes)).tensors.values()) checkArray(tensor)
      },
    },
    'TensorBoard events': {
      good: [...golden('events.out.tfevents.1.torch', 'events.out.tfevents.1.tensorflow.v2'), eventFile()],
      mutate: mutateEvents,
      read: async (bytes) => {
        const { scalars, histograms, images } = await readEvents(bytes)
        for (const { step, value } of scalars) assert.ok(Number.isSafeInteger(step) && typeof value === 'number')
        for (const { buckets } of histograms) assert.ok(buckets.every(({ count }) => typeof count === 'number'))
        for (const { width, height } of images) assert.ok([width, height].every(Number.isSafeInteger))
      },
    },
    'indices of safetensors': {
      good: golden('model.safetensors.index.json'),
      read: async (bytes) => {
        const file = join(at('sharded'), 'model.safetensors.index.json')
        writeFileSync(file, bytes)
        for (const tensor of (await readSafetensors(file)).tensors.values()) checkArray(tensor)
      },
      codes: ['ERR_FILE_FORMAT', 'ERR_FILE_NOT_FOUND'],
    },
    'model files': {
      ...modelFiles,
      read: async (bytes, path) => {
        writeFileSync(path, bytes)
        using loaded = await load(path)
        await loaded.predict([[1, 2, 3, 4]]).catch((error) => assert.equal(error.code, 'ERR_SHAPE'))
      },
    },
    'model files of graphs': {
      ...modelFiles,
      good: saved('g.neurode'),
      read: async (bytes, path) => {
        writeFileSync(path, bytes)
        using loaded = await load<Functional | Sequential>(path)
        await loaded.predict([[1, 2, 3, 4]]).catch((error: { code: string }) => assert.equal(error.code, 'ERR_SHAPE'))
      },
    },
    'model files of tables': { ...modelFiles, good: saved('t.neurode'), read: readTableModel },
    'model files to restore': {
      ...modelFiles,
      read: async (bytes, path) => {
        writeFileSync(path, bytes)
        using other = model()
        const before = bitsOf(other)
        await other.restore(path).catch((error) => {
          assert.equal(bitsOf(other), before)
          throw error
        })
      },
      // The mutated file may belong to another model or another training.
      codes: ['ERR_FILE_FORMAT', 'ERR_SHAPE', 'ERR_CHECKPOINT_MISMATCH'],
    },
    'ONNX models': {
      good: golden(
        'dense.onnx',
        'norm.onnx',
        '../interchange/onnx/branches.onnx',
        '../interchange/onnx/constants.onnx',
      ),
      read: async (bytes, path) => {
        writeFileSync(path, bytes)
        await warningsOf(async () => {
          using loaded = await load<Functional | Sequential>(path)
          await loaded.predict([[1, 2, 3, 4]]).catch((error: { code: string }) => {
            assert.match(error.code, /^ERR_(?:SHAPE|ARGUMENT|LABEL_RANGE)$/)
          })
        })
      },
      codes: ['ERR_FILE_FORMAT', 'ERR_FILE_NOT_FOUND'],
    },
    'weights in safetensors': { good: saved('w.safetensors'), read: loadInto('.safetensors'), codes: weightCodes },
    'weights of PyTorch': { good: saved('t.safetensors'), read: loadInto('.safetensors'), codes: weightCodes },
    'models of TensorFlow.js': {
      good: [readFileSync(join(at('tfjs'), 'model.json'))],
      read: async (bytes) => {
        const file = join(at('tfjs'), 'model.json')
        writeFileSync(file, bytes)
        await warningsOf(async () => {
          using loaded = await load(file)
          await loaded.predict([[1, 2, 3, 4]]).catch((error) => assert.equal(error.code, 'ERR_SHAPE'))
        })
      },
      codes: ['ERR_FILE_FORMAT', 'ERR_FILE_NOT_FOUND'],
    },
    'weights in npz': {
      good: saved('w.npz'),
      read: loadInto('.npz'),
      codes: weightCodes,
    },
    csv: {
      good: [...golden('table.csv', 'numbers.csv', 'table_semicolon.csv', 'table_bom.csv')],
      read: async (bytes, _path, draw) => {
        const table = await readCsv(bytes, { header: draw.below(2) === 0, separator: draw.pick([',', ';']) })
        checkArray(table.numbers())
      },
    },
    idx: { good: idxs, read: readImages },
    'gzipped idx': {
      good: [...idxs.map((bytes) => gzipSync(bytes)), ...golden('ubyte.idx3.gz')],
      mutate: (good, draw) => (draw.below(2) === 0 ? mutate(good, draw) : gzipSync(mutate(draw.pick(idxs), draw))),
      read: readImages,
    },
    // A thread is begun anew for most of these files, so there are none in a run of seconds.
    ...(wanted === Infinity ? {} : { 'Keras files': await kerasFiles(trained, folder) }),
  }
}

describe('mutated files', function () {
  this.timeout(wanted === Infinity ? 120_000 : 0)
  this.slow(60_000)

  it(`are read, or refused as damaged (seed ${seed})`, async () => {
    await inFolder(async (folder) => {
      const all = Object.entries(await kinds(folder))
      const names = Object.getOwnPropertyNames(Object.prototype).length
      const counts: string[] = []
      for (const [place, [name, kind]] of all.entries()) {
        if (!wantedKinds.test(name)) continue
        const end = performance.now() + (1000 * seconds) / all.length
        let [files, read] = [0, 0]
        for (; files < wanted && (wanted !== Infinity || performance.now() < end); files++) {
          const number = seed + place * 2 ** 24 + files
          if (await isRead(kind, join(folder, 'mutated'), number, name)) read++
        }
        assert.equal(Object.getOwnPropertyNames(Object.prototype).length, names)
        assert.ok(read < files, `${name}: all ${files} were read`)
        counts.push(`${name}: ${read} of ${files}`)
      }
      console.log(`      read all the same: ${counts.join(', ')}`)
    })
  })
})

/** Returns whether the file was read; the only other result allowed is that it is refused as damaged. */
async function isRead(
  { good, mutate: change = mutate, read, codes = ['ERR_FILE_FORMAT'] }: Kind,
  path: string,
  seed: number,
  name: string,
) {
  const draw = new Random(seed)
  const bytes = change(draw.pick(good), draw)
  try {
    await read(bytes, path, draw)
    return true
  } catch (error) {
    const text = `${name}, seed ${seed}, ${JSON.stringify(Buffer.from(bytes).toString('latin1').slice(0, 600))}`
    assert.ok(
      error instanceof NeurodeError && codes.includes(error.code),
      `${text}: ${(error as NeurodeError).code} ${(error as Error).stack}`,
    )
    // The message must not be one of JavaScript's own.
    assert.doesNotMatch(
      error.message,
      /Cannot |is not a function|of undefined|not iterable|Invalid array/,
      `${text}: ${error.message}`,
    )
    assert.ok(error.message.length < 1000, `${text}: ${error.message}`)
    return false
  }
}
