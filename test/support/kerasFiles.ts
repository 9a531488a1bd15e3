/** Files of Keras in the golden folder: what they hold, and what is expected of them. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { array, type Functional, type NdArray, NeurodeError, type Sequential } from 'neurode'
import { flatten, type GoldenValue, goldenFolder, shapeOf } from './golden.js'
import { leavingNothing } from './leavingNothing.js'
import { assertClose } from './tolerances.js'
import { warningsOf } from './warnings.js'

// biome-ignore lint/suspicious/noExplicitAny: models of files have any number of inputs and outputs.
export type AnyLoaded = Sequential<any> | Functional<any, any, string, any, any>

type Rows = GoldenValue | Readonly<Record<string, GoldenValue>>

interface Batch {
  readonly x: Rows
  readonly y: GoldenValue
}

export interface FileCase {
  readonly folder: string
  readonly name: string
  readonly optional?: boolean
  readonly config: {
    readonly format: string
    readonly optional?: boolean
    readonly architecture?: string
    readonly output_names?: readonly string[]
    readonly steps_done?: number
  }
  readonly inputs: { readonly x?: Rows; readonly batches?: readonly Batch[] }
  // biome-ignore lint/suspicious/noExplicitAny: each case has its own.
  readonly outputs: Readonly<Record<string, any>>
  readonly rtol: number
  readonly atol: number
  readonly atol_of?: Readonly<Record<string, number>>
}

export interface BadCase {
  readonly folder: string
  readonly name: string
  readonly file: string
  readonly format: string
  readonly wrong: string
  readonly must: 'reject' | 'safe'
  readonly result?: GoldenValue
  readonly input?: Rows
  readonly architecture?: string
}

/** Models whose steps `golden-embeddings.test.ts` takes, as TensorFlow's Adam squares the gradients of each occurrence of an index. */
export const stepsByOccurrence: readonly string[] = ['old/3_0_0_functional.keras']

const parse = (path: string) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { cases: [] })

/** The cases of these formats. Other libraries' files have no text as their format. */
export function goodFiles(formats: readonly string[]): FileCase[] {
  return ['interchange', 'files'].flatMap((part) => {
    const folder = join(goldenFolder, part)
    const { cases } = parse(join(folder, 'expected.json')) as { cases: readonly FileCase[] }
    return cases.filter(({ config }) => formats.includes(config.format)).map((each) => ({ ...each, folder }))
  })
}

/** Damaged files whose format is one of these; `hdf5` are whole models and weights. */
export function badFiles(isWanted: (format: string, name: string) => boolean): BadCase[] {
  return ['interchange', 'files'].flatMap((part) => {
    const folder = join(goldenFolder, part, 'bad')
    const { cases, inputs = {} } = parse(join(folder, 'manifest.json'))
    const wanted = (cases as (BadCase & { folder?: string })[]).filter(({ format, name }) => isWanted(format, name))
    return wanted.map((each) => ({ input: inputs[each.format], ...each, file: each.folder ?? each.file, folder }))
  })
}

const toArray = (value: GoldenValue): NdArray => array(Float32Array.from(flatten(value)), shapeOf(value))

/** Rows as a model takes them: one array, or one for each input. */
export function rowsOf(rows: Rows): NdArray | Record<string, NdArray> {
  if (Array.isArray(rows)) return toArray(rows)
  return Object.fromEntries(Object.entries(rows).map(([name, value]) => [name, toArray(value as GoldenValue)]))
}

/** The predictions of a model, output by output. */
export async function predictionsOf(model: AnyLoaded, rows: Rows): Promise<Float32Array[]> {
  const predicted = await model.predict(rowsOf(rows) as never)
  const outputs = 'data' in predicted ? [predicted] : Object.values(predicted)
  return (outputs as { readonly data: Float32Array }[]).map(({ data }) => data)
}

/** Asserts that the model predicts what the case expects under `key`. */
export async function assertPredicts(model: AnyLoaded, golden: FileCase, rows: Rows, key: string): Promise<void> {
  const actual = await predictionsOf(model, rows)
  const isList = golden.config.output_names !== undefined || actual.length > 1
  const expected: readonly GoldenValue[] = isList ? golden.outputs[key] : [golden.outputs[key]]
  assert.equal(actual.length, expected.length)
  const atol = golden.atol_of?.[key] ?? golden.atol
  actual.forEach((data, i) => {
    assertClose(data, flatten(expected[i] as GoldenValue), { rtol: golden.rtol, atol }, `${golden.name}: ${key}[${i}]`)
  })
}

/** Trains on the next batches and returns the losses. */
export async function nextLosses(model: AnyLoaded, golden: FileCase, steps = 5): Promise<number[]> {
  const { batches = [] } = golden.inputs
  // Files of old versions were written after four steps.
  const { steps_done: done = 4 } = golden.config
  const names = 'outputNames' in model ? model.outputNames : []
  const isMany = names.length > 1
  const losses: number[] = []
  for (let i = 0; i < steps; i++) {
    const { x, y } = batches[(done + i) % batches.length] as Batch
    const own = isMany ? names.map((name, k) => [name, toArray((y as readonly GoldenValue[])[k] as GoldenValue)]) : []
    const given = isMany ? Object.fromEntries(own) : toArray(y)
    const result = await model.trainOnBatch(rowsOf(x) as never, given as never)
    losses.push((result as { loss: number }).loss)
  }
  return losses
}

/** Runs `open`; whatever it throws must be an error of a broken file. */
export async function refusedOr<T>(open: () => Promise<T>, codes: readonly string[]): Promise<T | undefined> {
  try {
    return await open()
  } catch (error) {
    assert.ok(error instanceof NeurodeError && codes.includes(error.code), (error as Error).stack)
    assert.doesNotMatch(error.message, /Cannot |is not a function|of undefined|not iterable|Invalid array/)
    return undefined
  }
}

/** Tests that each file is refused, or gives what its manifest says, and leaves nothing behind. */
export function refuseOrSurvive(files: readonly BadCase[], open: (path: string) => Promise<AnyLoaded>): void {
  for (const golden of files) {
    it(`${golden.must === 'reject' ? 'refuse' : 'survive'} ${golden.name}: ${golden.wrong}`, () => {
      const check = async () => {
        const codes = ['ERR_FILE_FORMAT', 'ERR_FILE_NOT_FOUND']
        using model = await refusedOr(() => open(join(golden.folder, golden.file)), codes)
        assert.ok(golden.must === 'safe' || model === undefined, 'it was loaded')
        if (model === undefined || golden.result === undefined) return
        const [actual = []] = await predictionsOf(model, golden.input as never)
        assertClose(actual, flatten(golden.result), { rtol: 2e-5, atol: 2e-6 }, golden.name)
      }
      return leavingNothing(async () => {
        await warningsOf(check)
      })
    })
  }
}
