/** Preprocessing layers agree with Keras. */

import assert from 'node:assert/strict'
import { layers, NeurodeError, PreprocessingLayer, SparseArray } from 'neurode'
import { gapOf } from './golden-coverage.js'
import { assertGolden, classOf, flatten, type GoldenCase, ownFolder, readGolden, shapeOf } from './support/golden.js'
import { isClose } from './support/tolerances.js'

// biome-ignore lint/suspicious/noExplicitAny: data of golden cases
type Anything = any

const file = 'tables/preprocessing.json'

/** FeatureSpace has a suite of its own. */
const elsewhere = ['FeatureSpace']

const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** Numbers of a case, of which those that JSON has not are texts. */
function numbers(value: Anything): Anything {
  if (Array.isArray(value)) return value.map(numbers)
  return typeof value === 'string' ? Number(value) : value
}

/** Values as they are given to a layer: texts and booleans, or numbers. Integers beyond 2^53 stay texts. */
function valuesOf(value: Anything, dtype: string): Anything {
  if (dtype === 'string' || dtype === 'bool') return value
  if (dtype.startsWith('float')) return numbers(value)
  return value
}

/** The options of a case. */
function optionsOf({ config }: GoldenCase): Anything {
  const options = Object.fromEntries(
    Object.entries(config.config).map(([key, value]) => [camel(key), value]),
  ) as Anything
  delete options.dtype
  return options
}

function layerOf(golden: GoldenCase): Anything {
  const name = classOf(golden)
  const factory = (layers as Anything)[name[0]?.toLowerCase() + name.slice(1)]
  return factory(optionsOf(golden))
}

async function adapted(golden: GoldenCase): Promise<Anything> {
  const layer = layerOf(golden)
  const { adapt, batches, dtype } = golden.inputs
  if (adapt !== undefined) await layer.adapt(valuesOf(adapt, dtype))
  if (batches !== undefined) await layer.adapt(() => batches.map((batch: Anything) => ({ x: valuesOf(batch, dtype) })))
  return layer
}

function call(layer: Anything, { inputs, config }: GoldenCase): Anything {
  const { x, dtype, count_weights: countWeights } = inputs
  if (config.class_name === 'HashedCrossing') {
    return layer.call(x.map((column: Anything, i: number) => valuesOf(column, dtype[i])))
  }
  return countWeights === undefined ? layer.call(valuesOf(x, dtype)) : layer.call(valuesOf(x, dtype), { countWeights })
}

const stateOf: Readonly<Record<string, (layer: Anything) => Anything>> = {
  vocabulary: (layer) => layer.getVocabulary(),
  idf_weights: (layer) => layer.idfWeights,
  bin_boundaries: (layer) => layer.binBoundaries,
  mean: (layer) => layer.statistics.mean.data,
  variance: (layer) => layer.statistics.variance.data,
}

function assertState(layer: Anything, state: Anything): void {
  for (const [key, expected] of Object.entries<Anything>(state)) {
    const actual = stateOf[key]?.(layer)
    if (key === 'vocabulary') assert.deepEqual(actual, expected)
    else {
      const all = flatten(expected)
      assert.equal(actual.length, all.length, `${key}: length`)
      for (const [i, e] of all.entries()) {
        assert.ok(isClose(actual[i], e, { rtol: 1e-5, atol: 1e-5 }), `${key}[${i}]: expected ${e}, got ${actual[i]}`)
      }
    }
  }
}

/** The indices and values of a sparse array, as cases have them. */
function coordinates({ rowOffsets, columns, values, shape }: SparseArray) {
  const rows = shape.slice(0, -1)
  const place = (row: number) => {
    const at: number[] = []
    for (const size of rows.toReversed()) {
      at.unshift(row % size)
      row = Math.floor(row / size)
    }
    return at
  }
  const indices: number[][] = []
  for (let row = 0; row + 1 < rowOffsets.length; row++) {
    for (let i = rowOffsets[row] as number; i < (rowOffsets[row + 1] as number); i++) {
      indices.push([...place(row), columns[i] as number])
    }
  }
  return { indices, values }
}

/** Asserts that indices are equal, and at edges those of neighbours; vectors are compared apart from edges. */
function assertNear(actual: ArrayLike<number>, y: Anything, edges: readonly number[]): void {
  const expected = flatten(y)
  const rows = shapeOf(y).slice(0, -1)
  const width = Math.max(1, Math.round(expected.length / Math.max(1, ...rows)))
  for (const [i, e] of expected.entries()) {
    const isNear = edges.includes(i) || edges.includes(Math.floor(i / width))
    assert.ok(isNear ? Math.abs((actual[i] as number) - e) <= 1 : actual[i] === e, `y[${i}]: ${actual[i]}, not ${e}`)
  }
}

function assertResult(result: Anything, golden: GoldenCase): void {
  const edges: readonly number[] = Array.isArray(golden.edge) ? golden.edge : []
  const outputs = golden.documented ? { ...golden.outputs, error: undefined, ...golden.documented } : golden.outputs
  if (outputs.sparse && !golden.documented) {
    assert.ok(result instanceof SparseArray)
    assert.deepEqual(result.shape, outputs.shape)
    const { indices, values } = coordinates(result)
    assert.deepEqual(indices, outputs.sparse.indices)
    assertGolden({ ...golden, outputs: outputs.sparse }, 'values', values)
    assert.deepEqual([...result.toDense().data].filter((value) => value !== 0).length, values.length)
  } else if (outputs.rows) assert.deepEqual(result, outputs.rows)
  else if (outputs.dtype === 'string') assert.deepEqual(result, outputs.y)
  else {
    const array = result instanceof SparseArray ? result.toDense() : result
    assert.deepEqual(array.shape, golden.documented ? shapeOf(outputs.y) : outputs.shape)
    // At an edge the neighbouring bin passes.
    if (edges.length > 0) assertNear(array.data, outputs.y, edges)
    else assertGolden({ ...golden, outputs }, 'y', array.data)
  }
}

const isError = (error: unknown) => error instanceof NeurodeError && error.code !== 'ERR_INTERNAL'

async function assertLayer(golden: GoldenCase): Promise<void> {
  const layer = await adapted(golden)
  if (golden.outputs.state) assertState(layer, golden.outputs.state)
  assertResult(call(layer, golden), golden)
  // A layer that is made of the configuration, as a file holds it, does the same.
  if (!(layer instanceof PreprocessingLayer)) return
  const config = { ...golden.config, config: JSON.parse(JSON.stringify(layer.config())) }
  assertResult(call(layerOf({ ...golden, config }), golden), golden)
}

/** The hashes themselves, by the buckets that they give. */
const hashes: Readonly<Record<string, (golden: GoldenCase) => void>> = {
  Fingerprint64({ inputs, outputs }) {
    for (const numBins of [2 ** 31 - 1, 2 ** 37, 2 ** 53 - 111]) {
      const bins = outputs.hex.map((hex: string) => Number(BigInt(`0x${hex.replace(/^0x/, '')}`) % BigInt(numBins)))
      assert.deepEqual([...layers.hashing({ numBins }).call(inputs.x).data], bins)
    }
  },
  to_hash_bucket_fast: ({ config, inputs, outputs }) => assertBuckets(config.config, inputs.x, outputs.y),
  to_hash_bucket_strong: ({ config, inputs, outputs }) => assertBuckets(config.config, inputs.x, outputs.y),
}

function assertBuckets({ bins, key }: Anything, x: Anything, y: Anything): void {
  const salt = key === undefined ? {} : { salt: key.map(Number) }
  for (const [i, numBins] of bins.map(Number).entries()) {
    assert.deepEqual([...layers.hashing({ numBins, ...salt }).call(x).data], y[i].map(Number))
  }
}

describe('golden tables preprocessing', () => {
  const cases = readGolden(file).cases.filter((golden) => !elsewhere.includes(classOf(golden)))
  const own = new Set(readGolden(file, ownFolder).cases.map(classOf))
  for (const name of new Set(cases.map(classOf))) it(`has a case of ${name}`, () => assert.ok(own.has(name)))
  for (const golden of cases) {
    const reason = gapOf(file, golden)
    if (reason !== undefined && !reason.startsWith('an error')) continue
    const fails = reason !== undefined || (golden.outputs.error && !golden.documented)
    const run = hashes[classOf(golden)] ?? assertLayer
    it(golden.name, async () => {
      if (fails) await assert.rejects(async () => call(await adapted(golden), golden), isError)
      else await run(golden)
    })
  }
})
