/** All options of all public functions: unknown names, `null`, values that are not an object of options, and options given alone. */

import assert from 'node:assert/strict'
import { chdir, cwd } from 'node:process'
import * as neurode from 'neurode'
import { NeurodeError } from 'neurode'
import { plot } from 'neurode/plot'
import * as serving from 'neurode/serve'
import { inFolder } from './data/files.js'
import type { PublicCall } from './support/calls/call.js'
import { optionCalls } from './support/optionCalls.js'
import { needs } from './support/publicOptions.js'

type Options = Readonly<Record<string, unknown>>

/** A name unlike any known one, so that messages list all known names. */
const strange = '§'.repeat(30)

/** Object arguments that are not options, or whose names the caller chooses: by call, the positions. */
const data: Readonly<Record<string, readonly number[]>> = {
  'model.fit of one batch': [0],
  attachPredictor: [0],
  writeNpz: [1],
  writeSafetensors: [1],
  'search.sample': [0],
  'table of columns': [0],
  'plot.history': [0],
  'plot.line': [0],
  'plot.importance': [0],
  parseInferRequest: [2],
  parsePredictRequest: [1],
  formatInferResponse: [0, 2, 3],
  'model.applyGradients': [0],
  formatPredictResponse: [0, 2],
}

/** Options for which `null` is a valid value. */
const nullable: readonly string[] = [
  'layers.normalization axis',
  'layers.stringLookup oovToken',
  'layers.integerLookup oovToken',
  'layers.textVectorization standardize',
  'layers.textVectorization split',
]

/** Functions without calls here: their requirements are missing, or only other programs call them. */
const leftOut: readonly string[] = [
  'datasets.mnist',
  'servePlugin',
  'batcher.runWhole',
  'predictor.operations',
  'predictor.predictOwn',
  'predictor.predictOwnSync',
  'predictor.toResults',
  'predictor.joined',
]

const isOptions = (value: unknown): value is Options =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype && !('kind' in value)

/** The name of the function that a call tests. */
const baseOf = ({ name }: PublicCall) => name.split(' ')[0] as string

/** The options that an option needs, in all calls of the function or in this one. */
const needsOf = (call: PublicCall) => ({ ...needs[baseOf(call)], ...needs[call.name] })

/** The positions at which a call takes options. */
const places = (call: PublicCall) =>
  call.args().flatMap((arg, place) => (isOptions(arg) && !data[call.name]?.includes(place) ? [place] : []))

/** The result of a call: 'taken', or the code and the message of the error. */
async function outcome({ call }: PublicCall, args: readonly unknown[]): Promise<string> {
  try {
    await call(...args)
    return 'taken'
  } catch (error) {
    if (error instanceof NeurodeError) return `${error.code}: ${error.message}`
    throw error
  }
}

/** The result of a call with changed options at a position. */
async function outcomeWith(call: PublicCall, place: number, change: (options: Options) => unknown): Promise<string> {
  const args = call.args()
  args[place] = change(args[place] as Options)
  return await outcome(call, args)
}

const without =
  (...names: readonly string[]) =>
  (options: Options) =>
    Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)))

/** The option names that a call knows at a position, from the error for an unknown name. */
async function knownNames(call: PublicCall, place: number): Promise<readonly string[]> {
  const text = await outcomeWith(call, place, (options) => ({ ...options, [strange]: 1 }))
  const [, names] = /^ERR_UNKNOWN_NAME: .*no option is called '§+'; known: (.*)$/.exec(text) ?? []
  assert.ok(names, `${call.name} refuses an unknown name and lists its own: ${text}`)
  return names.split(', ')
}

class Settings {
  readonly units = 3
}

/** Values in place of an object of options. */
const noOptions: Readonly<Record<string, (options: Options) => unknown>> = {
  'a Map': (options) => new Map(Object.entries(options)),
  'a promise': async (options) => options,
  'an instance': (options) => Object.assign(new Settings(), options),
  'what inherits options': (options) => Object.create(options),
  'a Date': () => new Date(),
  'an Error': () => new Error('options'),
}

/** Names that every JavaScript object has, given as own properties. */
const javascript = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']

const withOwn = (options: Options, name: string) =>
  Object.defineProperty({ ...options }, name, { value: 1, enumerable: true, configurable: true })

/** All public functions, by the names with which users call them. */
function publicFunctions(): Map<string, (...args: unknown[]) => unknown> {
  const found = new Map<string, (...args: unknown[]) => unknown>()
  const add = (owner: object, prefix: string) => {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (typeof value !== 'function' || name === 'constructor') continue
      if (!/^class /.test(Function.prototype.toString.call(value))) found.set(`${prefix}${name}`, value)
    }
  }
  const { Sequential, Layer, errorCodes, warningCodes, ...rest } = neurode
  for (let level = Sequential.prototype; level !== Object.prototype; level = Object.getPrototypeOf(level))
    add(level, 'model.')
  add(serving.Predictor.prototype, 'predictor.')
  add(serving.Batcher.prototype, 'batcher.')
  add(plot, 'plot.')
  for (const module of [rest, serving]) {
    add(module, '')
    for (const [name, table] of Object.entries(module)) if (isTable(table)) add(table, `${name}.`)
  }
  return found
}

const isTable = (value: unknown): value is object => typeof value === 'object' && value !== null

describe('options', () => {
  before(() => process.on('warning', () => {}))
  const known = new Map<string, Set<string>>()
  const tried = new Map<string, Set<string>>()
  const note = (lists: Map<string, Set<string>>, key: string, names: readonly string[]) => {
    lists.set(key, new Set([...(lists.get(key) ?? []), ...names]))
  }

  for (const call of optionCalls) {
    it(`are those of ${call.name}, and nothing else`, async () => {
      const home = cwd()
      await inFolder(async (folder) => {
        chdir(folder)
        try {
          assert.equal(await outcome(call, call.args()), 'taken', 'the call itself')
          for (const place of places(call)) await tryPlace(call, place)
        } finally {
          chdir(home)
        }
      })
    })
  }

  async function tryPlace(call: PublicCall, place: number): Promise<void> {
    const options = call.args()[place] as Options
    const names = Object.keys(options)
    note(known, `${baseOf(call)} ${place}`, await knownNames(call, place))
    note(tried, `${baseOf(call)} ${place}`, names)
    for (const name of javascript) {
      const text = await outcomeWith(call, place, (given) => withOwn(given, name))
      assert.match(text, /^ERR_UNKNOWN_NAME: .*no option is called/, `${call.name}: ${name}`)
    }
    for (const [what, change] of Object.entries(noOptions)) {
      const text = await outcomeWith(call, place, change)
      assert.match(text, /^ERR_ARGUMENT: .*(expected|got) an? /, `${call.name}: ${what}`)
    }
    const none = await outcomeWith(call, place, () => undefined)
    assert.equal(await outcomeWith(call, place, () => null), none, `${call.name}: null in place of options`)
    const required: string[] = []
    const inNeed = new Set(Object.entries(needsOf(call)).flat())
    for (const name of names) {
      const absent = await outcomeWith(call, place, without(name))
      if (absent !== 'taken' && !inNeed.has(name)) required.push(name)
      if (nullable.includes(`${baseOf(call)} ${name}`)) continue
      const isNull = await outcomeWith(call, place, (given) => ({ ...given, [name]: null }))
      assert.equal(isNull, absent, `${call.name}: ${name}: null is as if it were not given`)
    }
    for (const name of names) await tryAlone(call, place, name, required)
  }

  /** Tries an option alone: it has an effect by itself, or the error names the options that it needs. */
  async function tryAlone(call: PublicCall, place: number, name: string, required: readonly string[]): Promise<void> {
    const text = await outcomeWith(call, place, (options) =>
      Object.fromEntries(Object.entries(options).filter(([key]) => key === name || required.includes(key))),
    )
    const needed = needsOf(call)[name]
    if (needed === undefined) assert.equal(text, 'taken', `${call.name}: ${name} alone`)
    else assert.match(text, new RegExp(`^ERR_ARGUMENT: .*${needed}`), `${call.name}: ${name} alone`)
  }

  it('are all tried, and what is added later has to be', () => {
    assert.ok(known.size > 100)
    for (const [place, names] of known) {
      assert.deepEqual(
        [...names].filter((name) => !tried.get(place)?.has(name)),
        [],
        place,
      )
    }
  })

  it('are of functions that are all tried', () => {
    const names = new Set([...optionCalls.map(baseOf), ...leftOut])
    const missing = [...publicFunctions()].filter(([name, { length }]) => length > 0 && !names.has(name))
    assert.deepEqual(
      missing.map(([name]) => name),
      [],
    )
  })

  it('are refused behind the last argument', async () => {
    const model = neurode.sequential([neurode.layers.dense({ units: 1, inputShape: [2] })])
    const predictor = model.predictor()
    for (const [name, call] of publicFunctions()) {
      if (leftOut.includes(name)) continue
      const args = [...Array.from({ length: call.length }), { epochs: 3 }]
      const self = name.startsWith('predictor.')
        ? predictor
        : name.startsWith('batcher.')
          ? serving.batcher(predictor)
          : model
      await assert.rejects(
        async () => Reflect.apply(call, self, args),
        { code: 'ERR_ARGUMENT', message: new RegExp(`argument ${args.length}: expected .*arguments?, got an object`) },
        name,
      )
    }
    assert.equal([3, 2].map(neurode.layers.dense as never).length, 2, 'an index and a list are no options')
  })
})
