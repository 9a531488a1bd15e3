/** Preprocessing layers: against plain references, over streams and files, with hostile texts, in columns, as configurations. */

import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { input, layers, NeurodeError, openNpy, sequential, writeNpy } from 'neurode'
import { inFolder } from './data/files.js'
import { Random } from './support/random.js'

// biome-ignore lint/suspicious/noExplicitAny: layers are given what they do not take
type Loose = any

const code = (expected: string) => (error: unknown) => error instanceof NeurodeError && error.code === expected

const alphabet = ['a', 'b', 'B', 'é', 'é', 'ﬀ', '😀', '￮', '__proto__', '[UNK]', '', ' ', '\0', 'constructor']

/** Texts of one to three pieces. */
function textsOf(random: Random, count: number): string[] {
  const piece = () => alphabet[random.below(alphabet.length)] as string
  return Array.from({ length: count }, () => Array.from({ length: 1 + random.below(3) }, piece).join(''))
}

/** The vocabulary by its definition: sorted by count and by bytes, both falling. */
function plainVocabulary(texts: readonly string[], most = Infinity): string[] {
  const bytes = (text: string) => Buffer.from(text, 'utf8')
  const words = [...new Set(texts)].filter((text) => text !== '[UNK]')
  const countOf = (word: string) => texts.filter((text) => text === word).length
  const sorted = words.sort((a, b) => countOf(b) - countOf(a) || Buffer.compare(bytes(b), bytes(a)))
  return ['[UNK]', ...sorted.slice(0, most)]
}

/** Boundaries by the steps that the documentation of the sketch names, in lists of pairs. */
function plainBoundaries(batches: readonly (readonly number[])[], bins: number, epsilon: number): number[] {
  type Pairs = [value: number, weight: number][]
  const compress = (pairs: Pairs, e: number): Pairs => {
    if (pairs.length * e < 1) return pairs
    const total = pairs.reduce((sum, [, weight]) => sum + weight, 0)
    let running = 0
    const points = pairs.map(([value, weight]) => {
      running += weight
      return { share: running / total, value, sum: running }
    })
    const at = (share: number, of: 'value' | 'sum') => {
      const next = points.findIndex((point) => point.share >= share)
      if (next < 0) return points.at(-1)?.[of] as number
      const [b, a] = [points[next] as (typeof points)[0], points[next - 1]]
      return a === undefined ? b[of] : a[of] + ((b[of] - a[of]) * (share - a.share)) / (b.share - a.share)
    }
    const shares = Array.from({ length: Math.ceil(1 / e) }, (_, i) => e + i * e)
    return shares.map((share, i) => [
      at(share, 'value'),
      at(share, 'sum') - (i === 0 ? 0 : at(shares[i - 1] ?? 0, 'sum')),
    ])
  }
  let kept: Pairs = []
  for (const batch of batches) {
    const sorted = batch.map(Math.fround).sort((a, b) => a - b)
    const step = Math.max(sorted.length * epsilon, 1)
    const taken: Pairs = []
    for (let i = Math.floor(step - 1); i < sorted.length; i += Math.floor(step)) taken.push([sorted[i] as number, step])
    kept = compress(
      [...taken, ...kept].sort(([a], [b]) => a - b),
      epsilon,
    )
  }
  return compress(kept, 1 / bins)
    .slice(0, -1)
    .map(([value]) => value)
}

describe('preprocessing layers', () => {
  it('learn the vocabulary of its definition, at once and in batches', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const random = new Random(seed)
      const texts = textsOf(random, 1 + random.below(200))
      const most = 1 + random.below(20)
      const lookup = layers.stringLookup({ maxTokens: most + 1 })
      await lookup.adapt(texts)
      assert.deepEqual(lookup.getVocabulary(), plainVocabulary(texts, most))
      const batches = [texts.slice(0, 7), texts.slice(7, 8), texts.slice(8)].filter(({ length }) => length > 0)
      const streamed = layers.stringLookup({ maxTokens: most + 1 })
      await streamed.adapt(Readable.from(batches))
      assert.deepEqual(streamed.getVocabulary(), lookup.getVocabulary())
      const indices = lookup.call(texts).data
      texts.forEach((text, i) => {
        assert.equal(indices[i], Math.max(0, lookup.getVocabulary().indexOf(text, 1)), JSON.stringify(text))
      })
    }
  })

  it('find boundaries as the sketch defines them, over batches', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const random = new Random(100 + seed)
      const value = () => Math.fround((random.next() - 0.5) * 100)
      const batches = Array.from({ length: 1 + random.below(5) }, () =>
        Array.from({ length: 1 + random.below(400) }, value),
      )
      const bins = 2 + random.below(8)
      const epsilon = [0.1, 0.01, 0.003][seed % 3] as number
      const layer = layers.discretization({ numBins: bins, epsilon })
      await layer.adapt(() => batches.map((x) => ({ x })))
      const expected = plainBoundaries(batches, bins, epsilon)
      const actual = layer.binBoundaries ?? []
      assert.equal(actual.length, expected.length)
      for (const [i, e] of expected.entries())
        assert.ok(Math.abs((actual[i] as number) - e) < 1e-3, `${actual[i]}, ${e}`)
    }
  })

  it('adapt to lines of a stream, to rows of a file, and to columns', async () => {
    const lookup = layers.stringLookup()
    await lookup.adapt(() => createInterface({ input: Readable.from(['b\na\n', 'b\n']) }))
    assert.deepEqual(lookup.getVocabulary(), ['[UNK]', 'b', 'a'])
    const cells = { type: 'text', codes: Int32Array.of(1, 0, 1, -1), words: ['x', 'y', 'never'] } as const
    await lookup.adapt(cells)
    assert.deepEqual(lookup.getVocabulary(), ['[UNK]', 'y', 'x'])
    assert.deepEqual([...lookup.call(cells).data], [1, 2, 1, 0])
    const masked = layers.stringLookup({ vocabulary: ['x'], maskToken: '' })
    assert.deepEqual([...masked.call(cells).data], [1, 2, 1, 0])
    await inFolder(async (folder) => {
      const path = `${folder}/rows.npy`
      await writeNpy(path, [
        [3, 1],
        [3, 2],
      ])
      const integers = layers.integerLookup()
      await integers.adapt(await openNpy(path))
      assert.deepEqual(integers.getVocabulary(), [-1, 3, 2, 1])
      const normalization = layers.normalization()
      await normalization.adapt(await openNpy(path))
      assert.deepEqual([...(normalization.statistics?.mean.data ?? [])], [3, 1.5])
    })
    const numbers = { type: 'number', values: Float64Array.of(1, Number.NaN, 9) } as const
    const bins = layers.discretization({ binBoundaries: [5] })
    assert.deepEqual([...bins.call(numbers).data], [0, 1, 1])
  })

  it('take hostile texts', async () => {
    const hostile = ['__proto__', 'constructor', 'toString', '\ud800', '\udfff\ud800', '\0', 'x'.repeat(1_000_000)]
    const lookup = layers.stringLookup()
    await lookup.adapt(hostile)
    assert.equal(lookup.vocabularySize, hostile.length + 1)
    assert.equal(new Set(lookup.call(hostile).data).size, hostile.length)
    assert.equal(layers.hashing(7).call(hostile).data.length, hostile.length)
    assert.equal(layers.hashing({ numBins: 7, salt: 1 }).call(hostile).data.length, hostile.length)
    const words = layers.textVectorization({ outputMode: 'count' })
    await words.adapt([hostile.join(' '), 'word '.repeat(200_000)])
    assert.equal(words.getVocabulary()[1], 'word')
  })

  it('keep what they had where adapt fails, and forget it where it succeeds', async () => {
    const lookup = layers.stringLookup()
    await lookup.adapt(['a'])
    await assert.rejects(lookup.adapt(Readable.from([['b'], [1]])), code('ERR_ARGUMENT'))
    await assert.rejects(
      lookup.adapt(() => {
        throw new RangeError('mine')
      }),
      RangeError,
    )
    assert.deepEqual(lookup.getVocabulary(), ['[UNK]', 'a'])
    await lookup.adapt(['b'])
    assert.deepEqual(lookup.getVocabulary(), ['[UNK]', 'b'])
    await assert.rejects(layers.stringLookup({ vocabulary: ['a'] }).adapt(['a']), code('ERR_ARGUMENT'))
    await assert.rejects(layers.discretization(2).adapt([Number.NaN]), code('ERR_SHAPE'))
    await assert.rejects(layers.textVectorization().adapt([]), code('ERR_SHAPE'))
  })

  it('copy what they are given at the call', async () => {
    const codes = Int32Array.of(0, 0, 1)
    const lookup = layers.stringLookup()
    const adapting = lookup.adapt({ type: 'text', codes, words: ['a', 'b'] })
    codes.fill(1)
    await adapting
    assert.deepEqual(lookup.getVocabulary(), ['[UNK]', 'a', 'b'])
  })

  it('give frozen results', () => {
    const lookup = layers.stringLookup({ vocabulary: ['a'], outputMode: 'count', sparse: true })
    assert.ok(Object.isFrozen(lookup.getVocabulary()))
    assert.ok(Object.isFrozen(lookup.call([['a']])))
    assert.ok(Object.isFrozen(layers.hashing(3).call(['a'])))
    const ragged = layers.textVectorization({ vocabulary: ['a'], ragged: true }).call(['a b'])
    assert.ok(Object.isFrozen(ragged) && Object.isFrozen(ragged[0]))
    const weights = layers.stringLookup({ vocabulary: ['a'], idfWeights: [2], outputMode: 'tfIdf' })
    weights.idfWeights?.fill(9)
    assert.deepEqual([...(weights.idfWeights ?? [])], [2, 2])
  })

  it('keep large results sparse', () => {
    const options = { numBins: 2 ** 30, outputMode: 'multiHot', sparse: true } as const
    const result = layers.hashing(options).call([['a', 'b', 'a']])
    assert.deepEqual(result.shape, [1, 2 ** 30])
    assert.equal(result.values.length, 2)
    assert.throws(() => layers.hashing({ ...options, sparse: false }).call([['a'], ['b']]), code('ERR_SHAPE'))
  })

  it('are no layers of a model, and say what to do instead', () => {
    const lookup: Loose = layers.stringLookup({ vocabulary: ['a'] })
    assert.throws(() => sequential([lookup]), /layers\[0\]: StringLookup .*model\.fit\(layer\.call\(x\), y\)/)
    assert.throws(() => lookup.apply(input({ shape: [1] })), /layer\.apply: .*layer\.call\(x\)/)
    assert.throws(() => layers.stringLookup().call(['a']), code('ERR_NOT_BUILT'))
    const lists = layers.rescaling({ scale: [1, 2], inputShape: [2] })
    assert.throws(() => sequential([lists]), /in a model, layers\.normalization/)
    const sparse = layers.categoryEncoding({ numTokens: 2, sparse: true, inputShape: [1] })
    assert.throws(() => sequential([sparse]), /leave sparse out/)
  })

  it('compute what a model with the same layer does', async () => {
    const rows = [
      [1, 5],
      [2, 9],
      [4, 1],
    ]
    const normalization = layers.normalization({ inputShape: [2] })
    await normalization.adapt(rows)
    const alone = normalization.call(rows).data
    const predicted = (await sequential([normalization]).predict(rows)).data
    for (const [i, value] of alone.entries()) assert.ok(Math.abs(value - (predicted[i] as number)) < 1e-6)
    const encoding = layers.categoryEncoding({ numTokens: 10, outputMode: 'count', inputShape: [2] })
    assert.deepEqual(encoding.call(rows).data, (await sequential([encoding]).predict(rows)).data)
    const rescaling = layers.rescaling({ scale: 0.5, offset: 1, inputShape: [2] })
    assert.deepEqual(rescaling.call(rows).data, (await sequential([rescaling]).predict(rows)).data)
  })

  it('split and standardize by functions, which a file does not hold', () => {
    const layer = layers.textVectorization({
      vocabulary: ['A', 'B'],
      standardize: (text) => text.toUpperCase(),
      split: (text) => text.split(','),
    })
    assert.deepEqual([...layer.call(['a,b', 'c']).data], [2, 3, 1, 0])
    assert.throws(() => layer.config(), /a name, as a file holds no function/)
    const wrong = layers.textVectorization({ vocabulary: ['a'], split: (() => 'a') as Loose })
    assert.throws(() => wrong.call(['a']), code('ERR_ARGUMENT'))
  })
})
