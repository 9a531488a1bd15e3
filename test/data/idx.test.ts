/** The IDX reader: the files that it reads, and all those that it must refuse. */

import assert from 'node:assert/strict'
import { createWriteStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { createGzip, gzipSync } from 'node:zlib'
import { NeurodeError, readIdx } from 'neurode'
import { parseIdx } from '#lib/formats/idx.js'
import { Random } from '../support/random.js'
import { idxBytes, inFolder, rejects, throws } from './files.js'

const bytes = Uint8Array.from({ length: 24 }, (_, i) => (i * 37 + 200) & 255)
const small = idxBytes(8, [2, 3, 4], bytes)

/** Writes a gzip file of `header` and `zeros` zero bytes. */
async function writeZeros(path: string, header: Uint8Array, zeros: number): Promise<void> {
  const block = new Uint8Array(2 ** 20)
  function* blocks() {
    yield header
    for (let left = zeros; left > 0; left -= block.length) yield block.subarray(0, Math.min(left, block.length))
  }
  await pipeline(Readable.from(blocks()), createGzip({ level: 1 }), createWriteStream(path))
}

/** The most by which the resident memory grows during `work`. */
async function peakGrowth(work: () => Promise<unknown>): Promise<number> {
  global.gc?.()
  const before = process.memoryUsage.rss()
  let peak = before
  const sample = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, 1)
  try {
    await work()
  } finally {
    clearInterval(sample)
  }
  return Math.max(peak, process.memoryUsage.rss()) - before
}

describe('readIdx', () => {
  const types = [
    { code: 0x08, width: 1, values: Uint8Array.of(0, 1, 128, 255) },
    { code: 0x09, width: 1, values: Int8Array.of(0, 1, -128, 127) },
    { code: 0x0b, width: 2, values: Int16Array.of(0, 258, -32768, 32767) },
    { code: 0x0c, width: 4, values: Int32Array.of(0, 16909060, -(2 ** 31), 2 ** 31 - 1) },
    { code: 0x0d, width: 4, values: Float32Array.of(0, 1.5, -Infinity, 1e-45) },
    { code: 0x0e, width: 8, values: Float64Array.of(0, Math.PI, -Infinity, 5e-324) },
  ]
  for (const { code, width, values } of types) {
    it(`reads type ${code} as ${values.constructor.name}, from a path, a URL and bytes, gzipped or not`, () =>
      inFolder(async (folder) => {
        const view = new Uint8Array(values.buffer)
        const bigEndian = view.map((_, i) => view[i - (i % width) + (width - 1 - (i % width))] as number)
        const plain = idxBytes(code, [2, 2], bigEndian)
        const zipped = gzipSync(plain)
        const path = join(folder, 'a')
        const zippedPath = join(folder, 'b')
        await writeFile(path, plain)
        await writeFile(zippedPath, zipped)
        for (const source of [plain, zipped, path, zippedPath, pathToFileURL(zippedPath)]) {
          assert.deepEqual({ ...(await readIdx(source)) }, { data: values, shape: [2, 2] })
        }
      }))
  }

  it('reads any rank, and dimensions of size 0', async () => {
    for (const rank of [1, 4, 17, 255]) {
      const shape = Array.from({ length: rank }, () => 1)
      assert.deepEqual({ ...(await readIdx(idxBytes(8, shape, Uint8Array.of(7)))) }, { data: Uint8Array.of(7), shape })
    }
    assert.deepEqual({ ...(await readIdx(idxBytes(8, [], Uint8Array.of(7)))) }, { data: Uint8Array.of(7), shape: [] })
    const empty = [2 ** 32 - 1, 2 ** 32 - 1, 0]
    assert.deepEqual(
      { ...(await readIdx(idxBytes(14, empty, new Uint8Array()))) },
      { data: new Float64Array(), shape: empty },
    )
  })

  it('reads gzip data in several members', async () => {
    const source = Buffer.concat([gzipSync(small.subarray(0, 9)), gzipSync(small.subarray(9))])
    assert.deepEqual({ ...(await readIdx(source)) }, { data: bytes, shape: [2, 3, 4] })
  })

  it('reads arrays longer than its pieces', async () => {
    const data = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * 7919) >>> 8)
    const plain = idxBytes(8, [data.length], data)
    for (const source of [plain, gzipSync(plain, { level: 1 })]) {
      assert.deepEqual((await readIdx(source)).data, data)
      await inFolder(async (folder) => {
        await writeFile(join(folder, 'a'), source)
        assert.deepEqual((await readIdx(join(folder, 'a'))).data, data)
      })
    }
  })

  it('refuses a file cut after any byte', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'cut')
      for (let length = 0; length < small.length; length++) {
        await rejects(readIdx(small.subarray(0, length)), 'ERR_FILE_FORMAT', /^data: expected/)
        await writeFile(path, small.subarray(0, length))
        await rejects(readIdx(path), 'ERR_FILE_FORMAT', /cut: expected/)
      }
    }))

  it('refuses gzip data cut after any byte', async () => {
    const zipped = gzipSync(small)
    for (let length = 0; length < zipped.length; length++) {
      await rejects(readIdx(zipped.subarray(0, length)), 'ERR_FILE_FORMAT', /^data: /)
    }
  })

  it('refuses, or reads as declared, a header with any byte changed', () => {
    for (let at = 0; at < 16; at++) {
      for (let value = 0; value < 256; value++) {
        const changed = Buffer.from(small)
        changed[at] = value
        try {
          const { data, shape } = parseIdx(changed)
          assert.equal(
            data.length,
            shape.reduce((a, b) => a * b, 1),
          )
        } catch (error) {
          assert.ok(error instanceof NeurodeError && error.code === 'ERR_FILE_FORMAT', String(error))
        }
      }
    }
  })

  it('refuses gzip data with any byte changed, unless the bytes come out the same', async () => {
    const zipped = gzipSync(small)
    let refused = 0
    for (let at = 0; at < zipped.length; at++) {
      const changed = Buffer.from(zipped)
      changed[at] = (changed[at] as number) ^ 0x55
      try {
        assert.deepEqual({ ...(await readIdx(changed)) }, { data: bytes, shape: [2, 3, 4] })
      } catch (error) {
        assert.ok(error instanceof NeurodeError && error.code === 'ERR_FILE_FORMAT', String(error))
        refused++
      }
    }
    assert.ok(refused > zipped.length / 2)
  })

  it('refuses bytes after the array, plain, inside the gzip data and after it', async () => {
    const long = Buffer.concat([small, Buffer.of(0)])
    await rejects(readIdx(long), 'ERR_FILE_FORMAT', /expected 24 bytes of elements .*shape \[2, 3, 4\]\), got 25/)
    await rejects(readIdx(gzipSync(long)), 'ERR_FILE_FORMAT', /got more/)
    await rejects(readIdx(Buffer.concat([gzipSync(small), Buffer.of(1, 2)])), 'ERR_FILE_FORMAT', /damaged/)
    await rejects(readIdx(Buffer.concat([gzipSync(small), Buffer.of(0, 0)])), 'ERR_FILE_FORMAT', /2 more bytes/)
  })

  it('names the bytes of another kind of file and an unknown type', async () => {
    await rejects(readIdx(Buffer.from('PK\x03\x04')), 'ERR_FILE_FORMAT', /0x50 0x4b/)
    await rejects(readIdx(Buffer.of(0, 0, 7, 1, 0, 0, 0, 0)), 'ERR_FILE_FORMAT', /element types .*got 0x07/)
  })

  it('refuses sizes that cannot be, without allocating them', async () => {
    const huge = idxBytes(14, [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], new Uint8Array(16))
    const likely = idxBytes(8, [2 ** 31], new Uint8Array(16))
    const endless = idxBytes(
      14,
      Array.from({ length: 255 }, () => 2 ** 32 - 1),
      new Uint8Array(16),
    )
    const growth = await peakGrowth(async () => {
      for (const source of [huge, likely, endless]) {
        await rejects(readIdx(source), 'ERR_FILE_FORMAT')
        await rejects(readIdx(gzipSync(source)), 'ERR_FILE_FORMAT', /too short for that/)
      }
    })
    assert.ok(growth < 2 ** 26, `${growth} bytes`)
  })

  it('keeps to maxBytes', async () => {
    assert.equal((await readIdx(small, { maxBytes: 24 })).data.length, 24)
    for (const source of [small, gzipSync(small)]) {
      await rejects(readIdx(source, { maxBytes: 23 }), 'ERR_FILE_FORMAT', /at most 23 bytes/)
    }
    // Gzip data of this number of bytes are at least this long.
    const large = gzipSync(idxBytes(8, [300 * 2 ** 20], new Random(1).bytes(310_000)))
    await rejects(readIdx(large), 'ERR_FILE_FORMAT', /at most 268435456 bytes of elements, as maxBytes says/)
    await rejects(readIdx(large, { maxBytes: 2 ** 30 }), 'ERR_FILE_FORMAT', /as its header declares.*, got 310000/)
  })

  it('stops inflating a bomb where the array ends', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'bomb.gz')
      await writeZeros(path, idxBytes(8, [10], new Uint8Array()), 2 ** 28)
      const growth = await peakGrowth(() => rejects(readIdx(path), 'ERR_FILE_FORMAT', /got more/))
      assert.ok(growth < 2 ** 26, `${growth} bytes`)
    }))

  it('holds little more than the array while it reads', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'large.gz')
      const size = 2 ** 27
      await writeZeros(path, idxBytes(8, [size], new Uint8Array()), size)
      const growth = await peakGrowth(async () => assert.equal((await readIdx(path)).data.length, size))
      assert.ok(growth < 1.6 * size, `${growth} bytes`)
    }))

  it('says what is not there or not a file', () =>
    inFolder(async (folder) => {
      await rejects(readIdx(join(folder, 'missing')), 'ERR_FILE_NOT_FOUND', /missing: there is no such file/)
      await rejects(readIdx(folder), 'ERR_FILE_FORMAT', /expected a file, got a folder/)
      await rejects(readIdx(3 as unknown as string), 'ERR_ARGUMENT', /source: expected a path or bytes, got 3/)
      await rejects(readIdx(small, { maxbytes: 3 } as object), 'ERR_UNKNOWN_NAME', /maxBytes/)
    }))

  it('stops when the signal says so', async () => {
    const signal = AbortSignal.abort()
    await rejects(readIdx(gzipSync(small), { signal }), 'ERR_ABORTED')
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'a'), small)
      await rejects(readIdx(join(folder, 'a'), { signal }), 'ERR_ABORTED')
    })
  })
})

describe('parseIdx', () => {
  it('begins its errors with the name it is given', () => {
    throws(() => parseIdx(Buffer.of(1), { name: 'labels' }), 'ERR_FILE_FORMAT', /^labels: /)
  })
})
