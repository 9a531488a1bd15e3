/** Every argument and option of every public function is replaced by every odd value: the only errors are typed ones. */

import assert from 'node:assert/strict'
import { chdir, cwd } from 'node:process'
import { NeurodeError } from 'neurode'
import { inFolder } from './data/files.js'
import { OddError, oddValues } from './support/oddValues.js'
import { type PublicCall, publicCalls } from './support/publicCalls.js'
import { exportedFunctions, methodsOf, objects } from './support/publicSurface.js'
import { ofOtherRealm } from './support/realms.js'

const longestMilliseconds = 20_000

type Path = readonly (string | number)[]

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** Copies arguments with another value at a path. */
function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, unknown>
  copy[key] = replaced(copy[key], rest, by)
  return copy
}

/** The names of all options of an object of options, from the error for an unknown option. */
async function knownOptions(call: PublicCall, path: Path): Promise<string[]> {
  const failure = await failureOf(call, replaced(call.args(), [...path, 'zzzzzzzz'], 1) as unknown[])
  const [, known] =
    /no option is called 'zzzzzzzz'; known: (.*)$/.exec(failure instanceof Error ? failure.message : '') ?? []
  return known?.split(', ') ?? []
}

/**
 * The paths at which values can be replaced: each argument, its options to any depth, and elements of lists other than lists of
 * numbers.
 */
async function placesIn(call: PublicCall, value: unknown, path: Path = []): Promise<Path[]> {
  const found: Path[] = path.length === 0 ? [] : [path]
  if (Array.isArray(value) && value.flat(9).some((each) => typeof each !== 'number')) {
    for (const [i, each] of value.entries()) found.push(...(await placesIn(call, each, [...path, i])))
  } else if (isPlain(value)) {
    for (const key of new Set([...Object.keys(value), ...(await knownOptions(call, path))])) {
      found.push(...(await placesIn(call, value[key], [...path, key])))
    }
  }
  return found
}

/** Calls with one argument, or one option of an argument, replaced. */
async function* mutations(call: PublicCall): AsyncGenerator<[what: string, args: unknown[]]> {
  const places = await placesIn(call, call.args())
  for (const [name, make] of oddValues) {
    for (const path of places) {
      yield [`${call.name}, ${path.join('.')}: ${name}`, replaced(call.args(), path, make()) as unknown[]]
    }
    // One argument more than the function takes.
    yield [`${call.name}, one argument more: ${name}`, [...call.args(), make()]]
  }
}

/** The error with which a call throws or rejects, or undefined. */
async function failureOf({ call }: PublicCall, args: unknown[]): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Error>((resolve) => {
    timer = setTimeout(() => resolve(new Error('it hangs')), longestMilliseconds)
  })
  try {
    return await Promise.race([Promise.resolve(call(...args)).then(() => undefined), late])
  } catch (error) {
    return error ?? new Error(`${error} thrown`)
  } finally {
    clearTimeout(timer)
  }
}

/** The error of a call that should have none. On a busy machine its own time limit may be over: it is tried again. */
async function failureOfValid(call: PublicCall, argsOf: () => unknown[]): Promise<unknown> {
  let failure: unknown
  for (let i = 0; i < 5; i++) {
    failure = await failureOf(call, argsOf())
    if (!(failure instanceof NeurodeError && failure.code === 'ERR_ABORTED')) break
  }
  return failure
}

/** The problem with the end of a call, or undefined. */
function problemOf(error: unknown): string | undefined {
  if (error === undefined || error instanceof OddError) return undefined
  if (error instanceof NeurodeError) return error.code === 'ERR_INTERNAL' ? String(error) : wordingOf(error.message)
  if (!(error instanceof Error)) return `${typeof error} thrown`
  // If a caller passes a class as a function, the error of calling it is the caller's own.
  if (error instanceof TypeError && error.message.startsWith('Class constructor')) return undefined
  return `${error.name}: ${error.message} ${error.stack?.split('\n')[1]?.trim()}`
}

/** Words that no message may contain. */
const badWords: readonly (readonly [fault: string, pattern: RegExp])[] = [
  ['a label twice', /(?:^|: )([\w.[\]]+): \1\b/],
  ['a number with zeros behind its point', /\d\.\d*0{5}/],
  ['a number with digits that nobody gave', /\d\.\d{12}/],
  ['what was expected is what came', /expected (an? [A-Z]\w+)\b.*, got \1$/],
  ['an object as JavaScript prints it', /\[object /],
]

function wordingOf(message: string): string | undefined {
  const [fault] = badWords.find(([, pattern]) => pattern.test(message)) ?? []
  return fault === undefined ? undefined : `${fault}: ${message}`
}

/** Methods that only models call, with checked arguments, and classes that only Neurode constructs. */
const ownCalls = [
  ...[
    ...['Layer', 'NeurodeError', 'Picture', 'Batcher', 'Predictor'],
    ...['PreprocessingLayer', 'IndexLookup', 'SparseArray'],
  ].map((name) => `new ${name}`),
  ...[
    'arrange',
    'initialWeights',
    'outputFor',
    'outputForAll',
    'outputsForAll',
    'parameters',
    'plan',
    'planAll',
  ].flatMap((name) => [`layer.${name}`, `normalization.${name}`]),
  ...['adopt', 'checkAdaptable', 'finder', 'read', 'indices', 'bucketOf', 'words'].map((name) => `lookup.${name}`),
  ...[
    'initializer.plan',
    'regularizer.plan',
    'constraint.plan',
    'metric.resolve',
    'rows.hold',
    'batcher.runWhole',
    'predictor.predictOwn',
    'predictor.predictOwnSync',
    'predictor.joined',
    'predictor.toResults',
    'predictor.operations',
  ],
]

describe('odd arguments', () => {
  let calls = 0
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  const quiet = (warning: Error) => void warning
  before(() => {
    process.on('unhandledRejection', note)
    process.on('warning', quiet)
  })
  after(() => {
    process.off('unhandledRejection', note)
    process.off('warning', quiet)
  })

  it('are given to every function that there is', async () => {
    const names = await inFolder(async (folder) => {
      const before = cwd()
      chdir(folder)
      try {
        return [
          ...exportedFunctions(),
          ...Object.entries(await objects()).flatMap(([name, each]) => methodsOf(name, each)),
        ]
      } finally {
        chdir(before)
      }
    })
    const isCalled = (name: string) =>
      publicCalls.some((call) => call.name === name || call.name.startsWith(`${name} `))
    // The methods that every layer has are called on one layer only.
    const wanted = names.filter(
      (name) => !ownCalls.includes(name) && (!name.startsWith('normalization.') || /\.(adapt|call)$/.test(name)),
    )
    assert.deepEqual(
      wanted.filter((name) => !isCalled(name)),
      [],
    )
    assert.deepEqual(
      ownCalls.filter((name) => !names.includes(name)),
      [],
    )
  })

  for (const call of publicCalls) {
    it(`give typed errors: ${call.name}`, async () => {
      const before = cwd()
      const wrong: string[] = []
      await inFolder(async (folder) => {
        chdir(folder)
        try {
          assert.equal(await failureOfValid(call, call.args), undefined, 'the call itself')
          for await (const [what, args] of mutations(call)) {
            calls++
            const result = problemOf(await failureOf(call, args))
            if (result !== undefined) wrong.push(`${what}: ${result}`)
          }
        } finally {
          chdir(before)
        }
      })
      await new Promise((resolve) => setImmediate(resolve))
      for (const reason of unhandled.splice(0))
        if (!(reason instanceof OddError)) wrong.push(`nobody awaits: ${reason}`)
      assert.deepEqual(wrong, [])
    })
  }

  it('of another realm are taken as those of this one', async () => {
    const wrong: string[] = []
    await inFolder(async (folder) => {
      const before = cwd()
      chdir(folder)
      try {
        for (const call of publicCalls) {
          const error = await failureOfValid(call, () => call.args().map(ofOtherRealm))
          if (error !== undefined) wrong.push(`${call.name}: ${error}`)
        }
      } finally {
        chdir(before)
      }
    })
    assert.deepEqual(wrong, [])
  })

  it('were at least 20,000', () => assert.ok(calls >= 20_000, `${calls} calls`))
})
