/** Configs of Keras 2 and 3 and of TensorFlow.js: what they say of a model, and back. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { array, NeurodeError } from 'neurode'
import { coreOf } from '#lib/core/cores.js'
import { readZip } from '#lib/formats/zip.js'
import { kerasConfigOf, kerasModel } from '#lib/interchange/keras/config.js'
import type { ConfigSource, KerasLayer, KerasModel } from '#lib/interchange/keras/types.js'
import { makeModel } from '#lib/models/loadStructure.js'
import type { JsonObject } from '#lib/persistence/description.js'
import { describeStructure } from '#lib/persistence/graphDescription.js'
import { goldenFolder } from './support/golden.js'
import { Random } from './support/random.js'

const folder = join(goldenFolder, 'interchange')

// biome-ignore lint/suspicious/noExplicitAny: each format has its own outputs.
type Anything = any

interface Case {
  readonly name: string
  readonly config: { readonly format: string; readonly input_names?: readonly string[] }
  readonly inputs: { readonly x?: Anything; readonly batches?: Anything }
  readonly outputs: Anything
  readonly rtol: number
  readonly atol: number
  readonly optional?: boolean
}

const cases: readonly Case[] = existsSync(join(folder, 'expected.json'))
  ? JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')).cases
  : []

/** The config of a file, and what its file says beside it. */
function configOf({
  name,
  config: { format },
}: Pick<Case, 'name' | 'config'>): readonly [JsonObject, ConfigSource] | undefined {
  const path = join(folder, name)
  if (format === 'tfjs layers model') {
    const { modelTopology, trainingConfig } = JSON.parse(readFileSync(path, 'utf8'))
    return [modelTopology, { training: trainingConfig }]
  }
  if (format === 'keras folder') return [JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')), {}]
  const bytes = readFileSync(path)
  if (bytes.subarray(0, 4).toString('latin1') === 'PK\x03\x04') {
    const members = readZip(bytes, path, 1e9)
    const parsed = (member: string): Anything =>
      JSON.parse(Buffer.from(members.get(member)?.() ?? Buffer.from('{}')).toString())
    return [parsed('config.json'), { version: parsed('metadata.json').keras_version }]
  }
  return fromHdf5(bytes.toString('latin1'))
}

/** Finds the texts of the attributes of an HDF5 file. */
function fromHdf5(text: string): readonly [JsonObject, ConfigSource] | undefined {
  const objects = [...text.matchAll(/\{"(?:class_name|module|optimizer_config|loss)": /g)].flatMap(({ index }) => {
    let depth = 0
    for (let end = index; end < text.length; end++) {
      if (text[end] === '{') depth++
      if (text[end] === '}' && --depth === 0) {
        const value: Anything = tryParse(text.slice(index, end + 1))
        return value === undefined ? [] : [value]
      }
    }
    return []
  })
  const config = objects.find(({ class_name: name }) => ['Sequential', 'Functional', 'Model'].includes(name))
  if (config === undefined) return undefined
  const training = objects.find(({ optimizer_config: optimizer }) => optimizer !== undefined)
  const version = /[0-9]\.[0-9]+\.[0-9]+/.exec(text.slice(text.indexOf('keras_version')))?.[0]
  return [config, { version, training }]
}

function tryParse(text: string): Anything {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The variables of all layers by their path. */
function variablesOf(
  layers: readonly KerasLayer[],
  prefix = '',
): { path: string; trainable: boolean; weight: string | undefined }[] {
  return layers.flatMap(({ name, variables, layers: inner = [] }) => [
    ...variables.map(({ name: own, trainable, weight }) => ({ path: `${prefix}${name}/${own}`, trainable, weight })),
    ...variablesOf(inner, `${prefix}${name}/`),
  ])
}

const floats = (value: Anything): number[] => [value].flat(9).map(Number)

function assertNear(got: ArrayLike<number>, expected: Anything, { rtol, atol }: Case): void {
  const wanted = floats(expected)
  assert.equal(got.length, wanted.length)
  wanted.forEach((value, i) => {
    assert.ok(
      Math.abs((got[i] as number) - value) <= atol + rtol * Math.abs(value),
      `${i}: ${got[i]}, expected ${value}`,
    )
  })
}

const shapeOf = (value: Anything): number[] => (Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [])
const toArray = (value: Anything) => array(Float32Array.from(floats(value)), shapeOf(value))

/** Gives a model the weights of a golden file. Those of nested models have no prefix in TensorFlow.js. */
function setWeights(net: Anything, read: KerasModel, weights: Anything): void {
  const known = new Map<string, Anything>(weights.map((one: Anything) => [one.name, one]))
  const constants = constantsOf(read.layers)
  const values = net.getWeights().map(({ name, shape }: Anything) => {
    const path =
      [name, `${read.model.name}/${name}`].find((one) => known.has(one)) ?? name.split('/').slice(-2).join('/')
    const value = constants.get(name) ?? known.get(path)?.value
    assert.ok(value !== undefined, `there is no weight ${name}`)
    return array(Float32Array.from(floats(value)), shape)
  })
  net.setWeights(values)
}

function constantsOf(layers: readonly KerasLayer[]): Map<string, readonly number[]> {
  const all = (layer: KerasLayer): [string, readonly number[]][] => [
    ...(layer.constants ?? []).map(({ weight, values }): [string, readonly number[]] => [weight, values]),
    ...(layer.layers ?? []).flatMap(all),
  ]
  return new Map(layers.flatMap(all))
}

/** Predicts what a golden case predicts, as one list of numbers for each output. */
async function predict(net: Anything, x: Anything): Promise<Float32Array[]> {
  const input =
    typeof x === 'object' && !Array.isArray(x)
      ? Object.fromEntries(Object.entries(x).map(([key, value]) => [key, toArray(value)]))
      : toArray(x)
  const got = await net.predict(input)
  const list = got.data === undefined ? Object.values(got) : [got]
  return list.map((each: Anything) => each.data)
}

describe('golden interchange: configs of Keras', () => {
  for (const each of cases) {
    const { name, config } = each
    if (!['keras', 'keras folder', 'keras legacy h5', 'tfjs layers model'].includes(config.format)) continue
    it(`${name} is read, computes the same, and is written so that it is read again`, async () => {
      const found = configOf(each)
      if (found === undefined) return
      if (name.includes('operators')) {
        assert.throws(() => kerasModel(found[0], name, found[1]), {
          code: 'ERR_FILE_FORMAT',
          message: /'Add' of "keras.src.ops/,
        })
        return
      }
      const read = kerasModel(found[0], name, found[1])
      const net = makeModel(read.model, 1) as Anything
      const { weights, y } = each.outputs
      if (weights === undefined) return
      const known = new Map<string, Anything>(weights.map((one: Anything) => [one.name, one]))
      for (const { path, trainable } of variablesOf(read.layers)) {
        const one = known.get(path)
        if (one?.trainable !== undefined) assert.equal(trainable, one.trainable, path)
      }
      setWeights(net, read, weights)
      const x = each.inputs.x ?? each.inputs.batches?.[0]?.x
      const before = await predict(net, x)
      const expected = each.outputs.predict ?? y
      if (expected !== undefined) {
        const outputs = before.length === 1 ? [expected] : expected
        for (const [i, got] of before.entries()) assertNear(got, outputs[i], each)
      }
      const written = kerasConfigOf(coreOf(net))
      const json = JSON.parse(JSON.stringify(written.config)) as JsonObject
      const again = kerasModel(json, name, { training: null })
      const copy = makeModel(again.model, 1) as Anything
      assert.deepEqual(variablesOf(again.layers), variablesOf(written.layers))
      assert.deepEqual(constantsOf(again.layers).size, constantsOf(read.layers).size)
      assert.deepEqual(describeStructure(coreOf(copy)), describeStructure(coreOf(net)))
      copy.setWeights(net.getWeights())
      assert.deepEqual(await predict(copy, x), before)
    })
  }
})

interface BadCase {
  readonly name: string
  readonly format: string
  readonly must: 'reject' | 'safe'
}

const badFolder = join(folder, 'bad')
const badCases: readonly BadCase[] = existsSync(join(badFolder, 'manifest.json'))
  ? JSON.parse(readFileSync(join(badFolder, 'manifest.json'), 'utf8')).cases
  : []

/** Cases that are broken outside of the config, or whose weights do not fit to it. */
const notTheConfig =
  /^(?:zip_|weights_|state_|int8_|legacy_|folder_|config_(?:cut|null|number|latin1|deep)|shape_other|embedding_small|graph_output_width|tfjs_(?:shard|path|manifest|weight|name_|shape|dtype|quantization|format|json|topology|units_other))/
const formats = ['keras', 'keras graph', 'keras trained', 'keras quantized', 'tfjs layers model']

describe('golden interchange: hostile configs of Keras', () => {
  for (const { name, format, must } of badCases) {
    if (!formats.includes(format) || notTheConfig.test(name)) continue
    it(`${name} is ${must === 'reject' ? 'refused' : 'refused or read'}`, () => {
      const found = configOrNothing(name, format)
      if (found === undefined) return
      const read = () => makeModel(kerasModel(found[0], name, found[1]).model, 1)
      if (must === 'reject') assert.throws(read, NeurodeError)
      else
        try {
          read()
        } catch (error) {
          assert.ok(error instanceof NeurodeError, String(error))
        }
    })
  }
})

/** The config of a file, unless the file or its JSON is broken. */
function configOrNothing(name: string, format: string) {
  try {
    return configOf({ name: join('bad', name), config: { format: format.startsWith('tfjs') ? format : 'keras' } })
  } catch {
    return undefined
  }
}

describe('mutated configs of Keras', () => {
  const layer = (className: string, name: string, config: object, sources: readonly Anything[]): Anything => ({
    module: 'keras.layers',
    class_name: className,
    config: { name, ...config },
    name,
    inbound_nodes: sources.map((names: readonly string[]) => ({ args: [names.map(tensor)], kwargs: {} })),
  })
  const tensor = (name: string) => ({ class_name: '__keras_tensor__', config: { keras_history: [name, 0, 0] } })
  const base = {
    module: 'keras.src.models.functional',
    class_name: 'Functional',
    config: {
      name: 'g',
      layers: [
        layer('InputLayer', 'x', { batch_shape: [null, 4] }, []),
        layer(
          'Dense',
          'd',
          { units: 4, activation: 'relu', kernel_regularizer: { class_name: 'L2', config: { l2: 0.1 } } },
          [['x']],
        ),
        layer('BatchNormalization', 'b', { axis: [1], trainable: false }, [['d']]),
        layer('Add', 's', {}, [['d', 'b']]),
      ],
      input_layers: [['x', 0, 0]],
      output_layers: { out: ['s', 0, 0] },
    },
    compile_config: {
      optimizer: { class_name: 'Adam', config: { learning_rate: 0.1 } },
      loss: { out: 'mse' },
      metrics: ['mae'],
    },
  }
  const odd = [
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e300,
    2 ** 40,
    '',
    'x',
    '__proto__',
    'constructor',
    [],
    {},
    [[]],
    ['x', 0, 0],
    [null, 4],
  ]
  const hostile =
    '{"__proto__": {"units": 3}, "constructor": {"name": {"toString": 1}}, "class_name": "Dense", "config": {}}'

  it('are read, or refused with a typed error', () => {
    kerasModel(base, 'base')
    const random = new Random(Number(process.env.NEURODE_FUZZ_SEED ?? 1))
    for (let i = 0; i < Number(process.env.NEURODE_FUZZ_FILES ?? 300); i++) {
      const changed = structuredClone(base)
      for (let times = 0; times < 1 + random.below(2); times++) mutate(changed, random)
      const config = JSON.parse(JSON.stringify(changed))
      try {
        makeModel(kerasModel(config, 'config').model, 1)
      } catch (error) {
        if (!(error instanceof NeurodeError)) throw new Error(JSON.stringify(config), { cause: error })
      }
    }
  })

  function mutate(config: Anything, random: Random): void {
    const places: (readonly [Anything, string])[] = []
    const walk = (value: Anything) => {
      if (typeof value !== 'object' || value === null) return
      for (const key of Object.keys(value)) {
        places.push([value, key])
        walk(value[key])
      }
    }
    walk(config)
    const [owner, key] = random.pick(places)
    const kind = random.below(4)
    if (kind === 0) delete owner[key]
    else if (kind === 1) owner[key] = structuredClone(random.pick(random.pick(places) as Anything)) ?? null
    else owner[key] = random.below(8) === 0 ? JSON.parse(hostile) : structuredClone(random.pick(odd))
  }
})
