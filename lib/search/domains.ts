/** What hyper-parameters are drawn from: ranges and lists, each with how a value is drawn. */

import { checkMade, sealed } from '../checks/made.js'
import { checkBoolean, checkDouble, checkInteger, checkOptions, refuse, refuseIdle } from '../checks/validate.js'
import type { Draw } from './draw.js'

/** What a hyper-parameter is drawn from, made by a function of {@link search}. */
export interface SearchDomain<T = unknown> {
  readonly kind: 'domain'
  /** The function that made it, such as `logUniform`. */
  readonly name: 'uniform' | 'logUniform' | 'normal' | 'integer' | 'choice'
  /** Its options, with defaults filled in. */
  readonly options: Readonly<Record<string, unknown>>
  /** A value of the type that is drawn, for TypeScript alone: there is no such property. */
  readonly type?: T | undefined
}

/** Options of `search.uniform` and `search.logUniform`. */
export interface RangeOptions {
  /** The least value. */
  readonly low: number
  /** The largest value, at least `low`. */
  readonly high: number
}

/** Options of `search.uniform`. */
export interface UniformOptions extends RangeOptions {
  /** The distance of values: `low`, `low + step` and so on, up to `high`. Default: any number of the range. */
  readonly step?: number | undefined
}

/** Options of `search.integer`. */
export interface IntegerOptions extends RangeOptions {
  /** The distance of values from `low` on; default 1. */
  readonly step?: number | undefined
  /** Whether the logarithm is uniform instead of the value, so that 1 to 10 is as likely as 10 to 100; default false. */
  readonly log?: boolean | undefined
}

/** Options of `search.normal`. */
export interface NormalDomainOptions {
  /** Mean; default 0. */
  readonly mean?: number | undefined
  /** Standard deviation, at least 0; default 1. */
  readonly stddev?: number | undefined
}

/** How a value is drawn, by the domain's name; options are checked. */
const draws: Readonly<Record<SearchDomain['name'], (options: never, draw: Draw) => unknown>> = {
  uniform: ({ low, high, step }: UniformOptions, draw) =>
    step === undefined ? between(low, high, draw.unit()) : onGrid(low, high, step, draw.unit()),
  logUniform: ({ low, high }: RangeOptions, draw) =>
    within(low, high, Math.exp(between(Math.log(low), Math.log(high), draw.unit()))),
  normal: ({ mean, stddev }: { readonly mean: number; readonly stddev: number }, draw) => mean + stddev * draw.normal(),
  integer: ({ low, high, step, log }: IntegerOptions, draw) =>
    log === true
      ? within(low, high, Math.floor(Math.exp(between(Math.log(low), Math.log(high + 1), draw.unit()))))
      : onGrid(low, high, step as number, draw.unit()),
  choice: ({ values }: { readonly values: readonly unknown[] }, draw) =>
    values[Math.floor(draw.unit() * values.length)],
}

/** Draws a value. Throws `ERR_ARGUMENT` for what no function of `search` made. */
export function drawFrom(value: unknown, argument: string, draw: Draw): unknown {
  const domain = checkMade<SearchDomain>(value, 'domain', argument, 'a result of search.uniform, search.choice, …')
  return draws[domain.name](domain.options as never, draw)
}

function between(low: number, high: number, unit: number): number {
  // The difference of the two may be beyond what a double holds.
  return within(low, high, low * (1 - unit) + high * unit)
}

function within(low: number, high: number, value: number): number {
  return Math.min(high, Math.max(low, value))
}

function onGrid(low: number, high: number, step: number, unit: number): number {
  return within(low, high, low + step * Math.floor(unit * countOf(low, high, step)))
}

/** How many values a grid has: 0, 0.1, 0.2 and 0.3 are 4, although 0.3 / 0.1 is a little less than 3. */
function countOf(low: number, high: number, step: number): number {
  return Math.floor(high / step - low / step + 1e-9) + 1
}

function make<T>(name: SearchDomain['name'], options: object): SearchDomain<T> {
  return sealed({ kind: 'domain', name, options: Object.freeze({ ...options }) } as const)
}

function checkRange(given: RangeOptions, argument: string, check = checkDouble, least = -Infinity): RangeOptions {
  const low = check(given.low, `${argument}: low`, least)
  return { low, high: check(given.high, `${argument}: high`, low) }
}

/** Implements `search.uniform`. */
export function uniform(given?: UniformOptions): SearchDomain<number> {
  const options = checkOptions(given, ['low', 'high', 'step'], 'search.uniform')
  const { low, high } = checkRange(options, 'search.uniform')
  return make('uniform', { low, high, ...stepOf(options.step, low, high, 'search.uniform: step') })
}

/** The most values of a grid: all of them can be drawn. */
const mostSteps = 2 ** 52

function stepOf(value: unknown, low: number, high: number, argument: string) {
  if (value === undefined) return {}
  const step = checkDouble(value, argument)
  if (step <= 0) refuse(argument, 'a number above 0', value)
  return countOf(low, high, step) <= mostSteps
    ? { step }
    : refuse(argument, 'a step that divides the range into at most 2^52', value)
}

/** Implements `search.logUniform`. */
export function logUniform(given: RangeOptions): SearchDomain<number> {
  const options = checkOptions(given, ['low', 'high'], 'search.logUniform')
  if (typeof options.low === 'number' && options.low <= 0)
    refuse('search.logUniform: low', 'a number above 0', options.low)
  return make('logUniform', checkRange(options, 'search.logUniform'))
}

/** Implements `search.normal`. */
export function normal(given?: NormalDomainOptions): SearchDomain<number> {
  const options = checkOptions(given, ['mean', 'stddev'], 'search.normal')
  const mean = checkDouble(options.mean ?? 0, 'search.normal: mean')
  return make('normal', { mean, stddev: checkDouble(options.stddev ?? 1, 'search.normal: stddev', 0) })
}

/** Implements `search.integer`. */
export function integer(given: IntegerOptions): SearchDomain<number> {
  const options = checkOptions(given, ['low', 'high', 'step', 'log'], 'search.integer')
  const log = checkBoolean(options.log ?? false, 'search.integer: log')
  if (log) refuseIdle(options, ['step'], 'search.integer', 'with log: true')
  const range = checkRange(options, 'search.integer', checkInteger, log ? 1 : Number.MIN_SAFE_INTEGER)
  return make('integer', { ...range, step: checkInteger(options.step ?? 1, 'search.integer: step'), log })
}

/** Implements `search.choice`. */
export function choice<const T>(values: readonly T[]): SearchDomain<T> {
  if (!Array.isArray(values) || values.length === 0) refuse('search.choice', 'a list of at least one value', values)
  return make('choice', { values: Object.freeze([...values]) })
}
