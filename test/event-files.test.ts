/** TensorBoard's event files: those of other libraries are read, and damaged ones are refused. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readEvents, readNpy } from 'neurode'
import { encodeScalars, encodeVersion } from '#lib/formats/events/encode.js'
import { histogramOf } from '#lib/formats/events/histogram.js'
import { frameRecord, maskedChecksum } from '#lib/formats/events/records.js'
import { rejects } from './data/files.js'
import { goldenFolder } from './support/golden.js'

const folder = join(goldenFolder, 'files')

// biome-ignore lint/suspicious/noExplicitAny: the cases of a golden file.
function casesOf(file: string): any[] {
  const { cases } = JSON.parse(readFileSync(join(folder, file), 'utf8'))
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  return cases.filter(({ format, config }: any) => (format ?? config.format) === 'tensorboard events')
}

describe('golden interchange events', () => {
  for (const { name, outputs } of casesOf('expected.json')) {
    it(`reads ${name}`, async () => {
      const path = join(folder, name)
      for (const source of [path, readFileSync(path)]) {
        const { scalars, complete, ...rest } = await readEvents(source)
        assert.deepEqual(
          scalars.map(({ tag, step, value }) => ({ tag, step, value })),
          outputs.scalars,
        )
        assert.ok(scalars.every(({ wallTime }) => wallTime > 1.7e9 && wallTime < 2e9))
        assert.equal(complete, true)
        assert.deepEqual(
          [rest.histograms, rest.images, rest.texts, rest.others, rest.hparams.size],
          [[], [], [], [], 0],
        )
      }
    })
  }

  for (const { file, wrong, must } of casesOf('bad/manifest.json')) {
    it(`${must === 'reject' ? 'refuses' : 'reads the whole records of'} ${file}: ${wrong}`, async () => {
      const path = join(folder, 'bad', file)
      if (must === 'reject') return rejects(readEvents(path), 'ERR_FILE_FORMAT', /tfevents: record \d+, at byte \d+: /)
      const { scalars, complete } = await readEvents(path)
      const whole = await readEvents(join(folder, 'events.out.tfevents.1.torch'))
      assert.deepEqual(scalars, whole.scalars.slice(0, scalars.length))
      assert.equal(complete, readFileSync(path).length === 0)
    })
  }
})

describe('event files', () => {
  it('have the checksums of CRC-32C, rotated', () => {
    // RFC 3720, B.4: 32 bytes of zero have the checksum 8a9136aa.
    const crc = 0x8a9136aa
    assert.equal(maskedChecksum(new Uint8Array(32)), (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0)
  })

  it('hold histograms of 30 buckets, of one where all values are equal, and of none without values', () => {
    const values = Float32Array.from({ length: 301 }, (_, i) => i / 10)
    const buckets = histogramOf([...values, Number.NaN, Infinity])
    assert.equal(buckets.length, 30)
    assert.deepEqual(buckets[0], { left: 0, right: 1, count: 10 })
    assert.deepEqual(buckets[29], { left: 29, right: 30, count: 11 })
    assert.equal(
      buckets.reduce((sum, { count }) => sum + count, 0),
      301,
    )
    assert.deepEqual(histogramOf([2, 2]), [{ left: 1.5, right: 2.5, count: 2 }])
    assert.deepEqual(histogramOf([Number.NaN]), [])
  })

  it('may be cut anywhere, and are refused wherever a bit of them is wrong', async () => {
    const records = [encodeVersion(), encodeScalars(1, { loss: 0.5 }), encodeScalars(2, { loss: 0.25 })]
    const bytes = Buffer.concat(records)
    const ends = [0, 1, 2, 3].map((count) => Buffer.concat(records.slice(0, count)).length)
    for (let length = 0; length <= bytes.length; length++) {
      const { scalars, complete } = await readEvents(bytes.subarray(0, length))
      const whole = ends.filter((end) => end <= length).length - 1
      assert.deepEqual([scalars.length, complete], [Math.max(0, whole - 1), ends.includes(length)])
    }
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const wrong = Buffer.from(bytes)
      ;(wrong[bit >> 3] as number) ^= 1 << (bit & 7)
      await rejects(readEvents(wrong), 'ERR_FILE_FORMAT', /data: record \d, at byte \d+: wrong checksum/)
    }
  })

  it('are refused by name where their records are none of events', async () => {
    const version = encodeVersion()
    const cases: readonly [Uint8Array, RegExp][] = [
      [frameRecord(Buffer.from([0x0a, 1, 7])), /expected a TensorBoard event file, got other records/],
      [encodeScalars(0, { loss: 1 }), /expected a TensorBoard event file/],
      [Buffer.concat([version, frameRecord(Buffer.from([0xff, 0xff]))]), /record 1: expected an event/],
      // A scalar of a billion elements, of which one is given.
      [
        Buffer.concat([
          version,
          frameRecord(
            Buffer.from([
              0x2a, 25, 0x0a, 23, 0x0a, 1, 0x61, 0x42, 18, 8, 1, 18, 8, 18, 6, 8, 0x80, 0x94, 0xeb, 0xdc, 3, 42, 4, 0,
              0, 0x80, 0x3f,
            ]),
          ),
        ]),
        /expected 1000000000 numbers, got 1/,
      ],
      [Buffer.from('not an event file'), /expected a TensorBoard event file, got text/],
      [Buffer.alloc(40), /record 0, at byte 0: wrong checksum of the length/],
      [Buffer.from('PK\x03\x04'.padEnd(40)), /expected a TensorBoard event file, got a zip/],
    ]
    for (const [bytes, message] of cases) await rejects(readEvents(bytes), 'ERR_FILE_FORMAT', message)
    await rejects(readNpy(version), 'ERR_FILE_FORMAT', /got a TensorBoard event file, for readEvents\(\)/)
    await rejects(readEvents('there/is/none'), 'ERR_FILE_NOT_FOUND')
    await rejects(readEvents(3 as never), 'ERR_ARGUMENT', /source: expected a path or bytes/)
  })
})
