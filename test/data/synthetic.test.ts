/** The digits drawn by code: they are the same bytes on every machine, and they are recognizable. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { datasets } from 'neurode'
import { Philox } from '#lib/data/philox.js'
import { throws } from './files.js'

const sha256 = (...parts: Uint8Array[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

function rowOf(images: { readonly data: Uint8Array }, row: number): Uint8Array {
  return images.data.subarray(row * 784, (row + 1) * 784)
}

describe('datasets.syntheticDigits', () => {
  const { name, train, test } = datasets.syntheticDigits()

  it('has the form of MNIST', () => {
    assert.equal(name, 'synthetic')
    const shapes = [train.images, train.labels, test.images, test.labels].map(({ shape }) => shape)
    assert.deepEqual(shapes, [[60_000, 784], [60_000], [10_000, 784], [10_000]])
    assert.equal(train.images.scale, 1 / 255)
  })

  it('gives the same bytes everywhere', () => {
    const sum = sha256(train.images.data, train.labels.data, test.images.data, test.labels.data)
    assert.equal(sum, '2073bcfa3cfdac484383c8d40c793114f69fb92f09063624cdaf4374bdbfdc97')
  })

  it('depends on the seed, in all of its bits', () => {
    const pins: readonly [number, string][] = [
      [1, 'c76f19ca926e595c983a78f541e6c2d38278c2cd9bb60797dd73172046a5e98e'],
      [2 ** 32, 'bfef266c0c7260b21273f1596b9a75ecae8ae4f8d173f21046482dfcad8f35c8'],
      [Number.MAX_SAFE_INTEGER, '49ab6717d364fd44a0d8069edc232e91d82faa1e613571abb5b4247374f37ba2'],
    ]
    for (const [seed, pin] of pins) {
      const { train, test } = datasets.syntheticDigits({ seed, train: 20, test: 10 })
      assert.equal(sha256(train.images.data, train.labels.data, test.images.data, test.labels.data), pin)
    }
  })

  it('draws an image from nothing but its index', () => {
    const few = datasets.syntheticDigits({ train: 7, test: 3 })
    assert.deepEqual(few.train.images.data, train.images.data.subarray(0, 7 * 784))
    assert.deepEqual(few.test.images.data, test.images.data.subarray(0, 3 * 784))
    assert.deepEqual(few.test.labels.data, test.labels.data.subarray(0, 3))
    assert.deepEqual(datasets.syntheticDigits({ train: 0, test: 0 }).train.images.shape, [0, 784])
  })

  it('draws no image twice', () => {
    const seen = new Set<string>()
    for (const { images } of [train, test]) {
      for (let row = 0; row < 10_000; row++) seen.add(sha256(rowOf(images, row)))
    }
    assert.equal(seen.size, 20_000)
  })

  it('draws every digit about as often, with ink in the middle and none on most of the paper', () => {
    const counts = Array.from({ length: 10 }, () => 0)
    for (const label of train.labels.data) counts[label] = (counts[label] ?? 0) + 1
    assert.equal(counts.length, 10)
    assert.ok(
      counts.every((count) => Math.abs(count - 6000) < 400),
      counts.join(),
    )
    const sum = train.images.data.reduce((a, b) => a + b, 0)
    const mean = sum / train.images.data.length / 255
    assert.ok(mean > 0.1 && mean < 0.2, `mean ${mean}`)
    const blank = train.images.data.reduce((a, b) => a + (b === 0 ? 1 : 0), 0) / train.images.data.length
    assert.ok(blank > 0.7 && blank < 0.85, `blank ${blank}`)
    for (let row = 0; row < 10_000; row++) {
      const ink = rowOf(test.images, row).reduce((a, b) => a + b, 0)
      assert.ok(ink > 255 * 15 && ink < 255 * 350, `row ${row}: ${ink / 255}`)
    }
  })

  it('draws digits that the nearest mean image tells apart', () => {
    const means = Array.from({ length: 10 }, () => new Float64Array(784))
    const counts = new Float64Array(10)
    for (let row = 0; row < 10_000; row++) {
      const label = train.labels.data[row] as number
      counts[label] = (counts[label] as number) + 1
      const mean = means[label] as Float64Array
      rowOf(train.images, row).forEach((value, i) => {
        mean[i] = (mean[i] as number) + value
      })
    }
    means.forEach((mean, digit) => {
      for (let i = 0; i < 784; i++) mean[i] = (mean[i] as number) / (counts[digit] as number)
    })
    let right = 0
    for (let row = 0; row < 1000; row++) {
      const image = rowOf(test.images, row)
      const distances = means.map((mean) =>
        mean.reduce((sum, value, i) => sum + (value - (image[i] as number)) ** 2, 0),
      )
      if (distances.indexOf(Math.min(...distances)) === test.labels.data[row]) right++
    }
    assert.ok(right > 600 && right < 970, `${right} of 1000`)
  })

  it('refuses seeds and numbers of images that make no sense', () => {
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53, '1']) {
      throws(() => datasets.syntheticDigits({ seed: bad as number }), 'ERR_ARGUMENT', /^seed: expected/)
      throws(() => datasets.syntheticDigits({ train: bad as number }), 'ERR_ARGUMENT', /^train: expected/)
    }
    throws(() => datasets.syntheticDigits({ test: 1e9 }), 'ERR_ARGUMENT', /^test: expected at most/)
  })
})

describe('Philox', () => {
  // The known answers of Random123.
  const known: readonly { counter: readonly number[]; key: readonly number[]; words: readonly number[] }[] = [
    { counter: [0, 0, 0, 0], key: [0, 0], words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
    { counter: [-1, -1, -1, -1], key: [-1, -1], words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd] },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ]
  for (const { counter, key, words } of known) {
    it(`gives the known answer for the counter ${counter.join(' ')}`, () => {
      const [block, ...rest] = counter as [number, number, number, number]
      const [key0, key1] = key as [number, number]
      const random = new Philox(key0, key1)
      random.seek(...rest, block)
      assert.deepEqual([random.word(), random.word(), random.word(), random.word()], words)
    })
  }

  it('gives the same stream after every seek', () => {
    const random = new Philox(1, 2)
    random.seek(3)
    const first = Array.from({ length: 9 }, () => random.word())
    random.seek(4)
    assert.notEqual(random.word(), first[0])
    random.seek(3)
    assert.deepEqual(
      Array.from({ length: 9 }, () => random.word()),
      first,
    )
    assert.equal(new Set(first).size, 9)
  })
})
