/** FeatureSpace agrees with Keras: its features, crosses and errors, by graphs of its inputs. */

import assert from 'node:assert/strict'
import { type FeatureSpace, feature, featureSpace, model, NeurodeError } from 'neurode'
import { gapOf } from './golden-coverage.js'
import { flatten, type GoldenCase, readGolden } from './support/golden.js'
import { isClose } from './support/tolerances.js'

// biome-ignore lint/suspicious/noExplicitAny: data of golden cases
type Anything = any

const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

const inCamel = (given: object): Anything =>
  Object.fromEntries(
    Object.entries(given)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [
        camel(key),
        key === 'output_mode' ? camel(value === 'one_hot' ? 'one_hot' : value) : value,
      ]),
  )

/** Keras' own kinds: a name that only this library has stands for none. */
const kerasKinds = /^(?:float|integer|string)(?:_|$)/

/** A feature as Keras describes it: the name of a kind, a kind with arguments, or a layer. */
function featureOf(given: Anything): Anything {
  if (typeof given === 'string') return kerasKinds.test(given) ? camel(given) : `keras ${given}`
  const { kind, ...options } = given
  if (kind !== 'feature') return (feature as Anything)[camel(kind)](inCamel(options))
  const { output_mode, max_tokens } = options.preprocessor.config
  return feature.text({ maxTokens: max_tokens, outputMode: camel(output_mode) as 'count' })
}

function spaceOf({ config }: GoldenCase): FeatureSpace {
  const { features, crosses, ...sizes } = config.config as Anything
  return featureSpace({
    ...inCamel(sizes),
    features: Object.fromEntries(Object.entries(features).map(([name, given]) => [name, featureOf(given)])),
    ...(crosses && {
      crosses: crosses.map((each: Anything) => {
        if (Array.isArray(each)) return each
        const { feature_names, crossing_dim, output_mode = 'one_hot' } = each
        return feature.cross(feature_names, { bins: crossing_dim, outputMode: camel(output_mode) as 'int' })
      }),
    }),
  })
}

/** Cells of a column; numbers that JSON has not are texts, and Keras' gaps of texts are empty ones. */
function cellsOf(values: Anything, dtype: string): Anything {
  if (Array.isArray(values)) return values.map((value) => cellsOf(value, dtype))
  return dtype === 'string' || dtype === 'bool' ? values : Number(values)
}

const columnsOf = (given: Anything, dtypes: Anything): Anything =>
  Object.fromEntries(Object.entries(given).map(([name, values]) => [name, cellsOf(values, dtypes[name])]))

/** Pieces of columns, of as many rows as Keras saw at a time. */
function* piecesOf(columns: Anything, size: number): Generator<Anything> {
  const rows = (Object.values(columns)[0] as unknown[]).length
  for (let begin = 0; begin < rows; begin += size) {
    yield Object.fromEntries(
      Object.entries<Anything>(columns).map(([name, cells]) => [name, cells.slice(begin, begin + size)]),
    )
  }
}

/** What a graph of the space gives for rows: numbers, or numbers by feature. */
async function encoded(space: FeatureSpace, x: Anything): Promise<Anything> {
  const inputs = space.encode(x)
  using net = model({ inputs: space.inputs, outputs: space.encoded } as Anything)
  return await net.predict(inputs as Anything)
}

function assertState(space: FeatureSpace, state: Anything): void {
  for (const [name, expected] of Object.entries<Anything>(state)) {
    const { vocabulary, weights, boundaries, mean, variance } = space.learned(name)
    const own: Anything = {
      vocabulary:
        vocabulary && expected.vocabulary?.slice(0, expected.vocabulary.length - vocabulary.length).concat(vocabulary),
      idf_weights: weights,
      bin_boundaries: boundaries,
      mean: [mean],
      variance: [variance],
    }
    for (const [key, value] of Object.entries<Anything>(expected)) {
      if (key === 'vocabulary') assert.deepEqual(own.vocabulary, value)
      else assertClose(own[key], value, 1e-5, 1e-5, `${name}.${key}`)
    }
  }
}

function assertClose(actual: Anything, y: Anything, rtol: number, atol: number, at: string): void {
  const expected = flatten(Array.isArray(y) ? y : [y])
  assert.equal(actual.length, expected.length, `${at}: length`)
  for (const [i, e] of expected.entries()) {
    const want = Number(e)
    const isSame = Number.isNaN(want) ? Number.isNaN(actual[i]) : isClose(actual[i], want, { rtol, atol })
    assert.ok(isSame, `${at}[${i}]: expected ${e}, got ${actual[i]}`)
  }
}

async function run(golden: GoldenCase): Promise<void> {
  const { dtypes, adapt, adapt_batch: batch, x } = golden.inputs
  const space = spaceOf(golden)
  if (adapt !== null) await space.adapt(() => piecesOf(columnsOf(adapt, dtypes), batch ?? 32))
  const { outputs, rtol, atol } = golden as Anything
  if (outputs.state) assertState(space, outputs.state)
  const result = await encoded(space, columnsOf(x, dtypes))
  const documented = (golden as Anything).documented ?? {}
  const y = documented.y ?? outputs.y
  if (space.outputMode === 'concat') {
    if (outputs.columns)
      assert.deepEqual(
        space.parts.map(({ name, width }) => [name, width]),
        outputs.columns,
      )
    return assertClose(result.data, y, rtol, atol, 'y')
  }
  const byName = Object.keys(y).length === 1 ? { [Object.keys(y)[0] as string]: result } : result
  assert.deepEqual(Object.keys(byName).sort(), Object.keys(y).sort())
  for (const [name, { y: values }] of Object.entries<Anything>(y))
    assertClose(byName[name].data, values, rtol, atol, name)
}

describe('golden tables features', () => {
  const file = 'tables/preprocessing.json'
  for (const golden of readGolden(file).cases) {
    if (golden.config.class_name !== 'FeatureSpace' || gapOf(file, golden) !== undefined) continue
    it(golden.name, async () => {
      const fails = golden.outputs.error !== undefined && (golden as Anything).documented === undefined
      if (!fails) return await run(golden)
      await assert.rejects(run(golden), (error) => error instanceof NeurodeError && error.code !== 'ERR_INTERNAL')
    })
  }
})
