/** Configs of Keras 2 and 3 and of TensorFlow.js: what they say of a model, and back. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { array } from 'neurode'
import { coreOf } from '#lib/core/cores.js'
import { readZip } from '#lib/formats/zip.js'
import { kerasConfigOf, kerasModel } from '#lib/interchange/keras/config.js'
import type { ConfigSource, KerasLayer, KerasModel } from '#lib/interchange/keras/types.js'
import { makeModel } from '#lib/models/loadStructure.js'
import type { JsonObject } from '#lib/persistence/description.js'
import { describeStructure } from '#lib/persistence/graphDescription.js'
import { goldenFolder } from './support/golden.js'

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
function configOf({ name, config: { format } }: Case): readonly [JsonObject, ConfigSource] | undefined {
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
