/**
 * npy, npz, safetensors and CSV files of other libraries: Neurode reads them right, writes files that they read the same, and
 * refuses damaged ones.
 */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  array,
  type DType,
  encodeNpy,
  type FileArray,
  layers,
  readCsv,
  readNpy,
  readNpz,
  readSafetensors,
  sequential,
  writeNpz,
  writeSafetensors,
} from 'neurode'
import { writeZip } from '#lib/formats/zip.js'
import { inFolder, rejects, throws } from './data/files.js'
import { goldenFolder } from './support/golden.js'

const folder = join(goldenFolder, 'files')

// biome-ignore lint/suspicious/noExplicitAny: each format has its own outputs.
type Anything = any

interface FileCase {
  readonly name: string
  readonly config: { readonly format: string; readonly fortran_order?: boolean; readonly version?: readonly number[] }
  readonly inputs: { readonly delimiter?: string }
  readonly outputs: Anything
}

interface BadCase {
  readonly file: string
  readonly format: string
  readonly wrong: string
  readonly must: 'reject' | 'safe'
}

function casesOf<T>(file: string, format: (item: T) => string, wanted: string): readonly T[] {
  const { cases } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { readonly cases: readonly T[] }
  return cases.filter((item) => format(item) === wanted)
}
const good = (format: string) => casesOf<FileCase>('expected.json', ({ config }) => config.format, format)
const bad = (format: string) => casesOf<BadCase>('bad/manifest.json', (item) => item.format, format)

function numbers(value: Anything, count: number): number[] {
  if (Array.isArray(value)) return value.flatMap((element) => numbers(element, 1))
  return Array.from({ length: count }, () => Number(value))
}

/** Element types by NumPy's letters and safetensors' names. */
const dtypes: Readonly<Record<string, DType>> = {
  b1: 'bool',
  u1: 'uint8',
  i1: 'int8',
  u2: 'uint16',
  i2: 'int16',
  u4: 'uint32',
  i4: 'int32',
  u8: 'uint64',
  i8: 'int64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
}

function assertArray(actual: FileArray | undefined, expected: Anything): void {
  assert.ok(actual)
  assert.equal(actual.dtype, dtypes[expected.dtype.slice(1)] ?? expected.dtype)
  assert.deepEqual(actual.shape, expected.shape)
  assert.deepEqual(Array.from(actual.data), numbers(expected.value, actual.data.length))
}

describe('golden npy files', () => {
  for (const { name, config, outputs } of good('npy')) {
    it(`reads ${name} and writes the same bytes`, async () => {
      const path = join(folder, name)
      const found = await readNpy(path)
      assertArray(found, outputs)
      assertArray(await readNpy(readFileSync(path)), outputs)
      if (outputs.dtype.startsWith('>')) return
      const version = config.version?.[0] as 1 | 2
      const bytes = encodeNpy(found, { dtype: found.dtype, version, fortranOrder: config.fortran_order === true })
      assert.deepEqual(Buffer.from(bytes).toString('latin1'), readFileSync(path, 'latin1'))
    })
  }
})

describe('golden npz files', () => {
  for (const { name, outputs } of good('npz')) {
    it(`reads ${name}, writes it, reads it again`, async () => {
      const arrays = await readNpz(join(folder, name))
      const check = (found: ReadonlyMap<string, FileArray>) => {
        assert.deepEqual([...found.keys()].sort(), Object.keys(outputs.arrays).sort())
        for (const [key, expected] of Object.entries<Anything>(outputs.arrays)) {
          const { data, shape } = found.get(key) as FileArray
          assert.deepEqual(shape, expected.shape)
          assert.deepEqual(Array.from(data), numbers(expected.value, data.length))
        }
      }
      for (const [key, expected] of Object.entries(outputs.arrays)) assertArray(arrays.get(key), expected)
      await inFolder(async (temporary) => {
        for (const compress of [false, true]) {
          const path = join(temporary, 'copy.npz')
          await writeNpz(path, arrays, { compress })
          check(await readNpz(path))
          check(await readNpz(readFileSync(path)))
        }
      })
    })
  }

  it('reads the weights and targets of other files of the set', async () => {
    const arrays = await readNpz(join(goldenFolder, 'mnist_init.npz'))
    assert.ok([...arrays.values()].every(({ dtype }) => dtype === 'float32'))
    assert.ok((await readNpz(join(goldenFolder, 'TF_intro.npz'))).size > 0)
  })
})

describe('golden safetensors files', () => {
  for (const { name, outputs } of [...good('safetensors'), ...good('safetensors index')]) {
    it(`reads ${name}, writes it, reads it again`, async () => {
      const { tensors } = await readSafetensors(join(folder, name))
      for (const [key, expected] of Object.entries<Anything>(outputs.tensors)) {
        if (expected.dtype === undefined)
          assert.deepEqual(Array.from(tensors.get(key)?.data ?? []), numbers(expected, 1))
        else assertArray(tensors.get(key), expected)
      }
      assert.equal(tensors.size, Object.keys(outputs.tensors).length)
      await inFolder(async (temporary) => {
        const path = join(temporary, 'copy.safetensors')
        for (const [key, tensor] of tensors) {
          await writeSafetensors(path, { [key]: tensor }, { dtype: tensor.dtype, metadata: { from: name } })
          const again = await readSafetensors(path)
          assert.deepEqual(again.tensors.get(key), tensor)
          assert.equal(again.metadata.get('from'), name)
        }
      })
    })
  }
})

describe('golden CSV files', () => {
  for (const { name, inputs, outputs } of good('csv')) {
    it(`reads ${name}`, async () => {
      const {
        header,
        rows,
        numbers: toNumbers,
      } = await readCsv(join(folder, name), { separator: inputs.delimiter ?? ',' })
      assert.deepEqual(header, outputs.header)
      if (outputs.rows !== undefined) return assert.deepEqual(rows, outputs.rows)
      const { data, shape } = toNumbers()
      assert.deepEqual(shape, [outputs.values.length, header.length])
      assert.deepEqual([...data], numbers(outputs.values, 1).map(Math.fround))
    })
  }

  it('gives columns by name and place, and refuses those that are no numbers', async () => {
    const table = await readCsv(new TextEncoder().encode('a,b,a\n1,2,x\n'))
    assert.deepEqual([...table.numbers(['b']).data, ...table.numbers([0, 1]).data], [2, 1, 2])
    throws(() => table.numbers(['c']), 'ERR_UNKNOWN_NAME', /no column 'c'/)
    throws(() => table.numbers(['a']), 'ERR_ARGUMENT', /several columns/)
    throws(() => table.numbers([2]), 'ERR_FILE_FORMAT', /line 2, column 'a' at place 2: expected a number, got "x"/)
    const bare = await readCsv(new TextEncoder().encode('1;2\r\n3;4\r\n'), { separator: ';', header: false })
    assert.deepEqual([...bare.numbers().data], [1, 2, 3, 4])
  })
})

const readers: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  npy: readNpy,
  npz: readNpz,
  safetensors: readSafetensors,
  'safetensors index': readSafetensors,
  csv: async (path) => {
    const table = await readCsv(path)
    return table
  },
}

for (const [format, read] of Object.entries(readers)) {
  describe(`golden damaged ${format} files`, () => {
    for (const { file, wrong, must } of bad(format)) {
      const path = join(folder, 'bad', file)
      it(`${must === 'reject' ? 'refuses' : 'survives'} ${file}: ${wrong}`, async () => {
        if (must === 'reject') return rejects(read(path), 'ERR_FILE_FORMAT', new RegExp(file.replaceAll('.', '\\.')))
        const before = Object.getOwnPropertyNames(Object.prototype).length
        const result = await read(path).catch((error: unknown) => error)
        if (result instanceof Error) await rejects(Promise.reject(result), 'ERR_FILE_FORMAT')
        assert.equal(Object.getOwnPropertyNames(Object.prototype).length, before)
        assert.equal(({} as Anything).polluted, undefined)
      })
    }
  })
}

describe('files of arrays', () => {
  it('are refused wherever they are cut or a sign of their header is changed', async () => {
    const npy = Buffer.from(encodeNpy(array([[1, 2, 3]])))
    for (let length = 0; length < npy.length; length++)
      await rejects(readNpy(npy.subarray(0, length)), 'ERR_FILE_FORMAT')
    await inFolder(async (temporary) => {
      await writeNpz(join(temporary, 'a.npz'), { x: [1, 2] }, { compress: true })
      const npz = readFileSync(join(temporary, 'a.npz'))
      for (let length = 0; length < npz.length; length++) {
        await rejects(readNpz(npz.subarray(0, length)), 'ERR_FILE_FORMAT')
      }
      await writeSafetensors(join(temporary, 'a.safetensors'), { x: [1, 2] })
      const tensors = readFileSync(join(temporary, 'a.safetensors'))
      for (let length = 0; length < tensors.length; length++) {
        await rejects(readSafetensors(tensors.subarray(0, length)), 'ERR_FILE_FORMAT')
      }
    })
  })

  it('in an npz do not keep others from being read', async () => {
    const npy = (value: number[]) => encodeNpy(value)
    const objects = readFileSync(join(folder, 'bad', 'dtype_object.npy'))
    const pack = (members: Readonly<Record<string, Uint8Array>>) =>
      Buffer.concat(writeZip(new Map(Object.entries(members)), false))
    const bytes = pack({
      'a.npy': npy([1]),
      'labels.npy': objects,
      'notes.txt': Buffer.from('x'),
      'b.npy': npy([2, 3]),
      'c.npy': npy([7]),
    })
    // This changes the element of c, so that its checksum is wrong.
    bytes[bytes.indexOf(Buffer.from(Float32Array.of(7).buffer))] = 1
    const arrays = await readNpz(bytes)
    assert.deepEqual([...arrays.keys()], ['a', 'b'])
    assert.deepEqual([...(arrays.get('b')?.data ?? [])], [2, 3])
    assert.deepEqual([...arrays.unreadable.keys()], ['labels', 'notes.txt', 'c'])
    throws(() => arrays.get('labels'), 'ERR_FILE_FORMAT', /labels\.npy: expected.*got/)
    throws(() => arrays.get('c'), 'ERR_FILE_FORMAT', /member "c\.npy": wrong checksum/)
    assert.equal(arrays.get('d'), undefined)
    await rejects(readNpz(pack({ 'labels.npy': objects })), 'ERR_FILE_FORMAT', /labels\.npy/)
    await rejects(readNpz(pack({ 'a.npy': objects, a: npy([1]) })), 'ERR_FILE_FORMAT', /two arrays are called "a"/)
    await inFolder(async (temporary) => {
      const path = join(temporary, 'w.npz')
      writeFileSync(path, pack({ 'dense/kernel.npy': npy([1]), 'dense/bias.npy': objects }))
      using model = sequential([layers.dense({ units: 1, inputShape: [1] })])
      await rejects(model.loadWeights(path), 'ERR_FILE_FORMAT', /w\.npz: dense\/bias\.npy/)
    })
  })

  it('are refused before anything is unpacked, where it would be too much or members share bytes', async () => {
    const pack = (arrays: Readonly<Record<string, number>>) =>
      inFolder(async (temporary) => {
        const path = join(temporary, 'x.npz')
        const made = Object.entries(arrays).map(([name, bytes]) => [name, new Uint8Array(bytes)] as const)
        await writeNpz(path, new Map(made), { compress: true })
        return readFileSync(path)
      })
    // This packs 300 MiB of zeros into 300 KB.
    const large = await pack({ small: 10, large: 300 * 2 ** 20 })
    const limit = /member "large\.npy".*beyond the limit of 268435456: readNpz\(path, \{ maxBytes \}\)/
    await rejects(readNpz(large), 'ERR_FILE_FORMAT', limit)
    await inFolder(async (temporary) => {
      const path = join(temporary, 'w.npz')
      writeFileSync(path, large)
      using model = sequential([layers.dense({ units: 1, inputShape: [1] })])
      const named = new RegExp(`w\\.npz: ${limit.source}`)
      await rejects(readNpz(path), 'ERR_FILE_FORMAT', named)
      await rejects(model.loadWeights(path), 'ERR_FILE_FORMAT', named)
    })
    const bytes = await pack({ a: 1000, b: 1000 })
    const each = 1000 + 128
    assert.equal((await readNpz(bytes, { maxBytes: 2 * each })).size, 2)
    await rejects(readNpz(bytes, { maxBytes: 2 * each - 1 }), 'ERR_FILE_FORMAT', /member "b\.npy".*limit of 2255/)
    await rejects(readNpz(bytes, { maxBytes: -1 }), 'ERR_ARGUMENT', /maxBytes/)
    await rejects(readNpz(bytes, { maxbytes: 1 } as object), 'ERR_UNKNOWN_NAME', /maxBytes/)
    // The first member claims to extend into the second, or both claim to extend into the directory.
    const central = (name: string) => bytes.lastIndexOf(`${name}.npy`) - 46
    const reaching = (name: string, to: number) => {
      const changed = Buffer.from(bytes)
      const offset = changed.readUInt32LE(central(name) + 42)
      changed.writeUInt32LE(to - offset - 30 - 'a.npy'.length, central(name) + 20)
      // An unknown compression method, which would cause another error if the member were unpacked.
      changed.writeUInt16LE(99, central('a') + 10)
      return changed
    }
    const second = bytes.readUInt32LE(central('b') + 42)
    await rejects(readNpz(reaching('a', second + 1)), 'ERR_FILE_FORMAT', /member "b\.npy" overlaps "a\.npy"/)
    await rejects(readNpz(reaching('b', central('a') + 1)), 'ERR_FILE_FORMAT', /"the directory" overlaps "b\.npy"/)
  })

  it('in JSON are names that stand twice, in a tensor, in the metadata or in an index', async () => {
    const file = (header: string) => {
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(header.length))
      return Buffer.concat([length, Buffer.from(header), Buffer.alloc(4)])
    }
    const entry = '"dtype":"F32","shape":[1],"data_offsets":[0,4]'
    const good = `{"__metadata__":{"a:b":"\\"x\\":"},"t":{${entry}}}`
    assert.equal((await readSafetensors(file(good))).tensors.size, 1)
    const twice = [
      `{"t":{${entry},"dtype":"F32"}}`,
      `{"t":{${entry},"\\u0064type":"F32"}}`,
      `{"t":{"data_offsets":[0,8],${entry}}}`,
      `{"t":{${entry}},"t":{${entry}}}`,
      `{"__metadata__":{"a":"1","a":"2"},"t":{${entry}}}`,
    ]
    for (const header of twice) await rejects(readSafetensors(file(header)), 'ERR_FILE_FORMAT', /stands twice/)
    await inFolder(async (temporary) => {
      const path = join(temporary, 'm.safetensors.index.json')
      writeFileSync(join(temporary, 'm.safetensors'), file(good))
      writeFileSync(path, '{"weight_map":{"t":"m.safetensors"}}')
      assert.equal((await readSafetensors(path)).tensors.size, 1)
      writeFileSync(path, '{"weight_map":{"t":"other.safetensors","t":"m.safetensors"}}')
      await rejects(readSafetensors(path), 'ERR_FILE_FORMAT', /stands twice/)
    })
  })

  it('say what is missing', async () => {
    await rejects(readNpy('no/such.npy'), 'ERR_FILE_NOT_FOUND', /no such file/)
    await rejects(readNpz(folder), 'ERR_FILE_FORMAT')
    await rejects(writeNpz('no/such/folder.npz', { x: [1] }), 'ERR_FILE_WRITE', /cannot be written/)
    throws(() => encodeNpy([1.5], { dtype: 'int8' }), 'ERR_DTYPE', /cannot hold 1.5/)
    throws(() => encodeNpy([-1], { dtype: 'uint64' }), 'ERR_DTYPE', /cannot hold -1/)
  })

  it('round halves to the nearest, ties to even', async () => {
    const cases: readonly [value: number, half: number, brain: number][] = [
      [1, 0x3c00, 0x3f80],
      [-0, 0x8000, 0x8000],
      [65519, 0x7bff, 0x4780],
      [65520, 0x7c00, 0x4780],
      [2 ** -24, 0x0001, 0x3380],
      [2 ** -25, 0x0000, 0x3300],
      [3 * 2 ** -25, 0x0002, 0x33c0],
      [1 + 2 ** -11, 0x3c00, 0x3f80],
      [1 + 3 * 2 ** -11, 0x3c02, 0x3f80],
      [2 ** -14 - 2 ** -25, 0x0400, 0x3880],
      [Number.NEGATIVE_INFINITY, 0xfc00, 0xff80],
      [Number.NaN, 0x7e00, 0x7fc0],
    ]
    await inFolder(async (temporary) => {
      const values = Float32Array.from(cases, ([value]) => value)
      for (const [dtype, place] of [
        ['float16', 1],
        ['bfloat16', 2],
      ] as const) {
        const path = join(temporary, 'x.safetensors')
        await writeSafetensors(path, { x: values }, { dtype })
        const bytes = readFileSync(path)
        const words = cases.map((_, i) => bytes.readUInt16LE(bytes.length - 2 * (cases.length - i)))
        assert.deepEqual(
          words,
          cases.map((row) => row[place]),
        )
      }
    })
  })
})
