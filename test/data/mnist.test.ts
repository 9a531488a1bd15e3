/** Where MNIST is searched, how it is downloaded, and how its content is checked: with small files in its place. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { array, datasets } from 'neurode'
import { cacheFolder, loadMnist, locateMnist, type MnistSource } from '#lib/data/mnist.js'
import { idxBytes, inFolder, rejects, throws } from './files.js'
import { missing, serve, silent, withMirrors } from './server.js'

const images = (count: number) =>
  gzipSync(
    idxBytes(
      8,
      [count, 2, 2],
      Uint8Array.from({ length: 4 * count }, (_, i) => i),
    ),
  )
const labels = (...values: number[]) => gzipSync(idxBytes(8, [values.length], Uint8Array.from(values)))

const contents: Readonly<Record<string, Buffer>> = {
  'train-images-idx3-ubyte.gz': images(3),
  'train-labels-idx1-ubyte.gz': labels(7, 0, 9),
  't10k-images-idx3-ubyte.gz': images(2),
  't10k-labels-idx1-ubyte.gz': labels(1, 2),
}

function smallFile(name: string, shape: readonly number[]) {
  const content = contents[name] as Buffer
  return { name, shape, bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }
}

/** A source of small files, with a cache in `folder`. */
function source(folder: string, mirrors: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): MnistSource {
  return {
    mirrors,
    files: {
      trainImages: smallFile('train-images-idx3-ubyte.gz', [3, 2, 2]),
      trainLabels: smallFile('train-labels-idx1-ubyte.gz', [3]),
      testImages: smallFile('t10k-images-idx3-ubyte.gz', [2, 2, 2]),
      testLabels: smallFile('t10k-labels-idx1-ubyte.gz', [2]),
    },
    environment: { XDG_CACHE_HOME: folder, LOCALAPPDATA: folder, ...environment },
    connectMilliseconds: 2000,
    idleMilliseconds: 2000,
  }
}

async function writeAll(folder: string, rename = (name: string) => name, unzip = false): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const [name, content] of Object.entries(contents)) {
    await writeFile(join(folder, rename(name)), unzip ? gunzipSync(content) : content)
  }
}

const expected = {
  name: 'mnist',
  train: {
    images: array(
      Uint8Array.from({ length: 12 }, (_, i) => i),
      [3, 4],
      { scale: 1 / 255 },
    ),
    labels: array(Uint8Array.of(7, 0, 9)),
  },
  test: {
    images: array(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7), [2, 4], { scale: 1 / 255 }),
    labels: array(Uint8Array.of(1, 2)),
  },
}

describe('datasets.mnist', () => {
  const dotted = (name: string) => name.replace('-idx', '.idx')
  const plain = (name: string) => name.replace('.gz', '')
  const spellings = [
    { name: 'gzipped files', rename: (name: string) => name, unzip: false },
    { name: 'files with a dot in their names', rename: dotted, unzip: false },
    { name: 'plain files', rename: plain, unzip: true },
    { name: 'plain files with a dot', rename: (name: string) => plain(dotted(name)), unzip: true },
  ]
  for (const { name, rename, unzip } of spellings) {
    it(`reads ${name} in dir`, () =>
      inFolder(async (folder) => {
        const dir = join(folder, 'dir')
        await writeAll(dir, rename, unzip)
        assert.deepEqual(await loadMnist({ dir }, source(folder)), expected)
      }))
  }

  it('looks in dir, then NEURODE_DATA, then the cache, and takes the first folder that has all files', () =>
    inFolder(async (folder) => {
      const [dir, data, cache] = ['dir', 'data', join('neurode', 'mnist')].map((name) => join(folder, name))
      const small = source(folder, [], { NEURODE_DATA: data })
      const find = async () => [...((await locateMnist(dir, small)).found?.values() ?? [])][0]
      assert.equal(await find(), undefined)
      await mkdir(dir as string)
      await writeFile(join(dir as string, 'train-images-idx3-ubyte.gz'), '')
      if (process.platform !== 'win32') {
        await writeAll(cache as string)
        assert.equal(await find(), join(cache as string, 'train-images-idx3-ubyte.gz'))
      }
      await writeAll(join(data as string, 'mnist'))
      assert.equal(await find(), join(data as string, 'mnist', 'train-images-idx3-ubyte.gz'))
      await writeAll(dir as string)
      assert.equal(await find(), join(dir as string, 'train-images-idx3-ubyte.gz'))
    }))

  it('downloads into dir what is nowhere, once', () =>
    withMirrors([serve(contents)], ([mirror]) =>
      inFolder(async (folder) => {
        const dir = join(folder, 'dir')
        const small = source(folder, [mirror?.url as string])
        const files = new Set<string>()
        const options = { dir, onProgress: ({ file }: { file: string }) => files.add(file) }
        assert.deepEqual(await loadMnist(options, small), expected)
        assert.deepEqual([...files], Object.keys(contents))
        assert.deepEqual((await readdir(dir)).sort(), Object.keys(contents).sort())
        assert.deepEqual(await loadMnist(options, small), expected)
        assert.equal(mirror?.requests.length, 4)
      }),
    ))

  it('downloads into the cache without dir, and only the files that are missing', () =>
    withMirrors([serve(contents)], ([mirror]) =>
      inFolder(async (folder) => {
        const small = source(folder, [mirror?.url as string])
        const cache = join(cacheFolder(small.environment), 'mnist')
        await writeAll(cache)
        const half = { ...small, files: { ...small.files, testLabels: { ...small.files.testLabels, name: 'new.gz' } } }
        await rejects(loadMnist({}, half), 'ERR_DOWNLOAD', /new.gz/)
        assert.deepEqual(mirror?.requests, ['/new.gz'])
        assert.deepEqual(await loadMnist({}, small), expected)
      }),
    ))

  it('goes back first to the mirror that delivered', () =>
    withMirrors([missing, serve(contents)], ([bad, good]) =>
      inFolder(async (folder) => {
        await loadMnist({ dir: folder }, source(folder, [bad?.url as string, good?.url as string]))
        assert.deepEqual([bad?.requests.length, good?.requests.length], [1, 4])
      }),
    ))

  it('names every mirror, its reason and NEURODE_DATA when there is no way', () =>
    withMirrors([missing, silent], ([bad, mute]) =>
      inFolder(async (folder) => {
        const hosts = [bad, mute].map((mirror) => new URL(mirror?.url as string).host)
        const mirrors = [bad?.url as string, mute?.url as string, 'http://mnist.invalid/']
        const reasons = `${hosts[0]}: status 404; ${hosts[1]}: no answer for 2 s; mnist.invalid: (ENOTFOUND|EAI_AGAIN)`
        const message = new RegExp(`^MNIST .*train-images-idx3-ubyte.gz \\(${reasons}\\).*NEURODE_DATA`)
        await rejects(loadMnist({}, source(folder, mirrors)), 'ERR_DOWNLOAD', message)
      }),
    ))

  it('refuses files that are damaged or hold something else', () =>
    inFolder(async (folder) => {
      const small = source(folder)
      const bad: readonly [string, Buffer, RegExp][] = [
        ['train-images-idx3-ubyte.gz', images(3).subarray(0, 20), /train-images.*too early/],
        ['train-images-idx3-ubyte.gz', images(2), /expected unsigned bytes of shape \[3, 2, 2\], got .*\[2, 2, 2\]/],
        ['train-images-idx3-ubyte.gz', gzipSync(idxBytes(9, [3, 2, 2], new Uint8Array(12))), /got Int8Array/],
        ['t10k-labels-idx1-ubyte.gz', labels(1, 10), /t10k-labels.*expected labels 0 to 9, got 10 in row 1/],
      ]
      for (const [name, content, message] of bad) {
        await writeAll(folder)
        await writeFile(join(folder, name), content)
        await rejects(loadMnist({ dir: folder }, small), 'ERR_FILE_FORMAT', message)
      }
    }))

  it('stops when the signal says so', () =>
    inFolder(async (folder) => {
      await writeAll(folder)
      await rejects(loadMnist({ dir: folder, signal: AbortSignal.abort() }, source(folder)), 'ERR_ABORTED')
    }))

  it('refuses options it does not know or cannot use', async () => {
    await rejects(datasets.mnist({ path: '.' } as object), 'ERR_UNKNOWN_NAME', /'path'/)
    await rejects(datasets.mnist({ dir: 3 } as object), 'ERR_ARGUMENT', /dir: expected a path, got 3/)
    await rejects(datasets.mnist({ signal: 3 } as object), 'ERR_ARGUMENT', /signal/)
  })

  it('reads the real files where they are at hand', async function () {
    if (!(await locateMnist()).found) this.skip()
    const { name, train, test } = await datasets.mnist()
    assert.equal(name, 'mnist')
    const shapes = [train.images, train.labels, test.images, test.labels].map(({ shape }) => shape)
    assert.deepEqual(shapes, [[60_000, 784], [60_000], [10_000, 784], [10_000]])
    assert.deepEqual(Array.from(train.labels.data.subarray(0, 10)), [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    assert.equal(
      train.images.data.reduce((sum, value) => sum + value, 0),
      1_567_298_545,
    )
    assert.equal(train.images.scale, 1 / 255)
  })
})

describe('cacheFolder', () => {
  it('is where the platform keeps caches', () => {
    const home = { HOME: '/home/a' }
    assert.equal(cacheFolder(home, 'linux'), join('/home/a', '.cache', 'neurode'))
    assert.equal(cacheFolder({ ...home, XDG_CACHE_HOME: '/x' }, 'linux'), join('/x', 'neurode'))
    assert.equal(cacheFolder(home, 'darwin'), join('/home/a', 'Library', 'Caches', 'neurode'))
    assert.equal(cacheFolder({ LOCALAPPDATA: '/local' }, 'win32'), join('/local', 'neurode', 'Cache'))
  })
})

describe('datasets', () => {
  it('cannot be changed', () => {
    assert.ok(Object.isFrozen(datasets))
    throws(() => datasets.syntheticDigits({ seeds: 1 } as object), 'ERR_UNKNOWN_NAME', /seed/)
  })
})
