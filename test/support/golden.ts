/** Reads the golden files and compares results with them by their tolerances. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gapOf } from '../golden-coverage.js'
import { isEmulated, perDevice } from './devices.js'
import { isClose } from './tolerances.js'

/** The folder of the cases in this repository. */
export const ownFolder = 'test/golden'

/** The folder of the golden files. */
export const goldenFolder = process.env.NEURODE_GOLDEN ?? ownFolder

/** A number, one of the texts "NaN", "Infinity", "-Infinity", or arrays of them. */
export type GoldenValue = number | string | readonly GoldenValue[]

export interface GoldenConfig {
  readonly class_name?: string
  // biome-ignore lint/suspicious/noExplicitAny: the options of any Keras object.
  readonly config?: any
  // biome-ignore lint/suspicious/noExplicitAny: whatever else a case is described by.
  readonly [key: string]: any
}

export interface GoldenCase {
  readonly name: string
  readonly config: GoldenConfig
  // biome-ignore lint/suspicious/noExplicitAny: each file has its own.
  readonly inputs: Readonly<Record<string, any>>
  // biome-ignore lint/suspicious/noExplicitAny: each file has its own.
  readonly outputs: Readonly<Record<string, any>>
  readonly rtol: number
  readonly atol: number
  readonly atol_of?: Readonly<Record<string, number>>
  readonly weights_atol?: number
  readonly accuracy_atol?: number
  readonly float32?: Readonly<Record<string, GoldenValue>>
  readonly kinks?: readonly number[]
  readonly edge?: boolean | readonly number[]
  /** That the case is not binding; why, where the file says so. */
  readonly advisory?: boolean | string
  /** Why it may be refused. */
  readonly optional?: string
  // biome-ignore lint/suspicious/noExplicitAny: each file has its own.
  readonly documented?: Readonly<Record<string, any>>
}

export interface GoldenFile {
  readonly cases: readonly GoldenCase[]
  // biome-ignore lint/suspicious/noExplicitAny: what the cases of a file share.
  readonly setup?: any
}

export function readGolden(file: string, folder = goldenFolder): GoldenFile {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as GoldenFile
}

/** The number that a golden number or text stands for. */
function toNumber(value: number | string): number {
  return typeof value === 'number' ? value : Number(value)
}

/** All numbers, row-major. */
export function flatten(value: GoldenValue): number[] {
  if (Array.isArray(value)) return (value as readonly GoldenValue[]).flatMap(flatten)
  return [toNumber(value as number | string)]
}

export function shapeOf(value: GoldenValue): number[] {
  if (!Array.isArray(value)) return []
  return [value.length, ...shapeOf(value[0] as GoldenValue)]
}

/** The class of a case: `class_name`, or the class that the first word of its name stands for. */
export function classOf({ name, config }: GoldenCase): string {
  return config.class_name ?? name
}

export interface GoldenCheck {
  /** The absolute tolerance, if it differs from the case's own. */
  readonly atol?: number
  readonly rtol?: number
  /** At a kink or an edge: the two values between which element `i` may lie. */
  readonly between?: (i: number) => readonly [number, number]
}

/** Asserts that `actual` passes for output `key` of the case. */
export function assertGolden(
  golden: GoldenCase,
  key: string,
  actual: ArrayLike<number>,
  { atol, rtol, between }: GoldenCheck = {},
): void {
  const expected = flatten(golden.outputs[key] as GoldenValue)
  assert.equal(actual.length, expected.length, `${key}: length`)
  const tolerance = { atol: atol ?? golden.atol_of?.[key] ?? golden.atol, rtol: rtol ?? golden.rtol }
  const own = golden.float32?.[key]
  const others = own === undefined ? [] : flatten(own)
  const at = golden.float32?.at as readonly number[] | undefined
  expected.forEach((e, i) => {
    const a = actual[i] as number
    if (isClose(a, e, tolerance)) return
    const other = others[at ? at.indexOf(i) : i]
    if (other !== undefined && isClose(a, other, tolerance)) return
    if (between && (golden.edge || golden.kinks?.includes(i))) {
      const [one, two] = between(i)
      const slack = tolerance.atol + tolerance.rtol * Math.max(Math.abs(one), Math.abs(two))
      if (a >= Math.min(one, two) - slack && a <= Math.max(one, two) + slack) return
    }
    assert.fail(`${key}[${i}]: expected ${e}${other === undefined ? '' : ` or ${other}`}, got ${a}`)
  })
}

export type GoldenRunner = (golden: GoldenCase, device: string) => Promise<void> | void

export interface GoldenSuiteOptions {
  /** Something that the cases need and that is missing: the cases are pending then. */
  readonly missing?: string | undefined
  /** Cases that take too long on the emulator, where they are pending. */
  readonly long?: readonly string[]
}

/**
 * Runs every case of the file whose class is in `covered`, once per device. A case of another class needs a reason in
 * golden-coverage.ts. Every covered class needs a case, also in this repository's own folder.
 */
export function goldenSuite(
  file: string,
  covered: Readonly<Record<string, GoldenRunner>>,
  { missing, long = [] }: GoldenSuiteOptions = {},
): void {
  const cases = readGolden(file).cases.filter((golden) => gapOf(file, golden) === undefined)
  const own = new Set(readGolden(file, ownFolder).cases.map(classOf))
  describe(`golden coverage of ${file}`, () => {
    for (const name of Object.keys(covered)) {
      it(`has a case of ${name}`, () => {
        assert.ok(cases.some((golden) => classOf(golden) === name))
        assert.ok(own.has(name), `${ownFolder}/${file} has none`)
      })
    }
    it('has a test or a reason for every case', () => {
      const orphans = cases.filter((golden) => !(classOf(golden) in covered)).map(({ name }) => name)
      assert.deepEqual(orphans, [])
    })
  })
  perDevice(`golden ${file}`, (device) => {
    for (const golden of cases) {
      const run = covered[classOf(golden)]
      if (missing) it(`${golden.name}: ${missing}`)
      else if (long.includes(classOf(golden)) && isEmulated(device)) it(`${golden.name}: too long for the emulator`)
      else if (run) it(golden.name, () => run(golden, device))
    }
  })
}
