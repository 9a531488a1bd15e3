/** HDF5 files are written and read on another thread, and what does not belong into them is refused. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeHdf5, type H5Write, readHdf5 } from '#lib/interchange/hdf5/hdf5.js'
import { rejects } from './data/files.js'
import { goldenFolder, ownFolder } from './support/golden.js'
import { mutate } from './support/mutations.js'
import { Random } from './support/random.js'

const objects: readonly H5Write[] = [
  { path: '', attributes: { text: 'ä'.repeat(70_000), plain: 'b' } },
  { path: 'a', attributes: { names: ['first', 'second'], none: [] } },
  { path: 'a/vars' },
  { path: 'a/vars/0', data: Float32Array.of(1, -2, 3, 4, 5, 6), shape: [2, 3] },
  { path: 'a/vars/1', data: BigInt64Array.of(9n), shape: [] },
  { path: 'a/vars/2', data: new Float32Array(), shape: [0, 3] },
]

const bad = (name: string) => readFileSync(join(goldenFolder, 'interchange', 'bad', name))
const all = (bytes: Uint8Array) =>
  readHdf5(bytes, 'f.h5', (file) => {
    const readable = [...file.nodes].filter(([, node]) => node.kind === 'dataset' && node.problem === undefined)
    return file.read(readable.map(([path]) => path))
  })

describe('HDF5 files', function () {
  this.slow(5000)

  it('are read as they were written', async () => {
    const bytes = await encodeHdf5(objects)
    await readHdf5(bytes, 'f.h5', async (file) => {
      assert.deepEqual(file.texts('', 'text'), ['ä'.repeat(70_000)])
      assert.deepEqual(file.texts('', 'plain'), ['b'])
      assert.deepEqual(file.texts('a', 'names'), ['first', 'second'])
      assert.deepEqual(file.texts('a', 'none'), [])
      assert.equal(file.texts('a', 'other'), undefined)
      assert.deepEqual(file.group('a/vars')?.children, ['0', '1', '2'])
      const arrays = await file.read(['a/vars/1', 'a/vars/0', 'a/vars/2'])
      assert.deepEqual(
        arrays.map(({ data, shape, dtype }) => [Array.from(data), shape, dtype]),
        [
          [[9], [], 'int64'],
          [[1, -2, 3, 4, 5, 6], [2, 3], 'float32'],
          [[], [0, 3], 'float32'],
        ],
      )
      assert.equal(file.dataset('a/vars/3'), undefined)
      assert.throws(() => file.group('a/vars/0'), /expected a group, got a dataset/)
      assert.throws(() => file.dataset('a'), /expected a dataset, got a group/)
    })
  })

  it('have the same bytes for the same objects', async () => {
    assert.deepEqual(await encodeHdf5(objects), await encodeHdf5(objects))
  })

  it('are not written with two objects of one name', async () => {
    const object = { path: 'x', data: Float32Array.of(1), shape: [1] }
    await rejects(encodeHdf5([object, object]), 'ERR_FILE_WRITE', /there are two objects \/x/)
  })

  it('are read several at a time', async () => {
    const files = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((value) => encodeHdf5([{ path: 'x', data: Float32Array.of(value), shape: [1] }])),
    )
    const read = await Promise.all(files.map((bytes) => all(bytes)))
    assert.deepEqual(
      read.map(([array]) => array?.data[0]),
      [1, 2, 3, 4, 5, 6],
    )
  })

  it('go on after an error of what reads them', async () => {
    const bytes = await encodeHdf5(objects)
    await assert.rejects(
      readHdf5(bytes, 'f.h5', () => Promise.reject(new RangeError('own'))),
      /own/,
    )
    assert.equal((await all(bytes)).length, 3)
  })

  it('are written by other libraries, compressed or in other byte orders', async () => {
    const path = join(ownFolder, 'interchange/h5/stored_latest.weights.h5')
    const [bias, kernel] = await readHdf5(readFileSync(path), path, (file) =>
      file.read(['layers/dense/vars/1', 'layers/dense/vars/0']),
    )
    assert.deepEqual([bias?.shape, kernel?.shape], [[2], [3, 2]])
  })

  it('are refused where they are no HDF5 file, or a part of one', async () => {
    const bytes = await encodeHdf5(objects)
    await rejects(all(bytes.subarray(0, 1000)), 'ERR_FILE_FORMAT', /f\.h5: the HDF5 file is damaged/)
    await rejects(all(Buffer.from('text')), 'ERR_FILE_FORMAT', /damaged, or it is none/)
  })

  it('are followed to no other file', async () => {
    await readHdf5(bad('external_absolute.weights.h5'), 'f.h5', async (file) => {
      await rejects(
        file.read(['layers/dense/vars/0']),
        'ERR_FILE_FORMAT',
        /expected a dataset, got a link to another file/,
      )
    })
    await readHdf5(bad('soft_link.weights.h5'), 'f.h5', async (file) => {
      await rejects(file.read(['layers/dense/vars/0']), 'ERR_FILE_FORMAT', /got a soft link/)
    })
    await readHdf5(bad('external_group.weights.h5'), 'f.h5', async (file) => {
      await rejects(file.read(['layers/dense/vars/0']), 'ERR_FILE_FORMAT', /'\/layers' of .* a link to another file/)
    })
    await readHdf5(bad('virtual_other.weights.h5'), 'f.h5', async (file) => {
      await rejects(file.read(['layers/dense/vars/0']), 'ERR_FILE_FORMAT', /a view of other datasets/)
    })
  })

  it('are refused before they take more memory than they have a reason for', async () => {
    await rejects(all(bad('size_wraps.weights.h5')), 'ERR_FILE_FORMAT', /beyond the limit of 67108864/)
  })

  it('may be damaged anywhere', async function () {
    this.timeout(0)
    const files = Number(process.env.NEURODE_FUZZ_HDF5 ?? 8)
    const seed = Number(process.env.NEURODE_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32))
    const good = Buffer.from(await encodeHdf5(objects))
    for (let i = 0; i < files; i++) {
      const bytes = mutate(good, new Random(seed + i))
      await all(bytes).catch((error) => assert.equal(error.code, 'ERR_FILE_FORMAT', `seed ${seed + i}: ${error.stack}`))
    }
  })
})
